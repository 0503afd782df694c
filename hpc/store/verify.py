"""Whether every finished job has what it should have in the store, and how a job that has not is put back in line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...configs.errors import StoreError
from .campaign_store import CampaignStore
from .collection import Collection
from .database import FIELDS, Database

__all__ = ["Fault", "Verdict", "repair_store", "verify_store"]


@dataclass(frozen=True)
class Fault:
    """A finished job whose result cannot be used.

    Attributes
    ----------
    key, name : str
    uuid : str
    index : int
        0 for a record of a job or campaign that is spoilt itself.
    what : str
        What is wrong, as half a sentence.
    """

    key: str
    name: str
    uuid: str
    index: int
    what: str


@dataclass(frozen=True)
class Verdict:
    """What a look through the whole store found.

    Attributes
    ----------
    finished, documents, arrays : int
        Jobs that count as done, and what is stored.
    faults : list of Fault
    stray : int
        Arrays that no document names: space, no fault.
    """

    finished: int
    documents: int
    arrays: int
    faults: list[Fault]
    stray: int


def verify_store(store: CampaignStore) -> Verdict:
    """Look at the document and the large arrays of every job that counts as done.

    Parameters
    ----------
    store : CampaignStore

    Raises
    ------
    StoreError
        If the file itself is damaged, or the database cannot be reached.
    """
    outputs: Any = store.outputs
    data = outputs.additional_stores["data"]
    spoilt = {name: set[tuple[Any, ...]]() for name in FIELDS}
    if store.database is not None:
        _check_file(store.database)
        spoilt = {name: set(_spoilt(Collection(store.database, name))) for name in FIELDS}
    owners = {
        str(array["blob_uuid"]): (array.get("job_uuid"), array.get("job_index"))
        for array in data.query({}, ["blob_uuid", "job_uuid", "job_index"])
    }
    faults = [
        Fault(str(key), "", str(key), 0, f"its record in {name} is spoilt")
        for name in ("states", "campaigns")
        for (key,) in sorted(spoilt[name])
    ]
    named = set[str]()
    finished = [record["key"] for record in store.states.find({"state": "done"}, ["key"])]
    for key in finished:
        if (key,) in spoilt["states"]:
            continue
        record = store.states.find_one({"key": key})
        if what := _fault(outputs, record, owners, spoilt, named):
            faults.append(Fault(key, record["name"], record["uuid"], record["index"], what))
    return Verdict(len(finished), outputs.count({}), len(owners), faults, len(owners.keys() - named))


def _fault(
    outputs: Any,
    record: dict[str, Any],
    owners: dict[str, tuple[Any, Any]],
    spoilt: dict[str, set[tuple[Any, ...]]],
    named: set[str],
) -> str:
    """What is wrong with one job's result, empty where nothing is; adds the arrays that it names."""
    from jobflow.utils.find import find_key
    from pydash import get

    job = (record["uuid"], record["index"])
    if job in spoilt["outputs"]:
        return "its document is spoilt"
    which = {"uuid": record["uuid"], "index": record["index"]}
    try:
        document = outputs.query_one(which, load=False)
        if document is None:
            return "its document is gone"
        blobs = [str(get(document, [*place, "blob_uuid"])) for place in find_key(document, "blob_uuid")]
        named.update(blobs)
        if missing := [blob for blob in blobs if blob not in owners]:
            return f"{len(missing)} of {len(blobs)} large arrays are gone"
        if wrong := [blob for blob in blobs if (blob,) in spoilt["data"]]:
            return f"{len(wrong)} of {len(blobs)} large arrays are spoilt"
        if others := [blob for blob in blobs if owners[blob] != job]:
            return f"{len(others)} of {len(blobs)} large arrays belong to another job"
        if blobs:
            outputs.query_one(which, load=True)
    except StoreError:
        raise
    except Exception as error:  # whatever a decoder says of bytes that are no document
        return f"its result cannot be read ({type(error).__name__}: {str(error)[:100]})"
    return ""


def _check_file(database: Database) -> None:
    try:
        (told,) = database.connection().execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        told = str(error)
    if told != "ok":
        raise StoreError(
            f"{database.file}: the file is damaged: {' '.join(str(told).split())[:200]}",
            "put back a copy, or move the file away and run again",
        )


def _spoilt(collection: Collection) -> Iterator[tuple[Any, ...]]:
    """What says which document is meant, of each whose bytes are not those that were written."""
    for unique, fits in collection.checked():
        if not fits:
            yield unique


def repair_store(store: CampaignStore, faults: list[Fault]) -> None:
    """Put jobs back in line: what is left of their results is removed, and the next run computes them again.

    Parameters
    ----------
    store : CampaignStore
    faults : list of Fault
        From :func:`verify_store`.
    """
    outputs: Any = store.outputs
    for fault in faults:
        if fault.index == 0:  # a record that cannot be read: a job is entered again by the next run
            store.states.delete_many({"key": fault.key})
            store.campaigns.delete_many({"name": fault.key})
            continue
        with store.exclusive():
            which = {"key": fault.key, "state": "done"}
            update = {"$set": {"state": "waiting"}, "$unset": {"announced": "", "dynamic": ""}}
            if not store.states.update_one(which, update).modified_count:
                continue  # a run has taken it meanwhile
            for arrays in outputs.additional_stores.values():
                arrays.remove_docs({"job_uuid": fault.uuid, "job_index": fault.index})
            outputs.docs_store.remove_docs({"uuid": fault.uuid, "index": fault.index})
