"""Why a window differs from print: phases that differ or are missing, and the entries that carry the rest."""

from __future__ import annotations

import pytest

from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.analysis.thermodynamics.window_deviation import LimitDeviation, explain_window
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set

#: by hand: Li2O leaves at 2.7 V for Li2O2 and that at 3.3 V for oxygen
TOYS = phase_set(BY_HAND, error=0.03)


def explained(
    material: str, published: tuple[float | None, float | None], products: tuple[list[str], list[str]] = ([], [])
) -> list[LimitDeviation]:
    return explain_window(stability_window(material, TOYS), TOYS, published, products)


def test_same_phases_leave_energies_alone() -> None:
    (found,) = explained("Li2O2", (None, 3.1), ([], ["O2"]))
    assert found.deviation == pytest.approx(0.2)
    assert found.printed_reaction == pytest.approx(3.3)
    assert (found.only_here, found.only_printed, found.missing) == ((), (), ())
    assert "The same phases form here and in print (O2)" in found.text
    assert "deviation +0.200 V" in found.text


def test_other_phases_share_the_deviation_with_energies() -> None:
    """Li2O straight to oxygen takes the mean of both steps, 3.0 V: 2.7 - 2.9 = (2.7 - 3.0) + (3.0 - 2.9)."""
    (found,) = explained("Li2O", (None, 2.9), ([], ["O2"]))
    assert found.voltage == pytest.approx(2.7)
    assert found.printed_reaction == pytest.approx(3.0)
    assert (found.only_here, found.only_printed) == (("Li2O2",), ("O2",))
    assert "-0.300 V of the deviation come from these phases and +0.100 V from energies" in found.text


def test_a_missing_phase_is_named() -> None:
    (found,) = explained("Li2O", (None, 3.0), ([], ["LiO2", "O2"]))
    assert found.missing == ("LiO2",)
    assert found.printed_reaction is None
    assert "The set has no entry of LiO2" in found.text


def test_printed_products_that_do_not_balance_have_no_voltage() -> None:
    (found,) = explained("Li2O", (None, 3.0), ([], ["S"]))
    assert found.printed_reaction is None
    assert (found.only_here, found.only_printed) == (("Li2O2",), ("S",))


def test_carriers_are_those_of_the_net_reaction() -> None:
    """Li2O2 -> O2 + 2 Li at an error of 0.03 eV/atom: 4 atoms of Li2O2, 2 of O2 and 2 of Li over 2 Li; a spectator does
    not enter."""
    (found,) = explained("Li2O2", (None, 3.1), ([], ["O2"]))
    assert [(carrier.formula, round(carrier.effect, 6)) for carrier in found.carriers] == [
        ("Li2O2", 0.06),
        ("O2", 0.03),
        ("Li", 0.03),
    ]
    (mixed,) = explained("Li4O2S", (None, 3.1))
    assert "S" not in {carrier.formula for carrier in mixed.carriers}
    assert "The print names no products to compare." in mixed.text


def test_only_limits_with_a_printed_value_are_explained() -> None:
    assert explained("Li2O2", (None, None)) == []
    assert [found.limit for found in explained("Li2O2", (2.6, 3.1))] == ["reduction", "oxidation"]
    without_lithium = explain_window(stability_window("S", TOYS), TOYS, (2.0, 4.0))
    assert [found.limit for found in without_lithium] == ["reduction"]


def test_metastable_material_is_taken_on_the_hull() -> None:
    toys = phase_set(BY_HAND, entry("Li4O3", -12.0, id="loose"))
    window = stability_window("Li4O3", toys)
    assert window.energy_above_hull is not None
    assert window.energy_above_hull > 0
    for found in explain_window(window, toys, (1.0, 3.0), ([], [])):
        assert "loose" not in {carrier.entry for carrier in found.carriers}
    (oxidation,) = explain_window(window, toys, (None, 3.0), ([], ["Li2O2", "O2"]))
    assert oxidation.printed_reaction is None or oxidation.printed_reaction > 2.7 - 1e-9
