"""What a recipe's sections hold: frozen, validated specifications, one class per section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..models import Density, Mesh, ReferenceName, Spec, WindowName
from ..units import ElectronVolt, ElectronVoltPerAngstrom, Femtosecond, Kelvin, PositiveElectronVolt, Volt

__all__ = [
    "BandCenterSpec",
    "BulkStep",
    "Convergence",
    "DynamicsPart",
    "ElectronicStep",
    "NamedDecomposition",
    "ProductionStep",
    "ReactionStep",
    "ScreenStep",
    "VolumeStep",
    "WindowStep",
]


class BulkStep(Spec):
    """Relaxation of bulk cells."""

    engine: str = "chgnet"
    materials: tuple[str, ...] = Field(min_length=1)
    max_force: ElectronVoltPerAngstrom = Field(
        0.01, description="eV/Å, largest force (and stress × volume per atom) at the end"
    )
    max_steps: int = Field(1000, ge=1)


class BandCenterSpec(Spec):
    """A band centre: meaningless without window and reference, so both are mandatory."""

    element: str = "O"
    orbital: Literal["s", "p", "d"] = "p"
    window: WindowName
    range: tuple[ElectronVolt, ElectronVolt] | None = Field(
        None, description="eV relative to the reference, for window: range"
    )
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
    published: dict[str, ElectronVolt] = Field(
        default_factory=dict, description="eV/atom, 'A-B' to the published value, for orientation only"
    )
    voltages: tuple[Volt, ...] = Field(
        (), description="V vs Li/Li+, at which each pair is evaluated open to lithium too"
    )
    maps: tuple[tuple[str, str], ...] = Field(
        (), description="pairs that get a map over mixing ratio and voltage, 0 to 5 V vs Li/Li+"
    )
    threshold: PositiveElectronVolt = Field(
        0.05, description="eV/atom, a pair counts as stable while its mutual energy is above minus this"
    )


class WindowStep(Spec):
    """Electrochemical stability windows."""

    phase_set: str
    materials: tuple[str, ...] = Field(min_length=1)
    published: dict[str, tuple[Volt | None, Volt | None]] = Field(
        default_factory=dict, description="V vs Li/Li+, (reduction, oxidation), for orientation only"
    )
    published_products: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = Field(
        default_factory=dict,
        description=(
            "phases on the far side of the published limits (reduction, oxidation), lithium left out: "
            "explains deviations, never used"
        ),
    )
    published_source: str = Field("", description="where the published limits and products stand")


class NamedDecomposition(Spec):
    """One formula unit of a material turning into named products."""

    material: str
    products: tuple[str, ...] = Field(
        min_length=1,
        description="formulas, each with or without an amount, e.g. '1/2 P2S5'; lithium is balanced by the anode",
    )
    published: tuple[float, float] | None = Field(
        None, description="mL/mol, printed volumes (before, after), for orientation only"
    )


class VolumeStep(Spec):
    """Molar volumes before and after decomposition."""

    phase_set: str
    materials: tuple[str, ...] = Field((), description="their volume along the whole ladder")
    decompositions: tuple[NamedDecomposition, ...] = ()
    densities: dict[str, Density] = Field(
        default_factory=dict, description="own densities, which replace those of the library"
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> VolumeStep:
        if not self.materials and not self.decompositions:
            raise ValueError("give 'materials' or 'decompositions': there is nothing to compute")
        return self


class ScreenStep(Spec):
    """Cathodes against electrolytes, with and without coatings."""

    phase_set: str
    cathodes: tuple[str, ...] = Field(
        min_length=1, description="material, formula, or NAME-xFRACTION of its lithium, e.g. NCM811-x0.5"
    )
    electrolytes: tuple[str, ...] = Field(min_length=1)
    coatings: tuple[str, ...] = ()
    lithium: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (1.0, 0.5), min_length=1, description="fractions of its lithium that a cathode keeps"
    )
    operating_range: tuple[Volt, Volt] = Field(
        (2.5, 4.3), description="V vs Li/Li+, that a coating and an electrolyte have to bear"
    )

    @model_validator(mode="after")
    def _rising_range(self) -> ScreenStep:
        if self.operating_range[0] >= self.operating_range[1]:
            raise ValueError("the lower bound of 'operating_range' must lie below the upper one")
        return self


class DynamicsPart(Spec):
    """Molecular dynamics of production, on supercells of the library's cells, in chunks that go on from each other."""

    materials: tuple[str, ...] = Field(min_length=1)
    supercell: dict[str, Mesh] = Field(
        default_factory=dict, description="material to multiples of its cell; one where left out"
    )
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
            raise ValueError(
                f"'chunk' ({self.chunk:g} fs) must lie between one timestep ({self.timestep:g} fs) and the length "
                f"({self.length:g} fs)"
            )
        return self


class ProductionStep(Spec):
    """What the recipe runs with VASP, in place of the laptop's bulk and electronic steps, and at which settings."""

    relax: tuple[str, ...] = Field(min_length=1, description="materials to relax")
    electronic: tuple[str, ...] = Field((), description="materials whose projected density of states is computed")
    cutoff: PositiveElectronVolt = Field(description="eV")
    mesh: Mesh | None = Field(None, description="divisions for every material that 'kpoints' leaves out")
    kpoints: dict[str, Mesh] = Field(
        default_factory=dict, description="material to divisions along the axes of the cell that runs"
    )
    conventional: tuple[str, ...] = Field(
        (), description="materials that run in the conventional cell (hexagonal for R groups)"
    )
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    max_force: ElectronVoltPerAngstrom = Field(0.02, description="eV/Å, at the end of a relaxation")
    max_steps: int = Field(200, ge=1)
    settings: dict[str, Any] = Field(default_factory=dict, description="overrides of configs/engines/vasp.yaml")
    dynamics: DynamicsPart | None = None

    @model_validator(mode="after")
    def _mesh_for_each(self) -> ProductionStep:
        missing = [name for name in (*self.relax, *self.electronic) if self.mesh is None and name not in self.kpoints]
        if missing:
            raise ValueError(
                f"kpoints has no mesh for {', '.join(dict.fromkeys(missing))}, and there is no 'mesh' for all"
            )
        return self
