"""Job states in the database, the same for a laptop and a cluster.

A record goes waiting → running → done | failed. Who computes a job is settled by one conditional
update (a claim); a claim whose process is gone is free again. ``computed`` counts how often a result
was really computed, so a test can see that it is once.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from .campaign_store import CampaignStore

__all__ = ["HEARTBEAT_SECONDS", "LOST_SECONDS", "Claim", "Ledger", "State", "is_alive", "job_key", "job_record", "now"]

State = Literal["waiting", "running", "done", "failed", "reused"]
HEARTBEAT_SECONDS = 20
#: a claim from another host counts as lost after this time without a heartbeat
LOST_SECONDS = 180


def now() -> str:
    """Time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def job_key(uuid: str, index: int = 1) -> str:
    """Key of a job's record: its uuid, with the index of a replacement where there is one."""
    return uuid if index == 1 else f"{uuid}:{index}"


def job_record(uuid: str, index: int, name: str) -> dict[str, Any]:
    """What is entered of a job that stands in no plan: one that another job added, or that a command runs by itself."""
    return {"key": job_key(uuid, index), "uuid": uuid, "index": index, "name": name}


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
        1 where nobody has started this job before.
    dynamic : dict or None
        What the job added to the flow, as the attempt announced that finished it, or that was killed before it could
        say so; see :meth:`Ledger.announce`.
    """

    state: Literal["taken", "done", "held"]
    holder: str = ""
    attempt: int = 1
    dynamic: dict[str, Any] | None = None


def is_alive(record: Mapping[str, Any]) -> bool:
    """True while the process that holds a running job exists.

    On this host the process id and its start time are looked up; for another host the age of the
    last heartbeat decides.
    """
    import psutil

    if record.get("host") != socket.gethostname():
        return time.time() - float(record.get("heartbeat") or 0) < LOST_SECONDS
    try:
        process = psutil.Process(int(record["pid"]))
        return bool(
            abs(process.create_time() - float(record["pid_started"])) < 2 and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


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
            if self.store._lock is not None and fresh:
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

    def claim(self, key: str) -> Claim:
        """Try to take a job for this process.

        Raises
        ------
        KeyError
            If the job was never registered.
        """
        import psutil

        record = self.record(key)
        if record is None:
            raise KeyError(key)
        if record["state"] == "done":
            return Claim("done", dynamic=record.get("dynamic"))
        if record["state"] == "running" and is_alive(record):
            return Claim("held", f"process {record['pid']} on {record['host']}")
        mine = {
            "state": "running",
            **_this_process(),
            "pid_started": psutil.Process().create_time(),
            "started": now(),
            "heartbeat": time.time(),
            "attempts": record["attempts"] + 1,
            "cause": None,
        }
        unchanged = {"key": key, "state": record["state"], "attempts": record["attempts"]}
        with self.store.exclusive():
            changed = self.store.states.update_one(unchanged, {"$set": mine})
        if not changed.modified_count:
            return Claim("held", "another process that was faster")
        return Claim(
            "taken", attempt=mine["attempts"], dynamic=record.get("dynamic", {}) if record.get("announced") else None
        )

    def beat(self, key: str) -> None:
        """Say that this process still computes the job."""
        self._set({"key": key, "state": "running", **_this_process()}, {"heartbeat": time.time()})

    def announce(self, key: str, dynamic: dict[str, Any]) -> None:
        """Write down what a job adds to the flow, just before its document is delivered.

        A job whose document is in the store and that has announced is complete, even where its process
        was killed before it could call :meth:`finish`.

        Parameters
        ----------
        key : str
        dynamic : dict
            Serialised jobs that this job adds at run time, so that a later run can go on with them.
        """
        # a time beside it, because MontyDB does not write an empty dictionary into a new field
        self._set({"key": key}, {"dynamic": dynamic, "announced": now()})

    def finish(self, key: str, seconds: float) -> None:
        """Mark a job done after its document was delivered, and count the computation.

        Parameters
        ----------
        key : str
        seconds : float
            Wall time of the computation, s; 0 where a killed attempt had delivered the document.
        """
        values = {"state": "done", "finished": now(), "wall_seconds": seconds, "cause": None}
        with self.store.exclusive():
            self.store.states.update_one({"key": key}, {"$set": values, "$inc": {"computed": 1}})

    def fail(self, key: str, seconds: float, cause: dict[str, Any]) -> None:
        """Mark a job failed, with ``{error, message, advice, evidence}``."""
        self._set({"key": key}, {"state": "failed", "finished": now(), "wall_seconds": seconds, "cause": cause})

    def bury(self, key: str, cause: dict[str, Any]) -> State:
        """Mark a job failed whose process died; return its state.

        What became of the job elsewhere stands: a result that was delivered, or another live process
        that has taken it.
        """
        with self.store.exclusive():
            record = self.record(key) or {}
            state: State = record.get("state", "waiting")
            if state == "done" or (state == "running" and is_alive(record)):
                return state
            self.fail(key, 0.0, cause)
        return "failed"

    def release(self, key: str) -> None:
        """Give a job back that was interrupted by the user: it waits again."""
        self._set({"key": key, **_this_process()}, {"state": "waiting"})

    def _set(self, which: dict[str, Any], values: dict[str, Any]) -> None:
        with self.store.exclusive():
            self.store.states.update_one(which, {"$set": values})


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}
