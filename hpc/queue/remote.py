"""jobflow-remote as queue manager: only its runner needs the database, compute nodes exchange files.

The project file is written from the cluster file. The runner is jobflow-remote's own (``jf runner start``); this module
enters flows, mirrors the jobs' states into the ledger, and tries again what the scheduler lost.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.cluster import Cluster, Resources
from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.delivery import patient
from ..store.ledger import Ledger, job_key, job_record, now
from .fireworks import Submission, describe
from .remote_project import controller, project_name, write_project
from .tend import LOST_LIMIT, Round, cause_of_loss, has_room, ran_out_of_room

if TYPE_CHECKING:
    from jobflow import Flow

__all__ = ["mirror", "runner", "submit_remote", "work_through_remote"]

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
_FIELDS = ("uuid", "index", "state", "job.name", "remote", "error", "run_dir", "start_time", "end_time", "db_id")


def submit_remote(store: CampaignStore, flow: Flow, records: list[dict[str, Any]], cluster: Cluster) -> Submission:
    """Enter a flow in jobflow-remote; what is done or on its way already is adopted, not entered again.

    Raises
    ------
    StoreError
        If a new job needs the result of one that is on its way in an earlier flow: jobflow-remote cannot link the two.
    """
    with contextlib.closing(controller(cluster)) as jobs:
        return _submit(store, flow, records, cluster, jobs)


def _submit(store: CampaignStore, flow: Flow, records: list[dict[str, Any]], cluster: Cluster, jobs: Any) -> Submission:
    from jobflow import Flow as Whole

    from ...workflows.identity import iter_jobs

    ledger = Ledger(store)
    mirror(store, cluster, jobs)
    ledger.register([{**record, "manager": "jobflow-remote"} for record in records])
    keys = [record["key"] for record in records]
    done = {record["key"] for record in ledger.records(keys) if record["state"] == "done"}
    entered = {
        document["uuid"]
        for document in jobs.jobs.find({"uuid": {"$in": [key.partition(":")[0] for key in keys]}}, {"uuid": 1})
    }
    fresh = [job for job in iter_jobs(flow) if job_key(job.uuid, job.index) not in done and job.uuid not in entered]
    if not fresh:
        return Submission(None, [], sorted(keys))
    on_the_way = entered - {key.partition(":")[0] for key in done}
    if blocked := sorted({job.name for job in fresh if set(job.input_uuids) & on_the_way}):
        raise StoreError(
            (
                f"{', '.join(blocked)} need results of jobs that an earlier flow is computing, and jobflow-remote "
                "cannot link flows"
            ),
            "submit again when those are done",
        )
    for job in fresh:
        job.hosts = []
        _dress(job, cluster)
    new = Whole([*fresh], name=flow.name)
    numbers = jobs.add_flow(
        new,
        worker=cluster.name,
        allow_external_references=True,
        resources=_terms(cluster, cluster.resources_for("", "static", 0)),
    )
    return Submission(
        int(numbers[0]),
        [job_key(job.uuid, job.index) for job in fresh],
        sorted(set(keys) - {job_key(job.uuid, job.index) for job in fresh}),
    )


def _dress(job: Any, cluster: Cluster) -> None:
    """Resources of one job by kind and size; its name in the queue is given by the runner."""
    from monty.json import MontyEncoder

    data = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder))
    terms = _terms(cluster, cluster.resources_for(*describe(data)))
    job.config.manager_config = {"resources": terms, "worker": cluster.name}


def _terms(cluster: Cluster, asked: Resources) -> dict[str, Any]:
    """Resources in the words of the scheduler's template (qtoolkit); what is not asked for is left out."""
    terms: dict[str, Any]
    if cluster.scheduler == "slurm":
        terms = {
            "nodes": asked.nodes,
            "ntasks_per_node": asked.tasks_per_node,
            "cpus_per_task": asked.cpus_per_task,
            "time": asked.clock,
            "partition": asked.partition,
            "account": cluster.account,
            "mem": asked.memory,
        }
    elif cluster.scheduler == "pbs":
        select = (
            f"select={asked.nodes}:ncpus={asked.tasks_per_node * asked.cpus_per_task}:mpiprocs={asked.tasks_per_node}"
        )
        terms = {
            "select": select + (f":mem={asked.memory}" if asked.memory else ""),
            "walltime": asked.clock,
            "queue": asked.partition,
            "account": cluster.account,
        }
    else:
        terms = {
            "parallel_environment": cluster.parallel_environment,
            "nproc": asked.cores,
            "walltime": asked.clock,
            "queue": asked.partition,
            "project": cluster.account,
        }
    return {name: value for name, value in terms.items() if value is not None}


