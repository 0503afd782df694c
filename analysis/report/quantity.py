"""What a quantity is that claims may compare: a name, its arguments and unit, declared by the chapter that computes
it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .content import KeyNumber

__all__ = ["Quantity"]

Results = TypeVar("Results", contravariant=True)


@dataclass(frozen=True)
class Quantity(Generic[Results]):
    """One quantity of a chapter.

    A value of it is a :class:`.content.KeyNumber` whose `names` are the quantity's name and its arguments.

    Parameters
    ----------
    name : str
        As comparisons write it.
    arguments : tuple of str
        What the arguments are, in their order.
    unit : str
    meaning : str
        A sentence without the full stop.
    look : callable, optional
        From the chapter's results and the arguments to the value; None where there is none, and an error says why. Left
        out, the chapter's key number of that name and these arguments is taken.
    step : str
        Section of a recipe whose jobs it needs; empty where the phase set suffices.
    hypothesis : bool
        Whether numbers of machine-learned potentials are hypotheses here, which decide no claim.
    measured : str
        Name of the same quantity from measured enthalpies; empty where there is none.
    symmetric : bool
        Whether its first two arguments may stand the other way round.
    bounds : (float, float)
        Between which it lies whatever its uncertainty: 0 and 1 of a share.
    """

    name: str
    arguments: tuple[str, ...]
    unit: str
    meaning: str
    look: Callable[[Results, tuple[str, ...]], KeyNumber | None] | None = None
    step: str = ""
    hypothesis: bool = False
    measured: str = ""
    symmetric: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def orders(self, arguments: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The arguments as they may be written."""
        swapped = (*reversed(arguments[:2]), *arguments[2:])
        return [arguments, swapped] if self.symmetric else [arguments]

    @property
    def signature(self) -> str:
        """``mutual(a, b)``."""
        return f"{self.name}({', '.join(self.arguments)})"
