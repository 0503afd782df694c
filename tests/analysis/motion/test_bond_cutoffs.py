"""Cut-offs from first shells, and where they come from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from catholyte.analysis.motion.bond_cutoffs import (
    Shell,
    choose_rules,
    described,
    first_shells,
    gap_notes,
    parse_cutoffs,
)
from catholyte.analysis.motion.bond_rules import BondRule, covalent_reach
from catholyte.analysis.motion.curves import pair_functions
from catholyte.analysis.motion.pair_function import PairFunction
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.campaigns.campaign_documents import cell_of
from catholyte.tests.support.motion.motions import frames, ledger
from catholyte.tests.support.referees.evidence import Referee

R = np.arange(0.025, 6.0, 0.05)


def function(pair: tuple[str, str], *shells: tuple[float, float, float], around: float = 4.0) -> PairFunction:
    """Sum of Gaussians in g(r): place, height, width; `around` neighbours in the first."""
    g = np.sum([height * np.exp(-((R - place) ** 2) / (2 * width**2)) for place, height, width in shells], axis=0)
    rise = R**2 * g
    first = rise[_first_bins(shells)].sum()
    return PairFunction(pair, R, g, np.cumsum(rise) * around / max(first, 1e-30), 1)


def _first_bins(shells: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Bins of the first shell."""
    place, _, width = shells[0]
    return np.abs(R - place) < 4 * width


def shaken(name: str, spread: float, n: int = 50) -> Frames:
    """A crystal of the library with Gaussian displacements, Å."""
    cell = cell_of(name)
    noise = np.random.default_rng(0).normal(0, spread, (n, len(cell), 3))
    return frames([site.specie.symbol for site in cell], cell.cart_coords + noise, cell.lattice.matrix)


def test_a_shell_of_bonds() -> None:
    """Its pair is named with the more electropositive element first, whatever the order of the atoms."""
    (found,) = first_shells([function(("S", "P"), (2.05, 10, 0.1), (3.8, 3, 0.2))], {"P": 4, "S": 20}, "bulk").items()
    assert found[0] == ("P", "S")
    assert found[1].peak == pytest.approx(2.05, abs=0.03)
    assert 2.3 < found[1].minimum < 3.3
    assert found[1].source == "bulk"


def test_what_is_no_shell_of_bonds() -> None:
    """Edges of a tetrahedron, an ideal gas, and a few contacts; neighbours of lithium are counted."""
    shells = [
        function(("S", "S"), (3.35, 10, 0.2), (5.0, 5, 0.3)),
        function(("Li", "S"), (2.4, 10, 0.2), (4.0, 5, 0.3)),
        function(("S", "Cl"), (3.0, 0.0, 1.0)),
        function(("P", "Cl"), (2.0, 10, 0.1), (3.8, 3, 0.2), around=0.2),
    ]
    assert list(first_shells(shells, {"Li": 24, "P": 4, "S": 20, "Cl": 4}, "bulk")) == [("Li", "S")]


@pytest.mark.parametrize(
    ("name", "pair", "bond", "next_shell"),
    [("LPSCl", ("P", "S"), 2.02, 3.9), ("LCO", ("Co", "O"), 1.92, 3.4), ("CoO", ("Co", "O"), 2.13, 3.69)],
)
def test_first_shells_of_crystals(name: str, pair: tuple[str, str], bond: float, next_shell: float) -> None:
    motion = shaken(name, 0.08)
    found = first_shells(pair_functions(motion.blocks(7), motion.species), Counter(motion.species), name)
    assert [bonded for bonded in found if "Li" not in bonded] == [pair]
    assert found[pair].peak == pytest.approx(bond, abs=0.08)
    assert bond + 0.4 < found[pair].minimum < next_shell - 0.3


TETRAHEDRON = 2.05 / 3**0.5 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
DIRECTIONS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])


def tetrahedra(places: list[tuple[float, float, float]], box: tuple[float, float, float], n: int) -> Frames:
    """PS4 units in their own directions at fractions of a box, with Gaussian noise of 0.06 Å."""
    from scipy.spatial.transform import Rotation

    centres = np.array(places) * box
    turned = TETRAHEDRON @ Rotation.random(len(centres), random_state=1).as_matrix()
    atoms = np.concatenate([centres, (centres[:, None] + turned).reshape(-1, 3)])
    noise = np.random.default_rng(0).normal(0, 0.06, (n, len(atoms), 3))
    return frames(["P"] * len(centres) + ["S"] * 4 * len(centres), atoms + noise, np.diag(box))


