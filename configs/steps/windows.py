"""The section `windows` of a recipe: electrochemical stability windows from a phase set."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from ..models import Spec
from ..units import Volt
from .kind import Named, StepKind, listed

__all__ = ["WINDOWS", "WindowStep"]


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


def _question(step: WindowStep) -> str:
    verb = "are" if len(step.materials) > 1 else "is"
    return f"Between which voltages against lithium {verb} {listed(step.materials)} stable?"


def _names(step: WindowStep) -> Iterator[Named]:
    yield from ((name, ("materials", i)) for i, name in enumerate(step.materials))


WINDOWS = StepKind("windows", _question, names=_names)
