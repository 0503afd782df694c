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
from .elements import LITHIUM, add_lithium, add_oxygen
from .levels import without_level

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
        and an engine without a level of theory.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    if without_level(builder, STEP, engine):
        return
    for number, asked in enumerate(step.stacks):
        _add(builder, step, number, asked, engine)
    if engine.backend.needs_method:
        _references(builder, step, engine)
    builder.notes.append(
        f"step {STEP}: which atoms leave follows from the relaxed stack; the jobs are added while it runs, and its "
        "time is that of the most it can be"
    )


def _add(builder: Builder, step: AcrossStep, number: int, asked: StackSystem, engine: Engine) -> None:
    location: list[str | int] = [STEP, "stacks", number, "system"]
    if asked.system not in builder.stacks:
        known = ", ".join(builder.stacks) or "none"
        raise builder.source.error(location, f"{asked.system!r} is no system of the section interface; it has {known}")
    start, cell, level = builder.stacks[asked.system]
    if isinstance(cell, Structure):
        try:
            stack_depths(cell)
        except InputError as error:
            raise builder.source.error(location, error.message) from None
    task = Relax(
        max_force=step.max_force,
        max_steps=step.max_steps,
        relax_cell=False,
        keep_symmetry=False,
        method=level() if engine.backend.needs_method else None,
    )
    whole = engine.maker(task).job_for(start, f"{asked.system} whole", role=StackHost(of=asked.system))
    builder.drafts.append(Draft(whole, STEP, asked.system, "whole stack", engine, task, cell))
    maker = StackVacanciesMaker(
        engine=engine, relax=task.model_dump(mode="json"), elements=list(asked.elements), most=asked.most
    )
    branch = maker.job_for(whole.output.structure, asked.system)
    parts = 3 if isinstance(cell, Structure) else len(_system(builder, asked.system))
    runs = len(asked.elements) * asked.most * parts
    builder.drafts.append(Draft(branch, STEP, asked.system, "vacancies", engine, task, cell, runs))


def _references(builder: Builder, step: AcrossStep, engine: Engine) -> None:
    """What leaves as an element, at the level of the stacks; without U."""
    level = builder.method(STEP, builder.material(LITHIUM, STEP), kpoints=step.lithium_kpoints)
    asked = {element for one in step.stacks for element in one.elements}
    if "Li" in asked:
        add_lithium(builder, STEP, engine, level)
    if "O" in asked:
        add_oxygen(builder, STEP, engine, level, step.molecule_box)


def _system(builder: Builder, name: str) -> dict[str, str]:
    """Parts of a system."""
    step = builder.recipe.interface
    return next((system.names for system in step.systems if system.name == name), {}) if step else {}
