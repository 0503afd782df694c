"""The command ``submit``: a recipe to the queue of a cluster."""

from __future__ import annotations

from typing import Any

from ..command import Command
from ..options import ClusterName, EngineName, Full, Manager, RecipeName, StepName
from ..output import narrate, say

__all__ = ["COMMAND", "submit"]


def submit(
    recipe: RecipeName,
    cluster: ClusterName,
    manager: Manager = "fireworks",
    engine: EngineName = None,
    only: StepName = None,
    full: Full = False,
) -> dict[str, Any]:
    """Submit a recipe to a queue; what is finished or on its way is adopted, never submitted twice."""
    from ...queue.submission import submit_campaign

    return submit_campaign(recipe, cluster, manager, engine, only, full=full)


def _show(document: dict[str, Any], cluster: str, manager: str) -> None:
    for line in document["skipped"]:
        narrate(f"left out: {line}")
    for line in document["waiting_for_a_person"]:
        narrate(f"waits for a person, `catholyte retry` puts it back in line: {line}")
    number = f" as flow {document['flow_id']}" if document["flow_id"] is not None else ""
    jobs, adopted = len(document["jobs"]), len(document["adopted"])
    say(f"{jobs} jobs submitted{number}, {adopted} adopted; store {document['store']}")
    flags = f" --manager {manager}" if manager != "fireworks" else ""
    flags += " --rehearsal" if document["rehearsal"] else ""
    say(
        f"`catholyte tend --cluster {cluster}{flags}` hands ready jobs to the scheduler and puts lost ones back; keep "
        "it running, or call it from cron with --once"
    )


COMMAND = Command(submit, _show)
