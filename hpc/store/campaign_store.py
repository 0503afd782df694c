"""Where results and job states live: an embedded store in a folder, or MongoDB by URI.

Both hold the same four collections: ``outputs`` (jobflow's documents), ``data`` (large arrays, the
additional store), ``states`` (one record a job) and ``campaigns`` (one record a recipe). The embedded
store is MontyDB on SQLite; writers of several processes take turns at a file lock.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import StoreError

if TYPE_CHECKING:
    from jobflow import JobStore
    from maggma.stores import Store

    from ...analysis.records import Records

__all__ = [
    "DEFAULT_STORE",
    "STORE_VARIABLE",
    "CampaignStore",
    "database_of",
    "is_rehearsal_store",
    "is_uri",
    "open_records",
    "open_store",
    "rehearsal_location",
    "without_password",
]

STORE_VARIABLE = "CATHOLYTE_STORE"
DEFAULT_STORE = "catholyte-store"
DATABASE = "catholyte"
_REHEARSAL = "-rehearsal"
#: s that a writer waits for its turn
LOCK_SECONDS = 120


@dataclass(frozen=True)
class CampaignStore:
    """An open store.

    Attributes
    ----------
    location : str
        Folder or MongoDB URI, from which another process opens the same store.
    outputs : JobStore
        Documents, with the additional store ``data`` for large arrays.
    states, campaigns : collection
        Objects with the pymongo collection interface.
    work : Path
        Folder of the jobs' working directories.
    """

    location: str = field(repr=False)  # a URI may hold a password
    outputs: JobStore
    states: Any
    campaigns: Any
    work: Path
    _lock: Any

    @property
    def shown(self) -> str:
        """The location as it may be printed: without the password of a URI."""
        return without_password(self.location)

    def records(self, *, rehearsals: bool = False) -> Records:
        """Read access to what is stored; the documents of rehearsals, whose numbers are invented, where asked for."""
        from ...analysis.records import Records

        return Records(self.outputs, self.states, self.campaigns, rehearsals=rehearsals)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the embedded store alone; MongoDB's own atomic updates need no lock."""
        if self._lock is None:
            yield
            return
        with _turn(self._lock):
            yield

    def close(self) -> None:
        """Close all connections."""
        outputs: Any = self.outputs  # jobflow's method has no types
        outputs.close()
        for collection in (self.states, self.campaigns):
            collection.database.client.close()


def is_uri(location: str) -> bool:
    """True for a MongoDB URI."""
    return location.startswith(("mongodb://", "mongodb+srv://"))


def database_of(uri: str) -> str:
    """Name of the database that a MongoDB URI means."""
    from pymongo.uri_parser import parse_uri

    return str(parse_uri(uri)["database"] or DATABASE)


def rehearsal_location(location: str | Path | None = None) -> str:
    """Where rehearsals are kept: a folder or database of their own beside `location`, with ``-rehearsal`` after its
    name."""
    place = str(location or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE)
    if is_rehearsal_store(place):
        return place
    if not is_uri(place):
        return f"{place.rstrip('/')}{_REHEARSAL}"
    head, question, options = place.partition("?")
    scheme, _, rest = head.partition("://")
    hosts, _, database = rest.partition("/")
    return f"{scheme}://{hosts}/{database or DATABASE}{_REHEARSAL}{question}{options}"


def is_rehearsal_store(location: str) -> bool:
    """Whether a store is one of rehearsals, by the name of its folder or database."""
    return (database_of(location) if is_uri(location) else location.rstrip("/")).endswith(_REHEARSAL)


def open_store(location: str | Path | None = None, create: bool = True) -> CampaignStore:
    """Open the store at `location`.

    Parameters
    ----------
    location : str or Path, optional
        A folder, or ``mongodb://…/DATABASE``; the variable ``CATHOLYTE_STORE``, else the folder
        ``catholyte-store``, where left out.
    create : bool
        Make the embedded store where there is none.

    Raises
    ------
    StoreError
        If it does not exist (and `create` is false), is not writable, or the server does not answer.
    """
    place = str(location or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE)
    return _open_mongo(place) if is_uri(place) else _open_embedded(Path(place).absolute(), create)


