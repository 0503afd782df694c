"""Figures of surfaces: oxygen vacancies by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..words import formula_text
from .style import GREY, MARKERS, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..oxygen.surface import DepthProfile

__all__ = ["vacancy_depth_figure"]


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
