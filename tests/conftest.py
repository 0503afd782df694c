"""Fixtures that put what tests measure on record, and the option that writes the pages of it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from catholyte.tests.support.referees.evidence import BENCHMARKS, REFEREES, Evidence, Referee, base_name

#: by the usual thresholds a tenth of all time goes to the collector of garbage, which looks through every import again
gc.set_threshold(10_000, 10, 10)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-evidence",
        action="store_true",
        help="write docs/benchmarks.md and docs/referees.md with what this run measures",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        (
            "referee: compares a number with an independent one (every test that takes the fixture `refereed`); `make "
            "referees`"
        ),
    )
    # how a file was read is no fault; tests of the notes ask for them
    config.addinivalue_line("filterwarnings", "ignore::catholyte.configs.errors.FileNote")
    if config.getoption("--write-evidence") and config.getoption("dist", "no") != "no":
        raise pytest.UsageError("--write-evidence wants all tests in one process: leave out -n")
    BENCHMARKS.writing = REFEREES.writing = config.getoption("--write-evidence")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "refereed" in getattr(item, "fixturenames", ()):
            item.add_marker("referee")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that is skipped without a browser makes nothing to look at first."""
    if item.get_closest_marker("browser"):
        from catholyte.tests.support.standins.browser import require_browser

        require_browser()


def pytest_deselected(items: list[pytest.Item]) -> None:
    REFEREES.partial |= {base_name(item.nodeid) for item in items}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped or report.failed:
        REFEREES.partial.add(base_name(report.nodeid))


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Commands tell engines and workers where they are by variables: no test hands them on to the next one."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def measured() -> Evidence:
    """What a benchmark measures."""
    return Evidence(BENCHMARKS)


@pytest.fixture(scope="session")
def refereed() -> Referee:
    """Comparisons with independent numbers."""
    return Referee(REFEREES)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[object]:
    result = yield
    if isinstance(found := pyfuncitem.funcargs.get("measured"), Evidence):
        found.judge()
    return result


def pytest_sessionfinish() -> None:
    for record in (BENCHMARKS, REFEREES):
        if record.writing and record.fresh:
            record.write()
