"""Magnetic moments from oxidation state and ligand field, before and after a calculation.

The number of unpaired d electrons follows from the electron count, the coordination (from the first
shell) and the spin state; see C. J. Ballhausen, *Introduction to Ligand Field Theory* (1962).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Magnetism, Material
from .environment import bonds, coordination_numbers

__all__ = [
    "Coordination",
    "MomentVerdict",
    "Spin",
    "assess_moments",
    "expected_window",
    "moment_magnitudes",
    "moment_window",
    "site_coordination",
    "unpaired_electrons",
    "with_moments",
]

Coordination = Literal["octahedral", "tetrahedral"]
Spin = Literal["high", "low"]

#: (lower level, upper level) of the split d shell, in electrons
_LEVELS: dict[Coordination, tuple[int, int]] = {"octahedral": (6, 4), "tetrahedral": (4, 6)}


@dataclass(frozen=True)
class MomentVerdict:
    """A computed moment against the window of the oxidation state that its site is labelled with.

    Parameters
    ----------
    index : int
        Site index.
    species : str
        With oxidation state.
    coordination, spin
        What the window was taken for.
    moment : float
        µB, computed, with sign.
    window : tuple of float
        µB, lowest and highest |moment|.
    ok : bool
        Whether |moment| lies in the window.
    compatible : tuple of str
        Common oxidation states of the element, with spin state, whose windows hold |moment|.
    """

    index: int
    species: str
    coordination: Coordination
    spin: Spin
    moment: float
    window: tuple[float, float]
    ok: bool
    compatible: tuple[str, ...]


def unpaired_electrons(species: Species, coordination: Coordination = "octahedral", spin: Spin = "high") -> float:
    """Count the unpaired d or f electrons of an ion; 0 for elements of the s and p blocks and for a neutral atom.

    High spin fills all five orbitals singly first; low spin fills the lower level (t2g of an
    octahedron, e of a tetrahedron) completely first. A fractional oxidation state, such as Co3.5+,
    is the average of two ions and interpolates between their counts. The f shell of lanthanoids and actinoids is
    high spin by Hund's rule: none in La3+, Ce4+ and Lu3+, seven in Gd3+.

    Raises
    ------
    StructureError
        If the oxidation state is missing or leaves fewer than 0 or more than 10 d electrons, or
        more than 14 f electrons.
    """
    charge, element = species.oxi_state, species.element
    if charge is None:
        raise StructureError(
            f"{species} has no oxidation state, and its moment follows from it; write for example Co3+"
        )
    if charge == 0 or element.block in "sp":
        return 0.0
    if element.is_lanthanoid or element.is_actinoid:
        return _unpaired_f(species, element.Z - (54 if element.is_lanthanoid else 86) - charge)
    electrons = element.group - charge
    if not 0 <= electrons <= 10:
        raise StructureError(f"{species} would have {electrons:g} d electrons; 0 to 10 are possible")
    fewer = floor(electrons)
    share = electrons - fewer
    count = _unpaired_of_shell(fewer, coordination, spin)
    return count if share == 0 else (1 - share) * count + share * _unpaired_of_shell(fewer + 1, coordination, spin)


def _unpaired_f(species: Species, electrons: float) -> float:
    if not 0 <= electrons <= 14:
        raise StructureError(f"{species} would have {electrons:g} f electrons; 0 to 14 are possible")
    return float(min(electrons, 14 - electrons))


def expected_window(
    species: Species, coordination: Coordination = "octahedral", spin: Spin = "high"
) -> tuple[float, float]:
    """Return the lowest and highest |moment|, µB, that a calculation gives for an ion of `unpaired_electrons` u.

    The spin-only moment is u. Covalency moves spin to the anions in proportion to it, and the
    augmentation sphere or projection misses a tail; polarised empty d states and orbital overlap can
    add a little. The window is ``max(0, 0.8 u - 0.1) .. u + 0.4``. It holds NiO 1.7, CoO 2.6-2.7,
    Mn4+ 2.8-3.2, Fe3+ 4.2 and Co3+ ≤ 0.1 µB of PBE+U, and separates neighbouring counts up to u = 2.
    """
    return moment_window(unpaired_electrons(species, coordination, spin))


def site_coordination(structure: Structure) -> list[Coordination]:
    """Return the ligand field of every site: tetrahedral up to four first-shell neighbours, octahedral above."""
    return ["tetrahedral" if number <= 4 else "octahedral" for number in coordination_numbers(structure)]


def moment_magnitudes(structure: Structure, magnetism: Magnetism) -> NDArray[np.float64]:
    """Return the |moment| that every site starts with: (n_sites,) float array, µB.

    Ions have the spin-only moment of their ligand field and spin state. Neutral atoms, as in a metal
    or in O2, have the moment that the source expects, and none where it names none.

    Raises
    ------
    StructureError
        If a transition metal has no oxidation state.
    """
    return np.array(
        [
            _spin_count(site.specie, field, magnetism)[0]
            for site, field in zip(structure, site_coordination(structure), strict=True)
        ]
    )


def with_moments(structure: Structure, magnetism: Magnetism) -> Structure:
    """Return the cell with the site property ``magmom`` (float, µB), enlarged where the order asks for it.

    ``AFM-II`` finds the cubic axes of the rock salt from the bonds of one magnetic cation and gives
    successive (111) planes opposite signs. It keeps a cell that holds the order along one of the four
    ⟨111⟩, and doubles it otherwise: the 2-atom primitive cell becomes the 4-atom rhombohedral one with
    the vectors (2,1,1), (1,2,1), (1,1,2) × a/2. ``AFM-sublattice`` gives nearest neighbours within each
    magnetic Wyckoff position opposite signs, in a doubled cell where the given one cannot hold that.

    Raises
    ------
    StructureError
        If the order does not fit the structure, or the moments of an antiferromagnet do not cancel.
    """
    cell = structure.copy()
    if magnetism.order == "nonmagnetic":
        return _set_moments(cell, np.zeros(len(cell)))
    size = moment_magnitudes(cell, magnetism)
    if magnetism.order == "ferromagnetic":
        return _set_moments(cell, size)
    if not size.any():
        raise StructureError(
            f"{cell.composition.reduced_formula}: no ion has a moment, so the order {magnetism.order!r} cannot be set"
        )
    _set_moments(cell, size)
    cell = _alternate_planes(cell) if magnetism.order == "AFM-II" else _alternate_sublattices(cell)
    net = sum(cell.site_properties["magmom"])
    if abs(net) > 1e-6:
        raise StructureError(
            f"{cell.composition.formula}: the order {magnetism.order!r} leaves a net moment of {net:.3f} µB in this "
            "cell"
        )
    return cell


def assess_moments(structure: Structure, material: Material) -> list[MomentVerdict]:
    """Compare computed moments with the windows expected of the oxidation states, site by site.

    Parameters
    ----------
    structure : Structure
        With oxidation states and the site property ``magmom``, µB.
    material : Material
        Gives the spin states; high where left out.

    Raises
    ------
    StructureError
        If the structure has no moments, or a transition metal no oxidation state.
    """
    moments = structure.site_properties.get("magmom")
    if moments is None or any(moment is None for moment in moments):
        raise StructureError(f"{material.name}: the structure has no site property 'magmom' to assess")
    verdicts = []
    for i, (site, field) in enumerate(zip(structure, site_coordination(structure), strict=True)):
        count, spin = _spin_count(site.specie, field, material.magnetism)
        low, high = moment_window(count)
        moment = float(moments[i])
        ok = low <= abs(moment) <= high
        compatible = _compatible(_charged(site.specie).element, field, abs(moment))
        verdicts.append(MomentVerdict(i, site.species_string, field, spin, moment, (low, high), ok, compatible))
    return verdicts


def _unpaired_of_shell(electrons: int, coordination: Coordination, spin: Spin) -> float:
    if spin == "high":
        return float(min(electrons, 10 - electrons))
    lower, upper = _LEVELS[coordination]
    below, above = min(electrons, lower), max(electrons - lower, 0)
    return float(min(below, lower - below) + min(above, upper - above))


def moment_window(count: float) -> tuple[float, float]:
    """Return the lowest and highest |moment|, µB, of an ion with `count` unpaired electrons; see
    :func:`expected_window`."""
    return max(0.0, round(0.8 * count - 0.1, 10)), count + 0.4


def _spin_count(species: Species | Element, field: Coordination, magnetism: Magnetism) -> tuple[float, Spin]:
    """Spin-only moment (µB) and spin state of one site."""
    charged = _charged(species)
    if charged.oxi_state == 0:
        expected = {Species.from_str(name): moment for name, moment in magnetism.expected_moments.items()}
        return abs(expected.get(charged, 0.0)), "high"
    states: dict[Species, Spin] = {Species.from_str(name): spin for name, spin in magnetism.spin_states.items()}
    spin = states.get(charged, "high")
    return unpaired_electrons(charged, field, spin), spin


def _charged(species: Species | Element) -> Species:
    """An element outside the d block needs no oxidation state: it has no moment either way."""
    if isinstance(species, Species):
        return species
    return Species(species.symbol, None if species.block == "d" else 0)


def _compatible(element: Element, field: Coordination, moment: float) -> tuple[str, ...]:
    found = []
    if element.block == "d":
        spins: tuple[Spin, ...] = ("high", "low")
        for charge, spin in product(element.common_oxidation_states, spins):
            species = Species(element.symbol, charge)
            if 0 < charge <= element.group:
                low, high = expected_window(species, field, spin)
                if low <= moment <= high:
                    found.append(f"{species} {spin} spin")
    return tuple(found)


def _set_moments(structure: Structure, moments: Iterable[float]) -> Structure:
    structure.add_site_property("magmom", [float(m) for m in moments])
    return structure


def _doublings() -> list[NDArray[np.int64]]:
    """The seven index-2 superlattices, as row matrices; lattice vectors with odd parity p·n leave the superlattice."""
    matrices = []
    for parity in sorted(product((0, 1), repeat=3), key=sum)[1:]:
        matrices.append(_doubling(np.array(parity)))
    return matrices


def _doubling(parity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Basis of the lattice vectors n with even ``parity · n``: (3, 3) int array of determinant ±2."""
    if parity.all():
        return np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    pivot = int(np.flatnonzero(parity)[0])
    basis = np.eye(3, dtype=np.int64)
    basis[:, pivot] += parity
    basis[pivot] = 0
    basis[pivot, pivot] = 2
    return basis


