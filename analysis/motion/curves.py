"""Pair functions, displacements, diffusivities and density profile of one trajectory, in one pass beside the bonds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .bond_cutoffs import Shell, first_shells
from .bond_rules import MOBILE, ordered
from .coordination import POINTS
from .diffusivity import Diffusivity, diffusivities
from .displacement import Displacements, MsdCurve, heights, msd_curves
from .migration import Layers
from .pair_function import PairCounter, PairFunction

__all__ = ["Curves", "DensityProfile", "ProfileCounter", "motion_curves", "pair_functions"]

#: Å, range of the pair functions
RANGE = 8.0
#: they take one of so many frames in a trajectory of at most so many, since neighbouring frames say the same
STRIDES = ((1, 200), (2, 1000), (10, None))
#: pairs of frames in an average of the mean square displacement, at least, so that its end is more than noise
_ORIGINS = 10


@dataclass(frozen=True, eq=False)
class Curves:
    """What is averaged over a trajectory.

    Parameters
    ----------
    numbers : dict of str to int
        Atoms of every element.
    functions : list of PairFunction
    msd : list of MsdCurve
        By element, and by element and layer where there are layers.
    diffusivity : list of Diffusivity
        Of the same groups.
    profiles : list of DensityProfile
    """

    numbers: dict[str, int]
    functions: list[PairFunction]
    msd: list[MsdCurve]
    diffusivity: list[Diffusivity]
    profiles: list[DensityProfile]

    def shells(self, source: str) -> dict[tuple[str, str], Shell]:
        """First shells of the pair functions."""
        return first_shells(self.functions, self.numbers, source)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; of the mean square displacement at most :data:`POINTS` lags."""
        return {
            "pair_functions": {
                "r": self.functions[0].r.tolist(),
                "g": {"-".join(ordered(*one.pair)): one.g.tolist() for one in self.functions},
                "n_frames": self.functions[0].n_frames,
            },
            "diffusivity": [asdict(one) for one in self.diffusivity],
            "msd": [_msd_json(curve) for curve in self.msd],
            "density_profile": {
                "heights": self.profiles[0].heights.tolist(),
                "density": {one.species: one.density.tolist() for one in self.profiles},
            },
        }


def motion_curves(
    blocks: Iterable[Frames], species: Sequence[str], layers: Layers | None, *, timed: bool = True
) -> Curves:
    """Read a trajectory once.

    Displacements are relative to the framework, the centre of mass of all that is no mobile ion: a share w of the mass
    in one mobile ion would take 2 w off its diffusivity.

    Parameters
    ----------
    blocks : iterable of Frames
    species : sequence of str
    layers : Layers or None
    timed : bool
        False where the time step is not known: no diffusivity is estimated.

    Raises
    ------
    InputError
        If there is no frame.
    """
    pairs, heights = PairCounter(species, RANGE, strides=STRIDES), ProfileCounter(species)
    ways = Displacements(species, [symbol for symbol in dict.fromkeys(species) if symbol not in MOBILE] or None)
    for block in blocks:
        pairs.add(block)
        ways.add(block)
        heights.add(block)
    tags = None if layers is None else layers.tags
    return Curves(
        dict(Counter(species)),
        pairs.functions(),
        msd_curves(ways, tags),
        diffusivities(ways, tags, timed=timed),
        heights.profiles(),
    )


def pair_functions(blocks: Iterable[Frames], species: Sequence[str]) -> list[PairFunction]:
    """The pair functions alone, of a control.

    Raises
    ------
    InputError
        If there is no frame.
    """
    pairs = PairCounter(species, RANGE, strides=STRIDES)
    for block in blocks:
        pairs.add(block)
    return pairs.functions()


def _msd_json(curve: MsdCurve) -> dict[str, Any]:
    sound = np.flatnonzero(curve.origins >= _ORIGINS)
    some = sound[:: max(1, -(-len(sound) // POINTS))]
    return {
        "species": curve.species,
        "layer": curve.layer,
        "n_atoms": len(curve.atoms),
        "lags": curve.lags[some].tolist(),
        "msd": curve.msd[some].tolist(),
    }


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

    Heights are parts of each frame's own cell, so that a cell that breathes does not blur the profile. A slow drift of
    all atoms along the normal is taken out: each frame is shifted by the drift of its centre of mass since the first.

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
        self._counts += np.bincount((self._element * self.n_bins + bins).ravel(), minlength=self._counts.size).reshape(
            self._counts.shape
        )
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
        return [
            DensityProfile(name, middles, counts / volume)
            for name, counts in zip(self._names, self._counts, strict=True)
        ]
