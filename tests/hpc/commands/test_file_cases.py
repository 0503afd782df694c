"""Commands on structure files from the field: the right answer of every case, or a sentence with the way out; AUDIT
part III."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from pymatgen.core.composition import Composition

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_materials
from catholyte.structures.by_name import label_of, name_of
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import write_structure
from catholyte.structures.interfaces.request import parse_facet
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


def planes(document: dict[str, object]) -> list[tuple[str, int, bool]]:
    return [(row["termination"], row["tasker"], row["reconstructed"]) for row in document["slabs"]]  # type: ignore[index, attr-defined]


@pytest.mark.parametrize(
    ("name", "index", "told"),
    [
        ("06-cif-dot-occupancy/MgNiO2.cif", (1, 0, 0), "Ni2+, Mg2+, O2-"),
        ("09-lanthanum/LaCoO3.cif", (1, 0, 0), "La3+, Co3+, O2-"),
        ("10-Co3O4/Co3O4.cif", (1, 0, 0), "8 Co2+ and 16 Co3+, O2-"),
        ("27-pyrite/FeS2.cif", (1, 0, 0), "Fe2+, S-"),
        ("13-cif-occupancies-1.01/LCNO.cif", (1, 0, 4), "the ordered cell Li2Co1Ni1O4 of 8 atoms is proposed"),
        ("b22-LiIn/LiIn.cif", (1, 1, 0), "all oxidation states are 0, as in an alloy"),
    ],
)
def test_slabs_of_files_that_were_refused_or_misread(
    catholyte: Run, name: str, index: tuple[int, int, int], told: str
) -> None:
    folder, file = name.split("/")
    made = answer(catholyte("slabs", case(folder.split("-")[0]) / file, "--miller", *index, "--json"))
    assert made["slabs"]
    assert any(told in note for note in made["notes"])


def test_06_the_default_occupancy_keeps_magnesium(catholyte: Run) -> None:
    made = answer(catholyte("slabs", case("06") / "MgNiO2.cif", "--miller", 1, 0, 0, "--json"))
    assert made["bulk"] == {"formula": "Mg1Ni1O2", "n_atoms": 4}


def test_09_lanthanum_has_no_moment(catholyte: Run) -> None:
    made = answer(catholyte("materials", case("09") / "LaCoO3.cif", "--json"))
    assert {row["species"]: row["moment"] for row in made["species"]} == {"La3+": 0.0, "Co3+": 0.0, "O2-": 0.0}


def test_b05_states_of_a_bare_poscar_are_those_of_the_library(catholyte: Run, folder: Path) -> None:
    """No words behind the coordinates: composition, bonds and electrostatics alone."""
    place = copied("b05", folder)
    lines = (place / "NCM811.vasp").read_text().split("\n")
    bare = [" ".join(line.split()[:3]) if k > 7 else line for k, line in enumerate(lines)]
    (place / "NCM811.vasp").write_text("\n".join(bare))
    made = answer(catholyte("materials", place / "NCM811.vasp", "--json"))
    wanted = {"Li+": (10, 0), "Mn4+": (1, 3), "Co3+": (1, 0), "Ni2+": (1, 2), "Ni3+": (7, 1), "O2-": (20, 0)}
    assert {row["species"]: (row["amount"], row["moment"]) for row in made["species"]} == wanted
    answer(catholyte("inputs", place / "recipe.yaml", "--out", "in", "--json"))
    (incar,) = folder.glob("in/*/INCAR")
    moments = next(line for line in incar.read_text().split("\n") if "MAGMOM" in line).split("=")[1].split()
    expanded = [float(m.split("*")[-1]) for m in moments for _ in range(int(m.split("*")[0]) if "*" in m else 1)]
    # the first start of correlated cells has 0.9 times the ions' moments; low-spin Co3+ begins at 0.6
    assert expanded[:12] == [0.0] * 10 + [2.7, 0.6]
    assert sorted(expanded[12:20]) == [0.9] * 7 + [1.8]
    assert expanded[20:] == [0.0] * 20
    made = answer(catholyte("vacancies", place / "NCM811.vasp", "--lithium", 1, "--out", "o", "--json"))
    assert made["vacancies"][0]["oxidised"] == {"Ni2+": -1, "Ni3+": 1}
    assert any("1 Ni2+ and 7 Ni3+" in note for note in made["notes"])


def test_b07_mixed_valence_adds_up(catholyte: Run, folder: Path) -> None:
    lines = (case("b07") / "NCM532.vasp").read_text().split("\n")
    (folder / "mine.vasp").write_text("\n".join(" ".join(x.split()[:3]) if k > 7 else x for k, x in enumerate(lines)))
    made = answer(catholyte("vacancies", "mine.vasp", "--lithium", 1, "--out", "o", "--json"))
    assert made["vacancies"][0]["formula"] == "Li29Mn9Co6Ni15O60"
    assert any("Mn4+, Co3+, 9 Ni2+ and 6 Ni3+" in note for note in made["notes"])


def test_b09_cobalt_of_a_file_starts_low_spin(catholyte: Run, folder: Path) -> None:
    answer(catholyte("inputs", copied("b09", folder) / "recipe.yaml", "--out", "in", "--json"))
    (incar,) = folder.glob("in/*/INCAR")
    assert "MAGMOM = 1*0.0 1*0.6 2*0.0" in incar.read_text()


def test_b10_states_that_are_all_zero_are_none(catholyte: Run, folder: Path) -> None:
    zero = case("b10") / "LCO_zero.cif"
    (folder / "same.cif").write_text(zero.read_text().replace("0+", ""))
    first, second = (answer(catholyte("slabs", path, "--miller", 0, 0, 1, "--json")) for path in (zero, "same.cif"))
    assert planes(first) == planes(second)
    assert [tasker for _, tasker, _ in planes(first)] == [3, 3, 3, 3]
    assert sum(shared for _, _, shared in planes(first)) == 2
    assert [row["dipole"] for row in first["slabs"]] == pytest.approx([row["dipole"] for row in second["slabs"]])
    assert min(abs(row["dipole"]) for row in first["slabs"][2:]) > 0.5
    made = answer(catholyte("orderings", zero, "--x", 0.5, "-n", 1, "--out", "o", "--json"))
    assert made["orderings"][0]["formula"] == "Li6Co12O24"


def test_b22_an_alloy_is_planned(catholyte: Run, folder: Path) -> None:
    (folder / "r.yaml").write_text(RECIPE.format(materials=f"[{case('b22') / 'LiIn.cif'}]"))
    ((name, formula),) = jobs(answer(catholyte("plan", "r.yaml", "--json")))
    assert name == "LiIn-file chgnet relax"
    assert Composition(formula).reduced_formula == "LiIn"


@pytest.mark.parametrize("file", ["LFP_sorted_axes.vasp", "LFP_Pbnm.cif"])
def test_b31_indices_belong_to_the_cell_of_the_file(catholyte: Run, file: str) -> None:
    made = answer(catholyte("slabs", case("b31") / file, "--miller", 1, 0, 0, "--json"))
    assert {round(row["area"], 1) for row in made["slabs"]} == {62.1}  # b x c of either file
    assert {tuple(row["miller"]) for row in made["slabs"]} == {(1, 0, 0)}


def test_a_primitive_cell_says_on_which_axes_its_indices_are(catholyte: Run, folder: Path) -> None:
    cell = calculation_cell(load_materials()["LCO"])
    write_structure(cell.copy(site_properties={}), folder / "prim.vasp")
    made = answer(catholyte("slabs", "prim.vasp", "--miller", 1, 0, 4, "--json"))
    assert made["slabs"][0]["area"] == pytest.approx(16.06, abs=0.01)
    assert any("a, b, c = 2.816, 2.816, 14.05 Å" in note for note in made["notes"])
    write_structure(cell.copy(site_properties={}).make_supercell([2, 2, 2]), folder / "double.vasp")
    again = answer(catholyte("slabs", "double.vasp", "--miller", 1, 0, 4, "--json"))
    assert again["slabs"][0]["area"] == pytest.approx(16.06, abs=0.01)


def test_b26_four_indices(catholyte: Run) -> None:
    made = answer(catholyte("slabs", "LCO", "--miller", 1, 0, -1, 4, "--json"))
    assert made["miller"] == [1, 0, 4]
    status, _, err = catholyte("slabs", "LCO", "--miller", 1, 0, 1, 4)
    assert status == 2
    assert "the third is minus the sum of the first two, -1" in err
    assert parse_facet("LCO:10-14") == ("LCO", (1, 0, 4))
    assert parse_facet("LCO:-1,2,-1,3") == ("LCO", (-1, 2, 3))
    assert parse_facet("LCO:1-10") == ("LCO", (1, -1, 0))
    assert parse_facet("two.cif:LiCoO2") == ("two.cif:LiCoO2", None)
    with pytest.raises(InputError, match="name no plane"):
        parse_facet("LCO:1004")


@pytest.mark.parametrize("extra", [(), ("--composition", "Li30Ni24Mn3Co3O60", "--supercell", 5, 2, 1)])
def test_15_orderings_of_a_disordered_cif(catholyte: Run, folder: Path, extra: tuple[object, ...]) -> None:
    made = answer(catholyte("orderings", case("15") / "NMC811.cif", "-n", 2, "--out", "o", *extra, "--json"))
    assert [row["formula"] for row in made["orderings"]] == ["Li30Mn3Co3Ni24O60" if extra else "Li10Mn1Co1Ni8O20"] * 2
    assert any("0.3 Ni2+ and 2.1 Ni3+" in note for note in made["notes"])
    assert (not extra) == any("the ordered cell" in note for note in made["notes"])


def test_a_disordered_cif_is_enough_for_a_recipe_and_an_interface(catholyte: Run, folder: Path) -> None:
    shutil.copy(case("13") / "LCNO.cif", folder / "lcno.cif")
    (folder / "r.yaml").write_text(RECIPE.format(materials="[lcno.cif]"))
    planned = answer(catholyte("plan", "r.yaml", "--json"))
    assert jobs(planned) == [("lcno chgnet relax", "Li2Co1Ni1O4")]
    assert any("is proposed" in note for note in planned["notes"])
    made = answer(catholyte("interfaces", "lcno.cif:104", "CoO:100", "--max-atoms", 180, "--json"))
    assert made["interfaces"]


def test_states_of_a_file_can_be_said_and_written_down(catholyte: Run, folder: Path) -> None:
    path = case("27") / "FeS2.cif"
    status, _, err = catholyte("slabs", path, "--miller", 1, 0, 0, "--states", "Fe3+,S-")
    assert status == 2
    assert "no usual oxidation states of FeS2 balance (Fe +3, S -1); say them with --states" in err
    made = answer(catholyte("materials", path, "--states", "Fe4+,S2-", "--json"))
    assert {row["species"] for row in made["species"]} == {"Fe4+", "S2-"}
    made = answer(catholyte("materials", path, "--out", "mine/pyrite.yaml", "--json"))
    again = answer(catholyte("slabs", "mine/pyrite.yaml", "--miller", 1, 0, 0, "--json"))
    assert planes(again) == planes(answer(catholyte("slabs", path, "--miller", 1, 0, 0, "--json")))
    status, _, err = catholyte("materials", path, "--out", "mine/pyrite.yaml")
    assert status == 2
    assert "exists, and is not overwritten" in err
    status, _, err = catholyte("materials", "LCO", "--states", "Co4+")
    assert status == 2


def test_materials_shows_what_a_file_was_read_as(catholyte: Run) -> None:
    status, out, _ = catholyte("materials", case("12") / "LCO.cif")
    assert status == 0
    for words in ("R-3m", "Co3+", "low", "9 of 12 atoms", "oxidation states are guessed", "1.92"):
        assert words in out
    assert "high" not in out  # an ion without a d shell has no spin state


def test_materials_shows_a_material_in_full(catholyte: Run) -> None:
    """No value is cut off, and none has more digits than it says something with."""
    for name, words in ((case("15") / "NMC811.cif", "Li10Mn1Co1Ni8O20"), ("NCM532", "Li30Ni15Mn9Co6O60")):
        status, out, _ = catholyte("materials", name)
        assert (status, "…" in out) == (0, False), out
        assert words in "".join(out.split())
        assert max(len(digits) for digits in re.findall(r"\d+\.(\d+)", out.split("species")[0])) <= 6
