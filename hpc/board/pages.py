"""The pages of the board as HTML, for the live board and for its export alike."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...analysis.campaigns import FINISHED
from ...analysis.report.claims_section import counted, held_against, interval_text
from ...analysis.report.content import Value
from ...analysis.report.rendering import environment
from ...configs.errors import CatholyteError, UnknownNameError
from ...workflows.documents import CalculationDocument
from ..run.campaign import explain
from .facts import facts, forecast_hours, used_hours
from .matrix import KINDS, Line, Matrix, build_matrix, usage
from .motion import EventSummaries, EventSummary
from .pictures import PICTURES, picture
from .snapshot import BoardSource, Quality, Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ...analysis.campaigns import Entry
    from ...analysis.report.claims import Finding

__all__ = ["PAGE_ROWS", "STATIC", "Links", "Pages", "figures_of"]

STATIC = Path(__file__).parent / "static"
#: jobs of one page of the list
PAGE_ROWS = 200


class Links(ABC):
    """Where pages find each other."""

    @abstractmethod
    def asset(self, name: str) -> str:
        """Address of a style sheet or script."""

    @abstractmethod
    def matrix(self, campaign: str) -> str:
        """Address of a campaign's matrix."""

    @abstractmethod
    def jobs(self, campaign: str, material: str = "", kind: str = "", state: str = "") -> str:
        """Address of a campaign's jobs, of one system, kind or state where given."""

    @abstractmethod
    def job(self, campaign: str, key: str) -> str:
        """Address of one job."""

    @abstractmethod
    def figure(self, campaign: str, key: str, name: str) -> str:
        """Address of the data of a figure."""

    @abstractmethod
    def ledger(self, campaign: str, key: str) -> str:
        """Address of what happened in the trajectory of a job."""

    @abstractmethod
    def mark(self, campaign: str) -> str:
        """Address that says whether something changed."""

    @abstractmethod
    def page(self, number: int) -> str:
        """Address of another page of the same list."""


@dataclass(frozen=True)
class _ListPage:
    rows: Sequence[Mapping[str, Any]]
    number: int
    pages: int
    total: int


