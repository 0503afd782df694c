"""The polymorphs step of a recipe: cells of the three structures at several lithium contents."""

from __future__ import annotations

from ...configs.errors import StructureError
from ...configs.models import Material
from ...configs.steps.polymorphs import PolymorphStep, PolymorphSystem
from ...structures.crystals.polymorphs import Polymorph, layered_cells, metal_of, rock_salt_cells, spinel_cells
from ..engines.tasks import Relax
from ..flows.polymorphs import polymorph_jobs
from .builder import Builder, Draft

__all__ = ["add_polymorphs"]

STEP = "polymorphs"
#: x of the spinel: full tetrahedral sites, half of them, none
_SPINEL = (0.0, 0.25, 0.5)


def add_polymorphs(builder: Builder, step: PolymorphStep) -> None:
    """Draft the relaxations of all systems.

    Parameters
    ----------
    builder : Builder
    step : PolymorphStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown and every cell that cannot be made.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    if engine.backend.needs_method:
        builder.skipped.append(f"step {STEP}: engine {engine.name} needs a level of theory; potentials relax its cells")
        return
    task = Relax(max_force=step.max_force, max_steps=step.max_steps, keep_symmetry=False)
    for number, system in enumerate(step.systems):
        location = (STEP, "systems", number)
        found = builder.material(system.material, *location, "material")
        salt = builder.material(system.rock_salt, *location, "rock_salt")
        spinel = builder.material(system.spinel, *location, "spinel") if system.spinel else None
        try:
            cells = _cells(step, system, found, salt, spinel)
        except StructureError as error:
            raise builder.source.error(location, error.message) from None
        for job, structure, one in polymorph_jobs(cells, found.name, engine, task):
            variant = f"{structure} {job.name.split()[-3]}, x = {one.x:.3g}"
            builder.drafts.append(Draft(job, STEP, found.name, variant, engine, task, one.structure))


def _cells(
    step: PolymorphStep, system: PolymorphSystem, found: Material, salt: Material, spinel: Material | None
) -> dict[str, list[Polymorph]]:
    metal, n = metal_of(found), step.arrangements
    cells = {
        "layered": [one for x in system.contents for one in layered_cells(found, x, system.supercell, n)],
        "rock salt": [],
    }
    a, b, c = system.rock_salt_supercell
    most = 4 * a * b * c // 2
    for lithium in sorted({round(k * most / 4) for k in range(5)}):
        cells["rock salt"] += rock_salt_cells(salt, metal, lithium, system.rock_salt_supercell, n)
    if spinel is not None:
        cells["spinel"] = [one for x in _SPINEL for one in spinel_cells(spinel, metal, x, n)]
    return cells
