"""Commands on structure files from the field: the right answer of every case, or a sentence with the way out; AUDIT
part III."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from catholyte.structures.by_name import label_of, name_of
from catholyte.tests.support.cases import case
from catholyte.tests.support.command_line import Run, answer

RECIPE = """
name: case
title: case
source: written for this test
hubbard_u: {{Co: 3.9 eV}}
bulk:
  engine: chgnet
  materials: {materials}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(name: str, folder: Path) -> Path:
    """A case in a folder that may be written."""
    return Path(shutil.copytree(case(name), folder / name))


def jobs(document: dict[str, object]) -> list[tuple[str, str]]:
    return [(job["name"], job["formula"]) for job in document["jobs"]]  # type: ignore[index, attr-defined]


def test_b01_two_folders_with_a_poscar_are_two_materials(catholyte: Run, folder: Path) -> None:
    planned = answer(catholyte("plan", copied("b01", folder) / "recipe.yaml", "--json"))
    assert jobs(planned) == [("lco-POSCAR chgnet relax", "Li1Co1O2"), ("coo-POSCAR chgnet relax", "Co1O1")]


@pytest.mark.parametrize("recipe", ["recipe.yaml", "recipe-reversed.yaml"])
def test_b03_a_file_named_like_a_material_of_the_library_is_another_one(
    catholyte: Run, folder: Path, recipe: str
) -> None:
    planned = answer(catholyte("plan", copied("b03", folder) / recipe, "--json"))
    assert sorted(jobs(planned)) == [("LCO chgnet relax", "Li1Co1O2"), ("LCO-file chgnet relax", "Co1O2")]


def test_two_files_of_one_name_are_refused_with_both(catholyte: Run, folder: Path) -> None:
    for name in ("lco", "coo"):
        (folder / name).mkdir()
        shutil.copy(case("b01") / name / "POSCAR", folder / name / "cell.v1.vasp")
        shutil.copy(case("b01") / name / "POSCAR", folder / name / "mine.vasp")
    (folder / "r.yaml").write_text(RECIPE.format(materials="[lco/mine.vasp, coo/mine.vasp]"))
    status, _, err = catholyte("plan", "r.yaml")
    assert status == 2
    assert "'lco/mine.vasp' and 'coo/mine.vasp' are two crystals, and both would be called mine" in err
    assert "r.yaml:8" in err
    (folder / "r.yaml").write_text(RECIPE.format(materials="[lco/cell.v1.vasp, coo/cell.v1.vasp]"))
    assert len(answer(catholyte("plan", "r.yaml", "--json"))["jobs"]) == 2


def test_a_yaml_of_ones_own_with_a_name_of_the_library_is_refused_beside_it(catholyte: Run, folder: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "configs" / "materials" / "CoO.yaml", folder / "LCO.yaml")
    text = (folder / "LCO.yaml").read_text().replace("name: CoO", "name: LCO")
    (folder / "LCO.yaml").write_text(text)
    (folder / "r.yaml").write_text(RECIPE.format(materials="[LCO, ./LCO.yaml]"))
    status, _, err = catholyte("plan", "r.yaml")
    assert status == 2
    assert "'LCO' and './LCO.yaml' are two crystals" in err


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mine.cif", "mine"),
        ("a/b/mine.v2.cif", "mine"),
        ("lco/POSCAR", "lco-POSCAR"),
        ("../runs/lco 2/CONTCAR.gz", "lco-2-CONTCAR"),
        ("POSCAR", "POSCAR"),
        ("./vasprun.xml", "vasprun"),
        ("run1/vasprun.xml", "run1-vasprun"),
        ("LCO.cif", "LCO-file"),
        ("x/LiCoO2.cif", "LiCoO2-file"),
        ("NMC811.vasp", "NMC811-file"),
        ("two.cif:lioh", "two-lioh"),
    ],
)
def test_a_label_says_which_file_it_is_and_is_none_of_the_library(name: str, label: str) -> None:
    assert label_of(name) == name_of(name) == label


