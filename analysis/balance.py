"""Amounts of products that balance a reaction which is open to lithium."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..configs.errors import InputError
from .phase_set import Subject

__all__ = ["balanced_amounts"]

Array = NDArray[np.float64]

#: atoms or formula units: smaller amounts are rounding
_NOTHING = 1e-9
#: atoms per formula unit of the reactant by which an element may fail to balance
_TOLERANCE = 1e-6


def balanced_amounts(reactant: Subject, products: Sequence[Subject], given: Sequence[float | None] = ()) -> list[float]:
    """Return the formula units of every product per formula unit of the reactant.

    Lithium is exchanged with a reservoir; where that leaves the amounts open (Li2O2 -> Li2O + O2), it is conserved.

    Parameters
    ----------
    reactant : Subject
    products : sequence of Subject
    given : sequence of float or None
        Amounts that are known already, one for each product; all are free where left out.

    Raises
    ------
    InputError
        If no amounts balance an element other than lithium, more than one choice does, or an amount is negative.
    """
    known = list(given) or [None] * len(products)
    labels = f"{reactant.label} -> {', '.join(subject.label for subject in products)}"
    elements = sorted({e.symbol for s in (reactant, *products) for e in s.composition} - {"Li"})
    columns, target = _equations(reactant, products, known, elements)
    solution = _solution(columns, target)
    gaps = np.abs(target - columns @ solution)
    if (gaps > _TOLERANCE).any():
        wrong = ", ".join(element for element, gap in zip(elements, gaps, strict=True) if gap > _TOLERANCE)
        raise InputError(f"{labels} is not balanced: no amounts fit {wrong} (lithium alone is exchanged with the anode)")
    if _rank(columns) < columns.shape[1]:
        columns, target = _equations(reactant, products, known, [*elements, "Li"])
        solution = _solution(columns, target)
        if _rank(columns) < columns.shape[1] or (np.abs(target - columns @ solution) > _TOLERANCE).any():
            raise InputError(f"{labels}: more than one set of amounts balances; give amounts, e.g. '1/2 P2S5'")
    free = np.array([amount is None for amount in known])
    amounts = np.array([0.0 if amount is None else amount for amount in known])
    amounts[free] = np.where(np.abs(solution) < _NOTHING, 0.0, solution)
    negative = [subject.label for subject, amount in zip(products, amounts, strict=True) if amount < 0]
    if negative:
        raise InputError(f"{labels} balances only with a negative amount of {', '.join(negative)}")
    return [float(amount) for amount in amounts]


def _equations(reactant: Subject, products: Sequence[Subject], known: Sequence[float | None], elements: Sequence[str]) -> tuple[Array, Array]:
    """Atoms of each element (rows) in each product of unknown amount, and what these have to hold together."""
    everything = np.array([[subject.composition[element] for subject in products] for element in elements], dtype=float).reshape(len(elements), len(products))
    fixed = np.array([0.0 if amount is None else amount for amount in known])
    target = np.array([reactant.composition[element] for element in elements], dtype=float) - everything @ fixed
    return everything[:, [amount is None for amount in known]], target


def _solution(columns: Array, target: Array) -> Array:
    return np.asarray(np.linalg.lstsq(columns, target, rcond=None)[0], dtype=float) if columns.size else np.zeros(columns.shape[1])


def _rank(columns: Array) -> int:
    return int(np.linalg.matrix_rank(columns)) if columns.size else 0
