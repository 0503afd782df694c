"""The command ``tend``: looking after a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    """Look after the queue: submit ready jobs, put back what the scheduler lost, until nothing is left.

    With jobflow-remote its runner is started as a child and ends with this command. Where you run one of your own
    (`jf -p NAME runner start`, JFREMOTE_PROJECTS_FOLDER = WORK_DIR/jobflow-remote), call this with --once.
    """
    from dataclasses import asdict

    from ...queue.submission import look_after, open_cluster

    found, store, config = open_cluster(cluster, rehearsal=rehearsal)
    rounds: list[Round] = []

    def tell(look: Round) -> None:
        rounds.append(look)
        if look.put_back or look.paused or look.queued:
            narrate(
                f"queued {len(look.queued)}, put back {len(look.put_back)}, paused {len(look.paused)}, on their way "
                f"{look.left}"
            )

    look_after(store, found, config, manager, tell, pause=pause, once=once)
    return asdict(rounds[-1])


def _show(document: dict[str, Any]) -> None:
    if not document["left"]:
        say("nothing is left in line")


COMMAND = Command(tend, _show, interrupted="stopped looking; jobs in the queue go on")
