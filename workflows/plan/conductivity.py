"""The conductivity step of a recipe: trajectories of crystals at several temperatures."""

from __future__ import annotations

from ...configs.steps.conductivity import ConductivityStep
from ...structures.crystals.cells import canonical_order
from ..engines.tasks import MolecularDynamics, Relax
from ..flows.conductivity import conductivity_jobs
from .builder import Builder, Draft

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
    if engine.backend.needs_method:
        builder.skipped.append(
            f"step {STEP}: engine {engine.name} needs a level of theory; its dynamics stand in the section vasp"
        )
        return
    relax = Relax(max_force=step.max_force, max_steps=step.max_steps, keep_symmetry=False)
    motion = MolecularDynamics(
        n_steps=round(step.length / step.timestep),
        timestep=step.timestep,
        damping=step.damping,
        frame_interval=step.frame_interval,
    )
    chunk = max(1, round(step.chunk / step.timestep))
    for number, asked in enumerate(step.materials):
        found = builder.material(asked.material, STEP, "materials", number, "material")
        cell = canonical_order(builder.cell(found).make_supercell(asked.supercell, in_place=False))
        start, runs = conductivity_jobs(cell, found.name, engine, (relax, motion, chunk), step.temperatures, step.seeds)
        builder.drafts.append(Draft(start, STEP, found.name, "relaxed", engine, relax, cell))
        for run in runs:
            for k, job in enumerate(run.jobs, 1):
                steps = min(chunk, motion.n_steps - (k - 1) * chunk)
                task = run.run.task.model_copy(update={"n_steps": steps})
                variant = f"{run.temperature:g} K, {run.run.variant(k)}"
                builder.drafts.append(Draft(job, STEP, found.name, variant, engine, task, cell))
