"""Chapter on oxygen at surfaces: vacancies of slabs by depth and lithium content."""

from __future__ import annotations

from dataclasses import dataclass

from .....configs.steps.oxygen_loss import OxygenLossStep
from .....structures.by_name import name_of
from ....figures.surfaces import vacancy_depth_figure
from ....oxygen.surface import OUTER, RESOLVED, DepthProfile, depth_profile
from ....words import file_stem, number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import DEPTH, LI_VACANCIES, TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity
from ..oxygen import OXYGEN_LOSS

__all__ = ["SURFACE_OXYGEN", "SurfaceOxygen"]


@dataclass(frozen=True)
class SurfaceOxygen:
    """Profiles of all slabs, and why some are missing."""

    profiles: list[DepthProfile]
    texts: list[Text]


def _asked(case: Case) -> OxygenLossStep | None:
    step = case.recipe.oxygen_loss
    return step if step is not None and any(system.slab for system in step.systems) else None


def _evaluate(case: Case, step: OxygenLossStep) -> SurfaceOxygen:
    problems, profiles = Problems(), list[DepthProfile]()
    loss = OXYGEN_LOSS.results(case)
    slabs = {one.slab.label(name_of(one.material)) for one in step.systems if one.slab is not None}
    for found in loss.results if loss is not None else ():
        if found.label in slabs and found.sampled is not None:
            with problems.attempt(found.label):
                profiles.append(depth_profile(found.label, found.sampled))
    return SurfaceOxygen(profiles, problems.texts)


def _blocks(results: SurfaceOxygen) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    for one in results.profiles:
        alt = f"Formation energy of oxygen vacancies in {one.label} over depth; the numbers stand in the table."
        name = file_stem(one.label)
        blocks.append(Picture(f"vacancy_depth_{name}", vacancy_depth_figure(one), alt))
        rows = [
            {
                "n": item.n_vacancies,
                "depth": item.depth,
                "environment": item.environment,
                "bridge": item.bridge,
                "energy": item.energy,
                "tier": one.tier,
            }
            for item in one.vacancies
        ]
        columns = (
            LI_VACANCIES,
            DEPTH,
            Column("environment", "first shell"),
            Column("bridge", "oxygen of"),
            Column("energy", "formation energy (eV)", 3),
            TIER,
        )
        blocks.append(Table(f"vacancy_depth_{name}", f"{one.label}: oxygen vacancies by depth", columns, rows))
        told = [
            {"n": n, "preference": one.preference(n), "verdict": one.verdict(n), "tier": one.tier} for n in one.contents
        ]
        first = (
            LI_VACANCIES,
            Column("preference", "inside − surface (eV)", 3),
            Column("verdict", "oxygen leaves"),
            TIER,
        )
        note = (
            f"Lowest vacancy deeper than {OUTER:g} Å less the lowest above; differences below {RESOLVED:g} eV are not "
            "told apart. One vacancy a cell; sites that were left out may lie lower."
        )
        blocks.append(Table(f"surface_first_{name}", f"{one.label}: where oxygen leaves first", first, told, note))
    return blocks


def _numbers(results: SurfaceOxygen) -> list[KeyNumber]:
    return [
        KeyNumber(
            f"Oxygen vacancy in {one.label}, {n} Li removed: inside less surface",
            one.preference(n),
            "eV",
            2,
            one.tier,
            f"{len(one.at(n))} vacancies",
            RESOLVED,
            "what relaxations leave untold",
            names=("surface_preference", one.label, str(n)),
        )
        for one in results.profiles
        for n in one.contents
        if one.preference(n) is not None
    ]


def _values(results: SurfaceOxygen) -> list[Value]:
    values = []
    for one in results.profiles:
        told = [found for n in one.contents if (found := one.preference(n)) is not None]
        if told:
            text = " to ".join(dict.fromkeys(number(value, 2) for value in (min(told), max(told))))
            basis = "lowest oxygen vacancy inside less that at the surface, over the lithium contents"
            values.append(Value((one.label,), "oxygen vacancy, inside − surface (eV)", text, one.tier, basis))
    return values


SURFACE_OXYGEN = Chapter(
    "surface_oxygen",
    "Oxygen at surfaces",
    "The recipe asks for no slab.",
    _asked,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "surface_preference",
            ("slab", "Li removed"),
            "eV",
            "formation energy of an oxygen vacancy inside less that at the surface",
            step="oxygen_loss",
            hypothesis=True,
        ),
    ),
)
