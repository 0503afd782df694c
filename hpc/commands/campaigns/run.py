"""The command ``run``: a recipe on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..answers.campaigns import Run
from ..command import Command
from ..options import EngineName, Full, RecipeName, StepName, StorePlace
from ..output import narrate, narrate_event, say

__all__ = ["COMMAND", "run"]

STATES = ("completed", "reused", "failed", "blocked")


def run(
    recipe: RecipeName,
    engine: EngineName = None,
    store: StorePlace = None,
    only: StepName = None,
    full: Full = False,
    workers: Annotated[int, typer.Option(min=0, help="Number of jobs side by side; 0 stands for one per core.")] = 0,
) -> dict[str, Any]:
    """Run a recipe on this machine; again = resume, finished jobs are reused.

    Once three jobs of a kind have been timed, here or before in this store, it says how long the others will take:
    between the fastest and the slowest of them, measured against their estimates.
    """
    from ...run.campaign import read_plan, run_campaign
    from ...run.forecast import calibration_of, forecast, has_production
    from ...run.local import available_cores
    from ...run.time_left import TimeLeft, measured_times
    from ...store.campaign_store import open_store, rehearsal_location

    planned = read_plan(recipe, engine, only, full=full)
    rehearsed = planned.placeholder
    opened = open_store(rehearsal_location(store) if rehearsed else store)
    if rehearsed:
        narrate(
            f"a rehearsal: its numbers are invented, and kept apart in {opened.shown}; `status` and `why` show them "
            "with --rehearsal"
        )
    if has_production(planned):
        planned = forecast(planned, calibration_of(opened))
    if not planned.jobs:
        narrate("no job is needed: this recipe is evaluated from the phase set by `catholyte report`")
    for line in planned.notes:
        narrate(f"note: {line}")
    for line in planned.skipped:
        narrate(f"left out: {line}")
    clock = TimeLeft(planned.jobs, workers or available_cores(), measured_times(opened))
    summary = run_campaign(opened, planned, lambda event: narrate_event(event, clock.told(event)), workers)
    names = {state: [summary.names[key] for key in getattr(summary, state)] for state in STATES}
    return {**names, "store": opened.shown, "skipped": planned.skipped}


def _show(document: dict[str, Any], recipe: str) -> None:
    from ....configs.load import load_recipe

    counts = ", ".join(f"{len(document[state])} {state}" for state in STATES)
    say(f"{load_recipe(recipe)[0].name}: {counts}; store {document['store']}")
    if document["failed"]:
        say("`catholyte why JOB` gives the cause of a failure")
    elif not document["blocked"]:
        say("next: catholyte report --out report")


COMMAND = Command(
    run,
    _show,
    Run,
    failed=lambda document: bool(document["failed"] or document["blocked"]),
    interrupted="interrupted: what is finished is kept; the same command goes on from there",
)
