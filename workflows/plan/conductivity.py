"""The conductivity step of a recipe: trajectories of crystals at several temperatures."""

from __future__ import annotations

from ...configs.models import Material, Method
from ...configs.steps.conductivity import ConductivityStep
from ...configs.steps.production import ProductionStep
from ...structures.crystals.cells import canonical_order
from ..engines.tasks import MolecularDynamics, Relax
from ..flows.conductivity import conductivity_jobs
from .builder import Builder, Draft
from .levels import without_level

__all__ = ["add_conductivity"]

STEP = "conductivity"


def add_conductivity(builder: Builder, step: ConductivityStep) -> None:
    """Draft the jobs of all crystals.

    Parameters
    ----------
    builder : Builder
    step : ConductivityStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown, or if the time step is too long.
    """
    if (engine := builder.engine(STEP, step.engine, "md")) is None:
        return
    if without_level(builder, STEP, engine):
        return
    production = builder.production
    whole = Relax(max_force=step.max_force, max_steps=step.max_steps, keep_symmetry=False)
    moving = MolecularDynamics(
        n_steps=round(step.length / step.timestep),
        timestep=step.timestep,
        damping=step.damping,
        frame_interval=step.frame_interval,
    )
    chunk = max(1, round(step.chunk / step.timestep))
    for number, asked in enumerate(step.materials):
        found = builder.material(asked.material, STEP, "materials", number, "material")
        cell = canonical_order(builder.cell(found).make_supercell(asked.supercell, in_place=False))
        relax, motion = whole, moving
        if production and engine.backend.needs_method:
            still, in_motion = _methods(builder, production, step, found)
            relax = whole.model_copy(update={"method": still})
            motion = moving.model_copy(update={"method": in_motion})
        start, runs = conductivity_jobs(cell, found.name, engine, (relax, motion, chunk), step.temperatures, step.seeds)
        builder.drafts.append(Draft(start, STEP, found.name, "relaxed", engine, relax, cell))
        for run in runs:
            for k, job in enumerate(run.jobs, 1):
                steps = min(chunk, motion.n_steps - (k - 1) * chunk)
                task = run.run.task.model_copy(update={"n_steps": steps})
                variant = f"{run.temperature:g} K, {run.run.variant(k)}"
                builder.drafts.append(Draft(job, STEP, found.name, variant, engine, task, cell))


def _methods(
    builder: Builder, production: ProductionStep, step: ConductivityStep, found: Material
) -> tuple[Method, Method]:
    """The levels of theory of the relaxation and of the trajectories: cutoff and mesh of the step, else of production's
    own dynamics; with the recipe's U unless those leave it out."""
    part = production.dynamics
    mesh = step.kpoints or (part.kpoints if part else (1, 1, 1))
    still = builder.method(STEP, found, kpoints=mesh)
    moving = builder.method(STEP, found, step.cutoff or (part.cutoff if part else None), mesh)
    if part is not None and not part.hubbard_u:
        moving = moving.model_copy(update={"hubbard_u": dict.fromkeys(moving.hubbard_u, 0.0)})
    return still, moving
