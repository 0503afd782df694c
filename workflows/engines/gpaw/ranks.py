"""How many MPI ranks one GPAW calculation gets, and the command that starts them.

GPAW starts under an MPI launcher only where ``GPAW_MPI_BACKEND`` says ``cgpaw`` (GPAW 26.7, release notes, "MPI
changes"); a launcher of another MPI than GPAW was built with starts as many programs that do not know of each other,
so the child compares the number it sees with the number that was asked for.
"""

from __future__ import annotations

import functools
import math
import shutil
import subprocess
import sys
from pathlib import Path

from ....configs.errors import EngineUnavailableError
from ....configs.models import Method
from ..cores import usable_cores

__all__ = ["ENVIRONMENT", "MISMATCH", "built_with_mpi", "launcher", "n_ranks"]

#: what the child's environment needs under an MPI launcher
ENVIRONMENT = {"GPAW_MPI_BACKEND": "cgpaw"}
#: exit status of a child that sees another number of ranks than it was started with
MISMATCH = 93
_PROBE = "import _gpaw; raise SystemExit(0 if hasattr(_gpaw, 'Communicator') else 1)"


@functools.lru_cache(maxsize=1)
def built_with_mpi() -> bool:
    """Whether the installed GPAW knows MPI; asked in a process of its own, since the job's never imports GPAW."""
    return subprocess.run([sys.executable, "-P", "-c", _PROBE], capture_output=True, check=False).returncode == 0


def n_ranks(asked: int, method: Method, command: tuple[str, ...]) -> int:
    """Return the number of ranks of one calculation.

    Parameters
    ----------
    asked : int
        Setting ``processes``; 0 chooses: one rank for each core that this job may use
        (:func:`~catholyte.workflows.engines.cores.usable_cores`), at most one for each k point of the mesh, where GPAW
        and its launcher are there; otherwise 1.
    method : Method
    command : tuple of str
        Setting ``mpi_command``.
    """
    if asked:
        return asked
    ranks = min(usable_cores(), math.prod(method.kpoints))
    return ranks if ranks > 1 and _program(command[0]) is not None and built_with_mpi() else 1


def launcher(ranks: int, command: tuple[str, ...]) -> list[str]:
    """Return what stands before the interpreter: nothing for one rank.

    Raises
    ------
    EngineUnavailableError
        If the launcher is not installed.
    """
    if ranks == 1:
        return []
    program = _program(command[0])
    if program is None:
        raise EngineUnavailableError(
            f"engine gpaw is to run with {ranks} processes, but {command[0]} is not installed",
            "`make gpaw` builds GPAW with the MPI of the Python package index; or set processes: 1",
        )
    return [program, *(part.format(processes=ranks) for part in command[1:])]


def _program(name: str) -> str | None:
    """The launcher beside this interpreter, whose MPI GPAW was built with, before one of the system."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)
