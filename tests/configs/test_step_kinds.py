"""Every section of a recipe that is a step is one line of the registry, and nothing else lists the steps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from catholyte.configs.load import load_recipe, recipe_names
from catholyte.configs.models import Spec
from catholyte.configs.recipe import STEP_KINDS, Recipe, questions
from catholyte.workflows.plan.build import STEPS, build_plan

ROOT = Path(__file__).parents[2]


def test_every_step_of_a_recipe_is_registered_once() -> None:
    sections = {
        name
        for name, field in Recipe.model_fields.items()
        if any(isinstance(part, type) and issubclass(part, Spec) for part in getattr(field.annotation, "__args__", ()))
        and field.default is None
    }
    assert sections - {"vasp"} == {kind.name for kind in STEP_KINDS}  # the section vasp stands in for two of them
    assert len(STEPS) == len(set(STEPS))


def test_a_step_comes_after_those_it_depends_on() -> None:
    for kind in STEP_KINDS:
        assert all(STEPS.index(before) < STEPS.index(kind.name) for before in kind.after)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_asks_in_whole_sentences(name: str) -> None:
    asked = questions(load_recipe(name)[0])
    assert asked
    assert all(question.endswith("?") and question[0].isupper() for question in asked)


@pytest.mark.slow
def test_jobs_come_from_steps_that_run_jobs_and_long_ones_wait_to_be_asked_for() -> None:
    recipe, source = load_recipe("gsirr")
    with_engine = {kind.name for kind in STEP_KINDS if hasattr(recipe.step(kind), "engine")}
    assert {"bulk", "electronic", "interface"} <= with_engine
    assert {job.step for job in build_plan(recipe, source, full=True).jobs} == with_engine
    assert {job.step for job in build_plan(recipe, source).jobs} == {
        kind.name for kind in STEP_KINDS if kind.name in with_engine and not kind.long
    }


def test_no_module_lists_the_steps_again() -> None:
    """A tuple, list or set that holds four names of steps is a second registry."""
    second = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("configs", "structures", "workflows", "analysis", "hpc")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Tuple, ast.List, ast.Set))
        and len({item.value for item in node.elts if isinstance(item, ast.Constant)} & set(STEPS)) > 3
    ]
    assert second == []
