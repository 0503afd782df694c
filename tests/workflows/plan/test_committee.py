"""A committee of engines: each member asks what it would ask alone, and what is no committee is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.errors import CatholyteError, InputError
from catholyte.configs.load import ENGINES_VARIABLE, load_recipe
from catholyte.tests.support.engines.contract import OWN, OWN_FILES
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.registry import ENGINES, load_backend
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

RECIPE = """\
name: small
title: without elements that the guard asks for
source: a test
hubbard_u: {Co: 3.9 eV}
bulk:
  engine: ENGINE
  materials: [LiCl, Li2CO3]
electronic:
  engine: gpaw
  materials: [LiCl]
  cutoff: 400 eV
  kpoints: {LiCl: [2, 2, 2], Li2O: [2, 2, 2]}
  band_center: {window: occupied, reference: vbm}
interface:
  engine: ENGINE
  relaxation: {engine: ENGINE}
  systems:
    - {name: LiCl|Li2O, a: "LiCl:100", b: "Li2O:110", max_atoms: 40, thickness: [8 Å, 8 Å], kpoints: [2, 2, 1], electronic: true, dynamics: true}
  electronic: {cutoff: 400 eV}
  dynamics: {engine: ENGINE, length: 20 fs, full_length: 20 fs, chunk: 20 fs}
"""


@pytest.fixture(autouse=True)
def _pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "pair", OWN["pair"])
    monkeypatch.setenv(ENGINES_VARIABLE, str(OWN_FILES))


def plan(folder: Path, engine: str, override: str | None = None, only: str | None = None, *, full: bool = True) -> Plan:
    file = folder / "small.yaml"
    file.write_text(RECIPE.replace("ENGINE", engine))
    return build_plan(*load_recipe(str(file)), engine=override, only=only, full=full)


def keys(found: Plan, member: str | None = None) -> set[str]:
    return {job.key for job in found.jobs if member is None or member in job.members}


def test_members_ask_what_they_would_ask_alone(tmp_path: Path) -> None:
    both = plan(tmp_path, "[chgnet, pair]")
    compared = {job.key for job in both.jobs if "forces of pair" in job.variant}
    assert len(compared) == sum(job.kind == "md" and job.engine == "chgnet" for job in both.jobs) > 0
    assert keys(both, "chgnet") - compared == keys(plan(tmp_path, "chgnet"))
    alone = plan(tmp_path, "pair")
    assert keys(both, "pair") == {job.key for job in alone.jobs if job.engine in ("pair", "python")}
    assert keys(both) == keys(both, "chgnet") | keys(both, "pair")


def test_what_has_an_engine_of_its_own_is_asked_once_at_the_first_members_geometry(tmp_path: Path) -> None:
    states = [job for job in plan(tmp_path, "[chgnet, pair]").jobs if job.engine == "gpaw"]
    assert states
    assert {tuple(job.members) for job in states} == {("chgnet",)}


def test_a_comparison_of_forces_loads_each_engine_once(tmp_path: Path) -> None:
    """Its estimate is that of ten frames by both engines, 5 s before the first of each."""
    forces = [job for job in plan(tmp_path, "[chgnet, pair]").jobs if "forces of pair" in job.variant]
    pace = load_backend("pair", {}).pace()
    for job in forces:
        assert job.cost_seconds == pytest.approx(2 * 5.0 + 10 * 0.006 * job.n_atoms * (1.0 + pace))


def test_the_command_line_names_a_committee(tmp_path: Path) -> None:
    asked = plan(tmp_path, "chgnet", "chgnet+pair", "bulk")
    assert [(job.name, job.members) for job in asked.jobs] == [
        (f"{name} {engine} relax", [engine]) for engine in ("chgnet", "pair") for name in ("LiCl", "Li2CO3")
    ]


def test_one_engine_on_the_command_line_puts_the_committee_aside(tmp_path: Path) -> None:
    asked = plan(tmp_path, "[chgnet, pair]", "pair", "bulk")
    assert keys(asked) == keys(plan(tmp_path, "pair", None, "bulk"))
    assert {tuple(job.members) for job in asked.jobs} == {()}


def test_without_a_committee_no_job_has_members(tmp_path: Path) -> None:
    assert {tuple(job.members) for job in plan(tmp_path, "chgnet").jobs} == {()}


@pytest.mark.parametrize(
    ("engine", "override", "says"),
    [
        ("[chgnet]", None, "a committee has two engines or more"),
        ("[chgnet, chgnet]", None, "each engine of a committee stands once"),
        ("[]", None, "a committee has two engines or more"),
        ("[chgnet, gpaw]", None, "engine gpaw cannot be a member of a committee"),
        ("[chgnet, chgnett]", None, "unknown engine 'chgnett'; did you mean chgnet"),
        ("chgnet", "chgnet+", "--engine: each engine of a committee stands once"),
        ("chgnet", "chgnet+vasp", "engine vasp cannot be a member of a committee"),
    ],
)
def test_what_is_no_committee_is_refused(tmp_path: Path, engine: str, override: str | None, says: str) -> None:
    with pytest.raises(CatholyteError) as caught:
        plan(tmp_path, engine, override)
    assert says in caught.value.message


def test_two_committees_in_one_recipe_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(RECIPE.replace("ENGINE", "[chgnet, pair]", 1).replace("ENGINE", "[pair, chgnet]"))
    with pytest.raises(InputError, match="a recipe has one committee"):
        build_plan(*load_recipe(str(file)), full=True)


def test_the_schema_of_documents_is_made_once_and_is_pydantics_own() -> None:
    """Every reference to a field of a job's output asks for it: made anew, it was nine tenths of the time of a plan."""
    found = CalculationDocument.model_json_schema()
    assert found is CalculationDocument.model_json_schema()
    assert found == CalculationDocument.model_json_schema(by_alias=True)
    assert "trajectory" in found["properties"]


def test_a_step_with_one_engine_is_asked_once_beside_a_committee(tmp_path: Path) -> None:
    """Jobs of oxygen loss have their identities before the plan gives all theirs: both members draft the same."""
    step = "oxygen_loss:\n  engine: chgnet\n  systems: [{material: Li2O, ladder: {lithium_vacancies: [0]}}]\n"
    file = tmp_path / "small.yaml"
    file.write_text(RECIPE.replace("ENGINE", "[chgnet, pair]") + step)
    found = build_plan(*load_recipe(str(file)), full=True)
    jobs = [job for job in found.jobs if job.step == "oxygen_loss"]
    assert jobs
    assert {tuple(job.members) for job in jobs} == {("chgnet", "pair")}
    assert len({job.uuid for job in found.jobs}) == len(found.jobs)
