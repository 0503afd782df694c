"""jobflow-remote's states in the ledger: what its jobs have come to, and what is tried again."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ...configs.cluster import Cluster
from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger, job_key, job_record
from ..store.liveness import has_died
from ..store.turn import turn
from .losses import LOST_LIMIT, came_further, cause_of_loss, count_loss, gives_up, has_room, ran_out_of_room
from .scheduler import waiting_in_queue, waits_its_turn
from .tend import LOOK, Round

__all__ = ["mirror"]

#: states of jobflow-remote → states of the ledger
_STATES = {
    **dict.fromkeys(("WAITING", "READY", "PAUSED", "STOPPED", "USER_STOPPED"), "waiting"),
    **dict.fromkeys(
        (
            "CHECKED_OUT",
            "UPLOADED",
            "SUBMITTED",
            "RUNNING",
            "RUN_FINISHED",
            "DOWNLOADED",
            "BATCH_SUBMITTED",
            "BATCH_RUNNING",
        ),
        "running",
    ),
    **dict.fromkeys(("FAILED", "REMOTE_ERROR"), "failed"),
    "COMPLETED": "done",
}
#: what is read of a job in jobflow-remote's database
_FIELDS = (
    *("uuid", "index", "state", "job.name", "remote", "error", "run_dir", "start_time", "end_time", "db_id"),
    *("parents", "updated_on"),
)
#: states that a person ends
_PAUSED = ("PAUSED", "STOPPED", "USER_STOPPED")


def mirror(store: CampaignStore, cluster: Cluster, jobs: Any) -> Round:
    """Write jobflow-remote's states into the ledger, and try again what the scheduler lost, at most three times without
    a step in between. Two that look take turns: each loss is put back once."""
    with turn(store, LOOK):
        return _mirror(store, cluster, jobs)


def _mirror(store: CampaignStore, cluster: Cluster, jobs: Any) -> Round:
    ledger, found = Ledger(store), Round()
    try:
        queue = waiting_in_queue(cluster)
    except StoreError:  # states can be told without it
        queue = {}
    documents = list(jobs.jobs.find({}, _FIELDS))
    for document in documents:
        _mirror_one(store, ledger, cluster, jobs, document, queue, found)
    _sum_up(ledger, documents, queue, found)
    return found


def _mirror_one(
    store: CampaignStore,
    ledger: Ledger,
    cluster: Cluster,
    jobs: Any,
    document: dict[str, Any],
    queue: dict[str, str],
    found: Round,
) -> None:
    key, state = job_key(document["uuid"], document["index"]), _STATES[document["state"]]
    record = ledger.record(key)
    if record is None:
        entered = job_record(document["uuid"], document["index"], document["job"]["name"])
        ledger.register([{**entered, "manager": "jobflow-remote"}])
        record = ledger.record(key) or {}
    if record.get("state") == "done":
        return
    if record.get("state") == "running" and "pid" in record and not has_died(store.location, record):
        return  # a process of this package computes it
    if state == record.get("state") == "failed":
        cause = record.get("cause") or {}
        if ran_out_of_room(cause) and int(record.get("stalled") or 0) < LOST_LIMIT and has_room(cluster.work_dir):
            _again(ledger, key, cause, document, jobs, found)
    elif state == "done":
        _finish(ledger, key, document)
    elif state == "failed":
        _fail(ledger, key, document, jobs, found)
    elif document["state"] not in _PAUSED or record.get("state") != "failed":
        _tell(store, cluster, key, document, queue)


def _tell(store: CampaignStore, cluster: Cluster, key: str, document: dict[str, Any], queue: dict[str, str]) -> None:
    """Write where a job stands, by jobflow-remote and the queue."""
    remote = document.get("remote") or {}
    number = str(remote["process_id"]) if remote.get("process_id") else None
    told: dict[str, Any] = {
        "state": _STATES[document["state"]],
        "heartbeat": time.time(),
        "host": f"{cluster.name} (jobflow-remote)",
        "started": str(document.get("start_time") or ""),
        "scheduler": cluster.scheduler,
        "queue_job": number,
        "queue_reason": queue.get(number or "") or None,
        "directory": document.get("run_dir"),
    }
    if remote.get("error"):
        told["cause"] = {"error": "Remote", "message": str(remote["error"]), "advice": "", "evidence": []}
    store.states.update_one({"key": key, "state": {"$ne": "done"}}, {"$set": told, "$unset": {"pid": ""}})


def _sum_up(ledger: Ledger, documents: list[dict[str, Any]], queue: dict[str, str], found: Round) -> None:
    """What can still move, what keeps the rest from it, and why the queue keeps jobs waiting."""
    keys = [job_key(d["uuid"], d["index"]) for d in documents if _STATES[d["state"]] != "done"]
    records = {record["key"]: record for record in ledger.records(keys)} if keys else {}
    states: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        states.setdefault(document["uuid"], []).append(document)
    known: dict[str, bool] = {}

    def moves(uuid: str) -> bool:
        """Whether all that bears a uuid is done or can move."""
        if uuid not in known:
            known[uuid] = False
            known[uuid] = all(_STATES[d["state"]] == "done" or one_moves(d) for d in states.get(uuid, ()))
        return known[uuid]

    def one_moves(document: dict[str, Any]) -> bool:
        record = records.get(job_key(document["uuid"], document["index"]), {})
        if document["state"] in ("FAILED", "REMOTE_ERROR"):
            retried = int(record.get("stalled") or 0) < LOST_LIMIT and ran_out_of_room(record.get("cause") or {})
            return retried or record.get("state") != "failed"
        if document["state"] == "WAITING":
            return all(moves(parent) for parent in document.get("parents") or ())
        return document["state"] not in _PAUSED

    for document in documents:
        if _STATES[document["state"]] == "done":
            continue
        if one_moves(document):
            found.left += 1
        elif document["state"] != "WAITING":
            cause = (records.get(job_key(document["uuid"], document["index"]), {}).get("cause") or {}).get("message")
            found.blocked.append(f"{document['job']['name']} waits for a person: {cause or 'it was paused by hand'}")
    reasons = [reason for reason in queue.values() if not waits_its_turn(reason)]
    found.waiting = [f"{reasons.count(reason)} jobs wait in the queue: {reason}" for reason in sorted(set(reasons))]


def _finish(ledger: Ledger, key: str, document: dict[str, Any]) -> None:
    start, end = document.get("start_time"), document.get("end_time")
    ledger.finish(key, (end - start).total_seconds() if start and end else 0.0)


def _fail(ledger: Ledger, key: str, document: dict[str, Any], jobs: Any, found: Round) -> None:
    """A job that says why is failed; one that the scheduler ended is put back."""
    remote = document.get("remote") or {}
    text = str(document.get("error") or remote.get("error") or "")
    lost = (
        "jobflow/core/job.py" not in text or "FileNotFoundError" in text
    )  # a job whose own code was not reached did not fail by itself
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lost:
        ledger.fail(key, 0.0, {"error": "JobError", "message": lines[-1], "advice": "", "evidence": lines[-12:]})
        return
    cause = cause_of_loss(Path(document.get("run_dir") or "."), remote.get("process_id"))
    if _again(ledger, key, cause, document, jobs, found):
        logging.getLogger(__name__).warning(
            "%s is put back: %s", document["job"]["name"], text.strip() or cause["message"]
        )


def _again(ledger: Ledger, key: str, cause: dict[str, Any], document: dict[str, Any], jobs: Any, found: Round) -> bool:
    """Put a job back in line, or let it wait for a person; False where the runner has it in hand: then at the next
    look."""
    from jobflow_remote.utils.db import LockedDocumentError

    number = (document.get("remote") or {}).get("process_id")
    where = Path(document.get("run_dir") or ".")
    loss = f"{number} {document.get('updated_on')}"
    stalled = int((ledger.record(key) or {}).get("stalled") or 0) + 1
    final = gives_up(cause, stalled if not came_further(ledger, key, where) else 0, number)
    if final is None:
        try:
            jobs.rerun_job(db_id=document["db_id"], force=True, delete_files=False)
        except LockedDocumentError as error:
            logging.getLogger(__name__).warning("%s is put back later: %s", document["job"]["name"], error)
            return False
    count_loss(ledger, key, loss, where)
    ledger.fail(key, 0.0, final or cause)
    (found.put_back if final is None else found.paused).append(key)
    if final is None:
        ledger.store.states.update_one({"key": key, "state": "failed"}, {"$set": {"state": "waiting"}})
        document["state"] = "READY"
    return final is None
