"""The command ``retry``: jobs that wait for a person go on."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import typer

from ..answers.campaigns import Retried
from ..command import Command
from ..options import ClusterName, Manager
from ..output import narrate, say, tend_command

__all__ = ["COMMAND", "retry"]


def retry(
    cluster: ClusterName,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", help="Names or keys of jobs, or the beginnings of keys.")
    ] = None,
    paused: Annotated[
        bool, typer.Option("--paused", help="Take every job that the queue ended or a person cancelled.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Take every failed job.")] = False,
    manager: Manager = "fireworks",
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Look after the rehearsals' store and jobs, not the campaigns'.")
    ] = False,
) -> dict[str, Any]:
    """Put jobs back in line that failed, were cancelled or ran out of wall time; `tend` hands them to the queue.

    Their counts of lost queue jobs begin anew. On one machine `catholyte run` tries failed jobs again by itself.
    """
    from ....configs.errors import InputError
    from ...queue.control import choose_failed, choose_jobs, retry_jobs
    from ...queue.submission import open_cluster

    if not (jobs or paused or failed):
        raise InputError("name jobs, or give --paused or --failed", "`catholyte status` lists the jobs")
    found, store, _ = open_cluster(cluster, rehearsal=rehearsal)
    with contextlib.closing(store):
        chosen = choose_jobs(store, jobs or [])
        if paused or failed:
            known = {record["key"] for record in chosen}
            chosen += [r for r in choose_failed(store, lost_only=not failed) if r["key"] not in known]
        decided = retry_jobs(store, found, manager, chosen)
        return {"retried": decided.changed, "left": decided.left}


def _show(document: dict[str, Any], cluster: str, manager: str, rehearsal: bool) -> None:
    for line in document["left"]:
        narrate(f"left alone: {line}")
    for name in document["retried"]:
        say(name)
    if not document["retried"]:
        narrate("no job is put back in line")
    else:
        narrate(f"back in line; `{tend_command(cluster, manager, rehearsal)}` hands them to the queue")


COMMAND = Command(retry, _show, Retried)
