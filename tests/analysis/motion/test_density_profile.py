"""Density profiles by hand: every atom is counted, in its place, whatever the cell does."""

from __future__ import annotations

import numpy as np
import pytest

from catholyte.analysis.motion.curves import DensityProfile, ProfileCounter
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.motion.trajectory_texts import SPECIES, walk


def _profiles(frames: Frames, n_bins: int, block: int = 4) -> dict[str, DensityProfile]:
    counter = ProfileCounter(frames.species, n_bins)
    for part in frames.blocks(block):
        counter.add(part)
    return {profile.species: profile for profile in counter.profiles()}


def test_every_atom_is_counted() -> None:
    frames = walk(25)
    area = np.linalg.norm(np.cross(*frames.cells[0, :2]))
    for name, profile in _profiles(frames, 40).items():
        wide = profile.heights[1] - profile.heights[0]
        assert profile.density.sum() * area * wide == pytest.approx(SPECIES.count(name))
        assert profile.heights[-1] + wide / 2 == pytest.approx(7.0)


def test_atoms_stand_at_their_heights_in_a_skewed_cell() -> None:
    cell = np.array([[4.0, 0, 0], [1.0, 5.0, 0], [2.0, 1.0, 10.0]])
    positions = np.broadcast_to(np.array([[0, 0, 0.5], [3, 1, 2.5], [0, 0, 7.5], [0, 0, 9.5], [1, 1, -0.5]]), (3, 5, 3))
    frames = Frames(SPECIES, np.broadcast_to(cell, (3, 3, 3)).copy(), positions.copy(), np.arange(3), np.arange(3.0))
    found = _profiles(frames, 10)
    assert (found["Li"].density * 20).round(9).tolist() == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert (found["P"].density * 20).round(9).tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert (found["S"].density * 20).round(9).tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_drift_of_all_atoms_does_not_blur_the_profile() -> None:
    frames = walk(30, step=0.0)
    drifting = Frames(
        SPECIES, frames.cells, frames.positions + 0.37 * np.arange(30)[:, None, None], frames.steps, frames.times
    )
    still, moving = _profiles(frames, 21), _profiles(drifting, 21)
    for name in still:
        np.testing.assert_allclose(moving[name].density, still[name].density, atol=1e-9)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        ProfileCounter(SPECIES, 0)
    with pytest.raises(InputError, match="no frame"):
        ProfileCounter(SPECIES).profiles()
