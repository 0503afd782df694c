"""What a person decides about jobs in a queue: try again, or stop."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...configs.cluster import Cluster
from ...configs.errors import InputError, StoreError, UnknownNameError, near_match_hint
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger, now
from .scheduler import cancel_in_queue

__all__ = ["Decision", "cancel_jobs", "choose_failed", "choose_jobs", "retry_jobs", "shared_elsewhere"]

#: states of jobflow-remote in which a job waits for a person
_STOPPED = ("FAILED", "REMOTE_ERROR", "STOPPED", "PAUSED", "USER_STOPPED")
#: what is forgotten of a job's past when it is tried again
_FRESH: dict[str, Any] = {
    "state": "waiting",
    "lost": 0,
    "stalled": 0,
    "last_loss": None,
    "progress": None,
    "queue_job": None,
    "queue_reason": None,
    "cause": None,
}
_CANCELLED = {
    "error": "Cancelled",
    "message": "it was cancelled by `catholyte cancel`",
    "advice": "`catholyte retry` puts it back when it is wanted",
    "evidence": [],
}


@dataclass
class Decision:
    """Names of jobs that were put back or stopped, and of those left alone, with the reason."""

    changed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def choose_jobs(store: CampaignStore, names: Sequence[str]) -> list[dict[str, Any]]:
    """Records of jobs by name, key or the beginning of a key.

    Raises
    ------
    UnknownNameError
        If one is not known.
    """
    records = Ledger(store).records()
    found = []
    for name in names:
        fitting = [r for r in records if name in (r["key"], r["name"])] or [
            r for r in records if len(name) >= 4 and r["key"].startswith(name)
        ]
        if not fitting:
            raise UnknownNameError(f"unknown job {name!r}; {near_match_hint(name, [r['name'] for r in records])}")
        found += fitting
    return list({record["key"]: record for record in found}.values())


def choose_failed(store: CampaignStore, *, lost_only: bool) -> list[dict[str, Any]]:
    """Records of failed jobs; with `lost_only` of those that the queue ended and that wait for a person."""
    failed = list(store.states.find({"state": "failed"}))
    causes = ("Lost", "WallTime", "NodeFailure", "OutOfMemory", "Cancelled", "NoPackage", "Preempted", "DiskFull")
    return [r for r in failed if not lost_only or (r.get("cause") or {}).get("error") in causes]


def retry_jobs(store: CampaignStore, cluster: Cluster, manager: str, records: list[dict[str, Any]]) -> Decision:
    """Put jobs back in line that failed, were cancelled or paused, or whose result is gone; their counts begin anew."""
    found = Decision()
    with _manager(cluster, manager) as hands:
        for record in records:
            state = record["state"]
            gone = state == "done" and not _has_document(store, record)
            if state == "running" or (state == "done" and not gone):
                found.left.append(f"{record['name']}: it is {state}")
                continue
            if hands.again(record, gone):
                fenced = {"key": record["key"], "state": state, "attempts": record["attempts"]}
                with store.exclusive():
                    store.states.update_one(fenced, {"$set": _FRESH})
                found.changed.append(record["name"])
            elif state == "failed":
                found.left.append(f"{record['name']}: {manager} does not know it; submit its recipe again")
            else:
                found.left.append(f"{record['name']}: it waits its turn")
    return found


def cancel_jobs(store: CampaignStore, cluster: Cluster, manager: str, records: list[dict[str, Any]]) -> Decision:
    """Stop jobs: out of line, out of the queue, and out of the hands of the process that computes them."""
    found = Decision()
    with _manager(cluster, manager) as hands:
        for record in records:
            if record["state"] == "done":
                found.left.append(f"{record['name']}: it is done")
                continue
            change = {"state": "failed", "cause": _CANCELLED, "finished": now()}
            with store.exclusive():  # one attempt more: what still computes has lost its job
                store.states.update_one(
                    {"key": record["key"], "state": {"$ne": "done"}}, {"$set": change, "$inc": {"attempts": 1}}
                )
            hands.stop(record)
            found.changed.append(record["name"])
    return found


def shared_elsewhere(store: CampaignStore, campaign: str, keys: Sequence[str]) -> dict[str, str]:
    """Jobs of a campaign that another one asks for too: key → that campaign."""
    others = store.campaigns.find({"name": {"$ne": campaign}}, {"name": 1, "jobs.key": 1})
    wanted = set(keys)
    return {job["key"]: other["name"] for other in others for job in other["jobs"] if job["key"] in wanted}


def _has_document(store: CampaignStore, record: dict[str, Any]) -> bool:
    outputs: Any = store.outputs
    return bool(outputs.docs_store.count({"uuid": record["uuid"], "index": record["index"]}))


@dataclass
class _Hands:
    """What a queue manager does with one job: try again (with whether its result is gone) and stop."""

    again: Callable[[dict[str, Any], bool], bool]
    stop: Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def _manager(cluster: Cluster, manager: str) -> Any:
    """The manager's hands; its connection is closed at the end."""
    if manager == "jobflow-remote":
        from .remote_project import controller, write_project

        write_project(cluster)
        with contextlib.closing(controller(cluster)) as jobs:
            yield _Hands(
                lambda record, gone: _again_remote(jobs, cluster, record, gone),
                lambda record: _stop_remote(jobs, record),
            )
        return
    from .fireworks import opened_launchpad

    with opened_launchpad(cluster.store_uri) as pad:
        yield _Hands(
            lambda record, gone: _again_fireworks(pad, cluster, record, gone),
            lambda record: _stop_fireworks(pad, cluster, record),
        )


