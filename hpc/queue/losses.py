"""What is known of a job that the queue ended: its cause, whether it had come further, and how often that has been.

A put-back without progress since the last one is counted; who comes no further within a wall time, or is lost again
and again, waits for a person.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from ..run.worker import last_lines
from ..store.ledger import Ledger

__all__ = [
    "LOST_LIMIT",
    "came_further",
    "cancelled",
    "cause_of_loss",
    "count_loss",
    "gives_up",
    "has_room",
    "progress",
    "ran_out_of_room",
]

#: how often a job that the scheduler lost is put back without having come further before it waits for a person
LOST_LIMIT = 3
#: share of a disk that must be free before a job that filled it is tried again
ROOM = 0.05
#: files that change whenever a whole ionic step, or a block of frames, has been computed
_MARKS = ("CONTCAR", "checkpoint.json", "relax.traj", "delivery.bson")
_NO_ROOM = r"No space left on device|Disk quota exceeded"
#: what a scheduler or a shell writes when it ends a job, and what that means
_CAUSES = (
    (
        r"DUE TO TIME LIMIT|walltime .* exceeded|h_rt",
        "WallTime",
        "the queue ended it at its wall time",
        "ask for a longer wall_time in the cluster file",
    ),
    (r"NODE FAIL|node failure|DUE TO NODE", "NodeFailure", "its node failed", "nothing: it is tried again elsewhere"),
    (r"PREEMPT", "Preempted", "another job took its place", "nothing: it is tried again"),
    (
        r"oom-kill|Out Of Memory|OUT_OF_MEMORY|Exceeded (job )?memory",
        "OutOfMemory",
        "it ran out of memory",
        "ask for more memory or nodes in the cluster file",
    ),
    (
        r"No module named '?catholyte|catholyte: command not found",
        "NoPackage",
        "the node's Python cannot import catholyte",
        "check 'python' and 'setup' of the cluster file",
    ),
    (r"CANCELLED", "Cancelled", "it was cancelled in the queue", "`catholyte retry` puts it back when it is wanted"),
    (_NO_ROOM, "DiskFull", "the disk was full", "make room in work_dir"),
)


def cause_of_loss(directory: Path, number: str | None) -> dict[str, Any]:
    """Why the scheduler ended a job: from its output files, else unknown."""
    logs = sorted(directory.glob("queue*.err")) + sorted(directory.glob("queue*.out"))
    own = [log for log in logs if log.stem == f"queue-{number}"]  # those of earlier queue jobs lie beside them
    lines = [f"{log.name}: {line}" for log in own or logs for line in last_lines(log)]
    text = "\n".join(lines)
    for pattern, error, message, advice in _CAUSES:
        if re.search(pattern, text, flags=re.IGNORECASE):
            return {
                "error": error,
                "message": f"{message} (queue job {number})",
                "advice": advice,
                "evidence": lines[-12:],
            }
    return {
        "error": "Lost",
        "message": f"queue job {number} is gone without a word (node crash, or killed from outside)",
        "advice": "nothing: it is tried again up to three times",
        "evidence": lines[-12:],
    }


def gives_up(cause: dict[str, Any], stalled: int, number: str | None) -> dict[str, Any] | None:
    """Whether a job waits for a person now, and the cause to tell them; None where it is put back.

    Parameters
    ----------
    cause : dict
        Of its end in the queue.
    stalled : int
        Put-backs without a step in between, this one included.
    number : str or None
        Of the queue job.
    """
    if cause["error"] == "Cancelled":
        return cause
    if cause["error"] == "WallTime" and stalled >= LOST_LIMIT:
        return {
            "error": "WallTime",
            "message": f"its wall time is too short for one step: {stalled} queue jobs have ended where the one before "
            f"had ended (the last is {number})",
            "advice": "ask for a longer wall_time in the cluster file, then `catholyte retry` it",
            "evidence": cause.get("evidence", []),
        }
    if stalled > LOST_LIMIT:
        advice = "" if cause["error"] == "Lost" else f"{cause['advice']}, then "
        return cause | {
            "advice": f"{advice}`catholyte retry` it: it was lost {stalled} times without a step in between"
        }
    return None


def cancelled(number: str | None) -> dict[str, Any]:
    """The cause of a job that a person has cancelled."""
    return {
        "error": "Cancelled",
        "message": f"it was cancelled in the queue (queue job {number})",
        "advice": "`catholyte retry` puts it back when it is wanted",
        "evidence": [],
    }


def progress(directory: Path) -> str:
    """What a job's directory holds of whole steps: a digest that changes with each step, empty before the first."""
    digest = hashlib.sha256()
    found = False
    for mark in _MARKS:
        for path in sorted(directory.rglob(mark)):
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if content:
                found = True
                digest.update(
                    f"{path.relative_to(directory)} {len(content)}".encode() + hashlib.sha256(content).digest()
                )
    return digest.hexdigest()[:16] if found else ""


def count_loss(ledger: Ledger, key: str, loss: str, directory: Path) -> int:
    """Count a put-back of a job, and return how many have followed each other without a whole step in between.

    Parameters
    ----------
    ledger : Ledger
    key : str
    loss : str
        What tells this loss from others: each is counted once, whoever sees it.
    directory : Path
        Where the job has run.
    """
    record = ledger.record(key) or {}
    if record.get("last_loss") == loss:
        return int(record.get("stalled") or 0)
    now = progress(directory)
    further = bool(now) and now != record.get("progress")
    stalled = 0 if further else int(record.get("stalled") or 0) + 1
    values = {"last_loss": loss, "stalled": stalled, "lost": int(record.get("lost") or 0) + 1}
    with ledger.store.exclusive():
        ledger.store.states.update_one(
            {"key": key, "last_loss": record.get("last_loss")},
            {"$set": values | ({"progress": now} if further else {})},
        )
    return stalled


def came_further(ledger: Ledger, key: str, directory: Path) -> bool:
    """Whether a job has finished a step since it was put back last."""
    now = progress(directory)
    return bool(now) and now != (ledger.record(key) or {}).get("progress")


def ran_out_of_room(cause: dict[str, Any]) -> bool:
    """Whether a job failed because its disk was full."""
    said = [str(cause.get("message", "")), *map(str, cause.get("evidence", []))]
    return bool(re.search(_NO_ROOM, "\n".join(said), flags=re.IGNORECASE))


def has_room(folder: Path) -> bool:
    """Whether a part of the disk is free, :data:`ROOM` of it."""
    usage = shutil.disk_usage(folder)
    return usage.free >= ROOM * usage.total
