"""Self, mutual and total reaction energies: by hand, against pymatgen, and their invariants."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reactions import ReactionResult, react, react_many
from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set, random_sets
from catholyte.tests.support.referees.evidence import Referee

TIGHT = 1e-8


def imbalance(result: ReactionResult) -> float:
    """Largest number of atoms per formula unit of reactants that any reaction gains or loses."""
    a, b = Composition(result.a.formula), Composition(result.b.formula)
    cases = [
        (1.0, 0.0, result.a.decomposition),
        (0.0, 1.0, result.b.decomposition),
        *((k.x, 1 - k.x, k.products) for k in result.kinks),
    ]
    return max(
        abs(share_a * a[el] + share_b * b[el] - sum(p.coefficient * Composition(p.formula)[el] for p in products))
        for share_a, share_b, products in cases
        for el in {*a, *b}
    )


def test_by_hand() -> None:
    """2 Li2S + O2 -> 2 Li2O + 2 S gives (2·6 - 2·4.5)/8 = 0.375 eV/atom at x = 2/3, atomic fraction 3/4."""
    result = react("Li2S", "O2", phase_set({k: v for k, v in BY_HAND.items() if k != "Li2O2"}))
    assert [kink.x for kink in result.kinks] == pytest.approx([0, 2 / 3, 1])
    assert result.mutual.energy == pytest.approx(-0.375, abs=TIGHT)
    assert result.mutual.kink is not None
    assert result.mutual.kink.x_atom == pytest.approx(0.75)
    assert {p.formula: p.coefficient for p in result.mutual.kink.products} == pytest.approx({"Li2O": 2 / 3, "S": 2 / 3})
    assert result.mutual.kink.reaction == "0.666667 Li2S + 0.333333 O2 -> 0.666667 Li2O + 0.666667 S"
    assert (result.a.self_energy, result.b.self_energy) == (0, 0)
    assert result.total == result.mutual


def test_self_decomposition_is_not_charged_to_the_pair() -> None:
    """Li2O2 lies 0.1 eV/atom above Li2O + O and does not react with sulfur: mutual is 0, total is all self."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "Li2O": -6.0, "Li2O2": -5.6})
    result = react("Li2O2", "S", toy)
    assert result.a.self_energy == pytest.approx(-0.1, abs=TIGHT)
    assert result.a.energy_above_hull == pytest.approx(0.1, abs=TIGHT)
    assert {p.formula: p.coefficient for p in result.a.decomposition} == pytest.approx({"Li2O": 1, "O2": 0.5})
    assert (result.mutual.energy, result.mutual.kink) == (0, None)
    assert result.uncertainty.x_atom is None
    assert result.total.energy == pytest.approx(-0.1, abs=TIGHT)
    assert result.total.kink is not None
    assert result.total.kink.x == 1
    assert result.to_json()["mutual"] == {"energy": 0.0, "x": None, "x_atom": None, "products": {}, "reaction": None}


def test_a_reactant_without_an_energy_is_taken_on_the_hull_and_said_so() -> None:
    result = react("Li2SO", "O2", phase_set(BY_HAND))
    assert result.a.self_energy is None
    assert result.a.entry is None
    assert result.uncertainty.self_a is None
    assert result.to_json()["self"] == {"a": None, "b": 0.0}
    assert "no energy of its own" in result.notes[0]
    assert [kink.total for kink in result.kinks] == pytest.approx([kink.mutual for kink in result.kinks])


def test_formula_units_are_those_given() -> None:
    toy = phase_set(BY_HAND)
    single, double = react("Li2S", "O2", toy, samples=2).mutual.kink, react("Li4S2", "O2", toy, samples=2).mutual.kink
    assert single is not None
    assert double is not None
    assert double.x_atom == pytest.approx(single.x_atom)
    assert double.x / (1 - double.x) == pytest.approx(0.5 * single.x / (1 - single.x))


