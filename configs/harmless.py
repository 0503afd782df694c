"""Files that would take all memory or time are refused before they are unfolded: YAML by size, depth, aliases and
endless numbers, HDF5 by datasets that are not in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from .errors import InputError

if TYPE_CHECKING:
    import h5py

__all__ = ["hdf5_damage_named", "read_text", "refuse_place", "require_harmless", "shortened"]

#: bytes of a file; the largest recipe has 12 kB
_MOST_BYTES = 1_000_000
#: levels of lists and mappings within each other
_MOST_LEVELS = 40
#: entries after every alias stands for what it means
_MOST_ENTRIES = 200_000
#: characters of a path; systems refuse to look at longer ones
_LONGEST_PATH = 1000
#: digits of a number
_MOST_DIGITS = 300
_DIGITS = re.compile(rf"[-+]?[\d_]{{{_MOST_DIGITS},}}$")
#: bytes that a dataset may announce without holding them, and how far deflate can pack what it holds
_MOST_ANNOUNCED, _DEFLATED = 10**8, 1100
#: characters of a refused value that are shown
_SHOWN = 80


def read_text(path: Path) -> str:
    """The text of a YAML file.

    Raises
    ------
    InputError
        If it is missing, unreadable, or larger than 1 MB.
    """
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise InputError(f"{path}: {size / 1e6:.1f} MB; at most {_MOST_BYTES / 1e6:g} MB are read")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def require_harmless(text: str, path: Path) -> None:
    """Refuse nesting, aliases and numbers that no recipe needs; a text without any of them costs nothing.

    Raises
    ------
    InputError
        With the line.
    yaml.MarkedYAMLError
        If the text is no YAML.
    """
    levels = text.count("[") + text.count("{")
    deep = max(map(len, re.findall(r"^[ -]*", text, re.MULTILINE)), default=0)
    if "*" in text or levels > _MOST_LEVELS or deep > _MOST_LEVELS or re.search(rf"\d{{{_MOST_DIGITS}}}", text):
        _Count(path).all(text)


class _Count:
    """Counts entries as the parser meets them; an alias counts as what it stands for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        #: anchor and entries so far of each collection that is open
        self.open: list[tuple[str | None, int]] = []
        self.total = 0

    def all(self, text: str) -> None:
        """Count a whole text."""
        for event in YAML(typ="rt").parse(text):
            self._one(event)

    def _one(self, event: Event) -> None:
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self.open.append((event.anchor, 1))
            if len(self.open) > _MOST_LEVELS:
                raise self._refused(event, f"more than {_MOST_LEVELS} levels within each other")
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            anchor, size = self.open.pop()
            if anchor:
                self.sizes[anchor] = size
            self._add(event, size)
        elif isinstance(event, AliasEvent):
            name = str(event.anchor)
            if any(anchor == name for anchor, _ in self.open):
                raise self._refused(event, f"'*{name}' stands within what it stands for")
            self._add(event, self.sizes.get(name, 1))
        elif isinstance(event, ScalarEvent):
            if _DIGITS.match(str(event.value)):
                raise self._refused(event, f"a number of {len(event.value)} digits")
            if event.anchor:
                self.sizes[str(event.anchor)] = 1
            self._add(event, 1)

    def _add(self, event: Event, size: int) -> None:
        if self.open:
            anchor, before = self.open[-1]
            self.open[-1] = (anchor, before + size)
        if size > _MOST_ENTRIES or (self.open and self.open[-1][1] > _MOST_ENTRIES):
            raise self._refused(event, f"its aliases unfold to more than {_MOST_ENTRIES} entries")

    def _refused(self, event: Event, problem: str) -> InputError:
        line = event.start_mark.line + 1 if event.start_mark else 1
        return InputError(f"{self.path}:{line}: {problem}")


def shortened(value: object) -> str:
    """A value as it stands in a message, at most 80 characters of it."""
    text = repr(value) if not isinstance(value, str) else repr(value[: 2 * _SHOWN])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@contextmanager
def hdf5_damage_named(file: h5py.File, path: Path) -> Iterator[None]:
    """Name the file where a reader stumbles over its datasets, or would make room for what is not in them.

    Raises
    ------
    InputError
        If a dataset announces more numbers than the file holds; and instead of what h5py and numpy raise on datasets
        that are missing, unreadable, or of another kind or shape.
    """
    import h5py

    def look(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.nbytes > max(
            _MOST_ANNOUNCED, _DEFLATED * item.id.get_storage_size()
        ):
            raise InputError(f"{path} is damaged: {name} announces {item.nbytes / 1e9:.1f} GB that are not in it")

    try:
        file.visititems(look)
        yield
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        told = str(error).strip("'\"").partition("\n")[0]
        raise InputError(f"{path} is damaged: {type(error).__name__}: {told[:200]}") from None


def refuse_place(name: str) -> None:
    """Refuse a folder, and a file of a format that is not read, where a material is asked for.

    Parameters
    ----------
    name : str
        Neither a name of the library nor a structure file by its name.

    Raises
    ------
    InputError
        If there is such a folder or file.
    """
    if not name or len(name) > _LONGEST_PATH:
        return
    if Path(name).is_dir():
        raise InputError(f"{name} is a folder, and a material is one file", "name the CIF, POSCAR or YAML in it")
    if Path(name).is_file():
        raise InputError(
            f"{name}: by its name it is no structure file",
            "name it after its format: .cif, .vasp or POSCAR, .extxyz, .json, vasprun.xml; .yaml for a material's YAML",
        )
