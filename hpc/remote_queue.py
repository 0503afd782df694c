"""jobflow-remote as queue manager: only its runner needs the database, compute nodes exchange files.

The project file is written from the cluster file. The runner is jobflow-remote's own (``jf runner start``); this module
enters flows, mirrors the jobs' states into the ledger, and tries again what the scheduler lost.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configs.cluster import Cluster, Resources
from ..configs.errors import StoreError
from .fireworks_queue import Submission, describe, queue_name
from .ledger import Ledger, job_key, now
from .store import CampaignStore, database_of
from .tend import LOST_LIMIT, Round, cause_of_loss

if TYPE_CHECKING:
    from jobflow import Flow

__all__ = ["PROJECTS_VARIABLE", "controller", "mirror", "project_name", "submit_remote", "write_project"]

PROJECTS_VARIABLE = "JFREMOTE_PROJECTS_FOLDER"
#: states of jobflow-remote → states of the ledger
_STATES = {
    **dict.fromkeys(("WAITING", "READY", "PAUSED", "STOPPED", "USER_STOPPED"), "waiting"),
    **dict.fromkeys(("CHECKED_OUT", "UPLOADED", "SUBMITTED", "RUNNING", "RUN_FINISHED", "DOWNLOADED", "BATCH_SUBMITTED", "BATCH_RUNNING"), "running"),
    **dict.fromkeys(("FAILED", "REMOTE_ERROR"), "failed"),
    "COMPLETED": "done",
}


def project_name(cluster: Cluster) -> str:
    """Name of the project in jobflow-remote: the cluster's, with the database it writes to."""
    return f"{cluster.name}-{database_of(cluster.store_uri)}"


def write_project(cluster: Cluster, quick: float | None = None) -> Path:
    """Write jobflow-remote's project file, readable by its owner alone, and name its folder in the environment.

    Parameters
    ----------
    cluster : Cluster
    quick : float, optional
        s between looks of the runner, for tests; jobflow-remote's 30 s where left out.
    """
    from ruamel.yaml import YAML

    folder = cluster.work_dir / "jobflow-remote"
    folder.mkdir(parents=True, exist_ok=True)
    uri, database = cluster.store_uri, database_of(cluster.store_uri)
    lines = [f"module load {module}" for module in cluster.modules] + list(cluster.setup)
    lines += [f"export CATHOLYTE_VASP_COMMAND='{cluster.vasp_command}'"] if cluster.vasp_command else []
    worker = {
        "type": "local",
        "scheduler_type": cluster.scheduler,
        "work_dir": str(cluster.work_dir / "jobflow-remote-jobs"),
        "pre_run": "\n".join(lines),
        "execution_cmd": f"{cluster.python} -c 'from jobflow_remote.cli.jf import app; app()' -fe execution run {{}}",
        "max_jobs": cluster.max_jobs_in_queue,
        **({"scheduler_username": os.environ.get("USER", "")} if cluster.scheduler == "sge" else {}),
    }
    delays = ("delay_checkout", "delay_check_run_status", "delay_advance_status", "delay_refresh_limited")
    project = {
        "name": project_name(cluster),
        "base_dir": str(folder / project_name(cluster)),
        "runner": dict.fromkeys(delays, quick) if quick else {},
        "workers": {cluster.name: worker},
        "queue": {"store": {"type": "MongoStore", "uri": uri, "database": f"{database}_jobflow_remote", "collection_name": "jobs"}},
        "exec_config": {},
        "jobstore": {
            "docs_store": {"type": "MongoStore", "uri": uri, "database": database, "collection_name": "outputs"},
            "additional_stores": {
                "data": {"type": "GridFSStore", "uri": uri, "database": database, "collection_name": "data", "searchable_fields": ["job_uuid", "job_index"]}
            },
        },
    }
    path = folder / f"{project_name(cluster)}.yaml"
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(project, stream)
    os.environ[PROJECTS_VARIABLE] = str(folder)
    return path


def controller(cluster: Cluster) -> Any:
    """jobflow-remote's job controller of the cluster's project; a new database gets its counters and indexes.

    Raises
    ------
    StoreError
        If its database does not answer.
    """
    from jobflow_remote.config.base import Project
    from jobflow_remote.jobs.jobcontroller import JobController
    from pymongo.errors import PyMongoError
    from ruamel.yaml import YAML

    path = cluster.work_dir / "jobflow-remote" / f"{project_name(cluster)}.yaml"
    try:
        found = JobController.from_project(Project.model_validate(YAML(typ="safe").load(path)))
        if found.auxiliary.find_one({"next_id": {"$exists": True}}) is None:
            found.reset(reset_output=False, max_limit=0)
    except PyMongoError as error:
        raise StoreError(f"the job database cannot be used: {str(error).splitlines()[0][:200]}", "check the URI, the network and the credentials") from None
    return found


