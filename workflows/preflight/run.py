"""Before any core hour: what can be known to go wrong is looked for in the inputs themselves.

One named check per cause, over all VASP jobs of a campaign at once, because most mismatches are between jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jobflow import Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.steps.deciding_phases import DECIDING_PHASES
from ...configs.steps.mechanics import MECHANICS
from ...structures.crystals.strains import deformed
from ..engines.bands import images_between
from ..engines.engine import CalculationMaker
from ..engines.registry import load_backend, runs_production
from ..engines.tasks import ElasticBand, MolecularDynamics, read_task
from ..flows.barrier import MethodBandMaker, matched
from ..flows.elastic import StrainMaker
from ..flows.hop_cells import stand_in_cells, stand_in_image
from ..flows.interface import stand_in
from ..interface_documents import BuiltInterfaces
from ..plan.builder import Plan
from ..plan.preview import added_jobs
from . import checks, stacks
from .planned_run import Finding, PlannedRun

if TYPE_CHECKING:
    from ..engines.vasp.stages import Given

__all__ = ["Finding", "PlannedRun", "planned_runs", "preflight"]

Checks = tuple[Callable[[Sequence[PlannedRun]], Finding], ...]
#: steps whose energies are a series of their own: the scale of the phase sets, and stresses of one crystal each
_APART = {DECIDING_PHASES.name, MECHANICS.name}
#: cells that an atom left, or came to, with its charge: nobody pays for it
_UNPAID = {"hop_end", "hop_image", "vacancy"}
#: what every input needs
NEEDED: Checks = (checks.hubbard_table, checks.potcar_names)
#: what is looked for in the inputs
LOOKED_AT: Checks = (
    checks.incar_tags,
    checks.one_u_per_element,
    checks.potcar_files,
    checks.neutral_cells,
    checks.starting_moments,
    checks.moment_order,
    checks.one_rule,
    checks.meshes,
    checks.vacuum,
    stacks.no_repeat_dipole,
    stacks.strains,
    checks.dipole_stages,
    checks.symmetry_off,
    checks.slab_tolerance,
    checks.dynamics_handlers,
    checks.document_size,
)


def preflight(runs: Sequence[PlannedRun], wall_time: float | None = None, ranks: int | None = None) -> list[Finding]:
    """Return the finding of every check on the VASP jobs of one campaign.

    Parameters
    ----------
    runs : sequence of PlannedRun
    wall_time : float, optional
        s, of one job on the cluster.
    ranks : int, optional
        MPI ranks of one job.
    """
    found = [check(runs) for check in NEEDED]
    if any(not finding.ok for finding in found):
        return found  # without these no input can be made, and the other checks look at inputs
    found += [check(runs) for check in LOOKED_AT]
    if ranks is not None:
        found.append(checks.ranks_divide(runs, ranks))
    if wall_time is not None:
        found.append(checks.wall_time_holds_a_step(runs, wall_time, ranks or 1))
    return found


def planned_runs(plan: Plan, overrides: dict[str, Any] | None = None, *, added: bool = False) -> list[PlannedRun]:
    """Return the VASP jobs of a plan, each with the cell it starts from, or the library's where that is still to be
    computed.

    Parameters
    ----------
    plan : Plan
    overrides : dict, optional
        Of the engine's settings, over those of the recipe: what the machine or the call decides.
    added : bool
        Those too that the flows of oxygen loss and of vacancies in stacks add while they run, each with the cell that
        it would start from if nothing moved.

    Raises
    ------
    InputError
        If the settings of a job are not valid, an INCAR tag that does not exist among them.
    """
    jobs = {job.uuid: job for job in plan.flow.jobs if isinstance(job, Job)}
    cells: dict[str, Structure] = {}
    built: dict[str, BuiltInterfaces] = {}
    records: dict[str, dict[str, Any]] = {}
    runs = []
    for planned in plan.jobs:
        job = jobs[planned.uuid]
        if isinstance(job.maker, MethodBandMaker):
            runs.append(_band(job, jobs, cells, overrides))
        elif not isinstance(job.maker, CalculationMaker) and added:
            runs += [
                replace(_run(one, cell, overrides), unpaid=_role(one) in _UNPAID)
                for one, cell in added_jobs(job, cells)
                if runs_production(_maker(one).engine.name)
            ]
        if not isinstance(job.maker, CalculationMaker):
            continue
        given = job.function_args[0]
        if isinstance(given, Structure):
            cells[planned.uuid] = given
        elif given.uuid in cells:
            cells[planned.uuid], records[planned.uuid] = cells[given.uuid], records.get(given.uuid, {})
        elif isinstance(strains := jobs[given.uuid].maker, StrainMaker):
            crystal, (_, number) = jobs[given.uuid].function_args[0], given.attributes[-1]
            cells[planned.uuid] = deformed(cells[crystal.uuid], np.array(strains.deformations[int(number)]))
        elif hopping := stand_in_cells(jobs, given, cells):
            cells[planned.uuid] = hopping.cells[given.attributes[-1][1]]
        elif image := stand_in_image(jobs, given, cells):
            cells[planned.uuid] = image
        else:
            cells[planned.uuid], records[planned.uuid] = stand_in(jobs, given, built)
        if runs_production(planned.engine):
            run = _run(job, cells[planned.uuid], overrides)
            before = jobs.get(given.uuid) if isinstance(given, OutputReference) else None
            kind = _role(job)
            varied, unpaid = kind == "variation", kind in _UNPAID
            stack = records.get(planned.uuid, {})
            apart = planned.step in _APART
            given_on = _given(run, before)
            runs.append(replace(run, stack=stack, given=given_on, varied=varied, apart=apart, unpaid=unpaid))
    return runs


def _role(job: Job) -> str:
    return str((job.function_kwargs.get("role") or {}).get("kind", ""))


def _given(run: PlannedRun, before: Job | None) -> Given:
    """What the job before hands on: wave functions where the mesh is the same, else the charge density."""
    from ..engines.vasp.inputs import centring_of

    if before is None or not isinstance(before.maker, CalculationMaker):
        return "nothing"
    engine, earlier = before.maker.engine, read_task(before.maker.task)
    if not runs_production(engine.name):
        return "nothing"
    settings: Any = engine.backend.settings
    if not settings.hand_on or isinstance(run.task, MolecularDynamics) or run.task.method is None:
        return "nothing"
    meshes = [(task.method and task.method.kpoints, centring_of(task, run.settings)) for task in (earlier, run.task)]
    return "waves" if meshes[0] == meshes[1] else "charge"


def _run(job: Job, cell: Structure, overrides: dict[str, Any] | None) -> PlannedRun:
    maker = _maker(job)
    settings: Any = load_backend(maker.engine.name, {**maker.engine.settings, **(overrides or {})}).settings
    return PlannedRun(job.uuid, job.name, cell, read_task(maker.task), settings)


def _band(job: Job, jobs: dict[str, Job], cells: dict[str, Structure], overrides: dict[str, Any] | None) -> PlannedRun:
    """An elastic band between the cells that its end points start from."""
    maker: MethodBandMaker = job.maker  # type: ignore[assignment]  # looked at where it is called
    first, last, _, hop = job.function_args[:4]
    hopping = stand_in_cells(jobs, hop, cells)
    if hopping is None:
        raise TypeError(f"{job.name} is no band of hops")
    _, end = matched(cells[first.uuid], cells[last.uuid], hopping.hops[hop.attributes[-1][1]])
    task = ElasticBand.model_validate(maker.task)
    images = images_between((cells[first.uuid], end), task.images)
    settings: Any = load_backend(maker.engine.name, {**maker.engine.settings, **(overrides or {})}).settings
    return PlannedRun(job.uuid, job.name, images[0], task, settings, images=tuple(images), unpaid=True)


def _maker(job: Job) -> CalculationMaker:
    if not isinstance(job.maker, CalculationMaker):
        raise TypeError(f"{job.name} is no calculation")
    return job.maker