def test_chgnet_entries_are_named() -> None:
    toy = phase_set({k: v for k, v in BY_HAND.items() if k != "Li2O"}, entry("Li2O", -6.0, tier="chgnet"))
    result = react("Li2S", "O2", toy)
    assert result.tiers["toy-Li2O"] == "chgnet"
    assert any("chgnet" in note and "toy-Li2O" in note for note in result.notes)
    assert result.to_json()["tiers"]["toy-Li2S"] == "vasp"


def test_json_has_the_keys_of_the_interface() -> None:
    found = json.loads(json.dumps(react("Li2S", "O2", phase_set(BY_HAND)).to_json()))
    assert found["phase_set"] == {"name": "toy", "sha256": "0" * 64}
    assert {"self", "mutual", "total", "kinks", "uncertainty"} <= set(found)
    assert {"energy", "x", "products"} <= set(found["mutual"])
    assert {"energy", "x", "products"} <= set(found["total"])
    assert all({"x", "mutual", "total", "products"} <= set(kink) for kink in found["kinks"])


@pytest.mark.parametrize(
    ("a", "b", "error", "said"),
    [
        ("Li2S", "NaCl", InputError, "NaCl holds Na, Cl, outside the phase set toy"),
        ("Li2S", "Kryptonite", UnknownNameError, "neither a material nor a chemical formula"),
        ("Li2(S", "O2", UnknownNameError, r"'Li2\(S' is neither a material nor a chemical formula"),
        ("mine.cif", "O2", InputError, r"'mine.cif' is a file: phase sets go by composition, so give the formula"),
    ],
)
def test_errors_name_what_was_given(a: str, b: str, error: type[InputError], said: str) -> None:
    with pytest.raises(error, match=said):
        react(a, b, phase_set(BY_HAND))
    with pytest.raises(InputError, match="samples is 1"):
        react("Li2S", "O2", phase_set(BY_HAND), samples=1)


@pytest.mark.parametrize("pair", [("Li2O", "Li2O"), ("S", "S"), ("Li2O", "Li4O2")])
def test_a_material_with_itself_does_not_react(pair: tuple[str, str]) -> None:
    result = react(*pair, phase_set(BY_HAND), samples=2)
    assert (result.mutual.energy, result.total.energy) == (0, 0)
    assert [kink.x for kink in result.kinks] == [0, 1]


def test_uncertainty_of_a_reaction_that_stays_the_same_is_the_textbook_sum() -> None:
    """Far from any other reaction the sampled sigma is the root of the summed squares, (nu·sigma)^2, per atom of the
    mixture."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "Li2O": -6.0, "Li2S": -4.5}, error=0.02)
    result = react("Li2S", "O2", toy, samples=400, seed=1)
    atoms = {"Li2S": 6, "O2": 2, "Li2O": 6, "S": 2}
    expected = 0.02 * sum((n / 8) ** 2 for n in atoms.values()) ** 0.5
    assert result.uncertainty.mutual == pytest.approx(expected, rel=0.1)  # 1/sqrt(2·400) is 3.5 %
    assert result.mutual.kink is not None
    assert result.mutual.kink.mutual_sigma == pytest.approx(result.uncertainty.mutual, rel=1e-6)


def test_uncertainty_is_reproducible_and_grows_with_the_error() -> None:
    small, again, large = (
        react("Li2S", "O2", phase_set(BY_HAND, error=error)).uncertainty for error in (0.01, 0.01, 0.04)
    )
    none = react("Li2S", "O2", phase_set(BY_HAND, error=0)).uncertainty
    assert small == again
    assert small.mutual < large.mutual
    assert small.self_a is not None
    assert none.mutual == pytest.approx(0, abs=1e-12)


def pair_of(data: st.DataObject, toy: PhaseSet, more: bool = True) -> tuple[str, str]:
    """Two different compositions, some with an energy of their own."""
    own = st.sampled_from([found.formula for found in toy.entries])
    names = own | phase_sets.formulas() if more else own
    a, b = data.draw(names, label="a"), data.draw(names, label="b")
    assume(Composition(a).fractional_composition != Composition(b).fractional_composition)
    return a, b


def test_intervals_and_the_probability_of_being_stable() -> None:
    """One reaction, sigma known by hand: -0.375 eV/atom lies where a Gaussian puts it; what cannot react at all is
    stable at any threshold."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "Li2O": -6.0, "Li2S": -4.5}, error=0.02)
    result = react("Li2S", "O2", toy, samples=2000, seed=5)
    sigma = 0.02 * sum((n / 8) ** 2 for n in (6, 2, 6, 2)) ** 0.5
    low, high = result.uncertainty.intervals["mutual"] or (0.0, 0.0)
    assert (low, high) == (
        pytest.approx(-0.375 - sigma, abs=0.1 * sigma),
        pytest.approx(-0.375 + sigma, abs=0.1 * sigma),
    )
    assert result.uncertainty.stable_probability(0.375)["mutual"] == pytest.approx(0.5, abs=0.05)
    assert result.uncertainty.stable_probability(0.375 + sigma)["mutual"] == pytest.approx(0.84, abs=0.04)
    assert result.uncertainty.stable_probability(0.0) == {"mutual": 0.0, "total": 0.0}
    assert result.to_json(threshold=0.4)["stable"]["threshold"] == 0.4
    inert = react("Li2S", "S", toy).uncertainty
    assert inert.stable_probability(0.0)["mutual"] == 1.0
    assert inert.intervals["x_atom"] is None
    with pytest.raises(InputError, match=r"threshold is -0\.1 eV/atom"):
        inert.stable_probability(-0.1)