def _cubic_axes(structure: Structure, magnetic: NDArray[np.intp]) -> NDArray[np.float64]:
    """Cubic axes of a rock salt, Å, as the rows of a (3, 3) array: twice the bonds of the first complete octahedron."""
    found, name = bonds(structure), structure.composition.reduced_formula
    sixfold = magnetic[np.bincount(found.cations, minlength=len(structure))[magnetic] == 6]
    if len(sixfold) == 0:
        raise StructureError(
            f"{name} is no rock salt: no magnetic ion has six neighbours, and the order 'AFM-II' needs them"
        )
    cation = int(sixfold[0])
    spokes = -found.vectors[found.cations == cation]
    axes: list[NDArray[np.float64]] = []
    for spoke in sorted(spokes.round(6).tolist(), reverse=True):
        opposite = spokes[np.argmin(spokes @ np.array(spoke))]
        axis = np.array(spoke) - opposite
        if all(abs(axis @ other) < 0.5 * np.linalg.norm(axis) * np.linalg.norm(other) for other in axes):
            axes.append(axis)
    if len(axes) != 3:
        raise StructureError(
            f"{name} is no rock salt: the six bonds of {structure[cation].specie} do not lie along three axes"
        )
    return np.array(axes)


def _plane_numbers(
    vectors: NDArray[np.float64], axes: NDArray[np.float64], normal: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Number of the (111)-type plane that each vector ends on: (n,) int array."""
    heights = vectors @ np.linalg.inv(axes) @ normal
    planes = np.rint(heights).astype(np.int64)
    if (np.abs(heights - planes) > 0.25).any():
        raise StructureError(
            "the magnetic ions do not lie on the (111) planes of a rock salt, which the order 'AFM-II' alternates"
        )
    return planes


def _alternate_planes(structure: Structure) -> Structure:
    magnetic = np.flatnonzero(np.array(structure.site_properties["magmom"]) > 0)
    axes = _cubic_axes(structure, magnetic)
    normals = [np.array(normal) for normal in ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1))]
    parities = [_plane_numbers(structure.lattice.matrix, axes, normal) % 2 for normal in normals]
    # the cell that holds the order already; else the first domain, in a doubled cell
    best = min(range(4), key=lambda k: bool(parities[k].any()))
    if parities[best].any():
        structure = structure.make_supercell(_doubling(parities[best]), in_place=False)
    size = np.array(structure.site_properties["magmom"])
    offsets = structure.cart_coords[size > 0]
    size[size > 0] *= 1.0 - 2.0 * (_plane_numbers(offsets - offsets[0], axes, normals[best]) % 2)
    return _set_moments(structure, size)


def _alternate_sublattices(structure: Structure) -> Structure:
    for matrix in (np.eye(3, dtype=np.int64), *_doublings()):
        cell = structure.make_supercell(matrix, in_place=False)
        signs = _two_colours(cell)
        if signs is not None:
            return _set_moments(cell, np.array(cell.site_properties["magmom"]) * signs)
    raise StructureError(
        f"{structure.composition.reduced_formula}: nearest neighbours of a magnetic Wyckoff position cannot all be "
        "antiparallel, not even in a doubled cell, so the order 'AFM-sublattice' does not exist"
    )


def _two_colours(structure: Structure) -> NDArray[np.float64] | None:
    """Signs (n_sites,) that alternate between nearest neighbours of each magnetic sublattice; None where impossible."""
    moments = structure.site_properties["magmom"]
    labels = structure.site_properties.get("wyckoff_label") or [site.species_string for site in structure]
    signs = np.zeros(len(structure))
    for label in dict.fromkeys(label for label, moment in zip(labels, moments, strict=True) if moment):
        members = [i for i in range(len(structure)) if labels[i] == label and moments[i]]
        neighbours = _nearest_neighbours(structure, members)
        for start in members:
            if signs[start]:
                continue
            signs[start] = 1.0
            queue = [start]
            while queue:
                site = queue.pop()
                for other in neighbours[site]:
                    if signs[other] == signs[site]:
                        return None
                    if not signs[other]:
                        signs[other] = -signs[site]
                        queue.append(other)
    return signs


def _nearest_neighbours(structure: Structure, members: list[int]) -> dict[int, list[int]]:
    """Neighbours within 1.1 times the shortest distance of the sublattice; a site may be its own image's neighbour."""
    sublattice = Structure(structure.lattice, ["H"] * len(members), structure.frac_coords[members])
    longest = float(max(sublattice.lattice.abc))  # a lattice vector always leads to a neighbour
    first, second, _, distances = sublattice.get_neighbor_list(longest + 1e-3, exclude_self=True)
    near = distances <= 1.1 * distances.min()
    table: dict[int, list[int]] = {i: [] for i in members}
    for a, b in zip(first[near], second[near], strict=True):
        table[members[int(a)]].append(members[int(b)])
    return table