@dataclass
class Pages:
    """Renders pages.

    Parameters
    ----------
    source : BoardSource
    values : dict
        Campaign to the numbers of its phase set; a campaign that is missing is still being evaluated.
    taken : str
        For an export: when it was made; the pages then stand alone.
    findings : dict
        Campaign to the verdicts on the claims of its source, as they were when the board was opened.
    """

    source: BoardSource
    values: dict[str, list[Value]] = field(default_factory=dict)
    taken: str = ""
    findings: dict[str, list[Finding]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ledgers = EventSummaries(self.source)

    def matrix(self, name: str, links: Links, asked: Mapping[str, str]) -> str:
        """The campaign matrix.

        Parameters
        ----------
        name : str
        links : Links
        asked : mapping
            Filters: cathode, layer, electrolyte, property, state. Unknown values give an empty matrix.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        snapshot = self.source.snapshot(name)
        whole = build_matrix(snapshot, self.values.get(name, []))
        states = [cell.state for line in whole.lines for cell in line.cells.values()]
        filters = {
            "cathode": _distinct(line.cathode for line in whole.lines),
            "layer": _distinct(line.layer for line in whole.lines),
            "electrolyte": _distinct(line.electrolyte for line in whole.lines),
            **({} if self.taken else {"property": whole.columns}),
            "state": _distinct(states),
        }
        shown = _filtered(whole, asked)
        return self._render(
            "matrix",
            snapshot,
            links,
            asked,
            matrix=shown,
            filters=filters,
            pending=name not in self.values,
            claims=[(one, one.to_json()) for one in self.findings.get(name, [])],
        )

    def mark(self, snapshot: Snapshot) -> str:
        """Changes whenever something that the pages of a campaign show has changed.

        Parameters
        ----------
        snapshot : Snapshot
        """
        return f"{snapshot.mark} {snapshot.name in self.values} {snapshot.name in self.findings}"

    def jobs(self, name: str, links: Links, asked: Mapping[str, str]) -> str:
        """The list of jobs.

        Parameters
        ----------
        name : str
        links : Links
        asked : mapping
            Filters: state, step, engine, material, kind, text; and the number of the page.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        snapshot = self.source.snapshot(name)
        keys = ("state", "step", "engine", "material")
        filters = {key: _distinct(str(row[key]) for row in snapshot.rows) for key in keys}
        rows = [row for row in snapshot.rows if _asked_for(row, asked)]
        size = len(rows) or 1 if self.taken else PAGE_ROWS
        pages = max(1, ceil(len(rows) / size))
        number = min(
            max(1, int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 9 else 1), pages
        )
        page = _ListPage(rows[(number - 1) * size : number * size], number, pages, len(rows))
        return self._render("jobs", snapshot, links, asked, page=page, filters=filters)

    def job(self, name: str, key: str, links: Links) -> str:
        """One job: cause, figures, inputs, acceptance, settings.

        Raises
        ------
        UnknownNameError
            If there is no such campaign or job.
        """
        snapshot = self.source.snapshot(name)
        entry, row = snapshot.entry(key), snapshot.row(key)
        document, problem = None, ""
        if entry.state in FINISHED:
            try:
                answer = self.source.records.result(str(entry.plan["uuid"]))
                document = answer if isinstance(answer, CalculationDocument) else None
            except CatholyteError as error:
                problem = error.message
            except ValueError as error:  # pydantic's: written by another version
                problem = str(error).splitlines()[0]
        told = explain({**entry.plan, **entry.record, "state": entry.record.get("state", entry.state)})
        if problem:
            told = {**told, "cause": f"{told['cause']}; its document cannot be read: {problem}"}
        figures = figures_of(document)
        embedded = self._embedded(entry, figures) if self.taken else {}
        depends = [other for other in snapshot.rows if other["key"] in entry.plan["depends_on"]]
        children = [other for other in snapshot.rows if key in other["depends_on"]]
        verdict = document.acceptance if document else None
        return self._render(
            "job",
            snapshot,
            links,
            {},
            row=row,
            told=told,
            quality=snapshot.qualities.get(key),
            figures=figures,
            embedded=embedded,
            facts=facts(row, document),
            depends=depends,
            children=children,
            checks=verdict.checks if verdict else [],
            settings=json.dumps(document.settings, indent=1, ensure_ascii=False) if document else "",
            moving=document is not None and document.kind == "md",
            **(
                self._ledger_content(self._ledgers.of(snapshot, entry))
                if self.taken and document is not None and document.kind == "md"
                else {}
            ),
        )

    def _embedded(self, entry: Entry, figures: Sequence[str]) -> dict[str, str]:
        """The data of each figure of a page that stands alone, or why there is none."""
        drawn: dict[str, Any] = {}
        whole = None
        for figure in figures:
            try:
                whole = whole or self.source.document(entry, arrays=True)
                drawn[figure] = picture(figure, whole)
            except CatholyteError as error:
                drawn[figure] = {"error": error.message}
        return {figure: json.dumps(data) for figure, data in drawn.items()}

    def ledger(self, name: str, key: str) -> str:
        """What happened in the trajectory of a finished job of molecular dynamics, to stand in the job's page;
        evaluated when it is first asked for.

        Raises
        ------
        UnknownNameError
            If there is no such campaign or job, or the job is no finished molecular dynamics.
        """
        snapshot = self.source.snapshot(name)
        entry = snapshot.entry(key)
        if entry.plan["kind"] != "md" or entry.state not in FINISHED:
            raise UnknownNameError("this job is no finished molecular dynamics")
        return (
            _environment()
            .get_template("ledger.html.j2")
            .render(self._ledger_content(self._ledgers.of(snapshot, entry)))
        )

    @staticmethod
    def _ledger_content(ledger: EventSummary) -> dict[str, Any]:
        return {"ledger": ledger, "plotted": json.dumps(ledger.figure) if ledger.figure else ""}

    def problem(self, title: str, message: str, links: Links) -> str:
        """A page that says what went wrong."""
        names = self.source.names()
        name = names[0] if names else ""
        return (
            _environment()
            .get_template("problem.html.j2")
            .render(self._common(links, name), title=title, message=message, mark="", view="")
        )

    def _render(self, view: str, snapshot: Snapshot, links: Links, asked: Mapping[str, str], **content: Any) -> str:
        common = {
            **self._common(links, snapshot.name),
            "view": view,
            "snapshot": snapshot,
            "hours": usage(snapshot),
            "asked": asked,
        }
        return _environment().get_template(f"{view}.html.j2").render(common, mark=self.mark(snapshot), **content)

    def _common(self, links: Links, name: str) -> dict[str, Any]:
        source = self.source
        return {
            "link": links,
            "name": name,
            "names": source.names(),
            "shown": source.shown,
            "rehearsal": source.rehearsal,
            "static": bool(self.taken),
            "taken": self.taken,
        }


def figures_of(document: CalculationDocument | None) -> list[str]:
    """Names of the figures that a document can have, by its kind: the arrays need not be loaded.

    Parameters
    ----------
    document : CalculationDocument or None
    """
    if document is None:
        return []
    found = (
        ["structure"]
        + (["convergence"] if document.kind in ("relax", "md") else [])
        + (["dos"] if document.kind == "dos" else [])
    )
    return [name for name in found if name in PICTURES]


def _asked_for(row: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    exact = all(str(row[key]) == asked[key] for key in ("state", "step", "engine", "material") if asked.get(key))
    kind = not asked.get("kind") or KINDS.get(str(row["kind"]), str(row["kind"])) == asked["kind"]
    return exact and kind and asked.get("text", "").lower() in str(row["name"]).lower()


def _filtered(whole: Matrix, asked: Mapping[str, str]) -> Matrix:
    def wanted(line: Line) -> bool:
        parts = all(getattr(line, key) == asked[key] for key in ("cathode", "layer", "electrolyte") if asked.get(key))
        states = not asked.get("state") or any(cell.state == asked["state"] for cell in line.cells.values())
        return parts and states and (not asked.get("property") or asked["property"] in line.cells)

    lines = [line for line in whole.lines if wanted(line)]
    columns = [
        column
        for column in whole.columns
        if any(column in line.cells for line in lines) and asked.get("property") in (None, "", column)
    ]
    return Matrix(columns, lines)


def _distinct(values: Any) -> list[str]:
    return sorted({value for value in values if value})


@cache
def _environment() -> Environment:
    made = environment(Path(__file__).parent / "templates")
    claims = {"counted": counted, "interval_text": interval_text, "held_against": held_against}
    made.filters |= {"verdict": _verdict, "script": _script, "together": _together, **claims}
    made.filters |= {"forecast_hours": forecast_hours, "used_hours": used_hours}
    return made


def _together(text: str) -> str:
    """A number with its uncertainty, and both ends of a window, on one line."""
    return text.replace(" ± ", "\u00a0±\u00a0").replace(" to ", "\u00a0to\u00a0")


def _verdict(quality: Quality) -> str:
    if quality.problem:
        return f"unreadable: {quality.problem}"
    verdict = {True: "accepted", False: "not accepted", None: "no verdict"}[quality.accepted]
    return "; ".join([verdict, *(f"to review: {line}" for line in quality.review)]) + (
        "; rehearsal" if quality.rehearsed else ""
    )


def _script(data: str) -> Markup:
    """JSON inside a script element: nothing in it can end the element."""
    from markupsafe import Markup

    return Markup(data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
