"""Slabs on a common cell, one on the other: rigid blocks that are joined, shifted and made into a cell.

A block is strained in its plane alone: fractional coordinates in the plane are kept, heights are those of
the bulk. Blocks of two layers join with further layers, so a stack of three is an interface with an interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from ..crystals.cells import canonical_order
from ..surfaces.slab import Slab, flipped
from .match import coincide, von_mises

__all__ = [
    "Block",
    "Face",
    "Layer",
    "aligned",
    "as_block",
    "build_cell",
    "faces_of",
    "on_common_cell",
    "stacked",
]


@dataclass(frozen=True, eq=False)
class Face:
    """A slab as it lies in a stack.

    Parameters
    ----------
    slab : Slab
        Turned already where `turned` is true.
    turned : bool
        Whether it lies upside down with respect to its facet.
    """

    slab: Slab
    turned: bool

    @property
    def in_plane(self) -> Floats:
        """In-plane vectors (2, 2), rows, Å."""
        return np.array(self.slab.structure.lattice.matrix[:2, :2])

    @property
    def bulk_vectors(self) -> Floats:
        """The in-plane vectors (2, 3), rows, Å, in the frame of the source cell."""
        rows = self.slab.structure.lattice.matrix[:2] * ([1.0, -1.0, -1.0] if self.turned else [1.0, 1.0, 1.0])
        return np.asarray(rows @ self.slab.facet.rotation)


@dataclass(frozen=True, eq=False)
class Layer:
    """The atoms of one slab within a block.

    Parameters
    ----------
    face : Face
    species : tuple of Species
    fractional : (n, 2) float array
        In units of the block's cell.
    heights : (n,) float array, Å
        Above the lowest atom of the block.
    properties : dict
        Site properties, one value per atom.
    vectors : (2, 3) float array, Å
        Rows: the bulk vectors, in the frame of the source cell, that the block's cell vectors are when unstrained.
    """

    face: Face
    species: tuple[Species | Element, ...]
    fractional: Floats
    heights: Floats
    properties: dict[str, list[Any]]
    vectors: Floats

    @property
    def label(self) -> str:
        """Tag of the material."""
        return self.face.slab.facet.cell.label

    def principal_strain(self, cell: Floats) -> Floats:
        """Logarithmic principal strains (2,) that turn the bulk's vectors into `cell`."""
        metrics = np.linalg.solve(self.vectors @ self.vectors.T, cell @ cell.T)
        return np.asarray(np.sort(np.log(np.linalg.eigvals(metrics).real)) / 2)

    def strain(self, cell: Floats) -> float:
        """Von Mises strain of the layer."""
        return von_mises(self.principal_strain(cell))


@dataclass(frozen=True, eq=False)
class Block:
    """Layers on one cell, from the bottom up.

    Parameters
    ----------
    cell : (2, 2) float array, Å
        Rows: in-plane vectors, right-handed.
    layers : tuple of Layer
    gaps : tuple of float, Å
        Between the topmost atom of each layer and the lowest one of the next.
    """

    cell: Floats
    layers: tuple[Layer, ...]
    gaps: tuple[float, ...] = ()

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return sum(len(layer.species) for layer in self.layers)

    @property
    def height(self) -> float:
        """Å, between the outermost atoms."""
        return float(max(layer.heights.max() for layer in self.layers))

    @property
    def area(self) -> float:
        """Å²."""
        return float(np.linalg.det(self.cell))


def faces_of(slab: Slab) -> list[Face]:
    """Return the slab as it is and, where its faces differ, upside down."""
    upright = Face(slab, False)
    return [upright] if slab.symmetric else [upright, Face(flipped(slab), True)]


def as_block(face: Face) -> Block:
    """Return one slab as a block."""
    structure = face.slab.structure
    heights = structure.cart_coords[:, 2]
    layer = Layer(
        face,
        tuple(site.specie for site in structure),
        structure.frac_coords[:, :2],
        heights - heights.min(),
        {name: list(values) for name, values in structure.site_properties.items()},
        face.bulk_vectors,
    )
    return Block(face.in_plane, (layer,))


