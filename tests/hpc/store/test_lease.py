"""Leases: who lives, who may take a job over, and what an attempt may still write that has lost its job."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from jobflow import Flow

from catholyte.hpc.run import worker
from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store import lease as leases
from catholyte.hpc.store import liveness
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.delivery import Delivery
from catholyte.hpc.store.lease import Lease
from catholyte.hpc.store.ledger import LeaseLostError, Ledger, job_record, work_directory
from catholyte.hpc.store.liveness import HEARTBEAT_SECONDS, LOST_SECONDS, has_died, is_alive
from catholyte.tests.support.database import Server, with_database
from catholyte.tests.support.engines import toy_jobs
from catholyte.tests.support.engines.toy_jobs import array, computed, prepared

FORK = multiprocessing.get_context("fork")
CAUSE = {"error": "E", "message": "m", "advice": "", "evidence": []}


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CampaignStore]:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    place = tmp_path / "store" if request.param == "embedded" else request.getfixturevalue("database_uri")
    opened = open_store(place)
    monkeypatch.setitem(worker._OPEN, opened.location, opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: CampaignStore) -> Ledger:
    made = Ledger(store)
    made.register([job_record("job", 1, "a job")])
    return made


def elsewhere(ledger: Ledger, **more: Any) -> dict[str, Any]:
    """The job is computed on another host."""
    record = {"state": "running", "host": "elsewhere", "pid": 1, "pid_started": 0.0, "heartbeat": time.time()}
    ledger.store.states.update_one({"key": "job"}, {"$set": {**record, "attempts": 1, **more}})
    return ledger.record("job") or {}


# who lives


def test_life_is_told_by_process_and_start_time() -> None:
    me = psutil.Process()
    record = {"host": socket.gethostname(), "pid": me.pid, "pid_started": me.create_time(), "heartbeat": 0, "key": "j"}
    assert is_alive(record)
    assert not has_died("store", record)
    # the number went to another process
    assert has_died("store", {**record, "pid_started": me.create_time() - 60})
    assert has_died("store", {"host": socket.gethostname(), "key": "j"})
    ended = FORK.Process(target=time.sleep, args=(60,))
    ended.start()
    child = {**record, "pid": ended.pid, "pid_started": psutil.Process(ended.pid).create_time()}
    assert is_alive(child)
    ended.kill()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie that nobody has fetched
    assert psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE
    assert not is_alive(child)
    assert has_died("store", child)
    ended.join()
    assert has_died("store", child)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The looker's own clock; the fixture moves it on."""
    at = [1000.0]
    monkeypatch.setattr(liveness, "time", SimpleNamespace(monotonic=lambda: at[0], time=time.time))
    monkeypatch.setattr(liveness, "_WATCHES", {})

    def move(seconds: float) -> None:
        at[0] += seconds

    return move


def looks(ledger: Ledger, move: Callable[[float], None], seconds: float, pause: float = 5.0) -> bool:
    """Whether a looker may take the job within `seconds`."""
    for _ in range(int(seconds / pause)):
        if has_died("store", ledger.record("job") or {}):
            return True
        move(pause)
    return has_died("store", ledger.record("job") or {})


@pytest.mark.parametrize("skew", [-600.0, 0.0, 600.0])
def test_a_holder_elsewhere_is_lost_after_a_watch_without_a_beat_whatever_its_clock_says(
    ledger: Ledger, clock: Callable[[float], None], skew: float
) -> None:
    elsewhere(ledger, heartbeat=time.time() + skew)
    assert not looks(ledger, clock, LOST_SECONDS - 10)
    ledger.beat("job", 1)
    assert not looks(ledger, clock, LOST_SECONDS - 10)
    assert looks(ledger, clock, 30)


