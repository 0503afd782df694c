"""The section `mechanics` of a recipe: elastic tensors of crystals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..committee import EngineName
from ..models import Spec
from ..units import ForceLimit, IonicSteps
from .kind import StepKind, listed

__all__ = ["MECHANICS", "MechanicsStep", "Strains"]

#: amplitudes of strain; each is taken with both signs
Strains = tuple[Annotated[float, Field(gt=0, le=0.05)], ...]


class MechanicsStep(Spec):
    """Elastic tensors by finite strain, atoms relaxed at each."""

    engine: EngineName = "chgnet"
    materials: tuple[str, ...] = Field(min_length=1)
    strains: Strains = Field((0.005, 0.01), min_length=1, description="amplitudes, each with both signs")
    max_force: ForceLimit = Field(0.005, description="eV/Å, of the crystal and of the atoms of strained cells")
    max_steps: IonicSteps = 1000


def _question(step: MechanicsStep) -> str:
    verb = "are" if len(step.materials) > 1 else "is"
    return f"How stiff and how brittle {verb} {listed(step.materials)}?"


MECHANICS = StepKind("mechanics", _question, long=True)
