"""Answers on molar volumes."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from .common import Answer, Number, PhaseSetPin, Units

__all__ = ["VolumeChange", "Volumes"]


class VolumeShare(TypedDict):
    """What one substance takes of a volume, mL per mole of reaction."""

    side: Literal["before", "after"]
    formula: str
    coefficient: float
    contribution: Number
    molar_volume: Number
    kind: str | None
    source: str | None


class VolumeSource(TypedDict):
    """A molar volume, mL/mol, and where it comes from."""

    molar_volume: float
    kind: str
    source: str


class VolumeSum(TypedDict):
    """Volumes of one kind of density, mL/mol."""

    before: Number
    after: Number
    change: Number


class VolumeChange(TypedDict):
    """Molar volumes before and after a reaction, mL/mol; lithium is taken up where positive."""

    reaction: str
    before: Number
    after: Number
    change: Number
    change_percent: Number
    contributions: list[VolumeShare]
    sources: dict[str, VolumeSource]
    by_kind: dict[str, VolumeSum]
    lithium: float
    notes: list[str]


class VolumeStep(TypedDict):
    """A step of the ladder, mL/mol."""

    voltage: float
    direction: Literal["oxidation", "reduction"]
    reaction: str
    before: Number
    after: Number
    change: Number
    change_percent: Number
    notes: list[str]


class Volumes(Answer):
    """Molar volumes before and after a decomposition, mL/mol, each with its source."""

    phase_set: PhaseSetPin
    material: str
    voltage: Number
    reaction: str
    before: float
    after: float
    change: float
    change_percent: float
    contributions: list[VolumeShare]
    sources: dict[str, VolumeSource]
    by_kind: dict[str, VolumeSum]
    lithium: float
    steps: list[VolumeStep]
    units: Units
