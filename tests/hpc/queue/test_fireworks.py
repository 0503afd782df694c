"""FireWorks without a scheduler: queue scripts, names, resources, adoption, lost jobs; on a database server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fireworks import FWorker
from jobflow import Flow
from monty.json import MontyEncoder

from catholyte.configs.cluster import Cluster, load_cluster
from catholyte.configs.errors import StoreError
from catholyte.configs.load import load_recipe, material
from catholyte.hpc.queue import fireworks as fireworks_queue
from catholyte.hpc.queue import losses, tend
from catholyte.hpc.queue import scheduler as scheduler_module
from catholyte.hpc.queue.fireworks import adapter, describe, opened_launchpad, queue_name, submit
from catholyte.hpc.queue.losses import LOST_LIMIT, cause_of_loss
from catholyte.hpc.queue.scheduler import jobs_in_queue
from catholyte.hpc.queue.submission import open_cluster
from catholyte.hpc.store.campaign_store import CampaignStore
from catholyte.hpc.store.ledger import Ledger
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.engines.toy_jobs import add, pipeline, prepared
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.plan.build import build_plan

GOLDEN = Path(__file__).parent / "golden"


def serialised(job: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(job.as_dict(), cls=MontyEncoder))
    return data


# the scheduler's words


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "sge"])
def test_queue_script(scheduler: str, tmp_path: Path) -> None:
    cluster = load_cluster(f"{scheduler}-example")
    job = Engine("chgnet").maker(Relax()).job_for(calculation_cell(material("LCO")), "LCO")
    queue = fireworks_queue._firework("0123456789abcdef", serialised(job), cluster, waits=False).spec["_queueadapter"]
    made = adapter(cluster, Path("/shared/cluster.yaml"))
    made.update(queue)
    made["rocket_launch"] += " --fw_id 7"
    assert made.get_script_str("/shared/launch") == (GOLDEN / f"queue_{scheduler}.txt").read_text()


def test_what_is_not_asked_for_leaves_no_line(tmp_path: Path) -> None:
    plain = Cluster.model_validate(
        {
            "name": "t",
            "scheduler": "slurm",
            "work_dir": tmp_path,
            "store": "mongodb://h/d",
            "resources": [{"resources": {}}],
        }
    )
    made = adapter(plain, Path("c.yaml"))
    made.update(
        fireworks_queue._firework("k", serialised(add("log", "a", 1.0)), plain, waits=False).spec["_queueadapter"]
    )
    script = made.get_script_str(".")
    assert "--account" not in script
    assert "--mem" not in script
    assert "None" not in script
    assert "$${" not in script


def test_name_in_the_queue_follows_from_the_content() -> None:
    here, there = Path("/here"), Path("/there")
    assert re.fullmatch(r"cat-[0-9a-f]{4}-0123456789abc", queue_name("0123456789abcdef", here))
    assert queue_name("0123456789abcdef:2", here) == queue_name("0123456789abcdef", here) + "-2"
    assert queue_name("0123456789abcdef", here) != queue_name("0123456789abcdef", there), (
        "the same question in another campaign is another job"
    )


def test_engine_kind_and_size_of_a_job() -> None:
    cell = calculation_cell(material("LCO"))
    maker = Engine("chgnet").maker(Relax())
    first = maker.job_for(cell, "LCO")
    assert describe(serialised(first)) == ("chgnet", "relax", len(cell))
    assert describe(serialised(maker.job_for(first.output.structure, "LCO"))) == ("chgnet", "relax", 0)
    assert describe(serialised(add("log", "a", 1.0))) == ("", "static", 0)


def test_a_chained_job_asks_for_the_resources_of_its_planned_cell() -> None:
    plan = build_plan(*load_recipe("gsirr"), engine="vasp", only="electronic")
    sizes = {job.uuid: job.n_atoms for job in plan.jobs}
    chained = [job for job in plan.flow.jobs if job.input_uuids]
    assert chained
    for job in chained:
        assert describe(serialised(job))[2] == sizes[job.uuid] > 0


@pytest.mark.parametrize(
    ("scheduler", "answer", "found"),
    [
        ("SLURM", "17\n18\n", ["17", "18"]),
        ("SLURM", "", []),
        ("PBS", "1021.head\n", ["1021.head"]),
        (
            "SGE",
            "     55 0.55 cat-012345 me r 11/21/2026 05:00:00 all.q 4\n       Full jobname:     cat-0123456789abc\n",
            ["55"],
        ),
        (
            "SGE",
            "     56 0.55 cat-012345 me qw 11/21/2026 05:00:00 4\n       Full jobname:     cat-0123456789abc-2\n",
            [],
        ),
    ],
)
def test_jobs_of_a_name_in_the_queue(
    scheduler: str, answer: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scheduler_module.subprocess, "run", lambda command, **kw: subprocess.CompletedProcess(command, 0, answer, "")
    )
    assert jobs_in_queue(scheduler, "cat-0123456789abc") == found


def test_scheduler_that_does_not_answer_is_an_error_not_an_empty_queue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="the scheduler does not answer"):
        jobs_in_queue("SLURM", "cat-0")


def test_submit_that_timed_out_is_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **kw: Any) -> Any:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "17\n", "")

    monkeypatch.setattr(scheduler_module.subprocess, "run", run)
    made = adapter(load_cluster("slurm-example"), Path("c.yaml"))
    made["job_name"] = "cat-0"
    assert made.submit_to_queue("script") == "17"
    assert [command[0] for command in asked] == ["squeue"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T05:00:00 DUE TO TIME LIMIT ***", "WallTime"),
        ("=>> PBS: job killed: walltime 43212 exceeded limit 43200", "WallTime"),
        ("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T05:00:00 DUE TO NODE FAILURE ***", "NodeFailure"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=12.batch.", "OutOfMemory"),
        ("/usr/bin/python: No module named catholyte", "NoPackage"),
        ("ModuleNotFoundError: No module named 'catholyte'", "NoPackage"),
        ("slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T05:00:00 ***", "Cancelled"),
        ("OSError: [Errno 28] No space left on device", "DiskFull"),
        ("", "Lost"),
    ],
)
def test_cause_of_loss_from_what_the_scheduler_wrote(said: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "queue-12.err").write_text(f"{said}\n")
    cause = cause_of_loss(tmp_path, "12")
    assert cause["error"] == error
    assert "12" in cause["message"] or error == "NoPackage"
    assert cause["advice"]


# entering and looking after a flow


def named(fw: dict[str, Any]) -> str:
    """The toy job's own name."""
    return str(json.loads(fw["spec"]["_tasks"][0]["job"])["function_args"][1])


