"""Density mixing for a self-consistent cycle that does not settle.

GPAW mixes by MSR1, which is fast and in most cells ends within 60 iterations. Where the energy hardly changes
along some direction of the density (two Co2+ beside an oxygen vacancy, a long slab) its steps can go to and
fro without end. Small steps by Pulay's method, with GPAW's metric against long waves, end such a cycle: the
oxygen vacancy of a 23-atom LiCoO2 cell, not converged in 173 iterations of MSR1, took 12 more with steps of 0.03;
a cell LiCoO2 | CoO of 48 atoms took 38 more with those of :data:`PULAY`.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

__all__ = ["PATIENCE", "PULAY", "iterations_told", "settle"]

#: share of the allowed iterations that MSR1 gets
PATIENCE = 0.3
#: step length, densities kept and weight of the metric: more cautious than the defaults of GPAW 26.7 (0.08, 16, 20); chosen by the two cells above
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