def octahedra(metal: str, lengths: list[float], sigma: float) -> Frames:
    """27 MO6 units apart from one another, 6.5 Å from centre to centre, with Gaussian noise."""
    centres = 6.5 * np.array(list(np.ndindex(3, 3, 3)))
    around = (centres[:, None] + DIRECTIONS * np.array(lengths)[:, None]).reshape(-1, 3)
    atoms = np.concatenate([centres, around])
    noise = np.random.default_rng(0).normal(0, sigma, (40, len(atoms), 3))
    return frames([metal] * 27 + ["O"] * 162, atoms + noise, 19.5 * np.eye(3))


def rule_of(motion: Frames, pair: tuple[str, str]) -> BondRule:
    """The rule of a pair, from the run alone."""
    functions, numbers = pair_functions(motion.blocks(50), motion.species), Counter(motion.species)
    shells = first_shells(functions, numbers, "the run itself")
    rules = described(choose_rules(motion.species, [shells], {}), functions, numbers)
    return next(rule for rule in rules if rule.pair == pair)


DILUTE: dict[str, tuple[list[tuple[float, float, float]], tuple[float, float, float]]] = {
    "1 in 8 Å": ([(0.5, 0.5, 0.5)], (8.0, 8.0, 8.0)),
    "1 in 9 Å": ([(0.5, 0.5, 0.5)], (9.0, 9.0, 9.0)),
    "1 in 10 Å": ([(0.5, 0.5, 0.5)], (10.0, 10.0, 10.0)),
    "1 in 20 Å": ([(0.5, 0.5, 0.5)], (20.0, 20.0, 20.0)),
    "2 in 9x9x22": ([(0.5, 0.5, 0.25), (0.5, 0.5, 0.75)], (9.0, 9.0, 22.0)),
    "4 in 10x10x25": ([(0.5, 0.5, k / 4) for k in range(4)], (10.0, 10.0, 25.0)),
    "8 in 12x12x22": (
        [(i / 2, j / 2, k / 2) for i in range(2) for j in range(2) for k in range(2)],
        (12.0, 12.0, 22.0),
    ),
}
JAHN_TELLER = [
    ("Mn", [1.92] * 4 + [2.26] * 2),
    ("Mn", [1.91] * 4 + [2.14] * 2),
    ("Ni", [1.88] * 4 + [2.14] * 2),
    ("Co", [1.92] * 6),
]


@pytest.mark.parametrize("cell", DILUTE)
@pytest.mark.parametrize("n", [12, 60])
def test_a_bond_is_as_long_in_a_dilute_cell(cell: str, n: int) -> None:
    """g(r) grows as the cell gets empty, so that second shells are no peaks of it; the neighbours are the same."""
    rule = rule_of(tetrahedra(*DILUTE[cell], n), ("P", "S"))
    assert 2.55 < rule.cutoff < 2.9
    assert rule.coordination == pytest.approx(4.0)
    assert rule.plateau is not None
    assert rule.plateau < 0.01


@pytest.mark.parametrize(("metal", "lengths"), JAHN_TELLER)
@pytest.mark.parametrize("sigma", [0.02, 0.04, 0.06, 0.08, 0.1])
def test_a_shell_of_two_lengths_is_one(metal: str, lengths: list[float], sigma: float) -> None:
    """The long bonds of Jahn and Teller's octahedra belong to them, whatever the vibration."""
    rule = rule_of(octahedra(metal, lengths, sigma), (metal, "O"))
    assert max(lengths) + 0.25 < rule.cutoff <= 1.2 * covalent_reach(metal, "O")
    assert rule.coordination == pytest.approx(6.0, abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_a_shell_without_an_end_takes_the_reach_and_says_so(seed: int) -> None:
    """Six S at 2.1 to 3.1 Å from Co: no valley up to the reach, and the random numbers do not decide."""
    rng = np.random.default_rng(seed)
    centres = 5.5 * np.array(list(np.ndindex(2, 2, 2)))
    ways = rng.normal(size=(40, 8, 6, 3))
    ways *= rng.uniform(2.1, 3.1, (40, 8, 6, 1)) / np.linalg.norm(ways, axis=-1, keepdims=True)
    around = (centres[:, None] + ways).reshape(40, -1, 3)
    motion = frames(
        ["Co"] * 8 + ["S"] * 48, np.concatenate([np.broadcast_to(centres, (40, 8, 3)), around], axis=1), 11 * np.eye(3)
    )
    rule = rule_of(motion, ("Co", "S"))
    assert rule.cutoff == covalent_reach("Co", "S")
    (note,) = gap_notes([rule])
    assert "Co-S: no gap at the cut-off of 2.89 Å" in note


def test_edges_of_a_tetrahedron_are_no_bonds_however_they_vibrate() -> None:
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, 0.15, (300, 4, 3))
        motion = frames(["S"] * 4, TETRAHEDRON + noise, 12 * np.eye(3))
        assert first_shells(pair_functions(motion.blocks(50), motion.species), {"S": 4}, "run") == {}


