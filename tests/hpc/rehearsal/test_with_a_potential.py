"""The rehearsal with a potential: what goes through VASP's files comes back as the potential's own engine gives it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Structure

from catholyte.configs.errors import InputError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.hpc.rehearsal.potential import potential_of
from catholyte.hpc.rehearsal.program import rehearse
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept, assess
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.rehearsal import ChgnetRehearsalBackend, RehearsalBackend
from catholyte.workflows.engines.tasks import MolecularDynamics, Relax, Static, Task
from catholyte.workflows.engines.vasp.document import document_from_files
from catholyte.workflows.engines.vasp.inputs import write_inputs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pymatgen about missing POTCARs

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(1, 1, 1))
MOTION: dict[str, Any] = {"n_steps": 20, "timestep": 2, "temperature": 600, "frame_interval": 1, "seed": 3}


@cache
def _coo() -> Structure:
    """CoO with its sites in turn, which POSCAR cannot have, off their places and strained."""
    cell = calculation_cell(material("CoO"))
    moved = Structure.from_sites([cell[i] for i in (2, 0, 3, 1)])
    moved.perturb(0.05, seed=1)
    return moved.apply_strain([0.01, 0.0, -0.01], inplace=False)


def _through_vasp(task: Task, place: Path, structure: Structure | None = None) -> CalculationDocument:
    """Inputs, stand-in, readers and acceptance of one run, in this process."""
    backend, cell = ChgnetRehearsalBackend({}), structure or _coo()
    given = task.model_copy(update={"method": METHOD})
    written = write_inputs(cell, given, backend.settings, place)
    rehearse(place, potential="chgnet")
    return accept(document_from_files(place, "CoO", backend.asked(cell, written, given, place)), given)


def _by_chgnet(task: Task, place: Path, structure: Structure | None = None) -> CalculationDocument:
    return load_backend("chgnet", {}).calculate(structure or _coo(), task, "CoO", place)


def _apart(one: Structure, other: Structure) -> float:
    """Å, largest distance between two places of one site."""
    shift = one.frac_coords - other.frac_coords
    return float(np.linalg.norm((shift - np.round(shift)) @ one.lattice.matrix, axis=1).max())


def test_a_static_run_has_the_numbers_of_the_potential_and_the_signs_of_the_start(tmp_path: Path) -> None:
    mine, theirs = (run(Static(), tmp_path / run.__name__) for run in (_through_vasp, _by_chgnet))
    assert mine.energy == pytest.approx(theirs.energy, abs=1e-5)
    np.testing.assert_allclose(mine.forces, theirs.forces, atol=1e-5)
    assert theirs.stress is not None
    assert np.abs(theirs.stress).max() > 1e-3
    np.testing.assert_allclose(mine.stress, theirs.stress, atol=1e-6)  # a sign or a unit would show
    np.testing.assert_allclose(np.abs(mine.magmoms), theirs.magmoms, atol=1e-3)
    assert [np.sign(m) for m in mine.magmoms if abs(m) > 1] == [
        np.sign(m) for m in _coo().site_properties["magmom"] if m
    ]
    assert [site.species_string for site in mine.structure] == [site.species_string for site in _coo()]


@pytest.mark.parametrize("relax_cell", [True, False])
def test_a_relaxation_ends_where_that_of_the_engine_does(tmp_path: Path, relax_cell: bool) -> None:
    task = Relax(max_force=0.005, relax_cell=relax_cell, keep_symmetry=False)
    mine, theirs = (run(task, tmp_path / run.__name__) for run in (_through_vasp, _by_chgnet))
    assert abs(mine.energy - theirs.energy) / 4 < 1e-5
    np.testing.assert_allclose(mine.structure.lattice.parameters, theirs.structure.lattice.parameters, rtol=1e-3)
    assert _apart(mine.structure, theirs.structure) < 5e-3
    assert mine.convergence.ionic
    assert mine.convergence.max_force <= 0.005
    assert (abs(mine.structure.volume / _coo().volume - 1) > 1e-3) == relax_cell


@pytest.mark.parametrize("thermostat", ["none", "nose-hoover-chain"])
def test_a_trajectory_is_that_of_the_engine(tmp_path: Path, thermostat: Any) -> None:
    """20 steps, from the same velocities to 1e-5 Å: the frame after step k is the k-th of VASP's, which begins at 0."""
    task = MolecularDynamics(**MOTION, thermostat=thermostat)
    mine, theirs = (run(task, tmp_path / run.__name__) for run in (_through_vasp, _by_chgnet))
    assert mine.trajectory is not None
    assert theirs.trajectory is not None
    assert (len(mine.trajectory.positions), len(theirs.trajectory.positions)) == (20, 21)
    moved = np.array(theirs.trajectory.positions[:20])
    assert np.abs(moved[-1] - moved[0]).max() > 0.1
    np.testing.assert_allclose(mine.trajectory.positions, moved, atol=1e-5)
    np.testing.assert_allclose(mine.trajectory.energies, theirs.trajectory.energies[:20], atol=1e-4)
    np.testing.assert_allclose(mine.trajectory.temperatures, theirs.trajectory.temperatures[:20], rtol=1e-3)
    assert _apart(mine.structure, theirs.structure) < 1e-5  # CONTCAR, from which the next chunk goes on
    np.testing.assert_allclose(
        mine.structure.site_properties["velocities"], theirs.structure.site_properties["velocities"], atol=1e-7
    )


