"""The campaign matrix: cathode × electrolyte × layer × property, each cell a number or the state of its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...analysis.campaigns import FINISHED, Entry
from ...analysis.report.content import Value
from ...analysis.words import tiers_in
from ...configs.recipe import Recipe
from ...configs.trust import trust_of
from .snapshot import Quality, Snapshot

__all__ = ["KINDS", "Cell", "Line", "Matrix", "Usage", "build_matrix", "usage", "usage_by_step"]

#: kind of a calculation as a column
KINDS = {"relax": "relaxation", "static": "energy", "dos": "projected DOS", "md": "dynamics", "band": "barriers"}
#: the state that a cell of several jobs takes: the first of these that occurs
_WORST = ("failed", "running", "waiting", "done", "reused")


@dataclass(frozen=True)
class Cell:
    """One property of one system.

    Parameters
    ----------
    state : str
        State of its jobs, ``value`` for a number of the phase set, ``problem`` where there is none.
    text : str
    tier : str
    note : str
        What stands behind it, in words.
    flags : tuple of str
        What a reader must know: not accepted, to review, rehearsal.
    keys : tuple of str
        Keys of its jobs.
    verdict : str
        What a number decides: reacts, lowers it, undecided, …
    """

    state: str
    text: str
    tier: str = ""
    note: str = ""
    flags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    verdict: str = ""


@dataclass
class Line:
    """One row: a system, and its cells by column."""

    cathode: str
    layer: str
    electrolyte: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """All materials, as the jobs name them."""
        return " | ".join(part for part in (self.cathode, self.layer, self.electrolyte) if part)

    @property
    def contact(self) -> bool:
        """Whether a cathode meets an electrolyte."""
        return bool(self.cathode and self.electrolyte)

    @property
    def screened(self) -> bool:
        """Whether it is a layer of a screen of which no job knows: the grid shows it."""
        return bool(self.layer) and not any(cell.keys for cell in self.cells.values())


@dataclass(frozen=True)
class Matrix:
    """Lines and the columns that at least one of them fills."""

    columns: list[str]
    lines: list[Line]

    @property
    def learned(self) -> list[str]:
        """Tiers of its cells that are machine-learned."""
        tiers = {tier for line in self.lines for cell in line.cells.values() for tier in tiers_in(cell.tier)}
        return [tier for tier in sorted(tiers) if trust_of(tier).learned]


@dataclass(frozen=True)
class Usage:
    """Core hours of a campaign.

    Parameters
    ----------
    used, forecast : float, h
        Of the finished and running jobs; of what is left.
    measured : int
        Jobs from which the forecast's correction was measured.
    factor : float
        Measured over estimated time of those jobs, 1 where there are none.
    estimated, spent : float, h
        What those jobs were forecast to take, and took.
    """

    used: float
    forecast: float
    measured: int
    factor: float
    estimated: float = 0.0
    spent: float = 0.0


def build_matrix(snapshot: Snapshot, values: Sequence[Value]) -> Matrix:
    """Return the matrix of one campaign.

    Parameters
    ----------
    snapshot : Snapshot
    values : sequence of Value
        Numbers that need no job, see :func:`catholyte.analysis.report.page.matrix_values`.
    """
    lines: dict[tuple[str, str, str], Line] = {}
    for value in values:
        line = _line(lines, value.row, snapshot.recipe)
        text = value.text or "no value"
        cell = Cell(
            "problem" if value.problem else "value",
            text,
            value.tier,
            value.problem or value.basis,
            verdict=value.verdict,
        )
        line.cells[value.quantity] = _merged(line.cells.get(value.quantity), cell)
    jobs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in snapshot.rows:
        jobs.setdefault((str(row["material"]), KINDS.get(str(row["kind"]), str(row["kind"]))), []).append(row)
    for (material, column), rows in jobs.items():
        _line(lines, [part.strip() for part in material.split("|")], snapshot.recipe).cells[column] = _of_jobs(
            rows, snapshot.qualities
        )
    ordered = sorted(lines.values(), key=lambda line: (not line.contact, line.layer != "", line.cathode == ""))
    present = dict.fromkeys(column for line in ordered for column in line.cells)
    return Matrix(list(present), ordered)


def _line(lines: dict[tuple[str, str, str], Line], parts: Sequence[str], recipe: Recipe) -> Line:
    """The row of one, two or three materials; a single one stands in the column of its role."""
    if len(parts) == 1:
        known = {name for pair in (recipe.reactions.pairs if recipe.reactions else ()) for name in pair[1:]}
        known |= set(recipe.windows.materials) if recipe.windows else set()
        place = ("", "", parts[0]) if parts[0] in known else (parts[0], "", "")
    else:
        place = (parts[0], " | ".join(parts[1:-1]), parts[-1])
    return lines.setdefault(place, Line(*place))


def _merged(first: Cell | None, second: Cell) -> Cell:
    """Two numbers of one property, one below the other."""
    if first is None:
        return second
    text, note = f"{first.text}; {second.text}", f"{first.note}; {second.note}"
    return Cell(second.state, text, first.tier or second.tier, note, verdict=first.verdict or second.verdict)


def _of_jobs(rows: Sequence[Mapping[str, Any]], qualities: Mapping[str, Quality]) -> Cell:
    states = [str(row["state"]) for row in rows]
    state = next((worst for worst in _WORST if worst in states), states[0])
    finished = sum(found in FINISHED for found in states)
    known = [qualities[row["key"]] for row in rows if row["key"] in qualities]
    causes = [str(row["cause"]) for row in rows if row.get("cause")]
    text = (
        state
        if len(rows) == 1
        else f"{finished} of {len(rows)} done" + ("" if state in FINISHED else f", {states.count(state)} {state}")
    )
    tiers = dict.fromkeys(str(row["tier"]) for row in rows)
    return Cell(
        state,
        text,
        " + ".join(tiers),
        "; ".join(causes[:3]),
        tuple(_flags(known)),
        tuple(str(row["key"]) for row in rows),
    )


def _flags(known: Iterable[Quality]) -> list[str]:
    found = list(known)
    counted = {
        "not accepted": sum(quality.accepted is False for quality in found),
        "unreadable": sum(bool(quality.problem) for quality in found),
        "rehearsal": sum(quality.rehearsed for quality in found),
        "to review": sum(bool(quality.review) for quality in found),
    }
    accepted = sum(quality.accepted is True for quality in found)
    told = [name if len(found) == 1 else f"{number} {name}" for name, number in counted.items() if number]
    return told or ([f"accepted {accepted}/{len(found)}" if len(found) > 1 else "accepted"] if accepted else [])


def usage(snapshot: Snapshot) -> Usage:
    """Return the core hours used, and a forecast of what is left.

    The estimate of each job that is left is multiplied by what finished jobs of the campaign took against
    their estimates. A job runs on one core unless its record says otherwise.
    """
    return _usage(snapshot.entries)


def usage_by_step(snapshot: Snapshot) -> dict[str, Usage]:
    """Return the same for each step of the recipe, each with its own correction.

    Parameters
    ----------
    snapshot : Snapshot
    """
    steps: dict[str, list[Entry]] = {}
    for entry in snapshot.entries:
        steps.setdefault(str(entry.plan["step"]), []).append(entry)
    return {step: _usage(entries) for step, entries in steps.items()}


def _usage(entries: Iterable[Entry]) -> Usage:
    used = spent = estimated = left = 0.0
    measured = 0
    for entry in entries:
        estimate, spent_here = float(entry.plan.get("cost_seconds") or 0), entry.core_seconds
        if spent_here and entry.state in ("done", "reused", "failed"):
            hours = spent_here / 3600
            used += hours
            if entry.state != "failed" and estimate:
                spent, estimated, measured = spent + hours, estimated + estimate / 3600, measured + 1
        if entry.state in ("waiting", "running"):
            left += estimate / 3600
    factor = spent / estimated if estimated else 1.0
    return Usage(used, left * factor, measured, factor, estimated, spent)
