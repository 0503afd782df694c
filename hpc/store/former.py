"""Stores of former versions, one MontyDB file a collection, and how they are taken over."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from ...configs.errors import StoreError
from .collection import checksum, is_plain
from .database import FIELDS, Database, told

__all__ = ["SET_ASIDE", "copied_former", "has_former", "import_former", "living_process", "set_aside"]

#: folder of the former files in the store
_FORMER = "catholyte"
#: where they lie once they are taken over
SET_ASIDE = "former-store"
_SETTINGS = (".monty.storage", "monty.storage.cfg")


def has_former(folder: Path) -> bool:
    """Whether files of a former version stand in a store's folder."""
    return any((folder / _FORMER).glob("*.collection"))


def copied_former(folder: Path, place: Path) -> Path:
    """Where the former files can be read: a copy below `place` where an interrupted writer left something to work up
    and nothing can be written in `folder`."""
    pending = [file for file in (folder / _FORMER).glob("*.collection-wal") if file.stat().st_size]
    if not pending or os.access(folder / _FORMER, os.W_OK):
        return folder
    shutil.copytree(folder / _FORMER, place / _FORMER, copy_function=shutil.copyfile)
    (place / _FORMER).chmod(0o700)
    return place


def import_former(folder: Path, database: Database, *, keep: bool = False) -> None:
    """Copy every document of a former store, byte for byte, and compare all of them afterwards.

    Parameters
    ----------
    folder : Path
        The store's folder.
    database : Database
        Where they go.
    keep : bool
        Documents that are there already stay as they are.

    Raises
    ------
    StoreError
        If a former file cannot be read, or a document did not arrive.
    """
    for name in FIELDS:
        file = folder / _FORMER / f"{name}.collection"
        expected: dict[Any, str] = {}
        with database.transaction() as sqlite:
            for number, document in enumerate(_documents(file)):
                key, row = _row(name, document, number, file)
                expected[key] = row[-2]
                sqlite.execute(_insertion(name, keep=keep), row)
        arrived = {
            _row(name, document, number, file)[0]: checksum(document)
            for number, (document,) in enumerate(
                database.connection().execute(f'SELECT document FROM "{name}" ORDER BY id')
            )
        }
        missing = [key for key in expected if key not in arrived or (not keep and arrived[key] != expected[key])]
        if missing or (not keep and len(arrived) != len(expected)):
            raise StoreError(
                f"{folder}: {len(missing)} of {len(expected)} documents of {name} did not arrive in the new store",
                "the former files are untouched; make room on the disk and try again",
            )
        logging.getLogger(__name__).info("%s: %d documents of %s taken over", folder, len(expected), name)


def _insertion(name: str, *, keep: bool) -> str:
    unique, others = FIELDS[name]
    columns = ", ".join(f'"{field}"' for field in unique + others)
    marks = ", ".join("?" * (len(unique + others) + 2))
    verb = "INSERT OR IGNORE" if keep else "INSERT OR REPLACE"  # MontyDB has no unique index: the last one counts
    return f'{verb} INTO "{name}" ({columns}, checksum, document) VALUES ({marks})'


def _row(name: str, document: bytes, number: int, file: Path) -> tuple[Any, tuple[Any, ...]]:
    """What says which document it is, and the row that is written of it."""
    unique, others = FIELDS[name]
    try:
        fields = RawBSONDocument(document)
        values = {field: fields.get(field) for field in unique + others}
    except BSONError as error:
        raise StoreError(
            f"{file}: the store cannot be opened: document {number + 1} is damaged ({error})",
            "put back a copy of the file, or move it away: what it held is computed again",
        ) from None
    plain = {field: value if is_plain(value) else None for field, value in values.items()}
    key = tuple(plain[field] for field in unique)
    return (number if None in key else key), (*plain.values(), checksum(document), document)


def _documents(file: Path) -> Iterator[bytes]:
    """Documents of a former file; none where its creation was interrupted."""
    if not file.exists():
        return
    options = "mode=rw" if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?{options}", uri=True)) as connection:
            if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'documents'").fetchone()[0]:
                for (document,) in connection.execute("SELECT v FROM documents ORDER BY rowid"):
                    yield bytes(document)
    except sqlite3.Error as error:
        raise told(error, file) from None


def living_process(folder: Path) -> str:
    """Who computes on this host in a former store now, in words; empty where nobody does."""
    import psutil
    from bson import decode

    for document in _documents(folder / _FORMER / "states.collection"):
        record = decode(document)
        if record.get("state") != "running" or record.get("host") != socket.gethostname():
            continue
        with contextlib.suppress(psutil.Error, TypeError, ValueError):
            process = psutil.Process(record.get("pid"))
            if abs(process.create_time() - float(record.get("pid_started", 0))) < 2:
                return f"process {process.pid}"
    return ""


def set_aside(folder: Path) -> None:
    """Move the former files out of the way, after they were taken over."""
    place, number = folder / SET_ASIDE, 1
    while place.exists():
        number += 1
        place = folder / f"{SET_ASIDE}-{number}"
    (folder / _FORMER).rename(place)
    for name in _SETTINGS:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).rename(place / name)
