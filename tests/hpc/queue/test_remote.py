"""jobflow-remote without a scheduler: its project file, resources in its words, adoption, states in the ledger; on
a database server."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobflow import Flow
from ruamel.yaml import YAML

from catholyte.configs.cluster import Cluster, Resources, load_cluster
from catholyte.configs.errors import StoreError
from catholyte.hpc.queue import losses, remote_project, tend
from catholyte.hpc.queue import remote as remote_queue
from catholyte.hpc.queue.fireworks import queue_name
from catholyte.hpc.queue.losses import LOST_LIMIT
from catholyte.hpc.queue.remote import submit_remote
from catholyte.hpc.queue.remote_mirror import mirror
from catholyte.hpc.queue.remote_project import controller, project_name, write_project
from catholyte.hpc.queue.submission import open_cluster
from catholyte.hpc.store.campaign_store import CampaignStore, database_of
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import add, pipeline, prepared

TRACE = 'Traceback (most recent call last):\n  File ".../jobflow/core/job.py", line 1, in run\n'


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        (
            "slurm-example",
            {
                "nodes": 2,
                "ntasks_per_node": 32,
                "cpus_per_task": 2,
                "time": "25:00:00",
                "partition": "fast",
                "account": "my-project",
                "mem": "10G",
            },
        ),
        (
            "pbs-example",
            {
                "select": "select=2:ncpus=64:mpiprocs=32:mem=10G",
                "walltime": "25:00:00",
                "queue": "fast",
                "account": "my-project",
            },
        ),
        ("sge-example", {"parallel_environment": "mpi", "nproc": 128, "walltime": "25:00:00", "queue": "fast"}),
    ],
)
def test_resources_in_the_words_of_each_scheduler(name: str, terms: dict[str, Any]) -> None:
    asked = Resources(nodes=2, tasks_per_node=32, cpus_per_task=2, wall_time=90000, memory="10G", partition="fast")
    assert remote_queue.queue_terms_for(load_cluster(name), asked) == terms


@dataclass
class Remote:
    """A cluster with its store and jobflow-remote's controller."""

    cluster: Cluster
    store: CampaignStore
    jobs: Any
    log: Path

    def flow(self) -> tuple[Flow, list[dict[str, Any]]]:
        return prepared(pipeline(str(self.log)))

    def key(self, name: str) -> str:
        return next(str(job.uuid) for job in self.flow()[0].jobs if job.function_args[1] == name)

    def says(self, name: str, state: str, **more: Any) -> tend.Round:
        """jobflow-remote gives a job a state; what the mirror makes of it."""
        self.jobs.jobs.update_one({"uuid": self.key(name)}, {"$set": {"state": state, **more}})
        return mirror(self.store, self.cluster, self.jobs)

    def record(self, name: str) -> dict[str, Any]:
        found = Ledger(self.store).record(self.key(name))
        assert found is not None
        return found


