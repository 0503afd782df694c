"""A written report as a reader sees it, and a recipe that asks for one."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from catholyte.configs.recipe import Recipe


class Page(HTMLParser):
    """Rows of text by table, sentences by class, attributes by tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.problems: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._table, self._open = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        given = dict(attrs)
        if (given.get("id") or "").startswith("table-"):
            self._table = str(given["id"]).removeprefix("table-")
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        if tag == "p" and given.get("class") == "problem":
            self.problems.append("")
        if tag in ("td", "th", "p"):
            self._open = "problem" if tag == "p" and given.get("class") == "problem" else tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "p"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("td", "th"):
            self.tables[self._table][-1][-1] += data
        elif self._open == "problem":
            self.problems[-1] += data


def recipe(phase_set: Path, **changes: Any) -> Recipe:
    """Every step on a made phase set, with some keys changed."""
    given: dict[str, Any] = {
        "name": "made",
        "title": "LiCoO2 and CoO, made",
        "source": "made for a test",
        "hubbard_u": {"Co": 3.9},
        "stated": [{"setting": "cutoff", "value": "500 eV"}],
        "choices": [{"setting": "order of CoO", "value": "AFM-II", "reason": "not stated"}],
        "bulk": {"materials": ["LCO", "CoO"]},
        "electronic": {
            "materials": ["LCO", "CoO"],
            "cutoff": 600,
            "kpoints": {"LCO": [4, 4, 4], "CoO": [4, 4, 4]},
            "band_center": {"window": "occupied", "reference": "vbm"},
        },
        "reactions": {"phase_set": str(phase_set), "pairs": [["Li2O2", "Li"]], "published": {"Li-Li2O2": -1.0}},
        "windows": {
            "phase_set": str(phase_set),
            "materials": ["Li2O2"],
            "published": {"Li2O2": [2.5, None]},
            "published_products": {"Li2O2": [["Li2O"], []]},
            "published_source": "made for a test",
        },
    }
    return Recipe.model_validate({**given, **changes})


def column(rows: list[list[str]], title: str) -> list[str]:
    """One column of a table, without its head."""
    place = rows[0].index(title)
    return [row[place] for row in rows[1:]]


def key_numbers(out: Path) -> dict[str, dict[str, str]]:
    """Rows of the first table by quantity."""
    with (out / "tables" / "key_numbers.csv").open(encoding="utf-8", newline="") as file:
        return {row["quantity"]: row for row in csv.DictReader(file)}
