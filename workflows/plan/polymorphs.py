"""The polymorphs step of a recipe: cells of the three structures at several lithium contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...configs.errors import StructureError
from ...configs.models import Material, OrderedCell
from ...configs.steps.polymorphs import PolymorphStep, PolymorphSystem
from ...structures.crystals.cells import canonical_order
from ...structures.crystals.polymorphs import (
    Metals,
    Polymorph,
    layered_cells,
    metals_of,
    polymorph_of,
    rock_salt_cells,
    spinel_cells,
    starting_moments,
)
from ...structures.defects.delithiated import delithiated_cells
from ..engines.tasks import Relax
from ..flows.polymorphs import polymorph_jobs
from ..phases.scale import mesh_of_density
from .builder import Builder, Draft
from .elements import LITHIUM, add_oxygen
from .levels import without_level

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
    if without_level(builder, STEP, engine):
        return
    for number, system in enumerate(step.systems):
        location = (STEP, "systems", number)
        found = builder.material(system.material, *location, "material")
        salt = builder.material(system.rock_salt, *location, "rock_salt")
        spinel = builder.material(system.spinel, *location, "spinel") if system.spinel else None
        try:
            cells = _cells(step, system, found, salt, spinel)
        except StructureError as error:
            raise builder.source.error(location, error.message) from None
        if engine.backend.needs_method:
            cells = {name: [_magnetic(one, found, salt) for one in every] for name, every in cells.items()}
        task_of = _task_of(builder, step, found if engine.backend.needs_method else None)
        for job, structure, one in polymorph_jobs(cells, found.name, engine, task_of):
            variant = f"{structure} {job.name.split()[-3]}, x = {one.x:.3g}"
            builder.drafts.append(Draft(job, STEP, found.name, variant, engine, task_of(one), one.structure))
    if engine.backend.needs_method:
        level = builder.method(STEP, builder.material(LITHIUM, STEP), kpoints=(1, 1, 1))  # no U, as that of a ladder
        add_oxygen(builder, STEP, engine, level, step.molecule_box)


def _magnetic(one: Polymorph, material: Material, salt: Material) -> Polymorph:
    return replace(one, structure=canonical_order(starting_moments(one, material, salt)))


def _task_of(builder: Builder, step: PolymorphStep, found: Material | None) -> Callable[[Polymorph], Relax]:
    """From a cell to its relaxation; with a level of theory where a material is given."""
    plain = Relax(max_force=step.max_force, max_steps=step.max_steps, keep_symmetry=False)
    if found is None:
        return lambda one: plain

    def at_level(one: Polymorph) -> Relax:
        mesh = mesh_of_density(one.structure, step.kpoint_density)
        return plain.model_copy(update={"method": builder.method(STEP, found, kpoints=mesh)})

    return at_level


def _cells(
    step: PolymorphStep, system: PolymorphSystem, found: Material, salt: Material, spinel: Material | None
) -> dict[str, list[Polymorph]]:
    metals, n = metals_of(found), step.arrangements
    cells = {"layered": _layered(step, system, found, metals), "rock salt": []}
    for lithium in _lithium_of_rock_salt(system, metals):
        cells["rock salt"] += rock_salt_cells(salt, metals, lithium, system.rock_salt_supercell, n)
    if spinel is not None:
        cells["spinel"] = [one for x in _SPINEL for one in spinel_cells(spinel, metals, x, n, system.spinel_supercell)]
    return cells


def _layered(step: PolymorphStep, system: PolymorphSystem, found: Material, metals: Metals) -> list[Polymorph]:
    """One metal is taken from its crystal at each content; several keep their arrangement."""
    if len(metals.shares) == 1 and not system.primitive:
        every = (layered_cells(found, x, system.supercell, step.arrangements) for x in system.contents)
        return [one for cells in every for one in cells]
    ordered = OrderedCell(supercell=system.supercell, primitive=system.primitive)
    hosts = delithiated_cells(found, ordered, system.contents, step.arrangements)
    return [polymorph_of(structure) for cells in hosts.values() for structure in cells]


def _lithium_of_rock_salt(system: PolymorphSystem, metals: Metals) -> list[int]:
    """Numbers of lithium atoms in the cell: up to five, from none to the layered crystal's share, with whole metals.

    Raises
    ------
    StructureError
        If fewer than two numbers leave whole metals.
    """
    a, b, c = system.rock_salt_supercell
    cations = 4 * a * b * c
    most = int(cations * metals.lithium / (1 + metals.lithium) + 1e-6)
    whole = [k for k in range(most + 1) if metals.are_whole(cations - k)]
    if len(whole) < 2:
        raise StructureError(
            f"rock salt of {cations} cations holds {system.material}'s metals in whole atoms at "
            f"{'one lithium content' if whole else 'no lithium content'}: give another rock_salt_supercell"
        )
    return sorted({min(whole, key=lambda k: (abs(k - round(share * most / 4)), k)) for share in range(5)})
