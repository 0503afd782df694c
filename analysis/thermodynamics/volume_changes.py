"""Volume changes of the reactions that the other modules find: products that the user names, ladders of windows, pairs.

All are written per formula unit of the material (ladders, named products) or per formula unit of reactants
(pairs, x of A and 1 - x of B).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...configs.errors import InputError
from .phase_set import PhaseSet, Subject, parse_formula
from .reaction_results import balanced_amounts
from .reactions import Kink, Product, ReactionResult, write_reaction
from .volume import KINDS, MolarVolume, Share, Term, VolumeBalance, Volumes
from .window import LadderStep, WindowResult, stability_window

__all__ = [
    "Decomposition",
    "StepVolumes",
    "decomposition_volumes",
    "named_reaction",
    "pair_volumes",
    "parse_products",
    "product_terms",
    "volume_balance",
]

_TERM = re.compile(r"^(?P<amount>\d+/\d+|\d*\.?\d+)?\s*(?P<name>[A-Za-z(].*)$")
#: V: closer voltages are one plateau
_SAME_VOLTAGE = 1e-9


@dataclass(frozen=True)
class StepVolumes:
    """One plateau of a ladder: from the material to the phases beyond it.

    Parameters
    ----------
    voltage : float
        V vs Li/Li+.
    direction : str
        oxidation (lithium leaves) or reduction (lithium is taken up).
    ledger : VolumeBalance
        Per formula unit of the material.
    """

    voltage: float
    direction: str
    ledger: VolumeBalance


@dataclass(frozen=True)
class Decomposition:
    """Electrochemical decomposition of one material with the volumes of every step.

    Parameters
    ----------
    window : WindowResult
    steps : tuple of StepVolumes
        Rising voltage.
    """

    window: WindowResult
    steps: tuple[StepVolumes, ...]

    def step(self, voltage: float | None = None) -> StepVolumes:
        """Return what the material becomes at a voltage; without one at its oxidation limit (reduction limit where it
        holds no lithium).

        Parameters
        ----------
        voltage : float, optional
            V vs Li/Li+.

        Raises
        ------
        InputError
            If nothing decomposes there, naming the window.
        """
        rising = [step for step in self.steps if step.direction == "oxidation"]
        falling = [step for step in self.steps if step.direction == "reduction"]
        if voltage is None:
            chosen = [*rising[:1], *falling[-1:]]
        else:
            chosen = [s for s in rising if s.voltage <= voltage + _SAME_VOLTAGE][-1:] or [
                s for s in falling if s.voltage >= voltage - _SAME_VOLTAGE
            ][:1]
        if not chosen:
            where = "at any voltage of the ladder" if voltage is None else f"at {voltage:g} V"
            raise InputError(f"{self.window.material} does not decompose {where}: {_window_text(self.window)}")
        return chosen[0]


def _window_text(window: WindowResult) -> str:
    high = f"{window.oxidation.voltage:.3f} V" if window.oxidation else "no oxidation limit"
    return f"its window is {window.reduction.voltage:.3f} V to {high}"


def parse_products(texts: Sequence[str]) -> list[tuple[float | None, str]]:
    """Return amount (None where not given) and name of each product of ``["LiCl", "1/2 P2S5 + 5/2 S"]``.

    Raises
    ------
    InputError
        If the list is empty or a term is not ``[number] NAME``.
    """
    parts = [part.strip() for text in texts for part in re.split(r"[,+]", text)]
    found: list[tuple[float | None, str]] = []
    for part in parts:
        match = _TERM.match(part)
        if match is None:
            raise InputError(
                f"{part!r} is not a product: a formula with or without an amount is needed, e.g. '1/2 P2S5'"
            )
        amount = match["amount"]
        try:
            found.append((None if amount is None else float(Fraction(amount)), match["name"].strip()))
        except ZeroDivisionError:
            raise InputError(f"{part!r} is not a product: the amount {amount} divides by zero") from None
    if not found:
        raise InputError("the list of products is empty")
    return found


def named_reaction(
    name: str, products: Sequence[tuple[float | None, str]], phase_set: PhaseSet, volumes: Volumes
) -> VolumeBalance:
    """Return the ledger of one formula unit of a material turning into the products that the user names.

    Amounts that are left out follow from the balance of all elements but lithium, which the anode takes or gives.

    Parameters
    ----------
    name : str
        Material or formula.
    products : sequence of (float or None, str)
        From :func:`parse_products`.
    phase_set : PhaseSet
    volumes : Volumes

    Raises
    ------
    InputError
        If no amounts balance the reaction, or more than one choice does.
    """
    reactant = phase_set.resolve(name)
    subjects = [phase_set.resolve(product) for _, product in products]
    amounts = balanced_amounts(reactant, subjects, [amount for amount, _ in products])
    return volume_balance(
        [_term(1.0, reactant)],
        [_term(amount, subject) for amount, subject in zip(amounts, subjects, strict=True) if amount > 0],
        volumes,
    )


def _term(amount: float, subject: Subject) -> Term:
    return Term(amount, subject.formula, subject.entry)


def decomposition_volumes(name: str, phase_set: PhaseSet, volumes: Volumes) -> Decomposition:
    """Return window, ladder and the volume ledger of every step of one material.

    Parameters
    ----------
    name : str
        Material or formula.
    phase_set : PhaseSet
    volumes : Volumes

    Raises
    ------
    InputError
        As :func:`.window.stability_window`.
    """
    window = stability_window(name, phase_set)
    subject = phase_set.resolve(name)
    steps = tuple(_step(subject, step, phase_set, volumes) for step in window.ladder)
    return Decomposition(window, steps)


def _step(subject: Subject, step: LadderStep, phase_set: PhaseSet, volumes: Volumes) -> StepVolumes:
    direction = "reduction" if step.lithium > 0 else "oxidation"
    return StepVolumes(
        step.voltage, direction, volume_balance([_term(1.0, subject)], product_terms(step.products, phase_set), volumes)
    )


def product_terms(products: Sequence[Product], phase_set: PhaseSet) -> list[Term]:
    """Return products as terms that know their entries.

    Parameters
    ----------
    products : sequence of Product
    phase_set : PhaseSet
    """
    entries: dict[str, Any] = {entry.id: entry for entry in phase_set.entries}
    return [Term(product.coefficient, product.formula, entries.get(product.entry)) for product in products]


def pair_volumes(result: ReactionResult, kink: Kink, phase_set: PhaseSet, volumes: Volumes) -> VolumeBalance:
    """Return the ledger of a pair at one mixing ratio, per formula unit of reactants.

    Parameters
    ----------
    result : ReactionResult
    kink : Kink
        One of its kinks.
    phase_set : PhaseSet
    volumes : Volumes
    """
    reactants = [(kink.x, result.a), (1 - kink.x, result.b)]
    before = [
        Term(amount, reactant.formula, phase_set.resolve(reactant.label).entry)
        for amount, reactant in reactants
        if amount > 0
    ]
    return volume_balance(before, product_terms(kink.products, phase_set), volumes)


def volume_balance(before: Sequence[Term], after: Sequence[Term], volumes: Volumes) -> VolumeBalance:
    """Return the volume ledger of a reaction; lithium that is missing on one side is exchanged with the anode.

    Parameters
    ----------
    before, after : sequence of Term
        Reactants and products; lithium metal that is named is a phase with a volume.
    volumes : Volumes

    Raises
    ------
    InputError
        If anything but lithium does not balance, naming the elements.
    """
    lithium = _imbalance(before, after)
    sided = [("before", term) for term in before] + [("after", term) for term in after]
    known = [(side, term, volumes.known(term)) for side, term in sided]
    shares = tuple(
        Share("before" if side == "before" else "after", term.coefficient, term.formula, found[0] if found else None)
        for side, term, found in known
    )
    left = [(term.coefficient, term.formula) for term in before] + [(max(lithium, 0.0), "Li")]
    right = [(term.coefficient, term.formula) for term in after] + [(max(-lithium, 0.0), "Li")]
    return VolumeBalance(write_reaction(left, right), shares, lithium, _alternatives(known))


def _alternatives(known: Sequence[tuple[str, Term, tuple[MolarVolume, ...]]]) -> dict[str, tuple[float, float]]:
    totals: dict[str, tuple[float, float]] = {}
    for kind in KINDS:
        of_kind = [
            (side, term.coefficient, [v.value for v in found if v.kind in (kind, "gas")]) for side, term, found in known
        ]
        if all(values for _, _, values in of_kind) and any(v.kind == kind for _, _, found in known for v in found):
            sums = {
                side: sum(amount * values[0] for at, amount, values in of_kind if at == side)
                for side in ("before", "after")
            }
            totals[kind] = (sums["before"], sums["after"])
    return totals


def _imbalance(before: Sequence[Term], after: Sequence[Term]) -> float:
    """Li that the left side lacks, mol; anything else that does not balance is an error."""
    left = {} if not before else _atoms(before)
    right = _atoms(after)
    wrong = []
    for element in sorted({*left, *right} - {"Li"}):
        gap = right.get(element, 0.0) - left.get(element, 0.0)
        if abs(gap) > 1e-6 * max(1.0, left.get(element, 0.0)):
            wrong.append(f"{element} {left.get(element, 0.0):.6g} before, {right.get(element, 0.0):.6g} after")
    if wrong:
        raise InputError(
            f"the reaction does not balance: {'; '.join(wrong)} (only lithium may be exchanged with the anode)"
        )
    gap = right.get("Li", 0.0) - left.get("Li", 0.0)
    return gap if abs(gap) > 1e-9 else 0.0


def _atoms(terms: Sequence[Term]) -> dict[str, float]:
    counted: dict[str, float] = {}
    for term in terms:
        for element, amount in parse_formula(term.formula).items():
            counted[element.symbol] = counted.get(element.symbol, 0.0) + term.coefficient * amount
    return counted
