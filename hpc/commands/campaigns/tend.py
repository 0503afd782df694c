"""The command ``tend``: looking after a queue."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..answers.campaigns import Tended
from ..command import Command
from ..options import ClusterName, Manager
from ..output import narrate, say

if TYPE_CHECKING:
    from ...queue.tend import Round

__all__ = ["COMMAND", "tend"]


def tend(
    cluster: ClusterName,
    manager: Manager = "fireworks",
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Look after the rehearsals' store and jobs, not the campaigns'.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for a cron job.")] = False,
    pause: Annotated[float, typer.Option(min=0.1, help="Time between two looks, s.")] = 30.0,
) -> dict[str, Any]:
    """Look after the queue: submit ready jobs, put back what the scheduler lost, until nothing can move any more.

    Jobs that wait for a person, and reasons for which the queue starts none, are named. Exit status 1 where a job waits
    for a person, 0 where none does.

    With jobflow-remote its runner is started as a child and ends with this command. Where you run one of your own
    (`jf -p NAME runner start`, JFREMOTE_PROJECTS_FOLDER = WORK_DIR/jobflow-remote), call this with --once.
    """
    from dataclasses import asdict

    from ...queue.submission import look_after, open_cluster

    found, store, config = open_cluster(cluster, rehearsal=rehearsal, patient=not once)
    rounds: list[Round] = []

    def tell(look: Round) -> None:
        told = {line for last in rounds for line in last.waiting + last.blocked}
        for line in look.waiting + look.blocked:
            if line not in told:
                narrate(line)
        rounds[:] = [look]
        if look.put_back or look.paused or look.queued:
            narrate(
                f"queued {len(look.queued)}, put back {len(look.put_back)}, paused {len(look.paused)}, on their way "
                f"{look.left}"
            )

    with contextlib.closing(store):
        look_after(store, found, config, manager, tell, pause=pause, once=once)
    return asdict(rounds[-1])


def _show(document: dict[str, Any]) -> None:
    if not document["left"]:
        say("nothing is left in line" if not document["blocked"] else "nothing can move any more")
    for line in document["blocked"]:
        say(line)
    if document["blocked"]:
        say("`catholyte why JOB` says more; `catholyte retry JOB` puts a job back in line")


COMMAND = Command(
    tend,
    _show,
    Tended,
    failed=lambda document: bool(document["blocked"]),
    interrupted="stopped looking; jobs in the queue go on",
)
