"""CHGNet's molecular dynamics: the forces and the stress of the ordinary steps, exact chunks, and what the document
holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import units
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.trajectories.h5 import read_blocks, read_header
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.ase.dynamics import TRAJECTORY
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics, Static
from catholyte.workflows.flows.dynamics import TrajectoryRun, chunk_jobs
from catholyte.workflows.roles import Chunk

CHGNET = load_backend("chgnet", {})
pytestmark = pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad=True", "ignore:cd is deprecated:FutureWarning"
)  # chgnet's and jobflow's own


#: strain of every kind, none of it symmetric
SHEAR = np.array([[0.02, 0.03, -0.01], [0.01, -0.02, 0.02], [0.03, 0.01, 0.01]])


def lih() -> Structure:
    """Four ions with one out of place."""
    cell = Structure(Lattice(2.0 * (1 - np.eye(3))), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.5]]).make_supercell(
        [2, 1, 1], in_place=False
    )
    return cell.translate_sites([1], [0.05, 0, 0], frac_coords=False, to_unit_cell=False)


def task(n_steps: int, thermostat: str = "nose-hoover-chain", **settings: Any) -> MolecularDynamics:
    """Short steps with frames at every third."""
    return MolecularDynamics.model_validate(
        {"n_steps": n_steps, "timestep": 0.5, "thermostat": thermostat, "seed": 3, "frame_interval": 3, **settings}
    )


@pytest.mark.parametrize("name", ["LCO", "LPSCl"])
def test_energy_forces_and_stress_are_the_models_own(name: str) -> None:
    """Against the model's own prediction on the same cell, to the rounding of single precision; energies are the very
    same."""
    from chgnet.model import CHGNet

    from catholyte.workflows.engines.ase.chgnet import EnergyForcesStress

    model = CHGNet.load(use_device="cpu", verbose=False)
    cell = calculation_cell(material(name)).remove_oxidation_states().perturb(0.15, seed=0)
    cell = Structure(Lattice(cell.lattice.matrix @ (np.eye(3) + SHEAR)), cell.species, cell.frac_coords)
    predicted = model.predict_structure(cell, task="efs")
    atoms = AseAtomsAdaptor.get_atoms(cell, msonable=False)
    atoms.calc = EnergyForcesStress(model, "cpu")
    assert atoms.get_potential_energy() == pytest.approx(float(predicted["e"]) * len(cell), rel=1e-7)
    np.testing.assert_allclose(atoms.get_forces(), predicted["f"], atol=2e-5)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), predicted["s"] * units.GPa, atol=1e-6)
    assert np.abs(predicted["f"]).max() > 0.1
    assert np.abs(predicted["s"]).min() > 0.01  # GPa: no component is zero by symmetry


@pytest.mark.parametrize("thermostat", ["none", "nose-hoover-chain", "langevin"])
def test_chunks_are_the_whole_run(thermostat: str, tmp_path: Path) -> None:
    """Through the job store and back, as a queue hands them on."""
    whole = CHGNET.calculate(lih(), task(11, thermostat), "LiH", tmp_path)
    jobs = chunk_jobs(lih(), "LiH", TrajectoryRun(Engine("chgnet"), task(11, thermostat), 4))
    assert [job.name for job in jobs] == [f"LiH chgnet md (chunk {k})" for k in (1, 2, 3)]
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    (tmp_path / "jobs").mkdir()
    responses = run_locally(
        jobs, create_folders=True, root_dir=tmp_path / "jobs", ensure_success=True, store=store, log=False
    )
    documents: list[CalculationDocument] = [responses[job.uuid][1].output for job in jobs]
    assert documents[-1].restart == whole.restart
    assert documents[-1].structure == whole.structure
    assert [document.role for document in documents] == [Chunk(of="LiH", replica=1, number=k) for k in (1, 2, 3)]
    assert whole.trajectory is not None
    parts = [document.trajectory for document in documents if document.trajectory is not None]
    assert [frame for part in parts for frame in part.positions] == whole.trajectory.positions
    assert [time for part in parts for time in part.times or ()] == whole.trajectory.times == [0.0, 1.5, 3.0, 4.5]
    assert [energy for part in parts for energy in part.energies] == whole.trajectory.energies
    assert all(document.acceptance is not None and document.acceptance.accepted for document in documents)
    files = [file for folder in sorted((tmp_path / "jobs").iterdir()) for file in folder.glob(TRAJECTORY)]
    steps = sorted(int(step) for file in files for block in read_blocks(file) for step in block.steps)
    assert steps == [0, 3, 6, 9]


def test_the_document_of_a_run(tmp_path: Path) -> None:
    cell = lih()
    document = CHGNET.calculate(cell, task(3), "LiH", tmp_path)
    static = CHGNET.calculate(document.structure, Static(), "LiH", tmp_path)
    assert document.energy == pytest.approx(static.energy, abs=1e-5)  # energy, stress and moments of the last step
    assert document.stress == pytest.approx(np.array(static.stress), abs=1e-6)
    assert document.magmoms == pytest.approx(static.magmoms, abs=1e-5)
    assert document.restart is not None
    np.testing.assert_allclose(document.restart.positions, document.structure.cart_coords, atol=1e-12)
    masses = AseAtomsAdaptor.get_atoms(cell, msonable=False).get_masses()[:, None]
    velocities = np.array(document.structure.site_properties["velocities"])  # Å/fs
    np.testing.assert_allclose(np.array(document.restart.momenta) / masses * units.fs, velocities, rtol=1e-12)
    assert static.restart is None
    assert document.convergence.detail == "nose-hoover-chain, 0.5 fs"
    again = CHGNET.calculate(cell, task(3), "LiH", tmp_path)
    assert again.convergence.detail == "nose-hoover-chain, 0.5 fs, resumed at step 3"
    assert again.restart == document.restart
    header = read_header(tmp_path / TRAJECTORY)
    assert (header.metadata["tier"], header.metadata["label"], header.metadata["temperature"]) == (
        "chgnet",
        "LiH",
        300.0,
    )
    assert header.timestep == 0.5


def test_a_chunk_by_other_rules_is_refused(tmp_path: Path) -> None:
    document = CHGNET.calculate(lih(), task(1), "LiH", tmp_path)
    assert document.restart is not None
    with pytest.raises(
        InputError, match=r"LiH: the dynamics would go on by other rules than before: timestep 0.5 → 1.0 fs"
    ):
        CHGNET.proceed(document.structure, task(1, timestep=1.0), "LiH", tmp_path, document.restart)
    assert not load_backend("gpaw", {}).restarts
    with pytest.raises(EngineUnavailableError, match="engine gpaw does not go on from a stored state"):
        load_backend("gpaw", {}).proceed(lih(), task(1), "LiH", tmp_path, document.restart)
