"""The self-consistent cycle of a single point, kept on disk so that a killed process goes on from it.

The file holds density and wave functions. The mixer starts afresh, so the iterations after a restart are not
those of the undisturbed run; the criteria of convergence are.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

__all__ = ["INTERVAL", "PATTERN", "forget", "keep", "restarted"]

#: name of the file of the start of that number
PATTERN = "start-{number}.gpw"
#: seconds between two writings
INTERVAL = 600.0


def keep(calculator: Any, path: Path) -> None:
    """Have the calculator write itself to `path` every :data:`INTERVAL` seconds of its cycle.

    Parameters
    ----------
    calculator : gpaw.new.ase_interface.ASECalculator
    path : Path
    """
    from gpaw.mpi import broadcast_float, world

    last = time.monotonic()

    def write(*_: Any) -> None:
        nonlocal last
        if broadcast_float(time.monotonic() - last, world) < INTERVAL:  # one rank's clock for all
            return
        draft = path.with_name(path.name + ".part")
        calculator.write(draft, mode="all", include_projections=False)
        if world.rank == 0:
            draft.replace(path)
        world.barrier()
        last = time.monotonic()

    calculator.hooks["scf_step"] = write


def restarted(path: Path, text: Path) -> Any | None:
    """Return a calculator that goes on from `path`, or None where nothing was kept.

    Parameters
    ----------
    path : Path
        Written by :func:`keep`.
    text : Path
        GPAW's text output, which goes on.
    """
    if not path.exists():
        return None
    from gpaw import GPAW

    calculator = GPAW(str(path), txt=text.open("a", encoding="utf-8"))
    calculator.dft.results = {}  # what is not converged is no result
    return calculator


def forget(directory: Path) -> None:
    """Remove what was kept in a directory."""
    for file in directory.glob(PATTERN.format(number="*") + "*"):
        file.unlink(missing_ok=True)
