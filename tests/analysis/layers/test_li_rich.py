"""Domains of Li-rich oxides: what the two end members are made of, and what lies between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.analysis.layers.li_rich import lithium_rich
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import supercell_matrices

HONEYCOMB = primitive(crystals.LI2MNO3)


def test_lithium_manganate_is_one_honeycomb() -> None:
    """A third of the metal layer is lithium, each with six Mn; each Mn has three Li and three Mn; every oxygen bridges
    two Li."""
    found = lithium_rich(conventional(crystals.LI2MNO3))
    assert {(site.element, site.lithium, site.metal) for site in found.sites} == {("Li", 0, 6), ("Mn", 3, 3)}
    assert found.honeycomb_units == 2
    assert (found.metal_share("Li2MnO3-like"), found.metal_share("LiMO2-like")) == (1.0, 0.0)
    assert found.bridges == {"Li-O-Li": 12}
    assert found.environments == {"Li4Mn2": 12}


def test_lithium_cobalt_oxide_has_none_of_it() -> None:
    found = lithium_rich(conventional(crystals.LCO))
    assert {(site.element, site.lithium, site.metal) for site in found.sites} == {("Co", 0, 6)}
    assert (found.honeycomb_units, found.domains, found.metal_share("LiMO2-like")) == (0, (), 1.0)
    assert found.bridges == {"Co-O-Li": 6}


def test_one_unit_in_lithium_cobalt_oxide() -> None:
    """One Li in place of Co: one unit, six neighbours with one Li of six, which is nearer to none than to three; six
    oxygen atoms bridge."""
    cell = conventional(crystals.LCO).make_supercell((4, 4, 1), in_place=False)
    site = next(i for i, one in enumerate(cell) if one.specie.symbol == "Co")
    cell.replace(site, "Li+")
    found = lithium_rich(cell)
    assert found.honeycomb_units == 1
    assert found.domains == ((site,),)
    assert sorted(one.lithium for one in found.sites if one.element == "Co") == [0] * 41 + [1] * 6
    assert found.bridges["Li-O-Li"] == 6


def test_the_li_rich_host() -> None:
    cell = calculation_cell(material("LRMO"))
    found = lithium_rich(cell)
    lithium = [site for site in found.sites if site.element == "Li"]
    assert (len(found.sites), len(lithium)) == (30, 6)
    assert {site.lithium + site.metal for site in found.sites} == {6}
    assert found.honeycomb_units == sum(site.lithium == 0 for site in lithium)
    assert found.metal_share("Li2MnO3-like") + found.metal_share("LiMO2-like") == pytest.approx(1)
    assert sum(found.bridges.values()) == sum(found.environments.values()) == 60
    # each Li of the metal layer faces six lithium atoms across its six oxygen atoms
    assert found.bridges["Li-O-Li"] == 6 * len(lithium) - sum(site.lithium for site in lithium)


@settings(max_examples=15, deadline=None)
@given(matrix=supercell_matrices(4), seed=st.integers(0, 2**32 - 1))
def test_supercells_shifts_and_rattles_change_nothing(matrix: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = HONEYCOMB.make_supercell(matrix, in_place=False)
    moved = Structure(
        cell.lattice,
        cell.species,
        cell.cart_coords + rng.uniform(-0.05, 0.05, size=(len(cell), 3)) + rng.normal(size=3),
        coords_are_cartesian=True,
    )
    found = lithium_rich(moved)
    assert {(site.element, site.lithium, site.metal) for site in found.sites} == {("Li", 0, 6), ("Mn", 3, 3)}
    assert found.bridges == {"Li-O-Li": len([site for site in cell if site.specie.symbol == "O"])}
