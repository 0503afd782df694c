"""How far the errors of the entries move a number: every hull is evaluated again with energies drawn from them.

Each entry's energy is drawn from an independent Gaussian of its own error, and the stable phases may change from draw
to draw. Of each number the standard deviation and the central interval from the 16th to the 84th percentile are given
(the interval of a Gaussian within one standard deviation; of a skewed distribution it is not symmetric, and since the
lowest of several perturbed phases wins, it need not be centred on the unperturbed number). Errors that entries share,
e.g. that of one anion correction, are not correlated here, and partly cancel in reality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .hull import NUMERICAL_ZERO, Phases, settled

__all__ = [
    "SAMPLES",
    "LineDraws",
    "MeasuredLimit",
    "MeasuredReaction",
    "Spread",
    "Uncertainty",
    "WindowUncertainty",
    "draw_lines",
    "require_samples",
]

#: draws where no other number is asked for; a percentile is then known to some 3 % of the draws
SAMPLES = 256
#: per cent
_CENTRAL = (16.0, 84.0)


def require_samples(samples: int) -> None:
    """Raise InputError unless `samples` allows a standard deviation."""
    if samples < 2:
        raise InputError(f"samples is {samples}: at least 2 are needed for a standard deviation")


@dataclass(frozen=True)
class Spread:
    """Where the draws of one number lie, in its unit.

    Parameters
    ----------
    sigma : float
        Standard deviation.
    low, high : float
        16th and 84th percentile.
    """

    sigma: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Sequence[float] | Floats) -> Spread:
        """Return the spread of at least two draws."""
        low, high = np.percentile(draws, _CENTRAL)
        return cls(settled(float(np.std(draws, ddof=1))), settled(float(low)), settled(float(high)))

    @classmethod
    def of_columns(cls, draws: Floats) -> list[Spread]:
        """Return the spread of each column of (n_samples, n) draws: percentiles cost as much for one as for all."""
        lows, highs = np.percentile(draws, _CENTRAL, axis=0)
        sigmas = (float(np.std(column, ddof=1)) for column in draws.T)
        return [
            cls(settled(sigma), settled(float(low)), settled(float(high)))
            for sigma, low, high in zip(sigmas, lows, highs, strict=True)
        ]

    @property
    def interval(self) -> tuple[float, float]:
        """16th and 84th percentile."""
        return self.low, self.high


@dataclass(frozen=True)
class LineDraws:
    """Draws of one pair, energies in eV/atom.

    Parameters
    ----------
    mutual, total, x_atom : (n_samples,) float arrays
        Minima, and where that of the mutual part lies.
    self_parts : (n_samples, 2) float array
        Of both ends.
    kinks_mutual, kinks_total : (n_samples, n_kinks) float arrays
        At the mixing ratios of the unperturbed kinks.
    """

    mutual: Floats
    total: Floats
    x_atom: Floats
    self_parts: Floats
    kinks_mutual: Floats
    kinks_total: Floats


def draw_lines(
    phases: Phases, energies: Floats, ends: tuple[Floats, Floats], own: tuple[Floats | None, Floats | None], x: Floats
) -> LineDraws:
    """Evaluate one line on every drawn set of energies.

    Parameters
    ----------
    phases : Phases
    energies : (n_samples, n_entries) float array
        eV/atom.
    ends : two (n_elements,) float arrays
        Atomic fractions of A and B.
    own : two (n_samples,) float arrays or None
        Drawn energies of the ends, eV/atom; None for an end that is taken on the hull.
    x : (n_kinks,) float array
        Atomic fractions of A.
    """
    a, b = (np.broadcast_to(end, (len(energies), len(end))) for end in ends)
    rows = []
    for draw, (at, hull) in enumerate(phases.profiles(a, b, energies)):
        on_hull = np.array([hull[-1], hull[0]])
        given = np.array([on_hull[i] if energy is None else energy[draw] for i, energy in enumerate(own)])
        parts = [hull - at * line[0] - (1 - at) * line[1] for line in (on_hull, given)]
        deepest = int(parts[0].argmin())
        here = np.interp(x, at, hull)
        kinks = [here - x * line[0] - (1 - x) * line[1] for line in (on_hull, given)]
        rows.append((parts[0][deepest], parts[1].min(), at[deepest], on_hull - given, *kinks))
    return LineDraws(*(np.array(column) for column in zip(*rows, strict=True)))


@dataclass(frozen=True)
class Uncertainty:
    """What the entry errors leave open; energies eV/atom.

    Parameters
    ----------
    mutual_draws, total_draws : tuple of float
        Minimum of each draw.
    self_a_draws, self_b_draws : tuple of float or None
        None for a reactant without an entry.
    x_atom_draws : tuple of float or None
        Atomic fraction of A at the mutual minimum; None where a draw does not react at all.
    seed : int
    """

    mutual_draws: tuple[float, ...]
    total_draws: tuple[float, ...]
    self_a_draws: tuple[float, ...] | None
    self_b_draws: tuple[float, ...] | None
    x_atom_draws: tuple[float, ...] | None
    seed: int

    @classmethod
    def of(cls, draws: LineDraws, has_entry: tuple[bool, bool], seed: int) -> Uncertainty:
        """Return the uncertainty of a pair from its draws."""
        own = [
            tuple(column.tolist()) if known else None
            for column, known in zip(draws.self_parts.T, has_entry, strict=True)
        ]
        reacts = bool((draws.mutual < -NUMERICAL_ZERO).all())
        minima = tuple(draws.mutual.tolist()), tuple(draws.total.tolist())
        return cls(*minima, own[0], own[1], tuple(draws.x_atom.tolist()) if reacts else None, seed)

    @property
    def samples(self) -> int:
        """Number of draws."""
        return len(self.mutual_draws)

    @cached_property
    def mutual(self) -> float:
        """Standard deviation of the mutual minimum."""
        return Spread.of(self.mutual_draws).sigma

    @cached_property
    def total(self) -> float:
        """Standard deviation of the total minimum."""
        return Spread.of(self.total_draws).sigma

    @cached_property
    def self_a(self) -> float | None:
        """Standard deviation of the self part of A."""
        return _sigma(self.self_a_draws)

    @cached_property
    def self_b(self) -> float | None:
        """Standard deviation of the self part of B."""
        return _sigma(self.self_b_draws)

    @cached_property
    def x_atom(self) -> float | None:
        """Standard deviation of the place of the mutual minimum, as atomic fraction of A."""
        return _sigma(self.x_atom_draws)

    @property
    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """16th to 84th percentile of each number by name."""
        draws = {
            "mutual": self.mutual_draws,
            "total": self.total_draws,
            "self_a": self.self_a_draws,
            "self_b": self.self_b_draws,
            "x_atom": self.x_atom_draws,
        }
        return {name: None if drawn is None else Spread.of(drawn).interval for name, drawn in draws.items()}

    def stable_probability(self, threshold: float) -> dict[str, float]:
        """Return the share of draws in which the pair releases less than `threshold`, for the mutual and the total
        part.

        Parameters
        ----------
        threshold : float
            eV/atom, >= 0.

        Raises
        ------
        InputError
            If the threshold is negative or not a number.
        """
        if not 0 <= threshold < np.inf:
            raise InputError(f"the stability threshold is {threshold} eV/atom: a finite number of at least 0 is needed")
        # a pair that does not react at all is stable at the threshold 0 too
        limit = -max(threshold, NUMERICAL_ZERO)
        return {
            "mutual": float(np.mean(np.array(self.mutual_draws) > limit)),
            "total": float(np.mean(np.array(self.total_draws) > limit)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the INTERFACE form."""
        return {
            "mutual": self.mutual,
            "total": self.total,
            "self": {"a": self.self_a, "b": self.self_b},
            "x_atom": self.x_atom,
            "unit": "eV/atom, one standard deviation",
            "intervals": {
                name: None if interval is None else list(interval) for name, interval in self.intervals.items()
            },
            "interval_unit": "eV/atom (x_atom: atomic fraction), 16th to 84th percentile",
            "samples": self.samples,
            "method": (
                f"{self.samples} hulls with independent Gaussian entry errors, seed {self.seed}; errors shared by "
                "entries are not correlated; "
                "the lowest of several perturbed phases wins, so an interval need not contain the unperturbed number"
            ),
        }


