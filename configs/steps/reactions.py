"""The section `reactions` of a recipe: reaction energies of pairs from a phase set."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from ..models import Spec
from ..units import ElectronVolt, Kelvin, PositiveElectronVolt, Volt
from .kind import Named, StepKind, listed

__all__ = ["REACTIONS", "GasContact", "ReactionStep"]

#: pairs that a question names; of more the first two stand for all
_MOST_NAMED = 4


class GasContact(Spec):
    """Materials and pairs in contact with gases."""

    temperatures: tuple[Kelvin, ...] = Field(min_length=1, description="K")
    gases: dict[str, float] = Field(min_length=1, description="formula to partial pressure, bar")
    materials: tuple[str, ...] = Field((), description="what is asked of alone")
    pairs: tuple[tuple[str, str], ...] = ()


class ReactionStep(Spec):
    """Reaction energies of pairs: closed, at a voltage, under gases."""

    phase_set: str
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1)
    published: dict[str, ElectronVolt] = Field(
        default_factory=dict, description="eV/atom, 'A-B' to the published value, for orientation only"
    )
    voltages: tuple[Volt, ...] = Field(
        (), description="V vs Li/Li+, at which each pair is evaluated open to lithium too"
    )
    maps: tuple[tuple[str, str], ...] = Field(
        (), description="pairs that get a map over mixing ratio and voltage, 0 to 5 V vs Li/Li+"
    )
    gases: tuple[GasContact, ...] = Field((), description="temperatures and gases under which materials are evaluated")
    threshold: PositiveElectronVolt = Field(
        0.05, description="eV/atom, a pair counts as stable while its mutual energy is above minus this"
    )


def _question(step: ReactionStep) -> str:
    pairs = [f"{a} | {b}" for a, b in step.pairs]
    if len(pairs) > _MOST_NAMED:
        pairs[2:] = [f"{len(pairs) - 2} further pairs"]
    return f"How strongly do {listed(pairs)} react, and to what?"


def _names(step: ReactionStep) -> Iterator[Named]:
    for key, pairs in (("pairs", step.pairs), ("maps", step.maps)):
        for i, pair in enumerate(pairs):
            yield from ((name, (key, i, k)) for k, name in enumerate(pair))
    for i, contact in enumerate(step.gases):
        yield from ((name, ("gases", i, "materials", k)) for k, name in enumerate(contact.materials))
        for j, pair in enumerate(contact.pairs):
            yield from ((name, ("gases", i, "pairs", j, k)) for k, name in enumerate(pair))


REACTIONS = StepKind("reactions", _question, names=_names)
