"""The section `deciding_phases` of a recipe: crystals that VASP computes at the level of theory of the phase sets."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..models import Spec
from ..units import ForceLimit, IonicSteps
from .kind import Named, StepKind

__all__ = ["DECIDING_PHASES", "DecidingStep"]


class DecidingStep(Spec):
    """Relaxations by VASP at PBE+U with the U of the Materials Project, 520 eV, whose energies, corrected by MP2020,
    stand beside those of the potentials in the phase set."""

    materials: tuple[str, ...] = Field(
        min_length=1, description="reactants and products whose energies in the phase set were learned"
    )
    max_force: ForceLimit = Field(0.02, description="eV/Å, at the end of a relaxation")
    max_steps: IonicSteps = 200
    settings: dict[str, Any] = Field(default_factory=dict, description="overrides of configs/engines/vasp.yaml")


def _question(step: DecidingStep) -> None:
    """None: the reactions tell what it moves."""


def _names(step: DecidingStep) -> list[Named]:
    return [(name, ("materials", number)) for number, name in enumerate(step.materials)]


DECIDING_PHASES = StepKind("deciding_phases", _question, _names, long=True)
