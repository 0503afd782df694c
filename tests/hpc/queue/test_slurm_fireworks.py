"""FireWorks on a real Slurm: a flow that branches at run time ends with each job computed once."""

from __future__ import annotations

from pathlib import Path

from jobflow import Flow

from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm
from catholyte.tests.support.engines.toy_jobs import computed, detour, prepared, replace_once, total


def toys(log: Path) -> tuple[Flow, list[dict[str, object]]]:
    """A job that is replaced, one that takes a detour, and their sum."""
    split, turn = replace_once(str(log), "split", 3.0), detour(str(log), "turn", 2.0)
    return prepared(Flow([split, turn, total(str(log), "sum", [split.output, turn.output.value])], name="toys"))


@needs_slurm
def test_flow_that_branches_ends_with_each_job_computed_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with campaign(tmp_path / "toys") as here:
        first, second = here.submit(*toys(log)), here.submit(*toys(log))
        assert (len(first.jobs), first.adopted) == (3, [])
        assert (second.flow_id, second.jobs, len(second.adopted)) == (None, [], 3)
        here.tend()
        here.finishes(900)
        assert sorted(computed(log)) == sorted(["split", "split.new", "turn", "turn.detour", "sum"])
        assert {(r["state"], r["computed"]) for r in here.records()} == {("done", 1)}
        assert here.submit(*toys(log)).jobs == []
        here.drains()
        assert "FutureWarning" not in here.said()
        errors = "".join(path.read_text() for path in here.cluster.work_dir.glob("launches/*/queue-*.err"))
        assert "Warning" not in errors
