"""A collection of the embedded store, with the part of pymongo's interface that stores and ledger use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bson import decode, encode
from bson.errors import InvalidBSON

from ...configs.errors import StoreError
from .database import FIELDS, Database

if TYPE_CHECKING:
    from types import SimpleNamespace

__all__ = ["Collection", "checksum", "is_plain"]

#: keys of a question at once; SQLite takes 32,766 parameters
_AT_ONCE = 30_000
#: bytes of documents that are read at once
_BATCH_BYTES = 2**24


def checksum(document: bytes) -> str:
    """What tells a document that was spoilt on the disk."""
    return blake2b(document, digest_size=8).hexdigest()


class Collection:
    """Documents of one kind.

    Documents come without ``_id``. In place of an index beyond those of :data:`FIELDS` stands a look through the
    documents that the indexed fields leave; an array in an indexed field is not found by its members.

    Parameters
    ----------
    database : Database
    name : str
        One of :data:`FIELDS`.
    """

    def __init__(self, database: Database, name: str) -> None:
        self.embedded, self.name = database, name
        self.unique, others = FIELDS[name]
        self.fields = self.unique + others

    @property
    def database(self) -> SimpleNamespace:
        """What pymongo calls so: its client can be closed."""
        from types import SimpleNamespace

        return SimpleNamespace(client=SimpleNamespace(close=self.embedded.close))

    # reading

    def find(
        self,
        filter: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | Iterable[str] | None = None,
        skip: int = 0,
        limit: int = 0,
        sort: Any = None,
        hint: Any = None,
    ) -> Iterator[dict[str, Any]]:
        """Documents that match, in the order in which they were entered."""
        criteria = dict(filter or {})
        wanted = _top_level(projection)
        if wanted is None or skip or sort or not self._is_indexed(criteria):
            chosen = (
                projection if projection is None or isinstance(projection, Mapping) else dict.fromkeys(projection, 1)
            )
            found = self._scratch(self._rows(criteria)).find(criteria, chosen, skip=skip, limit=limit, sort=sort)
            yield from map(_without_id, found)
            return
        if wanted and wanted <= set(self.fields):
            yield from self._columns(criteria, sorted(wanted), limit)
            return
        for _, document in self._rows(criteria, limit):
            yield {key: value for key, value in document.items() if key in wanted} if wanted else document

    def find_one(
        self,
        filter: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | Iterable[str] | None = None,
        sort: Any = None,
    ) -> dict[str, Any] | None:
        """The first document that matches, or None."""
        return next(self.find(filter, projection, limit=1, sort=sort), None)

    def count_documents(self, filter: Mapping[str, Any], hint: Any = None) -> int:
        """How many documents match."""
        criteria = dict(filter)
        if not self._is_indexed(criteria):
            return sum(1 for _ in self.find(criteria))
        with self.embedded.faults():
            connection = self.embedded.connection()
            return sum(
                int(connection.execute(f'SELECT count(*) FROM "{self.name}"{where}', values).fetchone()[0])
                for where, values in self._wheres(criteria)
            )

    def estimated_document_count(self) -> int:
        """How many documents there are."""
        return self.count_documents({})

    def distinct(self, key: str, filter: Mapping[str, Any] | None = None) -> list[Any]:
        """Values of a field."""
        found: list[Any] = self._scratch(self._rows(dict(filter or {}))).distinct(key, filter)
        return found

    def index_information(self) -> dict[str, Any]:
        """The indexes, as pymongo tells them."""
        return {field: {"key": [(field, 1)]} for field in self.fields}

    def checked(self) -> Iterator[tuple[tuple[Any, ...], bool]]:
        """The fields that together say which document is meant, and whether its bytes are those that were written."""
        columns = ", ".join(f'"{field}"' for field in self.unique)
        with self.embedded.faults():
            rows = self.embedded.connection().execute(f'SELECT {columns}, checksum, document FROM "{self.name}"')
            for *unique, written, document in rows:
                yield tuple(unique), checksum(document) == written

    # writing

    def insert_one(self, document: dict[str, Any]) -> None:
        """Enter a document."""
        self.insert_many([document])

    def insert_many(self, documents: list[dict[str, Any]]) -> None:
        """Enter documents, all or none.

        Raises
        ------
        pymongo.errors.DuplicateKeyError
            If one of them is there.
        """
        rows = [self._row(document) for document in documents]
        columns = ", ".join(f'"{field}"' for field in self.fields)
        marks = ", ".join("?" * (len(self.fields) + 2))
        with self._unique(), self.embedded.transaction() as sqlite:
            sqlite.executemany(f'INSERT INTO "{self.name}" ({columns}, checksum, document) VALUES ({marks})', rows)

    def replace_one(self, filter: Mapping[str, Any], replacement: dict[str, Any], upsert: bool = False) -> None:
        """Put a document in the place of the first that matches, or enter it with `upsert`."""
        criteria = dict(filter)
        with self.embedded.transaction():
            if self._is_indexed(criteria):
                found = next(self._identifiers(criteria), None)
            else:
                found = next((row for row, _ in self._matching(criteria)), None)
            if found is not None:
                self._put(found, replacement)
            elif upsert:
                self.insert_one(replacement)

    def update_one(self, filter: Mapping[str, Any], update: Mapping[str, Any], upsert: bool = False) -> Any:
        """Change the first document that matches, in MongoDB's language; returns pymongo's kind of result."""
        return self._update("update_one", filter, update, upsert=upsert)

    def update_many(self, filter: Mapping[str, Any], update: Mapping[str, Any], upsert: bool = False) -> Any:
        """Change all documents that match."""
        return self._update("update_many", filter, update, upsert=upsert)

    def find_one_and_update(self, filter: Mapping[str, Any], update: Mapping[str, Any], **kwargs: Any) -> Any:
        """Change the first document that matches and return it as it was, or is with ``return_document``."""
        found = self._update("find_one_and_update", filter, update, **kwargs)
        return None if found is None else _without_id(found)

    def delete_one(self, filter: Mapping[str, Any]) -> None:
        """Remove the first document that matches."""
        with self.embedded.transaction() as sqlite:
            for row, _ in list(self._matching(dict(filter)))[:1]:
                sqlite.execute(f'DELETE FROM "{self.name}" WHERE id = ?', (row,))

    def delete_many(self, filter: Mapping[str, Any]) -> None:
        """Remove all documents that match."""
        criteria = dict(filter)
        with self.embedded.transaction() as sqlite:
            if self._is_indexed(criteria):
                for where, values in self._wheres(criteria):
                    sqlite.execute(f'DELETE FROM "{self.name}"{where}', values)
                return
            rows = [(row,) for row, _ in self._matching(criteria)]
            sqlite.executemany(f'DELETE FROM "{self.name}" WHERE id = ?', rows)

    # below

    def _update(self, method: str, filter: Mapping[str, Any], update: Mapping[str, Any], **kwargs: Any) -> Any:
        criteria = dict(filter)
        with self.embedded.transaction():
            before = dict(self._matching(criteria, 0 if method == "update_many" else 1))
            scratch = self._scratch(before.items())
            result = getattr(scratch, method)(criteria, update, **kwargs)
            for document in scratch.find({}):
                row = document.pop("_id")
                if row not in before:
                    self.insert_one(document)
                elif document != before[row]:
                    self._put(row, document)
        return result

    def _put(self, row: int, document: dict[str, Any]) -> None:
        changed = ", ".join(f'"{field}" = ?' for field in self.fields)
        with self._unique(), self.embedded.transaction() as sqlite:
            sqlite.execute(
                f'UPDATE "{self.name}" SET {changed}, checksum = ?, document = ? WHERE id = ?',
                (*self._row(document), row),
            )

    def _row(self, document: dict[str, Any]) -> tuple[Any, ...]:
        """What is written of a document: the indexed fields, the checksum and the document."""
        packed = encode(_without_id(document))
        indexed = (document.get(field) for field in self.fields)
        return (*(value if is_plain(value) else None for value in indexed), checksum(packed), packed)

    def _unique(self) -> _Duplicates:
        return _Duplicates(self.name)

    def _is_indexed(self, criteria: dict[str, Any]) -> bool:
        """Whether the indexed fields settle a question alone; of many values may be asked in one of them."""
        return set(criteria) <= set(self._indexed(criteria))

    def _indexed(self, criteria: dict[str, Any]) -> dict[str, list[Any]]:
        """Values that are asked of indexed fields, for one field of several values."""
        plain = {key: _plain_values(asked) for key, asked in criteria.items() if key in self.fields}
        single = {key: values for key, values in plain.items() if values is not None and len(values) == 1}
        several = {key: values for key, values in plain.items() if values is not None and len(values) != 1}
        return single | dict(list(several.items())[:1])

    def _wheres(self, criteria: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
        """The condition on indexed fields, in parts of few enough values; what matches the criteria is among it."""
        asked = self._indexed(criteria)
        if not asked:
            yield "", []
            return
        *single, last = asked.values()
        for start in range(0, len(last), _AT_ONCE):
            parts = [*single, last[start : start + _AT_ONCE]]
            where = " AND ".join(
                f'"{key}" IN ({", ".join("?" * len(values))})' for key, values in zip(asked, parts, strict=True)
            )
            yield f" WHERE {where}", [value for values in parts for value in values]

    def _identifiers(self, criteria: dict[str, Any], limit: int = 0) -> Iterator[int]:
        yield from (row for row, _ in self._sizes(criteria, limit))

    def _sizes(self, criteria: dict[str, Any], limit: int = 0) -> list[tuple[int, int]]:
        """Row and length of each document that the indexed fields leave."""
        found: list[tuple[int, int]] = []
        with self.embedded.faults():
            connection = self.embedded.connection()
            for where, values in self._wheres(criteria):
                found += connection.execute(f'SELECT id, length(document) FROM "{self.name}"{where}', values)
        found.sort()
        return found[:limit] if limit else found

    def _rows(self, criteria: dict[str, Any], limit: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """Documents that the indexed fields leave, with their rows; read in batches, so that no read is left open."""
        batch: list[int] = []
        held = 0
        for row, size in self._sizes(criteria, limit):
            batch.append(row)
            held += size
            if held > _BATCH_BYTES or len(batch) == _AT_ONCE:
                yield from self._read(batch)
                batch, held = [], 0
        yield from self._read(batch)

    def _read(self, rows: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        with self.embedded.faults():
            found = (
                self.embedded.connection()
                .execute(
                    f'SELECT id, document FROM "{self.name}" WHERE id IN ({", ".join("?" * len(rows))}) ORDER BY id',
                    rows,
                )
                .fetchall()
                if rows
                else []
            )
        for row, document in found:
            try:
                decoded = decode(document)
            except InvalidBSON:
                raise StoreError(
                    f"{self.embedded.file}: a document of {self.name} is damaged",
                    "catholyte doctor --store names it, and --repair puts its job back in line",
                ) from None
            decoded.pop("_id", None)  # of a store of former versions
            yield row, decoded

    def _columns(self, criteria: dict[str, Any], wanted: list[str], limit: int) -> Iterator[dict[str, Any]]:
        """Indexed fields alone; a document is read only where one of them is missing or no plain value."""
        columns = ", ".join(f'"{field}"' for field in wanted)
        found: list[tuple[Any, ...]] = []
        with self.embedded.faults():
            connection = self.embedded.connection()
            for where, values in self._wheres(criteria):
                found += connection.execute(f'SELECT id, {columns} FROM "{self.name}"{where}', values)
        found.sort(key=itemgetter(0))
        found = found[:limit] if limit else found
        whole = dict(self._read([row for row, *values in found if None in values]))
        for row, *values in found:
            document = whole.get(row) or dict(zip(wanted, values, strict=True))
            yield {field: document[field] for field in wanted if field in document}

    def _matching(self, criteria: dict[str, Any], limit: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        from mongomock_ng import filtering

        applies: Any = filtering.filter_applies  # mongomock has no types
        left = limit
        for row, document in self._rows(criteria):
            if applies(criteria, document):
                yield row, document
                left -= 1
                if left == 0:
                    return

    def _scratch(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> Any:
        """A collection in memory that speaks MongoDB's language, with rows in the place of ``_id``."""
        from mongomock_ng import MongoClient

        made: Any = MongoClient().db.scratch
        documents = [{**document, "_id": row} for row, document in rows]
        if documents:
            made.insert_many(documents)
        return made


class _Duplicates:
    """Says a document that is there twice as pymongo would."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            from pymongo.errors import DuplicateKeyError

            raise DuplicateKeyError(f"{self.name}: {error}") from None


def _without_id(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "_id"}


def is_plain(value: Any) -> bool:
    """Whether SQLite compares a value as MongoDB does."""
    if isinstance(value, bool):
        return False
    return isinstance(value, str) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _plain_values(asked: Any) -> list[Any] | None:
    """Values of which one is asked for, where SQLite can tell; else None."""
    values = asked["$in"] if isinstance(asked, Mapping) and list(asked) == ["$in"] else [asked]
    return list(values) if all(is_plain(value) for value in values) else None


def _top_level(projection: Mapping[str, Any] | Iterable[str] | None) -> set[str] | None:
    """Whole fields that are asked for, all where empty; None for what else MongoDB can be asked."""
    if projection is None:
        return set()
    if isinstance(projection, Mapping):
        if not all(value in (1, True) and not isinstance(value, dict) for value in projection.values()):
            return None
        projection = list(projection)
    wanted = set(projection)
    return None if any("." in field or field == "_id" for field in wanted) else wanted
