"""What several answers share."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

__all__ = ["Answer", "Check", "Files", "Interval", "Mesh", "Number", "PhaseSetPin", "Row", "Units", "Vector"]

#: a number, or null where there is none
Number = float | None
#: lower and upper bound
Interval = tuple[float, float]
Vector = tuple[float, float, float]
Mesh = tuple[int, int, int]
#: key to its unit
Units = dict[str, str]
#: values by the names of columns
Row = dict[str, float | str | bool | None]


class Answer(TypedDict):
    """One document on standard output."""

    notes: NotRequired[list[str]]


class PhaseSetPin(TypedDict):
    """Which phase set answered, by its hash."""

    name: str
    sha256: str


class Check(TypedDict):
    """One check: what was found, and how to mend it."""

    name: str
    ok: bool
    detail: str
    mend: str
    refuses: NotRequired[bool]


class Files(Answer):
    """Paths of the files that were written."""

    files: list[str]
