"""Less lithium, the same framework: charges balance, nickel pays before cobalt, compositions are exact."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Species

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.delithiation import delithiated, in_cell
from catholyte.structures.crystals.ordering import order
from catholyte.structures.crystals.redox import LADDER, compensate, shifted
from catholyte.tests.support import crystals


def ions(structure):
    return {str(species): round(amount) for species, amount in structure.composition.items()}


@pytest.mark.parametrize(("x", "cobalt"), [(0.5, {"Co3+": 6, "Co4+": 6}), (0.75, {"Co3+": 9, "Co4+": 3})])
def test_half_empty_licoo2_has_one_hole_per_vacancy(x, cobalt):
    half = delithiated(material("LCO"), x)
    (found,) = order(conventional(half), half.ordered_cell)
    assert ions(found.structure) == {"Li+": round(12 * x), "O2-": 24} | cobalt


def test_nickel_is_oxidised_before_cobalt_and_manganese_never():
    """Li18Ni15Mn9Co6O60 of Ni2+ 9, Ni3+ 6: twelve electrons are nine Ni2+ to Ni3+ and three Ni3+ to Ni4+."""
    charged = delithiated(material("NCM532"), 0.6)
    (found,) = order(conventional(charged), charged.ordered_cell)
    assert ions(found.structure) == {"Li+": 18, "Mn4+": 9, "Co3+": 6, "Ni3+": 12, "Ni4+": 3, "O2-": 60}
    empty = delithiated(material("NCM532"), 0.0)
    assert ions(order(conventional(empty), empty.ordered_cell)[0].structure) == {
        "Mn4+": 9,
        "Co4+": 6,
        "Ni4+": 15,
        "O2-": 60,
    }


def test_charged_cobalt_carries_a_moment():
    half = delithiated(material("LCO"), 0.5)
    cell = prepared_cell(order(conventional(half), half.ordered_cell)[0].structure, half)
    moments = dict(zip(map(str, cell.species), cell.site_properties["magmom"], strict=True))
    assert moments["Co4+"] == 1.0  # t2g5
    assert moments["Co3+"] == 0.0


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["LCO", "NCM111", "NCM532", "NCM622", "NCM811"]), tenths=st.integers(0, 10))
def test_every_state_of_charge_is_neutral_and_keeps_the_framework(name, tenths):
    full = material(name)
    found = delithiated(full, tenths / 10)
    composition = conventional(found).composition
    assert sum(s.oxi_state * n for s, n in composition.items()) == pytest.approx(0, abs=1e-9)
    before = conventional(full).composition.element_composition
    after = composition.element_composition
    assert after["Li"] == pytest.approx(before["Li"] * tenths / 10, abs=1e-9)
    assert {str(e): after[e] for e in before if e.symbol != "Li"} == pytest.approx(
        {str(e): before[e] for e in before if e.symbol != "Li"}
    )


def test_a_composition_chooses_its_cell():
    found = in_cell(material("LCO"), "Li6Co12O24")
    assert found.ordered_cell.supercell == (2, 2, 1)
    assert order(conventional(found), found.ordered_cell)[0].structure.composition.element_composition == Composition(
        "Li6Co12O24"
    )
    other = in_cell(material("NCM532"), "Li20Ni15Mn9Co6O60")
    assert other.ordered_cell.supercell == (5, 2, 1)
    assert order(conventional(other), other.ordered_cell)[0].structure.composition.element_composition == Composition(
        "Li20Ni15Mn9Co6O60"
    )


def test_another_supercell_gives_other_arrangements():
    larger = in_cell(material("LIC"), supercell=(2, 1, 1))
    assert len(order(conventional(larger), larger.ordered_cell, 3)) == 3


def test_what_cannot_be_is_an_error():
    lco = material("LCO")
    with pytest.raises(InputError, match="between 0 and 1"):
        delithiated(lco, 1.2)
    with pytest.raises(StructureError, match=r"LRMO at x = 0.1: the charges cannot balance: 3.24 e .* can do 1.2 e"):
        delithiated(material("LRMO"), 0.1)
    with pytest.raises(StructureError, match="beyond that oxygen itself would be oxidised"):
        delithiated(material("LRMO"), 0.1)
    with pytest.raises(StructureError, match=r"there is none\)$"):
        delithiated(material("Li2CO3"), 0.5)
    with pytest.raises(StructureError, match="no lithium"):
        delithiated(material("CoO"), 0.5)
    with pytest.raises(StructureError, match="O in multiples of 6"):
        in_cell(lco, "Li6Co12O23")
    with pytest.raises(StructureError, match=r"2.250 Li atoms"):
        delithiated(lco, 0.75, (1, 1, 1))
    with pytest.raises(StructureError, match="anions of 4 conventional cells"):
        in_cell(lco, "Li6Co12O24", (3, 2, 1))
    with pytest.raises(InputError, match="at least 1"):
        in_cell(lco, supercell=(0, 1, 1))


@given(
    amounts=st.dictionaries(
        st.sampled_from(sorted({s for step in LADDER for s in step})).map(Species.from_str),
        st.integers(1, 9).map(float),
        min_size=1,
    ),
    charge=st.integers(-9, 9),
)
def test_the_ladder_conserves_atoms_and_moves_the_charge(amounts, charge):
    try:
        after = shifted(amounts, charge)
    except StructureError:
        return
    for symbol in {s.symbol for s in amounts}:
        assert sum(n for s, n in after.items() if s.symbol == symbol) == pytest.approx(
            sum(n for s, n in amounts.items() if s.symbol == symbol)
        )
    total = [sum(s.oxi_state * n for s, n in table.items()) for table in (amounts, after)]
    assert total[1] - total[0] == pytest.approx(charge)


def test_compensation_takes_the_preferred_site_and_keeps_the_sign_of_its_moment():
    cell = conventional(crystals.COO)
    cell.add_site_property("magmom", [3.0, -3.0, 3.0, -3.0, 0, 0, 0, 0])
    changed = compensate(cell, 1, [3, 1])
    assert [str(s) for s in changed.species[:4]] == ["Co2+", "Co2+", "Co2+", "Co3+"]
    assert changed.site_properties["magmom"][3] == 0  # low spin
    with pytest.raises(StructureError, match="can do 2 e"):
        compensate(cell, 5, [3])
