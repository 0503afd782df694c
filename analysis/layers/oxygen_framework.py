"""The oxygen sublattice of an oxide: which oxygen atoms hang together, how they repeat, and the cations among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from ...structures.crystals.environment import Bonds, bonds

__all__ = ["ALKALI", "Framework", "oxygen_framework"]


#: longest first-shell distance between oxygen atoms in units of the mean of the six shortest (median over the atoms);
#: in close packing the second shell lies at √2
SHELL = 1.27
#: Å; no two oxygen atoms of one shell lie farther apart
LONGEST = 4.8
#: least to middle moment of the neighbour vectors below which oxygen forms sheets that do not touch: 1 in close
#: packing, 0.4 in one sheet of MO2
FLAT = 0.65
#: least cosine between the normal of the sheets and a vector across a wide layer: 0.88 to the nearest oxygen atoms on
#: the other side, 0.7 to the next
STEEP = 0.8
#: guests between the layers; what is said of lithium includes a little of the others
ALKALI = ("Li", "Na", "K")
#: smallest number of anions around an octahedral cation, one being lost at a surface
OCTAHEDRAL = 5
#: of the 12 neighbours of an oxygen atom without metal that belong to the oxide: it then fills a place of the close
#: packing
ENCLOSED = 9


@dataclass(frozen=True, eq=False)
class Framework:
    """The oxygen of an oxide that is connected and close-packed, and the cations in it.

    Parameters
    ----------
    structure : Structure
    oxygen : (m,) int array
        Site indices.
    pairs : (p, 2) int array
        Neighbouring oxygen atoms, numbers from 0 to m - 1; each pair stands in both directions, sorted by the first.
    vectors : (p, 3) float array, Å
        From the first to the second.
    wide : (w, 3) float array, Å
        Vectors between all oxygen atoms up to 4.8 Å apart, in both directions.
    wide_from : (w,) int array
        Where each of them begins, 0 to m - 1.
    distance : float, Å
        Mean distance of neighbours.
    translations : (r, 3) float array, Å
        Independent vectors by which the framework repeats: three in a crystal, two in a slab.
    cations : (q,) int array
        Site indices of the metal and lithium atoms most of whose anions belong to the framework.
    bonds : (b, 2) int array
        Oxygen (0 to m - 1) and cation (0 to q - 1) of each bond.
    bond_vectors : (b, 3) float array, Å
        From oxygen to cation.
    """

    structure: Structure
    oxygen: Ints
    pairs: Ints
    vectors: Floats
    wide: Floats
    wide_from: Ints
    distance: float
    translations: Floats
    cations: Ints
    bonds: Ints
    bond_vectors: Floats

    @property
    def surface_normal(self) -> Floats | None:
        """Unit vector normal to a slab, on the side of the axis that leaves its plane; None for a crystal."""
        if len(self.translations) == 3:
            return None
        normal = np.cross(*self.translations)
        normal /= np.linalg.norm(normal)
        heights = self.structure.lattice.matrix @ normal
        return np.asarray(normal * (1.0 if heights[np.abs(heights).argmax()] > 0 else -1.0))


def oxygen_framework(structure: Structure, parts: tuple[str, ...] = ()) -> Framework:
    """Find the largest connected oxygen framework with octahedral metal atoms, and its cations.

    Oxygen that is bonded to a nonmetal (carbonate, phosphate, borate) or to tetrahedral metals only
    (tungstate) does not belong to it; oxygen with lithium alone does where the framework surrounds it.

    Parameters
    ----------
    structure : Structure
        Ordered; a bulk cell, slab, or interface.
    parts : tuple of str
        Layer tags (site property ``layer``) that belong to it; all where left out.

    Raises
    ------
    StructureError
        If the structure is disordered, there is no such oxygen, a layer tag does not exist, or the framework
        repeats in fewer than two directions.
    """
    found = bonds(structure)
    allowed = _tagged(structure, parts)
    symbols = np.array([site.specie.symbol for site in structure])
    nonmetals = sorted(symbol for symbol in set(symbols) - {"O"} if not Element(symbol).is_metal)
    numbers = np.bincount(found.cations, minlength=len(structure))
    oxide, without = _oxide_oxygen(found, symbols, nonmetals, numbers)
    if not (oxide & allowed).any():
        raise StructureError(f"{structure.composition.reduced_formula}: {_why_not(found, symbols, nonmetals, allowed)}")
    network = _connected(structure, np.flatnonzero(oxide & allowed), np.flatnonzero(without & allowed))
    translations = _translations(len(network.oxygen), network.pairs, network.images) @ structure.lattice.matrix
    if len(translations) < 2:
        raise StructureError(
            f"{structure.composition.reduced_formula}: the oxygen framework repeats in {len(translations)} "
            "directions; a crystal (3) or a slab (2) is needed"
        )
    inside = np.isin(found.anions, network.oxygen)
    mine = np.bincount(found.cations[inside], minlength=len(structure))
    cations = np.flatnonzero((2 * mine > numbers) & allowed & ~np.isin(symbols, nonmetals))
    if len(cations) == 0:
        raise StructureError(
            f"{structure.composition.reduced_formula}: no cation has most of its anions in the oxygen framework"
        )
    guests = (mine > 0) & allowed & np.isin(symbols, ALKALI)
    if np.isin(symbols[guests], ALKALI[1:]).sum() > (symbols[guests] == "Li").sum():
        raise StructureError(
            f"{structure.composition.reduced_formula}: sodium and potassium spread the layers too far; layered "
            "geometry is that of lithium oxides"
        )
    of_oxide = np.bincount(found.cations[(oxide | without)[found.anions]], minlength=len(structure))
    lost = guests & (numbers == of_oxide) & ~np.isin(np.arange(len(symbols)), cations)
    if 2 * lost.sum() > guests.sum():
        raise StructureError(
            f"{structure.composition.reduced_formula}: {lost.sum()} of {guests.sum()} lithium atoms lie between sheets "
            f"of oxygen more than {LONGEST:g} Å apart or of different kinds; layered geometry wants one oxide"
        )
    use = inside & np.isin(found.cations, cations)
    return Framework(
        structure=structure,
        oxygen=network.oxygen,
        pairs=network.pairs,
        vectors=network.vectors,
        wide=network.wide,
        wide_from=network.wide_from,
        distance=network.distance,
        translations=translations,
        cations=cations,
        bonds=np.stack(
            [np.searchsorted(network.oxygen, found.anions[use]), np.searchsorted(cations, found.cations[use])], axis=1
        ),
        bond_vectors=found.vectors[use],
    )


def _oxide_oxygen(
    found: Bonds, symbols: NDArray[np.str_], nonmetals: list[str], numbers: Ints
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Oxygen that is bonded to an octahedral metal and to no nonmetal, and oxygen with lithium alone, as where metal
    and lithium mix: (n_sites,) masks."""
    metal = ~np.isin(symbols, [*ALKALI, "O", *nonmetals])
    covalent, bonded, octahedral = (np.zeros(len(symbols), dtype=bool) for _ in range(3))
    covalent[found.anions[np.isin(symbols[found.cations], nonmetals)]] = True
    bonded[found.anions[metal[found.cations]]] = True
    octahedral[found.anions[metal[found.cations] & (numbers[found.cations] >= OCTAHEDRAL)]] = True
    oxygen = (symbols == "O") & ~covalent
    return oxygen & octahedral, oxygen & ~bonded


