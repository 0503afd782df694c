"""The section `polymorphs` of a recipe: layered, spinel and rock salt against the lithium content."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import ForceLimit, IonicSteps, PositiveAngstrom
from .kind import StepKind, listed
from .oxygen_loss import OxygenConditions

__all__ = ["POLYMORPHS", "PolymorphStep", "PolymorphSystem"]

Share = Annotated[float, Field(ge=0, le=1)]


class PolymorphSystem(Spec):
    """One layered oxide, and what it may turn into with its transition metals in the same ratio."""

    material: str = Field(description="layered LiMO2")
    rock_salt: str = Field(description="MO of one of its metals, whose metal sites all metals and lithium share")
    spinel: str | None = Field(
        None, description="M3O4 of one of its metals: lithium takes its tetrahedral sites, all metals the others"
    )
    contents: tuple[Share, ...] = Field(
        (0.0, 0.25, 0.5, 0.75, 1.0), min_length=2, description="shares of the layered crystal's lithium that are left"
    )
    supercell: Mesh = Field((2, 2, 1), description="of the layered crystal's conventional cell")
    primitive: bool = Field(False, description="the supercell is one of the primitive cell")
    rock_salt_supercell: Mesh = Field((2, 1, 1), description="of the conventional cell of MO")
    spinel_supercell: Mesh | None = Field(
        None, description="of the primitive cell of M3O4; left out, its conventional cell"
    )

    @field_validator("contents")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("contents: each once, rising")
        return value


class PolymorphStep(Spec):
    """Relaxations of the three structures at several lithium contents."""

    engine: EngineName = "chgnet"
    systems: tuple[PolymorphSystem, ...] = Field(min_length=1)
    arrangements: int = Field(2, ge=1, description="of each composition, the lowest electrostatic energies first")
    max_force: ForceLimit = Field(0.05, description="eV/Å")
    max_steps: IonicSteps = 1000
    kpoint_density: int = Field(
        64, gt=0, description="k points per Å⁻³ of the reciprocal cell, for an engine that needs a mesh"
    )
    molecule_box: PositiveAngstrom = Field(
        12.0, description="Å, of the O2 molecule that such an engine takes oxygen from"
    )
    phase_set: str = "solidstate"
    conditions: OxygenConditions = OxygenConditions()


def _question(step: PolymorphStep) -> str:
    names = listed([one.material for one in step.systems])
    return f"Below which lithium content would {names} rather be spinel or rock salt?"


POLYMORPHS = StepKind("polymorphs", _question, long=True)
