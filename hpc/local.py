"""Run a content-addressed flow on this machine: several jobs side by side, each question once.

Jobs run in worker processes. A worker that dies takes one job with it, never the campaign. Jobs that
another live process computes in the same store are waited for, not computed again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow
from monty.json import MontyEncoder

from .ledger import Ledger, State, job_key
from .store import CampaignStore
from .worker import die_with_parent, run_job

__all__ = ["Event", "RunSummary", "available_cores", "run_flow"]

#: seconds between looks at a job that another process computes
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Event:
    """Something to tell the user."""

    name: str
    state: State
    seconds: float
    n_finished: int
    n_total: int
    message: str = ""


@dataclass
class RunSummary:
    """What a run did.

    Attributes
    ----------
    completed, reused, failed, blocked : list of str
        Keys of jobs computed now, found finished, failed now, and not started because an input failed.
    """

    completed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_flow(store: CampaignStore, flow: Flow, records: list[dict[str, Any]], on_event: Callable[[Event], None], workers: int = 0) -> RunSummary:
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
    def __init__(self, store: CampaignStore, flow: Flow, on_event: Callable[[Event], None]) -> None:
        self.store, self.ledger, self.on_event = store, Ledger(store), on_event
        self.summary = RunSummary()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.parents: dict[str, set[str]] = {}
        self.ready: list[str] = []
        self.not_before: dict[str, float] = {}
        self.finished: set[str] = set()
        self.stopped = False
        self._add([json.loads(json.dumps(job.as_dict(), cls=MontyEncoder)) for job in flow.jobs], flow)

    def _add(self, jobs: list[dict[str, Any]], flow: Flow | None = None, extra_parents: set[str] | None = None) -> list[str]:
        """Enter serialised jobs; returns their keys."""
        from jobflow.core.job import Job
        from monty.json import MontyDecoder

        keys = []
        for data in jobs:
            job: Job = MontyDecoder().process_decoded(data)
            key = job_key(job.uuid, job.index)
            keys.append(key)
            if key in self.jobs:
                continue
            self.jobs[key] = data
            self.summary.names[key] = job.name
            self.parents[key] = {uuid for uuid in job.input_uuids if uuid != job.uuid} | (extra_parents or set())
            if flow is None:
                self.ledger.register([{"key": key, "uuid": job.uuid, "index": job.index, "name": job.name}])
        self._refresh()
        return keys

    def _refresh(self) -> None:
        known = set(self.jobs)
        waiting = [k for k in self.jobs if k not in self.finished and k not in self.summary.failed and k not in self.summary.blocked]
        dead = set(self.summary.failed) | set(self.summary.blocked)
        self.ready = []
        for key in waiting:
            if self.parents[key] & dead:
                self.summary.blocked.append(key)
                dead.add(key)
            elif not (self.parents[key] & known) - self.finished:
                self.ready.append(key)

    def run(self, workers: int) -> RunSummary:
        """Feed free workers until nothing is left."""
        self._skip_finished()
        slots: list[ProcessPoolExecutor | None] = [None] * workers
        running: dict[Future[dict[str, Any]], tuple[str, int]] = {}
        try:
            while not self.stopped:
                busy = {key for key, _ in running.values()}
                due = [k for k in self.ready if k not in busy and self.not_before.get(k, 0) <= time.monotonic()]
                free = [i for i in range(workers) if i not in {slot for _, slot in running.values()}]
                for key, slot in zip(due, free, strict=False):
                    executor = slots[slot] = slots[slot] or _new_executor()
                    running[executor.submit(run_job, self.store.location, self.jobs[key])] = (key, slot)
                    self._tell(key, "running", 0.0)
                if not running and not self.ready:
                    break
                if not running:
                    time.sleep(POLL_SECONDS / 4)
                    continue
                for future in wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                    key, slot = running.pop(future)
                    if self._collect(key, future):
                        slots[slot] = None
        finally:
            for executor in slots:
                if executor is not None:
                    executor.shutdown(wait=True, cancel_futures=True)
        return self.summary

    def _skip_finished(self) -> None:
        """Take what the ledger knows as done without starting a process for it."""
        done = {r["key"]: r for r in self.ledger.records(list(self.jobs)) if r["state"] == "done"}
        while found := [k for k in self.ready if k in done and k not in self.finished]:
            for key in found:
                self._end(key, {"state": "reused", "seconds": 0.0, "message": "", "dynamic": done[key].get("dynamic") or {}})

    def _collect(self, key: str, future: Future[dict[str, Any]]) -> bool:
        """Take one outcome; returns True where the worker died."""
        try:
            outcome, died = future.result(), False
        except BrokenProcessPool:
            cause = {
                "error": "WorkerDied",
                "message": "the worker process was killed from outside",
                "advice": "most often memory: run again with fewer --workers",
                "evidence": [],
            }
            self.ledger.fail(key, 0.0, cause)
            outcome, died = {"state": "failed", "seconds": 0.0, "message": cause["message"], "dynamic": {}}, True
        self._end(key, outcome)
        return died

    def _end(self, key: str, outcome: dict[str, Any]) -> None:
        if outcome["state"] == "held":
            self.not_before[key] = time.monotonic() + POLL_SECONDS
            return
        if outcome["state"] == "failed":
            self.summary.failed.append(key)
        else:
            self.finished.add(key)
            (self.summary.reused if outcome["state"] == "reused" else self.summary.completed).append(key)
            self._grow(key, outcome["dynamic"])
        self._refresh()
        self._tell(key, outcome["state"], outcome["seconds"], outcome["message"])

    def _grow(self, key: str, dynamic: dict[str, Any]) -> None:
        """Enter the jobs that a finished job added; its children wait for replacements and detours."""
        uuid = key.partition(":")[0]
        children = [k for k, parents in self.parents.items() if uuid in parents or key in parents]
        for kind in ("replace", "detour", "addition"):
            if kind in dynamic:
                added = self._add(dynamic[kind])
                if kind != "addition":
                    for child in children:
                        self.parents[child] |= set(added) - {child}
        if dynamic.get("stop_children"):
            self.summary.blocked.extend(k for k in children if k not in self.summary.blocked)
        self.stopped = self.stopped or bool(dynamic.get("stop_jobflow"))

    def _tell(self, key: str, state: State, seconds: float, message: str = "") -> None:
        ended = len(self.finished) + len(self.summary.failed)
        self.on_event(Event(self.summary.names[key], state, seconds, ended, len(self.jobs), message))


def _new_executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=die_with_parent, initargs=(os.getpid(),))
