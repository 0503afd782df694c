"""What tests of the command line share; the fixture ``catholyte`` stands in ``tests/hpc/conftest.py``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["Run", "answer"]

#: calls the command line; returns exit status, standard output, standard error
Run = Callable[..., tuple[int, str, str]]


def answer(result: tuple[int, str, str]) -> Any:
    """Return the JSON document that a command wrote; its exit status must be 0."""
    status, out, err = result
    assert status == 0, err
    return json.loads(out)
