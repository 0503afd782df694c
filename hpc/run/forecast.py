"""What the VASP jobs of a plan will cost, from the times of runs that a store holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobflow import Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.errors import StoreError
from ...configs.trust import trust_of
from ...workflows.documents import Effort
from ...workflows.engines.engine import CalculationMaker
from ...workflows.engines.registry import runs_production
from ...workflows.engines.tasks import read_task
from ...workflows.engines.vasp.backend import VaspBackend
from ...workflows.engines.vasp.cells import vasp_cell
from ...workflows.plan.builder import Plan, PlannedJob
from ...workflows.preflight.cost import expected_effort
from ...workflows.vasp_output.effort import Calibration, calibrate
from ..store.campaign_store import CampaignStore, open_store

__all__ = ["NOT_CALIBRATED", "calibration_of", "forecast", "has_production", "known_calibration"]

NOT_CALIBRATED = (
    "no calibration: the times of VASP's jobs are scaled from one run of 14 atoms; import finished runs of your "
    "machine, and they are forecast from these"
)


def calibration_of(store: CampaignStore) -> Calibration | None:
    """The constant of the model from the finished VASP runs of a store; None where none says how long it took."""
    fields = ["output.kind", "output.tier", "output.provenance.effort"]
    measured = []
    for answer in store.outputs.query({}, fields, load=False):
        output: Any = answer.get("output")
        if not isinstance(output, dict):
            continue
        told = (output.get("provenance") or {}).get("effort")
        if told and trust_of(str(output["tier"])).trust_class == "dft":
            measured.append((output["kind"], Effort.model_validate(_plain(told))))
    return calibrate(measured)


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if not key.startswith("@")}


def known_calibration(place: str | None) -> Calibration | None:
    """As :func:`calibration_of`, of a store that may not be there.

    Raises
    ------
    StoreError
        If a store is named and cannot be opened.
    """
    try:
        store = open_store(place, create=False)
    except StoreError:
        if place is not None:
            raise
        return None
    return calibration_of(store)


def has_production(plan: Plan) -> bool:
    """Whether a job of the plan runs an engine of the section ``vasp`` whose numbers are real."""
    return any(_is_produced(job) for job in plan.jobs)


def _is_produced(job: PlannedJob) -> bool:
    return runs_production(job.engine) and not trust_of(job.tier).placeholder


def forecast(plan: Plan, known: Calibration | None) -> Plan:
    """Return the plan with calibrated costs of its VASP jobs.

    Cells that another job has yet to build are counted by their atoms: their costs are scaled as those of the jobs
    whose cells are known.

    Parameters
    ----------
    plan : Plan
    known : Calibration, optional
        None leaves the plan as it is.
    """
    if known is None:
        return plan
    costs = _costs(plan, known)
    vasp = {job.key: job for job in plan.jobs if _is_produced(job)}
    former = sum(job.cost_seconds for key, job in vasp.items() if key in costs)
    scale = sum(costs.values()) / former if former else 1.0

    def priced(job: PlannedJob) -> PlannedJob:
        if job.key not in vasp:
            return job
        return replace(job, cost_seconds=costs.get(job.key, job.cost_seconds * scale))

    return replace(plan, jobs=[priced(job) for job in plan.jobs], notes=[*plan.notes, known.sentence])


def _costs(plan: Plan, known: Calibration) -> dict[str, float]:
    """Core seconds of the jobs whose cells are known: the recipe's, and those that relax or move them."""
    cells: dict[str, Structure] = {}
    found = {}
    for job in plan.flow.jobs:
        if not isinstance(job, Job) or not isinstance(job.maker, CalculationMaker):
            continue
        given = job.function_args[0]
        cell = cells.get(given.uuid) if isinstance(given, OutputReference) else given
        if not isinstance(cell, Structure):
            continue
        cells[job.uuid] = cell
        backend, task = job.maker.engine.backend, read_task(job.maker.task)
        if isinstance(backend, VaspBackend) and task.method is not None:
            effort = expected_effort(vasp_cell(cell, job.name), task, backend.settings, known)
            found[job.uuid] = known.core_seconds(effort)
    return found
