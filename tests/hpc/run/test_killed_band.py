"""A campaign that is killed by SIGKILL in the middle of a band: the next run goes on from its images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catholyte.analysis.report.case import read_case
from catholyte.hpc.store.campaign_store import open_records
from catholyte.workflows.band_documents import Band

RECIPE = """\
name: hops
title: lithium in its oxide
source: a test
hubbard_u: {Co: 3.9 eV}
transport:
  images: 3
  max_force: 0.02 eV/Å
  systems: [{material: Li2O, supercell: [2, 2, 2]}]
"""
_PROGRAM = "from catholyte.hpc.commands.app import main; main()"


def _steps(checkpoint: Path) -> int:
    """Of the optimiser; the first checkpoint is written before any."""
    return int(json.loads(checkpoint.read_text())["steps"])


@pytest.mark.slow
def test_a_campaign_killed_in_the_middle_of_a_band_goes_on_from_its_images(tmp_path: Path) -> None:
    (tmp_path / "hops.yaml").write_text(RECIPE)
    store = tmp_path / "store"
    words = ["run", str(tmp_path / "hops.yaml"), "--only", "transport", "--store", str(store), "--workers", "1"]
    command = [sys.executable, "-c", _PROGRAM, *words]
    first = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not (steps := max(map(_steps, store.glob("work/*/band.json")), default=0)):
        assert first.poll() is None, "it ended before a checkpoint of a step was written"
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    again = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    case = read_case(open_records(str(store)))
    (band,) = (one for one in case.others.values() if isinstance(one, Band))
    assert band.n_steps >= steps
    (entry,) = (entry for entry in case.entries if entry.plan["kind"] == "band")
    assert entry.record["attempts"] == 2
