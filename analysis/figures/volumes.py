"""Figures of volumes: what each phase takes up before and after a reaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...configs.errors import InputError
from ..words import formula_text, number
from .style import DASHES, GREY, PALETTE, caption, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..transport.void import VoidResult

__all__ = ["VolumeBars", "VolumeLadder", "void_figure", "volume_figure", "volume_ladder_figure"]

#: share of the axis below which a phase's name does not fit into its part of the bar
_NARROW = 0.09


@dataclass(frozen=True)
class VolumeBars:
    """One reaction.

    Parameters
    ----------
    title : str
    before, after : sequence of (str, float)
        Phase and its volume, mL per mole of reaction; gases are left out.
    published : tuple of float, optional
        Printed volumes before and after, mL/mol, for orientation.
    """

    title: str
    before: Sequence[tuple[str, float]]
    after: Sequence[tuple[str, float]]
    published: tuple[float, float] | None = None


def volume_figure(reactions: Sequence[VolumeBars], source: str) -> Figure:
    """Two stacked bars for each reaction, before and after; diamonds are printed values.

    Parameters
    ----------
    reactions : sequence of VolumeBars
        From top to bottom.
    source : str
        Kinds of the molar volumes.

    Raises
    ------
    InputError
        If there is no reaction.
    """
    if not reactions:
        raise InputError("a figure of volumes needs at least one reaction")
    printed = [value for found in reactions for value in found.published or ()]
    longest = max([*(_total(side) for found in reactions for side in (found.before, found.after)), *printed])
    with style():
        figure, axes = new_figure(7.8, 0.9 + 1.15 * len(reactions), (len(reactions), 1), sharex=True)
        for ax, found in zip(axes, reactions, strict=True):
            for y, side in enumerate((found.before, found.after)):
                _stack(ax, y, side, _looks(found), longest)
                end, label = _total(side), number(_total(side), 1)
                if found.published is not None:
                    end, label = max(end, found.published[y]), f"{label} (printed {number(found.published[y], 1)})"
                    ax.plot(
                        found.published[y],
                        y,
                        "D",
                        markersize=6,
                        markerfacecolor="white",
                        markeredgecolor="black",
                        zorder=4,
                    )
                ax.text(end + 0.03 * longest, y, label, ha="left", va="center", fontsize=8, color=GREY)
            ax.set_yticks([0, 1], ["before", "after"])
            ax.set_ylim(1.55, -0.55)
            ax.set_xlim(0, 1.3 * longest)
            ax.set_title(_title(found), fontsize=8.5)
        axes[-1].set_xlabel("volume (mL per mole of reaction)")
        figure.supylabel("side of the reaction", fontsize=9)
        note = "Open diamonds: printed volumes, for orientation." if printed else ""
        caption(figure, f"Molar volumes: {source}. Gases and lithium of the anode count no volume.", note)
    return figure


def _looks(found: VolumeBars) -> dict[str, tuple[str, str]]:
    """Colour and hatching of every phase of one reaction; beyond six phases hatched."""
    phases = list(dict.fromkeys(name for side in (found.before, found.after) for name, _ in side))
    return {name: (PALETTE[i % len(PALETTE)], "////" if i >= len(PALETTE) else "") for i, name in enumerate(phases)}


def _total(side: Sequence[tuple[str, float]]) -> float:
    return sum(volume for _, volume in side)


def _title(found: VolumeBars) -> str:
    change = _total(found.after) - _total(found.before)
    return (
        f"{formula_text(found.title)}   ({'+' if change > 0 else ''}{number(100 * change / _total(found.before), 1)} %)"
    )


def _stack(
    ax: Axes, y: int, side: Sequence[tuple[str, float]], looks: dict[str, tuple[str, str]], longest: float
) -> None:
    ends = np.cumsum([volume for _, volume in side])
    for (name, volume), end in zip(side, ends, strict=True):
        color, hatch = looks[name]
        ax.barh(
            y,
            volume,
            left=float(end) - volume,
            height=0.62,
            color=color,
            hatch=hatch,
            edgecolor="white",
            linewidth=1.0,
            alpha=0.85,
        )
        if volume > _NARROW * longest:
            ax.text(
                float(end) - volume / 2, y, formula_text(name), ha="center", va="center", fontsize=7.5, color="white"
            )


@dataclass(frozen=True)
class VolumeLadder:
    """Volume change of one material over the voltage.

    Parameters
    ----------
    material : str
    reduction, oxidation : sequence of (float, float or None)
        V vs Li/Li+ at which a step sets in, rising, and the change beyond it in % of the material's volume;
        None where a volume is unknown.
    """

    material: str
    reduction: Sequence[tuple[float, float | None]]
    oxidation: Sequence[tuple[float, float | None]]


def volume_ladder_figure(ladders: Sequence[VolumeLadder], voltages: tuple[float, float], source: str) -> Figure:
    """Volume change of each material as steps over the voltage; gaps where a volume is unknown.

    Parameters
    ----------
    ladders : sequence of VolumeLadder
        At most six: one colour each.
    voltages : tuple of float
        V vs Li/Li+, ends of the axis.
    source : str
        Kinds of the molar volumes.

    Raises
    ------
    InputError
        If there is no ladder, or more than there are colours.
    """
    if not 1 <= len(ladders) <= len(PALETTE):
        raise InputError(
            f"a figure of volumes over the voltage shows 1 to {len(PALETTE)} materials, not {len(ladders)}"
        )
    with style():
        figure, (ax,) = new_figure(6.6, 3.6)
        ax.axhline(0, color=GREY, linewidth=0.6)
        for color, dashes, ladder in zip(PALETTE, DASHES, ladders, strict=False):
            edges, levels = _levels(ladder, voltages)
            ax.stairs(
                levels,
                edges,
                baseline=None,
                color=color,
                linestyle=dashes,
                linewidth=1.8,
                label=formula_text(ladder.material),
            )
        ax.set_xlim(*voltages)
        ax.set_xlabel("voltage (V vs Li/Li$^{+}$)")
        ax.set_ylabel("volume change (% of the material)")
        ax.legend(fontsize=8)
        caption(
            figure,
            (
                f"Molar volumes: {source}. Each step: all decomposed at that voltage. Gases and lithium of the anode "
                "count no volume; gaps: volume unknown."
            ),
        )
    return figure


def _levels(ladder: VolumeLadder, voltages: tuple[float, float]) -> tuple[list[float], list[float]]:
    """Edges and the change between them; 0 inside the window."""
    low, high = voltages
    steps = [(v, change) for v, change in (*ladder.reduction, *ladder.oxidation) if low < v < high]
    edges = [low, *(v for v, _ in steps), high]
    falling = [change for v, change in ladder.reduction if low < v < high]
    rising = [change for v, change in ladder.oxidation if low < v < high]
    levels = [*falling, 0.0, *rising]
    return edges, [np.nan if level is None else level for level in levels]


def void_figure(result: VoidResult) -> Figure:
    """Change of volume against charge: the cathode to its capacity, the electrolyte where it takes up the charge.

    Parameters
    ----------
    result : VoidResult
    """
    most = max(result.capacities)
    charge = np.linspace(0.0, most, 200)
    inside = result.cathode.removed * result.farthest / result.cathode.removed[-1]
    inside = inside[inside <= most]
    with style():
        figure, (ax,) = new_figure(6.2, 3.8)
        ax.plot(charge, result.cathode_change(charge), color=PALETTE[0], label=formula_text(result.cathode.material))
        ax.plot(inside, result.cathode_change(inside), "o", color=PALETTE[0], markersize=4)
        decay = np.linspace(0.0, min(most, result.whole), 50)
        name = formula_text(result.electrolyte.shares[0].formula)
        ax.plot(decay, result.electrolyte_change(decay), color=PALETTE[1], linestyle=DASHES[1], label=f"{name}, decays")
        for capacity in result.capacities:
            ax.axvline(capacity, color=GREY, linewidth=0.8, linestyle=":")
            ax.text(
                capacity, 1.0, f"{capacity:g}", transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=8
            )
        if result.lost is not None:
            lost = min(result.lost, result.whole)
            ax.plot(lost, float(result.electrolyte_change(lost)), "s", color=PALETTE[1], markersize=5)
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.set_xlabel("charge that passes through it (mAh per g of cathode)")
        ax.set_ylabel("change of volume (µL per g of composite)")
        ax.legend(loc="lower left", fontsize=8)
        square = "square: what the poorer cell lacks, if all of it went into the electrolyte" if result.lost else ""
        caption(
            figure,
            f"Points: relaxed cells; dotted: capacities{'; ' + square if square else ''}.",
            f"Tier: {result.cathode.tier}; molar volumes as in the table.",
        )
    return figure
