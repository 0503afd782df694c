"""How atoms move: the tags of relaxations and dynamics, and the velocities that dynamics starts with."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.constants import BOLTZMANN
from ..tasks import MolecularDynamics, Relax, Task
from .cells import VaspCell
from .settings import VaspSettings

__all__ = ["motion_tags", "start_velocities"]

_AMU = 103.642696562  # eV fs²/Å² per atomic mass unit, CODATA 2018


def motion_tags(cell: VaspCell, task: Task, settings: VaspSettings) -> dict[str, Any]:
    """Return the tags that say how atoms move."""
    if isinstance(task, Relax):
        return {
            "NSW": min(task.max_steps, settings.steps_per_run),
            "IBRION": 2,
            "POTIM": 0.5,
            "ISIF": 3 if task.relax_cell is True and not cell.vacuum else 2,
            "EDIFFG": -task.max_force,
            "NELMIN": settings.min_iterations,
        }
    if not isinstance(task, MolecularDynamics):
        return {"NSW": 0, "IBRION": -1}
    tags = {
        "NSW": task.n_steps,
        "IBRION": 0,
        "POTIM": task.timestep,
        "TEBEG": task.temperature,
        "TEEND": task.temperature,
        "ISIF": 2,
        "NBLOCK": 1,
        "NELMIN": settings.md_min_iterations,
    }
    if task.thermostat == "langevin":
        n_species = len({site.specie for site in cell.structure})
        return tags | {"MDALGO": 3, "LANGEVIN_GAMMA": [1e3 / task.damping] * n_species}
    if task.thermostat == "none":
        return tags | {"SMASS": -3.0}
    if settings.chain_length == 1:
        return tags | {"MDALGO": 2, "SMASS": _nose_mass(cell, task)}
    period = round(task.damping / task.timestep, 6)
    return tags | {"MDALGO": 4, "NHC_NCHAINS": settings.chain_length, "NHC_PERIOD": period}


def _nose_mass(cell: VaspCell, task: MolecularDynamics) -> float:
    """SMASS, atomic mass units × (length of the first lattice vector)², of the thermostat mass ``g kB T τ²``.

    g = 3 (N - 1) degrees of freedom. VASP's own default, a period of 40 steps, is ``2 g kB T (P/2π)²`` in the
    same unit: its output for 16 Si atoms at 500 K and 2 fs (0.10) is met with τ = √2 · 80 fs/2π.
    """
    freedom = 3 * (len(cell.structure) - 1)
    return round(freedom * BOLTZMANN * task.temperature * task.damping**2 / (_AMU * cell.structure.lattice.a**2), 6)


def start_velocities(structure: Structure, task: MolecularDynamics) -> Structure:
    """Return `structure` with velocities, Å/fs: its own where it has them, or drawn at the asked temperature with the
    task's seed."""
    if "velocities" in structure.site_properties:
        return structure
    from ase import units
    from ase.md.velocitydistribution import Stationary, thermalize_momenta
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    thermalize_momenta(atoms, temperature_K=task.temperature, rng=np.random.default_rng(task.seed))
    Stationary(atoms)
    drawn = structure.copy()
    drawn.add_site_property("velocities", (atoms.get_velocities() * units.fs).tolist())
    return drawn
