"""Ionic steps: static, relaxation by ASE's optimisers, molecular dynamics.

With the pair potential, dynamics restarts exactly: its leapfrog goes on from what the CONTCAR holds. With a potential
of an engine the integrators are ASE's, as those of the engine itself are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import units
from pymatgen.io.ase import AseAtomsAdaptor

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .inputs import RunInputs
from .integrators import integrator_of, thermostat_energy
from .potential import Potential

__all__ = ["Frame", "Next", "frame_of", "frames"]

#: decimals of positions (fractional) and digits of velocities (Å/fs) in a CONTCAR: the run itself goes on from the
#: rounded numbers, so that a continued trajectory equals an unbroken one bit by bit
_DECIMALS, _DIGITS = 16, 8
#: Å, VASP's SYMPREC
_SYMMETRY_PRECISION = 1e-5


@dataclass(frozen=True)
class Next:
    """What stands in the CONTCAR: the geometry to go on from. fractional (n, 3); velocities (n, 3) Å/fs; thermostat
    (2,)."""

    cell: Floats
    fractional: Floats
    velocities: Floats | None = None
    thermostat: Floats | None = None


@dataclass(frozen=True)
class Frame:
    """One ionic step. cell (3, 3) Å; fractional (n, 3); energy eV; forces (n, 3) eV/Å; stress (3, 3) eV/Å³ as dE/dε /
    V; moments (n,) µB, magnitudes, of a potential that has them."""

    cell: Floats
    fractional: Floats
    energy: float
    forces: Floats
    stress: Floats
    following: Next
    kinetic: float = 0.0
    temperature: float = 0.0
    thermostat_energy: float = 0.0
    converged: bool = True
    moments: Floats | None = None


def frames(inputs: RunInputs, potential: Potential) -> Iterator[Frame]:
    """Yield the ionic steps of a run, at most NSW.

    Parameters
    ----------
    inputs : RunInputs
    potential : Potential
        Without moments in a run without spin.

    Raises
    ------
    InputError
        For a value of IBRION, ISIF or MDALGO that the rehearsal does not know.
    """
    atoms = AseAtomsAdaptor.get_atoms(inputs.structure.copy(site_properties={}), msonable=False)
    # as between two steps of one run, to the last digit: a library may multiply in another order
    atoms.set_positions(np.asarray(inputs.structure.frac_coords) @ atoms.cell.array)
    _constrain(atoms, inputs)
    atoms.calc = potential.whole if inputs.incar["ISPIN"] == 2 else potential.steps
    if inputs.kind == "static":
        yield frame_of(atoms)
    elif inputs.kind == "md":
        yield from (_ase_dynamics if potential.name else _dynamics)(atoms, inputs)
    elif inputs.incar["IBRION"] in (1, 2, 3):
        yield from _relaxation(atoms, inputs, potential)
    else:
        raise InputError(
            f"IBRION = {inputs.incar['IBRION']} is not supported by the rehearsal; allowed: -1, 0, 1, 2, 3"
        )


def _constrain(atoms: Any, inputs: RunInputs) -> None:
    flags = inputs.structure.site_properties.get("selective_dynamics")
    if flags is not None:
        from ase.constraints import FixScaled

        atoms.set_constraint([FixScaled(i, [not free for free in row]) for i, row in enumerate(flags) if not all(row)])


def frame_of(atoms: Any, *, shape_only: bool = False, **more: Any) -> Frame:
    """The step at which the atoms stand, by their calculator; `more` are fields of :class:`Frame`."""
    fractional = atoms.get_scaled_positions(wrap=False)
    stress = atoms.get_stress(voigt=False)
    following = more.pop("following", Next(atoms.cell.array.copy(), fractional))
    energy, forces = float(atoms.get_potential_energy()), atoms.get_forces(apply_constraint=True)
    moments = atoms.calc.results.get("magmoms")
    return Frame(
        atoms.cell.array.copy(),
        fractional,
        energy,
        forces,
        stress - np.trace(stress) / 3 * np.eye(3) if shape_only else stress,
        following,
        moments=None if moments is None else np.abs(np.ravel(moments)).astype(float),
        **more,
    )


def _relaxation(atoms: Any, inputs: RunInputs, potential: Potential) -> Iterator[Frame]:
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS, FIRE

    isif = inputs.incar["ISIF"]
    if isif not in (0, 1, 2, 3):
        raise InputError(f"ISIF = {isif} is not supported by the rehearsal; allowed: 0, 1, 2, 3")
    target = float(inputs.incar.get("EDIFFG", 10 * inputs.incar["EDIFF"]))
    invented = not potential.name
    if not invented and inputs.incar.get("ISYM", 2) > 0:  # forces of VASP have the symmetry of the cell
        from ase.constraints import FixSymmetry

        atoms.set_constraint([*atoms.constraints, FixSymmetry(atoms, symprec=_SYMMETRY_PRECISION)])
    # the pair potential knows no equilibrium volume: the starting one is kept, and its pressure counts as none
    moved: Any = FrechetCellFilter(atoms, constant_volume=invented) if isif == 3 else atoms
    optimizer = (BFGS if invented else FIRE)(moved, logfile=None)
    limit = int(inputs.incar["NSW"])
    before: float | None = None
    for _ in optimizer.irun(fmax=0.0, steps=limit - 1):
        energy = float(atoms.get_potential_energy())
        if target > 0:
            done = before is not None and abs(energy - before) < target
            before = energy
        else:  # those on the atoms alone are what a reader of the files can hold against the limit
            done = max(_largest(moved.get_forces()), _largest(atoms.get_forces())) <= -target
        yield frame_of(atoms, shape_only=invented and isif == 3, converged=bool(done))
        if done:
            return


def _largest(forces: Floats) -> float:
    return float(np.linalg.norm(forces, axis=1).max())


def _ase_dynamics(atoms: Any, inputs: RunInputs) -> Iterator[Frame]:
    """By ASE's integrators; positions and velocities belong to one time, as in velocity Verlet."""
    mobile, mass = _mobile(atoms), atoms.get_masses()[:, None]
    degrees = max(int(mobile.sum()) - (3 if mobile.all() else 0), 1)
    velocity = inputs.velocities
    if velocity is None or not np.any(velocity):
        velocity = _draw(mass, mobile, float(inputs.incar["TEBEG"]), degrees, inputs)
    atoms.set_velocities(velocity / units.fs)
    dynamics = integrator_of(atoms, inputs)
    for _ in range(int(inputs.incar["NSW"])):
        kinetic = float(atoms.get_kinetic_energy())
        now = frame_of(
            atoms,
            kinetic=kinetic,
            temperature=2 * kinetic / (degrees * units.kB),
            thermostat_energy=thermostat_energy(dynamics),
        )
        dynamics.step()
        places = atoms.get_scaled_positions(wrap=False)
        yield replace(now, following=Next(atoms.cell.array.copy(), places, atoms.get_velocities() * units.fs))


