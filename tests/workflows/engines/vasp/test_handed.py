"""What one job leaves to the next: through the engine, with the stand-in in place of VASP."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar

from catholyte.configs.load import engine_settings, material
from catholyte.configs.models import Method
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import Dos, Relax, Static
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.handed import CHARGE, WAVES, find_handed
from catholyte.workflows.engines.vasp.inputs import incar_tags
from catholyte.workflows.engines.vasp.parallel import irreducible_points
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.engines.vasp.stages import final_static, written_runs

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=400, kpoints=(2, 2, 2))
RELAX = Relax(method=METHOD, max_force=0.05)
SETTINGS = engine_settings("vasp", VaspSettings, {"potcar_spec": True})


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory: pytest.TempPathFactory) -> tuple[CalculationDocument, Path]:
    """CoO relaxed by a job that hands on: two starts, the relaxation, the static run."""
    place = tmp_path_factory.mktemp("work")
    backend = RehearsalBackend({"polling_time": 0.05, "hand_on": True})
    structure = calculation_cell(material("CoO"))
    structure.translate_sites([0], [0.05, 0.0, 0.0], frac_coords=False)
    return accept(backend.calculate(structure, RELAX, "CoO", place / "relax.1"), RELAX), place


def _incar(folder: Path) -> Incar:
    return Incar.from_file(folder / "INCAR")


def test_every_run_reads_what_the_one_before_left(relaxed: tuple[CalculationDocument, Path]) -> None:
    document, place = relaxed
    job = place / "relax.1"
    assert [_incar(job / name)["ISTART"] for name in ("start-1", "start-2", ".", "canonical")] == [0, 0, 1, 1]
    assert "WAVECAR: read" in (job / "vasp.out").read_text()
    assert "WAVECAR: read" in (job / "canonical" / "vasp.out").read_text()
    assert (_incar(job)["ENCUT"], _incar(job / "canonical")["ENCUT"]) == (520, 400)
    assert (document.kind, document.signature.cutoff) == ("relax", 400)
    assert document.settings["starts"] == [f"moments × {scale}: -20.0000 eV" for scale in ("0.9", "1.1")]
    assert document.acceptance is not None
    told = {check.name: check.detail for check in document.acceptance.checks}
    assert "moments × 1.1" in told["lowest of several states"]
    assert told["relaxed as asked"].startswith("the cell was relaxed at 520 eV")


def test_nothing_large_stays_in_the_job_and_it_lies_beside_it(relaxed: tuple[CalculationDocument, Path]) -> None:
    place = relaxed[1]
    assert not list((place / "relax.1").rglob(WAVES))
    assert not list((place / "relax.1").rglob(CHARGE))
    assert {path.name for path in next((place / "handed").iterdir()).iterdir()} == {WAVES, CHARGE, "about.json"}


@pytest.mark.slow
def test_the_next_job_takes_waves_on_the_same_mesh_and_the_charge_on_another(
    relaxed: tuple[CalculationDocument, Path],
) -> None:
    document, place = relaxed
    stored = Structure.from_dict(json.loads(json.dumps(document.structure.as_dict())))  # as it comes out of a store
    backend = RehearsalBackend({"polling_time": 0.05})
    same, finer = (Dos(method=METHOD.model_copy(update={"kpoints": mesh})) for mesh in ((2, 2, 2), (3, 3, 3)))
    for name, task, tags, line in (
        ("dos.1", same, (1, None), "WAVECAR: read"),
        ("finer.1", finer, (0, 1), "CHGCAR: read"),
    ):
        accept(backend.calculate(stored, task, "CoO", place / name), task)
        incar = _incar(place / name)
        assert (incar["ISTART"], incar.get("ICHARG")) == tags
        assert line in (place / name / "vasp.out").read_text()
        assert not (place / name / "start-1").exists()
    assert next((place / "handed").iterdir()).joinpath(WAVES).is_file()  # several jobs may read it


@pytest.mark.parametrize("difference", ["moved", "U", "tier", "gone", "half"])
def test_files_of_another_question_are_not_taken(
    relaxed: tuple[CalculationDocument, Path], difference: str, tmp_path: Path
) -> None:
    import shutil

    document, place = relaxed
    shutil.copytree(place / "handed", tmp_path / "handed")
    structure, task, tier = document.structure.copy(), Static(method=METHOD), "rehearsal"
    assert find_handed(structure, task, SETTINGS, tmp_path / "job.1", tier).given == "waves"
    if difference == "moved":
        structure.translate_sites([0], [1e-3, 0, 0])
    if difference == "U":
        task = Static(method=METHOD.model_copy(update={"hubbard_u": {"Co": 3.3}}))
    if difference == "tier":
        tier = "vasp"
    if difference == "gone":
        shutil.rmtree(tmp_path / "handed")
    if difference == "half":
        next((tmp_path / "handed").iterdir()).joinpath("about.json").unlink()
    assert find_handed(structure, task, SETTINGS, tmp_path / "job.1", tier).given == "nothing"


@pytest.mark.slow
def test_a_relaxation_that_ends_with_its_run_goes_on_to_the_steps_of_the_task(tmp_path: Path) -> None:
    """Six steps a run: it ends at the forces that were asked, and what each run was asked is kept."""
    structure = calculation_cell(material("CoO"))
    structure.scale_lattice(0.7 * structure.volume)
    for i, shift in enumerate(np.random.default_rng(7).normal(scale=0.15, size=(len(structure), 3))):
        structure.translate_sites([i], shift, frac_coords=False)
    task = Relax(method=METHOD.model_copy(update={"kpoints": (1, 1, 1)}), relax_cell=False, max_force=0.01)
    whole = RehearsalBackend({"polling_time": 0.05})
    parts = RehearsalBackend({"polling_time": 0.05, "steps_per_run": 6})
    one = accept(whole.calculate(structure, task, "CoO", tmp_path / "whole.1"), task)
    many = accept(parts.calculate(structure, task, "CoO", tmp_path / "parts.1"), task)
    assert one.convergence.n_steps > 6
    assert many.convergence.max_force <= 0.01
    earlier = sorted((tmp_path / "parts.1").glob("relax-*"))
    assert earlier
    assert [_incar(folder)["NSW"] for folder in earlier] == [6] * len(earlier)


@pytest.mark.slow
def test_the_lowest_start_is_kept_with_its_waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start is made the lower one: its moments and its wave functions go on."""
    from catholyte.workflows.engines.vasp import trials

    energies = iter([-1.0, -2.0])
    monkeypatch.setattr(trials, "step_energy", lambda step: next(energies))
    task = Static(method=METHOD)
    RehearsalBackend({"polling_time": 0.05}).calculate(calculation_cell(material("CoO")), task, "CoO", tmp_path / "j.1")
    assert max(_incar(tmp_path / "j.1")["MAGMOM"]) == pytest.approx(3.3)
    assert not (tmp_path / "j.1" / "start-2" / WAVES).exists()
    assert json.loads((tmp_path / "j.1" / "starts.json").read_text()) == [
        "moments × 0.9: -1.0000 eV",
        "moments × 1.1: -2.0000 eV",
    ]


