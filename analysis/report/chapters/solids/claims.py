"""The table that sets a source's claims beside what was computed."""

from __future__ import annotations

from collections.abc import Sequence

from ....transport.claims import ClaimedOrder
from ....words import number
from ...columns import VERDICT
from ...content import Column, Table

__all__ = ["claims_table"]


def claims_table(name: str, title: str, claims: Sequence[ClaimedOrder], told_apart: tuple[float, str]) -> Table:
    """Return the table of claims on one quantity; `told_apart` is the smallest difference that counts, and the unit."""
    resolved, unit = told_apart

    def shown(values: Sequence[float]) -> str:
        return ", ".join(number(value, 2) for value in dict.fromkeys(values)) or "–"

    rows = [
        {
            "claim": one.claim.claim,
            "lower": f"{one.claim.lower}: {shown(one.lower)}",
            "than": f"{one.claim.than}: {shown(one.than)}"
            if isinstance(one.claim.than, str)
            else number(one.claim.than, 2),
            "verdict": one.verdict,
            "reason": one.reason,
        }
        for one in claims
    ]
    columns = (
        Column("claim", "claim of the source"),
        Column("lower", f"claimed lower{f' ({unit})' if unit else ''}", chemical=True),
        Column("than", "than", chemical=True),
        VERDICT,
        Column("reason", "why"),
    )
    every = f"Every potential of a committee must say so by more than {resolved:g}{f' {unit}' if unit else ''}."
    return Table(name, title, columns, rows, every)
