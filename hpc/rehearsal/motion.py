"""Ionic steps: static, relaxation by ASE's optimisers, molecular dynamics that restarts exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pymatgen.io.ase import AseAtomsAdaptor

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .inputs import RunInputs

__all__ = ["Frame", "Next", "RehearsalPotential", "frames"]

#: decimals of positions (fractional) and digits of velocities (Å/fs) in a CONTCAR: the run itself goes on from the
#: rounded numbers, so that a continued trajectory equals an unbroken one bit by bit
_DECIMALS, _DIGITS = 16, 8


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
    V."""

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


def frames(inputs: RunInputs, calculator: Any) -> Iterator[Frame]:
    """Yield the ionic steps of a run, at most NSW.

    Raises
    ------
    InputError
        For a value of IBRION, ISIF or MDALGO that the rehearsal does not know.
    """
    atoms = AseAtomsAdaptor.get_atoms(inputs.structure.copy(site_properties={}), msonable=False)
    # as between two steps of one run, to the last digit: a library may multiply in another order
    atoms.set_positions(np.asarray(inputs.structure.frac_coords) @ atoms.cell.array)
    _constrain(atoms, inputs)
    atoms.calc = calculator
    if inputs.kind == "static":
        yield _frame(atoms)
    elif inputs.kind == "md":
        yield from _dynamics(atoms, inputs)
    elif inputs.incar["IBRION"] in (1, 2, 3):
        yield from _relaxation(atoms, inputs)
    else:
        raise InputError(
            f"IBRION = {inputs.incar['IBRION']} is not supported by the rehearsal; allowed: -1, 0, 1, 2, 3"
        )


def _constrain(atoms: Any, inputs: RunInputs) -> None:
    flags = inputs.structure.site_properties.get("selective_dynamics")
    if flags is not None:
        from ase.constraints import FixScaled

        atoms.set_constraint([FixScaled(i, [not free for free in row]) for i, row in enumerate(flags) if not all(row)])


def _frame(atoms: Any, *, shape_only: bool = False, **more: Any) -> Frame:
    fractional = atoms.get_scaled_positions(wrap=False)
    stress = atoms.get_stress(voigt=False)
    following = more.pop("following", Next(atoms.cell.array.copy(), fractional))
    return Frame(
        atoms.cell.array.copy(),
        fractional,
        float(atoms.get_potential_energy()),
        atoms.get_forces(apply_constraint=True),
        stress - np.trace(stress) / 3 * np.eye(3) if shape_only else stress,
        following,
        **more,
    )


def _relaxation(atoms: Any, inputs: RunInputs) -> Iterator[Frame]:
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    isif = inputs.incar["ISIF"]
    if isif not in (0, 1, 2, 3):
        raise InputError(f"ISIF = {isif} is not supported by the rehearsal; allowed: 0, 1, 2, 3")
    target = float(inputs.incar.get("EDIFFG", 10 * inputs.incar["EDIFF"]))
    # the pair potential knows no equilibrium volume: the starting one is kept, and its pressure counts as none
    moved: Any = FrechetCellFilter(atoms, constant_volume=True) if isif == 3 else atoms
    optimizer = BFGS(moved, logfile=None)
    limit = int(inputs.incar["NSW"])
    before: float | None = None
    runs = optimizer.irun(fmax=-target if target < 0 else 0.0, steps=limit - 1)
    for done in runs:
        energy = float(atoms.get_potential_energy())
        if target > 0:
            done = before is not None and abs(energy - before) < target
            before = energy
        yield _frame(atoms, shape_only=isif == 3, converged=bool(done))
        if done:
            return


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
        yield _frame(
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


#: eV/Å², of the wall: the thermal overlap at 300 K is 0.1 Å; eV/atom, offset that keeps total energies negative
_STIFFNESS, _OFFSET = 6.0, -5.0
#: distance at which two anions, and two atoms that are none, touch, in sums of covalent radii
_ANIONS, _OTHERS = 1.25, 0.9
_ANION_NUMBERS = frozenset(atomic_numbers[symbol] for symbol in ("N", "O", "F", "S", "Cl", "Se", "Br", "I"))


class RehearsalPotential(Calculator):
    """ASE calculator of the pair potential: energy (eV), forces (eV/Å), stress (eV/Å³)."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 - ASE declares an instance variable

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """Compute all properties at once."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        cell: Any = self.atoms
        numbers = cell.numbers
        contact = _contacts(numbers)
        first, second, distance, vector = neighbor_list("ijdD", cell, float(contact.max()))
        overlap = np.clip(contact[numbers[first], numbers[second]] - distance, 0.0, None)
        pulls = (-_STIFFNESS * overlap / distance)[
            :, None
        ] * vector  # dE/dr along i -> j, every pair is counted from both ends
        forces = np.zeros((len(numbers), 3))
        np.add.at(forces, first, pulls)
        strain = 0.5 * (vector.T @ pulls) / cell.get_volume()
        energy = 0.25 * _STIFFNESS * float((overlap**2).sum()) + _OFFSET * len(numbers)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": np.array([strain[0, 0], strain[1, 1], strain[2, 2], strain[1, 2], strain[0, 2], strain[0, 1]]),
        }


def _contacts(numbers: NDArray[np.int64]) -> Floats:
    """Distance at which two atoms touch, Å, by atomic numbers: (119, 119), 0 for elements that are not there."""
    present = {int(z) for z in numbers}
    compound = bool(present & _ANION_NUMBERS) and not present <= _ANION_NUMBERS
    table = np.zeros((119, 119))
    for a, b in product(present, repeat=2):
        like = compound and (a in _ANION_NUMBERS) == (b in _ANION_NUMBERS)
        scale = (_ANIONS if a in _ANION_NUMBERS else _OTHERS) if like else 1.0
        table[a, b] = scale * (covalent_radii[a] + covalent_radii[b])
    return table
