"""From a recipe to its jobs: what runs, in which order, and what is refused where."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.configs.load import CONFIGS, load_recipe, recipe_names
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
  materials: [LCO, CoO, Li2O]
  max_force: 0.05 eV/Å
electronic:
  engine: gpaw
  materials: [LCO, CoO]
  cutoff: 400 eV
  kpoints:
    LCO: [2, 2, 2]
    CoO: [2, 2, 2]
  convergence:
    cutoff: 500 eV
    kpoints:
      LCO: [3, 3, 3]
  band_center:
    window: occupied
    reference: vbm
reactions:
  phase_set: solidstate
  pairs: [[LCO, LPSCl]]
"""


#: end of the recipe, after which further sections stand
MORE = "  pairs: [[LCO, LPSCl]]\n"
VOLUMES = f"{MORE}volumes:\n  phase_set: solidstate\n"
DECOMPOSITION = "  decompositions:\n    - {material: LPSCl, products: [LiCl, 1/2 P2S5, 5/2 S]}\n"
SCREEN = f"""{MORE}screen:
  phase_set: solidstate
  cathodes: [LCO, NCM811-x0.5, Li1.2Mn0.54Co0.13Ni0.13O2]
  electrolytes: [LPSCl]
  coatings: [Li3BO3]
  operating_range: [2.5 V, 4.3 V]
"""


def _plan(folder: Path, *changes: tuple[str, str], engine: str | None = None, only: str | None = None) -> Plan:
    text = RECIPE
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    (folder / "small.yaml").write_text(text)
    recipe, source = load_recipe(str(folder / "small.yaml"))
    return build_plan(recipe, source, engine, only)


def _names(plan: Plan) -> dict[str, str]:
    return {f"{job.step} {job.material} {job.variant}": job.key for job in plan.jobs}


