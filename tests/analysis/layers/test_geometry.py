"""Layered geometry: analytic values of ideal crystals, classes of slabs and interfaces, and what must not change a
thing."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from math import dist, radians, sin, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from scipy.spatial.transform import Rotation

from catholyte.analysis.layers.classes import PROTOTYPES, nearest_class
from catholyte.analysis.layers.geometry import layered_geometry
from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.structures.defects.reconstruction import reconstruct, rock_salt_layer
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support import crystals
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.strategies import supercell_matrices

#: z(O) of Li2MnO3 in units of c sin β: four atoms O1 and eight O2 in the cell make up its planes
_HEIGHT = 5.030 * sin(radians(109.46))
_MEAN_Z = (4 * 0.2273 + 8 * 0.2233) / 12
#: spinel: planes are a/(2√3) apart; a parameter u above 3/8 moves the mean plane by √3/2 (u - 3/8) a towards the layer
#: with three quarters of the metal
_SHIFT = sqrt(3) * (0.3882 - 0.375) * 8.084
#: material to S(MO2), I(LiO2), class and segregation, worked out from lattice parameters and positions
IDEAL = {
    "LCO": (
        crystals.LCO,
        2 * (1 / 3 - 0.2605) * 14.054,
        14.054 / 3 - 2 * (1 / 3 - 0.2605) * 14.054,
        "layered",
        (1, 0, 0, 0),
    ),
    "Li2MnO3": (crystals.LI2MNO3, 2 * _MEAN_Z * _HEIGHT, (1 - 2 * _MEAN_Z) * _HEIGHT, "layered", (1, 0, 0, 0)),
    "CoO": (crystals.COO, 4.26 / sqrt(3), 4.26 / sqrt(3), "rock salt", (0, 0, 0, 0)),
    "Co3O4": (crystals.CO3O4, 8.084 / sqrt(12) - _SHIFT, 8.084 / sqrt(12) + _SHIFT, "spinel", (0.5, 0.5, 0.5, 0.5)),
}
CELLS = {
    (name, kind): build(found[0])
    for name, found in IDEAL.items()
    for kind, build in (("conventional", conventional), ("primitive", primitive))
}


@cache
def slab(name: str, miller: tuple[int, int, int], layers: int) -> Structure:
    """The most sensible termination that has no dipole by itself."""
    found = slabs(source_cell(material(name)), miller, SlabSpec(layers=layers))
    return next((one for one in found if one.tasker == 1 or one.reconstructed), found[0]).structure


@pytest.mark.parametrize(("name", "kind"), CELLS)
def test_ideal_crystals_give_the_analytic_values(name: str, kind: str, refereed: Referee) -> None:
    _, s_mo2, i_lio2, structure, segregation = IDEAL[name]
    found = layered_geometry(CELLS[name, kind])
    assert found.s_mo2 is not None
    assert found.i_lio2 is not None
    away, by = (
        max(abs(found.s_mo2 - s_mo2), abs(found.i_lio2 - i_lio2)),
        "analytic, from lattice parameters and positions of four crystals",
    )
    refereed(
        "slab heights S(MO2) and I(LiO2)", away, 1e-9, of="analysis.layers.geometry.layered_geometry", by=by, unit="Å"
    )
    assert found.structure == structure
    away = np.abs(np.subtract(found.segregation, segregation)).max()
    refereed(
        "segregation of cations into layers",
        away,
        1e-6,
        of="analysis.layers.geometry.layered_geometry",
        by=by,
        unit="fraction",
    )
    assert {layer.structure for layer in found.layers} == {structure}
    assert found.shares == {structure: 1.0}
    assert (found.inclination, found.planes, found.left_out) == (None, (), 0)


def test_oxygen_distances_of_lithium_cobalt_oxide() -> None:
    """Across the lithium layer the inclined edge of the LiO6 octahedra, √(a²/3 + I²); within a plane a."""
    found = layered_geometry(CELLS["LCO", "primitive"])
    assert found.i_lio2 is not None
    assert found.s_mo2 is not None
    assert found.o_o_in_plane == pytest.approx(2.816)
    assert found.o_o_li_layer == pytest.approx(sqrt(2.816**2 / 3 + found.i_lio2**2))
    metal = next(layer for layer in found.layers if layer.role == "metal")
    assert metal.o_o == pytest.approx(sqrt(2.816**2 / 3 + found.s_mo2**2))


@pytest.mark.parametrize(
    ("name", "mixing"), [("LCO", (0, 0)), ("Li2MnO3", (0, 1 / 3)), ("CoO", (1, 0)), ("Co3O4", (3 / 4, 0))]
)
def test_mixing_of_ideal_crystals(name: str, mixing: tuple[float, float]) -> None:
    """Per octahedral site; the lithium layer of Co3O4 holds Co on a quarter of its octahedra and on half as many
    tetrahedra as octahedra."""
    found = layered_geometry(CELLS[name, "primitive"])
    assert (found.tm_in_li_layer, found.li_in_tm_layer) == pytest.approx(mixing)


def test_antisite_pairs_are_counted() -> None:
    cell = conventional(crystals.LCO).make_supercell((2, 2, 1), in_place=False)
    lithium, cobalt = (
        next(i for i, site in enumerate(cell) if site.specie.symbol == symbol) for symbol in ("Li", "Co")
    )
    cell.replace(lithium, "Co3+")
    cell.replace(cobalt, "Li+")
    found = layered_geometry(cell)
    assert (found.tm_in_li_layer, found.li_in_tm_layer) == pytest.approx((1 / 12, 1 / 12))
    assert found.segregation[0] == pytest.approx((11 - 1) / 12)
    assert found.structure == "layered"


@pytest.mark.parametrize("seed", range(3))
def test_a_cation_disordered_oxide_is_rock_salt(seed: int) -> None:
    """Half of the metal of a rock salt is lithium, anywhere: no family of planes is told apart."""
    cell = conventional(crystals.COO).make_supercell((4, 3, 2), in_place=False)
    metals = [i for i, site in enumerate(cell) if site.specie.symbol == "Co"]
    for i in np.random.default_rng(seed).permutation(metals)[: len(metals) // 2]:
        cell.replace(int(i), "Li+")
    found = layered_geometry(cell)
    assert found.structure == "rock salt"
    assert (found.s_mo2, found.i_lio2) == pytest.approx((4.26 / sqrt(3), 4.26 / sqrt(3)))
    assert (found.tm_in_li_layer, found.li_in_tm_layer) == pytest.approx((0.5, 0.5), abs=0.25)
    assert found.tm_in_li_layer == pytest.approx(found.li_in_tm_layer)


def test_layers_without_lithium_are_layers() -> None:
    full = conventional(crystals.LCO)
    empty = full.copy()
    empty.remove_species(["Li+"])
    before, after = layered_geometry(full), layered_geometry(empty)
    assert (after.s_mo2, after.i_lio2, after.o_o_li_layer) == pytest.approx(
        (before.s_mo2, before.i_lio2, before.o_o_li_layer)
    )
    assert after.structure == "layered"
    assert [layer.lithium for layer in after.layers] == [0] * 6


#: stacking: lateral places of lower oxygen, metal, upper oxygen and lithium of each sheet
_A, _B, _C = (0.0, 0.0), (1 / 3, 2 / 3), (2 / 3, 1 / 3)
STACKINGS = {
    "O1": [(_B, _A, _C, _A)],
    "O3": [(_A, _B, _C, _A), (_B, _C, _A, _B), (_C, _A, _B, _C)],
    "P2": [(_B, _A, _C, _B), (_C, _A, _B, _C)],
    "P3": [(_A, _C, _B, _A), (_B, _A, _C, _B), (_C, _B, _A, _C)],
}


def stacked(stacking: str, s: float, i: float, guest: str | None = "Li+") -> Structure:
    """Sheets of CoO2 with a = 2.82 Å, oxygen planes `s` and `i` apart (Å)."""
    sheets = STACKINGS[stacking]
    species, places = [], []
    for k, (low, metal, high, lithium) in enumerate(sheets):
        for name, place, height in (
            ("O2-", low, -s / 2),
            ("Co3+", metal, 0.0),
            ("O2-", high, s / 2),
            (guest, lithium, (s + i) / 2),
        ):
            if name is not None:
                species.append(name)
                places.append((*place, k / len(sheets) + height / (len(sheets) * (s + i))))
    return Structure(Lattice.hexagonal(2.82, len(sheets) * (s + i)), species, places)


@pytest.mark.parametrize("stacking", STACKINGS)
def test_wide_layers_keep_their_lithium(stacking: str, refereed: Referee) -> None:
    """From 3.1 Å on oxygen atoms on both sides of a lithium layer are farther apart than neighbours; former versions
    then dropped the layer, or took other planes for it."""
    away = 0.0
    for i, guest in product((2.6, 2.8, 3.0, 3.1, 3.2, 3.3, 3.4, 3.5), ("Li+", None)):
        found = layered_geometry(stacked(stacking, 2.0, i, guest))
        assert found.s_mo2 is not None
        assert found.i_lio2 is not None
        away = max(away, abs(found.s_mo2 - 2.0), abs(found.i_lio2 - i))
        assert found.structure == "layered"
        assert [layer.lithium for layer in found.layers if layer.role == "lithium"] == [guest is not None] * len(
            STACKINGS[stacking]
        )
        across = i if stacking.startswith("P") else sqrt(2.82**2 / 3 + i**2)
        assert found.o_o_li_layer == pytest.approx(across)
    refereed(
        "S(MO2) and I(LiO2) of O1, O3, P2 and P3 stackings, I from 2.6 to 3.5 Å",
        away,
        1e-9,
        of="analysis.layers.geometry.layered_geometry",
        by="analytic, as built",
        unit="Å",
    )


@pytest.mark.parametrize("stacking", STACKINGS)
@pytest.mark.parametrize("i", [2.6, 3.0, 3.1, 3.3, 3.5])
def test_sodium_is_refused_however_wide_its_layers_are(stacking: str, i: float) -> None:
    with pytest.raises(StructureError, match="sodium and potassium"):
        layered_geometry(stacked(stacking, 2.0, i, "Na+"))


@pytest.mark.parametrize("stacking", STACKINGS)
def test_rattling_atoms_and_mixing_leave_wide_layers_their_lithium(stacking: str) -> None:
    cell = stacked(stacking, 2.0, 3.3).make_supercell((4, 4, 3 if stacking == "O1" else 1), in_place=False)
    swap = [next(k for k, site in enumerate(cell) if site.specie.symbol == symbol) for symbol in ("Li", "Co")]
    for site, species in zip(swap, ("Co3+", "Li+"), strict=True):
        cell.replace(site, species)
    moved = cell.copy().translate_sites(range(len(cell)), [0, 0, 0.1])
    noise = np.random.default_rng(0).normal(scale=0.08, size=(len(cell), 3))
    found = layered_geometry(
        Structure(moved.lattice, moved.species, moved.cart_coords + noise, coords_are_cartesian=True)
    )
    n = sum(site.specie.symbol == "Co" for site in cell)
    assert (found.s_mo2, found.i_lio2) == pytest.approx((2.0, 3.3), abs=0.05)
    assert (found.tm_in_li_layer, found.li_in_tm_layer) == pytest.approx((1 / n, 1 / n))
    assert found.structure == "layered"


@pytest.mark.parametrize(("miller", "layers"), [((1, 0, 4), 8), ((0, 0, 1), 6), ((1, 1, 0), 8)])
def test_slabs_of_wide_layers(miller: tuple[int, int, int], layers: int) -> None:
    c = 3 * (2.0 + 3.2)
    wide = crystals.LCO.model_copy(
        update={
            "lattice": crystals.LCO.lattice.model_copy(update={"c": c}),
            "sites": (
                *crystals.LCO.sites[:2],
                crystals.LCO.sites[2].model_copy(update={"position": (0, 0, 1 / 3 - 2.0 / (2 * c))}),
            ),
        }
    )
    found = slabs(source_cell(wide), miller, SlabSpec(layers=layers))
    cut = next((one for one in found if one.tasker == 1 or one.reconstructed), found[0]).structure
    measured = layered_geometry(cut)
    assert (measured.s_mo2, measured.i_lio2) == pytest.approx((2.0, 3.2), abs=1e-6)
    lithium = sum(site.specie.symbol == "Li" for site in cut)
    assert sum(layer.lithium for layer in measured.layers) == lithium


def test_a_single_sheet_has_a_thickness_and_no_spacing() -> None:
    bulk = conventional(material("CoO2"))
    half = bulk.lattice.c / 2
    places = [
        site.coords - [0, 0, bulk.lattice.c * (site.frac_coords[2] > 0.5)] + np.array([0, 0, half]) for site in bulk
    ]
    sheet = Structure(Lattice(bulk.lattice.matrix * [[1], [1], [4]]), bulk.species, places, coords_are_cartesian=True)
    found, whole = layered_geometry(sheet), layered_geometry(bulk)
    assert found.s_mo2 == pytest.approx(whole.s_mo2)
    assert (found.i_lio2, found.o_o_li_layer, found.structure) == (None, None, "layered")
    assert (found.tm_in_li_layer, found.li_in_tm_layer, found.inclination) == (0, 0, pytest.approx(0))


@pytest.mark.parametrize("name", ["CoO2", "NiO2", "Li2TiO3", "Li2SnO3", "LiNiO2", "LiMn2O4"])
def test_library(name: str) -> None:
    """One-layer cells, C2/c stackings and a lithium spinel; S + I is the repeat of the planes."""
    found = layered_geometry(conventional(material(name)))
    assert found.structure == ("spinel" if name == "LiMn2O4" else "layered")
    assert found.s_mo2 < found.i_lio2


@pytest.mark.parametrize("name", ["LiNbO3", "LiNb3O8", "SnO2", "WO3"])
def test_oxygen_that_is_not_cubic_close_packed_makes_no_rock_salt(name: str) -> None:
    """Hexagonal packing with metal in every gap (LiNbO3, LiNb3O8), rutile, and a cubic packing of which a quarter is
    missing."""
    found = layered_geometry(conventional(material(name)))
    assert found.structure == "other"


@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize(("name", "structure"), [("Co3O4", "spinel"), ("CoO", "rock salt")])
def test_slabs_of_spinel_and_rock_salt(name: str, structure: str, miller: tuple[int, int, int]) -> None:
    found = layered_geometry(slab(name, miller, 4 if name == "Co3O4" else 7))
    assert found.structure == structure
    inner = (found.planes or found.layers)[2:-2]
    assert {layer.structure for layer in inner} == {structure}


FACETS = [((1, 0, 4), 8), ((1, 1, 0), 8), ((0, 1, 2), 7), ((0, 0, 1), 6)]


@pytest.mark.parametrize(("miller", "layers"), FACETS)
def test_slabs_keep_the_values_of_the_bulk(miller: tuple[int, int, int], layers: int) -> None:
    found = layered_geometry(slab("LCO", miller, layers))
    bulk = layered_geometry(conventional(material("LCO")))
    assert (found.s_mo2, found.i_lio2, found.o_o_li_layer) == pytest.approx(
        (bulk.s_mo2, bulk.i_lio2, bulk.o_o_li_layer), abs=1e-6
    )
    assert found.structure == "layered"
    assert found.shares == {"layered": 1.0}
    angle = {(1, 0, 4): 55.24, (1, 1, 0): 90.0, (0, 1, 2): 70.86, (0, 0, 1): 0.0}[miller]
    assert found.inclination == pytest.approx(angle, abs=0.01)
    assert bool(found.planes) == (angle > 0)


@pytest.mark.parametrize("converted", [1, 2, 3])
@pytest.mark.parametrize(("miller", "layers"), FACETS)
def test_a_reconstructed_layer_is_rock_salt_on_a_layered_slab(
    miller: tuple[int, int, int], layers: int, converted: int
) -> None:
    """The metal planes that were converted are rock salt, the others layered; a half-filled sheet at the boundary may
    be either."""
    made = reconstruct(slab("LCO", miller, layers), converted, "top")
    found = layered_geometry(made.structure)
    rows = list(found.planes) or [layer for layer in found.layers if layer.role == "metal"]
    assert len(rows) == layers + (miller == (0, 1, 2))  # shared Li and Co halves end the polar (012) slab
    classes = [row.structure for row in rows]
    assert classes == ["layered"] * (len(rows) - converted) + ["rock salt"] * converted
    intact = layered_geometry(slab("LCO", miller, layers))
    assert found.s_mo2 == pytest.approx(intact.s_mo2)


@pytest.mark.parametrize("name", ["NCM811", "LRMO"])
def test_reconstructed_mixed_oxides(name: str) -> None:
    found = layered_geometry(reconstruct(slab(name, (1, 0, 4), 5), 1, "both").structure)
    inner = len(found.planes) - 2
    assert [plane.structure for plane in found.planes] == ["rock salt", *["layered"] * inner, "rock salt"]


def test_a_coherent_rock_salt_layer_and_its_cathode_apart() -> None:
    """Each side has its own planes: CoO a/√3 in the plane's strain, LiCoO2 its own; the tag picks one of them."""
    cell = rock_salt_layer(slab("LCO", (1, 0, 4), 10), material("CoO"), 4, "top").structure
    both, alone = layered_geometry(cell), layered_geometry(cell, ("LCO",))
    assert [plane.structure for plane in both.planes] == ["layered"] * 6 + ["rock salt"] * 4
    assert both.planes[7].s_mo2 == pytest.approx(both.planes[7].i_lio2)
    assert alone.shares == {"layered": 1.0}
    bulk = layered_geometry(conventional(material("LCO")))
    assert alone.s_mo2 == pytest.approx(bulk.s_mo2, abs=0.02)
    assert alone.n_oxygen + alone.left_out == both.n_oxygen
    with pytest.raises(StructureError, match="no layer NiO; layers: CoO, LCO"):
        layered_geometry(cell, ("NiO",))


