"""Quantities of reacting pairs: products at the mutual minimum, closed, at a voltage and under gases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ....configs.errors import InputError
from ...gibbs.mixture import GasMixture
from ...thermodynamics.phase_set import PhaseSet, parse_formula
from ...thermodynamics.reactions import Product, ReactionResult
from ...words import tier_label
from ..chapter import PhasesOfCase
from ..content import KeyNumber
from ..quantity import Quantity

__all__ = ["PAIR_QUANTITIES", "SIGMA", "ReactedPairs", "amount", "rests_on"]

#: what ± means for numbers of a phase set
SIGMA = "1σ against other DFT of the scale"

#: what the amount of a product counts
_UNIT = "per formula unit of reactants"


def rests_on(phase_set: str, sha256: str, entries: Iterable[str]) -> str:
    """Name a phase set, the beginning of its hash, and the entries behind a number."""
    return f"phase set {phase_set} ({sha256[:8]}): {', '.join(dict.fromkeys(entries))}"


def amount(
    result: ReactionResult, products: Sequence[Product], phase: str, phases: PhaseSet, names: tuple[str, ...]
) -> KeyNumber:
    """Return how much of a phase a reaction makes; 0 where it makes none.

    Parameters
    ----------
    result : ReactionResult
        That the products belong to.
    products : sequence of Product
    phase : str
        Formula.
    phases : PhaseSet
        Must hold the phase: what is not in it cannot be made.
    names : tuple of str
        Of the quantity's value.

    Raises
    ------
    InputError
        If `phase` is no formula, or the set holds no such phase.
    """
    wanted = parse_formula(phase).reduced_composition
    if not any(entry.composition.reduced_composition == wanted for entry in phases.entries):
        raise InputError(f"the phase set {phases.name} holds no {phase}")
    made = [one for one in products if parse_formula(one.formula).reduced_composition == wanted]
    used = [*products, *result.a.decomposition, *result.b.decomposition]
    kink = next((kink for kink in result.kinks if kink.products == tuple(products)), None)
    return KeyNumber(
        quantity=f"{phase} made of {result.a.label} | {result.b.label}",
        value=sum(one.coefficient for one in made),
        unit=_UNIT,
        digits=3,
        tier=tier_label(one.tier for one in used),
        basis=rests_on(result.phase_set, result.sha256, (one.entry for one in used)),
        names=names,
        detail=kink.reaction if kink else "no reaction",
    )


def _open_mutual(result: ReactionResult, voltage: float, names: tuple[str, ...]) -> KeyNumber:
    """The mutual energy of a pair that exchanges lithium at a voltage, V vs Li/Li+."""
    kink = result.mutual.kink
    return KeyNumber(
        quantity=f"Mutual reaction energy {result.a.label} | {result.b.label} at {voltage:g} V",
        value=result.mutual.energy,
        unit="eV/atom",
        digits=3,
        tier=tier_label(result.tiers.values()),
        basis=rests_on(result.phase_set, result.sha256, (one.entry for one in (kink.products if kink else ()))),
        uncertainty=result.uncertainty.mutual,
        uncertainty_kind=SIGMA,
        names=names,
        detail=kink.reaction if kink else "no reaction",
    )


class _Gas(Protocol):
    @property
    def label(self) -> str: ...
    @property
    def mixture(self) -> GasMixture: ...
    @property
    def result(self) -> ReactionResult: ...
    @property
    def alone(self) -> bool: ...


class _OpenPairs(Protocol):
    @property
    def points(self) -> Sequence[tuple[str, float, ReactionResult]]: ...
    @property
    def gases(self) -> Sequence[_Gas]: ...


class ReactedPairs(Protocol):
    """What a chapter on reactions has computed."""

    @property
    def used(self) -> PhasesOfCase:
        """The phase set."""
        ...

    @property
    def closed(self) -> Mapping[tuple[str, str], ReactionResult]:
        """Pairs that exchange nothing."""
        ...

    @property
    def points(self) -> _OpenPairs | None:
        """Pairs at fixed lithium potential and under gases."""
        ...


def _product(found: ReactedPairs, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Amount of a phase at the mutual minimum of a pair."""
    a, b, phase = arguments
    result, phases = found.closed.get((a, b)), found.used.phases
    if result is None or phases is None:
        return None
    made = result.mutual.kink.products if result.mutual.kink else ()
    return amount(result, made, phase, phases, ("product", *arguments))


def _at_voltage(found: ReactedPairs, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Mutual energy of a pair at a voltage, or with a phase behind it the amount of that."""
    a, b, volts, *phase = arguments
    for pair, voltage, result in found.points.points if found.points else ():
        if pair == f"{a} | {b}" and f"{voltage:g}" == volts.removesuffix("V").strip() and found.used.phases:
            made = result.mutual.kink.products if result.mutual.kink else ()
            if phase:
                return amount(result, made, phase[0], found.used.phases, ("product_at", *arguments))
            return _open_mutual(result, voltage, ("mutual_at", *arguments))
    return None


def _under_gas(found: ReactedPairs, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Amount of a phase that gases make of a material, or of a pair at its mutual minimum."""
    subject, kelvin, gases, phase = arguments
    for point in found.points.gases if found.points else ():
        written = " + ".join(f"{name} {pressure:g}" for name, pressure in point.mixture.pressures)
        if (point.label, f"{point.mixture.temperature:g}", written) == (subject, kelvin, gases) and found.used.phases:
            kink = point.result.kinks[-1] if point.alone else point.result.mutual.kink
            made = kink.products if kink else ()
            return amount(point.result, made, phase, found.used.phases, ("product_under", *arguments))
    return None


_PAIR = ("first", "second")
PAIR_QUANTITIES: tuple[Quantity[ReactedPairs], ...] = (
    Quantity(
        "mutual",
        _PAIR,
        "eV/atom",
        "what mixing a pair adds, at its deepest",
        measured="mutual_measured",
        symmetric=True,
    ),
    Quantity("mutual_measured", _PAIR, "eV/atom", "the same from measured enthalpies", symmetric=True),
    Quantity("total", _PAIR, "eV/atom", "what mixing a pair releases in all, at its deepest", symmetric=True),
    Quantity(
        "mutual_at", (*_PAIR, "voltage"), "eV/atom", "the mutual energy open to lithium", _at_voltage, symmetric=True
    ),
    Quantity(
        "product",
        (*_PAIR, "phase"),
        _UNIT,
        "amount of a phase at the mutual minimum",
        _product,
        symmetric=True,
    ),
    Quantity(
        "product_at",
        (*_PAIR, "voltage", "phase"),
        _UNIT,
        "the same open to lithium",
        _at_voltage,
        symmetric=True,
    ),
    Quantity(
        "product_under",
        ("material or pair", "temperature", "gases", "phase"),
        _UNIT,
        "amount of a phase that gases make",
        _under_gas,
    ),
)
