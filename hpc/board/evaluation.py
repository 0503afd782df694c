"""The numbers of a campaign's matrix that need no job: reaction energies, windows and volumes from the pinned phase
set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...analysis.words import number
from ...configs.errors import CatholyteError
from ...configs.recipe import Recipe
from ...workflows.documents import CalculationDocument

if TYPE_CHECKING:
    from ...analysis.thermodynamics.phase_set import PhaseSet

__all__ = ["Value", "evaluate"]


@dataclass(frozen=True)
class Value:
    """One number as a matrix shows it.

    Parameters
    ----------
    row : tuple of str
        Materials: one, or cathode and electrolyte.
    quantity : str
        Column, unit included.
    text : str
        Digits, uncertainty included; empty where there is a problem.
    tier : str
        Tiers behind it.
    basis : str
        Uncertainty and source in words.
    problem : str
        Why there is no number.
    """

    row: tuple[str, ...]
    quantity: str
    text: str = ""
    tier: str = ""
    basis: str = ""
    problem: str = ""


def evaluate(recipe: Recipe, relaxed: Sequence[CalculationDocument] = ()) -> list[Value]:
    """Return every number of `recipe` that comes from its phase set.

    Parameters
    ----------
    recipe : Recipe
    relaxed : sequence of CalculationDocument
        Finished relaxations of bulk cells: those of materials that the set lacks join it, as in the report.
    """
    from ...analysis.thermodynamics.own_entries import joined_by_new
    from ...analysis.thermodynamics.phase_set import load_phase_set

    def phases(name: str) -> PhaseSet:
        return joined_by_new(load_phase_set(name), relaxed)[0]

    return [*_reactions(recipe, phases), *_windows(recipe, phases), *_volumes(recipe, phases)]


def _reactions(recipe: Recipe, phase_set: Callable[[str], PhaseSet]) -> list[Value]:
    from ...analysis.thermodynamics.reactions import react
    from ...analysis.words import tier_label

    step, found = recipe.reactions, []
    if step is None:
        return []
    columns = ("mutual (eV/atom)", "total (eV/atom)")
    for a, b in step.pairs:
        try:
            phases = phase_set(step.phase_set)
            result = react(a, b, phases)
        except CatholyteError as error:
            found += [Value((a, b), column, problem=error.message) for column in columns]
            continue
        tier, basis = (
            tier_label(result.tiers.values()),
            f"± one standard deviation of the entry errors; phase set {result.phase_set}",
        )
        reaction = result.mutual.kink.reaction if result.mutual.kink else "no reaction"
        numbers = (
            (result.mutual.energy, result.uncertainty.mutual, f"{basis}; {reaction}"),
            (result.total.energy, result.uncertainty.total, basis),
        )
        found += [
            Value((a, b), column, f"{number(energy, 3)} ± {number(sigma, 3)}", tier, told)
            for column, (energy, sigma, told) in zip(columns, numbers, strict=True)
        ]
    return found


def _windows(recipe: Recipe, phase_set: Callable[[str], PhaseSet]) -> list[Value]:
    from ...analysis.thermodynamics.window import stability_window
    from ...analysis.words import tier_label

    step, found, column = recipe.windows, [], "window (V vs Li/Li⁺)"
    for name in () if step is None else step.materials:
        try:
            result = stability_window(name, phase_set(step.phase_set if step else ""))
        except CatholyteError as error:
            found.append(Value((name,), column, problem=error.message))
            continue
        high = "no limit" if result.oxidation is None else f"{result.oxidation.voltage:.3f}"
        spread = (
            f"± {result.uncertainty.reduction:.3f} and ± {result.uncertainty.oxidation or 0:.3f} V; phase set "
            f"{result.phase_set}"
        )
        found.append(
            Value(
                (name,), column, f"{result.reduction.voltage:.3f} to {high}", tier_label(result.tiers.values()), spread
            )
        )
    return found


def _volumes(recipe: Recipe, phase_set: Callable[[str], PhaseSet]) -> list[Value]:
    from ...analysis.thermodynamics.volume import Volumes
    from ...analysis.thermodynamics.volume_changes import named_reaction, parse_products

    step, found, column = recipe.volumes, [], "volume change on decomposition (%)"
    for wanted in () if step is None else step.decompositions:
        try:
            phases = phase_set(step.phase_set if step else "")
            ledger = named_reaction(
                wanted.material,
                parse_products(wanted.products),
                phases,
                Volumes(phases, own=step.densities if step else None),
            )
        except CatholyteError as error:
            found.append(Value((wanted.material,), column, problem=error.message))
            continue
        text = (
            "unknown" if ledger.percent is None else f"{'+' if ledger.percent > 0 else ''}{number(ledger.percent, 1)}"
        )
        found.append(
            Value(
                (wanted.material,),
                column,
                text,
                basis=f"{ledger.reaction}; molar volumes of the densities named in the report",
            )
        )
    return found
