"""A database for tests: SecantusDB as a process of its own, or the server whose URI CATHOLYTE_TEST_MONGODB gives."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pymongo
from pymongo.uri_parser import parse_uri

from catholyte.hpc.store.database_server import launch

__all__ = ["REAL", "Server", "any_server", "drop", "free_port", "new_database", "with_database"]

#: URI of a server of the user's own; databases of random names are made there and dropped
REAL = "CATHOLYTE_TEST_MONGODB"


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """A server that can be stopped, killed and started again with its data.

    Parameters
    ----------
    folder : Path
        Absolute; its data lie there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it is; no database is named."""
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Start it, on the same port every time."""
        self.process = launch(self.folder, self.port, auth=False)
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End it, or kill it."""
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(60)
            self.process = None


def with_database(uri: str, name: str) -> str:
    """The URI of a server with another database."""
    head, question, options = uri.partition("?")
    named = parse_uri(uri)["database"]
    base = head.removesuffix(f"/{named}") if named else head.rstrip("/")
    return f"{base}/{name}{question}{options}"


def drop(uri: str) -> None:
    """Drop a database and those that queue managers made beside it, whose names begin with its name."""
    with pymongo.MongoClient(uri) as client:
        for found in client.list_database_names():
            if found.startswith(str(parse_uri(uri)["database"])):
                client.drop_database(found)


@contextlib.contextmanager
def any_server() -> Iterator[str]:
    """URI of the server that is given, or of one of our own."""
    if real := os.environ.get(REAL):
        yield real
        return
    with tempfile.TemporaryDirectory(prefix="catholyte-db-") as folder:
        server = Server(Path(folder)).start()
        try:
            yield server.uri
        finally:
            server.stop(kill=True)


@contextlib.contextmanager
def new_database(server: str) -> Iterator[str]:
    """URI of an empty database; it and those that queue managers make beside it are dropped afterwards."""
    name = f"catholyte_test_{uuid.uuid4().hex[:12]}"
    yield with_database(server, name)
    drop(with_database(server, name))
