"""Relaxed lattice parameters beside the measured ones, in the crystal's conventional cell.

With lattice vectors as rows, the conventional cell is ``M · calculation cell`` with rational entries of
M: fractions for a supercell, whole numbers for a primitive cell. The same M applied to the relaxed cell
gives the relaxed conventional cell, whatever the engine did to the orientation. For a supercell of an
ordered arrangement this is the average cell, which is what diffraction measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Material, Tier
from ...structures.crystals.crystal import conventional_volume
from ...workflows.documents import CalculationDocument, require_real

__all__ = ["LatticeRow", "conventional_lattice", "lattice_table"]

#: largest denominator of M: 5×2×1 supercells of centred cells have 10, and 120 holds every product of small factors
_DENOMINATOR = 120
#: deviation of an entry of M from a fraction; lattice vectors are stored to 1e-10 Å
_RATIONAL = 1e-5
#: relative; lengths that symmetry makes equal are shown once while they stay equal within this
_EQUAL = 5e-4
#: degrees; an angle that symmetry fixes is shown where it moves by more than this
_MOVED = 0.05
#: relative; atoms of the calculation cell against the crystal's: orderings round fractional contents
_CONTENT = 0.03
#: relative and degrees; how far a cell in another orientation may be strained and still be recognised
_LENGTHS, _ANGLES = 0.02, 1.0


@dataclass(frozen=True)
class LatticeRow:
    """One computed lattice parameter beside the measured one.

    Parameters
    ----------
    material : str
        Name in the library.
    parameter : str
        a, b, c, α, β, γ, or ``V/f.u.``, the volume per formula unit.
    computed, experimental : float
        In `unit`, of the conventional cell.
    unit : str
        Å, ° or Å³.
    tier : str
        Which engine relaxed the cell.
    note : str
        Why a number may be meaningless; empty otherwise.
    """

    material: str
    parameter: str
    computed: float
    experimental: float
    unit: str
    tier: Tier
    note: str = ""

    @property
    def difference(self) -> float:
        """Computed minus experimental, in `unit`."""
        return self.computed - self.experimental

    @property
    def deviation(self) -> float:
        """Computed minus experimental, % of the experimental value."""
        return 100 * self.difference / self.experimental


def conventional_lattice(document: CalculationDocument, material: Material) -> Lattice:
    """Return the relaxed cell in the conventional setting of the library's crystal.

    Parameters
    ----------
    document : CalculationDocument
        Its initial structure is a cell of the crystal in any setting, primitive, conventional or a supercell.
    material : Material
        The crystal.

    Raises
    ------
    InputError
        If a rehearsal wrote the document.
    StructureError
        If the initial cell is not one of this crystal: M is not rational in any orientation, or the number of atoms
        disagrees.
    """
    require_real(document)
    matrix = _transformation(*conventional_volume(material), document.initial_structure, material.name)
    return Lattice(matrix @ document.structure.lattice.matrix)


def lattice_table(document: CalculationDocument, material: Material) -> list[LatticeRow]:
    """Return the relaxed lattice parameters of a document beside the experimental ones of the library.

    Lengths and angles that symmetry makes equal or fixes are listed once, or left out, as long as the
    relaxed cell keeps them; where it does not, each is listed. The last row is the volume per formula unit.

    Parameters
    ----------
    document : CalculationDocument
        Of a relaxation that started from a cell of the crystal.
    material : Material
        The crystal, with its experimental lattice; its formula is the unit of volume.

    Returns
    -------
    list of LatticeRow
        Rows of a molecular solid carry the note that they are meaningless.

    Raises
    ------
    StructureError
        As :func:`conventional_lattice`.
    """
    relaxed, (lattice, n_atoms) = conventional_lattice(document, material), conventional_volume(material)
    note = (
        (
            "held together by dispersion, which this tier lacks: the volume is meaningless, the experimental density "
            "is used"
        )
        if material.molecular
        else ""
    )
    shown = [
        *((name, new, old, "Å") for name, new, old in _lengths(relaxed, lattice)),
        *((name, new, old, "°") for name, new, old in _angles(relaxed, lattice)),
    ]
    units = n_atoms / Composition(material.formula).num_atoms
    shown.append(("V/f.u.", relaxed.volume / units, lattice.volume / units, "Å³"))
    return [
        LatticeRow(material.name, name, float(computed), float(measured), unit, document.tier, note)
        for name, computed, measured, unit in shown
    ]


def _lengths(relaxed: Lattice, measured: Lattice) -> list[tuple[str, float, float]]:
    rows: list[tuple[str, float, float]] = []
    for name, computed, experimental in zip("abc", relaxed.abc, measured.abc, strict=True):
        told = any(abs(experimental / e - 1) < 1e-6 and abs(computed / c - 1) < _EQUAL for _, c, e in rows)
        if not told:
            rows.append((name, computed, experimental))
    return rows


def _angles(relaxed: Lattice, measured: Lattice) -> list[tuple[str, float, float]]:
    pairs = zip("αβγ", relaxed.angles, measured.angles, strict=True)
    return [
        (name, new, old)
        for name, new, old in pairs
        if abs(new - old) > _MOVED or min(abs(old - fixed) for fixed in (60, 90, 120)) > _MOVED
    ]


def _transformation(crystal: Lattice, n_atoms: float, cell: Structure, name: str) -> NDArray[np.float64]:
    """M of the module docstring: (3, 3) float array; the crystal's lattice holds so many atoms."""
    matrix = _rational(crystal.matrix @ np.linalg.inv(cell.lattice.matrix))
    if matrix is None:
        matrix = _aligned(crystal, cell.lattice)
    if matrix is None:
        raise StructureError(
            f"{name}: the cell that was relaxed ({_shape(cell.lattice)}) is not a cell of the library's crystal "
            f"({_shape(crystal)}) in any orientation"
        )
    atoms = abs(np.linalg.det(matrix)) * len(cell)
    if abs(atoms / n_atoms - 1) > _CONTENT:
        raise StructureError(
            f"{name}: the conventional volume holds {atoms:.2f} atoms of the relaxed cell, and {n_atoms:.2f} in the "
            "library's crystal"
        )
    return matrix


def _rational(matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The matrix with its entries set to fractions of one small denominator; None where there is none."""
    for denominator in range(1, _DENOMINATOR + 1):
        whole = np.rint(matrix * denominator)
        if np.abs(matrix * denominator - whole).max() < _RATIONAL * denominator:
            exact: NDArray[np.float64] = whole / denominator
            return exact
    return None


def _aligned(crystal: Lattice, cell: Lattice) -> NDArray[np.float64] | None:
    """M for a cell in another orientation: lattice vectors of the same lengths and angles, in the smallest multiple
    that has them."""
    for multiple in range(1, 5):
        found = cell.find_mapping(
            Lattice(multiple * crystal.matrix), ltol=_LENGTHS, atol=_ANGLES, skip_rotation_matrix=True
        )
        if found is not None:
            matrix: NDArray[np.float64] = np.asarray(found[2], dtype=float) / multiple
            return matrix
    return None


def _shape(cell: Lattice) -> str:
    return "a, b, c = {:.3f}, {:.3f}, {:.3f} Å; α, β, γ = {:.1f}, {:.1f}, {:.1f}°".format(*cell.abc, *cell.angles)
