"""The plan of production: cells that fit the stated meshes, chunks that go on from each other, and what is refused
where."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobflow import Job

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

RECIPE = """\
name: small
title: two oxides
source: a test
hubbard_u:
  Co: 3.9 eV
bulk:
  engine: chgnet
  materials: [Li2O]
vasp:
  relax: [LCO, CoO]
  electronic: [LCO]
  cutoff: 500 eV
  mesh: [4, 4, 4]
  kpoints: {LCO: [4, 4, 2]}
  conventional: [LCO]
  settings: {centring: monkhorst-pack}
  dynamics:
    materials: [CoO]
    supercell: {CoO: [2, 2, 1]}
    cutoff: 400 eV
    hubbard_u: false
    temperature: 300 K
    timestep: 2 fs
    length: 1 ps
    chunk: 0.4 ps
"""


def _plan(folder: Path, *changes: tuple[str, str], only: str | None = None, engine: str | None = "vasp") -> Plan:
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "small.yaml").write_text(text)
    return build_plan(*load_recipe(str(folder / "small.yaml")), engine, only)


def _maker(plan: Plan, name: str) -> CalculationMaker:
    uuid = next(job.uuid for job in plan.jobs if job.name == name)
    maker = next(job for job in plan.flow.jobs if isinstance(job, Job) and job.uuid == uuid).maker
    assert isinstance(maker, CalculationMaker)
    return maker


def test_production_replaces_the_laptops_steps_and_only_under_its_engine(tmp_path: Path) -> None:
    assert [job.name for job in _plan(tmp_path).jobs if job.step != "dynamics"] == [
        "LCO vasp relax",
        "CoO vasp relax",
        "LCO vasp dos",
    ]
    assert [job.name for job in _plan(tmp_path, engine=None).jobs] == ["Li2O chgnet relax"]
    assert {job.step for job in _plan(tmp_path, only="bulk").jobs} == {"bulk"}
    assert {job.name for job in _plan(tmp_path, only="electronic").jobs} == {"LCO vasp relax", "LCO vasp dos"}


def test_the_cell_is_the_one_that_the_mesh_belongs_to(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert {(job.material, job.formula) for job in plan.jobs if job.step == "bulk"} == {
        ("LCO", "Li3Co3O6"),
        ("CoO", "Co2O2"),
    }
    lco, coo = _maker(plan, "LCO vasp relax"), _maker(plan, "CoO vasp relax")
    assert (lco.task["method"]["kpoints"], coo.task["method"]["kpoints"]) == ([4, 4, 2], [4, 4, 4])
    assert lco.engine.settings == {"centring": "monkhorst-pack", "hand_on": True}  # a density of states follows
    primitive = _plan(tmp_path, ("  conventional: [LCO]\n", ""))
    assert next(job.n_atoms for job in primitive.jobs if job.material == "LCO") == 4


def test_chunks_add_up_and_each_goes_on_from_the_one_before(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    chunks = [job for job in plan.jobs if job.step == "dynamics"]
    assert [job.name for job in chunks] == [f"CoO vasp md (chunk {n})" for n in (1, 2, 3)]
    assert [job.depends_on for job in chunks] == [[], [chunks[0].key], [chunks[1].key]]
    tasks = [_maker(plan, job.name).task for job in chunks]
    assert [task["n_steps"] for task in tasks] == [200, 200, 100]
    assert {
        (
            task["timestep"],
            task["method"]["cutoff"],
            task["method"]["hubbard_u"]["Co"],
            task["method"]["spin_polarized"],
        )
        for task in tasks
    } == {(2.0, 400.0, 0.0, True)}
    assert {job.n_atoms for job in chunks} == {16}
    assert _maker(plan, "CoO vasp relax").task["method"]["hubbard_u"] == {"Co": 3.9}


def test_the_same_question_has_the_same_identity_whatever_the_machine(tmp_path: Path) -> None:
    first, again = _plan(tmp_path), _plan(tmp_path)
    assert [job.key for job in first.jobs] == [job.key for job in again.jobs]
    faster = _plan(
        tmp_path, ("centring: monkhorst-pack", "centring: monkhorst-pack, ncore: 16, vasp_command: srun vasp_std")
    )
    assert [job.key for job in faster.jobs] == [job.key for job in first.jobs]
    centred = _plan(tmp_path, ("centring: monkhorst-pack", "centring: gamma"))
    assert not {job.key for job in centred.jobs} & {job.key for job in first.jobs}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("relax: [LCO, CoO]", "relax: [LCO, CoOO]", "key 'vasp.relax.1': unknown material 'CoOO'"),
        ("conventional: [LCO]", "conventional: [LCOO]", "key 'vasp.conventional.0': unknown material 'LCOO'"),
        ("kpoints: {LCO: [4, 4, 2]}", "kpoints: {LCOO: [4, 4, 2]}", "key 'vasp.kpoints.LCOO': unknown material"),
        ("Co: 3.9 eV", "Ni: 6.2 eV", "no entry for the transition metal Co of LCO"),
        (
            "chunk: 0.4 ps",
            "chunk: 4 ps",
            "'chunk' (4000 fs) must lie between one timestep (2 fs) and the length (1000 fs)",
        ),
        ("cutoff: 400 eV", "cutoff: 400 fs", "unknown unit 'fs'"),
        ("    hubbard_u: false\n", "", "key 'vasp.dynamics.hubbard_u': this key is needed and missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        _plan(tmp_path, (old, new))
    assert told in caught.value.message
    assert "small.yaml:" in caught.value.message


def test_a_disordered_material_has_no_conventional_cell_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LPSCl has partial occupancies: its ordered cell is the one that runs"):
        _plan(tmp_path, ("relax: [LCO, CoO]", "relax: [LPSCl]"), ("conventional: [LCO]", "conventional: [LPSCl]"))
