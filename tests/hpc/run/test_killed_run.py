"""Runs that are killed: at named points of a delivery, and at random moments by SIGKILL."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from jobflow import Flow

from catholyte.hpc.run import local
from catholyte.hpc.run.worker import run_job
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.tests.support.engines.toy_jobs import (
    InlineExecutor,
    array,
    computed,
    detour,
    execute,
    prepared,
    replace_once,
    slow_arrays,
    total,
)

#: seconds that a job of the flow to be killed sleeps
NAP = 0.6
#: what a process has written when it dies, in this order; all but the first and the last within one transaction
POINTS = ["claim", "arrays", "announcement", "document", "finish", "everything"]


@dataclass
class Contents:
    """Everything in a store that two runs of one flow must share."""

    outputs: dict[str, Any] = field(default_factory=dict)
    blobs: Counter[str] = field(default_factory=Counter)
    computed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, store: CampaignStore, flow: Flow) -> Contents:
        """Outputs, number of blobs and number of computations by job; jobs added at run time by their arguments."""
        records = {record["key"]: record for record in Ledger(store).records()}
        names = {job.uuid: job.function_args[1] for job in flow.jobs}
        for record in records.values():
            for added in [job for jobs in (record.get("dynamic") or {}).values() for job in jobs]:
                names.setdefault(added["uuid"], added["function_args"][1] if len(added["function_args"]) > 1 else "")
        found = cls()
        for document in store.outputs.query({}, load=True):
            name = f"{names[document['uuid']]}:{document['index']}"
            assert name not in found.outputs, f"two documents of {name}"
            found.outputs[name] = _without_uuids(document["output"])
        found.blobs = Counter(names[blob["job_uuid"]] for blob in store.outputs.additional_stores["data"].query({}))
        found.computed = {f"{names[r['uuid']]}:{r['index']}": r["computed"] for r in records.values()}
        return found


def _without_uuids(output: Any) -> Any:
    return {k: v for k, v in output.items() if k != "uuid"} if isinstance(output, dict) else output


# Named points


def _killed_at(point: str, location: str, serialised: dict[str, Any]) -> None:
    """Run one job in a process that is gone as soon as it has written what `point` says."""
    from catholyte.hpc.run import worker

    def then_die(function: Any) -> Any:
        def dying(*args: Any, **kwargs: Any) -> None:
            function(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        return dying

    store = open_store(location)
    worker._OPEN[location] = store
    if point == "claim":
        worker._resume_or_run = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
    elif point == "arrays":
        data = store.outputs.additional_stores["data"]
        data.update = then_die(data.update)
    elif point == "announcement":
        Ledger.announce = then_die(Ledger.announce)
    elif point == "finish":
        Ledger.finish = then_die(Ledger.finish)
    elif point == "everything":
        worker.shutil.rmtree = then_die(lambda *args, **kwargs: None)
    else:
        store.outputs.docs_store.update = then_die(store.outputs.docs_store.update)
    worker.run_job(location, serialised)


def _flow(log: Path, kind: str) -> Flow:
    path = str(log)
    parent = (
        array(path, "parent", 3.0, 50)
        if kind == "array"
        else {"detour": detour, "replacement": replace_once}[kind](path, "parent", 3.0)
    )
    value = parent.output if kind == "replacement" else parent.output.value
    return Flow([parent, total(path, "child", [value])])


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        (kind, point)
        for kind in ("array", "detour", "replacement")
        for point in POINTS
        if kind == "array" or point != "arrays"
    ],
)
def test_delivery_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, point: str) -> None:
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    log, store = tmp_path / "log", open_store(tmp_path / "store")
    flow, records = prepared(_flow(log, kind))
    Ledger(store).register(records)
    process = multiprocessing.get_context("fork").Process(
        target=_killed_at, args=(point, store.location, flow.jobs[0].as_dict())
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    record = Ledger(store).record(flow.jobs[0].uuid)
    assert record is not None
    assert record["state"] == ("done" if point == "everything" else "running")
    assert store.outputs.count({}) == (point == "everything")

    summary = execute(store, _flow(log, kind))
    assert (summary.failed, summary.blocked) == ([], [])
    # what was computed before the kill lies beside the job and is delivered, never computed again
    assert computed(log).count("parent") == 1
    assert (flow.jobs[0].uuid in summary.reused) is (point == "everything")
    found = Contents.of(store, flow)

    undisturbed = open_store(tmp_path / "undisturbed")
    execute(undisturbed, _flow(log, kind))
    expected = Contents.of(undisturbed, flow)
    assert _same(found, expected)
    assert set(found.computed.values()) == {1}
    assert list(store.work.iterdir()) == []
    for opened in (store, undisturbed):
        opened.close()


def _same(found: Contents, expected: Contents) -> bool:
    assert found.outputs.keys() == expected.outputs.keys()
    for name, output in expected.outputs.items():
        assert _plain(found.outputs[name]) == _plain(output), name
    assert found.blobs == expected.blobs
    assert found.computed == expected.computed
    return True


def _plain(output: Any) -> Any:
    """A reference to a job added at run time holds a uuid of that run."""
    return "a reference" if isinstance(output, dict) and output.get("@class") == "OutputReference" else output


# Random moments


RUN = """
import sys
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.engines import toy_jobs
if __name__ == "__main__":
    summary = toy_jobs.execute(open_store({store!r}), toy_jobs.slow_arrays({log!r}, {seconds}), workers=2)
    print(len(summary.completed), len(summary.reused), len(summary.failed), len(summary.blocked))
