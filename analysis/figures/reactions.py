"""Figures of reactivity: reaction energy along the mixing ratio, stability windows as ladders, and voltages."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...configs.errors import InputError
from ...configs.models import Tier
from ..thermodynamics.voltage_curve import VoltageCurve
from ..words import formula_text, number
from .style import GREY, PALETTE, caption, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_KINKS", "MixingCurve", "WindowLadder", "reaction_figure", "voltage_figure", "window_figure"]

#: kinks of a pair whose products a figure writes
MOST_KINKS = 5


@dataclass(frozen=True)
class MixingCurve:
    """Reaction energies of a pair along the mixing ratio.

    Parameters
    ----------
    a, b : str
        Names or formulas of the reactants.
    x : (n,) array-like
        Formula-unit fraction of `a`, 0 to 1, ascending: the kinks of the hull, both ends included.
    mutual, total : (n,) array-like
        eV/atom; mutual is what mixing adds, total includes the decomposition of each reactant by itself.
    products : sequence of str
        What forms at each x, e.g. ``"Li2S + Co9S8"``; empty where nothing is to be written.
    source : str
        Tier or origin of the energies, shown in the caption.
    published : float, optional
        eV/atom, shown as a dashed line, for orientation.
    """

    a: str
    b: str
    x: ArrayLike
    mutual: ArrayLike
    total: ArrayLike
    products: Sequence[str]
    source: str
    published: float | None = None


def reaction_figure(curve: MixingCurve) -> Figure:
    """Mutual and total reaction energy against the mixing ratio, with the products at the kinks that matter: both
    minima, then those at which the mutual energy bends most, :data:`MOST_KINKS` in all; the others are dots.

    Parameters
    ----------
    curve : MixingCurve

    Raises
    ------
    InputError
        If the arrays differ in length.
    """
    x, mutual, total = (np.asarray(values, dtype=float) for values in (curve.x, curve.mutual, curve.total))
    if not len(x) == len(mutual) == len(total) == len(curve.products):
        raise InputError(
            f"x, mutual, total and products have {len(x)}, {len(mutual)}, {len(total)} and {len(curve.products)} "
            "values; equal numbers are needed"
        )
    known = [i for i, products in enumerate(curve.products) if products]
    named = _that_matter(x, mutual, total, known)
    lines = {i: textwrap.wrap(curve.products[i], 46) for i in named}
    height = max(3.6, 1.2 + 0.17 * sum(len(text) + 1.6 for text in lines.values()))
    with style():
        figure, (ax, side) = new_figure(9.2, height, (1, 2), width_ratios=(1.4, 1))
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.plot(x, total, "--", color=PALETTE[1], linewidth=1.5, label="total")
        ax.plot(x, mutual, "-", color=PALETTE[0], linewidth=1.8, label="mutual (mixing alone)")
        if curve.published is not None:
            ax.axhline(
                curve.published,
                color=GREY,
                linestyle=":",
                linewidth=1.4,
                label=f"published: {number(curve.published)} eV/atom",
            )
        best = int(np.argmin(mutual))
        ax.plot(
            x[best],
            mutual[best],
            "*",
            markersize=13,
            color=PALETTE[0],
            markeredgecolor="white",
            label=_minimum(x[best], mutual[best]),
        )
        ax.plot(
            x[known],
            mutual[known],
            "o",
            markersize=4,
            color=PALETTE[0],
            markevery=[k for k, i in enumerate(known) if i != best],
        )
        lowest = min(float(total.min()), float(mutual.min()), curve.published or 0.0)
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(1.38 * lowest if lowest < 0 else -0.05, max(-0.14 * lowest, 0.005))
        _badges(ax, x[named], mutual[named])
        ax.set_xlabel(f"x, formula-unit fraction of {formula_text(curve.a)} (1) in {formula_text(curve.b)} (0)")
        ax.set_ylabel("reaction energy (eV/atom)")
        ax.set_title(f"{formula_text(curve.a)} | {formula_text(curve.b)}")
        ax.legend(loc="lower left", fontsize=8, ncols=2, columnspacing=1.2)
        side.set_title("products")
        _list(
            side,
            [
                (f"{order}   x = {x[i]:.2f}, {number(mutual[i], 3)} eV/atom", [formula_text(t) for t in lines[i]])
                for order, i in enumerate(named, start=1)
            ],
        )
        caption(
            figure,
            (
                f"Energies: {curve.source}. Star: minimum of the mutual energy; total − mutual is what the reactants "
                "release by themselves."
            ),
            f"{len(known) - len(named)} further kinks stand in the table." if len(known) > len(named) else "",
            "Dotted: published value, for orientation." if curve.published is not None else "",
        )
    return figure


def _that_matter(
    x: NDArray[np.float64], mutual: NDArray[np.float64], total: NDArray[np.float64], known: Sequence[int]
) -> list[int]:
    """Kinks whose products are written, from left to right."""
    bend = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        share = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]) if x[i + 1] > x[i - 1] else 0.0
        bend[i] = abs(mutual[i - 1] + share * (mutual[i + 1] - mutual[i - 1]) - mutual[i])
    first = {int(np.argmin(mutual)), int(np.argmin(total))}
    ranked = sorted(known, key=lambda i: (i not in first, -bend[i], i))
    return sorted(ranked[:MOST_KINKS])


_BADGE = {"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": GREY, "linewidth": 0.7}


def _badges(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Number the points from left to right, each as close above its point as the earlier numbers leave room, with a
    leader."""
    points = ax.transData.transform(np.column_stack([x, y])) * 72 / ax.figure.dpi
    placed: list[tuple[float, float]] = []
    for order, (across, up) in enumerate(points, start=1):
        lift = 13.0
        while any(np.hypot(across - a, up + lift - b) < 15 for a, b in placed):
            lift += 3
        placed.append((across, up + lift))
        leader = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2} if lift > 13 else None
        place = (x[order - 1], y[order - 1])
        ax.annotate(
            str(order),
            place,
            xytext=(0, lift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
            bbox=_BADGE,
            arrowprops=leader,
        )


def _minimum(x: float, energy: float) -> str:
    return f"minimum: {number(energy, 3)} eV/atom at x = {x:.2f}"


def _list(ax: Axes, items: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Headed lines of text from the top of an empty axes downwards, on lines of 12.2 points."""
    ax.set_axis_off()
    down = 0.0
    for head, lines in items:
        for indent, weight, line in [(0, "bold", head), *((14, "normal", line) for line in lines)]:
            ax.annotate(
                line,
                (0, 1),
                (indent, -down),
                "axes fraction",
                "offset points",
                va="top",
                fontsize=8,
                fontweight=weight,
                annotation_clip=False,
            )
            down += 12.2
        down += 7.3


@dataclass(frozen=True)
class WindowLadder:
    """Stability window of one material and the steps beyond it.

    Parameters
    ----------
    material : str
        Name or formula.
    reduction, oxidation : float or None
        V vs Li/Li+, ends of the window; None where there is no limit, or where the material is stable nowhere (both
        None).
    steps : sequence of (float, str)
        Voltage, V vs Li/Li+, and the reaction that sets in there.
    published : tuple of float or None, optional
        V vs Li/Li+, printed limits, for orientation.
    """

    material: str
    reduction: float | None
    oxidation: float | None
    steps: Sequence[tuple[float, str]] = ()
    published: tuple[float | None, float | None] | None = None


def window_figure(
    ladders: Sequence[WindowLadder],
    tier: Tier | str,
    voltages: tuple[float, float] = (0.0, 5.0),
    *,
    listed: bool = True,
) -> Figure:
    """Stability windows as bars over the voltage, with a tick for each step.

    Parameters
    ----------
    ladders : sequence of WindowLadder
        From top to bottom.
    tier : str
        Tier or phase set of the energies, shown in the caption.
    voltages : tuple of float
        V vs Li/Li+, ends of the axis.
    listed : bool
        Number the steps and list their reactions below; not where a table does.

    Raises
    ------
    InputError
        If there is no ladder.
    """
    if not ladders:
        raise InputError("a window figure needs at least one material")
    items = [(formula_text(one.material), _reactions(one)) for one in ladders if one.steps] if listed else []
    below = 0.05 + sum(0.28 + 0.17 * len(lines) for _, lines in items)
    above = 0.55 + 0.55 * len(ladders)
    with style():
        if listed:
            figure, (ax, text) = new_figure(8.2, above + below + 0.6, (2, 1), height_ratios=(above, below))
            _list(text, items)
        else:
            figure, (ax,) = new_figure(8.2, above + 0.6)
        for y, ladder in enumerate(ladders):
            _draw_ladder(ax, y, ladder, voltages, listed)
        ax.set_yticks(range(len(ladders)), [formula_text(ladder.material) for ladder in ladders])
        ax.set_ylim(len(ladders) - 0.45, -0.6)
        ax.set_xlim(*voltages)
        ax.set_xlabel("voltage (V vs Li/Li$^{+}$)")
        ax.set_ylabel("material")
        caption(
            figure,
            f"Energies: {tier}. Bars: stable with lithium exchanged at that voltage;",
            "numbered ticks: steps of the ladder, listed below." if listed else "ticks: steps, listed in the table.",
            "Open diamonds: published limits, for orientation." if any(ladder.published for ladder in ladders) else "",
        )
    return figure


def _reactions(ladder: WindowLadder) -> list[str]:
    lines = []
    for order, (voltage, reaction) in enumerate(sorted(ladder.steps), start=1):
        first, *rest = textwrap.wrap(reaction, 96) or [""]
        lines += [
            f"{order}   {number(voltage)} V   {formula_text(first)}",
            *(f"                  {formula_text(part)}" for part in rest),
        ]
    return lines


def _draw_ladder(ax: Axes, y: int, ladder: WindowLadder, voltages: tuple[float, float], numbered: bool) -> None:
    ax.plot(voltages, (y, y), color=GREY, linewidth=0.6, zorder=1)
    if ladder.reduction is None and ladder.oxidation is None:
        ax.text(sum(voltages) / 2, y - 0.22, "stable at no voltage", ha="center", va="center", fontsize=8, color=GREY)
    else:
        low = voltages[0] if ladder.reduction is None else ladder.reduction
        high = voltages[1] if ladder.oxidation is None else ladder.oxidation
        ax.barh(y, high - low, left=low, height=0.42, color=PALETTE[0], alpha=0.85, zorder=2)
        limits = "to".join(
            f" {number(v)} " if v is not None else " no limit " for v in (ladder.reduction, ladder.oxidation)
        )
        ax.text((low + high) / 2, y - 0.24, f"{limits.strip()} V", ha="center", va="bottom", fontsize=8)
    last, lift = -np.inf, 0
    for order, (voltage, _) in enumerate(sorted(ladder.steps), start=1):
        lift = (lift + 1) % 2 if voltage - last < 0.035 * (voltages[1] - voltages[0]) else 0
        last = voltage
        ax.plot((voltage, voltage), (y - 0.21, y + 0.21), color=PALETTE[1], linewidth=1.6, zorder=3)
        if numbered:
            ax.text(voltage, y + 0.23 + 0.17 * lift, str(order), ha="center", va="top", fontsize=7, color=PALETTE[1])
    for limit in ladder.published or ():
        if limit is not None:
            ax.plot(limit, y, "D", markersize=6, markerfacecolor="white", markeredgecolor="black", zorder=4)


def voltage_figure(curve: VoltageCurve) -> Figure:
    """Plateaus of the voltage over the lithium content, and every cell's energy above the hull."""
    with style():
        figure, (ax, right) = new_figure(8.0, 3.6, (1, 2), width_ratios=[1.6, 1])
        edges = [curve.steps[0].x_high, *(step.x_low for step in curve.steps)]
        levels = [step.voltage for step in curve.steps]
        ax.plot(np.repeat(edges, 2)[1:-1], np.repeat(levels, 2), color=PALETTE[0], linewidth=1.8)
        ax.set_xlim(max(edges), min(edges))
        ax.set_ylim(min(levels) - 0.4, max(levels) + 0.4)
        ax.set_xlabel("lithium left (share of that of the host)")
        ax.set_ylabel("voltage (V vs Li/Li$^{+}$)")
        top = ax.twiny()
        top.set_xlim(curve.capacity(max(edges)), curve.capacity(min(edges)))
        top.spines["top"].set_visible(True)
        top.set_xlabel("charge taken out (mA h/g)", fontsize=8)
        right.scatter(
            [c.x for c in curve.charges],
            [1000 * c.above_hull for c in curve.charges],
            s=22,
            color=PALETTE[1],
            alpha=0.8,
            linewidth=0,
        )
        right.set_xlim(max(edges) + 0.03, min(edges) - 0.03)
        right.set_xlabel("lithium left")
        right.set_ylabel("above the hull (meV per Li site)")
        caption(
            figure,
            (
                f"Tier: {curve.lithium.signature.engine}. {formula_text(curve.formula)}; {len(curve.charges)} cells at "
                f"{len(curve.samples)} lithium contents. Lithium metal: {curve.lithium.origin}."
            ),
            "Without vibrations and configurational entropy.",
        )
    return figure
