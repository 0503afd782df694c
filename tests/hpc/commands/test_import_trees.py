"""Trees as people keep them, without a recipe or against one: custodian's, several runs in one folder, HDF5, chunks."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Poscar

from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.command_line import Run
from catholyte.tests.support.docs.doc_blocks import ROOT, blocks
from catholyte.tests.support.vasp.finished import (
    RECIPE,
    STATIC,
    Finished,
    answers,
    finished,
    plan_of,
    static_after,
    with_states,
    written_to,
)
from catholyte.tests.support.vasp.recorded import PLACES, place
from catholyte.tests.support.vasp.vaspout_writer import write_vaspout
from catholyte.tests.support.vasp.written_run import vasprun_text
from catholyte.workflows.imports.labels import load_map
from catholyte.workflows.preflight.planned_run import PlannedRun
from catholyte.workflows.preflight.run import planned_runs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PlannedRun]:
    """The jobs of the recipe by name."""
    plan = plan_of(tmp_path_factory.mktemp("recipe"))
    return {run.name: run for run in planned_runs(plan, {"potcar_spec": True})}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    return answers(plan_of(tmp_path_factory.mktemp("recipe")))


def took(catholyte: Run, store: Path, *arguments: object) -> Any:
    _, out, err = catholyte("import", *arguments, "--store", store, "--json")
    assert out, err
    return json.loads(out)


def moving(asked: dict[str, PlannedRun], lengths: list[int], folder: Path) -> list[Path]:
    """Dynamics in parts of so many steps, each from the CONTCAR of the one before."""
    one = asked["Li2O vasp md (chunk 1)"]
    start, speeds, places = one.structure, None, []
    for number, steps in enumerate(lengths):
        part = finished(start, one.task, one.settings, velocities=speeds, n_steps=steps)
        places.append(written_to(part, folder / f"part{number}", files="VOCP"))
        start = Poscar.from_str(part.contcar).structure
        speeds = np.array(start.site_properties["velocities"])
    return places


def integrator(poscar: Path) -> None:
    """Put the state of VASP's integrator behind the velocities of a POSCAR, as a CONTCAR of dynamics has it."""
    text = poscar.read_text().rstrip("\n")
    n_sites = len(Poscar.from_str(text).structure)
    block = "".join("  0.1E-02  0.2E-02  0.3E-02\n" for _ in range(3 * n_sites))
    head = " 1\n 0.20000000E+01\n  0.0E+00  0.0E+00  0.0E+00  0.0E+00\n"
    poscar.write_text(f"{text}\n\n{head}{block}")


def test_runs_of_no_recipe_are_calculations_of_their_own(
    catholyte: Run, made: dict[str, Finished], tmp_path: Path
) -> None:
    for name, one in made.items():
        written_to(one, tmp_path / "runs" / name)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs")
    assert found["refused"] == []
    told = {(row["material"], row["kind"], row["role"]) for row in found["imported"]}
    assert told == {
        ("CoO", "relax", "main"),
        ("CoO", "dos", "main"),
        ("CoO", "static", "main"),
        ("Li2O", "static", "main"),
        ("Li2O", "relax", "main"),
        ("Li2O", "md", "chunk"),
    }
    records = open_store(tmp_path / "store").records()
    assert records.campaign_names() == ["imported"]
    documents = {d.kind: d for _, d in records.documents("imported", arrays=True) if d.label == "Li2O"}
    chunks = ["Li2O vasp md (chunk 1)", "Li2O vasp md (chunk 2)"]
    assert len(documents["md"].trajectory.positions) == sum(len(made[name].run.frames) for name in chunks)
    assert documents["md"].provenance.wall_seconds == 24.0  # twelve each
    assert documents["md"].settings["thermostat"] == "nose-hoover-chain"


