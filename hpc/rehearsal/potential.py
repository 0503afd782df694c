"""A fast pair potential for rehearsals: it keeps crystals together and costs milliseconds. It is no physics.

Two atoms of unlike character bind by a Morse curve whose minimum lies at the sum of the covalent radii
(Cordero et al., Dalton Trans. 2008, 2832, as ASE tabulates them). Two of like character (both metals, or
both anions) only repel each other; two anions do so from 1.3 times that sum on, about an ion's diameter, so
that crystals keep their order. Energy and force go smoothly to zero at the cutoff.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element

__all__ = ["RehearsalPotential"]

Array = NDArray[np.float64]

#: eV, depth; 1/Å, steepness; Å, range; eV/atom, offset that keeps total energies negative
_DEPTH, _STEEPNESS, _CUTOFF, _OFFSET = 0.8, 2.0, 5.0, -5.0
#: distance between two anions, and between two metals, at which their repulsion reaches the depth, in sums of covalent radii
_ANIONS, _METALS = 1.3, 0.9
#: Pauling; an element of a compound above this is an anion
_ANION = 2.5
#: Pauling; two elements whose electronegativities differ by less are of like character
_UNLIKE = 0.5


class RehearsalPotential(Calculator):
    """ASE calculator of the pair potential: energy (eV), forces (eV/Å), stress (eV/Å³)."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 - ASE declares an instance variable

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """Compute all properties at once."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        cell: Any = self.atoms
        first, second, distance, vector = neighbor_list("ijdD", cell, _CUTOFF)
        numbers = cell.numbers
        attraction, scale = (table[numbers[first], numbers[second]] for table in _tables(numbers))
        minimum = (covalent_radii[numbers[first]] + covalent_radii[numbers[second]]) * scale
        value, slope = _morse(distance, minimum, attraction)
        at_cutoff, slope_at_cutoff = _morse(np.full_like(distance, _CUTOFF), minimum, attraction)
        energies = value - at_cutoff - (distance - _CUTOFF) * slope_at_cutoff
        pulls = ((slope - slope_at_cutoff) / distance)[:, None] * vector  # dE/dr along i -> j, every pair is counted from both ends
        forces = np.zeros((len(numbers), 3))
        np.add.at(forces, first, pulls)
        strain = 0.5 * (vector.T @ pulls) / cell.get_volume()
        energy = 0.5 * float(energies.sum()) + _OFFSET * len(numbers)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": np.array([strain[0, 0], strain[1, 1], strain[2, 2], strain[1, 2], strain[0, 2], strain[0, 1]]),
        }


def _morse(distance: Array, minimum: Array, attraction: Array) -> tuple[Array, Array]:
    """Energy (eV) and slope (eV/Å) of each pair."""
    decay = np.exp(-_STEEPNESS * (distance - minimum))
    return _DEPTH * decay * (decay - 2 * attraction), -2 * _STEEPNESS * _DEPTH * decay * (decay - attraction)


def _tables(numbers: NDArray[np.int64]) -> tuple[Array, Array]:
    """By atomic numbers, (119, 119) each: 1 for elements that attract each other, else 0; scale of the sum of radii."""
    character = {z: Element.from_Z(z).X for z in sorted({int(z) for z in numbers})}
    compound = max(character.values()) - min(character.values()) > _UNLIKE
    attraction, scale = np.ones((119, 119)), np.ones((119, 119))
    for a, b in product(character, repeat=2):
        if compound and abs(character[a] - character[b]) <= _UNLIKE:
            attraction[a, b] = 0.0
            scale[a, b] = _ANIONS if min(character[a], character[b]) > _ANION else _METALS
    return attraction, scale
