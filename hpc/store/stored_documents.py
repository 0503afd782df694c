"""Documents and large arrays of the embedded store, to be read without jobflow, whose import takes a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .collection import Collection
from .database import Database

__all__ = ["StoredArrays", "StoredDocuments"]


class StoredArrays:
    """Large arrays, asked for as maggma's stores are.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def query(self, criteria: dict[str, Any], properties: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The fields `properties` of the documents that match."""
        return self._collection.find(criteria, dict.fromkeys(properties, 1))


class StoredDocuments(StoredArrays):
    """Documents, with the part of jobflow's job store that :class:`...analysis.records.Records` reads.

    Parameters
    ----------
    database : Database
        Open.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(Collection(database, "outputs"))
        self.additional_stores = {"data": StoredArrays(Collection(database, "data"))}

    def query(
        self, criteria: dict[str, Any], properties: Sequence[str], load: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The fields `properties`, uuid and index of the documents that match; places of large arrays stay places."""
        return super().query(criteria, [*properties, "uuid", "index"])