@pytest.mark.slow
def test_waves_are_read_at_the_k_points_that_they_are_of(tmp_path: Path) -> None:
    """A relaxation free of symmetry has more k points than a static run with it: the static run at its end is free too,
    and a density of states takes the charge."""
    structure = calculation_cell(material("CoO"))
    task = RELAX.model_copy(update={"keep_symmetry": False})
    backend = RehearsalBackend({"polling_time": 0.05, "hand_on": True})
    document = accept(backend.calculate(structure, task, "CoO", tmp_path / "relax.1"), task)
    last = tmp_path / "relax.1" / "canonical"
    assert [_incar(folder).get("ISYM") for folder in (last.parent, last)] == [0, 0]
    assert _incar(last)["ISTART"] == 1
    cell = vasp_cell(structure)
    shown = {folder: run for folder, _, _, run in written_runs(structure, task, SETTINGS, "nothing")}
    assert incar_tags(cell, final_static(task), SETTINGS, shown["canonical"])["ISYM"] == 0
    points = [irreducible_points(cell, (2, 2, 2), symmetry=symmetry, gamma=True) for symmetry in (True, False)]
    assert points[0] < points[1]  # by spglib: what is at stake
    following = find_handed(document.structure, Static(method=METHOD), SETTINGS, tmp_path / "dos.1", "rehearsal")
    assert following.given == "charge"