def aligned(block: Block, cell: Floats) -> Block | None:
    """Return the block on the basis `cell` (2, 2) if a rotation makes that a basis of its lattice, else None.

    A slab that lies upside down has the mirror image of its lattice, which is the same lattice turned unless it is
    oblique.
    """
    wanted, own = cell @ cell.T, block.cell @ block.cell.T
    for entries in product((-1, 0, 1), repeat=4):
        matrix = np.array(entries).reshape(2, 2)
        if (
            round(float(np.linalg.det(matrix))) == 1
            and np.abs(matrix @ own @ matrix.T - wanted).max() < 1e-5 * wanted.max()
        ):
            return _repeated(block, matrix, cell)
    return None


def on_common_cell(lower: Block, upper: Block, matrices: tuple[Ints, Ints], share: float) -> tuple[Block, Block]:
    """Repeat two blocks and strain them to one cell.

    Parameters
    ----------
    lower, upper : Block
    matrices : pair of (2, 2) int arrays
        Rows: superlattice vectors in units of either block's cell.
    share : float, 0 to 1
        Part of the strain that `upper` takes.
    """
    common = coincide(matrices[0] @ lower.cell, matrices[1] @ upper.cell, share).cell
    return _repeated(lower, matrices[0], common), _repeated(upper, matrices[1], common)


def stacked(lower: Block, upper: Block, shift: Sequence[float] | Floats, gap: float) -> Block:
    """Put one block on another of the same cell.

    Parameters
    ----------
    lower, upper : Block
    shift : (2,) floats
        In-plane shift of `upper` in units of the cell.
    gap : float, Å
    """
    rise = lower.height + gap
    moved = tuple(
        replace(layer, fractional=layer.fractional + np.asarray(shift), heights=layer.heights + rise)
        for layer in upper.layers
    )
    return Block(lower.cell, lower.layers + moved, (*lower.gaps, gap, *upper.gaps))


def build_cell(block: Block, empty: float) -> Structure:
    """Return the cell of a block: `c` along z, `empty` (Å) between the topmost atom and the next cell's lowest one.

    The empty height is split evenly between bottom and top. Sites of one species stand together. Site properties: those
    of the slabs.

    Raises
    ------
    StructureError
        If the empty height is not positive.
    """
    if not empty > 0:
        raise StructureError(f"the height between the stack and its image must be positive, and {empty:g} Å was given")
    height = block.height + empty
    lattice = np.zeros((3, 3))
    lattice[:2, :2], lattice[2, 2] = block.cell, height
    fractional = np.concatenate(
        [np.column_stack([layer.fractional, (layer.heights + empty / 2) / height]) for layer in block.layers]
    )
    fractional[:, :2] -= np.floor(fractional[:, :2] + 1e-9)
    names = sorted(set.intersection(*(set(layer.properties) for layer in block.layers)))
    properties = {name: [value for layer in block.layers for value in layer.properties[name]] for name in names}
    species = [s for layer in block.layers for s in layer.species]
    return canonical_order(Structure(Lattice(lattice), species, fractional, site_properties=properties))


def _repeated(block: Block, matrix: Ints, common: Floats) -> Block:
    inverse = np.linalg.inv(matrix)
    reach = int(np.abs(matrix).sum()) + 1
    points = np.array(list(product(range(-reach, reach + 1), repeat=2))) @ inverse
    points = points[((points > -1e-9) & (points < 1 - 1e-9)).all(axis=1)]
    return Block(common, tuple(_repeated_layer(layer, matrix, points) for layer in block.layers), block.gaps)


def _repeated_layer(layer: Layer, matrix: Ints, points: Floats) -> Layer:
    copies = len(points)
    fractional = (layer.fractional @ np.linalg.inv(matrix))[:, None, :] + points[None]
    return Layer(
        layer.face,
        tuple(s for s in layer.species for _ in range(copies)),
        fractional.reshape(-1, 2),
        np.repeat(layer.heights, copies),
        {name: [value for value in values for _ in range(copies)] for name, values in layer.properties.items()},
        matrix @ layer.vectors,
    )
