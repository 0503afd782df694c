"""Verdicts of the guard: those of shipped potentials are recorded, those of a user's own are kept once they are found.

A verdict belongs to what was examined: engine, version and weights by their content. Recorded ones stand in
``configs/engines/guard.json``, which a test finds again; the others go to ``catholyte/guard`` in the user's cache
folder (``XDG_CACHE_HOME``, else ``~/.cache``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ....configs.load import CONFIGS
from ..backend import write_atomically
from .guard import Verdict, examine

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["RECORD", "examined", "found_verdict", "recorded", "recorded_verdicts"]

RECORD = CONFIGS / "engines" / "guard.json"
#: changes when the guard asks something else
_GUARD_VERSION = 1
#: of this process, where no file can be written
_FOUND: dict[str, Verdict] = {}


@cache
def recorded_verdicts() -> dict[str, Verdict]:
    """Return the recorded verdicts by what was examined."""
    stored = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    return {potential: Verdict.model_validate(one) for potential, one in stored.items()}


def recorded(potential: str) -> Verdict | None:
    """Return the recorded verdict of a potential, by its full name; None where there is none.

    Parameters
    ----------
    potential : str
        As :attr:`..ase.backend.AseBackend.examined_as`.
    """
    return recorded_verdicts().get(potential)


def found_verdict(potential: str) -> Verdict | None:
    """Return the verdict of a potential that is recorded or was found on this machine; None where there is none."""
    if (known := recorded(potential) or _FOUND.get(potential)) is not None:
        return known
    try:
        return Verdict.model_validate_json(_file(potential).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def examined(potential: str, calculator: Calculator, known: Collection[str] | None) -> Verdict:
    """Examine a potential now and keep the verdict.

    Parameters
    ----------
    potential : str
    calculator : ase.calculators.calculator.Calculator
    known : collection of str or None
        Elements that it was made for; None: every element.
    """
    verdict = _FOUND[potential] = examine(calculator, potential, known)
    file = _file(potential)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, verdict.model_dump_json(indent=1))
    except OSError:
        pass  # a home that cannot be written to: the next process examines again
    return verdict


def _file(potential: str) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catholyte" / "guard"
    name = hashlib.sha256(f"{_GUARD_VERSION} {potential}".encode()).hexdigest()[:32]
    return folder / f"{name}.json"
