"""Rates of bond events, and what is left of them when those of a control run are subtracted.

A control is a trajectory of the same phases in bulk, where nothing should react. A breaking bond is counted per bond of
the beginning, a forming one per atom of the pair's first element; the control's rate times the run's bonds (atoms)
and time is what the run would show without an interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .bond_events import BondEvents

__all__ = ["EventRate", "Observed", "event_rates"]

#: one-sided 95 % upper limit of a Poisson mean of which nothing was seen: -ln 0.05
_NOTHING_SEEN = 2.996


@dataclass(frozen=True)
class Observed:
    """A ledger with the atoms that it is about.

    Parameters
    ----------
    ledger : BondEvents
    numbers : dict of str to int
        Atoms of every element.
    """

    ledger: BondEvents
    numbers: dict[str, int]

    def occasions(self, pair: tuple[str, str], *, breaking: bool) -> float:
        """Bonds of the beginning, or atoms of the first element where the second is there too, times the time in which
        a change can be seen, fs."""
        if breaking:
            return self.ledger.initial_bonds().get("-".join(pair), 0) * self.ledger.observed
        return self.numbers.get(pair[0], 0) * self.ledger.observed * (pair[1] in self.numbers)


@dataclass(frozen=True)
class EventRate:
    """One kind of event of one run against the control; counts without a unit.

    Parameters
    ----------
    kind : str
    count, lasting : int
        Events, and those whose pair did not return.
    per_area : float or None, nm⁻² ps⁻¹
        Events per area of the interfaces and time in which a change can be seen
        (:attr:`.bond_events.BondEvents.observed`).
    per_area_sigma : float or None, nm⁻² ps⁻¹
        Standard deviation of `per_area` from counting; that of one event where none was seen.
    control : int or None
        Events of the control; None where no control holds such bonds (elements).
    expected : float or None
        Events that the run would show at the control's rate.
    excess : float or None
        `count` - `expected`.
    sigma : float or None
        Standard deviation of the excess from the counting statistics of both, Poisson's; a count of nought is as
        uncertain as one of one.
    limit : float or None
        Where the control showed nothing: events that the run might yet show at the control's rate (95 %).
    """

    kind: str
    count: int
    lasting: int
    per_area: float | None
    control: int | None = None
    expected: float | None = None
    excess: float | None = None
    sigma: float | None = None
    limit: float | None = None
    per_area_sigma: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def event_rates(run: Observed, controls: Sequence[Observed], area: float | None) -> list[EventRate]:
    """Return the rate of every kind of event.

    Parameters
    ----------
    run : Observed
    controls : sequence of Observed
        Runs of the phases in bulk; those that hold the bond (both elements) are added up.
    area : float or None, Å²
        Of all interfaces of the run's cell.
    """
    found = []
    lasting = run.ledger.lasting
    pairs = {rule.name: rule.pair for rule in run.ledger.rules}
    for kind, count in run.ledger.counts.items():
        name, change = kind.split(" ")
        space = area / 100 * run.ledger.observed / 1000 if area else 0.0  # nm² ps
        per_area, spread = (count / space, max(count, 1) ** 0.5 / space) if space else (None, None)
        occasions = {"breaking": change == "breaking"}
        able = [control for control in controls if control.occasions(pairs[name], **occasions) > 0]
        if not able:
            found.append(EventRate(kind, count, lasting[kind], per_area, per_area_sigma=spread))
            continue
        seen = sum(control.ledger.counts.get(kind, 0) for control in able)
        scale = run.occasions(pairs[name], **occasions) / sum(
            control.occasions(pairs[name], **occasions) for control in able
        )
        expected = seen * scale
        sigma = (max(count, 1) + max(seen, 1) * scale**2) ** 0.5
        found.append(
            EventRate(
                kind,
                count,
                lasting[kind],
                per_area,
                seen,
                expected,
                count - expected,
                sigma,
                None if seen else _NOTHING_SEEN * scale,
                spread,
            )
        )
    return found
