"""Bands: barriers of analytic potentials, the same with any number of images, and runs that were killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from catholyte.configs.errors import CalculationError
from catholyte.workflows.engines.ase.band import CHECKPOINT, run_band

#: eV; Å
HEIGHT, PERIOD = 0.4, 3.0


class Waves(Calculator):
    """One atom in HEIGHT/2 (1 − cos 2πx/PERIOD) + a channel that bends: y = BEND sin πx/PERIOD costs nothing."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own)
    bend, stiffness = 0.6, 4.0

    def __init__(self, dies_after: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.left = dies_after

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        x, y, z = self.atoms.positions[0]  # type: ignore[union-attr]
        k = 2 * np.pi / PERIOD
        off = y - self.bend * np.sin(k * x / 2)
        slope = -self.bend * np.cos(k * x / 2) * k / 2
        self.results = {
            "energy": HEIGHT / 2 * (1 - np.cos(k * x)) + self.stiffness / 2 * (off**2 + z**2),
            "forces": -np.array(
                [
                    [
                        HEIGHT / 2 * k * np.sin(k * x) + self.stiffness * off * slope,
                        self.stiffness * off,
                        self.stiffness * z,
                    ]
                ]
            ),
        }


def ends() -> tuple[Atoms, Atoms]:
    cell = [20.0, 20.0, 20.0]
    return Atoms("Li", [[0, 0, 0]], cell=cell, pbc=True), Atoms("Li", [[PERIOD, 0, 0]], cell=cell, pbc=True)


@pytest.mark.parametrize("images", [1, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 7))])
def test_the_barrier_of_a_bent_channel_is_its_height(tmp_path: Path, images: int) -> None:
    found = run_band(ends(), Waves(), images, (0.005, 500), tmp_path, "channel")
    assert found.energies[found.climbing] == pytest.approx(HEIGHT, abs=1e-3)
    assert found.positions[found.climbing, 0, 1] == pytest.approx(Waves.bend, abs=0.02)
    assert found.max_force <= 0.005
    assert len(found.positions) == images + 2


def test_a_killed_band_goes_on_from_its_images(tmp_path: Path) -> None:
    whole = (
        run_band(ends(), Waves(), 5, (0.005, 500), tmp_path / "a", "x") if (tmp_path / "a").mkdir() is None else None
    )
    place = tmp_path / "b"
    place.mkdir()
    with pytest.raises(KeyboardInterrupt):
        run_band(ends(), Waves(dies_after=80), 5, (0.005, 500), place, "x")
    kept = json.loads((place / CHECKPOINT).read_text())["steps"]
    assert kept > 0
    found = run_band(ends(), Waves(), 5, (0.005, 500), place, "x")
    assert whole is not None
    assert found.n_steps >= kept
    assert found.energies.max() == pytest.approx(whole.energies.max(), abs=1e-4)


def test_images_of_another_question_are_not_taken(tmp_path: Path) -> None:
    run_band(ends(), Waves(), 5, (0.005, 500), tmp_path, "x")
    found = run_band(ends(), Waves(), 3, (0.005, 500), tmp_path, "x")
    assert len(found.energies) == 5


def test_a_band_that_does_not_converge_says_so_and_keeps_its_images(tmp_path: Path) -> None:
    with pytest.raises(CalculationError, match=r"did not reach 0\.003 eV/Å within 2 steps"):
        run_band(ends(), Waves(), 5, (0.001, 2), tmp_path, "x")
    assert json.loads((tmp_path / CHECKPOINT).read_text())["steps"] == 2


def test_atoms_that_overlap_are_named(tmp_path: Path) -> None:
    cell: Any = [12.0, 12.0, 12.0]
    first = Atoms("LiO", [[0, 0, 0], [1.5, 0.0, 0]], cell=cell, pbc=True)
    last = Atoms("LiO", [[3, 0, 0], [1.5, 0.0, 0]], cell=cell, pbc=True)

    class Nothing(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
            self.results = {"energy": 0.0, "forces": np.array([[1.0, 0, 0], [-1.0, 0, 0]])}

    with pytest.raises(CalculationError, match=r"in image \d atoms \d \((Li|O)\) and \d \((Li|O)\) are"):
        run_band((first, last), Nothing(), 1, (0.01, 500), tmp_path, "x")
