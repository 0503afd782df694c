"""`catholyte inputs`: the JSON, the files, and what is wrong with a call in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catholyte.tests.support.command_line import Run

RECIPE = """\
name: small
title: one oxide
source: a test
hubbard_u:
  Co: 3.9 eV
vasp:
  relax: [CoO]
  electronic: [CoO]
  cutoff: 500 eV
  mesh: [4, 4, 4]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_files_and_json(recipe: Path, tmp_path: Path, catholyte: Run) -> None:
    status, out, _ = catholyte("inputs", str(recipe), "--engine", "vasp", "--out", str(tmp_path / "in"), "--json")
    assert status == 0
    document: dict[str, Any] = json.loads(out)
    runs = [str(tmp_path / "in" / "CoO-relax" / run) for run in ("start-1", "start-2", "canonical", ".")]
    runs[-1] = str(tmp_path / "in" / "CoO-relax")
    assert document["directories"] == [*runs, str(tmp_path / "in" / "later" / "CoO-dos")]
    for directory in document["directories"]:
        assert {path.name for path in Path(directory).iterdir() if path.is_file()} == {
            "POSCAR",
            "INCAR",
            "KPOINTS",
            "POTCAR.spec",
            "site-order.json",
        }
    assert [(job["name"], job["first_stage"], job["kind"]) for job in document["jobs"]] == [
        ("CoO vasp relax", True, "relax"),
        ("CoO vasp dos", False, "dos"),
    ]
    assert all(check["ok"] for check in document["checks"])
    status, out, _ = catholyte("inputs", str(recipe), "--out", str(tmp_path / "in"))
    assert status == 0
    assert "CoO-relax" in out.replace("\n", "")


@pytest.mark.parametrize(
    ("change", "arguments", "told"),
    [
        (("", ""), ["--engine", "gpaw"], "engine gpaw has no input files to write; allowed: vasp"),
        (("", ""), ["--potcars", "/nowhere"], "POTCAR files: the POTCAR folder /nowhere does not exist"),
        (("Co: 3.9 eV", "Ni: 3.9 eV"), [], "no entry for the transition metal Co of CoO"),
        (("  mesh: [4, 4, 4]\n", ""), [], "key 'vasp': kpoints has no mesh for CoO, and there is no 'mesh' for all"),
        (("relax: [CoO]", "relax: [CoOO]"), [], "key 'vasp.relax.0': unknown material 'CoOO'; did you mean CoO"),
        (("cutoff: 500 eV", "cutoff: 500 eV\n  settings: {extra_tags: {ALGOO: Fast}}"), [], ("ALGOO is not an INCAR " "tag; did you mean " "ALGO")),
        (("cutoff: 500 eV", "cutoff: 500 eV\n  settings: {precison: Normal}"), [], ("key 'precison': unknown key; did " "you mean precision")),
        (("cutoff: 500 eV", ("cutoff: 500 eV\n  settings: {potcars: {Co: {symbol: Co_xy, valence: 9}, O: {symbol: O, " "valence: 6}}}")), [], ("PBE_54 has no POTCAR Co_xy; did you mean " "Co")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(
    recipe: Path,
    tmp_path: Path,
    catholyte: Run,
    change: tuple[str, str],
    arguments: list[str],
    told: str,
) -> None:
    recipe.write_text(RECIPE.replace(*change) if change[0] else RECIPE)
    status, out, err = catholyte("inputs", str(recipe), "--out", str(tmp_path / "in"), *arguments)
    assert status == 2
    assert told in " ".join(err.split())
    assert out == ""
    assert "Traceback" not in err
    assert not (tmp_path / "in").exists()
