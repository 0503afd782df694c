"""Symmetry of a cell with its oxidation states and moments, by spglib (A. Togo et al., Sci. Technol. Adv. Mater. Meth.
4 (2024) 2384822)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from .guard import note

if TYPE_CHECKING:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

__all__ = [
    "SYMPREC",
    "Operations",
    "axes_of_file",
    "conventional_axes",
    "coprime",
    "in_cell",
    "operations",
    "orbits",
    "own_axes",
    "primitive",
    "primitive_lattice",
    "site_moments",
    "space_group",
]


#: Å; atoms that an operation maps nearer than this onto each other are equal
SYMPREC = 0.01
#: µB; moments closer than this are equal
MOMENT_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Operations:
    """Symmetry operations x → W x + w on fractional coordinates (columns).

    rotations : (n, 3, 3) int array;
    translations : (n, 3) float array;
    reversal : (n,) bool array, whether the operation turns all moments around.
    """

    rotations: Ints
    translations: Floats
    reversal: NDArray[np.bool_]


def site_moments(structure: Structure) -> Floats:
    """Return the moments (n_sites,), µB; 0 where a site has none."""
    moments = structure.site_properties.get("magmom") or [0.0] * len(structure)
    return np.array([0.0 if moment is None else float(moment) for moment in moments])


def operations(structure: Structure, *, magnetic: bool = True) -> Operations:
    """Return the operations that keep species and, if `magnetic`, moments up to the reversal of all of them.

    Sites of one species, occupancies and oxidation state included, are alike.

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    moments = site_moments(structure) if magnetic else np.zeros(len(structure))
    with _determined(structure):
        found = spglib.get_magnetic_symmetry(
            (*_cell(structure), moments.tolist()), symprec=SYMPREC, mag_symprec=MOMENT_TOLERANCE, is_axial=False
        )
        if found is None:
            raise spglib.SpglibError
    return Operations(
        np.array(found["rotations"], dtype=np.int64),
        np.array(found["translations"], dtype=np.float64),
        np.array(found["time_reversals"], dtype=bool),
    )


def primitive_lattice(structure: Structure, *, magnetic: bool = True) -> Floats:
    """Return three vectors (3, 3), rows, Å, that span all translations of the crystal, in the frame of `structure`.

    The result is some basis of the lattice, right-handed; it is not reduced.
    """
    found = operations(structure, magnetic=magnetic)
    pure = (found.rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2)) & ~found.reversal
    shifts = found.translations[pure]
    number = _order(shifts)
    if number == 1:
        return np.array(structure.lattice.matrix)
    # a group of N translations modulo the cell: each is a multiple of 1/N
    generators = np.concatenate([np.rint(shifts * number).astype(np.int64), number * np.eye(3, dtype=np.int64)])
    basis: Floats = _row_basis(generators) / number @ structure.lattice.matrix
    return basis if np.linalg.det(basis) > 0 else -basis


def primitive(structure: Structure, *, magnetic: bool = True) -> Structure:
    """Return the primitive cell of the crystal, in the frame and with the origin of `structure`."""
    return in_cell(structure, primitive_lattice(structure, magnetic=magnetic))


def in_cell(structure: Structure, rows: Floats, lattice: Floats | None = None) -> Structure:
    """Return the crystal in another cell that fits its translations, each atom once.

    Parameters
    ----------
    structure : Structure
    rows : (3, 3) float array, Å
        Vectors of the cell in the frame of `structure`.
    lattice : (3, 3) float array, Å, optional
        The same vectors in the frame of the result.

    Returns
    -------
    Structure
        With the site properties and ``origin`` (int, index of the site in `structure`).

    Raises
    ------
    StructureError
        If the vectors are no translations of the crystal.
    """
    coords = structure.cart_coords @ np.linalg.inv(rows)
    wanted = round(len(structure) * abs(np.linalg.det(rows)) / structure.volume)
    kept: list[int] = list(range(wanted)) if wanted == len(structure) else []
    for i, site in enumerate(structure if not kept else ()):
        rivals = [k for k in kept if structure[k].species == site.species]
        gaps = coords[rivals] - coords[i]
        if not rivals or np.linalg.norm((gaps - np.rint(gaps)) @ rows, axis=1).min() > 10 * SYMPREC:
            kept.append(i)
    if len(kept) != wanted:
        raise StructureError(
            f"{structure.composition.formula}: {len(kept)} atoms in the smaller cell, and {wanted} were expected"
        )
    properties = {name: [values[k] for k in kept] for name, values in structure.site_properties.items()}
    properties["origin"] = kept
    fractional = coords[kept] - np.floor(coords[kept] + 1e-9)
    return Structure(
        rows if lattice is None else lattice,
        [structure[k].species for k in kept],
        fractional,
        site_properties=properties,
    )