def _why_not(found: Bonds, symbols: NDArray[np.str_], nonmetals: list[str], allowed: NDArray[np.bool_]) -> str:
    """Why there is no oxide to measure."""
    oxygen = (symbols == "O") & allowed
    if not oxygen.any():
        return "it holds no oxygen, and layered geometry is that of oxides"
    covalent = np.isin(symbols[found.cations], nonmetals) & oxygen[found.anions]
    if len(set(found.anions[covalent])) == oxygen.sum():
        partners = ", ".join(sorted(set(symbols[found.cations[covalent]])))
        return f"all its oxygen is bonded to {partners}, and layered geometry is that of oxygen beside metals alone"
    return "no metal has six oxygen neighbours, and layered geometry is that of octahedral metals between oxygen planes"


def _tagged(structure: Structure, parts: tuple[str, ...]) -> NDArray[np.bool_]:
    if not parts:
        return np.ones(len(structure), dtype=bool)
    tags = structure.site_properties.get("layer")
    known = sorted({str(tag) for tag in tags or []})
    unknown = sorted(set(parts) - set(known))
    if unknown:
        raise StructureError(
            f"{structure.composition.reduced_formula}: no layer {', '.join(unknown)}; layers: "
            f"{', '.join(known) or 'the structure has no layer tags'}"
        )
    return np.array([str(tag) in parts for tag in tags or []])


@dataclass(frozen=True, eq=False)
class _Network:
    """The largest connected set of oxygen atoms; all of :class:`Framework` that needs no cations, and `images` (p, 3),
    the cells of pairs."""

    oxygen: Ints
    pairs: Ints
    images: Ints
    vectors: Floats
    wide: Floats
    wide_from: Ints
    distance: float


