"""What a code must offer to be an engine."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError
from ...configs.models import Spec, Tier
from ..documents import CalculationDocument, Kind, Restart
from .tasks import Task

__all__ = ["CONTRACT_VERSION", "EngineBackend", "write_atomically"]

#: raised when the meaning of a stored document changes, so that older results are not reused
CONTRACT_VERSION = 1


class EngineBackend(ABC):
    """What one code can do. Instances hold the engine's own settings and nothing else.

    `settings` is the validated content of ``configs/engines/NAME.yaml`` after the user's overrides.
    """

    name: ClassVar[str]
    tier: ClassVar[Tier]
    kinds: ClassVar[tuple[Kind, ...]]
    #: settings that say where and how fast, never what: not part of a job's identity
    resources: ClassVar[frozenset[str]] = frozenset()
    #: False for an engine with one built-in level of theory
    needs_method: ClassVar[bool] = True
    #: True for an engine that relaxes the height of a cell alone
    relaxes_height: ClassVar[bool] = False
    #: True for an engine whose molecular dynamics goes on from the state in a document, by `proceed`; others take
    #: positions and velocities
    restarts: ClassVar[bool] = False
    settings: Spec

    @abstractmethod
    def __init__(self, settings: dict[str, Any]) -> None:
        """Validate `settings`; raise InputError naming a wrong key."""

    @abstractmethod
    def version(self) -> str:
        """Version of the installed code and of its data, or ``"missing"``; must not import the code."""

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number: part of a job's identity."""
        return self.settings.model_dump(mode="json", exclude=set(self.resources))

    @abstractmethod
    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Return the expected processor time in s, an order of magnitude from measured cells."""

    @abstractmethod
    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Run `task` on `structure` in the empty or interrupted `directory`.

        Raises
        ------
        EngineUnavailableError
            If the code is not installed; the message says how to install it.
        CalculationError
            If it ran and did not converge, with the evidence in the message.
        """

    def proceed(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart
    ) -> CalculationDocument:
        """Run `task` from exactly the state in which another run ended.

        Raises
        ------
        EngineUnavailableError
            If this engine has no such state.
        """
        raise EngineUnavailableError(
            f"engine {self.name} does not go on from a stored state; its dynamics go on from positions and velocities"
        )


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that `path` holds either all of it or what it held before."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
