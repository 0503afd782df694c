"""Quantities of molecular dynamics: bond events against the control, and units that lost a bond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from ...motion.study import MotionStudy
from ..content import KeyNumber
from ..quantity import Quantity

__all__ = ["MOTION_QUANTITIES"]


class _Studies(Protocol):
    @property
    def studies(self) -> Mapping[str, MotionStudy]: ...


def _events(found: _Studies, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Events of one kind, those of the control taken off; nought counts."""
    label, kind = arguments
    study = found.studies.get(label)
    rate = next((one for one in study.rates() if one.kind.replace("–", "-") == kind), None) if study else None
    if study is None or rate is None:
        return None
    return KeyNumber(
        f"{label}: {rate.kind} in {study.motion.ledger.duration / 1000:g} ps",
        rate.count if rate.excess is None else rate.excess,
        "events",
        1,
        study.spec.tier,
        f"{study.motion.n_frames} frames",
        rate.sigma,
        "1σ of counting statistics" if rate.sigma is not None else "",
        names=("events", *arguments),
    )


def _lost(found: _Studies, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Share of the units of a kind that lost a bond."""
    label, unit = arguments
    study = found.studies.get(label)
    curve = next((one for one in study.survival() if one.unit == unit), None) if study else None
    if study is None or curve is None:
        return None
    share = curve.n_lost / curve.n_units
    error = math.sqrt(max(curve.n_lost, 1)) / curve.n_units
    basis = f"{curve.n_lost} of {curve.n_units} in {study.motion.ledger.duration / 1000:g} ps"
    quantity, kind = f"{label}: share of {unit} that lost a bond", "1σ of counting statistics"
    return KeyNumber(quantity, share, "share", 2, study.spec.tier, basis, error, kind, names=("lost", *arguments))


MOTION_QUANTITIES: tuple[Quantity[_Studies], ...] = (
    Quantity(
        "events", ("run", "kind"), "events", "bond events above the control", _events, step="interface", hypothesis=True
    ),
    Quantity(
        "lost",
        ("run", "unit"),
        "share",
        "units that lost a bond",
        _lost,
        step="interface",
        hypothesis=True,
        bounds=(0.0, 1.0),
    ),
)
