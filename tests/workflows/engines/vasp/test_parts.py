"""Dynamics that is killed, stopped or corrected on the way: every frame once, and the same trajectory as without the
trouble."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.configs.errors import CalculationError, InputError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.hpc.rehearsal.faults import VARIABLE
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import MolecularDynamics
from catholyte.workflows.engines.vasp.parts import PART, join, parts, salvage, steps_per_chunk
from catholyte.workflows.vasp_output.run import parse_vasprun

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=400, kpoints=(1, 1, 1))
TASK = MolecularDynamics(n_steps=9, method=METHOD, frame_interval=2)


def run(directory: Path, task: MolecularDynamics = TASK, **settings: Any) -> CalculationDocument:
    backend = RehearsalBackend({"polling_time": 0.1, **settings})
    return accept(backend.calculate(calculation_cell(material("CoO")), task, "CoO", directory), task)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CalculationDocument:
    return run(tmp_path_factory.mktemp("undisturbed"))


def fault(path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    (path / "faults.yaml").write_text("faults:\n" + "".join(f"  - {{{line}}}\n" for line in lines))
    monkeypatch.setenv(VARIABLE, str(path / "faults.yaml"))


def same(found: CalculationDocument, wanted: CalculationDocument) -> None:
    assert found.trajectory is not None
    assert wanted.trajectory is not None
    assert found.trajectory == wanted.trajectory
    assert found.energy == wanted.energy
    assert found.structure.site_properties["velocities"] == wanted.structure.site_properties["velocities"]
    assert found.structure.properties == wanted.structure.properties
    np.testing.assert_array_equal(found.structure.frac_coords, wanted.structure.frac_coords)
    assert found.convergence.n_steps == wanted.convergence.n_steps


def joined(document: CalculationDocument) -> str:
    assert document.acceptance is not None
    return next(check.detail for check in document.acceptance.checks if check.name == "parts joined").partition(
        " steps"
    )[0]


@pytest.mark.slow
def test_a_run_killed_twice_equals_the_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: CalculationDocument
) -> None:
    fault(tmp_path, monkeypatch, "kind: sigkill, at_ionic_step: 5", "kind: oom, at_ionic_step: 3")
    place = tmp_path / "run"
    for kept in (2, 6):  # the first strike ends step 3, the second the next run's step 5
        with pytest.raises(CalculationError, match="no usable run"):
            run(place)
        live = salvage(place)
        assert live is not None
        assert sum(len(part.frames) for part in (*parts(place), live)) == kept
    document = run(place)
    same(document, undisturbed)
    assert joined(document) == "2 + 4 + 3"
    same(run(place, vasp_command="false"), undisturbed)  # read, not run again


def test_a_soft_stop_is_named_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: CalculationDocument
) -> None:
    monkeypatch.setenv("PATH", os.defpath)  # an environment that is not activated: the shell still finds the stand-in
    place = tmp_path / "run"
    stop = f"sh -c 'if test ! -d {PART}001; then echo LSTOP = .TRUE. > STOPCAR; fi; catholyte-rehearse'"
    with pytest.raises(CalculationError, match=r"stopped \(STOPCAR\) after 1 of 9 steps, which are kept") as caught:
        run(place, vasp_command=stop, wall_time=3600.0)
    assert "steps fit this wall time" in caught.value.advice
    document = run(place)
    same(document, undisturbed)
    assert joined(document) == "1 + 8"


def test_a_correction_that_goes_on_from_contcar_is_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: CalculationDocument
) -> None:
    fault(tmp_path, monkeypatch, "kind: edddav, at_ionic_step: 4")
    document = run(tmp_path / "run")
    assert joined(document) == "3 + 6"
    same(document, undisturbed)
    assert any(change.startswith("ALGO") for change in document.settings["changes"])


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("vasprun.xml", '<i name="POTIM">      2.00000000', '<i name="POTIM">      1.00000000', "POTIM"),
        ("CONTCAR", None, None, "cannot be read any more"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: str | None, new: str | None, told: str
) -> None:
    fault(tmp_path, monkeypatch, "kind: sigkill, at_ionic_step: 5")
    place = tmp_path / "run"
    with pytest.raises(CalculationError):
        run(place)
    run(place)
    file = place / f"{PART}001" / name
    text = file.read_text()
    assert old is None or old in text
    file.write_text("" if old is None or new is None else text.replace(old, new))
    with pytest.raises(InputError, match=told):
        join(parse_vasprun(place / "vasprun.xml"), parts(place))


@pytest.mark.slow
def test_what_cannot_be_continued_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: CalculationDocument
) -> None:
    fault(tmp_path, monkeypatch, "kind: disk_full, at_ionic_step: 5")  # leaves an empty CONTCAR
    place = tmp_path / "run"
    with pytest.raises(CalculationError):
        run(place)
    assert salvage(place) is None
    document = run(place)
    same(document, undisturbed)
    assert not list(place.glob(f"{PART}*"))


def test_length_of_a_chunk() -> None:
    assert steps_per_chunk(10.0, 3600.0) == 216
    assert steps_per_chunk(10.0, 3600.0) * 10.0 <= 0.6 * 3600
    with pytest.raises(InputError, match="not one fits"):
        steps_per_chunk(4000.0, 3600.0)
