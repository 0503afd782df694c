"""Files of phase sets by name: the shipped ones and the user's own."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import UnknownNameError, near_match_hint
from .load import CONFIGS

__all__ = ["PHASES_VARIABLE", "own_phases", "phase_set_file", "phase_set_files"]

#: a folder of the user's own phase sets; the folder :data:`OWN_PHASES` of the working directory where it is not set
PHASES_VARIABLE = "CATHOLYTE_PHASES"
OWN_PHASES = "catholyte-phases"


def own_phases() -> Path:
    """Return the folder of the user's own phase sets, whether it is there or not."""
    return Path(os.environ.get(PHASES_VARIABLE) or OWN_PHASES)


def phase_set_files() -> dict[str, Path]:
    """Return every phase set by name: the user's own, and the shipped ones, whose names nothing else can take."""
    folders = (own_phases(), CONFIGS / "phases")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}


def phase_set_file(name_or_path: str | Path) -> Path:
    """Return the file of a phase set by name, or the path that was given.

    Raises
    ------
    UnknownNameError
        If no set has this name, with the nearest names.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".json"):
        return Path(name_or_path)
    files = phase_set_files()
    if text not in files:
        raise UnknownNameError(
            f"unknown phase set {text!r} (a file is named by its path, e.g. ./{text}.json; own sets are searched in "
            f"{own_phases()}); {near_match_hint(text, files)}"
        )
    return files[text]
