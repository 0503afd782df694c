"""From a recipe to a queue: the same flow as on one machine, entered once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.cluster import Cluster, load_cluster
from ...configs.errors import InputError, StoreError, UnknownNameError, near_match_hint
from ...workflows.plan.builder import Plan
from ..run.campaign import read_plan, save_campaign
from ..run.forecast import calibration_of, forecast, has_production
from ..store.campaign_store import CampaignStore, open_store
from ..store.ledger import Ledger
from ..store.turn import turn
from .cluster_checks import check_cluster, check_plan, refuse
from .fireworks_launch import prepare_environment

if TYPE_CHECKING:
    from .tend import Round

__all__ = ["MANAGERS", "add_core_hours", "look_after", "open_cluster", "read_cluster", "submit_campaign"]

MANAGERS = ("fireworks", "jobflow-remote")


def read_cluster(name: str, *, rehearsal: bool = False) -> Cluster:
    """Return a cluster by name or file; a rehearsal has a database of its own and the stand-in for VASP."""
    cluster = load_cluster(name)
    return cluster.model_copy(update={"rehearsal": True}) if rehearsal else cluster


def open_cluster(name: str, *, rehearsal: bool = False, patient: bool = False) -> tuple[Cluster, CampaignStore, Path]:
    """Return a cluster, its store, and the copy of its file that the launchers read; with `patient` a database that is
    away is waited for.

    Raises
    ------
    InputError
        If the cluster file is wrong or work_dir cannot be written.
    StoreError
        If its MongoDB cannot be used.
    """
    cluster = read_cluster(name, rehearsal=rehearsal)
    uri = cluster.store_uri
    folder = cluster.work_dir / ("rehearsal" if rehearsal else "campaigns")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cluster {cluster.name}, key 'work_dir': {cluster.work_dir} cannot be written: {error.strerror or error}"
        ) from None
    config = folder / f"{cluster.name}.yaml"
    _write(config, cluster)
    prepare_environment(cluster)
    if patient:
        wait_for_database(uri)
    return cluster, open_store(uri), config


def _write(path: Path, cluster: Cluster) -> None:
    """Write the copy of a cluster file, whole or not at all, for its owner alone: it may hold a password."""
    from ruamel.yaml import YAML

    partial = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(cluster.model_dump(mode="json"), stream)
    partial.replace(path)


def wait_for_database(uri: str) -> None:
    """Wait until a MongoDB answers that is away.

    Raises
    ------
    StoreError
        If it stays away; see :func:`..store.delivery.patient`.
    """
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError

    from ..store.delivery import patient

    def ask() -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=5000)
        with client:
            client.admin.command("ping")

    with contextlib.suppress(ConfigurationError):  # a wrong URI is told by who opens it
        patient(ask, "open the database")


def submit_campaign(
    recipe: str,
    cluster_name: str,
    manager: str = "fireworks",
    engine: str | None = None,
    only: str | None = None,
    *,
    full: bool = False,
) -> dict[str, Any]:
    """The JSON of ``submit``: ``flow_id``, names of the jobs entered, names of those adopted.

    Raises
    ------
    UnknownNameError
        If recipe, cluster, manager or engine is not known.
    InputError, StoreError
        If preflight finds a fault, or store or queue cannot be used; nothing is submitted then.
    """
    _require_manager(manager)
    plan = read_plan(recipe, engine, only, full=full)
    rehearsal = plan.placeholder
    cluster = read_cluster(cluster_name, rehearsal=rehearsal)
    if not plan.jobs:
        raise InputError(
            f"recipe {plan.recipe.name} needs no job: it is evaluated from the phase set by `catholyte report`"
        )
    refuse([*check_cluster(cluster), *check_plan(plan, cluster)])
    cluster, store, _ = open_cluster(cluster_name, rehearsal=rehearsal)
    with contextlib.closing(store):
        plan = forecast(plan, calibration_of(store)) if has_production(plan) else plan
        with turn(store, f"submission to {manager}"):  # two at once would enter each job twice
            save_campaign(store, plan, [])
            submission = _enter(plan, store, cluster, manager)
        stuck = _stuck(store, [job.key for job in plan.jobs])
    names = {job.key: job.name for job in plan.jobs}
    return {
        "flow_id": submission.flow_id,
        "jobs": [names[key] for key in submission.jobs],
        "adopted": [names[key] for key in submission.adopted],
        "store": store.shown,
        "cluster": cluster.name,
        "manager": manager,
        "rehearsal": rehearsal,
        "skipped": plan.skipped,
        "waiting_for_a_person": stuck,
    }


def _stuck(store: CampaignStore, keys: list[str]) -> list[str]:
    """Jobs that were adopted and failed, with their causes."""
    failed = [record for record in Ledger(store).records(keys) if record["state"] == "failed"]
    return [f"{r['name']}: {(r.get('cause') or {}).get('message', 'no cause was recorded')}" for r in failed]


def _enter(plan: Plan, store: CampaignStore, cluster: Cluster, manager: str) -> Any:
    from pymongo.errors import PyMongoError

    records = [job.record() for job in plan.jobs]
    try:
        if manager == "jobflow-remote":
            from .remote import submit_remote, write_project

            write_project(cluster)
            return submit_remote(store, plan.flow, records, cluster)
        from .fireworks import opened_launchpad, submit

        with opened_launchpad(cluster.store_uri) as pad:
            return submit(store, plan.flow, records, cluster, pad)
    except PyMongoError as error:
        raise StoreError(
            f"the job database cannot be used: {str(error).splitlines()[0][:200]}",
            "check the URI, the network and the credentials",
        ) from None


def look_after(
    store: CampaignStore,
    cluster: Cluster,
    config: Path,
    manager: str,
    on_round: Callable[[Round], None],
    *,
    pause: float = 30.0,
    once: bool = False,
) -> None:
    """Tend the queue of either manager; see :func:`.tend.work_through` and :func:`.remote.work_through_remote`.

    Raises
    ------
    UnknownNameError
        If the manager is not known.
    StoreError
        If database or scheduler stay away.
    """
    _require_manager(manager)
    if manager == "jobflow-remote":
        from .remote import work_through_remote

        work_through_remote(store, cluster, on_round, pause=pause, once=once)
        return
    from .fireworks import opened_launchpad
    from .tend import work_through

    with opened_launchpad(cluster.store_uri) as pad:
        work_through(store, pad, cluster, config, on_round, pause=pause, once=once)


def _require_manager(manager: str) -> None:
    if manager not in MANAGERS:
        raise UnknownNameError(f"unknown manager {manager!r}; {near_match_hint(manager, MANAGERS)}")


def add_core_hours(document: dict[str, Any], plan: Plan, cluster: Cluster) -> dict[str, Any]:
    """Return the JSON of ``plan`` with what each job asks of a cluster.

    Parameters
    ----------
    document : dict
        From :func:`..run.campaign.plan_document`; jobs in the order of the plan.
    plan : Plan
    cluster : Cluster

    Returns
    -------
    dict
        Each job with ``cores``, ``wall_time`` (s, the limit), ``core_hours`` (h, estimate: processor time, as if the
        cores scaled perfectly) and ``core_hours_at_most`` (h, cores × limit); the totals of the last two.
    """
    jobs = []
    for told, job in zip(document["jobs"], plan.jobs, strict=True):
        asked = cluster.resources_for(
            job.engine, job.kind, job.n_atoms if job.tier else 0
        )  # plain Python asks for the least
        most = asked.cores * asked.wall_time / 3600
        jobs.append(
            {
                **told,
                "cores": asked.cores,
                "wall_time": asked.wall_time,
                "core_hours": job.cost_seconds / 3600,
                "core_hours_at_most": most,
            }
        )
    sums = {name: sum(job[name] for job in jobs) for name in ("core_hours", "core_hours_at_most")}
    return {**document, "jobs": jobs, "totals": {**document["totals"], **sums}, "cluster": cluster.name}