@pytest.fixture
def remote(tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    for name in ("CATHOLYTE_WORK", "CATHOLYTE_STORE", "PATH", remote_project.PROJECTS_VARIABLE):
        monkeypatch.setenv(name, str(tmp_path) if name == "PATH" else str(tmp_path / "work"))  # restored afterwards
    file = tmp_path / "c.yaml"
    file.write_text(
        "name: t\nscheduler: slurm\nsetup: [source venv]\nvasp_command: srun vasp_std\nwork_dir: "
        f"{tmp_path}/w\nstore: {database_uri}\nresources: [{{resources: {{}}}}]\n"
    )
    cluster, store, _ = open_cluster(str(file))
    write_project(cluster)
    jobs = controller(cluster)
    yield Remote(cluster, store, jobs, tmp_path / "log")
    jobs.close()
    store.close()


def test_project_file_is_the_owners_alone_and_says_what_the_cluster_file_says(remote: Remote) -> None:
    path = write_project(remote.cluster)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    worker = YAML(typ="safe").load(path)["workers"]["t"]
    assert worker["scheduler_type"] == "slurm"
    assert worker["pre_run"].splitlines()[:2] == ["source venv", 'export CATHOLYTE_VASP_COMMAND="srun vasp_std"']
    assert path.stem == project_name(remote.cluster) == f"t-{database_of(remote.cluster.store_uri)}"


def test_second_submission_adopts_everything(remote: Remote) -> None:
    first = submit_remote(remote.store, *remote.flow(), remote.cluster)
    assert (len(first.jobs), first.adopted) == (3, [])
    again = submit_remote(remote.store, *remote.flow(), remote.cluster)
    assert (again.flow_id, again.jobs, sorted(again.adopted)) == (None, [], sorted(first.jobs))
    assert remote.jobs.jobs.count_documents({}) == 3


def test_what_is_done_is_not_entered(remote: Remote) -> None:
    flow, records = remote.flow()
    Ledger(remote.store).register(records)
    for name in ("left", "right"):
        remote.store.outputs.update([{"uuid": remote.key(name), "index": 1, "output": 1.0}], key=["uuid", "index"])
        Ledger(remote.store).finish(remote.key(name), 1.0)
    found = submit_remote(remote.store, flow, records, remote.cluster)
    assert found.jobs == [remote.key("both")]


def test_job_that_needs_an_earlier_flow_is_refused_with_the_reason(remote: Remote) -> None:
    submit_remote(remote.store, *prepared(Flow([add(str(remote.log), "left", 1.0)])), remote.cluster)
    with pytest.raises(StoreError, match="jobflow-remote cannot link flows"):
        submit_remote(remote.store, *remote.flow(), remote.cluster)


def test_states_are_mirrored_into_the_ledger(remote: Remote) -> None:
    submit_remote(remote.store, *remote.flow(), remote.cluster)
    assert remote.says("left", "RUNNING").left == 3
    assert remote.record("left")["state"] == "running"
    assert remote.says("left", "COMPLETED").left == 2
    assert (remote.record("left")["state"], remote.record("left")["computed"]) == ("done", 1)
    remote.says("left", "COMPLETED")
    assert remote.record("left")["computed"] == 1


def test_job_that_failed_by_itself_waits_for_a_person(remote: Remote) -> None:
    submit_remote(remote.store, *remote.flow(), remote.cluster)
    found = remote.says("left", "FAILED", error=f"{TRACE}CalculationError: no convergence")
    assert (found.put_back, found.left) == ([], 1), "what depends on it cannot move"
    assert found.blocked == ["add waits for a person: CalculationError: no convergence"]
    assert remote.record("left")["cause"]["message"] == "CalculationError: no convergence"


@pytest.mark.slow
def test_lost_job_is_put_back_three_times_then_waits(remote: Remote) -> None:
    submit_remote(remote.store, *remote.flow(), remote.cluster)
    for lost in range(1, LOST_LIMIT + 2):
        found = remote.says("left", "FAILED", error="the remote process ended without a result")
        assert (len(found.put_back), len(found.paused)) == ((1, 0) if lost <= LOST_LIMIT else (0, 1))
        assert remote.jobs.jobs.find_one({"uuid": remote.key("left")})["state"] == (
            "READY" if lost <= LOST_LIMIT else "FAILED"
        )
        mirror(remote.store, remote.cluster, remote.jobs)


def test_lost_job_that_the_runner_has_in_hand_is_put_back_at_the_next_look(remote: Remote) -> None:
    submit_remote(remote.store, *remote.flow(), remote.cluster)
    with remote.jobs.lock_job(filter={"uuid": remote.key("left")}):
        found = remote.says("left", "FAILED", error="the remote process ended without a result")
    assert (found.put_back, found.left) == ([], 3)
    assert not remote.record("left").get("lost")
    assert mirror(remote.store, remote.cluster, remote.jobs).put_back == [remote.key("left")]
    assert remote.record("left")["lost"] == 1


def test_full_disk_is_tried_again_when_there_is_room(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    submit_remote(remote.store, *remote.flow(), remote.cluster)
    room = {"free": 0}
    monkeypatch.setattr(losses.shutil, "disk_usage", lambda folder: SimpleNamespace(total=100, free=room["free"]))
    assert remote.says("left", "FAILED", error=f"{TRACE}OSError: [Errno 28] No space left on device").put_back == []
    assert mirror(remote.store, remote.cluster, remote.jobs).left == 3
    room["free"] = 50
    assert mirror(remote.store, remote.cluster, remote.jobs).put_back == [remote.key("left")]


def test_runner_submits_under_the_name_of_the_content_hash_and_looks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from jobflow_remote.remote.queue import QueueManager
    from qtoolkit.io import SlurmIO

    from catholyte.hpc.queue import remote_runner

    asked: list[tuple[str, str]] = []
    submitted: list[Any] = []
    found: list[str] = ["17"]
    monkeypatch.setattr(remote_runner, "jobs_in_queue", lambda q_type, name: asked.append((q_type, name)) or found)  # type: ignore[func-returns-value]
    monkeypatch.setattr(QueueManager, "submit", lambda self, commands, options, work_dir: submitted.append(options))
    queue = remote_runner.LookFirstQueue(SlurmIO(), None)
    assert (
        queue.submit(
            "x", options={"job_name": "people"}, work_dir="/w/jobflow-remote-jobs/01/23/45/01234567-89ab_1"
        ).job_id
        == "17"
    )
    found.clear()
    queue.submit("x", options={"job_name": "people"}, work_dir="/w/jobflow-remote-jobs/01/23/45/01234567-89ab_2")
    first, second = (queue_name(key, Path("/w")) for key in ("01234567-89ab", "01234567-89ab:2"))
    assert asked == [("SLURM", first), ("SLURM", second)]
    assert submitted == [{"job_name": second}]
