"""Commands of queues: submit a campaign, look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import EngineName, Full, Json, RecipeName, StepName
from .output import emit_json, narrate

if TYPE_CHECKING:
    from ..queue.tend import Round

__all__ = ["register"]

ClusterName = Annotated[
    str,
    typer.Option("--cluster", help="Name of a cluster file (folder CATHOLYTE_CLUSTERS, or the examples), or its path."),
]
Manager = Annotated[str, typer.Option("--manager", help="fireworks or jobflow-remote.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in (submit, tend):
        app.command()(command)


def submit(
    recipe: RecipeName,
    cluster: ClusterName,
    manager: Manager = "fireworks",
    engine: EngineName = None,
    only: StepName = None,
    full: Full = False,
    json: Json = False,
) -> None:
    """Submit a recipe to a queue; what is finished or on its way is adopted, never submitted twice."""
    from ..queue.submission import submit_campaign

    document = submit_campaign(recipe, cluster, manager, engine, only, full=full)
    if json:
        emit_json(document)
        return
    for line in document["skipped"]:
        narrate(f"left out: {line}")
    number = f" as flow {document['flow_id']}" if document["flow_id"] is not None else ""
    typer.echo(
        f"{len(document['jobs'])} jobs submitted{number}, {len(document['adopted'])} adopted; store {document['store']}"
    )
    flags = (f" --manager {manager}" if manager != "fireworks" else "") + (
        " --rehearsal" if document["rehearsal"] else ""
    )
    typer.echo(
        f"`catholyte tend --cluster {cluster}{flags}` hands ready jobs to the scheduler and puts lost ones back; "
        "keep "
        "it running, or call it from cron with --once"
    )


def tend(
    cluster: ClusterName,
    manager: Manager = "fireworks",
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="The rehearsals' store and jobs, not the campaigns'.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="One look alone, for a cron job.")] = False,
    pause: Annotated[float, typer.Option(min=0.1, help="s between looks.")] = 30.0,
    json: Json = False,
) -> None:
    """Look after the queue: submit ready jobs, put back what the scheduler lost, until nothing is left.

    With jobflow-remote its runner is started as a child and ends with this command. Where you run one of your own
    (`jf -p NAME runner start`, JFREMOTE_PROJECTS_FOLDER = WORK_DIR/jobflow-remote), call this with --once.
    """
    from dataclasses import asdict

    from ..queue.submission import look_after, open_cluster

    found, store, config = open_cluster(cluster, rehearsal=rehearsal)
    rounds: list[Round] = []

    def tell(look: Round) -> None:
        rounds.append(look)
        if look.put_back or look.paused or look.queued:
            narrate(
                f"queued {len(look.queued)}, put back {len(look.put_back)}, paused {len(look.paused)}, on their "
                "way "
                f"{look.left}"
            )

    try:
        look_after(store, found, config, manager, tell, pause=pause, once=once)
    except KeyboardInterrupt:
        narrate("stopped looking; jobs in the queue go on")
        raise typer.Exit(130) from None
    if json:
        emit_json(asdict(rounds[-1]))
    elif not rounds[-1].left:
        typer.echo("nothing is left in line")
