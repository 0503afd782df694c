"""Survival of units, by hand and against the product-limit formula."""

from __future__ import annotations

import numpy as np
import pytest

from catholyte.analysis.motion.bond_events import BondEvents
from catholyte.analysis.motion.bond_rules import BondRule
from catholyte.analysis.motion.survival import survival, units
from catholyte.tests.support.motion.motions import frames, ledger
from catholyte.tests.support.referees.evidence import Referee

TETRAHEDRON = 2.0 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def tetrahedra(breaks: list[int | None], n: int = 100) -> BondEvents:
    """Units PS4 far apart; the first S of each leaves at a frame, or never."""
    positions = []
    for unit, frame in enumerate(breaks):
        middle = np.array([5.0 + 10.0 * unit, 5.0, 5.0])
        path = np.broadcast_to(middle + np.vstack([np.zeros(3), TETRAHEDRON]), (n, 5, 3)).copy()
        if frame is not None:
            path[frame:, 1] += 1.2
        positions.append(path)
    return ledger(
        frames(
            ("P", "S", "S", "S", "S") * len(breaks),
            np.concatenate(positions, axis=1),
            np.diag([10.0 * len(breaks), 10.0, 10.0]),
        )
    )


def test_units_are_named_after_their_first_shell() -> None:
    found = tetrahedra([None, 20])
    assert units(found) == {(0,): "PS4", (5,): "PS4"}


def test_the_product_limit_over_replicas(refereed: Referee) -> None:
    """Two replicas of different length, losses at 200, 300 and 300 fs, the others observed to 890 and 490 fs (the
    persistence is 100)."""
    (found,) = survival([tetrahedra([20, 30, None]), tetrahedra([30, None], 60)])
    assert (found.unit, found.n_units, found.n_lost, found.n_replicas) == ("PS4", 5, 3, 2)
    assert found.times.tolist() == [0, 200, 300, 490, 890]
    away = np.abs(np.subtract(found.fraction, [1, 4 / 5, 4 / 5 * 2 / 4, 0.4, 0.4])).max()
    refereed(
        "survival of PS4 units",
        away,
        1e-9,
        of="analysis.motion.survival.survival",
        by="Kaplan and Meier's product, by hand",
        unit="fraction",
    )
    assert found.median == 300
    # exponential Greenwood by hand for the first loss: var = d / (n (n - d)) = 1/20, on the scale of log(-log S)
    width = 1.959964 * np.sqrt(1 / 20) / abs(np.log(0.8))
    assert (found.low[1], found.high[1]) == pytest.approx((0.8 ** np.exp(width), 0.8 ** np.exp(-width)), abs=1e-6)
    assert found.low[-1] < found.fraction[-1] < found.high[-1]


def test_a_unit_whose_bond_comes_back_is_lost_all_the_same_and_counts_once() -> None:
    positions = np.zeros((100, 2, 3))
    positions[:, 1, 0] = 2.0
    positions[20:40, 1, 0] = 3.5
    positions[60:80, 1, 0] = 3.5
    (found,) = survival([ledger(frames(("P", "S"), positions))])
    assert (found.unit, found.n_lost, found.times.tolist()) == ("PS", 1, [0, 200])


@pytest.mark.parametrize("order", [1, -1])
def test_a_bond_between_centres_belongs_to_its_unit(order: int) -> None:
    """P2S6 whose P-P bond of 2.2 Å breaks at 300 fs and whose P-S bonds stay: one unit, lost, and no PS3 beside it."""
    away = np.array([[0, 2.0, 0], [0, -1.0, 1.73], [0, -1.0, -1.73]]) * 0.95
    half = np.vstack([np.zeros(3), away - np.array([0.6, 0, 0])])
    unit = np.concatenate([half, half * np.array([-1, 1, 1]) + np.array([2.2, 0, 0])]) + 4.0
    path = np.broadcast_to(unit, (60, 8, 3)).copy()
    path[30:, 4:, 0] += 1.5
    rules = (
        BondRule("P", "P", 2.6, 2.45, 2.75, "by hand"),
        BondRule("P", "S", 2.6, 2.4, 2.8, "by hand"),
    )
    found = (
        ledger(frames(("P", "S", "S", "S") * 2, path[:, ::order], np.diag([14.0, 14, 14])), rules)
        if order == 1
        else (ledger(frames(("S", "S", "S", "P") * 2, path[:, ::order], np.diag([14.0, 14, 14])), rules))
    )
    assert list(units(found).values()) == ["P2S6"]
    (curve,) = survival([found])
    assert (curve.unit, curve.n_units, curve.n_lost, curve.times.tolist()) == ("P2S6", 1, 1, [0, 300])


def test_nothing_is_lost() -> None:
    (found,) = survival([tetrahedra([None, None])])
    assert found.fraction.tolist() == [1, 1]
    assert found.median is None
    document = found.to_json()
    assert document["low"][-1] is None
    assert document["n_lost"] == 0


def test_no_units() -> None:
    assert survival([ledger(frames(("Li", "Li"), np.zeros((5, 2, 3))))]) == []
