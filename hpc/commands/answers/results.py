"""Answers on results: band centres, trajectories, layers, claims, exports."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, Units, Vector

__all__ = ["BandCenters", "Claims", "Dynamics", "Export", "Layers", "Void"]


class Center(TypedDict):
    """A band centre: eV from its reference, over a window; `states` per site."""

    element: str
    environment: str
    sites: list[int]
    spin: str
    window: str
    bounds: Interval
    reference: str
    reference_energy: float
    center: float
    states: float
    semicore_fraction: Number
    arbitrary: bool
    note: str
    orbital: str
    n_atoms: int


class CenterSpread(TypedDict):
    """By how much a centre moves with the reference, eV."""

    environment: str
    spin: str
    all: Number
    band_edges: Number


class DepthCenter(TypedDict):
    """Centres of one plane or layer along c, eV; height in Å."""

    label: str
    kind: str
    layer: str
    height: Number
    environments: list[str]
    moments: list[float] | dict[str, float] | None
    n_atoms: int
    states: float
    centers: dict[str, float]
    spread: Number
    level: Number


class LayerAlong(TypedDict):
    """A layer of a stack, Å, and its averaged potential, eV."""

    layer: str
    bottom: float
    top: float
    n_planes: int
    potential: dict[str, Any] | None


class VacuumLevel(TypedDict):
    """The electrostatic energy in the vacuum, eV."""

    above: Number
    below: Number
    variation: Number
    energy: Number
    flat: bool


class BandCenters(Answer):
    """Band centres at every available reference, eV."""

    formula: str
    centers: list[Center]
    gap: Number
    efermi: float
    spread: list[CenterSpread]
    unavailable: dict[str, str]
    depth: NotRequired[list[DepthCenter]]
    layers: NotRequired[list[LayerAlong]]
    vacuum: NotRequired[VacuumLevel | None]


class Cutoff(TypedDict):
    """A bond's cutoff, and where it forms and breaks, Å."""

    pair: str
    cutoff: float
    form: float
    broken: float
    source: str
    coordination: Number
    plateau: Number


class BondEvent(TypedDict):
    """A bond that formed or broke, fs."""

    kind: str
    atoms: list[int]
    formed: Number
    broken: Number


class Rate(TypedDict):
    """Events of one kind against the control."""

    kind: str
    count: int
    lasting: int
    per_area: Number
    per_area_sigma: Number
    control: float | None
    expected: Number
    excess: Number
    sigma: Number
    limit: Number


class Contact(TypedDict):
    """Where two layers meet; the gap in Å."""

    lower: str
    upper: str
    gap: float


class Coordination(TypedDict):
    """Neighbours within a cutoff (Å) along the run (fs)."""

    pair: str
    cutoff: float
    n_centers: int
    mean: float
    first: float
    last: float
    mean_distortion: Number
    histogram: dict[str, float]
    times: list[float]
    series: list[float]
    distortion: list[Number]


class Survival(TypedDict):
    """Fraction of units that are whole, with its band of confidence, over time (fs)."""

    unit: str
    n_units: int
    n_lost: int
    n_replicas: int
    median: Number
    confidence: float
    times: list[float]
    fraction: list[float]
    low: list[Number]
    high: list[Number]


class Migrant(TypedDict):
    """An atom that went into another layer: fs, Å."""

    atom: int
    element: str
    layer: str
    time: float
    distance: float


class Fragments(TypedDict):
    """Groups of bonded atoms by formula, at both ends of the run."""

    start: dict[str, int]
    end: dict[str, int]


class Drift(TypedDict):
    """Slope of a conserved or averaged quantity."""

    quantity: str
    unit: str
    mean: float
    std: float
    slope: float
    sigma: float


class PairFunctions(TypedDict):
    """g(r), r in Å."""

    r: list[float]
    g: dict[str, list[float]]
    n_frames: int


class Diffusivity(TypedDict):
    """Self-diffusion of one species, cm²/s; a limit where nothing diffuses."""

    species: str
    layer: str | None
    n_atoms: int
    value: Number
    sigma: Number
    interval: Interval | None
    start: Number
    end: Number
    limit: Number
    exponent: Number
    note: str
    left_out: Number
    kinisi: dict[str, Any] | float | None
    in_plane: Number
    in_plane_sigma: Number
    normal: Number
    normal_sigma: Number
    tensor: list[list[float]] | None
    n_paths: int


