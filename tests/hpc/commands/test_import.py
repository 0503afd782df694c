"""Finished runs become results: a campaign ends with them alone, nothing is taken twice, and what is wrong is named."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.hpc.run.asked_files import ASKED_FILE
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.vasp.finished import RECIPE, STATIC, Finished, answers, plan_of, written_to

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

JOBS = [
    "Li2O vasp relax",
    "CoO vasp relax",
    "CoO vasp dos",
    "Li2O vasp md (chunk 1)",
    "Li2O vasp md (chunk 2)",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A run for every job of the recipe."""
    return answers(plan_of(tmp_path_factory.mktemp("recipe")))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "folders.yaml").write_text(RECIPE)
    return tmp_path / "folders.yaml"


def tree(made: dict[str, Finished], folder: Path) -> Path:
    """Every run in a folder of a nested tree, some packed, and custodian's archives beside one."""
    for number, (name, one) in enumerate(made.items()):
        written_to(one, folder / f"group{number % 2}" / name.replace(" ", "-"), packed=number % 2 == 1)
    first = folder / "group0" / JOBS[0].replace(" ", "-")
    with tarfile.open(first / "error.1.tar.gz", "w:gz") as archive:
        (first / "INCAR").write_text("ALGO = Fast\n")
        archive.add(first / "INCAR", "INCAR")
    return folder


def run_import(catholyte: Run, store: Path, *arguments: object) -> Any:
    _, out, err = catholyte("import", *arguments, "--store", store, "--json")
    assert out, err
    return json.loads(out)


def test_a_campaign_finishes_with_imported_results_alone(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path
) -> None:
    folder, store = tree(made, tmp_path / "runs"), tmp_path / "store"
    found = run_import(catholyte, store, folder, "--recipe", recipe)
    assert found["refused"] == []
    assert sorted(row["job"] for row in found["imported"]) == sorted(JOBS)
    run = answer(catholyte("run", recipe, "--engine", "vasp", "--store", store, "--json"))
    assert (run["completed"], run["failed"], run["blocked"]) == ([], [], [])
    assert sorted(run["reused"]) == sorted(JOBS)
    records = Ledger(open_store(store)).records()
    assert [record["computed"] for record in records] == [0] * len(JOBS)

    again = run_import(catholyte, store, folder, "--recipe", recipe)
    assert (again["imported"], again["refused"]) == ([], [])
    assert len(again["duplicates"]) == len(made)
    assert Ledger(open_store(store)).records() == records


def test_the_document_is_the_run_in_the_order_of_the_job(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path
) -> None:
    folder, store = tree(made, tmp_path / "runs"), tmp_path / "store"
    run_import(catholyte, store, folder, "--recipe", recipe)
    records = open_store(store).records()
    by_name = {entry.plan["name"]: document for entry, document in records.documents("folders", arrays=True)}
    relaxed, written = by_name["CoO vasp relax"], made["CoO vasp relax"].run
    # the cell is that of the relaxation, the energy that of the static run in it
    assert relaxed.energy == pytest.approx(made["CoO vasp relax" + STATIC].run.steps[-1].energy)
    assert relaxed.energy != pytest.approx(written.steps[-1].energy)
    assert relaxed.signature.cutoff == 500.0
    assert written.incar["ENCUT"] > 500.0
    assert relaxed.structure.volume == pytest.approx(written.steps[-1].structure.volume)
    # the file has other sites first; the job's Co and their moments come as asked
    asked = next(job for job in plan_of(tmp_path).flow.jobs if job.name == "CoO vasp relax").function_args[0]
    assert [s.specie for s in relaxed.initial_structure] == [s.specie for s in asked]
    assert np.sign(relaxed.magmoms).tolist() in (
        np.sign(asked.site_properties["magmom"]).tolist(),
        (-np.sign(asked.site_properties["magmom"])).tolist(),
    )
    origin = relaxed.provenance.imported
    assert origin is not None
    assert origin.path.endswith("CoO-vasp-relax")
    assert relaxed.provenance.host == "imported"
    assert relaxed.acceptance is not None
    assert relaxed.acceptance.accepted
    dos = by_name["CoO vasp dos"]
    assert dos.dos is not None
    np.testing.assert_allclose(dos.structure.distance_matrix, relaxed.structure.distance_matrix, atol=1e-5)
    first, second = by_name["Li2O vasp md (chunk 1)"], by_name["Li2O vasp md (chunk 2)"]
    np.testing.assert_allclose(first.structure.frac_coords % 1, second.initial_structure.frac_coords % 1, atol=1e-7)
    assert (first.role.number, second.role.number) == (1, 2)
    assert "custodian gave up 1 attempt before it" in by_name[JOBS[0]].provenance.imported.notes
    # the report, `why` and the board say where it came from
    (files,) = {
        Path(file)
        for file in answer(catholyte("report", "--store", store, "--out", tmp_path / "report", "--json"))["files"]
        if file.endswith("report.html")
    }
    page = files.read_text()
    assert "Imported results" in page
    assert "VASP, imported" in page
    told = answer(catholyte("why", "CoO vasp relax", "--store", store, "--json"))
    assert told["cause"] == f"nothing is wrong: its result was imported from {origin.path}"
    answer(catholyte("board", "--store", store, "--static", tmp_path / "board", "--json"))
    jobs = next(file for file in (tmp_path / "board").rglob("*jobs*.html")).read_text()
    assert "used (core h)" in jobs
    assert ">0.00333<" in jobs  # 12 s of one core