def mirror(store: CampaignStore, cluster: Cluster, jobs: Any) -> Round:
    """Write jobflow-remote's states into the ledger, and try again what the scheduler lost, at most three times."""
    ledger, found = Ledger(store), Round()
    for document in jobs.jobs.find({}, _FIELDS):
        key = job_key(document["uuid"], document["index"])
        state = _STATES[document["state"]]
        record = ledger.record(key)
        if record is None:
            entered = job_record(document["uuid"], document["index"], document["job"]["name"])
            ledger.register([{**entered, "manager": "jobflow-remote"}])
            record = ledger.record(key) or {}
        if state in ("waiting", "running"):
            found.left += 1
        if record.get("state") == "done":
            continue
        if state == record.get("state") == "failed":
            if ran_out_of_room(record.get("cause") or {}) and int(record.get("lost") or 0) < LOST_LIMIT:
                if has_room(cluster.work_dir):
                    _again(store, key, record, document, jobs, found)
                else:
                    found.left += 1
            continue
        if state == "done":
            _finish(ledger, key, document)
        elif state == "failed":
            _fail(store, ledger, key, document, jobs, found)
        else:
            remote = document.get("remote") or {}
            waiting = (
                {"cause": {"error": "Remote", "message": str(remote["error"]), "advice": "", "evidence": []}}
                if remote.get("error")
                else {}
            )
            times = {
                "heartbeat": time.time(),
                **waiting,
                "host": f"{cluster.name} (jobflow-remote)",
                "started": str(document.get("start_time") or ""),
            }
            store.states.update_one({"key": key}, {"$set": {"state": state, **times}})
    return found


@contextlib.contextmanager
def runner(cluster: Cluster, log: Path) -> Iterator[Callable[[], None]]:
    """jobflow-remote's runner as a child process; yields what starts it again where it ended.

    It is that of :mod:`.remote_runner`; ``jf -p NAME runner start`` starts jobflow-remote's own as a daemon instead.
    """
    command = [sys.executable, "-m", "catholyte.hpc.queue.remote_runner", project_name(cluster)]
    environment = {
        **os.environ,
        "SBATCH_NO_REQUEUE": "1",
    }  # Slurm holds a requeued job back for minutes; a lost one is put back at once
    children: list[subprocess.Popen[bytes]] = []

    def keep_running() -> None:
        if not children or children[-1].poll() is not None:
            with log.open("ab") as stream:
                children.append(
                    subprocess.Popen(
                        command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
                    )
                )

    keep_running()
    try:
        yield keep_running
    finally:
        children[-1].terminate()
        try:
            children[-1].wait(timeout=30)
        except subprocess.TimeoutExpired:
            children[-1].kill()


def work_through_remote(
    store: CampaignStore,
    cluster: Cluster,
    on_round: Callable[[Round], None],
    *,
    pause: float = 30.0,
    once: bool = False,
) -> None:
    """Run jobflow-remote's runner and mirror its jobs until none is left; with `once` mirror alone, beside a runner of
    the user's own.

    Parameters
    ----------
    store, cluster
    on_round : callable
        Told after every look.
    pause : float
        s between looks; the runner looks as often, at most every 30 s.
    once : bool
        One look alone, for a cron job.
    """
    write_project(cluster, quick=min(pause, 30.0))
    log = cluster.work_dir / "jobflow-remote" / "runner.log"
    with (
        contextlib.closing(controller(cluster)) as jobs,
        contextlib.nullcontext(_nothing) if once else runner(cluster, log) as keep_running,
    ):
        while True:
            found = patient(lambda: mirror(store, cluster, jobs), "look after the queue")
            on_round(found)
            if once or found.left == 0:
                return
            time.sleep(pause)
            keep_running()


def _nothing() -> None:
    """With a runner of the user's own there is none to keep running."""


def _finish(ledger: Ledger, key: str, document: dict[str, Any]) -> None:
    start, end = document.get("start_time"), document.get("end_time")
    ledger.finish(key, (end - start).total_seconds() if start and end else 0.0)


def _fail(store: CampaignStore, ledger: Ledger, key: str, document: dict[str, Any], jobs: Any, found: Round) -> None:
    """A job that says why is failed; one that the scheduler ended is put back."""
    remote = document.get("remote") or {}
    text = str(document.get("error") or remote.get("error") or "")
    directory = Path(document.get("run_dir") or ".")
    lost = (
        "jobflow/core/job.py" not in text or "FileNotFoundError" in text
    )  # a job whose own code was not reached did not fail by itself
    lines = [line for line in text.strip().splitlines() if line.strip()]
    cause = (
        cause_of_loss(directory, remote.get("process_id"))
        if lost
        else {"error": "JobError", "message": lines[-1], "advice": "", "evidence": lines[-12:]}
    )
    if lost and not _again(store, key, ledger.record(key) or {}, document, jobs, found):
        return
    ledger.fail(key, 0.0, cause)
    if lost:
        logging.getLogger(__name__).warning(
            "%s is put back: %s", document["job"]["name"], text.strip() or cause["message"]
        )


def _again(
    store: CampaignStore, key: str, record: dict[str, Any], document: dict[str, Any], jobs: Any, found: Round
) -> bool:
    """Put a job back in line, at most :data:`LOST_LIMIT` times; False where the runner has it in hand: then at the next
    look."""
    from jobflow_remote.utils.db import LockedDocumentError

    times = int(record.get("lost") or 0) + 1
    if times > LOST_LIMIT:
        found.paused.append(key)
    else:
        found.left += 1
        try:
            jobs.rerun_job(db_id=document["db_id"], force=True, delete_files=False)
        except LockedDocumentError as error:
            logging.getLogger(__name__).warning("%s is put back later: %s", document["job"]["name"], error)
            return False
        found.put_back.append(key)
    store.states.update_one({"key": key}, {"$set": {"lost": times, "reported": now()}})
    return True