class Displacement(TypedDict):
    """Mean squared displacement, Å², over lags, fs."""

    species: str
    layer: str | None
    n_atoms: int
    lags: list[float]
    msd: list[float]


class Profile(TypedDict):
    """Densities along the normal."""

    heights: list[float]
    density: dict[str, list[float]]


class Trajectory(TypedDict):
    """A control or a replica: times in fs."""

    name: str
    n_frames: int
    n_atoms: int
    start: float
    end: float
    counts: dict[str, int]
    initial_bonds: dict[str, int]


class Dynamics(Answer):
    """What a trajectory shows; units stand in `units`."""

    timestep: float
    n_frames: int
    n_atoms: int
    formula: str
    start: float
    end: float
    tier: str | None
    label: str
    persistence: float
    cutoffs: list[Cutoff]
    events: list[BondEvent]
    counts: dict[str, int]
    lasting: dict[str, int]
    rates: list[Rate]
    area: Number
    interfaces: list[Contact] | None
    coordination: list[Coordination]
    survival: list[Survival]
    released_oxygen: list[dict[str, Any]]
    migrants: list[Migrant] | None
    species: Fragments
    score: dict[str, Any] | float | None
    drift: list[Drift]
    pair_functions: PairFunctions
    diffusivity: list[Diffusivity]
    msd: list[Displacement]
    density_profile: Profile | None
    controls: list[Trajectory]
    replicas: list[Trajectory]
    units: Units
    files: list[str]


class Layer(TypedDict):
    """A layer or an atomic plane of a layered oxide, Å."""

    kind: str
    role: NotRequired[str]
    thickness: NotRequired[Number]
    o_o: NotRequired[Number]
    lithium: float
    metal: float
    sites: NotRequired[float]
    structure: NotRequired[str]
    segregation: NotRequired[list[float]]
    height: NotRequired[Number]
    s_mo2: NotRequired[Number]
    i_lio2: NotRequired[Number]


class Mixing(TypedDict):
    """Fractions of ions in the other layer."""

    tm_in_li_layer: Number
    li_in_tm_layer: Number


class Layers(Answer):
    """Geometry of a layered oxide, Å."""

    file: str
    formula: str
    n_atoms: int
    structure: str
    shares: dict[str, float]
    s_mo2: Number
    i_lio2: Number
    repeat: Number
    o_o_li_layer: Number
    o_o_in_plane: Number
    mixing: Mixing
    segregation: list[float]
    normal: Vector
    inclination: Number
    layers: list[Layer]
    stacking: list[Layer]
    n_oxygen: int
    left_out: int
    domains: dict[str, Any] | None
    files: list[str]


class KeyNumber(TypedDict):
    """A number that a claim rests on."""

    name: str
    quantity: str
    value: Number
    half_width: Number
    unit: str
    tier: str
    evidence: str
    detail: str


class Claim(TypedDict):
    """A claim and its verdict."""

    source: str
    claim: str
    comparison: str | None
    printed: str
    value: Number
    unit: str
    digits: int
    interval: Interval | None
    limit: Number
    tier: str
    verdict: str
    reason: str
    cause: str
    measured: str
    evidence: str
    chapters: list[str]
    numbers: list[KeyNumber]


class Claims(Answer):
    """Verdicts on what sources claim; `counts` by source and verdict."""

    claims: list[Claim]
    counts: dict[str, dict[str, int]]


class TrainingSet(TypedDict):
    """Calculations of one level of theory in one file."""

    name: str
    file: str
    calculations: int
    atoms: int
    elements: list[str]
    signature: dict[str, Any]


class TrainingSets(Answer):
    """Training sets, and how many calculations were left out by reason."""

    scales: list[TrainingSet]
    left_out: dict[str, int]


class ExportedJob(Answer):
    """Files of one job."""

    job: str
    key: str
    files: list[str]


#: of ``export``: training sets, or one job's files
Export = TrainingSets | ExportedJob


class VoidCell(TypedDict):
    """A cell of the composite: mAh per gram of cathode, µL per gram of composite."""

    capacity: float
    change: float
    breath: float
    equal_charge: Number


class Void(Answer):
    """What opens the void in a composite."""

    cathode: str
    tier: str
    removed: list[float]
    relative_volume: list[float]
    electrolyte: str
    electrons: float
    volume_per_charge: float
    whole_charge: float
    cells: list[VoidCell]
    lost: Number
    verdict: str
    sources: list[str]
