"""Slabs: every termination, its polarity, and what must hold for all of them; pymatgen's SlabGenerator is the
referee."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure
from pymatgen.core.surface import SlabGenerator
from scipy.spatial.transform import Rotation

from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.environment import complex_ions, site_charges
from catholyte.structures.surfaces.facet import SourceCell, facet, source_cell
from catholyte.structures.surfaces.planes import group_planes, opposite_cuts, same_height, terminations
from catholyte.structures.surfaces.polarity import _halves
from catholyte.structures.surfaces.slab import SlabSpec, flipped, slabs
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import supercell_matrices

CELLS = {
    m.name: source_cell(m)
    for m in (crystals.LCO, crystals.COO, crystals.LI2CO3, crystals.LI2MNO3, crystals.LPSCL, crystals.CO3O4)
}
PLAIN = SlabSpec(reconstruct=False)


def profile(structure):
    """Heights of each species above the lowest atom, and the same upside down; a slab may lie across the cell's
    seam."""
    rising = np.sort(structure.cart_coords[:, 2] % structure.lattice.c)
    gaps = np.diff(rising, append=rising[0] + structure.lattice.c)
    heights = (structure.cart_coords[:, 2] - rising[int(np.argmax(gaps)) - len(rising) + 1] + 0.5) % structure.lattice.c
    symbols = np.array([site.specie.symbol for site in structure])
    ways = (heights - heights.min(), heights.max() - heights)
    return [{symbol: np.sort(way[symbols == symbol]) for symbol in sorted(set(symbols))} for way in ways]


def same_profile(a, b):
    """Whether two slabs have the same species at the same heights, upside down or not."""
    return any(
        way.keys() == a[0].keys()
        and all(len(way[s]) == len(a[0][s]) and np.allclose(way[s], a[0][s], atol=0.03) for s in way)
        for way in b
    )


@pytest.mark.parametrize(
    ("name", "miller", "expected"),
    [
        # top face, Tasker class, equal faces, shared plane
        ("LCO", (1, 0, 4), [("LiCoO2", 1, True, False)]),
        ("LCO", (1, 1, 0), [("LiCoO2", 1, True, False)]),
        ("LCO", (1, 0, 0), [("LiCoO2", 1, True, False)]),
        (
            "LCO",
            (0, 0, 1),
            [("Li", 3, True, True), ("Co", 3, True, True), ("O-1", 3, False, False), ("O-2", 3, False, False)],
        ),
        ("LCO", (0, 1, 2), [("LiCo", 3, True, True), ("O", 3, True, True)]),
        ("CoO", (1, 0, 0), [("CoO", 1, True, False)]),
        ("CoO", (1, 1, 0), [("CoO", 1, True, False)]),
        ("CoO", (1, 1, 1), [("Co", 3, True, True), ("O", 3, True, True)]),
    ],
)
def test_known_facets(name, miller, expected):
    found = slabs(CELLS[name], miller)
    assert [(s.termination.label, s.tasker, s.symmetric, s.reconstructed) for s in found] == expected
    assert all(s.stoichiometric for s in found)
    assert all(abs(s.dipole) < 1e-9 for s in found if s.symmetric)


def test_shared_lithium_of_the_basal_plane():
    slab = slabs(CELLS["LCO"], (0, 0, 1), SlabSpec(layers=3))[0]
    heights = slab.structure.cart_coords[:, 2]
    lithium = np.array([site.specie.symbol == "Li" for site in slab.structure])
    top, bottom = lithium & (heights > heights.max() - 0.1), lithium & (heights < heights.min() + 0.1)
    assert (top.sum(), bottom.sum(), lithium.sum()) == (
        1,
        1,
        6,
    )  # half a plane each, two full planes inside, in a doubled cell
    assert slab.area == pytest.approx(2 * slab.facet.area)
    assert slab.thickness == pytest.approx(14.054)
    assert slab.structure.composition.element_composition.reduced_formula == "LiCoO2"


def test_a_plane_of_two_cations_is_shared_by_charge():
    slab = slabs(CELLS["LCO"], (0, 1, 2), SlabSpec(layers=4))[0]
    heights = slab.structure.cart_coords[:, 2]
    for outer in (heights > heights.max() - 0.4, heights < heights.min() + 0.4):
        assert Counter(site.specie.symbol for site, mine in zip(slab.structure, outer, strict=True) if mine) == {
            "Li": 1,
            "Co": 1,
        }


def test_the_dipole_grows_with_the_thickness_and_the_shared_plane_stops_it():
    for spec in (SlabSpec(layers=2, reconstruct=False), SlabSpec(layers=4, reconstruct=False)):
        slab = slabs(CELLS["LCO"], (0, 0, 1), spec)[0]
        assert slab.dipole == pytest.approx(spec.layers * slab.termination.dipole)
        assert slab.stoichiometric
        assert not slab.symmetric
    # Li+ | O2- Co3+ O2-: a repeat turns Li+ by half a period against the rest
    assert slab.termination.dipole == pytest.approx(14.054 / 3 / 2 / slab.area)


def test_moments_charges_and_origin_are_those_of_the_bulk():
    for slab in slabs(CELLS["CoO"], (1, 1, 1)) + slabs(CELLS["Co3O4"], (1, 1, 1)):
        source, structure = slab.facet.cell.structure, slab.structure
        origin = structure.site_properties["origin"]
        assert structure.site_properties["magmom"] == [source.site_properties["magmom"][k] for k in origin]
        assert structure.species == [source.species[k] for k in origin]
        assert set(structure.site_properties["layer"]) == {slab.facet.cell.label}
        assert structure.charge == 0
        assert (
            len({len([k for k in origin if k == site]) for site in origin}) == 1
        )  # every site of the bulk equally often


@pytest.mark.parametrize("name", CELLS)
def test_every_slab_of_a_crystal(name):
    cell = CELLS[name]
    for miller in [(0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)]:
        for slab in slabs(cell, miller, SlabSpec(thickness=6, vacuum=12)):
            structure = slab.structure
            heights = structure.cart_coords[:, 2]
            assert structure.lattice.matrix[2] == pytest.approx([0, 0, slab.thickness + 12])
            assert heights.max() + heights.min() == pytest.approx(structure.lattice.c)
            assert np.ptp(heights) == pytest.approx(slab.thickness)
            assert slab.stoichiometric
            assert len(structure) / len(cell.structure) == pytest.approx(
                slab.area * slab.n_layers * slab.facet.layer / cell.structure.volume
            )
            assert slab.n_layers * slab.facet.layer >= 6 - 1e-6
            dipole = site_charges(structure) @ heights / slab.area
            assert slab.dipole == pytest.approx(dipole, abs=1e-6)
            if not slab.reconstructed:
                assert slab.dipole == pytest.approx(
                    slab.termination.dipole * slab.n_layers * slab.facet.layer / slab.facet.spacing, abs=1e-6
                )
            if slab.symmetric:
                assert abs(slab.dipole) < 1e-3
                mirrored = Structure(
                    structure.lattice, structure.species, structure.frac_coords * [1, 1, -1] + [0, 0, 1]
                )
                assert same_profile(profile(mirrored)[:1], profile(structure)[:1])
            assert flipped(slab).dipole == pytest.approx(-slab.dipole)
            assert flipped(flipped(slab)).termination.label == slab.termination.label


@pytest.mark.parametrize(
    ("name", "miller"),
    [("LPSCl", (1, 0, 0)), ("LPSCl", (1, 1, 1)), ("LCO", (0, 0, 1)), ("Li2CO3", (0, 0, 1)), ("Li2MnO3", (0, 1, 0))],
)
def test_no_slab_is_returned_twice(name, miller):
    matcher = StructureMatcher(primitive_cell=False, scale=False, ltol=0.01, stol=0.02, angle_tol=0.5)
    found = [slab.structure for slab in slabs(CELLS[name], miller, PLAIN)]
    assert not any(matcher.fit(found[i], found[j]) for i in range(len(found)) for j in range(i))


@pytest.mark.parametrize(
    ("name", "miller"),
    [
        ("LCO", (1, 0, 4)), ("LCO", (0, 0, 1)), ("LCO", (0, 1, 2)), ("LCO", (1, 1, 0)), ("LCO", (1, 0, 0)),
        ("LPSCl", (1, 0, 0)), ("LPSCl", (1, 1, 0)), ("LPSCl", (1, 1, 1)), ("Li2CO3", (0, 0, 1)), ("Li2CO3", (1, 0, 0)), ("Li2MnO3", (0, 0, 1)),
    ],
)  # fmt: skip
def test_slab_generator_as_referee(name, miller, refereed):
    """It cuts the same cell, and each of its terminations is among ours."""
    cell = CELLS[name]
    plane = facet(cell, miller)
    bulk = cell.structure.copy()
    bulk.remove_oxidation_states()
    for key in list(bulk.site_properties):
        bulk.remove_site_property(key)
    to_cell = bulk.lattice.matrix @ np.linalg.inv(cell.conventional) @ np.array(miller)
    scaled = next(to_cell * k for k in range(1, 13) if np.allclose(to_cell * k, np.rint(to_cell * k), atol=1e-3))
    theirs = SlabGenerator(
        bulk, np.rint(scaled).astype(int).tolist(), 3, 3, in_unit_planes=True, primitive=True, center_slab=True
    )
    their_slabs = theirs.get_slabs(ftol=0.05, symmetrize=False)
    ours = slabs(cell, miller, SlabSpec(thickness=0.5, reconstruct=False, plane_width=0.05), exact=True)
    assert len(ours) >= len(their_slabs)
    missing = 0
    for slab in their_slabs:
        repeats = round(len(slab) / len(plane.oriented) * plane.area / slab.surface_area)
        assert slab.surface_area % plane.area == pytest.approx(0, abs=1e-3) or slab.surface_area == pytest.approx(
            plane.area
        )
        same = slabs(
            cell, miller, SlabSpec(thickness=repeats * plane.spacing, reconstruct=False, plane_width=0.05), exact=True
        )
        mine = [profile(mine.structure) for mine in same]
        missing += not any(same_profile(profile(slab.get_orthogonal_c_slab()), other) for other in mine)
    refereed(
        "terminations of 11 facets, missing",
        missing,
        0,
        of="structures.surfaces.slab.slabs",
        by="pymatgen, SlabGenerator",
        unit="terminations",
    )


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(CELLS)),
    supercell_matrices(3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([(0, 0, 1), (1, 0, 0), (1, 1, 0), (0, 1, 2)]),
)
def test_terminations_do_not_depend_on_the_cell_the_crystal_is_given_in(name, matrix, seed, miller):
    cell, rng = CELLS[name], np.random.default_rng(seed)
    turn, shift = Rotation.random(rng=rng).as_matrix(), rng.random(3)
    large = cell.structure.make_supercell(matrix, in_place=False)
    moved = [Structure(s.lattice.matrix @ turn.T, [site.species for site in s], s.cart_coords @ turn.T + shift, coords_are_cartesian=True,
                       site_properties=s.site_properties) for s in (large, cell.average)]  # fmt: skip
    other = SourceCell(moved[0], cell.conventional @ turn.T, cell.label, moved[1])
    mine, theirs = (terminations(facet(source, miller)) for source in (cell, other))

    def told(found):
        return sorted(
            (t.label.split("-")[0], t.tasker, round(t.dipole, 4), round(t.broken_units, 4), round(t.broken_strength, 4))
            for t in found
        )

    assert told(theirs) == told(mine)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 699), min_size=1, max_size=30),
    st.integers(-2000, 2000),
    st.sampled_from([0.055, 0.105, 0.305, 0.995]),
)
def test_planes_are_narrow_and_do_not_depend_on_the_origin(heights, shift, width):
    heights = np.array(heights) / 100

    def sets(values):
        planes = group_planes(np.array(values), 7.0, width)
        assert sorted(int(k) for plane in planes for k in plane) == list(range(len(heights)))
        for plane in planes:
            gaps = np.mod(np.array(values)[plane] - values[plane[0]] + 3.5, 7) - 3.5
            assert np.ptp(gaps) <= width + 1e-9
        return {frozenset(map(int, plane)) for plane in planes}

    assert sets(heights) == sets(heights + shift / 100)


def test_reflection_of_a_cut():
    plane = facet(CELLS["LCO"], (0, 0, 1))
    lithium = next(
        float(site.coords[2]) for site in plane.oriented if site.specie.symbol == "Li"
    )  # an inversion centre
    for cut in terminations(plane):
        top = cut.shift * plane.spacing
        assert any(same_height(image, 2 * lithium - top, plane.spacing) for image in opposite_cuts(plane, top))


def test_equal_faces_at_the_price_of_stoichiometry():
    found = slabs(CELLS["LCO"], (0, 0, 1), SlabSpec(layers=3, equal_faces=True, reconstruct=False))
    assert all(slab.symmetric and abs(slab.dipole) < 1e-6 for slab in found)
    assert not any(slab.stoichiometric for slab in found)
    oxygen = next(slab for slab in found if slab.termination.label == "O-2")
    heights = oxygen.structure.cart_coords[:, 2]
    ends = [oxygen.structure[int(k)].specie.symbol for k in (heights.argmin(), heights.argmax())]
    assert ends == ["O", "O"]


def test_complex_ions_stay_whole_first():
    found = slabs(CELLS["Li2CO3"], (0, 0, 1))
    assert found[0].termination.broken_units == 0
    assert found[-1].termination.broken_units > 0.02
    whole = slabs(CELLS["Li2CO3"], (0, 0, 1), SlabSpec(complex_ions="reject"))
    assert [slab.name for slab in whole] == [found[0].name]
    for slab in whole:
        carbon = [k for k, site in enumerate(slab.structure) if site.specie.symbol == "C"]
        oxygen = [k for k, site in enumerate(slab.structure) if site.specie.symbol == "O"]
        assert ((slab.structure.distance_matrix[np.ix_(carbon, oxygen)] < 1.5).sum(axis=1) == 3).all()
    assert all(t.broken_units == 0 for t in terminations(facet(CELLS["CoO"], (1, 1, 1))))
    with pytest.raises(StructureError, match="breaks bonds inside complex ions"):
        slabs(CELLS["LPSCl"], (1, 1, 0), SlabSpec(complex_ions="reject"))


@pytest.mark.parametrize(("name", "centre", "ligand", "number"), [("LPSCl", "P", "S", 4), ("Li2CO3", "C", "O", 3)])
@pytest.mark.parametrize("miller", [(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1)])
def test_cuts_around_complex_ions(name, centre, ligand, number, miller):
    """No P-S or C-O bond breaks; the dipole still counts every ion where it is."""
    for slab in slabs(CELLS[name], miller, SlabSpec(thickness=6, complex_ions="whole")):
        structure = slab.structure
        symbols = np.array([site.specie.symbol for site in structure])
        close = structure.distance_matrix[np.ix_(symbols == centre, symbols == ligand)] < 2.4 - 0.8 * (ligand == "O")
        assert (close.sum(axis=1) == number).all()
        assert slab.termination.broken_units == 0
        assert slab.stoichiometric
        if not slab.reconstructed:
            assert slab.dipole == pytest.approx(
                slab.termination.dipole * slab.n_layers * slab.facet.layer / slab.facet.spacing, abs=1e-6
            )
    assert (
        slabs(CELLS["LCO"], (1, 0, 4), SlabSpec(complex_ions="whole"))[0].structure
        == slabs(CELLS["LCO"], (1, 0, 4))[0].structure
    )


def test_complex_ions_by_bond_strength():
    carbonate = complex_ions(CELLS["Li2CO3"].structure)
    assert carbonate.strength[carbonate.inside] == pytest.approx(4 / 3)
    assert carbonate.inside.sum() == 3 * 2
    assert not carbonate.bound[
        [k for k, site in enumerate(CELLS["Li2CO3"].structure) if site.specie.symbol == "Li"]
    ].any()
    assert np.linalg.norm(carbonate.shift, axis=1) == pytest.approx(
        [0] * 4 + [np.linalg.norm(v) for v in carbonate.shift[4:]]
    )
    for name in ("LCO", "CoO", "Li2MnO3", "Co3O4"):
        assert not complex_ions(CELLS[name].structure).bound.any()
    network = complex_ions(source_cell(material("GeO2-quartz")).structure)
    assert network.bound.all()
    assert not network.shift.any()  # without end in every direction: it has no middle


def test_an_ordering_is_as_polar_as_its_average_crystal():
    cell = source_cell(crystals.NCM532)
    assert {slab.tasker for slab in slabs(cell, (1, 0, 4), SlabSpec(layers=2))} == {1}
    basal = slabs(cell, (0, 0, 1), SlabSpec(layers=3))
    assert {slab.tasker for slab in basal} == {3}
    lithium = [slab for slab in basal if slab.termination.label.startswith("Li-")]
    assert len(lithium) == 3
    assert all(slab.reconstructed and len(slab.structure) == 120 and abs(slab.dipole) < 1e-3 for slab in lithium)
    metal = next(slab for slab in basal if slab.termination.label.startswith("Mn"))
    heights = metal.structure.cart_coords[:, 2]
    charges = site_charges(metal.structure)
    assert charges[heights > heights.max() - 0.3].sum() == pytest.approx(charges[heights < heights.min() + 0.3].sum())


def test_large_planes_are_divided_by_swaps(monkeypatch):
    """Where halves are too many to enumerate, no single swap improves the one that is taken."""
    rng = np.random.default_rng(0)
    repulsion = rng.random((8, 8))
    repulsion += repulsion.T
    charge, offset, weight = rng.normal(size=8), 0.3, 2.0

    def energy(signs):
        return signs @ repulsion @ signs + weight * (offset + signs @ charge) ** 2

    best = _halves(repulsion, charge, offset, weight)
    assert [energy(signs) for signs in best] == sorted(energy(signs) for signs in best)
    monkeypatch.setattr("catholyte.structures.surfaces.polarity._LARGEST", 1)
    (found,) = _halves(repulsion, charge, offset, weight)
    assert found.sum() == 0
    for i in np.flatnonzero(found > 0):
        for k in np.flatnonzero(found < 0):
            swapped = found.copy()
            swapped[[i, k]] = -1, 1
            assert energy(swapped) >= energy(found) - 1e-9
    assert energy(found) >= energy(best[0]) - 1e-9


def test_thickness_vacuum_and_fixed_core():
    thick = slabs(CELLS["CoO"], (1, 0, 0), SlabSpec(layers=7, fixed_layers=3))[0]
    assert thick.n_layers == 7
    free = np.array(thick.structure.site_properties["selective_dynamics"])
    heights = thick.structure.cart_coords[:, 2] - thick.structure.lattice.c / 2
    assert (free.all(axis=1) == (np.abs(heights) > 1.5 * 2.13)).all()
    assert (~free).all(axis=1).sum() == 3 * 4
    assert slabs(CELLS["CoO"], (1, 0, 0), SlabSpec(thickness=8))[0].n_layers == 4
    assert "selective_dynamics" not in slabs(CELLS["CoO"], (1, 0, 0))[0].structure.site_properties


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"layers": 0}, "at least 1 layer"),
        ({"thickness": 0.0}, "thickness above 0"),
        ({"thickness": float("nan")}, "thickness above 0"),
        ({"vacuum": -1.0}, "0 Å or more"),
        ({"fixed_layers": -1}, "0 or more"),
        ({"layers": 2, "thickness": 5.0}, "not both"),
    ],
)
def test_specifications_that_make_no_sense(settings_, message):
    with pytest.raises(StructureError, match=message):
        SlabSpec(**settings_)


def test_bad_input():
    with pytest.raises(StructureError, match="0 0 0"):
        slabs(CELLS["LCO"], (0, 0, 0))
    with pytest.raises(StructureError, match="tolerance"):
        terminations(facet(CELLS["LCO"], (0, 0, 1)), 0)
    with pytest.raises(StructureError, match="overlap"):
        slabs(CELLS["LCO"], (0, 0, 1), SlabSpec(vacuum=0.1))
    with pytest.raises(StructureError, match="no height"):
        slabs(CELLS["CoO"], (1, 0, 0), SlabSpec(layers=1, vacuum=0))
