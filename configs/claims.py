"""What the source of a recipe claims, each as a comparison of quantities that the project computes.

A comparison is written ``SUM RELATION SUM``, with ``within NUMBER`` behind an equality. A sum is made of terms with
``+`` and ``-``, a term is a number (with its unit where wanted), or ``[NUMBER *] NAME(ARGUMENT, ...)``::

    mutual(LCO, LPSCl) < mutual(Li2CO3, LPSCl)
    oxidation(Li2CO3) >= 4.2 V
    mutual(LCO, LGPS) = -0.378 eV/atom within 0.05

Nothing is executed: names are looked up among the quantities that chapters of the report declare.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import Field, field_validator, model_validator

from .models import Spec

__all__ = ["Claim", "Comparison", "Relation", "Term", "parse_comparison"]

Relation = Literal["<", "<=", ">", ">=", "="]

_RELATION = re.compile(r"<=|>=|<|>|=")
_NUMBER = r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_SIGN = r"\s*(?P<sign>[-+−]?)\s*"
_QUANTITY = re.compile(
    _SIGN + rf"(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<name>[a-z][a-z0-9_]*)"
    r"\((?P<arguments>(?:[^()]|\([^()]*\))*)\)\s*"
)
_VALUE = re.compile(_SIGN + rf"(?P<number>{_NUMBER})\s*(?P<unit>(?:[A-Za-zÅµ%°][^\s+*()]*)?)\s*")
_WITHIN = re.compile(rf"\bwithin\s+(?P<number>{_NUMBER})\s*(?P<unit>\S*)\s*$")
_LOOKS = "write it as mutual(LCO, LPSCl) < mutual(Li2CO3, LPSCl), oxidation(Li2CO3) >= 4.2 V or a(X) = 1.5 within 0.1"


@dataclass(frozen=True)
class Term:
    """A quantity with its factor.

    Parameters
    ----------
    factor : float
        Sign included.
    name : str
    arguments : tuple of str
    """

    factor: float
    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        """The quantity as it is written."""
        return f"{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Comparison:
    """A comparison with all quantities on the left and all numbers on the right.

    Parameters
    ----------
    terms : tuple of Term
    relation : str
    limit : float
    within : float or None
        Half width of an equality.
    unit : str
        That was written behind a number; empty where none was.
    """

    terms: tuple[Term, ...]
    relation: Relation
    limit: float
    within: float | None = None
    unit: str = ""


def parse_comparison(text: str) -> Comparison:
    """Read a comparison.

    Parameters
    ----------
    text : str

    Raises
    ------
    ValueError
        With the place where it stops being one, and how one is written.
    """
    relations = _RELATION.findall(text)
    if len(relations) != 1:
        told = "no relation" if not relations else f"{len(relations)} relations"
        raise ValueError(f"{text!r} holds {told} out of < <= > >= =; {_LOOKS}")
    (relation,) = relations
    left, right = text.split(relation)
    within, units = None, list[str]()
    if (found := _WITHIN.search(right)) is not None:
        within, right = float(found["number"]), right[: found.start()]
        units.append(found["unit"])
    if (relation == "=") != (within is not None):
        told = "an equality needs 'within NUMBER'" if relation == "=" else "'within' belongs to an equality"
        raise ValueError(f"{text!r}: {told}; {_LOOKS}")
    terms, limit = list[Term](), 0.0
    for sign, side in ((1.0, left), (-1.0, right)):
        quantities, constant, given = _sum(side, text)
        terms += [Term(sign * one.factor, one.name, one.arguments) for one in quantities]
        limit -= sign * constant
        units += given
    if not terms:
        raise ValueError(f"{text!r} compares numbers alone; {_LOOKS}")
    written = sorted(set(units) - {""})
    if len(written) > 1:
        raise ValueError(f"{text!r} has two units, {written[0]} and {written[1]}")
    return Comparison(tuple(terms), cast("Relation", relation), limit + 0.0, within, written[0] if written else "")


def _sum(side: str, text: str) -> tuple[list[Term], float, list[str]]:
    """Quantities, the sum of the numbers and their units."""
    terms, constant, units, place = list[Term](), 0.0, list[str](), 0
    if not side.strip():
        raise ValueError(f"{text!r}: nothing stands on one side; {_LOOKS}")
    while place < len(side):
        found = _QUANTITY.match(side, place) or _VALUE.match(side, place)
        if found is None or (place and not found["sign"]):
            raise ValueError(f"{text!r} cannot be read from {side[place:].strip()!r} on; {_LOOKS}")
        sign, given = (-1.0 if found["sign"] in ("-", "−") else 1.0), found.groupdict()
        if "name" in given:
            arguments = tuple(part.strip() for part in found["arguments"].split(",") if part.strip())
            terms.append(Term(sign * float(found["factor"] or 1), found["name"], arguments))
        else:
            constant += sign * float(found["number"])
            units.append(found["unit"])
        place = found.end()
    return terms, constant, units


class Claim(Spec):
    """One statement of the source."""

    text: str = Field(min_length=1, description="the statement")
    printed: str = Field("", description="the value that is printed, with its unit, for orientation only")
    holds: str | None = Field(None, description="the comparison that decides, e.g. 'oxidation(Li2CO3) >= 4.2 V'")
    not_computable: str = Field("", description="why nothing here decides it, where nothing does")
    cause: str = Field("", description="what is behind it, should the comparison contradict the statement")

    @field_validator("holds")
    @classmethod
    def _is_a_comparison(cls, text: str | None) -> str | None:
        if text is not None:
            parse_comparison(text)
        return text

    @model_validator(mode="after")
    def _one_of_two(self) -> Claim:
        if (self.holds is None) != bool(self.not_computable):
            raise ValueError(
                "give either 'holds', the comparison that decides, or 'not_computable', the reason why none does"
            )
        return self

    @property
    def comparison(self) -> Comparison | None:
        """The comparison as it was read."""
        return None if self.holds is None else parse_comparison(self.holds)
