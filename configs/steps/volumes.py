"""The section `volumes` of a recipe: molar volumes before and after decomposition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from ..models import Density, Spec
from .kind import Named, StepKind, listed

__all__ = ["VOLUMES", "NamedDecomposition", "VoidBalance", "VolumeStep"]


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


class VoidBalance(Spec):
    """Which opens the void in a composite: the cathode that breathes, or the electrolyte that decays."""

    cathode: str = Field(description="material whose relaxed cells with Li vacancies the step oxygen_loss makes")
    electrolyte: str
    products: tuple[str, ...] = Field(min_length=1, description="of the electrolyte, as in decompositions")
    weights: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        description="cathode : electrolyte"
    )
    capacities: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        min_length=1, description="mAh per gram of cathode, of the cells that are compared"
    )


class VolumeStep(Spec):
    """Molar volumes before and after decomposition."""

    phase_set: str
    materials: tuple[str, ...] = Field((), description="their volume along the whole ladder")
    decompositions: tuple[NamedDecomposition, ...] = ()
    void: VoidBalance | None = None
    densities: dict[str, Density] = Field(
        default_factory=dict, description="own densities, which replace those of the library"
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> VolumeStep:
        if not self.materials and not self.decompositions and self.void is None:
            raise ValueError("give 'materials' or 'decompositions' or 'void': there is nothing to compute")
        return self


def _question(step: VolumeStep) -> str:
    named = list(dict.fromkeys([*(taken.material for taken in step.decompositions), *step.materials]))
    if not named and step.void is not None:
        return f"Which opens the void: {step.void.cathode} that breathes, or {step.void.electrolyte} that decays?"
    verb = "do" if len(named) > 1 else "does"
    return f"How much room {verb} {listed(named)} take before and after decomposition?"


def _names(step: VolumeStep) -> Iterator[Named]:
    yield from ((name, ("materials", i)) for i, name in enumerate(step.materials))
    yield from ((taken.material, ("decompositions", i, "material")) for i, taken in enumerate(step.decompositions))
    if step.void is not None:
        yield from ((getattr(step.void, key), ("void", key)) for key in ("cathode", "electrolyte"))


VOLUMES = StepKind("volumes", _question, names=_names)
