"""Section of the report on the claims of the source, and how a finding is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...configs.claims import parse_comparison
from ..words import number
from .claims import VERDICTS, Finding
from .columns import TIER, VERDICT
from .content import Block, Column, Section, Table, Text

__all__ = ["RULE", "claims_section", "counted", "held_against", "interval_text"]


def interval_text(found: Mapping[str, Any]) -> str:
    """Number and interval of a finding as JSON, with its unit; empty where there is no number."""
    if found["value"] is None:
        return ""
    text, digits = number(found["value"], found["digits"]), found["digits"]
    if found["interval"] is not None:
        low, high = found["interval"]
        text += f" [{number(low, digits)}, {number(high, digits)}]"
    return f"{text} {found['unit']}"


def held_against(found: Mapping[str, Any]) -> str:
    """What the number of a finding must fulfil: ``< 0``, ``= −0.52 ± 0.05``; empty where nothing is compared."""
    if found["comparison"] is None:
        return ""
    comparison = parse_comparison(found["comparison"])
    limit = f"{comparison.limit:g}".replace("-", "−")
    return f"{comparison.relation} {limit}" + ("" if comparison.within is None else f" ± {comparison.within:g}")


def claims_section(findings: Sequence[Finding]) -> Section:
    """Return the section of the report that judges the source's claims.

    Parameters
    ----------
    findings : sequence of Finding
    """
    if not findings:
        return Section("claims", "Claims of the source", [Text("The recipe makes no claim.")])
    told = [finding.to_json() for finding in findings]
    rows = [
        {
            **one,
            "number": interval_text(one),
            "against": held_against(one),
            "why": one["cause"] or one["reason"],
            "chapters": ", ".join(one["chapters"]),
        }
        for one in told
    ]
    columns = (
        VERDICT,
        Column("claim", "claim", chemical=True),
        Column("printed", "printed"),
        Column("number", "number [interval]"),
        Column("against", "held against"),
        TIER,
        Column("why", "why", chemical=True),
        Column("measured", "with measured enthalpies"),
        Column("comparison", "comparison"),
        Column("chapters", "chapters"),
        Column("evidence", "rests on"),
    )
    blocks: list[Block] = [
        Text(counted(findings)),
        Table("claims", "Verdicts", columns, rows, RULE),
    ]
    return Section("claims", "Claims of the source", blocks)


#: how verdicts come about
RULE = (
    "The number is the left side minus the quantities of the right side. Its interval holds two standard deviations, "
    "or the whole spread where ± is one; quantities are taken as independent. A claim is decided where the whole "
    "interval lies on one side, and by the number alone where no interval is known. Nothing was tuned to a printed "
    "value."
)


def counted(findings: Sequence[Finding]) -> str:
    counts = {verdict: sum(one.verdict == verdict for one in findings) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"Of {len(findings)} claims of the source: {told}."
