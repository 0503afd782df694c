"""Places between the atoms of a crystal in which a further ion finds room: corners of the atoms' Voronoi cells, where
the next atoms are equally far (scipy's qhull), moved onto the symmetry elements beside which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import StructureError
from ..crystals.symmetry import operations

__all__ = ["PLACE", "EmptySite", "empty_sites", "with_empty"]

#: stands on empty places where hops between them are looked for; no atom of any material here
PLACE = "Xe"
#: of the shortest bond of the ion in the crystal: the least distance of an empty place from atoms of other elements
_ROOM = 0.8
#: Å, from ions of the same element
_APART = 1.4
#: Å; places nearer to each other are one
_MERGED = 0.9


@dataclass(frozen=True)
class EmptySite:
    """One class of places that symmetry maps on each other.

    Parameters
    ----------
    positions : tuple of (3,) tuple of float
        Fractional, of every place of the class in the cell.
    nearest : tuple of (str, float)
        The nearest atom and its distance, Å.
    neighbours : int
        Atoms within 1.2 of that distance.
    """

    positions: tuple[tuple[float, float, float], ...]
    nearest: tuple[str, float]
    neighbours: int


def empty_sites(structure: Structure, element: str) -> list[EmptySite]:
    """Return the places in which an ion of an element finds room, the widest first.

    Parameters
    ----------
    structure : Structure
        Ordered.
    element : str
        Symbol; where the crystal has none of it, its room is measured by the smallest distance of two other atoms.

    Raises
    ------
    StructureError
        If the structure is disordered, or nowhere is room.
    """
    if not structure.is_ordered:
        raise StructureError(
            f"{structure.composition.formula} has partial occupancies: places are those of an ordered cell"
        )
    symbols = np.array([site.specie.symbol for site in structure])
    own = symbols == element
    least = _ROOM * _shortest(structure, own)
    wide: list[tuple[float, Floats]] = []
    for corner in _corners(structure):
        centred = _centred(structure, corner)
        distances = structure.lattice.get_all_distances([centred], structure.frac_coords)[0]
        if distances[~own].min() >= least and (not own.any() or distances[own].min() >= _APART):
            wide.append((float(distances[~own].min()), centred))
    found: list[EmptySite] = []
    taken = np.zeros((0, 3))
    for _, place in sorted(wide, key=lambda one: (-round(one[0], 3), *np.round(one[1], 4))):
        if len(taken) and structure.lattice.get_all_distances([place], taken).min() < _MERGED:
            continue
        orbit = _orbit(structure, place)
        taken = np.vstack([taken, orbit])
        found.append(_described(structure, orbit, symbols))
    if not found:
        raise StructureError(
            f"{structure.composition.reduced_formula}: nowhere is room for {element} between its atoms"
        )
    return found


def with_empty(structure: Structure, sites: list[EmptySite]) -> Structure:
    """Return the bare crystal with :data:`PLACE` on every empty place, after its atoms.

    Parameters
    ----------
    structure : Structure
    sites : list of EmptySite
    """
    places = [position for site in sites for position in site.positions]
    symbols = [site.specie.symbol for site in structure] + [PLACE] * len(places)
    return Structure(structure.lattice, symbols, [*structure.frac_coords.tolist(), *places])


def _shortest(structure: Structure, own: np.ndarray) -> float:
    """Å, from an ion of the element to an atom of another; between any two atoms where there is none."""
    distances = structure.lattice.get_all_distances(structure.frac_coords, structure.frac_coords)
    wanted = distances[own][:, ~own] if own.any() and not own.all() else distances + 1e9 * np.eye(len(distances))
    return float(wanted.min())


def _corners(structure: Structure) -> Floats:
    """Corners of the Voronoi cells of all atoms that lie in the cell, fractional: (n, 3)."""
    from scipy.spatial import Voronoi

    reach = max(2, int(np.ceil(8.0 / min(structure.lattice.abc))))
    shifts = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    everywhere = (structure.frac_coords[None] + shifts[:, None]).reshape(-1, 3)
    inside = everywhere[(np.abs(everywhere - 0.5) < 0.5 + 8.0 / np.array(structure.lattice.abc)).all(axis=1)]
    corners = Voronoi(structure.lattice.get_cartesian_coords(inside)).vertices
    fractional = np.array(structure.lattice.get_fractional_coords(corners))
    within = fractional[(fractional > -1e-6).all(axis=1) & (fractional < 1 - 1e-6).all(axis=1)]
    unique: Floats = np.unique(np.round(within, 5) % 1.0, axis=0)
    return unique


def _images(structure: Structure, place: Floats) -> Floats:
    found = operations(structure, magnetic=False)
    return np.array(found.rotations @ place + found.translations)


def _centred(structure: Structure, place: Floats) -> Floats:
    """The mean of a place and of its images beside it: a place on the symmetry elements that it lies next to."""
    shifts = _images(structure, place) - place
    shifts -= np.rint(shifts)
    near = np.linalg.norm(shifts @ structure.lattice.matrix, axis=1) < _MERGED
    centred: Floats = (place + shifts[near].mean(axis=0)) % 1.0
    return centred


def _orbit(structure: Structure, place: Floats) -> Floats:
    images = _images(structure, place) % 1.0
    kept: list[Floats] = []
    for image in images:
        if not kept or structure.lattice.get_all_distances([image], kept).min() > 0.1:
            kept.append(image)
    return np.array(kept)


def _described(structure: Structure, orbit: Floats, symbols: np.ndarray) -> EmptySite:
    distances = structure.lattice.get_all_distances([orbit[0]], structure.frac_coords)[0]
    nearest = int(distances.argmin())
    near = structure.get_sites_in_sphere(
        structure.lattice.get_cartesian_coords(orbit[0]), 1.2 * float(distances[nearest])
    )
    positions = tuple((float(a), float(b), float(c)) for a, b, c in orbit)
    return EmptySite(positions, (str(symbols[nearest]), float(distances[nearest])), len(near))