def test_three_parts_of_one_dynamics_are_joined_and_a_fourth_goes_on(
    catholyte: Run, asked: dict[str, PlannedRun], tmp_path: Path
) -> None:
    places = moving(asked, [5, 4, 6, 3], tmp_path / "runs")
    for folder in places[1:]:
        integrator(folder / "POSCAR")
    aside = shutil.move(places[3], tmp_path / "later")
    found = took(catholyte, tmp_path / "store", tmp_path / "runs")
    (row,) = found["imported"]
    assert [Path(part).name for part in row["parts"]] == ["part0", "part1", "part2"]
    (document,) = [d for _, d in open_store(tmp_path / "store").records().documents("imported", arrays=True)]
    positions = np.array(document.trajectory.positions)
    assert positions.shape[0] == 15
    steps = np.diff(positions, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=2e-7)  # free flight, no frame twice
    np.testing.assert_allclose(document.trajectory.times, 2.0 * np.arange(15))

    lone = took(catholyte, tmp_path / "store", aside)
    assert "whose first part is not here" in lone["refused"][0]["reason"]
    shutil.move(aside, places[3])
    more = took(catholyte, tmp_path / "store", tmp_path / "runs")
    assert len(more["duplicates"]) == 3
    (added,) = more["imported"]
    assert Path(added["path"]).name == "part3"
    roles = sorted(
        (e.plan["role"]["replica"], e.plan["role"]["number"])
        for e in open_store(tmp_path / "store").records().entries("imported")
    )
    assert roles == [(1, 1), (1, 2)]


def test_parts_of_other_lengths_fill_the_chunks_of_a_recipe(
    catholyte: Run, asked: dict[str, PlannedRun], tmp_path: Path
) -> None:
    """Parts of 3 steps: two make a chunk of 6."""
    moving(asked, [3, 3, 3, 3], tmp_path / "runs")
    (tmp_path / "folders.yaml").write_text(RECIPE)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", tmp_path / "folders.yaml")
    assert found["refused"] == []
    assert [(row["job"], len(row["parts"])) for row in found["imported"]] == [
        ("Li2O vasp md (chunk 1)", 2),
        ("Li2O vasp md (chunk 2)", 2),
    ]


def test_a_part_with_another_time_step_is_refused(catholyte: Run, asked: dict[str, PlannedRun], tmp_path: Path) -> None:
    one = asked["Li2O vasp md (chunk 1)"]
    first = finished(one.structure, one.task, one.settings, n_steps=4)
    start = Poscar.from_str(first.contcar).structure
    speeds = np.array(start.site_properties["velocities"])
    written_to(first, tmp_path / "runs" / "a")
    written_to(
        finished(start, one.task, one.settings, velocities=speeds, n_steps=4).with_tags(POTIM=1.0),
        tmp_path / "runs" / "b",
    )
    found = took(catholyte, tmp_path / "store", tmp_path / "runs")
    assert found["imported"] == []
    assert all("POTIM 2.0 → 1.0" in row["reason"] for row in found["refused"])
    assert len(found["refused"]) == 2


@pytest.mark.parametrize(("before", "after"), [("relax1.", ""), ("", ".relax1")])
def test_several_runs_in_one_folder_are_told_apart(
    catholyte: Run, made: dict[str, Finished], tmp_path: Path, before: str, after: str
) -> None:
    folder = tmp_path / "runs"
    written_to(made["CoO vasp relax"], folder, before=before, after=after, packed=True)
    written_to(made["CoO vasp dos"], folder, before=before.replace("relax1", "static"), after=after and ".static")
    found = took(catholyte, tmp_path / "store", folder)
    assert sorted(row["kind"] for row in found["imported"]) == ["dos", "relax"]
    assert {Path(row["path"]).name for row in found["imported"]} == {
        f"{before}vasprun.xml{after}.gz",
        f"{before.replace('relax1', 'static')}vasprun.xml{after and '.static'}",
    }


def test_the_same_run_twice_is_one(catholyte: Run, made: dict[str, Finished], tmp_path: Path) -> None:
    one = made["Li2O vasp relax"]
    written_to(one, tmp_path / "runs" / "a")
    written_to(one, tmp_path / "runs" / "copy" / "b", packed=True)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs")
    assert len(found["imported"]) == 1
    (twin,) = found["duplicates"]
    assert (Path(twin["path"]).name, Path(twin["same_as"]).name) == ("b", "a")


def test_an_hdf5_answers_a_job_where_there_is_no_xml(catholyte: Run, made: dict[str, Finished], tmp_path: Path) -> None:
    one = made["Li2O vasp relax"]
    folder = tmp_path / "runs" / "new"
    written_to(one, folder, files="OC")
    write_vaspout(with_states(one.run, 12, 12), folder / "vaspout.h5", converged=True)
    written_to(made["Li2O vasp relax" + STATIC], folder / "static")
    (tmp_path / "folders.yaml").write_text(RECIPE)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", tmp_path / "folders.yaml")
    assert found["refused"] == []
    assert [row["job"] for row in found["imported"]] == ["Li2O vasp relax"]