def test_b04_what_is_overwritten_is_told(catholyte: Run, folder: Path) -> None:
    place = copied("b04", folder)
    first = answer(catholyte("slabs", place / "a" / "POSCAR", "--miller", 1, 0, 4, "--out", "o", "--json"))
    second = answer(catholyte("slabs", place / "b" / "POSCAR", "--miller", 1, 0, 4, "--out", "o", "--json"))
    assert Path(first["slabs"][0]["file"]).name == "a-POSCAR_1_0_4_LiCoO2.json"
    assert first["slabs"][0]["file"] != second["slabs"][0]["file"]
    for name in ("a", "b"):
        shutil.move(place / name / "POSCAR", place / name / "mine.vasp")
    for name, notes in (("a", 0), ("a", 0), ("b", 1)):  # again: nothing changes
        made = answer(catholyte("slabs", place / name / "mine.vasp", "--miller", 1, 0, 4, "--out", "o", "--json"))
        assert sum("is overwritten" in note for note in made["notes"]) == notes


def test_b24_a_path_in_a_recipe_is_read_from_its_folder(
    catholyte: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copied("b24", folder)
    monkeypatch.chdir(place)
    planned = answer(catholyte("plan", "sub/recipe.yaml", "--json"))
    assert jobs(planned) == [("mine chgnet relax", "Li1Co1O2")]
    shutil.move("sub/mine.cif", "mine.cif")
    planned = answer(catholyte("plan", "sub/recipe.yaml", "--json"))
    assert any("not in sub, and read from the current folder" in note for note in planned["notes"])
    Path("mine.cif").unlink()
    status, _, err = catholyte("plan", "sub/recipe.yaml")
    assert status == 2
    assert "there is no such file in sub or in the current folder" in err


def test_b28_an_interface_of_two_poscars(catholyte: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case("b28"))
    made = answer(catholyte("interfaces", "lco/POSCAR:104", "coo/POSCAR:100", "--max-atoms", 60, "--json"))
    assert (made["a"], made["b"]) == ("lco-POSCAR", "coo-POSCAR")
    assert made["interfaces"][0]["n_atoms"] == 32
    assert made["interfaces"][0]["strain"] == pytest.approx(0.041, abs=1e-3)


def test_b30_two_structures_in_one_file(catholyte: Run) -> None:
    path = case("b30") / "two.cif"
    status, _, err = catholyte("slabs", path, "--miller", 1, 0, 4)
    assert status == 2
    assert "lioh (LiHO), LiCoO2 (LiCoO2): name one as two.cif:lioh" in err
    made = answer(catholyte("slabs", f"{path}:LiCoO2", "--miller", 1, 0, 4, "--json"))
    assert made["material"] == "two-LiCoO2"
    assert made["slabs"][0]["termination"] == "LiCoO2"


def test_notes_of_a_file_stand_in_the_table_and_in_the_json(catholyte: Run) -> None:
    path = case("12") / "LCO.cif"
    words = "9 of 12 atoms are symmetry copies"
    document = answer(catholyte("layers", path, "--json"))
    assert document["formula"] == "Li3Co3O6"
    assert document["s_mo2"] == pytest.approx(2.638, abs=1e-3)
    assert document["i_lio2"] == pytest.approx(2.047, abs=1e-3)
    assert sum(words in note for note in document["notes"]) == 1
    status, out, _ = catholyte("layers", path)
    assert status == 0
    assert out.count(words) == 1


@pytest.mark.parametrize(
    ("name", "file", "formula"),
    [("16", "LCO.cif", "Li3Co3O6"), ("19", "CoO2-vacant.cif", "Co3O6"), ("12", "LCO.cif", "Li3Co3O6")],
)
def test_layers_of_the_audits_cifs(catholyte: Run, name: str, file: str, formula: str) -> None:
    assert answer(catholyte("layers", case(name) / file, "--json"))["formula"] == formula
