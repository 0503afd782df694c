"""Names of engines to their code; a new engine is one line here.

A user's own engine is a file in the folder of ``CATHOLYTE_ENGINES``, whose name is the engine's: with the key
``engine`` one of these with other settings, with the key ``calculator`` any calculator of ASE.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import ENGINES_VARIABLE, engine_basis, engine_file
from ...configs.trust import declared_trust
from .backend import EngineBackend

__all__ = ["ENGINES", "engine_names", "load_backend", "potential_names", "require_engine", "runs_production"]

#: name → module and class, imported only when asked for
ENGINES: dict[str, tuple[str, str]] = {
    "chgnet": (".ase.chgnet", "ChgnetBackend"),
    "chgnet-r2scan": (".ase.chgnet", "R2scanBackend"),
    "sevennet": (".ase.sevennet", "SevennetBackend"),
    "gpaw": (".gpaw.backend", "GpawBackend"),
    "vasp": (".vasp.backend", "VaspBackend"),
    "rehearsal": (".rehearsal", "RehearsalBackend"),
    "rehearsal-chgnet": (".rehearsal", "ChgnetRehearsalBackend"),
}


#: what runs a file with the key ``calculator``
_CALCULATOR = (".ase.entry_point", "EntryPointBackend")


def engine_names() -> list[str]:
    """Names of all engines: those that come with the package, and the user's own."""
    own = os.environ.get(ENGINES_VARIABLE)
    files = sorted(path.stem for path in Path(own).glob("*.yaml")) if own else []
    return [*ENGINES, *(name for name in files if name not in ENGINES and engine_basis(name) is not None)]


def require_engine(name: str) -> None:
    """Raise UnknownNameError, with the nearest names, unless an engine of this name has code."""
    if name not in ENGINES and engine_basis(name) is None:
        file = engine_file(name)
        half = f"its file {file} has neither the key 'engine' nor 'calculator'; " if file else ""
        raise UnknownNameError(f"unknown engine {name!r}; {half}{near_match_hint(name, engine_names())}")


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
    return name is not None and name in engine_names() and _backend_class(name).production


def potential_names() -> list[str]:
    """Names of the engines with one built-in level of theory: they need nothing but a cell."""
    return [name for name in engine_names() if not _backend_class(name).needs_method]


def _backend_class(name: str) -> type[EngineBackend]:
    if name in ENGINES:
        return _imported(*ENGINES[name])
    basis, file = engine_basis(name), engine_file(name)
    if basis != "calculator" and basis not in ENGINES:
        raise InputError(f"{file}: key 'engine': unknown engine {basis!r}; {near_match_hint(str(basis), ENGINES)}")
    parent = _imported(*(_CALCULATOR if basis == "calculator" else ENGINES[basis]))
    return type(parent.__name__, (parent,), {"name": name, "tier": name, "__module__": parent.__module__})


def _imported(module: str, cls: str) -> type[EngineBackend]:
    found: type[EngineBackend] = getattr(importlib.import_module(module, __package__), cls)
    return found
