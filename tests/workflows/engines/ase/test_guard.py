"""The guard: what it finds of a calculator that is known by hand, what is recorded of the potentials, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.configs.constants import KBAR
from catholyte.configs.errors import InputError
from catholyte.configs.load import ENGINES_VARIABLE, load_recipe
from catholyte.tests.support.engines.jelly import MODULUS, Jelly
from catholyte.workflows.engines.ase import verdicts
from catholyte.workflows.engines.ase.backend import AseBackend
from catholyte.workflows.engines.ase.guard import CRYSTALS, VOLUME, VOLUMES, examine
from catholyte.workflows.engines.ase.verdicts import recorded_verdicts
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.plan.build import build_plan

#: engine and settings of every potential whose verdict is recorded
POTENTIALS: list[tuple[str, dict[str, Any]]] = [
    ("chgnet", {}),
    ("chgnet", {"weights": "0.2.0"}),
    ("chgnet-r2scan", {}),
    ("sevennet", {}),
    ("sevennet", {"checkpoint": "sevennet-0-22may2024"}),
    ("sevennet", {"checkpoint": "sevennet-l3i5"}),
    ("sevennet", {"checkpoint": "sevennet-mf-0", "modal": "PBE"}),
]


def _potential(name: str, settings: dict[str, Any] | None = None) -> AseBackend:
    backend = load_backend(name, settings or {})
    assert isinstance(backend, AseBackend)
    return backend


def test_a_known_curve_is_found_with_its_minimum_and_modulus() -> None:
    verdict = examine(Jelly(shift={"LCO": 0.02}), "jelly")
    assert verdict.problem == ""
    assert verdict.refused() == {}
    curves = {curve.material: curve for curve in verdict.curves}
    assert set(curves) == {"LCO", "CoO", "NiO"}
    assert curves["LCO"].minimum == pytest.approx(2.0, abs=0.02)
    assert curves["CoO"].minimum == pytest.approx(0.0, abs=0.02)
    # B = v (d²E/dx²) / V: at the measured volume the modulus that went in, and E(-8 %) by hand
    assert curves["CoO"].modulus == pytest.approx(MODULUS / KBAR / 10, rel=1e-3)
    per_atom = 4.2667**3 / 8
    assert curves["CoO"].energies[0] == pytest.approx(1000 * MODULUS * per_atom * 0.08**2 / 2, abs=0.02)
    assert curves["CoO"].volumes == tuple(VOLUMES)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"energy_unit": 1 / 27.2114}, "its energies are not in eV"),
        ({"energy_unit": 23.06}, "its energies are not in eV"),
        ({"force_factor": 8.0}, "its forces, in eV/Å, are not the derivative"),
        ({"stress_unit": -1.0}, "its stress, in eV/Å³ and positive under tension, is not"),
        pytest.param(
            {"stress_unit": 160.2}, "its stress, in eV/Å³ and positive under tension, is not", marks=pytest.mark.slow
        ),
        ({"stress": False}, "it gives no stress"),
    ],
)
def test_wrong_units_and_missing_stress_refuse_every_element(wrong: dict[str, Any], told: str) -> None:
    verdict = examine(Jelly(**wrong), "jelly")
    assert verdict.problem.startswith(told)
    with pytest.raises(InputError, match="engine mine is refused by the guard: "):
        verdict.require("mine", {"Li"})


@pytest.mark.parametrize(
    ("wrong", "element", "told"),
    [
        ({"shift": {"LCO": -0.06}}, "Co", "LCO: the minimum lies at -6.0 % of the measured volume, 5 % are allowed"),
        ({"shift": {"NiO": 0.12}}, "Ni", "NiO: no minimum within 8 % of the measured volume"),
        pytest.param({"bent": "CoO"}, "Co", "CoO: not convex at ", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_branch_refuses_its_element_with_the_curve(wrong: dict[str, Any], element: str, told: str) -> None:
    verdict = examine(Jelly(**wrong), "jelly")
    assert verdict.problem == ""
    assert list(verdict.refused()) == [element]
    assert verdict.refused()[element].startswith(told)
    verdict.require("mine", {"Li", "O", "P"})
    with pytest.raises(InputError, match=rf"engine mine is refused by the guard for {element}: .*meV/atom"):
        verdict.require("mine", {"Li", element, "O"})


def test_a_potential_of_other_elements_is_examined_by_a_crystal_that_it_knows() -> None:
    assert [curve.material for curve in examine(Jelly(), "jelly", {"Li", "O"}).curves] == ["Li2O"]
    assert examine(Jelly(), "jelly", {"Cu", "Zn"}).problem.startswith("none of LCO, CoO, NiO, Li2O, Li2S, LiCl")


def test_a_calculator_that_fails_is_refused() -> None:
    class Failing(Jelly):
        def calculate(self, *given: Any, **named: Any) -> None:
            raise FloatingPointError("overflow")

    assert examine(Failing(), "failing").problem == "it cannot compute LCO: FloatingPointError: overflow"


@pytest.mark.parametrize(("name", "settings"), POTENTIALS)
def test_the_verdict_of_every_shipped_potential_is_recorded(name: str, settings: dict[str, Any]) -> None:
    backend = _potential(name, settings)
    verdict = recorded_verdicts()[backend.examined_as]
    assert verdict.problem == ""
    for curve in verdict.curves:
        second = np.diff(curve.energies, 2)
        passes = curve.minimum is not None and abs(curve.minimum) <= VOLUME and second.min() > -0.1
        assert bool(passes) is (curve.problem == "")
    refused = settings.get("checkpoint") in ("sevennet-l3i5", "sevennet-mf-0")
    assert list(verdict.refused()) == (["Co"] if refused else [])
    if refused:
        with pytest.raises(InputError, match="engine sevennet is refused by the guard for Co: LCO: "):
            backend.require({"Li", "Co", "O"})
    else:
        backend.require({"Li", "Co", "Ni", "O"})


def test_nothing_is_recorded_that_is_not_tested() -> None:
    known = {_potential(*one).examined_as for one in POTENTIALS}
    assert set(recorded_verdicts()) == known


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), POTENTIALS)
def test_the_record_is_found_again(name: str, settings: dict[str, Any], monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backend = _potential(name, settings)
    found, kept = backend.verdict(again=True), recorded_verdicts()[backend.examined_as]
    assert (found.refused().keys(), found.problem) == (kept.refused().keys(), kept.problem)
    for mine, recorded in zip(found.curves, kept.curves, strict=True):
        np.testing.assert_allclose(mine.energies, recorded.energies, atol=0.5)  # meV/atom
        assert [mine.minimum] == pytest.approx([recorded.minimum], abs=0.1)


def test_a_plan_with_a_refused_potential_is_refused_by_file_line_and_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINES_VARIABLE, str(tmp_path))
    (tmp_path / "wide.yaml").write_text(
        "engine: sevennet\ncheckpoint: sevennet-l3i5\ntrust: {class: machine-learned, label: l3i5, sentence: s, scale: own}\n"
    )
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: t\nsource: s\nhubbard_u: {Co: 3.9 eV}\nbulk:\n  engine: wide\n  materials: [Li2O, LCO]\n"
    )
    recipe = load_recipe(str(tmp_path / "mine.yaml"))
    with pytest.raises(
        InputError, match=r"mine.yaml:6: key 'bulk.engine': LCO: engine wide is refused by the guard for Co: LCO: "
    ):
        build_plan(*recipe)
    with pytest.raises(InputError, match=r"--engine: LCO: engine wide is refused"):
        build_plan(*recipe, engine="wide")
    assert {job.engine for job in build_plan(*recipe, engine="sevennet").jobs} == {"sevennet"}


def test_a_verdict_is_found_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(verdicts, "_FOUND", {})
    assert verdicts.found_verdict("jelly 1") is None
    verdict = verdicts.examined("jelly 1", Jelly(), None)
    assert verdicts.found_verdict("jelly 1") == verdict
    monkeypatch.setattr(verdicts, "_FOUND", {})
    assert verdicts.found_verdict("jelly 1") == verdict  # read back
    assert verdicts.found_verdict("jelly 2") is None
    (file,) = tmp_path.rglob("*.json")
    file.write_text("{")
    monkeypatch.setattr(verdicts, "_FOUND", {})
    assert verdicts.found_verdict("jelly 1") is None


def test_the_guard_of_a_home_that_cannot_be_written_to_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(verdicts, "_FOUND", {})
    assert verdicts.found_verdict("jelly 3") is None
    assert verdicts.examined("jelly 3", Jelly(), None).problem == ""
    assert verdicts.found_verdict("jelly 3") is not None


def test_elements_that_no_crystal_guards_cost_no_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AseBackend, "verdict", lambda self, again=False: pytest.fail("examined"))
    _potential("chgnet").require({"Li", "P", "S", "Cl"})


def test_every_crystal_of_the_guard_is_of_the_library() -> None:
    assert [crystal.symbols for crystal in CRYSTALS] == [{"Li", "Co", "O"}, {"Co", "O"}, {"Ni", "O"}]
