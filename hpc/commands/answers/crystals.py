"""Answers on what potentials say of crystals and glasses."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Mesh, Number

__all__ = ["Barriers", "Conductivity", "Elasticity", "Glass"]


class GlassStage(TypedDict):
    """A packed or quenched glass: g/cm³, Å."""

    stage: str
    density: float
    boron_coordination: NotRequired[dict[str, float]]
    n4: NotRequired[Number]
    mean_bond: NotRequired[Number]
    shortest: Number
    file: str | None


class Glass(Answer):
    """A glass, stage by stage."""

    formula: str
    x: Number
    n_atoms: int
    seed: int
    stages: list[GlassStage]
    density: dict[str, Any]


class Beside(TypedDict):
    """The nearest other ion, Å."""

    element: str
    distance: float


class Hop(TypedDict):
    """A hop of an ion: Å; barriers and energies eV."""

    hop: int
    start: int
    end: int
    image: Mesh
    length: float
    multiplicity: int
    beside: Beside
    relaxed_length: NotRequired[float]
    tier: NotRequired[str]
    element: NotRequired[str]
    forward: NotRequired[float]
    backward: NotRequired[float]
    difference: NotRequired[float]
    path: NotRequired[list[float]]
    energies: NotRequired[list[float]]
    bottleneck: NotRequired[Beside]
    coordination: NotRequired[list[int]]
    others: NotRequired[list[dict[str, Any]]]


class Barriers(Answer):
    """Hops of an ion, and the lowest barrier that percolates in one, two and three directions, eV."""

    material: str
    element: str
    engine: str
    supercell: Mesh
    formula: str
    n_atoms: int
    hops: list[Hop]
    lowest: dict[str, Number] | None
    files: list[str]


class TemperaturePoint(TypedDict):
    """Diffusion at one temperature: K, cm²/s, S/cm."""

    temperature: float
    value: Number
    sigma: Number
    conductivity: Number
    jumps: float
    n_replicas: int
    problem: str


class Conductivity(Answer):
    """Ionic conductivity over temperature: eV, S/cm."""

    material: str
    element: str
    tier: str
    points: list[TemperaturePoint]
    activation_energy: Number
    activation_energy_interval: Interval | None
    reduced_chi2: Number
    room_temperature: float
    room_conductivity: Number
    room_conductivity_interval: Interval | None
    extrapolated: bool
    problem: str
    engine: str
    supercell: Mesh
    n_atoms: int
    files: list[str]


class Modulus(TypedDict):
    """A modulus, GPa."""

    reuss: float
    voigt: float
    hill: float


class CleavageRow(TypedDict):
    """What parts a crystal along a facet, J/m²: twice the surface energy, relaxed and with the slab as it was cut."""

    facet: list[int]
    relaxed: float
    unrelaxed: float | None
    n_atoms: int


class Elasticity(Answer):
    """Elastic tensor in Voigt's notation, GPa, and what follows from it."""

    material: str
    engine: str
    tier: str
    tensor: list[list[float]]
    bulk: Modulus
    shear: Modulus
    pugh: float
    young: float
    poisson: float
    anisotropy: float
    smallest_eigenvalue: float
    residual: float
    n_strains: int
    cleavage: CleavageRow | None
