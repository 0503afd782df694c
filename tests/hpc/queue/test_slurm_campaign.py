"""The gsirr flow on a real Slurm: rehearsal executable, custodian, queue, database, branching at run time, under both
managers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow, Job
from ruamel.yaml import YAML

from catholyte.configs.load import load_recipe
from catholyte.hpc.run.campaign import save_campaign, status_document
from catholyte.hpc.store.ledger import job_record
from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm, rehearsal_plan
from catholyte.tests.support.docs.queue_faults_page import MANAGERS
from catholyte.tests.support.engines.toy_jobs import refine_lowest
from catholyte.workflows.engines.engine import CalculationMaker
from catholyte.workflows.identity import content_address, iter_jobs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

#: fs of one chunk: the recipe's 4 ps take the stand-in minutes
CHUNK, LENGTH = "10 fs", "50 fs"


def shortened(folder: Path) -> str:
    """The shipped recipe with dynamics of five chunks of five steps."""
    _, source = load_recipe("gsirr")
    data: Any = source.data
    data["vasp"]["dynamics"] |= {"length": LENGTH, "chunk": CHUNK, "frame_interval": 1}
    path = folder / "gsirr.yaml"
    YAML().dump(data, path)
    return path.read_text()


def in_order(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chunks of one trajectory, each beginning at the very positions and velocities with which the one before ended."""
    ends = [chunk["structure"] for chunk in chunks]
    ordered = [chunk for chunk in chunks if chunk["initial_structure"] not in ends]
    while followers := [chunk for chunk in chunks if chunk["initial_structure"] == ordered[-1]["structure"]]:
        ordered += followers
    return ordered


@needs_slurm
@pytest.mark.slow
@pytest.mark.parametrize("manager", MANAGERS)
def test_whole_campaign_with_a_branch_at_run_time(manager: str, tmp_path: Path) -> None:
    plan = rehearsal_plan(tmp_path, shortened(tmp_path))
    relaxed = [
        job
        for job in plan.flow.jobs
        if isinstance(job, Job) and isinstance(job.maker, CalculationMaker) and job.maker.task["kind"] == "relax"
    ][:2]
    dos = next(
        job
        for job in plan.flow.jobs
        if isinstance(job, Job) and isinstance(job.maker, CalculationMaker) and job.maker.task["kind"] == "dos"
    )
    # a job that does not exist before the energies of two others are known
    branch = refine_lowest(
        str(tmp_path / "log"),
        "branch",
        [j.output.energy for j in relaxed],
        [j.output.structure for j in relaxed],
        dos.maker,
    )
    whole, _ = content_address(Flow([plan.flow, branch], name="gsirr"))
    known = {job.uuid: job.record() for job in plan.jobs}
    records = [known.get(job.uuid) or job_record(job.uuid, 1, job.name) for job in iter_jobs(whole)]
    with campaign(tmp_path / "gsirr", manager=manager) as here:
        save_campaign(here.store, plan, [])
        assert len(here.submit(whole, records).jobs) == len(plan.jobs) + 1
        here.tend()
        here.finishes(1800)
        found = here.records()
        assert len(found) == len(plan.jobs) + 2 >= 12
        assert {(r["state"], r["computed"]) for r in found} == {("done", 1)}, here.said()
        documents = [
            d["output"] for d in here.store.outputs.query({}, load=True) if d["output"]
        ]  # what is replaced has none
        assert {output["tier"] for output in documents} == {"rehearsal"}
        chunks = in_order([output for output in documents if output["kind"] == "md"])
        assert [len(chunk["trajectory"]["positions"]) for chunk in chunks] == [5] * 5
        rows = status_document(here.store.records().entries(None))
        assert rows["counts"] == {"done": len(plan.jobs)}
        here.drains()
