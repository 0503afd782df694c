"""What a step of dynamics costs beside the bare model of each potential, and what the guard costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.referees.evidence import Evidence
from catholyte.workflows.engines.ase.backend import AseBackend
from catholyte.workflows.engines.ase.dynamics import run_dynamics
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True"),
]

N_STEPS, ROUNDS = 8, 4
#: engine to the bare model and what it is called
PEERS = {"chgnet-r2scan": "chgnet: predict_structure, weights r2scan", "sevennet": "sevenn: its own calculator"}


def _bare(name: str, calculator: Any, atoms: Any) -> Any:
    """Forces of the bare model, eV/Å."""
    if name == "sevennet":
        calculator.calculate(atoms)
        return calculator.results["forces"]
    return calculator.model.predict_structure(AseAtomsAdaptor.get_structure(atoms), task="ef")["f"]


@pytest.mark.parametrize("name", PEERS)
def test_a_step_of_dynamics_costs_what_the_model_costs(name: str, tmp_path: Path, measured: Evidence) -> None:
    """CPU time with frame and checkpoint at every fourth step, beside the model's energies and forces at its steps."""
    backend: Any = load_backend(name, {})
    calculator = backend.step_calculator()
    cell = calculation_cell(material("LPSCl")).remove_oxidation_states()
    cell.make_supercell([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    task = MolecularDynamics(n_steps=N_STEPS, timestep=2.0, frame_interval=4, seed=1)
    ours, bare, seen = [], [], list[Any]()
    compute = calculator.calculate

    def recorded(atoms: Any = None, *rest: Any, **named: Any) -> None:
        compute(atoms, *rest, **named)
        seen.append((atoms.copy(), calculator.results["forces"]))

    for k in range(ROUNDS):
        seen.clear()
        calculator.calculate = recorded
        atoms = AseAtomsAdaptor.get_atoms(cell, msonable=False)
        atoms.calc = calculator
        started = time.process_time()
        run_dynamics(atoms, task, tmp_path / f"{k}", "LPSCl")
        ours.append(time.process_time() - started)
        calculator.calculate = compute
        frames = [frame for frame, _ in seen]
        started = time.process_time()
        forces = [_bare(name, calculator, frame) for frame in frames]
        bare.append(time.process_time() - started)
    assert len(seen) == N_STEPS + 1
    np.testing.assert_allclose(forces, [found for _, found in seen], atol=5e-5)
    step, model_step = (1000 * min(times) / (N_STEPS + 1) for times in (ours, bare))
    what = f"a step of molecular dynamics of {len(cell)} atoms, {name}"
    measured.costs(what, step, model_step, peer=PEERS[name], at_most=1.05, unit="CPU ms")


@pytest.mark.parametrize("name", ["chgnet", *PEERS])
def test_the_guard_takes_less_than_a_minute(
    name: str, tmp_path: Path, measured: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E(V) of three crystals, forces and stress."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backend = load_backend(name, {})
    assert isinstance(backend, AseBackend)
    started = time.process_time()
    assert backend.verdict(again=True).problem == ""
    measured.within(f"guard of {name}", time.process_time() - started, "CPU s", limit=60)
