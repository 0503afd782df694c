"""Quantities of oxygen loss: the ladder over the lithium content, who takes the electrons, orderings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Protocol

import numpy as np

from ...oxygen.ladder import OxygenLadder, Rung
from ...oxygen.ordering_spread import OrderingSpread
from ...oxygen.redox_ledger import RedoxEntry
from ..content import KeyNumber
from ..quantity import Quantity

__all__ = ["OXYGEN_QUANTITIES"]

_STEP = "oxygen_loss"


class _Cathode(Protocol):
    @property
    def label(self) -> str: ...
    @property
    def spread(self) -> OrderingSpread | None: ...
    @property
    def ladder(self) -> OxygenLadder | None: ...
    @property
    def ledger(self) -> tuple[RedoxEntry, ...]: ...


class _Loss(Protocol):
    @property
    def results(self) -> Sequence[_Cathode]: ...


def _cathode(loss: _Loss, label: str) -> _Cathode | None:
    return next((found for found in loss.results if found.label == label), None)


def _rungs(found: _Cathode) -> list[Rung]:
    return [rung for rung in found.ladder.rungs if rung.sampled] if found.ladder else []


def _vacancy(loss: _Loss, names: tuple[str, ...]) -> KeyNumber | None:
    """Mean formation energy of an oxygen vacancy at a number of Li vacancies."""
    found = _cathode(loss, names[0])
    rung = next((one for one in _rungs(found) if str(one.n_vacancies) == names[1]), None) if found else None
    if found is None or found.ladder is None or rung is None:
        return None
    return KeyNumber(
        quantity=f"{found.label}, mean formation energy of an oxygen vacancy at {names[1]} Li vacancies",
        value=rung.mean,
        unit="eV",
        digits=2,
        tier=found.ladder.host.tier,
        basis=f"{len(rung.vacancies)} vacancies in {len(rung.sampled)} arrangements; {found.ladder.reference.short()}",
        uncertainty=rung.standard_error(),
        uncertainty_kind="standard error over arrangements",
        names=("vacancy", *names),
    )


def _slope(loss: _Loss, names: tuple[str, ...]) -> KeyNumber | None:
    """Slope of the mean formation energy over the number of Li vacancies, with the standard error of the line."""
    found = _cathode(loss, names[0])
    rungs = _rungs(found) if found else []
    if found is None or found.ladder is None or len(rungs) < 2:
        return None
    n, mean = np.array([[rung.n_vacancies, rung.mean] for rung in rungs], dtype=float).T
    slope, intercept = np.polyfit(n, mean, 1)
    left = mean - slope * n - intercept
    spread = float(((n - n.mean()) ** 2).sum())
    error = math.sqrt(float((left**2).sum()) / (len(n) - 2) / spread) if len(n) > 2 else None
    return KeyNumber(
        quantity=f"{found.label}, change of the mean formation energy of an oxygen vacancy per Li vacancy",
        value=float(slope),
        unit="eV",
        digits=3,
        tier=found.ladder.host.tier,
        basis=f"{len(rungs)} contents, {int(n.min())} to {int(n.max())} Li vacancies",
        uncertainty=error,
        uncertainty_kind="standard error of the line" if error is not None else "",
        names=("vacancy_slope", *names),
    )


def _taken(loss: _Loss, names: tuple[str, ...]) -> KeyNumber | None:
    """Electrons that an element takes up when oxygen leaves the fully lithiated host, mean over its vacancies."""
    found = _cathode(loss, names[0])
    first = next((rung for rung in _rungs(found) if rung.n_vacancies == 0), None) if found else None
    if found is None or found.ladder is None or first is None:
        return None
    vacancies = {vacancy.document.label for vacancy in first.vacancies}
    taken = [-entry.payers().get(names[1], 0.0) for entry in found.ledger if entry.after in vacancies]
    if not taken:
        return None
    return KeyNumber(
        quantity=f"{found.label}, electrons that {names[1]} takes up per oxygen vacancy at full lithium",
        value=fmean(taken),
        unit="e",
        digits=2,
        tier=found.ladder.host.tier,
        basis=f"{len(taken)} vacancies, ions by their moments",
        uncertainty=stdev(taken) / math.sqrt(len(taken)) if len(taken) > 1 else None,
        uncertainty_kind="standard error over vacancies" if len(taken) > 1 else "",
        names=("electrons_taken", *names),
    )


def _orderings(loss: _Loss, names: tuple[str, ...]) -> KeyNumber | None:
    found = _cathode(loss, names[0])
    if found is None or found.spread is None or found.ladder is None:
        return None
    return KeyNumber(
        quantity=f"{found.label}, distinct orderings that were ranked",
        value=float(len(found.spread.labels)),
        unit="orderings",
        digits=0,
        tier=found.ladder.host.tier,
        basis="relaxed cells",
        names=("orderings", *names),
    )


OXYGEN_QUANTITIES: tuple[Quantity[_Loss], ...] = (
    Quantity(
        "vacancy",
        ("cathode", "number of Li vacancies"),
        "eV",
        "mean formation energy of an oxygen vacancy",
        _vacancy,
        step=_STEP,
        hypothesis=True,
    ),
    Quantity(
        "vacancy_slope",
        ("cathode",),
        "eV",
        "its change per Li vacancy",
        _slope,
        step=_STEP,
        hypothesis=True,
    ),
    Quantity(
        "electrons_taken",
        ("cathode", "element"),
        "e",
        "electrons that an element takes up per oxygen vacancy at full lithium",
        _taken,
        step=_STEP,
        hypothesis=True,
    ),
    Quantity(
        "vacancy_change",
        ("cathode", "ion", "bonded or far"),
        "eV",
        "what an ion adds to the formation energy of oxygen vacancies",
        step=_STEP,
        hypothesis=True,
    ),
    Quantity("orderings", ("cathode",), "orderings", "distinct orderings that were ranked", _orderings, step=_STEP),
)
