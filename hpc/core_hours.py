"""What a plan costs on a cluster: resources by kind and size, and core hours from the engines' estimates."""

from __future__ import annotations

from typing import Any

from ..configs.cluster import Cluster
from ..workflows.plan import Plan

__all__ = ["add_core_hours"]


def add_core_hours(document: dict[str, Any], plan: Plan, cluster: Cluster) -> dict[str, Any]:
    """Return the JSON of ``plan`` with what each job asks of a cluster.

    Parameters
    ----------
    document : dict
        From :func:`.campaign.plan_document`; jobs in the order of the plan.
    plan : Plan
    cluster : Cluster

    Returns
    -------
    dict
        Each job with ``cores``, ``wall_time`` (s, the limit), ``core_hours`` (h, estimate: processor time, as if the cores scaled
        perfectly) and ``core_hours_at_most`` (h, cores × limit); the totals of the last two.
    """
    jobs = []
    for told, job in zip(document["jobs"], plan.jobs, strict=True):
        asked = cluster.resources_for(job.engine, job.kind, job.n_atoms if job.tier else 0)  # plain Python asks for the least
        most = asked.cores * asked.wall_time / 3600
        jobs.append({**told, "cores": asked.cores, "wall_time": asked.wall_time, "core_hours": job.cost_seconds / 3600, "core_hours_at_most": most})
    sums = {name: sum(job[name] for job in jobs) for name in ("core_hours", "core_hours_at_most")}
    return {**document, "jobs": jobs, "totals": {**document["totals"], **sums}, "cluster": cluster.name}
