"""Stores, reports and jobs as former versions wrote them; ``tests/data/README.md`` says how each came to be."""

from __future__ import annotations

import json
import lzma
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["DATA", "STORES", "former_jobs", "former_reports", "former_status", "unpack"]

DATA = Path(__file__).parents[2] / "data"
#: name in the records of reports to the packed store
STORES = {"shipped": "campaigns.tar.xz", "former": "former-campaigns.tar.xz"}


def unpack(store: str, folder: Path) -> Path:
    """Put a copy of one of :data:`STORES` into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(DATA / STORES[store]) as packed:
        # Python 3.11.4 brought the filter
        packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder


@cache
def former_reports() -> dict[str, dict[str, Any]]:
    """Store to campaign to report, as :func:`report_record.recorded` gives it; not to be changed in place."""
    return _read("reports.json")


@cache
def former_status() -> dict[str, dict[str, Any]]:
    """Store to campaign to what ``status --json`` said; not to be changed in place."""
    return _read("status.json")


@cache
def former_jobs() -> dict[str, dict[str, Any]]:
    """One serialised job of every kind, by a readable key, as a ledger or a queue's database holds it."""
    found: dict[str, dict[str, Any]] = json.loads(lzma.decompress((DATA / "former-jobs.json.xz").read_bytes()))
    return found


def _read(member: str) -> dict[str, dict[str, Any]]:
    with tarfile.open(DATA / "former-reports.tar.xz") as packed:
        file = packed.extractfile(member)
        assert file is not None
        found: dict[str, dict[str, Any]] = json.load(file)
    return found
