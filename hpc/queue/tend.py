"""Look after queued jobs: what the scheduler has lost is put back in line, a bounded number of times, with its
cause; twins are let go when their result is there; what cannot move is named."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...configs.cluster import Cluster
from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger
from ..store.liveness import has_died
from ..store.turn import turn
from .fireworks import adapter, let_go, set_waiting
from .losses import LOST_LIMIT, cause_of_loss, count_loss, gives_up, has_room, ran_out_of_room
from .scheduler import REFUSED_SECONDS, patient_with_the_scheduler, waiting_in_queue, waits_its_turn
from .standing import standing

__all__ = ["LOOK", "Round", "tell_queue", "tend", "work_through"]

#: name of the turn of whoever compares a manager with the scheduler
LOOK = "the look after the queue"
#: s after which a job that was reserved and never submitted is put back: its `tend` was killed in between
RESERVED_SECONDS = 120
#: how often a job whose result is there is handed to the queue again so that its workflow hears of it
_CLOSED_LIMIT = 3
_FIELDS = {"fw_id": 1, "name": 1, "state": 1, "spec": 1, "launches": 1}


@dataclass
class Round:
    """What one look did and found.

    Attributes
    ----------
    put_back, paused, queued : list of str
        Keys of jobs put back in line, keys of jobs that now wait for a person, numbers of jobs submitted to the queue.
    left : int
        Jobs that can still move.
    blocked : list of str
        One line on each job that keeps others from moving.
    waiting : list of str
        Why the queue does not start jobs, where it is not just their turn.
    """

    put_back: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    left: int = 0
    blocked: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


def tend(store: CampaignStore, pad: Any, cluster: Cluster) -> Round:
    """Compare FireWorks with the scheduler and with the ledger.

    A job that FireWorks calls running and the queue does not know is lost: it is put back in line with its cause in the
    ledger, at most :data:`LOST_LIMIT` times without a step in between; then it waits for a person. So is a job that
    failed on a full disk, once there is room again. One that was cancelled in the queue waits at once. A twin that
    waited, and a job that fell after its result was delivered, go on. Two that look take turns: each loss is put back
    once.

    Raises
    ------
    StoreError
        If the scheduler does not answer.
    """
    with turn(store, LOOK):
        return _tend(store, pad, cluster)


def _tend(store: CampaignStore, pad: Any, cluster: Cluster) -> Round:
    found, ledger = Round(), Ledger(store)
    alive = waiting_in_queue(cluster)
    for fw in pad.fireworks.find({"state": {"$in": ["RUNNING", "RESERVED", "FIZZLED", "PAUSED"]}}, _FIELDS):
        record = ledger.record(fw["spec"]["job_key"]) or {}
        if fw["state"] == "PAUSED":
            if fw["spec"].get("waits"):
                _look_at_twin(store, pad, cluster, fw, record)
            continue
        launch = pad.launches.find_one({"launch_id": {"$in": fw["launches"]}}, sort=[("launch_id", -1)]) or {}
        number = _number(launch)
        if fw["state"] == "RESERVED" and number in alive:
            tell_queue(store, record, number, alive[number], launch.get("launch_dir", ""))
        elif fw["state"] == "FIZZLED" and record.get("state") == "done":
            _close(pad, cluster, fw, found)
        elif _is_lost(fw, launch, number, record, cluster, alive):
            _put_back(store, pad, cluster, fw, launch, record, found)
    _sum_up(pad, ledger, alive, found)
    return found


def _sum_up(pad: Any, ledger: Ledger, alive: dict[str, str], found: Round) -> None:
    """What is left, what cannot move, and why the queue keeps jobs waiting."""
    keys = [fw["spec"]["job_key"] for fw in pad.fireworks.find({"state": "FIZZLED"}, {"spec.job_key": 1})]
    again = {
        r["key"]
        for r in (ledger.records(keys) if keys else [])
        if r["state"] == "failed" and int(r.get("stalled") or 0) < LOST_LIMIT and ran_out_of_room(r.get("cause") or {})
    }
    now = standing(pad, ledger, again)
    found.left, found.blocked = len(now.moving), now.blocked
    reasons = [reason for reason in alive.values() if not waits_its_turn(reason)]
    found.waiting = [f"{reasons.count(reason)} jobs wait in the queue: {reason}" for reason in sorted(set(reasons))]


def _number(launch: dict[str, Any]) -> str | None:
    """The number of a launch in the queue."""
    history = launch.get("state_history", [])
    return next((str(entry["reservation_id"]) for entry in history if "reservation_id" in entry), None)


def tell_queue(store: CampaignStore, record: dict[str, Any], number: str | None, reason: str, directory: str) -> None:
    """Write into the ledger that a job waits in the queue: its number there, why, and where it will run."""
    told = {"queue_job": number, "queue_reason": reason or "starts now", "directory": directory}
    if record.get("state") in ("waiting", "failed") and any(record.get(name) != value for name, value in told.items()):
        with store.exclusive():
            store.states.update_one({"key": record["key"], "state": record["state"]}, {"$set": told})


def _look_at_twin(store: CampaignStore, pad: Any, cluster: Cluster, fw: dict[str, Any], record: dict[str, Any]) -> None:
    """Let a twin go when the result is there, and make it the job itself when nobody else is left to compute it."""
    if record.get("state") == "done":
        let_go(pad, fw, cluster, done=True)
        return
    others = pad.fireworks.count_documents(
        {
            "spec.job_key": fw["spec"]["job_key"],
            "fw_id": {"$ne": fw["fw_id"]},
            "state": {"$nin": ["COMPLETED", "ARCHIVED", "DEFUSED"]},
            "spec.waits": {"$ne": True},
        }
    )
    if not others and (record.get("state") != "running" or has_died(store.location, record)):
        let_go(pad, fw, cluster, done=False)


def _close(pad: Any, cluster: Cluster, fw: dict[str, Any], found: Round) -> None:
    """A job fell whose result is in the store: it runs once more, finds it, and its workflow goes on."""
    if fw["spec"].get("closed", 0) < _CLOSED_LIMIT:
        pad.fireworks.update_one({"fw_id": fw["fw_id"]}, {"$inc": {"spec.closed": 1}})
        let_go(pad, fw, cluster, done=True)
        found.put_back.append(fw["spec"]["job_key"])


def _put_back(
    store: CampaignStore,
    pad: Any,
    cluster: Cluster,
    fw: dict[str, Any],
    launch: dict[str, Any],
    record: dict[str, Any],
    found: Round,
) -> None:
    """Put a lost job back in line, or let it wait for a person."""
    ledger, key, number = Ledger(store), fw["spec"]["job_key"], _number(launch)
    if record.get("state") == "done":
        let_go(pad, fw, cluster, done=True)
        found.put_back.append(key)
        return
    cause = cause_of_loss(Path(launch.get("launch_dir", ".")), number)
    if fw["state"] == "FIZZLED" and record.get("state") == "failed":
        cause = record.get("cause") or cause
    elif ledger.bury(key, cause, number) == "running":
        set_waiting(pad, fw["fw_id"])  # another process has it
        return
    where = Path(record.get("directory") or launch.get("launch_dir", "."))
    stalled = count_loss(ledger, key, f"launch {launch.get('launch_id')}", where)
    final = gives_up(cause, stalled, number)
    if final is not None:
        ledger.fail(key, 0.0, final)
    pad.rerun_fw(fw["fw_id"])
    if final is not None:
        pad.pause_fw(fw["fw_id"])
        found.paused.append(key)
        return
    with store.exclusive():
        store.states.update_one({"key": key, "state": "failed"}, {"$set": {"state": "waiting", "queue_job": None}})
    found.put_back.append(key)


def _is_lost(
    fw: dict[str, Any],
    launch: dict[str, Any],
    number: str | None,
    record: dict[str, Any],
    cluster: Cluster,
    alive: dict[str, str],
) -> bool:
    """Whether nobody works on a job that FireWorks calls running, or one that failed is worth another try by itself."""
    if fw["state"] == "FIZZLED":
        if int(record.get("stalled") or 0) > LOST_LIMIT:
            return False
        if record.get("state") != "failed":
            return True  # the launcher fell, the job did not say that it failed
        return ran_out_of_room(record.get("cause") or {}) and has_room(cluster.work_dir)  # otherwise a person decides
    if number is not None:
        # asked again: it may have been submitted in between
        return number not in alive and number not in waiting_in_queue(cluster)
    since = [_utc(entry["created_on"]) for entry in launch.get("state_history", []) if "created_on" in entry]
    late = bool(since) and (datetime.now(UTC) - max(since)).total_seconds() > RESERVED_SECONDS
    return fw["state"] == "RESERVED" and late


def _utc(moment: datetime | str) -> datetime:
    """A time of FireWorks, which keeps it in UTC, without saying so, as text or as a date."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)


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
    """Look after the queue until no job can move any more: put lost ones back, submit ready ones.

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
        found = patient(lambda: patient_with_the_scheduler(lambda: tend(store, pad, cluster)), "look after the queue")
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
        if len(patient_with_the_scheduler(lambda: waiting_in_queue(cluster))) >= cluster.max_jobs_in_queue:
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
