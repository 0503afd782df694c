"""What a substituted ion does to oxygen: vacancies near and far from it against the same atoms without it, and the O 2p
centres of Li-O-Li oxygen.

A change is E_f with the ion minus E_f without it, for one and the same oxygen atom: the O2 reference, its correction
and whatever energies hold for each oxygen atom cancel. A difference between two groups of oxygen atoms of one cell
needs no zero of energy; a centre does, and the zeros of two cells are not the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...configs.steps.electronic import BandCenterSpec
from ...structures.crystals.environment import anion_environments
from ...structures.defects.substitution_effect import oxygen_beside
from ...workflows.documents import CalculationDocument
from ...workflows.roles import Host, OxygenVacancy, Role, Substituted
from ..states.band_report import band_report, bands_of, common_spec
from .defect_energy import defect_energy
from .reference import OxygenReference

__all__ = [
    "LITHIUM_BRIDGE",
    "OTHERS",
    "OxygenCenter",
    "PairedVacancy",
    "PlaceEnergy",
    "SubstitutionResults",
    "ion_site",
    "substitution_results",
]

#: the two groups of oxygen whose states are compared
LITHIUM_BRIDGE, OTHERS = "Li-O-Li", "others"


@dataclass(frozen=True)
class PlaceEnergy:
    """One place of the ion.

    Parameters
    ----------
    label : str
    site : str
        Element whose site the ion took.
    relative : float
        eV per cell above the lowest place; all have one composition.
    """

    label: str
    site: str
    relative: float


@dataclass(frozen=True)
class PairedVacancy:
    """One oxygen atom that leaves the host with the ion, and the host without it.

    Parameters
    ----------
    site : str
        Element whose site the ion took.
    origin : int
        The atom's number in the host.
    near : bool
        Whether the ion was in its first shell.
    distance : float
        Å, to the ion, before the atom left.
    environment, bridge : tuple of str
        First shell and its readable form, without and with the ion.
    energies : tuple of float
        eV, formation energies with oxygen gas without entropy, without and with the ion.
    """

    site: str
    origin: int
    near: bool
    distance: float
    environment: tuple[str, str]
    bridge: tuple[str, str]
    energies: tuple[float, float]

    @property
    def change(self) -> float:
        """What the ion adds to the formation energy, eV."""
        return self.energies[1] - self.energies[0]


@dataclass(frozen=True)
class OxygenCenter:
    """O 2p centres of one cell.

    Parameters
    ----------
    site : str
        Element whose site the ion took; empty for the host without it.
    reference : str
        Zero of the centres: ``vbm``, or ``fermi`` where one of the cells is a metal.
    centers : dict of str to float
        Group of oxygen atoms to its centre, eV, occupied states.
    atoms : dict of str to int
        Group to number of atoms.
    gap : float
        eV.
    """

    site: str
    reference: str
    centers: dict[str, float]
    atoms: dict[str, int]
    gap: float

    @property
    def difference(self) -> float | None:
        """Centre of the oxygen in Li-O-Li minus that of the others, eV, which no zero enters; None where a group is
        empty."""
        both = [self.centers.get(name) for name in (LITHIUM_BRIDGE, OTHERS)]
        return None if both[0] is None or both[1] is None else both[0] - both[1]


@dataclass(frozen=True)
class SubstitutionResults:
    """What one ion does to the oxygen of one cathode, at one tier.

    Parameters
    ----------
    label, ion, tier : str
        Name of the cathode; ``W6+``; tier of every number.
    reference : str
        Where oxygen goes to, in a few words.
    places : tuple of PlaceEnergy
        Lowest first.
    vacancies : tuple of PairedVacancy
        By site, nearest first.
    centers : tuple of OxygenCenter
        The host without the ion first; empty where no engine computed states.
    problems : tuple of str
        What is left out and why.
    """

    label: str
    ion: str
    tier: str
    reference: str
    places: tuple[PlaceEnergy, ...]
    vacancies: tuple[PairedVacancy, ...]
    centers: tuple[OxygenCenter, ...]
    problems: tuple[str, ...]

    def mean_change(self, *, near: bool) -> float | None:
        """Mean change over the atoms near the ion, or over those far from it, eV; None where there are none."""
        changes = [vacancy.change for vacancy in self.vacancies if vacancy.near == near]
        return sum(changes) / len(changes) if changes else None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dict; energies eV, distances Å."""
        return {
            **asdict(self),
            "vacancies": [asdict(vacancy) | {"change": vacancy.change} for vacancy in self.vacancies],
            "centers": [asdict(center) | {"difference": center.difference} for center in self.centers],
        }


