"""First shells: which cations surround an anion, and how many anions a cation.

A cation and an anion are bonded where their distance is at most :data:`SHELL` times the sum of
their ionic radii (R. D. Shannon, Acta Cryst. A 32 (1976) 751, as tabulated by pymatgen). The sum is
the bond length of an ideal crystal, so the factor leaves room for Jahn-Teller and thermal motion,
while the second shell of a close-packed oxide lies at √3 times the bond.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import StructureError

__all__ = [
    "SHELL",
    "Bonds",
    "ComplexIons",
    "Environment",
    "anion_environments",
    "bonds",
    "complex_ions",
    "coordination_numbers",
    "group_by_environment",
    "site_charges",
]

#: longest bond in units of the sum of ionic radii
SHELL = 1.25
#: degrees; two bonds of an anion that enclose more than this form a bridge through it
LINEAR = 150.0


@dataclass(frozen=True)
class Bonds:
    """Cation-anion bonds of a structure, each listed once, sorted by anion and then by distance.

    anions, cations : (n_bonds,) int arrays, site indices;
    distances : (n_bonds,) float array, Å;
    vectors : (n_bonds, 3) float array, Å, from the anion to the cation.
    """

    anions: NDArray[np.int64]
    cations: NDArray[np.int64]
    distances: NDArray[np.float64]
    vectors: NDArray[np.float64]


@dataclass(frozen=True)
class Environment:
    """What surrounds one anion.

    Parameters
    ----------
    index : int
        Site index.
    element : str
        The anion.
    counts : dict of str to int
        Cations in the first shell, in the order of rising electronegativity.
    label : str
        ``Li3Co3``; ``alone`` where the shell is empty.
    bridge : str
        The readable form. ``Li-O-Li`` where two lithium atoms face each other across the anion
        (angle above 150°); otherwise the two most frequent cations, ``Co-O-Li``, or ``Co-O-Co``
        where there is one kind only.
    coordination_number : int
    mean_distance : float
        Å; NaN where the shell is empty.
    """

    index: int
    element: str
    counts: dict[str, int]
    label: str
    bridge: str
    coordination_number: int
    mean_distance: float


def bonds(structure: Structure) -> Bonds:
    """Find all cation-anion bonds.

    With oxidation states their sign tells cations from anions. Without, an atom is a cation towards
    every more electronegative element that forms anions, and radii are averages over the element's states.

    Raises
    ------
    StructureError
        If a site is shared by several species.
    """
    if not structure.is_ordered:
        raise StructureError(
            f"{structure.composition.reduced_formula}: environments need an ordered structure, and this one has "
            "partial occupancies"
        )
    species = list(dict.fromkeys(site.specie for site in structure))
    longest = _longest_bonds(species)
    if not longest.any():
        nothing = np.empty(0, dtype=np.int64)
        return Bonds(nothing, nothing, np.empty(0), np.empty((0, 3)))
    kind = np.array([species.index(site.specie) for site in structure])
    anions, cations, images, distances = structure.get_neighbor_list(float(longest.max()), exclude_self=True)
    keep = distances <= longest[kind[anions], kind[cations]]
    anions, cations, images, distances = anions[keep], cations[keep], images[keep], distances[keep]
    order = np.lexsort((*images.T, cations, distances.round(8), anions))
    anions, cations, images, distances = anions[order], cations[order], images[order], distances[order]
    shifts = structure.frac_coords[cations] + images - structure.frac_coords[anions]
    return Bonds(anions.astype(np.int64), cations.astype(np.int64), distances, shifts @ structure.lattice.matrix)


def coordination_numbers(structure: Structure) -> NDArray[np.int64]:
    """Number of first-shell neighbours of opposite sign: (n_sites,) int array."""
    found = bonds(structure)
    return np.bincount(np.concatenate([found.anions, found.cations]), minlength=len(structure)).astype(np.int64)


def anion_environments(structure: Structure, anion: str = "O") -> list[Environment]:
    """Return the environment of every site of the element `anion`, in the order of the sites.

    Raises
    ------
    StructureError
        If the structure has no such element, or is disordered.
    """
    sites = [i for i, site in enumerate(structure) if site.specie.symbol == anion]
    if not sites:
        raise StructureError(
            f"no {anion} in {structure.composition.reduced_formula}; elements: "
            f"{', '.join(sorted(map(str, structure.elements)))}"
        )
    found = bonds(structure)
    symbols = np.array([site.specie.symbol for site in structure])
    environments = []
    for site in sites:
        mine = found.anions == site
        shell = symbols[found.cations[mine]].tolist()
        counts = dict(sorted(Counter(shell).items(), key=lambda item: (_electronegativity(item[0]), item[0])))
        environments.append(
            Environment(
                index=site,
                element=anion,
                counts=counts,
                label="".join(f"{cation}{number}" for cation, number in counts.items()) or "alone",
                bridge=_bridge(anion, counts, shell, found.vectors[mine]),
                coordination_number=len(shell),
                mean_distance=float(found.distances[mine].mean()) if shell else float("nan"),
            )
        )
    return environments


def group_by_environment(environments: Iterable[Environment]) -> dict[str, list[int]]:
    """Return label to site indices, labels in alphabetical order."""
    groups: dict[str, list[int]] = {}
    for environment in sorted(environments, key=lambda e: (e.label, e.index)):
        groups.setdefault(environment.label, []).append(environment.index)
    return groups


def _longest_bonds(species: list[Species | Element]) -> NDArray[np.float64]:
    """Longest bond of species i as the anion and j as the cation, Å; 0 where they do not bond: (n, n) array."""
    longest = np.zeros((len(species), len(species)))
    for i, anion in enumerate(species):
        for j, cation in enumerate(species):
            if _is_pair(anion, cation):
                longest[i, j] = SHELL * (_radius(anion, anion=True) + _radius(cation, anion=False))
    return longest


def _is_pair(anion: Species | Element, cation: Species | Element) -> bool:
    charges = [getattr(s, "oxi_state", None) for s in (anion, cation)]
    if charges[0] is not None and charges[1] is not None:
        return bool(charges[0] < 0 < charges[1])
    element, other = _element(anion), _element(cation)
    forms_anions = any(state < 0 for state in element.common_oxidation_states)
    return forms_anions and _electronegativity(other.symbol) < _electronegativity(element.symbol)


def _radius(species: Species | Element, *, anion: bool) -> float:
    """Ionic radius, Å; the element's average where the oxidation state is unknown or not tabulated."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # pymatgen says which spin state's radius it took: within 5 % of the bond
        radius = species.ionic_radius if isinstance(species, Species) and species.oxi_state is not None else None
    element = _element(species)
    average = element.average_anionic_radius if anion else element.average_cationic_radius
    return float(radius or average or element.atomic_radius or 0.0)


