"""Files of weights: part of a job's identity by what they hold, never by where they lie."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ....configs.errors import InputError
from ....configs.load import engine_file

__all__ = ["checkpoint_digest", "checkpoint_path"]


def checkpoint_path(engine: str, name: str) -> Path:
    """Return the path of a file that an engine's settings name: as it is, or beside the engine's own file.

    Parameters
    ----------
    engine : str
    name : str

    Raises
    ------
    InputError
        If there is no such file.
    """
    given, file = Path(name).expanduser(), engine_file(engine)
    places = [given] if given.is_absolute() or file is None else [file.parent / given, given]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(
            f"engine {engine}: checkpoint {name}: no such file", f"looked for {' and '.join(map(str, places))}"
        )
    return found.resolve()


def checkpoint_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal; it is read once a process unless it changes."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
