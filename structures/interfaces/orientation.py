"""Orientations of one crystal on another that their plane lattices cannot tell apart, and the crystals can.

Matches of two lattices are the same where symmetry operations of the lattices link them. A slab has the operations of
its plane group only: a hexagonal lattice looks alike after 60°, and a slab with a threefold axis does not. Each match
therefore stands for as many interfaces as there are cosets of the plane groups in the lattices' groups.

A match is a pair of superlattice matrices (M, N), rows in units of the two lattices. Operations p and q of the lattices
make (M p, N q) of it, both proper or both improper, for a mirror image of a crystal is another crystal. Two such pairs
are one interface if a change of basis of the common cell, on the left, and operations of the two plane groups, both
proper or both improper, on the right, link them. In a periodic stack, operations that turn both slabs over do so too:
they exchange the two interfaces.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ...configs.arrays import Ints
from ..crystals.symmetry import operations
from .match import lattice_group
from .stack import Block, build_cell

__all__ = ["distinct_orientations", "orientations", "plane_group"]

#: Å, of vacuum around a slab whose symmetry is asked for
_VACUUM = 15.0


def plane_group(block: Block) -> Ints:
    """Return the operations (n, 3, 3) that map the atoms of a block on each other: in the plane, on rows of integer
    coordinates, and 1 or -1 along the normal; the identity alone for a stack of several slabs.

    Moments are left out: orientations that differ in the direction of moments alone are domains of one interface.
    """
    if len(block.layers) > 1:
        return np.eye(3, dtype=np.int64)[None]
    rotations = operations(build_cell(block, _VACUUM), magnetic=False).rotations
    found = np.zeros_like(rotations)
    found[:, :2, :2], found[:, 2, 2] = rotations[:, :2, :2].transpose(0, 2, 1), rotations[:, 2, 2]
    return np.unique(found, axis=0)


def orientations(lower: Block, upper: Block, matrices: tuple[Ints, Ints], *, periodic: bool) -> list[tuple[Ints, Ints]]:
    """Return the distinct interfaces that one match stands for, as matches; that of `matrices` first.

    Parameters
    ----------
    lower, upper : Block
        On their own lattices.
    matrices : pair of (2, 2) int arrays
        Superlattice vectors of either lattice, rows; right-handed.
    periodic : bool
        Whether a second interface makes the stack the same upside down.
    """
    groups = [plane_group(block) for block in (lower, upper)]
    crystals = [group if periodic else group[group[:, 2, 2] == 1] for group in groups]
    lattices = lattice_group(lower.cell), lattice_group(upper.cell)
    return distinct_orientations(matrices, lattices, (crystals[0], crystals[1]))


def distinct_orientations(
    matrices: tuple[Ints, Ints], lattices: tuple[Ints, Ints], crystals: tuple[Ints, Ints]
) -> list[tuple[Ints, Ints]]:
    """As :func:`orientations`, from the groups of the lattices (n, 2, 2) and of the crystals (n, 3, 3)."""
    chosen: dict[tuple[int, ...], tuple[Ints, Ints]] = {}
    for p, q in product(_identity_first(lattices[0]), _identity_first(lattices[1])):
        if _handedness(p) == _handedness(q):
            first, second = matrices[0] @ p, matrices[1] @ q
            if _handedness(p) < 0:
                first, second = first[::-1], second[::-1]
            chosen.setdefault(_key(first, second, crystals), (first, second))
    return list(chosen.values())


def _identity_first(group: Ints) -> list[Ints]:
    return sorted(group, key=lambda p: (not (p == np.eye(2)).all(), -_handedness(p)))


def _handedness(operation: Ints) -> int:
    """1 for a proper operation of the plane, -1 for an improper one."""
    return int(operation[0, 0] * operation[1, 1] - operation[0, 1] * operation[1, 0])


def _key(first: Ints, second: Ints, crystals: tuple[Ints, Ints]) -> tuple[int, ...]:
    """A name of the interface: the same for all bases of the common cell and all operations of the crystals."""
    return min(
        _basis_free(first @ p[:2, :2], second @ q[:2, :2])
        for p, q in product(*crystals)
        if _handedness(p) == _handedness(q) and p[2, 2] == q[2, 2]
    )


def _basis_free(first: Ints, second: Ints) -> tuple[int, ...]:
    """Both matrices (2, 2) on the basis that brings `first` to its Hermite normal form."""
    rows = np.concatenate([first, second], axis=1)
    while rows[1, 0] != 0:
        rows = np.array([rows[1], rows[0] - (rows[0, 0] // rows[1, 0]) * rows[1]])
    rows = rows * np.array([[1 if rows[0, 0] > 0 else -1], [1 if rows[1, 1] > 0 else -1]])
    rows[0] -= (rows[0, 1] // rows[1, 1]) * rows[1]
    return tuple(int(value) for value in rows.ravel())
