"""What a committee of potentials disagrees by: the key numbers of its members side by side, and their difference in the
interval of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .columns import QUANTITY, UNIT, X
from .content import Block, Column, KeyNumber, Section, Table, Text

__all__ = ["Answers", "by_quantity", "committee_section", "with_differences"]

#: key numbers of one chapter by the first member, and by each other one
Answers = tuple[Sequence[KeyNumber], Mapping[str, Sequence[KeyNumber]]]

_Key = tuple[str, str, int]
_WITH_DIFFERENCE = "and the largest difference of the committee"


def by_quantity(numbers: Sequence[KeyNumber]) -> dict[_Key, KeyNumber]:
    """Return numbers by what they are: quantity, unit, and how many of the same words came before, such as one at
    another content.

    Parameters
    ----------
    numbers : sequence of KeyNumber
    """
    found: dict[_Key, KeyNumber] = {}
    for number in numbers:
        count = 0
        while (key := (number.quantity, number.unit, count)) in found:
            count += 1
        found[key] = number
    return found


def with_differences(numbers: Sequence[KeyNumber], others: Mapping[str, Sequence[KeyNumber]]) -> list[KeyNumber]:
    """Return the first member's key numbers, whose interval reaches as far as the farthest of the other members.

    The uncertainty becomes the square root of the sum of the squares of what it was and of the largest difference:
    errors within a model and between models are independent. Numbers that no member changes, such as those of a phase
    set, stay as they are.

    Parameters
    ----------
    numbers : sequence of KeyNumber
        Of the first member.
    others : mapping of str to sequence of KeyNumber
        Of each other member, by its name.
    """
    tables = [by_quantity(found) for found in others.values()]
    widened = []
    for key, number in by_quantity(numbers).items():
        values = [table[key].value for table in tables if key in table]
        differences = [abs(value - number.value) for value in values if value is not None and number.value is not None]
        if max(differences, default=0.0) == 0.0:
            widened.append(number)
            continue
        kind = f"{number.uncertainty_kind} {_WITH_DIFFERENCE}" if number.uncertainty_kind else _WITH_DIFFERENCE[4:]
        error = math.hypot(number.uncertainty or 0.0, max(differences))
        widened.append(replace(number, uncertainty=error, uncertainty_kind=kind))
    return widened


def committee_section(
    leader: str, names: Sequence[str], answers: Sequence[Answers], events: Table | None = None
) -> Section:
    """Return the section that sets the members' numbers side by side.

    Parameters
    ----------
    leader : str
        Name of the first member.
    names : sequence of str
        Of the others.
    answers : sequence of tuple
        Of each chapter: its key numbers by the first member, and by each other one.
    events : Table, optional
        Bond events by member.
    """
    rows, alone = [], list[str]()
    for numbers, others in answers:
        tables = {name: by_quantity(found) for name, found in others.items()}
        for key, number in by_quantity(numbers).items():
            found = {name: table[key] for name, table in tables.items() if key in table}
            if not found:
                alone.append(number.quantity)
            elif any(other != number for other in found.values()):
                rows.append(_row(number, leader, found))
    members = [leader, *names]
    told = (
        f"A committee of {', '.join(members)} answered the same questions, each at its own geometries. "
        f"The other chapters are by {leader}; the difference stands in the ± of the key numbers."
    )
    if not rows:
        return Section("committee", "Committee", [Text(f"{told} No number has been answered by two of them yet.")])
    columns = [
        QUANTITY,
        UNIT,
        X,
        *(Column(name, name, "digits", f"{name}_sigma") for name in members),
        Column("difference", "largest difference", "digits"),
        Column("low", "interval from", "digits"),
        Column("high", "to", "digits"),
    ]
    note = (
        "Each number by each member, ± as in the key numbers but without the difference. The interval reaches from the "
        "lowest to the highest number with its own ±. Where potentials of one training set agree, both may be wrong "
        "alike: the difference is a lower bound of the error."
    )
    blocks: list[Block] = [Text(told), Table("committee", "Numbers of the committee's members", columns, rows, note)]
    if events is not None:
        blocks.append(events)
        counted = tuple(f"{row['run']}: {row['kind']} in " for row in events.rows)
        alone = [quantity for quantity in alone if not quantity.startswith(counted)]
    if alone:
        blocks.append(Text(f"By {leader} alone: {'; '.join(dict.fromkeys(alone))}.", "note"))
    return Section("committee", "Committee", blocks)


def _row(number: KeyNumber, leader: str, found: Mapping[str, KeyNumber]) -> dict[str, Any]:
    members = {leader: number, **found}
    known = [(one.value, one.uncertainty or 0.0) for one in members.values() if one.value is not None]
    row: dict[str, Any] = {"quantity": number.quantity, "unit": number.unit, "x": number.x, "digits": number.digits}
    for name, one in members.items():
        row |= {name: one.value, f"{name}_sigma": one.uncertainty}
    values = [value for value, _ in known]
    return row | {
        "difference": max(values) - min(values) if len(values) > 1 else None,
        "low": min(value - sigma for value, sigma in known) if known else None,
        "high": max(value + sigma for value, sigma in known) if known else None,
    }
