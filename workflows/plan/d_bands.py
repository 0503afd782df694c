"""The step d_bands of a recipe: one arrangement of each lithium content, relaxed, and its density of states."""

from __future__ import annotations

from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, StructureError
from ...configs.models import Material, Method, OrderedCell
from ...configs.steps.d_bands import DBandStep, DBandSystem
from ...structures.crystals.cells import canonical_order, prepared_cell
from ...structures.crystals.crystal import conventional
from ...structures.crystals.ordering import order
from ...structures.defects.vacancy import lithium_vacancies
from ..engines.engine import Engine
from ..engines.registry import potential_names
from ..engines.tasks import Dos, Relax
from ..roles import Delithiated
from .builder import Builder, Draft

__all__ = ["add_d_bands", "delithiated_cells"]

STEP = "d_bands"
#: how far from a whole number of Li atoms a rounded share such as 0.333 may lie
_ROUNDING = 0.02


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
            cells = delithiated_cells(found, system, step.seed)
        except CatholyteError as error:
            raise builder.source.error(location, error.message) from None
        method = _method(builder, step, system, found)
        relax = Relax(
            max_force=step.max_force,
            max_steps=step.max_steps,
            keep_symmetry=False,
            method=method if geometry.backend.needs_method else None,
        )
        for content, cell in cells.items():
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


def delithiated_cells(found: Material, system: DBandSystem, seed: int = 0) -> dict[float, Structure]:
    """Return the cell of each lithium content: one arrangement of the metals, from which lithium leaves.

    Parameters
    ----------
    found : Material
    system : DBandSystem
    seed : int
        Of the searches.

    Returns
    -------
    dict of float to Structure
        Share of the lithium left to the arrangement of lowest electrostatic energy, charges balanced.

    Raises
    ------
    StructureError
        If the material has no lithium or no oxygen, a share is no whole number of atoms, or the metals cannot pay.
    """
    cell = OrderedCell(supercell=system.supercell, primitive=system.primitive)
    (lowest, *_) = order(conventional(found), cell, 1, seed)
    host = prepared_cell(lowest.structure, found)
    symbols = [site.specie.symbol for site in host]
    full = symbols.count("Li")
    if not full or "O" not in symbols:
        raise StructureError(f"{found.name} ({found.formula}): d bands are told of oxides with lithium")
    cells = {}
    for content in system.contents:
        left = content * full
        if abs(left - round(left)) > _ROUNDING:
            raise StructureError(
                f"{content:g} of the lithium is {left:.3g} of {full} atoms in this cell of {found.name}: give another "
                "share or supercell"
            )
        (arranged, *_) = lithium_vacancies(host, full - round(left), 1, seed)
        cells[round(left) / full] = canonical_order(arranged.structure)
    return cells


def _method(builder: Builder, step: DBandStep, system: DBandSystem, found: Material) -> Method:
    production = builder.production
    return Method(
        hubbard_u=builder.hubbard_table(conventional(found).composition.remove_charges().elements, found.name),
        cutoff=production.cutoff if production else step.cutoff,
        kpoints=(system.production_kpoints if production else None) or system.kpoints,
        smearing=production.smearing if production else step.smearing,
    )
