"""What bookkeeping costs: our worker against bare jobflow on the same jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from jobflow import Flow, Job, JobStore, run_locally

from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.job_store import EmbeddedStore
from catholyte.hpc.store.ledger import Ledger, job_key
from catholyte.tests.support.engines.toy_jobs import add, prepared
from catholyte.tests.support.referees.evidence import Evidence

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning"),  # monty about what jobflow calls
]


def _chain(log: str, name: str, n: int) -> list[Job]:
    """Jobs in a row, each with the result of the one before."""
    jobs: list[Job] = [add(log, f"{name}0", 1.0)]
    for i in range(1, n):
        jobs.append(add(log, f"{name}{i}", jobs[-1].output))
    return jobs


def test_overhead_of_a_job_against_bare_jobflow(tmp_path: Path, measured: Evidence) -> None:
    """Claim, heartbeat, delivery beside the job, ledger and document on the embedded store against `run_locally` on
    another of its kind."""
    n, log = 40, str(tmp_path / "log")
    flow, records = prepared(Flow([*_chain(log, "ours", n)]))
    store = open_store(tmp_path / "store")
    Ledger(store).register(records)
    serialised = [job.as_dict() for job in flow.jobs]
    started = time.process_time()
    for job in serialised:
        assert run_job(store.location, job).state == "done"
    ours = (time.process_time() - started) / n
    bare = JobStore(EmbeddedStore(str(tmp_path / "bare")))
    bare.connect()
    started = time.process_time()
    run_locally(Flow([*_chain(log, "bare", n)]), store=bare, log=False)
    theirs = (time.process_time() - started) / n
    print(f"per job: {1000 * ours:.1f} ms, bare jobflow {1000 * theirs:.1f} ms, ratio {ours / theirs:.2f}")
    assert Ledger(store).record(job_key(records[0]["uuid"])) is not None
    # a calculation takes minutes
    measured.within(
        "book-keeping of a job of the embedded store, beyond jobflow's own `run_locally`",
        ours - theirs,
        "CPU s",
        limit=0.2,
    )
