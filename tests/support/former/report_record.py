"""A report as plain data, so that two versions of the analysis can be compared value by value."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from catholyte.analysis.report.content import KeyNumber, Picture, Section, Table, Text

__all__ = ["differences", "recorded"]

#: relative difference of two numbers that are the same
TOLERANCE = 1e-9
#: absolute difference of two numbers that are both nothing but rounding errors
NOTHING = 1e-9
#: tables that tell the versions of installed packages
INSTALLED = {"packages"}


def recorded(sections: Iterable[Section]) -> dict[str, Any]:
    """Texts, tables as CSV, key numbers, warnings and pictures of each chapter by its anchor."""
    return {
        section.id: {
            "title": section.title,
            "texts": [[block.kind, block.text] for block in section.blocks if isinstance(block, Text)],
            "tables": {table.name: _csv(table) for table in section.tables if table.name not in INSTALLED},
            "notes": {table.name: [table.title, table.note, table.shown] for table in section.tables},
            "key_numbers": [_number(key) for key in section.key_numbers],
            "warnings": section.warnings,
            "pictures": [[block.name, block.alt] for block in section.blocks if isinstance(block, Picture)],
        }
        for section in sections
    }


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Return where two records differ, in words; tables are compared cell by cell and numbers to `TOLERANCE`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{place}/{key}: missing" for key in expected if key not in found]
        added = [f"{place}/{key}: new" for key in found if key not in expected]
        inner = (differences(expected[key], found[key], f"{place}/{key}") for key in expected if key in found)
        return [*missing, *added, *(told for each in inner for told in each)]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            before, after = _by_name(expected), _by_name(found)
            if before is not None and after is not None:
                return differences(before, after, place)
            return [f"{place}: {len(expected)} entries were {expected!r}, and {len(found)} are {found!r}"]
        inner = (differences(a, b, f"{place}/{k}") for k, (a, b) in enumerate(zip(expected, found, strict=True)))
        return [told for each in inner for told in each]
    if "/tables/" in place and place.count("/tables/") == 1 and isinstance(expected, str) and "\n" in expected:
        return differences(list(csv.reader(io.StringIO(expected))), list(csv.reader(io.StringIO(str(found)))), place)
    return [] if _same(expected, found) else [f"{place}: {expected!r} was, and {found!r} is"]


def _by_name(rows: list[Any]) -> dict[str, Any] | None:
    """Rows of a table by their first cell, key numbers by their quantity; None where these do not tell them apart."""
    names = [
        str(row["quantity"]) if isinstance(row, dict) and "quantity" in row else str(row[0])
        for row in rows
        if (isinstance(row, dict) and "quantity" in row) or (isinstance(row, list) and row)
    ]
    return dict(zip(names, rows, strict=True)) if len(set(names)) == len(rows) else None


def _number(key: KeyNumber) -> dict[str, Any]:
    """A key number without what claims call it, which former reports did not have."""
    return {name: value for name, value in asdict(key).items() if name not in ("names", "detail")}


def _csv(table: Table) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return table.write(Path(folder)).read_text(encoding="utf-8")


def _same(expected: Any, found: Any) -> bool:
    if expected == found:
        return True
    try:
        a, b = float(expected), float(found)
    except (TypeError, ValueError):
        return False
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=NOTHING) or (math.isnan(a) and math.isnan(b))