def test_carbonate_on_the_surface_is_left_out() -> None:
    cell = slab("LCO", (1, 0, 4), 6).copy()
    top = cell[int(cell.cart_coords[:, 2].argmax())].coords + np.array([0, 0, 2.2])
    for symbol, place in (("C", (0, 0, 0)), ("O", (1.28, 0, 0)), ("O", (-0.64, 1.11, 0)), ("O", (-0.64, -1.11, 0))):
        cell.append(symbol, top + place, coords_are_cartesian=True, properties=dict.fromkeys(cell.site_properties))
    bare = cell.copy()
    bare.remove_oxidation_states()
    found, clean = layered_geometry(bare), layered_geometry(slab("LCO", (1, 0, 4), 6))
    assert found.left_out == 3
    assert (found.s_mo2, found.i_lio2) == pytest.approx((clean.s_mo2, clean.i_lio2))


def test_a_molten_surface_is_disordered() -> None:
    """The upper half of a slab leaves its planes, the lower half stays."""
    cell = slab("LCO", (1, 0, 4), 12).make_supercell((2, 4, 1), in_place=False)
    cell.remove_oxidation_states()
    rng = np.random.default_rng(3)
    heights = cell.cart_coords[:, 2]
    middle = (heights.max() + heights.min()) / 2
    away = rng.normal(scale=0.75, size=(len(cell), 3)) * (heights > middle + 1.0)[:, None]
    molten = Structure(cell.lattice, cell.species, cell.cart_coords + away, coords_are_cartesian=True)
    found = layered_geometry(molten)
    below = [plane.structure for plane in found.planes if plane.height < 9.0]
    assert set(below) == {"layered"}
    assert "disordered" in [plane.structure for plane in found.planes if plane.height > 14.0]


