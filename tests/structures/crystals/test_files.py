"""Files in and out: what survives, and one clear error for what does not parse."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.errors import FileNote, StructureError
from catholyte.structures.crystals.cells import calculation_cell, canonical_order
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support import crystals
from catholyte.tests.support.strategies import structures_with_moments


@settings(max_examples=40, deadline=None)
@given(structures_with_moments())
def test_moments_and_oxidation_states_survive_the_way_through_ase(structure):
    back = AseAtomsAdaptor.get_structure(AseAtomsAdaptor.get_atoms(structure))
    assert np.array_equal(back.site_properties["magmom"], structure.site_properties["magmom"])
    assert [str(s.specie) for s in back] == [str(s.specie) for s in structure]
    assert np.allclose(back.cart_coords, structure.cart_coords)


EVERY = ["cell.extxyz", "cell.json", "cell.cif", "POSCAR", "cell.vasp"]


@pytest.mark.parametrize("name", EVERY)
def test_every_format_keeps_moments_oxidation_states_and_site_properties(tmp_path, name):
    slab = slabs(source_cell(crystals.COO), (1, 1, 1), SlabSpec(fixed_layers=2))[0].structure
    path = write_structure(slab, tmp_path / "new" / name)
    back = read_structure(path)
    assert back.site_properties == slab.site_properties
    assert back.species == slab.species
    assert set(back.site_properties) == {"magmom", "wyckoff_label", "layer", "origin", "selective_dynamics"}
    assert np.allclose(back.frac_coords, slab.frac_coords, atol=1e-7)
    assert write_structure(back, path).read_bytes() == path.read_bytes()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(structures_with_moments(), st.sampled_from(EVERY))
def test_round_trips_lose_nothing(tmp_path, structure, name):
    """Written sites are sorted for a POSCAR; a canonical order makes that no change."""
    cell = canonical_order(structure)
    back = read_structure(write_structure(cell, tmp_path / name))
    assert back.site_properties["magmom"] == pytest.approx(cell.site_properties["magmom"], abs=1e-7)
    assert back.species == cell.species
    assert back.lattice.parameters == pytest.approx(cell.lattice.parameters)
    gaps = back.frac_coords - cell.frac_coords
    assert np.allclose(gaps, np.rint(gaps), atol=1e-7)


def test_species_of_a_poscar_are_sorted_and_other_programs_read_it(tmp_path):
    mixed = Structure(
        Lattice.cubic(6), ["O2-", "Co3+", "O2-", "Co2+", "Li+"], np.eye(5, 3) / 2 + np.arange(5)[:, None] / 10
    )
    path = write_structure(mixed, tmp_path / "POSCAR")
    assert path.read_text().splitlines()[5:7] == ["Li Co O", "1 2 2"]
    atoms = ase.io.read(path)
    assert atoms.get_chemical_symbols() == ["Li", "Co", "Co", "O", "O"]
    assert np.allclose(atoms.get_scaled_positions(), read_structure(path).frac_coords % 1)
    foreign = "\n".join(line.split(" ! ")[0] for line in path.read_text().splitlines()) + "\n"
    path.write_text(foreign)
    assert read_structure(path).composition.reduced_formula == "Li(CoO)2"


def test_a_cif_of_another_program_has_no_project_column(tmp_path):
    cell = calculation_cell(crystals.LCO)
    cell.to(str(tmp_path / "plain.cif"))
    assert read_structure(tmp_path / "plain.cif").composition == cell.composition


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


DISORDERED_MCIF = """\
data_x
_cell_length_a 4.17
_cell_length_b 4.17
_cell_length_c 4.17
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
loop_
_space_group_symop_magn_centering.id
_space_group_symop_magn_centering.xyz
1 x,y,z,+1
2 x,y+1/2,z+1/2,+1
3 x+1/2,y,z+1/2,-1
4 x+1/2,y+1/2,z,-1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ni1 Ni 0 0 0 0.5
Mg1 Mg 0 0 0 0.5
O1 O 0.5 0.5 0.5 1
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Ni1 1.0 0.0 0.0
"""


def test_a_magnetic_cif_with_partial_occupancies_loses_its_moments_alone(tmp_path: Path) -> None:
    """pymatgen reads none; the sites and operations are those of any CIF."""
    (tmp_path / "a.mcif").write_text(DISORDERED_MCIF)
    with pytest.warns(FileNote, match="partial occupancies: the moments of the file are left out"):
        found = read_structure(tmp_path / "a.mcif")
    assert found.composition == Composition("Mg2Ni2O4")
    assert (len(found), found.is_ordered) == (8, False)
    assert "magmom" not in found.site_properties
