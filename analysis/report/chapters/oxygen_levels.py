"""Oxygen loss at two levels of theory: which documents belong to which, and both beside each other at the very same
cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....workflows.documents import CalculationDocument
from ....workflows.roles import Host
from ...oxygen.loss import OxygenLadder
from ..content import Block, Column, Table

__all__ = ["comparison_blocks", "series_of"]


def series_of(label: str, documents: Sequence[CalculationDocument]) -> list[tuple[str, list[CalculationDocument]]]:
    """Split the documents of one cathode by level of theory, that of the relaxed ladder first, with a name for each.

    Parameters
    ----------
    label : str
        Name of the cathode.
    documents : sequence of CalculationDocument
        Relaxations, and single points of another engine at their cells; orderings that a third one ranked go with the
        former. The
        density of states of the ladder's own engine comes after its relaxations.
    """
    relaxed = [document for document in documents if document.kind == "relax"]
    hosts = {d.tier for d in relaxed if isinstance(d.role, Host) and d.role.of == label}
    own = [document for document in documents if document.kind != "relax" and document.tier in hosts]
    single: dict[str, list[CalculationDocument]] = {}
    for document in documents:
        if document.kind != "relax" and document.tier not in hosts:
            single.setdefault(document.tier, []).append(document)
    ordered = sorted(relaxed, key=lambda document: document.tier in hosts)  # the ladder's tier is that of the last
    return [(label, [*ordered, *own]), *((f"{label} {tier}", found) for tier, found in sorted(single.items()))]


def comparison_blocks(label: str, ladders: Sequence[OxygenLadder]) -> list[Block]:
    """Return the table of every vacancy at two levels of theory; nothing where there is one.

    Parameters
    ----------
    label : str
        Name of the cathode.
    ladders : sequence of OxygenLadder
        The relaxed ladder, then those of single points at its cells.
    """
    blocks: list[Block] = []
    for other in ladders[1:]:
        rows = _rows(ladders[0], other)
        if not rows:
            continue
        first, second = ladders[0].host.tier, other.host.tier
        columns = (
            Column("n", "Li vacancies", 0),
            Column("site", "O atom", 0),
            Column("environment", "first shell", chemical=True),
            Column("first", f"{first} (eV, O₂ at 0 K)", 3),
            Column("second", f"{second} (eV)", 3),
            Column("change", f"{second} - {first} (eV)", 3),
        )
        note = (
            f"The same cells, relaxed with {first}; {second} energies are single points. "
            f"{ladders[0].reference.short()} Against {other.reference.short()}"
        )
        blocks.append(
            Table(
                f"oxygen_tiers_{label}_{second}",
                f"{label}: oxygen vacancies with {first} and with {second}",
                columns,
                rows,
                note,
            )
        )
    return blocks


def _rows(first: OxygenLadder, second: OxygenLadder) -> list[dict[str, Any]]:
    """One row for each vacancy that both have."""
    energies = {
        (cell.removed, v.origin): v.energy for rung in second.rungs for cell in rung.sampled for v in cell.vacancies
    }
    return [
        {"n": rung.n_vacancies, "site": v.origin, "environment": v.environment, "first": v.energy}
        | {"second": energies[cell.removed, v.origin], "change": energies[cell.removed, v.origin] - v.energy}
        for rung in first.rungs
        for cell in rung.sampled
        for v in cell.vacancies
        if (cell.removed, v.origin) in energies
    ]
