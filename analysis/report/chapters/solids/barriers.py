"""Chapter on barriers: hops of ions by nudged elastic bands, and where they lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .....configs.steps.transport import TransportStep
from .....configs.trust import trust_of
from .....workflows.band_documents import Band, BandImages, HopCells
from .....workflows.documents import CalculationDocument
from .....workflows.roles import HopImage
from ....figures.transport import barrier_figure
from ....transport.barriers import Barrier, ImagePoints, Network, image_points, stored_network
from ....words import file_stem, number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import SYSTEM, TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["BARRIERS", "Barriers"]

#: eV; bands converge to 0.05 eV/Å over saddles about 1 Å wide: smaller differences are not told apart
RESOLVED = 0.05
_RANGE = "convergence of the band, and what rests on the curve between its images"


@dataclass(frozen=True)
class Barriers:
    """What the step ``transport`` found.

    Parameters
    ----------
    networks : mapping of str to (str, Network)
        System to its material, and its hops.
    texts : list of Text
        Jobs without a result.
    """

    networks: Mapping[str, tuple[str, Network]]
    texts: list[Text]


def _networks(case: Case, problems: Problems) -> dict[str, tuple[str, Network]]:
    bands = [found for found in case.others.values() if isinstance(found, Band)]
    networks = {}
    for entry in case.entries:
        cells = case.others.get(entry.plan["key"])
        if isinstance(cells, HopCells) and entry.plan["step"] == "transport":
            with problems.attempt(cells.label):
                found = stored_network(cells, bands)
                if found is not None:
                    found = replace(found, points=_points(case, cells, found))
                    networks[cells.label] = str(entry.plan["material"]), found
    return networks


def _points(case: Case, cells: HopCells, network: Network) -> dict[int, ImagePoints]:
    """What another engine says of the images of each hop, where all of its single points are there."""
    images = [one for one in case.others.values() if isinstance(one, BandImages) and one.label == cells.label]
    found: dict[int, ImagePoints] = {}
    ranks = {place: number for number, place in enumerate(cells.hops, 1)}
    for taken in images:
        documents: dict[int, CalculationDocument] = {}
        for one in case.of("transport"):
            role = one.document.role
            if isinstance(role, HopImage) and (role.of, role.hop) == (cells.label, ranks.get(taken.hop)):
                documents[role.number] = one.document
        if len(documents) == len(taken.numbers):
            rank = next(k for k, (_, one) in enumerate(network.barriers) if one.place == taken.hop)
            found[rank] = image_points(taken, [documents[k + 1] for k in range(len(documents))])
    return found


def _evaluate(case: Case, step: TransportStep) -> Barriers:
    problems = Problems()
    networks = _networks(case, problems)
    return Barriers(networks, [*case.missing("transport", ()), *problems.texts])


def _blocks(found: Barriers) -> list[Block]:
    blocks: list[Block] = [*found.texts]
    if found.networks:
        blocks += [_hops(found), _percolation(found)]
    for label, (_, one) in found.networks.items():
        alt = f"Energy along the hops of {label}; the barriers stand in the table."
        blocks.append(Picture(f"barriers_{file_stem(label)}", barrier_figure(one, label), alt))
    return blocks


def _hops(found: Barriers) -> Table:
    rows = [
        {
            "system": label,
            "straight": hop.length,
            "multiplicity": hop.multiplicity,
            "forward": one.forward,
            "backward": one.backward,
            "difference": one.difference,
            "points": _told(network.points.get(rank)),
            "narrowest": f"{one.bottleneck[1]:.2f} Å to {one.bottleneck[0]}" if one.bottleneck[0] else "",
            "too": ", ".join(f"{element} {atom}: {away:.1f} Å" for atom, element, away in one.others),
            "tier": one.tier,
        }
        for label, (_, network) in found.networks.items()
        for rank, (hop, one) in enumerate(network.barriers)
    ]
    columns = (
        SYSTEM,
        Column("straight", "straight way (Å)", 2),
        Column("multiplicity", "from each site", 0),
        Column("forward", "barrier (eV)", 3),
        Column("backward", "back (eV)", 3),
        Column("difference", "end − start (eV)", 3),
        *((Column("points", "at its images (eV)"),) if any(row["points"] for row in rows) else ()),
        Column("narrowest", "narrowest"),
        Column("too", "atoms that hopped too"),
        TIER,
    )
    note = (
        "Nudged elastic bands between relaxed cells with one vacancy, the highest image climbs; the cell keeps the "
        "lattice of the crystal. Potentials soften: barriers of oxides by CHGNet and SevenNet-0 lie below those of DFT."
    )
    if any(row["points"] for row in rows):
        note += (
            " At its images: the highest energy of another engine at images of this band, which it did not relax; its "
            "own way may be lower or higher."
        )
    return Table("barriers", "Barriers of hops", columns, rows, note)


def _told(points: ImagePoints | None) -> str:
    return f"{points.forward:.2f} ({trust_of(points.tier).label})" if points is not None else ""


def _percolation(found: Barriers) -> Table:
    rows = [
        {"system": label, "missing": network.missing, "tier": network.barriers[0][1].tier}
        | {str(directions): value for directions, value in network.lowest.items()}
        for label, (_, network) in found.networks.items()
        if any(value is not None for value in network.lowest.values())
    ]
    columns = (
        SYSTEM,
        *(Column(str(n), f"along {n} direction{'s' if n > 1 else ''} (eV)", 3) for n in (1, 2, 3)),
        Column("missing", "hops not computed", 0),
        TIER,
    )
    note = (
        "Highest barrier on the best way, the larger of both directions; empty where the computed hops do not lead so "
        "far. Hops within 4 Å that were not computed may lead farther."
    )
    return Table("percolation", "What an ion must overcome to get on", columns, rows, note)


def _numbers(found: Barriers) -> list[KeyNumber]:
    numbers = []
    for label, (_, network) in found.networks.items():
        for rank, (hop, one) in enumerate(network.barriers):
            quantity = f"Barrier of {label}, hop {network.ranks[rank]}"
            images = len(one.energies) - 2
            basis = f"straight way {number(hop.length, 2)} Å, band of {images} images, {number(one.path[-1], 1)} Å"
            numbers.append(KeyNumber(quantity, one.highest, "eV", 2, one.tier, basis, _half(one), _RANGE))
            if (points := network.points.get(rank)) is not None:
                told = f"single points at {len(points.numbers)} images of the band of {one.tier}, not relaxed"
                numbers.append(KeyNumber(f"{quantity}, at its images", points.highest, "eV", 2, points.tier, told))
    return numbers


def _half(one: Barrier) -> float:
    return max(RESOLVED / 2, one.between)


def _values(found: Barriers) -> list[Value]:
    values = []
    for system, (material, network) in found.networks.items():
        best = min((one for _, one in network.barriers), key=lambda one: one.highest)
        quantity = f"lowest barrier of {best.element} (eV)"
        text = number(best.highest, 2) if system.endswith(material) else f"{number(best.highest, 2)} ({system})"
        values.append(Value((material,), quantity, text, best.tier, f"{system}: nudged elastic band"))
    return values


def _lowest(found: Barriers, arguments: tuple[str, ...]) -> KeyNumber | None:
    """The lowest barrier of what moves."""
    if (network := found.networks.get(arguments[0])) is None:
        return None
    best = min((one for _, one in network[1].barriers), key=lambda one: one.highest)
    basis = f"{len(network[1].barriers)} hops, bands of {len(best.energies) - 2} images"
    quantity = f"Lowest barrier of {arguments[0]}"
    return KeyNumber(
        quantity,
        best.highest,
        "eV",
        2,
        best.tier,
        basis,
        _half(best),
        _RANGE,
        names=("barrier", *arguments),
    )


BARRIERS = Chapter(
    "barriers",
    "Barriers of hops",
    "The recipe asks for no barrier.",
    lambda case: case.recipe.transport,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "barrier", ("what moves, as Li in CoO",), "eV", "lowest barrier", _lowest, "transport", hypothesis=True
        ),
    ),
    step="transport",
)
