"""Flows of molecular dynamics: replicas, ladders, chunks of fixed and of measured length."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import Flow, OutputReference
from monty.json import MontyEncoder
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.hpc.run.worker import run_job, work_directory
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import execute, prepared
from catholyte.workflows.documents import CalculationDocument, require_one_trajectory
from catholyte.workflows.engines.ase.dynamics import CHECKPOINT
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics
from catholyte.workflows.flows.dynamics import (
    FIRST_STEPS,
    DynamicsPlan,
    TemperatureLadder,
    chunk_jobs,
    dynamics_flow,
    go_on,
    ladder_jobs,
)
from catholyte.workflows.identity import content_address, identity

CHGNET = Engine("chgnet")


def lih() -> Structure:
    """Two ions."""
    return Structure(Lattice(2.0 * (1 - np.eye(3))), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.48]])


def plan(**settings: Any) -> DynamicsPlan:
    """Thirty steps of 1 fs."""
    return DynamicsPlan.model_validate({"length": 30.0, "timestep": 1.0, "chunk": 12.0, **settings})


def test_replicas_and_chunks_go_on_from_each_other() -> None:
    flow = dynamics_flow(lih(), "LiH", CHGNET, plan(seeds=(3, 7)))
    assert [job.name for job in flow.jobs] == [
        f"LiH chgnet md (replica {r}, chunk {k})" for r in (1, 2) for k in (1, 2, 3)
    ]
    assert [job.maker.task["n_steps"] for job in flow.jobs] == [12, 12, 6] * 2
    assert [job.maker.task["seed"] for job in flow.jobs] == [3] * 3 + [7] * 3
    assert [[reference.uuid for reference in replica] for replica in flow.output] == [
        [job.uuid for job in flow.jobs[i : i + 3]] for i in (0, 3)
    ]
    for before, after in zip(flow.jobs[:2], flow.jobs[1:3], strict=True):
        assert after.function_args[0] == before.output.structure
        assert after.function_kwargs["restart"] == before.output.restart
        assert set(after.input_uuids) == {before.uuid}
    assert "restart" not in flow.jobs[3].function_kwargs
    assert len({job.uuid for job in content_address(flow)[0].jobs}) == 6


def test_an_engine_without_a_state_goes_on_from_positions_and_velocities() -> None:
    method = {"cutoff": 400.0, "kpoints": (1, 1, 1)}
    first, second, _ = dynamics_flow(lih(), "LiH", Engine("vasp"), plan(method=method)).jobs
    assert second.function_args[0] == first.output.structure
    assert second.function_kwargs == {}
    assert second.maker.task["method"]["cutoff"] == 400.0


def test_a_job_without_a_state_keeps_its_identity() -> None:
    """What is in a store stays what it was: only a chunk that goes on asks another question."""
    maker = CHGNET.maker(MolecularDynamics(n_steps=3))
    plain, goes_on = maker.job_for(lih(), "LiH"), maker.job_for(lih(), "LiH", OutputReference("0"))
    assert identity(plain) == identity(maker.make(lih(), "LiH"))
    assert plain.function_kwargs == {}
    assert identity(goes_on) != identity(plain)


def test_a_ladder_comes_before_each_replica() -> None:
    ladder = TemperatureLadder.linear(100.0, 300.0, 3, 10.0)
    jobs = dynamics_flow(lih(), "LiH", CHGNET, plan(ladder=ladder, seeds=(1, 2), chunk=30.0)).jobs
    names = [*(f"{t} K" for t in (100, 200, 300)), "chunk 1"]
    assert [job.name for job in jobs] == [f"LiH chgnet md (replica {r}, {name})" for r in (1, 2) for name in names]
    tasks = [job.maker.task for job in jobs[:4]]
    assert [(task["temperature"], task["thermostat"], task["n_steps"]) for task in tasks] == [
        *((t, "langevin", 10) for t in (100.0, 200.0, 300.0)),
        (300.0, "nose-hoover-chain", 30),
    ]
    assert [job.function_args[0] for job in jobs[1:4]] == [job.output.structure for job in jobs[:3]]
    assert all("restart" not in job.function_kwargs for job in jobs)
    made = ladder_jobs(lih(), "glass", CHGNET, [MolecularDynamics(n_steps=1, temperature=t) for t in (900.0, 300.0)])
    assert [job.name for job in made] == ["glass chgnet md 900 K", "glass chgnet md 300 K"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"length": 0.5}, r"'length' \(0.5 fs\) must be at least one timestep \(1 fs\)"),
        ({"chunk": 0.5}, r"'chunk' \(0.5 fs\) must be at least one timestep \(1 fs\)"),
        ({"seeds": (1, 1)}, "the seeds 1, 1 are not distinct"),
        ({"seeds": ()}, "at least 1 item"),
        ({"ladder": {"temperatures": (0.0,), "length": 1.0}}, "above 0 K"),
        ({"temperatur": 300}, "Extra inputs"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        plan(**settings)


def test_what_cannot_be_planned_is_an_error() -> None:
    with pytest.raises(EngineUnavailableError, match="no calculation of kind 'md'"):
        dynamics_flow(lih(), "LiH", Engine("gpaw"), plan())
    with pytest.raises(InputError, match="give 'wall_time' or 'chunk', or the setting wall_time of engine chgnet"):
        dynamics_flow(lih(), "LiH", CHGNET, plan(chunk=None))
    with pytest.raises(InputError, match="at least 2 rungs, and 1 was given"):
        TemperatureLadder.linear(1.0, 300.0, 1, 10.0)
    with pytest.raises(InputError, match="at least one step, and 0 were given"):
        chunk_jobs(lih(), "LiH", CHGNET, MolecularDynamics(n_steps=3), 0)


def test_the_wall_time_of_the_engine_holds_where_the_plan_has_none() -> None:
    method = {"cutoff": 400.0, "kpoints": (1, 1, 1)}
    first, following = dynamics_flow(
        lih(), "LiH", Engine("vasp", {"wall_time": 3600}), plan(length=1e5, chunk=None, method=method)
    ).jobs
    assert first.maker.task["n_steps"] == FIRST_STEPS
    assert following.name == "LiH vasp md (replica 1, chunk 1): go on"


def test_the_next_chunk_follows_from_the_time_of_the_last() -> None:
    """200 s for 100 steps and an hour of wall time: 1080 steps of 2 s fill 60 % of it; the last chunk is what is
    left."""
    _, following = dynamics_flow(lih(), "LiH", CHGNET, plan(length=2000.0, chunk=None, wall_time=3600.0)).jobs
    chain = following.function_args[0]
    more: Any = go_on.original(chain, lih(), None, 200.0, 100).replace
    assert [job.name for job in more.jobs] == [
        "LiH chgnet md (replica 1, chunk 2)",
        "LiH chgnet md (replica 1, chunk 2): go on",
    ]
    assert more.jobs[0].maker.task["n_steps"] == 1080
    last: Any = go_on.original(more.jobs[1].function_args[0], lih(), None, 2160.0, 1080).replace
    assert last.jobs[0].maker.task["n_steps"] == 2000 - 100 - 1080
    chain = last.jobs[1].function_args[0]
    ended: Any = go_on.original(chain, lih(), None, 1640.0, 820)
    assert ended.output == [following.function_args[0].made[0], more.jobs[0].uuid, last.jobs[0].uuid]
    with pytest.raises(InputError, match="a step takes 4000 s: not one fits"):
        go_on.original(more.jobs[1].function_args[0], lih(), None, 8000.0, 2)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad=True", "ignore:cd is deprecated:FutureWarning"
)
def test_chunks_as_long_as_the_wall_time_lets_them_be(tmp_path: Path) -> None:
    """Through our own worker: the chunks are as many as the measured time asks for, and together they are the undivided
    run."""
    asked = plan(length=130.0, chunk=None, wall_time=60.0, frame_interval=10)
    store = open_store(tmp_path / "store")
    flow = dynamics_flow(lih(), "LiH", CHGNET, asked)
    summary = execute(store, flow, workers=1)
    assert not summary.failed
    outputs: Any = store.outputs
    stored = list(outputs.query({"output.kind": "md"}, load=True))
    documents = [
        CalculationDocument.model_validate({k: v for k, v in entry["output"].items() if k[0] != "@"})
        for entry in stored
    ]
    documents.sort(key=lambda document: document.restart.step if document.restart else 0)
    steps = [document.convergence.n_steps for document in documents]
    assert steps[0] == FIRST_STEPS
    assert sum(steps) == 130
    assert steps[1] == min(80, int(0.6 * 60 / (documents[0].provenance.wall_seconds / FIRST_STEPS)))
    require_one_trajectory(documents)
    (tmp_path / "whole").mkdir()
    whole = load_backend("chgnet", {}).calculate(lih(), asked.task(0), "LiH", tmp_path / "whole")
    assert documents[-1].restart == whole.restart
    identities = [entry["uuid"] for entry in sorted(stored, key=lambda entry: entry["output"]["restart"]["step"])]
    assert identities in [entry["output"] for entry in outputs.query({"name": {"$regex": "go on"}})]


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
    checkpoint = work_directory(store, records[0]["key"]) / CHECKPOINT
    try:
        deadline = time.monotonic() + 240
        while not (checkpoint.is_file() and json.loads(checkpoint.read_text())["restart"]["step"] >= 40):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert run_job(store.location, json.loads(serialised.read_text()))["state"] == "done"
    outputs: Any = store.outputs
    (entry,) = outputs.query({"output.kind": "md"}, load=True)
    document = CalculationDocument.model_validate({k: v for k, v in entry["output"].items() if k[0] != "@"})
    (tmp_path / "whole").mkdir()
    whole = load_backend("chgnet", {}).calculate(lih(), task, "LiH", tmp_path / "whole")
    assert int(document.convergence.detail.rpartition(" ")[2]) >= 40
    assert "resumed at step" in document.convergence.detail
    assert document.restart == whole.restart
    assert document.trajectory == whole.trajectory
