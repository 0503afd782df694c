"""Bond events of the members of a committee side by side: which potential sees which kind of event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..motion.study import MotionStudy
from .case import Case
from .chapters.motion import MOTION
from .content import Column, Table

__all__ = ["events_by_member"]

_NOTE = (
    "Each member moved its own cells. ±: counting statistics, of a count of nought as of one of one. The interval "
    "reaches from the lowest to the highest count with its own ±. Counts of runs of other lengths are scaled to "
    "that of {}."
)


def events_by_member(case: Case) -> Table | None:
    """Return each kind of event of each run with its count by each member; None where no two of them moved the same.

    Parameters
    ----------
    case : Case
        With a committee.
    """
    studies = {case.member: _studies(case), **{name: _studies(other) for name, other in case.committee.items()}}
    leader, names = studies[case.member], list(studies)
    rows: list[dict[str, Any]] = []
    for label in leader:
        moved = {
            name: found[label]
            for name, found in studies.items()
            if label in found and (found is leader or found[label].spec.tier != leader[label].spec.tier)
        }  # what only the first member's engine moved is one trajectory for all
        if len(moved) > 1:
            rows += _rows(label, moved, names, leader[label].motion.ledger.observed)
    if not rows:
        return None
    columns = [
        Column("run", "run"),
        Column("kind", "bond event"),
        Column("seen", "seen by"),
        *(Column(name, name, 0, f"{name}_sigma") for name in names),
        Column("difference", "largest difference", 0),
        Column("low", "interval from", 1),
        Column("high", "to", 1),
    ]
    return Table("committee_events", "Bond events by member", columns, rows, _NOTE.format(case.member))


def _studies(case: Case) -> Mapping[str, MotionStudy]:
    found = MOTION.results(case)
    return {} if found is None else found.studies


def _rows(label: str, moved: Mapping[str, MotionStudy], names: list[str], observed: float) -> list[dict[str, Any]]:
    """One line for each kind that a member saw."""
    counts = {name: study.motion.ledger.counts for name, study in moved.items()}
    kinds = dict.fromkeys(kind for found in counts.values() for kind, count in found.items() if count)
    rows = []
    for kind in kinds:
        row: dict[str, Any] = {"run": label, "kind": kind}
        seen = [name for name in names if counts.get(name, {}).get(kind)]
        row["seen"] = f"{seen[0]} alone" if len(seen) == 1 else "all" if len(seen) == len(moved) else ", ".join(seen)
        values, sigmas = [], []
        for name, study in moved.items():
            scale = observed / study.motion.ledger.observed if study.motion.ledger.observed else 1.0
            count = counts[name].get(kind, 0)
            values.append(scale * count)
            sigmas.append(scale * math.sqrt(max(count, 1)))
            row |= {name: values[-1], f"{name}_sigma": sigmas[-1]}
        rows.append(
            row
            | {
                "difference": max(values) - min(values),
                "low": max(0.0, min(v - s for v, s in zip(values, sigmas, strict=True))),
                "high": max(v + s for v, s in zip(values, sigmas, strict=True)),
            }
        )
    return rows
