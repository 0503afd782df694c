"""POSCARs of every VASP and of other programs; the format is that of the VASP wiki."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import warnings
from pathlib import Path

import ase.io
import numpy as np
import pytest
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.configs.errors import FileNote, StructureError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import is_structure_file, read_structure, write_structure
from catholyte.tests.support import crystals

CELL = "2.0 0 0\n0 3.0 0\n0 0 4.0\n"
ATOMS = "0 0 0\n0.25 0.5 0.75\n0.5 0.5 0.25\n"
PLAIN = f"LiCoO\n1.0\n{CELL}Li Co O\n1 1 1\nDirect\n{ATOMS}"


def read(path: Path) -> tuple[object, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FileNote)
        structure = read_structure(path)
    return structure, [str(warning.message) for warning in caught]


def written(tmp_path: Path, text: str, name: str = "POSCAR") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


APART = PLAIN.replace("0.5 0.5 0.25", "1.5 1.6 0.25")
#: text, lengths (Å), Cartesian position of the second atom (Å)
FORMS = {
    "VASP 5": (PLAIN, (2, 3, 4), (0.5, 1.5, 3.0)),
    "one scale": (PLAIN.replace("\n1.0\n", "\n2.0\n"), (4, 6, 8), (1.0, 3.0, 6.0)),
    "a volume": (PLAIN.replace("\n1.0\n", "\n-192.0\n"), (4, 6, 8), (1.0, 3.0, 6.0)),
    "three scales": (PLAIN.replace("\n1.0\n", "\n2.0 1.0 3.0\n"), (4, 3, 12), (1.0, 1.5, 9.0)),
    "Cartesian": (APART.replace("Direct", "Cartesian"), (2, 3, 4), (0.25, 0.5, 0.75)),
    "Cartesian, scaled": (APART.replace("Direct", "kartesisch").replace("\n1.0\n", "\n2.0\n"), (4, 6, 8), (0.5, 1, 1.5)),
    "Cartesian, a volume": (APART.replace("Direct", "C").replace("\n1.0\n", "\n-192.0\n"), (4, 6, 8), (0.5, 1, 1.5)),
    "Cartesian, three scales": (
        APART.replace("Direct", "C").replace("\n1.0\n", "\n2.0 1.0 3.0\n"), (4, 3, 12), (0.5, 0.5, 2.25),
    ),
    "velocities": (PLAIN + "\n0.1 0.2 0.3\n0 0 0\n0 0 0\n", (2, 3, 4), (0.5, 1.5, 3.0)),
    "POTCAR names of VASP 6.4": (PLAIN.replace("Li Co O", "Li_sv/f474ac0d Co/79d9987a O_s/1"), (2, 3, 4), (0.5, 1.5, 3)),
    "comments": (PLAIN.replace("Li Co O", "Li Co O ! as sorted").replace("\n1.0\n", "\n 1.0  # Å\n"), (2, 3, 4), (0.5, 1.5, 3)),
    "wrapped lines": (PLAIN.replace("Li Co O\n1 1 1", "Li Co\nO\n1 1\n1"), (2, 3, 4), (0.5, 1.5, 3.0)),
    "Fortran numbers": (PLAIN.replace("0.25 0.5 0.75", "2.5d-1 5.0D-1 .75"), (2, 3, 4), (0.5, 1.5, 3.0)),
    "glued numbers": (PLAIN.replace("0.25 0.5 0.75", "0.25-0.50-0.25"), (2, 3, 4), (0.5, -1.5, -1.0)),
    "line ends of Windows": (PLAIN.replace("\n", "\r\n"), (2, 3, 4), (0.5, 1.5, 3.0)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_its_cell_and_positions(tmp_path, form):
    text, lengths, second = FORMS[form]
    found, _ = read(written(tmp_path, text))
    assert found.lattice.abc == pytest.approx(lengths)
    assert [site.specie.symbol for site in found] == ["Li", "Co", "O"]
    assert found.cart_coords[1] == pytest.approx(second)


def test_ase_reads_the_scaled_ones_alike(tmp_path):
    for form in ("one scale", "a volume", "Cartesian, scaled", "Cartesian, a volume"):
        path = written(tmp_path, FORMS[form][0])
        atoms = ase.io.read(path, format="vasp")
        found, _ = read(path)
        assert found.lattice.matrix == pytest.approx(np.array(atoms.cell))
        assert found.cart_coords == pytest.approx(atoms.positions)


def test_selective_dynamics(tmp_path):
    body = "0 0 0 T T F\n0.25 0.5 0.75 .FALSE. .FALSE. .FALSE.\n0.5 0.5 0.25 T T T\n"
    found, _ = read(written(tmp_path, PLAIN.replace("Direct", "Selective dynamics\nDirect").replace(ATOMS, body)))
    assert found.site_properties["selective_dynamics"] == [[True, True, False], [False] * 3, [True] * 3]
    free = body.replace("F\n", "T\n").replace(".FALSE.", ".TRUE.").replace(".TRUT.", ".TRUE.")
    found, _ = read(written(tmp_path, PLAIN.replace("Direct", "S\nDirect").replace(ATOMS, free)))
    assert "selective_dynamics" not in found.site_properties


VASP4 = PLAIN.replace("Li Co O\n", "").replace("LiCoO\n", "my cell\n")


def test_vasp_4_names_no_elements_and_is_asked_for_them(tmp_path):
    """pymatgen calls the groups H, He and Li."""
    with pytest.raises(StructureError, match=r"VASP 4 names no elements, and its 3 groups of 1 1 1 atoms .* POTCAR"):
        read(written(tmp_path, VASP4))


@pytest.mark.parametrize(
    ("title", "sure"),
    [
        ("Li Co O", True),
        ("Li1 Co1 O1", True),
        ("LiCoO", True),
        ("LiCoO2", False),
        ("Li Co", False),
        ("Lithium Co O", False),
        ("Li2 Co1 O1", False),
    ],
)
def test_a_title_names_them_only_where_it_holds_nothing_else(tmp_path, title, sure):
    path = written(tmp_path, VASP4.replace("my cell", title))
    if not sure:
        with pytest.raises(StructureError, match="names no elements"):
            read(path)
        return
    found, notes = read(path)
    assert found.formula == "Li1 Co1 O1"
    assert f"Li Co O from the title '{title}'" in notes[0]


def test_the_potcar_beside_it_names_them(tmp_path):
    path = written(tmp_path, VASP4)
    titles = ("PAW_PBE Li_sv 10Sep2004", "PAW_PBE Co 02Aug2007", "PAW_PBE O 08Apr2002")
    (tmp_path / "POTCAR").write_text("\n".join(f"   TITEL  = {title}" for title in titles))
    found, notes = read(path)
    assert found.formula == "Li1 Co1 O1"
    assert "from the POTCAR" in notes[0]
    found, notes = read(written(tmp_path, PLAIN.replace("Li Co O", "Li O Co")))
    assert [site.specie.symbol for site in found] == ["Li", "O", "Co"]
    assert "the file's names are taken" in notes[0]


def test_words_behind_the_coordinates(tmp_path):
    rows = [f"{row} {word}" for row, word in zip(ATOMS.split("\n"), ("Li", "Co", "O"), strict=False)]
    found, notes = read(written(tmp_path, VASP4.replace(ATOMS, "\n".join(rows) + "\n")))
    assert found.formula == "Li1 Co1 O1"
    assert "from the words behind" in notes[0]
    rows = [f"{row} {word}" for row, word in zip(ATOMS.split("\n"), ("Li+", "Co1+", "O2-"), strict=False)]
    found, notes = read(written(tmp_path, PLAIN.replace(ATOMS, "\n".join(rows) + "\n")))
    assert [str(site.specie) for site in found] == ["Li+", "Co+", "O2-"]
    assert notes == []
    charged = PLAIN.replace(ATOMS, "\n".join(rows).replace("Co1+", "Co3+") + "\n")  # they do not add up
    assert [str(site.specie) for site in read(written(tmp_path, charged))[0]] == ["Li", "Co", "O"]


REFUSED = {
    "no counts": (PLAIN.replace("1 1 1\n", ""), "no line holds the numbers"),
    "too few atoms": (PLAIN.replace("0.5 0.5 0.25\n", ""), "is no position"),
    "no mode": (PLAIN.replace("Direct\n", ""), "Direct or Cartesian"),
    "two scales": (PLAIN.replace("\n1.0\n", "\n1.0 2.0\n"), "one number or three"),
    "a negative one of three": (PLAIN.replace("\n1.0\n", "\n1.0 -2.0 1\n"), "none may be negative"),
    "elements and counts": (PLAIN.replace("Li Co O", "Li Co"), "2 elements .* and 3 numbers"),
    "a dummy": (PLAIN.replace("Li Co O", "Li Xx O"), "'Xx' is no element"),
    "no element": (PLAIN.replace("Li Co O", "L Co O"), "'L' is no element"),
    "a billion atoms": (PLAIN.replace("1 1 1", "1 1 99999999"), "atoms are announced"),
    "a long vector": (PLAIN.replace("4.0", "1e11"), "cell length of 1e"),
    "a flat cell": (PLAIN.replace("0 0 4.0", "0 3.0 0"), "lie in one plane"),
    "nan": (PLAIN.replace("0.25 0.5 0.75", "nan 0.5 0.75"), "is no position"),
    "1e308": (PLAIN.replace("0.25 0.5 0.75", "1e308 0.5 0.75"), "coordinate of 1e"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, kind):
    text, message = REFUSED[kind]
    with pytest.raises(StructureError, match=message) as caught:
        read(written(tmp_path, text))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
@pytest.mark.parametrize("name", ["POSCAR", "x.cif", "x.extxyz", "x.json"])
def test_compressed_files_are_read_as_what_they_hold(tmp_path, ending, pack, name):
    cell = calculation_cell(crystals.LCO)
    plain = write_structure(cell, tmp_path / name)
    packed = tmp_path / f"{name}{ending}"
    packed.write_bytes(pack.compress(plain.read_bytes()))
    assert is_structure_file(packed)
    assert read(packed)[0] == read(plain)[0]


def test_json_of_other_makers(tmp_path):
    cell = calculation_cell(crystals.LCO)
    for name, data in {
        "entry.json": {"structure": cell.as_dict(), "energy": -1.0},
        "list.json": [cell.as_dict()],
        "document.json": {"output": {"structure": cell.as_dict()}},
    }.items():
        (tmp_path / name).write_text(json.dumps(data))
        assert read(tmp_path / name)[0].composition == cell.composition
    ase.io.write(tmp_path / "ase.json", AseAtomsAdaptor.get_atoms(cell), format="json")
    assert read(tmp_path / "ase.json")[0].composition.element_composition == cell.composition.element_composition
    for name, text, message in (
        ("two.json", json.dumps([cell.as_dict(), cell.as_dict()]), "a list of 2 things"),
        ("other.json", '{"a": 1}', "no structure of pymatgen or ASE"),
    ):
        with pytest.raises(StructureError, match=message):
            read(written(tmp_path, text, name))


def test_xyz_without_a_cell_is_asked_for_one(tmp_path):
    with pytest.raises(StructureError, match="gives no cell"):
        read(written(tmp_path, "1\n\nCo 0 0 0\n", "x.xyz"))
    _, notes = read(written(tmp_path, '1\nLattice="3 0 0 0 3 0 0 0 3" pbc="T T F"\nCo 0 0 0\n', "x.xyz"))
    assert "taken as periodic" in notes[0]
