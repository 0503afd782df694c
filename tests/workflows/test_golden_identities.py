"""The identities of all jobs are what they always were: a store that was written once answers for ever.

The names of our modules and classes are part of an identity. Where code moves, the identity keeps the name that the
code had when the first stores were written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catholyte.tests.support.former.identity_cases import PLANS, direct_jobs, fix_versions, planned_jobs, summary

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Some jobs are not connected:UserWarning"
    ),  # vacancies do not depend on each other
]

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "identities.json").read_text())
#: plans of a second or two, with jobs of every step and engine among them
ALSO_QUICK = {("core-shell", "own"), ("li-rich", "vasp")}
QUICK = [plan for plan in PLANS if plan in ALSO_QUICK or (plan[0] == "gsirr" and plan[1] not in ("own", "rehearsal"))]


@pytest.fixture(autouse=True)
def _versions(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_versions(monkeypatch)


def changed(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Keys under which another identity stands, or none."""
    return [key for key, uuid in expected.items() if found.get(key) != uuid]


def check_plan(recipe: str, engine: str) -> None:
    """Compare the jobs that are shown one by one, then all of them, then those that they would add."""
    jobs = planned_jobs(recipe, engine)
    shown = {key: uuid for key, uuid in GOLDEN["planned"].items() if key in jobs}
    assert changed(shown, {key: job.uuid for key, job in jobs.items()}) == []
    assert summary(list(jobs.values())) == GOLDEN["plans"][f"{recipe}/{engine}"]


def test_every_kind_of_job_keeps_its_identity() -> None:
    found = {key: job.uuid for key, job in direct_jobs().items()}
    assert changed(GOLDEN["direct"], found) == []
    assert set(found) == set(GOLDEN["direct"])


@pytest.mark.parametrize(("recipe", "engine"), QUICK)
def test_the_jobs_of_a_shipped_recipe_keep_their_identities(recipe: str, engine: str) -> None:
    check_plan(recipe, engine)


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "engine"), [plan for plan in PLANS if plan not in QUICK])
def test_the_jobs_of_every_other_recipe_keep_theirs(recipe: str, engine: str) -> None:
    check_plan(recipe, engine)


def test_every_plan_has_identities_that_are_kept() -> None:
    assert {"/".join(plan) for plan in PLANS} == set(GOLDEN["plans"])


def test_a_job_that_changed_or_is_gone_is_named() -> None:
    assert changed({"same": "1", "other": "2", "gone": "3"}, {"same": "1", "other": "4", "new": "5"}) == [
        "other",
        "gone",
    ]
