"""The section `screen` of a recipe: cathodes against electrolytes, with and without coatings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from ..models import CHARGED, Spec
from ..units import Volt
from .kind import Named, StepKind, listed

__all__ = ["SCREEN", "ScreenStep"]


class ScreenStep(Spec):
    """Cathodes against electrolytes, with and without coatings."""

    phase_set: str
    cathodes: tuple[str, ...] = Field(
        min_length=1, description="material, formula, or NAME-xFRACTION of its lithium, e.g. NCM811-x0.5"
    )
    electrolytes: tuple[str, ...] = Field(min_length=1)
    coatings: tuple[str, ...] = ()
    lithium: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (1.0, 0.5), min_length=1, description="fractions of its lithium that a cathode keeps"
    )
    operating_range: tuple[Volt, Volt] = Field(
        (2.5, 4.3), description="V vs Li/Li+, that a coating and an electrolyte have to bear"
    )

    @model_validator(mode="after")
    def _rising_range(self) -> ScreenStep:
        if self.operating_range[0] >= self.operating_range[1]:
            raise ValueError("the lower bound of 'operating_range' must lie below the upper one")
        return self


def _question(step: ScreenStep) -> str:
    among = f": {listed(step.coatings)}" if step.coatings else ""
    return f"Which coating keeps {listed(step.cathodes)} and {listed(step.electrolytes)} apart{among}?"


def _names(step: ScreenStep) -> Iterator[Named]:
    yield from ((re.sub(CHARGED, "", name), ("cathodes", i)) for i, name in enumerate(step.cathodes))
    yield from ((name, ("electrolytes", i)) for i, name in enumerate(step.electrolytes))
    yield from ((name, ("coatings", i)) for i, name in enumerate(step.coatings))


SCREEN = StepKind("screen", _question, names=_names)
