"""Checks of interfaces before they run."""

from __future__ import annotations

from collections.abc import Sequence

from ...structures.interfaces.verdict import beyond_limits, recorded_polarity
from .planned_run import Finding, PlannedRun, finding

__all__ = ["no_repeat_dipole", "strains"]


def no_repeat_dipole(runs: Sequence[PlannedRun]) -> Finding:
    """No stack holds a slab that repeats a dipole: between two periodic interfaces it is a field through the cell."""
    polar = [
        f"{run.name} starts from a stack with a slab that repeats a dipole"
        for run in runs
        if recorded_polarity(run.stack) == "polar"
    ]
    return finding(
        "repeat dipoles of stacks",
        polar,
        "choose another facet, or another arrangement of the ions (key 'arrangements' of the system)",
        "no stack, or none repeats a dipole",
    )


def strains(runs: Sequence[PlannedRun]) -> Finding:
    """No slab is stretched or compressed so far that it is another material."""
    strained = [f"{run.name}: {told}" for run in runs for told in beyond_limits(run.stack, None, None)]
    return finding(
        "strains of stacks",
        strained,
        "allow more atoms, or put the strain on the other side ('strain_on'); state the limits in the system",
        "no stack, or all within 8 % along any direction and 10 % in area",
        refuses=False,
    )
