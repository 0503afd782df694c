"""What can be asked for: frozen, validated specifications, one class per YAML section.

Every quantity carries its unit in the field description and accepts ``"number unit"`` strings.
Unknown keys are errors. Nothing here computes or reads a file.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from .units import (
    BohrMagneton,
    Degree,
    ElectronVolt,
    ElectronVoltPerAngstrom,
    Femtosecond,
    GramPerCubicCentimetre,
    Kelvin,
    NonNegativeElectronVolt,
    PositiveAngstrom,
    PositiveElectronVolt,
    Volt,
)

__all__ = [
    "CHARGED",
    "BandCenterSpec",
    "BulkStep",
    "Choice",
    "Density",
    "DynamicsPart",
    "ElectronicStep",
    "Lattice",
    "Magnetism",
    "Material",
    "Method",
    "NamedDecomposition",
    "OrderedCell",
    "ProductionStep",
    "ReactionStep",
    "Recipe",
    "Role",
    "ScreenStep",
    "Site",
    "Spec",
    "StatedSetting",
    "Tier",
    "VolumeStep",
    "WindowStep",
]

Tier = Literal["vasp", "gpaw", "chgnet", "rehearsal"]
Role = Literal["cathode", "rock salt", "boundary phase", "coating", "electrolyte", "anode", "product"]
#: what the first moment is taken over; all computed bands is not on offer (FACTS: an artefact of the band count)
WindowName = Literal["occupied", "range"]
#: end of the name of a cathode with less lithium: NCM811-x0.5
CHARGED = r"-x(0|1|0?\.\d+)$"
ReferenceName = Literal["vbm", "cbm", "midgap", "fermi", "o1s", "o2s", "average_potential", "vacuum"]


def _fraction(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{value!r} is neither a number nor a fraction such as '1/3'") from None
    return value


Fractional = Annotated[float, BeforeValidator(_fraction), Field(allow_inf_nan=False)]
Occupancy = Annotated[float, BeforeValidator(_fraction), Field(gt=0, le=1)]
Mesh = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class Spec(BaseModel):
    """Base of all specifications: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lattice(Spec):
    """Conventional cell (hexagonal axes for rhombohedral groups)."""

    a: PositiveAngstrom = Field(description="Å")
    b: PositiveAngstrom | None = Field(None, description="Å; equal to a where left out")
    c: PositiveAngstrom | None = Field(None, description="Å; equal to a where left out")
    alpha: Degree = Field(90.0, description="degrees")
    beta: Degree = Field(90.0, description="degrees")
    gamma: Degree = Field(90.0, description="degrees")


class Site(Spec):
    """One Wyckoff position: the space group makes the rest."""

    label: str
    species: dict[str, Occupancy] = Field(description="species with oxidation state, e.g. Co3+, to its occupancy (0-1]", min_length=1)
    position: tuple[Fractional, Fractional, Fractional] = Field(description="fractional coordinates in the conventional cell")

    @model_validator(mode="after")
    def _occupancy_at_most_one(self) -> Site:
        total = sum(self.species.values())
        if total > 1 + 1e-6:
            raise ValueError(f"occupancies of site {self.label!r} add up to {total:.4f}, more than 1")
        return self


class Magnetism(Spec):
    """Magnetic order and spin state; moments follow from oxidation state and ligand field."""

    order: Literal["nonmagnetic", "ferromagnetic", "AFM-II", "AFM-sublattice"] = Field(
        description="AFM-II: ferromagnetic (111) planes of a rock salt, alternating; "
        "AFM-sublattice: the sites of one Wyckoff position alternate (spinel A sites)"
    )
    spin_states: dict[str, Literal["high", "low"]] = Field(default_factory=dict, description="species, e.g. Co3+, to its spin state; high where left out")
    expected_moments: dict[str, BohrMagneton] = Field(default_factory=dict, description="µB, |moment| expected after the run, per species, from the source")
    source: str = ""


