"""The board in a real browser: from the matrix to a cause, a structure that turns, filters, a phone, and nothing from
elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catholyte.hpc.board.app import create_app
from catholyte.hpc.board.export import export_board
from catholyte.hpc.board.snapshot import BoardSource
from catholyte.tests.support.campaigns.board_campaigns import mixed_campaign, moving_campaign
from catholyte.tests.support.standins.browser import open_browser, problems, requested, serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def source() -> BoardSource:
    return mixed_campaign()


@pytest.fixture(scope="module")
def address(source: BoardSource) -> Iterator[str]:
    with serve(create_app(source)) as at:
        yield at


def wait_for(look: Callable[[], Any], seconds: float = 30) -> Any:
    """The first answer that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def settled_width(browser: Any) -> int:
    """Width of the whole page in px, when style and fonts are there and two looks find the same."""
    ready = "return document.readyState === 'complete' && document.fonts.status === 'loaded'"
    wait_for(lambda: browser.execute_script(ready))
    seen = [-1]

    def steady() -> bool:
        seen.append(browser.execute_script("return document.documentElement.scrollWidth"))
        return bool(seen[-1] == seen[-2])

    wait_for(steady)
    return int(seen[-1])


def test_from_the_matrix_to_a_cause_and_a_structure_that_turns(address: str) -> None:
    with open_browser() as browser:
        browser.get(address)
        wait_for(
            lambda: browser.find_elements("css selector", "td.cell.value")
        )  # the phase set has been evaluated, and the page has heard of it
        browser.find_element("css selector", "td.cell.failed a").click()
        assert "the moment of Co 3 is 0.1 µB" in browser.find_element("id", "live").text
        assert "start from the high-spin moments" in browser.find_element("id", "live").text
        browser.get(f"{address}/campaign/gsirr/job/bbbb-2")
        wait_for(lambda: len(browser.find_elements("css selector", ".plot[data-drawn]")) == 2)
        camera = (
            "return JSON.stringify(document.getElementById('plot-structure')._fullLayout.scene._scene.getCamera().eye)"
        )
        before = browser.execute_script(camera)
        from selenium.webdriver import ActionChains

        plot = browser.find_element("id", "plot-structure")
        ActionChains(browser).move_to_element(plot).click_and_hold().move_by_offset(120, 40).release().perform()
        assert wait_for(lambda: browser.execute_script(camera) != before)
        assert not problems(browser)
        assert all(url.startswith(address) for url in requested(browser))


@pytest.mark.slow
def test_the_ledger_of_a_trajectory_comes_by_itself_and_fits_a_phone() -> None:
    with serve(create_app(moving_campaign())) as at, open_browser(390, 844, phone=True) as browser:
        browser.get(f"{at}/campaign/gsirr/job/m2")
        wait_for(lambda: browser.find_elements("css selector", "#plot-motion[data-drawn]"))
        told = browser.find_element("id", "ledger").text
        for part in ("tier chgnet", "P-S breaking", "against LPSCl control", "Drift"):
            assert part in told
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        browser.get(f"{at}/campaign/gsirr/job/r1")  # a rehearsal
        wait_for(lambda: "its numbers are invented" in browser.find_element("id", "ledger").text)
        assert not browser.find_elements("id", "plot-motion")
        assert not problems(browser)
        assert all(url.startswith(at) for url in requested(browser))


def test_filters_of_the_list_of_jobs(address: str) -> None:
    with open_browser() as browser:
        browser.get(f"{address}/campaign/gsirr/jobs")
        from selenium.webdriver.support.ui import Select

        Select(browser.find_element("name", "state")).select_by_visible_text("failed")
        browser.find_element("css selector", "form.filters button").click()
        wait_for(lambda: "state=failed" in browser.current_url)  # a link to this view can be passed on
        assert [row.get_attribute("data-state") for row in browser.find_elements("css selector", "#jobs tbody tr")] == [
            "failed"
        ]
        assert not problems(browser)


def test_a_phone_scrolls_one_way_only(address: str) -> None:
    with open_browser(390, 844, phone=True) as browser:
        large = (
            "document.documentElement.style.fontSize = '32px'; document.body.style.fontSize = '26px';"
            "document.body.style.fontFamily = 'monospace'"
        )  # what a reader with weak eyes and other fonts sees
        for place in ("/", "/campaign/gsirr/jobs", "/campaign/gsirr/job/cccc-3", "/campaign/gsirr/job/bbbb-2"):
            browser.get(address + place)
            if place == "/":  # the page is whole when the numbers of the phase set and the verdicts have come
                wait_for(lambda: browser.find_elements("css selector", "td.cell.value"))
                wait_for(lambda: browser.find_elements("css selector", "#claims ~ .scroll tbody tr"))
            assert settled_width(browser) <= 390, place
            browser.execute_script(large)
            assert settled_width(browser) <= 390, f"{place} in a large font"
        assert not problems(browser)


def test_a_script_in_a_name_does_not_run(address: str) -> None:
    from selenium.webdriver.support.expected_conditions import alert_is_present

    with open_browser() as browser:
        browser.get(f"{address}/campaign/gsirr/job/eeee-5")
        assert not alert_is_present()(browser)
        assert "<script>" in browser.find_element("tag name", "h1").text


@pytest.mark.slow
def test_the_export_works_from_files_and_filters_by_itself(tmp_path: Path) -> None:
    export_board(mixed_campaign(), tmp_path)
    with open_browser() as browser:
        browser.get((tmp_path / "index.html").as_uri())
        browser.find_element("link text", "jobs").click()
        browser.find_element("name", "text").send_keys("coo")
        wait_for(
            lambda: (
                len([row for row in browser.find_elements("css selector", "#jobs tbody tr") if row.is_displayed()]) == 2
            )
        )
        browser.find_element("link text", "CoO bulk main").click()
        assert "the moment of Co 3 is 0.1 µB" in browser.find_element("id", "live").text
        browser.get((tmp_path / "gsirr-job-bbbb-2.html").as_uri())
        wait_for(lambda: len(browser.find_elements("css selector", ".plot[data-drawn]")) == 2)
        assert not problems(browser)
        assert all(url.startswith("file:") for url in requested(browser))
