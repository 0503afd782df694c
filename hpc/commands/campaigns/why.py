"""The command ``why``: the cause of one job's state."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ...store.campaign_store import open_job_states
from ..answers.campaigns import Cause
from ..command import Command
from ..options import Rehearsal, StorePlace
from ..output import say

__all__ = ["COMMAND", "why"]


def why(
    job: Annotated[str, typer.Argument(help="Name or key of a job, or the beginning of its key.")],
    store: StorePlace = None,
    rehearsal: Rehearsal = False,
) -> dict[str, Any]:
    """Give the cause of a job's state in a sentence, with evidence and advice."""
    from ...run.campaign import explain

    return explain(open_job_states(store, rehearsal).find(job))


def _show(document: dict[str, Any]) -> None:
    say(f"{document['job']} ({document['key']}) is {document['state']}: {document['cause']}")
    for line in document["evidence"]:
        say(f"  | {line}")
    if document["advice"]:
        say(f"what to do: {document['advice']}")


COMMAND = Command(why, _show, Cause)
