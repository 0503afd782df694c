"""A calculator whose energy depends on the volume alone: what the guard finds of it is known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from catholyte.configs.load import material
from catholyte.structures.crystals.crystal import conventional

__all__ = ["MODULUS", "Jelly", "nothing", "stubborn"]

#: eV/Å³, bulk modulus
MODULUS = 1.0
#: elements to the crystal whose volume is that of least energy
_CRYSTALS = {"CoLiO": "LCO", "CoO": "CoO", "NiO": "NiO", "LiO": "Li2O"}


class Jelly(Calculator):
    """E = n B v (V/V0 - 1)² / 2 with v, V0 the measured volumes per atom and of the cell.

    Parameters
    ----------
    energy_unit, force_factor, stress_unit : float
        What the results are multiplied by.
    shift : dict
        Crystal to what its volume of least energy exceeds the measured one by, as a fraction.
    bent : str, optional
        Crystal whose curve bends down beyond 3 %.
    stress : bool
        Whether it gives one.
    checkpoint : str, optional
        Not looked at.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012

    def __init__(
        self,
        energy_unit: float = 1.0,
        force_factor: float = 1.0,
        stress_unit: float = 1.0,
        shift: dict[str, float] | None = None,
        bent: str | None = None,
        stress: bool = True,
        checkpoint: str | None = None,
    ) -> None:
        super().__init__()
        self.units, self.shift, self.bent = (energy_unit, force_factor, stress_unit), shift or {}, bent
        if not stress:
            self.implemented_properties = ["energy", "free_energy", "forces"]

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Compute all."""
        super().calculate(atoms, properties, system_changes)
        name = _CRYSTALS.get("".join(sorted(set(atoms.get_chemical_symbols()))), "CoO")
        cell = conventional(material(name))
        per_atom, n = cell.volume / len(cell) * (1 + self.shift.get(name, 0.0)), len(atoms)
        x = atoms.get_volume() / (n * per_atom) - 1
        energy, slope = n * MODULUS * per_atom * x**2 / 2, MODULUS * x
        if name == self.bent and x > 0.03:
            energy -= n * MODULUS * per_atom * (x - 0.03) ** 2
            slope -= 2 * MODULUS * (x - 0.03)
        unit, force, stress = self.units
        towards = np.zeros((n, 3))
        towards[:, 0] = 0.3 * (force - 1.0) * np.where(np.arange(n) % 2, 1, -1)
        self.results = {
            "energy": unit * energy,
            "free_energy": unit * energy,
            "forces": unit * towards,
            "stress": unit * stress * slope * np.array([1.0, 1, 1, 0, 0, 0]),
        }
        if "stress" not in self.implemented_properties:
            del self.results["stress"]


def nothing() -> str:
    """No calculator."""
    return "nothing"


def stubborn() -> Jelly:
    """Fails."""
    raise RuntimeError("weights are missing")
