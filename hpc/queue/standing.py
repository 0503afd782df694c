"""Which jobs in FireWorks can still move, and what stands in the way of the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..store.ledger import Ledger

__all__ = ["Standing", "standing"]

#: states in which a FireWork is in the hands of a launcher, of the queue, or next in line
_MOVING = ("READY", "RESERVED", "RUNNING")
_OPEN = (*_MOVING, "WAITING", "PAUSED", "FIZZLED", "DEFUSED")


@dataclass
class Standing:
    """Numbers of FireWorks that can move, and one line on each job that keeps others from it."""

    moving: list[int] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)


def standing(pad: Any, ledger: Ledger, tried_again: Collection[str]) -> Standing:
    """Look at every open FireWork.

    A job that waits moves when all that it waits for can; a twin of a job that is on its way elsewhere moves with it.

    Parameters
    ----------
    pad : LaunchPad
    ledger : Ledger
    tried_again : collection of str
        Keys of failed jobs that are put back in line by themselves when the time has come.
    """
    wanted = dict.fromkeys(("fw_id", "state", "name", "spec.job_key", "spec.waits", "spec.closed"), 1)
    open_ones = {fw["fw_id"]: fw for fw in pad.fireworks.find({"state": {"$in": list(_OPEN)}}, wanted)}
    parents: dict[int, list[int]] = {}
    for workflow in pad.workflows.find({"nodes": {"$in": list(open_ones)}}, {"links": 1}):
        for parent, children in workflow["links"].items():
            for child in children:
                parents.setdefault(int(child), []).append(int(parent))
    keys = {fw["spec"]["job_key"] for fw in open_ones.values()}
    records = {record["key"]: record for record in ledger.records(sorted(keys))} if keys else {}
    graph = _Graph(open_ones, parents, records, tried_again)
    found = Standing(moving=[number for number in open_ones if graph.moves(number)])
    for number, fw in open_ones.items():
        if fw["state"] in ("PAUSED", "FIZZLED", "DEFUSED") and not graph.moves(number):
            found.blocked.append(graph.why(number))
    found.blocked = sorted(set(found.blocked))
    return found


@dataclass
class _Graph:
    """Open FireWorks, the parents of each, the ledger's records of their jobs, and what has been found of them."""

    open_ones: dict[int, dict[str, Any]]
    parents: dict[int, list[int]]
    records: dict[str, dict[str, Any]]
    tried_again: Collection[str]
    known: dict[int, bool] = field(default_factory=dict)

    def moves(self, number: int) -> bool:
        """Whether a FireWork can come to its end without a person; one that is not open has come to it."""
        if number not in self.open_ones:
            return True
        if number not in self.known:
            self.known[number] = False  # two that wait for each other do not move
            self.known[number] = self._find(number)
        return self.known[number]

    def _find(self, number: int) -> bool:
        fw = self.open_ones[number]
        key, state = fw["spec"]["job_key"], fw["state"]
        record: Mapping[str, Any] = self.records.get(key, {})
        if state in _MOVING:
            return True
        if state == "WAITING":
            return all(self.moves(parent) for parent in self.parents.get(number, ()))
        if state == "FIZZLED":
            return (record.get("state") == "done" and fw["spec"].get("closed", 0) < 3) or key in self.tried_again
        if state == "PAUSED" and fw["spec"].get("waits"):
            others = [n for n, other in self.open_ones.items() if other["spec"]["job_key"] == key and n != number]
            return record.get("state") in ("done", "running") or not others or any(self.moves(n) for n in others)
        return False

    def why(self, number: int) -> str:
        """One line on a job that waits for a person."""
        fw = self.open_ones[number]
        record = self.records.get(fw["spec"]["job_key"], {})
        cause = (record.get("cause") or {}).get("message") or "it was paused by hand"
        return f"{record.get('name', fw['name'])} waits for a person: {cause}"
