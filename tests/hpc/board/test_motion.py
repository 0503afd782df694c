"""The page of a job of molecular dynamics: its ledger is that of the command, and what cannot be analysed is said by
name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from catholyte.analysis.motion import stored
from catholyte.hpc.board.app import create_app
from catholyte.hpc.board.export import export_board
from catholyte.hpc.board.motion import EventSummaries, EventSummary
from catholyte.hpc.board.motion_picture import motion_picture
from catholyte.structures.trajectories.h5 import TrajectoryWriter
from catholyte.tests.support.campaigns.board_campaigns import moving_campaign
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.docs.figures_by_hand import moving_study
from catholyte.tests.support.motion.moving_chunks import cell, chunk
from catholyte.workflows.documents import CalculationDocument

LOCAL = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def board() -> Iterator[TestClient]:
    with TestClient(create_app(moving_campaign()), base_url=LOCAL) as client:
        yield client


def ledger_of(key: str) -> EventSummary:
    source = moving_campaign()
    snapshot = source.snapshot("gsirr")
    return EventSummaries(source).of(snapshot, snapshot.entry(key))


def page(board: TestClient, key: str) -> str:
    """What a reader of the piece sees."""
    answered = board.get(f"/campaign/gsirr/job/{key}/ledger")
    assert answered.status_code == 200
    return re.sub(r"<script.*?</script>|<[^>]*>", " ", answered.text, flags=re.DOTALL)


def written(path: Path, chunks: list[CalculationDocument]) -> str:
    """The frames of stored chunks as files of the project, joined by commas."""
    files = []
    for number, document in enumerate(chunks):
        run = stored.StoredTrajectory([document])
        file = path.with_name(f"{path.name}{number}.h5")
        with TrajectoryWriter(file, run.species, 10.0, {"tier": "chgnet"}) as writer:
            for frames in run.blocks():
                writer.append(frames)
        files.append(str(file))
    return ",".join(files)


def test_the_page_says_what_the_command_says(catholyte: Run, tmp_path: Path, board: TestClient) -> None:
    """One P-S bond breaks at 0.8 ps, in the second of two chunks; the bulk keeps its bonds."""
    run = written(tmp_path / "run", [chunk("LCO|LPSCl", 0, 60, 80), chunk("LCO|LPSCl", 60, 60, 80)])
    control = written(tmp_path / "control", [chunk("LPSCl control", 400, 100, None, slice(4, 8))])
    cell().to(filename=str(tmp_path / "cell.json"))
    told = answer(
        catholyte("dynamics", *run.split(","), "--control", control, "--cell", tmp_path / "cell.json", "--json")
    )
    ledger = ledger_of("m1")
    tables = {table.name: table.rows for table in ledger.tables}
    assert told["counts"]["P-S breaking"] == 1
    assert tables["event_rates"] == [rate for rate in told["rates"] if rate["count"] or rate["expected"]]
    assert [{key: row[key] for key in ("kind", "formed", "broken")} for row in tables["events"]] == [
        {key: event[key] for key in ("kind", "formed", "broken")} for event in told["events"]
    ]
    for mine, theirs in zip(tables["drift"], told["drift"], strict=True):
        assert mine == pytest.approx(theirs)
    seen = page(board, "m2")  # any chunk shows the whole trajectory
    assert re.search(r"P-S breaking\s+1\s+1\s+0\s+0\.00\s+1\.00\s+1\.60\s+\S+\s+1\.0101", seen)
    assert "tier chgnet: machine-learned" in seen
    assert "1 interface of 1.00 nm²; against LPSCl control replica 1 (0.99 ps)" in seen
    for missing in (
        "replica 1, chunk 3: failed",
        "replica 1, chunk 4: waiting",
        "replica 2, chunk 1: the store holds no frames of it",
    ):
        assert missing in seen


def test_the_figure_holds_events_control_energy_and_temperature(board: TestClient) -> None:
    piece = board.get("/campaign/gsirr/job/m1/ledger").text
    figure = json.loads(re.findall(r'id="data-motion">(.*?)</script>', piece, re.DOTALL)[0])
    traces = {trace["name"]: trace for trace in figure["data"]}
    assert list(traces) == ["P-S breaking (1)", "LPSCl control replica 1, all kinds (0)", "energy", "temperature"]
    broken = traces["P-S breaking (1)"]
    assert (broken["x"], broken["y"]) == ([0, 0.8, 1.19], [0, 1, 1])
    assert np.mean(traces["temperature"]["y"]) == pytest.approx(300, abs=5)
    layout = figure["layout"]
    assert "chgnet" in layout["title"]["text"]
    assert [layout[axis]["title"]["text"] for axis in ("xaxis", "yaxis", "yaxis2", "yaxis3")] == [
        "time (ps)",
        "bonds broken or formed",
        "energy above<br>the first (meV/atom)",
        "temperature (K)",
    ]


def test_what_cannot_be_analysed_is_said_by_name_and_without_numbers(board: TestClient) -> None:
    for key, problem in (
        ("n1", "LCO|LPSCl interface replica 2, chunk 1: the store holds no frames of it"),
        ("r1", "its numbers are invented"),
    ):
        seen = page(board, key)
        assert problem in seen
        assert not re.search(r"P-S|ps;|K\b", seen)
    assert "rehearsal" in board.get("/campaign/gsirr/job/r1").text
    assert ledger_of("r1").figure == {}


def test_a_trajectory_without_its_beginning_is_not_taken_for_another() -> None:
    source = moving_campaign()
    entries, records = source.snapshot("gsirr").entries, source.records
    lost = records.result

    def without_first(uuid: str, arrays: bool = False) -> object:
        found = lost(uuid, arrays)
        return found.model_copy(update={"trajectory": None}) if uuid == "m1" else found  # type: ignore[union-attr]

    records.result = without_first  # type: ignore[assignment, method-assign]
    snapshot = source.snapshot("gsirr")
    assert "the store does not hold its first chunk" in EventSummaries(source).of(snapshot, entries[1]).problem


def test_jobs_that_are_not_finished_dynamics_have_no_ledger(board: TestClient) -> None:
    for key in ("m3", "m4"):  # failed, waiting
        answered = board.get(f"/campaign/gsirr/job/{key}/ledger")
        assert answered.status_code == 404
        assert "data-from" not in board.get(f"/campaign/gsirr/job/{key}").text
    assert "the moment of Co 3 is 0.1 µB" in board.get("/campaign/gsirr/job/m3").text


@pytest.mark.parametrize("key", ['{"$gt": ""}', "$where", "..%2f..%2fetc%2fpasswd", "9" * 20_000, "m1%00"])
def test_hostile_keys_have_no_ledger(board: TestClient, key: str) -> None:
    answered = board.get(f"/campaign/gsirr/job/{key}/ledger")
    assert answered.status_code in (400, 404)
    assert "Traceback" not in answered.text


def test_a_name_is_no_markup_in_a_figure() -> None:
    figure = motion_picture(moving_study(), '<a href="https://elsewhere.example">LCO</a>')
    assert figure["layout"]["title"]["text"].startswith("&lt;a href=")


def test_a_page_does_not_wait_for_its_trajectory_which_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = stored.study_stored

    def counted(runs: stored.StoredRuns, label: str, replica: int | None = None) -> object:
        asked.append(label)
        return real(runs, label, replica)

    monkeypatch.setattr(stored, "study_stored", counted)
    with TestClient(create_app(moving_campaign()), base_url=LOCAL) as client:
        assert 'data-from="/campaign/gsirr/job/m1/ledger"' in client.get("/campaign/gsirr/job/m1").text
        assert asked == []
        first, second = (client.get(f"/campaign/gsirr/job/{key}/ledger").text for key in ("m1", "m2"))
        assert first == second
        assert asked == ["LCO|LPSCl"]


def test_the_export_holds_the_ledger(tmp_path: Path) -> None:
    export_board(moving_campaign(), tmp_path)
    page = (tmp_path / "gsirr-job-m1.html").read_text(encoding="utf-8")
    assert "P-S breaking" in page
    assert json.loads(re.findall(r'id="data-motion">(.*?)</script>', page, re.DOTALL)[0])["layout"]["xaxis"]
    assert "data-from" not in page
    assert "its numbers are invented" in (tmp_path / "gsirr-job-r1.html").read_text(encoding="utf-8")
    lost = (tmp_path / "gsirr-job-n1.html").read_text(encoding="utf-8")
    assert json.loads(re.findall(r'id="data-convergence">(.*?)</script>', lost, re.DOTALL)[0]) == {
        "error": "this job has no steps to draw"
    }
