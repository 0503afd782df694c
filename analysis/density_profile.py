"""Number density of each element along the normal of an interface, averaged over a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..configs.errors import InputError
from ..structures.frames import Frames
from .displacement import heights

__all__ = ["DensityProfile", "ProfileCounter"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DensityProfile:
    """Density of one element.

    Parameters
    ----------
    species : str
    heights : (n_bins,) float array, Å
        Middles of the bins, along the normal of the first two lattice vectors of the mean cell.
    density : (n_bins,) float array, atoms/Å³
    """

    species: str
    heights: Floats
    density: Floats


class ProfileCounter:
    """Count the atoms of one trajectory by height, block by block.

    Heights are parts of each frame's own cell, so that a cell that breathes does not blur the profile. A slow drift of all
    atoms along the normal is taken out: each frame is shifted by the drift of its centre of mass since the first.

    Parameters
    ----------
    species : sequence of str, n_sites
    n_bins : int
        Over the height of the cell.

    Raises
    ------
    InputError
        If there is not at least one bin.
    """

    def __init__(self, species: Sequence[str], n_bins: int = 200) -> None:
        from ase.data import atomic_masses, atomic_numbers

        if n_bins < 1:
            raise InputError(f"{n_bins} bins are not possible: at least 1 is needed")
        self.species, self.n_bins = tuple(species), n_bins
        self._names = list(dict.fromkeys(self.species))
        self._element = np.array([self._names.index(name) for name in self.species])
        masses = np.array([atomic_masses[atomic_numbers[name]] for name in self.species])
        self._weights = masses / masses.sum()
        self._counts = np.zeros((len(self._names), n_bins), dtype=np.int64)
        self._area = self._height = 0.0
        self._n_frames = 0
        self._last: Floats | None = None
        self._drift = 0.0

    def add(self, frames: Frames) -> None:
        """Count the atoms of the next frames."""
        if len(frames) == 0:
            return
        areas = np.linalg.norm(np.cross(frames.cells[:, 0], frames.cells[:, 1]), axis=1)
        tall = np.abs(np.linalg.det(frames.cells)) / areas
        parts = heights(frames) / tall[:, None]
        moved = np.diff(parts, axis=0, prepend=parts[:1] if self._last is None else self._last[None])
        drift = self._drift + np.cumsum((moved - np.rint(moved)) @ self._weights)
        self._last, self._drift = parts[-1], float(drift[-1])
        bins = np.minimum(((parts - drift[:, None]) % 1.0 * self.n_bins).astype(np.int64), self.n_bins - 1)
        self._counts += np.bincount((self._element * self.n_bins + bins).ravel(), minlength=self._counts.size).reshape(self._counts.shape)
        self._area += float(areas.sum())
        self._height += float(tall.sum())
        self._n_frames += len(frames)

    def profiles(self) -> list[DensityProfile]:
        """Profiles of all elements.

        Raises
        ------
        InputError
            If there was no frame.
        """
        if not self._n_frames:
            raise InputError("no frame: there is no density profile")
        tall, area = self._height / self._n_frames, self._area / self._n_frames
        middles = (np.arange(self.n_bins) + 0.5) * tall / self.n_bins
        volume = area * tall / self.n_bins * self._n_frames
        return [DensityProfile(name, middles, counts / volume) for name, counts in zip(self._names, self._counts, strict=True)]
