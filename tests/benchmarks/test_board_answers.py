"""What pages of the board cost with 10,000 jobs: time until an answer, and what is sent."""

from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient

from catholyte.hpc.board.app import create_app
from catholyte.tests.support.campaigns.board_campaigns import many_jobs
from catholyte.tests.support.referees.evidence import Evidence

pytestmark = pytest.mark.benchmark
PLACES = ("", "/jobs", "/jobs?text=lco3", "/jobs?state=failed&page=5", "/job/key-009999", "/mark")


def test_answers(measured: Evidence) -> None:
    """Each page once to warm up, then the best of three; one more after the states have grown old."""
    source = many_jobs(10_000)
    client = TestClient(create_app(source), base_url="http://127.0.0.1")
    spent, sent = [], []
    for place in PLACES:
        times = []
        for _ in range(4):
            clock = time.process_time()
            answer = client.get(f"/campaign/gsirr{place}")
            times.append(time.process_time() - clock)
            assert answer.status_code == 200
        spent.append(min(times[1:]))
        sent.append(int(answer.headers["content-length"]))
    source._kept.clear()
    clock = time.process_time()
    client.get("/campaign/gsirr/mark")
    spent_anew = time.process_time() - clock
    measured.within("dearest of six pages of the board, 10,000 jobs", 1000 * max(spent), "CPU ms", limit=500)
    measured.within("the heaviest of them, as it is sent", max(sent) / 1000, "kB", limit=50)
    measured.within("states of 10,000 jobs read anew by an open board", 1000 * spent_anew, "CPU ms", limit=500)
