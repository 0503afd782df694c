"""What the embedded store costs as campaigns grow: a job that does nothing, a large chunk, `status` and `report`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import Flow, JobStore
from monty.json import MontyEncoder

from catholyte.configs.load import load_materials, load_recipe
from catholyte.hpc.run import local, worker
from catholyte.hpc.run.local import run_flow
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.delivery import Delivery
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.tests.support.command_line import require_valid
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, add, prepared
from catholyte.tests.support.referees.evidence import Evidence

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning"),  # monty about what jobflow calls
    pytest.mark.filterwarnings("ignore::DeprecationWarning:montydb"),
]

SIZES = (100, 1000, 5000, 10_000)
N_JOBS = 10_000
FORMER = "montydb: the store of former versions, below today's scheduler"


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_OPEN", {})


def _former(folder: Path) -> CampaignStore:
    """The collections of former versions."""
    from maggma.stores import MontyStore

    stores = {
        name: MontyStore(name, database_path=str(folder), database_name="catholyte")
        for name in ("outputs", "data", "states", "campaigns")
    }
    outputs = JobStore(stores["outputs"], additional_stores={"data": stores["data"]})
    outputs.connect()
    for name in ("states", "campaigns"):
        stores[name].connect()
    for store in stores.values():
        store._collection.database.create_collection(store.collection_name)
    return CampaignStore(
        str(folder), lambda: outputs, stores["states"]._collection, stores["campaigns"]._collection, folder / "work"
    )


def _per_job(store: CampaignStore, n: int, log: Path) -> float:
    """Processor time of scheduler, worker and store for each of n jobs that do nothing, s."""
    flow, records = prepared(Flow([add(str(log), f"job{i}", float(i)) for i in range(n)]))
    worker._OPEN[store.location] = store
    started = time.process_time()
    summary = run_flow(store, flow, records, lambda event: None, 2)
    spent = time.process_time() - started
    assert len(summary.completed) == n
    store.close()
    return spent / n


def test_an_empty_job_costs_the_same_in_every_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Evidence
) -> None:
    """Each size between two campaigns of 100 jobs: what else the machine does while a large one runs costs both."""
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    _per_job(open_store(tmp_path / "first"), 20, tmp_path / "log")  # imports are paid
    relative = {}
    for n in SIZES:
        before, seconds, after = (
            _per_job(open_store(tmp_path / f"{n}-{name}"), jobs, tmp_path / "log")
            for name, jobs in (("before", SIZES[0]), ("itself", n), ("after", SIZES[0]))
        )
        relative[n] = 2 * seconds / (before + after)
        measured.within(f"scheduler and store for an empty job of {n:,}", 1000 * seconds, "CPU ms", limit=20)
    spread = max(relative.values()) / min(relative.values())
    what = f"dearest campaign size over the cheapest, {SIZES[0]:,} to {SIZES[-1]:,} jobs, each beside campaigns of 100"
    measured.within(what, spread, "times", limit=1.5)
    for n in (100, 400):
        ours = _per_job(open_store(tmp_path / f"again-{n}"), n, tmp_path / "log")
        theirs = _per_job(_former(tmp_path / f"former-{n}"), n, tmp_path / "log")
        measured.faster(
            f"an empty job of {n}, on the store and on the former one",
            1000 * ours,
            1000 * theirs,
            peer=FORMER,
            times=2 if n == 100 else 6,
            unit="CPU ms",
        )


FLAT = """
from jobflow import Flow
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.command_line import require_valid
from catholyte.tests.support.engines.toy_jobs import add, execute
if __name__ == "__main__":
    flow = Flow([add({log!r}, "job%d" % i, float(i)) for i in range({n})])
    assert len(execute(open_store({store!r}), flow, workers=2).completed) == {n}
