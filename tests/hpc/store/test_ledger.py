"""Claims on jobs: who may compute, who is dead, and what is counted."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Claim, LeaseLostError, Ledger, job_key

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "store")
    made = Ledger(store)
    made.register([{"key": "job", "uuid": "job", "index": 1, "name": "a job"}])
    yield made
    store.close()


def _state(ledger: Ledger) -> str:
    record = ledger.record("job")
    assert record is not None
    return str(record["state"])


def _claim(location: str, barrier: Any, answers: Any, stay: Any) -> None:
    ledger = Ledger(open_store(location))
    barrier.wait()
    answers.put(ledger.claim("job").state)
    stay.wait()


def test_one_of_eight_processes_wins_a_claim(ledger: Ledger) -> None:
    barrier, answers, stay = FORK.Barrier(8), FORK.Queue(), FORK.Event()
    processes = [FORK.Process(target=_claim, args=(ledger.store.location, barrier, answers, stay)) for _ in range(8)]
    for process in processes:
        process.start()
    states = sorted(answers.get(timeout=120) for _ in processes)
    assert states == ["held"] * 7 + ["taken"]
    # the winner lives: still held; when it is gone: free
    assert ledger.claim("job").state == "held"
    stay.set()
    for process in processes:
        process.join()
    again = ledger.claim("job")
    assert (again.state, again.attempt, again.dynamic) == ("taken", 2, None)


def test_life_of_a_job(ledger: Ledger) -> None:
    assert _state(ledger) == "waiting"
    assert ledger.claim("job") == Claim("taken")
    assert ledger.claim("job").holder == f"process {os.getpid()} on {socket.gethostname()}"
    ledger.fail("job", 2.0, {"error": "E", "message": "m", "advice": "", "evidence": []})
    assert _state(ledger) == "failed"
    assert ledger.claim("job").attempt == 2
    assert (ledger.record("job") or {})["cause"] is None
    ledger.release("job")
    assert _state(ledger) == "waiting"
    assert ledger.claim("job").attempt == 3
    ledger.announce("job", {})
    ledger.store.outputs.update({"uuid": "job", "index": 1, "output": 1.0})
    ledger.finish("job", 5.0)
    record = ledger.record("job") or {}
    assert (record["state"], record["computed"], record["wall_seconds"], record["attempts"]) == ("done", 1, 5.0, 3)
    assert ledger.claim("job") == Claim("done", dynamic={})


def test_done_without_a_document_is_computed_again(ledger: Ledger) -> None:
    ledger.claim("job")
    ledger.finish("job", 5.0)
    assert ledger.without_document(ledger.records()) == {"job"}
    assert ledger.claim("job") == Claim("taken", attempt=2)
    ledger.store.outputs.update({"uuid": "job", "index": 2, "output": 1.0})
    assert ledger.without_document(ledger.records()) == {"job"}  # of its replacement
    ledger.store.outputs.update({"uuid": "job", "index": 1, "output": 1.0})
    assert ledger.without_document(ledger.records()) == set()


@pytest.mark.parametrize("dynamic", [{}, {"addition": [{"uuid": "x", "index": 1}]}])
def test_what_was_announced_reaches_the_next_attempt(ledger: Ledger, dynamic: dict[str, Any]) -> None:
    assert ledger.claim("job").dynamic is None
    ledger.announce("job", dynamic)
    ledger.release("job")
    assert ledger.claim("job").dynamic == dynamic


def test_known_jobs_keep_their_record(ledger: Ledger) -> None:
    ledger.claim("job")
    ledger.register([{"key": key, "uuid": key, "index": 1, "name": "new"} for key in ("job", "other", "other")])
    assert {r["key"]: (r["state"], r["name"]) for r in ledger.records()} == {
        "job": ("running", "a job"),
        "other": ("waiting", "new"),
    }
    assert [r["key"] for r in ledger.records(["other"])] == ["other"]
    assert job_key("u") == "u"
    assert job_key("u", 2) == "u:2"


def test_unregistered_job_cannot_be_claimed(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.claim("unknown")
    assert ledger.record("unknown") is None


def test_process_without_the_claim_changes_nothing(ledger: Ledger) -> None:
    taken = {"state": "running", "host": "elsewhere", "pid": 1, "pid_started": 0.0, "heartbeat": time.time() - 100}
    ledger.store.states.update_one({"key": "job"}, {"$set": taken})
    with pytest.raises(LeaseLostError):
        ledger.beat("job", 1)
    ledger.release("job")
    assert ledger.bury("job", {"message": "gone"}) == "running"
    record = ledger.record("job") or {}
    assert {key: record[key] for key in taken} == taken


def test_job_of_a_dead_process_is_buried_once(ledger: Ledger) -> None:
    dead = {"state": "running", "host": socket.gethostname(), "pid": 2**22 + 1, "pid_started": 0.0}
    ledger.store.states.update_one({"key": "job"}, {"$set": dead})
    assert ledger.bury("job", {"message": "gone"}) == "failed"
    assert (ledger.record("job") or {})["cause"] == {"message": "gone"}
    ledger.finish("job", 1.0)
    assert ledger.bury("job", {"message": "gone"}) == "done"
    assert _state(ledger) == "done"


@pytest.mark.parametrize("first", ["read", "write"])
def test_heart_beats_in_the_middle_of_what_another_thread_does(ledger: Ledger, first: str) -> None:
    ledger.claim("job")
    ledger.store.states.update_one({"key": "job"}, {"$set": {"heartbeat": 0.0}})
    with ThreadPoolExecutor(1) as other:
        if first == "read":
            reading = ledger.store.states.find({})
            assert next(reading)["heartbeat"] == 0
            other.submit(ledger.beat, "job", 1).result(timeout=30)
            assert list(reading) == []
        else:
            with ledger.store.exclusive():
                ledger.store.states.update_one({"key": "job"}, {"$set": {"note": 7}})
                beating = other.submit(ledger.beat, "job", 1)
                assert (ledger.record("job") or {})["heartbeat"] == 0
            beating.result(timeout=30)
            assert (ledger.record("job") or {})["note"] == 7
    assert (ledger.record("job") or {})["heartbeat"] > 0