def test_jobs_and_dependencies(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    names = _names(plan)
    assert list(names) == [
        *(f"bulk {m} main" for m in ("LCO", "CoO", "Li2O")),
        *(f"electronic LCO {v}" for v in ("main", "cutoff 500 eV", "mesh 3×3×3")),
        *(f"electronic CoO {v}" for v in ("main", "cutoff 500 eV")),
    ]
    assert plan.skipped == []
    for job in plan.jobs:
        assert job.depends_on == ([] if job.step == "bulk" else [names[f"bulk {job.material} main"]])
        assert (job.engine, job.kind) == (("chgnet", "relax") if job.step == "bulk" else ("gpaw", "dos"))
        assert job.key == job.uuid
        assert job.cost_seconds > 0
    assert [job.uuid for job in plan.flow.jobs] == [job.uuid for job in plan.jobs]
    assert {(job.material, job.formula, job.n_atoms) for job in plan.jobs} == {
        ("LCO", "Li1Co1O2", 4),
        ("CoO", "Co2O2", 4),
        ("Li2O", "Li2O1", 3),
    }
    task = next(job for job in plan.flow.jobs if job.uuid == names["electronic CoO cutoff 500 eV"]).maker.task
    assert (task["method"]["cutoff"], task["method"]["hubbard_u"], task["method"]["kpoints"]) == (
        500.0,
        {"Co": 3.9},
        [2, 2, 2],
    )
    assert plan.jobs[0].record()["name"] == "LCO chgnet relax"


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_names_substances_and_phase_sets_that_exist(name: str) -> None:
    found, source = load_recipe(name)
    if found.reactions:  # all steps of every recipe are planned in tests/configs/test_step_kinds.py
        build_plan(found, source, only="reactions")
    sets = {
        step.phase_set for step in (found.reactions, found.windows, found.volumes, found.screen) if step is not None
    }
    assert all((CONFIGS / "phases" / f"{phases}.json").is_file() for phases in sets), sets


def test_a_recipe_of_reactions_alone_needs_no_job() -> None:
    for name in ("glassy-ceramic", "core-shell", "nmc532-lgps", "li-rich"):
        for only in (None, "reactions", "windows", "screen"):
            assert build_plan(*load_recipe(name), only=only).jobs == []


def test_shipped_recipe_has_a_plan() -> None:
    plan = build_plan(*load_recipe("gsirr"))
    assert {job.material for job in plan.jobs if job.step == "bulk"} == {"LCO", "CoO", "LPSCl", "Li2CO3"}
    assert len({job.uuid for job in plan.jobs}) == len(plan.jobs) == 14
    again = build_plan(*load_recipe("gsirr"))
    assert [job.uuid for job in again.jobs] == [job.uuid for job in plan.jobs]


def test_two_recipes_share_the_jobs_that_ask_the_same(tmp_path: Path) -> None:
    first = _names(_plan(tmp_path))
    second = _names(
        _plan(
            tmp_path,
            ("name: small", "name: other"),
            ("cutoff: 400 eV", "cutoff: 450 eV"),
            ("[LCO, CoO, Li2O]", "[CoO, LCO]"),
        )
    )
    shared = {"bulk LCO main", "bulk CoO main", "electronic LCO cutoff 500 eV", "electronic CoO cutoff 500 eV"}
    assert {name for name in second if second[name] == first.get(name)} == shared
    # U is no part of CHGNet's question, and changes every job of GPAW
    third = _names(_plan(tmp_path, ("Co: 3.9 eV", "Co: 3.3 eV")))
    assert {name.split()[0] for name in third if third[name] == first[name]} == {"bulk"}
    assert not {third[name] for name in third if name.startswith("electronic")} & set(first.values())


def test_aliases_and_repeated_materials_are_one_question(tmp_path: Path) -> None:
    plain = _names(_plan(tmp_path))
    alias = _plan(
        tmp_path,
        ("[LCO, CoO, Li2O]", "[LiCoO2, CoO, Li2O, LCO]"),
        ("[LCO, CoO]", "[LiCoO2, CoO]"),
        ("    LCO: [2, 2, 2]", "    LiCoO2: [2, 2, 2]"),
    )
    assert sorted(_names(alias).values()) == sorted(plain.values())


def test_bulk_alone_and_electronic_with_what_it_needs(tmp_path: Path) -> None:
    whole = _names(_plan(tmp_path))
    bulk, electronic = _names(_plan(tmp_path, only="bulk")), _names(_plan(tmp_path, only="electronic"))
    assert bulk == {name: key for name, key in whole.items() if name.startswith("bulk")}
    assert electronic == {name: key for name, key in whole.items() if name != "bulk Li2O main"}
    evaluated = _plan(tmp_path, only="reactions")
    assert (evaluated.jobs, list(evaluated.flow.jobs)) == ([], [])


def test_electronic_without_relaxation_runs_on_the_library_cell(tmp_path: Path) -> None:
    start, end = RECIPE.index("bulk:"), RECIPE.index("electronic:")
    plan = _plan(tmp_path, (RECIPE[start:end], ""))
    assert {job.step for job in plan.jobs} == {"electronic"}
    assert all(job.depends_on == [] for job in plan.jobs)


def test_engine_of_the_call_skips_what_it_cannot_do_and_says_so(tmp_path: Path) -> None:
    chgnet = _plan(tmp_path, engine="chgnet")
    assert {(job.step, job.engine) for job in chgnet.jobs} == {("bulk", "chgnet")}
    (reason,) = chgnet.skipped
    assert "step electronic: engine chgnet has no calculation of kind 'dos'" in reason
    assert "relax, static, md" in reason
    gpaw = _plan(tmp_path, ("[LCO, CoO, Li2O]", "[LCO, CoO]"), engine="gpaw")
    assert {(job.step, job.engine, job.tier) for job in gpaw.jobs} == {
        ("bulk", "gpaw", "gpaw"),
        ("electronic", "gpaw", "gpaw"),
    }
    assert gpaw.skipped == []


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        (
            "materials: [LCO, CoO, Li2O]",
            "materials: [LCO, CoOO, Li2O]",
            "bulk.materials.1",
            "unknown material 'CoOO'; did you mean CoO",
        ),
        (
            "pairs: [[LCO, LPSCl]]",
            "pairs: [[LCO, LPSC]]",
            "reactions.pairs.0.1",
            "unknown material 'LPSC'; did you mean LPSCl",
        ),
        (
            "[[LCO, LPSCl]]",
            "[[LCO, LPSCl]]\n  maps: [[LCO, Li6PS5C1x]]",
            "reactions.maps.0.1",
            "unknown material 'Li6PS5C1x'; did you mean",
        ),
        (MORE, f"{VOLUMES}  materials: [LPSC]\n", "volumes.materials.0", "did you mean LPSCl"),
        (
            MORE,
            VOLUMES + DECOMPOSITION.replace("LPSCl", "LPSC"),
            "volumes.decompositions.0.material",
            "did you mean LPSCl",
        ),
        (MORE, VOLUMES, "volumes", "give 'materials' or 'decompositions'"),
        (
            MORE,
            SCREEN.replace("NCM811-x0.5", "NCM81-x0.5"),
            "screen.cathodes.1",
            "unknown material 'NCM81'; did you mean NCM811",
        ),
        (MORE, SCREEN.replace("[Li3BO3]", "[Li3BOO3x]"), "screen.coatings.0", "unknown material 'Li3BOO3x'"),
        (MORE, SCREEN.replace("[LPSCl]", "[]"), "screen.electrolytes", "at least 1 item"),
        (MORE, SCREEN.replace("[2.5 V, 4.3 V]", "[4.3 V, 2.5 V]"), "screen", "the lower bound of 'operating_range'"),
        (MORE, SCREEN.replace("4.3 V", "4.3 eV"), "screen.operating_range.1", "unknown unit 'eV'"),
        (MORE, f"{SCREEN}  lithium: [1, 1.5]\n", "screen.lithium.1", "less than or equal to 1"),
        (
            "engine: chgnet",
            "engine: chgnt",
            "bulk.engine",
            "unknown engine 'chgnt'; did you mean chgnet or chgnet-r2scan?",
        ),
        (
            "engine: gpaw",
            "engine: chgnet",
            "electronic.engine",
            "engine chgnet has no calculation of kind 'dos'; it has relax, static, md",
        ),
        ("Co: 3.9 eV", "Co: -3.9 eV", "hubbard_u.Co", "greater than or equal to 0"),
        ("Co: 3.9 eV", "Ni: 6.2 eV", "hubbard_u", "no entry for the transition metal Co of LCO"),
        ("Co: 3.9 eV", "Cx: 3.9 eV", "hubbard_u", "'Cx' is not an element"),
        (
            "      LCO: [3, 3, 3]",
            "      LCOO: [3, 3, 3]",
            "electronic.convergence.kpoints.LCOO",
            "unknown material 'LCOO'",
        ),
        (
            "    CoO: [2, 2, 2]",
            "    CoO: [2, 2, 2]\n    CoOO: [2, 2, 2]",
            "electronic.kpoints.CoOO",
            "unknown material 'CoOO'",
        ),
        ("cutoff: 400 eV", "cutof: 400 eV", "electronic.cutof", "unknown key; did you mean cutoff"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(tmp_path: Path, old: str, new: str, key: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        _plan(tmp_path, (old, new))
    line = next(line for line in caught.value.message.splitlines() if f"key '{key}'" in line)
    assert told in line
    place, _, _ = line.partition(": key ")
    file, _, number = place.rpartition(":")
    assert file == str(tmp_path / "small.yaml")
    written = (tmp_path / "small.yaml").read_text().splitlines()[int(number) - 1]
    leaf = [part for part in key.split(".") if not part.isdigit()][-1]
    assert leaf in written
    assert caught.value.exit_status == 2


def test_sections_of_the_phase_set_take_materials_formulas_and_charged_cathodes(tmp_path: Path) -> None:
    for sections in (VOLUMES + DECOMPOSITION, SCREEN):
        assert _plan(tmp_path, (MORE, sections)).jobs


def test_missing_mesh_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small\.yaml:\d+: key 'electronic': kpoints has no mesh for LCO"):
        _plan(tmp_path, ("    LCO: [2, 2, 2]\n", ""))


def test_engine_override_without_a_mesh_names_the_missing_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small\.yaml:7: key 'bulk\.engine': .*electronic\.kpoints\.Li2O"):
        _plan(tmp_path, engine="gpaw")


@pytest.mark.parametrize(
    ("engine", "only", "told"),
    [
        ("vsp", None, "unknown engine 'vsp'"),
        ("vsp", "reactions", "unknown engine 'vsp'"),
        (None, "electronc", "unknown step 'electronc'; did you mean electronic"),
        (None, "windows", "recipe small has no step 'windows'; it has bulk, reactions, electronic"),
    ],
)
def test_wrong_engine_or_step_of_the_call(tmp_path: Path, engine: str | None, only: str | None, told: str) -> None:
    with pytest.raises(InputError) as caught:
        _plan(tmp_path, engine=engine, only=only)
    assert told in caught.value.message
    assert isinstance(caught.value, UnknownNameError) is (only != "windows")


def test_a_plan_says_what_a_crystal_of_partial_occupancies_owes_to_the_choice_of_its_arrangement() -> None:
    told = [note for note in build_plan(*load_recipe("gsirr"), None).notes if "arrangements" in note]
    assert len(told) == 1
    assert told[0].startswith("LPSCl: one of 4 arrangements of its partial occupancies")
    assert "19.10 to 19.83 Å³/atom (3.8 %)" in told[0]
