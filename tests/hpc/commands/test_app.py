"""The command line: JSON contracts, exit statuses, and one clear message for each bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catholyte.configs.load import CONFIGS
from catholyte.hpc.commands.command import with_notes
from catholyte.hpc.commands.structures.slabs import slabs
from catholyte.hpc.commands.thermodynamics.window import window
from catholyte.tests.support.command_line import Run, answer

GSIRR = (CONFIGS / "recipes" / "gsirr.yaml").read_text()


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy of gsirr with one text replaced."""

    def write(old: str, new: str) -> Path:
        assert old in GSIRR, old
        path = tmp_path / "mine.yaml"
        path.write_text(GSIRR.replace(old, new, 1))
        return path

    return write


def test_materials(catholyte: Run) -> None:
    rows = answer(catholyte("materials", "--json"))
    assert {"name", "role", "formula", "spacegroup", "n_atoms", "source"} <= set(rows[0])
    names = {row["name"] for row in rows}
    assert {"LCO", "CoO", "NCM532", "LRMO", "LPSCl", "LGPS", "LPS", "LYC", "LIC", "Li2CO3"} <= names
    one = answer(catholyte("materials", "NCM532", "--json"))
    assert one["composition"] == "Li3 Mn0.9 Co0.6 Ni1.5 O6"
    assert one["disordered"] is True
    assert "disordered" in one["says"]


def test_python_and_the_command_line_get_one_answer(catholyte: Run, tmp_path: Path) -> None:
    assert answer(catholyte("window", "LPSCl", "--json")) == window("LPSCl")
    call = ("slabs", "LCO", "--miller", 1, 0, 4, "--layers", 4, "--out", tmp_path, "--json")
    assert answer(catholyte(*call)) == json.loads(json.dumps(slabs("LCO", (1, 0, 4), layers=4, out=tmp_path)))


def test_plan(catholyte: Run) -> None:
    document = answer(catholyte("plan", "gsirr", "--json"))
    assert all({"name", "engine", "n_atoms", "depends_on"} <= set(job) for job in document["jobs"])
    assert document["totals"]["jobs"] == len(document["jobs"]) == 14
    dos = next(job for job in document["jobs"] if job["kind"] == "dos")
    assert dos["depends_on"] == ["LCO chgnet relax"]


def test_plan_with_another_engine_says_what_it_leaves_out(catholyte: Run) -> None:
    document = answer(catholyte("plan", "gsirr", "--engine", "chgnet", "--json"))
    assert {job["engine"] for job in document["jobs"]} == {"chgnet"}
    assert any("electronic" in line for line in document["skipped"])


def test_reactions_and_window(catholyte: Run) -> None:
    pair = answer(catholyte("reactions", "LCO", "LPSCl", "--json"))
    assert {"phase_set", "self", "mutual", "total", "kinks", "uncertainty"} <= set(pair)
    assert pair["phase_set"]["sha256"]
    assert pair["mutual"]["energy"] < 0
    assert pair["kinks"][0]["x"] == 0
    assert pair["kinks"][-1]["x"] == 1
    window = answer(catholyte("window", "LPSCl", "--json"))
    assert window["reduction"] < window["oxidation"]
    assert all({"voltage", "reaction"} <= set(step) for step in window["ladder"])


def test_doctor_names_every_check(catholyte: Run, tmp_path: Path) -> None:
    _, out, _ = catholyte("doctor", "--store", tmp_path / "s", "--json")
    checks = json.loads(out)["checks"]
    assert all({"name", "ok", "detail", "mend"} == set(check) for check in checks)
    assert {"engine chgnet", "engine gpaw", "phase sets", "store"} <= {check["name"] for check in checks}


def test_run_status_why_report(catholyte: Run, tmp_path: Path) -> None:
    own = tmp_path / "small.yaml"
    own.write_text("name: small\ntitle: LiCl alone\nsource: this test\nhubbard_u: {}\nbulk: {materials: [LiCl]}\n")
    store = tmp_path / "store"
    first = answer(catholyte("run", own, "--store", store, "--json"))
    assert (len(first["completed"]), len(first["reused"]), first["failed"]) == (1, 0, [])
    again = answer(catholyte("run", own, "--store", store, "--json"))
    assert (len(again["completed"]), len(again["reused"])) == (0, 1)
    jobs = answer(catholyte("status", "--store", store, "--json"))["jobs"]
    assert [(job["name"], job["state"], job["engine"], job["computed"]) for job in jobs] == [
        ("LiCl chgnet relax", "reused", "chgnet", 1)
    ]
    told = answer(catholyte("why", "LiCl chgnet relax", "--store", store, "--json"))
    assert {"job", "state", "cause", "evidence", "advice"} <= set(told)
    files = answer(catholyte("report", "--store", store, "--out", tmp_path / "report", "--json"))["files"]
    assert any(name.endswith("report.html") for name in files)
    assert all(Path(name).exists() for name in files)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "materials: [LCO, CoO, LPSCl, Li2CO3]",
            "materials: [LCO, LPSC1]",
            ["bulk.materials.1", "unknown material 'LPSC1'", "LPSCl"],
        ),
        ("max_force:", "max_forces:", ["bulk.max_forces", "unknown key", "did you mean max_force"]),
        ("engine: gpaw\n  materials", "engine: gpaww\n  materials", ["unknown engine 'gpaww'", "gpaw"]),
        ("cutoff: 600 eV", "cutoff: 600 eX", ["electronic.cutoff", "unknown unit 'eX'", "allowed: eV"]),
        ("Co: 3.9 eV", "Co: -3.9 eV", ["hubbard_u.Co", "greater than or equal to 0"]),
        ("  Co: 3.9 eV  # Dudarev\n", "", ["hubbard_u", "no entry for the transition metal Co"]),
        (
            "window: occupied",
            "window: everything",
            ["electronic.band_center.window", "'everything' is not allowed", "occupied"],
        ),
        ("    reference: vbm\n", "", ["electronic.band_center.reference", "needed and missing"]),
        ("name: gsirr", "name: [gsirr", ["not valid YAML"]),
    ],
)
def test_bad_recipe(
    catholyte: Run, recipe: Callable[[str, str], Path], old: str, new: str, expected: list[str]
) -> None:
    path = recipe(old, new)
    status, out, err = catholyte("plan", path, "--json")
    assert (status, out) == (2, "")
    assert f"{path}:" in err
    assert int(err.split(f"{path}:")[1].split(":")[0]) >= 1
    for text in expected:
        assert text in err
    assert "Traceback" not in err


