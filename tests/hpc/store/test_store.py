"""The embedded store: opening, refusing, several writers, and where the large arrays go."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import resource
import socket
import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobflow import Flow

from catholyte.configs.errors import CalculationError, StoreError
from catholyte.hpc.run import local
from catholyte.hpc.store import database
from catholyte.hpc.store.campaign_store import STORE_VARIABLE, CampaignStore, open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.hpc.store.opening import FILE, network_type
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, calculation, execute, prepared
from catholyte.tests.support.privileges import in_a_process
from catholyte.workflows.roles import Main

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(tmp_path / "store")
    yield opened
    opened.close()


def _document(uuid: str, value: int) -> dict[str, Any]:
    return {"uuid": uuid, "index": 1, "output": {"value": value, "large": list(range(value, value + 50))}}


def _write(location: str, keys: list[str], barrier: Any) -> None:
    store = open_store(location)
    barrier.wait()
    for i, key in enumerate(keys):
        store.outputs.update(_document(key, i), save={"data": ["large"]})
        list(store.outputs.query({"uuid": key}))  # readers take no lock
    store.close()


def _write_together(location: str, keys: list[list[str]]) -> None:
    barrier = FORK.Barrier(len(keys))
    processes = [FORK.Process(target=_write, args=(location, own, barrier)) for own in keys]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(keys)


def test_reopened_store_holds_what_was_written(store: CampaignStore) -> None:
    store.outputs.update(_document("a", 1), save={"data": ["large"]})
    store.states.insert_one({"key": "a"})
    store.campaigns.insert_one({"name": "c"})
    again = open_store(store.location, create=False)
    assert again.location == store.location
    assert again.outputs.query_one({"uuid": "a"}, load=True)["output"]["large"][49] == 50
    assert again.states.count_documents({"key": "a"}) == 1
    assert again.campaigns.count_documents({"name": "c"}) == 1
    again.close()


def test_four_writers_lose_nothing_and_double_nothing(store: CampaignStore) -> None:
    own = [[f"{writer}-{i}" for i in range(50)] for writer in range(4)]
    _write_together(store.location, own)
    found = list(store.outputs.query({}, load=True))
    assert sorted(doc["uuid"] for doc in found) == sorted(key for keys in own for key in keys)
    assert all(doc["output"]["large"][0] == doc["output"]["value"] for doc in found)

    _write_together(store.location, [[f"same-{i}" for i in range(10)]] * 4)
    assert store.outputs.count({"uuid": {"$regex": "^same"}}) == 10


def test_threads_of_one_process_may_write_too(store: CampaignStore) -> None:
    def write(name: str) -> None:
        for i in range(10):
            store.outputs.update(_document(f"{name}{i}", i), save={"data": ["large"]})

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.outputs.count({}) == 20


def test_location_comes_from_the_call_the_variable_or_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    places = [None, None, tmp_path / "named"]
    expected = ["catholyte-store", "variable", "named"]
    for place, name in zip(places, expected, strict=True):
        if name == "variable":
            monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "variable"))
        opened = open_store(place)
        assert opened.location == str(tmp_path / name)
        assert opened.shown == opened.location
        opened.close()


def test_missing_store_is_not_made_when_it_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "somewhere").mkdir()
    for folder in (tmp_path / "nowhere", tmp_path / "somewhere"):
        with pytest.raises(StoreError, match="there is no store here") as caught:
            open_store(folder, create=False)
        assert caught.value.exit_status == 2
        assert "--store" in caught.value.advice
    assert list(tmp_path.rglob("*")) == [tmp_path / "somewhere"]


@pytest.mark.parametrize("below", ["file", "proc"])
def test_location_that_cannot_be_written(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "store" if below == "file" else Path("/proc/catholyte")
    with pytest.raises(StoreError, match="not writable") as caught:
        open_store(folder)
    assert caught.value.exit_status == 2
    assert str(folder) in caught.value.message


def test_file_that_is_no_database_is_an_error_of_the_store(tmp_path: Path) -> None:
    open_store(tmp_path / "store").close()
    (tmp_path / "store" / FILE).write_bytes(b"not a database " * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(tmp_path / "store")


def test_creation_without_space_is_completed_when_there_is_room(tmp_path: Path) -> None:
    def create() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        open_store(tmp_path / f"store-{limit}")

    for limit in (0, 1, 5000, 30_000):
        with pytest.raises(StoreError, match=r"the store cannot be (written or read now|opened): "):
            in_a_process(create)
        opened = open_store(tmp_path / f"store-{limit}")
        opened.states.insert_one({"key": "a"})
        opened.close()


def test_creation_that_was_killed_is_completed(tmp_path: Path) -> None:
    rng = random.Random(1)
    seen = set()
    for number in range(40):
        folder = tmp_path / f"store-{number}"
        process = FORK.Process(target=open_store, args=(folder,))
        process.start()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
        seen.add((folder / FILE).exists() and (folder / FILE).stat().st_size)
        opened = open_store(folder)
        opened.states.insert_one({"key": "a"})
        assert opened.outputs.count({}) == 0
        opened.close()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / FILE).touch()
    open_store(tmp_path / "empty", create=False).close()


def test_a_forked_process_does_not_inherit_an_open_file(store: CampaignStore) -> None:
    """SQLite's locks do not reach a forked child: one that went on with them has spoilt others' shared memory."""
    store.states.insert_one({"key": "a"})
    file = str(Path(store.location) / FILE)

    def inherited() -> list[str]:
        return [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if os.path.lexists(link)]

    assert file in inherited()
    assert [path for path in in_a_process(inherited) if path.startswith(file)] == []
    assert store.states.count_documents({"key": "a"}) == 1


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path / "store").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store" / FILE)) as connection:
        connection.execute("PRAGMA user_version=99")
    for create in (True, False):
        with pytest.raises(StoreError, match="a newer version"):
            open_store(tmp_path / "store", create=create)


@pytest.mark.parametrize(("kind", "others", "refused"), [("nfs4", True, True), ("lustre", False, False)])
def test_network_file_systems(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    others: bool,
    refused: bool,
) -> None:
    opened = open_store(tmp_path / "store")
    host = "elsewhere" if others else socket.gethostname()
    opened.states.insert_many([{"key": "a", "host": host, "state": "done"}, {"key": "b", "state": "waiting"}])
    opened.close()
    disks = [
        SimpleNamespace(mountpoint=mountpoint, fstype=fstype)
        for mountpoint, fstype in (("/", "ext4"), (str(tmp_path), "autofs"), (str(tmp_path), kind), ("/else", "nfs"))
    ]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: disks)
    assert network_type(tmp_path / "store") == kind
    assert network_type(Path("/usr")) is None
    if refused:
        with pytest.raises(StoreError, match=f"jobs of elsewhere stand in this store, which lies on {kind}") as caught:
            open_store(tmp_path / "store")
        assert "mongodb://" in caught.value.advice
    else:
        again = open_store(tmp_path / "store")
        again.states.insert_one({"key": "c"})
        assert again.database is not None
        assert again.database.connection().execute("PRAGMA journal_mode").fetchone() == ("delete",)
        again.close()
    reading = open_store(tmp_path / "store", create=False)
    assert reading.states.count_documents({"key": "a"}) == 1
    reading.close()
    assert f"lies on {kind}" in caplog.text


def test_lock_that_is_not_given_back_is_an_error_of_the_store(
    store: CampaignStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.2)
    other = open_store(store.location)
    assert other.states.count_documents({}) == 0  # readers wait for nobody
    with store.exclusive(), pytest.raises(StoreError, match=r"catholyte\.sqlite for 0\.2 s"), other.exclusive():
        pass
    other.close()


def test_arrays_lie_in_the_additional_store_and_come_back_equal(
    store: CampaignStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    flow, _ = prepared(Flow([calculation(str(tmp_path / "log"), "LiH", 5000)]))
    assert execute(store, flow).failed == []
    (stored,) = store.outputs.docs_store.query({})
    blobs = list(store.outputs.additional_stores["data"].query({}))
    assert len(json.dumps(stored, default=str)) < 10_000
    assert [len(json.dumps(blob, default=str)) > 400_000 for blob in blobs] == [True, True]
    assert {(blob["job_uuid"], blob["job_index"]) for blob in blobs} == {(flow.jobs[0].uuid, 1)}

    records = store.records()
    small, whole = records.document(flow.jobs[0].uuid), records.document(flow.jobs[0].uuid, arrays=True)
    assert (small.dos, small.trajectory) == (None, None)
    expected = calculation.original(str(tmp_path / "log"), "LiH", 5000)
    assert (whole.dos, whole.trajectory) == (expected.dos, expected.trajectory)
    assert whole.role == Main(of="LiH")  # read from its label, which is all that the job said
    assert whole.model_copy(update={"role": None}) == expected
    assert whole.model_copy(update={"dos": None, "trajectory": None}) == small
    with pytest.raises(CalculationError, match="no result"):
        records.document("unknown")


def test_ledger_of_five_hundred_jobs_answers_within_a_second(store: CampaignStore) -> None:
    ledger = Ledger(store)
    ledger.register([{"key": f"{i}", "uuid": f"{i}", "index": 1, "name": "job"} for i in range(500)])
    start = time.process_time()  # of this process alone: the other cores' work does not count
    assert len(ledger.records([f"{i}" for i in range(500)])) == 500
    assert ledger.claim("499").state == "taken"
    assert time.process_time() - start < 1
