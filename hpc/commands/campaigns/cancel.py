"""The command ``cancel``: jobs or a campaign are stopped."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import typer

from ..answers.campaigns import Cancelled
from ..command import Command
from ..options import ClusterName, Manager
from ..output import narrate, say

__all__ = ["COMMAND", "cancel"]


def cancel(
    jobs: Annotated[
        list[str],
        typer.Argument(metavar="JOB|CAMPAIGN...", help="Names or keys of jobs, or names of campaigns."),
    ],
    cluster: ClusterName,
    manager: Manager = "fireworks",
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Look after the rehearsals' store and jobs, not the campaigns'.")
    ] = False,
) -> dict[str, Any]:
    """Stop jobs, or the jobs of a campaign: out of line, out of the queue, out of the process that computes them.

    What is done stays, and so do jobs of a campaign that another campaign asks for. `catholyte retry` takes it back.
    """
    from ...queue.control import Decision, cancel_jobs, choose_jobs, shared_elsewhere
    from ...queue.submission import open_cluster

    found, store, _ = open_cluster(cluster, rehearsal=rehearsal)
    with contextlib.closing(store):
        chosen: dict[str, dict[str, Any]] = {}
        kept = Decision()
        for name in jobs:
            campaign = store.campaigns.find_one({"name": name})
            if campaign is None:
                chosen |= {record["key"]: record for record in choose_jobs(store, [name])}
                continue
            keys = [job["key"] for job in campaign["jobs"]]
            shared = shared_elsewhere(store, name, keys)
            for record in store.states.find({"key": {"$in": keys}, "state": {"$ne": "done"}}):
                if record["key"] in shared:
                    kept.left.append(f"{record['name']}: {shared[record['key']]} asks for it too")
                else:
                    chosen[record["key"]] = record
        decided = cancel_jobs(store, found, manager, list(chosen.values()))
        return {"cancelled": decided.changed, "left": kept.left + decided.left}


def _show(document: dict[str, Any]) -> None:
    for line in document["left"]:
        narrate(f"left alone: {line}")
    for name in document["cancelled"]:
        say(name)
    if not document["cancelled"]:
        narrate("no job is cancelled")


COMMAND = Command(cancel, _show, Cancelled)
