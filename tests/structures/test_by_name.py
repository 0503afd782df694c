"""What a structure file is taken for where it says nothing itself: the spin states of its ions."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from catholyte.structures.by_name import find_source, material_from_file
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import from_space_group


def _layered(metal: str, alkali: str = "Li", anion: str = "O") -> Structure:
    return from_space_group(
        "R-3m",
        Lattice.hexagonal(2.85, 14.1),
        [alkali, metal, anion],
        [[0, 0, 0.5], [0, 0, 0], [0, 0, 0.2605]],
    ).get_primitive_structure()


@pytest.mark.parametrize(
    ("structure", "moments"),
    [
        (_layered("Co"), {"Co": 0.0}),
        (_layered("Co", "Na"), {"Co": 0.0}),
        (_layered("Ni"), {"Ni": 1.0}),
        (_layered("Mn"), {"Mn": 4.0}),
        (_layered("Fe"), {"Fe": 5.0}),
        (_layered("Co", anion="S"), {"Co": 0.0}),  # as in Co3S4
    ],
    ids=["LiCoO2", "NaCoO2", "LiNiO2", "LiMnO2", "LiFeO2", "LiCoS2"],
)
def test_layered_oxides_start_as_those_of_the_library(
    tmp_path: Path, structure: Structure, moments: dict[str, float]
) -> None:
    file = tmp_path / "own.cif"
    structure.to(str(file))
    (metal, moment), *_ = moments.items()
    cell = calculation_cell(material_from_file(file))
    source = find_source(str(file)).structure
    for found in (cell, source):
        assert {abs(site.properties["magmom"]) for site in found if site.specie.symbol == metal} == {moment}


def test_a_tetrahedron_is_high_spin(tmp_path: Path) -> None:
    """Co4+ in BaO-like tetrahedra: the ions of a spinel's 8a site do not become low spin by their name."""
    zinc_blende = from_space_group(
        "F-43m", Lattice.cubic(4.5), ["Co3+", "O2-", "Li+"], [[0, 0, 0], [0.25] * 3, [0.5] * 3]
    )
    file = tmp_path / "own.json"
    zinc_blende.to(str(file))
    assert material_from_file(file).magnetism.spin_states == {}
