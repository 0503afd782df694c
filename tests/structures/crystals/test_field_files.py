"""Files from the field: what databases, refinement programs and people write is read as the crystal that it is, or
refused by name; AUDIT part III."""

from __future__ import annotations

import codecs
import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from catholyte.configs.errors import FileNote, StructureError
from catholyte.configs.load import load_materials
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.files import is_structure_file, read_structure
from catholyte.tests.support.cases import case
from catholyte.tests.support.cif_dialects import LCO_ATOMS, LCO_CELL, cif, lco_cif, listed

#: O at 2 z of the hexagonal cell, in the rhombohedral cell of a third of the volume
RHOMBOHEDRAL = {
    "length_a": "4.95842", "length_b": "4.95842", "length_c": "4.95842",
    "angle_alpha": "32.9862", "angle_beta": "32.9862", "angle_gamma": "32.9862",
}  # fmt: skip


def read(path: Path | str) -> tuple[Structure, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FileNote)
        structure = read_structure(path)
    return structure, [str(warning.message) for warning in caught]


def written(tmp_path: Path, text: str | bytes, name: str = "x.cif") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def reference() -> Structure:
    """LiCoO2 by hand: 12 atoms on hexagonal axes."""
    matrix = [[2.8156, 0, 0], [-1.4078, 2.8156 * 3**0.5 / 2, 0], [0, 0, 14.0542]]
    rows = [row.split() for row in listed(10)]
    return Structure(matrix, [row[1] for row in rows], [[float(x) for x in row[2:5]] for row in rows])


def assert_same(found: Structure, wanted: Structure, tolerance: float = 1e-3) -> None:
    """Equal up to the order of the atoms: species on species, within `tolerance` Å."""
    assert len(found) == len(wanted)
    assert found.volume == pytest.approx(wanted.volume, rel=1e-4)
    distances = wanted.lattice.get_all_distances(found.frac_coords, wanted.frac_coords)
    partner = distances.argmin(axis=1)
    assert sorted(partner) == list(range(len(wanted)))
    assert distances.min(axis=1).max() < tolerance
    for site, k in zip(found, partner, strict=True):
        assert site.species.element_composition.almost_equals(wanted[int(k)].species.element_composition)


