"""Files in and out: what survives, and one clear error for what does not parse."""

import crystals
import numpy as np
import pytest
from hypothesis import given, settings
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from strategies import structures_with_moments

from catholyte.configs.errors import StructureError
from catholyte.structures.cells import calculation_cell
from catholyte.structures.crystal import conventional
from catholyte.structures.files import read_structure, write_structure


@settings(max_examples=40, deadline=None)
@given(structures_with_moments())
def test_moments_and_oxidation_states_survive_the_way_through_ase(structure):
    back = AseAtomsAdaptor.get_structure(AseAtomsAdaptor.get_atoms(structure))
    assert np.array_equal(back.site_properties["magmom"], structure.site_properties["magmom"])
    assert [str(s.specie) for s in back] == [str(s.specie) for s in structure]
    assert np.allclose(back.cart_coords, structure.cart_coords)


@pytest.mark.parametrize("name", ["cell.extxyz", "cell.json"])
def test_formats_that_keep_site_properties(tmp_path, name):
    cell = calculation_cell(crystals.CO3O4)
    back = read_structure(write_structure(cell, tmp_path / "new" / name))
    assert back.site_properties["magmom"] == pytest.approx(cell.site_properties["magmom"])
    assert back.site_properties["wyckoff_label"] == cell.site_properties["wyckoff_label"]
    assert [s.specie for s in back] == [s.specie for s in cell]


@pytest.mark.parametrize("name", ["cell.cif", "POSCAR", "cell.vasp", "cell.extxyz", "cell.json"])
def test_atoms_survive_every_format(tmp_path, name):
    cell = calculation_cell(crystals.LI2CO3)
    back = read_structure(write_structure(cell, tmp_path / name))
    assert back.composition.element_composition == cell.composition.element_composition
    assert back.volume == pytest.approx(cell.volume, rel=1e-5)
    assert np.allclose(np.sort(back.distance_matrix, axis=None), np.sort(cell.distance_matrix, axis=None), atol=1e-4)


def test_partial_occupancies_go_to_cif_and_json_only(tmp_path):
    structure = conventional(crystals.NCM532)
    assert not read_structure(write_structure(structure, tmp_path / "ncm.cif")).is_ordered
    with pytest.raises(StructureError, match="allowed: cif, json"):
        write_structure(structure, tmp_path / "POSCAR")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.cif", "data_x\n_cell_length_a 3\nloop_\n_atom_site_label\nCo1", "not readable as cif"),
        ("empty.cif", "", "not readable as cif"),
        ("POSCAR", "", "not readable as poscar"),
        ("vasprun.xml", "<modeling>", "not readable as vasprun"),
        ("cell.extxyz", "3\n\nCo 0 0 0\n", "not readable as extxyz"),
        ("cell.json", "{}", "not readable as json"),
        ("cell.txt", "x", "tells no format"),
    ],
)
def test_one_clear_error_for_a_broken_file(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(StructureError, match=message) as caught:
        read_structure(tmp_path / name)
    assert name in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_file_and_overlapping_atoms(tmp_path):
    with pytest.raises(StructureError, match="no such file"):
        read_structure(tmp_path / "none.cif")
    close = Structure(Lattice.cubic(4), ["Co", "O"], [[0, 0, 0], [0.05, 0, 0]])
    path = write_structure(close, tmp_path / "POSCAR")
    with pytest.raises(StructureError, match=r"overlap: 0\.200 Å apart"):
        read_structure(path)
