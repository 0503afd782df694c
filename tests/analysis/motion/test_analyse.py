"""One trajectory in one pass: rates against a control, who left, species, drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.motion.analyse import Motion, MotionSpec, analyse_motion
from catholyte.analysis.motion.bond_cutoffs import choose_rules
from catholyte.analysis.motion.bond_rules import BondRule, bond_rule, watched_pairs
from catholyte.analysis.motion.drift import drift
from catholyte.analysis.motion.event_rates import Observed, event_rates
from catholyte.analysis.motion.migration import Layers
from catholyte.configs.errors import InputError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.motion.motions import CUBE, RULES, frames, ledger

OXYGEN = (
    BondRule("Co", "O", 2.6, 2.4, 2.8, "by hand"),
    BondRule("P", "O", 2.0, 1.9, 2.1, "by hand"),
    BondRule("S", "O", 2.0, 1.9, 2.1, "by hand"),
)


def analyse(
    motion: Frames, rules: tuple[BondRule, ...] = RULES, layers: Layers | None = None, persistence: float = 100.0
) -> Motion:
    return analyse_motion(motion.blocks(17), MotionSpec(rules, persistence, layers))


def vibrating(name: str, repeats: tuple[int, int, int], n: int, seed: int, stiffness: float = 3.0) -> Frames:
    """A crystal of the library at 300 K, every atom in a harmonic well of its own (eV/Å², √(kT/k) = 0.09 Å), sampled
    every 10 fs."""
    cell = calculation_cell(material(name)).make_supercell(repeats, in_place=False)
    species = tuple(site.specie.symbol for site in cell)
    rng = np.random.default_rng(seed)
    spread = np.sqrt(0.025852 / stiffness)
    periods = rng.uniform(60.0, 200.0, (1, len(species), 3))
    phases, sizes = (
        rng.uniform(0, 2 * np.pi, (1, len(species), 3)),
        spread * np.sqrt(2) * rng.uniform(0.5, 1.5, (1, len(species), 3)),
    )
    times = 10.0 * np.arange(n)
    return frames(
        species,
        cell.cart_coords + sizes * np.sin(2 * np.pi * times[:, None, None] / periods + phases),
        cell.lattice.matrix,
    )


@pytest.mark.parametrize(("name", "repeats"), [("LPSCl", (2, 2, 1)), ("LCO", (3, 3, 1)), ("CoO", (2, 2, 2))])
def test_no_event_in_a_harmonic_crystal_at_300_kelvin(name: str, repeats: tuple[int, int, int]) -> None:
    """Five picoseconds; the shells stay what they are in the crystal."""
    motion = vibrating(name, repeats, 500, 1)
    rules = tuple(bond_rule(pair, 2.7 if pair == ("Co", "O") else None) for pair in watched_pairs(motion.species))
    found = analyse(motion, rules, persistence=250.0)
    assert found.ledger.events == ()
    assert found.found()["start"] == found.found()["end"] == ({"PS4": 4} if name == "LPSCl" else {})
    shell = max(found.coordination, key=lambda one: one.mean.mean())
    assert shell.mean.mean() == pytest.approx(4 if name == "LPSCl" else 6, abs=0.05)
    assert found.released == []


def oxygen_leaves() -> Frames:
    """O goes from Co (below) to P (above) in the second half; Li hops along with nobody."""
    positions = np.zeros((200, 5, 3))
    positions[:, 0] = [5, 5, 2]
    positions[:, 1] = [5, 5, 4]
    positions[:, 2] = [5, 5, 8.5]
    positions[:, 3] = [2, 5, 2.5]
    positions[:, 4] = [2, 5, 12]
    positions[100:, 1] = [5, 5, 7]
    return frames(("Co", "O", "P", "Co", "P"), positions, np.diag([10.0, 10.0, 18.0]))


TAGS = Layers(("LCO", "LCO", "LPS", "LCO", "LPS"))


def test_oxygen_that_is_released_and_captured() -> None:
    found = analyse(oxygen_leaves(), OXYGEN, TAGS)
    assert [(event.kind, event.time) for event in found.ledger.events] == [
        ("Co-O breaking", 1000.0),
        ("P-O forming", 1000.0),
    ]
    ((released),) = found.released
    assert (released.atom, released.time, released.partners) == (1, 1000.0, {"P": 1})
    assert found.found() == {"start": {}, "end": {"PO": 1}}


def test_atoms_that_cross_the_border_of_their_layer() -> None:
    """LCO ends at 4 Å; O stands at 7 Å. The layers touch at 4 Å | 8.5 Å and, through the border, at 12 Å | 20 Å not."""
    motion = oxygen_leaves()
    found = analyse(motion, OXYGEN, TAGS)
    assert found.interfaces is not None
    assert [(low, high, pytest.approx(gap)) for low, high, gap in found.interfaces] == [("LCO", "LPS", 4.5)]
    assert found.area == pytest.approx(100)
    assert found.migrants is not None
    ((atom, element, layer, time),) = [(m.atom, m.element, m.layer, m.time) for m in found.migrants]
    assert (atom, element, layer, time) == (1, "O", "LCO", 1000.0)
    # the drift of the heavy atoms, here of one in five by 3 Å, is taken off
    assert found.migrants[0].distance == pytest.approx(3 - 3 / 5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_migration_does_not_depend_on_translation_or_wrapping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    motion = oxygen_leaves()
    shift = rng.uniform(-20, 20, 3) + np.outer(np.linspace(0, 1, len(motion)), rng.uniform(-20, 20, 3))
    moved = motion.positions + shift[:, None] + rng.integers(-2, 3, motion.positions.shape) @ motion.cells
    plain, same = (analyse(one, OXYGEN, TAGS) for one in (motion, replace(motion, positions=moved)))
    assert [(m.atom, m.time) for m in same.migrants or []] == [(m.atom, m.time) for m in plain.migrants or []] != []
    assert same.interfaces is not None
    assert plain.interfaces is not None
    assert [pytest.approx(gap) for *_, gap in plain.interfaces] == [gap for *_, gap in same.interfaces]


def test_periodic_stacks_have_two_interfaces() -> None:
    motion = frames(("Co", "P"), np.broadcast_to([[0.0, 0, 1.0], [0, 0, 4.0]], (3, 2, 3)), np.diag([5.0, 5.0, 6.0]))
    found = Layers(("A", "B")).interfaces(motion)
    assert [(low, high, round(gap, 9)) for low, high, gap in found] == [("A", "B", 3.0), ("B", "A", 3.0)]
    assert Layers(("A", "A")).interfaces(motion) == []
    with pytest.raises(InputError, match="3 layer tags were given for frames of 2 atoms"):
        Layers(("A", "B", "B")).extents(motion)


def observed(breaks: int, pairs: int, n: int) -> Observed:
    """`pairs` P-S bonds, of which the first `breaks` break."""
    positions = np.zeros((n, 2 * pairs, 3))
    positions[:, ::2, 0] = positions[:, 1::2, 0] = 8.0 * np.arange(pairs)
    positions[:, 1::2, 1] = 2.0
    positions[n // 2 :, 1 : 2 * breaks : 2, 1] = 3.5
    found = ledger(frames(("P", "S") * pairs, positions, np.diag([8.0 * pairs, 10, 10])))
    return Observed(found, {"P": pairs, "S": pairs})


def test_the_control_is_subtracted_per_bond_and_time() -> None:
    """Four events of six bonds in 1 ps; the control shows one of twelve bonds in 2 ps, so 1/4 event is expected. A
    persistence of 0.1 ps shows no event at either end."""
    run, control = observed(4, 6, 121), observed(1, 12, 221)
    rates = {rate.kind: rate for rate in event_rates(run, [control], 50.0)}
    found = rates["P-S breaking"]
    assert (found.count, found.lasting, found.control) == (4, 4, 1)
    assert found.expected == pytest.approx(0.25)
    assert found.excess == pytest.approx(3.75)
    assert found.sigma == pytest.approx(np.sqrt(4 + 1 / 16))
    assert found.per_area == pytest.approx(4 / 0.5 / 1.0)
    silent = rates["S-S forming"]
    assert (silent.count, silent.control, silent.expected) == (0, 0, 0.0)
    assert silent.limit == pytest.approx(-np.log(0.05) * 6 / 24, rel=1e-3)
    # nothing seen is no certainty: as that of one event, here and in the control
    assert silent.sigma == pytest.approx(np.sqrt(1 + 1 / 16))
    assert (found.per_area_sigma, silent.per_area_sigma) == pytest.approx((2 / 0.5, 1 / 0.5))


def test_a_control_without_the_elements_says_nothing() -> None:
    run = observed(1, 2, 101)
    (found,) = [rate for rate in event_rates(run, [], None) if rate.kind == "P-S breaking"]
    assert (found.control, found.expected, found.excess, found.per_area) == (None, None, None, None)
    other = Observed(ledger(frames(("Co", "O"), np.zeros((50, 2, 3)) + np.array([[[0.0], [1.2]]]))), {"Co": 1, "O": 1})
    assert all(rate.control is None for rate in event_rates(run, [other], None) if rate.kind.startswith("P-S"))


def test_water_and_hydrogen_are_seen() -> None:
    """H leaves O and joins another H: O-H breaks, H2 forms, and both stand among the species."""
    positions = np.zeros((60, 4, 3)) + 5.0
    positions[:, 1, 0] += 0.97
    positions[:, 2, 1] += 0.97
    positions[:, 3, 0] += 4.0
    positions[30:, 1, 0] += 2.3
    found = analyse_motion(
        frames(("O", "H", "H", "H"), positions).blocks(7), MotionSpec(tuple(choose_rules(["O", "H"], [], {})))
    )
    assert found.ledger.counts["H-O breaking"] == found.ledger.counts["H-H forming"] == 1
    assert found.found()["start"] == {"H2O": 1}
    assert set(found.found()["end"]) == {"HO", "H2"}


def test_lithium_that_takes_sulfur_shows_as_neighbours_and_makes_no_event() -> None:
    """Li goes from two O to two S, as where Li2S grows."""
    positions = np.full((60, 5, 3), 5.0)
    positions[:, :, 0] = 2.0
    positions[:, 1:, 0] += [-1.9, 1.9, 4.1, 8.9]
    positions[:, 1, 1] += 0.3
    positions[30:, 0, 0] += 6.5
    rules = choose_rules(["Li", "O", "S"], [], {})
    found = analyse_motion(frames(("Li", "O", "O", "S", "S"), positions, 20 * np.eye(3)).blocks(9), MotionSpec(rules))
    shells = {shell.rule.name: shell for shell in found.coordination}
    assert [shells[name].first.tolist() for name in ("Li-O", "Li-S")] == [[2], [0]]
    assert [shells[name].last.tolist() for name in ("Li-O", "Li-S")] == [[0], [2]]
    assert found.ledger.events == ()
    assert {rule.name for rule in found.ledger.rules} == {"O-O", "S-S", "S-O"}


def test_the_drift_is_told_of_what_integration_keeps() -> None:
    """The potential energy sways as the kinetic one does; their sum drifts by what was put in."""
    motion = vibrating("CoO", (1, 1, 1), 400, 0)
    sway = np.sin(np.arange(400) / 7.0)
    kept = replace(motion, energies=sway, conserved=0.004 * motion.times / 1000)
    found = {one.quantity: one for one in analyse(kept).drifts}
    assert found["conserved energy"].slope == pytest.approx(1.0, rel=1e-6)  # 4 meV of four atoms a ps
    assert found["conserved energy"].std < 10
    assert found["energy"].std > 100


def test_drift_of_a_line_with_correlated_noise() -> None:
    """The slope lies within three standard errors for noise with a correlation time of 100 fs; a fit to all frames
    would be too certain."""
    rng = np.random.default_rng(0)
    times, errors = 10.0 * np.arange(5000), []
    for _ in range(40):
        noise = np.convolve(rng.normal(size=5000 + 50), np.exp(-np.arange(50) / 10))[50:5050]
        found = drift("temperature", "K", times, 300 + 0.2 * times / 1000 + noise)
        assert found.slope is not None
        assert found.sigma is not None
        errors.append((found.slope - 0.2) / found.sigma)
    assert 0.7 < np.std(errors) < 1.6
    assert drift("energy", "meV/atom", times[:2], times[:2]).slope is None


def test_series_with_gaps_and_without() -> None:
    motion = vibrating("CoO", (1, 1, 1), 60, 0)
    assert analyse(motion).drifts == []
    energies = np.linspace(0, 0.04, 60)
    energies[7] = np.nan
    found = {
        one.quantity: one for one in analyse(replace(motion, energies=energies, temperatures=np.full(60, 300.0))).drifts
    }
    assert found["energy"].slope == pytest.approx(10.0 / 0.59, rel=0.01)  # 40 meV of four atoms in 0.59 ps
    assert found["temperature"].slope == pytest.approx(0, abs=1e-9)


def test_no_frames() -> None:
    with pytest.raises(InputError, match="holds no frame"):
        analyse_motion([], MotionSpec(RULES))


def test_the_cube_is_wide_enough_for_the_rules() -> None:
    assert 2 * max(rule.broken for rule in RULES) < CUBE[0, 0]