def test_the_three_prototypes_are_equally_far_from_each_other() -> None:
    """A regular simplex: the nearest corner needs no threshold."""
    assert [dist(PROTOTYPES[a], PROTOTYPES[b]) for a, b in combinations(PROTOTYPES, 2)] == pytest.approx([1, 1, 1])
    assert [nearest_class(corner) for corner in PROTOTYPES.values()] == list(PROTOTYPES)
    assert nearest_class((0.6,)) == "layered"
    assert nearest_class((0.4,)) == "rock salt"
    assert nearest_class((0.4,), cubic=False) == "other"
    assert nearest_class((1.0,), cubic=False) == "layered"


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(IDEAL)), matrix=supercell_matrices(), data=st.data())
def test_cell_orientation_origin_and_order_change_nothing(name: str, matrix: np.ndarray, data: st.DataObject) -> None:
    """Supercells and sheared cells, rigid rotations, shifts of the origin, and permutations of the sites."""
    cell = CELLS[name, data.draw(st.sampled_from(["conventional", "primitive"]))].make_supercell(matrix, in_place=False)
    turn = Rotation.from_rotvec(data.draw(st.tuples(*[st.floats(-3, 3)] * 3))).as_matrix()
    shift = np.array(data.draw(st.tuples(*[st.floats(0, 1)] * 3)))
    order = data.draw(st.permutations(range(len(cell)))) if len(cell) < 60 else list(range(len(cell)))[::-1]
    moved = Structure(
        Lattice(cell.lattice.matrix @ turn.T), [cell[k].specie for k in order], cell.frac_coords[list(order)] + shift
    )
    before, after = layered_geometry(CELLS[name, "primitive"]), layered_geometry(moved)
    for key in ("s_mo2", "i_lio2", "o_o_li_layer", "o_o_in_plane", "tm_in_li_layer", "li_in_tm_layer"):
        assert getattr(after, key) == pytest.approx(getattr(before, key), abs=1e-6)
    assert after.structure == before.structure
    assert after.segregation == pytest.approx(before.segregation, abs=1e-6)
    if before.structure == "layered":
        assert abs(np.dot(after.normal, turn @ before.normal)) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(IDEAL)), largest=st.floats(0, 0.15), seed=st.integers(0, 2**32 - 1))
