"""SIGKILL at random moments: of whole runs, of single workers, while a store is made and while a result is delivered.

Runs are forked, so that hundreds of them start in the time that ten cold ones take; tests/hpc/run/test_killed_run.py
kills cold ones.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from jobflow import Flow

from catholyte.hpc.run import local, worker
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import Ledger
from catholyte.hpc.store.verify import verify_store
from catholyte.tests.hpc.run.test_killed_run import Contents, _same
from catholyte.tests.support.engines.toy_jobs import computed, execute, prepared, slow_arrays

FORK = multiprocessing.get_context("fork")
#: seconds that a job sleeps
NAP = 0.15
KINDS = ("creation", "run", "group", "worker", "delivery")
#: s in which a run must have come to what is waited for
PATIENCE = 120.0


def _forked_executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=FORK, initializer=worker.begin, initargs=(os.getpid(),))


def _run(place: str, log: str) -> None:
    os.setsid()
    local._new_executor = _forked_executor
    worker._OPEN.clear()
    summary = execute(open_store(place), slow_arrays(log, NAP))
    os._exit(len(summary.failed) + len(summary.blocked))


@dataclass
class Campaign:
    """A campaign that is killed again and again, and what must not be computed again."""

    folder: Path
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    #: names of the settled jobs, and how many lines the log had then
    settled: list[tuple[set[str], int]] = field(default_factory=list)

    @property
    def place(self) -> Path:
        return self.folder / "store"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> Any:
        """Start a run in a process group of its own."""
        process = FORK.Process(target=_run, args=(str(self.place), str(self.log)))
        process.start()
        return process

    def kill(self, kind: str) -> None:
        """Start a run and kill it, or a part of it, at a moment of a kind; the next one may meet what it left."""
        process = self.start()
        begun = len(computed(self.log))
        if kind == "creation":
            _until(process, self.place.exists)
            time.sleep(self.rng.uniform(0, 0.05))
        elif kind == "delivery":
            _until(process, lambda: any(self.place.glob("work/*/delivery*")))
            time.sleep(self.rng.uniform(0, 0.03))
        else:
            _until(process, lambda: len(computed(self.log)) > begun)
            time.sleep(self.rng.uniform(0, 3 * NAP))
        self.kills[kind if _strike(kind, process, self.rng) else "too late"] += 1
        process.join()
        self.note_settled()

    def note_settled(self) -> None:
        """Take down whose result is in the store, or waits beside its job: it must not be computed again."""
        lines = len(computed(self.log))
        kept = {file.parent.name.rpartition(".")[0] for file in self.place.glob("work/*/delivery.bson")}
        store = open_store(self.place)  # a store that does not open fails here
        records = Ledger(store).records()
        store.close()
        done = {record["key"] for record in records if record["state"] == "done"}
        # names of the flow; a job added at run time may be added anew, under another uuid, until its parent is done
        names = {job.uuid: str(job.function_args[1]) for job in self.flow.jobs}
        self.settled.append(({names[key] for key in done | kept if key in names}, lines))

    @property
    def flow(self) -> Flow:
        return prepared(slow_arrays(str(self.log), NAP))[0]

    def check(self) -> None:
        """Let the campaign end, and compare it with one that nobody disturbed."""
        process = self.start()
        process.join(PATIENCE)
        if process.exitcode != 0:  # a worker that was killed last has failed its job once
            process = self.start()
            process.join(PATIENCE)
        assert process.exitcode == 0
        lines = computed(self.log)
        for names, at in self.settled:
            assert not names & set(lines[at:]), "computed again"
        store, undisturbed = open_store(self.place), open_store(self.folder / "undisturbed")
        execute(undisturbed, slow_arrays(str(self.log), 0.0))
        found, expected = (
            Contents.of(store, self.flow),
            Contents.of(undisturbed, prepared(slow_arrays(str(self.log), 0.0))[0]),
        )
        assert _same(found, expected)
        assert set(found.computed.values()) == {1}
        assert (verify_store(store).faults, verify_store(store).stray) == ([], 0)
        assert list(store.work.iterdir()) == []
        for opened in (store, undisturbed):
            opened.close()


def _until(process: Any, happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while process.is_alive() and not happened():
        assert time.monotonic() < end
        time.sleep(0.001)


def _strike(kind: str, process: Any, rng: random.Random) -> bool:
    """Kill what the kind says; returns False where the run has ended by itself."""
    if not process.is_alive():
        return False
    if kind == "worker":
        with contextlib.suppress(psutil.Error):
            workers = psutil.Process(process.pid).children()
            if workers:
                rng.choice(workers).kill()
                return True
        return False
    with contextlib.suppress(ProcessLookupError):
        if kind == "group" and rng.random() < 0.9:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
    return True


def _kill_campaigns(folder: Path, stores: int, kills: int, seed: int) -> Counter[str]:
    total: Counter[str] = Counter()
    for number in range(stores):
        rng = random.Random(seed + number)
        campaign = Campaign(folder / str(number), rng)
        campaign.folder.mkdir()
        for turn in range(kills):
            campaign.kill("creation" if turn == 0 else rng.choice(KINDS))
        campaign.check()
        total += campaign.kills
        print(
            f"store {number + 1}: {dict(campaign.kills)}, {len(computed(campaign.log))} computations begun", flush=True
        )
    return total


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    from catholyte.tests.support.engines.toy_jobs import InlineExecutor

    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    monkeypatch.setattr(worker, "_OPEN", {})


def test_a_few_kills(tmp_path: Path) -> None:
    total = _kill_campaigns(tmp_path, stores=2, kills=6, seed=7)
    assert total.total() == 12
    assert total["too late"] < 6


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        total = _kill_campaigns(tmp_path, stores=25, kills=10, seed=1000)
        print(dict(total))
    assert total.total() - total["too late"] >= 200
