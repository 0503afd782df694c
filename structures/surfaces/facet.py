"""A crystal cut open along a lattice plane: the smallest oriented cell of a facet, by integer lattice algebra.

Miller indices always mean the conventional cell of the average crystal (hexagonal axes for R groups),
whatever cell the calculation runs on: CoO(100) is the cube's face although the AFM-II cell is
rhombohedral, and NCM532(104) that of the small hexagonal cell although its ordering has 120 atoms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from ...configs.models import Material
from ..crystals.cells import calculation_cell
from ..crystals.crystal import check_distances, conventional
from ..crystals.symmetry import (
    Operations,
    axes_of_file,
    coprime,
    in_cell,
    operations,
    primitive,
    primitive_lattice,
    site_moments,
)

__all__ = [
    "Facet",
    "Miller",
    "SourceCell",
    "equivalent_millers",
    "facet",
    "facet_members",
    "low_index_millers",
    "source_cell",
]

Miller = tuple[int, int, int]

#: largest denominator of a lattice vector in units of the conventional axes: centrings have 2 and 3, orderings their
#: multiplicity
_DENOMINATOR = 48
#: low-index facets of layered oxides in the hexagonal setting of R groups, beyond the indices 0 and 1
_LAYERED: tuple[Miller, ...] = ((1, 0, 4), (0, 1, 2))


@dataclass(frozen=True, eq=False)
class SourceCell:
    """The bulk that slabs are cut from.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states and the site properties ``magmom`` (µB) and ``wyckoff_label``.
    conventional : (3, 3) float array, Å
        Rows: conventional lattice vectors in the same Cartesian frame as `structure`. Miller indices refer to them.
    label : str
        Tag of the material: ``LCO``, ``CoO``.
    average : Structure
        The crystal that `structure` is an ordering of, in the same frame, with fractional occupancies
        where there are any. Its symmetry says which indices belong to one family of facets.
    unstrained : SourceCell or None
        Of a relaxed crystal the one before: a relaxed ordering has lost the symmetry that makes families of facets.
    """

    structure: Structure
    conventional: Floats
    label: str
    average: Structure
    unstrained: SourceCell | None = None

    @classmethod
    def of_structure(cls, structure: Structure, label: str) -> SourceCell:
        """Return the source of the user's own cell, with its moments; Miller indices refer to its own axes.

        A primitive cell of a centred lattice has no such axes, and the standard conventional ones are taken.

        Raises
        ------
        StructureError
            If the cell is empty, has partial occupancies or overlapping atoms, or a compound lacks oxidation states.
        """
        check_distances(structure, label=label)
        if not structure.is_ordered:
            raise StructureError(
                f"{label}: partial occupancies, and slabs are cut from an ordered cell; make orderings first"
            )
        if len(structure.elements) > 1 and any(getattr(site.specie, "oxi_state", None) is None for site in structure):
            raise StructureError(
                f"{label}: a site has no oxidation state, and the polarity of a facet follows from them; write for "
                "example Co3+"
            )
        labels = structure.site_properties.get("wyckoff_label") or [site.specie.symbol for site in structure]
        properties = {"magmom": site_moments(structure).tolist(), "wyckoff_label": labels}
        cell = Structure(structure.lattice, structure.species, structure.frac_coords, site_properties=properties)
        return cls(cell, axes_of_file(cell, label), label, primitive(cell, magnetic=False))

    def relaxed(self, structure: Structure) -> SourceCell:
        """Return the source with the lattice and positions of a relaxed cell; species, moments and labels stay.

        Parameters
        ----------
        structure : Structure
            The relaxed `structure`, sites in the same order.

        Raises
        ------
        StructureError
            If the sites are others.
        """
        if [site.specie.symbol for site in structure] != [site.specie.symbol for site in self.structure]:
            raise StructureError(
                f"{self.label}: the relaxed cell {structure.composition.formula} has other sites than "
                f"{self.structure.composition.formula}"
            )
        strain = np.linalg.inv(self.structure.lattice.matrix) @ structure.lattice.matrix
        cell = Structure(
            structure.lattice,
            self.structure.species,
            structure.frac_coords,
            site_properties=self.structure.site_properties,
        )
        average = self.average.copy()
        average.lattice = Lattice(self.average.lattice.matrix @ strain)
        return SourceCell(cell, self.conventional @ strain, self.label, average, self.unstrained or self)

    @cached_property
    def lattice(self) -> Floats:
        """Primitive vectors (3, 3), rows, Å, of the crystal with its order of atoms and moments."""
        return primitive_lattice(self.structure)

    @cached_property
    def average_lattice(self) -> Floats:
        """Primitive vectors (3, 3), rows, Å, of the average crystal without moments."""
        return primitive_lattice(self.average, magnetic=False)

    @cached_property
    def operations(self) -> Operations:
        """Symmetry operations of the crystal with its moments, in fractional coordinates along `lattice`, origin as in
        `structure`."""
        return operations(in_cell(self.structure, self.lattice))

    @cached_property
    def point_group(self) -> Ints:
        """Rotations (n, 3, 3) of the average crystal on coordinates (columns) along the conventional axes."""
        if self.unstrained is not None:
            return self.unstrained.point_group
        cell = primitive(self.average, magnetic=False)
        to_conventional = (cell.lattice.matrix @ np.linalg.inv(self.conventional)).T
        rotations = operations(cell, magnetic=False).rotations
        turned = to_conventional @ rotations @ np.linalg.inv(to_conventional)
        return np.unique(np.rint(turned).astype(np.int64), axis=0)


@dataclass(frozen=True, eq=False)
class Facet:
    """The oriented bulk cell of a facet.

    Parameters
    ----------
    cell : SourceCell
    miller : tuple of int
        As asked for, conventional axes.
    oriented : Structure
        Bulk cell with ``a`` and ``b`` the Gauss-reduced primitive in-plane vectors of the lattice of
        atoms and moments (|a| ≤ |b|, 60° ≤ γ ≤ 120°, right-handed) in the xy plane, ``a`` along x, and
        ``c`` the shortest vector to the next lattice plane, outward normal along +z. Site properties:
        those of the source and ``origin`` (int, index of the site in ``cell.structure``).
    spacing : float, Å
        Height of ``c`` above the plane: the period along the normal.
    area : float, Å²
    layer : float, Å
        Spacing of the lattice planes of the average crystal, of which `spacing` is a whole multiple.
    rotation : (3, 3) float array
        Takes Cartesian columns of the source to those of `oriented`.
    """

    cell: SourceCell
    miller: Miller
    oriented: Structure
    spacing: float
    area: float
    layer: float
    rotation: Floats

    @property
    def in_plane(self) -> Floats:
        """In-plane lattice (2, 2), rows, Å."""
        return np.array(self.oriented.lattice.matrix[:2, :2])

    @property
    def name(self) -> str:
        """``LCO(104)``; negative indices and indices above 9 are set apart by blanks."""
        separator = "" if all(0 <= index <= 9 for index in self.miller) else " "
        return f"{self.cell.label}({separator.join(map(str, self.miller))})"


def source_cell(material: Material, seed: int = 0, arrangement: int = 1) -> SourceCell:
    """Return the source of slabs of a material: the cell of its calculations, and the axes that Miller indices refer
    to.

    A material of space group P1, which is what a structure file gives, refers to the axes of the file.

    Parameters
    ----------
    material : Material
    seed, arrangement : int
        Of the ordering, where there is one, and which of them.

    Raises
    ------
    StructureError
        If the cell cannot be built or ordered.
    """
    cell = calculation_cell(material, seed, arrangement)
    average = conventional(material)
    if material.space_group != "P1":
        return SourceCell(cell, np.array(average.lattice.matrix), material.name, average)
    if not material.disordered:
        average.add_site_property("magmom", [0.0] * len(average))
    return SourceCell(cell, axes_of_file(average, material.name), material.name, primitive(average, magnetic=False))


def facet(cell: SourceCell, miller: Miller) -> Facet:
    """Return the smallest oriented cell of one facet.

    Indices with a common factor mean the same facet: (003) is (001).

    Raises
    ------
    StructureError
        If the index is 0 0 0, or the cell does not fit the conventional axes.
    """
    _check_miller(miller)
    planes = _plane_numbers(cell.lattice, cell, miller)
    basis = _plane_basis(planes) @ cell.lattice
    normal = np.cross(basis[0], basis[1])
    area = float(np.linalg.norm(normal))
    spacing = _spacing(cell.lattice, planes)
    a, b = _gauss_reduced(basis[0], basis[1])
    outward = normal / area
    if outward @ basis[2] < 0:
        outward = -outward
    if np.cross(a, b) @ outward < 0:
        # an oblique lattice has one handedness: the obtuse pair is left-handed, the acute one is not
        a, b = (b, a) if a @ a > b @ b - 1e-6 else (a, -b)
    c = _shortest(basis[2], a, b)
    x = a / np.linalg.norm(a)
    rotation = np.array([x, np.cross(outward, x), outward])
    rows = np.array([a, b, c])
    lattice = rows @ rotation.T
    lattice[np.abs(lattice) < 1e-12] = 0.0
    layer = _spacing(cell.average_lattice, _plane_numbers(cell.average_lattice, cell, miller))
    return Facet(cell, miller, in_cell(cell.structure, rows, lattice), spacing, area, layer, rotation)


def facet_members(cell: SourceCell, miller: Miller) -> list[Facet]:
    """Return the facets of a family that the crystal tells apart, the smallest area first.

    The order of atoms and moments lowers the symmetry of the average crystal, and planes of one family
    then differ in their repeat and in their dipole: {104} of the 120-atom NCM532 cell repeats after 249 or 498 Å².
    A plane and its opposite face are one member. The index asked for wins a tie.

    Raises
    ------
    StructureError
        If the index is 0 0 0.
    """
    family = [miller, *(member for member in equivalent_millers(cell, miller) if member != miller)]
    chosen: list[Miller] = []
    seen: set[tuple[int, ...]] = set()
    for member in family:
        planes = _plane_numbers(cell.lattice, cell, member)
        if tuple(map(int, planes)) not in seen:
            chosen.append(member)
            seen.update(tuple(map(int, sign * row)) for row in planes @ cell.operations.rotations for sign in (1, -1))
    return sorted((facet(cell, member) for member in chosen), key=lambda plane: round(plane.area, 4))


def equivalent_millers(cell: SourceCell, miller: Miller) -> list[Miller]:
    """Return the family of a facet: all indices that the average crystal's symmetry makes equal, opposite faces
    included.

    Raises
    ------
    StructureError
        If the index is 0 0 0.
    """
    _check_miller(miller)
    images = np.unique(np.array(miller) @ cell.point_group, axis=0)
    family = {tuple(map(int, sign * row)) for row in images for sign in (1, -1)}
    return sorted(((h, k, ell) for h, k, ell in family), key=_readability)


def low_index_millers(cell: SourceCell, max_index: int = 1) -> list[Miller]:
    """Return one index of every family of facets up to `max_index`, the most readable member of each.

    Crystals on hexagonal axes with an R lattice also get (104) and (012), the low-index facets of layered oxides.

    Raises
    ------
    StructureError
        If `max_index` is less than 1.
    """
    if max_index < 1:
        raise StructureError(f"the largest Miller index must be at least 1, and {max_index} was given")
    numbers = range(-max_index, max_index + 1)
    indices: list[Miller] = [
        (h, k, ell) for h, k, ell in product(numbers, numbers, numbers) if math.gcd(h, k, ell) == 1
    ]
    if _is_rhombohedral(cell):
        indices += _LAYERED
    chosen: dict[Miller, None] = {}
    seen: set[Miller] = set()
    for miller in sorted(indices, key=lambda m: (max(map(abs, m)), sum(map(abs, m)), _readability(m))):
        if miller not in seen:
            chosen[miller] = None
            seen.update(equivalent_millers(cell, miller))
    return list(chosen)


def _check_miller(miller: Miller) -> None:
    if not any(miller):
        raise StructureError(
            "the Miller index 0 0 0 names no plane; give three integers that are not all 0, such as 1 0 4"
        )


def _readability(miller: Miller) -> tuple[int, tuple[int, ...]]:
    return sum(index < 0 for index in miller), tuple(-index for index in miller)


def _is_rhombohedral(cell: SourceCell) -> bool:
    axes = Lattice(cell.conventional)
    centred = abs(np.linalg.det(cell.conventional) / np.linalg.det(cell.average_lattice))
    return axes.is_hexagonal() and round(float(centred)) == 3


def _plane_numbers(lattice: Floats, cell: SourceCell, miller: Miller) -> Ints:
    """Coprime indices (3,) of the plane in terms of `lattice`."""
    heights = lattice @ np.linalg.inv(cell.conventional) @ np.array(miller, dtype=float)
    for denominator in range(1, _DENOMINATOR + 1):
        scaled = heights * denominator
        if np.abs(scaled - np.rint(scaled)).max() < 1e-3 * max(1, np.abs(miller).max()):
            return coprime(np.rint(scaled).astype(np.int64))
    raise StructureError(
        f"{cell.label}: the cell has no common lattice with its conventional axes, so {miller} names no lattice plane"
    )


def _spacing(lattice: Floats, planes: Ints) -> float:
    """Distance of neighbouring lattice planes, Å."""
    return float(1 / np.linalg.norm(np.linalg.inv(lattice) @ planes))


def _plane_basis(planes: Ints) -> Ints:
    """Unimodular matrix (3, 3) whose rows 0 and 1 lie in the plane and whose row 2 leads to the next one, by Euclid's
    algorithm."""
    basis, left = np.eye(3, dtype=np.int64), planes.copy()
    while np.count_nonzero(left) > 1:
        active = np.flatnonzero(left)
        pivot = active[np.argmin(np.abs(left[active]))]
        for row in active:
            if row != pivot:
                factor = left[row] // left[pivot]
                basis[row] -= factor * basis[pivot]
                left[row] -= factor * left[pivot]
    last = int(np.flatnonzero(left)[0])
    rows = [row for row in range(3) if row != last]
    return np.array([basis[rows[0]], basis[rows[1]], basis[last] * left[last]])


def _gauss_reduced(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Shortest two vectors of a plane lattice, |a| ≤ |b|, with an angle of 90° to 120°."""
    while True:
        if b @ b < a @ a - 1e-9:
            a, b = b, a
        factor = np.rint(a @ b / (a @ a) - 1e-9 * np.sign(a @ b))
        if factor == 0:
            break
        b = b - factor * a
    return (a, -b) if a @ b > 0 else (a, b)


def _shortest(c: Floats, a: Floats, b: Floats) -> Floats:
    """The shortest of c plus in-plane lattice vectors."""
    plane = np.array([a, b])
    start = c - np.rint(np.linalg.solve(plane @ plane.T, plane @ c)) @ plane
    candidates = [start + i * a + j * b for i, j in product((0, -1, 1), repeat=2)]
    shortest = min(float(v @ v) for v in candidates)
    return next(v for v in candidates if v @ v < shortest + 1e-6)