def test_a_chunk_without_thermostat_goes_on_as_if_it_had_not_ended(tmp_path: Path) -> None:
    whole = _through_vasp(MolecularDynamics(**MOTION, thermostat="none"), tmp_path / "whole")
    half = MolecularDynamics(**{**MOTION, "n_steps": 10}, thermostat="none")
    first = _through_vasp(half, tmp_path / "first")
    second = _through_vasp(half, tmp_path / "second", first.structure)
    assert _apart(second.structure, whole.structure) < 1e-5


def test_friction_is_that_of_the_incar(tmp_path: Path) -> None:
    """All atoms move as one, which no force notices: v(t) = v(0) exp(-t/τ) at a temperature of next to nothing."""
    cell = calculation_cell(material("CoO"))
    velocity = [0.01, 0.0, -0.02]
    cell.add_site_property("velocities", [velocity] * len(cell))
    task = MolecularDynamics(**{**MOTION, "temperature": 1e-6}, thermostat="langevin", damping=25)
    found = _through_vasp(task, tmp_path, cell).structure.site_properties["velocities"]
    masses = [float(site.specie.element.atomic_mass) for site in cell]
    np.testing.assert_allclose(
        np.average(found, axis=0, weights=masses), np.exp(-40 / 25) * np.array(velocity), atol=1e-4
    )


def test_it_is_kept_apart_with_the_potential_named(tmp_path: Path) -> None:
    mine = _through_vasp(Static(), tmp_path)
    assert (mine.tier, mine.rehearsed) == ("rehearsal-chgnet", True)
    assert mine.signature.version.startswith("0.0.0-rehearsal-chgnet.")
    for name in ("OUTCAR", "vasprun.xml"):
        assert "the potential chgnet" in (tmp_path / name).read_text()
    names = ("rehearsal-chgnet", "rehearsal", "vasp", "chgnet")
    assert len({load_backend(name, {}).version() for name in names}) == len(names)


def test_a_command_that_computes_with_another_potential_is_refused(tmp_path: Path) -> None:
    """The command is no part of an identity: what it ran stands in the version, and is held against the engine."""
    for backend, potential in ((ChgnetRehearsalBackend({}), ""), (RehearsalBackend({}), "chgnet")):
        place, task = tmp_path / backend.name, Static(method=METHOD)
        written = write_inputs(_coo(), task, backend.settings, place)
        rehearse(place, potential=potential)
        asked = backend.asked(_coo(), written, task, place)
        verdict = assess(document_from_files(place, "CoO", asked), task)
        assert [check.name for check in verdict.failed()] == ["version of VASP"]


def test_only_potentials_can_stand_in() -> None:
    with pytest.raises(InputError, match="engine gpaw has no potential to rehearse with; allowed: chgnet, "):
        potential_of("gpaw")
