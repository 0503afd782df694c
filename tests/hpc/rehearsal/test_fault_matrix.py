"""Every fault ends in a named state, never in a silent success; the table in the docs is what the runs gave."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from catholyte.hpc.rehearsal.faults import KINDS
from catholyte.tests.support.docs.fault_matrix import STATES, TASKS, outcome, page, run
from catholyte.workflows.documents import CalculationDocument

RECORD = Path(__file__).with_name("fault_matrix.yaml")
PAGE = Path(__file__).parents[3] / "docs" / "fault-matrix.md"
#: kinds that the quick tests run: one of each state
QUICK = [("wrong_ldau", "relax"), ("rhosyg", "relax")]
ALL = [(kind, task) for kind in KINDS for task in TASKS]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CalculationDocument]:
    return {name: run(tmp_path_factory.mktemp(name), task) for name, task in TASKS.items()}


def check(kind: str, task: str, place: Path, undisturbed: dict[str, CalculationDocument]) -> dict[str, str]:
    row = outcome(kind, task, place, undisturbed[task])
    assert row["state"].startswith(STATES), row
    if row["next attempt"] != "not needed":
        assert row["next attempt"].startswith(("continued", "run again")), row
        assert row["next attempt"].endswith("equal to the undisturbed run") or task == "relax", row
    return row


@pytest.mark.parametrize(("kind", "task"), QUICK)
def test_a_fault_ends_in_a_named_state(
    kind: str, task: str, tmp_path: Path, undisturbed: dict[str, CalculationDocument]
) -> None:
    row = check(kind, task, tmp_path, undisturbed)
    assert row in YAML(typ="safe").load(RECORD)


@pytest.mark.slow
def test_all_faults_end_as_recorded(tmp_path: Path, undisturbed: dict[str, CalculationDocument]) -> None:
    rows = []
    for kind, task in ALL:
        place = tmp_path / f"{kind}-{task}"
        place.mkdir()
        rows.append(check(kind, task, place, undisturbed))
    writer = YAML()
    writer.width = 10_000
    writer.dump(rows, tmp_path / "found.yaml")
    assert rows == YAML(typ="safe").load(RECORD), (
        f"the record differs from {tmp_path / 'found.yaml'}: look at what changed, then replace {RECORD.name}"
    )


def test_the_page_is_made_of_the_record() -> None:
    rows = YAML(typ="safe").load(RECORD)
    assert [(row["kind"], row["task"]) for row in rows] == ALL
    assert PAGE.read_text(encoding="utf-8") == page(rows)
