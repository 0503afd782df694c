"""The pages of benchmarks and referees are made of their records, and the records hold every test that measures, and
nothing else."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import pytest

from catholyte.tests.support.referees.evidence import BENCHMARKS, REFEREES, Evidence, Record, Referee, users_of

TESTS = Path(__file__).parent


@pytest.mark.parametrize("record", [BENCHMARKS, REFEREES], ids=lambda record: record.fixture)
def test_page_and_tests_are_in_step(record: Record) -> None:
    rows = record.rows()
    assert record.page.read_text(encoding="utf-8") == record.text(rows), f"write it anew: `{record.command}`"
    assert {row["test"].partition("[")[0] for row in rows} == users_of(record.fixture), (
        f"write it anew: `{record.command}`"
    )


def test_every_benchmark_puts_its_measurement_on_record() -> None:
    found = {
        f"benchmarks/{file.name}::{node.name}"
        for file in (TESTS / "benchmarks").glob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    }
    assert found == users_of("measured")


def test_every_refereed_function_exists() -> None:
    for name in {row["of"] for row in REFEREES.rows()}:
        resolve_name(f"catholyte.{name}")


def test_deviations_on_record_are_within_their_tolerances() -> None:
    assert [row["quantity"] for row in REFEREES.rows() if not row["deviation"] <= row["tolerance"]] == []


def test_a_comparison_that_fails_or_is_not_listed_is_told(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    record = replace(
        REFEREES, file=tmp_path / "rows.yaml", page=tmp_path / "page.md", writing=True, fresh={}, partial=set()
    )
    known = {"of": "analysis.thermodynamics.hull.Phases", "by": "pymatgen, PhaseDiagram", "unit": "eV"}
    compare = Referee(record)
    compare("an energy", 1e-9, 1e-6, **known)
    compare("an energy", 1e-7, 1e-6, **known)
    compare("an energy", 0.0, 1e-6, **known)
    with pytest.raises(AssertionError, match=r"an energy: 0\.1 eV from pymatgen, PhaseDiagram, 1e-06 are allowed"):
        compare("an energy", 0.1, 1e-6, **known)
    with pytest.raises(AssertionError, match="nan eV"):
        compare("an energy", float("nan"), 1e-6, **known)
    if not REFEREES.writing:
        with pytest.raises(AssertionError, match=r"referees\.md does not list"):
            Referee(REFEREES)("another energy", 0.0, 1e-6, **known)
    slow = Evidence(replace(BENCHMARKS, writing=True, fresh={}, partial=set()))
    slow.within("a time", 0.1, "s", limit=1)
    slow.judge()
    slow.faster("another", 1.0, 5.0, peer="numpy: its own", times=10)
    with pytest.raises(AssertionError, match="5 times faster"):
        slow.judge()


def test_rows_of_other_tests_keep_their_date(tmp_path: Path) -> None:
    record = replace(
        REFEREES, file=tmp_path / "rows.yaml", page=tmp_path / "page.md", writing=True, fresh={}, partial=set()
    )
    rows = [{**row, "date": "2020-01-01"} for row in REFEREES.rows()]
    one, other = rows[0], rows[-1]
    gone = {**other, "test": "analysis/test_hull.py::test_that_was"}
    for row in (one, other, gone):
        record.fresh[record.key(row)] = row
    record.write()
    again = replace(record, fresh={})
    again.add({**one, "date": "2021-01-01"})
    again.write()
    assert [(row["test"], row["date"]) for row in again.rows()] == [
        (one["test"], "2021-01-01"),
        (other["test"], "2020-01-01"),
    ]
    assert again.page.read_text(encoding="utf-8") == again.text(again.rows())


@pytest.mark.parametrize("partial", [True, False])
def test_rows_of_parameters_that_did_not_run_stay_and_others_go(partial: bool, tmp_path: Path) -> None:
    row = REFEREES.rows()[0]
    record = replace(
        REFEREES, file=tmp_path / "rows.yaml", page=tmp_path / "page.md", writing=True, fresh={}, partial=set()
    )
    for quantity in ("of one parameter", "of another"):
        record.add({**row, "quantity": quantity})
    record.write()
    again = replace(record, fresh={}, partial={row["test"]} if partial else set())
    again.add({**row, "quantity": "of one parameter", "date": "2021-01-01"})
    again.write()
    assert {found["quantity"] for found in again.rows()} == (
        {"of one parameter", "of another"} if partial else {"of one parameter"}
    )
