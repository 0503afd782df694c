"""The section `vasp` of a recipe: what production runs in place of the laptop's bulk and electronic steps."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from ..models import Mesh, Spec
from ..units import Femtosecond, ForceLimit, IonicSteps, Kelvin, PositiveElectronVolt
from .electronic import Convergence

__all__ = ["DynamicsPart", "ProductionStep"]


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
    convergence: Convergence | None = Field(None, description="of the densities of states")
    cutoff: PositiveElectronVolt = Field(description="eV")
    mesh: Mesh | None = Field(None, description="divisions for every material that 'kpoints' leaves out")
    kpoints: dict[str, Mesh] = Field(
        default_factory=dict, description="material to divisions along the axes of the cell that runs"
    )
    conventional: tuple[str, ...] = Field(
        (), description="materials that run in the conventional cell (hexagonal for R groups)"
    )
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    max_force: ForceLimit = Field(0.02, description="eV/Å, at the end of a relaxation")
    max_steps: IonicSteps = 200
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