H = "_symmetry_space_group_name_H-M"
DIALECTS: dict[str, str | bytes] = {
    "as the dictionary has it": lco_cif(),
    "byte-order mark of UTF-8": codecs.BOM_UTF8 + lco_cif().encode(),
    "UTF-16": codecs.BOM_UTF16_LE + lco_cif().encode("utf-16-le"),
    "Latin-1 in a comment": b"# Universit\xe4t, \xc5\n" + lco_cif().encode("latin-1"),
    "line ends of Windows": lco_cif().replace("\n", "\r\n"),
    "line ends of an old Macintosh": lco_cif().replace("\n", "\r"),
    "dots of newer dictionaries": lco_cif().replace("_atom_site_", "_atom_site.").replace("_cell_", "_cell."),
    "capital letters": lco_cif().replace("_cell_length", "_CELL_LENGTH").replace("loop_", "LOOP_"),
    "default occupancies": lco_cif(atoms=tuple(row[:-1] + "." for row in LCO_ATOMS)),
    "no occupancies": lco_cif(
        atoms=tuple(row[:-2] for row in LCO_ATOMS),
        columns=("label", "type_symbol", "fract_x", "fract_y", "fract_z"),
    ),
    "uncertainties": lco_cif(
        cell={**LCO_CELL, "length_a": "2.8156(12)", "length_b": "2.8156(12)", "length_c": "14.0542(3)"},
        atoms=("Li1 Li 0 0 0.5 1.00(2)", "Co1 Co 0 0 0 1.00(1)", "O1 O 0 0 .2395(4) 1"),
    ),
    "a column order of its own": lco_cif(
        atoms=("0.5 0 0 Li1", "0 0 0 Co1", ".2395 0 0 O1"), columns=("fract_z", "fract_y", "fract_x", "label")
    ),
    "charges of ICSD": lco_cif(atoms=("Li1 Li1+ 0 0 0.5 1", "Co1 Co3+ 0 0 0 1", "O1 O2- 0 0 0.2395 1")),
    "charges of GSAS and TOPAS": lco_cif(atoms=("LI1 Li+1 0 0 0.5 1", "CO1 Co+3 0 0 0 1", "O1 O-2 0 0 0.2395 1")),
    "labels alone": lco_cif(
        atoms=("Li 0 0 0.5", "Co(1) 0 0 0", "O_a 0 0 0.2395"), columns=("label", "fract_x", "fract_y", "fract_z")
    ),
    "capital labels beside a sum formula": lco_cif(
        atoms=("LI1 0 0 0.5", "CO1 0 0 0", "O1 0 0 0.2395"),
        columns=("label", "fract_x", "fract_y", "fract_z"),
        values=("_chemical_formula_sum 'Li Co O2'", f"{H} 'R -3 m'"),
    ),
    "the whole cell and P 1": lco_cif(atoms=listed(8), operations=("x,y,z",), values=(f"{H} 'P 1'",)),
    "the whole cell and its faces, as VESTA exports": lco_cif(
        atoms=listed(8, ends=True), operations=("x,y,z",), values=(f"{H} 'P 1'",)
    ),
    "the whole cell and all operations": lco_cif(atoms=listed(5)),
    "three digits": lco_cif(atoms=("Li1 Li 0 0 0.5 1", "Co1 Co 0 0 0 1", "O1 O 0.667 0.333 0.0938 1")),
    "three digits of the whole cell": lco_cif(atoms=listed(3), operations=("x,y,z",)),
    "decimal fractions in the operations": lco_cif(
        operations=tuple(
            text.replace("1/3", "0.333333").replace("2/3", "0.666667") for text in cif(LCO_CELL, ()).split("'")[3::2]
        )
    ),
    "no operations, H behind a colon": lco_cif(operations=()),
    "no operations, H as ICSD had it": lco_cif(operations=(), values=(f"{H} 'R -3 m H'",)),
    "no operations, the setting from the cell": lco_cif(operations=(), values=(f"{H} R-3m",)),
    "no operations, the full symbol": lco_cif(operations=(), values=(f"{H} 'R -3 2/m :H'",)),
    "no operations, the number": lco_cif(operations=(), values=("_space_group_IT_number 166",)),
    "no operations, the Hall symbol": lco_cif(operations=(), values=("_space_group_name_Hall '-R 3 2\"'",)),
    "text fields with words of the syntax": ";\ndata_no\nloop_\n_cell_length_a 9\n;\n" + lco_cif(
        values=("_publ_section_title\n;\nloop_ data_x _atom_site_label\n;", f"{H} 'R -3 m :H'", "_note 'it''s # one'")
    ),
    "a vacancy beside lithium": lco_cif(atoms=(*LCO_ATOMS, "Vac1 Vac 0 0 0.38 1", "X1 VA 0 0 0.12 .5")),
    "a dummy atom": lco_cif(
        atoms=tuple(f"{row} {flag}" for row, flag in zip((*LCO_ATOMS, "Cg1 ? ? ? ? ."), "...d", strict=True)),
        columns=("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy", "calc_flag"),
    ).replace(" d\n", " dum\n"),
    "an atom of occupancy 0": lco_cif(atoms=(*LCO_ATOMS, "Ni1 Ni 0 0 0.38 0")),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_twelve_atoms(tmp_path, dialect):
    found, _ = read(written(tmp_path, DIALECTS[dialect]))
    assert_same(found, reference(), tolerance=0.01)
    assert found.is_ordered


@pytest.mark.parametrize("dialect", ["charges of ICSD", "charges of GSAS and TOPAS"])
def test_charges_of_the_type_symbols_are_kept(tmp_path, dialect):
    found, notes = read(written(tmp_path, DIALECTS[dialect]))
    assert {str(species) for species in found.species} == {"Li+", "Co3+", "O2-"}
    assert notes == []


@pytest.mark.parametrize("values", [(f"{H} 'R -3 m :R'",), (f"{H} 'R -3 m R'",), (f"{H} 'R -3 m'",)])
def test_a_rhombohedral_cell_without_operations_gives_four_atoms(tmp_path, values):
    atoms = ("Li1 Li 0.5 0.5 0.5 1", "Co1 Co 0 0 0 1", "O1 O 0.2395 0.2395 0.2395 1")
    found, _ = read(written(tmp_path, cif(RHOMBOHEDRAL, atoms, (), values=values)))
    assert found.composition.formula == "Li1 Co1 O2"
    hexagonal = reference()
    distances = [s.get_neighbors(s[k], 2.2) for s, k in ((found, 1), (hexagonal, 3))]
    for shell in distances:  # Co-O of either cell
        assert len(shell) == 6
    assert distances[0][0].nn_distance == pytest.approx(distances[1][0].nn_distance, abs=2e-3)


def test_copies_are_told_and_so_is_what_was_left_out(tmp_path):
    for dialect, words in {
        "the whole cell and all operations": "9 of 12 atoms are symmetry copies",
        "a vacancy beside lithium": "Vac1, X1: taken as vacant",
        "a dummy atom": "Cg1: dummy atoms, left out",
        "no operations, the number": "leaves the setting open",
    }.items():
        _, notes = read(written(tmp_path, DIALECTS[dialect]))
        if dialect != "no operations, the number":  # only one of the two R settings fits the cell: nothing is open
            assert any(words in note for note in notes), (dialect, notes)


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("06-cif-dot-occupancy/MgNiO2.cif", "Mg3 Ni3 O6", None),
        ("06-cif-dot-occupancy/LCO.cif", "Li3 Co3 O6", "occupancy is unknown"),
        ("12-cif-whole-cell-and-operations/LCO.cif", "Li3 Co3 O6", "9 of 12"),
        ("13-cif-occupancies-1.01/LCNO.cif", "Li3 Co1.51485149 Ni1.48514851 O6", "Co1/Ni1 add up to 1.01"),
        ("16-cif-three-digits/LCO.cif", "Li3 Co3 O6", None),
        ("19-cif-vacancy-label/CoO2-vacant.cif", "Co3 O6", "Vac1: taken as vacant"),
        ("19-cif-vacancy-label/Li0.5CoO2.cif", "Li1.5 Co3 O6", "Va1: taken as vacant"),
    ],
)
def test_the_files_of_the_audit(name, formula, words):
    folder, file = name.split("/")
    found, notes = read(case(folder.split("-")[0]) / file)
    assert found.composition.formula == formula
    assert (words is None) == (notes == [])
    assert words is None or words in notes[0]


