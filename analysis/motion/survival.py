"""How long PS4, CoO6 and the other units of the first frame stay whole: Kaplan and Meier's estimate over replicas."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from .bond_events import BondEvents
from .bond_rules import BondRule, in_order, is_shell

__all__ = ["CONFIDENCE", "Survival", "survival", "unit_name", "units"]


#: of the band around the curve
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Survival:
    """Survival of one kind of unit.

    Parameters
    ----------
    unit : str
        Centre and its anions at the beginning, ``PS4``.
    n_units, n_lost : int
        Over all replicas; lost is a unit of which a bond broke for good.
    n_replicas : int
        Replicas that hold such units.
    times : (n,) float array, fs
        Since the beginning of each replica: 0, the losses, and the ends of observation.
    fraction, low, high : (n,) float arrays
        Survival from each time on, and its confidence band (:data:`CONFIDENCE`); NaN where the band is undefined.
    """

    unit: str
    n_units: int
    n_lost: int
    n_replicas: int
    times: Floats
    fraction: Floats
    low: Floats
    high: Floats

    @property
    def median(self) -> float | None:
        """Time by which half are lost, fs; None where fewer are."""
        below = np.flatnonzero(self.fraction <= 0.5)
        return float(self.times[below[0]]) if len(below) else None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        arrays = {
            name: [float(v) if np.isfinite(v) else None for v in getattr(self, name)]
            for name in ("times", "fraction", "low", "high")
        }
        counts = {
            "unit": self.unit,
            "n_units": self.n_units,
            "n_lost": self.n_lost,
            "n_replicas": self.n_replicas,
            "median": self.median,
        }
        return {**counts, "confidence": CONFIDENCE, **arrays}


def units(ledger: BondEvents) -> dict[int, str]:
    """Return centre to unit: every cation that has bonds to anions at the beginning, ``PS4``, ``CoO6``, ``CoO5``."""
    shells: dict[int, Counter[BondRule]] = {}
    for index, first, _ in ledger.initial:
        rule = ledger.rules[index]
        if is_shell(rule.pair):
            shells.setdefault(first, Counter())[rule] += 1
    return {centre: unit_name(shell) for centre, shell in sorted(shells.items())}


def unit_name(shell: Counter[BondRule]) -> str:
    """``PS4`` for a centre and the numbers of its bonds by rule; the most electropositive anion first."""
    numbers = {rule.second: number for rule, number in shell.items()}
    return next(iter(shell)).first + "".join(
        f"{anion}{numbers[anion] if numbers[anion] > 1 else ''}" for anion in in_order(numbers)
    )


def survival(replicas: Sequence[BondEvents]) -> list[Survival]:
    """Return the survival of every kind of unit, the most frequent first.

    A unit is lost when the first of its bonds breaks for good (E. L. Kaplan, P. Meier, J. Am. Stat. Assoc. 53 (1958)
    457; band: the exponential Greenwood formula). Observation ends one persistence before the last frame: a later break
    could not be seen.

    Parameters
    ----------
    replicas : sequence of BondEvents
    """
    lost: dict[str, list[float]] = {}
    kept: dict[str, list[float]] = {}
    holders: dict[str, set[int]] = {}
    for number, ledger in enumerate(replicas):
        first_break: dict[int, float] = {}
        for event in ledger.events:
            if event.breaking and event.broken is not None:
                first_break[event.atoms[0]] = min(event.broken, first_break.get(event.atoms[0], np.inf))
        for centre, unit in units(ledger).items():
            holders.setdefault(unit, set()).add(number)
            if centre in first_break:
                lost.setdefault(unit, []).append(first_break[centre] - ledger.start)
            else:
                kept.setdefault(unit, []).append(max(ledger.duration - ledger.persistence, 0.0))
    found = [_estimate(unit, lost.get(unit, []), kept.get(unit, []), len(members)) for unit, members in holders.items()]
    return sorted(found, key=lambda one: (-one.n_units, one.unit))


def _estimate(unit: str, lost: list[float], kept: list[float], n_replicas: int) -> Survival:
    from scipy.stats import CensoredData, ecdf

    curve = ecdf(CensoredData(uncensored=lost, right=kept)).sf
    with warnings.catch_warnings():
        # before the first and after the last loss the band is not defined; it is handed on as NaN
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        band = curve.confidence_interval(CONFIDENCE, method="log-log")
    times = np.concatenate([[0.0], curve.quantiles])
    fraction, low, high = (np.concatenate([[1.0], part.probabilities]) for part in (curve, band.low, band.high))
    return Survival(unit, len(lost) + len(kept), len(lost), n_replicas, times, fraction, low, high)
