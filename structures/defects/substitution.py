"""One cation in place of another: where it may go, what pays for its charge, and which place costs least.

W6+ in a layered oxide brings more charge than the ion that it replaces. Who pays is a choice, and the
result states it:

* ``reduction``: metals take up the electrons, those next to the new ion first, down the ladder of
  :mod:`..crystals.redox`; in Li1.2Mn0.54Co0.13Ni0.13O2, whose nickel is Ni2+ already, W6+ for Mn4+ makes two Mn3+;
* ``lithium vacancies``: as many lithium atoms leave, in the arrangement of lowest electrostatic energy.

Energies of sites are comparable at one composition only. A site of another element than the one that
leaves is therefore reached by an exchange: its ion moves to the nearest site of the element that leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, StructureError
from ...configs.ions import read_ion
from ...configs.models import OrderedCell
from ..crystals.environment import Bonds, bonds
from ..crystals.ordering import order
from ..crystals.redox import compensate, ionic_moment, is_redox_active, net_charge
from ..crystals.symmetry import space_group
from .vacancy import SYMMETRY_PRECISION

__all__ = [
    "COMPENSATIONS",
    "Compensation",
    "Place",
    "SitePreference",
    "Substitution",
    "SubstitutionSite",
    "exchanged",
    "site_preference",
    "substitute",
    "substitution_places",
    "substitution_sites",
]

Compensation = Literal["reduction", "lithium vacancies"]
COMPENSATIONS: tuple[Compensation, ...] = get_args(Compensation)


@dataclass(frozen=True)
class SubstitutionSite:
    """A class of cation sites.

    Parameters
    ----------
    index : int
        The first site of the class, which stands for it.
    members : tuple of int
        Sites that symmetry (or, where asked, species and neighbours) makes equal.
    species : str
        ``Mn4+``.
    label : str
        Wyckoff label of the library, ``Li`` or ``TM``, which tells lithium between the layers from that in them; empty
        where there is none.
    neighbours : dict of str to int
        Cations that share an edge (two anions) with it, by element, in alphabetical order.
    """

    index: int
    members: tuple[int, ...]
    species: str
    label: str
    neighbours: dict[str, int]


@dataclass(frozen=True)
class Substitution:
    """A cell with one cation replaced.

    Parameters
    ----------
    structure : Structure
        With the site properties of the given cell and ``origin`` (int), the index in it.
    index : int
        Site of the new ion in `structure`.
    ion, replaced : str
        ``W6+``, ``Mn4+``.
    compensation : str
        One of :data:`COMPENSATIONS`.
    ions : dict of str to int
        Change of the number of every other ion, e.g. ``{"Mn3+": 2, "Mn4+": -2}``.
    removed : tuple of int
        Lithium atoms that left, indices in the given cell.
    """

    structure: Structure
    index: int
    ion: str
    replaced: str
    compensation: Compensation
    ions: dict[str, int]
    removed: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """One place for the new ion, at the composition that all places share.

    Parameters
    ----------
    site : SubstitutionSite
    made : Substitution
    exchanged : int or None
        Site that took the ion of `site`; None where `site` itself held the element that leaves.
    """

    site: SubstitutionSite
    made: Substitution
    exchanged: int | None


@dataclass(frozen=True)
class SitePreference(Place):
    """Energy of one place.

    Parameters
    ----------
    energy : float
        eV per cell.
    relative : float
        eV above the best place.
    """

    energy: float
    relative: float


def substitution_sites(
    structure: Structure, elements: Sequence[str] = (), *, by_neighbours: bool = False
) -> list[SubstitutionSite]:
    """Return the inequivalent cation sites, in the order of the sites.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states.
    elements : sequence of str
        Of these elements; all cations where left out.
    by_neighbours : bool
        Sites of one species, label and set of neighbours are one class: an ordering of a mixed oxide has no symmetry
        left.

    Raises
    ------
    StructureError
        If the structure is disordered or has no such cations.
    """
    found = bonds(structure)
    bare = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    equal = np.asarray(space_group(bare, SYMMETRY_PRECISION).get_symmetry_dataset().equivalent_atoms)
    cations = sorted(set(found.cations.tolist()) - set(found.anions.tolist()))
    wanted = [site for site in cations if not elements or structure[site].specie.symbol in elements]
    if not wanted:
        held = ", ".join(sorted({structure[site].specie.symbol for site in cations}))
        raise StructureError(
            f"{structure.composition.reduced_formula}: no cation {', '.join(elements)}; cations: {held or 'none'}"
        )
    labels = structure.site_properties.get("wyckoff_label") or [""] * len(structure)
    classes: dict[object, SubstitutionSite] = {}
    for site in wanted:
        species, label, neighbours = str(structure[site].specie), str(labels[site]), _neighbours(structure, found, site)
        key = (species, label, tuple(neighbours.items())) if by_neighbours else int(equal[site])
        first = classes.get(key)
        members = (*first.members, site) if first else (site,)
        classes[key] = SubstitutionSite(members[0], members, species, label, first.neighbours if first else neighbours)
    return sorted(classes.values(), key=lambda found: found.index)


def substitute(
    structure: Structure, index: int, ion: str, compensation: Compensation = "reduction", seed: int = 0
) -> Substitution:
    """Put an ion on a cation's site, and balance its charge.

    Parameters
    ----------
    structure : Structure
        Ordered, neutral, with oxidation states.
    index : int
        Site of a cation.
    ion : str
        With its oxidation state: ``W6+``.
    compensation : str
        Who pays for the charge, see the module; an ion of lower charge can be paid for by oxidation (``reduction``)
        only.
    seed : int
        Of the random numbers that arrange lithium vacancies.

    Raises
    ------
    InputError
        If the ion or the compensation cannot be read.
    StructureError
        If the site holds no cation, the cell is disordered or charged, or the charge cannot be balanced.
    """
    species = _ion(ion)
    if compensation not in COMPENSATIONS:
        raise InputError(f"unknown compensation {compensation!r}; allowed: {', '.join(COMPENSATIONS)}")
    name = structure.composition.reduced_formula
    if not structure.is_ordered:
        raise StructureError(
            f"{name}: a substitution needs an ordered cell, and this one has partial occupancies; order it first"
        )
    if abs(charge := net_charge(structure)) > 1e-6:
        raise StructureError(f"{name}: the cell has a charge of {charge:+g} e, and a neutral one is needed")
    if not 0 <= index < len(structure) or float(structure[index].specie.oxi_state or 0) <= 0:
        held = f"holds {structure[index].specie}" if 0 <= index < len(structure) else "does not exist"
        raise StructureError(f"site {index} {held}; a cation is needed")
    replaced = str(structure[index].specie)
    changed = structure.copy()
    changed.replace(index, species, properties=_with_moment(structure, index, species))
    changed.add_site_property("origin", list(range(len(structure))))
    extra = round(net_charge(changed))
    removed: tuple[int, ...] = ()
    if compensation == "reduction":
        changed = compensate(changed, -extra, _metals_by_distance(changed, index))
    elif extra < 0:
        raise StructureError(
            f"{ion} has a lower charge than {replaced}: lithium vacancies do not pay for that; use reduction, which "
            "oxidises metals here"
        )
    elif extra > 0:
        removed = _best_vacancies(changed, extra, seed)
        changed.remove_sites(list(removed))
    place = [int(origin) for origin in changed.site_properties["origin"]].index(index)
    return Substitution(
        changed,
        place,
        str(species),
        replaced,
        compensation,
        _changes(structure, changed, replaced, str(species)),
        removed,
    )


def substitution_places(
    structure: Structure,
    ion: str,
    leaving: str,
    sites: Sequence[SubstitutionSite] | None = None,
    compensation: Compensation = "reduction",
    seed: int = 0,
) -> list[Place]:
    """Put an ion on every place in turn, always at the same composition.

    Parameters
    ----------
    structure : Structure
        As for :func:`substitute`.
    ion : str
        ``W6+``.
    leaving : str
        Element of which the cell has one atom less afterwards: ``Mn``.
    sites : sequence of SubstitutionSite, optional
        Places to compare; all of :func:`substitution_sites` where left out.
    compensation, seed
        As for :func:`substitute`.

    Raises
    ------
    InputError
        If the cell holds no `leaving`.
    StructureError
        As :func:`substitute`.
    """
    sources = [i for i, site in enumerate(structure) if site.specie.symbol == leaving]
    if not sources:
        held = ", ".join(sorted({site.specie.symbol for site in structure}))
        raise InputError(
            f"{structure.composition.reduced_formula} holds no {leaving} that could leave; elements: {held}"
        )
    found = []
    for site in substitution_sites(structure) if sites is None else sites:
        distances = structure.lattice.get_all_distances(
            structure.frac_coords[site.index], structure.frac_coords[sources]
        )[0]
        other = None if site.index in sources else sources[int(np.argmin(distances.round(6)))]
        cell = structure if other is None else exchanged(structure, site.index, other)
        found.append(Place(site, substitute(cell, site.index, ion, compensation, seed), other))
    return found


def site_preference(places: Sequence[Place], energy: Callable[[Structure], float]) -> list[SitePreference]:
    """Rank places by energy, the best first.

    Parameters
    ----------
    places : sequence of Place
    energy : callable
        From a structure to its energy, eV per cell: an engine's single point or relaxation, or a model.
    """
    energies = [float(energy(place.made.structure)) for place in places]
    ranked = sorted(zip(energies, places, strict=True), key=lambda one: (one[0], one[1].site.index))
    return [
        SitePreference(place.site, place.made, place.exchanged, value, value - ranked[0][0]) for value, place in ranked
    ]


def exchanged(structure: Structure, a: int, b: int) -> Structure:
    """Return the cell with the ions of two sites exchanged, with their moments; labels stay with the places.

    Parameters
    ----------
    structure : Structure
    a, b : int
    """
    cell = structure.copy()
    for place, source in ((a, b), (b, a)):
        properties = dict(structure[place].properties)
        if "magmom" in properties:
            properties["magmom"] = structure[source].properties["magmom"]
        cell.replace(place, structure[source].specie, properties=properties)
    return cell


def _ion(text: str) -> Species:
    species = read_ion(text)
    if float(species.oxi_state or 0) <= 0:
        raise InputError(f"{text!r} is no cation; write element and charge, for example W6+")
    return species


def _neighbours(structure: Structure, found: Bonds, site: int) -> dict[str, int]:
    """Cations that share two anions or more with a site, by element; each periodic image counts."""
    to_fractions = np.linalg.inv(structure.lattice.matrix)
    shared: Counter[tuple[int, ...]] = Counter()
    for anion, vector in zip(found.anions[found.cations == site], found.vectors[found.cations == site], strict=True):
        mine = found.anions == anion
        cells = (
            (found.vectors[mine] - vector) @ to_fractions
            - structure.frac_coords[found.cations[mine]]
            + structure.frac_coords[site]
        )
        shared.update(
            (int(cation), *map(int, cell)) for cation, cell in zip(found.cations[mine], np.rint(cells), strict=True)
        )
    near = [cation for (cation, *cell), number in shared.items() if number > 1 and (cation != site or any(cell))]
    return dict(sorted(Counter(structure[cation].specie.symbol for cation in near).items()))


def _metals_by_distance(structure: Structure, index: int) -> list[int]:
    distances = structure.lattice.get_all_distances(structure.frac_coords[index], structure.frac_coords)[0]
    return [
        int(i)
        for i in np.argsort(distances.round(6), kind="stable")
        if int(i) != index and is_redox_active(structure[int(i)].specie)
    ]


def _best_vacancies(structure: Structure, number: int, seed: int) -> tuple[int, ...]:
    """Lithium atoms whose departure leaves the lowest electrostatic energy; their sites in `structure`."""
    lithium = [i for i, site in enumerate(structure) if site.specie.symbol == "Li"]
    if number > len(lithium):
        raise StructureError(
            f"{structure.composition.reduced_formula}: {number} lithium atoms would have to leave, and there are "
            f"{len(lithium)}"
        )
    if number == len(lithium):
        return tuple(lithium)
    parent = Structure(structure.lattice, [site.specie for site in structure], structure.frac_coords)
    for i in lithium:
        parent.replace(i, {structure[i].specie: 1 - number / len(lithium)})
    parent.add_site_property(
        "wyckoff_label", ["Li" if i in set(lithium) else f"site {i}" for i in range(len(structure))]
    )
    parent.add_site_property("origin", list(range(len(structure))))
    kept = set(order(parent, OrderedCell(), 1, seed)[0].structure.site_properties["origin"])
    return tuple(i for i in lithium if i not in kept)


def _with_moment(structure: Structure, index: int, species: Species) -> dict[str, object]:
    """The site's properties with the moment of its new ion."""
    properties = dict(structure[index].properties)
    if properties.get("magmom") is not None:
        properties["magmom"] = float(np.copysign(ionic_moment(species), properties["magmom"] or 1.0)) + 0.0
    return properties


def _changes(before: Structure, after: Structure, replaced: str, ion: str) -> dict[str, int]:
    """Change of the number of ions beyond the substitution itself."""
    counts = Counter(str(site.specie) for site in after)
    counts.subtract(Counter(str(site.specie) for site in before))
    counts.update({replaced: 1})
    counts.subtract({ion: 1})
    return {name: change for name, change in sorted(counts.items()) if change}
