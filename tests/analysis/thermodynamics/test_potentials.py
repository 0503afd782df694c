"""How an answer moves from one potential to the other, by hand."""

from __future__ import annotations

import pytest

from catholyte.analysis.thermodynamics.hull import ByPotential, by_potential, set_of_potential
from catholyte.analysis.thermodynamics.phase_set import PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.window_deviation import limits_by_potential
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set


def toy(learned: float = -9.0, chgnet: float = -9.0, sevennet: float = -9.3) -> PhaseSet:
    """Li2O and Li2S are public; Li4OS, eV per formula unit, is learned, 1.5 eV above both without these energies."""
    mixed = entry(
        "Li4OS", learned, id="chgnet-Li4OS", tier="chgnet", potentials={"chgnet": chgnet / 6, "sevennet": sevennet / 6}
    )
    return phase_set(BY_HAND, mixed)


def test_a_reaction_is_told_on_the_energies_of_each_potential() -> None:
    """Li2O + Li2S -> Li4OS: -6.0 - 4.5 against -10.8 or -11.1 eV, of six atoms."""
    found = react("Li2O", "Li2S", toy(-10.8, -10.8, -11.1), samples=2)
    assert found.mutual.energy == pytest.approx(-0.3 / 6)
    assert found.by_potential is not None
    assert found.by_potential.values == pytest.approx({"chgnet": -0.3 / 6, "sevennet": -0.6 / 6})
    assert found.by_potential.difference == pytest.approx(0.3 / 6)
    assert found.to_json()["by_potential"]["difference"] == pytest.approx(0.05)


def test_public_energies_stay_and_sets_of_one_potential_say_nothing() -> None:
    public = phase_set(BY_HAND, entry("Li4OS", -10.8, potentials={"chgnet": -2.0, "sevennet": -2.1}))
    assert react("Li2O", "Li2S", public, samples=2).by_potential is None
    one = entry("Li4OS", -10.8, id="chgnet-Li4OS", tier="chgnet", potentials={"chgnet": -1.8})
    assert react("Li2O", "Li2S", phase_set(BY_HAND, one), samples=2).by_potential is None


def test_a_number_that_one_potential_has_not_has_no_difference() -> None:
    assert ByPotential({"chgnet": 1.0, "sevennet": None}).difference is None
    found = by_potential(toy(), lambda phases: phases.entry_for("Li4OS").energy_per_atom)  # type: ignore[union-attr]
    assert found is not None
    assert found.values == pytest.approx({"chgnet": -1.5, "sevennet": -1.55})


def test_a_potential_s_set_is_made_once_and_changes_nothing_else() -> None:
    whole = toy()
    other = set_of_potential(whole, "sevennet")
    assert set_of_potential(whole, "sevennet") is other
    before = {entry.id: entry.energy_per_atom for entry in whole.entries}
    moved = {entry.id for entry in other.entries if entry.energy_per_atom != before[entry.id]}
    assert moved == {"chgnet-Li4OS"}


def test_the_shipped_set_moves_limits_and_reactions() -> None:
    shipped = load_phase_set("solidstate")
    found = react("LLZO", "LPSCl", shipped, samples=2)
    assert found.by_potential is not None
    assert set(found.by_potential.values) == {"chgnet", "sevennet"}
    low, high = sorted(value for value in found.by_potential.values.values() if value is not None)
    assert low < high < 0
    limits = limits_by_potential("LLZO", shipped)
    assert set(limits) == {"reduction", "oxidation"}
