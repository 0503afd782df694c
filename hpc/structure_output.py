"""Cells that commands write: one place for formats and file endings."""

from __future__ import annotations

from pathlib import Path

from pymatgen.core.structure import Structure

from ..configs.errors import InputError, UnknownNameError, near_match_hint

__all__ = ["FILE_FORMATS", "ending", "write_cell"]

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
        raise UnknownNameError(f"--format: unknown format {file_format!r}; {near_match_hint(file_format, FILE_FORMATS)}")
    return FILE_FORMATS[file_format]


def write_cell(structure: Structure, out: Path, stem: str, file_format: str) -> Path:
    """Write one cell into the folder `out`, which is made where it is missing, and return the path.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    from ..structures.files import write_structure

    path = out / f"{stem}{ending(file_format)}"
    try:
        return write_structure(structure, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
