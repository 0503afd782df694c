"""The embedded store's database: documents in one SQLite file, found by their indexed fields.

A document is kept as BSON, as MongoDB would keep it, beside a checksum and a column for each indexed field. What is
asked by equality of indexed fields is answered by SQLite; mongomock answers the rest of MongoDB's language on the
documents that those fields leave. Every change is one transaction that has reached the disk when it returns
(``synchronous = FULL``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from ...configs.errors import StoreError

__all__ = ["FIELDS", "LOCK_SECONDS", "Database", "StoreAwayError", "told"]

#: s that a writer waits for its turn
LOCK_SECONDS = 120
#: indexed fields of each collection; together the first ones say which document is meant
FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "outputs": (("uuid", "index"), ()),
    "data": (("blob_uuid",), ("job_uuid", "job_index")),
    "states": (("key",), ("uuid", "state")),
    "campaigns": (("name",), ()),
}
#: form of the file; one that a newer version made is refused
_FORM = 1
_TRANSIENT = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")


#: connections of the parent of a forked process: left alone, never closed here
_INHERITED: list[_Connection] = []
_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


class StoreAwayError(StoreError):
    """The store cannot be used now, and may be again: no space, or another process that writes for long."""


def told(error: sqlite3.Error, file: Path) -> StoreError:
    """The one sentence that a fault of SQLite means.

    Parameters
    ----------
    error : sqlite3.Error
    file : Path
        The database.
    """
    name = str(getattr(error, "sqlite_errorname", "")) or ("SQLITE_BUSY" if "locked" in str(error) else "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreAwayError(
            f"another process has held the store's lock {file} for {LOCK_SECONDS:g} s",
            "look for a process that hangs: the lock ends with it",
        )
    if name.startswith(_TRANSIENT):
        return StoreAwayError(
            f"{file}: the store cannot be written or read now: {error}",
            "make room on its disk; finished results are kept beside their jobs, and the next run delivers them",
        )
    if name.startswith("SQLITE_READONLY"):
        return StoreError(f"{file}: the store is not writable", "name another folder with --store")
    return StoreError(
        f"{file}: the store cannot be opened: {error}",
        "where the file is damaged, put back a copy; results are computed again from the recipe otherwise",
    )


class _Connection:
    """A connection of one thread, closed with it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.process, self.depth, self.sqlite, self.closed = os.getpid(), 0, connection, False

    def close(self) -> None:
        if self.process == os.getpid():  # a forked child leaves its parent's connection alone
            self.closed = True
            self.sqlite.close()

    __del__ = close


class Database:
    """Connections to one SQLite file, one a thread.

    Parameters
    ----------
    file : Path
    readonly : str
        Options of the address where nothing may be written: ``mode=ro``, with ``immutable=1`` where nobody writes.
    network : bool
        The file lies on a network file system: a journal that needs no shared memory.
    """

    def __init__(self, file: Path, readonly: str = "", *, network: bool = False) -> None:
        self.file, self.readonly, self.network = file, readonly, network
        self.identity: tuple[int, int] | None = None
        self._local = threading.local()
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        _DATABASES.add(self)

    def create(self) -> None:
        """Make what is missing, whole or not at all: a creation that was killed is completed by the next opening."""
        with self.transaction() as sqlite:
            for name, (unique, others) in FIELDS.items():
                columns = ", ".join(f'"{field}"' for field in unique + others)
                sqlite.execute(
                    f'CREATE TABLE IF NOT EXISTS "{name}" (id INTEGER PRIMARY KEY, {columns}, checksum, document BLOB)'
                )
                chosen = ", ".join(f'"{field}"' for field in unique)
                sqlite.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{name}_unique" ON "{name}" ({chosen})')
                for field in others:
                    sqlite.execute(f'CREATE INDEX IF NOT EXISTS "{name}_{field}" ON "{name}" ("{field}")')
            sqlite.execute(f"PRAGMA user_version={_FORM}")

    def is_whole(self) -> bool:
        """Whether its creation was completed.

        Raises
        ------
        StoreError
            If a newer version made it.
        """
        form = int(self.connection().execute("PRAGMA user_version").fetchone()[0])
        if form > _FORM:
            raise StoreError(f"{self.file}: a newer version of catholyte made this store", "install that version here")
        return form == _FORM

    def connection(self) -> sqlite3.Connection:
        """This thread's connection.

        Raises
        ------
        StoreError
            If the file is gone or another one since it was opened.
        """
        return self._connected().sqlite

    def _connected(self) -> _Connection:
        found: _Connection | None = getattr(self._local, "connection", None)
        if found is not None and found.process != os.getpid():
            _INHERITED.append(found)
            found = None
        if found is not None and found.closed:
            found = None
        if found is not None:
            if _identity(self.file) != self.identity:
                raise StoreError(
                    f"{self.file}: the store was deleted or replaced while it was in use",
                    "put it back, then run again: results that wait beside their jobs are delivered",
                )
            return found
        if self.identity is not None and _identity(self.file) != self.identity:
            raise StoreError(f"{self.file}: the store was deleted or replaced while it was in use")
        try:
            found = _Connection(self._connect())
        except sqlite3.Error as error:
            raise told(error, self.file) from None
        self.identity = self.identity or _identity(self.file)
        self._local.connection = found
        self._open.add(found)
        return found

    def _connect(self) -> sqlite3.Connection:
        address = f"{self.file.absolute().as_uri()}?{self.readonly or 'mode=rwc'}"
        made = sqlite3.connect(address, timeout=LOCK_SECONDS, isolation_level=None, uri=True, check_same_thread=False)
        try:
            if not self.readonly:
                made.execute(f"PRAGMA journal_mode={'DELETE' if self.network else 'WAL'}")
                made.execute("PRAGMA synchronous=FULL")
            made.execute("SELECT count(*) FROM sqlite_master").fetchone()  # fails now, not in the middle of a run
        except BaseException:
            made.close()
            raise
        return made

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the database alone: what is written in here is kept whole, or not at all.

        Yields
        ------
        sqlite3.Connection
            This thread's connection; a transaction inside another belongs to it.
        """
        held = self._connected()
        with self.faults():
            if held.depth == 0:
                held.sqlite.execute("BEGIN IMMEDIATE")
            held.depth += 1
            try:
                yield held.sqlite
                if held.depth == 1:
                    held.sqlite.execute("COMMIT")
            finally:
                held.depth -= 1
                if held.depth == 0 and held.sqlite.in_transaction:
                    held.sqlite.execute("ROLLBACK")

    @contextlib.contextmanager
    def faults(self) -> Iterator[None]:
        """Say in one sentence what SQLite could not do."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise told(error, self.file) from None

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in list(self._open):
            connection.close()
        self._local = threading.local()
        self._open.clear()


def _close_before_fork() -> None:
    """Close what is open and idle: SQLite's locks do not reach a forked child, which believes that it holds them. The
    next use opens anew."""
    for database in list(_DATABASES):
        for connection in list(database._open):
            if connection.depth == 0:
                connection.close()


os.register_at_fork(before=_close_before_fork)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
