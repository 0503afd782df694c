"""Cells of the three structures: compositions, charges and sites by hand."""

from __future__ import annotations

import pytest

from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.polymorphs import layered_cells, rock_salt_cells, spinel_cells

LAYERED, SPINEL, ROCK_SALT = material("LCO"), material("Co3O4"), material("CoO")


@pytest.mark.parametrize(("x", "formula"), [(1.0, "LiCoO2"), (0.5, "Li(CoO2)2"), (0.0, "CoO2")])
def test_layered(x: float, formula: str) -> None:
    for one in layered_cells(LAYERED, x, (2, 1, 1), 2):
        assert one.structure.composition.remove_charges().reduced_formula == formula
        assert one.x == pytest.approx(x)
        assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)


@pytest.mark.parametrize(("lithium", "oxygen"), [(0, 8), (2, 8), (4, 8)])
def test_rock_salt_gives_oxygen_off(lithium: int, oxygen: int) -> None:
    found = rock_salt_cells(ROCK_SALT, "Co", lithium, (2, 1, 1), 2)
    assert 1 <= len(found) <= 2
    for one in found:
        counts = one.structure.composition.element_composition
        assert (counts["Li"], counts["Co"], counts["O"]) == (lithium, 8 - lithium, oxygen)
        assert one.x == pytest.approx(lithium / (8 - lithium))
        assert counts["O"] / counts["Co"] == pytest.approx(1 + one.x)
        assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)


@pytest.mark.parametrize("x", [0.0, 0.25, 0.5])
def test_lithium_stands_on_the_tetrahedra_of_spinel(x: float) -> None:
    (one,) = spinel_cells(SPINEL, "Co", x, 1)
    counts = one.structure.composition.element_composition
    assert (counts["Li"], counts["Co"], counts["O"]) == (16 * x, 16, 32)
    assert sum(site.specie.oxi_state for site in one.structure) == pytest.approx(0)
    for site in one.structure:
        if site.specie.symbol == "Li":
            assert len([n for n in one.structure.get_neighbors(site, 2.4) if n.specie.symbol == "O"]) == 4


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(StructureError, match="one transition metal is needed"):
        layered_cells(material("NCM811"), 1.0, (1, 1, 1), 1)
    with pytest.raises(StructureError, match="at most half"):
        rock_salt_cells(ROCK_SALT, "Co", 5, (2, 1, 1), 1)
    with pytest.raises(StructureError, match="Ni is needed"):
        rock_salt_cells(ROCK_SALT, "Ni", 0, (1, 1, 1), 1)
    with pytest.raises(StructureError, match="half a lithium atom at most"):
        spinel_cells(SPINEL, "Co", 0.75, 1)
