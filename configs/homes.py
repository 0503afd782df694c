"""Former homes of what is stored by name: a job's identity and a queue's entries outlive every move of a module.

A stored job names the module and the class of everything that it holds, and its uuid is a hash over these names. Where
a class moves, its first home stays part of the identity (:func:`first_home`), and an import of that home finds the
class where it lives now (:class:`FormerHomes`): for queues and stores that were filled before the move.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

__all__ = ["FIRST_HOMES", "FormerHomes", "first_home"]

_PACKAGE = __name__.split(".")[0]
#: home of today to the first home; only modules whose classes or functions are stored by name, or that a queued script
#: starts
FIRST_HOMES = {
    "configs.steps.interface": "configs.interface_step",
    "configs.steps.oxygen_loss": "configs.oxygen_loss",
    "hpc.commands.app": "hpc.cli",  # named by the script that an older installation wrote
    "hpc.queue.fireworks": "hpc.fireworks_queue",
    "hpc.queue.fireworks_launch": "hpc.fireworks_launch",
    "workflows.engines.engine": "workflows.engine",
    "workflows.engines.tasks": "workflows.tasks",
    "workflows.flows.interface": "workflows.interface",
    "workflows.flows.ordering": "workflows.ordering",
    "workflows.flows.oxygen_loss": "workflows.oxygen_loss",
    "workflows.flows.substitution": "workflows.oxygen_substitution",
}
_TODAY = {f"{_PACKAGE}.{first}": f"{_PACKAGE}.{today}" for today, first in FIRST_HOMES.items()}
_FIRST = {today: first for first, today in _TODAY.items()}


def first_home(module: str) -> str:
    """Full name under which a module first stored its classes; `module` itself where it has not moved.

    Parameters
    ----------
    module : str
        Full dotted name of today, e.g. ``catholyte.workflows.engines.engine``.
    """
    return _FIRST.get(module, module)


class _Forward(InspectLoader):
    """Puts the module of today in the place of the former one."""

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(_TODAY[module.__name__])

    def get_source(self, fullname: str) -> str:
        """What ``python -m`` runs: scripts of a queue start modules by name."""
        return f"import runpy\n\nrunpy.run_module({_TODAY[fullname]!r}, run_name='__main__', alter_sys=True)\n"

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_source(fullname), f"<{fullname}>", "exec")


class FormerHomes(MetaPathFinder):
    """Finds a module of today under its first name."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Spec of a former home; None for every other name."""
        return ModuleSpec(fullname, _Forward()) if fullname in _TODAY else None

    @classmethod
    def install(cls) -> None:
        """Enter the finder once."""
        if cls not in sys.meta_path:
            sys.meta_path.append(cls)