@dataclass
class Queue:
    """A cluster whose scheduler is a list."""

    cluster: Cluster
    store: CampaignStore
    pad: Any
    log: Path
    alive: dict[str, str]

    def flow(self) -> tuple[Flow, list[dict[str, Any]]]:
        return prepared(pipeline(str(self.log)))

    def states(self) -> dict[str, str]:
        return {named(fw): fw["state"] for fw in self.pad.fireworks.find({})}

    def find(self, name: str) -> list[dict[str, Any]]:
        return [fw for fw in self.pad.fireworks.find({}) if named(fw) == name]

    def take(self, name: str, number: str) -> int:
        """FireWorks believes that the job is running as queue job `number`."""
        found = self.find(name)[0]["fw_id"]
        _, launch = self.pad.reserve_fw(FWorker(), str(self.log.parent), fw_id=found)
        self.pad.set_reservation_id(launch, number)
        return int(found)


@pytest.fixture
def queue(tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("CATHOLYTE_STORE", "")
    alive: dict[str, str] = {}
    monkeypatch.setattr(tend, "waiting_in_queue", lambda cluster: dict(alive))
    file = tmp_path / "c.yaml"
    file.write_text(
        f"name: t\nscheduler: slurm\nwork_dir: {tmp_path}/w\nstore: {database_uri}\nresources: [{{resources: {{}}}}]\n"
    )
    cluster, store, _ = open_cluster(str(file))
    with opened_launchpad(database_uri) as pad:
        yield Queue(cluster, store, pad, tmp_path / "log", alive)
    store.close()


def test_second_submission_adopts_everything(queue: Queue) -> None:
    flow, records = queue.flow()
    first = submit(queue.store, flow, records, queue.cluster, queue.pad)
    assert (len(first.jobs), first.adopted) == (3, [])
    again = submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    assert (again.flow_id, again.jobs, sorted(again.adopted)) == (None, [], sorted(first.jobs))
    assert queue.states() == {"left": "READY", "right": "READY", "both": "WAITING"}


def test_what_is_done_is_not_entered_and_what_depends_on_it_is_ready(queue: Queue) -> None:
    flow, records = queue.flow()
    ledger = Ledger(queue.store)
    ledger.register(records)
    keys = {job.function_args[1]: job.uuid for job in flow.jobs}
    for name in ("left", "right"):
        ledger.finish(keys[name], 1.0)
    found = submit(queue.store, flow, records, queue.cluster, queue.pad)
    assert (found.jobs, sorted(found.adopted)) == ([keys["both"]], sorted([keys["left"], keys["right"]]))
    assert queue.states() == {"both": "READY"}


def test_new_job_waits_for_one_that_an_earlier_flow_computes(queue: Queue) -> None:
    left = add(str(queue.log), "left", 1.0)
    submit(queue.store, *prepared(Flow([left])), queue.cluster, queue.pad)
    found = submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    assert len(found.jobs) == 2
    assert len(found.adopted) == 1
    assert sorted((fw["state"], fw["spec"]["waits"]) for fw in queue.find("left")) == [
        ("PAUSED", True),
        ("READY", False),
    ]


def test_jobs_that_the_queue_lost_are_put_back_three_times_then_wait(queue: Queue) -> None:
    submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    queue.take("left", "17")
    queue.alive["17"] = ""
    assert tend.tend(queue.store, queue.pad, queue.cluster).put_back == []
    queue.alive.clear()
    for lost in range(1, LOST_LIMIT + 2):
        found = tend.tend(queue.store, queue.pad, queue.cluster)
        assert (len(found.put_back), len(found.paused)) == ((1, 0) if lost <= LOST_LIMIT else (0, 1))
        if lost <= LOST_LIMIT:
            assert queue.states()["left"] == "READY"
            queue.take("left", str(17 + lost))
    assert queue.states()["left"] == "PAUSED"
    record = Ledger(queue.store).record(queue.find("left")[0]["spec"]["job_key"])
    assert record is not None
    assert (record["state"], record["cause"]["error"]) == ("failed", "Lost")
    assert tend.tend(queue.store, queue.pad, queue.cluster).paused == []


def failed(queue: Queue, message: str) -> str:
    """The job `left` has failed by itself."""
    number = queue.take("left", "17")
    queue.pad.fireworks.update_one({"fw_id": number}, {"$set": {"state": "FIZZLED"}})
    key = str(queue.pad.fireworks.find_one({"fw_id": number})["spec"]["job_key"])
    Ledger(queue.store).fail(key, 1.0, {"error": "OSError", "message": message, "advice": "", "evidence": []})
    return key


def test_job_that_failed_by_itself_waits_for_a_person(queue: Queue) -> None:
    submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    failed(queue, "no convergence")
    found = tend.tend(queue.store, queue.pad, queue.cluster)
    assert (found.put_back, found.paused, found.left) == ([], [], 1), "what depends on it cannot move"
    assert found.blocked == ["add waits for a person: no convergence"]
    assert queue.states()["left"] == "FIZZLED"


def test_job_that_failed_on_a_full_disk_is_tried_again_when_there_is_room(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    key = failed(queue, "OSError: [Errno 28] No space left on device")
    room = {"free": 0}
    monkeypatch.setattr(losses.shutil, "disk_usage", lambda folder: SimpleNamespace(total=100, free=room["free"]))
    full = tend.tend(queue.store, queue.pad, queue.cluster)
    assert (full.put_back, full.left) == ([], 3)
    room["free"] = 50
    assert tend.tend(queue.store, queue.pad, queue.cluster).put_back == [key]
    assert queue.states()["left"] == "READY"


def test_job_reserved_by_a_tend_that_was_killed_is_put_back(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(queue.store, *queue.flow(), queue.cluster, queue.pad)
    number = queue.find("left")[0]["fw_id"]
    queue.pad.reserve_fw(FWorker(), str(queue.log.parent), fw_id=number)
    assert tend.tend(queue.store, queue.pad, queue.cluster).put_back == []
    monkeypatch.setattr(tend, "RESERVED_SECONDS", -1)
    assert len(tend.tend(queue.store, queue.pad, queue.cluster).put_back) == 1
    assert queue.states()["left"] == "READY"
