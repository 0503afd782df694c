"""How many anions surround each cation, frame by frame, and how regular the shell is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats, Ints
from .bond_rules import BondRule, is_ionic, is_shell
from .neighbour_pairs import PairDistances

__all__ = ["Coordination", "CoordinationCounter", "thinned"]


#: points of a series in JSON
POINTS = 200
#: largest coordination number that has a bin of its own
_MOST = 16


@dataclass(frozen=True, eq=False)
class Coordination:
    """First shells of one element by one anion.

    Parameters
    ----------
    rule : BondRule
        Neighbours are counted up to its cut-off.
    times : (n_frames,) float array, fs
    mean : (n_frames,) float array
        Neighbours per centre.
    distortion : (n_frames,) float array
        Mean relative deviation of the bond lengths of a shell from their average (the index of W. H. Baur, Acta Cryst.
        B 30 (1974) 1195), averaged over the shells; NaN in frames without a bond.
    histogram : (n,) float array
        Share of centres, over all frames, with 0, 1, 2, … neighbours.
    first, last : (n_centres,) int arrays
        Neighbours of every centre in the first and in the last frame.
    """

    rule: BondRule
    times: Floats
    mean: Floats
    distortion: Floats
    histogram: Floats
    first: Ints
    last: Ints

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; series are averaged over at most :data:`POINTS` stretches of time."""
        times, mean, distortion = thinned(self.times, self.mean, self.distortion)
        shown = np.isfinite(distortion)
        return {
            "pair": self.rule.name,
            "cutoff": self.rule.cutoff,
            "n_centers": len(self.first),
            "mean": float(self.mean.mean()),
            "first": float(self.first.mean()),
            "last": float(self.last.mean()),
            "mean_distortion": float(self.distortion[np.isfinite(self.distortion)].mean())
            if np.isfinite(self.distortion).any()
            else None,
            "histogram": {str(number): float(share) for number, share in enumerate(self.histogram)},
            "times": times.tolist(),
            "series": mean.tolist(),
            "distortion": [float(value) if ok else None for value, ok in zip(distortion, shown, strict=True)],
        }


class CoordinationCounter:
    """Takes the distances of a trajectory and counts the shells of every cation, and every mobile ion, that a rule
    joins to an anion.

    Parameters
    ----------
    species : sequence of str
    rules : sequence of BondRule
        Those of the distances, in their order.
    """

    def __init__(self, species: Sequence[str], rules: Sequence[BondRule]) -> None:
        symbols = np.array(species)
        self._rules = [
            (index, rule)
            for index, rule in enumerate(rules)
            if (is_shell(rule.pair) or is_ionic(rule.pair)) and (symbols == rule.first).any()
        ]
        self._centres = {index: np.flatnonzero(symbols == rule.first) for index, rule in self._rules}
        self._times: list[Floats] = []
        self._series: dict[int, list[tuple[Floats, Floats]]] = {index: [] for index, _ in self._rules}
        self._histograms = {index: np.zeros(_MOST + 1, np.int64) for index, _ in self._rules}
        self._ends: dict[int, tuple[Ints, Ints]] = {}

    def add(self, found: PairDistances) -> None:
        """Go on with the next frames."""
        self._times.append(found.times)
        for index, rule in self._rules:
            numbers, distortion = self._shells(found, index, rule)
            self._series[index].append((numbers.mean(axis=1), distortion))
            self._histograms[index] += np.bincount(np.minimum(numbers, _MOST).ravel(), minlength=_MOST + 1)
            first = self._ends[index][0] if index in self._ends else numbers[0]
            self._ends[index] = first, numbers[-1]

    def result(self) -> list[Coordination]:
        """Return the shells, in the order of the rules."""
        found = []
        for index, rule in self._rules:
            mean, distortion = (np.concatenate([part[k] for part in self._series[index]]) for k in (0, 1))
            counts = self._histograms[index]
            highest = int(np.flatnonzero(counts)[-1])
            found.append(
                Coordination(
                    rule,
                    np.concatenate(self._times),
                    mean,
                    distortion,
                    counts[: highest + 1] / counts.sum(),
                    *self._ends[index],
                )
            )
        return found

    def _shells(self, found: PairDistances, index: int, rule: BondRule) -> tuple[Ints, Floats]:
        """Neighbours (n_frames, n_centres), and the distortion of the shells (n_frames,)."""
        centres = self._centres[index]
        numbers = np.zeros((len(found.times), len(centres)), np.int64)
        mine = np.flatnonzero(found.rule == index)
        if len(mine) == 0:
            return numbers, np.full(len(numbers), np.nan)
        mine = mine[np.argsort(found.first[mine], kind="stable")]
        near, starts = np.unique(found.first[mine], return_index=True)
        distances = found.distances[:, mine]
        inside = distances <= rule.cutoff
        counts = np.add.reduceat(inside, starts, axis=1, dtype=np.int64)
        numbers[:, np.searchsorted(centres, near)] = counts
        lengths = np.add.reduceat(np.where(inside, distances, 0.0), starts, axis=1) / np.maximum(counts, 1)
        each = np.repeat(lengths, np.diff(np.append(starts, len(mine))), axis=1)
        deviations = np.where(inside, np.abs(distances / np.where(each > 0, each, 1.0) - 1), 0.0)
        shells = (counts > 0).sum(axis=1)
        total = (np.add.reduceat(deviations, starts, axis=1) / np.maximum(counts, 1)).sum(axis=1)
        return numbers, np.where(shells > 0, total / np.maximum(shells, 1), np.nan)


def thinned(times: Floats, *series: Floats, points: int = POINTS) -> tuple[Floats, ...]:
    """Return times and series averaged over at most `points` stretches of equal numbers of frames; NaN where a stretch
    has none but NaN.

    Parameters
    ----------
    times : (n_frames,) float array
    *series : (n_frames,) float arrays
    points : int
    """
    stretches = np.array_split(np.arange(len(times)), min(points, len(times)))
    return tuple(np.array([_mean(values[some]) for some in stretches]) for values in (times, *series))


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
