"""The ladder of oxygen loss: a host, Li vacancies by energy, and one oxygen vacancy at every kind of site.

Every calculation is a document of its own, and says by its atoms where it stands: the site property
``origin`` of its starting cell is the atom's number in the host.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from jobflow import Flow, Job, Maker, Response, job
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.steps.oxygen_loss import OrderingPlan, OxygenLossPlan
from ...structures.defects.vacancy import OxygenSite, lithium_vacancies, oxygen_sites, oxygen_vacancy
from ..engines.engine import Engine
from ..engines.tasks import Relax, Static
from ..identity import content_address
from .ordering import Level, continued, host_jobs, lowest, ordering_flow

__all__ = [
    "RATTLE",
    "HostMaker",
    "LadderMaker",
    "calculate_again",
    "chosen_sites",
    "ladder_flow",
    "lose_oxygen",
    "oxygen_loss_flow",
    "placed",
    "rattled",
    "vacancy_jobs",
]

#: Å, largest displacement of an atom before a cell with vacancies is relaxed. It breaks the symmetry that an optimiser
#: would keep, and is small enough for symmetry to be found within structures.vacancy.SYMMETRY_PRECISION.
RATTLE = 0.003


def oxygen_loss_flow(
    cells: Sequence[Structure],
    label: str,
    plan: OxygenLossPlan,
    level: Level,
    orderings: tuple[OrderingPlan, Engine] | None = None,
    beside: Sequence[HostMaker] = (),
) -> Flow:
    """Return the jobs of a ladder of oxygen loss.

    Parameters
    ----------
    cells : sequence of Structure
        The host, ordered, neutral, with oxidation states and moments; of several orderings of one
        composition the lowest becomes the host.
    label : str
        Name of the material. Documents are labelled ``LABEL host K``, ``LABEL Li-N K`` and ``LABEL Li-N K O-I``
        with N Li vacancies, rank K among the candidates and oxygen atom I of the host.
    plan : OxygenLossPlan
    level : Level
        Of the host and the whole ladder.
    orderings : tuple of OrderingPlan, Engine, optional
        How many orderings are kept by a ranking, and the engine that ranks; where left out, all cells are relaxed at
        `level`.
    beside : sequence of HostMaker
        What else is calculated on the host.

    Returns
    -------
    Flow
        What follows from energies is added while it runs.

    Raises
    ------
    InputError
        If there is no cell, or one has fewer Li atoms than the ladder takes.
    """
    if not cells:
        raise InputError(f"{label}: a ladder of oxygen loss needs a host")
    lithium = min(sum(site.specie.symbol == "Li" for site in cell) for cell in cells)
    if max(plan.levels) > lithium:
        raise InputError(
            f"{label}: {max(plan.levels)} Li vacancies were asked for, and the cell holds {lithium} Li atoms; "
            "take a "
            "larger supercell"
        )
    task = Relax(
        max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=plan.relax_cell, keep_symmetry=len(cells) == 1
    )
    maker = LadderMaker(level=level, plan=plan.model_dump(mode="json"), beside=list(beside))
    if orderings is None or len(cells) == 1:
        return continued(host_jobs(cells, label, level, task), label, maker)
    return ordering_flow(cells, label, orderings[0], orderings[1], (level, task, maker))


class HostMaker(Protocol):
    """Something that goes on with the host of a ladder; a Maker, so that it can be serialised."""

    def flow(self, host: Structure, label: str) -> Flow:
        """Return its jobs."""


@dataclass
class LadderMaker(Maker):
    """Goes on with a ladder on the lowest of the hosts.

    Parameters
    ----------
    name : str
    level : Level
    plan : dict
        A dumped :class:`~catholyte.configs.steps.oxygen_loss.OxygenLossPlan`.
    beside : list of HostMaker
        What else is calculated on the host.
    """

    name: str = "oxygen-loss ladder"
    level: Level = field(default_factory=lambda: Level(Engine("chgnet")))
    plan: dict[str, Any] = field(default_factory=dict)
    beside: list[Any] = field(default_factory=list)

    @job
    def make(self, energies: list[float], structures: list[Structure], label: str) -> Response[Any]:
        """Be replaced by the ladder of the lowest structure.

        Parameters
        ----------
        energies : list of float
            eV per cell.
        structures : list of Structure
            Relaxed hosts of one composition.
        label : str
        """
        host = structures[lowest(energies, 1)[0]]
        ladder = ladder_flow(host, label, OxygenLossPlan.model_validate(self.plan), self.level)
        whole = Flow([ladder, *(maker.flow(host, label) for maker in self.beside)], name=ladder.name)
        return Response(replace=content_address(whole)[0])


def ladder_flow(host: Structure, label: str, plan: OxygenLossPlan, level: Level) -> Flow:
    """Return the relaxations of every level's arrangements, each level followed by its oxygen vacancies.

    Parameters
    ----------
    host : Structure
        Relaxed, with oxidation states.
    label : str
    plan : OxygenLossPlan
    level : Level
    """
    maker = level.maker(
        Relax(max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=plan.relax_cell, keep_symmetry=False)
    )
    flows: list[Flow | Job] = [*_single_points([host], [f"{label} host 1"], level)]
    if 0 in plan.lithium_vacancies:
        flows += _oxygen_jobs(host, host, f"{label} Li-0 1", plan, level)
    for n in (n for n in plan.levels if n):
        cells = [found.structure for found in lithium_vacancies(host, n, plan.candidates, plan.seed)]
        jobs = [maker.job_for(rattled(cell, plan.seed), f"{label} Li-{n} {k}") for k, cell in enumerate(cells, 1)]
        if n in plan.voltage_only:
            flows += jobs
            continue
        told = plan.model_dump(mode="json")
        branch = lose_oxygen(
            [one.output.energy for one in jobs],
            [one.output.structure for one in jobs],
            cells,
            f"{label} Li-{n}",
            (level, told),
        )
        branch.name = f"{label} Li-{n} choice of arrangements"
        flows.append(Flow([*jobs, branch], name=f"{label} Li-{n}"))
    return Flow(flows, name=f"{label} ladder")


@job
def lose_oxygen(
    energies: list[float],
    structures: list[Structure],
    cells: list[Structure],
    label: str,
    asked: tuple[Level, dict[str, Any]],
) -> Response[Any]:
    """Be replaced by oxygen vacancies in the lowest arrangements of one level.

    Parameters
    ----------
    energies : list of float
        eV per cell.
    structures, cells : list of Structure
        Arrangements of Li vacancies, relaxed and as built; the symmetry of the latter tells equal sites.
    label : str
        ``LABEL Li-N``.
    asked : tuple of Level, dict
        The level of theory, and the dumped plan.
    """
    level, told = asked
    plan = OxygenLossPlan.model_validate(told)
    chosen = lowest(energies, plan.samples)
    parents = {f"{label} {k + 1}": placed(cells[k], structures[k]) for k in chosen}
    jobs: list[Flow | Job] = [*_single_points(list(parents.values()), list(parents), level)]
    for k, (name, parent) in zip(chosen, parents.items(), strict=True):
        jobs += _oxygen_jobs(parent, cells[k], name, plan, level)
    return Response(replace=content_address(Flow(jobs, name=f"{label} oxygen vacancies"))[0])


@job
def calculate_again(
    structures: list[Structure], cells: list[Structure], labels: list[str], level: Level
) -> Response[Any]:
    """Be replaced by single points of relaxed cells.

    Parameters
    ----------
    structures, cells : list of Structure
        Relaxed, and as built; ions and moments of the latter are where the single points start.
    labels : list of str
        Of the documents, those of the relaxations.
    level : Level
        Its `single_points`.
    """
    starts = [placed(cell, relaxed) for cell, relaxed in zip(cells, structures, strict=True)]
    return Response(replace=content_address(Flow([*_single_points(starts, labels, level)], name="single points"))[0])


def chosen_sites(cell: Structure, plan: OxygenLossPlan) -> list[OxygenSite]:
    """Return the oxygen sites of a cell that lose their atom, those that stand for most atoms first.

    Parameters
    ----------
    cell : Structure
        As built, before atoms were displaced.
    plan : OxygenLossPlan
        Its `sites` and `max_sites`.
    """
    classes = oxygen_sites(cell)
    groups: dict[object, list[OxygenSite]] = defaultdict(list)
    for one in classes:
        groups[one.environment if plan.sites == "environments" else one.index].append(one)
    ranked = sorted(groups.values(), key=lambda group: (-sum(len(one.members) for one in group), group[0].index))
    return [max(group, key=lambda one: (len(one.members), -one.index)) for group in ranked[: plan.max_sites]]


def _oxygen_jobs(relaxed: Structure, cell: Structure, label: str, plan: OxygenLossPlan, level: Level) -> list[Job]:
    """Relaxations of one oxygen vacancy at each chosen site, in the cell of the parent, and single points where the
    level has them."""
    return vacancy_jobs(relaxed, [site.index for site in chosen_sites(cell, plan)], label, plan, level)


def vacancy_jobs(relaxed: Structure, sites: Sequence[int], label: str, plan: OxygenLossPlan, level: Level) -> list[Job]:
    """Return the relaxations of one oxygen vacancy at each of some sites, and single points where the level has them.

    Parameters
    ----------
    relaxed : Structure
        The parent; the vacancies keep its lattice.
    sites : sequence of int
        Oxygen atoms, indices in `relaxed`.
    label : str
        Of the parent; documents are labelled ``LABEL O-I`` with the atom's number I in the host.
    plan : OxygenLossPlan
        Convergence and seed.
    level : Level
    """
    maker = level.maker(
        Relax(max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=False, keep_symmetry=False)
    )
    origin = relaxed.site_properties.get("origin", range(len(relaxed)))
    cells = {
        f"{label} O-{int(origin[site])}": rattled(oxygen_vacancy(relaxed, site).structure, plan.seed) for site in sites
    }
    jobs = [maker.job_for(cell, name) for name, cell in cells.items()]
    if level.single_points is None:
        return jobs
    again = calculate_again([one.output.structure for one in jobs], list(cells.values()), list(cells), level)
    again.name = f"{label} {level.single_points.engine.name} single points of oxygen vacancies"
    return [*jobs, again]


def _single_points(structures: Sequence[Structure], labels: Sequence[str], level: Level) -> list[Job]:
    """Energies at the level's second level of theory, where it has one."""
    if level.single_points is None:
        return []
    maker = level.single_points.maker(Static())
    return [maker.job_for(structure, label) for structure, label in zip(structures, labels, strict=True)]


def placed(cell: Structure, relaxed: Structure) -> Structure:
    """Return the cell as built, ions and all, with the lattice and positions that an engine found."""
    return Structure(relaxed.lattice, cell.species, relaxed.frac_coords, site_properties=cell.site_properties)


def rattled(structure: Structure, seed: int) -> Structure:
    """Return the cell with every atom displaced by at most RATTLE in a random direction."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(structure), 3))
    directions *= RATTLE * rng.random((len(structure), 1)) / np.linalg.norm(directions, axis=1, keepdims=True)
    coords = structure.cart_coords + directions
    return Structure(
        structure.lattice,
        structure.species,
        coords,
        coords_are_cartesian=True,
        site_properties=structure.site_properties,
    )
