"""Barriers on a real Slurm: crystal, end points and band through the stand-in for VASP, under both managers."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.hpc.run.campaign import save_campaign
from catholyte.hpc.run.local import run_flow
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm, rehearsal_plan
from catholyte.tests.support.docs.queue_faults_page import MANAGERS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RECIPE = """\
name: hops
title: lithium in an oxide
source: a test
hubbard_u: {Co: 3.9 eV}
vasp:
  relax: [Li2O]
  cutoff: 400 eV
  mesh: [2, 2, 2]
transport:
  images: 2
  max_force: 0.1 eV/Å
  systems: [{material: Li2O, supercell: [2, 2, 2]}]
"""


@pytest.mark.slow
def test_the_barrier_flow_runs_through_the_stand_in(tmp_path: Path) -> None:
    plan = rehearsal_plan(tmp_path, RECIPE, "transport")
    store = open_store(str(tmp_path / "store"))
    summary = run_flow(store, plan.flow, [job.record() for job in plan.jobs], lambda event: None)
    assert not summary.failed
    bands = [d["output"] for d in store.outputs.query({}, ["output"]) if (d["output"] or {}).get("kind") == "band"]
    store.close()
    (band,) = bands
    assert band["tier"] == "rehearsal"
    assert len(band["energies"]) == 4
    assert band["max_force"] <= 0.1


@needs_slurm
@pytest.mark.slow
@pytest.mark.parametrize("manager", MANAGERS)
def test_the_barrier_flow_completes_under_a_queue(manager: str, tmp_path: Path) -> None:
    plan = rehearsal_plan(tmp_path, RECIPE, "transport")
    with campaign(tmp_path / "hops", manager=manager) as here:
        save_campaign(here.store, plan, [])
        assert len(here.submit(plan.flow, [job.record() for job in plan.jobs]).jobs) == len(plan.jobs)
        here.tend()
        here.finishes(900)
        assert {(record["state"], record["computed"]) for record in here.records()} == {("done", 1)}, here.said()
        answers = [d["output"] for d in here.store.outputs.query({}, ["output"]) if d["output"]]
        (band,) = (one for one in answers if one.get("kind") == "band")
        assert (band["tier"], len(band["energies"])) == ("rehearsal", 4)
        here.drains()
