"""Mutated files, one process each: every one is read, or refused in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PARENT = Path(__file__).parents[3]


def tally(kind: str, number: int, seed: int) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "catholyte.tests.support.fuzz", kind, str(number), str(seed)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PARENT), "OPENBLAS_NUM_THREADS": "1"},
    )
    return dict(json.loads(run.stdout))


@pytest.mark.parametrize(("kind", "number"), [("configs", 10), ("readers", 30)])
def test_a_few_mutated_files(kind: str, number: int) -> None:
    found = tally(kind, number, seed=7)
    assert found["cases"] == {}
    assert found["refused"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["configs", "readers"])
def test_five_thousand_mutated_files(kind: str) -> None:
    found = tally(kind, 5000, seed=1)
    assert found["cases"] == {}
    assert {
        form for form, counts in found["forms"].items() if not (counts.get("read") and counts.get("refused"))
    } == set()
    assert found["most"]["s"][0] <= 10
    assert found["most"]["GB"][0] <= 1
