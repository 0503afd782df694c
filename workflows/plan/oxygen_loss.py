"""The oxygen-loss step of a recipe: orderings, host and ladder of each cathode, and the references of engines that need
their own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jobflow import Flow
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, StructureError
from ...configs.models import Material, Mesh, Method
from ...configs.steps.oxygen_loss import OxygenLossPlan, OxygenLossStep, OxygenSystem, SlabPart
from ...structures.crystals.cells import canonical_order, prepared_cell
from ...structures.crystals.crystal import conventional
from ...structures.crystals.delithiation import in_cell
from ...structures.crystals.ordering import order
from ...structures.defects.substitution import substitution_places, substitution_sites
from ...structures.surfaces.facet import source_cell
from ...structures.surfaces.slab import SlabSpec, slabs
from ..engines.engine import CalculationMaker, Engine
from ..engines.registry import ENGINES, load_backend
from ..engines.tasks import Relax, read_task
from ..flows.ordering import Level, host_jobs, ordering_flow
from ..flows.oxygen_loss import oxygen_loss_flow
from ..flows.substitution import SubstitutionMaker, most_calculations, sites_checked
from ..identity import content_address, iter_jobs
from .builder import Builder, Draft
from .elements import LITHIUM, add_lithium, add_oxygen

__all__ = ["STEP", "add_oxygen_loss", "slab_cell"]

STEP = "oxygen_loss"


def add_oxygen_loss(builder: Builder, step: OxygenLossStep) -> None:
    """Draft the jobs of all cathodes that are known ahead; the ladders are added while the flow runs.

    Parameters
    ----------
    builder : Builder
    step : OxygenLossStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown and every setting that is missing.
    """
    engine = builder.engine(STEP, step.engine, "relax")
    if engine is None:
        return
    if step.settings and engine == Engine(step.engine):
        engine = _with_settings(builder, engine.name, step.settings, [STEP, "settings"])
    if not engine.backend.has_moments:
        told = f"engine {engine.name} gives no moments, by which the ledger of oxidation states tells ions"
        advice = "set its key 'moments' to chgnet, for single points of CHGNet, or take another engine"
        raise builder.source.error([STEP, "engine"], f"{told}: {advice}")
    for number, system in enumerate(step.systems):
        _add_system(builder, step, number, system, engine)
    if engine.backend.needs_method:
        _add_references(builder, step, engine)
    if second := _second(builder, step):
        _add_references(builder, step, second)
        builder.notes.append(
            f"step {STEP}: {second.name} calculates the host, and the cells with vacancies, once more at the "
            f"geometries of {engine.name}"
        )
    builder.notes.append(
        f"step {STEP}: the jobs of a ladder follow from energies and are added while it runs; its time is that of the "
        "most it can be"
    )


def _add_system(builder: Builder, step: OxygenLossStep, number: int, system: OxygenSystem, engine: Engine) -> None:
    material, cells = _cells(builder, number, system)
    label = material.name if system.slab is None else system.slab.label(material.name)
    second = _second(builder, step)
    level = Level(
        engine,
        _method(builder, step, number, material, engine) if engine.backend.needs_method else None,
        Level(second, _method(builder, step, number, material, second)) if second else None,
    )
    orderings = system.orderings
    if orderings is not None and builder.placeholder:
        cells, orderings = cells[: orderings.keep], None
        builder.notes.append(
            f"{material.name}: a rehearsal ranks no orderings and takes the first {len(cells)} as candidates for the "
            "host"
        )
    if system.ladder is not None:
        ranking = (orderings, _ranking(builder, step)) if orderings is not None else None
        beside = [_substitution(builder, step, (number, k), cells[0], level) for k in range(len(system.substitutions))]
        flow = oxygen_loss_flow(cells, label, system.ladder, level, ranking, beside)
        most = system.ladder.most_calculations + sum(most_calculations(asked) for asked in system.substitutions)
        _draft(builder, flow, label, cells[0], (engine, most))
        builder.notes += [f"{label}: {told}" for told in _told(system, system.ladder)]
        return
    if system.orderings is None:
        raise builder.source.error(
            [STEP, "systems", number], f"{material.name}: neither orderings nor a ladder is asked for"
        )
    task = Relax(
        max_force=0.05,
        max_steps=system.orderings.max_steps,
        relax_cell=system.orderings.relax_cell,
        keep_symmetry=False,
    )
    if orderings is None:
        flow = Flow([*host_jobs(cells, material.name, level, task)])
    else:
        flow = ordering_flow(cells, material.name, orderings, _ranking(builder, step), (level, task, None))
    _draft(builder, flow, material.name, cells[0], (engine, system.orderings.keep))


def _substitution(
    builder: Builder, step: OxygenLossStep, place: tuple[int, int], cell: Structure, level: Level
) -> SubstitutionMaker:
    """What follows the host for one ion; its U joins the level of theory."""
    number, k = place
    system = step.systems[number]
    location: list[str | int] = [STEP, "systems", number, "substitutions", k]
    asked, plan = system.substitutions[k], system.ladder
    for key, problem in sites_checked(cell, asked):
        raise builder.source.error([*location, key], problem)
    try:
        substitution_places(
            cell,
            asked.ion,
            asked.leaving,
            substitution_sites(cell, asked.places[:1], by_neighbours=True)[:1],
            asked.compensation,
            asked.seed,
        )
    except (InputError, StructureError) as error:
        raise builder.source.error(location, error.message) from None
    element = asked.ion.rstrip("+0123456789")
    levels = Level(level.engine, _with_u(builder, level.method, element), level.single_points)
    if second := level.single_points:
        levels = Level(level.engine, levels.method, Level(second.engine, _with_u(builder, second.method, element)))
    return SubstitutionMaker(
        level=levels, plan=plan.model_dump(mode="json") if plan else {}, asked=asked.model_dump(mode="json")
    )


def _with_u(builder: Builder, method: dict[str, Any] | None, element: str) -> dict[str, Any] | None:
    """A level of theory with the U of one element more."""
    if method is None:
        return None
    return {
        **method,
        "hubbard_u": {
            **method["hubbard_u"],
            **builder.hubbard_table([Element(element)], f"the substitution by {element}"),
        },
    }


def _told(system: OxygenSystem, ladder: OxygenLossPlan) -> list[str]:
    """What a branching job stands for, in words."""
    told = [
        f"the ladder takes {', '.join(map(str, ladder.levels))} Li out, relaxes {ladder.candidates} arrangements of "
        f"each, and one oxygen vacancy at up to {ladder.max_sites} sites of the lowest {ladder.samples}"
    ]
    for asked in system.substitutions:
        told.append(
            f"{asked.ion} on sites of {', '.join(asked.places)} ({asked.leaving} leaves, charge paid by "
            f"{asked.compensation}): {asked.candidates} of each relaxed, "
            f"then {asked.near} oxygen vacancies near and {asked.far} far from it, with it and without it"
        )
    return told


def _cells(builder: Builder, number: int, system: OxygenSystem) -> tuple[Material, list[Structure]]:
    """The material and its ordered cells, the lowest electrostatic energy first."""
    location: list[str | int] = [STEP, "systems", number]
    material = builder.material(system.material, *location, "material")
    if system.slab is not None:
        return material, [slab_cell(builder, [*location, "slab"], material, system.slab)]
    try:
        asked = in_cell(material, system.composition, system.supercell)
        if asked.ordered_cell is None:
            return material, [builder.cell(material)]
        count = system.orderings.n if system.orderings is not None else 1
        found = order(
            conventional(asked), asked.ordered_cell, count, system.orderings.seed if system.orderings is not None else 0
        )
        return asked, [prepared_cell(one.structure, asked) for one in found]
    except StructureError as error:
        raise builder.source.error(location, error.message) from None


def slab_cell(builder: Builder, location: list[str | int], material: Material, asked: SlabPart) -> Structure:
    """Return the slab of a facet, without a repeat dipole.

    Raises
    ------
    InputError
        With file, line and key, if it cannot be cut or repeats a dipole.
    """
    try:
        found, dipole = _cut(material.model_dump_json(), asked.model_dump_json())
    except StructureError as error:
        raise builder.source.error(location, error.message) from None
    if dipole is not None:
        raise builder.source.error(
            location,
            f"{asked.label(material.name)} repeats a dipole of {dipole:.3f} e/Å: energies of its vacancies grow with "
            "its thickness; take another facet",
        )
    return found.copy()


@lru_cache(maxsize=32)
def _cut(material: str, asked: str) -> tuple[Structure, float | None]:
    """The first slab of a facet of a material, both as JSON, and the dipole that it repeats, if any; cut once for all
    engines and plans of a process."""
    found, part = Material.model_validate_json(material), SlabPart.model_validate_json(asked)
    cuts = slabs(source_cell(found), part.miller, SlabSpec(thickness=part.thickness, vacuum=part.vacuum))
    cell = canonical_order(cuts[0].structure.make_supercell((*part.repeat, 1), in_place=False))
    for name in ("origin", "layer"):  # of the crystal and of a stack: a ladder numbers its own atoms
        if name in cell.site_properties:
            cell.remove_site_property(name)
    return cell, cuts[0].repeat_dipole if cuts[0].polar else None


def _ranking(builder: Builder, step: OxygenLossStep) -> Engine:
    """The engine that ranks orderings: the recipe's, also where another one is asked for on the command line."""
    found = Engine(step.ranking)
    if found.backend.needs_method:
        raise builder.source.error(
            [STEP, "ranking"], f"engine {step.ranking} needs a level of theory; orderings are ranked by chgnet"
        )
    return found


