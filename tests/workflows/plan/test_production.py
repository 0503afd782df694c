"""The plan of production: cells that fit the stated meshes, chunks that go on from each other, and what is refused
where."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
from jobflow import Job

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan
from catholyte.workflows.preflight.run import PlannedRun, planned_runs

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


SOLIDS = """\
mechanics: {engine: chgnet, materials: [CoO]}
conductivity:
  engine: chgnet
  materials: [{material: Li2O, supercell: [2, 2, 2]}]
  temperatures: [600, 800]
  length: 1 ps
  chunk: 0.5 ps
  seeds: [0]
polymorphs: {engine: chgnet, systems: [{material: LCO, rock_salt: CoO}], kpoint_density: 30}
oxygen_loss: {systems: [{material: LCO, supercell: [2, 1, 1], ladder: {lithium_vacancies: [0], max_sites: 1}, kpoints: [2, 2, 2]}]}
"""


@pytest.fixture(scope="module")
def solids(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[PlannedRun]]:
    """What VASP runs of a recipe with steps of solids, by step."""
    place = tmp_path_factory.mktemp("solids") / "small.yaml"
    place.write_text(RECIPE + SOLIDS)
    found = {}
    for step in ("mechanics", "conductivity", "polymorphs", "oxygen_loss"):
        plan = build_plan(*load_recipe(str(place)), "vasp", step)
        assert plan.skipped == []
        keys = {job.key: job for job in plan.jobs}
        runs = planned_runs(plan, {"potcar_spec": True})
        found[step] = [run for run in runs if keys[run.key].step == step]
    return found


def test_elastic_tensors_have_one_cutoff_at_which_stress_is_converged(solids: dict[str, list[PlannedRun]]) -> None:
    crystal, *strained = solids["mechanics"]
    assert all(run.apart for run in solids["mechanics"]), "no other energy is subtracted from theirs"
    assert {(run.task.method.cutoff, run.task.method.kpoints) for run in solids["mechanics"]} == {
        (520.0, (4, 4, 4))  # 1.3 × ENMAX of oxygen, above the 500 eV of the recipe
    }
    assert [run.task.relax_cell for run in (crystal, strained[0])] == [True, False]
    lengths = {tuple(round(x, 4) for x in run.structure.lattice.abc) for run in strained}
    assert len(strained) == 8
    assert len(lengths) > 3, "each stands in a strained cell"


def test_hot_dynamics_has_the_level_of_productions_own(solids: dict[str, list[PlannedRun]]) -> None:
    relax, *chunks = solids["conductivity"]
    assert (relax.task.kind, relax.task.method.cutoff, relax.task.method.kpoints) == ("relax", 500.0, (1, 1, 1))
    assert {(run.task.kind, run.task.method.cutoff) for run in chunks} == {("md", 400.0)}
    assert sorted(run.task.temperature for run in chunks) == [600, 600, 800, 800]


def test_polymorphs_have_meshes_of_one_density_moments_and_the_oxygen_of_the_ladder(
    solids: dict[str, list[PlannedRun]],
) -> None:
    *cells, molecule = solids["polymorphs"]
    assert molecule.structure.formula.replace(" ", "") == "O2"
    assert molecule.key in {run.key for run in solids["oxygen_loss"]}, "the same question is asked once"
    for run in cells:
        volume, points = run.structure.lattice.reciprocal_lattice_crystallographic.volume, prod(run.task.method.kpoints)
        assert points / volume > 15, run.name
    moments = {run.name: np.array(run.structure.site_properties["magmom"]) for run in cells}
    plain = next(values for name, values in moments.items() if "rock salt 1" in name)
    assert abs(plain).max() == 3.0
    assert plain.sum() == 0.0, "AFM-II"
    empty = next(run for run in cells if "Li" not in run.structure.composition.remove_charges())
    assert sorted(set(moments[empty.name])) == [0.0, 1.0], "Co4+ is low spin where Co3+ is"


def test_without_a_section_vasp_they_are_skipped_and_said(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(RECIPE.partition("vasp:")[0] + SOLIDS.partition("oxygen_loss:")[0])
    recipe = load_recipe(str(tmp_path / "small.yaml"))
    for step in ("mechanics", "conductivity", "polymorphs"):
        plan = build_plan(*recipe, "vasp", step)
        assert plan.jobs == []
        assert any("needs a level of theory" in told for told in plan.skipped)
