"""Pair functions against pymatgen's and ASE's neighbour lists, in skewed and narrow cells, beyond half the cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.motion.curves import STRIDES
from catholyte.analysis.motion.pair_function import PairCounter, PairFunction
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.motion.trajectory_texts import CELL, SPECIES, walk
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.recorded import PLACES, place

OURS, PYMATGEN = "analysis.motion.pair_function.PairCounter", "pymatgen, Structure.get_neighbor_list"


def _counted(frames: Frames, rmax: float, width: float, block: int = 5) -> dict[tuple[str, str], PairFunction]:
    counter = PairCounter(frames.species, rmax, width)
    for part in frames.blocks(block):
        counter.add(part)
    return {function.pair: function for function in counter.functions()}


def _by_pymatgen(frames: Frames, pair: tuple[str, str], rmax: float, bins: int) -> np.ndarray:
    """g(r) from pymatgen's periodic neighbour list, by the definition."""
    from pymatgen.core.structure import Structure

    edges = np.linspace(0, rmax, bins + 1)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    counts, density = np.zeros(bins), 0.0
    species = np.array(frames.species)
    for cell, positions in zip(frames.cells, frames.positions, strict=True):
        structure = Structure(cell, frames.species, positions, coords_are_cartesian=True)
        first, second, _, distances = structure.get_neighbor_list(rmax)
        chosen = (species[first] == pair[0]) & (species[second] == pair[1])
        counts += np.histogram(distances[chosen], edges)[0]
        density += 1 / structure.volume
    return counts / (np.count_nonzero(species == pair[0]) * np.count_nonzero(species == pair[1]) * density * shells)


CELLS = {
    "skewed": CELL,
    "more skewed than a rounded fraction can stand": np.array([[4.0, 0, 0], [3.6, 1.9, 0], [2.1, 1.7, 8.0]]),
    "narrow": np.diag([2.1, 2.3, 15.0]),
    "left-handed": np.diag([5.0, 6.0, -7.0]),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("rmax", [2.0, 5.3, 9.1])
def test_counts_are_those_of_pymatgen(name: str, rmax: float, refereed: Referee) -> None:
    frames = walk(6, cell=CELLS[name])
    away = max(
        np.abs(one.g - _by_pymatgen(frames, pair, rmax, 37)).max()
        for pair, one in _counted(frames, rmax, rmax / 37).items()
    )
    refereed("pair functions in skewed, narrow and left-handed cells", away, 1e-10, of=OURS, by=PYMATGEN, unit="g(r)")


def test_variable_cell(refereed: Referee) -> None:
    frames = walk(6)
    frames = replace(frames, cells=frames.cells * np.linspace(1, 1.2, 6)[:, None, None])
    away = max(
        np.abs(one.g - _by_pymatgen(frames, pair, 6.1, 31)).max() for pair, one in _counted(frames, 6.1, 0.2).items()
    )
    refereed("pair functions of a variable cell", away, 1e-10, of=OURS, by=PYMATGEN, unit="g(r)")


#: Å; a range of a lattice vector's length cuts through all pairs of an atom with its own image, in or out by rounding
RANGES = st.floats(1.5, 8.0).filter(lambda r: np.abs(np.linalg.norm(CELL, axis=1) - r).min() > 1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), shift=st.tuples(*[st.floats(-20, 20)] * 3), rmax=RANGES)
def test_nothing_changes_by_translation_wrapping_or_a_supercell(
    seed: int, shift: tuple[float, float, float], rmax: float
) -> None:
    frames = walk(2, seed=seed)
    images = np.random.default_rng(seed).integers(-3, 4, (1, len(SPECIES), 3)) @ CELL
    moved = replace(frames, positions=frames.positions + np.array(shift) + images)
    doubled = Frames(
        frames.species * 2,
        frames.cells * np.array([2.0, 1.0, 1.0])[:, None],
        np.concatenate([frames.positions, frames.positions + CELL[0]], axis=1),
        frames.steps,
        frames.times,
    )
    expected = _counted(frames, rmax, 0.1)
    for other in (moved, doubled):
        for pair, function in _counted(other, rmax, 0.1).items():
            # an atom may round to the neighbouring bin: sums of pairs over two bins do not change
            np.testing.assert_allclose(
                np.cumsum(function.g * function.r**2)[-1],
                np.cumsum(expected[pair].g * function.r**2)[-1],
                rtol=0.02,
                atol=1e-9,
            )
            assert np.count_nonzero(np.abs(function.g - expected[pair].g) > 1e-9) <= 4


