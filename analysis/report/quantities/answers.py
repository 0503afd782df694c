"""What the first screen says to the questions of a recipe: sentences that are made of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ....configs.steps.kind import listed
from ...thermodynamics.reactions import ReactionResult
from ...thermodynamics.screen import Ranked, ScreenResult
from ...thermodynamics.window import WindowResult
from ...words import number, tier_label
from ..content import Answer, KeyNumber
from .limits import worst_of

__all__ = ["layer_effect", "pair_answer", "reacting", "screen_answer", "sentence_of", "told", "window_answer"]


def sentence_of(key: KeyNumber) -> str:
    """A key number as a sentence; empty for one without a value."""
    if key.value is None:
        return ""
    sigma = "" if key.uncertainty is None else f" ± {number(key.uncertainty, key.digits)}"
    kind = f", ±: {key.uncertainty_kind}" if sigma and key.uncertainty_kind else ""
    half = key.half_width
    sign = ""
    if half is not None and key.unit in ("eV", "e") and 0 < abs(key.value) <= half:
        sign = "; the sign is undecided"
    return f"{key.quantity}: {number(key.value, key.digits)}{sigma} {key.unit}{kind}{sign}."


def told(keys: Iterable[KeyNumber], picture: str = "", most: int = 2) -> Answer | None:
    """Return the first key numbers as an answer; None where none has a value.

    Parameters
    ----------
    keys : iterable of KeyNumber
    picture : str
        Of the chapter.
    most : int
        Sentences.
    """
    kept = [key for key in keys if key.value is not None][:most]
    if not kept:
        return None
    return Answer(
        tuple(map(sentence_of, kept)), picture, tier_label(tier for key in kept for tier in key.tier.split(" + "))
    )


def reacting(energy: float, sigma: float | None, threshold: float) -> str:
    """Return what a mutual energy decides at two standard deviations: ``reacts``, ``does not react`` or ``undecided``.

    Parameters
    ----------
    energy, sigma : float, eV/atom
    threshold : float
        eV/atom, beyond which a pair counts as reacting.
    """
    half = 2 * (sigma or 0.0)
    if energy + half < -threshold:
        return "reacts"
    return "does not react" if energy - half > -threshold else "undecided"


def pair_answer(results: Sequence[ReactionResult], threshold: float) -> Answer | None:
    """Return what the first pair does, and how many of all react.

    Parameters
    ----------
    results : sequence of ReactionResult
        In the order of the recipe.
    threshold : float
        eV/atom, beyond which a pair counts as reacting.
    """
    if not results:
        return None
    first = results[0]
    sentences = [_pair(first)]
    if len(results) > 1:
        words = [reacting(r.mutual.energy, r.uncertainty.mutual, threshold) for r in results]
        react, calm, open_ = (words.count(word) for word in ("reacts", "does not react", "undecided"))
        most = min(results, key=lambda result: result.mutual.energy)
        sentences.append(
            f"Of {len(results)} pairs {react} {'reacts' if react == 1 else 'react'} by more than {threshold:g} "
            f"eV/atom, {calm} {'does' if calm == 1 else 'do'} not and {open_} {'is' if open_ == 1 else 'are'} "
            f"undecided (2σ against other DFT); the strongest is {most.a.label} | "
            f"{most.b.label} with {number(most.mutual.energy, 3)} ± {number(most.uncertainty.mutual, 3)} eV/atom."
        )
    tiers = tier_label(tier for result in results for tier in result.tiers.values())
    return Answer(tuple(sentences), f"reaction_{first.a.label}_{first.b.label}", tiers)


def _pair(result: ReactionResult) -> str:
    name, kink = f"{result.a.label} | {result.b.label}", result.mutual.kink
    if kink is None:
        return f"{name} do not react: 0.000 ± {number(result.uncertainty.mutual, 3)} eV/atom."
    products = listed([product.formula for product in kink.products])
    beside = result.measured.mutual if result.measured else None
    measured = ""
    if beside is not None and beside.value is not None and beside.sigma is not None:
        measured = f"; from measured enthalpies {number(beside.value, 3)} ± {number(beside.sigma, 3)}"
    return (
        f"{name} gain {number(result.mutual.energy, 3)} ± {number(result.uncertainty.mutual, 3)} eV/atom by mixing and "
        f"make {products}{measured}: a driving force of thermodynamics, without rates."
    )


def window_answer(windows: Sequence[WindowResult]) -> Answer | None:
    """Return both limits of the first material, and which of the others holds widest.

    Parameters
    ----------
    windows : sequence of WindowResult
    """
    if not windows:
        return None
    sentences = [f"{windows[0].material} is stable {_limits(windows[0])}."]
    if len(windows) > 1:
        rest = [f"{window.material} {_limits(window)}" for window in windows[1:4]]
        sentences.append(f"{listed(rest)}{f', and {len(windows) - 4} more' if len(windows) > 4 else ''}.")
    return Answer(tuple(sentences), "windows", tier_label(t for window in windows for t in window.tiers.values()))


def _limits(window: WindowResult) -> str:
    sigma = window.uncertainty
    low = f"from {number(window.reduction.voltage)} ± {number(sigma.reduction)}"
    if window.oxidation is None:
        return f"{low} V vs Li/Li⁺ upwards"
    return f"{low} to {number(window.oxidation.voltage)} ± {number(sigma.oxidation or 0.0)} V vs Li/Li⁺"


def screen_answer(result: ScreenResult) -> Answer | None:
    """Return which layer lowers the worst interface most, by how much, and whether that is decided.

    Parameters
    ----------
    result : ScreenResult
    """
    coated = [row for row in result.ranking if row.coating is not None]
    if not coated:
        return None
    contacts = list(dict.fromkeys((row.cathode, row.electrolyte) for row in coated))
    best = {contact: max(_of(coated, contact), key=lambda row: row.worst) for contact in contacts}
    sentences = [_layer(result, best[contacts[0]], len(_of(coated, contacts[0])))]
    if len(contacts) > 1:
        helped = sum(_gain(result, row)[0] > _gain(result, row)[1] for row in best.values())
        names = sorted({str(row.coating) for row in best.values()})
        sentences.append(
            f"Over all {len(contacts)} contacts and states of charge a layer lowers the worst interface beyond 2σ in "
            f"{helped}; {listed(names)} {'is' if len(names) == 1 else 'are'} the best."
        )
    return Answer(
        tuple(sentences), "screen_heat_map", tier_label(t for pair in result.pairs for t in pair.tier.split(" + "))
    )


def _of(rows: Sequence[Ranked], contact: tuple[str, str]) -> list[Ranked]:
    return [row for row in rows if (row.cathode, row.electrolyte) == contact]


def _gain(result: ScreenResult, row: Ranked) -> tuple[float, float]:
    """What a layer takes off the worst interface, eV/atom, and half of its interval."""
    bare = worst_of(result, row.cathode, None, row.electrolyte)
    worst = worst_of(result, row.cathode, row.coating, row.electrolyte)
    return worst.mutual - bare.mutual, 2 * math.hypot(worst.mutual_sigma, bare.mutual_sigma)


def layer_effect(result: ScreenResult, row: Ranked) -> str:
    """Return what a layer does to the worst interface at two standard deviations: ``lowers it``, ``worsens it`` or
    ``undecided``; empty for the bare contact.

    Parameters
    ----------
    result : ScreenResult
    row : Ranked
    """
    if row.coating is None:
        return ""
    gain, half = _gain(result, row)
    return "lowers it" if gain > half else "worsens it" if gain < -half else "undecided"


def _layer(result: ScreenResult, row: Ranked, n: int) -> str:
    worst = worst_of(result, row.cathode, row.coating, row.electrolyte)
    low, high = result.operating_range
    decided = "decided" if layer_effect(result, row) == "lowers it" else "undecided"
    window = f"holds {low:g} to {high:g} V" if row.covers else f"misses {low:g} to {high:g} V by {row.shortfall:.2f} V"
    between = f"between {row.cathode} and {row.electrolyte}"
    several = f"Of {n} layers {between}, {row.coating} leaves the least: its worst interface"
    least = several if n > 1 else f"{row.coating} {between}: the worst interface"
    return (
        f"{least} has {number(worst.mutual, 3)} ± {number(worst.mutual_sigma, 3)} instead of {number(row.bare, 3)} "
        f"eV/atom ({decided} at 2σ); its window {window}."
    )