def _again_fireworks(pad: Any, cluster: Cluster, record: dict[str, Any], gone: bool) -> bool:
    from .fireworks import let_go

    states = ["FIZZLED", "PAUSED", "DEFUSED", *(["COMPLETED"] if gone else [])]
    fireworks = list(
        pad.fireworks.find(
            {"spec.job_key": record["key"], "state": {"$in": states}, "spec.waits": {"$ne": True}},
            {"fw_id": 1, "state": 1, "spec": 1},
            sort=[("fw_id", -1)],
        )
    )
    for fw in fireworks[:1]:  # twins of it find its result
        pad.fireworks.update_one({"fw_id": fw["fw_id"]}, {"$set": {"spec.closed": 0}})
        let_go(pad, fw, cluster, done=False)
    return bool(fireworks)


def _stop_fireworks(pad: Any, cluster: Cluster, record: dict[str, Any]) -> None:
    open_ones = pad.fireworks.find(
        {"spec.job_key": record["key"], "state": {"$in": ["WAITING", "READY", "RESERVED", "RUNNING"]}},
        {"fw_id": 1, "state": 1, "launches": 1},
    )
    for fw in list(open_ones):
        launch = pad.launches.find_one({"launch_id": {"$in": fw["launches"]}}, sort=[("launch_id", -1)]) or {}
        history = launch.get("state_history", [])
        number = next((str(entry["reservation_id"]) for entry in history if "reservation_id" in entry), None)
        if fw["state"] in ("RESERVED", "RUNNING") and number is not None:
            _end(cluster, number)
        if fw["state"] in ("RESERVED", "RUNNING"):
            pad.rerun_fw(fw["fw_id"])
        pad.pause_fw(fw["fw_id"])


def _end(cluster: Cluster, number: str) -> None:
    try:
        cancel_in_queue(cluster, number)
    except StoreError as error:  # it has ended by itself
        logging.getLogger(__name__).warning("%s", error.message)


def _again_remote(jobs: Any, cluster: Cluster, record: dict[str, Any], gone: bool) -> bool:
    from jobflow_remote.utils.db import LockedDocumentError

    from .remote import queue_terms

    which = {"uuid": record["uuid"], "index": record["index"]}
    document = jobs.jobs.find_one(which, {"db_id": 1, "state": 1, "job": 1})
    if document is None:
        return False
    if document["state"] in _STOPPED or gone:
        jobs.jobs.update_one(which, {"$set": {"resources": queue_terms(cluster, document["job"])}})
    try:
        if document["state"] in ("PAUSED", "USER_STOPPED"):
            jobs.resume_job(db_id=document["db_id"], wait=60)
            return True
        if document["state"] in _STOPPED or gone:
            jobs.rerun_job(db_id=document["db_id"], force=True, delete_files=False, wait=60)
            return True
    except LockedDocumentError:
        raise InputError(
            f"{record['name']}: jobflow-remote's runner has it in hand", "call the same command again in a minute"
        ) from None
    return False


def _stop_remote(jobs: Any, record: dict[str, Any]) -> None:
    from jobflow_remote.utils.db import LockedDocumentError

    document = jobs.jobs.find_one({"uuid": record["uuid"], "index": record["index"]}, {"db_id": 1, "state": 1})
    if document is None:
        return
    try:
        if document["state"] == "WAITING":
            jobs.pause_job(db_id=document["db_id"], wait=60)
        elif document["state"] not in ("COMPLETED", "FAILED", "PAUSED", "STOPPED", "USER_STOPPED"):
            jobs.stop_job(db_id=document["db_id"], wait=60)
    except LockedDocumentError:
        raise InputError(
            f"{record['name']}: jobflow-remote's runner has it in hand", "call the same command again in a minute"
        ) from None
