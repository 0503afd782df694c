"""jobflow-remote on a real Slurm: the same flow under the second manager, its runner a child of `catholyte tend`."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobflow import Flow

from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm
from catholyte.tests.support.engines.toy_jobs import computed, detour, prepared, replace_once, total


@pytest.mark.slow
@needs_slurm
def test_flow_that_branches_ends_with_each_job_computed_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with campaign(tmp_path / "toys", manager="jobflow-remote") as here:
        split, turn = replace_once(str(log), "split", 3.0), detour(str(log), "turn", 2.0)
        flow, records = prepared(
            Flow([split, turn, total(str(log), "sum", [split.output, turn.output.value])], name="toys")
        )
        assert len(here.submit(flow, records).jobs) == 3
        assert here.submit(flow, records).jobs == []
        here.tend()
        here.finishes(900)
        assert sorted(computed(log)) == sorted(["split", "split.new", "turn", "turn.detour", "sum"])
        assert {(r["state"], r["computed"]) for r in here.records()} == {("done", 1)}
        assert here.submit(flow, records).jobs == []
        here.drains()
