"""Two hundred atoms, LiCoO2 under Li6PS5Cl, in thermal motion with a slow drift of the sulfur: for benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.trajectories.frames import Frames

__all__ = ["SPECIES", "blocks"]

#: Å, amplitude of vibrations; fs, between frames
AMPLITUDE, INTERVAL = 0.09, 10.0
#: frames of one block
BLOCK = 250


@cache
def _cell() -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """A piece of one layer of LiCoO2 (96 atoms) under two cubes of Li6PS5Cl (104 atoms), in a skew box as wide as
    these."""
    hexagonal = conventional(material("LCO")).make_supercell((16, 16, 1), in_place=False)
    a, c = hexagonal.lattice.a / 16, hexagonal.lattice.c
    places = hexagonal.cart_coords - [0.01, 6.01 * np.sqrt(3) * a / 2, c / 4]
    inside = (places >= 0).all(axis=1) & (places < [6 * a, 2 * np.sqrt(3) * a, c / 3]).all(axis=1)
    primitive = calculation_cell(material("LPSCl"))
    edge = primitive.lattice.a * np.sqrt(2)
    cubes = primitive.make_supercell(
        np.diag([2, 1, 1]) @ np.round(edge * np.linalg.inv(primitive.lattice.matrix)), in_place=False
    )
    lower, upper = places[inside], cubes.cart_coords + np.array([0.0, 0.0, c / 3 + 2.0])
    species = tuple(site.specie.symbol for site, kept in zip(hexagonal, inside, strict=True) if kept) + tuple(
        site.specie.symbol for site in cubes
    )
    return (
        species,
        np.array([[2 * edge, 0.0, 0.0], [0.0, edge, 0.0], [3.0, 2.0, c / 3 + edge + 4.0]]),
        np.concatenate([lower, upper]),
    )


SPECIES = _cell()[0]


def blocks(n_frames: int) -> Iterator[Frames]:
    """The first frames of the motion; any number of them is the beginning of any larger one."""
    species, matrix, places = _cell()
    rng = np.random.default_rng(0)
    drift = np.where(np.array(species)[:, None] == "S", 1.0, 0.1) * rng.normal(0, 2e-5, (len(species), 3))
    phases = rng.uniform(0, 2 * np.pi, (2, len(species), 3))
    for start in range(0, n_frames, BLOCK):
        steps = np.arange(start, min(start + BLOCK, n_frames))
        t = INTERVAL * steps[:, None, None]
        moved = places + drift * t + AMPLITUDE * (np.sin(t / 15 + phases[0]) + np.sin(t / 37 + phases[1]))
        yield Frames(species, np.broadcast_to(matrix, (len(steps), 3, 3)).copy(), moved, steps, INTERVAL * steps)
