"""The engine around a recorded run: custodian, mapping of sites, what is refused, what a handler changed."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.outputs import Vasprun

from catholyte.configs.errors import CalculationError, EngineUnavailableError, InputError
from catholyte.configs.models import Method
from catholyte.tests.support.vasp.recorded import RECORDED, generated
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import MolecularDynamics, Relax, Static, Task
from catholyte.workflows.engines.vasp.backend import CANONICAL, FINISHED, VaspBackend
from catholyte.workflows.engines.vasp.runner import changes, classify, end_processes, handlers

#: the recorded run where it is, else the generated one of the same name
STATIC = (RECORDED if RECORDED.is_dir() else generated()) / "atomate2_MgMn2O4_afm_static"
STAND_IN = Path(__file__).parents[3] / "support" / "standins" / "recorded_vasp.py"
METHOD = Method(hubbard_u={"Mn": 3.9}, cutoff=680, kpoints=(4, 4, 4))
# reading the recorded 4 MB takes a second: the fixtures are shared


def _settings(*changed: str, prefix: Path = STATIC, **settings: Any) -> dict[str, Any]:
    command = " ".join([sys.executable, str(STAND_IN), str(prefix), *changed])
    one_start = {"moment_scales": [1.0]}  # the recorded run is one; several starts have tests of their own
    return {
        "vasp_command": command,
        "potcar_spec": True,
        "polling_time": 0.05,
        "version": "6.3",
        **one_start,
        **settings,
    }


@pytest.fixture(scope="module")
def asked() -> Structure:
    """The recorded cell, its elements shuffled among each other, with oxidation states, starting moments and labels."""
    cell = Vasprun(f"{STATIC}_vasprun.xml.gz", parse_potcar_file=False).initial_structure
    cell.add_site_property("magmom", [0.0, 0.0, -4.0, -4.0, 4.0, 4.0] + [0.0] * 8)
    cell.add_site_property("label_of_mine", [f"site {i}" for i in range(14)])
    cell.add_oxidation_state_by_element({"Mg": 2, "Mn": 3, "O": -2})
    order = [6, 2, 7, 0, 8, 3, 9, 10, 4, 1, 11, 5, 12, 13]
    return Structure.from_sites([cell[i] for i in order])


@pytest.fixture(scope="module")
def answered(asked: Structure, tmp_path_factory: pytest.TempPathFactory) -> tuple[CalculationDocument, Path]:
    place = tmp_path_factory.mktemp("run")
    task = Static(method=METHOD)
    return accept(VaspBackend(_settings()).calculate(asked, task, "MgMn2O4", place), task), place


def test_a_run_under_custodian_comes_back_in_the_asked_order(
    asked: Structure, answered: tuple[CalculationDocument, Path]
) -> None:
    document, place = answered
    assert document.energy == pytest.approx(-104.17424802)
    assert [site.species_string for site in document.structure] == [site.species_string for site in asked]
    assert document.structure.site_properties["label_of_mine"] == asked.site_properties["label_of_mine"]
    recorded = Vasprun(f"{STATIC}_vasprun.xml.gz", parse_potcar_file=False).final_structure
    for site, force in zip(document.structure, document.forces, strict=True):
        index = int(str(site.properties["label_of_mine"]).split()[1])
        np.testing.assert_allclose(site.frac_coords, recorded[index].frac_coords, atol=1e-8)
        assert (site.specie.symbol == "Mn") is (abs(float(site.properties["magmom"])) > 3)
        assert np.linalg.norm(force) < 0.02
    moments = {str(s.properties["label_of_mine"]): s.properties["magmom"] for s in document.structure}
    assert [moments[f"site {i}"] for i in (2, 3, 4, 5)] == [-3.823, -3.823, 3.823, 3.823]
    assert (place / FINISHED).is_file()
    assert (place / "INCAR.orig").is_file()
    assert document.settings["changes"] == []
    assert document.signature.potentials == "PBE_54"


def test_the_verdict_travels_with_the_document(answered: tuple[CalculationDocument, Path]) -> None:
    verdict = answered[0].acceptance
    assert verdict is not None
    assert verdict.accepted
    assert verdict.failed(refusing=False) == []
    names = {check.name for check in verdict.checks}
    assert {
        "finite numbers",
        "electronic convergence",
        "forces present",
        "shortest distance",
        "moments in their windows",
        "U as asked",
        "electrons",
    } <= names


def test_a_finished_directory_is_read_and_not_run_again(
    asked: Structure, answered: tuple[CalculationDocument, Path], tmp_path: Path
) -> None:
    shutil.copytree(answered[1], tmp_path / "run")
    unrunnable = VaspBackend({**_settings(), "vasp_command": "false"})
    again = unrunnable.calculate(asked, Static(method=METHOD), "MgMn2O4", tmp_path / "run")
    assert again.energy == answered[0].energy
    with pytest.raises(CalculationError, match="MgMn2O4: VASP gave no usable run"):
        unrunnable.calculate(
            asked, Static(method=METHOD.model_copy(update={"cutoff": 690.0})), "MgMn2O4", tmp_path / "run"
        )


@pytest.mark.parametrize(
    ("task", "settings", "told"),
    [
        (Static(method=METHOD.model_copy(update={"hubbard_u": {"Mn": 4.2}})), {}, ("U as asked: Mn: 3.9 eV, asked 4.2 " "eV")),
        (Static(method=METHOD), {"version": "6.4"}, "version of VASP: 6.3.2, asked 6.4"),
        (Static(method=METHOD), {"potcars": {"Mg": {"symbol": "Mg_pv", "valence": 8}, "Mn": {"symbol": "Mn_pv", "valence": 13}, "O": {"symbol": "O", "valence": 6}}}, ("electrons: 104, the POTCARs have " "116")),
        (MolecularDynamics(method=METHOD, n_steps=5), {}, "steps complete: 1 of 5 steps"),
    ],
)  # fmt: skip
def test_what_was_not_asked_is_not_accepted(
    asked: Structure, tmp_path: Path, task: Task, settings: dict[str, Any], told: str
) -> None:
    document = VaspBackend(_settings(**settings)).calculate(asked, task, "MgMn2O4", tmp_path)
    with pytest.raises(CalculationError) as caught:
        accept(document, task)
    assert told in caught.value.message


def test_another_runs_output_is_not_accepted(asked: Structure, tmp_path: Path) -> None:
    moved = asked.copy()
    moved.translate_sites([0], [0.02, 0, 0])
    task = Static(method=METHOD)
    with pytest.raises(CalculationError, match="started where asked: largest displacement"):
        accept(VaspBackend(_settings()).calculate(moved, task, "MgMn2O4", tmp_path), task)
    with pytest.raises(InputError, match="it is another run"):
        VaspBackend(_settings()).calculate(_without_last(asked), task, "MgMn2O3", tmp_path / "fewer")


def _without_last(structure: Structure) -> Structure:
    fewer = structure.copy()
    fewer.remove_sites([len(fewer) - 1])
    return fewer


def test_a_change_that_breaks_comparability_enters_the_signature(
    asked: Structure, answered: tuple[CalculationDocument, Path], tmp_path: Path
) -> None:
    task = Static(method=METHOD)
    document = accept(
        VaspBackend(_settings("ALGO=All", "SIGMA=0.01", "SYMPREC=1e-4")).calculate(asked, task, "MgMn2O4", tmp_path),
        task,
    )
    assert document.settings["changes"] == [
        "ALGO: Normal → All (harmless)",
        "SIGMA: 0.05 → 0.01 (breaks comparability)",
        "SYMPREC: (default) → 0.0001 (tolerable)",
    ]
    assert document.signature.altered == {"SIGMA": "0.05 → 0.01"}
    assert document.acceptance is not None
    assert {check.name for check in document.acceptance.failed(refusing=False)} == {
        "settings kept by the error handler",
        "error handler",
    }
    (difference,) = document.signature.differences(answered[0].signature)
    assert difference == "SIGMA, changed by the error handler: 0.05 → 0.01 against as asked"


def test_a_relaxation_with_changed_settings_gets_its_energy_as_asked(asked: Structure, tmp_path: Path) -> None:
    """The stand-in changes SIGMA in relaxations only, so that the static run behind it is clean."""
    script = tmp_path / "stand_in.sh"
    call = f"{sys.executable} {STAND_IN} {STATIC}"
    script.write_text(f"#!/bin/sh\nif grep -q 'IBRION = 2' INCAR; then {call} SIGMA=0.01; else {call}; fi\n")
    script.chmod(0o755)
    task = Relax(method=METHOD, relax_cell=False, max_force=0.05)
    backend = VaspBackend({**_settings(), "vasp_command": str(script)})
    document = accept(backend.calculate(asked, task, "MgMn2O4", tmp_path / "run"), task)
    assert document.kind == "relax"
    assert document.signature.altered == {}
    assert (tmp_path / "run" / CANONICAL / FINISHED).is_file()
    assert document.acceptance is not None
    (review,) = [check for check in document.acceptance.failed(refusing=False) if check.name == "relaxed as asked"]
    assert "SIGMA: 0.05 → 0.01" in review.detail


def test_a_finished_run_that_is_not_accepted_is_run_again(asked: Structure, tmp_path: Path) -> None:
    """A result that the gate refuses must not be read for ever: with another VASP behind it, the same question is
    answered anew."""
    task = Static(method=METHOD)
    place = tmp_path / "run"
    spoiled = tmp_path / "spoiled"
    for name in ("vasprun.xml", "OUTCAR", "CONTCAR"):
        text = gzip.decompress(Path(f"{STATIC}_{name}.gz").read_bytes()).decode()
        changed = re.sub(r'(name="LDAUU">[^<]*)3\.9', r"\g<1>4.9", text)
        Path(f"{spoiled}_{name}.gz").write_bytes(gzip.compress(changed.encode()))
    wrong = VaspBackend(_settings(prefix=spoiled)).calculate(asked, task, "MgMn2O4", place)
    with pytest.raises(CalculationError, match="U as asked"):
        accept(wrong, task)
    assert (place / FINISHED).is_file()
    assert accept(VaspBackend(_settings()).calculate(asked, task, "MgMn2O4", place), task).signature.hubbard_u == {
        "Mn": 3.9
    }


def test_a_process_left_over_in_the_directory_is_ended_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "other").mkdir()
    left, other = (
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path / name)
        for name in ("mine", "other")
    )
    try:
        end_processes(tmp_path / "mine")
        assert not psutil.pid_exists(left.pid)
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_an_interrupted_relaxation_goes_on_from_its_last_positions(asked: Structure, tmp_path: Path) -> None:
    task = Relax(method=METHOD, relax_cell=False, max_force=0.05)
    backend = VaspBackend(_settings())
    backend.calculate(asked, task, "MgMn2O4", tmp_path)
    (tmp_path / FINISHED).unlink()
    contcar = (tmp_path / "CONTCAR").read_text().splitlines()
    contcar[8] = "  0.123456789012  0.25  0.375"
    (tmp_path / "CONTCAR").write_text("\n".join(contcar) + "\n")
    backend.calculate(asked, task, "MgMn2O4", tmp_path)
    assert "0.1234567890" in (tmp_path / "POSCAR").read_text()
    # an empty CONTCAR is no place to go on from
    (tmp_path / FINISHED).unlink()
    (tmp_path / "CONTCAR").write_text("")
    backend.calculate(asked, task, "MgMn2O4", tmp_path)
    assert "0.1234567890" not in (tmp_path / "POSCAR").read_text()


@pytest.mark.parametrize(
    ("tag", "asked", "used", "kind", "verdict"),
    [
        ("ALGO", "Normal", "All", "relax", "harmless"),
        ("IMIX", None, 1, "md", "harmless"),
        ("NELMIN", None, 8, "relax", "harmless"),
        ("POTIM", 0.5, 0.25, "relax", "harmless"),
        ("POTIM", 2.0, 1.0, "md", "breaks comparability"),
        ("EDIFF", 1e-5, 1e-6, "relax", "tolerable"),
        ("EDIFF", 1e-6, 1e-5, "relax", "breaks comparability"),
        ("SYMPREC", None, 1e-6, "static", "tolerable"),
        ("ISYM", None, 0, "static", "tolerable"),
        ("NBANDS", None, 80, "static", "tolerable"),
        ("NBANDS", 64, 80, "dos", "breaks comparability"),
        ("SIGMA", 0.05, 0.01, "static", "breaks comparability"),
        ("ISMEAR", 0, 2, "relax", "breaks comparability"),
        ("LREAL", "Auto", False, "static", "breaks comparability"),
        ("PREC", "Normal", "Accurate", "static", "breaks comparability"),
        ("TAG_NOBODY_HAS_THOUGHT_OF", None, 1, "static", "breaks comparability"),
    ],
)
def test_changes_are_classified(tag: str, asked: Any, used: Any, kind: Any, verdict: str) -> None:
    assert classify(tag, asked, used, kind) == verdict


def test_a_changed_mesh_or_cell_is_found_in_the_copies(tmp_path: Path) -> None:
    (tmp_path / "KPOINTS.orig").write_text("mesh\n0\nMonkhorst\n4 4 4\n")
    (tmp_path / "KPOINTS").write_text("mesh\n0\nGamma\n4 4 4\n")
    poscar = "Li\n1.0\n{a} 0 0\n0 3 0\n0 0 3\nLi\n1\ndirect\n0 0 0\n"
    (tmp_path / "POSCAR.orig").write_text(poscar.format(a=3.0))
    (tmp_path / "POSCAR").write_text(poscar.format(a=3.3))
    found = {change.tag: (change.asked, change.used, change.verdict) for change in changes(tmp_path, "static")}
    assert found["KPOINTS"] == ("Monkhorst 4×4×4", "Gamma 4×4×4", "breaks comparability")
    assert found["cell"] == ("27.000 Å³", "29.700 Å³", "breaks comparability")
    assert changes(tmp_path / "nowhere", "static") == []


def test_dynamics_has_no_handler_that_changes_its_time_step_or_begins_again() -> None:
    names = {handler.__name__ for handler in handlers("md")}
    assert names == {"DynamicsErrors", "MeshSymmetryErrorHandler", "StdErrHandler", "FrozenDynamics"}
    frozen = next(handler for handler in handlers("md") if handler.__name__ == "FrozenDynamics")()
    assert frozen.correct() == {"errors": ["Frozen job"], "actions": None}
    relaxing = {handler.__name__ for handler in handlers("relax")}
    assert {"PotimErrorHandler", "UnconvergedElectronsErrorHandler"} <= relaxing  # it goes on by itself, with its waves


def test_without_a_command_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymatgen.core import Lattice

    monkeypatch.delenv("CATHOLYTE_VASP_COMMAND", raising=False)
    cell = Structure(Lattice.cubic(4), ["Li+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(EngineUnavailableError, match="engine vasp has no command to run") as caught:
        VaspBackend({"potcar_spec": True}).calculate(cell, Static(method=METHOD), "LiCl", tmp_path)
    assert "CATHOLYTE_VASP_COMMAND" in caught.value.advice
    with pytest.raises(InputError, match="engine vasp needs a method"):
        VaspBackend({}).calculate(cell, Static(), "LiCl", tmp_path)


def test_resources_are_no_part_of_the_identity_and_settings_are() -> None:
    task = Static(method=METHOD)
    plain, cluster, other = (
        Engine("vasp", settings).maker(task)
        for settings in (
            {},
            {"vasp_command": "srun vasp_std", "ncore": 8, "kpar": 4, "wall_time": 3600.0, "potcar_spec": True},
            {"energy_tolerance": 1e-5},
        )
    )
    assert plain.numerics == cluster.numerics
    assert plain.numerics != other.numerics
    assert plain.code == "vasp VASP 6"