REFUSED: dict[str, tuple[str, str]] = {
    "occupancy 1.2": (lco_cif(atoms=(*LCO_ATOMS[:2], "O1 O 0 0 0.2395 1.2")), "occupancy of O1 is 1.2"),
    "occupancies counted per cell": (lco_cif(atoms=(*LCO_ATOMS[:2], "O1 O 0 0 0.2395 6")), "divided by the multiplicit"),
    "occupancies of one place": (
        lco_cif(atoms=(*LCO_ATOMS, "Ni1 Ni 0 0 0 0.5")),
        "occupancies of Co1/Ni1 at one place add up to 1.5",
    ),
    "a superstructure with the operations of its parent": (
        lco_cif(atoms=tuple(row.replace("Co3 Co", "Co3 Ni") for row in listed(5))),
        "add up to 2",
    ),
    "a position that is not known": (lco_cif(atoms=(*LCO_ATOMS, "H1 H ? ? ? 1")), "coordinate x of H1"),
    "what is no element": (lco_cif(atoms=(*LCO_ATOMS, "Xx1 Xx 0 0 0.38 1")), "'Xx' names no element"),
    "a capital label alone": (
        lco_cif(atoms=("LI1 0 0 0.5", "CO1 0 0 0", "O1 0 0 0.2395"), columns=("label", "fract_x", "fract_y", "fract_z")),
        "the label 'CO1' may mean Co or C",
    ),
    "hexagonal operations on rhombohedral axes": (
        cif(RHOMBOHEDRAL, ("Li1 Li 0.5 0.5 0.5 1",)),
        "does not fit the cell",
    ),
    "an unknown space group": (lco_cif(operations=(), values=(f"{H} 'R -9 m'",)), "space group 'R -9 m' is unknown"),
    "Cartesian coordinates": (lco_cif().replace("_fract_", "_Cartn_"), "no fractional coordinates"),
    "no length": (lco_cif(cell={"length_a": "2.8156"}), "_cell_length_b is missing"),
    "a length that is none": (lco_cif(cell={**LCO_CELL, "length_c": "99999999999"}), r"length of 1e\+11 Å"),
    "an operation that is none": (lco_cif(operations=("x,y,z", "x,x,z")), "changes volumes"),
    "a loop with a hole": (lco_cif(atoms=(*LCO_ATOMS, "O2 O 0 0")), "columns and 22 values"),
    "an origin that nothing tells": (
        cif(
            {"length_a": "8.084", "length_b": "8.084", "length_c": "8.084"},
            ("Co1 Co 0.125 0.125 0.125 1",),
            (),
            values=(f"{H} 'F d -3 m'",),
        ),
        "several settings that fit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, kind):
    text, message = REFUSED[kind]
    path = written(tmp_path, text)
    with pytest.raises(StructureError, match=message) as caught:
        read(path)
    assert caught.value.message.startswith(str(path))
    assert "\n" not in caught.value.message


def test_the_origin_of_a_spinel_follows_from_what_else_the_file_says(tmp_path):
    cell = {"length_a": "8.084", "length_b": "8.084", "length_c": "8.084"}
    first = ("Co1 Co 0 0 0 1", "Co2 Co 0.625 0.625 0.625 1", "O1 O 0.3881 0.3881 0.3881 1")
    second = ("Co1 Co 0.125 0.125 0.125 1", "Co2 Co 0.5 0.5 0.5 1", "O1 O 0.2631 0.2631 0.2631 1")
    wanted = conventional(load_materials()["Co3O4"])
    for atoms in (first, second):
        values = (f"{H} 'F d -3 m'", "_chemical_formula_sum 'Co3 O4'", "_cell_formula_units_Z 8")
        found, notes = read(written(tmp_path, cif(cell, atoms, (), values=values)))
        assert found.composition.formula == "Co24 O32"
        assert np.allclose(
            np.sort(found.distance_matrix, axis=None), np.sort(wanted.distance_matrix, axis=None), atol=1e-3
        )
        assert "leaves the setting open" in notes[0]


def test_atoms_that_the_formula_does_not_have_are_told(tmp_path):
    text = lco_cif(
        values=("_chemical_formula_sum 'Li Co O2 H2'", f"{H} 'R -3 m'"),
        atoms=(*LCO_ATOMS[:2], "O1 O 0 0 0.2395 1"),
    ).replace("_atom_site_occupancy", "_atom_site_attached_hydrogens")
    _, notes = read(written(tmp_path, text))
    assert any("hydrogen attached to Li1, Co1, O1" in note for note in notes)
    assert any("the atoms give LiCoO2, and the file states the formula" in note for note in notes)


def test_deuterium_is_hydrogen_and_told(tmp_path):
    text = cif({"length_a": "4", "length_b": "4", "length_c": "4"}, ("Li1 Li 0 0 0 1", "D1 D .5 .5 .5 1"), ("x,y,z",))
    found, notes = read(written(tmp_path, text))
    assert found.composition.formula == "Li1 H1"
    assert "read as hydrogen" in notes[0]


def test_two_structures_in_one_file_are_asked_for_by_name():
    path = case("b30") / "two.cif"
    with pytest.raises(
        StructureError, match=r"2 structures, lioh \(LiHO\), LiCoO2 \(LiCoO2\): name one as two.cif:lioh"
    ):
        read_structure(path)
    assert is_structure_file(f"{path}:LiCoO2")
    assert read_structure(f"{path}:LiCoO2").composition.formula == "Li3 Co3 O6"
    assert read_structure(f"{path}:LIOH").composition.reduced_formula == "LiHO"
    with pytest.raises(StructureError, match="0 data blocks are called 'LCO'"):
        read_structure(f"{path}:LCO")


#: one of each lattice and of many settings, C2/m, R and the two origins among them
PEERS = [
    "LCO",
    "Co3O4",
    "Li2CO3",
    "Li2MnO3",
    "LiNbO3",
    "LiMnPO4",
    "GeO2-quartz",
    "CoO",
    "Ni3P2O8",
    "LPS",
    "TiS3",
    "Li2WO4",
]


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("listed_operations", [True, False])
def test_what_pymatgen_writes_is_read_back(tmp_path, name, listed_operations):
    wanted = conventional(load_materials()[name])
    text = str(CifWriter(wanted, symprec=1e-3, significant_figures=8))
    if not listed_operations:
        start = text.index("loop_\n _symmetry_equiv_pos_site_id")
        text = text[:start] + text[text.index("loop_\n _atom_", start) :]
    found, _ = read(written(tmp_path, text))
    assert found.composition.almost_equals(wanted.composition)
    assert np.allclose(np.sort(found.distance_matrix, axis=None), np.sort(wanted.distance_matrix, axis=None), atol=1e-3)
