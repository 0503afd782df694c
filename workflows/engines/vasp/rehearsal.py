"""The rehearsal of a VASP campaign: the same inputs, runner, error handlers and reader, with a stand-in for the binary.

Its numbers are placeholders, stamped by the executable; documents carry the tier ``rehearsal``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ....configs.models import Tier
from ..tasks import Task
from .backend import VaspBackend

__all__ = ["RehearsalBackend"]

#: the stand-in for the binary, and names of POTCARs instead of licensed files; custodian looks often, since a run takes
#: a second
_STAND_IN: dict[str, Any] = {"vasp_command": "catholyte-rehearse", "potcar_spec": True, "polling_time": 1.0}


class RehearsalBackend(VaspBackend):
    """VASP's engine with ``catholyte-rehearse`` in place of the binary."""

    name: ClassVar[str] = "rehearsal"
    tier: ClassVar[Tier] = "rehearsal"

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__({**_STAND_IN, **settings})

    def version(self) -> str:
        """No version of VASP: a rehearsal never answers for one."""
        return "rehearsal 1"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Start of the stand-in and of the readers, and a few milliseconds a step."""
        return 15.0 + 0.01 * n_atoms * {"relax": 50, "md": getattr(task, "n_steps", 1)}.get(task.kind, 1)