def _connected(structure: Structure, oxide: Ints, without: Ints) -> _Network:
    """The largest connected set of oxide oxygen, and of the oxygen `without` metal what three quarters of a
    close-packed shell of it surround."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    atoms = np.concatenate([oxide, without])
    coords = structure.frac_coords[atoms]
    bare = Structure(structure.lattice, ["O"] * len(atoms), coords)
    first, second, images, lengths = bare.get_neighbor_list(LONGEST, exclude_self=True)
    sure = (first < len(oxide)) & (second < len(oxide))
    near = lengths < SHELL * _typical(first[sure], lengths[sure])
    inside = np.bincount(first[near & (second < len(oxide))], minlength=len(atoms)) >= ENCLOSED
    inside[: len(oxide)] = True
    vectors = (coords[second] + images - coords[first]) @ structure.lattice.matrix
    near |= _across_sheets(vectors, lengths, near & sure)
    near &= inside[first] & inside[second]
    graph = coo_matrix((np.ones(near.sum()), (first[near], second[near])), shape=(len(atoms), len(atoms)))
    label = connected_components(graph, directed=False)[1]
    members = np.flatnonzero((label == np.bincount(label).argmax()) & inside)
    members = members[np.argsort(atoms[members])]
    place = np.full(len(atoms), -1)
    place[members] = np.arange(len(members))
    mine = (place[first] >= 0) & (place[second] >= 0)
    keep = np.flatnonzero(mine & near)
    keep = keep[np.argsort(place[first[keep]], kind="stable")]
    return _Network(
        oxygen=atoms[members].astype(np.int64),
        pairs=np.stack([place[first[keep]], place[second[keep]]], axis=1).astype(np.int64),
        images=np.rint(images[keep]).astype(np.int64),
        vectors=vectors[keep],
        wide=vectors[mine],
        wide_from=place[first[mine]].astype(np.int64),
        distance=float(lengths[keep].mean()) if len(keep) else float("nan"),
    )


def _across_sheets(vectors: Floats, lengths: Floats, near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Vectors (n, 3), Å, from one sheet of MO2 to the next across a layer too wide for its oxygen atoms to be
    neighbours; none where the `near` ones do not lie in sheets."""
    values, axes = np.linalg.eigh(vectors[near].T @ vectors[near])
    if not near.any() or values[0] > FLAT * values[1]:
        return np.zeros(len(vectors), dtype=bool)
    return np.asarray(np.abs(vectors @ axes[:, 0]) > STEEP * lengths)


def _typical(first: Ints, lengths: Floats) -> float:
    """Median over the atoms of the mean of their six shortest distances, Å; 2.8 without any pair."""
    if len(first) == 0:
        return 2.8
    ranked = np.lexsort((lengths, first))
    starts = np.unique(first[ranked], return_index=True)[1]
    return float(
        np.median(
            [
                lengths[ranked[start : min(start + 6, stop)]].mean()
                for start, stop in zip(starts, [*starts[1:], len(ranked)], strict=True)
            ]
        )
    )


def _translations(number: int, pairs: Ints, images: Ints) -> Ints:
    """Basis (r, 3) of the lattice translations that connect the framework with itself."""
    place: dict[int, Ints] = {0: np.zeros(3, dtype=np.int64)}
    neighbours: list[list[int]] = [[] for _ in range(number)]
    for edge, (i, _) in enumerate(pairs):
        neighbours[int(i)].append(edge)
    queue = [0]
    while queue:
        i = queue.pop()
        for edge in neighbours[i]:
            j = int(pairs[edge, 1])
            if j not in place:
                place[j] = place[i] + images[edge]
                queue.append(j)
    places = np.array([place[i] for i in range(number)])
    loops = np.unique(places[pairs[:, 0]] + images - places[pairs[:, 1]], axis=0)
    return _row_basis(loops)


def _row_basis(rows: Ints) -> Ints:
    """Basis (r, 3) of the integer lattice that the rows span, by row echelon form."""
    left = [list(map(int, row)) for row in rows if row.any()]
    basis: list[list[int]] = []
    for column in range(3):
        while len(active := [row for row in left if row[column]]) > 1:
            pivot = min(active, key=lambda row: abs(row[column]))
            for row in active:
                if row is not pivot:
                    factor = row[column] // pivot[column]
                    row[:] = [x - factor * y for x, y in zip(row, pivot, strict=True)]
            left = [row for row in left if any(row)]
        if active:
            basis.append(active[0])
            left = [row for row in left if row is not active[0]]
    return np.array(basis, dtype=np.int64).reshape(-1, 3)
