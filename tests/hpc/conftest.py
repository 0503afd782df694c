"""Fixtures: the command line, and databases on a server that all tests of one process share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catholyte.tests.support.command_line import Run, called
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
        return called(monkeypatch, capsys, *arguments)

    return call
