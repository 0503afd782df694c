"""A queue that lets go: wall times too short, cancels, twins, retries, what blocks, two submissions at once; under
both managers, on a database server, with the scheduler's words at hand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from fireworks import FWorker
from jobflow import Flow
from pymongo.errors import BulkWriteError

from catholyte.configs.errors import StoreError, UnknownNameError
from catholyte.hpc.commands.output import tend_command
from catholyte.hpc.queue import (
    control,
    fireworks_launch,
    losses,
    remote,
    remote_mirror,
    remote_project,
    submission,
    tend,
)
from catholyte.hpc.queue import scheduler as scheduler_module
from catholyte.hpc.queue.control import cancel_jobs, choose_failed, choose_jobs, retry_jobs
from catholyte.hpc.queue.fireworks import opened_launchpad, queue_terms, submit
from catholyte.hpc.queue.losses import LOST_LIMIT, cause_of_loss, count_loss, progress
from catholyte.hpc.queue.remote import submit_remote
from catholyte.hpc.queue.remote_mirror import mirror
from catholyte.hpc.queue.remote_project import controller, write_project
from catholyte.hpc.queue.submission import open_cluster
from catholyte.hpc.run.campaign import explain, in_queue, waits_in_queue
from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store import liveness
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.hpc.store.turn import turn
from catholyte.tests.support.command_line import Run
from catholyte.tests.support.database import Server, with_database
from catholyte.tests.support.engines.toy_jobs import add, pipeline, prepared


class Line:
    """A cluster whose scheduler is a dictionary, under one manager."""

    def __init__(self, folder: Path, uri: str, manager: str, alive: dict[str, str]) -> None:
        self.file = folder / "c.yaml"
        self.file.write_text(
            f"name: t\nscheduler: slurm\nwork_dir: {folder}/w\nstore: {uri}\nresources:\n"
            "  - {kinds: [md], resources: {nodes: 4, wall_time: 24 h}}\n  - resources: {wall_time: 1 h}\n"
        )
        self.log, self.manager, self.alive = folder / "log", manager, alive
        self.cluster, self.store, self.config = open_cluster(str(self.file))
        self.ledger = Ledger(self.store)
        self.closes: list[Callable[[], None]] = [self.store.close]
        if manager == "fireworks":
            opened = opened_launchpad(uri)
            self.pad = opened.__enter__()
            self.closes.append(lambda: opened.__exit__(None, None, None))
        else:
            write_project(self.cluster)
            self.jobs = controller(self.cluster)
            self.closes.append(self.jobs.close)
        self.numbers = iter(range(17, 1000))

    def submit(self, flow: Flow | None = None) -> Any:
        made = prepared(flow or pipeline(str(self.log)))
        if self.manager == "fireworks":
            return submit(self.store, *made, self.cluster, self.pad)
        return submit_remote(self.store, *made, self.cluster)

    def look(self) -> tend.Round:
        if self.manager == "fireworks":
            return tend.tend(self.store, self.pad, self.cluster)
        return mirror(self.store, self.cluster, self.jobs)

    def key(self, name: str) -> str:
        flow, _ = prepared(pipeline(str(self.log)))
        return next(str(job.uuid) for job in flow.jobs if job.function_args[1] == name)

    def record(self, name: str) -> dict[str, Any]:
        found = self.ledger.record(self.key(name))
        assert found is not None
        return found

    def starts(self, name: str, pending: str = "") -> str:
        """The job is handed to the queue; returns its number."""
        number = str(next(self.numbers))
        self.alive[number] = pending
        if self.manager == "fireworks":
            fw = self.pad.fireworks.find_one({"spec.job_key": self.key(name), "state": "READY"})
            _, launch = self.pad.reserve_fw(FWorker(), str(self.log.parent), fw_id=fw["fw_id"])
            self.pad.set_reservation_id(launch, number)
        else:
            self.jobs.jobs.update_one(
                {"uuid": self.key(name)},
                {"$set": {"state": "SUBMITTED", "remote.process_id": number, "run_dir": str(self.log.parent)}},
            )
        return number

    def falls(self, name: str, number: str, said: str) -> tend.Round:
        """The queue job is gone; what the scheduler wrote, and what a look makes of it."""
        del self.alive[number]
        (self.log.parent / f"queue-{number}.err").write_text(said)
        if self.manager != "fireworks":
            self.jobs.jobs.update_one({"uuid": self.key(name)}, {"$set": {"state": "FAILED", "error": "no result"}})
        return self.look()

    def state(self, name: str) -> str:
        """The manager's."""
        if self.manager == "fireworks":
            return str(self.pad.fireworks.find_one({"spec.job_key": self.key(name)}, sort=[("fw_id", 1)])["state"])
        return str(self.jobs.jobs.find_one({"uuid": self.key(name)})["state"])


