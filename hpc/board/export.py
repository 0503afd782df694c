"""The board as files, for a group meeting: pages that stand alone and need no server and no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ...analysis.words import file_stem
from ..store.ledger import now
from .app import ASSETS, plotly_script
from .links import Links
from .pages import STATIC, Pages
from .snapshot import OTHER, BoardSource

__all__ = ["export_board"]


class _Files(Links):
    """Addresses relative to a folder of pages; pages of jobs lie in the same folder."""

    def asset(self, name: str) -> str:
        return name

    def __init__(self, compared: Iterable[str] = ()) -> None:
        self.compared = frozenset(compared)

    def matrix(self, campaign: str, **asked: str) -> str:
        return f"{file_stem(campaign)}.html"

    def numbers(self, campaign: str) -> str:
        return f"{file_stem(campaign)}-numbers.html"

    def compare(self, campaign: str) -> str:
        return f"{file_stem(campaign)}-compare.html" if campaign in self.compared else ""

    def jobs(self, campaign: str, material: str = "", kind: str = "", state: str = "") -> str:
        return f"{file_stem(campaign)}-jobs.html"

    def job(self, campaign: str, key: str) -> str:
        return f"{file_stem(campaign)}-job-{file_stem(key)}.html"

    def figure(self, campaign: str, key: str, name: str) -> str:
        return ""

    def ledger(self, campaign: str, key: str) -> str:
        return ""

    def mark(self, campaign: str) -> str:
        return ""

    def page(self, number: int) -> str:
        return ""


def export_board(source: BoardSource, out: Path) -> list[Path]:
    """Write every page of every campaign into a folder; ``index.html`` is the latest campaign's matrix.

    Campaigns that the other store of the source has under the same name are compared with it.

    Parameters
    ----------
    source : BoardSource
    out : Path
        Folder; made where it is missing.

    Returns
    -------
    list of Path
        ``index.html`` first.
    """
    out.mkdir(parents=True, exist_ok=True)
    others = source.beside.names() if source.beside else []
    links, files = _Files(set(others) & set(source.names())), list[Path]()
    pages = Pages(source, taken=f"{now()[:16].replace('T', ' ')} UTC")
    for name in source.names():
        pages.values[name] = source.values(name)
        pages.answers[name] = source.answers(name)
        while source.assess(name):
            pass
        written = {links.matrix(name): pages.matrix(name, links, {}), links.jobs(name): pages.jobs(name, links, {})}
        written[links.numbers(name)] = pages.numbers(name, links, {})
        if source.beside is not None and links.compare(name):
            pages.answers[f"{OTHER}{name}"] = source.beside.answers(name)
            written[links.compare(name)] = pages.compare(links, {"new": name, "old": f"{OTHER}{name}"})
        written |= {
            links.job(name, entry.plan["key"]): pages.job(name, entry.plan["key"], links)
            for entry in source.snapshot(name).entries
        }
        for place, page in written.items():
            (out / place).write_text(page, encoding="utf-8")
            files.append(out / place)
    for path in (*(STATIC / name for name in ASSETS), plotly_script()):
        files.append(Path(shutil.copy(path, out)))
    index = out / "index.html"
    names = source.names()
    index.write_text(
        (out / links.matrix(names[0])).read_text(encoding="utf-8")
        if names
        else pages.problem("No campaign yet", "The store was empty.", links)
    )
    return [index, *files]
