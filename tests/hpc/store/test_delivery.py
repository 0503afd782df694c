"""A database that goes away costs time, never a result; a document that is too large is named before it is sent."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bson import encode
from bson.json_util import dumps
from jobflow import Flow
from pymongo.errors import AutoReconnect, OperationFailure

from catholyte.configs.errors import StoreError
from catholyte.hpc.run import local, worker
from catholyte.hpc.store import delivery
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.delivery import PATIENCE_VARIABLE, Delivery, patient
from catholyte.hpc.store.ledger import Ledger, work_directory
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, array, computed, execute, prepared


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CampaignStore:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    monkeypatch.setattr(delivery, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic))
    opened = open_store(tmp_path / "store")
    monkeypatch.setitem(worker._OPEN, opened.location, opened)
    return opened


def away(times: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` behind a database that does not answer the first `times` calls."""
    left = [times]

    def answer(*args: Any, **kwargs: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise AutoReconnect("connection closed")
        return function(*args, **kwargs)

    return answer


def flow(tmp_path: Path) -> Flow:
    return Flow([array(str(tmp_path / "log"), "a", 1.0, 50)])


@pytest.mark.parametrize("place", ["claim", "arrays", "announce", "document", "finish"])
def test_a_database_that_is_away_costs_no_result(
    tmp_path: Path, store: CampaignStore, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    data: Any = store.outputs.additional_stores["data"]
    documents: Any = store.outputs.docs_store
    if place == "arrays":
        monkeypatch.setattr(data, "update", away(3, data.update))
    elif place == "document":
        monkeypatch.setattr(documents, "update", away(3, documents.update))
    else:
        monkeypatch.setattr(Ledger, place, away(3, getattr(Ledger, place)))
    summary = execute(store, flow(tmp_path))
    assert summary.failed == []
    assert computed(tmp_path / "log") == ["a"]
    assert data.count({}) == 1
    assert list(store.work.iterdir()) == []


def test_patience_ends_and_the_result_is_kept(
    tmp_path: Path, store: CampaignStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "0")
    documents: Any = store.outputs.docs_store
    with monkeypatch.context() as outage:
        outage.setattr(documents, "update", away(10**6, documents.update))
        summary = execute(store, flow(tmp_path))
        (key,) = summary.failed
        cause = Ledger(store).record(key)["cause"]  # type: ignore[index]
    assert "the database was away" in cause["message"]
    assert "delivered, not computed again" in cause["advice"]
    again = execute(store, flow(tmp_path))
    assert again.completed == [key]
    assert computed(tmp_path / "log") == ["a"]


@pytest.mark.parametrize("place", ["the store", "beside the job"])
def test_a_full_disk_is_waited_for(
    tmp_path: Path, store: CampaignStore, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    assert store.database is not None
    sqlite = store.database.connection()
    real = Path.open
    full = [True]
    waited: list[float] = []

    def opening(self: Path, mode: str = "r", **kwargs: Any) -> Any:
        if full[0] and self.name == "delivery.partial":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, **kwargs)

    def make_room(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            full[0] = False
            sqlite.execute("PRAGMA max_page_count=1000000")

    monkeypatch.setattr(delivery, "time", SimpleNamespace(sleep=make_room, monotonic=time.monotonic))
    if place == "the store":
        (pages,) = sqlite.execute("PRAGMA page_count").fetchone()
        sqlite.execute(f"PRAGMA max_page_count={pages + 2}")
    else:
        monkeypatch.setattr(Path, "open", opening)
    summary = execute(store, Flow([array(str(tmp_path / "log"), "a", 1.0, 50_000)]))
    assert (summary.failed, len(summary.completed), len(waited)) == ([], 1, 3)
    assert computed(tmp_path / "log") == ["a"]
    (found,) = store.outputs.query({}, load=True)
    assert len(found["output"]["large"]) == 50_000


def test_a_disk_that_stays_full_ends_the_run_in_one_sentence(
    tmp_path: Path, store: CampaignStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.database is not None
    sqlite = store.database.connection()
    (pages,) = sqlite.execute("PRAGMA page_count").fetchone()
    large = Flow([array(str(tmp_path / "log"), "a", 1.0, 50_000)])
    with monkeypatch.context() as short:
        short.setenv(PATIENCE_VARIABLE, "0")
        sqlite.execute(f"PRAGMA max_page_count={pages + 2}")
        (key,) = execute(store, large).failed
        cause = Ledger(store).record(key)["cause"]  # type: ignore[index]
    assert "cannot be written or read now: database or disk is full" in cause["message"]
    assert "delivered, not computed again" in cause["advice"]
    sqlite.execute("PRAGMA max_page_count=1000000")
    assert execute(store, large).completed == [key]
    assert computed(tmp_path / "log") == ["a"]


def test_a_store_that_is_deleted_ends_the_run_in_one_sentence(tmp_path: Path, store: CampaignStore) -> None:
    def delete(event: Any) -> None:
        if event.state == "done":
            shutil.rmtree(store.location, ignore_errors=True)

    jobs = [array(str(tmp_path / "log"), name, 1.0, 5) for name in "abc"]
    with pytest.raises(StoreError, match=r"the store was deleted or replaced while it was in use"):
        execute(store, Flow(jobs), on_event=delete)
    assert not Path(store.location).exists()


def test_other_errors_of_the_database_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        delivery, "time", SimpleNamespace(sleep=lambda seconds: pytest.fail("waited"), monotonic=time.monotonic)
    )

    def refuse() -> None:
        raise OperationFailure("not authorised")

    with pytest.raises(OperationFailure):
        patient(refuse, "write")


def test_pauses_grow_and_the_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(delivery, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock[0]))
    monkeypatch.setenv(PATIENCE_VARIABLE, "120")
    with pytest.raises(StoreError, match=r"away for .* s while waiting to read"):
        patient(away(10**6, lambda: None), "read")
    assert pauses[:4] == [0.5, 1, 2, 4]
    assert max(pauses) <= 30
    assert 60 < sum(pauses) <= 120


def test_a_document_that_is_too_large_is_named(tmp_path: Path, store: CampaignStore) -> None:
    held = Delivery(tmp_path, store.outputs)
    held.documents = [
        {"uuid": "u", "index": 1, "name": "LCO relax", "output": {"energy": -1.0, "forces": [0.5] * 2_000_000}}
    ]
    with pytest.raises(StoreError, match=r"LCO relax has .* MiB, more than 12; largest: forces"):
        held.keep({})
    assert not held.kept


@pytest.mark.parametrize("file", ["delivery.bson", "delivery.json"])
@pytest.mark.parametrize("content", [b"", b'{"documents": [', b'{"arrays": {}}', b"\x00" * 100, encode({"arrays": {}})])
def test_a_kept_result_that_is_spoilt_is_computed_again(
    tmp_path: Path, store: CampaignStore, file: str, content: bytes
) -> None:
    addressed, records = prepared(flow(tmp_path))
    Ledger(store).register(records)
    directory = work_directory(store, records[0]["key"], 1)
    directory.mkdir(parents=True)
    (directory / file).write_bytes(content)
    assert len(execute(store, flow(tmp_path)).completed) == 1
    assert computed(tmp_path / "log") == ["a"]
    assert store.outputs.count({"uuid": addressed.jobs[0].uuid}) == 1


def test_a_kept_result_is_read_as_it_was(tmp_path: Path, store: CampaignStore) -> None:
    values = {"small": 5e-324, "large": 2**60, "sum": 0.1 + 0.2, "none": float("inf"), "when": datetime(2026, 1, 1)}
    arrays = {"of numpy": np.arange(3.0), "set": {1}, **values}
    for output, expected in ((values, values), (arrays, {"of numpy": [0.0, 1.0, 2.0], "set": [1], **values})):
        held = Delivery(tmp_path, store.outputs)
        held.documents = [{"uuid": "u", "index": 1, "output": values}]
        held.arrays = {"data": [{"data": output}]}
        held.keep({"replace": []})
        found = Delivery(tmp_path, store.outputs)
        assert found.read() == {"replace": []}
        assert found.arrays["data"][0]["data"] == expected


def test_a_result_that_a_former_version_kept_is_read(tmp_path: Path, store: CampaignStore) -> None:
    kept = {"documents": [{"uuid": "u", "when": datetime(2026, 1, 1)}], "arrays": {}, "dynamic": {"replace": ["job"]}}
    (tmp_path / "delivery.json").write_text(dumps(kept))
    found = Delivery(tmp_path, store.outputs)
    assert found.kept
    assert found.read() == {"replace": ["job"]}
    assert [document["uuid"] for document in found.documents] == ["u"]


def test_a_half_written_result_is_not_taken(tmp_path: Path, store: CampaignStore) -> None:
    prepared(flow(tmp_path))
    held = Delivery(tmp_path, store.outputs)
    held.documents = [{"uuid": "u", "index": 1, "output": object()}]
    with pytest.raises(Exception, match="cannot encode"):
        held.keep({})
    assert not held.kept
