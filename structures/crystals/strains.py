"""Homogeneous strains of a crystal: those that its symmetry tells apart, and the cells that they make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from .symmetry import operations

__all__ = ["deformations", "deformed", "point_rotations"]

#: strains that differ by less are one
_SAME = 1e-8
#: of the cell, within which a rotation is one
_ORTHOGONAL = 1e-3


def point_rotations(structure: Structure) -> Floats:
    """Return the rotations, proper and improper, of the crystal's point group on Cartesian vectors: (n, 3, 3).

    Moments and oxidation states do not count.
    """
    bare = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    columns = structure.lattice.matrix.T
    distinct = np.unique(operations(bare, magnetic=False).rotations, axis=0)  # a centred cell has each with every shift
    found = [columns @ rotation @ np.linalg.inv(columns) for rotation in distinct]
    u, _, v = np.linalg.svd(np.array(found))  # exactly orthogonal, though the cell is symmetric within a tolerance
    kept = [one for one, raw in zip(u @ v, found, strict=True) if np.abs(one - raw).max() < _ORTHOGONAL]
    return np.array(kept)


def deformations(structure: Structure, amounts: Sequence[float]) -> Floats:
    """Return symmetric deformation gradients whose strains, turned by the crystal's symmetry, span all six kinds.

    Parameters
    ----------
    structure : Structure
    amounts : sequence of float
        Components of the Green-Lagrange strain, each taken with both signs: along each axis, and as each shear.

    Returns
    -------
    (n, 3, 3) float array
        Two for a cubic crystal and each amount along an axis, and one for a shear; 12 for each amount without symmetry.
    """
    from pymatgen.analysis.elasticity.strain import convert_strain_to_deformation  # brings sympy: most of a second

    rotations, kept = point_rotations(structure), list[Floats]()
    for a, b in combinations_with_replacement(range(3), 2):
        for amount in sorted({sign * abs(one) for one in amounts for sign in (-1.0, 1.0)}):
            strain = np.zeros((3, 3))
            strain[a, b] = strain[b, a] = amount
            turned = rotations @ strain @ rotations.transpose(0, 2, 1)
            if not any(np.abs(turned - other).max(axis=(1, 2)).min() < _SAME for other in kept):
                kept.append(strain)
    return np.array([np.real(convert_strain_to_deformation(strain, "symmetric")) for strain in kept])


def deformed(structure: Structure, deformation: Floats) -> Structure:
    """Return the cell whose lattice vectors are turned and stretched by a (3, 3) gradient; fractional coordinates
    stay."""
    lattice = Lattice(structure.lattice.matrix @ np.asarray(deformation).T)
    return Structure(
        lattice, structure.species_and_occu, structure.frac_coords, site_properties=structure.site_properties
    )
