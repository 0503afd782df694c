"""Stability window and ladder: by hand, against pymatgen, and their invariants."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from catholyte.analysis.thermodynamics.phase_set import PhaseSet
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.configs.errors import InputError
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set, random_sets
from catholyte.tests.support.referees.evidence import Referee


def test_by_hand() -> None:
    """Li2O -> ½ Li2O2 + Li costs 6.0 - 3.3 = 2.7 eV; Li2O2 -> O2 + 2 Li costs 6.6 eV for two."""
    toy = phase_set(BY_HAND)
    oxide, peroxide = stability_window("Li2O", toy), stability_window("Li2O2", toy)
    assert oxide.reduction.voltage == 0
    assert oxide.reduction.reaction == "Li2O takes up no lithium above 0 V"
    assert oxide.oxidation is not None
    assert oxide.oxidation.voltage == pytest.approx(2.7)
    assert oxide.oxidation.reaction == "Li2O -> 0.5 Li2O2 + Li"
    assert peroxide.reduction.voltage == pytest.approx(2.7)
    assert peroxide.reduction.reaction == "Li2O2 + 2 Li -> 2 Li2O"
    assert peroxide.oxidation is not None
    assert peroxide.oxidation.voltage == pytest.approx(3.3)
    assert peroxide.width == pytest.approx(0.6)
    assert [step.voltage for step in oxide.ladder] == pytest.approx([2.7, 3.3])
    assert [step.reaction for step in oxide.ladder] == ["Li2O -> 0.5 Li2O2 + Li", "Li2O -> 0.5 O2 + 2 Li"]
    assert [step.step for step in oxide.ladder] == ["0.5 Li2O2 + Li -> Li2O", "0.5 O2 + Li -> 0.5 Li2O2"]
    assert "stable" in oxide.note
    assert oxide.energy_shift == 0


def test_the_ladder_keeps_to_its_range_and_the_limits_do_not() -> None:
    found = stability_window("Li2O", phase_set(BY_HAND), voltages=(3.0, 6.0))
    assert [step.voltage for step in found.ladder] == pytest.approx([3.3])
    assert found.oxidation is not None
    assert found.oxidation.voltage == pytest.approx(2.7)


def test_without_lithium_only_reduction_limits() -> None:
    found = stability_window("S", phase_set(BY_HAND))
    assert found.reduction.voltage == pytest.approx(2.25)
    assert found.reduction.reaction == "S + 2 Li -> Li2S"
    assert found.oxidation is None
    assert found.to_json()["oxidation"] is None
    assert "no lithium to release" in found.note


def test_a_metastable_phase_is_lowered_to_the_hull_and_the_shift_is_stated() -> None:
    """Li4SO at 0.05 eV/atom above Li2S + Li2O has their common window: Li2S leaves first, at 2.25 V."""
    toy = phase_set(BY_HAND, entry("Li4OS", -10.5 + 6 * 0.05))
    found = stability_window("Li4OS", toy)
    assert found.energy_above_hull == pytest.approx(0.05)
    assert found.energy_shift == pytest.approx(-0.05)
    assert "lowered to the hull" in found.note
    assert found.reduction.voltage == 0
    assert found.oxidation is not None
    assert found.oxidation.voltage == pytest.approx(2.25)
    assert found.oxidation.reaction == "Li4OS -> Li2O + S + 2 Li"
    just_stable = stability_window("Li4OS", phase_set(BY_HAND, entry("Li4OS", -10.5 - 1e-6)))
    assert just_stable.oxidation is not None
    assert just_stable.energy_above_hull == 0
    assert just_stable.oxidation.voltage == pytest.approx(found.oxidation.voltage, abs=1e-5)


def test_a_composition_inside_a_plateau_has_no_width() -> None:
    found = stability_window("Li3O2", phase_set(BY_HAND))
    assert found.oxidation is not None
    assert found.reduction.voltage == found.oxidation.voltage == pytest.approx(2.7)
    assert found.reduction.reaction == "Li3O2 + Li -> 2 Li2O"
    assert found.oxidation.reaction == "Li3O2 -> Li2O2 + Li"
    assert "no width" in found.note
    assert found.energy_above_hull is None


def test_a_composition_that_sheds_lithium_metal_has_its_limits_at_zero() -> None:
    found = stability_window("Li3O", phase_set(BY_HAND))
    assert found.oxidation is not None
    assert (found.reduction.voltage, found.oxidation.voltage) == (0, 0)
    assert found.oxidation.reaction == "Li3O -> Li2O + Li"


def test_the_zero_is_the_stablest_lithium_metal() -> None:
    named = entry("Li", 0.3, id="toy-high", material="Li")
    assert (
        stability_window("Li2O", phase_set(BY_HAND, named)).ladder
        == stability_window("Li2O", phase_set(BY_HAND)).ladder
    )


def test_published_values_are_shown_and_never_used() -> None:
    toy = phase_set(BY_HAND)
    bare, printed = (
        stability_window("Li2O", toy).to_json(),
        stability_window("Li2O", toy, published=(1.7, 2.1)).to_json(),
    )
    assert printed.pop("published") == [1.7, 2.1]
    assert bare.pop("published") is None
    assert bare == printed


def test_json_has_the_keys_of_the_interface() -> None:
    found = json.loads(json.dumps(stability_window("Li2O", phase_set(BY_HAND)).to_json()))
    assert found["phase_set"] == {"name": "toy", "sha256": "0" * 64}
    assert isinstance(found["reduction"], float)
    assert isinstance(found["oxidation"], float)
    assert all({"voltage", "reaction"} <= set(step) for step in found["ladder"])
    assert found["tiers"]["toy-Li2O2"] == "vasp"


def test_errors_name_what_was_given() -> None:
    toy = phase_set(BY_HAND)
    with pytest.raises(InputError, match="Li is lithium itself"):
        stability_window("Li", toy)
    with pytest.raises(InputError, match="NaCl holds Na, Cl, outside"):
        stability_window("NaCl", toy)
    with pytest.raises(InputError, match="holds no lithium metal"):
        stability_window("SO2", toy.restricted({"S", "O"}))
    with pytest.raises(InputError, match=r"6\.0 to 0\.0 V is empty"):
        stability_window("Li2O", toy, voltages=(6.0, 0.0))
    with pytest.raises(InputError, match="samples is 0"):
        stability_window("Li2O", toy, samples=0)


def test_uncertainty_of_one_reaction_is_the_textbook_sum() -> None:
    """S + 2 Li -> Li2S: V = -(E(Li2S) - E(S))/2 + E(Li), so sigma = sqrt((3/2)^2 + (1/2)^2 + 1) times the error per
    atom."""
    found = stability_window("S", phase_set({"Li": 0, "S": 0, "Li2S": -4.5}, error=0.02), samples=400, seed=2)
    assert found.uncertainty.reduction == pytest.approx(
        0.02 * np.sqrt(2.25 + 0.25 + 1), rel=0.1
    )  # 1/sqrt(2·400) is 3.5 %
    assert found.uncertainty.oxidation is None
    (step,) = found.ladder
    assert step.voltage_sigma == found.uncertainty.reduction
    low, high = found.uncertainty.reduction_spread.interval
    assert (low, high) == (pytest.approx(2.25 - 0.0374, abs=0.01), pytest.approx(2.25 + 0.0374, abs=0.01))
    assert found.to_json()["uncertainty"]["intervals"] == {"reduction": [low, high], "oxidation": None}
    assert found.to_json()["ladder"][0]["voltage_interval"] == [low, high]


@settings(max_examples=25, deadline=None)
@given(toy=random_sets(error=0.0), data=st.data())
def test_what_is_sampled_is_the_same_number(toy: PhaseSet, data: st.DataObject) -> None:
    """Without errors every draw of a limit or of a step is the number itself, though it comes from another linear
    program."""
    found = stability_window(subject_of(data, toy), toy, samples=2)
    assert found.uncertainty.reduction_spread.interval == pytest.approx((found.reduction.voltage,) * 2, abs=1e-6)
    assert (found.uncertainty.oxidation_spread is None) == (found.oxidation is None)
    if found.uncertainty.oxidation_spread is not None and found.oxidation is not None:
        assert found.uncertainty.oxidation_spread.interval == pytest.approx((found.oxidation.voltage,) * 2, abs=1e-6)
    for step in found.ladder:
        assert step.voltage_interval == pytest.approx((step.voltage,) * 2, abs=1e-6)


def subject_of(data: st.DataObject, toy: PhaseSet) -> str:
    name: str = data.draw(
        st.sampled_from([found.formula for found in toy.entries]) | phase_sets.formulas(), label="material"
    )
    assume(name != "Li")
    return name


@settings(max_examples=50, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_invariants_of_any_ladder(toy: PhaseSet, data: st.DataObject) -> None:
    name = subject_of(data, toy)
    found = stability_window(name, toy, voltages=(-1.0, 50.0), samples=2)
    voltages = [step.voltage for step in found.ladder]
    assert voltages == sorted(voltages)
    assert min(voltages, default=0.0) >= 0
    assert found.oxidation is None or found.oxidation.voltage >= found.reduction.voltage - 1e-7
    start = Composition(name)
    for exchange in (*found.ladder, found.reduction, *([found.oxidation] if found.oxidation else [])):
        for element in Composition("Li") + start:
            taken = exchange.lithium if element.symbol == "Li" else 0.0
            made = sum(p.coefficient * Composition(p.formula)[element] for p in exchange.products)
            assert start[element] + taken == pytest.approx(made, abs=1e-7)
    lithium = [step.lithium for step in found.ladder]
    assert lithium == sorted(lithium, reverse=True)
    assert all(step.step_lithium > 0 for step in found.ladder)


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_pymatgens_element_profile_is_the_referee(toy: PhaseSet, data: st.DataObject, refereed: Referee) -> None:
    from pymatgen.core.periodic_table import Element

    name = subject_of(data, toy)
    found = stability_window(name, toy, voltages=(-1.0, 50.0), samples=2)
    diagram = phase_sets.referee(toy, {"Li", *(el.symbol for el in Composition(name))})
    metal = diagram.el_refs[Element("Li")].energy_per_atom
    referee = [metal - row["chempot"] for row in diagram.get_element_profile("Li", Composition(name))]
    ours = [0.0, *(step.voltage for step in found.ladder)]
    apart = np.abs(np.subtract.outer(ours, referee))
    away = max(apart.min(axis=0).max(), apart.min(axis=1).max())
    by = "pymatgen, PhaseDiagram.get_element_profile"
    refereed(
        "voltages of the window and of all steps of the ladder",
        away,
        1e-5,
        of="analysis.thermodynamics.window.stability_window",
        by=by,
        unit="V",
    )
