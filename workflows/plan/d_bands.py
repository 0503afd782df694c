"""The step d_bands of a recipe: one arrangement of each lithium content, relaxed, and its density of states."""

from __future__ import annotations

from ...configs.errors import CatholyteError
from ...configs.models import Material, Method, OrderedCell
from ...configs.steps.d_bands import DBandStep, DBandSystem
from ...structures.crystals.crystal import conventional
from ...structures.defects.delithiated import delithiated_cells
from ..engines.engine import Engine
from ..engines.registry import potential_names
from ..engines.tasks import Dos, Relax
from ..roles import Delithiated
from .builder import Builder, Draft

__all__ = ["add_d_bands"]

STEP = "d_bands"


def add_d_bands(builder: Builder, step: DBandStep) -> None:
    """Draft a relaxation and a density of states for each cell.

    Parameters
    ----------
    builder : Builder
    step : DBandStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown and every cell that cannot be made.
    """
    engine = builder.engine(STEP, step.engine, "dos")
    if engine is None:
        return
    geometry = engine.handing_on() if builder.production is not None else _potential(builder, step.geometry)
    for number, system in enumerate(step.systems):
        location = (STEP, "systems", number)
        found = builder.material(system.material, *location, "material")
        if system.production and builder.production is None:
            builder.skipped.append(f"step {STEP}, {found.name}: it runs with --engine vasp alone")
            continue
        try:
            ordered = OrderedCell(supercell=system.supercell, primitive=system.primitive)
            cells = delithiated_cells(found, ordered, system.contents, seed=step.seed)
        except CatholyteError as error:
            raise builder.source.error(location, error.message) from None
        method = _method(builder, step, system, found)
        relax = Relax(
            max_force=step.max_force,
            max_steps=step.max_steps,
            keep_symmetry=False,
            method=method if geometry.backend.needs_method else None,
        )
        for content, (cell, *_) in cells.items():
            label, variant = f"{found.name} Li {content:.3g}", f"Li {content:.3g}"
            role = Delithiated(of=found.name, content=content)
            relaxed = geometry.maker(relax).job_for(cell, label, role=role)
            builder.drafts.append(Draft(relaxed, STEP, found.name, f"{variant}, cell", geometry, relax, cell))
            task = Dos(method=method)
            job = engine.maker(task).job_for(relaxed.output.structure, label, role=role)
            builder.drafts.append(Draft(job, STEP, found.name, variant, engine, task, cell))


def _potential(builder: Builder, name: str) -> Engine:
    """The potential that relaxes cells; no engine of the command line changes it."""
    if name not in potential_names():
        raise builder.source.error(
            [STEP, "geometry"],
            f"cells are relaxed by a potential, not {name!r}; allowed: {', '.join(potential_names())}",
        )
    return Engine(name)


def _method(builder: Builder, step: DBandStep, system: DBandSystem, found: Material) -> Method:
    production = builder.production
    return Method(
        hubbard_u=builder.hubbard_table(conventional(found).composition.remove_charges().elements, found.name),
        cutoff=production.cutoff if production else step.cutoff,
        kpoints=(system.production_kpoints if production else None) or system.kpoints,
        smearing=production.smearing if production else step.smearing,
    )