@settings(max_examples=25, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_many_pairs_at_once_are_the_same_pairs(toy: PhaseSet, data: st.DataObject) -> None:
    pairs = [pair_of(data, toy) for _ in range(4)]
    for (a, b), curve in zip(pairs, react_many(pairs, toy), strict=True):
        alone = react(a, b, toy, samples=2)
        assert (curve.a.label, curve.b.label) == (a, b)
        assert curve.x == pytest.approx([kink.x for kink in alone.kinks], abs=TIGHT)
        assert curve.mutual == pytest.approx([kink.mutual for kink in alone.kinks], abs=TIGHT)
        assert curve.total == pytest.approx([kink.total for kink in alone.kinks], abs=TIGHT)
        assert curve.self_energies == pytest.approx((alone.a.self_energy, alone.b.self_energy), abs=TIGHT)


@settings(max_examples=25, deadline=None)
@given(toy=random_sets(), data=st.data(), units=st.integers(2, 5))
def test_the_size_of_the_formula_unit_changes_only_x(toy: PhaseSet, data: st.DataObject, units: int) -> None:
    a, b = pair_of(data, toy)
    many = "".join(f"{element}{amount * units:g}" for element, amount in Composition(a).items())
    one, other = react(a, b, toy, samples=2), react(many, b, toy, samples=2)
    assert [k.x_atom for k in one.kinks] == pytest.approx([k.x_atom for k in other.kinks], abs=1e-8)
    assert [k.mutual for k in one.kinks] == pytest.approx([k.mutual for k in other.kinks], abs=TIGHT)
    assert one.total.energy == pytest.approx(other.total.energy, abs=TIGHT)
    for small, large in zip(one.kinks[1:-1], other.kinks[1:-1], strict=True):
        assert small.x / (1 - small.x) == pytest.approx(units * large.x / (1 - large.x), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_invariants_of_any_pair(toy: PhaseSet, data: st.DataObject) -> None:
    a, b = pair_of(data, toy)
    result = react(a, b, toy, samples=2)
    assert imbalance(result) < TIGHT
    assert max(kink.mutual for kink in result.kinks) <= 1e-9
    assert max(kink.total for kink in result.kinks) <= 1e-9
    assert (result.kinks[0].mutual, result.kinks[-1].mutual) == (0, 0)
    assert [k.x for k in result.kinks] == sorted({k.x for k in result.kinks})
    assert (result.kinks[0].x, result.kinks[-1].x) == (0, 1)
    for kink in result.kinks:
        own = kink.x_atom * (result.a.self_energy or 0) + (1 - kink.x_atom) * (result.b.self_energy or 0)
        assert kink.total == pytest.approx(kink.mutual + own, abs=TIGHT)
    assert result.mutual.energy == min(kink.mutual for kink in result.kinks)


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_swapping_the_pair_mirrors_the_result(toy: PhaseSet, data: st.DataObject) -> None:
    a, b = pair_of(data, toy)
    one, two = react(a, b, toy, samples=4), react(b, a, toy, samples=4)
    assert [k.x for k in one.kinks] == pytest.approx([1 - k.x for k in reversed(two.kinks)], abs=1e-6)
    assert [k.mutual for k in one.kinks] == pytest.approx([k.mutual for k in reversed(two.kinks)], abs=TIGHT)
    assert [k.total for k in one.kinks] == pytest.approx([k.total for k in reversed(two.kinks)], abs=TIGHT)
    assert (one.a.self_energy or 0, one.b.self_energy or 0) == pytest.approx(
        (two.b.self_energy or 0, two.a.self_energy or 0), abs=TIGHT
    )
    assert one.uncertainty.mutual == pytest.approx(two.uncertainty.mutual, abs=TIGHT)


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_a_far_unstable_phase_changes_nothing(toy: PhaseSet, data: st.DataObject) -> None:
    a, b = pair_of(data, toy)
    formula = data.draw(phase_sets.formulas(), label="unstable")
    assume(
        all(Composition(formula).fractional_composition != Composition(name).fractional_composition for name in (a, b))
    )
    with_it = toy.extended([entry(formula, 5 * Composition(formula).num_atoms, id="far")])
    before, after = react(a, b, toy, samples=3), react(a, b, with_it, samples=3)
    for number in ("x", "mutual", "total"):
        assert [getattr(k, number) for k in before.kinks] == pytest.approx(
            [getattr(k, number) for k in after.kinks], abs=TIGHT
        )
    assert before.uncertainty.mutual == pytest.approx(after.uncertainty.mutual, abs=TIGHT)


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(highest=-0.01), data=st.data())
def test_pymatgen_in_both_modes_is_the_referee(toy: PhaseSet, data: st.DataObject, refereed: Referee) -> None:
    """use_hull_energy=True is our mutual part, False our total, at every one of our kinks.

    Compounds above their elements are left out: for them pymatgen warns and takes the hull instead of their own energy.
    """
    from pymatgen.analysis.interface_reactions import InterfacialReactivity

    a, b = pair_of(data, toy, more=False)
    result = react(a, b, toy, samples=2)
    first, second = Composition(a), Composition(b)
    diagram = phase_sets.referee(toy, {el.symbol for el in (first + second)})
    for mode in (True, False):
        referee = InterfacialReactivity(first, second, diagram, norm=True, use_hull_energy=mode)
        away = [(kink.mutual if mode else kink.total) - referee._get_energy(kink.x_atom) for kink in result.kinks]
        deepest = min(energy for _, _, energy, _, _ in referee.get_kinks())
        away.append((result.mutual if mode else result.total).energy - min(deepest, 0))
        by = f"pymatgen, InterfacialReactivity(use_hull_energy={mode})"
        part = "mutual" if mode else "total"
        refereed(
            f"{part} reaction energy at kinks and at its minimum",
            np.abs(away).max(),
            1e-7,
            of="analysis.thermodynamics.reactions.react",
            by=by,
            unit="eV/atom",
        )


@pytest.mark.parametrize("pair", [("LCO", "LPSCl"), ("Li2CO3", "LPSCl"), ("CoO", "LPSCl")])
def test_the_shipped_set_gives_sound_reactions(pair: tuple[str, str]) -> None:
    """Published reactions of these pairs are exothermic, and LPSCl is known to be metastable: signs, not sizes, are
    asserted."""
    result = react(*pair, load_phase_set(DEFAULT_PHASE_SET), samples=4)
    assert imbalance(result) < TIGHT
    assert result.b.self_energy is not None
    assert result.b.self_energy < 0
    assert result.total.energy < result.mutual.energy < 0
    assert "chgnet" in result.tiers.values()
