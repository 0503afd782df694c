"""Which ion pays: known charges come back from moments, whatever the cell, and what cannot be told is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.oxygen.oxidation_states import IonState, cell_ions, ions_by_element
from catholyte.analysis.oxygen.redox_ledger import redox_entry
from catholyte.analysis.report.chapters.redox import ions_table, other_ions
from catholyte.configs.errors import InputError
from catholyte.configs.models import OrderedCell
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.ordering import order
from catholyte.structures.crystals.redox import is_redox_active
from catholyte.structures.defects.vacancy import lithium_vacancies, oxygen_vacancy
from catholyte.tests.support.crystals import LCO, LI2MNO3, NCM532
from catholyte.tests.support.engines.toy_engine import SHOWN, toy_document
from catholyte.workflows.documents import CalculationDocument


def ncm() -> CalculationDocument:
    """30 formula units would do no more: 10 of Li10Ni5Mn3Co2O20."""
    material = NCM532.model_copy(
        update={"ordered_cell": OrderedCell(supercell=(10, 1, 1), composition="Li30Ni15Mn9Co6O60")}
    )
    return toy_document(
        "NCM532", prepared_cell(order(conventional(material), material.ordered_cell, 1)[0].structure, material)
    )


def lco() -> CalculationDocument:
    return toy_document("LCO", prepared_cell(conventional(LCO).make_supercell((2, 2, 1)), LCO))


def ion_states(document: CalculationDocument) -> tuple[IonState, ...]:
    return cell_ions(document).ions


def labelled(document: CalculationDocument) -> list[str]:
    return [str(site.specie) for site in document.structure if is_redox_active(site.specie)]


def with_moments(document: CalculationDocument, moments: dict[int, float], signed: bool = False) -> CalculationDocument:
    values = list(document.magmoms or [])
    for site, moment in moments.items():
        values[site] = moment
    return document.model_copy(update={"magmoms": values, "moments_signed": signed})


@pytest.fixture(scope="module")
def host() -> CalculationDocument:
    return ncm()


@pytest.mark.parametrize("n", [0, 3, 9, 12, 20])
def test_known_charges_come_back_from_moments(host: CalculationDocument, n: int):
    less = toy_document("less", lithium_vacancies(host.structure, n, 1)[0].structure)
    assert [state.ion for state in ion_states(less)] == labelled(less)
    assert not any(state.unclear for state in ion_states(less))
    entry = redox_entry(host, less)
    assert (entry.electrons, entry.by_metals, entry.by_anions, entry.unaccounted) == (n, n, {"O": 0, "S": 0}, 0)
    assert cell_ions(less).residual == 0
    assert entry.payers() == ({"Ni": n} if n else {})  # Ni pays before Co does
    assert entry.flags() == []


def test_ions_that_the_cell_was_built_with_stand_beside_those_of_the_moments(host: CalculationDocument):
    """Moments that show every nickel as Ni2+ leave the charge to cobalt where a moment half way leaves that open; where
    it does not, cobalt stays what it shows, and the charge is missing."""
    agreed = ions_by_element(host)
    assert [one.element for one in agreed] == ["Co", "Mn", "Ni"]
    assert all(one.agrees and one.built == one.found and one.unclear == 0 for one in agreed)
    assert all(one.deviation == one.deviation_built for one in agreed)
    assert other_ions("NCM", agreed) == []
    nickel, cobalt = (
        [i for i, site in enumerate(host.structure) if site.specie.symbol == symbol] for symbol in ("Ni", "Co")
    )
    shown = with_moments(host, dict.fromkeys(nickel, 1.72) | dict.fromkeys(cobalt, 0.4))
    found = {one.element: one for one in ions_by_element(shown)}
    assert found["Ni"].built == {"Ni2+": 9, "Ni3+": 6}
    assert found["Ni"].found == {"Ni2+": 15}
    assert found["Co"].found == {"Co4+": 6}
    assert (found["Co"].unclear, found["Mn"].unclear) == (6, 0)
    assert found["Co"].deviation == pytest.approx(0.9 - 0.4)
    assert found["Co"].deviation_built == pytest.approx(0.4)
    assert found["Co"].moments == (0.4, 0.4)
    assert found["Ni"].deviation_built == pytest.approx(6 * (1.72 - 1.1) / 15)
    (warning,) = other_ions("NCM", list(found.values()))
    assert "6 Co4+, 15 Ni2+" in warning
    assert "6 Co3+, 9 Ni2+, 6 Ni3+" in warning
    (row,) = [row for row in ions_table("NCM", list(found.values())).rows if row["element"] == "Co"]
    assert (row["built"], row["found"], row["unclear"]) == ("6 Co3+", "6 Co4+", 6)
    clear = with_moments(host, dict.fromkeys(nickel, 1.72) | dict.fromkeys(cobalt, 0.25))
    assert {one.element: one.found for one in ions_by_element(clear)}["Co"] == {"Co3+": 6}
    assert cell_ions(clear).residual == -6
    missing, other = other_ions("NCM", ions_by_element(clear), cell_ions(clear).residual)
    assert "add up to -6 e" in missing
    assert "15 Ni2+" in other


def test_an_oxygen_vacancy_gives_two_electrons_back(host: CalculationDocument):
    less = toy_document("less", lithium_vacancies(host.structure, 6, 1)[0].structure)
    least = toy_document("least", oxygen_vacancy(less.structure, len(less.structure) - 1).structure)
    entry = redox_entry(less, least, host)
    assert (entry.electrons, entry.by_metals, entry.unaccounted) == (-2, -2, 0)
    assert len(entry.changes) == 2
    assert all(change.charge == -1 and not change.flipped for change in entry.changes)
    assert redox_entry(host, least).electrons == 4
    assert entry.row()["after"] == "least"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_noise_of_a_model_does_not_change_the_ledger(host: CalculationDocument, seed: int):
    """Deviations of up to 0.15 µB per ion, as CHGNet's against its training data."""
    noise = np.random.default_rng(seed).uniform(-0.15, 0.15, host.n_sites)
    noisy = host.model_copy(
        update={"magmoms": [max(0.0, m + d) if m else 0.0 for m, d in zip(host.magmoms or [], noise, strict=True)]}
    )
    assert [state.ion for state in ion_states(noisy)] == labelled(host)


