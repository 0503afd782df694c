"""Rates of bond events, and what is left of them when those of a control run are subtracted.

A control is a trajectory of the same phases in bulk, where nothing should react. A breaking bond is counted per bond of
the first frame, a forming one per atom of the pair's first element; the control's rate times the run's bonds (atoms)
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
        """Bonds of the first frame, or atoms of the first element where the second is there too, times the duration,
        fs."""
        if breaking:
            return self.ledger.initial_bonds().get("-".join(pair), 0) * self.ledger.duration
        return self.numbers.get(pair[0], 0) * self.ledger.duration * (pair[1] in self.numbers)


@dataclass(frozen=True)
class EventRate:
    """One kind of event of one run against the control; counts without a unit.

    Parameters
    ----------
    kind : str
    count, lasting : int
        Events, and those whose pair did not return.
    per_area : float or None, nm⁻² ps⁻¹
        Events per area of the interfaces and time.
    control : int or None
        Events of the control; None where no control holds such bonds (elements).
    expected : float or None
        Events that the run would show at the control's rate.
    excess : float or None
        `count` - `expected`.
    sigma : float or None
        Standard deviation of the excess from the counting statistics of both, Poisson's.
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
        per_area = count / (area / 100) / (run.ledger.duration / 1000) if area and run.ledger.duration else None
        occasions = {"breaking": change == "breaking"}
        able = [control for control in controls if control.occasions(pairs[name], **occasions) > 0]
        if not able:
            found.append(EventRate(kind, count, lasting[kind], per_area))
            continue
        seen = sum(control.ledger.counts.get(kind, 0) for control in able)
        scale = run.occasions(pairs[name], **occasions) / sum(
            control.occasions(pairs[name], **occasions) for control in able
        )
        expected = seen * scale
        sigma = (count + seen * scale**2) ** 0.5
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
            )
        )
    return found