def test_a_killed_import_leaves_nothing_half_done(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of each delivery in turn: what is there is whole, and the next call brings the rest."""
    from catholyte.hpc.store import intake
    from catholyte.hpc.store.verify import verify_store

    folder, store = tree(made, tmp_path / "runs"), tmp_path / "store"
    whole = Ledger.take_over
    for number in range(1, len(JOBS) + 1):
        calls = []

        def stop(self: Any, *arguments: Any, calls: list[int] = calls) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt  # after the document, before "done"
            whole(self, *arguments)

        monkeypatch.setattr(intake.Ledger, "take_over", stop)
        catholyte("import", folder, "--recipe", recipe, "--store", store)
        monkeypatch.undo()
        opened = open_store(store)
        verdict = verify_store(opened)
        assert (verdict.finished, verdict.documents, verdict.faults, verdict.stray) == (number, number, [], 0)
        opened.close()
    assert len(run_import(catholyte, store, folder, "--recipe", recipe)["duplicates"]) == len(made)


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_results(
    made: dict[str, Finished], recipe: Path, tmp_path: Path, catholyte: Run
) -> None:
    """SIGKILL as soon as the first run is told, and again at the second."""
    from catholyte.hpc.store.verify import verify_store

    folder, store = tree(made, tmp_path / "runs"), tmp_path / "store"
    done = 0
    for _ in range(2):
        call = [sys.executable, "-c", "from catholyte.hpc.commands.app import main; main()", "import", folder]
        process = subprocess.Popen(
            [*call, "--recipe", recipe, "--store", store], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert process.stderr is not None
        assert any(line.startswith("imported") for line in process.stderr)
        process.kill()
        process.wait()
        opened = open_store(store)
        told = verify_store(opened)
        assert told.finished == told.documents > done
        assert (told.faults, told.stray) == ([], 0)
        done = told.finished
        opened.close()
    rest = run_import(catholyte, store, folder, "--recipe", recipe)
    assert (len(rest["imported"]), rest["refused"]) == (len(JOBS) - done, [])
    assert len(rest["duplicates"]) >= done


WRONG = {
    "truncated": ("</modeling>", "truncated"),
    "no end of OUTCAR": ("OUTCAR", "truncated"),
    "electrons": ("electrons", "did not converge"),
    "atoms": ("atoms", "did not come to rest"),
    "functional": ("functional", "functional: PBEsol, asked PBE"),
    "POTCARs": ("POTCARs", "mixes POTCARs"),
    "U": ("U", "U(Co): 3.3 eV, asked 3.9 eV"),
    "cutoff": ("cutoff", "cutoff: 480 eV, asked at least 500 eV"),
    "mesh": ("mesh", "k points: 3×3×3, asked 2×2×2"),
    "version": ("version", "version of VASP: 5.4.4, asked 6.4"),
    "order": ("order", "moments of both signs in another order"),
    "half a gz": ("gz", "the gzip stream ends early"),
    "not self-consistent": ("icharg", "its density was read and kept, of a first part that is not here"),
    "GW": ("gw", "no energy of a ground state"),
    "phonons": ("phonons", "force constants"),
    "no static run": ("", "takes its energy from a static run at 500 eV in the relaxed cell, and there is none"),
    "no vasprun": ("no vasprun", "no vasprun.xml or vaspout.h5"),
}


def test_a_run_is_found_beside_its_copy_in_the_folder_of_another_job(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path
) -> None:
    key = next(job.key for job in plan_of(tmp_path).jobs if job.name == JOBS[0])
    for place, asked in (("a-copy", "of another campaign"), ("b-own", key)):
        folder = tmp_path / "runs" / place
        written_to(made[JOBS[0]], folder)
        written_to(made[JOBS[0] + STATIC], folder / "static")
        (folder / ASKED_FILE).write_text(json.dumps({"key": asked}))
    found = run_import(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", recipe)
    assert [row["job"] for row in found["imported"]] == [JOBS[0]], found["refused"]
    assert found["refused"] == []


def test_a_run_whose_job_has_no_start_yet_is_told_so(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path
) -> None:
    written_to(made["CoO vasp dos"], tmp_path / "runs" / "dos")
    (refused,) = run_import(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", recipe)["refused"]
    assert "CoO vasp dos would start from a result that is not here" in refused["reason"]


def spoilt(one: Finished, how: str, folder: Path) -> Path:
    """Write a run that is wrong in one way."""
    run = one.run
    if how == "functional":
        one = one.with_tags(GGA="PS")
    elif how == "U":
        one = one.with_tags(LDAUU=[3.3 if u else 0.0 for u in run.incar["LDAUU"]])
    elif how == "cutoff":
        one = one.with_tags(ENCUT=480.0)
    elif how == "mesh":
        one = one.but(mesh=(3, 3, 3))
    elif how == "version":
        one = one.but(version="5.4.4")
    elif how == "order":
        one = one.with_tags(MAGMOM=[abs(m) for m in run.incar["MAGMOM"]])
    elif how == "POTCARs":
        one = one.but(titles={**run.titles, "O": "PAW O 22Mar2012"})
    elif how == "not self-consistent":
        one = one.with_tags(ICHARG=11)
    elif how == "GW":
        one = one.with_tags(ALGO="GW0")
    elif how == "phonons":
        one = one.with_tags(IBRION=6)
    elif how == "electrons":
        one = one.but(frames=[*run.frames[:-1], replace(run.frames[-1], cycles=60)])
    elif how == "atoms":
        one = one.with_tags(NSW=len(run.frames))
    elif how == "no end of OUTCAR":
        one = Finished(run, one.outcar[: one.outcar.index("General timing")], one.contcar, one.poscar)
    written_to(one, folder)
    file = folder / "vasprun.xml"
    if how == "truncated":
        file.write_text(file.read_text()[:-400])
    elif how == "half a gz":
        packed = gzip.compress(file.read_bytes())
        (folder / "vasprun.xml.gz").write_bytes(packed[: len(packed) // 2])
        file.unlink()
    elif how == "no vasprun":
        file.unlink()
    return folder


@pytest.mark.parametrize("how", WRONG)
def test_what_is_wrong_is_refused_by_name(
    catholyte: Run, made: dict[str, Finished], recipe: Path, tmp_path: Path, how: str
) -> None:
    folder = spoilt(made["CoO vasp relax"], how, tmp_path / "runs" / "spoilt")
    found = run_import(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", recipe)
    assert found["imported"] == []
    (refused,) = found["refused"]
    assert Path(refused["path"]) in (folder, folder / "vasprun.xml")
    assert WRONG[how][1] in refused["reason"]
    status, _, _ = catholyte("import", tmp_path / "runs", "--recipe", recipe, "--store", tmp_path / "store")
    assert status == 1
    assert Ledger(open_store(tmp_path / "store")).records() == []
