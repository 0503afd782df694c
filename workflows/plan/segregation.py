"""The segregation step of a recipe: one relaxation for each depth of an ion in a slab."""

from __future__ import annotations

from ...configs.errors import CatholyteError
from ...configs.steps.segregation import SegregationStep
from ...structures.defects.depth import depths
from ..engines.tasks import Relax
from ..flows.segregation import ions_by_depth, segregation_jobs
from .builder import Builder, Draft
from .levels import slab_method, without_level
from .oxygen_loss import slab_cell

__all__ = ["add_segregation"]

STEP = "segregation"


def add_segregation(builder: Builder, step: SegregationStep) -> None:
    """Draft the jobs of all systems.

    Parameters
    ----------
    builder : Builder
    step : SegregationStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown, every slab that cannot be cut, every ion that cannot be
        placed, and an engine without a level of theory.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    if without_level(builder, STEP, engine):
        return
    whole = Relax(max_force=step.max_force, max_steps=step.max_steps, relax_cell=False, keep_symmetry=False)
    for number, system in enumerate(step.systems):
        location: list[str | int] = [STEP, "systems", number]
        found = builder.material(system.material, *location, "material")
        slab = slab_cell(builder, [*location, "slab"], found, system.slab)
        try:
            cells = ions_by_depth(slab, system)
        except CatholyteError as error:
            raise builder.source.error([*location, "ion"], error.message) from None
        task = whole
        if engine.backend.needs_method:
            level = slab_method(builder, STEP, found, cells[-1].structure, step.kpoint_density)
            task = whole.model_copy(update={"method": level})
        label, (below, _) = system.label(found.name), depths(slab)
        for cell, job in zip(cells, segregation_jobs(cells, label, system.element, engine, task), strict=True):
            variant = "slab" if cell.site is None else f"{below[cell.site]:.1f} Å deep"
            builder.drafts.append(Draft(job, STEP, label, variant, engine, task, cell.structure))
        paid = next((cell.ions for cell in cells if cell.ions), "")
        who = f"the charge is paid for nearby ({paid})" if paid else "no charge has to be paid for"
        builder.notes.append(f"{label}: {len(cells)} cells of one composition; {who}")
