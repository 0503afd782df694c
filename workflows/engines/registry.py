"""Names of engines to their code; a new engine is one line here."""

from __future__ import annotations

import importlib
from typing import Any

from ...configs.errors import UnknownNameError, near_match_hint
from ...configs.load import engine_file
from ...configs.trust import declared_trust
from .backend import EngineBackend

__all__ = ["ENGINES", "load_backend", "potential_names", "require_engine", "runs_production"]

#: name → module and class, imported only when asked for
ENGINES: dict[str, tuple[str, str]] = {
    "chgnet": (".ase.chgnet", "ChgnetBackend"),
    "gpaw": (".gpaw.backend", "GpawBackend"),
    "vasp": (".vasp.backend", "VaspBackend"),
    "rehearsal": (".vasp.backend", "RehearsalBackend"),
}


def require_engine(name: str) -> None:
    """Raise UnknownNameError, with the nearest names, unless an engine of this name has code."""
    if name not in ENGINES:
        half = f"its file {file} is there, but no code is registered for it; " if (file := engine_file(name)) else ""
        raise UnknownNameError(f"unknown engine {name!r}; {half}{near_match_hint(name, ENGINES)}")


def load_backend(name: str, settings: dict[str, Any]) -> EngineBackend:
    """Return the engine `name` with `settings` over its defaults.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    InputError
        If a setting is wrong, or no file says what the engine's numbers are worth.
    """
    require_engine(name)
    backend = _backend_class(name)(settings)
    declared_trust(backend.tier)
    return backend


def runs_production(name: str | None) -> bool:
    """Whether an engine runs a recipe's section `vasp`; False for what is no engine."""
    return name is not None and name in ENGINES and _backend_class(name).production


def potential_names() -> list[str]:
    """Names of the engines with one built-in level of theory: they need nothing but a cell."""
    return [name for name in ENGINES if not _backend_class(name).needs_method]


def _backend_class(name: str) -> type[EngineBackend]:
    module, cls = ENGINES[name]
    found: type[EngineBackend] = getattr(importlib.import_module(module, __package__), cls)
    return found
