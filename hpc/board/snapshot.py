"""What the board shows of a store: read once, shared by all pages, read again when it has grown old.

Only :class:`~catholyte.analysis.records.Records` reads the store, and it never writes. Nothing that a browser sends
reaches a query: pages filter the rows in memory, and a document is looked up by a key that stands among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...analysis.campaigns import FINISHED, Entry
from ...analysis.records import Records, in_campaign
from ...configs.errors import CatholyteError, UnknownNameError
from ...configs.recipe import Recipe
from ...workflows.documents import CalculationDocument
from ..run.campaign import status_document

if TYPE_CHECKING:
    from ...analysis.report.claims import Finding
    from ...analysis.report.content import Value
    from ...analysis.report.first_screen import Reply
    from ...analysis.report.page import Numbers

__all__ = ["OTHER", "REFRESH_SECONDS", "Answers", "BoardSource", "Quality", "Snapshot"]

#: before the name of a campaign of the other store
OTHER = "2/"

#: age at which the states are read again
REFRESH_SECONDS = 3.0
#: finished jobs whose documents are read for their verdict at a time
_BATCH = 50


@dataclass(frozen=True)
class Quality:
    """What is known of a finished job beyond its state.

    Parameters
    ----------
    accepted : bool or None
        Verdict of acceptance; None in documents that have none.
    review : list of str
        Checks that ask for a look.
    rehearsed : bool
        Whether its numbers are invented.
    energy_per_atom : float or None
        eV/atom.
    problem : str
        Why the document cannot be read.
    """

    accepted: bool | None = None
    review: list[str] = field(default_factory=list)
    rehearsed: bool = False
    energy_per_atom: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Answers:
    """What a campaign answered when it was evaluated last.

    Parameters
    ----------
    finished : int
        Jobs that had a result then.
    findings : list of Finding
        Verdicts on the claims of its source.
    numbers : Numbers
        Key numbers, committee, extrapolations.
    problem : str
        Why nothing could be evaluated.
    replies : list of Reply
        The answer to each question of the recipe, in words.
    """

    finished: int
    findings: list[Finding]
    numbers: Numbers
    problem: str = ""
    replies: list[Reply] = field(default_factory=list)


@dataclass(frozen=True)
class Snapshot:
    """One campaign at one moment.

    Parameters
    ----------
    campaign : dict
        Its record.
    recipe : Recipe
    entries : list of Entry
    rows : list of dict
        As ``catholyte status --json`` gives them.
    counts : dict
        State to number of jobs.
    qualities : dict
        Key of a finished job to its quality, as far as they have been read.
    """

    campaign: dict[str, Any]
    recipe: Recipe
    entries: list[Entry]
    rows: list[dict[str, Any]]
    counts: dict[str, int]
    qualities: dict[str, Quality]

    @property
    def name(self) -> str:
        """Of the campaign."""
        return str(self.campaign["name"])

    @property
    def mark(self) -> str:
        """Changes whenever something that the pages show has changed."""
        last = max((str(row.get(key) or "") for row in self.rows for key in ("started", "finished")), default="")
        return f"{self.campaign['updated']} {sorted(self.counts.items())} {last} {len(self.qualities)}"

    @property
    def finished(self) -> int:
        """Number of jobs that have a result."""
        return sum(self.counts.get(state, 0) for state in FINISHED)

    @staticmethod
    def extrapolations(answers: Answers | None) -> dict[str, list[str]]:
        """Name of a line of the matrix to sentences on where its numbers go beyond what they were made for."""
        told: dict[str, list[str]] = {}
        for one in answers.numbers.extrapolations if answers else ():
            told.setdefault(" | ".join(one.row), []).append(one.text)
        return told

    def entry(self, key: str) -> Entry:
        """The job with exactly this key.

        Raises
        ------
        UnknownNameError
            If the campaign has none.
        """
        for entry in self.entries:
            if entry.plan["key"] == key:
                return entry
        raise UnknownNameError(f"this campaign has no job {key[:60]!r}")

    def row(self, key: str) -> dict[str, Any]:
        """Its row of the status."""
        return next(row for row in self.rows if row["key"] == key)


class BoardSource:
    """The store behind the board.

    Parameters
    ----------
    records : Records
        With rehearsals, where the board shows a store of rehearsals.
    shown : str
        The store's place as it may be shown.
    rehearsal : bool
        Whether the store holds rehearsals.
    beside : BoardSource, optional
        Another store, whose campaigns are compared with those of this one.
    """

    def __init__(
        self, records: Records, shown: str, rehearsal: bool = False, beside: BoardSource | None = None
    ) -> None:
        self.records, self.shown, self.rehearsal, self.beside = records, shown, rehearsal, beside
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Snapshot]] = {}
        self._qualities: dict[str, Quality] = {}
        self._names: tuple[float, list[str]] = (-REFRESH_SECONDS, [])

    def names(self) -> list[str]:
        """Names of the campaigns, the latest first."""
        with self._lock:
            if time.monotonic() - self._names[0] > REFRESH_SECONDS:
                self._names = (time.monotonic(), self.records.campaign_names())
            return self._names[1]

    def snapshot(self, name: str) -> Snapshot:
        """One campaign as it is now, or was a few seconds ago.

        Raises
        ------
        UnknownNameError
            If there is no such campaign.
        """
        if name not in self.names():
            raise UnknownNameError(f"there is no campaign {name[:60]!r} in this store")
        with self._lock:
            read, snapshot = self._kept.get(name, (-REFRESH_SECONDS, None))
            if snapshot is None or time.monotonic() - read > REFRESH_SECONDS:
                snapshot = self._read(name)
                self._kept[name] = (time.monotonic(), snapshot)
            return snapshot

    def _read(self, name: str) -> Snapshot:
        entries = self.records.entries(name)
        status = status_document(entries)
        mine = {
            entry.plan["key"]: self._qualities[entry.plan["key"]]
            for entry in entries
            if entry.plan["key"] in self._qualities
        }
        return Snapshot(
            self.records.campaign(name), self.records.recipe(name), entries, status["jobs"], status["counts"], mine
        )

    def document(self, entry: Entry, arrays: bool = False) -> CalculationDocument:
        """The document of a finished job.

        Raises
        ------
        CatholyteError
            If it has none, or it cannot be read.
        """
        return in_campaign(entry, self.records.document(str(entry.plan["uuid"]), arrays))

    def values(self, name: str) -> list[Value]:
        """Numbers of the campaign's matrix that need no job: those of the report, by the same functions."""
        from ...analysis.report.case import read_case
        from ...analysis.report.page import matrix_values

        return matrix_values(read_case(self.records, name, step="bulk", arrays=False))

    def answers(self, name: str) -> Answers:
        """Key numbers and answers of a campaign, and the verdicts on the claims of its source: those of the report."""
        from ...analysis.report.case import read_case
        from ...analysis.report.first_screen import replies_in_words
        from ...analysis.report.page import CHAPTERS, Numbers, campaign_numbers, claim_findings

        finished = self.snapshot(name).finished
        try:
            case = read_case(self.records, name)
            numbers = campaign_numbers(case)
            told = replies_in_words(case, CHAPTERS, numbers.numbers)
            return Answers(finished, claim_findings(case), numbers, replies=told)
        except CatholyteError as error:
            return Answers(finished, [], Numbers([], None, []), error.message)

    def assess(self, name: str) -> int:
        """Read the verdicts of some finished jobs whose documents have not been read yet; return how many were read.

        Documents are final, so each is read once.
        """
        snapshot, read = self.snapshot(name), 0
        for entry in self._unread(snapshot):
            self._qualities[entry.plan["key"]] = self._quality(entry)
            read += 1
            if read == _BATCH:
                break
        if read:
            with self._lock:
                self._kept.pop(name, None)
        return read

    def _unread(self, snapshot: Snapshot) -> Iterator[Entry]:
        return (
            entry for entry in snapshot.entries if entry.state in FINISHED and entry.plan["key"] not in self._qualities
        )

    def _quality(self, entry: Entry) -> Quality:
        try:
            document = self.records.result(str(entry.plan["uuid"]))
        except CatholyteError as error:
            return Quality(problem=error.message)
        except ValueError as error:  # pydantic's: written by another version
            return Quality(problem=str(error).splitlines()[0])
        if not isinstance(document, CalculationDocument):  # it built or chose cells, or only added other jobs
            return Quality()
        verdict = document.acceptance
        return Quality(
            accepted=None if verdict is None else verdict.accepted,
            review=[]
            if verdict is None
            else [f"{check.name}: {check.detail}" for check in verdict.failed(refusing=False)],
            rehearsed=document.rehearsed,
            energy_per_atom=document.energy_per_atom,
        )
