"""Pair functions, displacements, diffusivities and density profile of one trajectory, in one pass beside the bonds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..structures.frames import Frames
from .bond_cutoffs import Shell, first_shells
from .bond_rules import ordered
from .coordination import POINTS
from .density_profile import DensityProfile, ProfileCounter
from .diffusivity import Diffusivity, diffusivities
from .displacement import Displacements, MsdCurve, msd_curves
from .migration import Layers
from .pair_function import PairCounter, PairFunction

__all__ = ["Curves", "motion_curves", "pair_functions"]

Floats = NDArray[np.float64]

#: Å, range of the pair functions; they take one of so many frames, since neighbouring frames say the same
RANGE, STRIDE = 8.0, 10
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
            "density_profile": {"heights": self.profiles[0].heights.tolist(), "density": {one.species: one.density.tolist() for one in self.profiles}},
        }


def motion_curves(blocks: Iterable[Frames], species: Sequence[str], layers: Layers | None, *, timed: bool = True) -> Curves:
    """Read a trajectory once.

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
    pairs, ways, heights = PairCounter(species, RANGE, every=STRIDE), Displacements(species), ProfileCounter(species)
    for block in blocks:
        pairs.add(block)
        ways.add(block)
        heights.add(block)
    tags = None if layers is None else layers.tags
    return Curves(dict(Counter(species)), pairs.functions(), msd_curves(ways, tags), diffusivities(ways, tags, timed=timed), heights.profiles())


def pair_functions(blocks: Iterable[Frames], species: Sequence[str]) -> list[PairFunction]:
    """The pair functions alone, of a control.

    Raises
    ------
    InputError
        If there is no frame.
    """
    pairs = PairCounter(species, RANGE, every=STRIDE)
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
