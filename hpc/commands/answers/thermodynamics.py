"""Answers from phase sets: windows, screens, and the sets themselves."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, PhaseSetPin, Units
from .reactions import ByPotential, Conditions, OpenTo

__all__ = ["PhaseSets", "Screen", "Window"]


class LadderStep(TypedDict):
    """A voltage at which the equilibrium changes, V vs Li/Li+; Li per formula unit."""

    voltage: float
    voltage_sigma: float
    voltage_interval: Interval
    reaction: str
    lithium: float
    step: str
    step_lithium: float


class LimitIntervals(TypedDict):
    """16th to 84th percentile, V."""

    reduction: Interval
    oxidation: Interval | None


class WindowUncertainty(TypedDict):
    """One standard deviation of both limits, V."""

    reduction: float
    oxidation: Number
    intervals: LimitIntervals
    unit: str
    samples: int


class MeasuredLimit(TypedDict):
    """A limit beside measured enthalpies, V."""

    error: Number
    value: Number
    sigma: Number
    reaction: str | None
    basis: str


class Electrode(TypedDict):
    """A couple of electrode materials, V vs Li/Li+."""

    lithiated: str
    delithiated: str
    computed: float
    sigma: float
    error: Number
    measured: Number
    deviation: Number
    source: str
    note: str


class Window(Answer):
    """Stability window and ladder, V vs Li/Li+."""

    phase_set: PhaseSetPin
    open: NotRequired[OpenTo]
    material: str
    formula: str
    entry: str | None
    tier: str | None
    reduction: float
    oxidation: Number
    reduction_reaction: str
    oxidation_reaction: str | None
    ladder: list[LadderStep]
    energy_above_hull: Number
    energy_shift: Number
    uncertainty: WindowUncertainty
    tiers: dict[str, str]
    note: str
    published: tuple[Number, Number] | None
    units: Units
    against_measurement: dict[str, MeasuredLimit]
    by_potential: dict[str, ByPotential]
    electrodes: list[Electrode]
    conditions: NotRequired[Conditions]


class ScreenCathode(TypedDict):
    """A cathode at a fraction of its lithium."""

    label: str
    cathode: str
    lithium: float
    substance: str


class ScreenPair(TypedDict):
    """Two substances that touch; eV/atom."""

    kind: str
    a: str
    b: str
    a_formula: str
    b_formula: str
    mutual: float
    mutual_sigma: float
    total: float
    total_sigma: float
    mutual_error: Number
    measured: Number
    measured_sigma: Number
    measured_basis: str
    x: Number
    reaction: str
    on_hull: str
    tier: str


class ScreenWindow(TypedDict):
    """The window of a coating or electrolyte against the operating range, V vs Li/Li+."""

    material: str
    role: str
    reduction: float
    oxidation: Number
    energy_above_hull: Number
    low: float
    high: float
    measured_reduction: Number
    measured_oxidation: Number
    shortfall: float
    covers: bool


class ScreenRank(TypedDict):
    """A cathode, a coating or none, and an electrolyte; eV/atom, the worst interface counts."""

    cathode: str
    lithium: float
    electrolyte: str
    coating: str | None
    bare: float
    cathode_coating: Number
    coating_electrolyte: Number
    worst: float
    gain: float
    reduction: Number
    oxidation: Number
    shortfall: Number
    covers: bool | None
    held: Number
    open_inner: Number
    open_outer: Number
    open_worst: Number
    rank: int
    open_rank: int | None


class Screen(Answer):
    """All pairs of cathodes, coatings and electrolytes, ranked."""

    phase_set: PhaseSetPin
    operating_range: Interval
    cathodes: list[ScreenCathode]
    electrolytes: list[str]
    coatings: list[str]
    pairs: list[ScreenPair]
    windows: list[ScreenWindow]
    ranking: list[ScreenRank]
    units: Units
    files: list[str]


#: deviation of a class of compounds from measured enthalpies of formation
PhaseSetError = TypedDict("PhaseSetError", {"tier": str, "class": str, "compounds": int, "mae": float})


class PhaseSet(TypedDict):
    """A phase set; what is told beyond its identity depends on what was asked."""

    name: str
    version: str
    elements: list[str]
    entries: int
    scale: str
    sha256: str
    file: str
    description: NotRequired[str]
    sources: NotRequired[dict[str, dict[str, str | None]]]
    tiers: NotRequired[dict[str, int]]
    entries_by_number_of_elements: NotRequired[dict[str, int]]
    on_the_hull: NotRequired[int]
    without_volume: NotRequired[list[str]]
    measured: NotRequired[list[PhaseSetError]]
    units: NotRequired[Units]


class PhaseSets(Answer):
    """Phase sets, and the folder of one's own."""

    sets: list[PhaseSet]
    folder: NotRequired[str]
