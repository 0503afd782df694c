"""The local runner: order, failures, flows that grow, resuming; and real worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow

from catholyte.hpc.run import local
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import (
    InlineExecutor,
    add,
    array,
    computed,
    cores,
    detour,
    die,
    execute,
    fail_until,
    grow,
    meet,
    pipeline,
    prepared,
    replace_by_two,
    replace_once,
    stop_children,
    stop_jobflow,
    total,
)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    monkeypatch.setattr(local, "POLL_SECONDS", 0.05)


def _outputs(store: CampaignStore) -> dict[tuple[str, int], Any]:
    return {(doc["uuid"], doc["index"]): doc["output"] for doc in store.outputs.query({}, load=True)}


def _by_argument(store: CampaignStore, flow: Flow) -> dict[str, dict[str, Any]]:
    """Ledger records under the names that the toy jobs write to the log."""
    names = {job.uuid: job.function_args[1] for job in flow.jobs}
    return {
        names[record["uuid"]]: record
        for record in Ledger(store).records()
        if record["uuid"] in names and record["index"] == 1
    }


def _no_leftovers(store: CampaignStore) -> None:
    assert list(store.work.iterdir()) == []


# Order and bookkeeping


@pytest.mark.usefixtures("inline")
def test_inputs_come_first_and_a_second_run_reuses_all(
    store: CampaignStore, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[local.Event] = []
    first = execute(store, pipeline(str(log)), on_event=events.append)
    assert len(first.completed) == 3
    assert (first.reused, first.failed, first.blocked) == ([], [], [])
    assert computed(log)[-1] == "both"
    assert sorted(computed(log)) == ["both", "left", "right"]
    assert sorted(_outputs(store).values()) == [1.0, 2.0, 3.0]
    assert [event.state for event in events].count("running") == 3
    assert [event.n_finished for event in events if event.state == "done"] == [1, 2, 3]
    _no_leftovers(store)

    monkeypatch.setattr(local, "_new_executor", lambda: pytest.fail("a process was started for a finished job"))
    again = execute(store, pipeline(str(log)))
    assert sorted(again.reused) == sorted(first.completed)
    assert again.completed == []
    assert len(computed(log)) == 3
    assert {record["computed"] for record in Ledger(store).records()} == {1}


@pytest.mark.usefixtures("inline")
def test_failure_blocks_its_descendants_alone_and_is_tried_again(
    store: CampaignStore, log: Path, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"

    def flow() -> Flow:
        broken = fail_until(str(log), "broken", str(flag))
        child = add(str(log), "child", broken.output)
        other = add(str(log), "other", 5.0)
        return prepared(
            Flow(
                [broken, child, add(str(log), "grandchild", child.output), other, add(str(log), "cousin", other.output)]
            )
        )[0]

    summary = execute(store, flow())
    assert (len(summary.completed), len(summary.failed), len(summary.blocked)) == (2, 1, 2)
    assert computed(log) == ["broken", "other", "cousin"]
    record = _by_argument(store, flow())["broken"]
    assert record["state"] == "failed"
    assert record["cause"] == {
        "error": "CalculationError",
        "message": "broken did not converge",
        "advice": "use more iterations",
        "evidence": ["engine.log: iteration 1", "engine.log: no convergence"],
    }
    assert {record["state"] for name, record in _by_argument(store, flow()).items() if "child" in name} == {"waiting"}

    flag.touch()
    repaired = execute(store, flow())
    assert (len(repaired.completed), len(repaired.reused), repaired.failed, repaired.blocked) == (3, 2, [], [])
    record = _by_argument(store, flow())["broken"]
    assert (record["state"], record["cause"], record["attempts"], record["computed"]) == ("done", None, 2, 1)
    _no_leftovers(store)


@pytest.mark.usefixtures("inline")
def test_reference_to_a_finished_job_of_another_flow(store: CampaignStore, log: Path) -> None:
    first = prepared(Flow([add(str(log), "first", 4.0)]))[0]
    execute(store, first)
    summary = execute(store, Flow([add(str(log), "second", first.jobs[0].output)]))
    assert (len(summary.reused), len(summary.completed)) == (0, 1)
    assert sorted(_outputs(store).values()) == [4.0, 4.0]


# Flows that grow while they run


def _growing(log: Path, kind: str) -> tuple[Flow, dict[str, int], float]:
    """A flow, how often each job must be computed, and the value of its last job."""
    path = str(log)
    if kind == "one replacement":
        parent = replace_once(path, "parent", 3.0)
        return Flow([parent, add(path, "child", parent.output)]), {"parent": 1, "parent.new": 1, "child": 1}, 4.0
    if kind == "several replacements":
        parent = replace_by_two(path, "parent", 3.0)
        numbers = {"parent": 1, "parent.first": 1, "parent.second": 1, "child": 1}
        first = 3 + _first_draw(3)
        return (
            Flow([parent, add(path, "child", parent.output.value)]),
            numbers,
            pytest.approx(first + _first_draw(int(first))),
        )
    if kind == "detour":
        parent = detour(path, "parent", 3.0)
        return (
            Flow([parent, add(path, "child", parent.output.value)]),
            {"parent": 1, "parent.detour": 1, "child": 1},
            3.0,
        )
    parent = grow(path, "parent", 2)
    return (
        Flow([parent, add(path, "child", parent.output)]),
        {"parent": 1, "parent+": 1, "parent++": 1, "child": 1},
        2.0,
    )


def _first_draw(seed: int) -> float:
    import numpy as np

    return float(np.random.default_rng(seed).normal())


GROWING = ["one replacement", "several replacements", "detour", "additions"]


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("kind", GROWING)
def test_flow_that_grows_ends_in_order_and_is_reused_whole(
    store: CampaignStore, log: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, numbers, value = _growing(log, kind)
    summary = execute(store, flow)
    assert (summary.failed, summary.blocked) == ([], [])
    assert Counter(computed(log)) == numbers
    if kind != "additions":
        assert computed(log)[-1] == "child"
    child = next(
        key
        for key, name in summary.names.items()
        if name == "add" and ":" not in key and key in {job.uuid for job in prepared(flow)[0].jobs}
    )
    assert store.outputs.get_output(child) == value
    assert {(r["state"], r["computed"]) for r in Ledger(store).records()} == {("done", 1)}
    _no_leftovers(store)

    monkeypatch.setattr(local, "_new_executor", lambda: pytest.fail("a process was started for a finished job"))
    again = execute(store, _growing(log, kind)[0])
    assert sorted(again.reused) == sorted(summary.completed)
    assert Counter(computed(log)) == numbers


@pytest.mark.usefixtures("inline")
def test_failed_side_job_of_a_replacement_does_not_hold_the_children(
    store: CampaignStore, log: Path, tmp_path: Path
) -> None:
    parent = replace_by_two(str(log), "parent", 3.0, str(tmp_path / "never"))
    summary = execute(store, Flow([parent, add(str(log), "child", parent.output.value)]))
    assert [summary.names[key] for key in summary.failed] == ["fail_until"]
    assert summary.blocked == []
    assert "child" in computed(log)


@pytest.mark.usefixtures("inline")
def test_failure_inside_a_replacement_blocks_children_and_grandchildren(
    store: CampaignStore, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catholyte.tests.support.engines import toy_jobs

    monkeypatch.setattr(toy_jobs.np.random, "default_rng", lambda seed: 1 / 0)
    parent = replace_by_two(str(log), "parent", 3.0)
    child = add(str(log), "child", parent.output.value)
    summary = execute(store, Flow([add(str(log), "grandchild", child.output), child, parent]))
    assert len(summary.failed) == 1
    assert summary.names[summary.failed[0]] == "array"
    # the second replacement, the job that hands on its output, the child and the grandchild
    assert len(summary.blocked) == 4
    monkeypatch.undo()


@pytest.mark.usefixtures("inline")
def test_stop_children_and_stop_jobflow(store: CampaignStore, log: Path) -> None:
    parent = stop_children(str(log), "parent")
    child = add(str(log), "child", parent.output)
    flow = Flow([parent, child, add(str(log), "grandchild", child.output), add(str(log), "other", 1.0)])
    for _ in range(2):
        summary = execute(store, flow)
        assert len(summary.blocked) == 2
        assert summary.failed == []
    assert computed(log) == ["parent", "other"]

    end = stop_jobflow(str(log), "end")
    summary = execute(store, Flow([end, add(str(log), "late", end.output)]))
    assert len(summary.completed) == 1
    assert len(summary.blocked) == 1
    assert "late" not in computed(log)


# Real processes


def test_jobs_run_side_by_side(store: CampaignStore, log: Path) -> None:
    one, two = meet(str(log), "one", "two", 20.0), meet(str(log), "two", "one", 20.0)
    summary = execute(store, Flow([one, two]))
    assert len(summary.completed) == 2
    assert list(_outputs(store).values()) == [True, True]


def test_a_job_that_is_alone_has_all_cores(store: CampaignStore, log: Path) -> None:
    one, two = cores(str(log), "one"), cores(str(log), "two")
    last = cores(str(log), "last", one.output, two.output)
    flow = prepared(Flow([one, two, last]))[0]
    execute(store, flow, workers=3)
    found = _outputs(store)
    assert {job.function_args[1]: found[job.uuid, 1] for job in flow.jobs} == {"one": 1, "two": 1, "last": 3}


def test_dead_workers_take_one_job_each(store: CampaignStore, log: Path) -> None:
    killed, left, raised = (die(str(log), how, how) for how in ("sigkill", "exit", "bug"))
    flow = prepared(Flow([killed, left, raised, add(str(log), "child", killed.output), pipeline(str(log))]))[0]
    summary = execute(store, flow)
    assert (len(summary.failed), len(summary.blocked), len(summary.completed)) == (3, 1, 3)
    records = _by_argument(store, flow)
    assert records["sigkill"]["cause"]["error"] == "WorkerDied"
    assert "memory" in records["sigkill"]["cause"]["advice"]
    assert records["sigkill"]["cause"]["evidence"] == ["engine.log: allocating 1 TB"]
    assert records["exit"]["cause"]["message"] == "SystemExit: 3"
    assert records["bug"]["cause"]["message"] == "ZeroDivisionError: a plain bug"
    assert any("ZeroDivisionError" in line for line in records["bug"]["cause"]["evidence"])
    assert {records[name]["state"] for name in ("left", "right", "both")} == {"done"}


def test_two_runs_at_once_compute_each_job_once(store: CampaignStore, log: Path) -> None:
    def flow() -> Flow:
        jobs = [array(str(log), f"a{i}", float(i), 100, 0.2) for i in range(6)]
        return Flow([*jobs, total(str(log), "end", [job.output.value for job in jobs])])

    other = open_store(store.location)
    summaries: list[local.RunSummary] = []
    threads = [
        threading.Thread(target=lambda s=s: summaries.append(execute(s, flow(), workers=1))) for s in (store, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert Counter(computed(log)) == dict.fromkeys([*(f"a{i}" for i in range(6)), "end"], 1)
    assert [len(s.completed) + len(s.reused) for s in summaries] == [7, 7]
    assert all(s.completed for s in summaries)
    assert sum(len(s.completed) for s in summaries) == 7
    assert {record["computed"] for record in Ledger(store).records()} == {1}
    _no_leftovers(store)


RUN = """
import signal
from catholyte.hpc.store.campaign_store import open_store
from jobflow import Flow
from catholyte.tests.support.engines import toy_jobs
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests were started in the background
    jobs = [toy_jobs.array({log!r}, f"a{{i}}", float(i), 10, {seconds}) for i in range(2)]
    toy_jobs.execute(open_store({store!r}), Flow([*jobs, toy_jobs.total({log!r}, "end", [j.output.value for j in jobs])]))
"""


def test_interrupted_run_leaves_its_jobs_waiting(store: CampaignStore, log: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(RUN).format(log=str(log), store=store.location, seconds=600))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _until(lambda: len(computed(log)) == 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=200)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert errors.count("Traceback") <= 2  # of the run itself, with its cause; none of the workers
    assert {record["state"] for record in Ledger(store).records()} == {"waiting"}
    assert len(Ledger(store).records()) == 3


def _until(condition: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
