"""What a step of dynamics costs beside the bare model of each potential, what the guard costs, and what a committee
costs beside its members alone."""

from __future__ import annotations

import resource
import subprocess
import sys
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


#: a ready cell that is relaxed and moved, one chunk of 250 steps
COMMITTEE = """\
name: committee
title: what a committee costs
source: a benchmark
hubbard_u: {}
interface:
  engine: ENGINE
  relaxation: {engine: ENGINE, max_force: 0.05 eV/Å}
  systems: [{name: Li2S, file: Li2S.cif, dynamics: true}]
  dynamics: {engine: ENGINE, length: 500 fs, full_length: 500 fs, chunk: 500 fs, timestep: 2 fs, temperature: 300 K}
"""


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


def _cpu_of_run(folder: Path, engine: str) -> float:
    """CPU seconds of `catholyte run` with all its workers, in a store of its own."""
    (folder / "recipe.yaml").write_text(COMMITTEE.replace("ENGINE", engine), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    main = "from catholyte.hpc.commands.app import main; main()"
    where = ["--store", str(folder / engine), "--only", "interface", "--workers", "1"]
    subprocess.run([sys.executable, "-c", main, "run", "recipe.yaml", *where], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_committee_costs_little_more_than_its_members(tmp_path: Path, measured: Evidence) -> None:
    """Relaxation and dynamics by both, and forces of the second on ten frames of the first, beside each member alone;
    whole commands, loading included."""
    cell = calculation_cell(material("Li2S")).remove_oxidation_states()
    cell.make_supercell([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    cell.to(str(tmp_path / "Li2S.cif"))
    alone = [_cpu_of_run(tmp_path, name) for name in ("chgnet", "sevennet")]
    both = _cpu_of_run(tmp_path, "[chgnet, sevennet]")
    what = f"`catholyte run` of a relaxation and 250 steps of {len(cell)} atoms, committee of chgnet and sevennet"
    measured.costs(what, both, sum(alone), peer="both members alone", at_most=1.15, unit="CPU s")
