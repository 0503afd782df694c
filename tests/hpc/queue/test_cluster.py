"""Cluster files: what is allowed, what is asked of the scheduler, and what is found wrong before anything is
submitted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.configs.cluster import (
    CLUSTERS_VARIABLE,
    Cluster,
    Resources,
    cluster_names,
    load_cluster,
)
from catholyte.configs.database import rehearsal_uri
from catholyte.configs.errors import InputError, StoreError, UnknownNameError
from catholyte.hpc.queue import cluster_checks
from catholyte.hpc.queue.cluster_checks import check_cluster, check_plan, partition_limits, refuse, slurm_seconds
from catholyte.hpc.queue.submission import read_cluster, submit_campaign
from catholyte.hpc.run.campaign import read_plan
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.database_server import start_server, stop_server
from catholyte.tests.support.command_line import Run

FILE = """\
name: mine
scheduler: slurm
partition: standard
work_dir: {folder}/cluster
store: mongodb://127.0.0.1:1/catholyte
resources:
  - kinds: [md]
    min_atoms: 100
    resources: {{nodes: 4, tasks_per_node: 64, wall_time: 24 h, memory: 180G, partition: large}}
  - engines: [chgnet]
    resources: {{cpus_per_task: 8, wall_time: 2 h}}
  - resources: {{tasks_per_node: 16, wall_time: 1-12:00:00}}
"""


def cluster_file(folder: Path, *changes: tuple[str, str]) -> Path:
    text = FILE.format(folder=folder)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def cluster(folder: Path, *changes: tuple[str, str]) -> Cluster:
    return load_cluster(str(cluster_file(folder, *changes)))


def finding(found: list[Any], name: str) -> Any:
    return next(check for check in found if check.name == name)


@pytest.mark.parametrize("name", ["slurm-example", "pbs-example", "sge-example"])
def test_every_example_is_valid_and_found_by_name(name: str) -> None:
    assert name in cluster_names()
    assert load_cluster(name).name == name


def test_first_rule_that_fits_counts(tmp_path: Path) -> None:
    mine = cluster(tmp_path)
    assert mine.resources_for("vasp", "md", 104) == Resources(
        nodes=4, tasks_per_node=64, wall_time=86400, memory="180G", partition="large"
    )
    assert mine.resources_for("vasp", "md", 99) == Resources(tasks_per_node=16, wall_time=129600, partition="standard")
    assert mine.resources_for("chgnet", "relax", 4).cpus_per_task == 8
    assert mine.resources_for("vasp", "md", 104).cores == 256


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("partition: standard", "partiton: standard"), "partiton"),
        (("scheduler: slurm", "scheduler: slrum"), "slurm"),
        (("wall_time: 2 h", "wall_time: 2 hours"), "'24 h', '30 min' or '1-12:00:00'"),
        (("wall_time: 2 h", "wall_time: 100 s"), "leaves no time before the warning at 120 s"),
        (("tasks_per_node: 16", "tasks_per_node: 0"), "greater than or equal to 1"),
        (("memory: 180G", "memory: lots"), "memory"),
        (("  - resources: {tasks", "  - engines: [vasp]\n    resources: {tasks"), "must fit every job"),
        (("scheduler: slurm", "scheduler: sge"), "parallel_environment"),
        (("kinds: [md]", "kinds: [aimd]"), "kinds"),
        (("name: mine", "name: my cluster"), "name"),
    ],
)
def test_wrong_file_is_named_with_line_and_key(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml:\d+: ") as caught:
        cluster(tmp_path, change)
    assert told in caught.value.message
    assert caught.value.exit_status == 2


def test_unknown_name_gives_the_nearest_and_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster_file(tmp_path)
    monkeypatch.setenv(CLUSTERS_VARIABLE, str(tmp_path))
    assert load_cluster("mine").name == "mine"
    with pytest.raises(UnknownNameError, match="did you mean mine") as caught:
        load_cluster("mein")
    assert CLUSTERS_VARIABLE in caught.value.message
    with pytest.raises(InputError, match="no such file"):
        load_cluster("./nowhere.yaml")


def test_variables_of_the_store_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = cluster(tmp_path, ("mongodb://127", "mongodb://${CAT_USER}:${CAT_PASSWORD}@127"))
    monkeypatch.setenv("CAT_USER", "me")
    monkeypatch.delenv("CAT_PASSWORD", raising=False)
    with pytest.raises(InputError, match="cluster mine, key 'store': the environment variable CAT_PASSWORD is not set"):
        _ = mine.store_uri
    monkeypatch.setenv("CAT_PASSWORD", "secret")
    assert mine.store_uri == "mongodb://me:secret@127.0.0.1:1/catholyte"


@given(st.integers(60, 10**6))
def test_wall_times_mean_the_same_in_every_spelling(seconds: int) -> None:
    days, rest = divmod(seconds, 86400)
    spelled = [seconds, f"{seconds} s", f"{days}-{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"]
    assert {Resources.model_validate({"wall_time": value}).wall_time for value in spelled} == {seconds}
    assert slurm_seconds(spelled[2]) == seconds


@pytest.mark.parametrize(
    ("limit", "seconds"), [("infinite", float("inf")), ("30:00", 1800.0), ("1:00:00", 3600.0), ("2-00:00:00", 172800.0)]
)
def test_limits_as_sinfo_prints_them(limit: str, seconds: float) -> None:
    assert slurm_seconds(limit) == seconds


def test_environment_of_jobs(tmp_path: Path) -> None:
    mine = cluster(
        tmp_path,
        ("store:", "vasp_command: srun vasp_std\nvasp_gamma_command: srun vasp_gam\npotcars: /potcars\nstore:"),
    )
    assert mine.environment == {
        "CATHOLYTE_VASP_COMMAND": "srun vasp_std",
        "CATHOLYTE_VASP_GAMMA_COMMAND": "srun vasp_gam",
        "PMG_VASP_PSP_DIR": "/potcars",
    }
    assert mine.model_copy(update={"rehearsal": True}).environment == {"CATHOLYTE_POTCAR_SPEC": "1"}


def test_rehearsals_have_a_database_of_their_own_where_a_variable_holds_the_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options follow the database: a name put behind them would be no name, and the database that of the results."""
    own = "mongodb://me:word@host:1/results-rehearsal?authSource=admin"
    for store, value in {
        "${TEST_STORE}": "mongodb://me:word@host:1/results?authSource=admin",
        "mongodb://me:${TEST_STORE}@host:1/results?authSource=admin": "word",
        own: "",
    }.items():
        monkeypatch.setenv("TEST_STORE", value)
        path = cluster_file(tmp_path, ("mongodb://127.0.0.1:1/catholyte", store))
        found = read_cluster(str(path), rehearsal=True)
        assert (found.store_uri, "word" in found.store) == (own, store == own)
        assert read_cluster(str(path)).store_uri == (own if store == own else own.replace("-rehearsal", ""))
    assert rehearsal_uri("mongodb+srv://host?tls=true") == "mongodb+srv://host/catholyte-rehearsal?tls=true"


