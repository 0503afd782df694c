"""Run a content-addressed flow on this machine: several jobs side by side, each question once.

Jobs run in worker processes. A worker that dies takes one job with it, never the campaign. Jobs that
another live process computes in the same store are waited for, not computed again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from jobflow import Flow
from monty.json import MontyDecoder, MontyEncoder

from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.delivery import patient
from ..store.ledger import Ledger, State, job_key, job_record
from ..store.liveness import Mark, has_died, mark_of
from .worker import Outcome, begin, evidence, failure, run_job

__all__ = ["Event", "RunSummary", "available_cores", "run_flow"]

#: seconds between looks at a job that another process computes
POLL_SECONDS = 1.0
#: ready jobs that the ledger is asked for at once
_LOOK_AHEAD = 64


@dataclass(frozen=True)
class Event:
    """Something to tell the user."""

    name: str
    state: State
    seconds: float
    n_finished: int
    n_total: int
    message: str = ""
    key: str = ""


@dataclass
class RunSummary:
    """What a run did.

    Attributes
    ----------
    completed, reused, failed, blocked : list of str
        Keys of jobs computed now, found finished, failed now, and not started because an input failed
        or a job stopped its children.
    """

    completed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_flow(
    store: CampaignStore, flow: Flow, records: list[dict[str, Any]], on_event: Callable[[Event], None], workers: int = 0
) -> RunSummary:
    """Run every job of `flow` that has no result yet.

    Parameters
    ----------
    store : CampaignStore
    flow : Flow
        From :func:`catholyte.workflows.identity.content_address`.
    records : list of dict
        One ledger record per job (``key``, ``name``, engine, …).
    on_event : callable
        Told of each job that starts or ends.
    workers : int
        Jobs side by side; the number of cores where 0.
    """
    Ledger(store).register(records)
    return _Scheduler(store, flow, on_event).run(workers or available_cores())


class _Scheduler:
    """What is ready, what runs, and what became of it; a parent is a uuid, which stands for its replacements too.

    What a job's end changes is found from that job alone, so that its cost does not grow with the campaign.
    """

    def __init__(self, store: CampaignStore, flow: Flow, on_event: Callable[[Event], None]) -> None:
        self.store, self.ledger, self.on_event = store, Ledger(store), on_event
        self.summary = RunSummary()
        self.jobs: dict[str, dict[str, Any]] = {}
        #: place of each job in the order of the flow
        self.place: dict[str, int] = {}
        self.order: list[str] = []
        self.parents: dict[str, set[str]] = {}
        self.children: dict[str, list[str]] = {}
        #: how many of the jobs that bear a uuid are not finished; a job of another flow has its result in the store
        self.unfinished: dict[str, int] = {}
        #: places of the jobs that may run or do
        self.ready: list[int] = []
        self.not_before: dict[str, float] = {}
        self.dead_holders: dict[str, Mark] = {}
        self.finished: set[str] = set()
        #: failed, or never to run
        self.dead: set[str] = set()
        self.stopped = False
        for key in self._add([json.loads(json.dumps(job.as_dict(), cls=MontyEncoder)) for job in flow.jobs]):
            self._release(key)

    def _add(self, jobs: list[dict[str, Any]]) -> list[str]:
        """Enter serialised jobs; returns their keys."""
        from jobflow.core.job import Job

        keys = []
        for data in jobs:
            job: Job = MontyDecoder().process_decoded(data)
            key = job_key(job.uuid, job.index)
            keys.append(key)
            if key not in self.jobs:
                self.jobs[key], self.summary.names[key] = data, job.name
                self.place[key] = len(self.order)
                self.order.append(key)
                self.unfinished[job.uuid] = self.unfinished.get(job.uuid, 0) + 1
                self.parents[key] = set()
                self._depend(key, {uuid for uuid in job.input_uuids if uuid != job.uuid})
        return keys

    def _depend(self, key: str, parents: set[str]) -> None:
        """Let a job wait for others."""
        for parent in parents - self.parents[key]:
            self.children.setdefault(parent, []).append(key)
        self.parents[key] |= parents

    def _release(self, key: str) -> None:
        """Make a job ready whose parents are finished."""
        if key in self.finished or key in self.dead or any(self.unfinished.get(uuid) for uuid in self.parents[key]):
            return
        at = bisect_left(self.ready, self.place[key])
        if self.ready[at : at + 1] != [self.place[key]]:
            self.ready.insert(at, self.place[key])

    def _remove(self, key: str) -> None:
        at = bisect_left(self.ready, self.place[key])
        if self.ready[at : at + 1] == [self.place[key]]:
            del self.ready[at]

    def _block(self, keys: list[str]) -> None:
        """Give up jobs and all that wait for them."""
        left = deque(keys)
        while left:
            key = left.popleft()
            if key in self.finished or key in self.dead:
                continue
            self.dead.add(key)
            self.summary.blocked.append(key)
            self._remove(key)
            left.extend(self.children.get(key.partition(":")[0], ()))

    def run(self, workers: int) -> RunSummary:
        """Feed free workers until nothing is left."""
        others = set(multiprocessing.active_children())
        slots: list[ProcessPoolExecutor | None] = [None] * workers
        running: dict[Future[Outcome], tuple[str, int]] = {}
        try:
            while True:
                free = [i for i in range(workers) if i not in {slot for _, slot in running.values()}]
                due = self._due({key for key, _ in running.values()}, len(free)) if free else []
                cores = workers if not running and len(self.ready) == 1 else 1  # of a job that has no other beside it
                for key, slot in zip(due, free, strict=False):
                    executor = slots[slot] = slots[slot] or _new_executor()
                    dead = self.dead_holders.pop(key, None)
                    future = executor.submit(run_job, self.store.location, self.jobs[key], dead, cores)
                    running[future] = (key, slot)
                    self._tell(key, "running", 0.0)
                if not running:
                    if self.stopped or not self.ready:
                        break
                    time.sleep(POLL_SECONDS / 4)
                    continue
                for future in wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                    key, slot = running.pop(future)
                    if self._collect(key, future):
                        slots[slot] = None
        except KeyboardInterrupt:
            for child in set(multiprocessing.active_children()) - others:
                os.kill(int(child.pid or 0), signal.SIGINT)  # a terminal has told them already; one is enough for each
            raise
        finally:
            for started in slots:
                if started is not None:
                    started.shutdown(wait=True, cancel_futures=True)
        self.summary.blocked += [key for key in self.jobs if key not in self.finished and key not in self.dead]
        return self.summary

    def _due(self, busy: set[str], wanted: int) -> list[str]:
        """Jobs to start now; what the ledger knows as done is taken without starting a process for it."""
        found: list[str] = []
        while not self.stopped and len(found) < wanted:
            due = list(islice(self._candidates(busy | set(found)), max(wanted, _LOOK_AHEAD)))
            if not due:
                break
            records, done = patient(partial(self._look, due), "read job states")
            taken = [records[key] for key in due if records[key]["state"] == "running"]
            gone = {r["key"]: mark_of(r) for r in taken if has_died(self.store.location, r)}
            self.dead_holders |= gone
            held = {str(record["key"]) for record in taken} - gone.keys()
            self.not_before |= dict.fromkeys(held, time.monotonic() + POLL_SECONDS)
            found += [key for key in due if key not in held and key not in done]
            for key in due:
                if key in done:
                    shutil.rmtree(self._directory(key), ignore_errors=True)  # of a job killed after its delivery
                    self._end(key, Outcome("reused", dynamic=records[key].get("dynamic") or {}))
        return found

    def _look(self, keys: list[str]) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Records of some jobs, and which of them are done and have their document."""
        records = {record["key"]: record for record in self.ledger.records(keys)}
        if unknown := [key for key in keys if key not in records]:
            raise StoreError(
                f"{self.store.shown}: the store no longer knows {len(unknown)} jobs of this run",
                "was it replaced meanwhile? run again: what is finished is reused",
            )
        done = [record for record in records.values() if record["state"] == "done"]
        return records, {record["key"] for record in done} - self.ledger.without_document(done)

    def _candidates(self, busy: set[str]) -> Iterator[str]:
        """Ready jobs in the order of the flow that are neither busy nor looked at a moment ago."""
        keys = (self.order[place] for place in self.ready)
        now = time.monotonic()
        return (key for key in keys if key not in busy and self.not_before.get(key, 0) <= now)

    def _collect(self, key: str, future: Future[Outcome]) -> bool:
        """Take one outcome; returns True where the worker died."""
        died = False
        try:
            outcome = future.result()
        except BrokenProcessPool:
            died, outcome = True, self._bury(key)
        except Exception as error:  # the store was out of reach for the worker
            cause = failure(error, self._directory(key))
            patient(partial(self.ledger.bury, key, cause), "report a failure")
            outcome = Outcome("failed", message=cause["message"])
        self._end(key, outcome)
        return died

    def _bury(self, key: str) -> Outcome:
        """Outcome of a job whose worker died."""
        message = "the worker process was killed from outside"
        cause = {
            "error": "WorkerDied",
            "message": message,
            "advice": "most often memory: run again with fewer --workers",
            "evidence": evidence(self._directory(key)),
        }
        state = patient(partial(self.ledger.bury, key, cause), "report a failure")
        if state == "done":
            return Outcome("done", dynamic=(self.ledger.record(key) or {}).get("dynamic") or {})
        return Outcome("held" if state == "running" else "failed", message=message)

    def _directory(self, key: str) -> Path:
        return Path((self.ledger.record(key) or {}).get("directory") or self.store.work)

    def _end(self, key: str, outcome: Outcome) -> None:
        if outcome.state == "held":
            self.not_before[key] = time.monotonic() + POLL_SECONDS
            return
        uuid = key.partition(":")[0]
        self._remove(key)
        if outcome.state == "failed":
            self.summary.failed.append(key)
            self.dead.add(key)
            self._block(self.children.get(uuid, []))
        else:
            self.finished.add(key)
            (self.summary.reused if outcome.state == "reused" else self.summary.completed).append(key)
            self._grow(key, outcome.dynamic)
            self.unfinished[uuid] -= 1
            for child in self.children.get(uuid, ()):
                self._release(child)
        self._tell(key, outcome.state, outcome.seconds, outcome.message)

    def _grow(self, key: str, dynamic: dict[str, Any]) -> None:
        """Enter the jobs that a finished job added.

        Its children wait for its replacement, which bears its uuid, and for all jobs of a detour or of a
        replacement without an output.
        """
        uuid = key.partition(":")[0]
        children = list(self.children.get(uuid, ()))
        for kind in ("replace", "detour", "addition"):
            if kind in dynamic:
                fresh = [job_record(job["uuid"], job["index"], job["name"]) for job in dynamic[kind]]
                patient(partial(self.ledger.register, fresh), "enter added jobs")
                keys = self._add(dynamic[kind])
                added = {k.partition(":")[0] for k in keys}
                if kind != "addition" and uuid not in added:
                    for child in children:
                        self._depend(child, added - {child})
                for new in keys:
                    self._release(new)
        if dynamic.get("stop_children"):
            self._block(children)
        self.stopped = self.stopped or bool(dynamic.get("stop_jobflow"))

    def _tell(self, key: str, state: State, seconds: float, message: str = "") -> None:
        ended = len(self.finished) + len(self.summary.failed)
        self.on_event(Event(self.summary.names[key], state, seconds, ended, len(self.jobs), message, key))


def _new_executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=begin, initargs=(os.getpid(),)
    )