def submit_remote(store: CampaignStore, flow: Flow, records: list[dict[str, Any]], cluster: Cluster) -> Submission:
    """Enter a flow in jobflow-remote; what is done or on its way already is adopted, not entered again.

    Raises
    ------
    StoreError
        If a new job needs the result of one that is on its way in an earlier flow: jobflow-remote cannot link the two.
    """
    from jobflow import Flow as Whole

    from ..workflows.identity import iter_jobs

    ledger, jobs = Ledger(store), controller(cluster)
    mirror(store, cluster, jobs)
    ledger.register([{**record, "manager": "jobflow-remote"} for record in records])
    keys = [record["key"] for record in records]
    done = {record["key"] for record in ledger.records(keys) if record["state"] == "done"}
    entered = {document["uuid"] for document in jobs.jobs.find({"uuid": {"$in": [key.partition(":")[0] for key in keys]}}, {"uuid": 1})}
    fresh = [job for job in iter_jobs(flow) if job_key(job.uuid, job.index) not in done and job.uuid not in entered]
    if not fresh:
        return Submission(None, [], sorted(keys))
    on_the_way = entered - {key.partition(":")[0] for key in done}
    if blocked := sorted({job.name for job in fresh if set(job.input_uuids) & on_the_way}):
        raise StoreError(
            f"{', '.join(blocked)} need results of jobs that an earlier flow is computing, and jobflow-remote cannot link flows",
            "submit again when those are done",
        )
    for job in fresh:
        job.hosts = []
        _dress(job, cluster)
    new = Whole([*fresh], name=flow.name)
    numbers = jobs.add_flow(new, worker=cluster.name, allow_external_references=True, resources=_terms(cluster, cluster.resources_for("", "static", 0)))
    return Submission(int(numbers[0]), [job_key(job.uuid, job.index) for job in fresh], sorted(set(keys) - {job_key(job.uuid, job.index) for job in fresh}))


def _dress(job: Any, cluster: Cluster) -> None:
    """Resources of one job by kind and size, and its name in the queue from its content hash."""
    from monty.json import MontyEncoder

    data = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder))
    terms = _terms(cluster, cluster.resources_for(*describe(data)))
    job.config.manager_config = {"resources": {**terms, "job_name": queue_name(job_key(job.uuid, job.index))}, "worker": cluster.name}


def _terms(cluster: Cluster, asked: Resources) -> dict[str, Any]:
    """Resources in the words of the scheduler's template (qtoolkit); what is not asked for is left out."""
    hours, rest = divmod(asked.wall_time, 3600)
    clock = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    terms: dict[str, Any]
    if cluster.scheduler == "slurm":
        terms = {
            "nodes": asked.nodes,
            "ntasks_per_node": asked.tasks_per_node,
            "cpus_per_task": asked.cpus_per_task,
            "time": clock,
            "partition": asked.partition,
            "account": cluster.account,
            "mem": asked.memory,
        }
    elif cluster.scheduler == "pbs":
        select = f"select={asked.nodes}:ncpus={asked.tasks_per_node * asked.cpus_per_task}:mpiprocs={asked.tasks_per_node}"
        terms = {"select": select + (f":mem={asked.memory}" if asked.memory else ""), "walltime": clock, "queue": asked.partition, "account": cluster.account}
    else:
        terms = {
            "parallel_environment": cluster.parallel_environment,
            "nproc": asked.cores,
            "walltime": clock,
            "queue": asked.partition,
            "project": cluster.account,
        }
    return {name: value for name, value in terms.items() if value is not None}


def mirror(store: CampaignStore, cluster: Cluster, jobs: Any = None) -> Round:
    """Write jobflow-remote's states into the ledger, and try again what the scheduler lost, at most three times."""
    jobs = jobs or controller(cluster)
    ledger, found = Ledger(store), Round()
    for document in jobs.jobs.find(
        {}, {"uuid": 1, "index": 1, "state": 1, "job.name": 1, "remote": 1, "error": 1, "run_dir": 1, "start_time": 1, "end_time": 1, "db_id": 1}
    ):
        key = job_key(document["uuid"], document["index"])
        state = _STATES[document["state"]]
        record = ledger.record(key)
        if record is None:
            ledger.register([{"key": key, "uuid": document["uuid"], "index": document["index"], "name": document["job"]["name"], "manager": "jobflow-remote"}])
            record = ledger.record(key) or {}
        if state in ("waiting", "running"):
            found.left += 1
        if record.get("state") == "done" or (state == record.get("state") == "failed"):
            continue
        if state == "done":
            _finish(ledger, key, document)
        elif state == "failed":
            _fail(store, ledger, key, document, jobs, found)
        else:
            remote = document.get("remote") or {}
            waiting = {"cause": {"error": "Remote", "message": str(remote["error"]), "advice": "", "evidence": []}} if remote.get("error") else {}
            times = {"heartbeat": time.time(), **waiting, "host": f"{cluster.name} (jobflow-remote)", "started": str(document.get("start_time") or "")}
            store.states.update_one({"key": key}, {"$set": {"state": state, **times}})
    return found


def _finish(ledger: Ledger, key: str, document: dict[str, Any]) -> None:
    start, end = document.get("start_time"), document.get("end_time")
    ledger.finish(key, (end - start).total_seconds() if start and end else 0.0)


def _fail(store: CampaignStore, ledger: Ledger, key: str, document: dict[str, Any], jobs: Any, found: Round) -> None:
    """A job that says why is failed; one that the scheduler ended is put back."""
    remote = document.get("remote") or {}
    text = str(document.get("error") or remote.get("error") or "")
    directory = Path(document.get("run_dir") or ".")
    lost = "Traceback" not in text or "FileNotFoundError" in text
    lines = [line for line in text.strip().splitlines() if line.strip()]
    cause = cause_of_loss(directory, remote.get("process_id")) if lost else {"error": "JobError", "message": lines[-1], "advice": "", "evidence": lines[-12:]}
    ledger.fail(key, 0.0, cause)
    times = int((ledger.record(key) or {}).get("lost") or 0) + 1
    if not lost:
        return
    store.states.update_one({"key": key}, {"$set": {"lost": times, "reported": now()}})
    if times > LOST_LIMIT:
        found.paused.append(key)
    else:
        jobs.rerun_job(db_id=document["db_id"], force=True, delete_files=False)
        found.put_back.append(key)
        found.left += 1
