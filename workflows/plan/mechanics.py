"""The mechanics step of a recipe: one elastic tensor a material."""

from __future__ import annotations

from ...configs.steps.mechanics import MechanicsStep
from ..flows.elastic import elastic_jobs
from .builder import Builder, Draft
from .levels import without_level

__all__ = ["add_mechanics"]

STEP = "mechanics"


def add_mechanics(builder: Builder, step: MechanicsStep) -> None:
    """Draft the jobs of all elastic tensors.

    Parameters
    ----------
    builder : Builder
    step : MechanicsStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown, and an engine without a level of theory.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    if without_level(builder, STEP, engine):
        return
    for number, name in enumerate(step.materials):
        found = builder.material(name, STEP, "materials", number)
        cell = builder.cell(found)
        method = None
        if engine.backend.needs_method:
            method = engine.backend.method_of_stress(cell, builder.method(STEP, found))
        jobs = elastic_jobs(cell, found.name, engine, step.strains, (step.max_force, step.max_steps), method)
        builder.drafts.append(Draft(jobs.crystal, STEP, found.name, "crystal", engine, jobs.whole, cell))
        builder.drafts.append(Draft(jobs.build, STEP, found.name, "strained cells", None, None, cell))
        for k, job in enumerate(jobs.strained, 1):
            builder.drafts.append(Draft(job, STEP, found.name, f"strain {k}", engine, jobs.atoms, cell))