"""


def _start(folder: Path, log: Path, store: Path, seconds: float) -> subprocess.Popen[str]:
    script = folder / "run.py"
    script.write_text(RUN.format(log=str(log), store=str(store), seconds=seconds))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _kill_after(process: subprocess.Popen[str], seconds: float) -> list[psutil.Process]:
    """Kill the run alone, and return the workers that it leaves behind."""
    time.sleep(seconds)
    children = [] if process.poll() is not None else psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    return children


def _gone(processes: list[psutil.Process], seconds: float = 10.0) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def _kill_test(tmp_path: Path, kills: int, seed: int) -> list[str]:
    """Kill a run again and again, let it end, compare with an undisturbed run; returns one line per kill."""
    log, place, rng = tmp_path / "log", tmp_path / "store", random.Random(seed)
    done_at_kill: list[int] = []
    table = ["kill  after (s)  jobs begun  done of 10  orphans gone"]
    for number in range(kills):
        begun, start = len(computed(log)), time.monotonic()
        process = _start(tmp_path, log, place, NAP)
        # one kill in four while processes still start, the others after a job has begun
        while number % 4 != 3 and len(computed(log)) == begun and process.poll() is None:
            time.sleep(0.01)
        orphans = _kill_after(process, rng.uniform(0, 1.2 * NAP))
        moment = time.monotonic() - start
        gone = _gone(orphans)
        with_store = open_store(place)
        done = sum(record["state"] == "done" for record in Ledger(with_store).records())
        with_store.close()
        done_at_kill.append(done)
        table.append(f"{number + 1:4d}  {moment:9.2f}  {len(computed(log)):10d}  {done:10d}  {gone}")
        assert gone, table[-1]
    assert done_at_kill[0] < 10, "the first kill came after the end"
    last = _start(tmp_path, log, place, NAP)
    out, _ = last.communicate(timeout=120)
    assert last.returncode == 0
    store, undisturbed = open_store(place), open_store(tmp_path / "undisturbed")
    flow, _ = prepared(slow_arrays(str(log), NAP))
    numbers = [int(word) for word in out.split()]
    assert numbers[2:] == [0, 0]
    assert numbers[0] + numbers[1] == len(Ledger(store).records())
    execute(undisturbed, slow_arrays(str(log), NAP))
    found, expected = Contents.of(store, flow), Contents.of(undisturbed, flow)
    assert _same(found, expected)
    assert set(found.computed.values()) == {1}
    assert list(store.work.iterdir()) == []
    for opened in (store, undisturbed):
        opened.close()
    return table


@pytest.mark.slow
def test_run_killed_three_times_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    table = _kill_test(tmp_path, kills=3, seed=1)
    assert len(table) == 4


@pytest.mark.slow
def test_twenty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = []
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        table += _kill_test(tmp_path / str(number), kills=4, seed=100 + number)
    with capsys.disabled():
        print("", *table, sep="\n")
    assert sum(line.endswith("True") for line in table) == 20


def test_workers_end_with_the_run_that_started_them(tmp_path: Path) -> None:
    process = _start(tmp_path, tmp_path / "log", tmp_path / "store", 60.0)
    while len(computed(tmp_path / "log")) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    orphans = _kill_after(process, 0.0)
    assert len(orphans) >= 2
    assert _gone(orphans, 5.0)
    store = open_store(tmp_path / "store")
    ledger = Ledger(store)
    running = [record["key"] for record in ledger.records() if record["state"] == "running"]
    assert len(running) == 2
    assert {ledger.claim(key).state for key in running} == {"taken"}
    store.close()


def test_worker_answers_for_a_job_that_is_done_or_held(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    flow, records = prepared(Flow([array(str(tmp_path / "log"), "parent", 1.0, 3)]))
    ledger, serialised, key = Ledger(store), flow.jobs[0].as_dict(), flow.jobs[0].uuid
    ledger.register(records)
    ledger.claim(key)
    assert run_job(store.location, serialised).state == "held"
    ledger.release(key)
    assert run_job(store.location, serialised).state == "done"
    assert run_job(store.location, serialised).state == "reused"
    assert computed(tmp_path / "log") == ["parent"]
    store.close()
