"""Orderings: exact composition, neutral, distinct, ranked; energies against pymatgen's Ewald sum."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.configs.models import OrderedCell
from catholyte.structures.crystals import ordering
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.ordering import SEPARATION, order
from catholyte.tests.support import crystals


@pytest.fixture(scope="module")
def ncm():
    return order(conventional(crystals.NCM532), crystals.NCM532.ordered_cell, n=30, seed=3)


def plain(structure):
    bare = structure.copy()
    return bare.remove_oxidation_states()


def test_thirty_orderings_of_the_reference_cell(ncm):
    assert len(ncm) == 30
    assert {o.structure.composition.element_composition for o in ncm} == {Composition("Li30Ni15Mn9Co6O60")}
    assert all(o.structure.charge == 0 for o in ncm)
    assert [o.energy for o in ncm] == sorted(o.energy for o in ncm)
    assert {(o.method, o.seed) for o in ncm} == {("swap Monte Carlo", 3)}
    assert min(o.n_samples for o in ncm) > 30


def test_orderings_are_distinct_crystals(ncm):
    """The referee is slow, so it sees neighbours in the ranking: duplicates have equal energies."""
    matcher = StructureMatcher(scale=False, attempt_supercell=False, primitive_cell=False)
    for one, other in pairwise(ncm[:8]):
        assert not matcher.fit(plain(one.structure), plain(other.structure))


def test_energy_is_that_of_the_ewald_sum(ncm, refereed):
    away = abs(ncm[0].energy - EwaldSummation(ncm[0].structure).total_energy)
    refereed(
        "electrostatic energy of a 120-atom ordering",
        away,
        1e-5,
        of="structures.crystals.ordering.order",
        by="pymatgen, EwaldSummation",
        unit="eV",
    )


def test_a_seed_gives_the_same_bits_and_another_seed_other_samples():
    parent, cell = conventional(crystals.NCM532), crystals.NCM532.ordered_cell
    one, again, other = (order(parent, cell, n=3, seed=seed) for seed in (0, 0, 1))
    assert [o.structure for o in one] == [o.structure for o in again]
    assert [o.energy for o in one] == [o.energy for o in again]
    assert [o.structure for o in one] != [o.structure for o in other]


def test_enumeration_equals_the_count_of_distinct_structures(refereed):
    """Three Li on six sites, by an independent route: all choices, grouped by pymatgen's matcher."""
    half = conventional(crystals.HALF_LCO)
    frozen = half.copy()
    frozen.replace_species({"Co4+": "Co3.5+", "Co3+": "Co3.5+"})
    found = order(frozen, OrderedCell(supercell=(2, 1, 1)), n=100)
    full = frozen.make_supercell((2, 1, 1), in_place=False)
    lithium = [i for i, site in enumerate(full) if site.properties["wyckoff_label"] == "Li"]
    candidates = []
    for kept in combinations(lithium, len(lithium) // 2):
        sites = [i for i in range(len(full)) if i not in lithium or i in kept]
        candidates.append(
            Structure(full.lattice, [full[i].species.elements[0].symbol for i in sites], full.frac_coords[sites])
        )
    groups = StructureMatcher(scale=False, attempt_supercell=False).group_structures(candidates)
    by = "pymatgen, StructureMatcher.group_structures"
    refereed(
        "number of distinct orderings",
        abs(len(found) - len(groups)),
        0,
        of="structures.crystals.ordering.order",
        by=by,
        unit="orderings",
    )
    assert found[0].method == "enumeration"
    assert found[0].n_samples == len(candidates)


def test_sampling_reaches_the_enumerated_minimum(monkeypatch):
    parent, cell = conventional(crystals.HALF_LCO), crystals.HALF_LCO.ordered_cell
    exact = order(parent, cell, n=4)
    monkeypatch.setattr(ordering, "ENUMERATION_LIMIT", 1)
    sampled = order(parent, cell, n=4)
    assert (exact[0].method, sampled[0].method) == ("enumeration", "swap Monte Carlo")
    assert sampled[0].energy == pytest.approx(exact[0].energy, abs=1e-6)


def test_few_samples_are_completed_by_neighbours(monkeypatch):
    monkeypatch.setattr(ordering, "ENUMERATION_LIMIT", 1)
    frozen = conventional(crystals.HALF_LCO)
    frozen.replace_species({"Co4+": "Co3.5+", "Co3+": "Co3.5+"})
    every = order(frozen, OrderedCell(supercell=(2, 1, 1)), n=100)
    monkeypatch.undo()
    assert len(every) == len(order(frozen, OrderedCell(supercell=(2, 1, 1)), n=100))


@pytest.mark.parametrize("cell", [OrderedCell(primitive=True), OrderedCell()], ids=["enumerated", "sampled"])
def test_split_positions_are_not_both_occupied(cell):
    for found in order(conventional(crystals.LPSCL), cell, n=3):
        distances = found.structure.distance_matrix + 9 * np.eye(len(found.structure))
        assert distances.min() > SEPARATION
        assert found.structure.composition.reduced_formula == "Li6PS5Cl"


def test_too_dense_split_positions_keep_the_largest_separation_that_exists():
    """A row of four sites 1 Å apart in a ring of 4 Å: two of them fit 2 Å apart, three only 1 Å."""
    ring = Structure(
        Lattice.orthorhombic(4, 8, 8),
        [{"Li+": 0.5}] * 4 + ["O2-"],
        [[k / 4, 0, 0] for k in range(4)] + [[0.5, 0.5, 0.5]],
    )
    (found,) = order(ring, OrderedCell())
    lithium = found.structure.frac_coords[:2, 0]
    assert abs(lithium[0] - lithium[1]) == pytest.approx(0.5)
    dense = ring.copy()
    dense[4] = "N3-"
    for k in range(4):
        dense[k] = {"Li+": 0.75}
    assert order(dense, OrderedCell())[0].structure.composition.reduced_formula == "Li3N"


def test_charges_choose_the_oxidation_states():
    counts = order(conventional(crystals.NCM532), crystals.NCM532.ordered_cell)[0].structure.composition
    assert {str(s): n for s, n in counts.items() if s.symbol == "Ni"} == {"Ni2+": 9, "Ni3+": 6}


def test_what_cannot_be_built_is_an_error():
    parent = conventional(crystals.NCM532)
    with pytest.raises(StructureError, match="charges cannot balance for Li30Ni5Mn19Co6O60"):
        order(parent, OrderedCell(supercell=(5, 2, 1), composition="Li30Ni5Mn19Co6O60"))
    with pytest.raises(StructureError, match="cannot give Li29"):
        order(parent, OrderedCell(supercell=(5, 2, 1), composition="Li29Ni15Mn9Co6O60"))
    with pytest.raises(StructureError, match="no site holds Fe"):
        order(parent, OrderedCell(supercell=(5, 2, 1), composition="Li30Fe15Mn9Co6O60"))
    with pytest.raises(InputError, match="at least 1"):
        order(parent, crystals.NCM532.ordered_cell, n=0)


def test_an_ordered_structure_has_one_ordering():
    found = order(conventional(crystals.LCO), OrderedCell(supercell=(2, 1, 1)), n=5)
    assert len(found) == 1
    assert found[0].structure.composition == conventional(crystals.LCO).composition * 2


def test_stripes_along_either_axis_of_an_oblong_cell_are_one_crystal():
    """No operation of a 4 × 2 cell turns one set of stripes into the other; the crystals are the same."""
    salt = Structure(Lattice.cubic(4), [{"Na+": 0.5, "K+": 0.5}, "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = order(salt, OrderedCell(supercell=(4, 2, 1)), n=70)
    matcher = StructureMatcher(scale=False, attempt_supercell=False)
    assert found[0].n_samples == 70
    candidates = []
    for chosen in combinations(range(8), 4):
        cell = salt.make_supercell((4, 2, 1), in_place=False)
        for site in range(8):
            cell[site] = "Na" if site in chosen else "K"
        cell.remove_oxidation_states()
        candidates.append(cell)
    assert len(found) == len(matcher.group_structures(candidates))


def test_occupancies_that_round_to_overlapping_atoms_are_shared_out():
    """Split pairs 0.4 Å apart hold one atom each: 0.54 of eight positions is four, not five, and the other position
    takes the rest."""
    pairs = [[x, 0, z] for z in (0.0, 0.25, 0.5, 0.75) for x in (0.24, 0.26)]
    others = [[x, 0.5, z] for z in (0.0, 0.25, 0.5, 0.75) for x in (0.0, 0.5)]
    anions = [[x, 0.25, z] for z in (0.125, 0.375, 0.625, 0.875) for x in (0.1, 0.6)]
    cell = Structure(
        Lattice.orthorhombic(20, 12, 12),
        [{"Li+": 0.58}] * 8 + [{"Li+": 0.42}] * 8 + ["F-"] * 8,
        pairs + others + anions,
        site_properties={"wyckoff_label": ["split"] * 8 + ["whole"] * 8 + ["F"] * 8},
    )
    (found,) = order(cell, OrderedCell())
    labels = found.structure.site_properties["wyckoff_label"]
    assert (labels.count("split"), labels.count("whole")) == (4, 4)
    distances = found.structure.distance_matrix + 9 * np.eye(len(found.structure))
    assert distances.min() > SEPARATION


def test_the_recorded_arrangements_of_a_crystal_are_those_that_are_found():
    """Number and electrostatic range of the library's record; energies and volumes were relaxed by CHGNet."""
    found = material("LPSCl")
    assert found.arrangements is not None
    energies = [one.energy for one in order(conventional(found), found.ordered_cell, 60)]
    assert len(energies) == found.arrangements.n
    assert max(energies) - min(energies) == pytest.approx(found.arrangements.electrostatic, abs=1e-3)