def conventional_axes(structure: Structure) -> Floats:
    """Return the axes (3, 3), rows, Å, of the conventional cell in the frame of `structure`; moments do not count.

    The setting is the standard one of the International Tables: hexagonal axes for R groups, unique axis b for
    monoclinic ones.

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    found = _dataset(structure)
    # columns: (a_s b_s c_s) = (a b c) P^-1
    axes: Floats = np.linalg.inv(found.transformation_matrix).T @ structure.lattice.matrix
    return axes


def own_axes(structure: Structure) -> tuple[Floats, bool]:
    """Return the axes (3, 3), rows, Å, that Miller indices of a cell refer to, and whether they are the cell's own.

    The shortest translations along the cell's own vectors are taken where they span a conventional cell in whatever
    setting, such as Pbnm or a supercell of it. A primitive cell of a centred lattice has no such axes: for it the
    standard setting of :func:`conventional_axes` is taken.

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    standard = conventional_axes(structure)
    inside = structure.lattice.matrix @ np.linalg.inv(primitive_lattice(structure, magnetic=False))
    multiples = np.rint(inside).astype(np.int64)
    if np.abs(inside - multiples).max() > 1e-3:
        return standard, False
    shortest: Floats = structure.lattice.matrix / np.gcd.reduce(multiples, axis=1)[:, None]
    volume = abs(float(np.linalg.det(standard)))
    if abs(abs(float(np.linalg.det(shortest))) - volume) > 1e-3 * volume:
        return standard, False
    return shortest, True


def axes_of_file(structure: Structure, label: str) -> Floats:
    """Return the axes (3, 3), rows, Å, of a user's own cell as :func:`own_axes`, with a note where they are others.

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    axes, own = own_axes(structure)
    if not own:
        lengths = ", ".join(f"{float(length):.4g}" for length in np.linalg.norm(axes, axis=1))
        note(
            label,
            "its cell is a primitive one of a centred lattice: Miller indices refer to the standard conventional cell "
            f"with a, b, c = {lengths} Å",
        )
    return axes


def orbits(structure: Structure) -> list[int]:
    """Number of the symmetry orbit of each site, (n_sites,); moments do not count.

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    found = _dataset(structure)
    return [int(number) for number in found.equivalent_atoms]


def space_group(structure: Structure, symprec: float = SYMPREC) -> SpacegroupAnalyzer:
    """Return pymatgen's analysis of the space group; moments count where the sites have them.

    Its tolerance of 5 degrees takes angles of 89, 90 and 93 degrees for equal and can then find no group at all; such
    a cell is judged by distances alone, as spglib does by itself.

    Parameters
    ----------
    structure : Structure
    symprec : float, Å

    Raises
    ------
    StructureError
        If spglib cannot determine the symmetry.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    with _determined(structure):
        try:
            return SpacegroupAnalyzer(structure, symprec=symprec)
        except SymmetryUndeterminedError:
            return SpacegroupAnalyzer(structure, symprec=symprec, angle_tolerance=-1)


@contextmanager
def _determined(structure: Structure) -> Iterator[None]:
    """Refuse a cell in which spglib finds no symmetry at all."""
    from pymatgen.symmetry.analyzer import SymmetryUndeterminedError

    try:
        yield
    except (spglib.SpglibError, SymmetryUndeterminedError):
        raise StructureError(
            f"the symmetry of {structure.composition.formula} cannot be determined: are there overlapping atoms?"
        ) from None


def _dataset(structure: Structure) -> spglib.SpglibDataset:
    with _determined(structure):
        found = spglib.get_symmetry_dataset(_cell(structure), symprec=SYMPREC)
        if found is None:
            raise spglib.SpglibError
    return found


def _cell(structure: Structure) -> tuple[list[list[float]], list[list[float]], list[int]]:
    return structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), _kinds(structure)


def _kinds(structure: Structure) -> list[int]:
    names = [site.species_string for site in structure]
    numbers = {name: k for k, name in enumerate(sorted(set(names)), start=1)}
    return [numbers[name] for name in names]


def _order(shifts: Floats) -> int:
    """Number of different translations modulo the cell."""
    distinct: list[Floats] = []
    for shift in shifts:
        if not any(np.abs((shift - other) - np.rint(shift - other)).max() < 1e-4 for other in distinct):
            distinct.append(shift)
    return len(distinct)


def _row_basis(generators: Ints) -> Ints:
    """Basis (3, 3) of the integer lattice that the rows span, by row echelon form."""
    rows = [list(map(int, row)) for row in generators]
    basis = []
    for column in range(3):
        while True:
            active = [row for row in rows if row[column]]
            if len(active) < 2:
                break
            pivot = min(active, key=lambda row: abs(row[column]))
            for row in active:
                if row is not pivot:
                    factor = row[column] // pivot[column]
                    row[:] = [x - factor * y for x, y in zip(row, pivot, strict=True)]
        basis.append(active[0])
        rows = [row for row in rows if row is not active[0]]
    return np.array(basis, dtype=np.int64)


def coprime(numbers: Ints) -> Ints:
    """Return the integers divided by their greatest common divisor."""
    return numbers // math.gcd(*map(int, numbers))
