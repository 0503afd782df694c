"""The section `conductivity` of a recipe: dynamics at several temperatures, and what follows for room temperature."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import Femtosecond, ForceLimit, IonicSteps, PositiveElectronVolt
from .kind import StepKind, listed

__all__ = ["CONDUCTIVITY", "FEWEST_JUMPS", "ConductivityStep", "Conductor", "Measured", "run_label"]

Temperature = Annotated[float, Field(gt=0, le=3000)]
#: jumps of all ions and replicas at one temperature, below which its diffusivity is not used
FEWEST_JUMPS = 50


class Measured(Spec):
    """A measured conductivity, for orientation."""

    value: float = Field(gt=0, description="S/cm, near 300 K")
    source: str


class Conductor(Spec):
    """One crystal whose ions move."""

    material: str
    element: str = "Li"
    supercell: Mesh = Field((1, 1, 1), description="multiples of the calculation cell")
    measured: Measured | None = None


class ConductivityStep(Spec):
    """Molecular dynamics of crystals at several temperatures."""

    engine: EngineName = "chgnet"
    materials: tuple[Conductor, ...] = Field(min_length=1)
    temperatures: tuple[Temperature, ...] = Field(min_length=2, description="K")
    length: Femtosecond = Field(description="fs, of each trajectory")
    chunk: Femtosecond = Field(10_000.0, description="fs, of one job")
    timestep: Femtosecond = 2.0
    frame_interval: int = Field(10, ge=1, description="steps between stored frames")
    damping: Femtosecond = Field(100.0, description="fs, time constant of the Nosé-Hoover chain")
    seeds: tuple[int, ...] = Field((0, 1), min_length=1, description="of the first velocities, one a replica")
    fewest_jumps: int = Field(FEWEST_JUMPS, ge=10, description="of all replicas at one temperature")
    room: Temperature = Field(300.0, description="K, to which the line is extrapolated")
    max_force: ForceLimit = Field(0.05, description="eV/Å, of the relaxation before")
    max_steps: IonicSteps = 500
    cutoff: PositiveElectronVolt | None = Field(
        None, description="eV, for an engine that needs one; that of the dynamics in the section vasp where left out"
    )
    kpoints: Mesh | None = Field(
        None, description="divisions of the supercells, likewise; Γ alone where the section vasp has no dynamics either"
    )

    @field_validator("temperatures")
    @classmethod
    def _each_once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("temperatures: each once, rising")
        return value

    @model_validator(mode="after")
    def _chunks_fit(self) -> ConductivityStep:
        if self.length < self.timestep * 10:
            raise ValueError(f"length: {self.length:g} fs are fewer than ten time steps")
        return self


def run_label(material: str, temperature: float) -> str:
    """Label of the documents of the runs at one temperature, K."""
    return f"{material} {temperature:g} K"


def _question(step: ConductivityStep) -> str:
    verb = "do" if len(step.materials) > 1 else "does"
    return f"How well {verb} {listed([one.material for one in step.materials])} conduct?"


CONDUCTIVITY = StepKind("conductivity", _question, long=True)