def test_the_line_is_the_right_one(catholyte: Run, recipe: Callable[[str, str], Path]) -> None:
    path = recipe("cutoff: 600 eV", "cutoff: 600 eX")
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "600 eX" in text)
    assert f"{path}:{line}:" in catholyte("plan", path)[2]


CIF = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 Li 0 0 0
Cl1 Cl {x} {x} {x}
"""


@pytest.mark.parametrize(
    ("content", "expected"),
    [("this is no CIF", "not readable as cif"), (CIF.format(x=0.05), "overlap"), (None, "there is no such file")],
)
def test_bad_structure_file(catholyte: Run, tmp_path: Path, content: str | None, expected: str) -> None:
    structure, path = tmp_path / "mine.cif", tmp_path / "own.yaml"
    if content is not None:
        structure.write_text(content)
    path.write_text(f"name: own\ntitle: t\nsource: this test\nhubbard_u: {{}}\nbulk:\n  materials: [{structure}]\n")
    status, _, err = catholyte("plan", path)
    assert status == 2
    assert f"{path}:6: key 'bulk.materials.0'" in err
    assert expected in err


def test_own_structure_file_runs_as_a_material(catholyte: Run, tmp_path: Path) -> None:
    structure, path = tmp_path / "mine.cif", tmp_path / "own.yaml"
    structure.write_text(CIF.format(x=0.5))
    path.write_text(f"name: own\ntitle: t\nsource: this test\nhubbard_u: {{}}\nbulk:\n  materials: [{structure}]\n")
    job = answer(catholyte("plan", path, "--json"))["jobs"][0]
    assert (job["formula"], job["n_atoms"]) == ("Li1Cl1", 2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("materials", "LCOO"), "unknown material 'LCOO'"),
        (("plan", "gsir"), "did you mean gsirr"),
        (("plan", "gsirr", "--engine", "gpw"), "did you mean gpaw"),
        (("plan", "gsirr", "--only", "bulck"), "did you mean bulk"),
        (("reactions", "LCO", "Xx2O"), "Xx2O"),
        (("reactions", "LCO", "Ga2S3"), "Ga"),
        (("window", "LPSCl", "--phases", "solidstat"), "solidstate"),
        (("bands", "no/such/path"), "no/such/path"),
        (("status", "--store", "no-store-here"), "there is no store here"),
    ],
)
def test_bad_call(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = catholyte(*arguments, "--json")
    assert (status, out) == (2, "")
    assert expected in err
    assert len(err.strip().splitlines()) <= 2


def test_store_that_is_not_writable(catholyte: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = catholyte("run", "gsirr", "--store", tmp_path / "file" / "store")
    assert status == 2
    assert "not writable" in err


def test_unknown_option_is_a_wrong_call(catholyte: Run) -> None:
    assert catholyte("plan", "gsirr", "--engin", "gpaw")[0] == 2


def test_debug_shows_the_traceback(catholyte: Run) -> None:
    with pytest.raises(Exception, match="unknown material"):
        catholyte("materials", "LCOO", "--debug")


def test_failed_job_gives_status_1_and_a_cause(catholyte: Run, tmp_path: Path) -> None:
    own = tmp_path / "hurry.yaml"
    own.write_text(
        "name: hurry\ntitle: t\nsource: this test\nhubbard_u: {}\nbulk: {materials: [Li2CO3], max_steps: 1}\n"
    )
    store = tmp_path / "store"
    assert catholyte("run", own, "--store", store)[0] == 1
    told = answer(catholyte("why", "Li2CO3 chgnet relax", "--store", store, "--json"))
    assert told["state"] == "failed"
    assert "did not reach" in told["cause"]
    assert "max_steps" in told["advice"]


def test_nothing_heavy_is_imported_at_start() -> None:
    code = (
        "import sys, catholyte.hpc.commands.app; print([m for m in "
        "('numpy','pymatgen','jobflow','torch','matplotlib','ase','pydantic') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_notes_on_files_join_those_of_an_answer() -> None:
    """A material's own notes are a text: taken for a list it came out letter by letter."""
    assert with_notes({"a": 1}, []) == {"a": 1}
    assert with_notes({"notes": ["own"]}, ["file"]) == {"notes": ["own", "file"]}
    assert with_notes({}, ["file"]) == {"notes": ["file"]}
    assert with_notes({"notes": "own"}, ["file"]) == {"notes": "own file"}
    assert with_notes([{"a": 1}], ["file"]) == [{"a": 1}]
