"""What computes energies and forces in a rehearsal: the pair potential, which means nothing, or a potential of the
engines.

With a potential the numbers are physics and still none of VASP: they show that the production path gives what the
potential's own engine gives. Band edges and densities of states stay placeholders.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...workflows.engines.ase.backend import AseBackend
from ...workflows.engines.registry import load_backend, potential_names
from ...workflows.engines.vasp.signature import STAND_IN_VERSION

__all__ = ["Potential", "RehearsalPotential", "pair_potential", "potential_of"]


@dataclass(frozen=True)
class Potential:
    """What computes.

    Parameters
    ----------
    whole, steps : ase Calculator
        With moments where the potential has them, and a cheaper one without.
    name, version : str
        Of the engine; empty for the pair potential.
    """

    whole: Any
    steps: Any
    name: str = ""
    version: str = ""

    @property
    def stamp(self) -> str:
        """What stands where VASP writes its version."""
        return f"{STAND_IN_VERSION}-{self.name}.{self.version}" if self.name else STAND_IN_VERSION

    @property
    def told(self) -> str:
        """What stands behind the numbers."""
        if not self.name:
            return "placeholder numbers, not VASP"
        return f"energies and forces of the potential {self.name} {self.version}, not VASP"


def pair_potential() -> Potential:
    """Return the pair potential, which has no equilibrium and no meaning."""
    calculator = RehearsalPotential()  # type: ignore[no-untyped-call]
    return Potential(calculator, calculator)


def potential_of(engine: str) -> Potential:
    """Return the potential of an engine with one built-in level of theory.

    Parameters
    ----------
    engine : str

    Raises
    ------
    InputError
        If the engine is none of a potential.
    """
    backend = load_backend(engine, {})
    if not isinstance(backend, AseBackend):
        raise InputError(f"engine {engine} has no potential to rehearse with; allowed: {', '.join(potential_names())}")
    return Potential(backend.calculator(), backend.step_calculator(), engine, backend.version())


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
