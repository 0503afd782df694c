"""How commands speak: one JSON document or tables on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError, UnknownNameError, near_match_hint

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

__all__ = ["FILE_FORMATS", "emit_json", "ending", "narrate", "table", "write_cell"]


def emit_json(document: Any) -> None:
    """Write one JSON document to standard output, on one line: an indented one takes ten times as long to write."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def narrate(line: str) -> None:
    """Write one line of progress to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table to standard output; the units stand in the column heads."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        drawn.add_row(*[_cell(value) for value in row])
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    console.print(drawn)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


#: ``--format`` to the ending of the file
FILE_FORMATS = {"json": ".json", "extxyz": ".extxyz", "cif": ".cif", "poscar": ".vasp"}


def ending(file_format: str) -> str:
    """The file ending of a format.

    Raises
    ------
    UnknownNameError
        With the formats that exist.
    """
    if file_format not in FILE_FORMATS:
        raise UnknownNameError(
            f"--format: unknown format {file_format!r}; {near_match_hint(file_format, FILE_FORMATS)}"
        )
    return FILE_FORMATS[file_format]


def write_cell(structure: Structure, out: Path, stem: str, file_format: str) -> Path:
    """Write one cell into the folder `out`, which is made where it is missing, and return the path.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    from ...structures.crystals.files import write_structure

    path = out / f"{stem}{ending(file_format)}"
    try:
        return write_structure(structure, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
