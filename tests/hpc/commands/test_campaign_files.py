"""A campaign as files: written here, run where there is neither package nor database, carried back; and what a plan
costs after that."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from catholyte.hpc.board.facts import forecast_hours, used_hours
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.docs.doc_blocks import ROOT, blocks, lines_of
from catholyte.tests.support.vasp.finished import RECIPE, STATIC, Finished, answers, plan_of, written_to

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "folders.yaml").write_text(RECIPE)
    return tmp_path / "folders.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    return answers(plan_of(tmp_path_factory.mktemp("recipe")))


def environment(**more: str) -> dict[str, str]:
    """That of a machine with bash and the stand-in for VASP; where it finds this package is its own affair."""
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return {**path, "HOME": "/nowhere", **more}


@pytest.mark.slow
def test_a_campaign_goes_there_and_back_as_files(catholyte: Run, recipe: Path, tmp_path: Path) -> None:
    """The stand-in for VASP runs every script; its results answer every job, and nothing is computed here."""
    out = tmp_path / "campaign"
    written = answer(catholyte("submit", recipe, "--engine", "rehearsal", "--to-files", out, "--json"))
    assert (written["waiting"], written["finished"]) == ([], [])
    assert sorted((job["name"], job["after"] or "") for job in written["jobs"]) == [
        ("CoO rehearsal dos", "CoO-rehearsal-relax"),
        ("CoO rehearsal relax", ""),
        ("Li2O rehearsal md (chunk 1)", ""),
        ("Li2O rehearsal md (chunk 2)", "Li2O-rehearsal-md-chunk-1"),
        ("Li2O rehearsal relax", ""),
    ]
    there = tmp_path / "there"
    shutil.move(out, there)
    waits = subprocess.run(
        ["bash", "CoO-rehearsal-dos/run.sh"],
        cwd=there,
        env=environment(CATHOLYTE_VASP_COMMAND="false"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (waits.returncode, waits.stderr) == (3, "CoO rehearsal dos: waits for CoO-rehearsal-relax\n")
    nothing = subprocess.run(
        ["bash", "CoO-rehearsal-relax/run.sh"],
        cwd=there,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (nothing.returncode, "set CATHOLYTE_VASP_COMMAND" in nothing.stderr) == (2, True)
    subprocess.run(
        ["bash", "run-all.sh"], cwd=there, env=environment(CATHOLYTE_VASP_COMMAND="catholyte-rehearse"), check=True
    )
    again = subprocess.run(
        ["bash", "run-all.sh"], cwd=there, env=environment(), capture_output=True, text=True, check=True
    )
    assert again.stdout.count("is finished") == 5
    store = tmp_path / "store"
    back = answer(catholyte("import", there, "--recipe", recipe, "--engine", "rehearsal", "--store", store, "--json"))
    assert (back["refused"], len(back["imported"])) == ([], 5)
    run = answer(catholyte("run", recipe, "--engine", "rehearsal", "--store", store, "--json"))
    assert (run["completed"], run["failed"], len(run["reused"])) == ([], [], 5)
    # what a rehearsal wrote never enters a store of results
    real = json.loads(catholyte("import", there, "--store", tmp_path / "real", "--json")[1])
    assert real["imported"] == []
    assert all("written by a rehearsal" in row["reason"] for row in real["refused"])


@pytest.mark.slow
def test_the_page_s_blocks_run_as_they_are_written(tmp_path: Path) -> None:
    """The section of docs/cluster.md, with the stand-in in place of VASP."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    section = page.split("\n## 9. ")[1].split("\n## ")[0]
    (tmp_path / "section.md").write_text(section, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("name: folders", "name: mine"))
    lines = [line for _, text in blocks(tmp_path / "section.md", "sh") for line in lines_of(text)]
    assert len(lines) >= 5
    script = "\n".join(
        line.replace("--engine vasp", "--engine rehearsal").replace("'srun vasp_std'", "catholyte-rehearse")
        for line in lines
    )
    script = re.sub(r"(catholyte import \S+ --recipe \S+)", r"\1 --engine rehearsal", script)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "5 imported, 0 refused" in done.stdout
    assert "0 completed, 5 reused" in done.stdout


