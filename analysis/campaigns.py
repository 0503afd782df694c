"""Campaigns and the states of their jobs, without the documents: what ``status`` and ``why`` need."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..configs.errors import StoreError, UnknownNameError, near_match_hint

if TYPE_CHECKING:
    from ..workflows.roles import Role

__all__ = ["FINISHED", "Campaigns", "Entry"]

#: states of a job that has a result
FINISHED = ("done", "reused")
_PLANNED = (
    "name",
    "key",
    "step",
    "material",
    "variant",
    "engine",
    "tier",
    "kind",
    "n_atoms",
    "depends_on",
    "cost_seconds",
)
_RECORDED = (
    "host",
    "submitted",
    "started",
    "finished",
    "wall_seconds",
    "attempts",
    "computed",
    "queue_job",
    "directory",
    "cores",
)


@dataclass(frozen=True)
class Entry:
    """One job of a campaign with its state.

    Attributes
    ----------
    plan : dict
        The job as planned: key, name, step, material, variant, engine, tier, kind, n_atoms, depends_on, …
    state : str
        waiting, running, done, failed, or reused (found finished when the campaign was run last).
    record : dict
        The ledger's record: host, times, attempts, cause, …
    """

    plan: dict[str, Any]
    state: str
    record: dict[str, Any]

    @property
    def role(self) -> Role | None:
        """What the campaign asks the job for; None for plain Python, and where a former version did not say it."""
        from ..workflows.roles import read_role
        from .former_labels import planned_role

        return read_role(self.plan.get("role")) or planned_role(self.plan)

    def row(self) -> dict[str, Any]:
        """Flat dictionary for tables and JSON."""
        kept = _chosen(self.plan, _PLANNED)
        kept["state"] = self.state
        kept.update(_chosen(self.record, _RECORDED))
        kept["attempts"] = kept["attempts"] or 0  # of a job that no ledger knows yet
        kept["cause"] = (self.record.get("cause") or {}).get("message")
        kept["imported"] = (self.record.get("imported") or {}).get("path")
        return kept

    @property
    def core_seconds(self) -> float | None:
        """What it used, s: wall time × cores, one where its record does not say how many; None before it has ended."""
        wall = self.record.get("wall_seconds")
        return None if wall is None else float(wall) * float(self.record.get("cores") or 1)


class Campaigns:
    """Read access to the campaigns of one store and the states of their jobs.

    Parameters
    ----------
    states, campaigns : collection
        Objects with the pymongo collection interface.
    """

    def __init__(self, states: Any, campaigns: Any) -> None:
        self._states, self._campaigns = states, campaigns

    def campaign_names(self) -> list[str]:
        """Names of the campaigns in the store, the latest first."""
        return list(self._by_name())

    def _by_name(self) -> dict[str, dict[str, Any]]:
        latest_first = sorted(self._campaigns.find({}), key=lambda campaign: str(campaign["updated"]), reverse=True)
        return {str(campaign["name"]): campaign for campaign in latest_first}

    def campaign(self, name: str | None = None) -> dict[str, Any]:
        """The campaign `name`, or the latest.

        Raises
        ------
        StoreError
            If the store holds no campaign.
        UnknownNameError
            If it holds none of that name.
        """
        campaigns = self._by_name()
        if not campaigns:
            raise StoreError("the store holds no campaign", "run a recipe first: catholyte run gsirr")
        if name is not None and name not in campaigns:
            raise UnknownNameError(f"the store holds no campaign {name!r}; {near_match_hint(name, list(campaigns))}")
        return campaigns[name] if name else next(iter(campaigns.values()))

    def entries(self, name: str | None = None) -> list[Entry]:
        """Jobs of a campaign in their order, those added at run time included."""
        campaign = self.campaign(name)
        states = {str(record["key"]): record for record in self._states.find({})}
        for record in states.values():
            record.pop("_id", None)
        reused = set(campaign.get("reused", []))
        found, jobs, seen = [], deque(campaign["jobs"]), set()
        while jobs:
            job = jobs.popleft()
            if job["key"] in seen:
                continue
            seen.add(job["key"])
            record = states.get(job["key"], {})
            state = str(record.get("state", "waiting"))
            found.append(Entry(job, "reused" if state == "done" and job["key"] in reused else state, record))
            if record.get("dynamic"):
                jobs.extendleft(reversed(_added_jobs(job, record)))
        return found

    def find(self, job: str) -> dict[str, Any]:
        """The ledger's record of one job, by its key, the beginning of its key, or its exact name.

        Raises
        ------
        UnknownNameError
            If no job or more than one matches.
        """
        records = list(self._states.find({}))
        matches = [r for r in records if r["key"] == job or r["name"] == job] or [
            r for r in records if len(job) >= 4 and r["key"].startswith(job)
        ]
        if len(matches) == 1:
            return {key: value for key, value in matches[0].items() if key != "_id"}
        if not matches:
            raise UnknownNameError(
                f"no job {job!r} in the store; {near_match_hint(job, [r['name'] for r in records])}",
                "`catholyte status` lists the jobs of a campaign",
            )
        raise UnknownNameError(
            f"{len(matches)} jobs match {job!r}; give more of the key: {', '.join(r['key'] for r in matches[:8])}"
        )


def _added_jobs(parent: dict[str, Any], record: dict[str, Any]) -> list[dict[str, Any]]:
    """Plans of the jobs that a finished job added at run time, in the place of their parent."""
    added = [job for kind in ("replace", "detour", "addition") for job in (record.get("dynamic") or {}).get(kind, [])]
    return [
        {
            **parent,
            "key": job["uuid"] if job["index"] == 1 else f"{job['uuid']}:{job['index']}",
            "uuid": job["uuid"],
            "index": job["index"],
            "name": job["name"],
            "depends_on": [parent["key"]],
            "role": job.get("function_kwargs", {}).get("role"),
        }
        for job in added
    ]


def _chosen(record: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return dict(zip(keys, map(record.get, keys), strict=True))