def substitution_results(
    label: str, ion: str, documents: Sequence[CalculationDocument], reference: OxygenReference
) -> SubstitutionResults:
    """Evaluate the documents of one cathode and one ion.

    Parameters
    ----------
    label : str
        Name of the cathode: what the documents' roles are of.
    ion : str
        ``W6+``.
    documents : sequence of CalculationDocument
        Of one tier; hosts, and by their role cells with the ion, the host without it, and oxygen vacancies in both.
    reference : OxygenReference
        Oxygen at the tier of the documents.
    """
    element = ion.rstrip("+0123456789")
    told = [(*found, document) for document in documents if (found := _beside(document.role, label, element))]
    relaxed = [found for found in told if found[2].kind == "relax"]
    hosts = [
        document
        for document in documents
        if isinstance(document.role, Host) and document.role.of == label and (document.kind == "relax") == bool(relaxed)
    ]
    energies = relaxed or told
    parents = {cell: document for cell, atom, document in energies if atom is None}
    stated = parents.pop(Substituted(of=label, element=element, site=None, number=1), None)
    bare = stated or min(hosts, key=lambda document: document.energy, default=None)
    problems: list[str] = []
    if bare is None or not parents:
        missing = "the host without the ion" if parents else "a cell with the ion"
        return SubstitutionResults(
            label, ion, "", "", (), (), (), (f"{label}, {ion}: {missing} has not been calculated yet",)
        )
    lowest = min(document.energy for document in parents.values())
    places = [
        PlaceEnergy(document.label, cell.site or "", document.energy - lowest) for cell, document in parents.items()
    ]
    vacancies: list[PairedVacancy] = []
    without = {atom: document for cell, atom, document in energies if cell.site is None and atom is not None}
    for cell, atom, document in energies:
        if atom is None or cell.site is None:
            continue
        try:
            reference.check(bare)
            vacancies.append(_paired(cell, atom, (bare, without[atom]), (parents[cell], document), reference))
        except KeyError:
            problems.append(
                f"{document.label}: the same vacancy without {ion}, or the cell with all its oxygen, is missing"
            )
        except CatholyteError as error:
            problems.append(f"{document.label}: {error.message}")
    centers: tuple[OxygenCenter, ...] = ()
    try:
        centers = _centers(
            {cell.site or "": document for cell, atom, document in told if document.dos is not None and atom is None}
        )
    except CatholyteError as error:
        problems.append(f"{label}, {ion}: no O 2p centres: {error.message}")
    ranked = tuple(sorted(places, key=lambda place: place.relative))
    ordered = tuple(sorted(vacancies, key=lambda vacancy: (vacancy.site, vacancy.distance, vacancy.origin)))
    return SubstitutionResults(label, ion, bare.tier, reference.short(), ranked, ordered, centers, tuple(problems))


def _beside(role: Role | None, label: str, element: str) -> tuple[Substituted, int | None] | None:
    """The cell with or without the ion, and the oxygen atom that has left it; None for any other role."""
    parent = role.parent if isinstance(role, OxygenVacancy) else role
    if not isinstance(parent, Substituted) or (parent.of, parent.element) != (label, element):
        return None
    return parent, role.origin if isinstance(role, OxygenVacancy) else None


def _paired(
    cell: Substituted,
    atom: int,
    without: tuple[CalculationDocument, CalculationDocument],
    with_ion: tuple[CalculationDocument, CalculationDocument],
    reference: OxygenReference,
) -> PairedVacancy:
    """One atom in the two hosts, each given as parent and vacancy."""
    for parent, vacancy in (without, with_ion):
        _require_missing(parent, vacancy, atom)
    parent = with_ion[0]
    ion = ion_site(parent, without[0], cell.element)
    origin = _origin(parent.initial_structure)
    beside = next(one for one in oxygen_beside(parent.structure, ion) if origin[one.index] == atom)
    before = next(one for one in anion_environments(without[0].structure) if one.index == atom)
    first, second = (
        defect_energy(vacancy, whole, {"O": reference.on_series}) for whole, vacancy in (without, with_ion)
    )
    return PairedVacancy(
        cell.site or "",
        atom,
        beside.bonded,
        beside.distance,
        (before.label, beside.environment),
        (before.bridge, beside.bridge),
        (first, second),
    )


def ion_site(document: CalculationDocument, host: CalculationDocument, element: str) -> int:
    """Return the site of the ion: where the host holds another element.

    Parameters
    ----------
    document, host : CalculationDocument
        With the ion, and without it.
    element : str
        Of the ion.

    Raises
    ------
    InputError
        If there is not exactly one such site.
    """
    start = document.initial_structure
    sites = [
        k
        for k, i in enumerate(_origin(start))
        if start[k].specie.symbol == element and host.structure[i].specie.symbol != element
    ]
    if len(sites) != 1:
        raise InputError(
            f"{document.label} holds {len(sites)} {element} where {host.label} holds another element; one is needed"
        )
    return sites[0]


def _origin(structure: Structure) -> list[int]:
    return [int(i) for i in structure.site_properties.get("origin", range(len(structure)))]


def _require_missing(parent: CalculationDocument, vacancy: CalculationDocument, atom: int) -> None:
    """The vacancy is its parent without this one atom."""
    missing = set(_origin(parent.initial_structure)) - set(_origin(vacancy.initial_structure))
    if missing != {atom} or vacancy.n_sites != parent.n_sites - 1:
        raise InputError(f"{vacancy.label} is not {parent.label} without oxygen atom {atom}")


def _centers(documents: Mapping[str, CalculationDocument]) -> tuple[OxygenCenter, ...]:
    """Centres of each cell, that of the host without the ion first."""
    wanted = common_spec(
        list(documents.values()), BandCenterSpec(element="O", orbital="p", window="occupied", reference="vbm")
    )
    found = []
    for site, document in sorted(documents.items()):
        groups: dict[str, list[int]] = {}
        for one in anion_environments(document.structure):
            groups.setdefault(LITHIUM_BRIDGE if one.bridge == LITHIUM_BRIDGE else OTHERS, []).append(one.index)
        report = band_report(bands_of(document), wanted, groups)
        centers = {name: report.row(name).by_reference[wanted.reference] for name in groups}
        atoms = {name: len(members) for name, members in groups.items()}
        found.append(OxygenCenter(site, wanted.reference, centers, atoms, report.gap))
    return tuple(found)
