"""Look after queued jobs: what the scheduler has lost is put back in line, a bounded number of times, with its
cause."""

from __future__ import annotations

import getpass
import logging
import re
import shutil
import socket
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ...configs.cluster import Cluster
from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger
from .fireworks import OPEN_STATES, adapter, ask_scheduler

__all__ = ["LOST_LIMIT", "Round", "cause_of_loss", "has_room", "ran_out_of_room", "tend", "work_through"]

T = TypeVar("T")

#: how often a job that the scheduler lost is put back before it waits for a person
LOST_LIMIT = 3
#: s after which a job that was reserved and never submitted is put back: its `tend` was killed in between
RESERVED_SECONDS = 120
#: share of a disk that must be free before a job that filled it is tried again
ROOM = 0.05
#: s for which a scheduler may refuse every job before that is an error, and not a bad moment
REFUSED_SECONDS = 600
_SCHEDULER_PAUSE = 5.0
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
    (r"CANCELLED", "Cancelled", "it was cancelled in the queue", "submit again when it is wanted"),
    (_NO_ROOM, "DiskFull", "the disk was full", "make room in work_dir"),
)


@dataclass
class Round:
    """What one look did: keys of jobs put back, of jobs that wait for a person, of jobs submitted to the queue."""

    put_back: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    left: int = 0


def tend(store: CampaignStore, pad: Any, cluster: Cluster) -> Round:
    """Compare FireWorks with the scheduler: a job that FireWorks calls running and the queue does not know is lost.

    It is put back in line with its cause in the ledger, at most :data:`LOST_LIMIT` times; then it waits for a person.
    So is a job that failed on a full disk, once there is room again.

    Raises
    ------
    StoreError
        If the scheduler does not answer.
    """
    found = Round()
    alive = _queue(cluster)
    ledger = Ledger(store)
    fields = {"fw_id": 1, "state": 1, "spec.job_key": 1, "launches": 1}
    for fw in pad.fireworks.find({"state": {"$in": ["RUNNING", "RESERVED", "FIZZLED"]}}, fields):
        launch = pad.launches.find_one({"launch_id": {"$in": fw["launches"]}}, sort=[("launch_id", -1)]) or {}
        number = next(
            (str(entry["reservation_id"]) for entry in launch.get("state_history", []) if "reservation_id" in entry),
            None,
        )
        key = fw["spec"]["job_key"]
        record = ledger.record(key) or {}
        if not _is_lost(fw["state"], launch, number, record, cluster, alive):
            continue
        if record.get("state") != "done":
            # its process went with the queue job
            store.states.update_one({"key": key, "host": {"$ne": socket.gethostname()}}, {"$set": {"heartbeat": 0.0}})
            if fw["state"] != "FIZZLED" or record.get("state") != "failed":
                ledger.bury(key, cause_of_loss(Path(launch.get("launch_dir", ".")), number))
        lost = int(record.get("lost") or 0) + 1
        store.states.update_one({"key": key}, {"$set": {"lost": lost}})
        if fw["state"] != "FIZZLED" or lost <= LOST_LIMIT:
            pad.rerun_fw(fw["fw_id"])
        if lost > LOST_LIMIT:
            if fw["state"] != "FIZZLED":
                pad.pause_fw(fw["fw_id"])
            found.paused.append(key)
        else:
            found.put_back.append(key)
    found.left = pad.fireworks.count_documents(
        {"state": {"$in": [state for state in OPEN_STATES if state != "PAUSED"]}}
    ) + _waiting_for_room(ledger, pad)
    return found


def _is_lost(
    state: str, launch: dict[str, Any], number: str | None, record: dict[str, Any], cluster: Cluster, alive: set[str]
) -> bool:
    """Whether nobody works on a job that FireWorks calls running, or one that failed is worth another try by itself."""
    if state == "FIZZLED":
        if int(record.get("lost") or 0) >= LOST_LIMIT:
            return False
        if record.get("state") != "failed":
            return True  # the launcher fell, the job did not say that it failed
        return ran_out_of_room(record.get("cause") or {}) and has_room(cluster.work_dir)  # otherwise a person decides
    if number is not None:
        # asked again: it may have been submitted in between
        return number not in alive and number not in _queue(cluster)
    since = [_utc(entry["created_on"]) for entry in launch.get("state_history", []) if "created_on" in entry]
    return state == "RESERVED" and bool(since) and (datetime.now(UTC) - max(since)).total_seconds() > RESERVED_SECONDS


