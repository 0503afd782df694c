"""Job states in the database, the same for a laptop and a cluster.

A record goes waiting → running → done | failed. Who computes a job is settled by one conditional
update (a claim); a claim whose process is gone is free again. Each claim has a number, the attempt, which
stands in the filter of everything that the attempt writes: one that has lost its job changes nothing.
``computed`` counts how often a result was really computed, so a test can see that it is once.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .campaign_store import CampaignStore
from .liveness import Mark, has_died, mark_of, queue_job_of_here

__all__ = ["Claim", "LeaseLostError", "Ledger", "State", "job_key", "job_record", "now", "work_directory"]

State = Literal["waiting", "running", "done", "failed", "reused"]


def now() -> str:
    """Time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def job_key(uuid: str, index: int = 1) -> str:
    """Key of a job's record: its uuid, with the index of a replacement where there is one."""
    return uuid if index == 1 else f"{uuid}:{index}"


def job_record(uuid: str, index: int, name: str) -> dict[str, Any]:
    """What is entered of a job that stands in no plan: one that another job added, or that a command runs by itself."""
    return {"key": job_key(uuid, index), "uuid": uuid, "index": index, "name": name}


def work_directory(store: CampaignStore, key: str, attempt: int) -> Path:
    """The directory in which one attempt at a job runs; it is gone when the job has succeeded."""
    return store.work / f"{key.replace(':', '-')}.{attempt}"


@dataclass(frozen=True)
class Claim:
    """Outcome of trying to take a job.

    Attributes
    ----------
    state : str
        ``taken`` (compute it), ``done`` (it has a result) or ``held`` (a live process computes it).
    holder : str
        Who holds it, where it is held.
    attempt : int
        Its number, 1 where nobody has started this job before: the token that fences its writes.
    taken_over : bool
        Whether the attempt before may still run, on another host from which no beat has come.
    dynamic : dict or None
        What the job added to the flow, as the attempt announced that finished it, or that was killed before it could
        say so; see :meth:`Ledger.announce`.
    """

    state: Literal["taken", "done", "held"]
    holder: str = ""
    attempt: int = 1
    taken_over: bool = False
    dynamic: dict[str, Any] | None = None


class LeaseLostError(KeyboardInterrupt):
    """A job was given to another attempt, or taken back by a person: clear up as after an interrupt."""