def _element(species: Species | Element) -> Element:
    return species.element if isinstance(species, Species) else species


def _electronegativity(symbol: str) -> float:
    """Pauling's; noble gases, which have none, come last."""
    element = Element(symbol)
    return float("inf") if element.is_noble_gas else float(element.X)


def _bridge(anion: str, counts: dict[str, int], shell: list[str], vectors: NDArray[np.float64]) -> str:
    if not shell:
        return anion
    lithium = vectors[np.array(shell) == "Li"]
    unit = lithium / np.linalg.norm(lithium, axis=1, keepdims=True)
    if (unit @ unit.T < np.cos(np.radians(LINEAR))).any():
        return f"Li-{anion}-Li"
    common = sorted(counts, key=lambda cation: (-counts[cation], -_electronegativity(cation)))[:2]
    first, last = sorted([common[0], common[-1]], key=_electronegativity, reverse=True)
    return f"{first}-{anion}-{last}"


@dataclass(frozen=True, eq=False)
class ComplexIons:
    """Bonds of a crystal, and the ions that the strong ones make.

    Parameters
    ----------
    bonds : Bonds
        All cation-anion bonds.
    strength : (n_bonds,) float array, e
        z/CN of each (L. Pauling, J. Am. Chem. Soc. 51 (1929) 1010).
    inside : (n_bonds,) bool array
        Whether the strength is at least half the anion's charge, so that the anion belongs to this cation:
        P-S, C-O, B-O, but neither Co-O nor Li-S.
    bound : (n_sites,) bool array
        Whether a site is part of a complex ion.
    shift : (n_sites, 3) float array, Å
        From each site to the middle of the central atoms of its complex ion; 0 outside, and where the bonds
        make a chain or a network without end.
    """

    bonds: Bonds
    strength: Floats
    inside: NDArray[np.bool_]
    bound: NDArray[np.bool_]
    shift: Floats


def site_charges(structure: Structure) -> Floats:
    """Return the oxidation states (n_sites,), e; of a shared site the average over its occupants, weighted with the
    occupancies."""
    return np.array(
        [
            sum((getattr(species, "oxi_state", None) or 0.0) * share for species, share in site.species.items())
            for site in structure
        ]
    )


def complex_ions(structure: Structure) -> ComplexIons:
    """Find the complex ions of an ordered structure with oxidation states.

    Raises
    ------
    StructureError
        If a site is shared by several species.
    """
    found, charges = bonds(structure), site_charges(structure)
    numbers = np.bincount(found.cations, minlength=len(structure))
    strength = charges[found.cations] / np.maximum(numbers[found.cations], 1)
    inside = (strength >= np.abs(charges[found.anions]) / 2 - 1e-6) & (strength > 0)
    bound = np.zeros(len(structure), dtype=bool)
    bound[found.anions[inside]] = bound[found.cations[inside]] = True
    shift = np.zeros((len(structure), 3))
    links: dict[int, list[tuple[int, Floats]]] = {int(site): [] for site in np.flatnonzero(bound)}
    for anion, cation, vector in zip(found.anions[inside], found.cations[inside], found.vectors[inside], strict=True):
        links[int(anion)].append((int(cation), vector))
        links[int(cation)].append((int(anion), -vector))
    centres = set(map(int, found.cations[inside]))
    waiting = set(links)
    while waiting:
        places = _walk(links, min(waiting))
        waiting -= set(places)
        if _is_finite(links, places):
            middle = np.mean([place for site, place in places.items() if site in centres], axis=0)
            for site, place in places.items():
                shift[site] = middle - place
    return ComplexIons(found, strength, inside, bound, shift)


def _walk(links: dict[int, list[tuple[int, Floats]]], start: int) -> dict[int, Floats]:
    """Sites that strong bonds connect with `start`, and where they lie relative to it, Å."""
    places, queue = {start: np.zeros(3)}, [start]
    while queue:
        site = queue.pop(0)
        for other, vector in links[site]:
            if other not in places:
                places[other] = places[site] + vector
                queue.append(other)
    return places


def _is_finite(links: dict[int, list[tuple[int, Floats]]], places: dict[int, Floats]) -> bool:
    """Whether no path along strong bonds leads from a site to its own image."""
    return all(
        np.abs(places[site] + vector - places[other]).max() < 0.1 for site in places for other, vector in links[site]
    )
