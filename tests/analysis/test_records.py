"""The reader of the store: states, reuse, and jobs that were added at run time."""

from __future__ import annotations

from typing import Any

import pytest

from catholyte.analysis.records import Records
from catholyte.configs.errors import StoreError, UnknownNameError
from catholyte.workflows.roles import Host


class Collection:
    """As much of a collection as the reader asks for."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = documents

    def find(self, criteria: dict[str, Any]) -> list[dict[str, Any]]:
        assert criteria == {}
        return list(self.documents)

    def find_one(self, criteria: dict[str, Any]) -> dict[str, Any] | None:
        return next((d for d in self.documents if d.items() >= criteria.items()), None)


def _plan(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "uuid": key,
        "index": 1,
        "name": f"job {key}",
        "step": "bulk",
        "material": "LCO",
        "depends_on": [],
    }


def _records() -> Records:
    role = {"kind": "host", "of": "LCO", "number": 1}
    added = {"uuid": "child", "index": 1, "name": "added", "function_kwargs": {"role": role}}
    replacing = {"uuid": "first", "index": 2, "name": "job first again"}
    states = Collection(
        {"_id": 1, "key": "first", "name": "job first", "state": "done", "dynamic": {"replace": [added, replacing]}},
        {"_id": 2, "key": "child", "name": "added", "state": "failed", "cause": {"message": "why not"}},
        {"_id": 3, "key": "second", "name": "job second", "state": "done"},
        {"_id": 4, "key": "stranger", "name": "of another campaign", "state": "done"},
    )
    campaign = {
        "name": "mine",
        "updated": "2026",
        "jobs": [_plan("first"), _plan("second"), _plan("third")],
        "reused": ["second"],
    }
    return Records(None, states, Collection(campaign))  # type: ignore[arg-type]


def test_added_jobs_stand_behind_the_job_that_added_them() -> None:
    entries = _records().entries()
    assert [(e.plan["key"], e.state) for e in entries] == [
        ("first", "done"),
        ("child", "failed"),
        ("first:2", "waiting"),
        ("second", "reused"),
        ("third", "waiting"),
    ]
    child = entries[1].row()
    assert (child["name"], child["step"], child["depends_on"], child["cause"]) == (
        "added",
        "bulk",
        ["first"],
        "why not",
    )
    assert entries[1].role == Host(of="LCO", number=1)


def test_a_job_is_found_by_key_name_and_beginning() -> None:
    records = _records()
    assert records.find("job second")["key"] == records.find("second")["key"] == records.find("seco")["key"] == "second"
    with pytest.raises(UnknownNameError, match=r"no job 'job secund'.*job second"):
        records.find("job secund")


def test_an_empty_store_says_so() -> None:
    with pytest.raises(StoreError, match="no campaign"):
        Records(None, Collection(), Collection()).campaign()  # type: ignore[arg-type]
