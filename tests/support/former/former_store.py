"""Stores as former versions wrote them: MontyDB, one file a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["read_former", "write_former"]

COLLECTIONS = ("outputs", "data", "states", "campaigns")


def _client(folder: Path) -> Any:
    from montydb import MontyClient, set_storage

    set_storage(str(folder), storage="sqlite", use_bson=True, mongo_version="4.0")
    return MontyClient(str(folder))


def write_former(folder: Path, **collections: list[dict[str, Any]]) -> None:
    """Enter documents with MontyDB; a collection that is not named is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    client = _client(folder)
    for name in COLLECTIONS:
        client["catholyte"].create_collection(name)
        if documents := collections.get(name):
            client["catholyte"][name].insert_many(documents)
    client.close()


def read_former(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All documents, as MontyDB reads them, without ``_id``."""
    client = _client(folder)
    found = {name: [dict(document) for document in client["catholyte"][name].find({})] for name in COLLECTIONS}
    client.close()
    for document in (document for documents in found.values() for document in documents):
        document.pop("_id")
    return found
