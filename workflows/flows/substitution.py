"""What a substituted ion does to oxygen: the ion on several places of a host, and oxygen vacancies near and far from
it, with it and without it.

The same oxygen atoms leave the host with the ion and the host without it, each vacancy in the cell of its own parent,
so that the difference is the ion's. Where an engine computes states, the parents' densities of states follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Job, Maker, Response, job
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.steps.oxygen_loss import OxygenLossPlan, SubstitutionPlan
from ...structures.defects.substitution import Place, site_preference, substitution_places, substitution_sites
from ...structures.defects.substitution_effect import oxygen_beside
from ..engines.engine import CalculationMaker, Engine
from ..engines.tasks import Dos, Relax, Static
from ..identity import content_address
from ..roles import Substituted
from .ordering import Level, lowest
from .oxygen_loss import placed, rattled, vacancy_jobs

__all__ = [
    "WITHOUT",
    "SubstitutionMaker",
    "candidate_places",
    "compare_oxygen",
    "electrostatic_energy",
    "group_label",
    "most_calculations",
    "sites_checked",
]

#: in place of the element whose site the ion takes, for the host without the ion
WITHOUT = "0"


def group_label(label: str, ion: str, site: str) -> str:
    """Return the stem of the labels of one choice of site: ``LRMO W-Mn``.

    Parameters
    ----------
    label : str
        Of the material.
    ion : str
        ``W6+``.
    site : str
        Element whose site the ion takes, or :data:`WITHOUT`.
    """
    return f"{label} {_element(ion)}-{site}"


def candidate_places(host: Structure, asked: SubstitutionPlan) -> dict[str, list[Place]]:
    """Return the places that are relaxed, by the element whose site the ion takes, lowest electrostatic energy first.

    Parameters
    ----------
    host : Structure
        Ordered, neutral, with oxidation states.
    asked : SubstitutionPlan

    Raises
    ------
    InputError, StructureError
        As :func:`~catholyte.structures.defects.substitution.substitution_places`.
    """
    found = {}
    for element in asked.places:
        sites = substitution_sites(host, (element,), by_neighbours=True)
        if not sites:
            raise StructureError(f"{host.composition.reduced_formula} has no sites of {element}")
        places = substitution_places(host, asked.ion, asked.leaving, sites, asked.compensation, asked.seed)
        ranked = site_preference(places, electrostatic_energy) if len(places) > asked.candidates else places
        found[element] = list(ranked[: asked.candidates])
    return found


def electrostatic_energy(structure: Structure) -> float:
    """Return the energy of the point charges, eV per cell."""
    from pymatgen.analysis.ewald import EwaldSummation

    return float(EwaldSummation(structure).total_energy)  # type: ignore[no-untyped-call]


@dataclass
class SubstitutionMaker(Maker):
    """Puts an ion into the host that was chosen for a ladder.

    Documents are labelled ``LABEL W-Mn K`` for W on the K-th place of Mn, ``LABEL W-Mn K O-I`` with oxygen atom I of
    the host missing, and ``LABEL W-0 1 O-I`` for the same atom of the host without W.

    Parameters
    ----------
    name : str
    level : Level
        U of the ion included.
    plan : dict
        A dumped :class:`~catholyte.configs.steps.oxygen_loss.OxygenLossPlan`: how far to relax.
    asked : dict
        A dumped :class:`~catholyte.configs.steps.oxygen_loss.SubstitutionPlan`.
    """

    name: str = "substitution"
    level: Level = field(default_factory=lambda: Level(Engine("chgnet")))
    plan: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)

    def flow(self, host: Structure, label: str) -> Flow:
        """Return the relaxations of every place, and the branching job that goes on with the lowest of each element.

        Parameters
        ----------
        host : Structure
            Relaxed, with oxidation states.
        label : str
        """
        plan, asked = OxygenLossPlan.model_validate(self.plan), SubstitutionPlan.model_validate(self.asked)
        maker = self.level.handing_on().maker(
            Relax(max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=plan.relax_cell, keep_symmetry=False)
        )
        names, cells, ions, roles = [], [], [], []
        for element, places in candidate_places(host, asked).items():
            for number, place in enumerate(places, 1):
                names.append(f"{group_label(label, asked.ion, element)} {number}")
                cells.append(rattled(place.made.structure, plan.seed))
                ions.append(place.made.index)
                roles.append(Substituted(of=label, element=_element(asked.ion), site=element, number=number))
        jobs = [maker.job_for(cell, name, role=role) for cell, name, role in zip(cells, names, roles, strict=True)]
        told = {"names": names, "ions": ions, "label": label}
        branch = compare_oxygen(
            [one.output.energy for one in jobs],
            [one.output.structure for one in jobs],
            cells,
            host,
            (self, told),
            roles=[role.model_dump() for role in roles],
        )
        branch.name = f"{label} oxygen beside {asked.ion}"
        return Flow([*jobs, branch], name=f"{label} with {asked.ion}")


@job
def compare_oxygen(
    energies: list[float],
    structures: list[Structure],
    cells: list[Structure],
    host: Structure,
    asked: tuple[SubstitutionMaker, dict[str, Any]],
    roles: Sequence[dict[str, Any]] | None = None,
) -> Response[Any]:
    """Be replaced by oxygen vacancies near and far from the ion, with it and without it, and by the states of the
    parents.

    Parameters
    ----------
    energies : list of float
        eV per cell, all of one composition.
    structures, cells : list of Structure
        Cells with the ion, relaxed and as built.
    host : Structure
        Without the ion.
    asked : tuple of SubstitutionMaker, dict
        The dict holds ``names`` and ``ions`` (site of the ion), one per cell, and the ``label`` of the material.
    roles : sequence of dict, optional
        Dumped :class:`~catholyte.workflows.roles.Substituted` of each cell; no part of the job's identity.
    """
    maker, told = asked
    plan, wanted = OxygenLossPlan.model_validate(maker.plan), SubstitutionPlan.model_validate(maker.asked)
    groups: dict[str, list[int]] = {}
    for k, (cell, ion) in enumerate(zip(cells, told["ions"], strict=True)):
        taken = host[int(cell.site_properties["origin"][ion])].specie.symbol
        groups.setdefault(taken, []).append(k)
    bare = Substituted(of=told["label"], element=_element(wanted.ion), site=None, number=1)
    parents: dict[str, tuple[Structure, Substituted | None]] = {
        f"{group_label(told['label'], wanted.ion, WITHOUT)} 1": (host, bare)
    }
    jobs: list[Flow | Job] = []
    atoms: set[int] = set()
    for members in groups.values():
        best = members[lowest([energies[k] for k in members], 1)[0]]
        parent, name = placed(cells[best], structures[best]), told["names"][best]
        role = Substituted.model_validate(roles[best]) if roles else None
        parents[name] = parent, role
        sites = [one.index for one in oxygen_beside(parent, told["ions"][best], wanted.near, wanted.far)]
        atoms |= {int(parent.site_properties["origin"][site]) for site in sites}
        jobs += vacancy_jobs(parent, sites, name, (plan, maker.level), role)
    jobs += vacancy_jobs(host, sorted(atoms), next(iter(parents)), (plan, maker.level), bare)
    jobs += _states(parents, maker.level)
    return Response(replace=content_address(Flow(jobs, name=f"{told['label']} oxygen beside {wanted.ion}"))[0])


def _element(ion: str) -> str:
    return ion.rstrip("+0123456789")


def _states(parents: dict[str, tuple[Structure, Substituted | None]], level: Level) -> list[Job]:
    """Densities of states of the parents where an engine has them, and energies of the level of single points."""
    makers: list[CalculationMaker] = [level.maker(Dos())] if "dos" in level.engine.backend.kinds else []
    if second := level.single_points:
        makers.append(second.maker(Dos() if "dos" in second.engine.backend.kinds else Static()))
    return [maker.job_for(cell, name, role=role) for maker in makers for name, (cell, role) in parents.items()]


def most_calculations(asked: SubstitutionPlan) -> int:
    """Return the number of relaxations at most.

    Parameters
    ----------
    asked : SubstitutionPlan
    """
    beside = asked.near + asked.far
    return len(asked.places) * (asked.candidates + 2 * beside)


def sites_checked(cell: Structure, asked: SubstitutionPlan) -> Sequence[tuple[str, str]]:
    """Return what of a substitution does not fit a cell, before anything runs: pairs of key and problem.

    Parameters
    ----------
    cell : Structure
    asked : SubstitutionPlan
    """
    held = sorted({site.specie.symbol for site in cell if float(site.specie.oxi_state or 0) > 0})
    wrong = [("leaving", asked.leaving)] if asked.leaving not in held else []
    wrong += [("sites", site) for site in asked.places if site not in held and ("leaving", site) not in wrong]
    return [(key, f"the cell has no cation {name!r}; allowed: {', '.join(held)}") for key, name in wrong]
