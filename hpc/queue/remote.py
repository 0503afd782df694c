"""jobflow-remote as queue manager: only its runner needs the database, compute nodes exchange files.

The project file is written from the cluster file. The runner is jobflow-remote's own (``jf runner start``); this module
enters flows, mirrors the jobs' states into the ledger, and tries again what the scheduler lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.cluster import Cluster, Resources
from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore
from ..store.delivery import patient
from ..store.ledger import Ledger, job_key
from .fireworks import Submission, describe
from .remote_mirror import mirror
from .remote_project import controller, project_name, write_project
from .tend import Round

if TYPE_CHECKING:
    from jobflow import Flow

__all__ = ["queue_terms", "queue_terms_for", "runner", "submit_remote", "work_through_remote"]

#: MongoDB's code of a document that is there already
_DUPLICATE = 11000


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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some jobs are not connected", category=UserWarning)  # none needs be
        new = Whole([*fresh], name=flow.name)
        numbers = _add(jobs, new, cluster)
    if numbers is None:
        return Submission(None, [], sorted(keys))
    return Submission(
        int(numbers[0]),
        [job_key(job.uuid, job.index) for job in fresh],
        sorted(set(keys) - {job_key(job.uuid, job.index) for job in fresh}),
    )


def _add(jobs: Any, flow: Any, cluster: Cluster) -> list[str] | None:
    """Enter a flow; None where another submission has entered its jobs in the meantime."""
    from pymongo.errors import BulkWriteError

    try:
        numbers: list[str] = jobs.add_flow(
            flow,
            worker=cluster.name,
            allow_external_references=True,
            resources=queue_terms_for(cluster, cluster.resources_for("", "static", 0)),
        )
    except BulkWriteError as error:
        if any(problem.get("code") != _DUPLICATE for problem in (error.details or {}).get("writeErrors", [])):
            raise
        jobs.flows.delete_one({"uuid": flow.uuid})  # its document came before its jobs
        return None
    return numbers


def _dress(job: Any, cluster: Cluster) -> None:
    """Resources of one job by kind and size; its name in the queue is given by the runner."""
    from monty.json import MontyEncoder

    data = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder))
    job.config.manager_config = {"resources": queue_terms(cluster, data), "worker": cluster.name}


def queue_terms(cluster: Cluster, data: dict[str, Any]) -> dict[str, Any]:
    """Resources of a serialised job, in the words of the scheduler's template."""
    return queue_terms_for(cluster, cluster.resources_for(*describe(data)))


def queue_terms_for(cluster: Cluster, asked: Resources) -> dict[str, Any]:
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


@contextlib.contextmanager
def runner(cluster: Cluster, log: Path) -> Iterator[Callable[[], None]]:
    """jobflow-remote's runner as a child process; yields what starts it again where it ended.

    It is that of :mod:`.remote_runner`; ``jf -p NAME runner start`` starts jobflow-remote's own as a daemon instead.
    """
    command = [sys.executable, "-m", "catholyte.hpc.queue.remote_runner", project_name(cluster)]
    command += [str(log.with_name("runner.lock")), str(os.getpid())]
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
