"""How commands speak: one JSON document or tables on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import CatholyteError, InputError
from .options import require_known

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ..run.local import Event

__all__ = [
    "emit_json",
    "ending",
    "narrate",
    "narrate_error",
    "narrate_event",
    "say",
    "say_files",
    "say_notes",
    "signed_amounts",
    "table",
    "table_of",
    "tend_command",
    "unspaced_formula",
    "write_cell",
]


#: rows from which a table is plain text
_MANY_ROWS = 1000


def emit_json(document: Any) -> None:
    """Write one JSON document to standard output, on one line: an indented one takes ten times as long to write."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def say(line: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(line + "\n")


def say_files(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the file of each row that has one to standard output."""
    for row in rows:
        if row["file"]:
            say(row["file"])


def say_notes(notes: Iterable[str]) -> None:
    """Write notes to standard output."""
    for note in notes:
        say(f"note: {note}")


def narrate(line: str) -> None:
    """Write one line of progress to standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def tend_command(cluster: str | None, manager: str, rehearsal: bool) -> str:
    """Return the command that looks after the jobs that were just handed over, as it is typed."""
    words = ["catholyte", "tend", "--cluster", str(cluster)]
    words += ["--manager", manager] if manager != "fireworks" else []
    return shlex.join([*words, *(["--rehearsal"] if rehearsal else [])])


def narrate_error(error: CatholyteError) -> None:
    """Write an error and its way out to standard error."""
    narrate(f"error: {error.message}")
    if error.advice:
        narrate(f"what to do: {error.advice}")


def narrate_event(event: Event, left: str = "") -> None:
    """Write what happened to a job to standard error, and what is known of the time that the others take."""
    took = f" ({event.seconds:.1f} s)" if event.seconds else ""
    message = f": {event.message}" if event.message else ""
    narrate(
        f"[{event.n_finished}/{event.n_total}] {event.state:<8}{event.name}{took}{message}{f'; {left}' if left else ''}"
    )


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table to standard output; the units stand in the column heads."""
    from rich.console import Console
    from rich.table import Table

    if len(rows) > _MANY_ROWS:
        say(f"{title}\n{_plain_table(columns, rows)}")
        return
    drawn = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        drawn.add_row(*[_cell(value) for value in row])
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    console.print(drawn)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table without lines, a row a line: what is drawn takes seconds where rows are many."""
    cells = [list(columns), *([_cell(value).replace("\n", " ") for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def table_of(title: str, heads: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> None:
    """Write a table of records to standard output; `heads` gives the column head of each key."""
    table(title, tuple(heads.values()), [[record[key] for key in heads] for record in records])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def signed_amounts(counts: Mapping[str, int]) -> str:
    """Counts with their sign: ``+2 Co3+ -1 O``."""
    return " ".join(f"{number:+d} {name}" for name, number in counts.items()) or "none"


def unspaced_formula(structure: Structure) -> str:
    """The formula of a cell without charges and spaces: ``Li6Co12O24``."""
    return str(structure.composition.remove_charges().formula).replace(" ", "")


#: ``--format`` to the ending of the file
FILE_FORMATS = {"json": ".json", "extxyz": ".extxyz", "cif": ".cif", "poscar": ".vasp"}


def ending(file_format: str) -> str:
    """The file ending of a format.

    Raises
    ------
    UnknownNameError
        With the formats that exist.
    """
    require_known("--format", file_format, FILE_FORMATS, "format")
    return FILE_FORMATS[file_format]


def write_cell(structure: Structure, out: Path, stem: str, file_format: str) -> Path:
    """Write one cell into the folder `out`, which is made where it is missing, and return the path.

    A file that was there with another cell is told in a note.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    from ...structures.crystals.files import write_structure
    from ...structures.crystals.guard import note

    path = out / f"{stem}{ending(file_format)}"
    try:
        before = path.read_bytes() if path.is_file() else None
        write_structure(structure, path)
        if before is not None and before != path.read_bytes():
            note(path, "was there with another cell, and is overwritten")
        return path
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