def test_two_looks_with_nothing_seen_in_between_are_no_watch(ledger: Ledger, clock: Callable[[float], None]) -> None:
    elsewhere(ledger, heartbeat=0.0)
    assert not has_died("store", ledger.record("job") or {})
    clock(10 * LOST_SECONDS)  # the database was away, or the looker asleep
    assert not has_died("store", ledger.record("job") or {})
    clock(LOST_SECONDS - 1)
    assert not has_died("store", ledger.record("job") or {})
    assert looks(ledger, clock, LOST_SECONDS + 40, pause=2 * HEARTBEAT_SECONDS)


@pytest.mark.parametrize(
    ("said", "status", "lost"),
    [
        ("echo RUNNING", 0, False),
        ("echo PENDING", 0, False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2", 1, True),
        ("", 0, True),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2", 1, False),
        (None, 0, False),
    ],
)
def test_the_scheduler_is_asked_before_a_queue_job_is_taken_over(
    ledger: Ledger,
    clock: Callable[[float], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str | None,
    status: int,
    lost: bool,
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if said is not None:
        (folder / "squeue").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{said}\nexit {status}\n')
        (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    elsewhere(ledger, scheduler="slurm", queue_job="17")
    assert looks(ledger, clock, 2 * LOST_SECONDS) is lost
    if said is not None:
        asked = (tmp_path / "asked").read_text().splitlines()
        assert set(asked) == {"-h -o %T -j 17"}
        assert len(asked) <= LOST_SECONDS / liveness.ASK_SECONDS + 2


def test_a_claim_takes_only_what_was_watched(ledger: Ledger) -> None:
    record = elsewhere(ledger)
    assert ledger.claim("job").holder == "process 1 on elsewhere"
    ledger.beat("job", 1)
    assert ledger.claim("job", dead=(1, record["heartbeat"])).state == "held", "it has beaten since"
    mark = liveness.mark_of(ledger.record("job") or {})
    taken = ledger.claim("job", dead=mark)
    assert (taken.state, taken.attempt, taken.taken_over) == ("taken", 2, True)


def test_a_queue_job_says_its_number(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in liveness._NUMBERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    ledger.claim("job")
    record = ledger.record("job") or {}
    assert (record["scheduler"], record["queue_job"]) == ("slurm", "42")
    assert record["directory"] == str(work_directory(ledger.store, "job", 1))
    assert ledger.claim("job").holder.endswith("queue job 42")


# what a lost attempt may write


def test_an_attempt_that_lost_its_job_changes_nothing(ledger: Ledger) -> None:
    first = Lease(ledger, "job", ledger.claim("job").attempt)
    ledger.release("job")
    ledger.claim("job")
    before = ledger.record("job")
    writes: list[Callable[[], None]] = [
        first.require,
        lambda: first.announce({}),
        lambda: first.finish(1.0),
        lambda: first.fail(1.0, CAUSE),
    ]
    for write in writes:
        with pytest.raises(LeaseLostError):
            write()
    first.release()
    assert ledger.record("job") == before


def test_a_result_whose_answer_got_lost_is_reported_again_and_counted_once(ledger: Ledger) -> None:
    mine = Lease(ledger, "job", ledger.claim("job").attempt)
    mine.finish(1.0)
    mine.finish(1.0)
    assert (ledger.record("job") or {})["computed"] == 1


def test_document_and_arrays_of_a_later_attempt_stay(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    store = open_store(database_uri)
    early, late = Delivery(tmp_path, store.outputs), Delivery(tmp_path, store.outputs)
    for delivery, name in ((early, "early"), (late, "late")):
        delivery.documents = [{"uuid": "job", "index": 1, "output": name}]
        delivery.arrays = {"data": [{"blob_uuid": name, "data": [1.0], "job_uuid": "job", "job_index": 1}]}
    early.arrays_first("job", 1)
    late.arrays_first("job", 1)
    late.document_last(2)
    with pytest.raises(LeaseLostError):
        early.document_last(1)
    data: Any = store.outputs.additional_stores["data"]
    assert [document["output"] for document in store.outputs.docs_store.query({})] == ["late"]
    assert [file["blob_uuid"] for file in data.query({})] == ["late"]
    late.document_last(2)  # its answer got lost: written again
    store.close()


# what becomes of a computation whose job was given away


def swallowing(seconds: float) -> None:
    """A library that drops the first interrupt."""
    end = time.monotonic() + seconds
    with contextlib.suppress(BaseException):
        time.sleep(seconds)
    time.sleep(max(end - time.monotonic(), 0))


@pytest.mark.parametrize("kind", ["plain", "background", "swallowed"])
def test_a_computation_ends_when_its_job_is_given_to_another(
    store: CampaignStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(leases, "AGAIN_SECONDS", 0.1)
    flow, records = prepared(Flow([array(str(tmp_path / "log"), "a", 1.0, 3, 60.0)]))
    if kind == "swallowed":
        monkeypatch.setattr(toy_jobs, "time", SimpleNamespace(sleep=swallowing))
    key, ledger = flow.jobs[0].uuid, Ledger(store)
    ledger.register(records)

    def give_away() -> None:
        while not computed(tmp_path / "log"):
            time.sleep(0.02)
        store.states.update_one({"key": key}, {"$set": {"attempts": 2, "host": "elsewhere"}})

    giver = threading.Thread(target=give_away)
    giver.start()
    before = signal.getsignal(signal.SIGINT)
    if kind == "background":  # as shells start what ends with `&`
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    started = time.monotonic()
    try:
        outcome = run_job(store.location, flow.jobs[0].as_dict())
    finally:
        signal.signal(signal.SIGINT, before)
        giver.join()
    assert outcome.state == "held"
    assert time.monotonic() - started < 40
    record = ledger.record(key) or {}
    assert (record["state"], record["attempts"], record["host"], record["computed"]) == ("running", 2, "elsewhere", 0)
    assert list(store.work.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
    os.kill(os.getpid(), leases.SIGNAL)  # one that comes late does no harm


def test_heart_beats_from_its_own_thread_and_survives_a_lost_database(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.05)
    mine = Lease(ledger, "job", ledger.claim("job").attempt)
    ledger.store.states.update_one({"key": "job"}, {"$set": {"heartbeat": 0.0}})
    real, failures = ledger.beat, threading.Semaphore(2)

    def beat(key: str, attempt: int) -> None:
        if failures.acquire(blocking=False):
            raise ConnectionError("away")
        real(key, attempt)

    monkeypatch.setattr(ledger, "beat", beat)
    with mine.kept():
        end = time.monotonic() + 10
        while not (ledger.record("job") or {})["heartbeat"]:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert caplog.text.count("no heartbeat of job job: away") == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_a_beat_after_the_end_interrupts_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.05)
    mine = Lease(ledger, "job", ledger.claim("job").attempt)
    with mine.kept():
        mine.finish(1.0)
        time.sleep(0.5)
    assert not mine.lost
    assert (ledger.record("job") or {})["state"] == "done"


# directories


@pytest.mark.parametrize("taken_over", [False, True])
def test_each_attempt_has_a_directory_and_goes_on_from_what_the_last_one_left(
    store: CampaignStore, tmp_path: Path, taken_over: bool
) -> None:
    from catholyte.hpc.store.ledger import Claim

    first, second = work_directory(store, "job", 1), work_directory(store, "job", 2)
    worker._take_up(first, Claim("taken", attempt=1))
    (first / "CONTCAR").write_text("step 7")
    worker._take_up(second, Claim("taken", attempt=2, taken_over=taken_over))
    assert (second / "CONTCAR").read_text() == "step 7"
    assert first.exists() is taken_over, "somebody may still write there"


def test_directory_of_a_former_version_is_taken_up(store: CampaignStore) -> None:
    from catholyte.hpc.store.ledger import Claim

    former = store.work / "job"
    former.mkdir(parents=True)
    (former / "delivery.json").write_text("{}")
    worker._take_up(work_directory(store, "job", 3), Claim("taken", attempt=3))
    assert (store.work / "job.3" / "delivery.json").is_file()
    assert not former.exists()


def test_evidence_is_the_end_of_a_log_however_long_it_is(tmp_path: Path) -> None:
    with (tmp_path / "std_err.txt").open("wb") as stream:
        stream.truncate(4 * 2**30)  # sparse
        stream.seek(0, os.SEEK_END)
        stream.write(b"\nthe cause\n" + b"x" * 5000)
    before = psutil.Process().memory_info().rss
    told = worker.evidence(tmp_path)
    assert psutil.Process().memory_info().rss - before < 50e6
    assert told[-2] == "std_err.txt: the cause"
    assert len(told[-1]) < 1100
    assert worker.evidence(tmp_path / "gone") == []


# the whole: an outage, with a waiter on another host


def _work(uri: str, host: str, serialised: dict[str, Any], answers: Any) -> None:
    """A process on a host of its own, on clocks that run ten times as fast."""
    socket.gethostname = lambda: host
    leases.HEARTBEAT_SECONDS = 0.5
    liveness.LOST_SECONDS, liveness.LONGEST_GAP = 6.0, 2.0
    while (outcome := run_job(uri, serialised)).state == "held":
        time.sleep(0.3)
    answers.put((host, outcome.state))


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    server = Server(tmp_path / "database").start()
    yield server
    server.stop(kill=True)


@pytest.mark.slow
def test_outage_longer_than_a_lost_heartbeat_with_a_waiter_elsewhere_gives_one_computation(
    own_server: Server, tmp_path: Path
) -> None:
    log, uri = tmp_path / "log", with_database(own_server.uri, "campaign")
    flow, records = prepared(Flow([array(str(log), "x", 1.0, 3, 25.0)]))
    store, answers = open_store(uri), FORK.Queue()
    Ledger(store).register(records)
    store.close()
    hosts = [FORK.Process(target=_work, args=(uri, host, flow.jobs[0].as_dict(), answers)) for host in ("a", "b")]
    hosts[0].start()
    while not computed(log):
        time.sleep(0.05)
    hosts[1].start()
    time.sleep(3.0)  # the waiter has looked
    own_server.stop(kill=True)
    time.sleep(9.0)
    own_server.start()
    found = sorted(answers.get(timeout=120) for _ in hosts)
    for process in hosts:
        process.join()
    assert computed(log) == ["x"]
    assert found == [("a", "done"), ("b", "reused")]
    store = open_store(uri)
    (record,) = Ledger(store).records()
    assert (record["attempts"], record["computed"], record["host"]) == (1, 1, "a")
    store.close()


def test_a_holder_that_died_elsewhere_is_replaced_once(own_server: Server, tmp_path: Path) -> None:
    log, uri = tmp_path / "log", with_database(own_server.uri, "campaign")
    flow, records = prepared(Flow([array(str(log), "x", 1.0, 3, 3.0)]))
    store, answers = open_store(uri), FORK.Queue()
    Ledger(store).register(records)
    first = FORK.Process(target=_work, args=(uri, "a", flow.jobs[0].as_dict(), answers))
    first.start()
    while not computed(log):
        time.sleep(0.02)
    first.kill()
    first.join()
    others = [FORK.Process(target=_work, args=(uri, host, flow.jobs[0].as_dict(), answers)) for host in ("b", "c")]
    for process in others:
        process.start()
    assert sorted(answers.get(timeout=60)[1] for _ in others) == ["done", "reused"]
    for process in others:
        process.join()
    assert computed(log) == ["x", "x"]
    (record,) = Ledger(store).records()
    assert (record["attempts"], record["computed"]) == (2, 1)
    assert list(store.work.iterdir()) == []
    store.close()
