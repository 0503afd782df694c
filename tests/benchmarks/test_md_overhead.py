"""What dynamics and relaxations cost beside the model: the driver with CHGNet, and its forces and stress, against the
bare model on the same frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.referees.evidence import Evidence
from catholyte.workflows.engines.ase.chgnet import EnergyForcesStress
from catholyte.workflows.engines.ase.dynamics import run_dynamics
from catholyte.workflows.engines.tasks import MolecularDynamics

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True"),
]

N_STEPS, ROUNDS = 10, 4


class Recording(EnergyForcesStress):
    """Keeps the positions of every evaluation."""

    def calculate(self, *arguments: Any) -> None:
        """Compute."""
        super().calculate(*arguments)
        self.seen: list[Any] = [
            *getattr(self, "seen", []),
            (self.atoms.positions.copy(), self.results["energy"], self.results["forces"]),
        ]


def test_dynamics_cost_what_the_model_costs(tmp_path: Path, measured: Evidence) -> None:
    """CPU time of a run with frame and checkpoint at every fifth step, at most 1.05 of the bare model's energies and
    forces at all its steps.

    The second ratio says what the driver itself costs: the same forces without integrator, checks, frames and
    checkpoints.
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
        structures = [
            Structure(cell.lattice, cell.species, positions, coords_are_cartesian=True)
            for positions, _, _ in atoms.calc.seen
        ]
        started = time.process_time()
        predicted = [model.predict_structure(structure, task="ef") for structure in structures]
        bare.append(time.process_time() - started)
        calculator = EnergyForcesStress(model, "cpu")
        images = [AseAtomsAdaptor.get_atoms(structure, msonable=False) for structure in structures]
        started = time.process_time()
        forces = [calculator.get_forces(image) for image in images]
        alone.append(time.process_time() - started)
    seen = atoms.calc.seen
    assert len(seen) == N_STEPS + 1
    np.testing.assert_allclose(
        [energy for _, energy, _ in seen], [len(cell) * float(one["e"]) for one in predicted], rtol=1e-6
    )
    np.testing.assert_allclose([one for _, _, one in seen], [one["f"] for one in predicted], atol=5e-5)
    assert np.array_equal(forces[-1], seen[-1][2])
    step, model_step, force_step = (1000 * min(times) / (N_STEPS + 1) for times in (ours, bare, alone))
    what = f"a step of molecular dynamics of {len(cell)} atoms"
    measured.costs(
        what, step, model_step, peer="chgnet: predict_structure, energies and forces", at_most=1.05, unit="CPU ms"
    )
    measured.costs(
        f"{what}, the driver alone",
        step,
        force_step,
        peer="chgnet: its model in our calculator",
        at_most=1.05,
        unit="CPU ms",
    )


def test_a_step_of_a_relaxation_costs_less_than_the_models_own_calculator(measured: Evidence) -> None:
    """Forces and stress of the same cells by one differentiation, against two that could be differentiated again."""
    import torch
    from chgnet.model import CHGNet, CHGNetCalculator

    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    cell = calculation_cell(material("LPSCl")).remove_oxidation_states()
    cell.make_supercell([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    stresses: dict[str, list[Any]] = {"ours": [], "theirs": []}
    for k in range(N_STEPS):
        for name, calculator in (
            ("ours", EnergyForcesStress(model, "cpu")),
            ("theirs", CHGNetCalculator(model=model, use_device="cpu")),
        ):
            atoms = AseAtomsAdaptor.get_atoms(cell, msonable=False)
            atoms.rattle(0.02, seed=k)
            atoms.calc = calculator
            started = time.process_time()
            atoms.get_forces()
            stresses[name].append(atoms.get_stress())
            times[name].append(1000 * (time.process_time() - started))
    np.testing.assert_allclose(stresses["ours"], stresses["theirs"], atol=1e-6)
    what = f"a step of a relaxation of cell and atoms, {len(cell)} atoms"
    measured.costs(
        what, min(times["ours"]), min(times["theirs"]), peer="chgnet: its own calculator", at_most=0.75, unit="CPU ms"
    )