"""


def test_a_flat_campaign_of_five_thousand_jobs(tmp_path: Path, measured: Evidence) -> None:
    """Two workers, each a process of its own, on the disk."""
    script = tmp_path / "run.py"
    script.write_text(FLAT.format(log=str(tmp_path / "log"), store=str(tmp_path / "store"), n=5000))
    started = time.monotonic()
    subprocess.run([sys.executable, "-W", "ignore", str(script)], cwd=tmp_path, check=True)
    took = time.monotonic() - started
    names = (tmp_path / "log").read_text().split()
    assert len(names) == len(set(names)) == 5000
    measured.within("a flat campaign of 5,000 jobs that do nothing, two workers", took, "s", limit=600)


def test_delivery_of_a_chunk_among_five_hundred(tmp_path: Path, measured: Evidence) -> None:
    """Written beside its job, then into the store; processor time, best of three."""
    store = open_store(tmp_path / "store")
    rng = np.random.default_rng(1)
    chunk = {"positions": rng.random((640, 132, 3)).tolist()}  # 2.0 MB of numbers

    data: Any = store.outputs.additional_stores["data"]
    for number in range(500):
        known = {"blob_uuid": f"chunk-{number}", "job_uuid": f"old-{number}", "job_index": 1}
        data.update([{**known, "data": chunk}], key="blob_uuid")

    def deliver(number: int) -> float:
        delivery = Delivery(tmp_path, store.outputs)
        document = {"uuid": f"job-{number}", "index": 1, "output": {"trajectory": chunk}}
        delivery.catcher().update(document, save={"data": ["trajectory"]})
        started = time.process_time()
        delivery.keep({})
        with store.exclusive():
            delivery.arrays_first(f"job-{number}", 1)
            delivery.document_last(1)
        return time.process_time() - started

    took = min(deliver(number) for number in range(3))
    assert data.count({}) == 503
    (found,) = store.outputs.query({"uuid": "job-2"}, load=True)
    assert found["output"]["trajectory"] == chunk
    store.close()
    measured.within("delivery of a chunk of 2 MB with 500 in the store", took, "CPU s", limit=0.2)


def _plan(number: int, name: str = "LCO") -> dict[str, Any]:
    """A relaxation of a crystal as a campaign plans it."""
    key = f"job-{number:05d}"
    return {
        "key": key,
        "uuid": key,
        "index": 1,
        "name": f"{name} {number} chgnet relax",
        "step": "bulk",
        "material": name,
        "variant": "main",
        "engine": "chgnet",
        "tier": "chgnet",
        "kind": "relax",
        "n_atoms": 4,
        "cost_seconds": 60.0,
        "depends_on": [],
    }


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one campaign of ten thousand jobs."""
    folder = tmp_path_factory.mktemp("large")
    store = open_store(folder)
    plans = [_plan(i) for i in range(N_JOBS)]
    Ledger(store).register(plans)
    campaign = {"name": "large", "title": "large", "recipe": {}, "jobs": plans, "skipped": [], "reused": []}
    store.campaigns.insert_one({**campaign, "updated": "2026-01-01T00:00:00+00:00"})
    store.close()
    return folder


def _spent(arguments: list[str], answer: Path) -> float:
    """Processor time of a whole command, s, a bare `--help` included; what it tells goes to a file."""
    main = "from catholyte.hpc.commands.app import main; main()"
    before = os.times()
    with answer.open("w") as out:
        subprocess.run([sys.executable, "-c", main, *arguments], cwd=answer.parent, stdout=out, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize(("form", "limit"), [("JSON", 0.6), ("a table", 1.5)])
def test_status_of_ten_thousand_jobs(large: Path, tmp_path: Path, measured: Evidence, form: str, limit: float) -> None:
    """In a cold process, best of three."""
    answer = tmp_path / "answer"
    arguments = ["status", "--store", str(large), *(["--json"] if form == "JSON" else [])]
    best = min(_spent(arguments, answer) for _ in range(3))
    assert answer.read_text().count("waiting") >= N_JOBS
    if form == "JSON":
        require_valid("status", answer.read_text())
    measured.within(f"`catholyte status` of {N_JOBS:,} jobs as {form}, the whole command", best, "CPU s", limit=limit)


def test_report_of_two_thousand_bulk_jobs(tmp_path: Path, measured: Evidence) -> None:
    """A hundred crystals of the library, twenty times each, in a cold process."""
    n, store = 2000, open_store(tmp_path / "store")
    recipe, _ = load_recipe("lattices")
    documents = {
        name: json.loads(json.dumps(made_document(name), cls=MontyEncoder))
        for name in islice((entry.name for entry in load_materials().values()), 100)
    }
    plans = [_plan(i, name) for i, name in enumerate(islice(cycle(documents), n))]
    outputs: Any = store.outputs
    outputs.docs_store.update(
        [{"uuid": plan["uuid"], "index": 1, "output": documents[plan["material"]]} for plan in plans],
        key=["uuid", "index"],
    )
    done = {"state": "done", "computed": 1, "attempts": 1, "host": "node", "wall_seconds": 60.0}
    store.states.insert_many([{**plan, **done} for plan in plans])
    campaign = {"name": "lattices", "title": "many", "recipe": recipe.model_dump(mode="json"), "jobs": plans}
    store.campaigns.insert_one({**campaign, "skipped": [], "reused": [], "updated": "2026-01-01T00:00:00+00:00"})
    store.close()
    arguments = ["report", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    spent = _spent(arguments, tmp_path / "answer")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(f"{plan['name']}<" in page for plan in plans)
    measured.within(
        f"`catholyte report` of {n:,} bulk jobs on a hundred crystals, the whole command", spent, "CPU s", limit=20
    )
