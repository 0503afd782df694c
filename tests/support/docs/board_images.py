"""The pictures of docs/board.md: the board of the shipped campaigns and of campaigns made by hand, in Debian's
chromium.

``python tests/support/docs/board_images.py`` writes docs/images/board-*.png anew.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catholyte.analysis.records import Records
from catholyte.hpc.board.app import create_app
from catholyte.hpc.board.snapshot import BoardSource
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.board_campaigns import mixed_campaign, moving_campaign
from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.standins.browser import open_browser, problems, serve

__all__ = ["IMAGES", "LARGEST", "write_images"]

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "docs" / "images"
#: bytes of one picture
LARGEST = 250_000
_WIDE, _PHONE = 1180, 390


def shipped_source(folder: Path) -> BoardSource:
    """The store of tests/data, unpacked into `folder`."""
    opened = open_store(unpack("shipped", folder), create=False)
    return BoardSource(Records(opened.outputs, opened.states, opened.campaigns), "a folder on this machine")


def write_images(out: Path) -> list[Path]:
    """Draw every picture into a folder and return the files.

    Parameters
    ----------
    out : Path
    """
    with tempfile.TemporaryDirectory() as folder:
        source = shipped_source(Path(folder))
        electrons = next(
            entry.plan["key"] for entry in source.snapshot("gsirr").entries if entry.plan["name"] == "LCO gpaw dos"
        )
        with (
            serve(create_app(source)) as finished,
            serve(create_app(mixed_campaign())) as mixed,
            serve(create_app(moving_campaign())) as moving,
        ):
            matrix = f"{finished}/campaign/gsirr"
            with open_browser(_WIDE, 900) as browser:
                files = [
                    _picture(browser, matrix, out / "board-matrix.png", "td.cell .flag", 6, height=1400),
                    _picture(browser, f"{matrix}/job/{electrons}", out / "board-job.png", ".plot[data-drawn]", 2),
                    _picture(
                        browser, f"{mixed}/campaign/gsirr/job/cccc-3", out / "board-cause.png", ".evidence", height=620
                    ),
                    _picture(
                        browser,
                        f"{moving}/campaign/gsirr/job/m1",
                        out / "board-trajectory.png",
                        "#plot-motion[data-drawn]",
                        section=".ledger",
                    ),
                ]
            with open_browser(_PHONE, 844, phone=True) as browser:
                files.append(_picture(browser, matrix, out / "board-phone.png", "td.cell.value"))
    return files


def _picture(
    browser: Any, address: str, path: Path, awaited: str, number: int = 1, height: int = 1000, section: str = ""
) -> Path:
    """The page at an address, once `number` elements of a selector are there: its first `height` pixels, or one
    section."""
    from PIL import Image

    browser.get(address)
    _wait(lambda: len(browser.find_elements("css selector", awaited)) >= number)
    browser.execute_script("document.documentElement.style.overflow = 'hidden'")  # no scroll bar in the picture
    if section:
        height = browser.execute_script("return document.documentElement.scrollHeight") + 200
    if "phone" not in path.stem:
        browser.set_window_size(
            _WIDE, height + browser.execute_script("return window.outerHeight - window.innerHeight")
        )
    time.sleep(1.5)  # figures follow the window
    shot = (
        browser.find_element("css selector", section).screenshot_as_png if section else browser.get_screenshot_as_png()
    )
    if problems(browser):
        raise RuntimeError(f"{address}: the browser complains: {problems(browser)}")
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    if image.width == 2 * _PHONE:  # twice as fine as its page
        image = image.resize((3 * image.width // 4, 3 * image.height // 4))
    image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise RuntimeError(f"{path} has {path.stat().st_size} bytes, more than {LARGEST}")
    return path


def _wait(there: Callable[[], bool], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise RuntimeError("the page never came")
        time.sleep(0.2)


if __name__ == "__main__":
    for file in write_images(IMAGES):
        print(file.relative_to(ROOT), file.stat().st_size)
