"""What one job costs in the queue, beyond its own work: this package's launcher against FireWorks' `rlaunch` with
jobflow's own task.

Both start a process per job, read and write the same database, and run the same jobs; processor time of the launched
processes.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fireworks import LaunchPad
from jobflow import Flow, JobStore
from jobflow.managers.fireworks import flow_to_workflow
from maggma.stores import GridFSStore, MongoStore

from catholyte.hpc.queue.fireworks import opened_launchpad, submit
from catholyte.hpc.queue.remote_project import write_project
from catholyte.hpc.queue.submission import open_cluster
from catholyte.tests.support.campaigns.queue_campaign import campaign, needs_slurm
from catholyte.tests.support.database import any_server, new_database
from catholyte.tests.support.engines.toy_jobs import array, prepared
from catholyte.tests.support.referees.evidence import Evidence

#: no more than this many times the processor time of the peer
TARGET = 1.2
JOBS, ROUNDS = 3, 3


def cost(launch: Callable[[], None]) -> float:
    """Processor time of the processes that `launch` starts and waits for, s."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    launch()
    return spent() - before


def flow(log: Path, number: int) -> Flow:
    """One job with a large field, so that the additional store is used."""
    return Flow([array(str(log), f"a{number}", float(number), 1000)])


@pytest.fixture
def database() -> Iterator[str]:
    with any_server() as server, new_database(server) as uri:
        yield uri


@pytest.mark.benchmark
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_launcher_costs_no_more_than_the_bare_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Evidence
) -> None:
    for name in ("CATHOLYTE_WORK", "CATHOLYTE_STORE"):
        monkeypatch.setenv(name, str(tmp_path / "work"))  # restored afterwards
    file = tmp_path / "cluster.yaml"
    file.write_text(
        f"name: t\nscheduler: slurm\nwork_dir: {tmp_path}/w\nstore: {database}\nresources: [{{resources: {{}}}}]\n"
    )
    cluster, store, config = open_cluster(str(file))
    name = "bare_fireworks"
    peer = LaunchPad(host=database, name=name, uri_mode=True, strm_lvl="ERROR")
    peer.fw_id_assigner.insert_one({"_id": -1, "next_fw_id": 1, "next_launch_id": 1})
    peer.to_file(str(tmp_path / "launchpad.yaml"))
    outputs = JobStore(
        MongoStore.from_uri(database, "outputs", database=name),
        additional_stores={"data": GridFSStore.from_uri(database, "data", database=name)},
    )
    bare = [str(Path(sys.executable).with_name("rlaunch")), "-s", "-l", str(tmp_path / "launchpad.yaml"), "singleshot"]
    ours = [
        sys.executable,
        "-m",
        "catholyte.hpc.queue.fireworks_launch",
        "singleshot",
        "--cluster",
        str(config),
        "--fw_id",
    ]
    spent: dict[str, list[float]] = {"ours": [], "bare": []}
    with opened_launchpad(database) as pad:
        for number in range(JOBS * ROUNDS):
            peer.add_wf(flow_to_workflow(flow(tmp_path / "log", number), store=outputs))
            spent["bare"].append(cost(lambda: subprocess.run(bare, cwd=tmp_path, check=True, capture_output=True)))
            entered = submit(store, *prepared(flow(tmp_path / "log", number)), cluster, pad)
            command = [*ours, str(entered.flow_id)]
            spent["ours"].append(
                cost(lambda command=command: subprocess.run(command, cwd=tmp_path, check=True, capture_output=True))
            )  # type: ignore[misc]
        assert (
            pad.fireworks.count_documents({"state": "COMPLETED"})
            == peer.fireworks.count_documents({"state": "COMPLETED"})
            == JOBS * ROUNDS
        )
    store.close()
    peer.connection.close()
    best = {who: min(times) for who, times in spent.items()}
    measured.costs(
        "a job launched under FireWorks",
        best["ours"],
        best["bare"],
        peer="fireworks: rlaunch with jobflow's own task",
        at_most=TARGET,
    )


@needs_slurm
@pytest.mark.benchmark
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)
def test_second_manager_costs_no_more_than_the_bare_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Evidence
) -> None:
    """Submission, runner and states of jobs under jobflow-remote on Slurm; what runs on the nodes is the same command
    for both."""
    from jobflow_remote import SETTINGS
    from jobflow_remote.jobs.runner import Runner

    from catholyte.hpc.queue.remote import mirror, submit_remote
    from catholyte.hpc.queue.remote_project import controller, project_name
    from catholyte.hpc.queue.remote_runner import LookFirstRunner

    spent: dict[str, float] = {}
    for turn in range(2):  # the second turn counts: imports and first connections are paid
        for who, kind in (("bare", Runner), ("ours", LookFirstRunner)):
            with campaign(tmp_path / f"{who}{turn}", manager="jobflow-remote") as here:
                monkeypatch.setattr(SETTINGS, "projects_folder", str(write_project(here.cluster, quick=0.5).parent))
                runner = kind(project_name=project_name(here.cluster))
                before = processor_time()
                for number in range(JOBS):
                    made, records = prepared(flow(tmp_path / "log", number))
                    if who == "ours":
                        submit_remote(here.store, made, records, here.cluster)
                    else:
                        with contextlib.closing(controller(here.cluster)) as jobs:
                            jobs.add_flow(
                                made, worker=here.cluster.name, resources={"partition": "debug", "time": "00:10:00"}
                            )
                runner.run_all_jobs(max_seconds=120)
                with contextlib.closing(controller(here.cluster)) as jobs:
                    if who == "ours":
                        assert mirror(here.store, here.cluster, jobs).left == 0
                    assert jobs.jobs.count_documents({"state": "COMPLETED"}) == JOBS
                spent[who] = (processor_time() - before) / JOBS
                runner.cleanup()
    what = "submission, runner and states of a job under jobflow-remote on Slurm"
    measured.costs(what, spent["ours"], spent["bare"], peer="jobflow-remote: its own runner", at_most=TARGET)


def processor_time() -> float:
    """Of this process and of the scheduler's commands that it started, s."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
