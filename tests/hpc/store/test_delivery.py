"""A database that goes away costs time, never a result; a document that is too large is named before it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobflow import Flow
from pymongo.errors import AutoReconnect, OperationFailure

from catholyte.configs.errors import StoreError
from catholyte.hpc.run import local, worker
from catholyte.hpc.store import delivery
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.delivery import PATIENCE_VARIABLE, Delivery, patient
from catholyte.hpc.store.ledger import Ledger
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


def test_a_half_written_result_is_not_taken(tmp_path: Path, store: CampaignStore) -> None:
    prepared(flow(tmp_path))
    held = Delivery(tmp_path, store.outputs)
    held.documents = [{"uuid": "u", "index": 1, "output": object()}]
    with pytest.raises(Exception, match="cannot encode"):
        held.keep({})
    assert not held.kept
