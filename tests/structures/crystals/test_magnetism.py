"""Moments from oxidation state and ligand field, orders, and verdicts on computed moments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from catholyte.configs.errors import StructureError
from catholyte.configs.models import Magnetism
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.structures.crystals.magnetism import (
    assess_moments,
    expected_window,
    moment_magnitudes,
    unpaired_electrons,
    with_moments,
)
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import rock_salts

D_METALS = ["Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Nb", "Ta", "W"]


@pytest.mark.parametrize(
    ("species", "coordination", "spin", "count"),
    [
        ("Co3+", "octahedral", "low", 0),
        ("Co3+", "octahedral", "high", 4),
        ("Co2+", "octahedral", "high", 3),
        ("Co2+", "octahedral", "low", 1),
        ("Co2+", "tetrahedral", "high", 3),
        ("Co4+", "octahedral", "low", 1),
        ("Co3.5+", "octahedral", "low", 0.5),
        ("Ni2+", "octahedral", "high", 2),
        ("Ni3+", "octahedral", "low", 1),
        ("Ni4+", "octahedral", "low", 0),
        ("Mn2+", "octahedral", "high", 5),
        ("Mn3+", "octahedral", "high", 4),
        ("Mn4+", "octahedral", "high", 3),
        ("Mn4+", "octahedral", "low", 3),
        ("Ti4+", "octahedral", "high", 0),
        ("W6+", "octahedral", "high", 0),
        ("Y3+", "octahedral", "high", 0),
        ("In3+", "octahedral", "high", 0),
        ("Zn2+", "tetrahedral", "high", 0),
        ("O2-", "octahedral", "high", 0),
    ],
)
def test_unpaired_electrons(species, coordination, spin, count):
    assert unpaired_electrons(Species.from_str(species), coordination, spin) == count


@given(st.sampled_from(D_METALS), st.integers(1, 7), st.sampled_from(["octahedral", "tetrahedral"]))
def test_low_spin_never_exceeds_high_spin_and_keeps_its_parity(metal, charge, coordination):
    species = Species(metal, charge)
    if not 0 <= species.element.group - charge <= 10:
        with pytest.raises(StructureError, match="d electrons"):
            unpaired_electrons(species, coordination)
        return
    high, low = (unpaired_electrons(species, coordination, spin) for spin in ("high", "low"))
    assert 0 <= low <= high <= 5
    assert (high - low) % 2 == 0
    assert (species.element.group - charge - high) % 2 == 0


def test_oxidation_state_is_needed_and_f_electrons_have_their_bounds():
    with pytest.raises(StructureError, match="no oxidation state"):
        unpaired_electrons(Species("Co", None))
    with pytest.raises(StructureError, match="f electrons"):
        unpaired_electrons(Species("Ce", 5))


@pytest.mark.parametrize(
    ("species", "spin", "moment"),
    [
        ("Co2+", "high", 2.60),
        ("Co3+", "low", 0.04),
        ("Ni2+", "high", 1.7),
        ("Mn4+", "high", 3.1),
        ("Ni3+", "low", 1.0),
        ("Fe3+", "high", 4.2),
    ],
)
def test_windows_hold_computed_moments_and_tell_spin_states_apart(species, spin, moment):
    ion = Species.from_str(species)
    low, high = expected_window(ion, "octahedral", spin)
    assert low <= moment <= high
    other = {unpaired_electrons(ion, "octahedral", s) for s in ("high", "low")}
    if len(other) == 2:
        opposite = expected_window(ion, "octahedral", "low" if spin == "high" else "high")
        assert not opposite[0] <= moment <= opposite[1]


def test_rock_salt_primitive_becomes_the_rhombohedral_cell():
    cell = with_moments(primitive(crystals.COO), Magnetism(order="AFM-II"))
    assert sorted(cell.site_properties["magmom"]) == [-3, 0, 0, 3]
    assert cell.lattice.angles == pytest.approx([np.degrees(np.arccos(5 / 6))] * 3)
    assert cell.lattice.abc == pytest.approx([4.26 * np.sqrt(6) / 2] * 3)


@settings(max_examples=40, deadline=None)
@given(rock_salts())
def test_afm_ii_alternates_planes_in_every_supercell(cell):
    """All second neighbours (180° through oxygen) are antiparallel; six of twelve first neighbours are parallel."""
    magnetic = with_moments(cell, Magnetism(order="AFM-II"))
    assert len(magnetic) in (len(cell), 2 * len(cell))
    cations = magnetic.copy()
    cations.remove_species(["O2-"])
    signs = np.sign(cations.site_properties["magmom"])
    assert signs.sum() == 0
    shortest = (cell.volume / (len(cell) / 2) * 4) ** (1 / 3)
    first, second, _, distances = cations.get_neighbor_list(1.1 * shortest)
    products = signs[first] * signs[second]
    axial = distances > 0.9 * shortest
    assert (products[axial] == -1).all()
    assert products[~axial].sum() == 0


def test_a_cell_that_holds_the_order_is_kept():
    doubled = conventional(crystals.COO).make_supercell(2, in_place=False)
    assert len(with_moments(doubled, Magnetism(order="AFM-II"))) == len(doubled)


def test_spinel_a_sites_alternate_and_octahedral_cobalt_is_silent():
    cell = calculation_cell(crystals.CO3O4)
    by_label = {}
    for label, moment in zip(cell.site_properties["wyckoff_label"], cell.site_properties["magmom"], strict=True):
        by_label.setdefault(label, []).append(moment)
    assert sorted(by_label["A"]) == [-3, 3]
    assert set(by_label["B"]) == set(by_label["O"]) == {0}


def test_one_site_sublattice_doubles_its_cell_and_a_triangle_cannot_alternate():
    cubic = Structure(Lattice.cubic(3), ["Ni2+"], [[0, 0, 0]])
    doubled = with_moments(cubic, Magnetism(order="AFM-sublattice"))
    assert sorted(doubled.site_properties["magmom"]) == [-2, 2]
    triangular = Structure(Lattice.hexagonal(3, 9), ["Ni2+"], [[0, 0, 0]])
    with pytest.raises(StructureError, match="cannot all be antiparallel"):
        with_moments(triangular, Magnetism(order="AFM-sublattice"))


def test_orders_that_do_not_fit_are_errors():
    with pytest.raises(StructureError, match="no ion has a moment"):
        with_moments(primitive(crystals.LCO), Magnetism(order="AFM-II", spin_states={"Co3+": "low"}))
    with pytest.raises(StructureError, match="no rock salt"):
        with_moments(primitive(crystals.CO3O4), Magnetism(order="AFM-II", spin_states={"Co3+": "low"}))
    with pytest.raises(StructureError, match="net moment"):
        with_moments(
            Structure(Lattice.cubic(3), ["Ni2+"] * 3, [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]),
            Magnetism(order="AFM-sublattice"),
        )


def test_neutral_atoms_take_the_moment_of_the_source():
    metal = Structure(Lattice.cubic(3), ["Co0+"], [[0, 0, 0]])
    assert moment_magnitudes(metal, Magnetism(order="ferromagnetic", expected_moments={"Co0+": 1.6})) == [1.6]
    assert moment_magnitudes(metal, Magnetism(order="ferromagnetic")) == [0]


def test_verdicts_name_the_site_that_left_its_oxidation_state():
    cell = calculation_cell(crystals.COO)
    cell.add_site_property("magmom", [2.6, -0.02, 0.0, 0.0])
    verdicts = assess_moments(cell, crystals.COO)
    assert [v.ok for v in verdicts] == [True, False, True, True]
    assert verdicts[0].compatible == ("Co2+ high spin",)
    assert verdicts[1].compatible == ("Co3+ low spin",)
    cell.remove_site_property("magmom")
    with pytest.raises(StructureError, match="no site property 'magmom'"):
        assess_moments(cell, crystals.COO)
