"""Nearest images in any periodic cell, however skewed or narrow."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["inscribed_radius", "nearest_image"]

Floats = NDArray[np.float64]

#: images around the rounded one in a Minkowski-reduced cell, among which the nearest always is
_AROUND = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)


def inscribed_radius(cell: Floats) -> float:
    """Return half the least distance between opposite faces of a cell, Å: what is nearer than this has one nearest image.

    Parameters
    ----------
    cell : (3, 3) float array, Å
    """
    return float(0.5 / np.linalg.norm(np.linalg.inv(cell), axis=0).max())


def nearest_image(vectors: Floats, cell: Floats) -> Floats:
    """Return the shortest of each vector's periodic images.

    The cell is Minkowski-reduced and the fractions rounded; a vector within the sphere that fits into
    the reduced cell is then the shortest, and the others are compared with their 26 neighbours.

    Parameters
    ----------
    vectors : (..., 3) float array, Å
    cell : (3, 3) float array, Å
        Rows are the lattice vectors.

    Returns
    -------
    (..., 3) float array, Å
    """
    from ase.geometry.minkowski_reduction import minkowski_reduce

    reduced: Floats = np.asarray(minkowski_reduce(cell)[0], dtype=float)
    fractional = vectors @ np.linalg.inv(reduced)
    shortest: Floats = (fractional - np.round(fractional)) @ reduced
    squares = (shortest**2).sum(axis=-1)
    far = squares > inscribed_radius(reduced) ** 2
    if far.any():
        images = shortest[far][:, None, :] + _AROUND @ reduced
        nearest = (images**2).sum(axis=-1).argmin(axis=1)
        shortest[far] = images[np.arange(len(images)), nearest]
    return shortest
