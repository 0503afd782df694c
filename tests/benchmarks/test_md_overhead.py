"""What molecular dynamics costs beyond the model: the driver with CHGNet against the bare model on the same frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence import Evidence
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.load import material
from catholyte.structures.cells import calculation_cell
from catholyte.workflows.engines.ase_md import run_dynamics
from catholyte.workflows.engines.chgnet_md import EnergyAndForces
from catholyte.workflows.tasks import MolecularDynamics

pytestmark = [pytest.mark.benchmark, pytest.mark.slow, pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")]

N_STEPS, ROUNDS = 10, 4


class Recording(EnergyAndForces):
    """Keeps the positions of every evaluation."""

    def calculate(self, *arguments: Any) -> None:
        """Compute."""
        super().calculate(*arguments)
        self.seen: list[Any] = [*getattr(self, "seen", []), (self.atoms.positions.copy(), self.results["energy"], self.results["forces"])]


def test_dynamics_cost_what_the_model_costs(tmp_path: Path, measured: Evidence) -> None:
    """CPU time of a run with frame and checkpoint at every fifth step, at most 1.05 of the bare model's energies and forces at all its steps.

    The second ratio says what the driver itself costs: the same forces without integrator, checks, frames and checkpoints.
    """
    import torch
    from chgnet.model import CHGNet

    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    cell = calculation_cell(material("LPSCl")).remove_oxidation_states()
    cell.make_supercell([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    task = MolecularDynamics(n_steps=N_STEPS, timestep=2.0, frame_interval=5, seed=1)
    ours, bare, alone = [], [], []
    for k in range(ROUNDS):
        atoms = AseAtomsAdaptor.get_atoms(cell, msonable=False)
        atoms.calc = Recording(model, "cpu")
        started = time.process_time()
        run_dynamics(atoms, task, tmp_path / f"{k}", "LPSCl")
        ours.append(time.process_time() - started)
        structures = [Structure(cell.lattice, cell.species, positions, coords_are_cartesian=True) for positions, _, _ in atoms.calc.seen]
        started = time.process_time()
        predicted = [model.predict_structure(structure, task="ef") for structure in structures]
        bare.append(time.process_time() - started)
        calculator = EnergyAndForces(model, "cpu")
        images = [AseAtomsAdaptor.get_atoms(structure, msonable=False) for structure in structures]
        started = time.process_time()
        forces = [calculator.get_forces(image) for image in images]
        alone.append(time.process_time() - started)
    seen = atoms.calc.seen
    assert len(seen) == N_STEPS + 1
    np.testing.assert_allclose([energy for _, energy, _ in seen], [len(cell) * float(one["e"]) for one in predicted], rtol=1e-6)
    np.testing.assert_allclose([one for _, _, one in seen], [one["f"] for one in predicted], atol=5e-5)
    assert np.array_equal(forces[-1], seen[-1][2])
    step, model_step, force_step = (1000 * min(times) / (N_STEPS + 1) for times in (ours, bare, alone))
    what = f"a step of molecular dynamics of {len(cell)} atoms"
    measured.costs(what, step, model_step, peer="chgnet: predict_structure, energies and forces", at_most=1.05, unit="CPU ms")
    measured.costs(f"{what}, the driver alone", step, force_step, peer="chgnet: its model in our calculator", at_most=1.05, unit="CPU ms")
