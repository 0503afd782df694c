"""Chapter on layered, spinel and rock salt against the lithium content, with oxygen at its potential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .....configs.errors import InputError
from .....configs.steps.oxygen_loss import OxygenConditions
from .....configs.steps.polymorphs import PolymorphStep
from .....structures.by_name import name_of
from ....figures.surfaces import polymorph_figure
from ....oxygen.polymorphs import RESOLVED, PolymorphResult, polymorph_result
from ....oxygen.reference import oxygen_reference
from ....words import file_stem, number
from ...case import Case
from ...chapter import Chapter, Problems, phases_of
from ...columns import MATERIAL, STRUCTURE, TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["POLYMORPHS", "Polymorphs"]


@dataclass(frozen=True)
class Polymorphs:
    """Results of all systems, the gas, and why some are missing."""

    found: list[PolymorphResult]
    conditions: OxygenConditions
    texts: list[Text]


def _evaluate(case: Case, step: PolymorphStep) -> Polymorphs:
    used, problems, found = phases_of(case, step.phase_set), Problems(), list[PolymorphResult]()
    for system in step.systems if used.phases is not None else ():
        name = name_of(system.material)
        documents = [one.document for one in case.of("polymorphs") if one.material == name]
        with problems.attempt(name):
            if not documents:
                raise InputError("no cell has been relaxed yet")
            assert used.phases is not None
            molecule = case.element(documents[0].tier, "molecule")
            reference = oxygen_reference(documents[0], used.phases, molecule, step.conditions.correction)
            found.append(polymorph_result(name, documents, reference))
    texts = [*used.texts, *case.missing("polymorphs", ()), *problems.texts]
    return Polymorphs(found, step.conditions, texts)


def _blocks(results: Polymorphs) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    conditions = results.conditions
    for one in results.found:
        alt = (
            f"Spinel and rock salt above layered {one.label} against the lithium content; the tables have the numbers."
        )
        figure = polymorph_figure(one, conditions.temperature, conditions.pressures)
        blocks.append(Picture(f"polymorphs_{file_stem(one.label)}", figure, alt))
    if results.found:
        blocks += [_wins(results.found, conditions), _points(results.found, conditions)]
    return blocks


def _wins(found: Sequence[PolymorphResult], conditions: OxygenConditions) -> Table:
    rows = []
    for one in found:
        for structure in one.curves:
            for pressure in () if structure == "layered" else conditions.pressures:
                below, surely = one.wins_below(structure, conditions.temperature, pressure)
                told = {"below": below, "surely": surely} if below is not None else {"never": "nowhere"}
                rows.append(
                    {"material": one.label, "structure": structure, "pressure": pressure, "tier": one.tier, **told}
                )
    columns = (
        MATERIAL,
        STRUCTURE,
        Column("pressure", "O₂ (bar)"),
        Column("below", "lower than layered up to x =", 2),
        Column("surely", f"by {RESOLVED:g} eV up to x =", 2),
        Column("never", "otherwise"),
        TIER,
    )
    note = (
        f"At {conditions.temperature:g} K; the gas has its entropy, the solids have none: disorder of cations would "
        "favour rock salt. x: lithium for each metal."
    )
    return Table("polymorph_limits", "Where another structure wins", columns, rows, note)


def _points(found: Sequence[PolymorphResult], conditions: OxygenConditions) -> Table:
    rows = []
    for one in found:
        for structure, curve in one.curves.items():
            above = one.above_layered(structure, curve.x, conditions.temperature, conditions.pressure)
            rows += [
                {
                    "material": one.label,
                    "structure": structure,
                    "x": x,
                    "oxygen": oxygen,
                    "above": value,
                    "tier": one.tier,
                }
                for x, oxygen, value in zip(curve.x.tolist(), curve.oxygen.tolist(), above.tolist(), strict=True)
                if np.isfinite(value)
            ]
    columns = (
        MATERIAL,
        STRUCTURE,
        Column("x", "Li for each metal", 3),
        Column("oxygen", "O for each metal", 3),
        Column("above", "above layered (eV per metal)", 3),
        TIER,
    )
    note = f"At {conditions.temperature:g} K and {conditions.pressure:g} bar O₂; the lowest cell of each content."
    return Table("polymorphs", "Layered, spinel and rock salt", columns, rows, note)


def _numbers(results: Polymorphs) -> list[KeyNumber]:
    numbers, conditions = [], results.conditions
    for one in results.found:
        if "rock salt" in one.curves:
            below, error = one.limit("rock salt", conditions.temperature, conditions.pressure)
            numbers.append(
                KeyNumber(
                    f"Rock salt below layered {one.label} up to x",
                    below,
                    "Li per metal",
                    2,
                    one.tier,
                    f"{conditions.temperature:g} K, {conditions.pressure:g} bar O2",
                    error,
                    f"where the structures lie within {RESOLVED:g} eV per metal",
                    names=("rock_salt_below", one.label),
                    detail="" if below else "rock salt is lower nowhere",
                )
            )
    return numbers


def _values(results: Polymorphs) -> list[Value]:
    values, conditions = [], results.conditions
    for one in results.found:
        if "rock salt" in one.curves:
            below, _ = one.wins_below("rock salt", conditions.temperature, conditions.pressure)
            text = "nowhere" if below is None else f"x < {number(below, 2)}"
            basis = f"{conditions.temperature:g} K, {conditions.pressure:g} bar O2"
            values.append(Value((one.label,), "rock salt wins", text, one.tier, basis))
    return values


POLYMORPHS = Chapter(
    "polymorphs",
    "Layered, spinel and rock salt",
    "The recipe compares no structures.",
    lambda case: case.recipe.polymorphs,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "rock_salt_below",
            ("material",),
            "Li per metal",
            "lithium content below which rock salt wins; 0: nowhere",
            step="polymorphs",
            hypothesis=True,
            bounds=(0.0, math.inf),
        ),
    ),
    step="polymorphs",
)