def test_perfect_crystal_by_hand() -> None:
    """Rock salt, a = 4 Å, from its two-atom cell: 6 neighbours at 2 Å, 12 at 2.83 Å of one's own kind, 8 at 3.46 Å of
    the other."""
    cell = 2 * np.array([[0, 1.0, 1.0], [1.0, 0, 1.0], [1.0, 1.0, 0]])
    frames = Frames(("Co", "O"), cell[None], np.array([[[0, 0, 0], [2.0, 0, 0]]]), np.array([1]), np.array([1.0]))
    functions = _counted(frames, 3.6, 0.1)
    mixed, own = functions["Co", "O"], functions["Co", "Co"]
    assert mixed.coordination[np.searchsorted(mixed.r, 2.2)] == 6
    assert mixed.coordination[-1] == 6 + 8
    assert own.coordination[-1] == 12
    assert np.flatnonzero(own.g).tolist() == [28]


def test_ideal_gas_has_g_of_one() -> None:
    rng = np.random.default_rng(1)
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-3.0, 1.0, 10.0]])
    frames = Frames(
        ("Ar",) * 40,
        np.broadcast_to(cell, (300, 3, 3)).copy(),
        rng.random((300, 40, 3)) @ cell,
        np.arange(300),
        np.arange(300.0),
    )
    function = _counted(frames, 12.0, 1.0)["Ar", "Ar"]
    # N (N - 1) pairs in the cell, beside an atom's own images: 1/40 is missing where there are no images yet
    np.testing.assert_allclose(function.g[2:], 1.0, atol=0.04)


@pytest.mark.parametrize("files", PLACES)
@pytest.mark.parametrize("name", ["pmg_XDATCAR_traj_Li38Si38", "atomate2_Si16_AIMD_vasprun.xml.gz"])
def test_recorded_runs_agree_with_pymatgen_and_ase(files: str, name: str, refereed: Referee) -> None:
    from ase import Atoms
    from ase.geometry.rdf import get_rdf

    frames = Frames.joined(list(open_trajectory([place(files) / name], 2.0).blocks())).select(slice(0, None, 5))
    rmax = 9.0
    functions = _counted(frames, rmax, 0.05)
    away = max(np.abs(one.g - _by_pymatgen(frames, pair, rmax, len(one.r))).max() for pair, one in functions.items())
    refereed("pair functions of recorded runs", away, 1e-6, of=OURS, by=PYMATGEN, unit="g(r)")
    near = _counted(frames, 2.6, 0.1)  # ASE wants half the cell
    images = [
        Atoms(frames.species, positions=rows, cell=cell, pbc=True)
        for rows, cell in zip(frames.positions, frames.cells, strict=True)
    ]
    for pair, function in near.items():
        theirs = np.mean([get_rdf(atoms, 2.6, len(function.r), elements=pair)[0] for atoms in images], axis=0)
        refereed(
            "pair functions of recorded runs, within half the cell",
            np.abs(function.g - theirs).max(),
            1e-6,
            of=OURS,
            by="ASE, get_rdf",
            unit="g(r)",
        )


def test_every_second_frame() -> None:
    frames = walk(9)
    counter = PairCounter(frames.species, 5.0, 0.1, ((2, None),))
    for part in frames.blocks(4):
        counter.add(part)
    expected = _counted(frames.select(slice(0, None, 2)), 5.0, 0.1)
    for function in counter.functions():
        np.testing.assert_array_equal(function.g, expected[function.pair].g)
        assert function.n_frames == 5


@pytest.mark.parametrize(("length", "stride"), [(1, 1), (9, 1), (200, 1), (201, 2), (1000, 2), (1001, 10)])
def test_all_frames_count_while_they_are_few(length: int, stride: int) -> None:
    """A run that was written every 100 steps has few frames, and its cut-offs rest on all of them."""
    frames = walk(length, species=("Li", "S"))
    counter = PairCounter(frames.species, 4.0, 0.1, STRIDES)
    for part in frames.blocks(37):
        counter.add(part)
    expected = _counted(frames.select(slice(0, None, stride)), 4.0, 0.1)
    for function in counter.functions():
        np.testing.assert_allclose(function.g, expected[function.pair].g, rtol=1e-12)
        assert function.n_frames == -(-length // stride)


def test_what_is_refused() -> None:
    for rmax, width, every in ((0.0, 0.1, 1), (5.0, 0.0, 1), (np.nan, 0.1, 1), (5.0, 6.0, 1), (5.0, 0.1, 0)):
        with pytest.raises(InputError, match="not possible"):
            PairCounter(SPECIES, rmax, width, ((every, None),))
    with pytest.raises(InputError, match="no frame"):
        PairCounter(SPECIES).functions()