def test_scripts_have_the_head_of_the_cluster(catholyte: Run, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "campaign"
    answer(catholyte("submit", recipe, "--to-files", out, "--cluster", "slurm-example", "--json"))
    script = (out / "CoO-vasp-dos" / "run.sh").read_text()
    assert re.search(r"^#SBATCH --job-name=CoO-vasp-dos$", script, re.MULTILINE)
    assert re.search(r"^#SBATCH --time=\d+:\d\d:\d\d$", script, re.MULTILINE)
    assert 'cp "../CoO-vasp-relax/CONTCAR" POSCAR' in script
    submit = (out / "submit-all.sh").read_text()
    assert "--dependency=afterok:${number[CoO-vasp-relax]} run.sh" in submit
    for file in out.rglob("*.sh"):
        subprocess.run(["bash", "-n", file], check=True)
    # a queue that only counts: the numbers reach the jobs that wait for them
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "sbatch").write_text('#!/bin/bash\necho "$(basename "$PWD") $*" >> ../queue.log\nwc -l < ../queue.log\n')
    (fake / "sbatch").chmod(0o755)
    subprocess.run(["bash", out / "submit-all.sh"], env={"PATH": f"{fake}:/usr/bin:/bin"}, check=True)
    queued = (out / "queue.log").read_text().splitlines()
    assert "CoO-vasp-dos --parsable --dependency=afterok:2 run.sh" in queued


#: energies by start; the lowest did not converge
_FAKE = """#!/bin/bash
case "$PWD" in
  */start-1) energy=-10; end="because EDIFF is reached";;
  */start-2) energy=-99; end="EDIFF was not reached (unconverged)";;
  */start-3) energy=-12; end="because EDIFF is reached";;
  *) energy=-12; end="because EDIFF is reached"; echo "reached required accuracy" > OUTCAR; cp POSCAR CONTCAR;;
esac
printf '%s\n' "aborting loop $end" "energy  without entropy= $energy  energy(sigma->0) = $energy" \
  "General timing and accounting informations for this job" >> OUTCAR
echo "waves of ${PWD##*/}" > WAVECAR
grep MAGMOM INCAR > moments
"""


def test_the_lowest_start_that_converged_goes_on_with_its_moments(catholyte: Run, tmp_path: Path) -> None:
    """LiMn2O4: whole charges are the third start. Moments alike would put the symmetry back in which they are one."""
    (tmp_path / "mn.yaml").write_text(
        "name: mn\ntitle: spinel\nsource: a test\nhubbard_u: {Mn: 3.9 eV}\n"
        "vasp: {relax: [LiMn2O4], cutoff: 520 eV, mesh: [2, 2, 2]}\n"
    )
    answer(catholyte("submit", tmp_path / "mn.yaml", "--to-files", tmp_path / "out", "--json"))
    (tmp_path / "fake").write_text(_FAKE)
    (tmp_path / "fake").chmod(0o755)
    place = tmp_path / "out" / "LiMn2O4-vasp-relax"
    asked = {folder: Incar.from_file(place / folder / "INCAR")["MAGMOM"] for folder in (".", "start-3")}
    assert asked["."] != asked["start-3"]
    subprocess.run(
        ["bash", "run.sh"],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "CATHOLYTE_VASP_COMMAND": str(tmp_path / "fake")},
        check=True,
    )
    for folder in (".", "canonical"):
        assert Incar.from_file(place / folder / "INCAR")["MAGMOM"] == asked["start-3"]
        assert (place / folder / "moments").read_text() == (place / "start-3" / "moments").read_text()
    assert (place / "finished").is_file()