@dataclass(frozen=True)
class MeasuredNumber:
    """One number beside measured enthalpies of formation, in its unit.

    Parameters
    ----------
    error : float or None
        Standard deviation of the phase set's own number from measurement; None where nothing reacts.
    value, sigma : float or None
        The number on the measured scale and its standard deviation; None where there is none.
    """

    error: float | None
    value: float | None
    sigma: float | None


@dataclass(frozen=True)
class MeasuredReaction:
    """How a reaction stands against measured enthalpies of formation; energies eV/atom.

    Parameters
    ----------
    mutual, total : MeasuredNumber
    reaction : str or None
        At the mutual minimum on the measured scale; None where nothing reacts, or there is no number.
    measured, computed : tuple of str
        Compounds behind the numbers on the measured scale whose enthalpies are measured, and those that keep the set's
        energy.
    reason : str
        Why there are no numbers; empty where there are.
    """

    mutual: MeasuredNumber
    total: MeasuredNumber
    reaction: str | None
    measured: tuple[str, ...]
    computed: tuple[str, ...]
    reason: str = ""

    @property
    def basis(self) -> str:
        """What the numbers rest on, or why there are none."""
        if self.reason:
            return self.reason
        rest = f"; computed: {', '.join(self.computed)}" if self.computed else ""
        return f"measured: {', '.join(self.measured)}{rest}"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "mutual": vars(self.mutual),
            "total": vars(self.total),
            "reaction": self.reaction,
            "measured": list(self.measured),
            "computed": list(self.computed),
            "reason": self.reason or None,
            "unit": (
                "eV/atom; error: one standard deviation of the phase set's number from measurement; value and sigma: "
                "the number from measured enthalpies, one standard deviation"
            ),
        }


