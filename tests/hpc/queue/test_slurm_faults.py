"""What happens to queue jobs, on a real Slurm: the campaign goes on without help, to the same numbers, each job
computed once.

The outcomes are recorded in ``tests/hpc/queue/golden/queue_faults.yaml``, from which ``docs/queue-faults.md`` is made.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from catholyte.hpc.run.campaign import in_queue, waits_in_queue
from catholyte.hpc.run.local import run_flow
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.campaigns.queue_campaign import (
    Campaign,
    answers,
    campaign,
    needs_slurm,
    reaches,
    rehearsal_plan,
)
from catholyte.tests.support.docs.queue_faults_page import MANAGERS, record_outcome

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]

#: s from the end of a fault to the end of the campaign, at most
LIMIT = 600.0
FREEZE = "faults:\n  - {kind: freeze, only: md, at_ionic_step: 4, seconds: %d}\n"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answers of the same plan on this machine, without a queue."""
    folder = tmp_path_factory.mktemp("undisturbed")
    plan, store = rehearsal_plan(folder), open_store(folder / "store-rehearsal")
    summary = run_flow(store, plan.flow, [job.record() for job in plan.jobs], lambda event: None, 2)
    assert (summary.failed, summary.blocked) == ([], [])
    found = answers(store)
    store.close()
    return found


@pytest.fixture(params=MANAGERS)
def manager(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def started(here: Campaign) -> None:
    plan = rehearsal_plan(here.folder)
    here.submit(plan.flow, [job.record() for job in plan.jobs])
    here.tend()


def struck(here: Campaign) -> None:
    """The dynamics of the first chunk stand still."""
    reaches(lambda: here.struck, 300, f"the dynamics to begin; {here.said()}")
    time.sleep(1.0)


def completes(here: Campaign, fault: str, undisturbed: dict[str, Any], seconds: float = LIMIT) -> None:
    """The campaign ends without help, and nothing tells it from an undisturbed one."""
    took = here.finishes(seconds)
    assert {(r["state"], r["computed"]) for r in here.records()} == {("done", 1)}, here.said()
    assert answers(here.store) == undisturbed
    put_back = sum(int(r.get("lost") or 0) for r in here.records())
    record_outcome(fault, here.manager, seconds=took, put_back=put_back, jobs=len(here.records()))


def dynamics(here: Campaign) -> dict[str, Any]:
    return next(r for r in here.records() if "md" in r["name"] and r["state"] == "running")


def launchers(here: Campaign) -> list[int]:
    """Processes that compute a job of this campaign: FireWorks' launcher or jobflow-remote's."""
    wanted = ("catholyte.hpc.queue.fireworks_launch", "execution run")
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if any(word in command for word in wanted) and str(here.cluster.work_dir) in command + " " + process.cwd():
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def kill_launcher(here: Campaign) -> None:
    for pid in reaches(lambda: launchers(here), 60, "a launcher"):
        os.kill(pid, signal.SIGKILL)


def kill_queue_job(here: Campaign) -> None:
    """Slurm's own process for the job and all below it, as a node that is out of memory kills them."""
    steps = [f"slurmstepd: [{number}." for number in here.queue()]
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(step in " ".join(process.info["cmdline"] or ()) for step in steps)
    ]
    assert found, steps
    for process in [*found, *(child for step in found for child in step.children(recursive=True))]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def crash_node(here: Campaign) -> None:
    for pid in launchers(here):
        os.kill(pid, signal.SIGSTOP)  # a node that fails warns nobody
    there = set(here.queue())
    node = subprocess.run(["sinfo", "-h", "-o", "%n"], capture_output=True, text=True, check=True).stdout.split()[0]
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    try:
        reaches(lambda: not there & set(here.queue()), 120, "jobs of the node to end")
    finally:
        subprocess.run(
            ["scontrol", "update", f"nodename={node}", "state=resume"], capture_output=True, check=False
        )  # fails where it came back by itself