class Density(Spec):
    """Experimental density."""

    value: GramPerCubicCentimetre = Field(description="g/cm³")
    kind: Literal["crystal", "pellet", "liquid", "gas"] = Field(
        "crystal", description="how it was measured: X-ray/pycnometer crystal density, or a pressed pellet"
    )
    source: str


class OrderedCell(Spec):
    """The cell in which partial occupancies are resolved, and how."""

    supercell: Mesh = Field((1, 1, 1), description="multiples of the conventional cell, or of the primitive cell where `primitive` is true")
    primitive: bool = Field(False, description="resolve in the primitive cell")
    composition: str | None = Field(None, description="the exact composition of the ordered cell, e.g. Li30Ni15Mn9Co6O60; from the occupancies where left out")


class Material(Spec):
    """One row of the library: a crystal with everything the pipeline needs to know of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    title: str = Field(description="the name a reader knows, e.g. lithium cobalt oxide")
    formula: str = Field(description="formula unit")
    role: Role
    space_group: str = Field(description="Hermann-Mauguin symbol (hexagonal axes for R groups), as pymatgen reads it")
    lattice: Lattice
    sites: tuple[Site, ...] = Field(min_length=1)
    magnetism: Magnetism = Magnetism(order="nonmagnetic")
    density: Density | None = None
    ordered_cell: OrderedCell | None = Field(None, description="needed where an occupancy is partial")
    aliases: tuple[str, ...] = ()
    source: str = Field(description="where lattice and positions come from", min_length=8)
    license: str = Field(description="licence or status of the numbers taken, e.g. 'facts, cited'")
    notes: str = ""
    molecular: bool = Field(False, description="held together by dispersion: relaxed volumes are meaningless, the experimental density is used")

    @property
    def disordered(self) -> bool:
        """True where at least one site is shared or partly empty."""
        return any(len(s.species) > 1 or abs(sum(s.species.values()) - 1) > 1e-6 for s in self.sites)

    @model_validator(mode="after")
    def _disordered_needs_a_cell(self) -> Material:
        if self.disordered and self.ordered_cell is None:
            raise ValueError("partial occupancies need the key 'ordered_cell'")
        return self


class StatedSetting(Spec):
    """A setting that the source states."""

    setting: str
    value: str


class Choice(Spec):
    """A setting that the source leaves open, what was chosen, and why."""

    setting: str
    value: str
    reason: str


class Method(Spec):
    """The level of theory of an electronic-structure step."""

    functional: Literal["PBE"] = "PBE"
    hubbard_u: dict[str, NonNegativeElectronVolt] = Field(default_factory=dict, description="eV, Dudarev U on the d shell per element; 0 must be written out")
    cutoff: PositiveElectronVolt = Field(description="eV, plane-wave cutoff")
    kpoints: Mesh = Field(description="Γ-centred or Monkhorst-Pack divisions along the three reciprocal axes of the cell that runs")
    smearing: PositiveElectronVolt = Field(0.05, description="eV, Fermi-Dirac width")
    spin_polarized: bool = True

    @field_validator("hubbard_u", mode="before")
    @classmethod
    def _elements(cls, table: Any) -> Any:
        return _check_elements(table)


class BulkStep(Spec):
    """Relaxation of bulk cells."""

    engine: str = "chgnet"
    materials: tuple[str, ...] = Field(min_length=1)
    max_force: ElectronVoltPerAngstrom = Field(0.01, description="eV/Å, largest force (and stress × volume per atom) at the end")
    max_steps: int = Field(1000, ge=1)


class BandCenterSpec(Spec):
    """A band centre: meaningless without window and reference, so both are mandatory."""

    element: str = "O"
    orbital: Literal["s", "p", "d"] = "p"
    window: WindowName
    range: tuple[ElectronVolt, ElectronVolt] | None = Field(None, description="eV relative to the reference, for window: range")
    reference: ReferenceName = Field(description="the zero of energy")

    @model_validator(mode="after")
    def _range_needs_bounds(self) -> BandCenterSpec:
        if (self.window == "range") != (self.range is not None):
            raise ValueError("window 'range' needs the key 'range', and no other window takes it")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("the lower bound of 'range' must lie below the upper one")
        return self


class Convergence(Spec):
    """One variation of cutoff and one of the k mesh, to say how converged a number is."""

    cutoff: PositiveElectronVolt = Field(description="eV")
    kpoints: dict[str, Mesh] = Field(description="material to divisions")


class ElectronicStep(Spec):
    """Static calculation with projected density of states."""

    engine: str = "gpaw"
    materials: tuple[str, ...] = Field(min_length=1)
    cutoff: PositiveElectronVolt = Field(description="eV")
    kpoints: dict[str, Mesh] = Field(description="material to divisions, in the primitive (magnetic) cell")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    convergence: Convergence | None = None
    band_center: BandCenterSpec

    @model_validator(mode="after")
    def _mesh_for_each(self) -> ElectronicStep:
        missing = [name for name in self.materials if name not in self.kpoints]
        if missing:
            raise ValueError(f"kpoints has no mesh for {', '.join(missing)}")
        return self


class ReactionStep(Spec):
    """Closed reaction energies of pairs."""

    phase_set: str
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1)
    published: dict[str, ElectronVolt] = Field(default_factory=dict, description="eV/atom, 'A-B' to the published value, for orientation only")
    voltages: tuple[Volt, ...] = Field((), description="V vs Li/Li+, at which each pair is evaluated open to lithium too")
    maps: tuple[tuple[str, str], ...] = Field((), description="pairs that get a map over mixing ratio and voltage, 0 to 5 V vs Li/Li+")
    threshold: PositiveElectronVolt = Field(0.05, description="eV/atom, a pair counts as stable while its mutual energy is above minus this")


class WindowStep(Spec):
    """Electrochemical stability windows."""

    phase_set: str
    materials: tuple[str, ...] = Field(min_length=1)
    published: dict[str, tuple[Volt | None, Volt | None]] = Field(default_factory=dict, description="V vs Li/Li+, (reduction, oxidation), for orientation only")
    published_products: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = Field(
        default_factory=dict,
        description="phases on the far side of the published limits (reduction, oxidation), lithium left out: explains deviations, never used",
    )
    published_source: str = Field("", description="where the published limits and products stand")


class NamedDecomposition(Spec):
    """One formula unit of a material turning into named products."""

    material: str
    products: tuple[str, ...] = Field(min_length=1, description="formulas, each with or without an amount, e.g. '1/2 P2S5'; lithium is balanced by the anode")
    published: tuple[float, float] | None = Field(None, description="mL/mol, printed volumes (before, after), for orientation only")


class VolumeStep(Spec):
    """Molar volumes before and after decomposition."""

    phase_set: str
    materials: tuple[str, ...] = Field((), description="their volume along the whole ladder")
    decompositions: tuple[NamedDecomposition, ...] = ()
    densities: dict[str, Density] = Field(default_factory=dict, description="own densities, which replace those of the library")

    @model_validator(mode="after")
    def _something_to_do(self) -> VolumeStep:
        if not self.materials and not self.decompositions:
            raise ValueError("give 'materials' or 'decompositions': there is nothing to compute")
        return self


class ScreenStep(Spec):
    """Cathodes against electrolytes, with and without coatings."""

    phase_set: str
    cathodes: tuple[str, ...] = Field(min_length=1, description="material, formula, or NAME-xFRACTION of its lithium, e.g. NCM811-x0.5")
    electrolytes: tuple[str, ...] = Field(min_length=1)
    coatings: tuple[str, ...] = ()
    lithium: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field((1.0, 0.5), min_length=1, description="fractions of its lithium that a cathode keeps")
    operating_range: tuple[Volt, Volt] = Field((2.5, 4.3), description="V vs Li/Li+, that a coating and an electrolyte have to bear")

    @model_validator(mode="after")
    def _rising_range(self) -> ScreenStep:
        if self.operating_range[0] >= self.operating_range[1]:
            raise ValueError("the lower bound of 'operating_range' must lie below the upper one")
        return self


class DynamicsPart(Spec):
    """Molecular dynamics of production, on supercells of the library's cells, in chunks that go on from each other."""

    materials: tuple[str, ...] = Field(min_length=1)
    supercell: dict[str, Mesh] = Field(default_factory=dict, description="material to multiples of its cell; one where left out")
    cutoff: PositiveElectronVolt = Field(description="eV")
    kpoints: Mesh = (1, 1, 1)
    hubbard_u: bool = Field(description="whether the recipe's U is on")
    temperature: Kelvin = Field(description="K")
    timestep: Femtosecond = Field(description="fs")
    length: Femtosecond = Field(description="fs, of the whole trajectory")
    chunk: Femtosecond = Field(description="fs, of one job")
    thermostat: Literal["none", "nose-hoover-chain", "langevin"] = "nose-hoover-chain"
    damping: Femtosecond = Field(100.0, description="fs, time constant of the thermostat")
    frame_interval: int = Field(5, ge=1, description="steps between stored frames")
    seed: int = Field(0, ge=0, description="of the first velocities")

    @model_validator(mode="after")
    def _chunks_are_whole_steps(self) -> DynamicsPart:
        if self.chunk > self.length or self.chunk < self.timestep:
            raise ValueError(f"'chunk' ({self.chunk:g} fs) must lie between one timestep ({self.timestep:g} fs) and the length ({self.length:g} fs)")
        return self


