"""The only reader of the store: campaigns, job states and documents, as typed objects."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..configs.errors import CalculationError, StoreError, UnknownNameError, near_match_hint
from ..configs.recipe import Recipe
from ..workflows.documents import CalculationDocument, require_real

if TYPE_CHECKING:
    from jobflow import JobStore

__all__ = ["Entry", "Records"]


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

    def row(self) -> dict[str, Any]:
        """Flat dictionary for tables and JSON."""
        kept = {key: self.plan.get(key) for key in ("name", "key", "step", "material", "variant", "engine", "tier", "kind", "n_atoms", "depends_on")}
        times = {key: self.record.get(key) for key in ("host", "submitted", "started", "finished", "wall_seconds", "attempts", "computed")}
        cause = (self.record.get("cause") or {}).get("message")
        return {**kept, "state": self.state, **times, "cause": cause}


class Records:
    """Read access to one store.

    Parameters
    ----------
    outputs : JobStore
        Documents, with the additional store for large arrays.
    states, campaigns : collection
        Objects with the pymongo collection interface.
    rehearsals : bool
        Hand out the documents of rehearsals too; their numbers are invented.
    """

    def __init__(self, outputs: JobStore, states: Any, campaigns: Any, *, rehearsals: bool = False) -> None:
        self._outputs, self._states, self._campaigns, self._rehearsals = outputs, states, campaigns, rehearsals

    def campaign_names(self) -> list[str]:
        """Names of the campaigns in the store, the latest first."""
        found = sorted(self._campaigns.find({}), key=lambda c: str(c["updated"]), reverse=True)
        return [str(campaign["name"]) for campaign in found]

    def campaign(self, name: str | None = None) -> dict[str, Any]:
        """The campaign `name`, or the latest.

        Raises
        ------
        StoreError
            If the store holds no campaign.
        UnknownNameError
            If it holds none of that name.
        """
        names = self.campaign_names()
        if not names:
            raise StoreError("the store holds no campaign", "run a recipe first: catholyte run gsirr")
        if name is not None and name not in names:
            raise UnknownNameError(f"the store holds no campaign {name!r}; {near_match_hint(name, names)}")
        found: dict[str, Any] = self._campaigns.find_one({"name": name or names[0]})
        return found

    def recipe(self, name: str | None = None) -> Recipe:
        """The recipe as it was when the campaign was run last."""
        return Recipe.model_validate(self.campaign(name)["recipe"])

    def entries(self, name: str | None = None) -> list[Entry]:
        """Jobs of a campaign in their order, those added at run time included."""
        campaign = self.campaign(name)
        states = {str(record["key"]): record for record in self._states.find({})}
        reused = set(campaign.get("reused", []))
        found, jobs, seen = [], deque(campaign["jobs"]), set()
        while jobs:
            job = jobs.popleft()
            if job["key"] in seen:
                continue
            seen.add(job["key"])
            record = {key: value for key, value in states.get(job["key"], {}).items() if key != "_id"}
            state = str(record.get("state", "waiting"))
            found.append(Entry(job, "reused" if state == "done" and job["key"] in reused else state, record))
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
        matches = [r for r in records if r["key"] == job or r["name"] == job] or [r for r in records if len(job) >= 4 and r["key"].startswith(job)]
        if len(matches) == 1:
            return {key: value for key, value in matches[0].items() if key != "_id"}
        if not matches:
            raise UnknownNameError(f"no job {job!r} in the store; {near_match_hint(job, [r['name'] for r in records])}")
        raise UnknownNameError(f"{len(matches)} jobs match {job!r}; give more of the key: {', '.join(r['key'] for r in matches[:8])}")

    def document(self, uuid: str, arrays: bool = False) -> CalculationDocument:
        """The document of one finished job.

        Parameters
        ----------
        uuid : str
        arrays : bool
            Load the large arrays (density of states, trajectory) too.

        Raises
        ------
        CalculationError
            If the job has no result.
        InputError
            If a rehearsal wrote it.
        """
        found = self._outputs.query_one({"uuid": uuid}, ["output"], sort={"index": -1}, load=arrays)
        if found is None or found.get("output") is None:
            raise CalculationError(f"job {uuid} has no result in the store")
        output = found["output"]
        if not arrays:
            output = {**output, "dos": None, "trajectory": None}
        document = CalculationDocument.model_validate(_undashed(output))
        if not self._rehearsals:
            require_real(document)
        return document

    def documents(self, name: str | None = None, step: str | None = None, arrays: bool = False) -> Iterator[tuple[Entry, CalculationDocument]]:
        """Finished jobs of a campaign with their documents, one in memory at a time."""
        for entry in self.entries(name):
            if entry.state in ("done", "reused") and step in (None, entry.plan["step"]):
                yield entry, self.document(entry.plan["uuid"], arrays)


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
        }
        for job in added
    ]


def _undashed(output: dict[str, Any]) -> dict[str, Any]:
    """Strip the keys with which the job store marks the class of a document."""
    return {key: value for key, value in output.items() if not key.startswith("@")}
