"""Fixtures of the command line's tests."""

from __future__ import annotations

import sys

import pytest

from catholyte.hpc.commands import app as cli
from catholyte.tests.support.command_line import Run


@pytest.fixture
def catholyte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; returns (exit status, stdout, stderr)."""
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
        return status, out, err

    return call