def _open_embedded(folder: Path, create: bool) -> CampaignStore:
    import sqlite3

    from filelock import FileLock
    from jobflow import JobStore

    _check_folder(folder, create)
    lock = FileLock(folder / "writer.lock", timeout=LOCK_SECONDS)
    try:
        with _turn(lock):
            stores: dict[str, Any] = {
                name: _monty(name, folder, lock) for name in ("outputs", "data", "states", "campaigns")
            }
            outputs = JobStore(stores["outputs"], additional_stores={"data": stores["data"]})
            outputs.connect()
            for name in ("states", "campaigns"):
                stores[name].connect()
            for store in stores.values():  # MontyDB cannot delete from a collection that was never made
                database = store._collection.database
                if store.collection_name not in database.list_collection_names():
                    database.create_collection(store.collection_name)
                with contextlib.closing(
                    sqlite3.connect(folder / DATABASE / f"{store.collection_name}.collection")
                ) as file:
                    file.execute("SELECT k FROM documents LIMIT 1")  # fails now, not in the middle of a run
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{folder}: the store cannot be opened: {error}") from None
    return CampaignStore(
        str(folder), outputs, stores["states"]._collection, stores["campaigns"]._collection, folder / "work", lock
    )


def _check_folder(folder: Path, create: bool) -> None:
    if not create and not (folder / DATABASE).is_dir():
        raise StoreError(f"{folder}: there is no store here", "run a recipe first, or name the store with --store")
    try:
        (folder / "work").mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoreError(
            f"{folder}: the store is not writable: {error.strerror or error}", "name another folder with --store"
        ) from None


def _monty(name: str, folder: Path, lock: Any) -> Store:
    from maggma.stores import MontyStore
    from montydb.storage.sqlite import SQLiteKVEngine

    class ThreadEngine(threading.local, SQLiteKVEngine):  # type: ignore[misc]  # MontyDB has no types
        """MontyDB keeps the connection of the call under way in an attribute; here each thread has its own."""

    class LockedMontyStore(MontyStore):
        """MontyStore for many threads, whose writes wait for the store's file lock."""

        def connect(self, force_reset: bool = False) -> None:
            super().connect(force_reset)
            storage = self._collection.database.client._storage
            storage._conn = ThreadEngine(storage._config)

        def update(self, docs: Any, key: Any = None) -> None:
            with _turn(lock):
                super().update(docs, key=key)

        def remove_docs(self, criteria: Any) -> None:
            with _turn(lock):
                super().remove_docs(criteria)

    return LockedMontyStore(name, database_path=str(folder), database_name=DATABASE)


@contextlib.contextmanager
def _turn(lock: Any) -> Iterator[None]:
    """Wait for the embedded store's lock."""
    from filelock import Timeout

    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"another process has held the store's lock {lock.lock_file} for {lock.timeout:g} s",
            "look for a process that hangs: the lock ends with it",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _open_mongo(uri: str) -> CampaignStore:
    from jobflow import JobStore
    from maggma.stores import GridFSStore, MongoStore
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        database = database_of(uri)
        quick: dict[str, Any] = {"serverSelectionTimeoutMS": 5000}
        with MongoClient(uri, **quick) as probe:  # a client that cannot connect, or may not read, is closed here
            probe[database]["states"].find_one({}, {"_id": 1})
        stores = {
            name: MongoStore.from_uri(uri, name, database=database, mongoclient_kwargs=quick)
            for name in ("outputs", "states", "campaigns")
        }
        data = GridFSStore.from_uri(
            uri, "data", database=database, mongoclient_kwargs=quick, searchable_fields=["job_uuid", "job_index"]
        )
        outputs = JobStore(stores["outputs"], additional_stores={"data": data})
        outputs.connect()
        for name in ("states", "campaigns"):
            stores[name].connect()
        states = stores["states"]._collection
        states.create_index("key", unique=True)
        stores["campaigns"]._collection.create_index("name", unique=True)
        stores["outputs"]._collection.create_index([("uuid", 1), ("index", 1)], unique=True)
        for field in ("blob_uuid", "job_uuid"):
            data.ensure_index(field)
    except (PyMongoError, ValueError) as error:
        raise StoreError(
            f"{without_password(uri)}: MongoDB cannot be used: {str(error).splitlines()[0][:300]}",
            "check the URI, the network and the credentials",
        ) from None
    work = Path(os.environ.get("CATHOLYTE_WORK", "catholyte-work")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    return CampaignStore(uri, outputs, states, stores["campaigns"]._collection, work, None)


def without_password(uri: str) -> str:
    """The URI as it may be printed."""
    head, _, tail = uri.rpartition("@")
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.split(':')[0]}:…@{tail}" if head else uri


def open_records(place: str | None, rehearsal: bool = False) -> Records:
    """Return the records of an existing store, or of the store of rehearsals beside it.

    Raises
    ------
    StoreError
        If there is none.
    """
    return open_store(rehearsal_location(place) if rehearsal else place, create=False).records()
