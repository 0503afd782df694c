"""What tests of the command line share; the fixture ``catholyte`` stands in ``tests/hpc/conftest.py``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from catholyte.hpc.commands import app as cli
from catholyte.hpc.commands.contract.schema import schema_of

__all__ = ["Run", "answer", "called", "closed", "require_valid"]

#: calls the command line; returns exit status, standard output, standard error
Run = Callable[..., tuple[int, str, str]]


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """Call the command line in this process; returns exit status, standard output, standard error.

    Every answer with ``--json`` is held to the schema of its command.
    """
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


def answer(result: tuple[int, str, str]) -> Any:
    """Return the JSON document that a command wrote; its exit status must be 0."""
    status, out, err = result
    assert status == 0, err
    return json.loads(out)


def closed(schema: Any) -> Any:
    """A schema that allows no key which it does not name: what users' programs must bear, the tests must not."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: closed(part) for key, part in schema.items()}
    return kept if "properties" not in schema else {"additionalProperties": False, **kept}


@cache
def _validator(command: str) -> Draft202012Validator:
    return Draft202012Validator(closed(schema_of(command)))


def require_valid(command: str, text: str) -> None:
    """Hold what a command wrote to its schema; the message names the place."""
    faults = _validator(command).iter_errors(json.loads(text))
    told = [f"{'.'.join(map(str, fault.absolute_path))}: {fault.message[:300]}" for fault in faults]
    assert not told, f"answer of {command} against its schema: {told[:5]}"