def test_signs_of_moments_do_not_matter_for_charges(host: CalculationDocument):
    signs = np.random.default_rng(0).choice([-1.0, 1.0], host.n_sites)
    turned = host.model_copy(update={"magmoms": (signs * np.array(host.magmoms)).tolist(), "moments_signed": True})
    assert [state.ion for state in ion_states(turned)] == [state.ion for state in ion_states(host)]


def test_shared_electrons_are_called_unclear_and_are_missing():
    """Two electrons on three Co around an oxygen vacancy, 1.56 µB each as CHGNet has it: nothing shows Co2+, no Co4+
    comes out of nothing, and the two electrons are reported as not accounted for."""
    whole = lco()
    less = toy_document("less", oxygen_vacancy(whole.structure, 30).structure)
    reduced = [i for i, site in enumerate(less.structure) if str(site.specie) == "Co2+"]
    near = [*reduced, next(i for i, site in enumerate(less.structure) if str(site.specie) == "Co3+")]
    entry = redox_entry(whole, with_moments(less, dict.fromkeys(near, 1.56)))
    assert entry.ions_after.counts == {"Co3+": 9, "Co3+ (intermediate spin)": 3}
    assert entry.ions_after.text == "9 Co3+, 3 Co3+ (intermediate spin) (3 unclear)"
    assert (entry.payers(), entry.unaccounted, entry.ions_after.residual) == ({}, -2, 2)
    assert "-2 e not accounted for" in entry.flags()
    assert len(entry.unclear) == 3
    assert entry.disproportionated == {}


def test_holes_spread_over_a_metal_are_counted_once():
    """A hole shared by all Co of LixCoO2 shows as a small moment everywhere; the sum is still the lithium that left."""
    whole = lco()
    less = toy_document("less", lithium_vacancies(whole.structure, 4, 1)[0].structure)
    cobalt = [i for i, site in enumerate(less.structure) if site.specie.symbol == "Co"]
    entry = redox_entry(whole, with_moments(less, dict.fromkeys(cobalt, 0.42)))
    assert entry.ions_after.counts == {"Co3+": 8, "Co4+": 4}
    assert len(entry.unclear) == 12
    assert entry.ions_after.text == "8 Co3+ (8 unclear), 4 Co4+ (4 unclear)"
    assert entry.payers_text() == "Co +4 (12 ions unclear)"


def test_disproportionation_is_told_from_a_hole_that_hops(host: CalculationDocument):
    cobalt = [i for i, site in enumerate(host.structure) if site.specie.symbol == "Co"]
    nickel = [i for i, site in enumerate(host.structure) if str(site.specie) == "Ni3+"]
    split = with_moments(host, {nickel[0]: 2 * SHOWN, nickel[1]: 0.0})
    assert redox_entry(host, split).disproportionated == {"Ni": 0}
    assert "Ni disproportionates" in redox_entry(host, split).flags()
    two = next(i for i, site in enumerate(host.structure) if str(site.specie) == "Ni2+")
    hopped = with_moments(host, {nickel[0]: 2 * SHOWN, two: 1 * SHOWN})
    entry = redox_entry(host, hopped)
    assert {change.charge for change in entry.changes} == {-1, 1}
    assert entry.disproportionated == {}
    assert not {change.origin for change in entry.changes} & set(cobalt)


