"""Collections of the embedded store as a jobflow job store, with maggma's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bson.errors import InvalidDocument
from jobflow import JobStore
from maggma.stores import MemoryStore
from monty.json import jsanitize

from .collection import Collection
from .database import Database
from .opening import open_database

__all__ = ["EmbeddedStore", "job_store"]


class EmbeddedStore(MemoryStore):
    """One collection of the embedded store.

    Parameters
    ----------
    folder : str
        The store's folder.
    collection_name : str
        ``outputs`` or ``data``.
    """

    _coll: Any  # maggma declares its own kind

    def __init__(self, folder: str, collection_name: str = "outputs", **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(collection_name, **kwargs)

    @property
    def name(self) -> str:
        """What maggma calls the store."""
        return f"catholyte://{self.folder}/{self.collection_name}"

    def connect(self, force_reset: bool = False) -> None:
        """Open the store where :func:`job_store` did not do it."""
        if self._coll is None or force_reset:
            self._coll = Collection(open_database(Path(self.folder).absolute(), create=True), self.collection_name)

    def update(self, docs: Any, key: Any = None) -> None:
        """Enter documents or replace those of the same key, all or none.

        Parameters
        ----------
        docs : dict or list of dict
        key : str or list of str, optional
            Fields that say which document is meant.
        """
        documents = docs if isinstance(docs, list) else [docs]
        fields = [key or self.key] if isinstance(key or self.key, str) else list(key or self.key)
        collection: Collection = self._collection
        with collection.embedded.transaction():
            for document in documents:
                which = {field: document[field] for field in fields}
                try:
                    collection.replace_one(which, document, upsert=True)
                except (InvalidDocument, OverflowError):  # arrays and numbers of numpy, keys that are no text
                    collection.replace_one(which, jsanitize(document, allow_bson=True), upsert=True)


def job_store(folder: Path, database: Database) -> JobStore:
    """Documents and large arrays of an open store."""
    stores = {name: EmbeddedStore(str(folder), name) for name in ("outputs", "data")}
    for name, store in stores.items():
        store._coll = Collection(database, name)
    return JobStore(stores["outputs"], additional_stores={"data": stores["data"]})
