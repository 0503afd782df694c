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
from ...structures.defects.depth import depths, has_vacuum, spread
from ...structures.defects.vacancy import OxygenSite, lithium_vacancies, oxygen_sites, oxygen_vacancy
from ..engines.engine import Engine
from ..engines.tasks import Relax, Static
from ..identity import content_address
from ..roles import Arrangement, Host, OxygenVacancy, Role, Substituted, read_role
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
            f"{label}: {max(plan.levels)} Li vacancies were asked for, and the cell holds {lithium} Li atoms; take a "
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
    flows: list[Flow | Job] = [*_single_points([host], [f"{label} host 1"], level, [Host(of=label, number=1)])]
    if 0 in plan.lithium_vacancies:
        whole = Arrangement(of=label, n_lithium_vacancies=0, number=1)
        flows += _oxygen_jobs(host, host, f"{label} Li-0 1", (plan, level), whole)
    for n in (n for n in plan.levels if n):
        cells = [found.structure for found in lithium_vacancies(host, n, plan.candidates, plan.seed)]
        roles = [Arrangement(of=label, n_lithium_vacancies=n, number=k) for k in range(1, len(cells) + 1)]
        jobs = [
            maker.job_for(rattled(cell, plan.seed), f"{label} Li-{n} {role.number}", role=role)
            for cell, role in zip(cells, roles, strict=True)
        ]
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
            roles=[role.model_dump() for role in roles],
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
    roles: Sequence[dict[str, Any]] | None = None,
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
    roles : sequence of dict, optional
        Dumped :class:`~catholyte.workflows.roles.Arrangement` of each cell; no part of the job's identity.
    """
    level, told = asked
    plan = OxygenLossPlan.model_validate(told)
    chosen = lowest(energies, plan.samples)
    parents = {f"{label} {k + 1}": placed(cells[k], structures[k]) for k in chosen}
    arrangements = [Arrangement.model_validate(roles[k]) if roles else None for k in chosen]
    jobs: list[Flow | Job] = [*_single_points(list(parents.values()), list(parents), level, arrangements)]
    for k, role, (name, parent) in zip(chosen, arrangements, parents.items(), strict=True):
        jobs += _oxygen_jobs(parent, cells[k], name, (plan, level), role)
    return Response(replace=content_address(Flow(jobs, name=f"{label} oxygen vacancies"))[0])


@job
def calculate_again(
    structures: list[Structure],
    cells: list[Structure],
    labels: list[str],
    level: Level,
    roles: Sequence[dict[str, Any] | None] | None = None,
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
    roles : sequence of dict, optional
        Dumped roles, those of the relaxations; no part of the job's identity.
    """
    starts = [placed(cell, relaxed) for cell, relaxed in zip(cells, structures, strict=True)]
    places = [read_role(role) for role in roles or [None] * len(labels)]
    return Response(
        replace=content_address(Flow([*_single_points(starts, labels, level, places)], name="single points"))[0]
    )


def chosen_sites(cell: Structure, plan: OxygenLossPlan) -> list[OxygenSite]:
    """Return the oxygen sites of a cell that lose their atom, those that stand for most atoms first; of a slab that has
    more of them than are asked for those that are evenly spread over the depths, its middle among them.

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
    first = [max(group, key=lambda one: (len(one.members), -one.index)) for group in ranked]
    if len(first) <= plan.max_sites or not has_vacuum(cell):
        return first[: plan.max_sites]
    kept = spread([one.index for one in first], depths(cell)[0], plan.max_sites)
    return [one for one in first if one.index in kept]


def _oxygen_jobs(
    relaxed: Structure, cell: Structure, label: str, asked: tuple[OxygenLossPlan, Level], parent: Arrangement | None
) -> list[Job]:
    """Relaxations of one oxygen vacancy at each chosen site, in the cell of the parent, and single points where the
    level has them."""
    return vacancy_jobs(relaxed, [site.index for site in chosen_sites(cell, asked[0])], label, asked, parent)


def vacancy_jobs(
    relaxed: Structure,
    sites: Sequence[int],
    label: str,
    asked: tuple[OxygenLossPlan, Level],
    parent: Arrangement | Substituted | None,
) -> list[Job]:
    """Return the relaxations of one oxygen vacancy at each of some sites, and single points where the level has them.

    Parameters
    ----------
    relaxed : Structure
        The parent; the vacancies keep its lattice.
    sites : sequence of int
        Oxygen atoms, indices in `relaxed`.
    label : str
        Of the parent; documents are labelled ``LABEL O-I`` with the atom's number I in the host.
    asked : tuple of OxygenLossPlan, Level
        Convergence and seed, and the level of theory.
    parent : Arrangement, Substituted or None
        Role of the parent, where it is known.
    """
    plan, level = asked
    maker = level.maker(
        Relax(max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=False, keep_symmetry=False)
    )
    origin = relaxed.site_properties.get("origin", range(len(relaxed)))
    atoms = [int(origin[site]) for site in sites]
    names = [f"{label} O-{atom}" for atom in atoms]
    cells = [rattled(oxygen_vacancy(relaxed, site).structure, plan.seed) for site in sites]
    roles = [OxygenVacancy(of=parent.of, parent=parent, origin=atom) if parent else None for atom in atoms]
    jobs = [maker.job_for(cell, name, role=role) for cell, name, role in zip(cells, names, roles, strict=True)]
    if level.single_points is None:
        return jobs
    dumped = [role and role.model_dump() for role in roles]
    again = calculate_again([one.output.structure for one in jobs], cells, names, level, roles=dumped)
    again.name = f"{label} {level.single_points.engine.name} single points of oxygen vacancies"
    return [*jobs, again]


def _single_points(
    structures: Sequence[Structure], labels: Sequence[str], level: Level, roles: Sequence[Role | None]
) -> list[Job]:
    """Energies at the level's second level of theory, where it has one."""
    if level.single_points is None:
        return []
    maker = level.single_points.maker(Static())
    return [
        maker.job_for(structure, label, role=role)
        for structure, label, role in zip(structures, labels, roles, strict=True)
    ]


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
