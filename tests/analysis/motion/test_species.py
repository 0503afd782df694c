"""The species of a trajectory against the products that the hull predicts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from catholyte.analysis.motion.bond_events import BondEvents
from catholyte.analysis.motion.bond_rules import bond_rule, watched_pairs
from catholyte.analysis.motion.species import species_found, species_score
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.configs.errors import InputError
from catholyte.tests.support.motion.motions import frames, ledger

ELEMENTS = ("Li", "Co", "O", "P", "S", "Cl")
RULES = tuple(bond_rule(pair) for pair in watched_pairs(ELEMENTS))
CELL = np.diag([100.0, 100.0, 100.0])


@pytest.fixture(scope="module")
def phases() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


def stars(units: dict[str, int]) -> tuple[list[str], list[list[float]]]:
    """Units such as P with its S around it, far apart: symbols and places."""
    symbols, places = [], []
    for number, (unit, size) in enumerate(units.items()):
        centre, anion = unit.rstrip("*").split("-")
        middle = np.array([6.0 + 12.0 * (number % 8), 6.0 + 12.0 * (number // 8), 50.0])
        directions = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])[:size]
        symbols += [centre, *[anion] * size]
        places += [list(middle), *(middle + (2.0 if anion == "S" else 1.7) * directions).tolist()]
    return symbols, places


def test_species_are_named_and_counted() -> None:
    """S8 as a ring, PS4, SO4, P2S6 over a P-P bond, a bare S and CoO6, which is no molecule."""
    ring = [
        [
            2.06 / (2 * np.sin(np.pi / 8)) * np.cos(k * np.pi / 4),
            2.06 / (2 * np.sin(np.pi / 8)) * np.sin(k * np.pi / 4),
            0.0,
        ]
        for k in range(8)
    ]
    symbols = ["S"] * 8 + ["P", *["S"] * 4] + ["S", *["O"] * 4] + ["P", "P", *["S"] * 6] + ["S"] + ["Co", *["O"] * 6]
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    fans = np.array([[-0.5, np.cos(a), np.sin(a)] for a in (0, 2 * np.pi / 3, 4 * np.pi / 3)])
    places = [
        *ring,
        *([20, 0, 0] + 2.05 * np.vstack([np.zeros(3), tetrahedron])),
        *([40, 0, 0] + 1.48 * np.vstack([np.zeros(3), tetrahedron])),
        *(
            np.array([60, 0, 0])
            + np.array([[0, 0, 0], [2.2, 0, 0], *(1.8 * fans), *(1.8 * fans * [-1, 1, 1] + [2.2, 0, 0])])
        ),
        [80, 0, 0],
        *(
            [20, 50, 0]
            + 2.0 * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
        ),
    ]
    found = ledger(frames(symbols, np.array([places, places]), CELL), RULES)
    expected = {"P2S6": 1, "PS4": 1, "S8": 1, "SO4": 1}
    assert species_found(found, symbols, "start") == species_found(found, symbols) == expected


def reaction(before: dict[str, int], after: dict[str, int], spare: dict[str, int]) -> tuple[BondEvents, list[str]]:
    """Atoms that stand in the units of `before`, and from the middle of the run in those of `after`; lone atoms
    besides."""
    first, second = stars(before), stars(after)
    numbers = Counter(first[0]) | Counter(second[0])
    numbers.update(spare)
    symbols = sorted(numbers.elements())
    paths = []
    for names, places in (first, second):
        free = [[3.0 + 4.0 * (k % 24), 3.0 + 4.0 * (k // 24), 90.0] for k in range(len(symbols))]
        waiting = {symbol: [k for k, other in enumerate(symbols) if other == symbol] for symbol in numbers}
        for symbol, place in zip(names, places, strict=True):
            free[waiting[symbol].pop()] = place
        paths.append(free)
    positions = np.repeat(np.array(paths), 60, axis=0)
    return ledger(frames(symbols, positions, CELL), RULES), symbols


#: LCO and LPSCl in the ratio of the deepest point, 24 : 11
LCO_LPSCL = {"Li": 90, "Co": 24, "O": 48, "P": 11, "S": 55, "Cl": 11}


def spare(*sides: dict[str, int]) -> dict[str, int]:
    """Atoms of the whole cell that the units do not hold."""
    held = Counter(stars(sides[0])[0]) | Counter(stars(sides[1])[0])
    return {symbol: number - held[symbol] for symbol, number in LCO_LPSCL.items()}


def test_bonds_as_predicted_score_high(phases: PhaseSet) -> None:
    """P exchanges S for O, Co O for S, in the sense of Li3PO4 and Co3S4."""
    before = {**{f"P-S{'*' * k}": 4 for k in range(3)}, **{f"Co-O{'*' * k}": 6 for k in range(6)}}
    after = {**{f"P-O{'*' * k}": 4 for k in range(3)}, **{f"Co-S{'*' * k}": 5 for k in range(6)}}
    found, symbols = reaction(before, after, spare(before, after))
    score = species_score(found, symbols, ("LCO", "LPSCl"), phases)
    assert score.amounts == pytest.approx((24, 11))
    assert {product.formula for product in score.products} == {"Li3PO4", "Li2S", "Co3S4", "LiCl", "Li2SO4"}
    assert score.predicted["P-S"] == pytest.approx(-44)
    assert score.predicted["Co-O"] == pytest.approx(-144)
    assert score.predicted["P-O"] == pytest.approx(44)
    assert score.predicted["S-O"] == pytest.approx(4)
    assert score.predicted["Co-S"] == pytest.approx(24 / 3 * 16)
    assert score.found == {"Co-S": 30, "Co-O": -36, "P-S": -12, "P-O": 12}
    assert score.score is not None
    assert score.baseline is not None
    assert score.skill is not None
    assert 1 > score.score > score.baseline > 0
    assert 0 < score.skill < 1
    assert score.skill == pytest.approx((score.score - score.baseline) / (1 - score.baseline))
    assert score.progress == pytest.approx(0.24, abs=0.05)


def test_bonds_against_the_prediction_score_low(phases: PhaseSet) -> None:
    """The same reaction backwards: the opposite sign."""
    before = {"P-O": 4, "Co-S": 6}
    after = {"P-S": 4, "Co-O": 6}
    found, symbols = reaction(before, after, spare(before, after))
    score = species_score(found, symbols, ("LCO", "LPSCl"), phases)
    assert score.score is not None
    assert score.score < -0.9
    assert "the score rests on a net change of 20 bonds" in score.notes
    assert score.skill is not None
    assert score.skill < 0


def test_nothing_happened(phases: PhaseSet) -> None:
    units = {"P-S": 4, "Co-O": 6}
    found, symbols = reaction(units, units, spare(units, units))
    score = species_score(found, symbols, ("LCO", "LPSCl"), phases)
    assert (score.score, score.progress) == (None, 0.0)
    assert score.baseline is not None
    assert "the numbers of bonds at the end are those of the beginning" in score.notes


def test_a_pair_that_does_not_react(phases: PhaseSet) -> None:
    symbols = ["Li", "Cl"] * 4 + ["Li", "Li", "O"] * 2
    found = ledger(frames(symbols, np.random.default_rng(0).uniform(0, 90, (2, len(symbols), 3)), CELL), RULES)
    score = species_score(found, symbols, ("LiCl", "Li2O"), phases)
    assert (score.score, score.products, score.reaction) == (None, (), "")


def test_atoms_of_a_third_material_are_refused(phases: PhaseSet) -> None:
    found, symbols = reaction({"P-S": 4}, {"P-S": 4}, {"Li": 3})
    with pytest.raises(InputError, match="are no mixture of LCO and LPSCl"):
        species_score(found, symbols, ("LCO", "LPSCl"), phases)
