"""The database server of a workstation: started once, private, kept through a stop and a kill."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from catholyte.configs.errors import InputError, StoreError
from catholyte.hpc.store import database_server
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.database_server import DatabaseServer, start_server, stop_server
from catholyte.tests.support.command_line import Run


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "database"
    stop_server(tmp_path / "database")


def test_it_is_started_once_and_keeps_password_port_and_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATHOLYTE_WORK", str(folder.parent / "work"))
    first = start_server(folder)
    assert start_server(folder) == first
    store = open_store(first.uri)
    store.states.insert_one({"key": "a"})
    store.close()
    os.kill(first.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first.pid)] if psutil.pid_exists(first.pid) else [], 30)
    again = start_server(folder)
    assert (again.uri, again.pid != first.pid) == (first.uri, True)
    with MongoClient(again.uri) as client:
        assert client["catholyte"]["states"].count_documents({"key": "a"}) == 1
    with pytest.raises(InputError, match=f"runs on port {first.port}"):
        start_server(folder, first.port - 1)
    assert stop_server(folder)
    assert not stop_server(folder)
    found = DatabaseServer.of(folder)
    assert found is not None
    assert not found.running


def test_it_is_private(folder: Path) -> None:
    server = start_server(folder)
    with MongoClient("127.0.0.1", server.port) as stranger, pytest.raises(OperationFailure, match="authentication"):
        stranger["catholyte"]["states"].find_one({})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"server.json", "uri", "server.log"} <= {path.name for path in files}
    assert {oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in files} == {"0o0"}
    process = psutil.Process(server.pid)
    assert server.password not in " ".join(process.cmdline())
    assert {connection.laddr.ip for connection in process.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }


def test_a_user_of_somebody_else_is_refused(folder: Path) -> None:
    server = start_server(folder)
    with MongoClient(server.uri) as client:
        client.admin.command("createUser", "stranger", pwd="x", roles=["root"])
    stop_server(folder)
    with pytest.raises(StoreError, match=r"users that catholyte did not make: .*stranger"):
        start_server(folder)
    found = DatabaseServer.of(folder)
    assert found is not None
    assert not found.running


def test_data_without_its_password_are_not_overwritten(folder: Path) -> None:
    start_server(folder)
    stop_server(folder)
    (folder / "server.json").unlink()
    with pytest.raises(StoreError, match=r"no server\.json with its password"):
        start_server(folder)


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_server, "PROGRAM", "no-such-server")
    with pytest.raises(StoreError, match="SecantusDB is missing") as caught:
        start_server(folder)
    assert "pip install" in caught.value.advice
    monkeypatch.undo()
    if os.geteuid():
        with pytest.raises(InputError, match="cannot be written"):
            start_server(Path("/proc/database"))


def test_the_command_starts_tells_and_stops(catholyte: Run, folder: Path) -> None:
    options = ("--folder", folder, "--json")
    status, out, _ = catholyte("database", "status", *options)
    assert (status, json.loads(out)["running"]) == (0, False)
    status, out, err = catholyte("database", "start", *options)
    told = json.loads(out)
    assert (status, told["running"], Path(told["uri_file"]).read_text()) == (0, True, DatabaseServer.of(folder).uri)  # type: ignore[union-attr]
    _, shown, noted = catholyte("database", "status", "--folder", folder)
    assert "beta" in noted
    password = DatabaseServer.of(folder).password  # type: ignore[union-attr]
    assert password not in out + err + shown + noted
    status, out, err = catholyte("database", "stop", *options)
    assert status == 0, err
    assert json.loads(out)["stopped"]
    status, _, err = catholyte("database", "begin", *options)
    assert status == 2
    assert "allowed: start, status, stop" in err


def test_a_server_that_hangs_is_stopped_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = start_server(folder)
    os.kill(started.pid, signal.SIGSTOP)  # it hears no SIGTERM
    monkeypatch.setattr(database_server, "PATIENCE", 3.0)
    assert stop_server(folder)
    assert not psutil.pid_exists(started.pid)
