"""Figures of a screen: heat map of all interfaces, windows against the operating range, curves along the mixing ratio,
map over (x, V)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...configs.errors import InputError
from ..words import formula_text, number
from .style import GREY, HATCHES, MARKERS, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from ..thermodynamics.voltage_map import VoltageMap

__all__ = ["Curve", "HeatMap", "RangeBar", "coverage_figure", "curves_figure", "heat_map_figure", "voltage_map_figure"]

#: curves in one axes: the palette holds no more colours that everybody can tell apart
MOST_CURVES = len(PALETTE)
#: V vs Li/Li+, right end of the windows
_TOP = 6.0
#: colours of a scale: enough to read, few enough that a colour bar stays a drawing and is not turned into pixels
_SHADES = 24


def _colors() -> Colormap:
    """Dark is reactive; readable with every colour vision."""
    import matplotlib as mpl

    return mpl.colormaps["cividis"].resampled(_SHADES)


@dataclass(frozen=True)
class HeatMap:
    """Mutual reaction energies of interfaces.

    Parameters
    ----------
    rows, columns : sequence of str
        First and second material of each interface.
    energies : (n_rows, n_columns) array-like
        eV/atom, <= 0; NaN where there is no such interface.
    row_groups, column_groups : sequence of int
        Numbers of rows and columns that belong together, drawn apart; they add up to the numbers of names.
    source : str
        Tier or phase set of the energies.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    energies: ArrayLike
    row_groups: Sequence[int]
    column_groups: Sequence[int]
    source: str


def heat_map_figure(heat: HeatMap) -> Figure:
    """Every interface as a cell with its number: dark is reactive.

    Parameters
    ----------
    heat : HeatMap

    Raises
    ------
    InputError
        If names and energies do not fit, or no interface is there.
    """
    energies = np.asarray(heat.energies, dtype=float)
    if energies.shape != (len(heat.rows), len(heat.columns)) or not np.isfinite(energies).any():
        raise InputError(
            f"a heat map of {len(heat.rows)} rows and {len(heat.columns)} columns needs as many energies, at least one "
            "of them finite"
        )
    longest = max(len(name) for name in heat.rows)
    width, height = 1.4 + 0.085 * longest + 0.74 * len(heat.columns), max(1.6 + 0.36 * len(heat.rows), 3.4)
    lowest = min(float(np.nanmin(energies)), -1e-3)
    with style():
        figure, (ax,) = new_figure(max(width, 5.2), height)
        colors = ax.pcolormesh(
            np.ma.masked_invalid(energies), cmap=_colors(), vmin=lowest, vmax=0, edgecolor="white", linewidth=0.6
        )
        ax.invert_yaxis()
        for (row, column), energy in np.ndenumerate(energies):
            if np.isfinite(energy):
                dark = energy < 0.45 * lowest
                ax.text(
                    column + 0.5,
                    row + 0.5,
                    number(energy, 3),
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if dark else "black",
                )
        ax.set_xticks(
            np.arange(len(heat.columns)) + 0.5,
            [formula_text(name) for name in heat.columns],
            rotation=40,
            ha="right",
            rotation_mode="anchor",
        )
        ax.set_yticks(np.arange(len(heat.rows)) + 0.5, [formula_text(name) for name in heat.rows])
        for edges, draw in ((heat.row_groups, ax.axhline), (heat.column_groups, ax.axvline)):
            for edge in np.cumsum(edges)[:-1]:
                draw(float(edge), color="white", linewidth=5)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel("second material")
        ax.set_ylabel("first material")
        figure.colorbar(colors, ax=ax, label="mutual energy (eV/atom)", fraction=0.05, pad=0.02)
        caption(figure, f"Energies: {heat.source}. Minimum over the mixing ratio of what mixing adds; 0: no reaction.")
    return figure


@dataclass(frozen=True)
class RangeBar:
    """Stability window of one material.

    Parameters
    ----------
    material : str
    reduction : float
        V vs Li/Li+.
    oxidation : float or None
        V vs Li/Li+; None where no lithium can leave.
    covers : bool
        Whether it holds the operating range.
    """

    material: str
    reduction: float
    oxidation: float | None
    covers: bool


def coverage_figure(bars: Sequence[RangeBar], operating_range: tuple[float, float], source: str) -> Figure:
    """Windows as bars against the shaded operating range.

    Parameters
    ----------
    bars : sequence of RangeBar
        From top to bottom.
    operating_range : tuple of float
        V vs Li/Li+.
    source : str
        Tier or phase set of the energies.

    Raises
    ------
    InputError
        If there is no bar.
    """
    if not bars:
        raise InputError("a figure of windows needs at least one material")
    low, high = operating_range
    top = max(_TOP, high + 0.5)
    with style():
        figure, (ax,) = new_figure(7.6, 1.5 + 0.36 * len(bars))
        ax.axvspan(
            low,
            high,
            color=PALETTE[4],
            alpha=0.18,
            linewidth=0,
            label=f"operating range {number(low, 1)} to {number(high, 1)} V",
        )
        for y, bar in enumerate(bars):
            end = top if bar.oxidation is None else min(bar.oxidation, top)
            ax.barh(
                y,
                end - bar.reduction,
                left=bar.reduction,
                height=0.5,
                alpha=0.9,
                edgecolor="white",
                linewidth=0,
                **_look(bar.covers),
            )
            ax.text(bar.reduction - 0.05, y, number(bar.reduction), ha="right", va="center", fontsize=7.5)
            beyond = "→ " if bar.oxidation is not None and bar.oxidation > top else ""
            ax.text(
                end + 0.05,
                y,
                "no limit" if bar.oxidation is None else f"{beyond}{number(bar.oxidation)}",
                ha="left",
                va="center",
                fontsize=7.5,
            )
        ax.set_yticks(range(len(bars)), [formula_text(bar.material) for bar in bars])
        ax.set_ylim(len(bars) - 0.4, -0.6)
        ax.set_xlim(min(0.0, *(bar.reduction for bar in bars)) - 0.5, top + 0.7)
        ax.set_xlabel("voltage (V vs Li/Li$^{+}$)")
        ax.set_ylabel("material")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
        caption(
            figure,
            (
                f"Energies: {source}. Bars: stable with lithium exchanged at that voltage; green and hatched: holds "
                "the whole operating range."
            ),
        )
    return figure