class Ledger:
    """All changes of job states go through here.

    Parameters
    ----------
    store : CampaignStore
    """

    def __init__(self, store: CampaignStore) -> None:
        self.store = store

    def register(self, records: list[dict[str, Any]]) -> None:
        """Enter jobs as waiting; a job that is known keeps its record."""
        with self.store.exclusive():
            known = {
                r["key"] for r in self.store.states.find({"key": {"$in": [r["key"] for r in records]}}, {"key": 1})
            }
            fresh = {
                r["key"]: {**r, "state": "waiting", "computed": 0, "attempts": 0, "submitted": now()}
                for r in records
                if r["key"] not in known
            }
            if self.store.database is not None and fresh:
                self.store.states.insert_many(list(fresh.values()))
                return
        for key, record in fresh.items():  # several submitters on one MongoDB: the unique index settles it
            self.store.states.update_one({"key": key}, {"$setOnInsert": record}, upsert=True)

    def record(self, key: str) -> dict[str, Any] | None:
        """The record of one job, or None."""
        found: dict[str, Any] | None = self.store.states.find_one({"key": key})
        return found

    def records(self, keys: list[str] | None = None) -> list[dict[str, Any]]:
        """Records of the jobs named, or of all."""
        return list(self.store.states.find({} if keys is None else {"key": {"$in": keys}}))

    def without_document(self, records: list[dict[str, Any]]) -> set[str]:
        """Keys of those jobs whose document is not in the store: where they count as done, they are to be computed
        again."""
        held = self.store.held([str(record["uuid"]) for record in records]) if records else set()
        return {str(record["key"]) for record in records if (record["uuid"], record["index"]) not in held}

    def claim(self, key: str, dead: Mark | None = None) -> Claim:
        """Try to take a job for this process.

        Parameters
        ----------
        key : str
        dead : tuple, optional
            The mark of a holder whom the caller has watched until it was lost.

        Raises
        ------
        KeyError
            If the job was never registered.
        """
        import psutil

        record = self.record(key)
        if record is None:
            raise KeyError(key)
        if record["state"] == "done" and not self.without_document([record]):
            return Claim("done", dynamic=record.get("dynamic"))
        running = record["state"] == "running"
        if running and mark_of(record) != dead and not has_died(self.store.location, record):
            return Claim("held", _holder(record))
        attempt = record["attempts"] + 1
        mine = {
            "state": "running",
            **_this_process(),
            "pid_started": psutil.Process().create_time(),
            "started": now(),
            "heartbeat": time.time(),
            "attempts": attempt,
            "directory": str(work_directory(self.store, key, attempt)),
            "scheduler": None,
            "queue_job": None,
            "queue_reason": None,
            **queue_job_of_here(),
            "cause": None,
        }
        unchanged = {"key": key, "state": record["state"], "attempts": record["attempts"]}
        if running and "heartbeat" in record:  # a beat in the last moment keeps it
            unchanged["heartbeat"] = record["heartbeat"]
        with self.store.exclusive():
            changed = self.store.states.update_one(unchanged, {"$set": mine})
        if not changed.modified_count:
            return Claim("held", "another process that was faster")
        return Claim(
            "taken",
            attempt=attempt,
            taken_over=running and record.get("host") != socket.gethostname(),
            dynamic=record.get("dynamic", {}) if record.get("announced") else None,
        )

    def beat(self, key: str, attempt: int) -> None:
        """Say that an attempt still computes the job.

        Raises
        ------
        LeaseLostError
            If the job is no longer that attempt's.
        """
        self._fenced({"key": key, "state": "running"}, {"$set": {"heartbeat": time.time()}}, attempt)

    def announce(self, key: str, dynamic: dict[str, Any], attempt: int | None = None) -> None:
        """Write down what a job adds to the flow, just before its document is delivered.

        A job whose document is in the store and that has announced is complete, even where its process
        was killed before it could call :meth:`finish`.

        Parameters
        ----------
        key : str
        dynamic : dict
            Serialised jobs that this job adds at run time, so that a later run can go on with them.
        attempt : int, optional
            Who says so; where left out, nobody computes the job in a process of this package.

        Raises
        ------
        LeaseLostError
            If the job is no longer that attempt's.
        """
        self._fenced({"key": key}, {"$set": {"dynamic": dynamic, "announced": now()}}, attempt)

    def finish(self, key: str, seconds: float, attempt: int | None = None) -> None:
        """Mark a job done after its document was delivered, and count the computation.

        Parameters
        ----------
        key : str
        seconds : float
            Wall time of the computation, s; 0 where a killed attempt had delivered the document.
        attempt : int, optional
            As for :meth:`announce`.

        Raises
        ------
        LeaseLostError
            If the job is no longer that attempt's.
        """
        values = {"state": "done", "finished": now(), "wall_seconds": seconds, "cause": None}
        which = {"key": key} if attempt is None else {"key": key, "state": {"$ne": "done"}}
        try:
            self._fenced(which, {"$set": values, "$inc": {"computed": 1}}, attempt)
        except LeaseLostError:
            record = self.record(key) or {}
            if record.get("state") != "done" or record.get("attempts") != attempt:
                raise  # otherwise it was written, and the answer got lost

    def take_over(self, key: str, facts: dict[str, Any], attempt: int) -> None:
        """Mark a job done whose result was computed elsewhere: it is not counted as computed.

        Parameters
        ----------
        key : str
        facts : dict
            Of the record: when it ran and for how long, and what it was imported from.
        attempt : int
            The claim under which its document was delivered.

        Raises
        ------
        LeaseLostError
            If the job is no longer that attempt's.
        """
        values = {"state": "done", "cause": None, "directory": None, **facts}
        self._fenced({"key": key, "state": {"$ne": "done"}}, {"$set": values}, attempt)

    def fail(self, key: str, seconds: float, cause: dict[str, Any], attempt: int | None = None) -> None:
        """Mark a job failed, with ``{error, message, advice, evidence}``.

        Raises
        ------
        LeaseLostError
            If the job is no longer that of `attempt`.
        """
        values = {"state": "failed", "finished": now(), "wall_seconds": seconds, "cause": cause}
        self._fenced({"key": key}, {"$set": values}, attempt)

    def bury(self, key: str, cause: dict[str, Any], queue_job: str | None = None) -> State:
        """Mark a job failed whose process died; return its state.

        What became of the job elsewhere stands: a result that was delivered, or another live process
        that has taken it.

        Parameters
        ----------
        key : str
        cause : dict
            Of its end.
        queue_job : str, optional
            Number of a queue job that the scheduler does not know any more: a process in it is dead.
        """
        with self.store.exclusive():
            record = self.record(key) or {}
            state: State = record.get("state", "waiting")
            gone = queue_job is not None and record.get("queue_job") == queue_job
            if state == "done" or (state == "running" and not gone and not has_died(self.store.location, record)):
                return state
            attempt = record.get("attempts")
            try:
                self.fail(key, 0.0, cause, attempt)
            except LeaseLostError:  # taken in between
                return str((self.record(key) or {}).get("state", "waiting"))  # type: ignore[return-value]
        return "failed"

    def release(self, key: str, attempt: int | None = None) -> None:
        """Give a job back that was interrupted by the user: it waits again."""
        with self.store.exclusive():
            holder = _this_process() if attempt is None else {"attempts": attempt}
            which = {"key": key, "state": "running", **holder}
            self.store.states.update_one(which, {"$set": {"state": "waiting"}})

    def _fenced(self, which: dict[str, Any], change: dict[str, Any], attempt: int | None) -> None:
        fence = {} if attempt is None else {"attempts": attempt}
        with self.store.exclusive():
            found = self.store.states.update_one({**which, **fence}, change)
        if attempt is not None and not found.matched_count:
            raise LeaseLostError(which["key"])


def _holder(record: dict[str, Any]) -> str:
    """Who computes a job, in words."""
    number = f", queue job {record['queue_job']}" if record.get("queue_job") else ""
    return f"process {record.get('pid')} on {record.get('host')}{number}"


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}
