"""The command ``plan``: the jobs of a recipe before any of them runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ..answers.campaigns import Plan
from ..command import Command
from ..options import EngineName, Full, RecipeName, StepName, StorePlace
from ..output import say, say_notes, table_of

__all__ = ["COMMAND", "effort_text", "plan"]

HEADS = {
    "name": "job",
    "step": "step",
    "engine": "engine",
    "formula": "cell",
    "n_atoms": "atoms",
    "depends_on": "depends on",
    "cost_seconds": "estimate (CPU s)",
}
CLUSTER_HEADS = {"cores": "cores", "wall_time": "wall time (s)", "core_hours": "core hours"}


def plan(
    recipe: RecipeName,
    engine: EngineName = None,
    only: StepName = None,
    full: Full = False,
    cluster: Annotated[
        str | None,
        typer.Option(help="Add cores, wall times (s) and core hours (h) on this cluster: name or path of its file."),
    ] = None,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Show the jobs of a recipe, their dependencies, cells and estimated cost; nothing runs.

    The times of VASP's jobs are forecast from those of the finished runs in the store, imported ones included; without
    such runs it says that there is no calibration.
    """
    from ...run.campaign import plan_document, read_plan
    from ...run.forecast import NOT_CALIBRATED, forecast, has_production, known_calibration

    planned = read_plan(recipe, engine, only, full=full)
    calibration = None
    if has_production(planned):
        calibration = known_calibration(store)
        planned = forecast(planned, calibration)
    document = plan_document(planned)
    if has_production(planned):
        told = None if calibration is None else asdict(calibration)
        document = {**document, "calibration": told}
        if calibration is None:
            document["notes"] = [*document["notes"], NOT_CALIBRATED]
    if cluster is None:
        return document
    from ....configs.cluster import load_cluster
    from ...queue.submission import add_core_hours

    return add_core_hours(document, planned, load_cluster(cluster))


def _show(document: dict[str, Any]) -> None:
    heads = {**HEADS, **CLUSTER_HEADS} if "cluster" in document else HEADS
    jobs = [{**job, "depends_on": _dependencies(job["depends_on"])} for job in document["jobs"]]
    table_of(f"plan of {document['recipe']}", heads, jobs)
    totals = document["totals"]
    say(effort_text(totals))
    if "cluster" in document:
        hours, most = totals["core_hours"], totals["core_hours_at_most"]
        held = (
            f"at most {most:.0f} by the wall times"
            if hours <= most
            else f"more than the {most:.0f} that a queue job each can hold: jobs go on in further ones"
        )
        say(f"on {document['cluster']}: about {hours:.0f} core hours, {held}")
    say_notes(document["notes"])
    for line in document["skipped"]:
        say(f"left out: {line}")


def effort_text(totals: dict[str, Any]) -> str:
    """Number of jobs and their estimated cost in words."""
    minutes = totals["cpu_seconds"] / 60
    effort = "less than a CPU minute" if minutes < 1 else f"about {minutes:.0f} CPU minute{'s' * (minutes >= 1.5)}"
    return f"{totals['jobs']} {'job' if totals['jobs'] == 1 else 'jobs'}, {effort} (an order of magnitude)"


def _dependencies(names: list[str]) -> str:
    """The jobs that one waits for: by name where they are few."""
    return ", ".join(names) if len(names) < 5 else f"{len(names)} jobs, {names[0]} the first"


COMMAND = Command(plan, _show, Plan)
