"""Names of engines to their code; a new engine is one line here."""

from __future__ import annotations

import importlib
from typing import Any

from ...configs.errors import UnknownNameError, near_match_hint
from .backend import EngineBackend

__all__ = ["ENGINES", "load_backend"]

#: name → module and class, imported only when asked for
ENGINES: dict[str, tuple[str, str]] = {
    "chgnet": (".ase.chgnet", "ChgnetBackend"),
    "gpaw": (".gpaw.backend", "GpawBackend"),
    "vasp": (".vasp.backend", "VaspBackend"),
    "rehearsal": (".vasp.rehearsal", "RehearsalBackend"),
}


def load_backend(name: str, settings: dict[str, Any]) -> EngineBackend:
    """Return the engine `name` with `settings` over its defaults.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    """
    if name not in ENGINES:
        raise UnknownNameError(f"unknown engine {name!r}; {near_match_hint(name, ENGINES)}")
    module, cls = ENGINES[name]
    backend: EngineBackend = getattr(importlib.import_module(module, __package__), cls)(settings)
    return backend
