"""The transport step of a recipe: hops are found ahead in each host, their jobs wait for the relaxed crystal."""

from __future__ import annotations

import numpy as np
from jobflow import OutputReference
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, StructureError
from ...configs.models import Material
from ...configs.steps.transport import HopSystem, TransportStep
from ...structures.defects.hops import Hop, fewest_multiples, hops
from ...structures.defects.substitution import substitute, substitution_sites
from ..engines.ase.backend import AseBackend
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..flows.barrier import BandTask
from ..flows.hop_cells import hop_jobs
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
    if not isinstance(engine.backend, AseBackend):
        told = f"engine {engine.name} computes no bands here: they need hundreds of forces in one process"
        if not builder.override:
            raise builder.source.error([STEP, "engine"], f"{told}; take a potential such as chgnet")
        builder.skipped.append(f"step {STEP}: {told}")
        return
    for number, system in enumerate(step.systems):
        location = (STEP, "systems", number)
        found = builder.material(system.material, *location, "material")
        try:
            _add(builder, step, system, found, engine)
        except CatholyteError as error:
            raise builder.source.error(location, error.message) from None


def _add(builder: Builder, step: TransportStep, system: HopSystem, found: Material, engine: Engine) -> None:
    cell, onto = builder.cell(found), system.onto or system.element
    multiples = system.supercell or fewest_multiples(cell)
    if system.dopant is None:
        chosen = _wanted(cell, system)[: system.most]
        _draft(builder, step, (found.name, system.names[0]), (cell, multiples, onto), chosen, engine)
        return
    host = cell.make_supercell(multiples, in_place=False)
    (site, *_) = substitution_sites(host, [system.dopant.leaving])
    doped = substitute(host, site.index, system.dopant.ion).structure
    order = doped.site_properties.get("origin", range(len(doped)))
    chosen = _nearest(doped, _wanted(doped, system), system.dopant.element)[: system.most]
    whole = (1, 1, 1)
    _draft(builder, step, (found.name, system.names[-1]), (doped, whole, onto), chosen, engine)
    if len(system.names) > 1:
        same = [_with_sites(hop, int(order[hop.start]), int(order[hop.end])) for hop in chosen]
        _draft(builder, step, (found.name, system.names[0]), (host, whole, onto), same, engine)


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
) -> None:
    """Enter the jobs of one host: the crystal, cells with vacancies, bands."""
    material, label = names
    cell, multiples, onto = host
    large = cell.make_supercell(multiples, in_place=False)
    task = BandTask(step.images, step.max_force, step.max_steps)
    bulk = builder.recipe.bulk
    relax = Relax(
        max_force=bulk.max_force if bulk else 0.01,
        max_steps=bulk.max_steps if bulk else 1000,
        keep_symmetry=True,
    )
    named = material if cell == builder.cells[material] else label
    crystal = engine.maker(relax).job_for(cell, named, role=Main(of=named))
    builder.drafts.append(Draft(crystal, STEP, material, "crystal", engine, relax, cell))
    relaxed: OutputReference = crystal.output.structure
    jobs = hop_jobs((cell, relaxed), label, chosen, (multiples, onto), engine, task)
    builder.drafts.append(Draft(jobs.build, STEP, material, f"{label}, cells", None, None, large))
    for number, job in enumerate(jobs.relaxations, 1):
        variant = f"{label}, vacancy {number}"
        builder.drafts.append(Draft(job, STEP, material, variant, engine, jobs.relax, large))
    for number, job in enumerate(jobs.bands, 1):
        variant = f"{label}, hop {number}"
        builder.drafts.append(
            Draft(job, STEP, material, variant, engine, jobs.relax, large, runs=step.images, kind="band")
        )
