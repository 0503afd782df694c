"""Tables of oxygen loss: orderings, vacancies and voltages, and two levels of theory beside each other at the very same
cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....workflows.documents import CalculationDocument
from ....workflows.roles import Host
from ...figures.oxygen import ordering_figure
from ...oxygen.ladder import OxygenLadder
from ...oxygen.ordering_spread import OrderingSpread
from ...thermodynamics.voltage_curve import VoltageCurve
from ..columns import LI_VACANCIES
from ..content import Block, Column, Picture, Table

__all__ = ["comparison_blocks", "ordering_blocks", "series_of", "sites_table", "voltage_table"]

_FIRST_SHELL = Column("environment", "first shell", chemical=True)
_OXYGEN_ATOM = Column("site", "O atom", 0)


def series_of(label: str, documents: Sequence[CalculationDocument]) -> list[tuple[str, list[CalculationDocument]]]:
    """Split the documents of one cathode by level of theory, that of the relaxed ladder first, with a name for each.

    Parameters
    ----------
    label : str
        Name of the cathode.
    documents : sequence of CalculationDocument
        Relaxations, and single points of another engine at their cells; orderings that a third one ranked go with the
        former. The density of states of the ladder's own engine comes after its relaxations.
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
            LI_VACANCIES,
            _OXYGEN_ATOM,
            _FIRST_SHELL,
            Column("first", f"{first} (eV, O₂ without entropy)", 3),
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


def ordering_blocks(label: str, spread: OrderingSpread) -> list[Block]:
    """Return what the energies of orderings say: their ranking, and what more of them would change.

    Parameters
    ----------
    label : str
        Name of the cathode.
    spread : OrderingSpread
    """
    ranked = [
        {"label": name, "energy": energy, "volume": volume}
        for name, energy, volume in zip(spread.labels, spread.energies, spread.volumes, strict=True)
    ]
    table = Table(
        f"orderings_{label}",
        f"{label}: orderings by energy",
        (
            Column("label", "ordering"),
            Column("energy", "above the lowest (meV/atom)", 2),
            Column("volume", "volume (Å³/atom)", 3),
        ),
        ranked,
        f"Range {spread.range:.2f}, standard deviation {spread.deviation:.2f} meV/atom; volumes lie within "
        f"{spread.volume_range:.1f} %, which volumes and strains of the chosen one carry.",
    )
    columns = (
        Column("n", "orderings in all", 0),
        Column("probability", "probability of a lower one", 2),
        Column("gain", "expected drop of the lowest (meV/atom)", 3),
        Column("low", "5 %", 3),
        Column("high", "95 %", 3),
    )
    if spread.exhausted:
        table = replace(
            table, note=f"{table.note} These are all orderings that symmetry tells apart: more would change nothing."
        )
    note = (
        "Model: further orderings are independent draws from the normal distribution of those calculated; interval by "
        "resampling these."
    ) + ("" if spread.normality is None else f" Shapiro-Wilk test of normality: p = {spread.normality:.3f}.")
    larger = Table(
        f"more_orderings_{label}",
        f"{label}: what more orderings would change",
        columns,
        [vars(size) for size in spread.larger],
        note,
    )
    alt = f"Energies of the orderings of {label}, ranked, and the lowest energy expected over their number."
    return [
        table,
        *([larger] if spread.larger else []),
        Picture(f"orderings_{label}", ordering_figure(spread, label), alt),
    ]


def sites_table(label: str, ladder: OxygenLadder) -> Table:
    """Return the table of every oxygen vacancy of a ladder.

    Parameters
    ----------
    label : str
        Name of the cathode.
    ladder : OxygenLadder
    """
    rows = [
        {
            "n": rung.n_vacancies,
            "cell": cell.label,
            "site": v.origin,
            "environment": v.environment,
            "bridge": v.bridge,
            "stands_for": v.stands_for,
        }
        | {"energy": v.energy, "oxygen": v.shortest_oxygen, "volume": 100 * cell.volume_change}
        for rung in ladder.rungs
        for cell in rung.sampled
        for v in cell.vacancies
    ]
    columns = (
        LI_VACANCIES,
        Column("cell", "arrangement"),
        Column("volume", "its volume change (%)", 1),
        _OXYGEN_ATOM,
        _FIRST_SHELL,
        Column("bridge", "bridge"),
        Column("stands_for", "stands for O atoms", 1),
        Column("energy", "formation energy (eV, O₂ without entropy)", 3),
        Column("oxygen", "shortest O–O (Å)", 2),
    )
    return Table(f"oxygen_sites_{label}", f"{label}: every oxygen vacancy", columns, rows)


def voltage_table(label: str, curve: VoltageCurve) -> Table:
    """Return the table of the steps of a voltage curve.

    Parameters
    ----------
    label : str
        Name of the cathode.
    curve : VoltageCurve
    """
    rows = [{**vars(step), "capacity": curve.capacity(step.x_low)} for step in curve.steps]
    columns = (
        Column("x_high", "Li left, from", 3),
        Column("x_low", "to", 3),
        Column("voltage", "voltage (V vs Li/Li⁺)", 3),
        Column("capacity", "charge taken out (mA h/g)", 1),
    )
    note = (
        f"Mean {curve.average:.3f} V. Lithium metal: {curve.lithium.origin}. Without vibrations and configurational "
        "entropy."
    )
    return Table(f"voltage_{label}", f"{label}: voltage", columns, rows, note)
