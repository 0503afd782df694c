"""Chapter on the void in a composite: the cathode that breathes beside the electrolyte that decays."""

from __future__ import annotations

from dataclasses import dataclass

from .....configs.steps.volumes import VoidBalance
from ....figures.volumes import void_figure
from ....thermodynamics.volume import Term, Volumes
from ....thermodynamics.volume_changes import named_reaction, parse_products
from ....transport.void import VoidResult, breathing, void_balance
from ....words import number
from ...case import Case
from ...chapter import Chapter, Problems, phases_of
from ...columns import TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["VOID", "Void"]


@dataclass(frozen=True)
class Void:
    """What the key ``void`` of the step ``volumes`` asks for; `result` is None where something is missing."""

    result: VoidResult | None
    sources: tuple[str, ...]
    texts: list[Text]


def _evaluate(case: Case, asked: VoidBalance) -> Void:
    step = case.recipe.volumes
    assert step is not None
    used, problems = phases_of(case, step.phase_set), Problems()
    if used.phases is None:
        return Void(None, (), used.texts)
    volumes = Volumes(used.phases, own=step.densities)
    result, sources = None, list[str]()
    with problems.attempt("The void"):
        cathode = breathing(asked.cathode, [found.document for found in case.of("oxygen_loss")])
        reaction = named_reaction(asked.electrolyte, parse_products(asked.products), used.phases, volumes)
        own, reactant = volumes.known(Term(1.0, cathode.formula))[0], reaction.shares[0].volume
        sources = [f"{one.formula}: {one.value:.2f} mL/mol, {one.source}" for one in (own, reactant) if one is not None]
        molar = (own.value, reactant.value if reactant is not None else 0.0)
        result = void_balance(cathode, reaction, molar, asked.weights, asked.capacities)
    return Void(result, tuple(sources), [*used.texts, *problems.texts])


def _blocks(found: Void) -> list[Block]:
    blocks: list[Block] = [*found.texts]
    if (result := found.result) is None:
        return blocks
    blocks.append(Text(result.verdict))
    alt = (
        "Change of volume of cathode and electrolyte against charge, per gram of composite; the table has the numbers."
    )
    blocks.append(Picture("void", void_figure(result), alt))
    rows = [
        {
            "capacity": one,
            "change": float(result.cathode_change(one)),
            "breath": result.breath(one),
            "equal": result.equal(one),
            "share": 100 * result.equal(one) / one,
            "tier": result.cathode.tier,
        }
        for one in result.capacities
    ]
    columns = (
        Column("capacity", "capacity (mAh per g of cathode)", 1),
        Column("change", "cathode, charged (µL/g)", 2),
        Column("breath", "widest change on the way (µL/g)", 2),
        Column("equal", "decay that opens as much (mAh per g of cathode)", 1),
        Column("share", "of the capacity (%)", 0),
        TIER,
    )
    note = (
        f"Per gram of composite. The electrolyte: {result.electrolyte.reaction}, {number(result.slope, 3)} µL for each "
        f"mAh, all of it after {result.whole:.0f} mAh per gram of cathode. {'; '.join(found.sources)}. Relative "
        "volumes of the cathode are those of the lowest relaxed cells, lines between them; pores, contact and stress "
        "are left out."
    )
    points = [
        {"removed": removed, "relative": 100 * (relative - 1), "tier": result.cathode.tier}
        for removed, relative in zip(result.cathode.removed.tolist(), result.cathode.relative.tolist(), strict=True)
    ]
    breath_columns = (
        Column("removed", "Li removed for each formula unit", 3),
        Column("relative", "change of volume (%)", 2),
        TIER,
    )
    return [
        *blocks,
        Table("void", "What opens the void", columns, rows, note),
        Table("breathing", f"Breathing of {result.cathode.material}", breath_columns, points),
    ]


def _numbers(found: Void) -> list[KeyNumber]:
    if (result := found.result) is None:
        return []
    numbers = []
    for one in result.capacities:
        quantity = f"Breath of {result.cathode.material} at {one:g} mAh/g"
        numbers.append(
            KeyNumber(
                quantity,
                result.breath(one),
                "µL per g of composite",
                2,
                result.cathode.tier,
                "relaxed cells",
                names=("breath", result.cathode.material, f"{one:g}"),
            )
        )
        swing = 100 * result.swing(one)
        names = ("swing", result.cathode.material, f"{one:g}")
        quantity = f"Widest change of volume of {result.cathode.material} at {one:g} mAh/g"
        numbers.append(KeyNumber(quantity, swing, "%", 1, result.cathode.tier, "relaxed cells", names=names))
        quantity = f"Charge whose decay opens as much, at {one:g} mAh/g"
        basis = result.electrolyte.reaction
        names = ("equal_decay", result.cathode.material, f"{one:g}")
        charge = result.equal(one)
        numbers.append(KeyNumber(quantity, charge, "mAh per g of cathode", 1, result.cathode.tier, basis, names=names))
    return numbers


def _values(found: Void) -> list[Value]:
    if (result := found.result) is None:
        return []
    one = min(result.capacities)
    text = f"{number(result.breath(one), 2)} at {one:g} mAh/g"
    return [
        Value((result.cathode.material,), "breath (µL per g of composite)", text, result.cathode.tier, result.verdict)
    ]


VOID = Chapter(
    "void",
    "What opens the void",
    "The recipe asks for no balance of voids.",
    lambda case: case.recipe.volumes.void if case.recipe.volumes else None,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "breath",
            ("cathode", "mAh/g"),
            "µL per g of composite",
            "breathing of the cathode",
            step="oxygen_loss",
            hypothesis=True,
        ),
        Quantity(
            "swing",
            ("cathode", "mAh/g"),
            "%",
            "the same as a share of the crystal: widest change of volume up to this charge",
            step="oxygen_loss",
            hypothesis=True,
        ),
        Quantity(
            "equal_decay",
            ("cathode", "mAh/g"),
            "mAh per g of cathode",
            "charge whose decay opens as much as the cathode breathes",
            step="oxygen_loss",
            hypothesis=True,
        ),
    ),
)
