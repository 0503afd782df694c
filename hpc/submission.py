"""From a recipe to a queue: the same flow as on one machine, entered once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..configs.cluster import Cluster, load_cluster
from ..configs.errors import InputError, StoreError, UnknownNameError, near_match_hint
from ..workflows.recipe import Plan
from .campaign import read_plan, save_campaign
from .fireworks_launch import prepare_environment
from .store import CampaignStore, open_store, rehearsal_location

__all__ = ["MANAGERS", "open_cluster", "submit_campaign"]

MANAGERS = ("fireworks", "jobflow-remote")


def open_cluster(name: str, *, rehearsal: bool = False) -> tuple[Cluster, CampaignStore, Path]:
    """Return a cluster, its store, and the copy of its file that the launchers read.

    Raises
    ------
    InputError
        If the cluster file is wrong or work_dir cannot be written.
    StoreError
        If its MongoDB cannot be used.
    """
    cluster = load_cluster(name)
    if rehearsal:
        cluster = cluster.model_copy(update={"store": rehearsal_location(cluster.store)})
    uri = cluster.store_uri
    folder = cluster.work_dir / ("rehearsal" if rehearsal else "campaigns")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cluster {cluster.name}, key 'work_dir': {cluster.work_dir} cannot be written: {error.strerror or error}") from None
    config = folder / f"{cluster.name}.yaml"
    _write(config, cluster)
    prepare_environment(cluster)
    return cluster, open_store(uri), config


def _write(path: Path, cluster: Cluster) -> None:
    from ruamel.yaml import YAML

    partial = path.with_suffix(f".{os.getpid()}")
    with partial.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(cluster.model_dump(mode="json"), stream)
    partial.replace(path)


def submit_campaign(recipe: str, cluster_name: str, manager: str = "fireworks", engine: str | None = None, only: str | None = None) -> dict[str, Any]:
    """The JSON of ``submit``: ``flow_id``, names of the jobs entered, names of those adopted.

    Raises
    ------
    UnknownNameError
        If recipe, cluster, manager or engine is not known.
    InputError, StoreError
        If preflight finds a fault, or store or queue cannot be used; nothing is submitted then.
    """
    if manager not in MANAGERS:
        raise UnknownNameError(f"unknown manager {manager!r}; {near_match_hint(manager, MANAGERS)}")
    plan = read_plan(recipe, engine, only)
    cluster, store, _ = open_cluster(cluster_name, rehearsal=any(job.tier == "rehearsal" for job in plan.jobs))
    save_campaign(store, plan, [])
    submission = _enter(plan, store, cluster, manager)
    names = {job.key: job.name for job in plan.jobs}
    return {
        "flow_id": submission.flow_id,
        "jobs": [names[key] for key in submission.jobs],
        "adopted": [names[key] for key in submission.adopted],
        "store": store.shown,
        "cluster": cluster.name,
        "manager": manager,
        "skipped": plan.skipped,
    }


def _enter(plan: Plan, store: CampaignStore, cluster: Cluster, manager: str) -> Any:
    from pymongo.errors import PyMongoError

    records = [job.record() for job in plan.jobs]
    try:
        if manager == "jobflow-remote":
            from .remote_queue import submit_remote, write_project

            write_project(cluster)
            return submit_remote(store, plan.flow, records, cluster)
        from .fireworks_queue import launchpad, submit

        return submit(store, plan.flow, records, cluster, launchpad(cluster.store_uri))
    except PyMongoError as error:
        raise StoreError(f"the job database cannot be used: {str(error).splitlines()[0][:200]}", "check the URI, the network and the credentials") from None
