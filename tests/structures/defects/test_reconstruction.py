"""Layered to rock salt: oxygen stays, mass and charge are accounted for, the order is AFM-II."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.environment import coordination_numbers
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.structures.defects.reconstruction import reconstruct, rock_salt_layer
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs

FACETS = [
    ("LCO", (1, 0, 4), 6),
    ("LCO", (0, 0, 1), 5),
    ("LCO", (1, 1, 0), 6),
    ("LCO", (0, 1, 2), 5),
    ("NCM811", (1, 0, 4), 5),
    ("NCM811", (0, 0, 1), 3),
]


@cache
def slab(name, miller, layers):
    """The most sensible termination that has no dipole by itself."""
    found = slabs(source_cell(material(name)), miller, SlabSpec(layers=layers))
    return next(s for s in found if s.tasker == 1 or s.reconstructed)


def elements(structure):
    return {str(e): round(n) for e, n in structure.composition.element_composition.items()}


@settings(max_examples=20, deadline=None)
@given(facet=st.sampled_from(FACETS), n=st.integers(1, 2), faces=st.sampled_from(["both", "top", "bottom"]))
def test_invariants(facet, n, faces):
    before = slab(*facet).structure
    assume(n * (2 if faces == "both" else 1) < facet[2])
    made = reconstruct(before, n, faces)
    after = made.structure
    assert len(after) == len(before)
    assert np.array_equal(after.frac_coords, before.frac_coords)
    assert after.lattice == before.lattice
    assert after.charge == pytest.approx(0)
    assert [i for i, s in enumerate(after) if s.specie.symbol == "O"] == [
        i for i, s in enumerate(before) if s.specie.symbol == "O"
    ]
    first, second = elements(before), elements(after)
    assert {
        e: second.get(e, 0) - first.get(e, 0) for e in first | second if second.get(e, 0) != first.get(e, 0)
    } == made.mass_balance
    assert sum(made.mass_balance.values()) == 0
    assert len(made.converted) == 2 * -made.mass_balance["Li"] == len(made.oxygen)
    assert {str(after[i].specie)[-2:] for i in made.converted} == {"2+"}
    untouched = set(range(len(after))) - set(made.converted) - set(made.oxygen)
    assert all(after[i].specie == before[i].specie and after[i].properties["layer"] == facet[0] for i in untouched)
    assert {after[i].properties["layer"] for i in (*made.converted, *made.oxygen)} == {made.tag}
    assert after.site_properties["origin"] == before.site_properties["origin"]


def test_outer_layer_of_lco_104_is_coo():
    """A plane of the small cell holds one Li, one Co and two O: it becomes two Co and two O."""
    before = slab("LCO", (1, 0, 4), 6).structure
    made = reconstruct(before, 1, "top")
    assert (made.tag, made.mass_balance, made.ions, made.redox) == ("CoO", {"Co": 1, "Li": -1}, {"Co2+": 2}, {})
    top = before.cart_coords[:, 2].max()
    assert all(before.cart_coords[i][2] > top - 1.0 for i in (*made.converted, *made.oxygen))


def test_half_of_the_lithium_sheet_is_replaced_at_the_end_of_a_polar_region():
    """Half a sheet outside, a full one of metal, half a sheet inside: four cations on four oxygen atoms."""
    before = slab("LCO", (0, 0, 1), 4)
    made = reconstruct(before.structure, 1, "top")
    heights = before.structure.cart_coords[:, 2].round(2)
    by_height = {
        float(h): sorted(str(made.structure[int(i)].specie) for i in np.flatnonzero(heights == h))
        for h in sorted(set(heights))[-6:]
    }
    cations = [species for species in by_height.values() if species[0] != "O2-"]
    assert cations[-3:] == [["Co2+", "Li+"], ["Co2+", "Co2+"], ["Co2+"]]


def test_moments_alternate_from_sheet_to_sheet():
    made = reconstruct(slab("LCO", (1, 0, 4), 6).structure, 2, "top")
    cell = made.structure
    moments = np.array(cell.site_properties["magmom"])
    assert set(np.abs(moments[list(made.converted)])) == {3.0}
    assert moments.sum() == 0
    labels = np.array(cell.site_properties["wyckoff_label"])[list(made.converted)]
    assert set(moments[list(made.converted)][labels == "Li"]) == {3.0}
    assert set(moments[list(made.converted)][labels == "Co"]) == {-3.0}


def test_tungsten_and_lithium_of_the_metal_sheets_leave():
    before = slab("LRMO-W", (0, 0, 1), 3).structure
    made = reconstruct(before, 1, "both", filler="Ni")
    assert set(made.ions) <= {"Ni2+", "Co2+", "Mn2+"}
    assert made.structure.charge == pytest.approx(0)
    assert made.mass_balance["Ni"] == -sum(change for element, change in made.mass_balance.items() if element != "Ni")
    assert len(made.converted) == len(made.oxygen)


def test_scatter_of_an_ordering_is_paid_for_outside_the_layer():
    before = slab("LRMO", (1, 0, 4), 5).structure
    made = reconstruct(before, 1, "top")
    assert made.structure.charge == pytest.approx(0)
    assert made.tag == "MO"
    assert sum(made.redox.values()) == 0


@pytest.mark.parametrize(("name", "free"), [("CoO", 4.2667), ("NiO", 4.1771)])
def test_coherent_layer_has_the_spacing_of_the_free_rock_salt(name, free):
    """(104) of LiCoO2 continues as (100) of the rock salt, planes a/2 apart; the two lattices agree to the cube root of
    volumes."""
    before = slab("LCO", (1, 0, 4), 8).structure
    made = rock_salt_layer(before, material(name), 3, "top")
    cell = made.structure
    assert made.tag == name
    assert cell.lattice.matrix[:2] == pytest.approx(before.lattice.matrix[:2])
    heights = np.array(sorted({round(float(cell[i].coords[2]), 4) for i in made.converted}))
    assert np.diff(heights) == pytest.approx(conventional(material(name)).lattice.a / 2, rel=0.01)
    assert conventional(material(name)).lattice.a == pytest.approx(free, rel=0.01)
    assert np.ptp(before.cart_coords[:, 2]) - before.lattice.c == pytest.approx(
        np.ptp(cell.cart_coords[:, 2]) - cell.lattice.c
    )
    assert set(coordination_numbers(cell)[list(made.converted)]) == {5, 6}
    assert made.mismatch > 0


def test_coherent_layer_is_flat_and_evenly_spaced_along_003():
    before = slab("LCO", (0, 0, 1), 5).structure
    made = rock_salt_layer(before, material("CoO"), 2, "top")
    levels = sorted({round(float(made.structure[i].coords[2]), 3) for i in (*made.converted, *made.oxygen)})[1:-1]
    assert np.diff(levels) == pytest.approx(np.mean(np.diff(levels)), rel=0.01)
    assert np.mean(np.diff(levels)) == pytest.approx(4.2667 / np.sqrt(3) / 2, rel=0.02)


def test_files_keep_the_layer(tmp_path):
    cell = reconstruct(slab("LCO", (1, 0, 4), 6).structure, 1).structure
    for name in ("cell.json", "cell.extxyz"):
        back = read_structure(write_structure(cell, tmp_path / name))
        for key in ("layer", "origin", "magmom"):
            assert back.site_properties[key] == cell.site_properties[key]


def test_what_cannot_be_converted_is_an_error():
    lco = slab("LCO", (1, 0, 4), 6).structure
    with pytest.raises(InputError, match="at least 1"):
        reconstruct(lco, 0)
    with pytest.raises(StructureError, match="6 of the slab's 6 layers"):
        reconstruct(lco, 3, "both")
    with pytest.raises(StructureError, match="W forms no divalent ion"):
        reconstruct(lco, 1, filler="W")
    with pytest.raises(StructureError, match="widest gap"):
        reconstruct(conventional(material("LCO")), 1)
    with pytest.raises(StructureError, match="partial occupancies"):
        reconstruct(conventional(material("NCM532")), 1)
    with pytest.raises(StructureError, match="no layered oxide"):
        reconstruct(slabs(source_cell(material("CoO")), (1, 0, 0), SlabSpec(layers=4))[0].structure, 1)
    with pytest.raises(StructureError, match="no rock salt"):
        rock_salt_layer(lco, material("Co3O4"), 1)
    bare = lco.copy()
    bare.remove_oxidation_states()
    with pytest.raises(StructureError, match="without oxidation state"):
        reconstruct(bare, 1)
    empty = lco.copy()
    empty.remove_sites([i for i, site in enumerate(empty) if site.specie.symbol == "Li"])
    with pytest.raises(StructureError, match="charge of"):
        reconstruct(empty, 1)