def test_what_unclear_ions_say_of_disproportionation_is_said_with_a_doubt(host: CalculationDocument):
    """One Ni3+ at 1.39 µB and one at 0.41, just outside the windows of Ni2+ and Ni4+."""
    nickel = [i for i, site in enumerate(host.structure) if str(site.specie) == "Ni3+"]
    entry = redox_entry(host, with_moments(host, {nickel[0]: 1.39, nickel[1]: 0.41}))
    assert entry.disproportionated == {"Ni": 2}
    assert "Ni may disproportionate: 2 of these ions are unclear" in entry.flags()
    assert entry.ions_after.text.endswith("10 Ni2+ (1 unclear), 4 Ni3+, 1 Ni4+ (1 unclear)")


def test_a_change_of_spin_state_is_no_redox(host: CalculationDocument):
    cobalt = [i for i, site in enumerate(host.structure) if site.specie.symbol == "Co"]
    entry = redox_entry(host, with_moments(host, {cobalt[0]: 3.75}))
    (change,) = entry.changes
    assert (change.before, change.after, change.charge, change.spin_state) == ("Co3+", "Co3+ (high spin)", 0, True)
    assert entry.flags() == ["spin state: 1 × Co3+ → Co3+ (high spin)"]


def test_spins_that_turn_over_are_seen_where_moments_have_signs(host: CalculationDocument):
    site = next(i for i, one in enumerate(host.structure) if str(one.specie) == "Mn4+")
    signed = host.model_copy(update={"moments_signed": True})
    turned = with_moments(host, {site: -(host.magmoms or [])[site]}, signed=True)
    assert redox_entry(signed, turned).flips == (site,)
    assert redox_entry(host, turned).flips is None


def test_oxygen_that_pays_shows_by_bonds_and_moments():
    """Four lithium atoms out, and one O-O bond of a peroxide: Co pays two electrons, oxygen two."""
    whole = toy_document("Li2MnO3", prepared_cell(conventional(LI2MNO3), LI2MNO3))
    oxygen = [i for i, site in enumerate(whole.structure) if site.specie.symbol == "O"]
    lithium = [i for i, site in enumerate(whole.structure) if site.specie.symbol == "Li"]
    cell = whole.structure.copy(
        site_properties={**whole.structure.site_properties, "origin": list(range(len(whole.structure)))}
    )
    near = min(oxygen[1:], key=lambda i: cell.get_distance(oxygen[0], i))
    _, image = cell[oxygen[0]].distance_and_image(cell[near])
    apart = cell[near].frac_coords + image - cell[oxygen[0]].frac_coords
    ideal = cell[oxygen[0]].frac_coords + apart * 1.46 / cell.get_distance(oxygen[0], near)
    cell.replace(near, "O2-", coords=ideal % 1, properties=cell[near].properties)
    cell.remove_sites(lithium[:2])
    less = toy_document("less", cell)
    (pair,) = cell_ions(less).pairs
    assert (set(pair.origins), pair.kind, pair.electrons) == ({oxygen[0], near}, "peroxide", 2)
    assert pair.distance == pytest.approx(1.46, abs=1e-6)
    entry = redox_entry(whole, less)
    assert (entry.electrons, entry.by_metals, entry.by_anions, entry.unaccounted) == (2, 0, {"O": 2, "S": 0}, 0)
    assert entry.payers() == {"O": 2}
    assert any("peroxide O–O 1.46" in flag for flag in entry.flags())


def test_electrons_that_no_ion_can_give_are_not_hidden():
    """Li2MnO3 without lithium: Mn4+ gives nothing, and oxygen shows nothing, so the books say so."""
    whole = toy_document("Li2MnO3", prepared_cell(conventional(LI2MNO3), LI2MNO3))
    cell = whole.structure.copy(
        site_properties={**whole.structure.site_properties, "origin": list(range(len(whole.structure)))}
    )
    cell.remove_sites([0, 1])
    entry = redox_entry(whole, toy_document("less", cell))
    assert (entry.electrons, entry.by_metals, entry.by_anions, entry.unaccounted) == (2, 0, {"O": 0, "S": 0}, 2)
    assert entry.row()["residual"] == -2
    assert "+2 e not accounted for" in entry.flags()


def test_what_cannot_be_told_is_an_error(host: CalculationDocument):
    with pytest.raises(InputError, match="told by moments"):
        ion_states(host.model_copy(update={"magmoms": None}))
    bare = host.structure.copy()
    bare.remove_oxidation_states()
    with pytest.raises(InputError, match="no oxidation state"):
        ion_states(host.model_copy(update={"structure": bare}))
