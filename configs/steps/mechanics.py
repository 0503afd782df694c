"""The section `mechanics` of a recipe: elastic tensors of crystals, and what a source claims of their stiffness."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..committee import EngineName
from ..models import Spec
from ..units import ForceLimit, IonicSteps
from .claims import OrderClaim
from .kind import StepKind, listed

__all__ = ["MECHANICS", "MechanicsStep", "ModulusClaim", "Strains"]

#: amplitudes of strain; each is taken with both signs
Strains = tuple[Annotated[float, Field(gt=0, le=0.05)], ...]


class ModulusClaim(OrderClaim):
    """What a source says of moduli of two materials."""

    quantity: Literal["bulk", "shear", "pugh"] = Field(description="bulk or shear modulus in GPa, or their ratio")


class MechanicsStep(Spec):
    """Elastic tensors by finite strain, atoms relaxed at each."""

    engine: EngineName = "chgnet"
    materials: tuple[str, ...] = Field(min_length=1)
    strains: Strains = Field((0.005, 0.01), min_length=1, description="amplitudes, each with both signs")
    max_force: ForceLimit = Field(0.005, description="eV/Å, of the crystal and of the atoms of strained cells")
    max_steps: IonicSteps = 1000
    claims: tuple[ModulusClaim, ...] = ()

    @model_validator(mode="after")
    def _claims_are_of_materials(self) -> MechanicsStep:
        asked = [name for claim in self.claims for name in (claim.lower, claim.than) if isinstance(name, str)]
        unknown = [name for name in asked if name not in self.materials]
        if unknown:
            raise ValueError(f"claims: {unknown[0]!r} is not among the materials {', '.join(self.materials)}")
        return self


def _question(step: MechanicsStep) -> str:
    return f"How stiff and how brittle are {listed(step.materials)}?"


MECHANICS = StepKind("mechanics", _question, long=True)
