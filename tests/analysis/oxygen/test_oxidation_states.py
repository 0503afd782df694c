"""Oxidation states of textbook cases: what each moment names, no ion made up, and what does not balance is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.analysis.oxygen.oxidation_states import cell_ions, ions_by_element
from catholyte.analysis.oxygen.redox_ledger import redox_entry
from catholyte.analysis.states.anion_charges import hole
from catholyte.analysis.states.spin_states import left_open, spin_candidates
from catholyte.configs.models import OrderedCell
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional, from_space_group
from catholyte.structures.crystals.ordering import order
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support.crystals import CO3O4, COO, LCO, LI2MNO3, NCM532
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import CalculationDocument


def computed(label: str, cell: Structure, moments: Mapping[str, Sequence[float]]) -> CalculationDocument:
    """A document with the moments (µB) of each element, those of its sites in turn; 0 where none is given."""
    values, met = [], dict.fromkeys(moments, 0)
    for site in cell:
        symbol = site.specie.symbol
        given = moments.get(symbol, [0.0])
        values.append(given[met.get(symbol, 0) % len(given)])
        met[symbol] = met.get(symbol, 0) + 1
    return toy_document(label, cell, magmoms=values)


def lco() -> Structure:
    """12 formula units."""
    return prepared_cell(conventional(LCO).make_supercell((2, 2, 1)), LCO)


def without(cell: Structure, element: str, n: int) -> Structure:
    """The cell without its last n atoms of an element, numbered as before."""
    less = cell.copy(site_properties={**cell.site_properties, "origin": list(range(len(cell)))})
    less.remove_sites([i for i, site in enumerate(cell) if site.specie.symbol == element][len_of(cell, element) - n :])
    return less


def len_of(cell: Structure, element: str) -> int:
    return sum(site.specie.symbol == element for site in cell)


def pyrite(metal: str) -> Structure:
    """FeS2, a = 5.418 Å, u = 0.3848: S-S of 2.16 Å; as a file gives it, S labelled 1-."""
    return from_space_group("Pa-3", Lattice.cubic(5.418), [metal, "S-"], [[0, 0, 0], [0.3848] * 3])


def lithium_peroxide() -> Structure:
    """Li2O2, P6_3/mmc, O-O of 1.55 Å (L. G. Cota, P. de la Mora, Acta Cryst. B 61 (2005) 133)."""
    lattice = Lattice.hexagonal(3.1830, 7.7258)
    return from_space_group(
        "P6_3/mmc", lattice, ["Li+", "Li+", "O-"], [[0, 0, 0], [1 / 3, 2 / 3, 0.75], [1 / 3, 2 / 3, 0.1497]]
    )


def spinel(a: float, tetrahedral: str, octahedral: str, u: float) -> Structure:
    return from_space_group(
        "Fd-3m", Lattice.cubic(a), [tetrahedral, octahedral, "O2-"], [[0] * 3, [0.625] * 3, [u] * 3]
    )


def lanthanum_cobaltate() -> Structure:
    """Cubic parent, eight formula units."""
    cell = from_space_group("Pm-3m", Lattice.cubic(3.83), ["La3+", "Co3+", "O2-"], [[0] * 3, [0.5] * 3, [0.5, 0.5, 0]])
    return cell.make_supercell(2, in_place=False)


def ncm(composition: str, occupancies: dict[str, float]) -> Structure:
    """An ordering of 10 formula units."""
    sites = (NCM532.sites[0], NCM532.sites[1].model_copy(update={"species": occupancies}), NCM532.sites[2])
    asked = OrderedCell(supercell=(5, 2, 1), composition=composition)
    material = NCM532.model_copy(update={"sites": sites, "ordered_cell": asked})
    return prepared_cell(order(conventional(material), asked, 1)[0].structure, material)


NCM111 = ("Li30Ni10Mn10Co10O60", {"Ni2+": 1 / 3, "Mn4+": 1 / 3, "Co3+": 1 / 3})
NCM_532 = ("Li30Ni15Mn9Co6O60", {"Ni2+": 0.3, "Ni3+": 0.2, "Mn4+": 0.3, "Co3+": 0.2})
NCM622 = ("Li30Ni18Mn6Co6O60", {"Ni2+": 0.2, "Ni3+": 0.4, "Mn4+": 0.2, "Co3+": 0.2})
NCM811 = ("Li30Ni24Mn3Co3O60", {"Ni2+": 0.1, "Ni3+": 0.7, "Mn4+": 0.1, "Co3+": 0.1})

#: case: cell, moments of PBE+U (µB) as published, ions of the textbook, electrons that oxygen and sulfur gave up
Case = tuple[Callable[[], Structure], dict[str, list[float]], dict[str, int], float]
COBALT: dict[str, Case] = {
    "LiCoO2": (lco, {"Co": [0.02]}, {"Co3+": 12}, 0),
    **{
        f"LiCoO2, 4 Co at {m} µB": (lco, {"Co": [m, 0.02, 0.02]}, {"Co3+": 8, f"Co3+ ({s} spin)": 4}, 0)
        for m, s in [(1.95, "intermediate"), (2.1, "intermediate"), *((m, "high") for m in (3.0, 3.1, 3.25, 3.4))]
    },
    "CoO2": (lambda: without(lco(), "Li", 12), {"Co": [1.0]}, {"Co4+": 12}, 0),
    "CoO": (lambda: prepared_cell(conventional(COO), COO), {"Co": [2.7, -2.7]}, {"Co2+": 8}, 0),
    "CoO, 3.0 µB": (lambda: prepared_cell(conventional(COO), COO), {"Co": [3.0, -3.0]}, {"Co2+": 8}, 0),
    "Co3O4": (
        lambda: prepared_cell(conventional(CO3O4), CO3O4),
        {"Co": [*[2.6] * 8, *[0.05] * 16]},
        {"Co2+": 8, "Co3+": 16},
        0,
    ),
    "Co3O4, states as a mean": (
        lambda: spinel(8.084, "Co2.667+", "Co2.667+", 0.3882),
        {"Co": [*[-2.6] * 8, *[0.05] * 16]},
        {"Co2+": 8, "Co3+": 16},
        0,
    ),
}
PEROVSKITE: dict[str, Case] = {
    "LaCoO3, low spin": (lanthanum_cobaltate, {"Co": [0.0]}, {"Co3+": 8}, 0),
    "LaCoO3, half high spin": (lanthanum_cobaltate, {"Co": [0.1, 3.1]}, {"Co3+": 4, "Co3+ (high spin)": 4}, 0),
    "LaCoO3, intermediate spin": (lanthanum_cobaltate, {"Co": [2.1]}, {"Co3+ (intermediate spin)": 8}, 0),
}
MANGANESE_AND_IRON: dict[str, Case] = {
    "LiMn2O4": (
        lambda: spinel(8.24, "Li+", "Mn3.5+", 0.3882),
        {"Mn": [3.85, 3.15]},
        {"Mn3+": 8, "Mn4+": 8},
        0,
    ),
    "Fe3O4": (
        lambda: spinel(8.396, "Fe3+", "Fe2.5+", 0.3799),
        {"Fe": [*[-4.05] * 8, *[4.15, 3.65] * 8]},
        {"Fe2+": 8, "Fe3+": 16},
        0,
    ),
}
BONDS: dict[str, Case] = {
    "FeS2": (lambda: pyrite("Fe2+"), {}, {"Fe2+ (low spin)": 4}, 8),
    "CoS2": (lambda: pyrite("Co2+"), {"Co": [0.9]}, {"Co2+ (low spin)": 4}, 8),
    "Li2O2": (lithium_peroxide, {}, {}, 4),
}
NCM: dict[str, Case] = {
    "NCM111": (lambda: ncm(*NCM111), {"Ni": [1.7], "Mn": [3.1], "Co": [0.03]}, {"Co3+": 10, "Mn4+": 10, "Ni2+": 10}, 0),
    "NCM111, 1/3 Li": (
        lambda: without(ncm(*NCM111), "Li", 20),
        {"Ni": [0.1], "Mn": [3.1], "Co": [0.05]},
        {"Co3+": 10, "Mn4+": 10, "Ni4+": 10},
        0,
    ),
    "NCM111, no Li": (
        lambda: without(ncm(*NCM111), "Li", 30),
        {"Ni": [0.1], "Mn": [3.1], "Co": [1.0]},
        {"Co4+": 10, "Mn4+": 10, "Ni4+": 10},
        0,
    ),
    "NCM532": (
        lambda: ncm(*NCM_532),
        {"Ni": [1.7, 1.7, 1.7, 0.95, 0.95], "Mn": [3.1], "Co": [0.03]},
        {"Co3+": 6, "Mn4+": 9, "Ni2+": 9, "Ni3+": 6},
        0,
    ),
    "NCM532, 60 % Li": (
        lambda: without(ncm(*NCM_532), "Li", 12),
        {"Ni": [0.95, 0.95, 0.95, 0.95, 0.1], "Mn": [3.1], "Co": [0.03]},
        {"Co3+": 6, "Mn4+": 9, "Ni3+": 12, "Ni4+": 3},
        0,
    ),
    "NCM622, half Li": (
        lambda: without(ncm(*NCM622), "Li", 15),
        {"Ni": [0.95, 0.1], "Mn": [3.1], "Co": [0.05]},
        {"Co3+": 6, "Mn4+": 6, "Ni3+": 9, "Ni4+": 9},
        0,
    ),
    "NCM811": (
        lambda: ncm(*NCM811),
        {"Ni": [1.7, *[0.95] * 7], "Mn": [3.1], "Co": [0.03]},
        {"Co3+": 3, "Mn4+": 3, "Ni2+": 3, "Ni3+": 21},
        0,
    ),
    "NCM811, 30 % Li": (
        lambda: without(ncm(*NCM811), "Li", 21),
        {"Ni": [0.15, 0.15, 0.15, 0.95], "Mn": [3.1], "Co": [0.05]},
        {"Co3+": 3, "Mn4+": 3, "Ni3+": 6, "Ni4+": 18},
        0,
    ),
}


GROUPS = {
    "LiCoO2, spin states, CoO2, CoO and Co3O4": COBALT,
    "LaCoO3 of three spin states": PEROVSKITE,
    "LiMn2O4 and Fe3O4": MANGANESE_AND_IRON,
    "FeS2, CoS2 and Li2O2": BONDS,
    "NCM111 to NCM811 over the lithium content": NCM,
}


@pytest.mark.parametrize("group", list(GROUPS))
def test_textbook_cases(group: str, refereed: Referee):
    wrong = 0
    for case, (make, moments, ions, anions) in GROUPS[group].items():
        found = cell_ions(computed(case, make(), moments))
        wrong += sum(abs(found.counts.get(ion, 0) - ions.get(ion, 0)) for ion in {*found.counts, *ions})
        assert found.residual == pytest.approx(0, abs=1e-9), case
        assert sum(found.given_up(element) for element in ("O", "S")) == anions, case
    refereed(
        f"oxidation states of {group}, ions that differ",
        float(wrong),
        0.0,
        of="analysis.oxygen.oxidation_states.cell_ions",
        by="textbook states at published moments",
        unit="ions",
    )


def holes_of(moment: float, n: int) -> tuple[float, dict[str, int], float]:
    """CoO2 of 12 formula units, Co at 1.0 µB, with n oxygen atoms at a moment: electrons of oxygen, ions, residual."""
    document = computed("CoO2", without(lco(), "Li", 12), {"Co": [1.0], "O": [*[moment] * n, *[0.0] * (24 - n)]})
    found = cell_ions(document)
    return found.given_up("O"), found.counts, found.residual


def test_holes_are_shares_and_no_metal_is_made_up_to_balance_them():
    before, after = holes_of(0.40, 8), holes_of(0.41, 8)
    assert before[1] == after[1] == {"Co4+": 12}
    assert before[0] == pytest.approx(8 * 0.40 / 0.75)
    assert after[0] - before[0] == pytest.approx(8 * 0.01 / 0.75)  # 8 e for 0.01 µB in former versions
    assert before[2] == pytest.approx(before[0])  # what oxygen shows beyond the balance is said
    everywhere = holes_of(0.41, 24)
    assert (everywhere[0], everywhere[1]) == (pytest.approx(24 * 0.41 / 0.75), {"Co4+": 12})


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1.5), st.floats(0, 0.02), st.floats(0, 0.5))
def test_a_hole_is_continuous_and_rises_with_the_moment(moment: float, step: float, covalent: float):
    share = hole(moment, covalent)
    assert 0 <= share <= hole(moment + step, covalent) <= 1
    assert hole(moment + step, covalent) - share <= 5 * step + 1e-12


def test_oxygen_pays_for_lithium_that_manganese_cannot(refereed: Referee):
    """Li2MnO3 and LiMnO3 of 12 and 10 atoms at the moments of GPAW (PBE+U, U = 4.2 eV, unrelaxed): two holes on six
    oxygen atoms, antiparallel to manganese."""
    whole = prepared_cell(conventional(LI2MNO3).get_primitive_structure(use_site_props=False), LI2MNO3)
    host = computed("Li2MnO3", whole, {"Mn": [3.0], "O": [0.0]})
    oxygen = [-0.234, -0.234, *[-0.175] * 4]
    less = computed("LiMnO3", without(whole, "Li", 2), {"Mn": [2.955], "O": oxygen})
    entry = redox_entry(host, less)
    assert entry.ions_after.counts == {"Mn4+": 2}
    assert (entry.electrons, entry.by_metals) == (2, 0)
    refereed(
        "electrons that oxygen gave up in LiMnO3, by its moments",
        abs(entry.by_anions["O"] - 2),
        0.6,
        of="analysis.states.anion_charges.oxygen_holes",
        by="two lithium that left, moments of GPAW 26.7",
        unit="e",
    )
    assert entry.payers_text() == f"O {entry.by_anions['O']:+.1f}"
    assert entry.flags() == ["1.4 holes on 6 O"]  # what is missing lies within the error of a hole


def test_spin_that_covalency_puts_on_oxygen_is_no_hole():
    """High spin LiCoO2 by GPAW (PBE+U, U = 3.9 eV): Co 3.11, O 0.255 µB."""
    found = cell_ions(computed("LiCoO2", lco(), {"Co": [3.11], "O": [0.255]}))
    assert (found.counts, found.given_up("O"), found.residual) == ({"Co3+ (high spin)": 12}, 0, 0)


def test_cobalt_of_a_surface_in_another_spin_state():
    """LCO(104): the outer cobalt has five neighbours and intermediate or high spin (D. Qian et al., J. Am. Chem. Soc.
    134 (2012) 6096); on a face that lost lithium it would be Co4+."""
    slab = slabs(source_cell(LCO), (1, 0, 4), SlabSpec(layers=4))[0].structure
    heights = slab.cart_coords[:, 2]
    cobalt = [i for i, site in enumerate(slab) if site.specie.symbol == "Co"]
    outer = {
        i for i in cobalt if min(abs(heights[i] - heights[cobalt].min()), abs(heights[i] - heights[cobalt].max())) < 0.5
    }
    for moment, spin in ((2.0, "intermediate"), (3.15, "high")):
        moments = [moment if i in outer else 0.02 for i in range(len(slab))]
        found = cell_ions(
            toy_document("LCO(104)", slab, magmoms=[m if i in cobalt else 0.0 for i, m in enumerate(moments)])
        )
        assert found.counts == {"Co3+": len(cobalt) - len(outer), f"Co3+ ({spin} spin)": len(outer)}
        assert (found.residual, found.unclear) == (0, {})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 4.5), min_size=3, max_size=3), st.integers(0, 3))
def test_the_choice_is_that_of_trying_all(moments: list[float], out: int):
    """Among all combinations of what the moments leave open, the nearest to balance, then the cheapest."""
    cell = without(prepared_cell(conventional(LCO), LCO), "Li", out)
    found = cell_ions(computed("LCO", cell, {"Co": moments}))
    pools = [left_open(spin_candidates("Co", "octahedral"), moment) for moment in moments]
    target = 9 + out
    ways = [
        (abs(sum(one.charge for one in way) - target), sum(one.cost(m) for one, m in zip(way, moments, strict=True)))
        for way in product(*pools)
    ]
    assert abs(found.residual) == min(ways)[0]
    cost = sum(state.state.cost(abs(state.moment)) for state in found.ions)
    assert cost == pytest.approx(min(ways)[1], abs=1e-9)


def test_an_element_labelled_with_a_mean_keeps_its_charge():
    document = computed("Co3O4", spinel(8.084, "Co2.667+", "Co2.667+", 0.3882), {"Co": [*[2.6] * 8, *[0.05] * 16]})
    (cobalt,) = ions_by_element(document)
    assert cobalt.agrees
    assert cobalt.found == {"Co2+": 8, "Co3+": 16}


def test_charges_that_nothing_explains_are_left_over():
    """Co9S8 is a metal without moments: nine Co3+ would be eleven electrons too many, and this is said."""
    cell = from_space_group(
        "Fm-3m",
        Lattice.cubic(9.923),
        ["Co3+", "Co2+", "S2-", "S2-"],
        [[0.5] * 3, [0.126] * 3, [0.25] * 3, [0, 0, 0.259]],
    )
    found = cell_ions(computed("Co9S8", cell, {"Co": [0.0]}))
    assert found.residual == 4 * 11
    assert {state.ion for state in found.ions} == {"Co3+"}
