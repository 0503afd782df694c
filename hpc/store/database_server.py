"""A database server of a workstation's own, where no MongoDB runs: SecantusDB as a process by itself.

SecantusDB (optional extra ``database``; a beta, whose authors advise against production data) speaks MongoDB's wire
protocol on WiredTiger, MongoDB's own storage engine: https://pypi.org/project/secantusdb. It listens on loopback alone
and asks for a password that is drawn at the first start. Everything lies in one folder that its owner alone may read:
``data/``, ``server.log`` and ``server.json`` with process, port and password.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...configs.errors import InputError, StoreError

__all__ = ["DEFAULT_FOLDER", "PROGRAM", "DatabaseServer", "launch", "start_server", "stop_server"]

#: the server's program; it lies beside the Python that has the extra
PROGRAM = "secantusd-py"
DEFAULT_FOLDER = "catholyte-database"
DATABASE = "catholyte"
USER = "catholyte"
LOOPBACK = "127.0.0.1"
#: s that a server may take until it answers, or until it has ended
PATIENCE = 60.0
#: servers that this process started and that go on without it
_LEFT_RUNNING: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class DatabaseServer:
    """A server that was started in a folder.

    Attributes
    ----------
    pid, pid_started : int, float
        Its process; start time in s since the epoch, so that a number that went to another process is told apart.
    port : int
        On loopback.
    password : str
        Of its only user.
    """

    pid: int
    pid_started: float
    port: int
    password: str

    @property
    def uri(self) -> str:
        """Where its database is, with the password."""
        return f"mongodb://{USER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}?authSource=admin"

    @property
    def running(self) -> bool:
        """Whether the process still exists."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            return bool(abs(process.create_time() - self.pid_started) < 2 and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    @classmethod
    def of(cls, folder: Path) -> DatabaseServer | None:
        """The server that was last started in a folder; None where there was none.

        Raises
        ------
        StoreError
            If what is written about it cannot be read.
        """
        try:
            return cls(**json.loads(_record(folder).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{_record(folder)}: cannot be read: {error}") from None


def launch(folder: Path, port: int, *, auth: bool) -> subprocess.Popen[bytes]:
    """Start a server process on loopback and wait until it answers.

    Parameters
    ----------
    folder : Path
        Absolute; ``data/`` and ``server.log`` lie there.
    port : int
    auth : bool
        Whether it asks for a password.

    Raises
    ------
    StoreError
        If SecantusDB is not installed, or does not answer.
    """
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    program = shutil.which(PROGRAM, path=os.pathsep.join(places))
    if program is None:
        raise StoreError(
            "no database server is installed: SecantusDB is missing",
            "pip install -c constraints.txt '.[database]', or use a MongoDB that runs elsewhere",
        )
    command = [program, "--host", LOOPBACK, "--port", str(port), "--storage-path", str(folder / "data")]
    command += ["--log-level", "ERROR", "--sync-on-commit", *(["--auth"] if auth else [])]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    until = time.monotonic() + PATIENCE
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > until:
            _end(process)
            said = (folder / "server.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise StoreError(f"{folder}: the database server does not start: {' '.join(said) or 'it says nothing'}")
        time.sleep(0.02)
    return process


def start_server(folder: Path, port: int = 0) -> DatabaseServer:
    """Start the server of a folder, or return the one that runs; the first start draws its password.

    Parameters
    ----------
    folder : Path
    port : int
        On loopback; that of the last start where 0, at the first a free one.

    Raises
    ------
    InputError
        If the folder cannot be written, or the server runs on another port than was asked for.
    StoreError
        If it does not start.
    """
    folder = folder.absolute()
    before = DatabaseServer.of(folder)
    if before is not None and before.running:
        if port not in (0, before.port):
            raise InputError(f"{folder}: the server runs on port {before.port}", "stop it before it changes its port")
        return before
    with _private():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None
        password = before.password if before is not None else _first_start(folder)
        chosen = port or (before.port if before is not None else _free_port())
        process = launch(folder, chosen, auth=True)
        import psutil

        started = DatabaseServer(process.pid, psutil.Process(process.pid).create_time(), chosen, password)
        try:
            _require_own(started)
        except StoreError:
            _end(process)
            raise
        _write(_record(folder), json.dumps(asdict(started)))
        _write(folder / "uri", started.uri)
    _LEFT_RUNNING.append(process)
    return started


def stop_server(folder: Path) -> bool:
    """End the server of a folder and wait until it has gone; False where none ran.

    One that does not end by itself is killed: every write is in its journal before it is answered.
    """
    import psutil

    found = DatabaseServer.of(folder.absolute())
    if found is None or not found.running:
        return False
    process = psutil.Process(found.pid)
    process.terminate()
    try:
        process.wait(PATIENCE / 3)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
    _LEFT_RUNNING[:] = [child for child in _LEFT_RUNNING if child.poll() is None]
    return True


def _first_start(folder: Path) -> str:
    """Make the only user, before any password is asked for, on a port that nobody has been told; returns the
    password."""
    from pymongo import MongoClient

    if (folder / "data").exists():
        raise StoreError(
            f"{folder}: there is a database, but no {_record(folder).name} with its password",
            "put the file back from a copy, or name another --folder",
        )
    password, port = secrets.token_urlsafe(32), _free_port()
    process = launch(folder, port, auth=False)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(f"mongodb://{LOOPBACK}:{port}", serverSelectionTimeoutMS=5000)
        with client:
            client.admin.command("createUser", USER, pwd=password, roles=["root"])
    finally:
        _end(process)
    return password


def _require_own(server: DatabaseServer) -> None:
    """Refuse a server that does not know the password, or knows another user, whom somebody made at the first
    start."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        client: MongoClient[dict[str, Any]] = MongoClient(server.uri, serverSelectionTimeoutMS=5000)
        with client:
            users = [user["user"] for user in client.admin.command("usersInfo")["users"]]
    except PyMongoError as error:
        raise StoreError(f"the database server does not let its owner in: {str(error)[:200]}") from None
    if users != [USER]:
        raise StoreError(
            f"the database server has users that catholyte did not make: {', '.join(users)}", "name another --folder"
        )


def _record(folder: Path) -> Path:
    return folder / "server.json"


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(path)


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Files that are made here, also by the server, are their owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
