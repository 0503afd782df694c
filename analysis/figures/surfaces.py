"""Figures of where oxygen leaves: vacancies by depth, structures with less of it, and d bands as lithium leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..words import formula_text
from .style import GREY, MARKERS, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..oxygen.polymorphs import PolymorphResult
    from ..oxygen.surface import DepthProfile
    from ..states.d_bands import DBand

__all__ = ["d_band_figure", "polymorph_figure", "vacancy_depth_figure"]


def vacancy_depth_figure(found: DepthProfile) -> Figure:
    """Formation energy of each oxygen vacancy over its depth, one mark for each lithium content; lines join the lowest
    at each depth.

    Parameters
    ----------
    found : DepthProfile
    """
    with style():
        figure, (ax,) = new_figure(5.6, 3.6)
        for number, n_vacancies in enumerate(found.contents):
            look, own = line_look(number), found.at(n_vacancies)
            lowest: dict[float, float] = {}
            for one in own:
                key = round(one.depth, 1)
                lowest[key] = min(one.energy, lowest.get(key, one.energy))
            label = f"{n_vacancies} Li removed" if n_vacancies else "all lithium"
            marker = MARKERS[number % len(MARKERS)]
            ax.plot(list(lowest), list(lowest.values()), label=label, **look)
            ax.plot(
                [one.depth for one in own],
                [one.energy for one in own],
                linestyle="",
                marker=marker,
                markersize=5,
                color=look["color"],
            )
        ax.axvline(found.half, color=GREY, linewidth=0.8, linestyle=":")
        ax.set_xlabel("depth below the nearer face (Å)")
        ax.set_ylabel("formation energy (eV)")
        ax.legend(fontsize=8)
        caption(
            figure,
            f"{formula_text(found.label)}: oxygen vacancies, O₂ without entropy; dotted: middle of the slab.",
            f"Tier: {found.tier}.",
        )
    return figure


def polymorph_figure(found: PolymorphResult, temperature: float, pressures: Sequence[float]) -> Figure:
    """Spinel and rock salt above the layered structure against the lithium content; a line for each pressure of O2
    where oxygen is given off.

    Parameters
    ----------
    found : PolymorphResult
    temperature : float, K
    pressures : sequence of float, bar
    """
    x = np.linspace(0.0, max(1.0, found.curves["layered"].x[-1]), 201)
    with style():
        figure, (ax,) = new_figure(6.0, 3.8)
        number = 0
        for structure, curve in found.curves.items():
            if structure == "layered":
                continue
            for pressure in pressures if structure == "rock salt" else pressures[:1]:
                look = line_look(number)
                name = f"{structure}, {pressure:g} bar O₂" if structure == "rock salt" else structure
                ax.plot(x, found.above_layered(structure, x, temperature, pressure), label=name, **look)
                points = found.above_layered(structure, curve.x, temperature, pressure)
                ax.plot(curve.x, points, linestyle="", marker=MARKERS[number % len(MARKERS)], color=look["color"])
                number += 1
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_xlabel("lithium left for each metal, x")
        ax.set_ylabel("above the layered structure (eV per metal)")
        ax.legend(fontsize=8)
        caption(
            figure,
            f"{formula_text(found.label)} at {temperature:g} K; points: relaxed cells, the lowest of each content.",
            f"Tier: {found.tier}.",
        )
    return figure


def d_band_figure(found: Sequence[DBand]) -> Figure:
    """Centre of each element's occupied d states, from that of O 2p in the same cell, over the lithium that has left.

    Parameters
    ----------
    found : sequence of DBand
        At least one, all of one material.
    """
    with style():
        figure, (ax,) = new_figure(5.0, 3.4)
        for number, element in enumerate(dict.fromkeys(one.element for one in found)):
            own = [one for one in found if one.element == element]
            marker = MARKERS[number % len(MARKERS)]
            out = [100 * (1 - one.content) for one in own]
            ax.plot(out, [one.centre for one in own], marker=marker, label=element, **line_look(number))
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.set_xlabel("lithium that has left (%)")
        ax.set_ylabel("occupied d centre − O 2p centre (eV)")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=8)
        caption(
            figure,
            f"{formula_text(found[0].material)}: first moments of the occupied states, one cell of each content.",
            f"Tier: {', '.join(sorted({one.tier for one in found}))}.",
        )
    return figure