def _dynamics(atoms: Any, inputs: RunInputs) -> Iterator[Frame]:
    """Leapfrog: positions at whole steps, velocities at half steps; SMASS >= 0, or a chain, adds the friction of one
    Nosé-Hoover thermostat."""
    if inputs.incar["MDALGO"] not in (0, 2, 4):
        raise InputError(f"MDALGO = {inputs.incar['MDALGO']} is not supported by the rehearsal; allowed: 0, 2, 4")
    step = float(inputs.incar["POTIM"])  # fs
    start, mobile = float(inputs.incar["TEBEG"]), _mobile(atoms)
    end = float(inputs.incar.get("TEEND", start))
    mass = atoms.get_masses()[:, None]
    to_acceleration = units.fs**2 / mass  # eV/Å -> Å/fs²
    degrees = max(int(mobile.sum()) - (3 if mobile.all() else 0), 1)
    velocity = (
        inputs.velocities
        if inputs.velocities is not None and np.any(inputs.velocities)
        else _draw(mass, mobile, start, degrees, inputs)
    )
    friction, integral = (
        float(value) for value in (inputs.thermostat if inputs.thermostat is not None else (0.0, 0.0))
    )
    thermostatted = float(inputs.incar["SMASS"]) >= 0 or int(inputs.incar.get("NHC_NCHAINS", 0)) > 0
    period = 40 * step  # VASP's SMASS = 0: about 40 steps a period
    total = int(inputs.incar["NSW"])
    for number in range(total):
        forces = atoms.get_forces(apply_constraint=False)
        old = velocity
        scale = 1 - 0.5 * step * friction, 1 + 0.5 * step * friction
        velocity = mobile * (scale[0] * old + step * forces * to_acceleration) / scale[1]
        kinetic = 0.5 * float((mass * (0.5 * (old + velocity) / units.fs) ** 2).sum())
        temperature = 2 * kinetic / (degrees * units.kB)
        wanted = start + (end - start) * number / max(total - 1, 1)
        bath = (
            degrees * units.kB * wanted * (0.5 * (friction * period / (2 * np.pi)) ** 2 + integral)
            if thermostatted
            else 0.0
        )
        if thermostatted and wanted > 0:
            friction += step * (2 * np.pi / period) ** 2 * (temperature / wanted - 1)
            integral += step * friction
        velocity = _rounded(velocity)
        friction, integral = (float(f"{value:.{_DIGITS}E}") for value in (friction, integral))
        cell = atoms.cell.array
        ahead = np.round((atoms.positions + step * velocity) @ np.linalg.inv(cell), _DECIMALS)
        yield frame_of(
            atoms,
            following=Next(cell.copy(), ahead, velocity, np.array([friction, integral])),
            kinetic=kinetic,
            temperature=temperature,
            thermostat_energy=bath,
        )
        atoms.set_positions(ahead @ cell, apply_constraint=False)


def _mobile(atoms: Any) -> Floats:
    """1 for coordinates that may move: (n, 3)."""
    free = np.ones((len(atoms), 3))
    for constraint in atoms.constraints:
        free[constraint.index] = ~np.asarray(constraint.mask, dtype=bool)
    return free


def _draw(mass: Floats, mobile: Floats, temperature: float, degrees: int, inputs: RunInputs) -> Floats:
    """Maxwell-Boltzmann velocities, Å/fs, scaled to the temperature."""
    seed = inputs.incar["RANDOM_SEED"]
    rng = np.random.default_rng(int(np.atleast_1d(seed)[0]) if not isinstance(seed, str) else int(seed.split()[0]))
    velocity = mobile * rng.normal(size=mobile.shape) / np.sqrt(mass)
    if mobile.all():
        velocity -= (mass * velocity).sum(axis=0) / mass.sum()
    found = float((mass * (velocity / units.fs) ** 2).sum()) / (degrees * units.kB)
    scaled: Floats = velocity * np.sqrt(temperature / found) if found > 0 else velocity
    return _rounded(scaled)


def _rounded(values: Floats) -> Floats:
    return np.array([float(f"{value:.{_DIGITS}E}") for value in values.ravel()]).reshape(values.shape)
