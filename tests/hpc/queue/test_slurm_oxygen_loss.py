"""Oxygen loss of NCM532 on a real Slurm: the rehearsal executable, a queue, and jobs that are added while it runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from catholyte.configs.load import load_recipe
from catholyte.hpc.run.campaign import save_campaign
from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm
from catholyte.workflows.plan.build import build_plan

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def shortened(folder: Path) -> Path:
    """The shipped recipe with two orderings, and a ladder of two steps with one arrangement and one site each."""
    _, source = load_recipe("nmc532-lgps")
    data: Any = source.data
    (system,) = data["oxygen_loss"]["systems"]
    system["orderings"] |= {"n": 2, "keep": 2}
    system["ladder"] |= {"lithium_vacancies": [0, 6], "candidates": 1, "samples": 1, "max_sites": 1}
    path = folder / "nmc532-lgps.yaml"
    YAML().dump(data, path)
    return path


@needs_slurm
@pytest.mark.slow
def test_a_ladder_of_oxygen_loss_completes_under_a_queue(tmp_path: Path) -> None:
    plan = build_plan(*load_recipe(str(shortened(tmp_path))), "rehearsal", "oxygen_loss")
    with campaign(tmp_path / "nmc532", manager="jobflow-remote") as here:
        save_campaign(here.store, plan, [])
        assert len(here.submit(plan.flow, [job.record() for job in plan.jobs]).jobs) == len(plan.jobs)
        here.tend()
        here.finishes(1500)
        found = here.records()
        assert {(record["state"], record["computed"]) for record in found} == {("done", 1)}, here.said()
        documents = [d["output"] for d in here.store.outputs.query({}, ["output"]) if d["output"]]
        assert {document["tier"] for document in documents} == {"rehearsal"}
        labels = sorted(re.sub(r"O-\d+$", "O", document["label"]) for document in documents)
        assert labels == [
            "Li",
            "NCM532 Li-0 1 O",
            "NCM532 Li-6 1",
            "NCM532 Li-6 1 O",
            "NCM532 host 1",
            "NCM532 host 2",
            "O2",
        ]
        atoms = {re.sub(r"O-\d+$", "O", document["label"]): document["n_sites"] for document in documents}
        assert (atoms["NCM532 host 1"], atoms["NCM532 Li-6 1"], atoms["NCM532 Li-6 1 O"]) == (120, 114, 113)
        here.drains()
