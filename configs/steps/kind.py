"""What a section of a recipe is, whatever it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Named", "StepKind", "listed"]

#: a material or formula that a section names, and where: the keys and places below the section's own key
Named = tuple[str, tuple[str | int, ...]]


def _none(_: Any) -> tuple[Named, ...]:
    return ()


@dataclass(frozen=True)
class StepKind:
    """One kind of step.

    Parameters
    ----------
    name : str
        The section's key in a recipe.
    question : callable
        From the section's specification to what it answers, in words; None where it answers nothing by itself.
    names : callable
        From the specification to the materials and formulas that it names and whose jobs do not name them.
    long : bool
        An hour and more: it runs only where it is asked for.
    produced : bool
        In production the section ``vasp`` stands in its place.
    after : tuple of str
        Steps whose jobs its own depend on.
    last_resort : bool
        Its question is asked only where no other step has one.
    """

    name: str
    question: Callable[[Any], str | None]
    names: Callable[[Any], Iterable[Named]] = _none
    long: bool = False
    produced: bool = False
    after: tuple[str, ...] = ()
    last_resort: bool = False


def listed(names: Sequence[str]) -> str:
    """Names as an English list: ``A``, ``A and B``, ``A, B and C``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else str(last)
