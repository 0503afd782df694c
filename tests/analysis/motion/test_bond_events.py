"""The ledger on trajectories whose events are known beforehand, and what must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.motion.bond_events import BondEvents, BondLedger
from catholyte.analysis.motion.bond_rules import (
    BondRule,
    bond_rule,
    covalent_reach,
    ionic_pairs,
    parse_pair,
    watched_pairs,
)
from catholyte.analysis.motion.neighbour_pairs import PairFinder, widths
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.motion.motions import CUBE, RULES, TRICLINIC, frames, ledger, repeated
from catholyte.tests.support.referees.evidence import Referee

BOND, APART = 2.0, 3.5


def told(found: BondEvents) -> list[tuple[str, tuple[int, int], float | None, float | None]]:
    return [(event.kind, event.atoms, event.formed, event.broken) for event in found.events]


def pair(
    distances: list[float],
    species: tuple[str, str] = ("P", "S"),
    cell: np.ndarray = CUBE,
    start: tuple[float, ...] = (1, 1, 1),
) -> Frames:
    """Two atoms along a skew direction, at the given distances."""
    direction = np.array([2.0, 1.0, -2.0]) / 3
    first = np.broadcast_to(np.array(start, dtype=float), (len(distances), 3))
    return frames(species, np.stack([first, first + np.outer(distances, direction)], axis=1), cell)


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC])
def test_a_bond_that_breaks_once(cell: np.ndarray) -> None:
    found = ledger(pair([BOND] * 30 + [APART] * 30, cell=cell))
    assert told(found) == [("P-S breaking", (0, 1), None, 300.0)]
    assert found.counts == {"P-S breaking": 1, "P-S forming": 0, "S-S forming": 0, "Co-O forming": 0}
    assert (found.initial, found.final) == (((0, 0, 1),), ())
    assert (found.n_frames, found.start, found.end) == (60, 0.0, 590.0)


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("first", [1, 5, 10])
def test_the_state_at_the_beginning_is_the_first_that_lasts(block: int, first: int) -> None:
    """A flicker of the first frame made a lasting event, a bond that was none, and a unit that was lost."""
    for before, after, initial in ((BOND, APART, ()), (APART, BOND, ((0, 0, 1),))):
        found = ledger(pair([before] * first + [after] * 30), block=block)
        assert found.events == ()
        assert found.initial == found.final == initial
    lasting = ledger(pair([BOND] * 11 + [APART] * 30), block=block)
    assert told(lasting) == [("P-S breaking", (0, 1), None, 110.0)]
    flicker = ledger(pair([APART, BOND, APART] * 3 + [BOND] * 20 + [APART] * 20), block=block)
    assert told(flicker) == [("P-S breaking", (0, 1), None, 290.0)]
    assert flicker.initial == ((0, 0, 1),)


def test_where_no_state_lasts_the_first_frame_tells() -> None:
    for block in (2, 64):
        found = ledger(pair([BOND] * 3 + [APART] * 3 + [BOND]), block=block)
        assert (found.initial, found.final, found.events) == (((0, 0, 1),), ((0, 0, 1),), ())
        found = ledger(pair([APART] * 3 + [BOND] * 4), block=block)
        assert (found.initial, found.final, found.events) == ((), (), ())
    (one,) = [ledger(pair([BOND])).initial]
    assert one == ((0, 0, 1),)


def test_a_change_is_seen_from_a_persistence_behind_the_start_to_one_before_the_end() -> None:
    assert ledger(pair([BOND] * 51)).observed == 300.0
    assert ledger(pair([BOND] * 11)).observed == 0.0


def test_a_bond_that_forms_and_one_that_is_there_all_the_time() -> None:
    assert told(ledger(pair([APART] * 15 + [BOND] * 30, ("S", "S")))) == [("S-S forming", (0, 1), 150.0, None)]
    assert told(ledger(pair([BOND] * 35, ("S", "S")))) == []


def test_a_bond_that_breaks_and_forms_again_has_both_times() -> None:
    motion = pair([BOND] * 20 + [APART] * 20 + [BOND] * 20 + [APART] * 20)
    assert told(ledger(motion)) == [("P-S breaking", (0, 1), 400.0, 200.0), ("P-S breaking", (0, 1), None, 600.0)]
    found = ledger(motion)
    assert found.counts["P-S breaking"] == 2
    assert found.lasting["P-S breaking"] == 1
    assert found.cumulative("P-S breaking", np.array([0.0, 199.0, 200.0, 399.0, 400.0, 700.0])).tolist() == [
        0,
        0,
        1,
        1,
        0,
        1,
    ]


def test_rattling_is_no_event() -> None:
    """Excursions of 90 fs, from the bond and from afar, and within the window of the hysteresis for ever."""
    assert told(ledger(pair(([BOND] * 15 + [APART] * 10) * 6 + [BOND] * 10))) == []
    assert told(ledger(pair(([APART] * 15 + [BOND] * 10) * 6 + [APART] * 10))) == []
    assert told(ledger(pair([BOND] * 15 + [2.75] * 40))) == []
    assert told(ledger(pair([APART] * 15 + [2.45] * 40))) == []


def test_the_persistence_counts_seen_frames() -> None:
    """Eleven frames of 10 fs span 100 fs, ten span 90."""
    assert told(ledger(pair([BOND] * 15 + [APART] * 11 + [BOND] * 20))) == [("P-S breaking", (0, 1), 260.0, 150.0)]
    assert told(ledger(pair([BOND] * 15 + [APART] * 10 + [BOND] * 20))) == []
    assert told(ledger(pair([BOND] * 15 + [APART] * 11))) == [("P-S breaking", (0, 1), None, 150.0)]
    assert told(ledger(pair([BOND] * 15 + [APART] * 10))) == []


def test_no_persistence_and_no_hysteresis() -> None:
    rule = BondRule("P", "S", 2.6, 2.6, 2.6, "by hand")
    motion = pair([2.5, 2.7, 2.6, 2.61])
    assert told(ledger(motion, (rule,), 0.0)) == [
        ("P-S breaking", (0, 1), 20.0, 10.0),
        ("P-S breaking", (0, 1), None, 30.0),
    ]


def test_the_lasting_change_is_dated_to_its_own_first_frame() -> None:
    """A short excursion before the break, with a return, does not date it."""
    assert told(ledger(pair([BOND] * 15 + [APART] * 5 + [BOND] * 5 + [APART] * 30))) == [
        ("P-S breaking", (0, 1), None, 250.0)
    ]


def test_a_pair_that_starts_inside_the_window_is_bonded_up_to_the_cut_off() -> None:
    """Forms below 2.4, breaks above 2.8, cut-off 2.6 Å; who never leaves the window is bonded or not all the same."""
    assert ledger(pair([2.45] * 40)).initial == ((0, 0, 1),)
    assert ledger(pair([2.75] * 40)).initial == ()
    assert told(ledger(pair([2.45] * 20 + [BOND] * 20 + [APART] * 20))) == [("P-S breaking", (0, 1), None, 400.0)]
    assert told(ledger(pair([2.45] * 20 + [APART] * 20 + [BOND] * 20))) == [("P-S breaking", (0, 1), 400.0, 200.0)]
    assert told(ledger(pair([2.75] * 20 + [BOND] * 20 + [APART] * 20))) == [("P-S forming", (0, 1), 200.0, 400.0)]
    assert told(ledger(pair([2.75] * 5 + [BOND] * 20 + [APART] * 20))) == [("P-S breaking", (0, 1), None, 250.0)]
    assert told(ledger(pair([2.75] * 20 + [APART] * 20 + [BOND] * 20))) == [("P-S forming", (0, 1), 400.0, None)]


def test_an_exchange_is_two_events() -> None:
    """P leaves one S for another while both S stay where they are."""
    n = 40
    positions = np.zeros((2 * n, 3, 3))
    positions[:, 0] = [2.0, 5.0, 5.0]
    positions[n:, 0] = [6.0, 5.0, 5.0]
    positions[:, 1] = [0.0, 5.0, 5.0]
    positions[:, 2] = [8.0, 5.0, 5.0]
    wide = np.diag([14.0, 10.0, 10.0])
    assert told(ledger(frames(("P", "S", "S"), positions, wide))) == [
        ("P-S breaking", (0, 1), None, 400.0),
        ("P-S forming", (0, 2), 400.0, None),
    ]


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC])
def test_a_bonded_pair_crosses_the_border_and_breaks_on_the_other_side(cell: np.ndarray) -> None:
    n = 200
    way = np.linspace(0, 1.7, n)[:, None] * (cell[0] + cell[1] - cell[2])
    apart = np.where(np.arange(n) < 150, BOND, APART)[:, None] * np.array([0.6, 0.0, 0.8])
    positions = np.stack([way, way + apart], axis=1)
    wrapped = (positions @ np.linalg.inv(cell) % 1.0) @ cell
    expected = [("P-S breaking", (0, 1), None, 1500.0)]
    assert told(ledger(frames(("P", "S"), positions, cell))) == expected
    assert told(ledger(frames(("P", "S"), wrapped, cell))) == expected


def test_a_pair_that_parts_through_the_border_is_bonded_to_another_image() -> None:
    """In a cell of 10 Å an atom that goes 8 Å away comes back from the other side, to an image: in a larger cell to
    another atom."""
    distances = np.concatenate([np.full(20, 2.0), np.linspace(2.0, 8.0, 100), np.full(20, 8.0)])
    positions = np.zeros((len(distances), 2, 3))
    positions[:, 1, 0] = distances
    broken, formed = told(ledger(frames(("P", "S"), positions)))
    assert broken[:3] == ("P-S breaking", (0, 1), None)
    assert formed[:2] == ("P-S forming", (0, 1))
    assert distances[int(broken[3] / 10)] > 2.8 >= distances[int(broken[3] / 10) - 1]
    assert 10 - distances[int(formed[2] / 10)] <= 2.4 < 10 - distances[int(formed[2] / 10) - 1]


def test_a_needle_of_a_cell() -> None:
    """Two Co-O bonds, 2.1 Å long, to both images of O along a short axis of 4.2 Å: rock salt's chain. One breaks and
    comes back."""
    n = 60
    x = np.concatenate([np.full(n, 2.1), np.full(n, 1.3), np.full(n, 2.1)])
    positions = np.zeros((len(x), 2, 3))
    positions[:, 1, 0] = x
    found = ledger(frames(("Co", "O"), positions, np.diag([4.2, 9.0, 9.0])))
    assert found.initial_bonds()["Co-O"] == 2
    assert told(found) == [("Co-O breaking", (0, 1), 1200.0, 600.0)]


def test_an_atom_and_its_own_image() -> None:
    """A chain S-S-S along a cell of 2.05 Å: one bond for each atom, to its next image."""
    found = ledger(frames(("S",), np.zeros((30, 1, 3)), np.diag([2.05, 9.0, 9.0])))
    assert found.initial == ((1, 0, 0),)
    assert found.events == ()


def test_a_breathing_cell_is_measured_as_it_is() -> None:
    """Fixed fractional coordinates: the bond of 2 Å stretches with the cell to 3 Å and comes back."""
    scale = np.concatenate([np.ones(30), np.full(30, 1.5), np.ones(30)])
    positions = scale[:, None, None] * np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    assert told(ledger(frames(("P", "S"), positions, scale[:, None, None] * CUBE))) == [
        ("P-S breaking", (0, 1), 600.0, 300.0)
    ]


def test_bad_input() -> None:
    with pytest.raises(InputError, match="persistence of a bond event must be 0 fs or more, and -1 fs"):
        BondLedger(RULES, -1.0)
    with pytest.raises(InputError, match="0 < forms <= cut-off <= breaks"):
        BondRule("P", "S", 2.6, 2.7, 2.8, "by hand")
    with pytest.raises(InputError, match="a fraction from 0"):
        bond_rule(("P", "S"), 2.6, hysteresis=1.0)
    with pytest.raises(InputError, match="has no volume"):
        widths(np.zeros((1, 3, 3)))
    motion = pair([BOND] * 3)
    with pytest.raises(InputError, match="times of the frames do not rise at 10 fs"):
        ledger(motion.select(np.array([0, 1, 1])))
    away = np.zeros((1000, 2, 3))
    away[:, 1, 0] = 3.0 * np.arange(1000)
    with pytest.raises(InputError, match="gone through more than 128 cells"):
        ledger(frames(("P", "S"), away))


def test_watched_pairs_follow_from_the_elements() -> None:
    assert watched_pairs(["Li", "Co", "O", "O", "P", "S", "Cl"]) == [
        ("Co", "S"),
        ("Co", "Cl"),
        ("Co", "O"),
        ("P", "P"),
        ("P", "S"),
        ("P", "Cl"),
        ("P", "O"),
        ("S", "S"),
        ("S", "Cl"),
        ("S", "O"),
        ("Cl", "Cl"),
        ("Cl", "O"),
        ("O", "O"),
    ]
    assert watched_pairs(["Li", "Li"]) == []
    assert {("Mn", "O"), ("Ni", "Cl"), ("In", "Cl"), ("W", "O")} <= set(
        watched_pairs(["Mn", "Ni", "In", "W", "O", "Cl", "Li"])
    )
    assert ("Co", "Ni") not in watched_pairs(["Co", "Ni", "O"])
    # hydrogen binds, lithium has neighbours
    assert watched_pairs(["Li", "H", "O", "S"]) == [
        ("H", "H"),
        ("H", "S"),
        ("H", "O"),
        ("S", "S"),
        ("S", "O"),
        ("O", "O"),
    ]
    assert ionic_pairs(["Li", "H", "O", "S", "P"]) == [("Li", "S"), ("Li", "O")]
    assert parse_pair("S", "P", ["P", "S"]) == ("P", "S")
    with pytest.raises(InputError, match="the trajectory holds no Co; its elements: P, S"):
        parse_pair("Co", "S", ["P", "S"])


@pytest.mark.parametrize(
    ("bond", "length", "next_shell"),
    [
        (("P", "S"), 2.05, 3.4),
        (("S", "S"), 2.06, 3.3),
        (("P", "O"), 1.54, 2.5),
        (("S", "O"), 1.48, 2.4),
        (("Co", "O"), 2.13, 3.4),
        (("Co", "S"), 2.35, 3.6),
        (("In", "Cl"), 2.52, 3.9),
        (("Y", "Cl"), 2.63, 4.0),
        (("Ge", "S"), 2.22, 3.6),
    ],
)
def test_covalent_reach_lies_between_first_and_second_shell(
    bond: tuple[str, str], length: float, next_shell: float
) -> None:
    assert 1.03 * length < covalent_reach(*bond) < next_shell


@st.composite
def motions(draw: st.DrawFn) -> Frames:
    """Some P and S in a skew cell, in smooth random motion with bonds that come and go."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    species = tuple(draw(st.lists(st.sampled_from(["P", "S", "S", "Li"]), min_size=2, max_size=7)))
    cell = np.diag(rng.uniform(6.5, 9.0, 3)) + np.tril(rng.uniform(-2.0, 2.0, (3, 3)), -1)
    n = 90
    knots = rng.uniform(0, 1, (1, len(species), 3)) @ cell + np.cumsum(
        rng.normal(0, 0.45, (n // 6 + 2, len(species), 3)), axis=0
    )
    at = np.arange(n) / 6
    low = at.astype(int)
    part = (at - low)[:, None, None]
    return frames(species, knots[low] * (1 - part) + knots[low + 1] * part, cell)


@given(motions(), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_translation_wrapping_and_blocks_change_nothing(motion: Frames, seed: int) -> None:
    """Each frame shifted by its own vector, each atom written in a random image, and any division into blocks."""
    rng = np.random.default_rng(seed)
    n, sites = motion.positions.shape[:2]
    moved = motion.positions + rng.uniform(-9, 9, (n, 1, 3)) + rng.integers(-2, 3, (n, sites, 3)) @ motion.cells
    same = Frames(motion.species, motion.cells, moved, motion.steps, motion.times)
    expected = ledger(motion)
    found = ledger(same, block=int(rng.integers(1, 40)))
    assert told(found) == told(expected)
    assert (found.initial, found.final) == (expected.initial, expected.final)


@given(motions(), st.tuples(*[st.integers(1, 2)] * 3))
@settings(max_examples=20, deadline=None)
def test_counts_multiply_in_a_supercell(motion: Frames, repeats: tuple[int, int, int]) -> None:
    single, many = ledger(motion), ledger(repeated(motion, repeats))
    copies = int(np.prod(repeats))
    assert many.counts == {kind: copies * number for kind, number in single.counts.items()}
    assert many.initial_bonds() == {name: copies * number for name, number in single.initial_bonds().items()}
    assert sorted((e.kind, e.time) for e in many.events) == sorted(
        (e.kind, e.time) for e in single.events for _ in range(copies)
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_counts_multiply_where_the_cell_is_narrow(seed: int) -> None:
    """A jittered rock salt of one formula unit, in which each Co is bonded to six images of one O, against its
    supercell."""
    rng = np.random.default_rng(seed)
    cell = 2.13 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    path = np.cumsum(rng.normal(0, 0.12, (80, 2, 3)), axis=0) + np.array([[0, 0, 0], cell.sum(axis=0) / 2])
    wrapped = ((path @ np.linalg.inv(cell)) % 1.0) @ cell
    motion, long = frames(("Co", "O"), wrapped, cell), repeated(frames(("Co", "O"), path, cell), (4, 4, 4))
    single, many = ledger(motion), ledger(long)
    assert many.counts == {kind: 64 * number for kind, number in single.counts.items()}
    assert many.initial_bonds()["Co-O"] == 64 * single.initial_bonds()["Co-O"] > 0


def plainly(distances: list[float], times: list[float], rule: BondRule, persistence: float) -> list[tuple[str, float]]:
    """The definition, frame by frame: changes that last, with their times."""
    raw = [distances[0] <= rule.cutoff]
    for distance in distances:
        raw.append(True if distance <= rule.form else False if distance > rule.broken else raw[-1])
    raw = raw[1:]
    settled, found, start = None, [], 0
    for frame in range(len(raw)):
        if raw[frame] != raw[start]:
            start = frame
        if raw[frame] != settled and times[frame] - times[start] >= persistence:
            if settled is not None:
                found.append(("formed" if raw[frame] else "broken", times[start]))
            settled = raw[frame]
    return found


@given(
    st.lists(
        st.tuples(st.sampled_from([2.0, 2.4, 2.45, 2.8, 2.85, 3.5]), st.integers(1, 6), st.sampled_from([5, 10, 30])),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 70),
    st.sampled_from([0.0, 20.0, 60.0]),
)
@settings(max_examples=150, deadline=None)
def test_the_ledger_is_its_definition(stretches: list[tuple[float, int, int]], block: int, persistence: float) -> None:
    """Any sequence of distances, at uneven times and in any blocks, against the definition written as a loop."""
    distances = [length for length, n, _ in stretches for _ in range(n)]
    times = np.cumsum([step for _, n, step in stretches for _ in range(n)]).astype(float)
    motion = replace(pair(distances), times=times)
    found = ledger(motion, persistence=persistence, block=block)
    changes = [
        (change, time)
        for event in found.events
        for change, time in (("formed", event.formed), ("broken", event.broken))
        if time is not None
    ]
    assert sorted(changes, key=lambda change: change[1]) == plainly(distances, times.tolist(), RULES[0], persistence)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=6), st.integers(2, 5), st.integers(0, 4)
)
@settings(max_examples=60, deadline=None)
def test_thinning_within_the_persistence_changes_no_count(
    stretches: list[tuple[bool, int]], step: int, offset: int
) -> None:
    """Changes last longer than the persistence and two of the wider intervals, rattling is shorter; every count stays,
    times move by less than an interval."""
    distances = [BOND] * 20
    for lasts, length in stretches:
        here = distances[-1]
        there = APART if here == BOND else BOND
        distances += [there] * (20 + length) if lasts else [there] * length + [here] * 20
    motion = pair(distances)
    whole, thin = ledger(motion), ledger(motion.select(slice(offset % step, None, step)))
    assert thin.counts == whole.counts
    for one, other in zip(whole.events, thin.events, strict=True):
        assert (one.kind, one.atoms, one.lasting) == (other.kind, other.atoms, other.lasting)
        assert 0 <= other.time - one.time < 10 * step


@pytest.mark.slow
@given(motions())
@settings(max_examples=15, deadline=None)
def test_distances_agree_with_pymatgen(refereed: Referee, motion: Frames) -> None:
    """Every pair within reach is found in every frame, image by image, with its distance."""
    from pymatgen.core.structure import Structure

    finder, by = PairFinder(motion.species, RULES), "pymatgen, Structure.get_neighbor_list"
    frame = 0
    for found in finder.pairs(motion):
        for row in found.distances:
            cell = Structure(motion.cells[frame], motion.species, motion.positions[frame], coords_are_cartesian=True)
            centres, others, _, distances = cell.get_neighbor_list(2.8)
            symbols = np.array(motion.species)
            for index, rule in enumerate(RULES):
                listed = (
                    (symbols[centres] == rule.first) & (symbols[others] == rule.second) & (distances <= rule.broken)
                )
                each = 2 if rule.first == rule.second else 1
                mine = row[(found.rule == index) & (row <= rule.broken)]
                assert each * len(mine) == np.count_nonzero(listed)
                away = np.abs(np.sort(np.repeat(mine, each)) - np.sort(distances[listed])).max(initial=0.0)
                refereed(
                    "distances of bonded pairs, image by image",
                    away,
                    1e-6,
                    of="analysis.motion.neighbour_pairs.PairFinder",
                    by=by,
                    unit="Å",
                )
            frame += 1
    assert frame == len(motion)
