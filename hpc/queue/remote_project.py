"""A cluster as jobflow-remote knows it: the project file, and the connection to its queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...configs.cluster import Cluster
from ...configs.errors import StoreError
from ..store.campaign_store import database_of
from .fireworks import preamble

__all__ = ["PROJECTS_VARIABLE", "controller", "project_name", "write_project"]

PROJECTS_VARIABLE = "JFREMOTE_PROJECTS_FOLDER"
#: s until jobflow-remote tries a step again that failed: its own pauses grow to 20 min after three attempts, too long
#: for a full disk
RETRY = {"max_step_attempts": 10, "delta_retry": [10, 30, 60]}


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
    lines = preamble(cluster)
    lines += [f'export {name}="{value}"' for name, value in cluster.environment.items()]
    lines += [
        f'export PATH="$(dirname "$(command -v {cluster.python})"):$PATH"'
    ]  # catholyte-rehearse lies beside that Python
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
        "runner": RETRY | (dict.fromkeys(delays, quick) if quick else {}),
        "workers": {cluster.name: worker},
        "queue": {
            "store": {
                "type": "MongoStore",
                "uri": uri,
                "database": f"{database}_jobflow_remote",
                "collection_name": "jobs",
            }
        },
        "exec_config": {},
        "jobstore": {
            "docs_store": {"type": "MongoStore", "uri": uri, "database": database, "collection_name": "outputs"},
            "additional_stores": {
                "data": {
                    "type": "GridFSStore",
                    "uri": uri,
                    "database": database,
                    "collection_name": "data",
                    "searchable_fields": ["job_uuid", "job_index"],
                }
            },
        },
    }
    path = folder / f"{project_name(cluster)}.yaml"
    partial = path.with_suffix(f".{os.getpid()}")  # a runner may be reading the file
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(project, stream)
    partial.replace(path)
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
    from pymongo.errors import ConnectionFailure, PyMongoError
    from ruamel.yaml import YAML

    path = cluster.work_dir / "jobflow-remote" / f"{project_name(cluster)}.yaml"
    try:
        found = JobController.from_project(Project.model_validate(YAML(typ="safe").load(path)))
        try:
            if found.auxiliary.find_one({"next_id": {"$exists": True}}) is None:
                found.reset(reset_output=False, max_limit=0)
        except PyMongoError:
            found.close()
            raise
    except ConnectionFailure:
        raise  # for those who wait until it is back
    except PyMongoError as error:
        raise StoreError(
            f"the job database cannot be used: {str(error).splitlines()[0][:200]}",
            "check the URI, the network and the credentials",
        ) from None
    return found