def test_rattling_moves_numbers_no_further_than_atoms(name: str, largest: float, seed: int) -> None:
    """Every length is a mean of differences of two positions, so it changes by at most twice the largest
    displacement."""
    cell = CELLS[name, "primitive"].make_supercell((2, 2, 2), in_place=False)
    away = np.random.default_rng(seed).normal(size=(len(cell), 3))
    away *= largest / np.linalg.norm(away, axis=1).max()
    rattled = Structure(cell.lattice, cell.species, cell.cart_coords + away, coords_are_cartesian=True)
    before, after = layered_geometry(cell), layered_geometry(rattled)
    assert after.structure == before.structure
    for key in ("s_mo2", "i_lio2", "o_o_li_layer", "o_o_in_plane"):
        assert abs(getattr(after, key) - getattr(before, key)) <= 2 * largest + 1e-9
    assert (after.tm_in_li_layer, after.li_in_tm_layer) == pytest.approx((before.tm_in_li_layer, before.li_in_tm_layer))


@settings(max_examples=15, deadline=None)
@given(facet=st.sampled_from(FACETS), largest=st.floats(0, 0.12), seed=st.integers(0, 2**32 - 1))
def test_rattled_slabs_stay_layered(facet: tuple[tuple[int, int, int], int], largest: float, seed: int) -> None:
    cell = slab("LCO", *facet).make_supercell((2, 2, 1), in_place=False)
    away = np.random.default_rng(seed).normal(size=(len(cell), 3))
    away *= largest / np.linalg.norm(away, axis=1).max()
    rattled = Structure(cell.lattice, cell.species, cell.cart_coords + away, coords_are_cartesian=True)
    before, after = layered_geometry(cell), layered_geometry(rattled)
    assert after.shares == {"layered": 1.0}
    for key in ("s_mo2", "i_lio2", "o_o_li_layer"):
        assert getattr(after, key) == pytest.approx(getattr(before, key), abs=2 * largest + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_slab_axes_may_be_chosen_freely(seed: int) -> None:
    """A slab's in-plane vectors sheared and exchanged, its third axis leaning."""
    cell = slab("LCO", (1, 0, 4), 6)
    a, b, c = cell.lattice.matrix
    rows = {0: (b, -a, c), 1: (a + b, b, c + 2 * a), 2: (c - b, a, b)}[seed]
    moved = Structure(Lattice(np.array(rows)), cell.species, cell.cart_coords, coords_are_cartesian=True)
    before, after = layered_geometry(cell), layered_geometry(moved)
    assert (after.s_mo2, after.i_lio2, after.inclination) == pytest.approx(
        (before.s_mo2, before.i_lio2, before.inclination)
    )
    assert after.structure == "layered"


def test_what_has_no_layers_is_an_error() -> None:
    with pytest.raises(StructureError, match="all its oxygen is bonded to C"):
        layered_geometry(conventional(crystals.LI2CO3))
    with pytest.raises(StructureError, match="partial occupancies"):
        layered_geometry(conventional(crystals.NCM532))
    with pytest.raises(StructureError, match="no layer LCO; layers: the structure has no layer tags"):
        layered_geometry(CELLS["LCO", "primitive"], ("LCO",))
    sodium = conventional(crystals.LCO)
    sodium.replace_species({"Li+": "Na+"})
    with pytest.raises(StructureError, match="geometry is that of lithium oxides"):
        layered_geometry(sodium)
    corners = [list(corner) for corner in product((-2.1, 2.1), repeat=1)]
    places = [
        [0, 0, 0],
        *([x, 0, 0] for (x,) in corners),
        *([0, x, 0] for (x,) in corners),
        *([0, 0, x] for (x,) in corners),
    ]
    cluster = Structure(Lattice.cubic(15), ["Co", *["O"] * 6], places, coords_are_cartesian=True)
    with pytest.raises(StructureError, match="repeats in 0 directions"):
        layered_geometry(cluster)


@pytest.mark.parametrize("name", ["LiNiO2", "Li2TiO3", "Li2SnO3", "CoO2", "NCM111"])
def test_planes_counted_along_a_known_axis(name: str) -> None:
    """Where the layers are known to be (001), heights along c* do: oxygen planes by their gaps, and the metal that lies
    between two of them."""
    cell = calculation_cell(material(name)) if material(name).ordered_cell else conventional(material(name))
    period = cell.volume / np.linalg.norm(np.cross(*cell.lattice.matrix[:2]))
    heights = cell.frac_coords[:, 2] * period
    symbols = np.array([site.specie.symbol for site in cell])
    rising = np.sort(heights[symbols == "O"] % period)
    first = rising[
        int(np.diff(rising, prepend=rising[-1] - period).argmax())
    ]  # an atom above a wide gap: no plane is split in two
    heights = (heights - first + 0.5) % period
    oxygen = np.sort(heights[symbols == "O"])
    planes = np.array([part.mean() for part in np.split(oxygen, np.flatnonzero(np.diff(oxygen) > 1.0) + 1)])
    thickness = np.diff(planes, append=planes[0] + period)
    metal = heights[~np.isin(symbols, ["Li", "O"])]
    filled = np.array([((metal - low) % period < high).any() for low, high in zip(planes, thickness, strict=True)])
    found = layered_geometry(cell)
    assert found.s_mo2 == pytest.approx(thickness[filled].mean(), abs=1e-6)
    assert found.i_lio2 == pytest.approx(thickness[~filled].mean(), abs=1e-6)
