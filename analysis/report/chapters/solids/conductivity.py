"""Chapter on conductivity: diffusivities at several temperatures, Arrhenius' line, and room temperature beside
measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .....configs.steps.conductivity import ConductivityStep, Measured
from .....structures.by_name import name_of
from ....figures.transport import arrhenius_figure
from ....transport.conductivity import Conductivity, nernst_einstein
from ....transport.stored_conductivity import stored_conductivity
from ....words import number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import MATERIAL, SOURCE, TIER
from ...content import Block, Column, Extrapolation, KeyNumber, Picture, Table, Text, Value

__all__ = ["CONDUCTIVITY", "Conductivities"]


@dataclass(frozen=True)
class Conductivities:
    """What the step ``conductivity`` found; `measured` by material."""

    found: list[Conductivity]
    measured: Mapping[str, Measured]
    texts: list[Text]


def _evaluate(case: Case, step: ConductivityStep) -> Conductivities:
    problems, found = Problems(), list[Conductivity]()
    documents = [one.document for one in case.of("conductivity") if one.document.kind == "md"]
    measured = {}
    for asked in step.materials:
        name = name_of(asked.material)
        if asked.measured is not None:
            measured[name] = asked.measured
        with problems.attempt(name):
            found.append(
                stored_conductivity((name, asked.element), documents, step.temperatures, step.fewest_jumps, step.room)
            )
    refused = [Text(f"{one.material}: no line: {one.problem}", "problem") for one in found if one.problem]
    return Conductivities(found, measured, [*case.missing("conductivity", ()), *problems.texts, *refused])


def _blocks(results: Conductivities) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    if not results.found:
        return blocks
    if any(one.value is not None for found in results.found for one in found.points):
        alt = "Conductivity of each material over the inverse temperature; the numbers stand in the tables."
        blocks.append(Picture("arrhenius", arrhenius_figure(results.found), alt))
    return [*blocks, _room(results), _points(results.found)]


def _room(results: Conductivities) -> Table:
    rows = []
    for one in results.found:
        known = results.measured.get(one.material)
        row = {"material": one.material, "tier": one.tier, "measured": _power(known.value if known else None)}
        row |= {"source": known.source if known else ""}
        if one.fit is not None and (room := one.at_room) is not None:
            low, high = one.fit.interval
            row |= {
                "energy": f"{number(one.fit.energy, 3)} ({number(low, 3)} to {number(high, 3)})",
                "room": f"{_power(room[0])} ({_power(room[1])} to {_power(room[2])})",
                "how": f"extrapolated to {one.room:g} K" if one.extrapolated else f"within the runs, at {one.room:g} K",
            }
        rows.append(row)
    columns = (
        MATERIAL,
        Column("energy", "activation energy (eV), 95 %"),
        Column("room", "conductivity (S/cm), 95 %"),
        Column("how", "room temperature"),
        Column("measured", "measured (S/cm)"),
        SOURCE,
        TIER,
    )
    note = (
        "The interval is that of the sampling, not of the potential, nor of a change of mechanism or phase between the "
        "runs and room temperature. Ions are independent (Haven ratio 1); grain boundaries are left out."
    )
    return Table("conductivity", "Conductivity", columns, rows, note)


def _points(found: Sequence[Conductivity]) -> Table:
    rows = [
        {
            "material": one.material,
            "temperature": item.temperature,
            "diffusivity": _power(item.value),
            "sigma": _power(item.sigma),
            "conductivity": _power(nernst_einstein(item.value, one.density, item.temperature) if item.value else None),
            "jumps": item.jumps,
            "replicas": item.n_replicas,
            "problem": item.problem,
            "tier": one.tier,
        }
        for one in found
        for item in one.points
    ]
    columns = (
        MATERIAL,
        Column("temperature", "K", 0),
        Column("diffusivity", "diffusivity (cm²/s)"),
        Column("sigma", "σ (cm²/s)"),
        Column("conductivity", "conductivity (S/cm)"),
        Column("jumps", "jumps", 0),
        Column("replicas", "replicas", 0),
        Column("problem", "why it does not count"),
        TIER,
    )
    note = "Jumps: 6 D N t / a² over all ions and replicas, a the mean distance to the nearest site of the kind."
    return Table("diffusivities", "Diffusivities", columns, rows, note)


def _power(value: float | None) -> str:
    return "" if value is None else f"{value:.2e}".replace("-", "−")


def _numbers(results: Conductivities) -> list[KeyNumber]:
    numbers = []
    for one in results.found:
        if one.fit is None:
            continue
        used = sum(item.value is not None for item in one.points)
        basis = f"{used} temperatures"
        quantity = f"Activation energy of {one.element} in {one.material}"
        numbers.append(KeyNumber(quantity, one.fit.energy, "eV", 3, one.tier, basis, one.fit.sigma, "1σ of sampling"))
    return numbers


def _values(results: Conductivities) -> list[Value]:
    values = []
    for one in results.found:
        quantity = "conductivity (S/cm)"
        if (room := one.at_room) is None:
            values.append(Value((one.material,), quantity, problem=one.problem))
            continue
        how = f"extrapolated to {one.room:g} K" if one.extrapolated else f"at {one.room:g} K"
        basis = f"95 %: {_power(room[1])} to {_power(room[2])}"
        values.append(Value((one.material,), quantity, f"{_power(room[0])}, {how}", one.tier, basis))
    return values


def _extrapolates(results: Conductivities) -> list[Extrapolation]:
    return [
        Extrapolation(
            (one.material,),
            f"{one.material}: the conductivity at {one.room:g} K lies on Arrhenius' line, beyond the temperatures of "
            "the runs.",
        )
        for one in results.found
        if one.at_room is not None and one.extrapolated
    ]


CONDUCTIVITY = Chapter(
    "conductivity",
    "Conductivity",
    "The recipe asks for no conductivity.",
    lambda case: case.recipe.conductivity,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    step="conductivity",
    extrapolates=_extrapolates,
)
