"""Chapter on segregation: ions by depth in slabs."""

from __future__ import annotations

from dataclasses import dataclass

from .....configs.errors import InputError
from .....configs.steps.segregation import SegregationStep
from .....structures.by_name import name_of
from .....workflows.roles import Exchanged
from ....figures.across import segregation_figure
from ....oxygen.surface import OUTER, RESOLVED
from ....transport.segregation import Segregation, segregation
from ....words import number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import DEPTH, ENERGY, ITS_DEPTH, SYSTEM, TIER, VERDICT
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["SEGREGATION", "SegregationResults"]


@dataclass(frozen=True)
class SegregationResults:
    """Energies of all systems, the slab that each is in, by its label, and why some are missing."""

    found: list[Segregation]
    slabs: dict[str, str]
    texts: list[Text]


def _evaluate(case: Case, step: SegregationStep) -> SegregationResults:
    problems, results, slabs = Problems(), list[Segregation](), dict[str, str]()
    documents = [found.document for found in case.of("segregation")]
    for system in step.systems:
        material = name_of(system.material)
        label = system.label(material)
        slabs[label] = system.slab.label(material)
        own = [one for one in documents if isinstance(one.role, Exchanged) and one.role.of == label]
        slab = next((one for one in own if isinstance(one.role, Exchanged) and one.role.origin is None), None)
        with problems.attempt(label):
            if system.exchanged and slab is None:
                raise InputError("the slab without exchange has not been relaxed yet")
            results.append(segregation(label, slab, own))
    return SegregationResults(results, slabs, [*case.missing("segregation", ()), *problems.texts])


def _blocks(results: SegregationResults) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    if not results.found:
        return blocks
    alt = "Energy of each ion over its depth in the slab; the numbers stand in the table."
    blocks.append(Picture("segregation", segregation_figure(results.found), alt))
    first = (
        SYSTEM,
        Column("energy", f"within {OUTER:g} Å of a face (eV)", 3),
        ITS_DEPTH,
        VERDICT,
        Column("against", "against"),
        TIER,
    )
    told = [
        {
            "system": one.label,
            "energy": one.energy,
            "depth": one.lowest.depth if one.lowest is not None else None,
            "verdict": one.verdict,
            "against": "the slab before the exchange" if one.exchanged else "the deepest site",
            "tier": one.tier,
        }
        for one in results.found
    ]
    note = (
        f"Lowest energy within {OUTER:g} Å of a face, above the reference; negative: drawn outwards; differences "
        f"below {RESOLVED:g} eV are not told apart. One composition and one cell, in vacuum, at 0 K; the charge of an "
        "ion that is put in is paid for by the metals nearest to it. An exchange between sites of two kinds, lithium "
        "with a metal, holds the cost of the pair at every depth: compare its depths."
    )
    blocks.append(Table("segregation", "Segregation to the surface", first, told, note))
    rows = [
        {"system": one.label, "depth": place.depth, "energy": place.energy, "tier": one.tier}
        for one in results.found
        for place in one.places
    ]
    columns = (SYSTEM, DEPTH, ENERGY, TIER)
    return [*blocks, Table("segregation_depths", "Ions by depth", columns, rows)]


def _numbers(results: SegregationResults) -> list[KeyNumber]:
    return [
        KeyNumber(
            f"{one.label}: surface less inside",
            one.energy,
            "eV",
            2,
            one.tier,
            f"{len(one.places)} depths",
            RESOLVED,
            "what relaxations leave untold",
            names=("segregation", one.element, results.slabs[one.label]),
        )
        for one in results.found
        if one.energy is not None
    ]


def _values(results: SegregationResults) -> list[Value]:
    return [
        Value((one.label,), "segregation (eV)", number(one.energy, 2), one.tier, "at the surface less inside")
        for one in results.found
        if one.energy is not None
    ]


SEGREGATION = Chapter(
    "segregation",
    "Segregation",
    "The recipe asks for no ions by depth.",
    lambda case: case.recipe.segregation,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "segregation",
            ("ion", "slab"),
            "eV",
            "energy of an ion at the surface less inside",
            step="segregation",
            hypothesis=True,
        ),
    ),
    step="segregation",
)