def _second(builder: Builder, step: OxygenLossStep) -> Engine | None:
    """The engine of single points; none where the command line names one engine for all."""
    asked = step.single_points
    if asked is None:
        return None
    if builder.override not in (None, step.engine):
        builder.skipped.append(
            f"step {STEP}: no single points of {asked.engine}: --engine {builder.override} calculates everything"
        )
        return None
    location = [STEP, "single_points", "engine"]
    allowed = [
        name for name in ENGINES if load_backend(name, {}).needs_method and "static" in load_backend(name, {}).kinds
    ]
    if asked.engine not in allowed:
        raise builder.source.error(
            location,
            (
                f"single points need an engine with a level of theory of its own, not {asked.engine!r}; allowed: "
                f"{', '.join(allowed)}"
            ),
        )
    return _with_settings(builder, asked.engine, asked.settings, [STEP, "single_points", "settings"])


def _with_settings(builder: Builder, name: str, settings: dict[str, Any], location: list[str | int]) -> Engine:
    """The engine under the recipe's settings, which are checked here and not when a job starts."""
    found = Engine(name, dict(settings))
    try:
        found.backend.numerics()
    except InputError as error:
        raise builder.source.error(location, error.message) from None
    return found


def _method(builder: Builder, step: OxygenLossStep, number: int, material: Material, engine: Engine) -> dict[str, Any]:
    """The level of theory of a cathode: of production, of the single points, of the step itself, or of the section
    `electronic`."""
    mesh = step.systems[number].kpoints
    if mesh is None:
        raise builder.source.error(
            [STEP, "systems", number], f"{material.name}: engine {engine.name} needs a mesh: give the key 'kpoints'"
        )
    return _level_of_theory(builder, step, material, mesh, engine).model_dump(mode="json")