def test_what_is_finished_is_not_written_again(
    catholyte: Run, recipe: Path, made: dict[str, Finished], tmp_path: Path
) -> None:
    written_to(made["CoO vasp relax"], tmp_path / "runs" / "relax")
    written_to(made["CoO vasp relax" + STATIC], tmp_path / "runs" / "relax" / "static")
    store, out = tmp_path / "store", tmp_path / "campaign"
    answer(catholyte("import", tmp_path / "runs", "--recipe", recipe, "--store", store, "--json"))
    written = answer(catholyte("submit", recipe, "--to-files", out, "--store", store, "--json"))
    assert written["finished"] == ["CoO vasp relax"]
    dos = next(job for job in written["jobs"] if job["name"] == "CoO vasp dos")
    assert dos["after"] is None
    start = Poscar.from_file(out / dos["folder"] / "POSCAR").structure  # the imported result, not the library's cell
    assert start.volume == pytest.approx(made["CoO vasp relax"].run.steps[-1].structure.volume)
    assert made["CoO vasp relax"].run.structure.volume != pytest.approx(start.volume, rel=1e-3)


def test_files_of_another_campaign_and_results_of_another_job_stay_as_they_are(
    catholyte: Run, recipe: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "campaign", tmp_path / "other.yaml"
    status, said, err = catholyte("submit", recipe, "--engine", "rehearsal", "--to-files", out)
    assert (status, f"`catholyte import {out} --recipe {recipe} --engine rehearsal`" in said) == (0, True), err
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other.write_text(RECIPE.replace("name: folders", "name: other").replace("500 eV", "450 eV"))
    status, _, err = catholyte("submit", other, "--engine", "rehearsal", "--to-files", out)
    assert (status, "holds the files of the campaign folders, not of other" in err) == (2, True), err
    answer(catholyte("submit", recipe, "--engine", "rehearsal", "--to-files", out, "--json"))  # its own, once more
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    # the recipe was changed, and what it was before has run
    (out / "CoO-rehearsal-relax" / "finished").touch()
    recipe.write_text(RECIPE.replace("500 eV", "450 eV"))
    status, _, err = catholyte("submit", recipe, "--engine", "rehearsal", "--to-files", out)
    assert (status, "results of another job than CoO rehearsal relax is now" in err) == (2, True), err
    assert {path: path.read_bytes() for path in before} == before


def test_the_printed_command_takes_back_what_the_options_asked_for(
    catholyte: Run, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "of the cluster"
    asked = ("submit", recipe, "--only", "bulk", "--full", "--to-files", out)
    told = answer(catholyte(*asked, "--json"))["import_command"]
    assert shlex.split(told) == ["catholyte", "import", str(out), "--recipe", str(recipe), "--only", "bulk", "--full"]
    assert f"`{told}`" in catholyte(*asked)[1]


def test_submit_needs_a_cluster_or_a_folder(catholyte: Run, recipe: Path, tmp_path: Path) -> None:
    status, _, err = catholyte("submit", recipe)
    assert (status, "--cluster: name a cluster file, or write files with --to-files DIR" in err) == (2, True)
    status, _, err = catholyte("submit", recipe, "--cluster", "slurm-example", "--store", tmp_path)
    assert (status, "--store and --potcars belong to --to-files" in err) == (2, True)
    (tmp_path / "none.yaml").write_text(
        "name: none\ntitle: no VASP\nsource: a test\nhubbard_u: {}\nbulk: {materials: [Li2O]}\n"
    )
    status, _, err = catholyte("submit", tmp_path / "none.yaml", "--engine", "chgnet", "--to-files", tmp_path / "out")
    assert (status, "no job that VASP could run" in err, (tmp_path / "out").exists()) == (2, True, False)


def test_export_gives_poscar_and_incar_of_a_job(
    catholyte: Run, recipe: Path, made: dict[str, Finished], tmp_path: Path
) -> None:
    """What comes back is what the run was given, in one order of sites."""
    one = made["CoO vasp relax"]
    written_to(one, tmp_path / "runs" / "relax")
    written_to(made["CoO vasp relax" + STATIC], tmp_path / "runs" / "relax" / "static")
    store = tmp_path / "store"
    answer(catholyte("import", tmp_path / "runs", "--recipe", recipe, "--store", store, "--json"))
    told = answer(
        catholyte("export", "--job", "CoO vasp relax", "--store", store, "--out", tmp_path / "back", "--json")
    )
    assert {Path(file).name for file in told["files"]} == {"POSCAR", "CONTCAR", "INCAR", "KPOINTS"}
    back = Poscar.from_file(tmp_path / "back" / "POSCAR").structure
    incar = Incar.from_file(tmp_path / "back" / "INCAR")
    assert Kpoints.from_file(tmp_path / "back" / "KPOINTS").kpts == [(2, 2, 2)]
    assert dict(incar) == dict(Incar(one.run.incar))
    # the order of the run's own POSCAR, for which MAGMOM and LDAUU are written, shifted as a whole
    assert back.species == one.run.structure.species
    np.testing.assert_allclose(back.distance_matrix, one.run.structure.distance_matrix, atol=1e-5)
    ended = Poscar.from_file(tmp_path / "back" / "CONTCAR").structure
    assert ended.volume == pytest.approx(one.run.steps[-1].structure.volume)


def test_an_imported_run_is_learned_from_once(
    catholyte: Run, recipe: Path, made: dict[str, Finished], tmp_path: Path
) -> None:
    written_to(made["CoO vasp relax"], tmp_path / "runs" / "relax")
    written_to(made["CoO vasp relax" + STATIC], tmp_path / "runs" / "relax" / "static")
    store = tmp_path / "store"
    answer(catholyte("import", tmp_path / "runs", "--store", store, "--json"))
    answer(catholyte("import", tmp_path / "runs", "--recipe", recipe, "--store", store, "--json"))
    told = answer(catholyte("export", "--store", store, "--out", tmp_path / "out", "--json"))
    assert sorted(scale["calculations"] for scale in told["scales"]) == [1, 1]  # the relaxation's cutoff is another
    assert told["left_out"] == {"it is imported twice": 1}


def test_a_plan_is_forecast_from_imported_runs_and_says_where_there_are_none(
    catholyte: Run, recipe: Path, made: dict[str, Finished], tmp_path: Path
) -> None:
    open_store(tmp_path / "empty").close()
    without = answer(catholyte("plan", recipe, "--engine", "vasp", "--store", tmp_path / "empty", "--json"))
    assert without["calibration"] is None
    assert any(note.startswith("no calibration") for note in without["notes"])

    written_to(made["CoO vasp relax"], tmp_path / "runs" / "relax")
    written_to(made["CoO vasp relax" + STATIC], tmp_path / "runs" / "relax" / "static")
    store = tmp_path / "store"
    answer(catholyte("import", tmp_path / "runs", "--recipe", recipe, "--store", store, "--json"))
    told = answer(catholyte("plan", recipe, "--engine", "vasp", "--store", store, "--json"))
    assert told["calibration"]["n_runs"] == 1
    assert any("forecast from 1 measured run" in note for note in told["notes"])
    costs = {job["name"]: job["cost_seconds"] for job in told["jobs"]}
    # the run that calibrates took 12 s on one core; the model gives it back up to bands and k points of the file
    run = made["CoO vasp relax"].run
    assert costs["CoO vasp relax"] == pytest.approx(12.0 * _share(told, run), rel=1e-6)
    (row,) = [one for one in open_store(store).records().entries("folders") if one.state == "done"]
    assert used_hours(row.row()) == f"{12 / 3600:.3g}"
    assert forecast_hours(row.row()) != "–"


def _share(told: dict[str, Any], run: Any) -> float:
    """Bands², k points and volume of the forecast against those that the generated file says, by hand: 8 bands and one k
    point there; 4 Co and O of 15 and 6 electrons in all 30."""
    del told
    electrons, atoms = 9 * 2 + 6 * 2, 4
    bands = max(electrons / 2 + 1 + max(atoms / 2, 3), 0.6 * electrons)
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    from catholyte.configs.load import material
    from catholyte.structures.crystals.cells import calculation_cell

    cell = calculation_cell(material("CoO"))
    cell.remove_oxidation_states()
    points = len(SpacegroupAnalyzer(cell).get_ir_reciprocal_mesh((2, 2, 2)))
    return (bands / run.in_force["NBANDS"]) ** 2 * points / len(run.kpoints)