#: under one manager alone: the other has no twins and no unique index, this one no runner
FIREWORKS, REMOTE = (
    pytest.mark.parametrize("line", [manager], indirect=True) for manager in ("fireworks", "jobflow-remote")
)


@pytest.fixture(params=["fireworks", "jobflow-remote"])
def line(
    request: pytest.FixtureRequest, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    for name in ("CATHOLYTE_WORK", "CATHOLYTE_STORE", "PATH", remote_project.PROJECTS_VARIABLE):
        monkeypatch.setenv(name, str(tmp_path / "bin"))  # restored afterwards; no scheduler of the machine's
    alive: dict[str, str] = {}
    for module in (tend, remote_mirror):
        monkeypatch.setattr(module, "waiting_in_queue", lambda cluster: dict(alive))
    made = Line(tmp_path, database_uri, request.param, alive)
    yield made
    for close in reversed(made.closes):
        close()


TIME = "slurmstepd: error: *** JOB 17 ON n1 CANCELLED AT 2026-11-21T05:00:00 DUE TO TIME LIMIT ***"
CANCEL = "slurmstepd: error: *** JOB 17 ON n1 CANCELLED AT 2026-11-21T05:00:00 ***"


def test_a_wall_time_too_short_is_counted_and_paused_with_its_cause(line: Line) -> None:
    line.submit()
    for ended in range(1, LOST_LIMIT + 1):
        found = line.falls("left", line.starts("left"), TIME)
        assert (len(found.put_back), len(found.paused)) == ((1, 0) if ended < LOST_LIMIT else (0, 1))
    record = line.record("left")
    assert (record["state"], record["cause"]["error"]) == ("failed", "WallTime")
    assert "too short for one step: 3 queue jobs" in record["cause"]["message"]
    assert "catholyte retry" in record["cause"]["advice"]
    last = line.look()
    assert (last.put_back, last.paused) == ([], [])
    assert len(last.blocked) == 1
    assert line.state("left") in ("PAUSED", "FAILED")


def test_a_job_that_comes_further_in_each_wall_time_goes_on_as_long_as_it_takes(line: Line) -> None:
    line.submit()
    for step in range(2 * LOST_LIMIT):
        (line.log.parent / "CONTCAR").write_text(f"step {step}")
        found = line.falls("left", line.starts("left"), TIME)
        assert (len(found.put_back), found.paused) == (1, []), step
    assert line.record("left")["lost"] == 2 * LOST_LIMIT
    for ended in range(1, LOST_LIMIT + 1):
        found = line.falls("left", line.starts("left"), TIME)
        assert len(found.paused) == (1 if ended == LOST_LIMIT else 0)


def test_one_loss_that_two_look_at_counts_once(line: Line, tmp_path: Path) -> None:
    line.submit()
    for _ in range(3):
        assert count_loss(line.ledger, line.key("left"), "launch 1", tmp_path) == 1
    assert count_loss(line.ledger, line.key("left"), "launch 2", tmp_path) == 2
    assert line.record("left")["lost"] == 2


def test_two_looks_at_once_put_a_lost_job_back_once(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.submit()
    number = line.starts("left")
    del line.alive[number]
    if line.manager != "fireworks":
        line.jobs.jobs.update_one({"uuid": line.key("left")}, {"$set": {"state": "FAILED", "error": "no result"}})
    both = threading.Barrier(2)

    def cause(*told: Any) -> dict[str, Any]:
        with contextlib.suppress(threading.BrokenBarrierError):
            if both.wait(3):  # the other has seen the loss too, if it may
                time.sleep(0.5)  # and acts first
        return cause_of_loss(*told)

    for module in (tend, remote_mirror):
        monkeypatch.setattr(module, "cause_of_loss", cause)
    with ThreadPoolExecutor(2) as threads:
        rounds = [look.result() for look in [threads.submit(line.look) for _ in range(2)]]
    assert sorted(len(found.put_back) for found in rounds) == [0, 1]
    assert (line.state("left"), line.record("left")["lost"]) == ("READY", 1)


def test_progress_is_a_whole_step(tmp_path: Path) -> None:
    assert progress(tmp_path) == ""
    (tmp_path / "CONTCAR").touch()
    (tmp_path / "OUTCAR").write_text("electronic steps")
    assert progress(tmp_path) == ""
    (tmp_path / "CONTCAR").write_text("step 1")
    first = progress(tmp_path)
    assert first
    (tmp_path / "OUTCAR").write_text("more electronic steps")
    assert progress(tmp_path) == first
    (tmp_path / "part-001").mkdir()
    (tmp_path / "CONTCAR").rename(tmp_path / "part-001" / "CONTCAR")
    (tmp_path / "CONTCAR").write_text("step 2")
    assert progress(tmp_path) not in ("", first)


def test_a_cancel_in_the_queue_is_a_cancel(line: Line) -> None:
    line.submit()
    found = line.falls("left", line.starts("left"), CANCEL)
    assert (found.put_back, found.paused) == ([], [line.key("left")])
    assert line.record("left")["cause"]["error"] == "Cancelled"
    assert line.look().put_back == []
    again = line.submit()
    assert again.jobs == []
    assert submission._stuck(line.store, again.adopted)[0].startswith("add: it was cancelled in the queue")


def test_the_words_of_an_earlier_queue_job_are_not_taken_for_the_cause(tmp_path: Path) -> None:
    (tmp_path / "queue-12.err").write_text(CANCEL)
    (tmp_path / "queue-13.err").write_text("")
    assert cause_of_loss(tmp_path, "12")["error"] == "Cancelled"
    assert cause_of_loss(tmp_path, "13")["error"] == "Lost"


# retry and cancel


@pytest.mark.parametrize("how", ["wall time", "cancelled here", "failed by itself"])
def test_a_job_that_waits_for_a_person_is_put_back_by_retry(line: Line, how: str) -> None:
    line.submit()
    if how == "wall time":
        for _ in range(LOST_LIMIT):
            line.falls("left", line.starts("left"), TIME)
    elif how == "cancelled here":
        cancel_jobs(line.store, line.cluster, line.manager, choose_jobs(line.store, [line.key("left")[:8]]))
    elif line.manager == "fireworks":
        number = line.pad.fireworks.find_one({"spec.job_key": line.key("left")})["fw_id"]
        line.pad.fireworks.update_one({"fw_id": number}, {"$set": {"state": "FIZZLED"}})
        line.ledger.fail(line.key("left"), 1.0, {"error": "JobError", "message": "no convergence", "advice": ""})
    else:
        trace = 'File ".../jobflow/core/job.py", line 1, in run\nCalculationError: no convergence'
        line.jobs.jobs.update_one({"uuid": line.key("left")}, {"$set": {"state": "FAILED", "error": trace}})
        line.look()
    record = line.record("left")
    assert record["state"] == "failed"
    assert {r["key"] for r in choose_failed(line.store, lost_only=False)} == {line.key("left")}
    assert bool(choose_failed(line.store, lost_only=True)) is (how != "failed by itself")
    decided = retry_jobs(line.store, line.cluster, line.manager, [record])
    assert (decided.changed, decided.left) == (["add"], [])
    assert line.state("left") == "READY"
    fresh = line.record("left")
    assert (fresh["state"], fresh["lost"], fresh["stalled"], fresh["cause"]) == ("waiting", 0, 0, None)
    assert line.look().left == 3
    line.falls("left", line.starts("left"), TIME)
    assert line.state("left") == "READY", "its counts begin anew"


def test_retry_leaves_alone_what_is_done_or_waits_its_turn(line: Line) -> None:
    line.submit()
    line.ledger.finish(line.key("left"), 1.0)
    line.store.outputs.docs_store.update([{"uuid": line.key("left"), "index": 1}], key=["uuid", "index"])
    decided = retry_jobs(line.store, line.cluster, line.manager, [line.record("left"), line.record("right")])
    assert (decided.changed, decided.left) == ([], ["add: it is done", "add: it waits its turn"])
    with pytest.raises(UnknownNameError, match="unknown job 'lefft'"):
        choose_jobs(line.store, ["lefft"])


def test_retry_computes_a_done_job_again_whose_document_is_gone(line: Line) -> None:
    line.submit()
    line.ledger.finish(line.key("left"), 1.0)
    if line.manager == "fireworks":
        line.pad.fireworks.update_one({"spec.job_key": line.key("left")}, {"$set": {"state": "COMPLETED"}})
    else:
        line.jobs.jobs.update_one({"uuid": line.key("left")}, {"$set": {"state": "COMPLETED"}})
    assert retry_jobs(line.store, line.cluster, line.manager, [line.record("left")]).changed == ["add"]
    assert (line.state("left"), line.record("left")["state"]) == ("READY", "waiting")


def test_cancel_takes_jobs_out_of_line_and_queue(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.submit()
    number = line.starts("left")
    ended: list[str] = []
    monkeypatch.setattr(control, "cancel_in_queue", lambda cluster, number: ended.append(number))
    if line.manager != "fireworks":
        monkeypatch.setattr(
            type(line.jobs), "_cancel_queue_process", lambda self, job: ended.append(job["remote"]["process_id"])
        )
    records = [line.record(name) for name in ("left", "right", "both")]
    assert len(cancel_jobs(line.store, line.cluster, line.manager, records).changed) == 3
    assert ended == [number]
    assert {line.state(name) for name in ("left", "right", "both")} <= {"PAUSED", "USER_STOPPED"}
    assert {line.record(name)["state"] for name in ("left", "right", "both")} == {"failed"}
    found = line.look()
    assert (found.left, len(found.blocked)) == (0, 1 if line.manager == "fireworks" else 3)
    assert {line.record(name)["state"] for name in ("left", "right", "both")} == {"failed"}
    again = retry_jobs(line.store, line.cluster, line.manager, [line.record(n) for n in ("left", "right", "both")])
    assert len(again.changed) == 3
    assert line.look().left == 3
    assert (line.state("left"), line.state("both")) == ("READY", "WAITING")


def test_a_cancelled_computation_ends(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from catholyte.hpc.store import lease

    line.submit()
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.1)
    claim = line.ledger.claim(line.key("left"))
    mine = lease.Lease(line.ledger, line.key("left"), claim.attempt)
    started = time.monotonic()
    with pytest.raises(lease.LeaseLostError), mine.kept():  # noqa: PT012
        cancel_jobs(line.store, line.cluster, line.manager, [line.record("left")])
        time.sleep(60)
    assert time.monotonic() - started < 30
    with pytest.raises(lease.LeaseLostError):
        mine.finish(1.0)
    assert line.record("left")["state"] == "failed"


# twins, and what has fallen after its result


@FIREWORKS
def test_a_twin_is_in_no_queue_until_the_result_is_there(line: Line) -> None:
    line.submit(Flow([add(str(line.log), "left", 1.0)]))
    line.submit()
    twins = list(line.pad.fireworks.find({"spec.job_key": line.key("left")}, sort=[("fw_id", 1)]))
    assert [(fw["state"], fw["spec"]["waits"]) for fw in twins] == [("READY", False), ("PAUSED", True)]
    assert line.look().left == 4
    assert line.pad.fireworks.count_documents({"state": "READY"}) == 2, "left and right"
    line.ledger.finish(line.key("left"), 1.0)
    line.look()
    twin = line.pad.fireworks.find_one({"fw_id": twins[1]["fw_id"]})
    assert twin["state"] == "READY"
    least = queue_terms(line.key("left"), line.cluster)
    assert twin["spec"]["_queueadapter"] == least
    assert least["job_name"].endswith("-w")


@FIREWORKS
def test_a_twin_takes_the_place_of_an_original_that_is_gone(line: Line) -> None:
    line.submit(Flow([add(str(line.log), "left", 1.0)]))
    line.submit()
    first = line.pad.fireworks.find_one({"spec.job_key": line.key("left")}, sort=[("fw_id", 1)])
    line.pad.archive_wf(first["fw_id"])
    line.look()
    states = [fw["state"] for fw in line.pad.fireworks.find({"spec.job_key": line.key("left")}, sort=[("fw_id", 1)])]
    assert states == ["ARCHIVED", "READY"]


@FIREWORKS
def test_a_twin_of_a_failed_job_does_not_keep_tend_going(line: Line) -> None:
    line.submit(Flow([add(str(line.log), "left", 1.0)]))
    line.submit()
    line.falls("left", line.starts("left"), CANCEL)
    found = line.look()
    assert found.left == 1, "right alone: both waits for the twin of left"
    line.ledger.finish(line.key("right"), 1.0)
    line.pad.fireworks.update_one({"spec.job_key": line.key("right")}, {"$set": {"state": "COMPLETED"}})
    found = line.look()
    assert found.left == 0
    assert any("it was cancelled in the queue" in why for why in found.blocked)


@FIREWORKS
@pytest.mark.parametrize("lost", [0, LOST_LIMIT])
def test_a_job_that_fell_after_its_result_is_closed(line: Line, lost: int) -> None:
    line.submit()
    key = line.key("left")
    line.ledger.finish(key, 1.0)
    line.store.states.update_one({"key": key}, {"$set": {"lost": lost, "stalled": lost}})
    line.pad.fireworks.update_one({"spec.job_key": key}, {"$set": {"state": "FIZZLED"}})
    found = line.look()
    assert (found.put_back, found.left, found.blocked) == ([key], 3, [])
    assert line.state("left") == "READY"
    for _ in range(3):  # a node on which nothing starts does not keep it for ever
        line.pad.fireworks.update_one({"spec.job_key": key}, {"$set": {"state": "FIZZLED"}})
        found = line.look()
    assert found.put_back == []
    assert found.left == 1


@FIREWORKS
def test_a_job_that_another_process_computes_leaves_the_queue(line: Line) -> None:
    line.submit()
    key = line.key("left")
    claim = line.ledger.claim(key)
    fw = line.pad.fireworks.find_one({"spec.job_key": key})
    outcome = run_job(line.store.location, json.loads(fw["spec"]["_tasks"][0]["job"]))
    assert outcome.state == "held"
    line.pad.fireworks.update_one({"fw_id": fw["fw_id"]}, {"$set": {"state": "FIZZLED"}})  # as ComputeTask ends
    line.look()
    assert line.pad.fireworks.find_one({"fw_id": fw["fw_id"]})["spec"]["waits"] is True
    assert (line.state("left"), line.record("left")["state"]) == ("PAUSED", "running")
    assert line.look().left == 3
    line.ledger.finish(key, 1.0, claim.attempt)
    line.look()
    assert line.state("left") == "READY"


# the launcher that is told to end


@FIREWORKS
@pytest.mark.parametrize(
    ("by", "left", "said", "paused"),
    [
        ("SIGUSR1", 100.0, "JobState=RUNNING", False),
        ("SIGTERM", 100.0, "JobState=CANCELLED", False),
        ("SIGTERM", 3000.0, "JobState=CANCELLED", True),
        ("SIGTERM", 3000.0, "JobState=NODE_FAIL", False),
        ("SIGTERM", 3000.0, None, True),
    ],
)
def test_a_launcher_tells_a_cancel_from_the_end_of_the_wall_time(
    line: Line, monkeypatch: pytest.MonkeyPatch, by: str, left: float, said: str | None, paused: bool
) -> None:
    line.submit()
    monkeypatch.setenv("SLURM_JOB_ID", line.starts("left"))

    def ask(command: list[str], advice: str) -> str:
        if said is None:
            raise StoreError("away")
        return f"JobId=17 {said} Reason=None"

    monkeypatch.setattr(scheduler_module, "ask_scheduler", ask)
    line.pad.fireworks.update_one({"spec.job_key": line.key("left")}, {"$set": {"state": "FIZZLED"}})
    fw = line.pad.fireworks.find_one({"spec.job_key": line.key("left")})
    told = fireworks_launch.settle(line.store, line.pad, line.cluster, fw, {"by": by, "left": left})
    assert line.state("left") == ("PAUSED" if paused else "READY"), told
    record = line.record("left")
    assert (record["state"] == "failed") is paused
    if paused:
        assert record["cause"]["error"] == "Cancelled"


# what the queue says


def test_status_and_why_tell_where_a_job_waits(line: Line, tmp_path: Path) -> None:
    line.submit()
    number = line.starts("left", pending="ReqNodeNotAvail, UnavailableNodes:n1")
    found = line.look()
    assert found.waiting == ["1 jobs wait in the queue: ReqNodeNotAvail, UnavailableNodes:n1"]
    record = line.record("left")
    assert waits_in_queue(record)
    assert in_queue(record) == f"waits in the queue as job {number} (ReqNodeNotAvail, UnavailableNodes:n1)"
    told = explain(record)
    assert told["cause"] == in_queue(record)
    assert (told["queue_job"], told["directory"]) == (number, str(tmp_path))


@FIREWORKS
@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("17|PENDING|Resources\n18|RUNNING|None\n19|PENDING|None\n", {"17": "Resources", "18": "", "19": "None"}),
        ("20_[1-3]|PENDING|Priority\n", {"20_[1-3]": "Priority"}),
        ("", {}),
    ],
)
def test_the_queue_says_why_it_waits(
    line: Line, monkeypatch: pytest.MonkeyPatch, answer: str, found: dict[str, str]
) -> None:
    monkeypatch.setattr(scheduler_module, "ask_scheduler", lambda command, advice: answer)
    assert scheduler_module.waiting_in_queue(line.cluster) == found


# two at once, outages, orphans


def test_two_submissions_at_once_enter_each_job_once(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def enter(number: int) -> Any:
        opened = open_store(line.store.location)
        try:
            with turn(opened, "submission"):
                known = line.submit()
                time.sleep(0.2)
                return known
        finally:
            opened.close()

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(enter, range(3)))
    assert sorted(len(one.jobs) for one in found) == [0, 0, 3]
    held = line.pad.fireworks.count_documents({}) if line.manager == "fireworks" else line.jobs.jobs.count_documents({})
    assert held == 3
    assert line.store.states.database["locks"].count_documents({}) == 0


def test_submit_takes_its_turn(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(submission, "_enter", lambda *given: order.append("entered") or pytest.fail("enough"))
    monkeypatch.setattr(submission, "check_cluster", lambda cluster: [])
    monkeypatch.setattr(submission, "check_plan", lambda plan, cluster: [])
    rehearsed = submission.open_cluster(str(line.file), rehearsal=True)[1]
    ended = threading.Event()

    def hold() -> None:
        with turn(rehearsed, f"submission to {line.manager}"):
            while not ended.wait(1.0):
                order.append("held")
            order.append("let go")

    holder = threading.Thread(target=hold)
    holder.start()
    while "held" not in order:
        time.sleep(0.05)
    threading.Timer(2.0, ended.set).start()
    with pytest.raises(pytest.fail.Exception, match="enough"):
        submission.submit_campaign("gsirr", str(line.file), line.manager, engine="rehearsal", only="electronic")
    holder.join()
    rehearsed.close()
    assert order[-2:] == ["let go", "entered"]


def test_a_turn_whose_holder_died_is_taken_over(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = {"host": liveness.socket.gethostname(), "pid": 2**22 + 1, "pid_started": 0.0, "heartbeat": 0.0}
    line.store.states.database["locks"].insert_one({"_id": "x", "key": "lock x", "token": "t", **dead})
    started = time.monotonic()
    with turn(line.store, "x"):
        assert line.store.states.database["locks"].count_documents({}) == 1
    assert time.monotonic() - started < 10
    assert line.store.states.database["locks"].count_documents({}) == 0


def test_a_turn_that_an_outage_left_behind_is_taken_up_again(line: Line) -> None:
    locks = line.store.states.database["locks"]
    with turn(line.store, "x"):
        held = locks.find_one({"_id": "x"})
    locks.insert_one(held)  # its end could not be written
    started = time.monotonic()
    with turn(line.store, "x"):
        assert locks.find_one({"_id": "x"})["token"] != held["token"]
    assert time.monotonic() - started < 10
    assert locks.count_documents({}) == 0


@REMOTE
def test_jobs_that_another_submission_entered_in_between_are_adopted(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.submit()
    flows = line.jobs.flows.count_documents({})

    class Blind:
        """Does not see what is entered."""

        def __getattr__(self, name: str) -> Any:
            return getattr(line.jobs.jobs, name)

        def find(self, *given: Any, **named: Any) -> Any:
            return []

    class Jobs:
        jobs = Blind()

        def __getattr__(self, name: str) -> Any:
            return getattr(line.jobs, name)

    found = remote._submit(line.store, *prepared(pipeline(str(line.log))), line.cluster, Jobs())
    assert (found.flow_id, found.jobs, len(found.adopted)) == (None, [], 3)
    assert line.jobs.flows.count_documents({}) == flows
    with pytest.raises(BulkWriteError):  # another trouble than a duplicate is none that adoption mends
        remote._add(_Failing(), Flow([add("log", "x", 1.0)]), line.cluster)


class _Failing:
    def add_flow(self, *given: Any, **named: Any) -> None:
        raise BulkWriteError({"writeErrors": [{"code": 121}]})


@pytest.mark.slow
def test_tend_that_starts_during_an_outage_waits(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CATHOLYTE_WORK", "CATHOLYTE_STORE", "PATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(tend, "waiting_in_queue", lambda cluster: {})
    server = Server(tmp_path / "database")
    file = tmp_path / "c.yaml"
    file.write_text(
        f"name: t\nscheduler: slurm\nwork_dir: {tmp_path}/w\nstore: {with_database(server.uri, 'late')}\n"
        "resources: [{resources: {}}]\n"
    )
    status, _, err = catholyte("tend", "--cluster", file, "--once")
    assert status == 2, "from cron the next look comes by itself"
    assert "MongoDB cannot be used" in err
    late = threading.Timer(8.0, server.start)
    late.start()
    try:
        status, out, err = catholyte("tend", "--cluster", file, "--pause", "0.1")
        assert (status, out) == (0, "nothing is left in line\n"), err
    finally:
        late.join()
        server.stop(kill=True)


@REMOTE
def test_a_runner_ends_with_its_tend_and_only_one_runs(line: Line, tmp_path: Path) -> None:
    parent = (
        "import sys, time; from pathlib import Path; from catholyte.configs.cluster import load_cluster;"
        "from catholyte.hpc.queue.remote import runner\n"
        f"with runner(load_cluster({str(line.file)!r}), Path({str(tmp_path)!r}) / 'runner.log'): print('on', flush=True); time.sleep(600)"
    )
    tends = [subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in tends:
            assert process.stdout is not None
            assert process.stdout.readline() == "on\n"
        runners = [child for process in tends for child in psutil.Process(process.pid).children()]
        assert len(runners) == 2
        tends[0].send_signal(signal.SIGKILL)
        tends[0].wait()
        assert not psutil.wait_procs(runners[:1], timeout=30)[1], "no orphan"
        assert runners[1].is_running()
    finally:
        for process in tends:
            process.kill()
            process.communicate()
    assert not psutil.wait_procs(runners, timeout=30)[1]


# the commands


def test_commands_retry_and_cancel(line: Line, catholyte: Run) -> None:
    line.submit()
    options = ["--cluster", str(line.file), "--manager", line.manager]
    status, out, err = catholyte("cancel", line.key("left")[:8], *options, "--json")
    assert (status, json.loads(out)) == (0, {"cancelled": ["add"], "left": []}), err
    status, out, _ = catholyte("retry", "--paused", *options, "--json")
    assert json.loads(out) == {"retried": ["add"], "left": []}
    catholyte("cancel", line.key("left"), *options)
    status, out, err = catholyte("retry", "--paused", *options)
    manager = "" if line.manager == "fireworks" else f" --manager {line.manager}"
    assert (status, out) == (0, "add\n")
    assert err == f"back in line; `catholyte tend --cluster {line.file}{manager}` hands them to the queue\n"
    status, _, err = catholyte("retry", *options)
    assert status == 2
    assert "--paused" in err
    campaigns = {
        "mine": [line.key(name) for name in ("left", "right", "both")],
        "yours": [line.key("right")],
    }
    for name, keys in campaigns.items():
        line.store.campaigns.insert_one({"name": name, "jobs": [{"key": key} for key in keys], "updated": name})
    status, out, err = catholyte("cancel", "mine", *options, "--json")
    assert json.loads(out) == {"cancelled": ["add", "add"], "left": ["add: yours asks for it too"]}
    assert line.state("right") == "READY"


def test_the_printed_tend_is_what_a_shell_needs() -> None:
    assert tend_command("mine", "fireworks", rehearsal=False) == "catholyte tend --cluster mine"
    told = tend_command("my cluster.yaml", "remote", rehearsal=True)
    assert told == "catholyte tend --cluster 'my cluster.yaml' --manager remote --rehearsal"


def test_tend_tells_a_script_that_a_job_waits_for_a_person(
    line: Line, catholyte: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.submit()
    monkeypatch.setattr(tend, "_submit_ready", lambda *given: False)
    options = ["--cluster", str(line.file), "--manager", line.manager, "--once"]
    assert catholyte("tend", *options)[0] == 0, "the queue works on it"
    catholyte("cancel", line.key("left"), *options[:-1])
    status, out, _ = catholyte("tend", *options, "--json")
    assert (status, len(json.loads(out)["blocked"])) == (1, 1)
    catholyte("retry", "--paused", *options[:-1])
    assert catholyte("tend", *options)[0] == 0


def test_copies_of_cluster_files_are_the_owners_alone(line: Line) -> None:
    old = os.umask(0)
    try:
        _, store, config = submission.open_cluster(str(line.file))
        store.close()
        path = write_project(line.cluster)
    finally:
        os.umask(old)
    assert {oct(file.stat().st_mode & 0o777) for file in (config, path)} == {"0o600"}
    assert [file.name for file in config.parent.iterdir()] == [config.name]
    assert not list(path.parent.glob(f"*.{os.getpid()}"))


def test_losses_of_a_full_disk_are_told_from_others() -> None:
    assert losses.ran_out_of_room({"message": "OSError: [Errno 28] No space left on device"})
    assert not losses.ran_out_of_room({"message": "no convergence"})
