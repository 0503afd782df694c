"""Polar slabs mended: half of the outer plane moves to the other face, where it continues the crystal.

Moving ions by the whole stack keeps every one of them on a site of the crystal, and the composition
with it. Which half moves follows from an Ising model: ions that stay and ions that move each repel
those of their own face by the Coulomb energy, and the moved charge has to cancel the dipole.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ..crystals.environment import site_charges
from ..crystals.symmetry import operations

__all__ = ["share_outer_plane"]

#: Å; screening length of the repulsion between ions of a face: of the order of the distance to the planes below
_SCREENING = 5.0
#: part of the dipole that may stay where an ordering scatters the charges
_RESIDUE = 0.05
#: largest number of divisions of a plane that are enumerated; larger planes are improved swap by swap
_LARGEST = 20_000
#: best divisions that are tried for equal faces
_TRIED = 24
#: in-plane cells of once and twice the area, in Hermite normal form
_CELLS: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
    ((1, 0), (0, 1)),
    ((2, 0), (0, 1)),
    ((1, 0), (0, 2)),
    ((1, 1), (0, 2)),
)


def share_outer_plane(stack: Structure, down: Floats, plane: list[int]) -> Structure | None:
    """Return the stack with half of its outer plane moved to the other face; None where no half cancels the dipole.

    The in-plane cell is kept where half of its ions can move, and doubled otherwise. Of the divisions that cancel
    the dipole best, one with equal faces is taken, and among these the one with the least repulsion.

    Parameters
    ----------
    stack : Structure
        Bulk between two cuts, open along z; in-plane vectors in the xy plane.
    down : (3,) float array, Å
        The whole stack's lattice vector: moved ions go to their position minus this.
    plane : list of int
        Sites of the outer plane.
    """
    for cells in (_CELLS[:1], _CELLS[1:]):
        found = [division for cell in cells for division in _divisions(*_enlarged(stack, plane, cell), down)]
        good = sorted(
            (division for division in found if division[0] <= _RESIDUE), key=lambda division: round(division[1], 6)
        )
        if good:
            structures = [structure for _, _, structure in good[:_TRIED]]
            return next((structure for structure in structures if _has_equal_faces(structure)), structures[0])
    return None


def _enlarged(
    stack: Structure, plane: list[int], cell: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[Structure, list[int]]:
    """The stack and its outer plane in a larger in-plane cell, copies of a site one after the other; positions are not
    wrapped."""
    a, b, c = stack.lattice.matrix
    lattice = Lattice([cell[0][0] * a + cell[0][1] * b, cell[1][1] * b, c])
    shifts = [i * a + j * b for i in range(cell[0][0]) for j in range(cell[1][1])]
    positions = [position + shift for position in stack.cart_coords for shift in shifts]
    species = [site.specie for site in stack for _ in shifts]
    properties = {name: [value for value in values for _ in shifts] for name, values in stack.site_properties.items()}
    ions = [len(shifts) * site + copy for site in plane for copy in range(len(shifts))]
    return Structure(lattice, species, positions, coords_are_cartesian=True, site_properties=properties), ions


def _divisions(stack: Structure, ions: list[int], down: Floats) -> list[tuple[float, float, Structure]]:
    """The best halves to move, each with the part of the dipole that stays, the repulsion per ion (eV) and the
    structure.

    None of an odd number, and none where an ordering happens to have no dipole.
    """
    charges, positions = site_charges(stack), stack.cart_coords
    dipole = float(charges @ positions[:, 2])
    if len(ions) % 2 or abs(dipole) < 1e-6:
        return []
    repulsion = _repulsion(stack, ions, charges[ions])
    weight = float(np.abs(repulsion).sum()) + 1.0  # cancelling the dipole comes first
    moved_charge = charges[ions] * down[2] / (2 * dipole)
    offset = 1 - float(moved_charge.sum())  # share of the dipole that stays if the charges split evenly
    found = []
    for signs in _halves(repulsion, moved_charge, offset, weight):
        residue = abs(offset + float(signs @ moved_charge))
        moving = [ion for ion, sign in zip(ions, signs, strict=True) if sign < 0]
        shifted = positions.copy()
        shifted[moving] -= down
        properties = stack.site_properties
        structure = Structure(
            stack.lattice, stack.species, shifted, coords_are_cartesian=True, site_properties=properties
        )
        found.append((residue, float(signs @ repulsion @ signs) / len(ions), structure))
    return found


def _halves(repulsion: Floats, charge: Floats, offset: float, weight: float) -> list[Floats]:
    """Rows of ±1 (stay, move) that sum to 0, the lowest energy first."""
    number = len(charge)
    # s R s + weight (offset + s q)², but for a constant
    coupling = repulsion + weight * np.outer(charge, charge)
    field = 2 * weight * offset * charge
    if comb(number, number // 2) <= _LARGEST:
        rows = np.ones((comb(number, number // 2), number))
        for row, moving in zip(rows, combinations(range(number), number // 2), strict=True):
            row[list(moving)] = -1
        energies = np.einsum("ki,ij,kj->k", rows, coupling, rows) + rows @ field
        return [rows[k] for k in np.argsort(energies.round(9), kind="stable")[:_TRIED]]
    signs = np.where(np.arange(number) % 2 == 0, 1.0, -1.0)
    while True:
        local = 2 * coupling @ signs + field
        stay, move = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
        change = -2 * local[stay][:, None] + 2 * local[move][None, :]
        change += 4 * (
            np.diag(coupling)[stay][:, None] + np.diag(coupling)[move][None, :] - 2 * coupling[np.ix_(stay, move)]
        )
        i, j = np.unravel_index(int(np.argmin(change)), change.shape)
        if change[i, j] > -1e-9:
            return [signs]
        signs[stay[i]], signs[move[j]] = -1.0, 1.0


def _repulsion(stack: Structure, ions: list[int], charges: Floats) -> Floats:
    """Screened Coulomb energies (n, n), eV, between ions of a plane and all in-plane images; 14.4 eV Å = e²/4πε0."""
    vectors = stack.lattice.matrix[:2, :2]
    reach = 6 * _SCREENING
    heights = abs(np.linalg.det(vectors)) / np.linalg.norm(vectors[::-1], axis=1)
    counts = np.ceil(reach / heights).astype(int)
    grid = (
        np.array([(i, j) for i in range(-counts[0], counts[0] + 1) for j in range(-counts[1], counts[1] + 1)]) @ vectors
    )
    between = stack.cart_coords[ions][:, None, :2] - stack.cart_coords[ions][None, :, :2]
    distances = np.linalg.norm(between[:, :, None, :] + grid[None, None, :, :], axis=3)
    distances[distances < 1e-6] = np.inf
    energies: Floats = (
        14.399645 * np.outer(charges, charges) * (np.exp(-distances / _SCREENING) / distances).sum(axis=2)
    )
    return energies


def _has_equal_faces(stack: Structure) -> bool:
    heights = stack.cart_coords[:, 2]
    height = float(np.ptp(heights)) + 10.0
    slab = Structure(
        [*stack.lattice.matrix[:2], [0, 0, height]],
        stack.species,
        stack.cart_coords - [0, 0, heights.min()],
        coords_are_cartesian=True,
        site_properties=stack.site_properties,
    )
    return bool((operations(slab).rotations[:, 2, 2] == -1).any())
