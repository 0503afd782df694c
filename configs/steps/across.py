"""The section `across` of a recipe: vacancies by depth through stacks of the section `interface`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import ForceLimit, IonicSteps, PositiveAngstrom, Volt
from .kind import StepKind, listed
from .oxygen_loss import OxygenConditions

__all__ = ["ACROSS", "AcrossStep", "SpaceChargeModel", "StackSystem"]


class StackSystem(Spec):
    """One stack that the section `interface` builds, and which of its atoms leave."""

    system: str = Field(description="name of a system of the section interface")
    elements: tuple[Literal["Li", "O"], ...] = Field(("Li",), min_length=1, description="of the vacancies")
    most: int = Field(
        12, ge=1, description="sites of an element in each material, at most, evenly over the order of their depths"
    )


class SpaceChargeModel(Spec):
    """Under which the occupation of lithium sites is evaluated; no calculation depends on it."""

    temperature: float = Field(300.0, gt=0, le=3000, description="K")
    voltages: tuple[Volt, ...] = Field((3.0, 3.5, 4.0, 4.3), min_length=1, description="V against lithium metal")
    permittivity: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        10.0, description="relative, of everything between the cathode and its image"
    )


class AcrossStep(Spec):
    """One lithium or oxygen atom at a time leaves the relaxed stack, at several depths in each material."""

    engine: EngineName = "chgnet"
    stacks: tuple[StackSystem, ...] = Field(min_length=1)
    max_force: ForceLimit = Field(0.05, description="eV/Å, of the stack and of each cell with a vacancy")
    max_steps: IonicSteps = 1000
    phase_set: str = Field(
        "solidstate", description="gives O2 and lithium metal to tiers on its scale; others calculate both"
    )
    lithium_kpoints: Mesh = Field((12, 12, 12), description="divisions of the primitive cell of lithium metal")
    molecule_box: PositiveAngstrom = Field(
        12.0, description="Å, edge of the cell of the O2 molecule, where it is calculated"
    )
    conditions: OxygenConditions = OxygenConditions()
    space_charge: SpaceChargeModel = SpaceChargeModel()

    @model_validator(mode="after")
    def _each_once(self) -> AcrossStep:
        names = [one.system for one in self.stacks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stacks: {listed(twice)} stands twice")
        if any(len(set(one.elements)) < len(one.elements) for one in self.stacks):
            raise ValueError("stacks: each element once")
        return self


def _question(step: AcrossStep) -> str:
    return f"Which lithium leaves first across {listed([one.system for one in step.stacks])}?"


ACROSS = StepKind("across", _question, long=True, after=("interface",))