# before submission


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for Slurm's commands, which answer and take nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, answer in {"sbatch": "", "squeue": "", "sinfo": "printf 'standard infinite\\nlarge 12:00:00\\n'"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def ready(folder: Path, uri: str, *changes: tuple[str, str]) -> Path:
    """A cluster file on which nothing is wrong but what is changed."""
    fitting = (
        ("mongodb://127.0.0.1:1/catholyte", uri),
        ("24 h", "10 h"),
        ("partition: standard", f"partition: standard\npython: {sys.executable}"),
    )
    return cluster_file(folder, *fitting, *changes)


def test_a_cluster_on_which_nothing_is_wrong(tmp_path: Path, scheduler: Path, database_uri: str) -> None:
    mine = load_cluster(str(ready(tmp_path, database_uri))).model_copy(update={"rehearsal": True})
    found = check_cluster(mine)
    assert [check.name for check in found if not check.ok] == []
    assert [check.name for check in found] == [
        "scheduler",
        "partition",
        "work_dir",
        "worker",
        "VASP command",
        "POTCAR files",
        "database",
    ]
    refuse(found)


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        (
            ("partition: standard", "partition: standrad"),
            "partition",
            "no partition 'standrad'; did you mean standard?",
        ),
        (("10 h", "13 h"), "partition", "46800 s is asked for, partition large allows 43200 s"),
        (("/cluster", "/bin/sinfo"), "work_dir", "cannot be written"),
        (("python: ", "python: /nowhere"), "worker", "No such file or directory"),
        (
            (sys.executable, f"{sys.executable} -S"),
            "worker",
            "cannot import catholyte: ModuleNotFoundError: No module named",
        ),
    ],
)
def test_each_fault_of_a_cluster_is_one_clear_message(
    change: tuple[str, str], check: str, told: str, tmp_path: Path, scheduler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_checks, "_database", lambda found: cluster_checks.Finding("database", True, ""))
    path = ready(tmp_path, "mongodb://127.0.0.1:1/x", change)
    found = finding([cluster_checks._named(check, cluster_checks._CHECKS[check], load_cluster(str(path)))], check)
    assert not found.ok
    assert told in found.detail
    assert found.mend
    with pytest.raises(InputError, match="nothing was submitted"):
        refuse([found])


def test_database_that_is_not_there_or_lets_nobody_in(tmp_path: Path) -> None:
    closed = finding(
        [cluster_checks._database(cluster(tmp_path, ("/catholyte\n", "/catholyte?serverSelectionTimeoutMS=300\n")))],
        "database",
    )
    assert not closed.ok
    assert "does not answer" in closed.detail

    server = start_server(tmp_path / "database")
    try:
        uri = f"mongodb://127.0.0.1:{server.port}/catholyte"
        found = cluster_checks._database(cluster(tmp_path, ("mongodb://127.0.0.1:1/catholyte", uri)))
        assert not found.ok
        assert re.search("refuses: command .* requires authentication", found.detail)
        assert "credentials" in found.mend
        with pytest.raises(StoreError, match="requires authentication"):
            open_store(uri)
    finally:
        stop_server(tmp_path / "database")


