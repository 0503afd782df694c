"""Part of the chapter on oxygen loss: the ions of the host, and which of them pays for lithium and oxygen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ....workflows.documents import CalculationDocument
from ...figures.oxygen import redox_figure
from ...oxygen.ladder import OxygenLadder
from ...oxygen.oxidation_states import ElementIons, cell_ions
from ...oxygen.redox_ledger import RedoxEntry, electrons_text
from ...words import borrowed_moments
from ..columns import ELEMENT
from ..content import Block, Column, Picture, Table

__all__ = ["ions_table", "ledger_blocks", "other_ions"]

_IONS_UNCLEAR = Column("unclear", "ions unclear", 0)
#: e; a sum of charges below this is rounding, or the error of a hole
_BALANCED = 0.25


def ions_table(label: str, elements: Sequence[ElementIons]) -> Table:
    """The ions of a host beside those that it was built with."""
    rows = [
        {"element": one.element, "built": _counts(one.built), "found": _counts(one.found), "unclear": one.unclear}
        | {"least": one.moments[0], "most": one.moments[1], "short": one.bonds[0], "long": one.bonds[1]}
        | {"deviation": one.deviation, "deviation_built": one.deviation_built}
        for one in elements
    ]
    columns = (
        ELEMENT,
        Column("built", "as built"),
        Column("found", "by moments"),
        _IONS_UNCLEAR,
        Column("least", "moments from (µB)", 2),
        Column("most", "to (µB)", 2),
        Column("short", "mean bond from (Å)", 3),
        Column("long", "to (Å)", 3),
        Column("deviation", "moments off these ions (µB)", 2),
        Column("deviation_built", "off the ions as built (µB)", 2),
    )
    note = (
        "Off: mean absolute difference from the moments of the ions; the nearer the two, the less the moments decide."
    )
    return Table(f"ions_{label}", f"{label}: ions of the host", columns, rows, note)


def other_ions(label: str, elements: Sequence[ElementIons], residual: float = 0.0) -> list[str]:
    """What to say where the moments name other ions than the host was built with, or ions that do not balance.

    Parameters
    ----------
    label : str
        Name of the cathode.
    elements : sequence of ElementIons
        Of its host.
    residual : float
        e, sum of the charges that the moments name.
    """
    told = []
    if abs(residual) >= _BALANCED:
        told.append(
            f"{label}: the charges that the moments of the host name add up to {electrons_text(residual)} e and not to "
            "0: shared electrons, or moments that this level of theory does not get right; no ion is made up for it"
        )
    differ = [one for one in elements if not one.agrees]
    if not differ:
        return told
    built, found = (
        ", ".join(_counts(ions) for ions in sides)
        for sides in ([one.built for one in differ], [one.found for one in differ])
    )
    return [
        *told,
        (
            f"{label}: by moments the host has {found}, and it was built with {built}: what the ledger says of "
            f"{' and '.join(one.element for one in differ)} is open"
        ),
    ]


def _counts(ions: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {ion}" for ion, number in ions.items())


def ledger_blocks(label: str, ladder: OxygenLadder, entries: Sequence[RedoxEntry]) -> list[Block]:
    """The ledger as a table and as bars."""
    columns = (
        Column("before", "from"),
        Column("after", "to"),
        Column("ions", "ions afterwards"),
        Column("electrons", "electrons taken", 0),
        Column("payers", "paid by"),
        _IONS_UNCLEAR,
        Column("residual", "charges add up to (e)", 1),
        Column("flags", "flags"),
    )
    signs = (
        ""
        if ladder.host.moments_signed
        else " The engine predicts magnitudes of moments: spins that turn over cannot be seen."
    )
    borrowed = f" {told}" if (told := borrowed_moments([ladder.host])) else ""
    note = (
        "Ions by their moments; the balance of charges decides only between ions that a moment leaves open, and what "
        "then does not add up to 0 is left as it is. Unclear: a moment outside the window of its ion, or one that "
        "alone would name another, as where ions share electrons. Holes on oxygen are shares, by the moment."
        f"{signs}{borrowed}"
    )
    table = Table(
        f"redox_ledger_{label}", f"{label}: which ion pays", columns, [entry.row() for entry in entries], note
    )
    bars = {}
    for rung in ladder.rungs:
        bars[f"{rung.n_vacancies} V$_{{Li}}$"] = _mean_ions([cell.document for cell in rung.arrangements])
        if rung.vacancies:
            bars[f"{rung.n_vacancies} V$_{{Li}}$ + V$_{{O}}$"] = _mean_ions([v.document for v in rung.vacancies])
    picture = redox_figure(
        bars,
        label,
        f"Tier: {ladder.host.tier}. Ions by moments, means over all cells of a kind.",
    )
    return [table, Picture(f"redox_{label}", picture, f"Ions of {label} before and after lithium and oxygen leave.")]


def _mean_ions(documents: Sequence[CalculationDocument]) -> dict[str, float]:
    counts = Counter(state.name for document in documents for state in cell_ions(document).ions)
    return {ion: number / len(documents) for ion, number in sorted(counts.items())}
