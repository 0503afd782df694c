"""The self-consistent cycle of a single point, kept on disk so that a killed process goes on from it.

The file holds density and wave functions. The mixer starts afresh, so the iterations after a restart are not
those of the undisturbed run; the criteria of convergence are.
"""

from __future__ import annotations

import time
from copy import copy
from pathlib import Path
from typing import Any

__all__ = ["INTERVAL", "PATIENCE", "PATTERN", "PULAY", "forget", "iterations_told", "keep", "restarted", "settle"]

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


#: share of the allowed iterations that MSR1 gets
PATIENCE = 0.3
#: step length, densities kept and weight of the metric: more cautious than the defaults of GPAW 26.7 (0.08, 16, 20);
#: chosen by the two cells above
PULAY = {"name": "pulay", "beta": 0.05, "nmaxold": 5, "weight": 50}


def iterations_told(text: Path) -> int:
    """Number of iterations in GPAW's text output `text`, 0 where there is none."""
    return text.read_text(encoding="utf-8").count("|iter:") if text.exists() else 0


def settle(calculator: Any, allowed: int, begun: int) -> None:
    """Let the calculator mix by Pulay's method once its cycle has used its share of iterations.

    It stays with that method in the later cycles of a relaxation at fixed cell.

    Parameters
    ----------
    calculator : gpaw.new.ase_interface.ASECalculator
        Its hook ``scf_step`` goes on to be called.
    allowed : int
        Iterations after which GPAW gives up.
    begun : int
        Iterations of the interrupted cycle that this one goes on from.
    """
    earlier = calculator.hooks.get("scf_step")
    settled = None

    def look(context: Any) -> None:
        nonlocal settled
        if calculator.dft.scf_loop is not settled and begun + context.niter >= PATIENCE * allowed:
            _mix_by_pulay(calculator, context.density)
            settled = calculator.dft.scf_loop
        if earlier is not None:
            earlier(context)

    calculator.hooks["scf_step"] = look


def _mix_by_pulay(calculator: Any, density: Any) -> None:
    from gpaw.dft import Mixer

    parameters = copy(calculator.params)
    parameters.mixer = Mixer.from_param(PULAY)
    builder = parameters.dft_component_builder(calculator.atoms, log=calculator.log, comm=calculator.comm)
    mixer = builder.create_mixer()
    mixer.mix(density)  # the first density of its history; without one its first step would be a whole one
    calculator.dft.scf_loop.mixer = mixer
    calculator.log(f"# density mixing from here on:\n{mixer}")
