"""Fixtures: the command line, and databases on a server that all tests of one process share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from catholyte.hpc.commands import app as cli
from catholyte.tests.support.command_line import Run, require_valid
from catholyte.tests.support.database import any_server, new_database


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """URI of a database server."""
    with any_server() as uri:
        yield uri


@pytest.fixture
def database_uri(database_server: str) -> Iterator[str]:
    """URI of an empty database."""
    with new_database(database_server) as uri:
        yield uri


@pytest.fixture
def catholyte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; returns (exit status, stdout, stderr).

    Every answer with ``--json`` is held to the schema of its command.
    """
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # the command line sets it for its own process; here it is undone

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["catholyte", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        if "--json" in arguments and out:
            require_valid(str(arguments[0]), out)
        return status, out, err

    return call
