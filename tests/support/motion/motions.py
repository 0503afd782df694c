"""Trajectories made by hand for tests of what happens to bonds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catholyte.analysis.motion.bond_events import BondEvents, BondLedger
from catholyte.analysis.motion.bond_rules import BondRule
from catholyte.analysis.motion.neighbour_pairs import PairFinder
from catholyte.structures.trajectories.frames import Frames

__all__ = ["CUBE", "RULES", "TRICLINIC", "frames", "ledger", "repeated"]

Floats = NDArray[np.float64]

CUBE = 10.0 * np.eye(3)
TRICLINIC = np.array([[9.0, 0.0, 0.0], [-3.9, 8.4, 0.0], [2.7, -3.6, 7.7]])
RULES = (
    BondRule("P", "S", 2.6, 2.4, 2.8, "by hand"),
    BondRule("S", "S", 2.5, 2.3, 2.7, "by hand"),
    BondRule("Co", "O", 2.6, 2.4, 2.8, "by hand"),
)


def frames(species: Sequence[str], positions: Floats, cell: Floats = CUBE, timestep: float = 10.0) -> Frames:
    """Frames (n_frames, n_sites, 3), Å, `timestep` fs apart; `cell` one for all or one for each."""
    n = len(positions)
    cells = np.broadcast_to(cell, (n, 3, 3)).copy()
    return Frames(tuple(species), cells, np.asarray(positions, dtype=float), np.arange(n), timestep * np.arange(n))


def ledger(
    motion: Frames, rules: Sequence[BondRule] = RULES, persistence: float = 100.0, block: int = 64
) -> BondEvents:
    """The ledger of frames in memory."""
    finder, books = PairFinder(motion.species, rules), BondLedger(rules, persistence)
    for part in motion.blocks(block):
        for found in finder.pairs(part):
            books.add(found)
    return books.result()


def repeated(motion: Frames, repeats: Sequence[int]) -> Frames:
    """The same motion in a supercell, site by site: the copies of a site stand together."""
    copies = np.array(list(np.ndindex(*repeats)))
    shifts = np.einsum("ck,fkx->fcx", copies, motion.cells)
    positions = (motion.positions[:, :, None] + shifts[:, None]).reshape(len(motion), -1, 3)
    species = tuple(symbol for symbol in motion.species for _ in copies)
    return Frames(
        species,
        motion.cells * np.array(repeats)[:, None],
        positions,
        motion.steps,
        motion.times,
        motion.energies,
        motion.temperatures,
    )
