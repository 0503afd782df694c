"""Time left: an interval from timed jobs of the same kind, by hand; nothing before there are any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.hpc.run.local import Event
from catholyte.hpc.run.time_left import TimeLeft, measured_times
from catholyte.hpc.store.campaign_store import open_store
from catholyte.hpc.store.ledger import now
from catholyte.tests.support.command_line import Run
from catholyte.workflows.plan.builder import PlannedJob

JOB = PlannedJob("", "", 1, "", "bulk", "X", "main", "chgnet", "chgnet", "relax", "X", 4, [], 10.0, None)
SEEN = [(("chgnet", "relax"), ratio) for ratio in (0.5, 1.0, 2.0)]


def job(key: str, cost: float = 10.0, after: tuple[str, ...] = (), kind: str = "relax") -> PlannedJob:
    return replace(JOB, key=key, uuid=key, name=key, cost_seconds=cost, depends_on=list(after), kind=kind)


def done(key: str, seconds: float) -> Event:
    return Event(key, "done", seconds, 1, 9, key=key)


def test_nothing_is_said_before_three_jobs_of_the_kind_were_timed() -> None:
    clock = TimeLeft([job(name) for name in "abcde"] + [job("s", kind="static")], 1, [])
    assert clock.told(done("a", 5.0)) == ""
    assert clock.told(done("b", 10.0)) == ""
    # d and e: 10 s times 0.5 to 2 each; the static was never timed
    assert clock.told(done("c", 20.0)) == "10 to 40 s left, and 1 job of kinds not timed yet"


def test_several_workers_by_hand() -> None:
    free = TimeLeft([job("a"), job("b"), job("c"), job("d")], 2, SEEN)
    # work 20 to 80 s on two workers; the longest job 5 to 20 s
    assert free.interval(0.0) == (10.0, 80 / 2 + 20 / 2, 0)
    chain = TimeLeft([job("a"), job("b", after=("a",)), job("c", after=("b",))], 2, SEEN)
    assert chain.interval(0.0) == (15.0, 60 / 2 + 60 / 2, 0)


def test_a_job_that_runs_has_part_of_its_time_behind_it() -> None:
    clock = TimeLeft([job("a"), job("b")], 1, SEEN)
    clock.take(Event("a", "running", 0.0, 0, 2, key="a"), now=100.0)
    assert clock.interval(now=104.0) == (1.0 + 5.0, 16.0 + 20.0, 0)
    assert clock.interval(now=1000.0) == (5.0, 20.0, 0)


def test_a_failed_job_is_no_longer_waited_for_and_times_nothing() -> None:
    clock = TimeLeft([job("a"), job("b")], 1, SEEN)
    clock.take(Event("a", "failed", 500.0, 1, 2, key="a"))
    assert clock.interval() == (5.0, 20.0, 0)


@given(
    costs=st.lists(st.floats(1, 100), min_size=1, max_size=8),
    ratios=st.lists(st.floats(0.1, 10), min_size=3, max_size=6),
    workers=st.integers(1, 4),
)
def test_a_run_of_jobs_within_the_ratios_ends_within_the_interval(
    costs: list[float], ratios: list[float], workers: int
) -> None:
    jobs = [job(str(k), cost) for k, cost in enumerate(costs)]
    found = TimeLeft(jobs, workers, [(("chgnet", "relax"), ratio) for ratio in ratios]).interval(0.0)
    assert found is not None
    ends = [0.0] * workers  # each job in its order on the worker that is free first
    for k, cost in enumerate(costs):
        first = ends.index(min(ends))
        ends[first] += cost * ratios[k % len(ratios)]
    assert found[0] - 1e-6 <= max(ends) <= found[1] + 1e-6


def test_former_jobs_of_this_machine_count(catholyte: Run, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    import socket

    here = {"engine": "chgnet", "kind": "relax", "state": "done", "cost_seconds": 10.0, "finished": now()}
    store.states.insert_many(
        [
            {**here, "key": "1", "host": socket.gethostname(), "wall_seconds": 20.0},
            {**here, "key": "2", "host": "another", "wall_seconds": 30.0},
            {**here, "key": "3", "host": socket.gethostname(), "wall_seconds": None},
            {**here, "key": "4", "host": socket.gethostname(), "state": "failed", "wall_seconds": 1.0},
        ]
    )
    assert measured_times(store) == [(("chgnet", "relax"), 2.0)]


def test_a_run_says_how_long_it_takes(catholyte: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    bulk = "bulk: {materials: [LiCl, LiF, Li2O, LiBr], max_force: 0.5, max_steps: 200}\n"
    recipe.write_text(f"name: mine\ntitle: t\nsource: this test\nhubbard_u: {{}}\n{bulk}")
    status, _, err = catholyte("run", recipe, "--store", tmp_path / "store", "--workers", 1)
    assert status == 0, err
    ends = [line for line in err.splitlines() if "] done" in line]
    assert [" left" in line for line in ends] == [False, False, True, False]


@pytest.mark.parametrize(
    ("words", "number", "expected"), [("catholyte pl", 1, "plan"), ("catholyte plan gsi", 2, "gsirr")]
)
def test_the_shell_completes_commands_and_recipes(
    catholyte: Run, monkeypatch: pytest.MonkeyPatch, words: str, number: int, expected: str
) -> None:
    for name, value in (("_CATHOLYTE_COMPLETE", "complete_bash"), ("COMP_WORDS", words), ("COMP_CWORD", str(number))):
        monkeypatch.setenv(name, value)
    assert catholyte()[1].split() == [expected]
