"""The step deciding_phases of a recipe: relaxations by VASP at the level of theory of the phase sets."""

from __future__ import annotations

from ...configs.steps.deciding_phases import DecidingStep
from ..engines.engine import Engine
from ..engines.registry import runs_production
from ..engines.tasks import Relax
from ..phases.scale import SETTINGS, scale_method
from ..roles import Main
from .builder import Builder, Draft

__all__ = ["add_deciding_phases"]

STEP = "deciding_phases"


def add_deciding_phases(builder: Builder, step: DecidingStep) -> None:
    """Draft one relaxation for each crystal; only where VASP runs the recipe.

    Parameters
    ----------
    builder : Builder
    step : DecidingStep

    Raises
    ------
    InputError
        With file, line and key for every name that is no material.
    """
    if not runs_production(builder.override):
        builder.skipped.append(f"step {STEP}: the scale of the phase sets is VASP's: --engine vasp runs it")
        return
    settings = {**(builder.production.settings if builder.production else {}), **SETTINGS, **step.settings}
    engine = Engine(str(builder.override), settings)
    for number, name in enumerate(step.materials):
        found = builder.material(name, STEP, "materials", number)
        cell = builder.cell(found)
        task = Relax(max_force=step.max_force, max_steps=step.max_steps, method=scale_method(cell))
        job = engine.maker(task).job_for(cell, found.name, role=Main(of=found.name))
        job.name += " (scale of the phase sets)"
        builder.drafts.append(Draft(job, STEP, found.name, "main", engine, task, cell))
