"""Where two potentials part along a trajectory: table and figure of the chapter on dynamics, and what stands on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...figures.motion import force_differences_figure
from ...motion.bond_events import BondEvent
from ...motion.force_differences import QUANTILE, ForceDifferences
from ...motion.study import MotionStudy
from ..columns import ELEMENT
from ..content import Block, Column, Extrapolation, Picture, Table, Text

__all__ = ["force_blocks", "partings"]

_COLUMNS = (
    Column("layer", "layer"),
    ELEMENT,
    Column("n", "atoms", 0),
    Column("difference", "|ΔF|, root mean square (eV/Å)", 3),
    Column("force", "|F|, root mean square (eV/Å)", 3),
    Column("largest", "largest |ΔF| (eV/Å)", 2),
    Column("beyond", "beyond (% of atoms and frames)", 1),
)


def force_blocks(compared: Sequence[ForceDifferences], study: MotionStudy) -> list[Block]:
    """Return what the forces of other potentials on the frames of one run differ by, and which events stand on it.

    Parameters
    ----------
    compared : sequence of ForceDifferences
    study : MotionStudy
        Of the run.
    """
    blocks: list[Block] = []
    for one in compared:
        stem = re.sub(r"\W+", "_", f"{one.label} {one.replica} {one.second}")
        title = f"{one.label}, replica {one.replica}: forces of {one.second} on frames of {one.first}"
        if one.replica == 1:
            alt = f"Differences of the forces of {one.second} and {one.first}, atom by atom over time."
            blocks.append(Picture(f"{stem}_forces", force_differences_figure(one), alt))
        blocks.append(Table(f"{stem}_forces", title, _COLUMNS, one.rows(), _limit(one)))
        if one.limit is not None and one.replica == 1 and study.motion.ledger.events:
            blocks.append(Text(_touched(one, study.motion.ledger.events), "note"))
    return blocks


def partings(compared: Sequence[ForceDifferences], studies: Mapping[str, MotionStudy]) -> list[Extrapolation]:
    """Return the runs in which two potentials part at some atoms by more than in bulk, with the events on such atoms.

    Parameters
    ----------
    compared : sequence of ForceDifferences
    studies : mapping of str to MotionStudy
        By label.
    """
    found = []
    for one in compared:
        if one.limit is None or not one.beyond.any():
            continue
        text = (
            f"{one.label}, replica {one.replica}: forces of {one.second} and {one.first} differ by more than "
            f"{one.limit:.2f} eV/Å, the limit of the bulk, in {100 * float(one.beyond.mean()):.3g} % of all atoms and "
            "frames."
        )
        study = studies.get(one.label)
        if one.replica == 1 and study is not None and study.motion.ledger.events:
            text += f" {_touched(one, study.motion.ledger.events)}"
        found.append(Extrapolation(tuple(dict.fromkeys(one.layers)) or (one.label,), text))
    return found


def _touched(one: ForceDifferences, events: Sequence[BondEvent]) -> str:
    touching = sum(one.touches(event.time, event.atoms) for event in events)
    return (
        f"{one.label}: {touching} of {len(events)} bond events touch an atom at which {one.second} and {one.first} "
        "part, in the compared frame nearest in time: one of them extrapolates there."
    )


def _limit(found: ForceDifferences) -> str:
    if found.limit is None:
        return "No control of these phases in bulk was compared: there is no limit to hold the differences against."
    return (
        f"Beyond: above {found.limit:.2f} eV/Å, below which {100 * QUANTILE:g} % of the atoms and frames lie in bulk "
        "(the largest of the controls)."
    )
