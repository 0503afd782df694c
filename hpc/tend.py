"""Look after queued jobs: what the scheduler has lost is put back in line, a bounded number of times, with its cause."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..configs.cluster import Cluster
from .fireworks_queue import OPEN_STATES, adapter
from .ledger import Ledger
from .store import CampaignStore

__all__ = ["LOST_LIMIT", "Round", "tend", "work_through"]

#: how often a job that the scheduler lost is put back before it waits for a person
LOST_LIMIT = 3
#: what a scheduler or a shell writes when it ends a job, and what that means
_CAUSES = (
    (r"DUE TO TIME LIMIT|walltime .* exceeded|h_rt", "WallTime", "the queue ended it at its wall time", "ask for a longer wall_time in the cluster file"),
    (r"NODE FAIL|node failure|DUE TO NODE", "NodeFailure", "its node failed", "nothing: it is tried again elsewhere"),
    (r"oom-kill|Out Of Memory|OUT_OF_MEMORY|Exceeded (job )?memory", "OutOfMemory", "it ran out of memory", "ask for more memory or nodes in the cluster file"),
    (
        r"No module named '?catholyte|catholyte: command not found",
        "NoPackage",
        "the node's Python cannot import catholyte",
        "check 'python' and 'setup' of the cluster file",
    ),
    (r"CANCELLED", "Cancelled", "it was cancelled in the queue", "submit again when it is wanted"),
    (r"No space left on device|Disk quota exceeded", "DiskFull", "the disk was full", "make room in work_dir"),
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

    It is put back in line with its cause in the ledger, at most :data:`LOST_LIMIT` times; then it is paused.
    """
    found = Round()
    alive = _queue(cluster)
    ledger = Ledger(store)
    for fw in pad.fireworks.find({"state": {"$in": ["RUNNING", "RESERVED", "FIZZLED"]}}, {"fw_id": 1, "state": 1, "spec.job_key": 1, "launches": 1}):
        launch = pad.launches.find_one({"launch_id": {"$in": fw["launches"]}}, sort=[("launch_id", -1)]) or {}
        number = next((entry["reservation_id"] for entry in launch.get("state_history", []) if "reservation_id" in entry), None)
        if fw["state"] != "FIZZLED" and (number is None or str(number) in alive):
            continue
        key = fw["spec"]["job_key"]
        record = ledger.record(key) or {}
        if fw["state"] == "FIZZLED" and record.get("state") == "failed":
            continue  # it failed by itself and says why: a person decides
        if record.get("state") != "done":
            store.states.update_one({"key": key, "host": {"$ne": socket.gethostname()}}, {"$set": {"heartbeat": 0.0}})  # its process went with the queue job
            ledger.bury(key, cause_of_loss(Path(launch.get("launch_dir", ".")), number))
        lost = int(record.get("lost") or 0) + 1
        store.states.update_one({"key": key}, {"$set": {"lost": lost}})
        if lost > LOST_LIMIT:
            pad.pause_fw(fw["fw_id"]) if fw["state"] != "FIZZLED" else None
            found.paused.append(key)
        else:
            pad.rerun_fw(fw["fw_id"])
            found.put_back.append(key)
    found.left = pad.fireworks.count_documents({"state": {"$in": [state for state in OPEN_STATES if state != "PAUSED"]}})
    return found


def cause_of_loss(directory: Path, number: str | None) -> dict[str, Any]:
    """Why the scheduler ended a job: from its output files, else unknown."""
    lines: list[str] = []
    for log in sorted(directory.glob("queue*.err")) + sorted(directory.glob("queue*.out")):
        lines += [f"{log.name}: {line}" for line in log.read_text(errors="replace").splitlines()[-12:]]
    text = "\n".join(lines)
    for pattern, error, message, advice in _CAUSES:
        if re.search(pattern, text, flags=re.IGNORECASE):
            return {"error": error, "message": f"{message} (queue job {number})", "advice": advice, "evidence": lines[-12:]}
    return {
        "error": "Lost",
        "message": f"queue job {number} is gone without a word (node crash, or killed from outside)",
        "advice": "nothing: it is tried again up to three times",
        "evidence": lines[-12:],
    }


def _queue(cluster: Cluster) -> set[str]:
    """Numbers of all jobs of the user that the scheduler knows as queued or running."""
    import getpass

    from ..configs.errors import StoreError

    user = getpass.getuser()
    command = {"slurm": ["squeue", "-h", "-u", user, "-o", "%i"], "pbs": ["qselect", "-u", user], "sge": ["qstat", "-u", user]}[cluster.scheduler]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise StoreError(f"the scheduler does not answer ({' '.join(command)}): {error}", "run this on a node that has the scheduler's commands") from None
    return {line.split()[0].split(".")[0] for line in answer.splitlines() if line.strip() and line.split()[0][0].isdigit()}


def work_through(
    store: CampaignStore, pad: Any, cluster: Cluster, config: Path, on_round: Callable[[Round], None], *, pause: float = 30.0, once: bool = False
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
    from fireworks.core.fworker import FWorker
    from fireworks.queue.queue_launcher import launch_rocket_to_queue

    from .delivery import patient

    queue = adapter(cluster, config)
    launches = cluster.work_dir / "launches"
    launches.mkdir(parents=True, exist_ok=True)
    while True:
        found = patient(lambda: tend(store, pad, cluster), "look after the queue")
        while len(_queue(cluster)) < cluster.max_jobs_in_queue and patient(lambda: pad.run_exists(FWorker()), "look for ready jobs"):
            number = patient(lambda: launch_rocket_to_queue(pad, FWorker(), queue, str(launches), reserve=True, strm_lvl="ERROR"), "submit a job")
            if not number:
                break
            found.queued.append(str(number))
        on_round(found)
        if once or found.left == 0:
            return
        time.sleep(pause)
