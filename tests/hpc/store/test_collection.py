"""A collection of the embedded store answers as mongomock does, and finds documents of a job without a scan."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mongomock_ng
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobflow import Flow
from pymongo.errors import DuplicateKeyError

from catholyte.hpc.run import local, worker
from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.collection import Collection
from catholyte.hpc.store.database import Database
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, array, prepared, total


@pytest.fixture
def states(tmp_path: Path) -> Iterator[Collection]:
    database = Database(tmp_path / "one.sqlite")
    database.create()
    yield Collection(database, "states")
    database.close()


KEYS = st.sampled_from(["a", "b", "c", "d"])
#: without 0 and 1: mongomock takes them for False and True, MongoDB and the indexed fields do not
NUMBERS = st.one_of(st.integers(-3, 3), st.floats(-2, 2)).filter(lambda number: number not in (0, 1))
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(["x", "waiting"]))
FIELDS = st.sampled_from(["state", "uuid", "attempts", "other", "nested.field"])
CONDITIONS = st.one_of(
    VALUES,
    st.builds(lambda values: {"$in": values}, st.lists(VALUES, max_size=3)),
    st.builds(lambda value: {"$ne": value}, VALUES),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$gte": value}, st.integers(-2, 2)),
)
FILTERS = st.one_of(
    st.dictionaries(FIELDS, CONDITIONS, max_size=2),
    st.builds(lambda key, rest: {"key": key, **rest}, KEYS, st.dictionaries(FIELDS, CONDITIONS, max_size=2)),
    st.builds(lambda keys: {"key": {"$in": keys}}, st.lists(KEYS, max_size=4)),
)
UPDATES = st.fixed_dictionaries(
    {"$set": st.dictionaries(FIELDS, VALUES, min_size=1, max_size=3)},
    optional={"$inc": st.fixed_dictionaries({"count": st.integers(-2, 2)})},
)
CHANGES = st.one_of(
    st.tuples(st.just("insert"), KEYS, st.dictionaries(st.sampled_from(["state", "uuid", "attempts"]), VALUES)),
    st.tuples(st.just("update_one"), FILTERS, UPDATES),
    st.tuples(st.just("update_many"), FILTERS, UPDATES),
    st.tuples(st.just("replace_one"), KEYS, st.dictionaries(st.sampled_from(["state", "other"]), VALUES)),
    st.tuples(st.just("delete_one"), FILTERS, st.just(None)),
    st.tuples(st.just("delete_many"), FILTERS, st.just(None)),
)


def _change(collection: Any, kind: str, which: Any, value: Any) -> str:
    """Make one change; returns the name of the error, if there is one."""
    try:
        if kind == "insert":
            collection.insert_one({"key": which, **value})
        elif kind == "replace_one":
            collection.replace_one({"key": which}, {"key": which, **value}, upsert=True)
        elif kind.startswith("update"):
            getattr(collection, kind)(which, value)
        else:
            getattr(collection, kind)(which)
    except (DuplicateKeyError, mongomock_ng.DuplicateKeyError):
        return "duplicate"
    return ""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, max_size=8), questions=st.lists(FILTERS, max_size=4))
def test_changes_and_answers_are_those_of_mongomock(
    states: Collection, changes: list[tuple[str, Any, Any]], questions: list[dict[str, Any]]
) -> None:
    states.delete_many({})
    referee: Any = mongomock_ng.MongoClient().db.states
    referee.create_index("key", unique=True)
    for change in changes:
        assert _change(states, *copy.deepcopy(change)) == _change(referee, *copy.deepcopy(change))
    for question in [{}, *questions]:
        expected = [dict(document) for document in referee.find(question, {"_id": 0})]
        assert list(states.find(question)) == expected
        assert states.count_documents(question) == len(expected)
        assert list(states.find(question, ["key", "state"])) == [
            {field: document[field] for field in ("key", "state") if field in document} for document in expected
        ]
    assert list(states.find({}, {"attempts": 1}, sort=[("key", -1)], skip=1, limit=2)) == [
        dict(document) for document in referee.find({}, {"attempts": 1, "_id": 0}, sort=[("key", -1)], skip=1, limit=2)
    ]


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 1 / 3, 1e300, -0.0, math.inf, 2**53 + 1, True, None, "é\x00", b"\x00\xff", [], {}, {"a.b": 1}]
)
def test_values_come_back_as_they_were(states: Collection, value: Any) -> None:
    states.insert_one({"key": "inserted", "value": value})
    states.insert_one({"key": "set"})
    states.update_one({"key": "set"}, {"$set": {"value": value}})
    for key in ("inserted", "set"):
        found = (states.find_one({"key": key}) or {})["value"]
        assert found == value
        assert isinstance(found, type(value))
        assert not isinstance(value, float) or math.copysign(1, found) == math.copysign(1, value)


def test_not_a_number_stays_one(states: Collection) -> None:
    states.insert_one({"key": "a", "value": math.nan})
    assert math.isnan((states.find_one({"key": "a"}) or {})["value"])


def test_many_keys_are_asked_for_in_parts(states: Collection) -> None:
    keys = [f"k{i}" for i in range(40_000)]
    states.insert_many([{"key": key} for key in keys[::2]])
    assert [found["key"] for found in states.find({"key": {"$in": keys}})] == keys[::2]
    assert states.count_documents({"key": {"$in": keys}}) == 20_000


def test_nothing_of_a_failed_transaction_stays(states: Collection) -> None:
    def fail() -> None:
        with states.embedded.transaction():
            states.insert_one({"key": "a"})
            with states.embedded.transaction():
                states.insert_one({"key": "b"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert states.count_documents({}) == 0
    with pytest.raises(DuplicateKeyError):
        states.insert_many([{"key": "a"}, {"key": "b"}, {"key": "a"}])
    assert states.count_documents({}) == 0


def test_no_statement_of_a_job_looks_through_a_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    log = str(tmp_path / "log")
    parent = array(log, "parent", 1.0, 50)
    flow, records = prepared(Flow([parent, total(log, "sum", [parent.output.value])]))
    store = open_store(tmp_path / "store")
    monkeypatch.setitem(worker._OPEN, store.location, store)
    Ledger(store).register(records)
    assert store.database is not None
    sqlite = store.database.connection()
    statements: list[str] = []
    sqlite.set_trace_callback(statements.append)
    for job in flow.jobs:
        assert run_job(store.location, job.as_dict()).state == "done"
        assert run_job(store.location, job.as_dict()).state == "reused"
    sqlite.set_trace_callback(None)
    verbs = ("SELECT", "UPDATE", "DELETE")
    asked = {statement for statement in statements if statement.startswith(verbs)}
    assert len(asked) > 10
    for statement in asked:
        plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert plan
        assert all(step.startswith(("SEARCH", "LIST SUBQUERY")) for step in plan), (statement, plan)
    store.close()