def _utc(moment: datetime | str) -> datetime:
    """A time of FireWorks, which keeps it in UTC, without saying so, as text or as a date."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _waiting_for_room(ledger: Ledger, pad: Any) -> int:
    """Jobs that failed on a full disk and are tried again when there is room: the campaign is not at its end."""
    keys = [fw["spec"]["job_key"] for fw in pad.fireworks.find({"state": "FIZZLED"}, {"spec.job_key": 1})]
    records = ledger.records(keys) if keys else []
    return sum(
        r["state"] == "failed" and int(r.get("lost") or 0) < LOST_LIMIT and ran_out_of_room(r.get("cause") or {})
        for r in records
    )


def ran_out_of_room(cause: dict[str, Any]) -> bool:
    """Whether a job failed because its disk was full."""
    return bool(
        re.search(
            _NO_ROOM,
            "\n".join([str(cause.get("message", "")), *map(str, cause.get("evidence", []))]),
            flags=re.IGNORECASE,
        )
    )


def has_room(folder: Path) -> bool:
    """Whether a part of the disk is free, :data:`ROOM` of it."""
    usage = shutil.disk_usage(folder)
    return usage.free >= ROOM * usage.total


def cause_of_loss(directory: Path, number: str | None) -> dict[str, Any]:
    """Why the scheduler ended a job: from its output files, else unknown."""
    lines: list[str] = []
    for log in sorted(directory.glob("queue*.err")) + sorted(directory.glob("queue*.out")):
        lines += [f"{log.name}: {line}" for line in log.read_text(errors="replace").splitlines()[-12:]]
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


def _queue(cluster: Cluster) -> set[str]:
    """Numbers of all jobs of the user that the scheduler knows as queued or running."""
    user = getpass.getuser()
    command = {
        "slurm": ["squeue", "-h", "-u", user, "-o", "%i"],
        "pbs": ["qselect", "-u", user],
        "sge": ["qstat", "-u", user],
    }[cluster.scheduler]
    answer = ask_scheduler(command, "run this on a node that has the scheduler's commands")
    return {
        line.split()[0].split(".")[0] for line in answer.splitlines() if line.strip() and line.split()[0][0].isdigit()
    }


def work_through(
    store: CampaignStore,
    pad: Any,
    cluster: Cluster,
    config: Path,
    on_round: Callable[[Round], None],
    *,
    pause: float = 30.0,
    once: bool = False,
) -> None:
    """Look after the queue until no job is left: put lost ones back, submit ready ones.

    Parameters
    ----------
    store, pad, cluster
    config : Path
        Cluster file that the launchers read.
    on_round : callable
        Told after every look.
    pause : float
        s between looks.
    once : bool
        One look alone, for a cron job.
    """
    from ..store.delivery import patient

    launches = cluster.work_dir / "launches"
    launches.mkdir(parents=True, exist_ok=True)
    refused_since: float | None = None
    while True:
        found = patient(lambda: _patient_with_the_scheduler(lambda: tend(store, pad, cluster)), "look after the queue")
        refused = _submit_ready(pad, cluster, config, found)
        refused_since = (refused_since or time.monotonic()) if refused else None
        if refused_since is not None and time.monotonic() - refused_since > REFUSED_SECONDS:
            raise StoreError(
                f"the scheduler has refused every job for {REFUSED_SECONDS} s",
                "its words stand above; `catholyte doctor --cluster` looks further",
            )
        on_round(found)
        if once or found.left == 0:
            return
        time.sleep(pause)


def _submit_ready(pad: Any, cluster: Cluster, config: Path, found: Round) -> bool:
    """Hand ready jobs to the scheduler while there is room in the queue; True where it refused one."""
    from fireworks.core.fworker import FWorker
    from fireworks.queue.queue_launcher import launch_rocket_to_queue

    from ..store.delivery import patient

    queue, launches = adapter(cluster, config), str(cluster.work_dir / "launches")
    while patient(lambda: pad.run_exists(FWorker()), "look for ready jobs"):
        if len(_patient_with_the_scheduler(lambda: _queue(cluster))) >= cluster.max_jobs_in_queue:
            return False
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="cd is deprecated", category=FutureWarning)  # FireWorks' own
            number = patient(
                lambda: launch_rocket_to_queue(pad, FWorker(), queue, launches, reserve=True, strm_lvl="ERROR"),
                "submit a job",
            )
        if not number:
            return number is False
        found.queued.append(str(number))
    return False


def _patient_with_the_scheduler(action: Callable[[], T]) -> T:
    """Return ``action()``; a scheduler that does not answer for a moment is waited for."""
    until = time.monotonic() + REFUSED_SECONDS
    while True:
        try:
            return action()
        except StoreError as error:
            if time.monotonic() > until:
                raise
            logging.getLogger(__name__).warning("%s", error.message)
        time.sleep(_SCHEDULER_PAUSE)
