"""Filters of the board's pages: of lines of the matrix, of jobs, of anything by its text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from .matrix import KINDS, Line, Matrix

__all__ = ["NO_LAYER", "distinct", "job_wanted", "line_wanted", "narrowed", "with_text"]

#: what a filter calls contacts without a layer
NO_LAYER = "none"
Row = TypeVar("Row")


def with_text(rows: Sequence[Row], asked: Mapping[str, str], text_of: Callable[[Row], str]) -> list[Row]:
    """Return the rows whose text holds every word that was searched for, in any case of letters.

    Parameters
    ----------
    rows : sequence
    asked : mapping
        Its ``text``.
    text_of : callable
    """
    words = asked.get("text", "").casefold().split()
    return [row for row in rows if all(word in text_of(row).casefold() for word in words)]


def job_wanted(row: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    """Whether a row of the list of jobs passes the filters state, step, engine, material, kind and text."""
    exact = all(str(row[key]) == asked[key] for key in ("state", "step", "engine", "material") if asked.get(key))
    kind = not asked.get("kind") or KINDS.get(str(row["kind"]), str(row["kind"])) == asked["kind"]
    return exact and kind and bool(with_text([row], asked, lambda one: f"{one['name']} {one['key']} {one['cause']}"))


def line_wanted(line: Line, asked: Mapping[str, str]) -> bool:
    """Whether a line of the matrix passes the filters cathode, layer, electrolyte, state, property and text."""
    parts = all(getattr(line, key) == asked[key] for key in ("cathode", "electrolyte") if asked.get(key))
    if asked.get("layer") == NO_LAYER:
        layer = line.contact and not line.layer
    else:
        layer = not asked.get("layer") or line.layer == asked["layer"]
    states = not asked.get("state") or any(cell.state == asked["state"] for cell in line.cells.values())
    column = not asked.get("property") or asked["property"] in line.cells
    return parts and layer and states and column and bool(with_text([line], asked, lambda one: one.name))


def narrowed(whole: Matrix, asked: Mapping[str, str]) -> Matrix:
    """Return the lines of a matrix that were asked for, with the columns that they fill.

    Parameters
    ----------
    whole : Matrix
    asked : mapping
    """
    lines = [line for line in whole.lines if line_wanted(line, asked)]
    columns = [
        column
        for column in whole.columns
        if any(column in line.cells for line in lines) and asked.get("property") in (None, "", column)
    ]
    return Matrix(columns, lines)


def distinct(values: Iterable[str]) -> list[str]:
    """Return what can be chosen: every value once, in order, without the empty one."""
    return sorted({value for value in values if value})
