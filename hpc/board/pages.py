"""The pages of the board as HTML, for the live board and for its export alike."""

from __future__ import annotations

import json
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
from .filters import NO_LAYER, distinct, job_wanted, narrowed, with_text
from .grid import layers_of
from .links import Links
from .matrix import build_matrix, usage, usage_by_step
from .motion import EventSummaries, EventSummary
from .numbers import (
    committee_differences,
    comparison_content,
    difference_text,
    interval_of,
    number_text,
    numbers_content,
)
from .pictures import PICTURES, picture
from .snapshot import Answers, BoardSource, Quality, Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ...analysis.campaigns import Entry

__all__ = ["PAGE_ROWS", "STATIC", "Pages", "figures_of"]

STATIC = Path(__file__).parent / "static"
#: jobs of one page of the list
PAGE_ROWS = 200


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
    answers : dict
        Campaign to its key numbers and the verdicts on the claims of its source; those of another store behind ``2/``.
    """

    source: BoardSource
    values: dict[str, list[Value]] = field(default_factory=dict)
    taken: str = ""
    answers: dict[str, Answers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ledgers = EventSummaries(self.source)

    def matrix(self, name: str, links: Links, asked: Mapping[str, str]) -> str:
        """The campaign matrix.

        Parameters
        ----------
        name : str
        links : Links
        asked : mapping
            Filters: cathode, layer (``none`` for bare contacts), electrolyte, property, state, text. Unknown values
            give an empty matrix.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        snapshot = self.source.snapshot(name)
        whole = build_matrix(snapshot, self.values.get(name, []))
        states = [cell.state for line in whole.lines for cell in line.cells.values()]
        filters = {
            "cathode": distinct(line.cathode for line in whole.lines),
            "layer": [NO_LAYER, *distinct(line.layer for line in whole.lines)],
            "electrolyte": distinct(line.electrolyte for line in whole.lines),
            **({} if self.taken else {"property": whole.columns}),
            "state": distinct(states),
        }
        answers = self.answers.get(name)
        claims = [(one, one.to_json()) for one in answers.findings] if answers else []
        # tabs stay while one of them is looked at
        tabs = layers_of(narrowed(whole, {**asked, "layer": ""}), asked.get("property", ""))
        return self._render(
            "matrix",
            snapshot,
            links,
            asked,
            matrix=narrowed(whole, asked),
            tabs=tabs,
            current=next((tab for tab in tabs if (tab.layer or NO_LAYER) == asked.get("layer")), tabs[0])
            if tabs
            else None,
            filters=filters,
            pending=name not in self.values,
            extrapolations=snapshot.extrapolations(answers),
            differences=committee_differences(answers, whole.lines),
            replies=answers.replies if answers else [],
            claims=with_text(claims, asked, lambda one: f"{one[0].claim.text} {one[0].verdict} {one[0].reason}"),
        )

    def numbers(self, name: str, links: Links, asked: Mapping[str, str]) -> str:
        """Every key number of the report, a committee's members side by side, and where a potential extrapolates.

        Parameters
        ----------
        name : str
        links : Links
        asked : mapping
            Filters: chapter, text.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        snapshot, answers = self.source.snapshot(name), self.answers.get(name)
        return self._render("numbers", snapshot, links, asked, **numbers_content(answers, asked))

    def compare(self, links: Links, asked: Mapping[str, str]) -> str:
        """Key numbers of two campaigns side by side.

        Parameters
        ----------
        links : Links
        asked : mapping
            ``old`` and ``new``: campaigns, of the other store behind ``2/``; filters verdict, text.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        content = comparison_content(self.source, self.answers, asked)
        snapshot = self.source.snapshot(content["at"])
        return self._render("compare", snapshot, links, asked, **content)

    def mark(self, snapshot: Snapshot) -> str:
        """Changes whenever something that the pages of a campaign show has changed.

        Parameters
        ----------
        snapshot : Snapshot
        """
        known = [f"{name} {answers.finished}" for name, answers in sorted(self.answers.items())]
        return f"{snapshot.mark} {snapshot.name in self.values} {known}"

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
        filters = {key: distinct(str(row[key]) for row in snapshot.rows) for key in keys}
        rows = [row for row in snapshot.rows if job_wanted(row, asked)]
        size = len(rows) or 1 if self.taken else PAGE_ROWS
        pages = max(1, ceil(len(rows) / size))
        number = min(
            max(1, int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 9 else 1), pages
        )
        page = _ListPage(rows[(number - 1) * size : number * size], number, pages, len(rows))
        return self._render("jobs", snapshot, links, asked, page=page, filters=filters, steps=usage_by_step(snapshot))

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
            "comparable": len(source.names()) + len(source.beside.names() if source.beside else ()) > 1,
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


@cache
def _environment() -> Environment:
    made = environment(Path(__file__).parent / "templates")
    claims = {"counted": counted, "interval_text": interval_text, "held_against": held_against}
    made.filters |= {"verdict": _verdict, "script": _script, "together": _together, **claims}
    made.filters |= {"forecast_hours": forecast_hours, "used_hours": used_hours}
    made.filters |= {"number_text": number_text, "interval_of": interval_of, "difference_text": difference_text}
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
