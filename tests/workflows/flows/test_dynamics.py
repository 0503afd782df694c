"""Molecular dynamics as jobs: replicas and chunks that go on from each other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import Flow, OutputReference
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger, work_directory
from catholyte.tests.support.engines.toy_jobs import prepared
from catholyte.workflows.documents import CalculationDocument, require_one_trajectory
from catholyte.workflows.engines.ase.dynamics import CHECKPOINT
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics
from catholyte.workflows.flows.dynamics import (
    QuenchSchedule,
    TrajectoryRun,
    chunk_jobs,
    ladder_jobs,
    melt_quench_flow,
    require_time_step,
)
from catholyte.workflows.identity import content_address, identity
from catholyte.workflows.roles import Chunk, read_role

CHGNET = Engine("chgnet")


def lih() -> Structure:
    """Two ions."""
    return Structure(Lattice(2.0 * (1 - np.eye(3))), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.48]])


def run(engine: Engine = CHGNET, replica: int | None = None, **settings: Any) -> TrajectoryRun:
    """Thirty steps of 1 fs, twelve a job."""
    task = MolecularDynamics.model_validate({"n_steps": 30, "timestep": 1.0, **settings})
    return TrajectoryRun(engine, task, 12, replica)


def test_replicas_and_chunks_go_on_from_each_other() -> None:
    first, second = (chunk_jobs(lih(), "LiH", run(replica=k, seed=seed)) for k, seed in ((1, 3), (2, 7)))
    assert [job.name for job in first + second] == [
        f"LiH chgnet md (replica {r}, chunk {k})" for r in (1, 2) for k in (1, 2, 3)
    ]
    assert [job.maker.task["n_steps"] for job in first + second] == [12, 12, 6] * 2
    assert [read_role(job.function_kwargs["role"]) for job in first + second] == [
        Chunk(of="LiH", replica=r, number=k) for r in (1, 2) for k in (1, 2, 3)
    ]
    for before, after in pairwise(first):
        assert after.function_args[0] == before.output.structure
        assert after.function_kwargs["restart"] == before.output.restart
        assert set(after.input_uuids) == {before.uuid}
    assert "restart" not in second[0].function_kwargs
    assert len({job.uuid for job in content_address(Flow(first + second))[0].jobs}) == 6


def test_the_bulk_of_a_phase_moves_as_a_control() -> None:
    made = chunk_jobs(lih(), "LiH control", run(), control_of="LiH")
    assert [job.name for job in made] == [f"LiH control chgnet md (chunk {k})" for k in (1, 2, 3)]
    assert read_role(made[1].function_kwargs["role"]) == Chunk(of="LiH", replica=1, number=2, control=True)


def test_an_engine_without_a_state_goes_on_from_positions_and_velocities() -> None:
    method = {"cutoff": 400.0, "kpoints": (1, 1, 1)}
    first, second, _ = chunk_jobs(lih(), "LiH", run(Engine("vasp"), method=method))
    assert second.function_args[0] == first.output.structure
    assert "restart" not in second.function_kwargs
    assert second.maker.task["method"]["cutoff"] == 400.0


def test_a_job_without_a_state_keeps_its_identity() -> None:
    """What is in a store stays what it was: only a chunk that goes on asks another question."""
    maker = CHGNET.maker(MolecularDynamics(n_steps=3))
    plain, goes_on = maker.job_for(lih(), "LiH"), maker.job_for(lih(), "LiH", OutputReference("0"))
    assert identity(plain) == identity(maker.make(lih(), "LiH"))
    assert plain.function_kwargs == {}
    assert identity(goes_on) != identity(plain)


def test_a_role_is_no_part_of_the_identity() -> None:
    maker = CHGNET.maker(MolecularDynamics(n_steps=3))
    plain, chunk = (maker.job_for(lih(), "LiH", role=role) for role in (None, Chunk(of="LiH", replica=1, number=1)))
    assert identity(chunk) == identity(plain)
    assert content_address(chunk)[0].jobs[0].function_kwargs["role"]["kind"] == "chunk"


def test_a_glass_goes_down_the_temperatures() -> None:
    made = ladder_jobs(lih(), "glass", CHGNET, [MolecularDynamics(n_steps=1, temperature=t) for t in (900.0, 300.0)])
    assert [job.name for job in made] == ["glass chgnet md 900 K", "glass chgnet md 300 K"]
    assert made[1].function_args[0] == made[0].output.structure
    assert all("restart" not in job.function_kwargs for job in made)


def test_a_time_step_follows_from_the_lightest_element() -> None:
    """1 fs for H, 2.6 fs for Li, 4 fs for O."""
    with pytest.raises(InputError, match="glass: a time step of 2 fs is too long for H, its lightest element") as told:
        melt_quench_flow(lih(), "glass", CHGNET, QuenchSchedule(timestep=2.0))
    assert told.value.advice.startswith("at most 1.0 fs")
    require_time_step(["Li", "Co", "O"], 2.0, "LCO")
    require_time_step(["O", "H"], 1.0, "water")
    with pytest.raises(InputError, match="too long for Li"):
        require_time_step(["Li", "Co", "O"], 2.7, "LCO")
    require_time_step([], 99.0, "unknown")


def test_what_cannot_be_planned_is_an_error() -> None:
    with pytest.raises(EngineUnavailableError, match="no calculation of kind 'md'"):
        chunk_jobs(lih(), "LiH", run(Engine("gpaw")))
    with pytest.raises(InputError, match="at least one step, and 0 were given"):
        chunk_jobs(lih(), "LiH", replace(run(), chunk=0))


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")
def test_documents_that_are_not_one_trajectory_are_named(tmp_path: Path) -> None:
    backend, documents, start, state = load_backend("chgnet", {}), [], lih(), None
    for k in range(3):
        (tmp_path / f"{k}").mkdir()
        task = MolecularDynamics(n_steps=2, timestep=1.0)
        documents.append(
            backend.calculate(start, task, "LiH", tmp_path / f"{k}")
            if state is None
            else backend.proceed(start, task, "LiH", tmp_path / f"{k}", state)
        )
        start, state = documents[-1].structure, documents[-1].restart
    require_one_trajectory(documents)
    one, two, three = documents
    with pytest.raises(
        InputError, match="chunk 2 of LiH did not begin where the one before ended: the largest displacement is"
    ):
        require_one_trajectory([one, three])
    slower = two.model_copy(update={"settings": {**two.settings, "timestep": 0.5}})
    with pytest.raises(
        InputError, match=r"chunk 2 of LiH ran by other rules than the one before: timestep 1.0 → 0.5 fs"
    ):
        require_one_trajectory([one, slower, three])
    lacking = {key: value for key, value in two.settings.items() if key != "damping"}
    precise = one.signature.model_copy(update={"precision": "Accurate"})
    require_one_trajectory(
        [one.model_copy(update={"signature": precise}), two.model_copy(update={"settings": lacking}), three]
    )
    other = two.model_copy(update={"initial_structure": lih().replace(0, "Na+")})
    with pytest.raises(InputError, match="chunk 2 of LiH has other atoms than the one before"):
        require_one_trajectory([one, other])
    with pytest.raises(InputError, match="chunk 1 of LiH is no molecular dynamics but static"):
        require_one_trajectory([one.model_copy(update={"kind": "static"})])
    with pytest.raises(InputError, match="at least one chunk"):
        require_one_trajectory([])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")
def test_a_job_whose_worker_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 in the middle of a chunk: the same job, taken again, goes on from its checkpoint and delivers the
    undisturbed document."""
    store, task = (
        open_store(tmp_path / "store"),
        MolecularDynamics(n_steps=200, timestep=1.0, frame_interval=5, thermostat="langevin"),
    )
    flow, records = prepared(Flow([CHGNET.maker(task).job_for(lih(), "LiH")]))
    Ledger(store).register(records)
    serialised = tmp_path / "job.json"
    serialised.write_text(json.dumps(flow.jobs[0].as_dict(), cls=MontyEncoder))
    program = (
        "import json, sys; from catholyte.hpc.run.worker import run_job; run_job(sys.argv[1], "
        "json.load(open(sys.argv[2])))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, store.location, str(serialised)])
    checkpoint = work_directory(store, records[0]["key"], 1) / CHECKPOINT
    try:
        deadline = time.monotonic() + 240
        while not (checkpoint.is_file() and json.loads(checkpoint.read_text())["restart"]["step"] >= 40):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert run_job(store.location, json.loads(serialised.read_text())).state == "done"
    outputs: Any = store.outputs
    (entry,) = outputs.query({"output.kind": "md"}, load=True)
    document = CalculationDocument.model_validate({k: v for k, v in entry["output"].items() if k[0] != "@"})
    (tmp_path / "whole").mkdir()
    whole = load_backend("chgnet", {}).calculate(lih(), task, "LiH", tmp_path / "whole")
    assert int(document.convergence.detail.rpartition(" ")[2]) >= 40
    assert "resumed at step" in document.convergence.detail
    assert document.restart == whole.restart
    assert document.trajectory == whole.trajectory
