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
from .bond_rules import in_order, is_core, is_shell

__all__ = ["CONFIDENCE", "Survival", "survival", "units"]


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


def units(ledger: BondEvents) -> dict[tuple[int, ...], str]:
    """Return centres to unit: every cation that has bonds to anions at the beginning, ``PS4``, ``CoO6``, ``CoO5``, and
    those that are bonded to one another as one, ``P2S6``."""
    anions: dict[int, Counter[str]] = {}
    linked: dict[int, set[int]] = {}
    elements: dict[int, str] = {}
    for index, first, second in ledger.initial:
        pair = ledger.rules[index].pair
        if is_shell(pair):
            elements[first] = pair[0]
            anions.setdefault(first, Counter())[pair[1]] += 1
        elif is_core(pair) and first != second:
            elements[first], elements[second] = pair
            linked.setdefault(first, set()).add(second)
            linked.setdefault(second, set()).add(first)
    found: dict[tuple[int, ...], str] = {}
    seen: set[int] = set()
    for centre in sorted(anions):
        if centre not in seen:
            members = tuple(sorted(_together(centre, linked)))
            seen.update(members)
            around: Counter[str] = sum((anions.get(member, Counter()) for member in members), Counter())
            found[members] = _named(Counter(elements[member] for member in members)) + _named(around)
    return found


def _together(centre: int, linked: dict[int, set[int]]) -> set[int]:
    """The centres that a chain of bonds joins to one."""
    members, front = {centre}, [centre]
    while front:
        new = linked.get(front.pop(), set()) - members
        members |= new
        front += new
    return members


def _named(numbers: Counter[str]) -> str:
    """Elements with their numbers, the most electropositive first."""
    return "".join(f"{symbol}{numbers[symbol] if numbers[symbol] > 1 else ''}" for symbol in in_order(numbers))


def survival(replicas: Sequence[BondEvents]) -> list[Survival]:
    """Return the survival of every kind of unit, the most frequent first.

    A unit is lost when the first of its bonds breaks for good, those between its centres included (E. L. Kaplan,
    P. Meier, J. Am. Stat. Assoc. 53 (1958) 457; band: the exponential Greenwood formula). Observation ends one
    persistence before the last frame: a later break could not be seen.

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
        for centres, unit in units(ledger).items():
            holders.setdefault(unit, set()).add(number)
            broken = min(first_break.get(centre, np.inf) for centre in centres)
            if broken < np.inf:
                lost.setdefault(unit, []).append(broken - ledger.start)
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
