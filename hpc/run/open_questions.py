"""The VASP jobs of a plan with the cells that they start from, as far as these are known: those of the recipe, and
those that finished jobs of the store have given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from jobflow import Job, OutputReference
from monty.json import MontyDecoder
from pymatgen.core.structure import Structure

from ...structures.crystals.stored import stored_structure
from ...workflows.engines.engine import CalculationMaker
from ...workflows.engines.registry import runs_production
from ...workflows.imports.questions import Question, question_of
from ...workflows.plan.builder import Plan
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger, job_key

__all__ = ["open_questions", "starting_cell"]


def open_questions(plan: Plan, store: CampaignStore, waiting: dict[str, str]) -> Iterator[Question]:
    """Yield what each VASP job asks, in the order of the flow, jobs that finished ones have added included.

    A job whose starting cell is not known yet is passed over. The store is read when a job's turn comes: what has been
    delivered meanwhile counts.

    Parameters
    ----------
    plan : Plan
    store : CampaignStore
    waiting : dict
        Name and kind of the VASP jobs that are passed over; filled here.
    """
    jobs = deque(job for job in plan.flow.jobs if isinstance(job, Job))
    calculations = {job.uuid for job in jobs if isinstance(job.maker, CalculationMaker)}
    ledger = Ledger(store)
    while jobs:
        job = jobs.popleft()
        if isinstance(job.maker, CalculationMaker):
            calculations.add(job.uuid)
            given = job.function_args[0]
            cell = starting_cell(given, store)
            first = isinstance(given, Structure) or (
                isinstance(given, OutputReference) and given.uuid not in calculations
            )
            if cell is not None and (question := question_of(job, cell, is_first=first)) is not None:
                yield question
            elif cell is None and runs_production(job.maker.engine.name):
                waiting[job.name] = str(job.maker.task["kind"])
        record = ledger.record(job_key(job.uuid, job.index)) or {}
        if record.get("state") == "done" and record.get("dynamic"):
            jobs.extendleft(reversed(_added(record["dynamic"])))


def _added(dynamic: dict[str, Any]) -> list[Job]:
    """Jobs that a finished job has added."""
    found = [data for kind in ("replace", "detour", "addition") for data in dynamic.get(kind, [])]
    return [MontyDecoder().process_decoded(data) for data in found]


def starting_cell(given: object, store: CampaignStore) -> Structure | None:
    """The cell that a job starts from; None where the job that gives it has no result in the store.

    Parameters
    ----------
    given : Structure or OutputReference
    store : CampaignStore
    """
    if isinstance(given, Structure):
        return given
    if not isinstance(given, OutputReference):
        return None
    answers = store.outputs.query({"uuid": given.uuid}, ["output", "index"], load=False)
    latest = max(answers, key=lambda answer: int(answer["index"]), default=None)
    node: Any = None if latest is None else latest.get("output")
    for _, key in given.attributes:
        if node is None:
            return None
        node = node[key] if isinstance(node, (dict, list)) else getattr(node, str(key))
    if node is None or isinstance(node, Structure):
        return node
    return stored_structure(node)
