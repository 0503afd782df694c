"""Every error that catholyte raises on purpose.

CatholyteError
├── InputError            a file or a call is wrong; exit status 2
│   ├── UnknownNameError    a name that is not in the library, with the nearest matches
│   └── StructureError      atoms that overlap, a cell that is empty, a file that does not parse
├── StoreError            the store cannot be opened, read or written; exit status 2
├── EngineUnavailableError  the engine is not installed here; exit status 1
├── CalculationError      an engine ran and gave no usable result; exit status 1
└── SignatureMismatchError  energies that may not be subtracted from each other; exit status 1

FileNote is the one warning: a file was read in a way that its owner should know of.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CalculationError",
    "CatholyteError",
    "EngineUnavailableError",
    "FileNote",
    "InputError",
    "SignatureMismatchError",
    "StoreError",
    "StructureError",
    "UnknownNameError",
    "near_match_hint",
]


class CatholyteError(Exception):
    """Base of all errors raised on purpose; `exit_status` is what the command line returns.

    Parameters
    ----------
    message : str
        One clear sentence, naming file, line, key and allowed values where they exist.
    advice : str
        What the user can do about it; shown by ``catholyte why``.
    """

    exit_status = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __reduce__(self) -> tuple[type[CatholyteError], tuple[str, str]]:
        return type(self), (self.message, self.advice)


class InputError(CatholyteError):
    """A file or a call is wrong."""

    exit_status = 2


class UnknownNameError(InputError):
    """A name that is not in the library."""


class StructureError(InputError):
    """A structure that cannot be used: overlapping atoms, an empty cell, an unreadable file."""


class StoreError(CatholyteError):
    """The store cannot be opened, read or written."""

    exit_status = 2


class EngineUnavailableError(CatholyteError):
    """The engine that a step needs is not installed on this machine."""


class CalculationError(CatholyteError):
    """An engine ran and gave no usable result."""


class SignatureMismatchError(CatholyteError):
    """Energies with different signatures, which may never be subtracted."""


class FileNote(UserWarning):
    """How a file was read, where it left that open or was repaired; commands show it as a note."""


#: more allowed names than this are counted, not listed
MANY_NAMES = 40


def near_match_hint(name: str, allowed: Iterable[str]) -> str:
    """Return ``did you mean …? allowed: …`` for a name that is not among the allowed ones."""
    names = sorted(set(allowed))
    lowered = {candidate.lower(): candidate for candidate in names}
    alike = [candidate for candidate in names if _as_read(candidate) == _as_read(name)]
    close = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.5)
    near = list(dict.fromkeys([*alike, *(lowered[n] for n in close)]))[:3]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    if len(names) > MANY_NAMES:
        return f"{hint}{len(names)} names are allowed, {', '.join(near or names[:3])} among them"
    return f"{hint}allowed: {', '.join(names)}"


def _as_read(name: str) -> str:
    """A name without what the eye takes for something else: 0 for O, 1 for l."""
    return name.lower().translate(str.maketrans("01", "ol"))
