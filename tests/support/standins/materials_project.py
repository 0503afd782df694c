"""A server on loopback that answers as the Materials Project's API documents it, and fails on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry, ConstantEnergyAdjustment

__all__ = ["Api", "documents", "serving"]

VERSION = "2025.09.25"
#: eV/atom, uncorrected and made up
ENERGIES = {"Li": -1.9, "O2": -4.9, "Cl2": -1.8, "Li2O": -4.7, "LiCl": -3.4, "Li2O2": -4.6, "LiClO4": -4.5}


def _entry(formula: str, energy: float) -> dict[str, Any]:
    composition = Composition(formula)
    symbols = [e for e, n in composition.get_el_amt_dict().items() for _ in range(int(n))]
    cell = Structure(
        Lattice.cubic(3.0 * len(symbols)), symbols, [[k / len(symbols), 0.1 * k, 0] for k in range(len(symbols))]
    )
    correction = [] if len(composition) == 1 else [ConstantEnergyAdjustment(-0.5, uncertainty=0.01, name="MP2020")]
    return dict(
        ComputedStructureEntry(
            cell, energy=energy * len(symbols), energy_adjustments=correction, entry_id=f"mp-{formula}-GGA"
        ).as_dict()
    )


def documents() -> list[dict[str, Any]]:
    """One document of ``materials/thermo`` a compound."""
    return [
        {"material_id": f"mp-{formula}", "entries": {"GGA": _entry(formula, energy)}}
        for formula, energy in ENERGIES.items()
    ]


@dataclass
class Api:
    """What the server answers, and what it was asked.

    Parameters
    ----------
    key : str
        The one that it takes.
    documents : list of dict
    statuses : list of int
        Of the next answers, in place of 200.
    cut : int
        Bytes that are left out at the end of every page.
    missing : int
        Documents that are counted and never come.
    """

    key: str = "k" * 32
    documents: list[dict[str, Any]] = field(default_factory=documents)
    statuses: list[int] = field(default_factory=list)
    cut: int = 0
    missing: int = 0
    address: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str], key: str | None) -> tuple[int, str]:
        """Status and text of one answer."""
        if path == "/heartbeat":
            return 200, json.dumps({"status": "OK", "version": "0.86", "db_version": VERSION})
        self.asked.append(query)
        if self.statuses:
            return self.statuses.pop(0), json.dumps({"detail": "not now"})
        if key != self.key:
            return 403, json.dumps({"message": "Invalid authentication credentials"})
        systems = query["chemsys"].split(",")
        found = [doc for doc in self.documents if _system(doc) in systems]
        skip, limit = int(query["_skip"]), int(query["_limit"])
        page = {"data": found[skip : skip + limit], "meta": {"total_doc": len(found) + self.missing}}
        text = json.dumps(page)
        return 200, text[: len(text) - self.cut]


def _system(document: dict[str, Any]) -> str:
    return str(Composition(document["material_id"].removeprefix("mp-")).chemical_system)


@contextmanager
def serving(api: Api) -> Iterator[Api]:
    """Answer on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlparse(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            status, text = api.answer(asked.path, query, self.headers.get("X-API-KEY"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    api.address = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
