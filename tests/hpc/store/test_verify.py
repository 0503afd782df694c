"""Every finished job is checked against what the store holds of it, and put back in line where that is broken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow

from catholyte.configs.errors import StoreError
from catholyte.hpc.run import local, worker
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.opening import FILE
from catholyte.hpc.store.verify import repair_store, verify_store
from catholyte.tests.support.command_line import Run
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, add, array, computed, execute, total

Breaker = Callable[[sqlite3.Connection], None]


def flow(log: Path) -> Flow:
    arrays = [array(str(log), f"a{i}", float(i), 400) for i in range(3)]
    return Flow([*arrays, total(str(log), "sum", [one.output.value for one in arrays]), add(str(log), "plain", 1.0)])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    opened = open_store(tmp_path / "store")
    monkeypatch.setitem(worker._OPEN, opened.location, opened)
    assert len(execute(opened, flow(tmp_path / "log")).completed) == 5
    yield opened
    opened.close()


def _uuid(connection: sqlite3.Connection, name: str) -> str:
    """Of the job of an array, by its blob."""
    return str(connection.execute("SELECT job_uuid FROM data ORDER BY id").fetchall()[int(name[1])][0])


def _flipped(connection: sqlite3.Connection, table: str, uuid: str, field: str) -> None:
    (document,) = connection.execute(f"SELECT document FROM {table} WHERE {field} = ?", (uuid,)).fetchone()
    spoilt = bytearray(document)
    spoilt[len(spoilt) // 2] ^= 1
    connection.execute(f"UPDATE {table} SET document = ? WHERE {field} = ?", (bytes(spoilt), uuid))


BROKEN: dict[str, tuple[str, Breaker]] = {
    "document gone": ("its document is gone", lambda c: c.execute("DELETE FROM outputs WHERE uuid = ?", (_uuid(c, "a1"),))),
    "one bit of a document": ("its document is spoilt", lambda c: _flipped(c, "outputs", _uuid(c, "a1"), "uuid")),
    "arrays gone": ("1 of 1 large arrays are gone", lambda c: c.execute("DELETE FROM data WHERE job_uuid = ?", (_uuid(c, "a1"),))),
    "one bit of an array": ("1 of 1 large arrays are spoilt", lambda c: _flipped(c, "data", _uuid(c, "a1"), "job_uuid")),
}  # fmt: skip


def break_store(place: str, breaker: Breaker) -> str:
    """Break the result of the job a1, whose uuid is returned."""
    connection = sqlite3.connect(Path(place) / FILE)
    uuid = _uuid(connection, "a1")
    breaker(connection)
    connection.commit()
    connection.close()
    return uuid


def test_a_whole_store_is_whole(store: CampaignStore) -> None:
    found = verify_store(store)
    assert (found.finished, found.documents, found.arrays, found.faults, found.stray) == (5, 5, 3, [], 0)


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_broken_is_named_and_computed_again(store: CampaignStore, tmp_path: Path, how: str) -> None:
    before = {doc["uuid"]: doc["output"] for doc in store.outputs.query({}, load=True)}
    what, breaker = BROKEN[how]
    uuid = break_store(store.location, breaker)
    (fault,) = verify_store(store).faults
    assert (fault.uuid, fault.what) == (uuid, what)

    repair_store(store, [fault])
    assert verify_store(store).faults == []
    summary = execute(store, flow(tmp_path / "log"))
    assert (summary.completed, len(summary.reused)) == ([uuid], 4)
    assert sorted(computed(tmp_path / "log")) == ["a0", "a1", "a1", "a2", "plain", "sum"]
    assert {doc["uuid"]: doc["output"] for doc in store.outputs.query({}, load=True)} == before
    found = verify_store(store)
    assert (found.finished, found.documents, found.arrays, found.faults, found.stray) == (5, 5, 3, [], 0)


@pytest.mark.parametrize("table", ["states", "campaigns"])
def test_a_spoilt_record_is_named_and_entered_again(store: CampaignStore, tmp_path: Path, table: str) -> None:
    store.campaigns.insert_one({"name": "c", "jobs": [], "updated": "2026"})
    connection = sqlite3.connect(Path(store.location) / FILE)
    key = "c" if table == "campaigns" else _uuid(connection, "a1")
    connection.execute(
        f"UPDATE {table} SET document = ? WHERE {'name' if key == 'c' else 'key'} = ?", (b"\x00" * 200, key)
    )
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=f"a document of {table} is damaged"):
        list(getattr(store, table).find({}))
    (fault,) = verify_store(store).faults
    assert (fault.key, fault.what) == (key, f"its record in {table} is spoilt")
    repair_store(store, [fault])
    assert verify_store(store).faults == []
    execute(store, flow(tmp_path / "log"))
    assert verify_store(store).finished == 5


def test_arrays_of_no_document_are_counted(store: CampaignStore) -> None:
    store.outputs.additional_stores["data"].update(
        [{"blob_uuid": "b", "job_uuid": "nobody", "job_index": 1, "data": [1.0]}], key="blob_uuid"
    )
    found = verify_store(store)
    assert (found.faults, found.stray) == ([], 1)


def test_a_run_notices_a_document_that_is_gone(store: CampaignStore, tmp_path: Path) -> None:
    uuid = break_store(store.location, BROKEN["document gone"][1])
    summary = execute(store, flow(tmp_path / "log"))
    assert (summary.completed, len(summary.reused)) == ([uuid], 4)
    assert verify_store(store).faults == []


def test_a_damaged_file_is_named(store: CampaignStore) -> None:
    store.close()
    file = Path(store.location) / FILE
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)
    opened = open_store(store.location)
    with pytest.raises(StoreError, match=r"catholyte\.sqlite: the file is damaged"):
        verify_store(opened)
    opened.close()


def test_doctor_checks_and_repairs(store: CampaignStore, tmp_path: Path, catholyte: Run) -> None:
    def results(*options: str) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        status, out, _ = catholyte("doctor", "--store", store.location, "--json", *options)
        document = json.loads(out)
        (check,) = [check for check in document["checks"] if check["name"] == "results"]
        return status, check, document["faults"]

    _, check, faults = results()
    assert (check["ok"], faults) == (True, [])
    assert check["detail"] == "5 of 5 finished jobs are whole; 5 documents, 3 arrays"
    uuid = break_store(store.location, BROKEN["one bit of an array"][1])
    status, check, faults = results()
    assert (status, check["ok"]) == (1, False)
    assert "--repair" in check["mend"]
    assert [(fault["key"], fault["what"]) for fault in faults] == [(uuid, "1 of 1 large arrays are spoilt")]
    _, check, faults = results("--repair")
    assert check["ok"]
    assert "1 put back in line" in check["detail"]
    _, check, faults = results()
    assert (check["detail"], faults) == ("4 of 4 finished jobs are whole; 4 documents, 2 arrays", [])
    assert [name for name in BROKEN if name in catholyte("doctor", "--store", store.location)[1]] == []
