"""What the commands do to a campaign: plan, run, look, explain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...configs.errors import StoreError
from ..store.campaign_store import CampaignStore, is_rehearsal_store, rehearsal_location, without_password
from ..store.ledger import now
from ..store.liveness import is_alive

if TYPE_CHECKING:
    from ...configs.recipe import Recipe
    from ...workflows.plan.builder import Plan
    from .local import Event, RunSummary

__all__ = ["explain", "plan_document", "read_plan", "run_campaign", "save_campaign", "status_document"]


def read_plan(recipe: str, engine: str | None = None, only: str | None = None, *, full: bool = False) -> Plan:
    """Return the plan of a shipped recipe or of the user's file."""
    from ...configs.load import load_recipe
    from ...workflows.plan.build import build_plan

    found, source = load_recipe(recipe)
    return build_plan(found, source, engine, only, full=full)


def plan_document(plan: Plan) -> dict[str, Any]:
    """The JSON of ``plan``: jobs, what was left out, and totals."""
    names = {job.key: job.name for job in plan.jobs}
    jobs = [{**job.record(), "depends_on": [names[key] for key in job.depends_on]} for job in plan.jobs]
    totals = {
        "jobs": len(jobs),
        "atoms_largest": max((job.n_atoms for job in plan.jobs), default=0),
        "cpu_seconds": sum(job.cost_seconds for job in plan.jobs),
    }
    return {"recipe": plan.recipe.name, "jobs": jobs, "skipped": plan.skipped, "notes": plan.notes, "totals": totals}


def save_campaign(store: CampaignStore, plan: Plan, reused: list[str]) -> None:
    """Write the campaign's record; jobs of steps that this plan leaves out are kept from the last run."""
    with store.exclusive():
        before = store.campaigns.find_one({"name": plan.recipe.name}) or {}
        jobs = {job.key: job.record() for job in plan.jobs}
        if _is_recipe(before.get("recipe"), plan.recipe):
            jobs = {job["key"]: job for job in before["jobs"]} | jobs
        record = {
            "name": plan.recipe.name,
            "title": plan.recipe.title,
            "recipe": plan.recipe.model_dump(mode="json"),
            "jobs": list(jobs.values()),
            "skipped": plan.skipped,
            "reused": reused,
            "updated": now(),
        }
        store.campaigns.replace_one({"name": plan.recipe.name}, record, upsert=True)


def _is_recipe(stored: dict[str, Any] | None, recipe: Recipe) -> bool:
    """Whether a stored recipe asks for the same: keys that did not exist when it was stored have their defaults, and
    claims ask for nothing."""
    from pydantic import ValidationError

    try:
        return stored is not None and type(recipe).model_validate(stored).asks_like(recipe)
    except ValidationError:
        return False


def run_campaign(store: CampaignStore, plan: Plan, on_event: Callable[[Event], None], workers: int = 0) -> RunSummary:
    """Run a plan on this machine and keep the campaign's record up to date.

    Raises
    ------
    StoreError
        If a rehearsal would run into a store of results.
    """
    from .local import run_flow

    if plan.placeholder and not is_rehearsal_store(store.location):
        raise StoreError(
            (
                f"{store.shown} holds results: a rehearsal has a store of its own, "
                f"{without_password(rehearsal_location(store.location))}"
            ),
            "open that one, so that invented numbers never stand beside real ones",
        )
    save_campaign(store, plan, [])
    records = [job.record() for job in plan.jobs]
    summary = run_flow(store, plan.flow, records, on_event, workers)
    save_campaign(store, plan, summary.reused)
    return summary


def status_document(entries: list[Any]) -> dict[str, Any]:
    """The JSON of ``status``; a job whose process is gone is shown as lost, not as running."""
    rows = []
    failed = {entry.plan["key"] for entry in entries if entry.state == "failed"}
    for entry in entries:
        row = entry.row()
        if entry.state == "running" and not waits_in_queue(entry.record) and not is_alive(entry.record):
            row["cause"] = (
                f"process {entry.record.get('pid')} on {entry.record.get('host')} is gone; the next run resumes the job"
            )
        if entry.state == "waiting" and (blocked := failed & set(entry.plan["depends_on"])):
            row["cause"] = f"waits for a failed job: {', '.join(sorted(blocked))}"
        elif waits_in_queue(entry.record):
            row["cause"] = in_queue(entry.record)
        rows.append(row)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return {"jobs": rows, "counts": counts}


def waits_in_queue(record: dict[str, Any]) -> bool:
    """Whether a job has a number in the queue and has not begun."""
    begun = record.get("state") == "running" and "pid" in record
    return bool(record.get("queue_job") and record.get("queue_reason")) and not begun and record["state"] != "done"


def in_queue(record: dict[str, Any]) -> str:
    """Where a job waits, and why, in words; with what became of it before."""
    before = (record.get("cause") or {}).get("message")
    return f"waits in the queue as job {record['queue_job']} ({record['queue_reason']})" + (
        f"; before: {before}" if before else ""
    )


def explain(record: dict[str, Any]) -> dict[str, Any]:
    """The JSON of ``why``: the cause of a job's state in one sentence, with evidence and advice."""
    cause = record.get("cause") or {}
    state = record["state"]
    told = {
        "job": record["name"],
        "key": record["key"],
        "state": state,
        "queue_job": record.get("queue_job"),
        "directory": record.get("directory"),
        "cause": "",
        "evidence": list(cause.get("evidence", [])),
        "advice": cause.get("advice", ""),
    }
    if state == "failed":
        told["cause"] = cause.get("message", "no cause was recorded")
        again = "`catholyte retry` it" if record.get("manager") else "run again"
        told["advice"] = (
            told["advice"] or f"mend the cause, then {again}: finished jobs are reused and this one is tried again"
        )
    elif state in ("running", "waiting") and waits_in_queue(record):
        told["cause"] = in_queue(record)
        told["advice"] = "nothing: it begins when the queue starts it"
    elif state == "running" and not is_alive(record):
        told["cause"] = (
            f"the process {record.get('pid')} on {record.get('host')} that computed it ended without a word (killed, "
            "or the machine went down)"
        )
        told["evidence"] = [f"started {record.get('started')}, attempt {record.get('attempts')}; no such process now"]
        told["advice"] = "run the recipe again: the job is resumed"
    elif state == "running":
        number = f", queue job {record['queue_job']}," if record.get("queue_job") else ""
        told["cause"] = (
            f"it is being computed by process {record.get('pid')} on {record.get('host')}{number} since "
            f"{record.get('started')}"
        )
        told["evidence"] = [f"directory {record['directory']}"] if record.get("directory") else []
    elif state == "waiting" and cause:
        told["cause"] = f"it is back in line after: {cause.get('message', 'no cause was recorded')}"
        told["advice"] = "nothing: `catholyte tend` hands it to the queue again"
    elif state == "waiting":
        told["cause"] = "it has not started: an input is not finished, failed, or the run was stopped before its turn"
        told["advice"] = "see `catholyte status` for the inputs it waits for, then run the recipe again"
    elif origin := record.get("imported"):
        told["cause"] = f"nothing is wrong: its result was imported from {origin['path']}"
        told["evidence"] = [f"sha256 of its output {origin['sha256']}", *origin.get("notes", [])]
    else:
        told["cause"] = (
            f"nothing is wrong: it finished {record.get('finished')} after {record.get('wall_seconds', 0):.1f} s"
        )
    return told
