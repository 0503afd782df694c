"""Vacancies: distinct, paid for by the metals, with the distances that they claim."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.environment import anion_environments
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.structures.defects.vacancy import lithium_vacancies, oxygen_sites, oxygen_vacancy


@pytest.fixture(scope="module")
def ncm():
    return calculation_cell(material("NCM532"))


@pytest.fixture(scope="module")
def lco():
    return calculation_cell(material("LCO")).make_supercell((3, 2, 1), in_place=False)


def test_pairs_of_vacancies_are_those_that_the_matcher_tells_apart(lco, refereed):
    """Two of six lithium atoms, by an independent route: every pair, grouped by pymatgen."""
    lithium = [i for i, site in enumerate(lco) if site.specie.symbol == "Li"]
    candidates = []
    for pair in combinations(lithium, 2):
        cell = lco.copy().remove_oxidation_states()
        cell.remove_sites(pair)
        candidates.append(cell)
    groups = StructureMatcher(scale=False, attempt_supercell=False, primitive_cell=False).group_structures(candidates)
    found = lithium_vacancies(lco, 2, 50)
    by = "pymatgen, StructureMatcher.group_structures"
    refereed(
        "number of distinct pairs of vacancies",
        abs(len(found) - len(groups)),
        0,
        of="structures.defects.vacancy.lithium_vacancies",
        by=by,
        unit="pairs",
    )
    assert [one.energy for one in found] == sorted(one.energy for one in found)
    assert {len(one.removed) for one in found} == {2}


@settings(max_examples=6, deadline=None)
@given(number=st.integers(0, 30), seed=st.integers(0, 3))
def test_stoichiometry_charge_and_origin(ncm, number, seed):
    (found,) = lithium_vacancies(ncm, number, 1, seed)
    cell = found.structure
    assert cell.charge == pytest.approx(0)
    assert cell.composition.element_composition["Li"] == 30 - number
    assert len(found.removed) == number
    for site, origin in zip(cell, cell.site_properties["origin"], strict=True):
        assert site.specie.symbol == ncm[origin].specie.symbol
        assert site.distance(ncm[origin]) < 1e-6
    assert sum(change for name, change in found.oxidised.items()) == 0


def test_nickel_pays_for_twelve_vacancies_and_its_moments_follow(ncm):
    (found,) = lithium_vacancies(ncm, 12)
    assert found.oxidised == {"Ni2+": -9, "Ni3+": 6, "Ni4+": 3}
    moments = {str(site.specie): site.properties["magmom"] for site in found.structure}
    assert (moments["Ni4+"], moments["Ni3+"]) == (0.0, 1.0)


def test_distances_are_those_of_the_cell(lco):
    for one in lithium_vacancies(lco, 2, 50):
        assert one.vacancy_vacancy == pytest.approx((lco.get_distance(*one.removed),))
        for index, (species, distance) in zip(one.removed, one.nearest_metal, strict=True):
            near = min(lco.get_distance(index, i) for i, site in enumerate(lco) if site.specie.symbol == "Co")
            assert (species, distance) == ("Co3+", pytest.approx(near))


def test_oxygen_sites_of_an_ordering_and_of_the_average_crystal(ncm, lco):
    classes = oxygen_sites(ncm)
    assert sorted(i for site in classes for i in site.members) == [
        i for i, site in enumerate(ncm) if site.specie.symbol == "O"
    ]
    told = {environment.index: environment.label for environment in anion_environments(ncm, "O")}
    assert all(told[member] == site.environment for site in classes for member in site.members)
    (single,) = oxygen_sites(lco)
    assert (single.environment, len(single.members)) == ("Li3Co3", 12)


def test_an_oxygen_vacancy_reduces_its_neighbours(lco):
    found = oxygen_vacancy(lco, oxygen_sites(lco)[0].index)
    cell = found.structure
    assert cell.charge == pytest.approx(0)
    assert found.oxidised == {"Co2+": 2, "Co3+": -2}
    near = sorted(lco.get_distance(found.removed[0], i) for i, site in enumerate(lco) if site.specie.symbol == "Co")[:3]
    reduced = [
        lco.get_distance(found.removed[0], int(cell[i].properties["origin"]))
        for i, site in enumerate(cell)
        if str(site.specie) == "Co2+"
    ]
    assert max(reduced) <= max(near) + 1e-6
    assert {site.properties["magmom"] for site in cell if str(site.specie) == "Co2+"} == {3.0}


def test_electrolytes_are_charged_on_demand_only():
    cell = calculation_cell(material("LPSCl"))
    with pytest.raises(StructureError, match="charges cannot balance"):
        lithium_vacancies(cell, 1)
    found = lithium_vacancies(cell, 1, 10, charged=True)
    assert {one.charge for one in found} == {-1.0}
    assert all(set(map(str, one.structure.species)) == set(map(str, cell.species)) for one in found)
    assert all(one.structure.charge == pytest.approx(-1) for one in found)


def test_files_keep_where_sites_came_from(ncm, tmp_path):
    cell = lithium_vacancies(ncm, 3)[0].structure
    for name in ("cell.json", "cell.extxyz"):
        back = read_structure(write_structure(cell, tmp_path / name))
        assert back.site_properties["origin"] == cell.site_properties["origin"]
        assert back.site_properties["magmom"] == cell.site_properties["magmom"]


def test_what_cannot_be_removed_is_an_error(ncm, lco):
    with pytest.raises(StructureError, match="holds 30 lithium atoms"):
        lithium_vacancies(ncm, 31)
    with pytest.raises(InputError, match="at least 0 and 1"):
        lithium_vacancies(ncm, -1)
    with pytest.raises(InputError, match="at least 0 and 1"):
        lithium_vacancies(ncm, 1, 0)
    with pytest.raises(StructureError, match="partial occupancies"):
        lithium_vacancies(conventional(material("NCM532")), 1)
    with pytest.raises(StructureError, match=r"site 0 holds Li\+; oxygen sites are"):
        oxygen_vacancy(lco, 0)
    with pytest.raises(StructureError, match="site 999 does not exist"):
        oxygen_vacancy(lco, 999)
    carbonate = calculation_cell(material("Li2CO3"))
    site = oxygen_sites(carbonate)[0].index
    with pytest.raises(StructureError, match="charges cannot balance"):
        oxygen_vacancy(carbonate, site)
    assert oxygen_vacancy(carbonate, site, charged=True).charge == 2
