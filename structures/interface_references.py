"""What an interface is compared with: each side as a bulk crystal and as a lone slab, strained as it is in the interface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from .cells import canonical_order
from .stack import Block, Layer, build_cell

__all__ = ["lone_slab", "strained_bulk"]

Floats = NDArray[np.float64]


def strained_bulk(layer: Layer, cell: Floats) -> Structure:
    """Return the crystal of one side on the in-plane cell of the interface: without surfaces, strained in the plane alone.

    The third vector leads to the next equal lattice plane; its height is that of the unstrained crystal.

    Parameters
    ----------
    layer : Layer
        Of a stack.
    cell : (2, 2) float array, Å
        In-plane vectors of the stack, rows.

    Returns
    -------
    Structure
        ``a`` and ``b`` are those of the interface, the normal is along z. Site properties: those of the source, ``layer``.
    """
    facet = layer.face.slab.facet
    matrix = np.rint((layer.vectors @ facet.rotation.T)[:, :2] @ np.linalg.inv(facet.in_plane)).astype(int)
    upright = 1 if np.linalg.det(matrix) > 0 else -1  # a slab that lies upside down
    cut: Structure = facet.oriented.make_supercell([[*matrix[0], 0], [*matrix[1], 0], [0, 0, upright]], to_unit_cell=False, in_place=False)
    rows = np.array(cut.lattice.matrix)
    along = rows[2, :2] @ np.linalg.inv(rows[:2, :2])
    along -= np.rint(along)
    lattice = np.zeros((3, 3))
    lattice[:2, :2], lattice[2, :2], lattice[2, 2] = cell, along @ cell, abs(rows[2, 2])
    shifted = cut.frac_coords + np.outer(cut.frac_coords[:, 2], rows[2, :2] @ np.linalg.inv(rows[:2, :2]) - along) @ np.eye(2, 3)
    kept = {name: values for name, values in cut.site_properties.items() if name != "origin"} | {"layer": [layer.label] * len(cut)}
    return canonical_order(Structure(Lattice(lattice), cut.species, shifted, site_properties=kept, to_unit_cell=True))


def lone_slab(layer: Layer, cell: Floats, vacuum: float) -> Structure:
    """Return the slab of one side as it stands in the interface, with nothing but vacuum beside it.

    Parameters
    ----------
    layer : Layer
        Of a stack.
    cell : (2, 2) float array, Å
        In-plane vectors of the stack, rows.
    vacuum : float, Å

    Raises
    ------
    StructureError
        If the vacuum is not positive.
    """
    return build_cell(Block(cell, (replace(layer, heights=layer.heights - layer.heights.min()),)), vacuum)
