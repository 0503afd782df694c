"""The section `bulk` of a recipe: crystals that are relaxed."""

from __future__ import annotations

from pydantic import Field

from ..committee import EngineName
from ..models import Spec
from ..units import ForceLimit, IonicSteps
from .kind import StepKind, listed

__all__ = ["BULK", "BulkStep"]


class BulkStep(Spec):
    """Relaxation of bulk cells."""

    engine: EngineName = "chgnet"
    materials: tuple[str, ...] = Field(min_length=1)
    max_force: ForceLimit = Field(0.01, description="eV/Å, largest force (and stress × volume per atom) at the end")
    max_steps: IonicSteps = 1000


def _question(step: BulkStep) -> str:
    return f"How well do the relaxed cells of {listed(step.materials)} agree with experiment?"


BULK = StepKind("bulk", _question, produced=True, last_resort=True)
