"""Nudged elastic bands by ASE, which may be killed and go on from their last images.

Method: improved tangent (G. Henkelman, H. Jónsson, J. Chem. Phys. 113 (2000) 9978), first images by the image dependent
pair potential (S. Smidstrup et al., J. Chem. Phys. 140 (2014) 214106), then the highest image climbs (G.
Henkelman et al., J. Chem. Phys. 113 (2000) 9901).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from ....configs.errors import CalculationError
from ..backend import write_atomically
from ..bands import SPRING, BandOutcome, interpolate

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CHECKPOINT", "run_band"]

#: file in the directory of a run
CHECKPOINT = "band.json"
#: steps between checkpoints
_KEPT_EVERY = 5
#: the band is relaxed to this many times the final force before its highest image climbs
_BEFORE_CLIMBING = 3.0
#: Å; atoms nearer than this overlap
_OVERLAP = 0.5


def run_band(
    ends: tuple[Atoms, Atoms],
    calculator: Calculator,
    n_images: int,
    limits: tuple[float, int],
    directory: Path,
    label: str,
) -> BandOutcome:
    """Find the way of lowest energy between two relaxed cells, from the images of an interrupted run where there are.

    Parameters
    ----------
    ends : (Atoms, Atoms)
        Relaxed, atoms in one order, and each on the same side of the cell's borders.
    calculator : Calculator
    n_images : int
        Between the end points, 1 or more.
    limits : (float, int)
        eV/Å, largest force across the band; steps.
    directory : Path
        Empty, or with what an interrupted run left.
    label : str
        For messages.

    Raises
    ------
    CalculationError
        If the band does not converge, or atoms overlap in an image. The images so far are kept.
    """
    from ase.mep.neb import NEB
    from ase.optimize import FIRE

    max_force, max_steps = limits
    images = [ends[0].copy(), *(ends[0].copy() for _ in range(n_images)), ends[1].copy()]
    for image in images:
        image.calc = _Remembering(calculator)
    place = _Place(directory, ends, n_images)
    done = place.read(images)
    band = NEB(images, k=SPRING, climb=False, method="improvedtangent")
    if done is None:
        interpolate(images)
        _require_apart(images, label)
        done = 0
    step = done
    for climb, force in ((False, _BEFORE_CLIMBING * max_force), (True, max_force)):
        band.climb = climb
        with open(os.devnull, "w") as log:
            optimizer = FIRE(band, logfile=log)
            optimizer.attach(_keeper(place, images, optimizer, step), interval=_KEPT_EVERY)
            optimizer.attach(lambda: _require_apart(images, label), interval=1)
            converged = optimizer.run(fmax=force, steps=max(0, max_steps - step))
        step += int(optimizer.get_number_of_steps())
        place.write(images, step)
        if not converged:
            raise CalculationError(
                f"{label}: the band did not reach {force:g} eV/Å within {max_steps} steps; the largest force across it "
                f"is {_largest(band):.3f} eV/Å",
                "allow more steps or another number of images; a force that stays large is a way over a third site",
            )
    largest = _largest(band)
    computed = [(image.get_potential_energy(), image.get_forces()) for image in images]
    energies = np.array([energy for energy, _ in computed])
    return BandOutcome(
        np.array([image.get_positions() for image in images]),
        energies,
        np.array([forces for _, forces in computed]),
        int(energies[1:-1].argmax()) + 1,
        largest,
        step,
    )


class _Remembering(Calculator):
    """One potential's numbers of one image: bands ask several times a step for all, the ends included."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own name and type)

    def __init__(self, potential: Calculator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.potential = potential

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Ask the potential."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        self.results = {
            "energy": self.potential.get_potential_energy(self.atoms),
            "forces": self.potential.get_forces(self.atoms),
        }


def _largest(band: Any) -> float:
    return float(np.linalg.norm(band.get_forces().reshape(-1, 3), axis=1).max())


def _require_apart(images: list[Any], label: str) -> None:
    for number, image in enumerate(images[1:-1], 1):
        distances = image.get_all_distances(mic=True)
        np.fill_diagonal(distances, np.inf)
        if not distances.min() >= _OVERLAP:  # nor not a number
            distances = np.nan_to_num(distances, nan=0.0)
            first, second = np.unravel_index(distances.argmin(), distances.shape)
            symbols = image.get_chemical_symbols()
            raise CalculationError(
                f"{label}: in image {number} atoms {first} ({symbols[first]}) and {second} ({symbols[second]}) are "
                f"{distances.min():.2f} Å apart: the band left the way",
                "take fewer images, or a hop that does not lead over another atom",
            )


def _keeper(place: _Place, images: list[Any], optimizer: Any, before: int) -> Callable[[], None]:
    def keep() -> None:
        place.write(images, before + int(optimizer.get_number_of_steps()))

    return keep


@dataclass
class _Place:
    """The images of a run in its directory; those of another question are not taken."""

    directory: Path
    ends: tuple[Any, Any]
    n_images: int

    @property
    def _question(self) -> str:
        parts = [array.tobytes() for end in self.ends for array in (end.numbers, end.cell[:], end.positions)]
        return hashlib.sha256(b"".join([*parts, str(self.n_images).encode()])).hexdigest()

    def read(self, images: list[Any]) -> int | None:
        """Put kept positions into the images and return the steps that they took; None where none are kept."""
        try:
            kept = json.loads((self.directory / CHECKPOINT).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if kept["question"] != self._question:
            return None
        for image, positions in zip(images[1:-1], kept["positions"], strict=True):
            image.set_positions(positions)
        return int(kept["steps"])

    def write(self, images: list[Any], steps: int) -> None:
        positions = [image.get_positions().tolist() for image in images[1:-1]]
        told = {"question": self._question, "steps": steps, "positions": positions}
        write_atomically(self.directory / CHECKPOINT, json.dumps(told))