@needs_slurm
@pytest.mark.parametrize(
    ("fault", "strike"),
    [("kill -9 of the launcher", kill_launcher), ("queue job killed", kill_queue_job), ("node crash", crash_node)],
)
def test_killed_in_the_middle_of_dynamics(
    fault: str, strike: Callable[[Campaign], None], manager: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    alone = fault == "node crash"
    with campaign(tmp_path / "killed", alone=alone, manager=manager, faults=FREEZE % 3600) as here:
        started(here)
        struck(here)
        strike(here)
        completes(here, fault, undisturbed)


@needs_slurm
@pytest.mark.parametrize(
    ("fault", "warning"), [("wall time, with a warning", 90), ("wall time, without a warning", 10)]
)
def test_wall_time_ends_in_the_middle_of_dynamics(
    fault: str, warning: int, manager: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    wall = 180 if warning == 90 else 120  # 90 s or more to reach the dynamics on a busy machine
    with campaign(tmp_path / "wall", manager=manager, wall_time=wall, warning=warning, faults=FREEZE % 3600) as here:
        started(here)
        struck(here)
        if fault.endswith("without a warning"):
            for pid in launchers(here):
                os.kill(pid, signal.SIGSTOP)  # it hears nothing: the queue has to end it
        number = here.queue()
        reaches(lambda: not set(number) & set(here.queue()), 400, "the end of the wall time")
        completes(here, fault, undisturbed)


@needs_slurm
def test_database_away_for_a_minute_while_dynamics_end(
    manager: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    with campaign(tmp_path / "away", manager=manager, faults=FREEZE % 20) as here:
        started(here)
        struck(here)
        here.away(60.0)
        completes(here, "database away for 60 s", undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=False).returncode
    ):
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"\0" * 4096)
        except OSError:
            return ballast


@needs_slurm
def test_disk_full_in_the_middle_of_dynamics(
    manager: str, undisturbed: dict[str, Any], tmp_path: Path, small_disk: Path
) -> None:
    with campaign(tmp_path / "full", manager=manager, work_dir=small_disk, faults=FREEZE % 10) as here:
        started(here)
        struck(here)
        ballast = fill(small_disk)
        time.sleep(25.0)
        ballast.unlink()
        completes(here, "disk full", undisturbed)


@needs_slurm
def test_submitted_twice_at_once_and_again_later(manager: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    with campaign(tmp_path / "twice", manager=manager) as here:
        plan = rehearsal_plan(here.folder)
        records = [job.record() for job in plan.jobs]
        assert len(here.submit(plan.flow, records).jobs) == len(records)
        here.tend()
        assert here.submit(plan.flow, records).jobs == []
        reaches(here.running, 300, "a job to run")
        assert here.submit(plan.flow, records).jobs == []
        completes(here, "submitted three times", undisturbed)
        assert here.submit(plan.flow, records).jobs == []
        assert len(Ledger(here.store).records()) == len(records)


@needs_slurm
def test_submitted_by_two_at_once(manager: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    with campaign(tmp_path / "both", manager=manager) as here, ThreadPoolExecutor(2) as threads:
        plan = rehearsal_plan(here.folder)
        records = [job.record() for job in plan.jobs]
        both = [threads.submit(here.submit, rehearsal_plan(here.folder).flow, records) for _ in range(2)]
        assert sorted(len(one.result().jobs) for one in both) == [0, len(records)]
        here.tend()
        completes(here, "submitted twice at once", undisturbed)


@needs_slurm
def test_two_tends_look_after_one_queue(manager: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    with campaign(tmp_path / "tends", manager=manager, faults=FREEZE % 3600) as here:
        started(here)
        here.tend()
        struck(here)
        kill_launcher(here)
        completes(here, "two tends", undisturbed)
        assert max(int(r.get("lost") or 0) for r in here.records()) == 1
        reaches(lambda: here.helpers[0].poll() == 0, 120, "the end of the first tend")


@needs_slurm
def test_wall_time_too_short_for_a_step_waits_for_a_person(
    manager: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    slow = "faults:\n  - {kind: freeze, only: relax, at_ionic_step: 1, seconds: 3600, times: 1000}\n"
    with campaign(tmp_path / "short", manager=manager, wall_time=60, warning=25, faults=slow) as here:
        started(here)
        here.finishes(1200)
        waits = [r for r in here.records() if r["state"] == "failed"]
        assert {r["cause"]["error"] for r in waits} == {"WallTime"}, here.said()
        assert all(re.search("too short for one step: [34] queue jobs", r["cause"]["message"]) for r in waits)
        assert "wall time is too short" in here.said()
        here.fault_file.write_text("faults: []\n")
        here.wall_time = 600
        here.write_cluster()
        assert here.call("retry", *[r["key"] for r in waits]).splitlines() == [r["name"] for r in waits]
        here.tend()
        completes(here, "wall time too short", undisturbed)


@needs_slurm
@pytest.mark.parametrize("fault", ["scancel", "cancel"])
def test_cancelled_and_taken_up_again(fault: str, manager: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    with campaign(tmp_path / "stopped", manager=manager, faults=FREEZE % 3600) as here:
        started(here)
        struck(here)
        job = dynamics(here)
        if fault == "scancel":
            subprocess.run(["scancel", reaches(lambda: dynamics(here).get("queue_job"), 60, "its number")], check=True)
        else:
            assert here.call("cancel", job["key"]).split() == job["name"].split()
        here.finishes(LIMIT)
        (waits,) = [r for r in here.records() if r["state"] == "failed"]
        assert (waits["key"], waits["cause"]["error"]) == (job["key"], "Cancelled"), here.said()
        assert "waits for a person" in here.said()
        here.drains()
        here.call("retry", *(["--paused"] if fault == "scancel" else [job["key"]]))
        here.tend()
        completes(here, fault, undisturbed)


@needs_slurm
def test_node_drained_before_anything_runs(manager: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    node = subprocess.run(["sinfo", "-h", "-o", "%n"], capture_output=True, text=True, check=True).stdout.split()[0]
    with campaign(tmp_path / "drained", alone=True, manager=manager) as here:
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=drain", "reason=test"], check=True)
        try:
            started(here)
            reaches(lambda: "wait in the queue: " in here.said(), 300, f"the reason; {here.said()}")
            assert re.search("DRAINED|NotAvail|Down", here.said(), re.IGNORECASE), here.said()
            waiting = reaches(lambda: next(filter(waits_in_queue, here.records()), None), 120, "a job that waits")
            assert in_queue(waiting).startswith(f"waits in the queue as job {waiting['queue_job']} (")
        finally:
            subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=True)
        completes(here, "node drained", undisturbed)
