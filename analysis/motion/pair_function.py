"""Partial pair distribution functions of a trajectory, exact in every cell and for every range.

Every pair of atoms counts with all its periodic images within the range, an atom with its own images too, so that
narrow and skewed cells and ranges beyond half the cell are right. g(r) is the number of pairs over that of an ideal gas
of the same density in each frame's cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames

__all__ = ["PairCounter", "PairFunction"]


#: distances that are computed at once
_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class PairFunction:
    """Pair distribution function of two elements.

    Parameters
    ----------
    pair : tuple of str
        Elements, in the order of the species.
    r : (n_bins,) float array, Å
        Middles of the bins.
    g : (n_bins,) float array
    coordination : (n_bins,) float array
        Mean number of atoms of the second element within the far edge of the bin around one of the first.
    n_frames : int
    """

    pair: tuple[str, str]
    r: Floats
    g: Floats
    coordination: Floats
    n_frames: int


class PairCounter:
    """Count the pairs of one trajectory by their distances, block by block.

    Parameters
    ----------
    species : sequence of str, n_sites
    rmax : float, Å
        Range.
    width : float, Å
        Of one bin, at most; the range is a whole number of bins.
    strides : sequence of (int, int or None)
        Take one of so many frames of a trajectory that has at most so many frames; each stride divides the next, and
        the last has no bound.

    Raises
    ------
    InputError
        If range, width or strides are not positive.
    """

    def __init__(
        self,
        species: Sequence[str],
        rmax: float = 8.0,
        width: float = 0.02,
        strides: Sequence[tuple[int, int | None]] = ((1, None),),
    ) -> None:
        if not (np.isfinite(rmax) and 0 < width <= rmax) or min(stride for stride, _ in strides) < 1:
            raise InputError(
                f"a range of {rmax} Å in bins of {width} Å with the strides {strides} is not possible: all must be "
                "positive, bins below the range"
            )
        self.rmax, self.n_bins = float(rmax), int(np.ceil(rmax / width - 1e-9))
        self.strides = tuple(strides)
        self.species = tuple(species)
        order = {name: index for index, name in enumerate(dict.fromkeys(self.species))}
        self.pairs = list(combinations_with_replacement(order, 2))
        number = {pair: index for index, pair in enumerate(self.pairs)}
        elements = np.array([order[name] for name in self.species])
        names = list(order)
        table = np.array([[number[tuple(sorted((a, b), key=order.__getitem__))] for b in names] for a in names])  # type: ignore[index]
        self._first, self._second = np.triu_indices(len(self.species), 1)
        self._kind = table[elements[self._first], elements[self._second]]
        self._amounts = np.bincount(elements)
        self._own = np.array([table[i, i] for i in range(len(names))])
        # what only a shorter stride takes is counted apart, and left out where the trajectory is longer
        self._levels = np.zeros((len(self.strides), len(self.pairs), self.n_bins), dtype=np.int64)
        self._counts = self._levels[0]
        self._densities, self._takens = np.zeros(len(self.strides)), np.zeros(len(self.strides), dtype=np.int64)
        self._seen = 0

    def add(self, frames: Frames) -> None:
        """Count the pairs of the next frames."""
        number = self._seen + np.arange(len(frames))
        level = np.zeros(len(frames), dtype=np.int64)
        for k, (stride, _) in enumerate(self.strides):
            level[number % stride == 0] = k
        self._seen += len(frames)
        for k, (stride, most) in enumerate(self.strides):
            if most is None or self._seen - len(frames) < most:
                self._take(frames, np.flatnonzero((level == k) & (number % stride == 0)), k)

    def _take(self, frames: Frames, chosen: NDArray[np.int64], level: int) -> None:
        """Count the pairs of some frames."""
        self._counts = self._levels[level]
        self._takens[level] += len(chosen)
        fractional, cells = frames.fractional()[chosen], frames.cells[chosen]
        per = max(1, _AT_ONCE // max(1, len(self._first)))
        for start in range(0, len(chosen), per):
            part = slice(start, start + per)
            same = bool((cells[part] == cells[start]).all())
            for one in [part] if same else [slice(i, i + 1) for i in range(start, min(start + per, len(chosen)))]:
                self._count(fractional[one], cells[one][0])
                self._densities[level] += len(fractional[one]) / abs(float(np.linalg.det(cells[one][0])))

    def _count(self, fractional: Floats, cell: Floats) -> None:
        """Count the pairs of frames that share a cell."""
        from ase.geometry.minkowski_reduction import minkowski_reduce

        reduced, change = minkowski_reduce(cell)
        fractional = fractional @ np.linalg.inv(change)
        fractional = fractional - np.floor(fractional)
        wide = 1.0 / np.linalg.norm(np.linalg.inv(reduced), axis=0)  # distances between opposite faces
        apart = np.take(fractional, self._second, axis=1)
        apart -= np.take(fractional, self._first, axis=1)
        apart -= np.rint(apart)
        most = np.floor(self.rmax / wide + 0.5).astype(int)
        kinds = np.broadcast_to(self._kind, apart.shape[:2])
        for image in product(*(range(-m, m + 1) for m in most)):
            squares = _squares(apart, np.array(image, dtype=float), np.asarray(reduced, dtype=float))
            near = squares < self.rmax**2
            self._histogram(np.sqrt(squares[near]), kinds[near], 1)
        self._own_images(np.asarray(reduced, dtype=float), np.floor(self.rmax / wide).astype(int), len(fractional))

    def _own_images(self, cell: Floats, most: NDArray[np.int64], n_frames: int) -> None:
        """Count every atom with its own images, each pair of images once."""
        images = np.array(list(product(*(range(-m, m + 1) for m in most))), dtype=float)
        lengths = np.linalg.norm(images @ cell, axis=1)
        lengths = lengths[(lengths > 0) & (lengths < self.rmax)]
        for kind, amount in zip(self._own, self._amounts, strict=True):
            # both directions of an image are listed, one of them is a pair
            self._histogram(lengths, np.full(len(lengths), kind), int(amount) * n_frames, halves=True)

    def _histogram(self, distances: Floats, kinds: NDArray[np.int64], weight: int, halves: bool = False) -> None:
        bins = np.minimum((distances * (self.n_bins / self.rmax)).astype(np.int64), self.n_bins - 1)
        counted = np.bincount(kinds * self.n_bins + bins, minlength=self._counts.size).reshape(self._counts.shape)
        self._counts += counted * weight // (2 if halves else 1)

    def functions(self) -> list[PairFunction]:
        """Pair functions of all pairs of elements.

        Raises
        ------
        InputError
            If there was no frame.
        """
        if not self._seen:
            raise InputError("no frame: there are no pair functions")
        used = [k for k, (_, most) in enumerate(self.strides) if most is None or self._seen <= most]
        density, taken = float(self._densities[used].sum()), int(self._takens[used].sum())
        edges = np.linspace(0.0, self.rmax, self.n_bins + 1)
        shells = 4 / 3 * np.pi * np.diff(edges**3)
        amounts = dict(zip(dict.fromkeys(self.species), self._amounts.tolist(), strict=True))
        found = []
        for pair, counts in zip(self.pairs, self._levels[used].sum(axis=0), strict=True):
            directed = counts * (2 if pair[0] == pair[1] else 1)  # a pair of one element counts from both its ends
            ideal = amounts[pair[0]] * amounts[pair[1]] * density * shells
            around = np.cumsum(directed) / (amounts[pair[0]] * taken)
            found.append(PairFunction(pair, (edges[:-1] + edges[1:]) / 2, directed / ideal, around, taken))
        return found


def _squares(apart: Floats, image: Floats, cell: Floats) -> Floats:
    """Squared lengths of fractional vectors shifted by an image, Å²; the metric saves the Cartesian copy."""
    x, y, z = ((apart[..., axis] + image[axis]) for axis in range(3))
    metric = cell @ cell.T
    diagonal = metric[0, 0] * x * x + metric[1, 1] * y * y + metric[2, 2] * z * z
    return np.asarray(diagonal + 2 * (metric[0, 1] * x * y + metric[0, 2] * x * z + metric[1, 2] * y * z))
