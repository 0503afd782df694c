"""Rules about cost and safety: settings by kind of calculation, layout over ranks, bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .input_sets import InputSet

__all__ = ["COST"]

Sets = Sequence[InputSet]
Found = Iterator[tuple[InputSet, str]]
#: atoms above which dynamics pays for settings of small cells
_LARGE = 60
#: steps of one run of a relaxation
_STEPS = 200
#: Å, within which a run starts where another one ended
_SAME_PLACE = 1e-4
#: k points that are enough to be shared out
_POINTS = 4


def preset_of_dynamics(sets: Sets) -> Found:
    """Dynamics of large cells with the settings of small static ones."""
    for one in sets:
        if one.kind != "md" or len(one.structure) < _LARGE:
            continue
        told = []
        if str(one.tags.get("PREC", "Normal")).lower().startswith("a"):
            told.append("PREC Accurate")
        if not one.tags.get("LREAL", False) or str(one.tags["LREAL"]).lower() in (".false.", "false", "f"):
            told.append("LREAL False")
        if str(one.tags.get("ALGO", "Normal")).lower().startswith("n"):
            told.append("ALGO Normal")
        if told:
            yield one, f"{', '.join(told)} in dynamics of {len(one.structure)} atoms"


def electronic_steps(sets: Sets) -> Found:
    """Forces from two electronic steps."""
    for one in sets:
        if one.kind in ("md", "relax") and int(one.tags.get("NELMIN", 2)) < 4:
            yield (
                one,
                "NELMIN 2, VASP's own: forces from extrapolated wave functions can end after two electronic steps",
            )


def groups_of_points(sets: Sets) -> Found:
    """k points one after the other."""
    for one in sets:
        if int(one.tags.get("KPAR", 1)) == 1 and one.points >= _POINTS:
            yield one, f"KPAR 1 with {one.points} k points of {len(one.structure)} atoms"


def bounded(sets: Sets) -> Found:
    """Relaxations that outlast every wall time."""
    for one in sets:
        if one.kind == "relax" and int(one.tags.get("NSW", 0)) > _STEPS:
            yield one, f"NSW {int(one.tags['NSW'])}: no wall time is sure to hold them"


def chain(sets: Sets) -> Found:
    """One Nosé-Hoover thermostat."""
    for one in sets:
        plain = int(one.tags.get("MDALGO", 0)) == 2 or (
            int(one.tags.get("MDALGO", 0)) == 0 and float(one.tags.get("SMASS", -3)) >= 0
        )
        if one.kind == "md" and plain:
            yield one, "one Nosé-Hoover thermostat, which is not ergodic for a stiff solid"


def handed_thermostat(sets: Sets) -> Found:
    """Chunks of dynamics that begin their thermostat anew though the one before has written its variables."""
    runs = [one for one in sets if one.kind == "md"]
    for one in runs:
        before = next((other for other in runs if other.ended_thermostat and _goes_on(other, one)), None)
        if before is not None and not one.thermostat:
            yield one, f"it goes on from {before.folder.name}, whose CONTCAR holds the thermostat, without it"


def _goes_on(before: InputSet, after: InputSet) -> bool:
    """Whether a run starts where another one ended."""
    if before.ended is None or before.ended.species != after.structure.species:
        return False
    shift = after.structure.frac_coords - before.ended.frac_coords
    return float(np.abs((shift - np.round(shift)) @ after.structure.lattice.matrix).max()) < _SAME_PLACE


COST = {
    "preset of dynamics": (
        preset_of_dynamics,
        "PREC Normal, ALGO Fast, LREAL Auto: no energy of dynamics is subtracted",
    ),
    "electronic steps": (electronic_steps, "NELMIN 4"),
    "groups of k points": (groups_of_points, "KPAR: a divisor of the ranks, up to the irreducible k points"),
    "bounded relaxations": (bounded, "NSW 100, and go on from CONTCAR and WAVECAR"),
    "thermostat handed on": (
        handed_thermostat,
        "copy the whole CONTCAR to POSCAR: the block after the velocities is the thermostat's",
    ),
    "thermostat": (chain, "MDALGO 4 with NHC_NCHAINS 3 and NHC_PERIOD (VASP 6.4), or Langevin"),
}
