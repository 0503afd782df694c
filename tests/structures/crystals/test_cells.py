"""The cell that a calculation runs on, for small crystals and for every material of the library."""

import json
from itertools import groupby

import numpy as np
import pytest
from pymatgen.core.composition import Composition

from catholyte.configs.errors import StructureError
from catholyte.configs.load import CONFIGS, material
from catholyte.structures.crystals import cells
from catholyte.structures.crystals.cells import calculation_cell, require_neutral
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.interfaces.check import check_distances_by_radii
from catholyte.tests.support import crystals

LIBRARY = sorted(path.stem for path in (CONFIGS / "materials").glob("*.yaml"))
#: molecules whose covalent C-O bonds ionic radii do not describe
COVALENT = {"CO", "CO2", "COS", "H2O", "H2S", "LiOH"}


def bits(structure):
    return json.dumps(structure.as_dict(), sort_keys=True)


@pytest.mark.parametrize("name", LIBRARY)
def test_cells_of_the_library(name):
    cell = check_calculation_cell(material(name))
    if name not in COVALENT:
        check = check_distances_by_radii(cell)
        assert check.ok, check.detail


@pytest.mark.parametrize("material", crystals.ALL, ids=lambda m: m.name)
def test_small_cells(material):
    check_calculation_cell(material)


def check_calculation_cell(material):
    cell = calculation_cell(material)
    assert cell.is_ordered
    assert cell.charge == pytest.approx(0, abs=1e-6)
    assert set(cell.site_properties) == {"magmom", "wyckoff_label"}
    assert all(isinstance(moment, float) for moment in cell.site_properties["magmom"])
    runs = [species for species, _ in groupby(site.specie for site in cell)]
    assert len(runs) == len(set(runs))
    distances = cell.distance_matrix + 9 * np.eye(len(cell))
    assert distances.min() > 0.7
    wanted = (material.ordered_cell and material.ordered_cell.composition) or material.formula
    assert cell.composition.element_composition.fractional_composition.almost_equals(
        Composition(wanted).fractional_composition
    )
    if material.magnetism.order.startswith("AFM"):
        assert sum(cell.site_properties["magmom"]) == 0
    assert any(cell.site_properties["magmom"]) == (material.magnetism.order != "nonmagnetic")
    return cell


@pytest.mark.parametrize("material", [crystals.COO, crystals.NCM532, crystals.LPSCL], ids=lambda m: m.name)
def test_the_same_bits_on_every_call(material, monkeypatch):
    """Whether it is searched for anew or kept, and whatever was done to the one that was given before."""
    given = calculation_cell(material)
    first = bits(given)
    given.translate_sites([0], [0.1, 0, 0])
    assert bits(calculation_cell(material)) == first
    monkeypatch.setattr(cells, "_ORDERED", {})
    assert bits(calculation_cell(material)) == first


def test_cobalt_oxide_has_four_atoms_and_no_sharp_angle():
    cell = calculation_cell(crystals.COO)
    assert len(cell) == 4
    assert min(cell.lattice.angles) > 59.9
    assert cell.volume == pytest.approx(4.26**3 / 2)


def test_a_supercell_keeps_the_layers_along_c():
    assert calculation_cell(crystals.NCM532).lattice.parameters == pytest.approx((14.35, 5.74, 14.2, 90, 90, 120))


def test_charges_that_do_not_cancel_are_an_error():
    cell = conventional(crystals.LCO)
    cell.replace_species({"Co3+": "Co4+"})
    with pytest.raises(StructureError, match=r"LCO: the oxidation states of .* add up to \+3"):
        require_neutral(cell, "LCO")
