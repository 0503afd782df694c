"""First shells of the crystals whose band centres are compared."""

import numpy as np
import pytest
from hypothesis import given, settings

from catholyte.configs.errors import StructureError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.structures.crystals.environment import (
    anion_environments,
    bonds,
    coordination_numbers,
    group_by_environment,
)
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import rock_salts, structures_with_moments


@pytest.mark.parametrize(
    ("material", "labels", "bridges"),
    [
        (crystals.LCO, {"Li3Co3"}, {"Co-O-Li"}),
        (crystals.COO, {"Co6"}, {"Co-O-Co"}),
        (crystals.CO3O4, {"Co4"}, {"Co-O-Co"}),
        (crystals.LI2MNO3, {"Li4Mn2"}, {"Li-O-Li"}),
        (crystals.LI2CO3, {"Li2C1", "Li3C1"}, {"C-O-Li"}),
        (crystals.HALF_LCO, {"Li1Co3", "Li2Co3"}, {"Co-O-Li"}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_oxygen_environments(material, labels, bridges):
    found = anion_environments(calculation_cell(material))
    assert {e.label for e in found} == labels
    assert {e.bridge for e in found} == bridges
    assert all(e.coordination_number == sum(e.counts.values()) for e in found)


def test_spinel_oxygen_has_one_tetrahedral_and_three_octahedral_cobalts():
    cell = primitive(crystals.CO3O4)
    found, labels = bonds(cell), cell.site_properties["wyckoff_label"]
    for oxygen in (i for i, label in enumerate(labels) if label == "O"):
        assert sorted(labels[c] for c in found.cations[found.anions == oxygen]) == ["A", "B", "B", "B"]
    assert {(labels[i], int(n)) for i, n in enumerate(coordination_numbers(cell))} == {("A", 4), ("B", 6), ("O", 4)}


@pytest.mark.parametrize(
    "material", [crystals.LCO, crystals.COO, crystals.LI2CO3, crystals.LI2MNO3], ids=lambda m: m.name
)
def test_environments_need_no_oxidation_states(material):
    decorated = conventional(material)
    bare = decorated.copy()
    bare.remove_oxidation_states()
    assert [e.label for e in anion_environments(bare)] == [e.label for e in anion_environments(decorated)]


def test_mean_distance_is_that_of_the_crystal():
    (environment,) = anion_environments(primitive(crystals.COO))
    assert environment.mean_distance == pytest.approx(4.26 / 2)


def test_thiophosphate_and_free_sulfide_differ():
    found = anion_environments(calculation_cell(crystals.LPSCL), "S")
    assert {e.label: e.bridge for e in found} == {"Li3P1": "P-S-Li", "Li6": "Li-S-Li"}
    assert [len(sites) for sites in group_by_environment(found).values()] == [4, 1]


def test_an_anion_without_cations_stands_alone():
    cell = primitive(crystals.LI2CO3)
    cell.remove_species(["Li+", "C4+"])
    assert {(e.label, e.coordination_number) for e in anion_environments(cell)} == {("alone", 0)}
    assert np.isnan(anion_environments(cell)[0].mean_distance)


def test_missing_anion_and_partial_occupancies_are_errors():
    with pytest.raises(StructureError, match="no S in LiCoO2"):
        anion_environments(conventional(crystals.LCO), "S")
    with pytest.raises(StructureError, match="partial occupancies"):
        bonds(conventional(crystals.NCM532))


@settings(max_examples=25, deadline=None)
@given(structures_with_moments())
def test_bonds_join_opposite_signs_and_vectors_have_their_lengths(structure):
    found = bonds(structure)
    charges = np.array([site.specie.oxi_state for site in structure])
    assert (charges[found.anions] < 0).all()
    assert (charges[found.cations] > 0).all()
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), found.distances)
    assert coordination_numbers(structure).sum() == 2 * len(found.anions)


@settings(max_examples=15, deadline=None)
@given(rock_salts())
def test_a_supercell_has_the_environments_of_its_primitive_cell(cell):
    assert {e.counts[cell.elements[0].symbol] for e in anion_environments(cell)} == {6}