def _look(covers: bool) -> dict[str, Any]:
    return {"color": PALETTE[2 if covers else 0], "hatch": HATCHES[1 if covers else 0]}


@dataclass(frozen=True)
class Curve:
    """Mutual reaction energy along the mixing ratio.

    Parameters
    ----------
    label : str
    x : (n,) array-like
        Atomic fraction of the first material, 0 to 1, ascending.
    mutual : (n,) array-like
        eV/atom.
    """

    label: str
    x: ArrayLike
    mutual: ArrayLike


def curves_figure(panels: Sequence[tuple[str, Sequence[Curve]]], source: str) -> Figure:
    """One small panel per pair, one curve per state of charge or coating; all panels share their axes.

    Parameters
    ----------
    panels : sequence of (str, sequence of Curve)
        Title and curves, at most six a panel.
    source : str
        Tier or phase set of the energies.

    Raises
    ------
    InputError
        If there is no panel, or one holds more curves than colours that everybody can tell apart.
    """
    crowded = [title for title, curves in panels if not 1 <= len(curves) <= MOST_CURVES]
    if not panels or crowded:
        raise InputError(
            f"a figure of curves needs panels of 1 to {MOST_CURVES} curves"
            + (f"; not so: {crowded[0]}" if crowded else "")
        )
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    with style():
        figure, axes = new_figure(max(3.1 * across, 4.6), 0.7 + 2.3 * down, (down, across), sharex=True, sharey=True)
        for ax, (title, curves) in zip(axes, panels, strict=False):
            ax.axhline(0, color=GREY, linewidth=0.6)
            for order, curve in enumerate(curves):
                x, mutual = np.asarray(curve.x, dtype=float), np.asarray(curve.mutual, dtype=float)
                look = line_look(order)
                ax.plot(x, mutual, linewidth=1.5, label=formula_text(curve.label), **look)
                best = int(np.argmin(mutual))
                ax.plot(x[best], mutual[best], MARKERS[order], markersize=4, color=look["color"])
            ax.set_title(formula_text(title), fontsize=9)
            ax.legend(fontsize=7, loc="lower left")
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        figure.supylabel("mutual reaction energy (eV/atom)", fontsize=9)
        for ax in _lowest(axes, len(panels), across):
            ax.set_xlabel("atomic fraction of the first")
            ax.tick_params(labelbottom=True)
        caption(figure, f"Energies: {source}. Dots: minima over the mixing ratio.")
    return figure


def _lowest(axes: Sequence[Axes], used: int, across: int) -> list[Axes]:
    """The last used axes of every column."""
    return [axes[max(range(column, used, across))] for column in range(min(across, used))]


def voltage_map_figure(found: VoltageMap, source: str) -> Figure:
    """Mutual energy over mixing ratio and voltage as colours, and beside it its minimum and the interphases of each
    range of voltages.

    Parameters
    ----------
    found : VoltageMap
    source : str
        Tier or phase set of the energies.
    """
    from matplotlib.ticker import MaxNLocator

    lowest = min(float(found.mutual.min()), -1e-3)
    best = found.mutual.argmin(axis=1)
    deepest = found.mutual.min(axis=1)
    with style():
        figure, (ax, side) = new_figure(8.2, 4.0, (1, 2), sharey=True, width_ratios=(2.1, 1))
        colors = ax.contourf(
            found.x, found.voltages, found.mutual, levels=MaxNLocator(_SHADES).tick_values(lowest, 0), cmap=_colors()
        )
        ax.plot(np.where(deepest < 0, found.x[best], np.nan), found.voltages, ".", color="white", markersize=2)
        ax.set_xlabel(f"x, formula-unit fraction of {formula_text(found.a)} (1) in {formula_text(found.b)} (0)")
        ax.set_ylabel("voltage (V vs Li/Li$^{+}$)")
        ax.set_title(f"{formula_text(found.a)} | {formula_text(found.b)}")
        figure.colorbar(colors, ax=ax, label="mutual energy (eV/atom)", fraction=0.06, pad=0.02)
        side.plot(deepest, found.voltages, "-", color=PALETTE[0], linewidth=1.5)
        side.axvline(0, color=GREY, linewidth=0.6)
        for interphase in found.interphases[1:]:
            side.axhline(interphase.low, color=GREY, linewidth=0.4, linestyle=(0, (2, 2)))
        side.xaxis.set_major_locator(MaxNLocator(3))
        side.set_xlabel("minimum (eV/atom)")
        side.set_title("deepest mixing ratio", fontsize=9)
        caption(
            figure,
            (
                f"Energies: {source}, per atom of the reactants. Open to lithium at the voltage; what each side does "
                "alone is subtracted."
            ),
            "White dots: mixing ratio of the minimum. Dashed: voltages at which the phases of the interphase change.",
        )
    return figure
