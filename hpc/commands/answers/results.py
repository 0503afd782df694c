"""Answers on results: band centres, layers, claims, exports."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Number, Vector

__all__ = ["BandCenters", "Claims", "Export", "Layers", "Void"]


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
    n_frames: NotRequired[int]
    series: NotRequired[dict[str, Any]]


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
