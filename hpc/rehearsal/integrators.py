"""ASE's integrators by the tags of an INCAR (VASP wiki: MDALGO, SMASS, NHC_PERIOD, LANGEVIN_GAMMA).

A chain of thermostats begins at rest in every run, as VASP's does, whose CONTCAR holds none of its variables.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np
from ase import units

from ...configs.errors import InputError
from .inputs import RunInputs

__all__ = ["integrator_of", "thermostat_energy"]

#: steps of a period of VASP's own thermostat, SMASS = 0
_PERIOD = 40


def integrator_of(atoms: Any, inputs: RunInputs) -> Any:
    """Return the integrator that a run asks for.

    Parameters
    ----------
    atoms : ase Atoms
        With velocities and a calculator.
    inputs : RunInputs

    Raises
    ------
    InputError
        For an MDALGO that is not known here, or a temperature that changes.
    """
    from ase.md.langevin import Langevin
    from ase.md.nose_hoover_chain import NoseHooverChainNVT
    from ase.md.verlet import VelocityVerlet

    tags = inputs.incar
    kind, mass = int(tags["MDALGO"]), float(tags["SMASS"])
    if kind not in (0, 2, 3, 4):
        raise InputError(f"MDALGO = {kind} is not supported by the rehearsal; allowed: 0, 2, 3, 4")
    step, temperature = float(tags["POTIM"]) * units.fs, float(tags["TEBEG"])
    if kind in (0, 2) and mass < 0:
        return VelocityVerlet(atoms, timestep=step)
    if float(tags.get("TEEND", temperature)) != temperature:
        raise InputError("a rehearsal with a potential keeps one temperature: TEBEG and TEEND differ")
    if kind == 3:
        gammas = np.atleast_1d(np.asarray(tags["LANGEVIN_GAMMA"], dtype=float))  # 1/ps, one a species
        counts = [count for _, count in inputs.species]
        # by atom, which ASE takes and does not declare
        friction: Any = np.repeat(np.resize(gammas, len(counts)), counts)[:, None] * 1e-3 / units.fs
        random = np.random.default_rng(int(str(tags["RANDOM_SEED"]).split()[0]))
        return Langevin(atoms, timestep=step, temperature_K=temperature, friction=friction, fixcm=False, rng=random)
    if kind == 4:
        time, length = float(tags["NHC_PERIOD"]) * step, int(tags["NHC_NCHAINS"])
    else:
        time, length = _time_of(mass, atoms, step, temperature), 1
    return NoseHooverChainNVT(atoms, timestep=step, temperature_K=temperature, tdamp=time, tchain=length)


def thermostat_energy(dynamics: Any) -> float:
    """Energy in the variables of a thermostat, eV; 0 without one, and for Langevin's, which keeps nothing."""
    chain = getattr(dynamics, "_thermostat", None)
    return 0.0 if chain is None else float(chain.get_thermostat_energy())


def _time_of(mass: float, atoms: Any, step: float, temperature: float) -> float:
    """Time constant, ASE's unit, of SMASS, u × (length of the first lattice vector)²: g kB T τ², g = 3 (N - 1)."""
    if mass == 0:
        return sqrt(2) * _PERIOD * step / (2 * pi)
    freedom = 3 * (len(atoms) - 1)
    return sqrt(mass * float(atoms.cell.lengths()[0]) ** 2 / (freedom * units.kB * temperature))
