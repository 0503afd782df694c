"""The section `volumes` of a recipe: molar volumes before and after decomposition."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, model_validator

from ..models import Density, Spec
from .kind import Named, StepKind, listed

__all__ = ["VOLUMES", "NamedDecomposition", "VolumeStep"]


class NamedDecomposition(Spec):
    """One formula unit of a material turning into named products."""

    material: str
    products: tuple[str, ...] = Field(
        min_length=1,
        description="formulas, each with or without an amount, e.g. '1/2 P2S5'; lithium is balanced by the anode",
    )
    published: tuple[float, float] | None = Field(
        None, description="mL/mol, printed volumes (before, after), for orientation only"
    )


class VolumeStep(Spec):
    """Molar volumes before and after decomposition."""

    phase_set: str
    materials: tuple[str, ...] = Field((), description="their volume along the whole ladder")
    decompositions: tuple[NamedDecomposition, ...] = ()
    densities: dict[str, Density] = Field(
        default_factory=dict, description="own densities, which replace those of the library"
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> VolumeStep:
        if not self.materials and not self.decompositions:
            raise ValueError("give 'materials' or 'decompositions': there is nothing to compute")
        return self


def _question(step: VolumeStep) -> str:
    named = list(dict.fromkeys([*(taken.material for taken in step.decompositions), *step.materials]))
    verb = "do" if len(named) > 1 else "does"
    return f"How much room {verb} {listed(named)} take before and after decomposition?"


def _names(step: VolumeStep) -> Iterator[Named]:
    yield from ((name, ("materials", i)) for i, name in enumerate(step.materials))
    yield from ((taken.material, ("decompositions", i, "material")) for i, taken in enumerate(step.decompositions))


VOLUMES = StepKind("volumes", _question, names=_names)
