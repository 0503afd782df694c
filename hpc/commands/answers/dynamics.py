"""The answer on trajectories."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, Units

__all__ = ["Dynamics"]


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
