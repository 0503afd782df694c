"""Checks of interfaces before they run."""

from __future__ import annotations

from collections.abc import Sequence

from .planned_run import Finding, PlannedRun, finding

__all__ = ["no_repeat_dipole"]


def no_repeat_dipole(runs: Sequence[PlannedRun]) -> Finding:
    """No stack holds a slab that repeats a dipole: between two periodic interfaces it is a field through the cell."""
    polar = [f"{run.name} starts from a stack with a slab that repeats a dipole" for run in runs if _is_polar(run)]
    return finding(
        "repeat dipoles of stacks",
        polar,
        "choose another facet, or another arrangement of the ions (key 'arrangements' of the system)",
        "no stack, or none repeats a dipole",
    )


def _is_polar(run: PlannedRun) -> bool:
    return run.polarity == "polar"