def test_a_sparse_control_does_not_poison_the_run() -> None:
    """One PS4 of a control in 9 Å gave 5.3 Å to the run, in which a sulfur atom then never left."""
    control, run = tetrahedra(*DILUTE["1 in 9 Å"], 12), tetrahedra(*DILUTE["1 in 20 Å"], 60)
    away = run.positions.copy()
    away[30:, 1] += 1.2 * (run.positions[0, 1] - run.positions[0, 0])
    motion = frames(run.species, away, run.cells[0])
    shells = first_shells(pair_functions(control.blocks(50), control.species), Counter(control.species), "control")
    rules = choose_rules(motion.species, [shells], {})
    for own in (rules, (rule_of(motion, ("P", "S")),)):
        found = ledger(motion, own)
        assert found.counts["P-S breaking"] == 1


@pytest.mark.parametrize("box", [8.0, 9.0, 10.0, 12.0, 20.0])
def test_a_bond_that_breaks_is_seen_in_every_cell(box: float) -> None:
    """S goes from 2.05 to 4 Å between frames 60 and 100 of 160."""
    still = tetrahedra([(0.5, 0.5, 0.5)], (box, box, box), 160)
    positions = still.positions.copy()
    way = positions[0, 1] - positions[0, 0]
    positions[:, 1] += np.clip((np.arange(160) - 60) / 40, 0, 1)[:, None] * way / np.linalg.norm(way) * 1.95
    motion = frames(still.species, positions, still.cells[0])
    rule = rule_of(motion, ("P", "S"))
    assert 2.5 < rule.cutoff < 2.9
    assert ledger(motion, (rule,)).counts == {"P-S breaking": 1, "P-S forming": 0}


def test_neighbours_within_the_cut_offs_are_those_that_were_put_there(refereed: Referee) -> None:
    away = [abs(float(rule_of(tetrahedra(*cell, 60), ("P", "S")).coordination or 0) - 4) for cell in DILUTE.values()]
    away += [
        abs(float(rule_of(octahedra(metal, lengths, sigma), (metal, "O")).coordination or 0) - 6)
        for metal, lengths in JAHN_TELLER
        for sigma in (0.04, 0.08)
    ]
    refereed(
        "bonds within the cut-offs: PS4 in cells from 8 Å, octahedra of Jahn and Teller",
        max(away),
        0.02,
        of="analysis.motion.bond_cutoffs.bonded_shell",
        by="the bonds that were built",
        unit="bonds a centre",
    )


def test_given_before_control_before_run_before_radii() -> None:
    control, run = (
        {("P", "S"): Shell(2.05, 2.9, "the control LPSCl")},
        {("P", "S"): Shell(2.05, 3.1, "the run"), ("Co", "O"): Shell(1.95, 2.7, "the run")},
    )
    rules = {
        rule.name: rule for rule in choose_rules(["Co", "O", "P", "S", "Li"], [control, run], {("S", "S"): 2.4}, 0.1)
    }
    assert (rules["P-S"].cutoff, rules["P-S"].source) == (
        2.9,
        "valley of r²g(r) of the control LPSCl",
    )
    assert (rules["Co-O"].cutoff, rules["Co-O"].form, rules["Co-O"].broken) == pytest.approx((2.7, 2.43, 2.97))
    assert (rules["S-S"].cutoff, rules["S-S"].source) == (2.4, "given")
    assert rules["Co-S"].cutoff == covalent_reach("Co", "S")
    assert "covalent radii" in rules["Co-S"].source


def test_bad_cutoffs() -> None:
    assert parse_cutoffs(["S-P=2.7"], ["P", "S"]) == {("P", "S"): 2.7}
    for text in ("P-S", "P-S=x", "PS=2.7", "P-S=-1", "P-S=inf"):
        with pytest.raises(InputError, match="a pair of elements and a length in Å > 0 are needed"):
            parse_cutoffs([text], ["P", "S"])
    with pytest.raises(InputError, match="holds no Co"):
        parse_cutoffs(["Co-S=2.7"], ["P", "S"])
    with pytest.raises(InputError, match="a cut-off for Li-Li: this pair is not watched; watched: S-S, Li-S"):
        choose_rules(["Li", "S"], [], {("Li", "Li"): 2.7})
