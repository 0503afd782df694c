"""Words and looks follow the trust in an engine: a second potential is learned, VASP is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from catholyte.analysis.report.page import write_report
from catholyte.configs.load import ENGINES_VARIABLE
from catholyte.hpc.board.app import create_app
from catholyte.hpc.board.snapshot import BoardSource
from catholyte.tests.support.campaigns.board_campaigns import moving_campaign

LOCAL = "http://127.0.0.1:8765"
HYPOTHESIS = "Events of machine-learned dynamics are hypotheses"
TOY = """\
trust:
  class: machine-learned
  label: Toy
  sentence: springs by hand
  scale: springs
"""


@pytest.fixture(params=["toy", "vasp"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoardSource:
    """Molecular dynamics of one engine."""
    (tmp_path / "toy.yaml").write_text(TOY)
    monkeypatch.setenv(ENGINES_VARIABLE, str(tmp_path))
    return moving_campaign(request.param)


@pytest.fixture
def tier(request: pytest.FixtureRequest, source: BoardSource) -> str:
    return str(source.snapshot("gsirr").row("m1")["tier"])


def test_report_and_its_figures(source: BoardSource, tier: str, tmp_path: Path) -> None:
    write_report(source.records, tmp_path / "out", formats=("svg",))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    learned = tier == "toy"
    assert (HYPOTHESIS in page) == learned
    drawn = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "out" / "figures").glob("*.svg"))
    assert ("events are hypotheses" in drawn) == learned  # the page shares the figures' characters
    assert f"Tier: {tier}" in drawn
    style = "machine-learned" if learned else "dft"
    assert f'class="tier {style}">{tier}</span>' in page
    assert ("springs by hand" in page) == learned


def test_board(source: BoardSource, tier: str) -> None:
    learned = tier == "toy"
    with TestClient(create_app(source), base_url=LOCAL) as client:
        matrix, job, ledger = (
            client.get(f"/campaign/gsirr{place}").text for place in ("", "/job/m1", "/job/m1/ledger")
        )
        curve = client.get("/campaign/gsirr/job/m1/figure/convergence").json()
    assert ("toy: machine-learned, a hypothesis" in matrix) == learned
    assert f'class="tier {"machine-learned" if learned else "dft"}">{tier}</span>' in job
    assert ("hypotheses" in ledger) == learned
    assert 'data-figure="convergence"' in job
    assert curve["layout"]["title"]["text"] == f"dynamics, tier {tier}"
    assert len(curve["data"][0]["y"]) == 60
