"""The transport step of a recipe: hops are found ahead in each host, their jobs wait for the relaxed crystal."""

from __future__ import annotations

import numpy as np
from jobflow import Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, EngineUnavailableError, InputError, StructureError
from ...configs.models import Material, Method
from ...configs.steps.transport import HopSystem, TransportStep
from ...structures.crystals.cells import calculation_cell
from ...structures.defects.hops import Hop, fewest_multiples, hops
from ...structures.defects.interstitials import PLACE, empty_sites, with_empty
from ...structures.defects.substitution import substitute, substitution_sites
from ..engines.engine import Engine
from ..engines.registry import ENGINES, load_backend
from ..engines.tasks import Relax, Static
from ..flows.barrier import BandTask, require_bands
from ..flows.hop_cells import hop_jobs, point_jobs
from ..flows.interstitial_cells import interstitial_jobs
from ..roles import Main
from .builder import Builder, Draft

__all__ = ["STEP", "add_transport"]

STEP = "transport"


def add_transport(builder: Builder, step: TransportStep) -> None:
    """Draft the jobs of all hops.

    Parameters
    ----------
    builder : Builder
    step : TransportStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown and every hop that does not exist.
    """
    if (engine := builder.engine(STEP, step.engine, "relax")) is None:
        return
    try:
        require_bands(engine)
    except EngineUnavailableError as error:
        if not builder.override:
            raise builder.source.error([STEP, "engine"], f"{error.message}; {error.advice}") from None
        builder.skipped.append(f"step {STEP}: {error.message}")
        return
    _require_points(builder, step)
    for number, system in enumerate(step.systems):
        location = (STEP, "systems", number)
        found = builder.material(system.material, *location, "material")
        if missing := _without_level(builder, found, engine):
            builder.skipped.append(f"step {STEP}, {found.name}: {missing}")
            continue
        try:
            _add(builder, step, system, found, engine)
        except CatholyteError as error:
            raise builder.source.error(location, error.message) from None


def _without_level(builder: Builder, found: Material, engine: Engine) -> str:
    """Why the engine of the command line cannot compute a host: no mesh of it, or no U; empty where it can."""
    if not (engine.backend.needs_method and builder.override):
        return ""
    try:
        builder.method(STEP, found)
    except InputError as error:
        return error.message
    return ""


def _add(builder: Builder, step: TransportStep, system: HopSystem, found: Material, engine: Engine) -> None:
    cell, onto = builder.cell(found), system.onto or system.element
    whole = builder.production is not None and len(cell) != len(calculation_cell(found))
    multiples = fewest_multiples(cell) if whole or system.supercell is None else system.supercell
    if whole and system.supercell is not None:
        told = " × ".join(map(str, multiples))
        builder.notes.append(f"{found.name}: hops in {told} conventional cells: 'supercell' counts primitive ones")
    if system.by == "interstitials":
        marked = with_empty(cell, empty_sites(cell, system.element))
        chosen = hops(marked, PLACE, system.longest)[: system.most]
        names = (found.name, system.bare)
        _draft(builder, step, names, (cell, multiples, system.element), chosen, engine, marked)
        return
    if system.dopant is None:
        chosen = _wanted(cell, system)[: system.most]
        _draft(builder, step, (found.name, system.names[0]), (cell, multiples, onto), chosen, engine)
        return
    host = cell.make_supercell(multiples, in_place=False)
    (site, *_) = substitution_sites(host, [system.dopant.leaving])
    doped = substitute(host, site.index, system.dopant.ion).structure
    order = doped.site_properties.get("origin", range(len(doped)))
    chosen = _nearest(doped, _wanted(doped, system), system.dopant.element)[: system.most]
    one = (1, 1, 1)
    _draft(builder, step, (found.name, system.names[-1]), (doped, one, onto), chosen, engine)
    if len(system.names) > 1:
        same = [_with_sites(hop, int(order[hop.start]), int(order[hop.end])) for hop in chosen]
        _draft(builder, step, (found.name, system.names[0]), (host, one, onto), same, engine)


def _wanted(cell: Structure, system: HopSystem) -> list[Hop]:
    """Hops of the system, those onto sites of its label where it names one."""
    found = hops(cell, system.element, system.longest, system.onto)
    labels = cell.site_properties.get("wyckoff_label")
    if system.onto_label is None:
        return found
    kept = [hop for hop in found if labels and labels[hop.end] == system.onto_label]
    if not kept:
        known = sorted({labels[hop.end] for hop in found}) if labels else []
        raise StructureError(
            f"no hop leads onto a site {system.onto_label}; the sites are labelled {', '.join(known) or 'not at all'}"
        )
    return kept


def _nearest(cell: Structure, found: list[Hop], element: str) -> list[Hop]:
    """Hops in the order of the distance of their middle from the nearest atom of an element; one that starts from it
    is nearest."""
    dopants = [site.frac_coords for site in cell if site.specie.symbol == element]

    def away(hop: Hop) -> tuple[float, float]:
        middle = (cell[hop.start].frac_coords + cell[hop.end].frac_coords + np.array(hop.image)) / 2
        return round(float(cell.lattice.get_all_distances([middle], dopants).min()), 3), hop.length

    return sorted(found, key=away)


