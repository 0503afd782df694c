"""Where results and job states live: an embedded store in a folder, or MongoDB by URI.

Both hold the same four collections: ``outputs`` (jobflow's documents), ``data`` (large arrays, the
additional store), ``states`` (one record a job) and ``campaigns`` (one record a recipe). The embedded
store is one SQLite file; writers of several processes take turns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.database import REHEARSAL, rehearsal_uri
from ...configs.errors import StoreError
from .location import database_of, is_uri, require_location, scrubbed, without_password

if TYPE_CHECKING:
    from jobflow import JobStore

    from ...analysis.campaigns import Campaigns
    from ...analysis.records import Records
    from .database import Database

__all__ = [
    "DEFAULT_STORE",
    "STORE_VARIABLE",
    "CampaignStore",
    "database_of",
    "is_rehearsal_store",
    "is_uri",
    "open_job_states",
    "open_records",
    "open_store",
    "rehearsal_location",
    "without_password",
]

STORE_VARIABLE = "CATHOLYTE_STORE"
DEFAULT_STORE = "catholyte-store"


@dataclass(frozen=True)
class CampaignStore:
    """An open store.

    Attributes
    ----------
    location : str
        Folder or MongoDB URI, from which another process opens the same store.
    connect : callable
        Returns the connected job store of :attr:`outputs`.
    states, campaigns : collection
        Objects with the pymongo collection interface.
    work : Path
        Folder of the jobs' working directories.
    database : Database or None
        The embedded store's; None for MongoDB.
    """

    location: str = field(repr=False)  # a URI may hold a password
    connect: Callable[[], JobStore]
    states: Any
    campaigns: Any
    work: Path
    database: Database | None = None

    @cached_property
    def outputs(self) -> JobStore:
        """Documents, with the additional store ``data`` for large arrays; jobflow is imported when they are asked
        for."""
        return self.connect()

    def job_states(self) -> Campaigns:
        """Read access to campaigns and job states alone, which is quicker to import than all of :meth:`records`."""
        from ...analysis.campaigns import Campaigns

        return Campaigns(self.states, self.campaigns)

    @property
    def shown(self) -> str:
        """The location as it may be printed: without the password of a URI."""
        return without_password(self.location)

    def records(self, *, rehearsals: bool = False) -> Records:
        """Read access to what is stored; the documents of rehearsals, whose numbers are invented, where asked for."""
        from ...analysis.records import Records

        return Records(self._documents, self.states, self.campaigns, rehearsals=rehearsals)

    def _documents(self) -> Any:
        """What documents are read from: the embedded store's collections, else the job store."""
        if self.database is None:
            return self.outputs
        from .stored_documents import StoredDocuments

        return StoredDocuments(self.database)

    def holds(self, uuid: str, index: int) -> bool:
        """Whether a job's document is here."""
        return (uuid, index) in self.held([uuid])

    def held(self, uuids: list[str]) -> set[tuple[str, int]]:
        """Uuid and index of the documents that are here of some jobs."""
        documents: Any = self.outputs.docs_store
        found = documents.query({"uuid": {"$in": uuids}}, ["uuid", "index"])
        return {(str(document["uuid"]), int(document["index"])) for document in found}

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the embedded store alone; what is written meanwhile is kept whole, or not at all.

        MongoDB's own atomic updates need no lock, and what is written there is kept one by one.
        """
        if self.database is None:
            yield
            return
        with self.database.transaction():
            yield

    def close(self) -> None:
        """Close all connections."""
        if self.database is not None:
            self.database.close()
            return
        outputs: Any = self.outputs  # jobflow's method has no types
        outputs.close()
        for collection in (self.states, self.campaigns):
            collection.database.client.close()


def rehearsal_location(location: str | Path | None = None) -> str:
    """Where rehearsals are kept: a folder or database of their own beside `location`, with ``-rehearsal`` after its
    name."""
    place = str(location or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE)
    require_location(place)
    if is_rehearsal_store(place):
        return place
    if not is_uri(place):
        return f"{place.rstrip('/')}{REHEARSAL}"
    return rehearsal_uri(place)


def is_rehearsal_store(location: str) -> bool:
    """Whether a store is one of rehearsals, by the name of its folder or database."""
    return (database_of(location) if is_uri(location) else location.rstrip("/")).endswith(REHEARSAL)


def open_store(location: str | Path | None = None, create: bool = True) -> CampaignStore:
    """Open the store at `location`.

    Parameters
    ----------
    location : str or Path, optional
        A folder, or ``mongodb://…/DATABASE``; the variable ``CATHOLYTE_STORE``, else the folder
        ``catholyte-store``, where left out.
    create : bool
        Make the embedded store where there is none, and write into it; without, it may lie where nothing can be
        written.

    Raises
    ------
    InputError
        If the location is neither a folder nor a MongoDB URI.
    StoreError
        If it does not exist (and `create` is false), is not writable (and `create` is true), or the server does not
        answer.
    """
    place = str(location or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE)
    require_location(place)
    return _open_mongo(place) if is_uri(place) else _open_embedded(Path(place).absolute(), create)


def _open_embedded(folder: Path, create: bool) -> CampaignStore:
    from .collection import Collection
    from .opening import open_database

    database = open_database(folder, create)

    def connect() -> JobStore:
        from .job_store import job_store

        return job_store(folder, database)

    states, campaigns = (Collection(database, name) for name in ("states", "campaigns"))
    return CampaignStore(str(folder), connect, states, campaigns, folder / "work", database)


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
            f"{without_password(uri)}: MongoDB cannot be used: {scrubbed(str(error).splitlines()[0][:300], uri)}",
            "check the URI, the network and the credentials",
        ) from None
    work = Path(os.environ.get("CATHOLYTE_WORK", "catholyte-work")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    return CampaignStore(uri, lambda: outputs, states, stores["campaigns"]._collection, work)


def open_records(place: str | None, rehearsal: bool = False) -> Records:
    """Return the records of an existing store, or of the store of rehearsals beside it.

    Raises
    ------
    StoreError
        If there is none.
    """
    return open_store(rehearsal_location(place) if rehearsal else place, create=False).records()


def open_job_states(place: str | None, rehearsal: bool = False) -> Campaigns:
    """Return campaigns and job states of an existing store, or of the store of rehearsals beside it.

    Raises
    ------
    StoreError
        If there is none.
    """
    return open_store(rehearsal_location(place) if rehearsal else place, create=False).job_states()
