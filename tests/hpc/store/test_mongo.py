"""The store in MongoDB: on SecantusDB, or on the server that CATHOLYTE_TEST_MONGODB names."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from jobflow import Flow

from catholyte.configs.errors import InputError, StoreError
from catholyte.hpc.run import local, worker
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import (
    InlineExecutor,
    array,
    calculation,
    computed,
    execute,
    pipeline,
    prepared,
    slow_arrays,
)
from catholyte.workflows.roles import Main

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def uri(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    return database_uri


@pytest.fixture
def store(uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CampaignStore]:
    opened = open_store(uri)
    monkeypatch.setattr(worker, "_OPEN", {uri: opened})  # jobs that run in this process share the connection
    yield opened
    opened.close()


def test_flow_runs_with_its_ledger_in_the_database(store: CampaignStore, tmp_path: Path) -> None:
    log = tmp_path / "log"
    summary = execute(store, slow_arrays(str(log), 0.0, size=5000))
    assert (summary.failed, summary.blocked, summary.reused) == ([], [], [])
    assert max(Counter(computed(log)).values()) == 1
    assert {(r["state"], r["computed"]) for r in Ledger(store).records()} == {("done", 1)}
    again = execute(store, slow_arrays(str(log), 0.0, size=5000))
    assert sorted(again.reused) == sorted(summary.completed)
    assert again.completed == []
    assert list(store.work.iterdir()) == []


def test_same_answers_as_the_embedded_store(
    store: CampaignStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    embedded = open_store(tmp_path / "store")
    worker._OPEN[embedded.location] = embedded
    for opened in (store, embedded):
        assert execute(opened, pipeline(str(tmp_path / "log"))).failed == []
    answers = [{d["uuid"]: d["output"] for d in opened.outputs.query({})} for opened in (store, embedded)]
    assert answers[0] == answers[1]
    assert len(answers[0]) == 3
    embedded.close()


def test_arrays_lie_in_gridfs_and_come_back_equal(
    store: CampaignStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    flow, _ = prepared(Flow([calculation(str(tmp_path / "log"), "LiH", 5000)]))
    assert execute(store, flow).failed == []
    database = store.states.database
    assert {file["metadata"]["job_uuid"] for file in database["data.files"].find({})} == {flow.jobs[0].uuid}
    assert database["data.files"].count_documents({}) == 2
    assert database["data.chunks"].count_documents({}) > 2
    (stored,) = store.outputs.docs_store.query({})
    assert len(str(stored)) < 10_000
    whole = store.records().document(flow.jobs[0].uuid, arrays=True)
    assert whole.role == Main(of="LiH")  # read from its label, which is all that the job said
    assert whole.model_copy(update={"role": None}) == calculation.original(str(tmp_path / "log"), "LiH", 5000)


def test_arrays_of_a_killed_delivery_are_replaced(
    store: CampaignStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    flow, records = prepared(Flow([array(str(tmp_path / "log"), "a", 1.0, 50)]))
    key = flow.jobs[0].uuid
    Ledger(store).register(records)
    Ledger(store).claim(key)
    store.outputs.additional_stores["data"].update(
        [{"blob_uuid": "orphan", "data": [1.0], "job_uuid": key, "job_index": 1}], key="blob_uuid"
    )
    Ledger(store).release(key)
    assert execute(store, flow).failed == []
    assert store.states.database["data.files"].count_documents({"metadata.job_uuid": key}) == 1
    assert store.states.database["data.files"].count_documents({"metadata.blob_uuid": "orphan"}) == 0


def _claim(uri: str, answers: Any, barrier: Any, stay: Any) -> None:
    store = open_store(uri)
    ledger = Ledger(store)
    barrier.wait()
    ledger.register([{"key": "job", "uuid": "job", "index": 1, "name": "a job"}])
    answers.put(ledger.claim("job").state)
    stay.wait()
    store.close()


def test_one_of_six_processes_wins_and_the_job_is_entered_once(uri: str, store: CampaignStore) -> None:
    barrier, answers, stay = FORK.Barrier(6), FORK.Queue(), FORK.Event()
    processes = [FORK.Process(target=_claim, args=(uri, answers, barrier, stay)) for _ in range(6)]
    for process in processes:
        process.start()
    states = sorted(answers.get(timeout=120) for _ in processes)
    assert states == ["held"] * 5 + ["taken"]
    stay.set()
    for process in processes:
        process.join()
    assert store.states.count_documents({"key": "job"}) == 1


def test_second_document_of_a_job_is_refused(store: CampaignStore) -> None:
    store.outputs.update({"uuid": "a", "index": 1, "output": 1})
    with pytest.raises(pymongo.errors.DuplicateKeyError):
        store.outputs.docs_store._collection.insert_one({"uuid": "a", "index": 1})
    store.campaigns.insert_one({"name": "c"})
    with pytest.raises(pymongo.errors.DuplicateKeyError):
        store.campaigns.insert_one({"name": "c"})


def test_server_that_does_not_answer_is_an_error_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(StoreError) as caught:
        open_store(f"mongodb://someone:s3cret@127.0.0.1:{port}/db")
    assert time.monotonic() - start < 7
    told = caught.value.message + caught.value.advice
    assert "s3cret" not in told
    assert f"mongodb://someone:…@127.0.0.1:{port}/db" in told
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("wrong", ["mongodb://", "mongodb://user:p@ss:w/ord@host/db", "mongodb://host:notaport/db"])
def test_wrong_uri_is_an_error_of_the_input(wrong: str) -> None:
    with pytest.raises(InputError, match="MongoDB cannot be used") as caught:
        open_store(wrong)
    assert "w/ord" not in caught.value.message


def test_location_is_shown_without_the_password(store: CampaignStore) -> None:
    from dataclasses import replace

    assert replace(store, location="mongodb://me:pw@host/db").shown == "mongodb://me:…@host/db"
    assert "pw" not in repr(replace(store, location="mongodb://me:pw@host/db"))
