"""Complex ions such as PS4, CO3 and BO3: which bonds hold them together, and how a cut goes around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from .environment import Bonds, bonds

__all__ = ["ComplexIons", "complex_ions", "site_charges"]

Floats = NDArray[np.float64]


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
    """Return the oxidation states (n_sites,), e; of a shared site the average over its occupants, weighted with the occupancies."""
    return np.array([sum((getattr(species, "oxi_state", None) or 0.0) * share for species, share in site.species.items()) for site in structure])


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
    return all(np.abs(places[site] + vector - places[other]).max() < 0.1 for site in places for other, vector in links[site])