@dataclass(frozen=True)
class MeasuredLimit:
    """One limit of a window beside measured enthalpies; voltages in V vs Li/Li+.

    Parameters
    ----------
    number : MeasuredNumber
    reaction : str or None
        At the limit on the measured scale; None where there is no number.
    basis : str
        What the number rests on, or why there is none.
    """

    number: MeasuredNumber
    reaction: str | None
    basis: str

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {**vars(self.number), "reaction": self.reaction, "basis": self.basis}


@dataclass(frozen=True)
class WindowUncertainty:
    """What the entry errors leave open of a stability window, V.

    Parameters
    ----------
    reduction_spread, oxidation_spread : Spread or None
        None where there is no lithium to release.
    samples, seed : int
    """

    reduction_spread: Spread
    oxidation_spread: Spread | None
    samples: int
    seed: int

    @property
    def reduction(self) -> float:
        """Standard deviation of the reduction limit."""
        return self.reduction_spread.sigma

    @property
    def oxidation(self) -> float | None:
        """Standard deviation of the oxidation limit."""
        return None if self.oxidation_spread is None else self.oxidation_spread.sigma

    def to_json(self) -> dict[str, Any]:
        """Return sigma and 16th to 84th percentile of each limit."""
        oxidation = self.oxidation_spread
        return {
            "reduction": self.reduction,
            "oxidation": self.oxidation,
            "intervals": {
                "reduction": list(self.reduction_spread.interval),
                "oxidation": list(oxidation.interval) if oxidation else None,
            },
            "unit": "V, one standard deviation; intervals: 16th to 84th percentile",
            "samples": self.samples,
        }


def _sigma(draws: Sequence[float] | None) -> float | None:
    return None if draws is None else Spread.of(draws).sigma
