"""Answers on reactions of pairs: at each mixing ratio, at a voltage, under gases."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, PhaseSetPin, Units
from .volumes import VolumeChange

__all__ = ["ByPotential", "Conditions", "OpenTo", "Reactions"]

#: formula of a product to its coefficient
Products = dict[str, float]


class Parts(TypedDict):
    """Of the two reactants, eV/atom; null for one that is taken on the hull."""

    a: Number
    b: Number


class ReactionPoint(TypedDict):
    """A reaction at one mixing ratio: eV per atom of the reactants; x counts formula units of A, x_atom its atoms."""

    energy: Number
    x: Number
    x_atom: Number
    products: Products
    reaction: str | None


class Kink(TypedDict):
    """A corner of the energy along the mixing ratio; σ and intervals (16th to 84th percentile) of the sampled set."""

    x: float
    x_atom: float
    mutual: float
    total: float
    mutual_sigma: float
    total_sigma: float
    mutual_interval: Interval
    total_interval: Interval
    products: Products
    reaction: str
    exchange: NotRequired[dict[str, float]]
    conserved: NotRequired[float]


class UncertaintyIntervals(TypedDict):
    """16th to 84th percentile of each number."""

    mutual: Interval | None
    total: Interval | None
    self_a: Interval | None
    self_b: Interval | None
    x_atom: Interval | None


class ReactionUncertainty(TypedDict):
    """One standard deviation of each number, eV/atom, by sampling the entries' energies."""

    mutual: float
    total: float
    self: Parts
    x_atom: Number
    unit: str
    intervals: UncertaintyIntervals
    interval_unit: str
    samples: int
    method: str


class Measured(TypedDict):
    """An energy beside measured enthalpies: its error, and what these give by themselves."""

    error: Number
    value: Number
    sigma: Number


class AgainstMeasurement(TypedDict):
    """Mutual and total energies beside measured enthalpies, eV/atom."""

    mutual: Measured
    total: Measured
    reaction: str | None
    measured: list[str]
    computed: list[str]
    reason: str | None
    unit: str


class ByPotential(TypedDict):
    """The number by each potential's entries, and their largest difference."""

    values: dict[str, Number]
    difference: Number


class StableWithin(TypedDict):
    """Probability that less than the threshold (eV/atom) is released."""

    threshold: float
    probability: StableProbabilities


class StableProbabilities(TypedDict):
    """By part of the energy."""

    mutual: float
    total: float


class Reactant(TypedDict):
    """A reactant as the set knows it; eV/atom above the hull, and what it decomposes to."""

    label: str
    formula: str
    entry: str | None
    tier: str | None
    energy_above_hull: Number
    decomposition: Products
    note: str


class Reactants(TypedDict):
    """Both reactants."""

    a: Reactant
    b: Reactant


class Gases(TypedDict):
    """Gases and what they fix: K, bar, eV per atom."""

    temperature: float
    pressures: dict[str, float]
    potentials: dict[str, float]
    fixed_by: dict[str, str]
    oxygen_pressure: NotRequired[Number]
    units: Units


class OpenTo(TypedDict):
    """What the system exchanges: a voltage (V vs Li/Li+), oxygen (eV per O2), gases."""

    voltage: Number
    oxygen: Number
    gases: NotRequired[Gases]
    units: Units


class MapInterphase(TypedDict):
    """A range of voltages with one set of products."""

    low: float
    high: float
    mutual: Interval
    against_measurement: list[AgainstMeasurement]
    x: Number
    products: Products
    reaction: str | None


class Map(TypedDict):
    """Energies over voltage (rows) and mixing ratio (columns), eV/atom."""

    phase_set: PhaseSetPin
    a: str
    b: str
    oxygen: Number
    gases: NotRequired[Gases]
    voltages: list[float]
    x: list[float]
    x_atom: list[float]
    mutual: list[list[float]]
    total: list[list[float]]
    interphases: list[MapInterphase]
    units: Units


class Conditions(TypedDict):
    """Temperature (K), model of the solids, gases (bar)."""

    temperature: float
    solids: str
    solid_error: Number
    gases: dict[str, float] | None
    phase_set: PhaseSetPin
    units: Units


class Reactions(Answer):
    """Reaction energies of A and B, eV per atom of the reactants: self, mutual and total, never mixed."""

    phase_set: PhaseSetPin
    self: Parts
    mutual: ReactionPoint
    total: ReactionPoint
    kinks: list[Kink]
    uncertainty: ReactionUncertainty
    against_measurement: AgainstMeasurement | None
    by_potential: ByPotential | None
    stable: StableWithin
    reactants: Reactants
    tiers: dict[str, str]
    units: Units
    volumes: NotRequired[VolumeChange | None]
    open: NotRequired[OpenTo]
    mutual_per_conserved: NotRequired[ReactionPoint]
    map: NotRequired[Map]
    conditions: NotRequired[Conditions]
