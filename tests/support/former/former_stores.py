"""Stores, reports and jobs as former versions wrote them; ``tests/data/README.md`` says how each came to be.

A correction moves numbers of these reports. ``python -m catholyte.tests.support.former.former_stores`` writes what
differs today to ``tests/data/former-moves.json``, line by line; every line of it is looked at before it is committed.
"""

from __future__ import annotations

import json
import lzma
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from catholyte.analysis.records import Records
from catholyte.analysis.report.page import report_sections
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.former.report_record import differences, recorded

__all__ = [
    "DATA",
    "STORES",
    "former_jobs",
    "former_reports",
    "former_status",
    "moved",
    "moves_of",
    "unpack",
    "unpack_file",
]

DATA = Path(__file__).parents[2] / "data"
#: name in the records of reports to the packed store
STORES = {"shipped": "campaigns.tar.xz", "former": "former-campaigns.tar.xz"}


def unpack(store: str, folder: Path) -> Path:
    """Put a copy of one of :data:`STORES` into a folder and return it."""
    return unpack_file(DATA / STORES[store], folder)


def unpack_file(archive: Path, folder: Path) -> Path:
    """Put the content of a packed store into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
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


def moves_of(records: Records, store: str, campaign: str) -> list[str]:
    """Where the report of a former campaign differs today from the one that it gave."""
    return sorted(differences(former_reports()[store][campaign], recorded(report_sections(records, campaign))))


@cache
def moved() -> dict[str, dict[str, list[str]]]:
    """Store to campaign to the differences that corrections made; not to be changed in place."""
    found: dict[str, dict[str, list[str]]] = json.loads((DATA / "former-moves.json").read_text(encoding="utf-8"))
    return found


def _write_moves() -> None:
    found: dict[str, dict[str, list[str]]] = {}
    for name in STORES:
        with tempfile.TemporaryDirectory() as folder:
            opened = open_store(unpack(name, Path(folder)), create=False)
            records = Records(opened.outputs, opened.states, opened.campaigns)
            found[name] = {campaign: moves_of(records, name, campaign) for campaign in former_reports()[name]}
            opened.close()
    text = json.dumps(found, indent=0, ensure_ascii=False)
    (DATA / "former-moves.json").write_text(f"{text}\n", encoding="utf-8")


def _read(member: str) -> dict[str, dict[str, Any]]:
    with tarfile.open(DATA / "former-reports.tar.xz") as packed:
        file = packed.extractfile(member)
        assert file is not None
        found: dict[str, dict[str, Any]] = json.load(file)
    return found


if __name__ == "__main__":
    _write_moves()
