"""The interface step: which jobs it drafts under which engine, what it says before a cell is built, and what is refused
where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import Job

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe, material
from catholyte.configs.steps.interface import InterfaceSystem
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import write_structure
from catholyte.tests.support.campaigns.interface_recipe import write_recipe
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.flows.interface import BuildInterfaceMaker, stand_in
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan
from catholyte.workflows.preflight.run import planned_runs


def _plan(
    folder: Path,
    *changes: tuple[str, str],
    engine: str | None = None,
    only: str | None = "interface",
    full: bool = False,
    name: str = "small.yaml",
) -> Plan:
    return build_plan(*load_recipe(str(write_recipe(folder, *changes, name=name))), engine, only, full=full)


def _jobs(plan: Plan) -> dict[str, Job]:
    return {job.name: job for job in plan.flow.jobs if isinstance(job, Job)}


def _task(plan: Plan, name: str) -> dict[str, Any]:
    maker = _jobs(plan)[name].maker
    assert isinstance(maker, CalculationMaker)
    return maker.task


def test_jobs_and_what_they_wait_for(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    names = {job.key: job.name for job in plan.jobs}
    waits = {job.name: [names[key] for key in job.depends_on] for job in plan.jobs}
    choice = ["LCO|CoO chgnet candidates"]
    assert waits == {
        "LCO|CoO build": ["CoO chgnet relax", "LCO chgnet relax"],  # whose lattices the stack takes
        "LCO|CoO chgnet candidates": ["LCO|CoO build"],
        "LCO|CoO slab LCO chgnet relax": choice,
        "LCO|CoO slab CoO chgnet relax": choice,
        "LCO chgnet relax": [],
        "CoO chgnet relax": [],
        "LCO|CoO gpaw dos": choice,
        "LCO|CoO bulk LCO gpaw dos": choice,
        "LCO|CoO bulk CoO gpaw dos": choice,
        "LCO|CoO chgnet md (chunk 1)": choice,
        "LCO|CoO chgnet md (chunk 2)": ["LCO|CoO chgnet md (chunk 1)"],
        "CoO control chgnet relax": [],
        "CoO control chgnet md (chunk 1)": ["CoO control chgnet relax"],
        "CoO control chgnet md (chunk 2)": ["CoO control chgnet md (chunk 1)"],
    }
    assert {job.step for job in plan.jobs} == {"interface"}


def test_the_lattices_of_the_library_are_a_question_of_their_own(tmp_path: Path) -> None:
    words = "lattice: experiment\n      max_principal_strain: null\n      max_area_change: null\n      orientations: 1"
    former = _plan(tmp_path, ("      strain_on: shared", f"      {words}\n      strain_on: shared"))
    waits = {job.name: job.depends_on for job in former.jobs}
    assert waits["LCO|CoO build"] == []
    maker = _jobs(former)["LCO|CoO build"].maker
    assert set(maker.system) == set(
        BuildInterfaceMaker.of(InterfaceSystem.of_question(maker.system), [], None, "").system
    )
    assert not {"lattice", "orientations", "arrangements", "max_principal_strain"} & set(maker.system)
    assert InterfaceSystem.of_question(maker.system).lattice == "experiment"


def test_a_stack_takes_the_lattices_that_the_engine_gives(tmp_path: Path) -> None:
    """CoO shrunk by 3 % in every direction: the oxides fit better by that."""
    plan = _plan(tmp_path, ("registries: 2", "registries: 1\n      orientations: 1"))
    maker = _jobs(plan)["LCO|CoO build"].maker
    cells = {"a": calculation_cell(material("LCO")), "b": calculation_cell(material("CoO"))}
    relaxed = {key: {"before": cell, "after": cell.copy()} for key, cell in cells.items()}
    relaxed["b"]["after"].scale_lattice(cells["b"].volume * 0.97**3)
    library, own = (maker.build("LCO|CoO", given).candidates[0].record for given in (None, relaxed))
    assert (library["lattice"], own["lattice"]) == ("experiment", "engine")
    change = sum(library["principal_strains"]["LCO"]) - sum(own["principal_strains"]["LCO"])
    assert change == pytest.approx(-np.log(0.97), abs=1e-6)  # shared: half of twice the logarithm
    assert own["strain"] < library["strain"]


def test_a_cell_to_be_built_has_its_budget_and_says_so(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    build = next(job for job in plan.jobs if job.name == "LCO|CoO build")
    assert (build.engine, build.kind, build.n_atoms, build.formula) == ("python", "build", 32, "at most 32 atoms")
    assert len(plan.notes) == 1
    assert "the cells of LCO|CoO are built when the step runs" in plan.notes[0]
    assert all(job.cost_seconds > 0 for job in plan.jobs)


def test_the_step_runs_only_where_it_is_asked_for(tmp_path: Path) -> None:
    plain, whole = _plan(tmp_path, only=None), _plan(tmp_path, only=None, full=True)
    assert [job.name for job in plain.jobs] == ["LCO chgnet relax"]
    assert plain.skipped == [
        "step interface: it runs with --only interface, or with every other step and at full length with --full"
    ]
    assert {job.key for job in plain.jobs} < {job.key for job in whole.jobs}
    steps = {job.step for job in whole.jobs if job.name == "LCO chgnet relax"}
    assert steps == {"bulk"}  # the free crystal of the interface is the bulk step's own job


def test_the_full_length_goes_on_from_the_short_run(tmp_path: Path) -> None:
    short, full = _plan(tmp_path), _plan(tmp_path, full=True)
    assert {job.key for job in short.jobs} < {job.key for job in full.jobs}
    assert [job.name for job in full.jobs if "LCO|CoO chgnet md" in job.name] == [
        f"LCO|CoO chgnet md (chunk {k})" for k in range(1, 7)
    ]


def test_settings_reach_the_tasks(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    dos, bulk = _task(plan, "LCO|CoO gpaw dos")["method"], _task(plan, "LCO|CoO bulk LCO gpaw dos")["method"]
    assert (dos["kpoints"], dos["cutoff"], dos["hubbard_u"], dos["spin_polarized"]) == (
        [4, 2, 1],
        400.0,
        {"Co": 3.9},
        True,
    )
    assert bulk["kpoints"] == [4, 2, 4]
    assert _jobs(plan)["LCO|CoO gpaw dos"].maker.engine.settings == {"moment_scales": [0.9]}
    choice = _jobs(plan)["LCO|CoO chgnet candidates"].maker
    assert (choice.stack["relax_cell"], choice.bulk["relax_cell"], choice.stack["max_force"]) == (
        "height",
        "height",
        1.0,
    )
    assert _task(plan, "LCO|CoO slab LCO chgnet relax")["relax_cell"] is False
    vacuum = _plan(tmp_path, ("      strain_on: shared", "      form: vacuum\n      strain_on: shared"))
    assert _jobs(vacuum)["LCO|CoO chgnet candidates"].maker.stack["relax_cell"] is False


def test_vasp_computes_strained_crystals_once_more_on_a_finer_mesh(tmp_path: Path) -> None:
    convergence = ("  mesh: [4, 4, 4]\n", "  mesh: [4, 4, 4]\n  convergence: {cutoff: 600 eV, kpoints: {}}\n")
    before, plan = _plan(tmp_path, engine="vasp"), _plan(tmp_path, convergence, engine="vasp")
    added = {job.name: job for job in plan.jobs if job.key not in {one.key for one in before.jobs}}
    assert set(added) == {f"LCO|CoO bulk {name} vasp dos (mesh 8×4×8)" for name in ("LCO", "CoO")}
    assert len(plan.jobs) == len(before.jobs) + 2, "and every other job is the same"
    for name, job in added.items():
        assert _task(plan, name)["method"]["kpoints"] == [8, 4, 8]
        assert job.role == {"kind": "variation", "of": name.partition(" vasp")[0]}


def test_identity_follows_the_question_and_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = {job.name: job.key for job in _plan(tmp_path).jobs}
    moved = {
        job.name: job.key
        for job in _plan(tmp_path / "other", ("title: one interface", "title: one\n\n\n"), name="other.yaml").jobs
    }
    assert moved == first
    thicker = {job.name: job.key for job in _plan(tmp_path, ("thickness: [8 Å, 8 Å]", "thickness: [9 Å, 8 Å]")).jobs}
    changed = {name for name in first if thicker[name] != first[name]}
    assert "LCO|CoO chgnet md (chunk 2)" in changed
    assert not {"LCO chgnet relax", "CoO control chgnet md (chunk 1)"} & changed
    quiet = {job.name: job.key for job in _plan(tmp_path, ("      electronic: true\n", "")).jobs}
    assert quiet["LCO|CoO build"] == first["LCO|CoO build"]


@pytest.mark.parametrize(
    ("engine", "has", "lacks"),
    [
        ("chgnet", "LCO|CoO chgnet md (chunk 1)", "dos"),
        ("gpaw", "LCO|CoO bulk CoO gpaw relax", "md"),
        ("vasp", "LCO|CoO vasp md (chunk 2)", None),
        ("rehearsal", "LCO|CoO rehearsal candidates", None),
    ],
)
def test_other_engines_do_what_they_can(tmp_path: Path, engine: str, has: str, lacks: str | None) -> None:
    plan = _plan(tmp_path, ("      kpoints", "      energies: false\n      kpoints"), engine=engine)
    assert has in _jobs(plan)
    told = [line for line in plan.skipped if f"engine {engine} has no calculation of kind {lacks!r}" in line]
    assert len(told) == len(plan.skipped) == (lacks is not None)
    engines = {job.engine for job in plan.jobs}
    # a rehearsal computes nothing; the others build on the relaxation by CHGNet
    assert engines == ({"python", "rehearsal"} if engine == "rehearsal" else {"python", "chgnet", engine})


def test_production_takes_the_sources_settings(tmp_path: Path) -> None:
    plan = _plan(tmp_path, engine="vasp")
    relax, md = _task(plan, "LCO|CoO vasp relax"), _task(plan, "LCO|CoO vasp md (chunk 1)")
    assert (relax["relax_cell"], relax["max_force"], relax["method"]["cutoff"]) == ("height", 0.02, 500.0)
    assert (md["n_steps"], md["method"]["cutoff"], md["method"]["kpoints"], md["method"]["hubbard_u"]) == (
        250,
        400.0,
        [1, 1, 1],
        {"Co": 0.0},
    )
    assert _task(plan, "LCO|CoO vasp dos")["method"]["kpoints"] == [4, 2, 1]
    waits = {job.name: job.depends_on for job in plan.jobs}
    keys = {job.name: job.key for job in plan.jobs}
    assert waits["LCO|CoO vasp dos"] == [keys["LCO|CoO vasp relax"]]


def test_preflight_builds_the_cells_that_vasp_starts_from(tmp_path: Path) -> None:
    plan = _plan(tmp_path, engine="vasp")
    sizes = {run.name: len(run.structure) for run in planned_runs(plan)}
    assert sizes["LCO|CoO vasp relax"] == sizes["LCO|CoO vasp md (chunk 2)"] == 32
    assert (sizes["LCO|CoO bulk LCO vasp relax"], sizes["LCO|CoO slab CoO vasp relax"]) == (4, 16)
    jobs = {job.uuid: job for job in plan.flow.jobs if isinstance(job, Job)}
    with pytest.raises(InputError, match="gives no cell"):
        stand_in(jobs, _jobs(plan)["CoO control vasp md (chunk 1)"].output.structure, {})


def test_a_ready_cell_is_taken_as_it_is(tmp_path: Path) -> None:
    built = next(
        job for job in _plan(tmp_path).flow.jobs if isinstance(job, Job) and isinstance(job.maker, BuildInterfaceMaker)
    )
    assert isinstance(built.maker, BuildInterfaceMaker)
    cell = built.maker.build("LCO|CoO").candidates[0].structure
    write_structure(cell, tmp_path / "ready.json")
    asked = "      a: LCO:104\n      b: CoO:100\n"
    plan = _plan(tmp_path, (asked, "      file: ready.json\n"))
    assert next(job for job in plan.jobs if job.kind == "build").n_atoms == 32
    assert not any("slab" in job.name or "bulk" in job.name for job in plan.jobs)
    maker = next(
        job.maker for job in plan.flow.jobs if isinstance(job, Job) and isinstance(job.maker, BuildInterfaceMaker)
    )
    assert isinstance(maker, BuildInterfaceMaker)
    taken = maker.build("LCO|CoO").candidates[0].structure
    assert taken.species == cell.species
    assert np.allclose(taken.cart_coords, cell.cart_coords)
    assert taken.site_properties["magmom"] == pytest.approx(cell.site_properties["magmom"])
    assert taken.site_properties["layer"] == cell.site_properties["layer"]
    assert plan.notes == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a: LCO:104", "a: LCO:10", ("small.yaml:14: key 'interface.systems.0.a': 'LCO:10': the facet '10' is not " "three integers")),
        ("a: LCO:104", "a: LCO:000", ("small.yaml:14: key 'interface.systems.0.a': 'LCO:000': the Miller index 0 0 0 " "names no plane")),
        ("b: CoO:100", "b: CoOO:100", ("small.yaml:15: key 'interface.systems.0.b': unknown material 'CoOO'; did you " "mean CoO")),
        ("      kpoints: [4, 2, 1]\n", "", ("small.yaml:13: key 'interface.systems.0': LCO|CoO: an " "electronic-structure engine needs a mesh: give the key 'kpoints'")),
        ("max_atoms: 32", "max_atom: 32", ("small.yaml:16: key 'interface.systems.0.max_atom': unknown key; did you " "mean max_atoms")),
        ("thickness: [8 Å, 8 Å]", "thickness: [8 Å]", "small.yaml:17: key 'interface.systems.0.thickness'"),
        ("thickness: [8 Å, 8 Å]", "thickness: [8 Å, 8 Å, 8 Å]", "'thickness' has 3 values, and the stack 2 materials"),
        ("      b: CoO:100\n", "      b: LCO:003\n", ("the parts of a stack need different names, for each site is " "tagged with its own; given: LCO, " "LCO")),
        ("      b: CoO:100\n", "", "give 'a' and 'b' of a stack to build, or 'file' of a ready one"),
        ("      b: CoO:100\n", "      b: CoO:100\n      file: ready.cif\n", ("give 'a' and 'b' of a stack to build, " "or " "'file' of a ready " "one")),
        ("      a: LCO:104\n      b: CoO:100\n", "      file: none.cif\n", ("small.yaml:14: key " "'interface.systems.0.file': ")),
        ("material: CoO", "material: CoOO", "key 'interface.dynamics.controls.0.material': unknown material 'CoOO'"),
        ("length: 20 fs", "length: 80 fs", "must not fall in this order"),
        ("strain_on: shared", "strain_on: c", "'c' is not allowed"),
        ("  electronic: {cutoff: 400 eV, settings: {moment_scales: [0.9]}}\n", "", ("a system asks for electronic, " "and " "the section 'electronic' is " "missing")),
        ("cutoff: 400 eV, settings", "cutof: 400 eV, settings", ("small.yaml:29: key 'interface.electronic.cutof': " "unknown key; did you mean " "cutoff")),
        ("relaxation: {max_force", "relaxation: {engine: gpaw, max_force", ("key 'interface.relaxation.engine': " "engine " "gpaw needs a level of " "theory")),
        ("Co: 3.9 eV", "Ni: 3.9 eV", "no entry for the transition metal Co of LCO|CoO"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_line_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        _plan(tmp_path, (old, new))
    assert told in caught.value.message
    assert "small.yaml:" in caught.value.message


def test_a_search_without_a_match_says_where_it_was_asked_for(tmp_path: Path) -> None:
    plan = _plan(tmp_path, ("max_atoms: 32", "max_atoms: 20"))
    maker = next(
        job.maker for job in plan.flow.jobs if isinstance(job, Job) and isinstance(job.maker, BuildInterfaceMaker)
    )
    assert isinstance(maker, BuildInterfaceMaker)
    with pytest.raises(InputError) as caught:
        maker.build("LCO|CoO")
    assert caught.value.message.startswith(
        f"{tmp_path / 'small.yaml'}:13: key 'interface.systems.0': no cell of LCO | CoO with at most 20 atoms"
    )
    assert "the smallest has 32 atoms" in caught.value.message
