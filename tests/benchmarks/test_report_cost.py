"""What the report costs: of the demo's campaign, and its page in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.referees.evidence import Evidence
from catholyte.tests.support.standins.browser import open_browser

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
#: ms from the start of loading to the end of it
_LOADED = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime"


def _report(store: Path, campaign: str, out: Path) -> float:
    """Processor time of `catholyte report`, the whole command in a process of its own, s."""
    main = "from catholyte.hpc.commands.app import main; main()"
    call = ["report", "--store", str(store), "--campaign", campaign, "--out", str(out)]
    before = os.times()
    subprocess.run([sys.executable, "-c", main, *call], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Path]:
    """Of the store that `make demo` left: the better of two times, and the page."""
    folder = tmp_path_factory.mktemp("demo")
    store = unpack("shipped", folder / "store")
    spent = min(_report(store, "gsirr", folder / f"{run}") for run in range(2))
    return spent, folder / "1" / "report.html"


def test_report_of_the_demo(demo: tuple[float, Path], measured: Evidence) -> None:
    measured.within("`catholyte report` of the demo's campaign, the whole command", demo[0], "CPU s", limit=5)


@pytest.mark.browser
def test_the_page_in_a_browser(demo: tuple[float, Path], measured: Evidence) -> None:
    """Weight, and time until it is loaded, best of three."""
    with open_browser(1300, 900) as browser:
        times = []
        for _ in range(3):
            browser.get(demo[1].as_uri())
            times.append(float(browser.execute_script(_LOADED)))
    measured.within("page of the demo's report", demo[1].stat().st_size / 1e6, "MB", limit=2)
    measured.within("the same loaded in chromium", min(times), "ms", limit=1500)
