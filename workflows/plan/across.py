"""The across step of a recipe: vacancies by depth through stacks that the interface step builds."""

from __future__ import annotations

from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.steps.across import AcrossStep, StackSystem
from ...structures.defects.depth import stack_depths
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..flows.across import StackVacanciesMaker
from ..roles import StackHost
from .builder import Builder, Draft

__all__ = ["add_across"]

STEP = "across"


def add_across(builder: Builder, step: AcrossStep) -> None:
    """Draft the relaxation of each stack, and the job that takes its atoms out.

    Parameters
    ----------
    builder : Builder
    step : AcrossStep

    Raises
    ------
    InputError
        With file, line and key for a system that the section ``interface`` does not have, a stack without layer tags,
        and an engine that needs a level of theory.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    if engine.backend.needs_method:
        told = f"engine {engine.name} needs a level of theory: vacancies of stacks are computed by potentials"
        if not builder.override:
            raise builder.source.error([STEP, "engine"], f"{told}; take one such as chgnet")
        builder.skipped.append(f"step {STEP}: {told}")
        return
    for number, asked in enumerate(step.stacks):
        _add(builder, step, number, asked, engine)
    builder.notes.append(
        f"step {STEP}: which atoms leave follows from the relaxed stack; the jobs are added while it runs, and its "
        "time is that of the most it can be"
    )


def _add(builder: Builder, step: AcrossStep, number: int, asked: StackSystem, engine: Engine) -> None:
    location: list[str | int] = [STEP, "stacks", number, "system"]
    if asked.system not in builder.stacks:
        known = ", ".join(builder.stacks) or "none"
        raise builder.source.error(location, f"{asked.system!r} is no system of the section interface; it has {known}")
    start, cell = builder.stacks[asked.system]
    if isinstance(cell, Structure):
        try:
            stack_depths(cell)
        except InputError as error:
            raise builder.source.error(location, error.message) from None
    task = Relax(max_force=step.max_force, max_steps=step.max_steps, relax_cell=False, keep_symmetry=False)
    whole = engine.maker(task).job_for(start, f"{asked.system} whole", role=StackHost(of=asked.system))
    builder.drafts.append(Draft(whole, STEP, asked.system, "whole stack", engine, task, cell))
    maker = StackVacanciesMaker(
        engine=engine, relax=task.model_dump(mode="json"), elements=list(asked.elements), most=asked.most
    )
    branch = maker.job_for(whole.output.structure, asked.system)
    parts = 3 if isinstance(cell, Structure) else len(_system(builder, asked.system))
    runs = len(asked.elements) * asked.most * parts
    builder.drafts.append(Draft(branch, STEP, asked.system, "vacancies", engine, task, cell, runs))


def _system(builder: Builder, name: str) -> dict[str, str]:
    """Parts of a system."""
    step = builder.recipe.interface
    return next((system.names for system in step.systems if system.name == name), {}) if step else {}
