"""How long the command line takes to answer."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from catholyte.tests.support.referees.evidence import Evidence


@pytest.mark.benchmark
@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 0.4), (["plan", "gsirr"], 3.0)])
def test_start_up_time(arguments: list[str], limit: float, measured: Evidence) -> None:
    """Best of five whole processes, s, against the limit."""
    times = []
    for _ in range(5):
        clock = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from catholyte.hpc.commands.app import main; main()", *arguments],
            capture_output=True,
            check=True,
        )
        times.append(time.perf_counter() - clock)
    measured.within(f"`catholyte {' '.join(arguments)}`, the whole command", min(times), "s", limit=limit)
