"""Whether the process that computes a job still lives: judged on its own host by its process, elsewhere by a watch.

Clocks of two hosts are never compared. Who wants a job that another host computes looks at its heartbeat again and
again, and takes it for lost when the beat has not changed for :data:`LOST_SECONDS` of the looker's own monotonic clock.
A time in which nothing could be seen, because the database was away or the looker was suspended, does not count. Where
a queue job computes, its scheduler has the last word.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["HEARTBEAT_SECONDS", "LOST_SECONDS", "Mark", "has_died", "is_alive", "mark_of", "queue_job_of_here"]

HEARTBEAT_SECONDS = 20
#: a claim from another host counts as lost after this time of watching without a heartbeat, s
LOST_SECONDS = 180
#: s between two looks at most; after a longer pause a watch begins anew
LONGEST_GAP = 2.0 * HEARTBEAT_SECONDS
#: s between two questions to a scheduler about one job
ASK_SECONDS = 20.0
#: variable of a queue job's environment that holds its number → scheduler
_NUMBERS = {"SLURM_JOB_ID": "slurm", "PBS_JOBID": "pbs", "JOB_ID": "sge"}
_COMMANDS = {"slurm": ["squeue", "-h", "-o", "%T", "-j"], "pbs": ["qstat"], "sge": ["qstat", "-j"]}
#: what a scheduler says of a job that it does not know any more
_UNKNOWN = re.compile(r"invalid job id|unknown job ?id|job has finished|do(es)? not exist", re.IGNORECASE)
#: an attempt's number and its last heartbeat, as the owner's clock gave it: what changes while the owner lives
Mark = tuple[int, float]


@dataclass
class _Watch:
    """What a looker of this process has seen of one job: since when its mark has been the same, s of this process'
    clock."""

    mark: Mark
    since: float
    last: float
    asked: float = float("-inf")


#: watches by store and job
_WATCHES: dict[tuple[str, str], _Watch] = {}


def mark_of(record: Mapping[str, Any]) -> Mark:
    """What tells one sign of life from the next."""
    return int(record.get("attempts") or 0), float(record.get("heartbeat") or 0.0)


def is_alive(record: Mapping[str, Any]) -> bool:
    """Whether the holder of a running job seems to live, for display: for another host by the age of its heartbeat.

    Clocks may differ; nothing is taken over by this answer. See :func:`has_died`.
    """
    if record.get("host") != socket.gethostname():
        return time.time() - float(record.get("heartbeat") or 0) < LOST_SECONDS
    return _process_exists(record)


def has_died(place: str, record: Mapping[str, Any]) -> bool:
    """Whether the holder of a running job is gone, so that the job may be taken.

    Parameters
    ----------
    place : str
        Location of the store.
    record : mapping
        Of the ledger, read a moment ago; a job is watched over all calls of this process.
    """
    if record.get("host") == socket.gethostname():
        return not _process_exists(record)
    now, mark = time.monotonic(), mark_of(record)
    watch = _WATCHES.get((place, record["key"]))
    if watch is None or watch.mark != mark or now - watch.last > LONGEST_GAP:
        _WATCHES[place, record["key"]] = _Watch(mark, now, now)
        return False
    watch.last = now
    if now - watch.since < LOST_SECONDS:
        return False
    if (number := record.get("queue_job")) is None:
        return True
    if now - watch.asked < ASK_SECONDS:
        return False
    watch.asked = now
    return _is_queued(str(record.get("scheduler")), str(number)) is False


def queue_job_of_here() -> dict[str, str]:
    """Scheduler and number of the queue job in which this process runs; empty outside of a queue."""
    for variable, scheduler in _NUMBERS.items():
        if number := os.environ.get(variable):
            return {"scheduler": scheduler, "queue_job": number}
    return {}


def _is_queued(scheduler: str, number: str) -> bool | None:
    """Whether a scheduler knows a job as waiting or running; None where it does not answer."""
    try:
        found = subprocess.run([*_COMMANDS[scheduler], number], capture_output=True, text=True, timeout=60, check=False)
    except (KeyError, OSError, subprocess.SubprocessError):
        return None
    if found.returncode == 0:
        return bool(found.stdout.strip())
    return False if _UNKNOWN.search(found.stderr + found.stdout) else None


def _process_exists(record: Mapping[str, Any]) -> bool:
    """By process id and start time."""
    import psutil

    try:
        process = psutil.Process(int(record["pid"]))
        return bool(
            abs(process.create_time() - float(record["pid_started"])) < 2 and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
