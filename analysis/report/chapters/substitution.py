"""Part of the chapter on oxygen loss: an ion put into the host, its places, oxygen near and far from it, and the states
of Li-O-Li oxygen."""

from __future__ import annotations

from ....configs.trust import trust_of
from ...figures.oxygen import substitution_figure
from ...oxygen.substitution import LITHIUM_BRIDGE, OTHERS, SubstitutionResults
from ..columns import CELL, GAP
from ..content import Block, Column, KeyNumber, Picture, Table, Text

__all__ = ["substitution_blocks", "substitution_key_numbers"]


def substitution_blocks(found: SubstitutionResults) -> list[Block]:
    """Return texts, tables and the figure of one ion.

    Parameters
    ----------
    found : SubstitutionResults
    """
    blocks: list[Block] = [
        Text(f"{found.ion} in {found.label}", "heading"),
        *(Text(problem, "problem") for problem in found.problems),
    ]
    stem = (
        f"{found.label}_{found.ion.rstrip('+')}"
        if not found.tier or trust_of(found.tier).learned
        else f"{found.label}_{found.ion.rstrip('+')}_{found.tier}"
    )
    if len(found.places) > 1:
        blocks.append(_places(found, stem))
    if found.vacancies:
        blocks += [
            _vacancies(found, stem),
            Picture(f"oxygen_beside_{stem}", substitution_figure(found), _ALT.format(ion=found.ion, label=found.label)),
        ]
    if found.centers:
        blocks.append(_centers(found, stem))
    elif found.places:
        blocks.append(
            Text(f"Tier {found.tier} has no electronic states: no O 2p centres of {LITHIUM_BRIDGE} oxygen.", "note")
        )
    return blocks


_ALT = (
    "What {ion} in {label} adds to the formation energy of oxygen vacancies, over the distance to it; the numbers "
    "stand in the table."
)


def _places(found: SubstitutionResults, stem: str) -> Table:
    columns = (
        CELL,
        Column("site", "on a site of"),
        Column("relative", "above the lowest (eV per cell)", 3),
    )
    note = f"One composition. Tier: {found.tier}; the best of each site goes on."
    return Table(
        f"places_{stem}",
        f"{found.label}: places of {found.ion}",
        columns,
        [vars(place) for place in found.places],
        note,
    )


def _vacancies(found: SubstitutionResults, stem: str) -> Table:
    rows = [
        {"site": v.site, "origin": v.origin, "near": "bonded to it" if v.near else "far", "distance": v.distance}
        | {"before": f"{v.environment[0]} ({v.bridge[0]})", "after": f"{v.environment[1]} ({v.bridge[1]})"}
        | {"without": v.energies[0], "with": v.energies[1], "change": v.change}
        for v in found.vacancies
    ]
    columns = (
        Column("site", "ion on a site of"),
        Column("origin", "O atom", 0),
        Column("near", "place"),
        Column("distance", "to the ion (Å)", 2),
        Column("before", "first shell without it", chemical=True),
        Column("after", "with it", chemical=True),
        Column("without", "formation energy without it (eV, O₂ without entropy)", 3),
        Column("with", "with it", 3),
        Column("change", "change (eV)", 3),
    )
    note = (
        f"Tier: {found.tier}. The same oxygen atom leaves both hosts, each vacancy in the cell of its own parent. "
        f"{found.reference}"
    )
    return Table(
        f"oxygen_beside_{stem}", f"{found.label}: oxygen vacancies near and far from {found.ion}", columns, rows, note
    )


def _centers(found: SubstitutionResults, stem: str) -> Table:
    rows = [
        {
            "cell": f"{found.ion} on {c.site}" if c.site else f"without {found.ion}",
            "bridge": c.centers.get(LITHIUM_BRIDGE),
            "others": c.centers.get(OTHERS),
        }
        | {
            "n_bridge": c.atoms.get(LITHIUM_BRIDGE, 0),
            "n_others": c.atoms.get(OTHERS, 0),
            "difference": c.difference,
            "gap": c.gap,
        }
        for c in found.centers
    ]
    zero = found.centers[0].reference
    columns = (
        Column("cell", "cell"),
        Column("n_bridge", f"O in {LITHIUM_BRIDGE}", 0),
        Column("bridge", f"their O 2p centre (eV against {zero})", 3),
        Column("n_others", "other O", 0),
        Column("others", "their O 2p centre (eV)", 3),
        Column("difference", "difference (eV)", 3),
        GAP,
    )
    note = (
        f"Tier: {found.tier}. Occupied states. Centres of two cells have no common zero; the difference within a cell "
        "needs none."
    )
    return Table(
        f"oxygen_states_{stem}", f"{found.label}: O 2p centres with and without {found.ion}", columns, rows, note
    )


def substitution_key_numbers(found: SubstitutionResults) -> list[KeyNumber]:
    """Return the mean change of the formation energy near the ion and far from it.

    Parameters
    ----------
    found : SubstitutionResults
    """
    numbers = []
    for near, words in ((True, "bonded to"), (False, "far from")):
        changes = [v.change for v in found.vacancies if v.near == near]
        if (mean := found.mean_change(near=near)) is not None:
            numbers.append(
                KeyNumber(
                    quantity=(
                        f"{found.label}, what {found.ion} adds to the formation energy of vacancies of oxygen {words} "
                        "it"
                    ),
                    value=mean,
                    unit="eV",
                    digits=2,
                    tier=found.tier,
                    basis=f"{len(changes)} atoms, each with and without the ion",
                    uncertainty=max(changes) - min(changes) if len(changes) > 1 else None,
                    uncertainty_kind="range over atoms" if len(changes) > 1 else "",
                    names=("vacancy_change", found.label, found.ion, "bonded" if near else "far"),
                )
            )
    return numbers
