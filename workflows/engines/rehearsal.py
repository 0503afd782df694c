"""VASP's engine with a stand-in for the binary: the production path without a licence.

With the pair potential its numbers mean nothing. With a potential of an engine they must be those of that engine, which
holds inputs, queue, readers and acceptance to something.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.core.structure import Structure

from ...configs.models import Tier
from ..documents import Acceptance, CalculationDocument, Check
from .backend import EngineBackend
from .tasks import Relax, Task
from .vasp.backend import VaspBackend
from .vasp.cells import VaspCell
from .vasp.document import Asked
from .vasp.signature import STAND_IN_VERSION

__all__ = ["ChgnetRehearsalBackend", "RehearsalBackend"]

#: the stand-in for the binary, and names of POTCARs instead of licensed files; custodian looks often, since a run takes
#: a second
_STAND_IN: dict[str, Any] = {"vasp_command": "catholyte-rehearse", "potcar_spec": True, "polling_time": 1.0}


class RehearsalBackend(VaspBackend):
    """VASP's engine with ``catholyte-rehearse`` in place of the binary."""

    name: ClassVar[str] = "rehearsal"
    tier: Tier = "rehearsal"
    #: the engine whose potential computes; the pair potential where empty
    potential: ClassVar[str] = ""

    def __init__(self, settings: dict[str, Any]) -> None:
        option = f" --potential {self.potential}" if self.potential else ""
        super().__init__({**_STAND_IN, "vasp_command": _STAND_IN["vasp_command"] + option, **settings})

    def _at_best_height(self, structure: Structure, task: Relax, label: str, directory: Path) -> CalculationDocument:
        """At the given height where the pair potential computes, which has no equilibrium."""
        if self.potential:
            return super()._at_best_height(structure, task, label, directory)
        document = self._answer(structure, task.model_copy(update={"relax_cell": False}), label, directory)
        checks = document.acceptance.checks if document.acceptance else []
        told = Check(name="height by a parabola", ok=False, refuses=False, detail="a rehearsal keeps the given height")
        return document.model_copy(update={"acceptance": Acceptance.of([*checks, told])})

    def version(self) -> str:
        """No version of VASP: a rehearsal never answers for one."""
        return f"rehearsal 1, {self._computing.version()}" if self.potential else "rehearsal 1"

    def asked(self, structure: Structure, cell: VaspCell, task: Task, directory: Path) -> Asked:
        """What a run is held to: also that the potential computed which the engine names."""
        asked = super().asked(structure, cell, task, directory)
        return replace(asked, version=f"{STAND_IN_VERSION}-{self.potential}" if self.potential else STAND_IN_VERSION)

    def require(self, symbols: Collection[str]) -> None:
        """Raise InputError unless the potential may serve these elements."""
        if self.potential:
            self._computing.require(symbols)

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Start of the stand-in and of the readers, and a few milliseconds a step, or the potential's own time."""
        if self.potential:
            return 15.0 + self._computing.estimate_seconds(n_atoms, task)
        return 15.0 + 0.01 * n_atoms * {"relax": 50, "md": getattr(task, "n_steps", 1)}.get(task.kind, 1)

    @property
    def _computing(self) -> EngineBackend:
        from .registry import load_backend  # which imports this module for its engines

        return load_backend(self.potential, {})


class ChgnetRehearsalBackend(RehearsalBackend):
    """The rehearsal whose energies, forces, stress and moments are CHGNet's: the whole production path must give what
    the engine chgnet gives."""

    name: ClassVar[str] = "rehearsal-chgnet"
    tier: Tier = "rehearsal-chgnet"
    potential: ClassVar[str] = "chgnet"
