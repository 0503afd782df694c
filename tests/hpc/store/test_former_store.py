"""Stores of former versions are taken over at their first opening, with nothing lost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
from bson import ObjectId

from catholyte.configs.errors import StoreError
from catholyte.hpc.store import former, opening
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.collection import Collection
from catholyte.hpc.store.former import SET_ASIDE
from catholyte.hpc.store.opening import FILE, open_database
from catholyte.tests.support.former.former_store import COLLECTIONS, read_former, write_former
from catholyte.tests.support.former.former_stores import STORES, unpack
from catholyte.tests.support.privileges import without_privileges

FORK = multiprocessing.get_context("fork")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:montydb")


def contents(folder: Path, create: bool = False) -> dict[str, list[dict[str, Any]]]:
    """All documents, as the store hands them out."""
    database = open_database(folder, create)
    found = {name: list(Collection(database, name).find({})) for name in COLLECTIONS}
    database.close()
    return found


def small(folder: Path, **states: Any) -> dict[str, list[dict[str, Any]]]:
    """A small former store, and what it holds."""
    write_former(
        folder,
        outputs=[{"uuid": f"u{i}", "index": 1, "output": {"value": i / 3, "nothing": None}} for i in range(30)],
        data=[
            {"blob_uuid": f"b{i}", "job_uuid": f"u{i}", "job_index": 1, "data": [i / 7] * 1000, "_id": ObjectId()}
            for i in range(5)
        ],
        states=[{"key": f"u{i}", "uuid": f"u{i}", "index": 1, "state": "done"} for i in range(29)]
        + [{"key": "u29", "uuid": "u29", "index": 1, "state": "waiting", **states}],
        campaigns=[{"name": "c", "jobs": [], "updated": "2026"}],
    )
    return read_former(folder)


@pytest.mark.parametrize("name", STORES)
def test_every_document_is_what_montydb_reads(tmp_path: Path, name: str) -> None:
    folder = unpack(name, tmp_path / "store")
    expected = read_former(folder)
    assert sum(map(len, expected.values())) > 20
    for _ in range(2):
        assert contents(folder) == expected
    aside = tmp_path / "aside"
    aside.mkdir()
    (folder / SET_ASIDE).rename(aside / "catholyte")  # the former files are whole
    assert read_former(aside) == expected
    assert not list(folder.glob(f"{FILE}.partial*"))


def _die_at(place: str, folder: Path) -> None:
    """Take over a store in a process that is killed at a named place."""

    def dying(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if place in ("first document", "last collection"):
        real, seen = former._documents, []

        def documents(file: Path) -> Any:
            seen.append(file)
            if place == "first document" or len(seen) == len(COLLECTIONS):
                yield next(iter(real(file)))
                dying()
            yield from real(file)

        former._documents = documents  # type: ignore[assignment]
    elif place == "before the new file stands":
        Path.replace = dying  # type: ignore[method-assign]
    elif place == "before the former files are moved":
        opening.set_aside = dying  # type: ignore[assignment]
    else:
        real_rename = Path.rename

        def rename(self: Path, target: Any) -> Any:
            real_rename(self, target)
            dying()

        Path.rename = rename  # type: ignore[method-assign]
    open_database(folder, create=False)


@pytest.mark.parametrize(
    "place",
    [
        "first document",
        "last collection",
        "before the new file stands",
        "before the former files are moved",
        "after the former folder is moved",
    ],
)
def test_a_killed_takeover_is_completed_by_the_next_opening(tmp_path: Path, place: str) -> None:
    expected = small(tmp_path / "store")
    process = FORK.Process(target=_die_at, args=(place, tmp_path / "store"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert contents(tmp_path / "store", create=True) == expected
    assert not (tmp_path / "store" / "catholyte").exists()
    assert not list((tmp_path / "store").glob(f"{FILE}.partial*"))


def test_results_of_a_former_version_that_came_back_are_taken_over_too(tmp_path: Path) -> None:
    expected = small(tmp_path / "store")
    contents(tmp_path / "store")
    fresh = {"uuid": "later", "index": 1, "output": 1.0}
    write_former(tmp_path / "store", outputs=[dict(fresh), {"uuid": "u0", "index": 1, "output": "another"}])
    assert contents(tmp_path / "store") == expected | {"outputs": [*expected["outputs"], fresh]}


def _open(folder: Path, barrier: Any, answers: Any) -> None:
    barrier.wait()
    answers.put(sum(map(len, contents(folder).values())))


def test_four_openers_at_once(tmp_path: Path) -> None:
    expected = small(tmp_path / "store")
    barrier, answers = FORK.Barrier(4), FORK.Queue()
    processes = [FORK.Process(target=_open, args=(tmp_path / "store", barrier, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=120) for _ in processes] == [sum(map(len, expected.values()))] * 4
    for process in processes:
        process.join()
    assert contents(tmp_path / "store") == expected
    assert [path.name for path in (tmp_path / "store").glob("former*")] == [SET_ASIDE]


def test_a_former_creation_that_was_killed_is_completed(tmp_path: Path) -> None:
    expected = small(tmp_path / "store")
    file = tmp_path / "store" / "catholyte" / "campaigns.collection"
    for side in (tmp_path / "store" / "catholyte").glob("campaigns.collection*"):
        side.unlink()
    file.touch()
    assert contents(tmp_path / "store") == expected | {"campaigns": []}


def test_the_last_of_two_equal_documents_counts(tmp_path: Path) -> None:
    write_former(tmp_path / "store", outputs=[{"uuid": "u", "index": 1, "output": value} for value in (1, 2)])
    assert contents(tmp_path / "store")["outputs"] == [{"uuid": "u", "index": 1, "output": 2}]


@pytest.mark.parametrize("what", ["file", "document"])
def test_a_damaged_former_file_is_named_and_left_alone(tmp_path: Path, what: str) -> None:
    small(tmp_path / "store")
    file = tmp_path / "store" / "catholyte" / "outputs.collection"
    if what == "file":
        file.write_bytes(b"no database " * 1000)
    else:
        import sqlite3

        connection = sqlite3.connect(file)
        connection.execute("UPDATE documents SET v = ? WHERE rowid = 3", (b"\x00\x01spoilt",))
        connection.commit()
        connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"outputs\.collection: the store cannot be opened"):
        open_store(tmp_path / "store")
    assert file.read_bytes() == before
    assert not (tmp_path / "store" / FILE).exists()


def test_a_process_that_computes_with_a_former_version_is_left_alone(tmp_path: Path) -> None:
    me = psutil.Process()
    expected = small(
        tmp_path / "store", state="running", host=socket.gethostname(), pid=me.pid, pid_started=me.create_time()
    )
    assert contents(tmp_path / "store") == expected
    assert (tmp_path / "store" / "catholyte").exists()
    with pytest.raises(StoreError, match=rf"process {me.pid} computes in this store with a former version"):
        open_store(tmp_path / "store")
    assert not (tmp_path / "store" / FILE).exists()


def _unwritable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.parametrize("left", ["nothing", "a writer's journal"])
def test_a_former_store_that_cannot_be_written_is_read(tmp_path: Path, left: str) -> None:
    folder = tmp_path / "store"
    expected = small(folder)
    if left != "nothing":
        _with_journal(folder / "catholyte" / "states.collection", "DELETE FROM documents WHERE rowid = 1")
        expected["states"] = expected["states"][1:]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    _unwritable(folder)
    assert without_privileges(lambda: contents(folder)) == expected
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def _with_journal(file: Path, statement: str) -> None:
    """Leave a change in the journal, as a killed writer does."""
    import sqlite3

    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(statement)
    connection.commit()
    kept = {side: side.read_bytes() for side in file.parent.glob(f"{file.name}*") if not side.name.endswith("-shm")}
    connection.close()
    for side, content in kept.items():
        side.write_bytes(content)
    assert Path(f"{file}-wal").stat().st_size


@pytest.mark.parametrize("left", ["nothing", "a writer's journal", "an unfinished creation"])
def test_a_store_that_cannot_be_written_is_read(tmp_path: Path, left: str) -> None:
    folder = tmp_path / "store"
    store = open_store(folder)
    store.states.insert_one({"key": "a", "state": "waiting"})
    store.close()
    expected = "waiting"
    if left == "a writer's journal":
        _with_journal(folder / FILE, "DELETE FROM states")
        expected = ""
    elif left == "an unfinished creation":
        (folder / FILE).write_bytes(b"")
        expected = ""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    _unwritable(folder)

    def look() -> list[str]:
        opened = open_store(folder, create=False)
        states = [str(record["state"]) for record in opened.states.find({})]
        assert opened.outputs.count({}) == 0
        opened.close()
        return states

    assert without_privileges(look) == ([expected] if expected else [])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    def write() -> None:
        open_store(folder)

    with pytest.raises(StoreError, match="not writable"):
        without_privileges(write)


def test_a_live_store_is_read_by_one_who_may_not_write(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = open_store(folder)
    store.states.insert_one({"key": "a", "state": "waiting"})
    assert (folder / f"{FILE}-wal").stat().st_size
    _unwritable(folder)

    def look() -> list[str]:
        opened = open_store(folder, create=False)
        seen = [str(record["state"]) for record in opened.states.find({})]
        opened.close()
        return seen

    assert without_privileges(look) == ["waiting"]
    folder.chmod(0o755)
    store.close()


def test_what_is_read_leaves_no_copy_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr("tempfile.tempdir", None)
    small(tmp_path / "store")
    _unwritable(tmp_path / "store")

    def look() -> list[str]:
        database = open_database(tmp_path / "store", create=False)
        inside = [path.name for path in made.iterdir()]
        database.close()
        del database
        return inside

    assert len(without_privileges(look)) == 1
    assert list(made.iterdir()) == []


def test_a_store_can_be_carried_away(tmp_path: Path) -> None:
    """One file is the whole store."""
    store = open_store(tmp_path / "store")
    store.states.insert_one({"key": "a", "state": "waiting"})
    store.close()
    assert sorted(path.name for path in (tmp_path / "store").iterdir() if path.is_file()) == [FILE, "writer.lock"]
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "store" / FILE, tmp_path / "copy")
    assert contents(tmp_path / "copy")["states"] == [{"key": "a", "state": "waiting"}]
