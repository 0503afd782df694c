"""Results are written beside the job first and delivered then: a database that is away costs time, never a result."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...configs.errors import StoreError
from .database import StoreAwayError
from .ledger import LeaseLostError, job_key

if TYPE_CHECKING:
    from jobflow import JobStore

__all__ = ["LIMIT_BYTES", "PATIENCE_VARIABLE", "Delivery", "patient"]

T = TypeVar("T")

#: bytes of one document; MongoDB refuses more than 16 MiB
LIMIT_BYTES = 12 * 2**20
#: s, how long to wait for a database that is away
PATIENCE_VARIABLE = "CATHOLYTE_PATIENCE"
_PATIENCE = 3600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_FILE = "delivery.bson"
#: what former versions kept
_FORMER = "delivery.json"
#: no space, or none left of a quota
_FULL = (errno.ENOSPC, errno.EDQUOT)


def patient(action: Callable[[], T], what: str) -> T:
    """Return ``action()``; while the database cannot be reached, or its disk is full, wait and try again.

    Parameters
    ----------
    action : callable
        Safe to repeat.
    what : str
        What is waited for, in the message.

    Raises
    ------
    StoreError
        After an hour, or as many seconds as the variable ``CATHOLYTE_PATIENCE`` says.
    """
    from pymongo.errors import ConnectionFailure

    limit = float(os.environ.get(PATIENCE_VARIABLE, _PATIENCE))
    started, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            return action()
        except (ConnectionFailure, StoreAwayError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _FULL:
                raise
            waited = time.monotonic() - started
            reason = error.message if isinstance(error, StoreAwayError) else str(error).splitlines()[0][:200]
            if waited + pause > limit:
                raise StoreError(
                    f"the database was away for {waited:.0f} s while waiting to {what}: {reason}",
                    (
                        "what was computed is kept beside the job; when the database is back, run or submit again: it "
                        "is delivered, not computed again"
                    ),
                ) from None
            logging.getLogger(__name__).warning("waiting to %s (%.0f s so far): %s", what, waited, reason)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


class Delivery:
    """What one job hands to the store, kept in its working directory until it has arrived.

    Parameters
    ----------
    directory : Path
        The job's working directory.
    outputs : JobStore
        Where everything goes in the end.
    """

    def __init__(self, directory: Path, outputs: Any) -> None:
        self.file = directory / _FILE
        self.former = directory / _FORMER
        self.outputs = outputs
        self.documents: list[dict[str, Any]] = []
        self.arrays: dict[str, list[dict[str, Any]]] = {}

    @property
    def kept(self) -> bool:
        """Whether a finished result waits here."""
        return self.file.is_file() or self.former.is_file()

    def catcher(self) -> JobStore:
        """A job store that reads from the real one and keeps back what is written."""
        from jobflow import JobStore

        def keep_document(docs: Any, key: Any = None) -> None:
            self.documents += docs if isinstance(docs, list) else [docs]

        def keep_arrays(name: str) -> Callable[..., None]:
            return lambda docs, key=None: self.arrays.setdefault(name, []).extend(docs)

        return JobStore(
            _with_update(self.outputs.docs_store, keep_document),
            additional_stores={
                name: _with_update(store, keep_arrays(name)) for name, store in self.outputs.additional_stores.items()
            },
        )

    def keep(self, dynamic: dict[str, Any]) -> None:
        """Write everything beside the job, whole or not at all.

        Raises
        ------
        StoreError
            If a document is larger than :data:`LIMIT_BYTES`, naming its largest fields.
        """
        self.require_sizes()
        partial = self.file.with_suffix(".partial")
        content = _packed({"documents": self.documents, "arrays": self.arrays, "dynamic": dynamic})
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # a power cut after the renaming would leave an empty file
        partial.replace(self.file)

    def require_sizes(self) -> None:
        """Raise unless every document is small enough for a database.

        Raises
        ------
        StoreError
            If a document is larger than :data:`LIMIT_BYTES`, naming its largest fields.
        """
        for document in self.documents:
            _require_size(document)

    def read(self) -> dict[str, Any] | None:
        """Take up what an earlier attempt kept; returns the jobs that it added, or None where nothing can be read."""
        from bson import decode
        from bson.errors import BSONError
        from bson.json_util import loads

        if not self.kept:
            return None
        file = self.file if self.file.is_file() else self.former
        try:
            packed = file.read_bytes()
            content: dict[str, Any] = decode(packed) if file is self.file else loads(packed.decode())
            self.documents, self.arrays = content["documents"], content["arrays"]
            dynamic: dict[str, Any] = content["dynamic"]
        except (BSONError, ValueError, KeyError, TypeError) as error:  # spoilt on the disk: the job is computed again
            logging.getLogger(__name__).warning("%s cannot be read: %s", file, error)
            return None
        return dynamic

    def arrays_first(self, uuid: str, index: int) -> None:
        """Deliver large arrays; in the embedded store in place of any that a killed delivery of this job left."""
        for name, store in self.outputs.additional_stores.items():
            if not self._fenced:
                store.remove_docs({"job_uuid": uuid, "job_index": index})
            if name in self.arrays:
                store.update(self.arrays[name], key="blob_uuid")

    def document_last(self, attempt: int) -> None:
        """Deliver the document with the number of its attempt: from now on the job has its result.

        Raises
        ------
        LeaseLostError
            If a later attempt has delivered one.
        """
        store = self.outputs.docs_store
        for document in self.documents:
            document["attempt"] = attempt
        if not self._fenced:
            store.update(self.documents, key=["uuid", "index"])
            return
        for document in self.documents:
            _replace_earlier(store._collection, document, attempt)
            self._clear_others(document["uuid"], document["index"])

    @property
    def _fenced(self) -> bool:
        """Whether documents are written one by one, each with a condition: in MongoDB. The embedded store's writer
        holds it alone."""
        from maggma.stores import MemoryStore, MongoStore

        store = self.outputs.docs_store
        return isinstance(store, MongoStore) and not isinstance(store, MemoryStore)

    def _clear_others(self, uuid: str, index: int) -> None:
        """Remove arrays that earlier attempts have delivered: no document names them any more."""
        for name, store in self.outputs.additional_stores.items():
            own = [array["blob_uuid"] for array in self.arrays.get(name, [])]
            store.remove_docs({"job_uuid": uuid, "job_index": index, "blob_uuid": {"$nin": own}})


def _replace_earlier(collection: Any, document: dict[str, Any], attempt: int) -> None:
    """Write a document in place of that of an earlier attempt, never of a later one."""
    from monty.json import jsanitize
    from pymongo.errors import DuplicateKeyError

    identity = {"uuid": document["uuid"], "index": document["index"]}
    earlier = {"$or": [{"attempt": {"$exists": False}}, {"attempt": {"$lte": attempt}}]}
    plain = jsanitize(document, allow_bson=True, recursive_msonable=True)  # as maggma's stores do
    try:
        collection.replace_one({**identity, **earlier}, plain, upsert=True)
    except DuplicateKeyError:  # the unique index of uuid and index: a later one is there
        raise LeaseLostError(job_key(**identity)) from None


def _packed(kept: dict[str, Any]) -> bytes:
    """BSON writes numbers as they are; what it does not know, numpy's arrays and sets, takes the way by JSON."""
    from bson import encode
    from bson.errors import InvalidDocument
    from bson.json_util import dumps, loads

    try:
        return encode(kept)
    except InvalidDocument:
        return encode(loads(dumps(kept)))


def _with_update(store: Any, update: Callable[..., None]) -> Any:
    """The same connection with another way of writing; copy.copy would give a store without its connection."""
    twin = object.__new__(type(store))
    twin.__dict__.update(store.__dict__)
    twin.update = update
    return twin


def _require_size(document: dict[str, Any]) -> None:
    from bson import encode

    size = len(encode(document))
    if size <= LIMIT_BYTES:
        return
    output = document.get("output")
    fields = output if isinstance(output, dict) else {"output": output}
    largest = sorted(((len(encode({"field": value})), name) for name, value in fields.items()), reverse=True)[:3]
    told = ", ".join(f"{name} {part / 2**20:.1f} MiB" for part, name in largest)
    raise StoreError(
        (
            f"the document of {document.get('name')} has {size / 2**20:.1f} MiB, more than {LIMIT_BYTES / 2**20:.0f}; "
            f"largest: {told}"
        ),
        "large arrays belong into the fields dos and trajectory, which go to the additional store; store fewer frames",
    )