class ProductionStep(Spec):
    """What the recipe runs with VASP, in place of the laptop's bulk and electronic steps, and at which settings."""

    relax: tuple[str, ...] = Field(min_length=1, description="materials to relax")
    electronic: tuple[str, ...] = Field((), description="materials whose projected density of states is computed")
    cutoff: PositiveElectronVolt = Field(description="eV")
    mesh: Mesh | None = Field(None, description="divisions for every material that 'kpoints' leaves out")
    kpoints: dict[str, Mesh] = Field(default_factory=dict, description="material to divisions along the axes of the cell that runs")
    conventional: tuple[str, ...] = Field((), description="materials that run in the conventional cell (hexagonal for R groups)")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    max_force: ElectronVoltPerAngstrom = Field(0.02, description="eV/Å, at the end of a relaxation")
    max_steps: int = Field(200, ge=1)
    settings: dict[str, Any] = Field(default_factory=dict, description="overrides of configs/engines/vasp.yaml")
    dynamics: DynamicsPart | None = None

    @model_validator(mode="after")
    def _mesh_for_each(self) -> ProductionStep:
        missing = [name for name in (*self.relax, *self.electronic) if self.mesh is None and name not in self.kpoints]
        if missing:
            raise ValueError(f"kpoints has no mesh for {', '.join(dict.fromkeys(missing))}, and there is no 'mesh' for all")
        return self


class Recipe(Spec):
    """One campaign: which materials, which steps, which settings, and what the source left open."""

    name: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    title: str
    source: str
    hubbard_u: dict[str, NonNegativeElectronVolt] = Field(description="eV, Dudarev U on the d shell, for every transition metal of the recipe")
    stated: tuple[StatedSetting, ...] = ()
    choices: tuple[Choice, ...] = ()
    bulk: BulkStep | None = None
    electronic: ElectronicStep | None = None
    reactions: ReactionStep | None = None
    windows: WindowStep | None = None
    vasp: ProductionStep | None = Field(None, description="what `--engine vasp` runs")
    volumes: VolumeStep | None = None
    screen: ScreenStep | None = None

    @field_validator("hubbard_u", mode="before")
    @classmethod
    def _elements(cls, table: Any) -> Any:
        return _check_elements(table)


def _check_elements(table: Any) -> Any:
    from pymatgen.core.periodic_table import Element

    for key in table if isinstance(table, dict) else ():
        if not Element.is_valid_symbol(str(key)):
            raise ValueError(f"{key!r} is not an element")
    return table
