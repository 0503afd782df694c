"""Cells of the three structures: compositions, charges and sites by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.configs.models import OrderedCell
from catholyte.structures.crystals.polymorphs import (
    layered_cells,
    metals_of,
    polymorph_of,
    rock_salt_cells,
    spinel_cells,
    starting_moments,
)
from catholyte.structures.defects.delithiated import delithiated_cells

LAYERED, SPINEL, ROCK_SALT = material("LCO"), material("Co3O4"), material("CoO")
COBALT, NCM, LITHIUM_RICH = metals_of(LAYERED), metals_of(material("NCM111")), metals_of(material("LRMO"))


@pytest.mark.parametrize(("x", "formula"), [(1.0, "LiCoO2"), (0.5, "Li(CoO2)2"), (0.0, "CoO2")])
def test_layered(x: float, formula: str) -> None:
    for one in layered_cells(LAYERED, x, (2, 1, 1), 2):
        assert one.structure.composition.remove_charges().reduced_formula == formula
        assert one.x == pytest.approx(x)
        assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)


@pytest.mark.parametrize(("lithium", "oxygen"), [(0, 8), (2, 8), (4, 8)])
def test_rock_salt_gives_oxygen_off(lithium: int, oxygen: int) -> None:
    found = rock_salt_cells(ROCK_SALT, COBALT, lithium, (2, 1, 1), 2)
    assert 1 <= len(found) <= 2
    for one in found:
        counts = one.structure.composition.element_composition
        assert (counts["Li"], counts["Co"], counts["O"]) == (lithium, 8 - lithium, oxygen)
        assert one.x == pytest.approx(lithium / (8 - lithium))
        assert counts["O"] / counts["Co"] == pytest.approx(1 + one.x)
        assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)


@pytest.mark.parametrize("x", [0.0, 0.25, 0.5])
def test_lithium_stands_on_the_tetrahedra_of_spinel(x: float) -> None:
    (one,) = spinel_cells(SPINEL, COBALT, x, 1)
    counts = one.structure.composition.element_composition
    assert (counts["Li"], counts["Co"], counts["O"]) == (16 * x, 16, 32)
    assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)
    for site in one.structure:
        if site.specie.symbol == "Li":
            assert len([n for n in one.structure.get_neighbors(site, 2.4) if n.specie.symbol == "O"]) == 4


@pytest.mark.parametrize(
    ("lithium", "ions"),
    [
        (0, {"Ni2+": 4, "Co2+": 4, "Mn2+": 4}),
        (3, {"Li+": 3, "Ni2+": 3, "Co2+": 3, "Mn3+": 3}),
        (6, {"Li+": 6, "Ni2+": 2, "Co3+": 2, "Mn4+": 2}),
    ],
)
def test_rock_salt_of_several_metals_keeps_their_ratio_and_reduces_them(lithium: int, ions: dict[str, int]) -> None:
    """Twelve cations: the metals' mean charge is 2 + x; Mn4+ is reduced first, then Co3+, then Mn3+."""
    (one,) = rock_salt_cells(material("NiO"), NCM, lithium, (3, 1, 1), 1)
    assert Counter(str(site.specie) for site in one.structure) == {**ions, "O2-": 12}
    assert one.x == pytest.approx(lithium / (12 - lithium))


def test_spinel_of_several_metals_oxidises_nickel_first() -> None:
    (one,) = spinel_cells(SPINEL, NCM, 0.5, 1, (3, 1, 1))
    counts = Counter(str(site.specie) for site in one.structure)
    assert counts == {"Li+": 6, "Ni3+": 2, "Ni4+": 2, "Co3+": 4, "Mn4+": 4, "O2-": 24}


def test_a_lithium_rich_oxide_takes_its_lithium_along() -> None:
    """Li1.2M0.8O2 has 1.5 for each metal: 18 of 30 cations, and 9.6 of 16."""
    assert LITHIUM_RICH.lithium == pytest.approx(1.5)
    (one,) = rock_salt_cells(material("NiO"), LITHIUM_RICH, 6, (3, 1, 1), 1)
    counts = one.structure.composition.element_composition
    assert [counts[symbol] for symbol in ("Li", "Mn", "Co", "Ni", "O")] == [6, 4, 1, 1, 12]
    with pytest.raises(StructureError, match=r"10 of 16 cations: at most 9\.6 of them"):
        rock_salt_cells(material("NiO"), LITHIUM_RICH, 10, (4, 1, 1), 1)


def test_an_oxide_of_several_metals_gives_arrangements_of_its_lithium() -> None:
    cells = delithiated_cells(material("NCM111"), OrderedCell(supercell=(3, 1, 1), primitive=True), (1.0, 0.3333), 2)
    assert [len(found) for found in cells.values()] == [1, 2]
    assert [polymorph_of(one).x for found in cells.values() for one in found] == pytest.approx([1, 1 / 3, 1 / 3])


def test_ions_of_several_metals_start_from_their_moments() -> None:
    (one,) = rock_salt_cells(material("NiO"), NCM, 3, (3, 1, 1), 1)
    started = starting_moments(one, material("NCM111"), material("NiO"))
    moments = {str(site.specie): site.properties["magmom"] for site in started}
    assert moments == {"Li+": 0, "Mn3+": 4, "Co2+": 3, "Ni2+": 2, "O2-": 0}


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(StructureError, match="holds no transition metal"):
        metals_of(material("Li2CO3"))
    with pytest.raises(StructureError, match="5 of 8 cations: at most 4 of them"):
        rock_salt_cells(ROCK_SALT, COBALT, 5, (2, 1, 1), 1)
    with pytest.raises(StructureError, match="CoO is the rock salt of Co, and one of Ni 1 is needed"):
        rock_salt_cells(ROCK_SALT, metals_of(material("NiO")), 0, (1, 1, 1), 1)
    with pytest.raises(StructureError, match=r"7 metals of 8 cations are no whole atoms of .*: give another supercell"):
        rock_salt_cells(material("NiO"), NCM, 1, (2, 1, 1), 1)
    with pytest.raises(StructureError, match="16 octahedral sites are no whole atoms"):
        spinel_cells(SPINEL, NCM, 0.5, 1)
    with pytest.raises(StructureError, match="half a lithium atom at most"):
        spinel_cells(SPINEL, COBALT, 0.75, 1)
