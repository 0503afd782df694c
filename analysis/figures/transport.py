"""Figures of transport: profiles of hops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..words import formula_text
from .motion import tier_sentence
from .style import GREY, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..transport.barriers import Network

__all__ = ["barrier_figure"]


def barrier_figure(found: Network, label: str) -> Figure:
    """Energy along each hop, from its own first end point: images as points, the cubic between them as a line.

    Parameters
    ----------
    found : Network
    label : str
        Of the material.
    """
    with style():
        figure, (ax,) = new_figure(6.4, 3.8)
        for number, (hop, one) in enumerate(found.barriers):
            look = line_look(number)
            ax.plot(one.profile[:, 0], one.profile[:, 1], label=f"{hop.length:.2f} Å: {one.forward:.2f} eV", **look)
            ax.plot(one.path, one.energies, linestyle="", marker="o", markersize=3.5, color=look["color"])
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.set_xlabel("way of all atoms (Å)")
        ax.set_ylabel("energy (eV)")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7.5, title="straight way: barrier")
        element, tier = (found.barriers[0][1].element, found.barriers[0][1].tier) if found.barriers else ("", "")
        led = [f"{n}: {value:.2f} eV" for n, value in found.lowest.items() if value is not None]
        caption(
            figure,
            f"{element} in {formula_text(label)} by vacancies.",
            tier_sentence(tier).replace(": events are hypotheses", "") if tier else "",
            f"To get on along so many directions: {', '.join(led)}." if led else "",
        )
    return figure