def test_password_stays_out_of_every_message(tmp_path: Path) -> None:
    found = cluster_checks._database(
        cluster(
            tmp_path,
            ("mongodb://127.0.0.1:1/catholyte", "mongodb://me:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=300"),
        )
    )
    assert "secret" not in found.detail + found.mend


def test_scheduler_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = cluster(tmp_path)
    assert "no sbatch, squeue on the PATH" in cluster_checks._scheduler(mine).detail
    with pytest.raises(InputError, match="the scheduler does not answer"):
        partition_limits(mine)


def test_partitions_of_other_schedulers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "qstat": (
            "Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type\n----------------  "
            "----\nworkq 0 0 yes yes 0 0 0 0 0 0 Exec\n"
        ),
        "qconf": "all.q\nshort.q\n",
    }
    monkeypatch.setattr(
        cluster_checks.subprocess,
        "run",
        lambda command, **kw: subprocess.CompletedProcess(command, 0, said[command[0]], ""),
    )
    assert list(partition_limits(load_cluster("pbs-example"))) == ["workq"]
    assert list(partition_limits(load_cluster("sge-example"))) == ["all.q", "short.q"]


def test_jobs_of_a_recipe_are_checked_with_the_wall_time_they_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATHOLYTE_POTCAR_SPEC", "1")
    plan = read_plan("gsirr", "vasp")
    fine = check_plan(plan, cluster(tmp_path))
    assert [check.detail for check in fine if not check.ok and check.refuses and check.name == "wall time"] == []
    short = check_plan(plan, cluster(tmp_path, ("1-12:00:00", "3 min"), ("tasks_per_node: 16", "tasks_per_node: 1")))
    wall = [check for check in short if check.name == "wall time" and not check.ok]
    assert wall
    assert "one ionic step takes about" in wall[0].detail
    monkeypatch.delenv("CATHOLYTE_POTCAR_SPEC")
    monkeypatch.delenv("PMG_VASP_PSP_DIR", raising=False)
    missing = finding(
        check_plan(plan, cluster(tmp_path, ("store:", f"potcars: {tmp_path}/none\nstore:"))), "POTCAR files"
    )
    assert "none does not exist" in missing.detail


def test_nothing_is_entered_where_a_check_fails(tmp_path: Path, scheduler: Path, database_uri: str) -> None:
    path = ready(tmp_path, database_uri, ("partition: standard", "partition: nowhere"))
    with pytest.raises(InputError, match="no partition 'nowhere'"):
        submit_campaign("gsirr", str(path), engine="rehearsal")
    assert not (tmp_path / "cluster" / "rehearsal").exists()
    with pytest.raises(UnknownNameError, match="did you mean fireworks"):
        submit_campaign("gsirr", str(path), manager="firework", engine="rehearsal")


# the command line


def test_doctor_shows_every_check_of_a_cluster(
    tmp_path: Path,
    scheduler: Path,
    database_uri: str,
    catholyte: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = ready(tmp_path, database_uri, ("partition: standard", "partition: nowhere"))
    monkeypatch.setattr("catholyte.hpc.commands.campaigns.doctor.run_checks", lambda store: [])
    status, out, _ = catholyte("doctor", "--cluster", str(path), "--rehearsal", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert status == 1
    assert [name for name, check in checks.items() if not check["ok"]] == ["mine: partition"]
    assert "correct 'partition'" in checks["mine: partition"]["mend"]


def test_submit_refuses_with_one_message_and_status_2(tmp_path: Path, scheduler: Path, catholyte: Run) -> None:
    path = ready(tmp_path, "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300")
    status, out, err = catholyte("submit", "gsirr", "--cluster", str(path), "--engine", "rehearsal")
    assert (status, out) == (2, "")
    assert err.startswith("error: nothing was submitted: database: mongodb://127.0.0.1:1/x")
    assert "what to do: check the URI, the network and the credentials" in err
    assert "Traceback" not in err


def test_plan_shows_core_hours(tmp_path: Path, catholyte: Run) -> None:
    path = cluster_file(tmp_path)
    status, out, _ = catholyte("plan", "gsirr", "--engine", "vasp", "--cluster", str(path), "--json")
    document = json.loads(out)
    assert status == 0
    chunk = next(job for job in document["jobs"] if "md" in job["name"])
    assert (chunk["cores"], chunk["wall_time"], chunk["core_hours_at_most"]) == (256, 86400, 256 * 24)
    assert document["totals"]["core_hours"] == pytest.approx(
        sum(job["cost_seconds"] for job in document["jobs"]) / 3600
    )
