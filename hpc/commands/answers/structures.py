"""Answers on structures: the library, slabs, interfaces, orderings, defects."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Interval, Mesh, Number, Vector

__all__ = [
    "Interfaces",
    "Materials",
    "Orderings",
    "Reconstructions",
    "Slabs",
    "Substitutions",
    "Vacancies",
]


class LibraryRow(TypedDict):
    """A material of the library."""

    name: str
    role: str
    formula: str
    spacegroup: str
    n_atoms: float
    disordered: bool
    title: str
    source: str


class MaterialInFull(TypedDict):
    """A material of the library: what its YAML says, and what follows from it (Å, Å³, g/cm³)."""

    name: str
    title: str
    formula: str
    role: str
    space_group: str
    spacegroup: str
    lattice: dict[str, Number]
    sites: list[dict[str, Any]]
    magnetism: dict[str, Any]
    density: dict[str, Any] | None
    ordered_cell: dict[str, Any] | None
    arrangements: dict[str, Any] | None
    aliases: list[str]
    source: str
    license: str
    molecular: bool
    composition: str
    n_atoms: float
    volume: float
    density_calculated: float
    disordered: bool
    says: str
    notes: str


class SpeciesRow(TypedDict):
    """A species of a structure file: how many there are in its cell, and the moment that one starts with, µB."""

    species: str
    amount: float
    spin: str
    moment: float


class StructureFile(Answer):
    """What a structure file was read as: Å, degrees, Å³, g/cm³."""

    file: str
    name: str
    formula: str
    composition: str
    n_atoms: float
    lattice: list[float]
    volume: float
    density_calculated: float
    spacegroup: str | None
    shortest_distance: Number
    species: list[SpeciesRow]
    disordered: bool
    ordered_cell: dict[str, Any] | None
    miller_axes: Vector
    miller_axes_are_the_files: bool
    yaml: NotRequired[str]


#: of ``materials``: the library, one material of it, or a structure file
Materials = list[LibraryRow] | MaterialInFull | StructureFile


class Bulk(TypedDict):
    """The cell that slabs are cut from."""

    formula: str
    n_atoms: int


class Slab(TypedDict):
    """A slab: Å, Å², dipoles e/Å, cut bonds 1/Å²."""

    termination: str
    bottom: str
    miller: Mesh
    tasker: int
    symmetric: bool
    stoichiometric: bool
    reconstructed: bool
    dipole: float
    repeat_dipole: float
    polar: bool
    broken_bonds: float
    broken_strength: float
    formula: str
    n_atoms: int
    layers: float
    area: float
    thickness: float
    vacuum: float
    net_moment: float
    shift: float
    file: str | None


class Slabs(Answer):
    """All terminations of a facet."""

    material: str
    miller: Mesh | None
    bulk: Bulk
    conventional_axes: list[Vector]
    slabs: list[Slab]


class Limits(TypedDict):
    """What a cell may cost."""

    max_atoms: int
    max_strain: float
    max_principal_strain: Number
    max_area_change: Number


class Joint(TypedDict):
    """Where two slabs meet: Å, eV/Å²."""

    below: str
    above: str
    gap: float
    interaction: float


class Interface(TypedDict):
    """A coherent stack: Å, Å², eV/Å², e/Å."""

    n_atoms: int
    formula: str
    strain: float
    area: float
    min_distance: float
    min_pair: str
    a_miller: Mesh
    b_miller: Mesh
    layer_miller: NotRequired[Mesh]
    a_termination: str
    b_termination: str
    layer_terminations: NotRequired[list[str]]
    form: str
    gaps: list[float]
    empty: float
    cell: list[Vector]
    strains: dict[str, float]
    principal_strains: dict[str, Interval]
    area_changes: dict[str, float]
    orientation: tuple[int, int]
    atoms: dict[str, int]
    thickness: dict[str, float]
    bulk_vectors: dict[str, list[Vector]]
    shifts: list[Interval]
    interaction: list[float]
    joints: list[Joint]
    polarity: str
    charge: float
    dipoles: list[float]
    repeat_dipoles: list[float]
    contact_charges: list[Interval]
    verdict: str
    checks: dict[str, str]
    file: str | None


class Interfaces(Answer):
    """The Pareto front over atoms, strain and area."""

    a: str
    layer: str | None
    b: str
    form: str
    limits: Limits
    strain_share: dict[str, float]
    energy: str
    interfaces: list[Interface]


class Ordering(TypedDict):
    """An arrangement; energies in `score_unit` of the sampling."""

    formula: str
    score: float
    above_lowest: float
    ewald: Number
    n_atoms: int
    file: str | None


class Orderings(Answer):
    """Distinct arrangements, the best first."""

    material: str
    orderings: list[Ordering]
    sampling: dict[str, Any]


class Vacancy(TypedDict):
    """A cell with vacancies: eV, Å."""

    kind: str
    number: int
    formula: str
    removed: list[int]
    energy: Number
    oxidised: dict[str, int]
    charge: float
    vacancy_vacancy: list[float]
    nearest_metal: list[dict[str, Any]]
    file: str | None
    environment: NotRequired[str]
    bridge: NotRequired[str]
    multiplicity: NotRequired[int]


class OxygenSite(TypedDict):
    """Equivalent oxygen atoms; Å."""

    index: int
    members: list[int]
    environment: str
    bridge: str
    mean_distance: float


class Vacancies(Answer):
    """Vacancies of lithium and oxygen."""

    material: str
    n_atoms: int
    vacancies: list[Vacancy]
    sampling: dict[str, Any] | None
    oxygen_sites: list[OxygenSite]


class Reconstruction(TypedDict):
    """A slab whose outer layers became rock salt."""

    slab: str
    layer: str
    before: str
    formula: str
    n_atoms: int
    converted_cations: int
    converted_oxygen: int
    mass_balance: dict[str, int]
    ions: dict[str, int]
    redox: dict[str, int]
    mismatch: Number
    net_moment: float
    file: str | None


class Reconstructions(Answer):
    """Rock-salt layers on a slab."""

    slab: str
    layers: int
    faces: str
    reconstructions: list[Reconstruction]


class Place(TypedDict):
    """A distinct place of a substituted ion; eV per cell."""

    site: int
    replaced: str
    label: str
    neighbours: dict[str, int]
    multiplicity: int
    exchanged: dict[str, Any] | list[int] | int | None
    ions: dict[str, int]
    removed: list[int]
    energy: Number
    relative: Number
    bridges: dict[str, list[int]] | None
    file: str | None


class Substitutions(Answer):
    """One ion on every distinct place."""

    material: str
    ion: str
    leaving: str
    compensation: str
    ranked_by: str
    formula: str
    places: list[Place]
