"""Answers from phase sets: reactions, windows, volumes, screens, and the sets themselves."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, PhaseSetPin, Units

__all__ = ["PhaseSets", "Reactions", "Screen", "Volumes", "Window"]

#: formula of a product to its coefficient
Products = dict[str, float]


class Parts(TypedDict):
    """Of the two reactants, eV/atom."""

    a: float
    b: float


class ReactionPoint(TypedDict):
    """A reaction at one mixing ratio: eV per atom of the reactants; x counts formula units of A, x_atom its atoms."""

    energy: Number
    x: Number
    x_atom: Number
    products: Products
    reaction: str


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

    mutual: Interval
    total: Interval
    self_a: Interval
    self_b: Interval
    x_atom: Interval


class ReactionUncertainty(TypedDict):
    """One standard deviation of each number, eV/atom, by sampling the entries' energies."""

    mutual: float
    total: float
    self: Parts
    x_atom: float
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


class VolumeShare(TypedDict):
    """What one substance takes of a volume, mL per mole of reaction."""

    side: Literal["before", "after"]
    formula: str
    coefficient: float
    contribution: float
    molar_volume: float
    kind: str
    source: str


class VolumeSource(TypedDict):
    """A molar volume, mL/mol, and where it comes from."""

    molar_volume: float
    kind: str
    source: str


class VolumeSum(TypedDict):
    """Volumes of one kind of density, mL/mol."""

    before: float
    after: float
    change: float


class VolumeChange(TypedDict):
    """Molar volumes before and after a reaction, mL/mol; lithium is taken up where positive."""

    reaction: str
    before: float
    after: float
    change: float
    change_percent: float
    contributions: list[VolumeShare]
    sources: dict[str, VolumeSource]
    by_kind: dict[str, VolumeSum]
    lithium: float
    notes: list[str]


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
    against_measurement: AgainstMeasurement
    by_potential: ByPotential
    stable: StableWithin
    reactants: Reactants
    tiers: dict[str, str]
    units: Units
    volumes: NotRequired[VolumeChange | None]
    open: NotRequired[OpenTo]
    mutual_per_conserved: NotRequired[ReactionPoint]
    map: NotRequired[Map]
    conditions: NotRequired[Conditions]


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
    reaction: str
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
