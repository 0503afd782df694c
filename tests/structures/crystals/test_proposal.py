"""The ordered cell proposed for a disordered file: whole atoms, balanced, near the refined amounts, and no larger than
needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import product

import pytest
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.configs.errors import FileNote, StructureError
from catholyte.structures.by_name import find_material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.ordering import order
from catholyte.structures.crystals.proposal import LARGEST, TOLERANCE, propose
from catholyte.tests.support import crystals
from catholyte.tests.support.cases import case


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FileNote)
        yield


def test_the_library_cells_of_ncm_are_proposed() -> None:
    proposal = propose(conventional(crystals.NCM532), "x")
    assert proposal.composition == Composition("Li10Ni5Mn3Co2O20")
    assert proposal.deviation == pytest.approx(0, abs=1e-9)
    listed = find_material(str(case("15") / "NMC811.cif")).ordered_cell
    assert Composition(listed.composition) == Composition("Li10Ni8MnCoO20")
    assert listed.primitive


def test_nothing_smaller_is_near_enough() -> None:
    """Brute force over all whole compositions of fewer cells."""
    refined = {"Ni": 0.8, "Mn": 0.1, "Co": 0.1}
    for cells in range(1, 10):
        for numbers in product(range(cells + 1), repeat=3):
            if sum(numbers) == cells:
                off = max(abs(n - cells * share) for n, share in zip(numbers, refined.values(), strict=True))
                assert off / (4 * cells) > TOLERANCE


@pytest.mark.parametrize(("name", "file"), [("13", "LCNO.cif"), ("15", "NMC811-antisite.cif"), ("19", "Li0.5CoO2.cif")])
def test_the_cell_that_is_built_has_the_proposed_atoms(name: str, file: str) -> None:
    material = find_material(str(case(name) / file))
    cell = calculation_cell(material)
    assert cell.is_ordered
    made, wanted = cell.composition.element_composition, conventional(material).composition.element_composition
    assert made == Composition(material.ordered_cell.composition)
    for element in wanted:
        assert abs(made.get_atomic_fraction(element) - wanted.get_atomic_fraction(element)) <= 1.5 * TOLERANCE


def test_a_dilute_dopant_asks_for_a_choice() -> None:
    structure = Structure(
        Lattice.cubic(4.2), [{"Co2+": 0.987, "Ni2+": 0.013}, "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]],
        site_properties={"wyckoff_label": ["M", "O"]},
    )  # fmt: skip
    wanted = propose(
        structure, "x"
    )  # 1 of 100 within half a percent of the atoms: none at all is nearer than one of two
    assert wanted.composition.num_atoms <= LARGEST
    far = Structure(
        Lattice.cubic(8.0), [{"Co2+": 0.5}, "O2-", "O2-", "Li+"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0]],
        site_properties={"wyckoff_label": ["M", "O", "O", "Li"]},
    )  # fmt: skip
    with pytest.raises(StructureError, match="no whole numbers of atoms balance the charges"):
        propose(far, "x")


def test_orderings_of_a_file_equal_those_of_the_library() -> None:
    """The same crystal, once with symmetry and ions, once as the list of a CIF."""
    listed = find_material(str(case("15") / "NMC811.cif"))
    own = crystals.NCM532.model_copy(
        update={
            "lattice": listed.lattice,
            "ordered_cell": listed.ordered_cell,
            "sites": tuple(
                site.model_copy(update={"species": {"Ni2+": 0.1, "Ni3+": 0.7, "Mn4+": 0.1, "Co3+": 0.1}})
                if site.label == "M"
                else site.model_copy(update={"position": (0, 0, 0.2395)}) if site.label == "O" else site
                for site in crystals.NCM532.sites
            ),
        }
    )  # fmt: skip
    first, second = (order(conventional(m), m.ordered_cell, 1)[0] for m in (listed, own))
    assert first.energy == pytest.approx(second.energy, abs=1e-4)


def test_exchanged_atoms_that_the_cell_is_too_small_for_are_told() -> None:
    """Two percent of nickel among lithium, and of lithium among nickel: the composition stays, the exchange is lost."""
    sites = {"Li": {"Li+": 0.98, "Ni2+": 0.02}, "TM": {"Ni2+": 0.48, "Li+": 0.02, "Mn4+": 0.5}}
    crystal = Structure.from_spacegroup(
        "R-3m",
        Lattice.hexagonal(2.87, 14.2),
        [*sites.values(), {"O2-": 1}],
        [[0, 0, 0.5], [0, 0, 0], [0, 0, 0.2585]],
        site_properties={"wyckoff_label": ["Li", "TM", "O"]},
    )
    found = propose(crystal, "a file")
    assert sorted(found.left_out) == [("Li", "TM", 0.02), ("Ni", "Li", 0.02)]
    assert "(as refined); it is too small for Li on TM (2 %) and Ni on Li (2 %); --composition" in found.text
    assert propose(conventional(crystals.NCM532), "x").left_out == ()
