"""Content of the pages of key numbers: of one campaign, and of two side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...analysis.report.comparison import ComparedNumber, compared_numbers
from ...analysis.report.content import KeyNumber
from ...analysis.words import number
from ...configs.errors import UnknownNameError
from .filters import distinct, with_text
from .matrix import Line
from .snapshot import OTHER, Answers, BoardSource

__all__ = [
    "committee_differences",
    "comparison_content",
    "difference_text",
    "interval_of",
    "number_text",
    "numbers_content",
]

#: in the order of the page: what a reader looks for first
_ORDER = ("apart", "differs, no interval is known", "no value in one", "new only", "old only", "within the intervals")


def number_text(key: KeyNumber | None) -> str:
    """A key number as the report writes it: value ± uncertainty; a dash without a value."""
    if key is None or key.value is None:
        return "–"
    sigma = "" if key.uncertainty is None else f" ± {number(key.uncertainty, key.digits)}"
    return f"{number(key.value, key.digits)}{sigma}"


def interval_of(key: KeyNumber | None) -> str:
    """The interval in which a key number is taken to lie; empty where none is known."""
    if key is None or key.value is None or key.half_width is None:
        return ""
    low, high = key.value - key.half_width, key.value + key.half_width
    return f"[{number(low, key.digits)}, {number(high, key.digits)}]"


def difference_text(row: ComparedNumber) -> str:
    """New minus old, ± half of the interval of the difference; a dash where one has no value."""
    if row.difference is None:
        return "–"
    half = "" if row.half_width is None else f" ± {number(row.half_width, row.known.digits)}"
    return f"{number(row.difference, row.known.digits)}{half}"


def numbers_content(answers: Answers | None, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of key numbers shows.

    Parameters
    ----------
    answers : Answers or None
        None while they are being evaluated.
    asked : mapping
        Filters: chapter, text.
    """
    found = answers.numbers.numbers if answers else []
    rows = [row for row in found if asked.get("chapter") in (None, "", row[1])]
    return {
        "pending": answers is None,
        "problem": answers.problem if answers else "",
        "filters": {"chapter": distinct(title for _, title, _ in found)},
        "rows": with_text(rows, asked, lambda row: f"{row[2].quantity} {row[2].tier} {row[2].unit}"),
        "committee": answers.numbers.committee if answers else None,
        "extrapolations": answers.numbers.extrapolations if answers else [],
    }


def committee_differences(answers: Answers | None, lines: Iterable[Line]) -> dict[str, list[str]]:
    """Return, by the name of a line of the matrix, what the members of a committee differ by in numbers of its system.

    A number belongs to the longest line whose materials its words name: that of a stack is none of its crystals.

    Parameters
    ----------
    answers : Answers or None
    lines : iterable of Line
    """
    committee = answers.numbers.committee if answers else None
    tables = [table for table in committee.tables if table.name == "committee"] if committee else []
    names = sorted({line.name for line in lines}, key=len, reverse=True)
    told: dict[str, list[str]] = {}
    for row in (row for table in tables for row in table.rows if row["difference"]):
        owner = next((name for name in names if _is_named(name, row["quantity"])), None)
        if owner is not None:
            difference = number(row["difference"], row["digits"])
            told.setdefault(owner, []).append(f"{row['quantity']}: they differ by {difference} {row['unit']}")
    return told


def _is_named(system: str, quantity: str) -> bool:
    """Whether the words of a number name a system, and not one of which it is a part."""
    written = re.escape(system.replace(" | ", "|"))
    return re.search(rf"(?<![\w|]){written}(?![\w|(])", quantity.replace(" | ", "|")) is not None


def comparison_content(source: BoardSource, answers: Mapping[str, Answers], asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page with two campaigns shows.

    Parameters
    ----------
    source : BoardSource
    answers : mapping
        Campaign to what it answers; campaigns of the other store behind ``2/``.
    asked : mapping
        ``old`` and ``new``; filters verdict, text.

    Raises
    ------
    UnknownNameError
        If there is no such campaign, or none at all.
    """
    choices = _choices(source)
    old, new = _chosen(choices, source, asked)
    both = [answers.get(name) for name in (old, new)]
    rows: list[ComparedNumber] = []
    if both[0] is not None and both[1] is not None:
        rows = compared_numbers(*([key for *_, key in found.numbers.numbers] for found in both if found is not None))
    rows = sorted(rows, key=lambda row: _ORDER.index(row.verdict) if row.verdict in _ORDER else len(_ORDER))
    counts = {
        verdict: sum(row.verdict == verdict for row in rows) for verdict in dict.fromkeys(r.verdict for r in rows)
    }
    wanted = [row for row in rows if asked.get("verdict") in (None, "", row.verdict)]
    names = source.names()
    return {
        "at": next((name for name in (new, old) if name in names), names[0]),
        "choices": choices,
        "old": old,
        "new": new,
        "pending": None in both,
        "counts": counts,
        "filters": {"verdict": distinct(counts)},
        "rows": with_text(wanted, asked, lambda row: f"{row.known.quantity} {row.known.unit} {row.verdict}"),
    }


def _choices(source: BoardSource) -> dict[str, str]:
    """Campaign to how it is shown."""
    found = {name: name for name in source.names()}
    if source.beside is not None:
        found |= {f"{OTHER}{name}": f"{name} ({source.beside.shown})" for name in source.beside.names()}
    return found


def _chosen(choices: Mapping[str, str], source: BoardSource, asked: Mapping[str, str]) -> tuple[str, str]:
    """Both campaigns: as asked; else the latest, and the one of its name in the other store, or the one before it."""
    for name in (asked.get("old"), asked.get("new")):
        if name and name not in choices:
            raise UnknownNameError(f"there is no campaign {name[:60]!r} to compare")
    if not choices or not source.names():
        raise UnknownNameError("there is no campaign to compare")
    new = asked.get("new") or source.names()[0]
    usual = f"{OTHER}{new}" if f"{OTHER}{new}" in choices else next((name for name in choices if name != new), new)
    return asked.get("old") or usual, new
