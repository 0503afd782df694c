"""Oriented cells: the right plane, the smallest cell, whatever cell the crystal is given in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure
from scipy.spatial.transform import Rotation

from catholyte.configs.errors import StructureError
from catholyte.configs.load import load_materials
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.symmetry import primitive_lattice
from catholyte.structures.surfaces.facet import (
    SourceCell,
    equivalent_millers,
    facet,
    facet_members,
    low_index_millers,
    source_cell,
)
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import supercell_matrices

LIBRARY = sorted((m for m in load_materials().values() if m.role != "product"), key=lambda m: m.name)
SMALL = [crystals.LCO, crystals.COO, crystals.LI2CO3, crystals.LI2MNO3]


def lengths(lattice):
    return np.sort(np.linalg.norm(lattice, axis=1))


@pytest.mark.parametrize("material", [*crystals.ALL, *LIBRARY], ids=lambda m: m.name)
def test_miller_indices_refer_to_axes_in_the_frame_of_the_cell(material):
    cell = source_cell(material)
    distances = cell.average.lattice.get_all_distances(
        cell.average.lattice.get_fractional_coords(cell.structure.cart_coords), cell.average.frac_coords
    )
    nearest = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-3
    assert all(site.specie in cell.average[int(k)].species for site, k in zip(cell.structure, nearest, strict=True))


def test_rock_salt_planes_by_hand():
    cell, a = source_cell(crystals.COO), 4.26
    plane = facet(cell, (1, 0, 0))
    assert (plane.spacing, plane.area, len(plane.oriented)) == (pytest.approx(a / 2), pytest.approx(a * a), 4)
    along = facet_members(cell, (1, 1, 1))[0]  # the ferromagnetic planes: the moments double the period
    assert (along.spacing, along.layer) == (pytest.approx(2 * a / 3**0.5), pytest.approx(a / 3**0.5))
    assert along.area == pytest.approx(a * a * 3**0.5 / 4)
    across = next(facet(cell, m) for m in equivalent_millers(cell, (1, 1, 1)) if facet(cell, m).area > 10)
    assert (across.spacing, across.area) == (pytest.approx(along.spacing / 2), pytest.approx(2 * along.area))


def test_layered_oxide_planes_by_hand():
    cell = source_cell(crystals.LCO)
    a, c = 2.816, 14.054
    assert facet(cell, (0, 0, 1)).spacing == pytest.approx(c / 3)
    assert facet(cell, (0, 0, 3)).area == pytest.approx(a * a * 3**0.5 / 2)
    spacing = 1 / np.sqrt(4 / 3 / a**2 + 16 / c**2)
    assert facet(cell, (1, 0, 4)).spacing == pytest.approx(spacing)
    assert facet(cell, (1, 0, 4)).area * spacing == pytest.approx(cell.structure.volume)


@pytest.mark.parametrize("material", [*SMALL, crystals.LPSCL, crystals.CO3O4], ids=lambda m: m.name)
def test_oriented_cells_hold_the_crystal(material):
    cell = source_cell(material)
    for miller in low_index_millers(cell):
        plane = facet(cell, miller)
        a, b, c = plane.oriented.lattice.matrix
        assert a[1:] == pytest.approx([0, 0])
        assert b[2] == 0
        assert b[1] > 0
        assert c[2] == pytest.approx(plane.spacing)
        assert plane.oriented.volume == pytest.approx(cell.structure.volume)
        assert 2 * abs(a @ b) <= a @ a + 1e-6 <= b @ b + 2e-6  # Gauss-reduced
        assert plane.spacing / plane.layer == pytest.approx(round(plane.spacing / plane.layer))
        back = plane.oriented.cart_coords @ plane.rotation
        gaps = cell.structure.lattice.get_fractional_coords(
            back - cell.structure.cart_coords[plane.oriented.site_properties["origin"]]
        )
        assert np.allclose(gaps, np.rint(gaps), atol=1e-6)
        outward = np.array(miller) @ np.linalg.inv(cell.conventional).T
        assert plane.rotation[2] == pytest.approx(outward / np.linalg.norm(outward), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(SMALL),
    supercell_matrices(),
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(-2, 2)] * 3).filter(lambda m: any(m)),
)
def test_facets_do_not_depend_on_the_cell_the_crystal_is_given_in(material, matrix, seed, miller):
    rng = np.random.default_rng(seed)
    cell = source_cell(material)
    turn = Rotation.random(rng=rng).as_matrix()
    large = cell.structure.make_supercell(matrix, in_place=False)
    turned = Structure(
        large.lattice.matrix @ turn.T,
        large.species,
        large.frac_coords + rng.random(3),
        site_properties=large.site_properties,
    )
    other = SourceCell(turned, cell.conventional @ turn.T, cell.label, turned)
    mine, theirs = facet(cell, miller), facet(other, miller)
    assert len(theirs.oriented) == len(mine.oriented)
    assert (theirs.area, theirs.spacing, theirs.layer) == (
        pytest.approx(mine.area),
        pytest.approx(mine.spacing),
        pytest.approx(mine.layer),
    )
    assert lengths(theirs.in_plane) == pytest.approx(lengths(mine.in_plane))


@pytest.mark.parametrize("material", SMALL, ids=lambda m: m.name)
def test_a_structure_of_ones_own_finds_its_conventional_axes(material):
    cell = source_cell(material)
    own = SourceCell.of_structure(cell.structure, "own")
    assert lengths(own.conventional) == pytest.approx(lengths(cell.conventional), rel=1e-4)
    first, second = ([facet(c, m).area for m in low_index_millers(c)] for c in (cell, own))
    assert sorted(second) == pytest.approx(sorted(first), rel=1e-3)


def test_families_and_low_index_facets():
    layered = source_cell(crystals.LCO)
    assert {(1, 0, 4), (0, 1, 2), (0, 0, 1), (1, 0, 0), (1, 1, 0)} <= set(low_index_millers(layered))
    assert (0, 1, 4) not in equivalent_millers(layered, (1, 0, 4))
    assert (0, 1, -4) in equivalent_millers(layered, (1, 0, 4))
    assert low_index_millers(source_cell(crystals.COO)) == [(1, 0, 0), (1, 1, 0), (1, 1, 1)]
    for miller in low_index_millers(layered, 2):
        assert facet(layered, miller).area == pytest.approx(
            facet(layered, equivalent_millers(layered, miller)[-1]).area
        )


def test_planes_of_one_family_differ_in_an_ordering():
    cell = source_cell(crystals.NCM532)
    members = facet_members(cell, (1, 0, 4))
    assert [round(member.area / members[0].area) for member in members] == [1, 2, 2]
    chosen = members[0]
    assert chosen.area == pytest.approx(facet(cell, (1, 0, 4)).area / 2)
    assert chosen.miller in equivalent_millers(cell, (1, 0, 4))
    assert chosen.layer == pytest.approx(facet(cell, (1, 0, 4)).layer)
    assert facet_members(source_cell(crystals.LCO), (1, 0, 4))[0].miller == (1, 0, 4)


def test_the_magnetic_lattice_is_larger_than_the_chemical_one():
    cell = calculation_cell(crystals.COO)
    doubled = cell.make_supercell([2, 1, 1], in_place=False)
    assert abs(np.linalg.det(primitive_lattice(doubled))) == pytest.approx(cell.volume)
    assert abs(np.linalg.det(primitive_lattice(doubled, magnetic=False))) == pytest.approx(cell.volume / 2)


def test_relaxed_cells_carry_their_axes_along():
    cell = source_cell(crystals.COO)
    swollen = cell.structure.copy()
    swollen.scale_lattice(cell.structure.volume * 1.02**3)
    plane, larger = facet(cell, (1, 1, 0)), facet(cell.relaxed(swollen), (1, 1, 0))
    assert larger.area == pytest.approx(plane.area * 1.02**2)
    assert larger.oriented.site_properties["magmom"] == plane.oriented.site_properties["magmom"]
    sheared = cell.structure.copy()
    sheared.lattice = cell.structure.lattice.matrix @ [[1.01, 0.01, 0], [0, 1, 0.02], [0, 0, 0.99]]
    assert equivalent_millers(cell.relaxed(sheared), (1, 0, 0)) == equivalent_millers(cell, (1, 0, 0))
    with pytest.raises(StructureError, match="other sites"):
        cell.relaxed(calculation_cell(crystals.LCO))


def test_bad_input():
    cell = source_cell(crystals.LCO)
    for make in (facet, facet_members, equivalent_millers):
        with pytest.raises(StructureError, match="0 0 0 names no plane"):
            make(cell, (0, 0, 0))
    with pytest.raises(StructureError, match="at least 1"):
        low_index_millers(cell, 0)
    with pytest.raises(StructureError, match="ordered cell"):
        SourceCell.of_structure(source_cell(crystals.NCM532).average, "NCM")
    bare = cell.structure.copy()
    bare.remove_oxidation_states()
    with pytest.raises(StructureError, match="no oxidation state"):
        SourceCell.of_structure(bare, "bare")
    close = Structure(cell.structure.lattice, ["Li+", "Li+"], [[0, 0, 0], [0.01, 0, 0]])
    with pytest.raises(StructureError, match="overlap"):
        SourceCell.of_structure(close, "close")
