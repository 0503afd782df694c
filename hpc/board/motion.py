"""What the page of a job of molecular dynamics says of its trajectory: the ledger of bond events, drift and control, by
the functions of the report."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ...analysis.campaigns import FINISHED
from ...configs.errors import CatholyteError, InputError
from ...workflows.documents import CalculationDocument, require_real
from ...workflows.roles import Chunk
from .snapshot import BoardSource, Snapshot

if TYPE_CHECKING:
    from ...analysis.campaigns import Entry
    from ...analysis.motion.study import MotionStudy
    from ...analysis.report.content import Table

__all__ = ["EventSummaries", "EventSummary"]

#: evaluated trajectories that are kept
_KEPT = 32
#: events that a page lists one by one
_LISTED = 200


@dataclass(frozen=True)
class EventSummary:
    """One trajectory as its jobs' pages show it.

    Parameters
    ----------
    title : str
        System, replica and tier.
    problem : str
        Why there is nothing to show; then the rest is empty.
    summary : str
        Frames, time, area, and what the numbers were compared with.
    tables : list of Table
        Events by kind, drift, and the events themselves.
    figure : dict
        ``{data, layout}`` for plotly.
    notes : list of str
    """

    title: str
    problem: str = ""
    summary: str = ""
    tables: list[Table] = field(default_factory=list)
    figure: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class EventSummaries:
    """Trajectories of a store, each evaluated when a page first asks for it, one at a time, and kept.

    Parameters
    ----------
    source : BoardSource
    """

    def __init__(self, source: BoardSource) -> None:
        self._source, self._lock = source, threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], EventSummary] = OrderedDict()

    def of(self, snapshot: Snapshot, entry: Entry) -> EventSummary:
        """The ledger of the trajectory to which a chunk belongs: of all its finished chunks, beside its replicas and
        the controls of its phases.

        Parameters
        ----------
        snapshot : Snapshot
        entry : Entry
            A finished job of molecular dynamics.
        """
        chunk, material = _chunk(entry), entry.plan["material"]
        title = f"{material}{f', replica {chunk.replica}' if chunk else ''}"
        used = [
            other
            for other in snapshot.entries
            if (moving := _chunk(other)) and (moving.control or other.plan["material"] == material)
        ]
        finished = [other for other in used if other.state in FINISHED]
        mark = (
            snapshot.name,
            title,
            *(f"{other.plan['uuid']} {other.state}" for other in used),
        )  # a document is final; a further chunk is another ledger
        with self._lock:
            if mark not in self._kept:
                try:
                    self._kept[mark] = self._evaluated(title, entry, finished, _unfinished(used, entry))
                except CatholyteError as error:
                    self._kept[mark] = EventSummary(title, problem=error.message)
            self._kept.move_to_end(mark)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[mark]

    def _evaluated(self, title: str, entry: Entry, finished: list[Entry], missing: list[str]) -> EventSummary:
        from ...analysis.motion.stored import stored_runs, study_stored

        if (chunk := _chunk(entry)) is None:
            raise InputError(f"{entry.plan['name']} is no chunk of a trajectory")
        documents, notes = [], []
        for other in finished:
            try:
                documents.append(self._read(other))
            except CatholyteError as error:
                if other.plan["key"] == entry.plan["key"]:
                    raise
                notes.append(f"left out: {error.message}")
        study = study_stored(stored_runs(documents), str(entry.plan["material"]), chunk.replica)
        return _told(title, study, [*missing, *notes])

    def _read(self, entry: Entry) -> CalculationDocument:
        """A chunk with its frames.

        Raises
        ------
        CatholyteError
            Naming the chunk, if its document cannot be read, holds no frames, or comes from a rehearsal.
        """
        name = str(entry.plan["name"])
        try:
            document = self._source.document(entry, arrays=True)
            require_real(document)
        except ValidationError as error:
            raise InputError(f"{name}: its document cannot be read: {error.errors()[0]['msg']}") from None
        except CatholyteError as error:
            raise InputError(f"{name}: {error.message}") from None
        if document.trajectory is None or not document.trajectory.positions:
            raise InputError(f"{name}: the store holds no frames of it")
        return document


def _chunk(entry: Entry) -> Chunk | None:
    """The role of a job of molecular dynamics; None for any other."""
    return role if entry.plan["kind"] == "md" and isinstance(role := entry.role, Chunk) else None


def _unfinished(used: list[Entry], entry: Entry) -> list[str]:
    """In words, which chunks of the entry's own trajectory are still to come."""
    mine = _chunk(entry)
    own = [
        other
        for other in used
        if other.plan["material"] == entry.plan["material"]
        and (one := _chunk(other))
        and mine
        and one.replica == mine.replica
    ]
    return [
        f"{other.plan['variant']}: {other.state}, its frames are not here"
        for other in own
        if other.state not in FINISHED
    ]


def _told(title: str, study: MotionStudy, notes: list[str]) -> EventSummary:
    from dataclasses import replace

    from ...analysis.report.chapters.motion import motion_tables
    from .motion_picture import motion_picture

    motion, found = study.motion, {table.name: table for table in motion_tables(study)}
    rates, events = found.get("event_rates"), found.get("events")
    tables = []
    if rates is not None:
        seen = [row for row in rates.rows if row["count"] or row["expected"]]
        quiet = ", ".join(row["kind"] for row in rates.rows if row not in seen)
        tables.append(replace(rates, rows=seen, note=f"{rates.note} No event of: {quiet}." if quiet else rates.note))
    if "drift" in found:
        tables.append(found["drift"])
    if events is not None:
        rest = len(events.rows) - _LISTED
        tables.append(
            replace(
                events,
                rows=events.rows[:_LISTED],
                note=f"{events.note} {f'{rest} more stand in the report.' if rest > 0 else ''}".strip(),
            )
        )
    faces = motion.n_interfaces
    area = (
        f"; {faces} interface{'s' if faces > 1 else ''} of {motion.area / 100:.2f} nm²{' each' if faces > 1 else ''}"
        if faces
        else ""
    )
    against = (
        "; against " + " and ".join(f"{name} ({one.ledger.duration / 1000:g} ps)" for name, one in study.controls)
        if study.controls
        else ""
    )
    summary = (
        f"{motion.n_frames} frames, {len(motion.species)} atoms, {motion.ledger.duration / 1000:g} ps{area}{against}"
    )
    return EventSummary(
        f"{title}, tier {study.label}", "", summary, tables, motion_picture(study, title), [*notes, *study.notes]
    )
