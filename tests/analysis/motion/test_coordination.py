"""Shells against ASE's neighbour list and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from catholyte.analysis.motion.bond_rules import BondRule
from catholyte.analysis.motion.coordination import Coordination, CoordinationCounter, thinned
from catholyte.analysis.motion.neighbour_pairs import PairFinder
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support import crystals
from catholyte.tests.support.motion.motions import TRICLINIC, frames
from catholyte.tests.support.referees.evidence import Referee


def shells(motion: Frames, *rules: BondRule) -> list[Coordination]:
    counter, finder = CoordinationCounter(motion.species, rules), PairFinder(motion.species, rules)
    for block in motion.blocks(20):
        for found in finder.pairs(block):
            counter.add(found)
    return counter.result()


def rule(first: str, second: str, cutoff: float) -> BondRule:
    return BondRule(first, second, cutoff, 0.95 * cutoff, 1.05 * cutoff, "by hand")


def test_a_shell_by_hand() -> None:
    """Three O at 1.9, 2.0 and 2.1 Å; the last one leaves after half of the time."""
    positions = np.full((100, 4, 3), 5.0)
    for atom, (axis, length) in enumerate(((0, 1.9), (1, 2.0), (2, 2.1)), start=1):
        positions[:, atom, axis] += length
    positions[50:, 3, 2] += 1.0
    (found,) = shells(frames(("Co", "O", "O", "O"), positions), rule("Co", "O", 2.6))
    assert found.mean.tolist() == [3.0] * 50 + [2.0] * 50
    assert found.histogram.tolist() == [0, 0, 0.5, 0.5]
    assert (found.first.tolist(), found.last.tolist()) == ([3], [2])
    # Baur: mean of |l/l_av - 1|
    assert found.distortion[0] == pytest.approx((0.1 + 0.0 + 0.1) / 2.0 / 3)
    assert found.distortion[-1] == pytest.approx(0.05 / 1.95)
    document = found.to_json()
    assert document["histogram"] == {"0": 0.0, "1": 0.0, "2": 0.5, "3": 0.5}
    assert (document["pair"], document["n_centers"], document["mean"], document["first"], document["last"]) == (
        "Co-O",
        1,
        2.5,
        3.0,
        2.0,
    )


def test_a_cation_without_neighbours() -> None:
    positions = np.zeros((5, 2, 3))
    positions[:, 1] = 5.0
    (found,) = shells(frames(("Co", "O"), positions), rule("Co", "O", 2.6))
    assert found.histogram.tolist() == [1.0]
    assert found.to_json()["distortion"] == [None] * 5


def test_anions_have_no_shell_of_anions() -> None:
    assert shells(frames(("S", "O"), np.zeros((2, 2, 3)) + np.array([[[0.0], [1.5]]])), rule("S", "O", 2.0)) == []


@pytest.mark.parametrize(
    ("name", "pair", "number"), [("LCO", ("Co", "O"), 6), ("LPSCl", ("P", "S"), 4), ("CoO", ("Co", "O"), 6)]
)
def test_crystals(name: str, pair: tuple[str, str], number: int) -> None:
    """Primitive cells, narrower than twice the cut-off."""
    cell = calculation_cell(next(material for material in crystals.ALL if material.name == name))
    symbols = tuple(site.specie.symbol for site in cell)
    (found,) = shells(frames(symbols, cell.cart_coords[None], cell.lattice.matrix), rule(*pair, 2.7))
    assert set(found.first.tolist()) == {number}


def test_against_ase(refereed: Referee) -> None:
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    rng = np.random.default_rng(3)
    symbols = ("Co",) * 8 + ("O",) * 16
    positions = rng.uniform(0, 1, (1, 24, 3)) @ TRICLINIC + np.cumsum(rng.normal(0, 0.05, (60, 24, 3)), axis=0)
    (found,) = shells(frames(symbols, positions, TRICLINIC), rule("Co", "O", 2.9))
    counts = []
    for places in positions:
        centres = neighbor_list("i", Atoms(symbols, places, cell=TRICLINIC, pbc=True), {("Co", "O"): 2.9})
        counts.append(np.bincount(centres, minlength=24)[:8])
    away = np.abs(found.mean - np.mean(counts, axis=1)).max()
    refereed(
        "mean coordination, frame by frame",
        away,
        1e-9,
        of="analysis.motion.coordination.CoordinationCounter",
        by="ASE, neighbor_list",
        unit="neighbours",
    )
    assert found.histogram == pytest.approx(np.bincount(np.ravel(counts)) / np.size(counts))
    assert found.last.tolist() == counts[-1].tolist()


def test_thinning_keeps_the_average() -> None:
    times = np.arange(1000.0)
    short, mean = thinned(times, times**2, points=50)
    assert len(short) == 50
    assert short.mean() == pytest.approx(times.mean())
    assert mean.mean() == pytest.approx((times**2).mean())
    assert np.isnan(thinned(times[:3], np.array([np.nan, 1.0, 2.0]), points=3)[1][0])
