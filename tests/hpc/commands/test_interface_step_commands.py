"""The interface step on the command line: what `plan` says, what `inputs` writes, and how a wrong call ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from catholyte.tests.support.campaigns.interface_recipe import write_recipe
from catholyte.tests.support.command_line import Run, answer


def test_plan_tells_of_cells_to_be_built_and_of_the_step_left_out(catholyte: Run, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    left = answer(catholyte("plan", recipe, "--json"))
    assert [job["step"] for job in left["jobs"]] == ["bulk"]
    assert any("it runs with --only interface" in line for line in left["skipped"])
    asked = answer(catholyte("plan", recipe, "--only", "interface", "--cluster", "slurm-example", "--json"))
    assert any("built when the step runs" in line for line in asked["notes"])
    built = next(job for job in asked["jobs"] if job["name"] == "LCO|CoO build")
    assert (built["engine"], built["n_atoms"]) == ("python", 32)
    status, out, _ = catholyte("plan", recipe, "--full")
    assert status == 0
    assert "note: the cells of LCO|CoO are built when the step runs" in " ".join(out.split())


def test_inputs_build_the_cells(catholyte: Run, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, ("max_atoms: 32", "max_atoms: 32\n      lattice: experiment"))
    document = answer(
        catholyte("inputs", recipe, "--engine", "vasp", "--only", "interface", "--out", tmp_path / "in", "--json")
    )
    jobs = {job["name"]: job for job in document["jobs"]}
    relax = jobs["LCO|CoO vasp relax"]
    assert (relax["first_stage"], relax["positions"], relax["n_atoms"]) == (
        True,
        "as built, to be relaxed by CHGNet first",
        32,
    )
    place = tmp_path / "in" / "LCO-CoO-relax"
    heights = [f"height-{factor}" for factor in ("1", "0.98", "1.02")]
    runs = [heights[0] + "/start-1", heights[0] + "/start-2", *heights]
    assert relax["directories"] == [*(str(place / run) for run in runs), str(place)]
    volumes = [Poscar.from_file(place / run / "POSCAR", check_for_potcar=False).structure.volume for run in heights]
    assert [volume / volumes[0] for volume in volumes] == pytest.approx([1, 0.98, 1.02])
    incar, cell = Incar.from_file(place / "INCAR"), Poscar.from_file(place / "POSCAR", check_for_potcar=False).structure
    assert (incar["ENCUT"], incar["ISIF"], incar["LDAUU"]) == (500, 2, [0, 3.9, 0])
    assert cell.composition.formula == "Li4 Co12 O16"
    assert sorted({abs(moment) for moment in incar["MAGMOM"]})[-1] > 2  # Co2+ of CoO keeps its moment beside Co3+
    assert list(Kpoints.from_file(place / "KPOINTS").kpts[0]) == [4, 2, 1]
    assert (jobs["CoO vasp relax"]["positions"], jobs["LCO|CoO vasp dos"]["positions"]) == ("final", "to come")
    assert jobs["LCO|CoO vasp dos"]["directories"] == [str(tmp_path / "in" / "later" / "LCO-CoO-dos")]
    assert all(check["ok"] for check in document["checks"] if check.get("refuses", True))
    slab = jobs["LCO|CoO slab CoO vasp relax"]
    assert slab["n_atoms"] == 16


def test_vacuum_makes_a_slab_of_the_stack(catholyte: Run, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, ("      strain_on: shared", "      form: vacuum\n      strain_on: shared"))
    document = answer(
        catholyte("inputs", recipe, "--engine", "vasp", "--only", "interface", "--out", tmp_path / "in", "--json")
    )
    stack = next(job for job in document["jobs"] if job["name"] == "LCO|CoO vasp relax")
    # two unlike faces: a dipole along c, which the starts do without; no height, for the vacuum gives way
    assert [Path(place).name for place in stack["directories"]] == ["start-1", "start-2", "LCO-CoO-relax"]
    first, _, second = (Incar.from_file(Path(place) / "INCAR") for place in stack["directories"])
    assert "LDIPOL" not in first
    assert second["LDIPOL"] is True


@pytest.mark.parametrize(
    ("change", "arguments", "told"),
    [
        (("a: LCO:104", "a: LCO:1x4"), ["plan", "--only", "interface"], ("small.yaml:14: key 'interface.systems.0.a': " "'LCO:1x4': the facet '1x4' is not three " "integers")),
        (("max_atoms: 32", "max_atoms: 20"), ["inputs", "--only", "interface", "--out", "in"], ("small.yaml:13: key " "'interface.systems.0': no cell of LCO | CoO with at most 20 " "atoms")),
        (("cells_none", ""), ["plan", "--only", "interfaces"], "unknown step 'interfaces'; did you mean interface"),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_in_one_message(
    catholyte: Run, tmp_path: Path, change: tuple[str, str], arguments: list[str], told: str
) -> None:
    recipe = write_recipe(tmp_path, *([] if change[0] == "cells_none" else [change]))
    command, *options = [str(tmp_path / word) if word == "in" else word for word in arguments]
    status, out, err = catholyte(command, recipe, *options, "--json")
    assert (status, out) == (2, "")
    assert told in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_build_that_fails_is_explained(catholyte: Run, tmp_path: Path) -> None:
    changes = (
        ("max_atoms: 32", "max_atoms: 20"),
        ("      dynamics: true\n      electronic: true\n", "      energies: false\n"),
    )
    recipe, store = write_recipe(tmp_path, *changes, ("    controls: [{material: CoO}]\n", "")), tmp_path / "store"
    status, out, _ = catholyte("run", recipe, "--only", "interface", "--store", store, "--workers", "1", "--json")
    assert status == 1
    told = json.loads(out)
    assert (told["failed"], told["blocked"]) == (["LCO|CoO build"], ["LCO|CoO chgnet candidates"])
    found = answer(catholyte("why", "LCO|CoO build", "--store", store, "--json"))
    assert "small.yaml:13: key 'interface.systems.0': no cell of LCO | CoO with at most 20 atoms" in found["cause"]