def _level_of_theory(builder: Builder, step: OxygenLossStep, material: Material, mesh: Mesh, engine: Engine) -> Method:
    single = step.single_points if step.single_points and engine.name != (builder.override or step.engine) else None
    cutoff = single.cutoff if single else step.cutoff
    if builder.production or cutoff is None:
        return builder.method(STEP, material, kpoints=mesh)
    table = builder.hubbard_table(builder.cell(material).composition.remove_charges().elements, material.name)
    return Method(hubbard_u=table, cutoff=cutoff, kpoints=mesh, smearing=single.smearing if single else step.smearing)


def _draft(builder: Builder, flow: Flow, label: str, cell: Structure, most: tuple[Engine, int]) -> None:
    """Enter every job of a flow; a branching job stands for what it adds at most, by engine and number."""
    for job in iter_jobs(content_address(flow)[0]):
        job.hosts = []  # it goes into the recipe's own flow
        variant, maker = job.name.removeprefix(f"{label} "), job.maker
        if isinstance(maker, CalculationMaker):
            builder.drafts.append(Draft(job, STEP, label, variant, maker.engine, read_task(maker.task), cell))
        else:
            builder.drafts.append(Draft(job, STEP, label, variant, most[0], Relax(), cell, most[1]))


def _add_references(builder: Builder, step: OxygenLossStep, engine: Engine) -> None:
    """Lithium metal and the O2 molecule, with the settings of the ladder."""
    base = _level_of_theory(builder, step, builder.material(LITHIUM, STEP), step.lithium_kpoints, engine)
    add_lithium(builder, STEP, engine, base)
    add_oxygen(builder, STEP, engine, base, step.molecule_box)