def test_the_lower_of_two_answers_is_taken(catholyte: Run, asked: dict[str, PlannedRun], tmp_path: Path) -> None:
    one = asked["CoO vasp relax"]
    for name, energy in (("high", -5.0), ("low", -5.1), ("higher", -4.9)):
        made = finished(one.structure, one.task, one.settings, energy=energy)
        written_to(made, tmp_path / "runs" / name)
        written_to(static_after(made, one.task, one.settings, energy), tmp_path / "runs" / name / "static")
    (tmp_path / "folders.yaml").write_text(RECIPE)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", tmp_path / "folders.yaml")
    assert [Path(row["path"]).name for row in found["imported"]] == ["low"]
    reasons = {Path(row["path"]).name: row["reason"] for row in found["refused"] if "static" not in row["path"]}
    assert "100.00 meV/atom lower" in reasons["high"]
    assert "200.00 meV/atom lower" in reasons["higher"]


def test_a_density_of_states_of_another_cell_than_the_relaxed_one_is_refused(
    catholyte: Run, asked: dict[str, PlannedRun], made: dict[str, Finished], tmp_path: Path
) -> None:
    written_to(made["CoO vasp relax"], tmp_path / "runs" / "relax")
    written_to(made["CoO vasp relax" + STATIC], tmp_path / "runs" / "static")
    one = asked["CoO vasp dos"]
    written_to(finished(one.structure, one.task, one.settings), tmp_path / "runs" / "dos")  # of the library's cell
    (tmp_path / "folders.yaml").write_text(RECIPE)
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", tmp_path / "folders.yaml")
    assert [row["kind"] for row in found["imported"]] == ["relax"]
    (refused,) = found["refused"]
    assert "starts from where the job before it ended" in refused["reason"]


def test_axes_in_another_order_come_back_in_the_order_of_the_job(
    catholyte: Run, asked: dict[str, PlannedRun], tmp_path: Path
) -> None:
    """An orthorhombic cell, once with its axes permuted: the mesh follows, and a wrong one is seen."""
    text = (
        "name: axes\ntitle: axes\nsource: a test\nhubbard_u: {Co: 3.9 eV}\n"
        "vasp:\n  relax: [Li3PO4]\n  cutoff: 500 eV\n  mesh: [3, 2, 1]\n  settings: {version: '6.4'}\n"
    )
    plan = plan_of(tmp_path / "recipe", text)
    (run,) = planned_runs(plan, {"potcar_spec": True})
    turned = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    ran = Structure(
        turned @ run.structure.lattice.matrix,
        run.structure.species_and_occu,
        run.structure.frac_coords @ np.linalg.inv(turned),
        site_properties=run.structure.site_properties,
    )
    right = finished(ran, run.task, run.settings).but(mesh=(2, 1, 3))
    wrong = finished(ran, run.task, run.settings, energy=-6.0)  # its mesh has the job's numbers along other axes
    written_to(right, tmp_path / "runs" / "right")
    after = static_after(right, run.task, run.settings).but(mesh=(2, 1, 3))
    written_to(after, tmp_path / "runs" / "right" / "static")
    written_to(wrong, tmp_path / "runs" / "wrong")
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--recipe", tmp_path / "recipe" / "folders.yaml")
    assert [Path(row["path"]).name for row in found["imported"]] == ["right"]
    assert "k points: 1×3×2, asked 3×2×1" in found["refused"][0]["reason"]
    ((_, document),) = open_store(tmp_path / "store").records().documents("axes")
    np.testing.assert_allclose(document.initial_structure.lattice.abc, run.structure.lattice.abc, atol=1e-6)
    assert document.settings["kpoints"]["mesh"] == [3, 2, 1]


def test_a_map_names_material_and_role(catholyte: Run, made: dict[str, Finished], tmp_path: Path) -> None:
    for name in ("CoO vasp relax", "Li2O vasp relax", "CoO vasp dos"):
        written_to(made[name], tmp_path / "runs" / name.replace(" ", "-"))
    (tmp_path / "map.yaml").write_text(
        "runs:\n"
        "  - {path: CoO-vasp-relax, material: my-CoO, role: {kind: reference, what: bulk, material: CoO}}\n"
        "  - {path: '*/Li2O*', material: CoO}\n"
    )
    found = took(catholyte, tmp_path / "store", tmp_path / "runs", "--map", tmp_path / "map.yaml")
    (row,) = found["imported"]
    assert (row["material"], row["role"]) == ("my-CoO", "reference")
    reasons = {Path(r["path"]).name: r["reason"] for r in found["refused"]}
    assert reasons["Li2O-vasp-relax"] == "the map calls it CoO, which is CoO; it holds Li2O"
    assert reasons["CoO-vasp-dos"] == "the map does not name it"

    for _, text in blocks(ROOT / "docs" / "import.md", "yaml"):
        (tmp_path / "page.yaml").write_text(text)
        assert load_map(tmp_path / "page.yaml").runs[1].told_role.kind == "reference"

    (tmp_path / "wrong.yaml").write_text("runs:\n  - {path: a, material: CoO, role: {kind: referenc}}\n")
    status, _, err = catholyte("import", tmp_path / "runs", "--map", tmp_path / "wrong.yaml", "--store", tmp_path / "s")
    assert status == 2
    assert "wrong.yaml:2" in err