def _with_sites(hop: Hop, start: int, end: int) -> Hop:
    return Hop(hop.element, start, end, hop.image, hop.length, ((start, end, hop.image),), hop.nearest)


def _draft(
    builder: Builder,
    step: TransportStep,
    names: tuple[str, str],
    host: tuple[Structure, tuple[int, int, int], str],
    chosen: list[Hop],
    engine: Engine,
    marked: Structure | None = None,
) -> None:
    """Enter the jobs of one host: the crystal, cells with vacancies, or with an ion in an empty place where these are
    `marked`, and bands."""
    material, label = names
    cell, multiples, onto = host
    large = cell.make_supercell(multiples, in_place=False)
    task = BandTask(step.images, step.max_force, step.max_steps, step.climbing)
    asked = builder.production or builder.recipe.bulk
    method = _method(builder, material, cell) if engine.backend.needs_method else None
    relax = Relax(
        max_force=asked.max_force if asked else 0.01,
        max_steps=asked.max_steps if asked else 1000,
        keep_symmetry=True,
        method=method,
    )
    named = material if cell == builder.cells[material] else label
    crystal = engine.maker(relax).job_for(cell, named, role=Main(of=named))
    builder.drafts.append(Draft(crystal, STEP, material, "crystal", engine, relax, cell))
    relaxed: OutputReference = crystal.output.structure
    level = (engine, _method(builder, material, large)) if method is not None else engine
    if marked is None:
        jobs = hop_jobs((cell, relaxed), label, chosen, (multiples, onto), level, task)
    else:
        jobs = interstitial_jobs(relaxed, (label, onto), marked, chosen, multiples, (level, task))
    builder.drafts.append(Draft(jobs.build, STEP, material, f"{label}, cells", None, None, large))
    for number, job in enumerate(jobs.relaxations, 1):
        variant = f"{label}, {'vacancy' if marked is None else 'interstitial'} {number}"
        builder.drafts.append(Draft(job, STEP, material, variant, engine, jobs.relax, large))
    for number, job in enumerate(jobs.bands, 1):
        variant = f"{label}, hop {number}"
        builder.drafts.append(
            Draft(job, STEP, material, variant, engine, jobs.relax, large, runs=step.images, kind="band")
        )
    _points(builder, step, names, jobs.bands, large)


def _points(builder: Builder, step: TransportStep, names: tuple[str, str], bands: list[Job], cell: Structure) -> None:
    """Enter single points of a second engine on the images."""
    asked = step.single_points
    if asked is None:
        return
    if builder.override not in (None, step.engine):
        told = f"no single points of {asked.engine}: --engine {builder.override} calculates everything"
        builder.skipped = [*dict.fromkeys([*builder.skipped, f"step {STEP}: {told}"])]
        return
    material, label = names
    engine = Engine(asked.engine, dict(asked.settings))
    table = builder.hubbard_table(cell.composition.remove_charges().elements, material)
    method = Method(hubbard_u=table, cutoff=asked.cutoff, kpoints=asked.kpoints, smearing=asked.smearing)
    for number, band in enumerate(bands, 1):
        taken, points = point_jobs(band, (label, number), (asked.images, step.images + 2), engine, method)
        builder.drafts.append(Draft(taken, STEP, material, f"{label}, hop {number}, images", None, None, cell))
        for k, job in enumerate(points, 1):
            variant = f"{label}, hop {number}, {asked.engine} image {k}"
            builder.drafts.append(Draft(job, STEP, material, variant, engine, Static(method=method), cell))


def _require_points(builder: Builder, step: TransportStep) -> None:
    """Raise InputError unless single points are by an engine with a level of theory, at settings that it has."""
    if (asked := step.single_points) is None:
        return
    place = [STEP, "single_points"]
    allowed = [name for name in ENGINES if load_backend(name, {}).needs_method]
    if asked.engine not in allowed:
        raise builder.source.error(
            [*place, "engine"],
            f"single points need an engine with a level of theory of its own, not {asked.engine!r}; allowed: "
            f"{', '.join(allowed)}",
        )
    try:
        Engine(asked.engine, dict(asked.settings)).backend.numerics()
    except InputError as error:
        raise builder.source.error([*place, "settings"], error.message) from None


def _method(builder: Builder, name: str, cell: Structure) -> Method:
    """The level of theory of a cell that holds so many of the material's own: fewer divisions, the same density."""
    found = builder.material(name)
    method = builder.method(STEP, found)
    times = [
        max(1, round(large / one)) for large, one in zip(cell.lattice.abc, builder.cell(found).lattice.abc, strict=True)
    ]
    a, b, c = (max(1, -(-n // m)) for n, m in zip(method.kpoints, times, strict=True))
    table = builder.hubbard_table(cell.composition.remove_charges().elements, name)
    return method.model_copy(update={"kpoints": (a, b, c), "hubbard_u": table})
