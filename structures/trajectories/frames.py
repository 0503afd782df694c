"""Frames of a trajectory in memory: the one form that readers give and that everything else takes.

A trajectory of any length is a sequence of blocks of consecutive frames; nothing holds more than one block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats, Ints
from ...configs.constants import BOLTZMANN

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Frames", "inscribed_radius", "kinetic_temperature", "nearest_image"]


@dataclass(frozen=True, eq=False)
class Frames:
    """Consecutive frames of one trajectory.

    Parameters
    ----------
    species : tuple of str, n_sites
        Element symbols.
    cells : (n_frames, 3, 3) float array, Å
        Rows are the lattice vectors.
    positions : (n_frames, n_sites, 3) float array, Å
        Cartesian, wrapped or not, as they were written.
    steps : (n_frames,) int array
        Numbers of the molecular-dynamics steps.
    times : (n_frames,) float array, fs
    energies : (n_frames,) float array, eV per cell, or None
        Potential energy.
    temperatures : (n_frames,) float array, K, or None
        Of the degrees of freedom that move (:func:`kinetic_temperature`).
    conserved : (n_frames,) float array, eV per cell, or None
        What exact integration would keep: the total energy, and with it that of a Nosé-Hoover thermostat.

    Raises
    ------
    ValueError
        If the shapes do not belong together.
    """

    species: tuple[str, ...]
    cells: Floats
    positions: Floats
    steps: Ints
    times: Floats
    energies: Floats | None = None
    temperatures: Floats | None = None
    conserved: Floats | None = None

    def __post_init__(self) -> None:
        n = len(self.positions)
        known = (array for array in (self.energies, self.temperatures, self.conserved) if array is not None)
        series = [self.steps, self.times, *known]
        if (
            self.positions.shape != (n, len(self.species), 3)
            or self.cells.shape != (n, 3, 3)
            or any(array.shape != (n,) for array in series)
        ):
            raise ValueError(
                f"{n} frames of {len(self.species)} sites: positions {self.positions.shape}, cells {self.cells.shape} "
                "and series do not agree"
            )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def n_sites(self) -> int:
        """Sites of each frame."""
        return len(self.species)

    def fractional(self) -> Floats:
        """Fractional coordinates, (n_frames, n_sites, 3), not wrapped."""
        return np.asarray(self.positions @ np.linalg.inv(self.cells))

    def select(self, frames: slice | NDArray[np.bool_] | Ints) -> Frames:
        """Some of the frames, in their order."""
        energies, temperatures, conserved = (
            None if array is None else array[frames] for array in (self.energies, self.temperatures, self.conserved)
        )
        return replace(
            self,
            cells=self.cells[frames],
            positions=self.positions[frames],
            steps=self.steps[frames],
            times=self.times[frames],
            energies=energies,
            temperatures=temperatures,
            conserved=conserved,
        )

    def blocks(self, size: int) -> Iterator[Frames]:
        """The same frames in blocks of at most `size`."""
        for start in range(0, len(self), size):
            yield self.select(slice(start, start + size))

    @classmethod
    def joined(cls, blocks: Sequence[Frames]) -> Frames:
        """One block of all frames; an energy or temperature that one block lacks is lacking in all.

        Raises
        ------
        ValueError
            If there is no block, or the species differ.
        """
        if not blocks or len({block.species for block in blocks}) != 1:
            raise ValueError("blocks of one trajectory share their species")

        def whole(arrays: list[Floats | None]) -> Floats | None:
            there = [array for array in arrays if array is not None]
            return np.concatenate(there) if len(there) == len(blocks) else None

        return cls(
            species=blocks[0].species,
            cells=np.concatenate([block.cells for block in blocks]),
            positions=np.concatenate([block.positions for block in blocks]),
            steps=np.concatenate([block.steps for block in blocks]),
            times=np.concatenate([block.times for block in blocks]),
            energies=whole([block.energies for block in blocks]),
            temperatures=whole([block.temperatures for block in blocks]),
            conserved=whole([block.conserved for block in blocks]),
        )


#: a centre of mass with less than this part of the kinetic energy stands still
_STILL = 1e-6


def kinetic_temperature(atoms: Atoms) -> float:
    """Temperature of atoms with momenta, K.

    Three degrees of freedom are those of the centre of mass, which hold no energy where it stands still: 3 N - 3 are
    counted then, as VASP does, and 3 N where a thermostat moves it (Langevin). Constraints of the atoms are taken off.

    Parameters
    ----------
    atoms : ase.Atoms
    """
    kinetic = float(atoms.get_kinetic_energy())
    centre = float((atoms.get_momenta().sum(axis=0) ** 2).sum() / (2 * atoms.get_masses().sum()))
    free = int(atoms.get_number_of_degrees_of_freedom())
    if not atoms.constraints and len(atoms) > 1 and centre <= _STILL * kinetic:
        free -= 3
    return float(2 * kinetic / (free * BOLTZMANN))


#: images around the rounded one in a Minkowski-reduced cell, among which the nearest always is
_AROUND = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)


def inscribed_radius(cell: Floats) -> float:
    """Return half the least distance between opposite faces of a cell, Å: what is nearer than this has one nearest
    image.

    Parameters
    ----------
    cell : (3, 3) float array, Å
    """
    return float(0.5 / np.linalg.norm(np.linalg.inv(cell), axis=0).max())


def nearest_image(vectors: Floats, cell: Floats) -> Floats:
    """Return the shortest of each vector's periodic images.

    The cell is Minkowski-reduced and the fractions rounded; a vector within the sphere that fits into
    the reduced cell is then the shortest, and the others are compared with their 26 neighbours.

    Parameters
    ----------
    vectors : (..., 3) float array, Å
    cell : (3, 3) float array, Å
        Rows are the lattice vectors.

    Returns
    -------
    (..., 3) float array, Å
    """
    from ase.geometry.minkowski_reduction import minkowski_reduce

    reduced: Floats = np.asarray(minkowski_reduce(cell)[0], dtype=float)
    fractional = vectors @ np.linalg.inv(reduced)
    shortest: Floats = (fractional - np.round(fractional)) @ reduced
    squares = (shortest**2).sum(axis=-1)
    far = squares > inscribed_radius(reduced) ** 2
    if far.any():
        images = shortest[far][:, None, :] + _AROUND @ reduced
        nearest = (images**2).sum(axis=-1).argmin(axis=1)
        shortest[far] = images[np.arange(len(images)), nearest]
    return shortest