@pytest.mark.parametrize("where", PLACES)
def test_five_recorded_runs(catholyte: Run, tmp_path: Path, where: str) -> None:
    found = took(catholyte, tmp_path / "store", place(where))
    rows = {Path(row["path"]).name.split("_vasprun")[0]: row for row in found["imported"]}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "atomate2_MgMn2O4_afm_relax": "relax",
        "atomate2_MgMn2O4_afm_static": "dos",
        "atomate2_Au_slab_static": "dos",
        "atomate_LiMn8O16": "dos",
        "atomate2_Si16_AIMD": "md",
    }
    assert found["refused"] == []
    spinel = rows["atomate2_MgMn2O4_afm_static"]
    assert (spinel["formula"], spinel["version"]) == ("Mg2Mn4O8", "6.3.2")
    assert spinel["energy_per_atom"] == pytest.approx(-104.17424802 / 14, abs=1e-6)
    again = took(catholyte, tmp_path / "store", place(where))
    assert (again["imported"], len(again["duplicates"])) == ([], 5)


def test_what_strangers_keep_in_their_trees_is_refused_one_by_one(
    catholyte: Run, made: dict[str, Finished], tmp_path: Path
) -> None:
    """Links in circles, pipes, files of other runs, absurd numbers: one sentence each, and the good run is taken."""
    runs, one, moved = tmp_path / "runs", made["CoO vasp relax"], made["Li2O vasp md (chunk 1)"]
    written_to(made["Li2O vasp relax"], tmp_path / "elsewhere")
    (runs / "links").mkdir(parents=True)
    (runs / "links" / "ünï 名").symlink_to(tmp_path / "elsewhere")
    (runs / "links" / "back").symlink_to(runs)
    (runs / "links" / "above").symlink_to(tmp_path)
    written_to(one.but(version="6.4.1"), runs / "two")
    (runs / "two" / "vasprun.xml.gz").write_bytes(gzip.compress(vasprun_text(made["CoO vasp dos"].run).encode()))
    (runs / "pipe").mkdir()
    os.mkfifo(runs / "pipe" / "vasprun.xml")
    (runs / "nothing").mkdir()
    (runs / "nothing" / "vasprun.xml").symlink_to("/nowhere/vasprun.xml")
    written_to(moved, runs / "contcar")
    (runs / "contcar" / "CONTCAR").write_text(one.contcar)
    other = f"NIONS =      7\n{one.outcar}", f"  free  energy   TOTEN  =      -1.00000000 eV\n{one.outcar}"
    for name, text, version in (("atoms", other[0], "6.4.2"), ("energy", other[1], "6.4.3")):
        folder = written_to(one.but(version=version), runs / name)
        (folder / "OUTCAR").write_text(text)
    huge = written_to(one.but(version="6.4.4"), runs / "huge") / "vasprun.xml"
    head, row, rest = huge.read_text().partition('<varray name="basis"')
    huge.write_text(head + row + re.sub(r"<v>.*?</v>", "<v> 1e300 0 0 </v>", rest, count=1))
    found = took(catholyte, tmp_path / "store", runs)
    assert {Path(row["path"]).name for row in found["imported"]} == {"ünï 名", "two"}
    reasons = {Path(row["path"]).relative_to(runs).parts[0]: row["reason"] for row in found["refused"]}
    wanted = {
        "two": "another run than vasprun.xml beside it",
        "pipe": "no file, but a pipe or a device",
        "nothing": "a link to nothing",
        "contcar": "it is of another run",
        "atoms": "it has 7 atoms, not 4",
        "energy": "its last energy is -1.00000000 eV, not -20.0",
        "huge": "0.5 to 1000 Å are possible",
    }
    assert {name: text in reasons.get(name, "") for name, text in wanted.items()} == dict.fromkeys(wanted, True)
    assert len(found["refused"]) == len(wanted)
