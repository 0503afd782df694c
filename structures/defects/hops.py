"""Hops of an ion between sites of its own kind: those that symmetry tells apart, and along how many directions a set of
them leads through the crystal.

A hop moves an ion into a neighbouring vacancy. Hops that a symmetry operation of the crystal maps on each other, or on
the reverse, are one. A long hop whose straight way leads over a third site is two shorter ones and is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from ..crystals.symmetry import SYMPREC, operations

__all__ = ["LONGEST", "WIDE", "Hop", "dimensions", "fewest_multiples", "hops", "in_supercell", "percolation"]

#: Å between the faces of a cell whose vacancies hardly see their images
WIDE = 8.0
#: Å; between neighbours of close-packed sublattices of lithium 2.8 to 3.2 Å
LONGEST = 4.0
#: Å, of a third site from the straight way: nearer, the hop leads over it
_OVER = 1.0
#: of the way, at its ends, where other sites do not count
_ENDS = 0.15

_Edge = tuple[int, int, tuple[int, int, int]]


@dataclass(frozen=True)
class Hop:
    """One class of hops.

    Parameters
    ----------
    element : str
    start, end : int
        Indices of the sites.
    image : (3,) tuple of int
        Translation of the cell that the end lies in.
    length : float, Å
        Of the straight way.
    members : tuple of (int, int, (3,) tuple of int)
        All hops of the class in one cell, each with its reverse.
    nearest : tuple of (str, float)
        The atom of another element nearest to the middle of the straight way, and its distance, Å.
    """

    element: str
    start: int
    end: int
    image: tuple[int, int, int]
    length: float
    members: tuple[_Edge, ...]
    nearest: tuple[str, float]

    @property
    def multiplicity(self) -> int:
        """Hops of this class away from one site, in the mean over the sites that have any."""
        return round(len(self.members) / len({first for first, _, _ in self.members}))


def fewest_multiples(cell: Structure, wide: float = WIDE) -> tuple[int, int, int]:
    """Return the fewest multiples of a cell that keep its opposite faces `wide` Å apart."""
    widths = 1.0 / np.linalg.norm(np.linalg.inv(cell.lattice.matrix), axis=0)
    a, b, c = (max(1, int(np.ceil(wide / width - 1e-6))) for width in widths)
    return a, b, c


def hops(structure: Structure, element: str, longest: float = LONGEST, onto: str | None = None) -> list[Hop]:
    """Return the hops between neighbouring sites of an element that symmetry tells apart, the shortest first.

    Parameters
    ----------
    structure : Structure
        Ordered. Moments and oxidation states do not count: an ion that passes moves the electrons with it.
    element : str
        Symbol.
    longest : float, Å
        Of the straight way.
    onto : str, optional
        Element whose sites, vacant, the ion takes; its own where left out. Hops onto sites of another element have no
        reverse.

    Raises
    ------
    StructureError
        If the structure is disordered, has no such element, or no two of its sites are so near.
    """
    onto = onto or element
    if not structure.is_ordered:
        raise StructureError(
            f"{structure.composition.formula} has partial occupancies: hops are those of an ordered cell",
            "`catholyte orderings` writes ordered cells",
        )
    bare = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    own, targets = ([index for index, site in enumerate(bare) if site.specie.symbol == one] for one in (element, onto))
    for wanted, sites in ((element, own), (onto, targets)):
        if not sites:
            raise StructureError(f"{structure.composition.reduced_formula} has no {wanted}")
    edges = _edges(bare, own, targets, longest)
    if not edges:
        two = f"no two {element} sites lie" if onto == element else f"no {onto} site and {element} site lie"
        raise StructureError(
            f"{structure.composition.reduced_formula}: {two} within {longest:g} Å",
            "allow longer hops with --longest",
        )
    maps = _permutations(bare)
    found, seen = [], set[_Edge]()
    for edge in sorted(edges, key=lambda one: (round(edges[one], 4), one)):
        if edge in seen:
            continue
        both = (edge, _reverse(edge)) if onto == element else (edge,)
        orbit = {mapped for one in both for mapped in _images(one, maps)} & set(edges)
        seen |= orbit
        start, end, image = edge
        found.append(Hop(element, start, end, image, edges[edge], tuple(sorted(orbit)), _nearest(bare, edge, element)))
    return found


def in_supercell(hop: Hop, cell: Structure, host: Structure) -> tuple[int, int, tuple[int, int, int]]:
    """Return a hop of `cell` by the sites of a supercell in the same frame: start, end, and the cell of the end.

    Raises
    ------
    StructureError
        If the sites are not in the supercell.
    """
    places = []
    for site, image in ((hop.start, (0, 0, 0)), (hop.end, hop.image)):
        wanted = host.lattice.get_fractional_coords(
            cell.lattice.get_cartesian_coords(cell.frac_coords[site] + np.array(image))
        )
        gaps = wanted - host.frac_coords
        away = np.linalg.norm((gaps - np.rint(gaps)) @ host.lattice.matrix, axis=1)
        index = int(away.argmin())
        if away[index] > 10 * SYMPREC:
            raise StructureError(f"{host.composition.formula} is no supercell of {cell.composition.formula}")
        places.append((index, np.rint(gaps[index]).astype(np.int64)))
    (start, first), (end, second) = places
    a, b, c = second - first
    return start, end, (int(a), int(b), int(c))


def _edges(structure: Structure, own: Sequence[int], targets: Sequence[int], longest: float) -> dict[_Edge, float]:
    """Directed hops with their lengths, without those that lead over a third site."""
    centers, points, images, lengths = structure.get_neighbor_list(longest, [structure[i] for i in own])
    found: dict[_Edge, float] = {}
    wanted, matrix, either = set(targets), structure.lattice.matrix, {*own, *targets}
    starts = structure.frac_coords
    for center, point, image, length in zip(centers, points, images, lengths, strict=True):
        first, second = own[int(center)], int(point)
        if second not in wanted or length < 1e-3:
            continue
        cell = (int(image[0]), int(image[1]), int(image[2]))
        vector = (starts[second] + cell - starts[first]) @ matrix
        if not _over_another(structure, either, first, vector, float(length)):
            found[first, second, cell] = float(length)
    return found


def _over_another(structure: Structure, own: Collection[int], first: int, vector: Floats, length: float) -> bool:
    """Whether a third site of the element lies beside the way."""
    middle = structure[first].coords + vector / 2
    for other in structure.get_sites_in_sphere(middle, length / 2):
        if other.index not in own:
            continue
        along = float((other.coords - structure[first].coords) @ vector) / length**2
        if _ENDS < along < 1 - _ENDS:
            away = other.coords - structure[first].coords - along * vector
            if float(np.linalg.norm(away)) < _OVER:
                return True
    return False


def _nearest(structure: Structure, edge: _Edge, element: str) -> tuple[str, float]:
    first, second, image = edge
    fractional = (structure.frac_coords[first] + structure.frac_coords[second] + image) / 2
    around = structure.get_sites_in_sphere(structure.lattice.get_cartesian_coords(fractional), 6.0)
    others = [(site.nn_distance, site.specie.symbol) for site in around if site.specie.symbol != element]
    if not others:
        return "", float("nan")
    distance, symbol = min(others)
    return symbol, float(distance)


def _permutations(structure: Structure) -> list[tuple[Ints, Ints, Ints]]:
    """Each operation as where it takes the sites: rotation (3, 3), index (n,) and cell (n, 3) of the image."""
    found = operations(structure, magnetic=False)
    coords, made = structure.frac_coords, []
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        moved = coords @ rotation.T + translation
        gaps = moved[:, None, :] - coords[None]
        shifts = np.rint(gaps)
        away = np.linalg.norm((gaps - shifts) @ structure.lattice.matrix, axis=2)
        index = away.argmin(axis=1)
        if away[np.arange(len(coords)), index].max() > 10 * SYMPREC:
            continue
        made.append((rotation, index, shifts[np.arange(len(coords)), index].astype(np.int64)))
    return made


def _images(edge: _Edge, maps: Iterable[tuple[Ints, Ints, Ints]]) -> Iterable[_Edge]:
    first, second, image = edge
    for rotation, index, cell in maps:
        shift = rotation @ np.array(image) + cell[second] - cell[first]
        yield int(index[first]), int(index[second]), (int(shift[0]), int(shift[1]), int(shift[2]))


def _reverse(edge: _Edge) -> _Edge:
    first, second, (a, b, c) = edge
    return second, first, (-a, -b, -c)


def dimensions(members: Iterable[_Edge]) -> int:
    """Number of independent directions, 0 to 3, along which hops lead from a site to its periodic images.

    Of several networks that do not touch, the one that leads along most counts.

    Parameters
    ----------
    members : iterable of (int, int, (3,) tuple of int)
        As of :class:`Hop`.
    """
    neighbours: dict[int, list[tuple[int, Ints]]] = {}
    for first, second, image in members:
        vector = np.array(image, dtype=np.int64)
        neighbours.setdefault(first, []).append((second, vector))
        neighbours.setdefault(second, []).append((first, -vector))
    best, seen = 0, dict[int, Ints]()
    for root in neighbours:
        if root in seen:
            continue
        seen[root] = np.zeros(3, dtype=np.int64)
        cycles, left = [np.zeros(3, dtype=np.int64)], [root]
        while left:
            site = left.pop()
            for other, vector in neighbours[site]:
                there = seen[site] + vector
                if other not in seen:
                    seen[other] = there
                    left.append(other)
                else:
                    cycles.append(there - seen[other])
        best = max(best, int(np.linalg.matrix_rank(np.array(cycles))))
    return best


def percolation(found: Sequence[tuple[Hop, float]]) -> dict[int, float | None]:
    """Return the barrier that an ion must overcome to get on along 1, 2 and 3 directions: the highest on the best way.

    Parameters
    ----------
    found : sequence of (Hop, float)
        Hops with their barriers, eV, the larger of both directions.

    Returns
    -------
    dict of int to float or None
        Directions to eV; None where these hops do not lead along so many.
    """
    lowest: dict[int, float | None] = dict.fromkeys((1, 2, 3))
    members: list[_Edge] = []
    for hop, barrier in sorted(found, key=lambda one: one[1]):
        members += hop.members
        for directions in range(1, dimensions(members) + 1):
            if lowest[directions] is None:
                lowest[directions] = barrier
    return lowest
