"""A few atoms with a cheap calculator, for molecular dynamics in milliseconds."""

from __future__ import annotations

import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from catholyte.workflows.engines.ase.dynamics import Outcome, run_dynamics
from catholyte.workflows.engines.tasks import MolecularDynamics

__all__ = ["Faulty", "Morse", "copper", "dynamics_task", "move"]


class Morse(Calculator):
    """A Morse potential over the nearest images: forces that depend on the positions alone, to the last bit.

    ASE's own potentials keep a neighbour list from step to step, whose order, and with it the last bit, depends on when
    it was built.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    depth, stiffness, distance = (
        0.34,
        1.36,
        2.87,
    )  # eV, 1/Å, Å: copper, Girifalco and Weizer, Phys. Rev. 114, 687 (1959)

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds

    def calculate(self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Compute, and wait, so that a process can be killed in the middle."""
        super().calculate(atoms, properties, system_changes)
        cell = np.array(self.atoms.cell)
        images = np.array(list(product((-1, 0, 1), repeat=3))) @ cell
        apart = self.atoms.positions[:, None] - self.atoms.positions[None]
        apart = (apart - np.round(apart @ np.linalg.inv(cell)) @ cell)[:, :, None] + images
        r = np.linalg.norm(apart, axis=-1)
        r[r < 1e-9] = np.inf
        decay = np.exp(-self.stiffness * (r - self.distance))
        slope = 2 * self.stiffness * self.depth * (decay - decay**2)
        self.results = {
            "energy": 0.5 * self.depth * (decay**2 - 2 * decay).sum(),
            "forces": -((slope / r)[..., None] * apart).sum(axis=(1, 2)),
        }
        time.sleep(self.seconds)


class Faulty(Calculator):
    """No forces until the evaluation `at`, from which on atom 2 feels `force` along x, or the calculator fails."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, at: int, force: float, energy: float = 0.0, *, fails: bool = False) -> None:
        super().__init__()
        self.at, self.force, self.energy, self.fails, self.count = at, force, energy, fails, 0

    def calculate(self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """One evaluation."""
        super().calculate(atoms, properties, system_changes)
        if self.fails and self.count >= self.at:
            raise ValueError("an atom is alone")
        forces = np.zeros((len(self.atoms), 3))
        forces[2, 0] = self.force if self.count >= self.at else 0.0
        self.results = {"energy": self.energy if self.count >= self.at else 0.0, "forces": forces}
        self.count += 1


def copper(calculator: Any = None) -> Atoms:
    """Eight copper atoms of a slightly sheared crystal, one of them another metal."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.set_cell(atoms.cell[:] + 0.1 * np.eye(3, k=1), scale_atoms=True)
    atoms.symbols[3] = "Au"
    atoms.calc = calculator or Morse()
    return atoms


def dynamics_task(thermostat: str, n_steps: int = 23, **settings: Any) -> MolecularDynamics:
    """Some steps at 600 K, with a thermostat strong enough to be felt within them."""
    asked = {"timestep": 4.0, "temperature": 600.0, "damping": 20.0, "seed": 5, "frame_interval": 3, **settings}
    return MolecularDynamics.model_validate({"n_steps": n_steps, "thermostat": thermostat, **asked})


def move(directory: Path, task: MolecularDynamics, calculator: Any = None, **arguments: Any) -> Outcome:
    """Run the copper in a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return run_dynamics(copper(calculator), task, directory, "Cu", **arguments)


if __name__ == "__main__":  # run in a process of its own: directory, thermostat, steps
    move(Path(sys.argv[1]), dynamics_task(sys.argv[2], int(sys.argv[3])), Morse(seconds=0.003))
