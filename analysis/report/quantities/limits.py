"""Quantities of stability windows and of the coating screen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from ....configs.errors import InputError
from ...thermodynamics.phase_set import parse_formula
from ...thermodynamics.screen import ScreenResult
from ...thermodynamics.window import WindowResult
from ...thermodynamics.window_deviation import measured_limits
from ...words import tier_label
from ..chapter import PhasesOfCase
from ..content import KeyNumber
from ..quantity import Quantity
from .pairs import SIGMA, rests_on

__all__ = ["SCREEN_QUANTITIES", "WINDOW_QUANTITIES", "worst_of"]

_VOLTS = "V vs Li/Li⁺"


class _Window(Protocol):
    @property
    def result(self) -> WindowResult: ...


class _Windows(Protocol):
    @property
    def used(self) -> PhasesOfCase: ...
    @property
    def windows(self) -> Mapping[str, Any]: ...


class _Screened(Protocol):
    @property
    def result(self) -> ScreenResult | None: ...


def _measured(limit: str, found: _Windows, arguments: tuple[str, ...]) -> KeyNumber | None:
    (material,) = arguments
    if material not in found.windows or found.used.phases is None:
        return None
    window: WindowResult = found.windows[material].result
    one = measured_limits(material, found.used.phases).get(limit)
    if one is None:
        return None
    return KeyNumber(
        quantity=f"{limit.capitalize()} limit of {material} from measured enthalpies",
        value=one.number.value,
        unit=_VOLTS,
        digits=2,
        tier=tier_label(window.tiers.values()),
        basis=one.basis,
        uncertainty=one.number.sigma,
        uncertainty_kind="1σ against measurement",
        names=(f"{limit}_measured", material),
        detail=one.reaction or "",
    )


def _becomes(limit: str, found: _Windows, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Amount of a phase on the far side of a limit; 0 where it is not among them."""
    material, phase = arguments
    if material not in found.windows or found.used.phases is None:
        return None
    window: WindowResult = found.windows[material].result
    far = getattr(window, limit)
    wanted = parse_formula(phase).reduced_composition
    if not any(entry.composition.reduced_composition == wanted for entry in found.used.phases.entries):
        raise InputError(f"the phase set {found.used.phases.name} holds no {phase}")
    products = far.products if far else ()
    name = "oxidised_to" if limit == "oxidation" else "reduced_to"
    return KeyNumber(
        quantity=f"{phase} made of {material} beyond its {limit} limit",
        value=sum(one.coefficient for one in products if parse_formula(one.formula).reduced_composition == wanted),
        unit="per formula unit",
        digits=3,
        tier=tier_label(one.tier for one in products),
        basis=rests_on(window.phase_set, window.sha256, (one.entry for one in products)),
        names=(name, *arguments),
        detail=far.reaction if far else "no lithium to release",
    )


WINDOW_QUANTITIES: tuple[Quantity[_Windows], ...] = (
    Quantity(
        "reduction",
        ("material",),
        _VOLTS,
        "voltage below which it takes up lithium",
        measured="reduction_measured",
    ),
    Quantity(
        "oxidation",
        ("material",),
        _VOLTS,
        "voltage above which it gives up lithium",
        measured="oxidation_measured",
    ),
    Quantity(
        "reduction_measured",
        ("material",),
        _VOLTS,
        "the same from measured enthalpies",
        partial(_measured, "reduction"),
    ),
    Quantity(
        "oxidation_measured",
        ("material",),
        _VOLTS,
        "the same from measured enthalpies",
        partial(_measured, "oxidation"),
    ),
    Quantity(
        "oxidised_to",
        ("material", "phase"),
        "per formula unit",
        "amount of a phase beyond the oxidation limit",
        partial(_becomes, "oxidation"),
    ),
    Quantity(
        "reduced_to",
        ("material", "phase"),
        "per formula unit",
        "amount of a phase beyond the reduction limit",
        partial(_becomes, "reduction"),
    ),
)


def worst_of(result: ScreenResult, cathode: str, coating: str | None, electrolyte: str) -> Any:
    """Return the pair of the more reactive of the two interfaces that a coating makes, or the bare one.

    Parameters
    ----------
    result : ScreenResult
    cathode, electrolyte : str
    coating : str or None
        None: bare.
    """
    pairs = {(pair.a, pair.b): pair for pair in result.pairs}
    sides = [(cathode, electrolyte)] if coating is None else [(cathode, coating), (coating, electrolyte)]
    return min((pairs[side] for side in sides), key=lambda pair: pair.mutual)


def _worst(found: _Screened, arguments: tuple[str, ...]) -> KeyNumber | None:
    cathode, coating, electrolyte = arguments
    result = found.result
    if result is None:
        return None
    asked = None if coating == "none" else coating
    known = {(row.cathode, row.coating, row.electrolyte) for row in result.ranking}
    if (cathode, asked, electrolyte) not in known:
        return None
    pair = worst_of(result, cathode, asked, electrolyte)
    return KeyNumber(
        quantity=f"Worst interface of {cathode} | {coating} | {electrolyte}: mutual energy of {pair.a} | {pair.b}",
        value=pair.mutual,
        unit="eV/atom",
        digits=3,
        tier=pair.tier,
        basis=rests_on(result.phase_set, result.sha256, result.reactions[pair.a, pair.b].tiers),
        uncertainty=pair.mutual_sigma,
        uncertainty_kind=SIGMA,
        x=pair.x,
        names=("worst", *arguments),
        detail=f"{pair.a} | {pair.b}",
    )


SCREEN_QUANTITIES: tuple[Quantity[_Screened], ...] = (
    Quantity(
        "worst",
        ("cathode", "coating or none", "electrolyte"),
        "eV/atom",
        "mutual energy of the more reactive interface that a coating makes",
        _worst,
    ),
)
