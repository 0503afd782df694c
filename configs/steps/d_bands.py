"""The section `d_bands` of a recipe: centres of d bands along the lithium content, where an engine has states."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ..models import Mesh, Spec
from ..units import ForceLimit, IonicSteps, PositiveElectronVolt
from .kind import StepKind, listed

__all__ = ["D_BANDS", "DBandStep", "DBandSystem"]

Share = Annotated[float, Field(ge=0, le=1)]


class DBandSystem(Spec):
    """One oxide at several lithium contents."""

    material: str
    supercell: Mesh = Field((1, 1, 1), description="of the conventional cell; small: each cell needs its states")
    primitive: bool = Field(False, description="the supercell is one of the primitive cell")
    contents: tuple[Share, ...] = Field((1.0, 0.5), min_length=1, description="shares of the lithium that are left")
    kpoints: Mesh = Field(description="divisions along the axes of the supercell")
    production_kpoints: Mesh | None = Field(None, description="divisions with --engine vasp, where they are others")
    production: bool = Field(False, description="runs with --engine vasp alone: too large for anything else")

    @field_validator("contents")
    @classmethod
    def _falling(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value), reverse=True):
            raise ValueError("contents: each once, falling")
        return value


class DBandStep(Spec):
    """Densities of states of cells that a potential has relaxed."""

    engine: str = Field("gpaw", description="of the densities of states")
    geometry: str = Field("chgnet", description="relaxes each cell first")
    cutoff: PositiveElectronVolt = Field(description="eV")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    systems: tuple[DBandSystem, ...] = Field(min_length=1)
    max_force: ForceLimit = Field(0.05, description="eV/Å")
    max_steps: IonicSteps = 1000
    seed: int = Field(0, ge=0, description="of the search for the arrangement of lowest electrostatic energy")

    @field_validator("systems")
    @classmethod
    def _each_once(cls, value: tuple[DBandSystem, ...]) -> tuple[DBandSystem, ...]:
        names = [one.material for one in value]
        if len(set(names)) < len(names):
            raise ValueError("systems: each material once")
        return value


def _question(step: DBandStep) -> str:
    names = listed([one.material for one in step.systems])
    return f"How do the d bands of {names} move against oxygen when lithium leaves?"


D_BANDS = StepKind("d_bands", _question, long=True)
