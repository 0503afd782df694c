"""Figures of transport and mechanics: profiles of hops, Arrhenius' lines, moduli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...configs.trust import trust_of
from ..words import formula_text
from .motion import tier_sentence
from .style import GREY, HATCHES, MARKERS, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..cells.elasticity import Elasticity
    from ..transport.barriers import Network
    from ..transport.conductivity import Conductivity

__all__ = ["arrhenius_figure", "barrier_figure", "moduli_figure"]


def barrier_figure(found: Network, system: str) -> Figure:
    """Energy along each hop, from its own first end point: images as points, the cubic between them as a line.

    Parameters
    ----------
    found : Network
    system : str
        Of the material.
    """
    with style():
        figure, (ax,) = new_figure(6.4, 3.8)
        for number, (hop, one) in enumerate(found.barriers):
            look = line_look(number)
            ax.plot(one.profile[:, 0], one.profile[:, 1], label=f"{hop.length:.2f} Å: {one.forward:.2f} eV", **look)
            ax.plot(one.path, one.energies, linestyle="", marker="o", markersize=3.5, color=look["color"])
            if (points := found.points.get(number)) is not None:
                told = f"{hop.length:.2f} Å, {trust_of(points.tier).label}: {points.forward:.2f} eV"
                where = one.path[list(points.numbers)]
                ax.plot(
                    where, points.energies, "D", markersize=5, markerfacecolor="white", color=look["color"], label=told
                )
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.set_xlabel("way of all atoms (Å)")
        ax.set_ylabel("energy (eV)")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7.5, title="straight way: barrier")
        element, tier = (found.barriers[0][1].element, found.barriers[0][1].tier) if found.barriers else ("", "")
        led = [f"{n}: {value:.2f} eV" for n, value in found.lowest.items() if value is not None]
        caption(
            figure,
            f"{formula_text(system if system.startswith(element) else f'{element} in {system}')} by vacancies.",
            tier_sentence(tier).replace(": events are hypotheses", "") if tier else "",
            f"To get on along so many directions: {', '.join(led)}." if led else "",
            "Diamonds: single points of another engine at these images, not relaxed." if found.points else "",
        )
    return figure


def moduli_figure(found: Sequence[Elasticity]) -> Figure:
    """Bulk and shear modulus of each material, with the bounds of Reuss and Voigt, and their ratio beside them.

    Parameters
    ----------
    found : sequence of Elasticity
        At least one.
    """
    from ..cells.elasticity import PUGH

    with style():
        figure, (ax,) = new_figure(6.4, 1.2 + 0.5 * len(found))
        places = np.arange(len(found))[::-1]
        for number, (name, values) in enumerate(
            (
                ("bulk", [(one.bulk_modulus, one.bulk) for one in found]),
                ("shear", [(one.shear_modulus, one.shear) for one in found]),
            )
        ):
            means = np.array([mean for mean, _ in values])
            bounds = np.array([[mean - low, high - mean] for mean, (low, high) in values]).T
            heights = places + (0.2 if number == 0 else -0.2)
            ax.barh(heights, means, 0.38, color=PALETTE[number], hatch=HATCHES[number], edgecolor="white", label=name)
            ax.errorbar(means, heights, xerr=np.maximum(bounds, 0.0), fmt="none", color="black", capsize=2)
        ax.set_yticks(places, [formula_text(one.label) for one in found])
        ax.set_xlabel("modulus (GPa)")
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=7.5)
        for place, one in zip(places, found, strict=True):
            end = max(one.bulk[1], one.shear[1])
            ax.annotate(f"{one.pugh:.2f}", (end, place), (8, 0), textcoords="offset points", va="center", color=GREY)
        caption(
            figure,
            f"Hill's means, bars from Reuss to Voigt; grey: bulk over shear, above {PUGH:g} for ductile metals.",
            f"Tier: {', '.join(sorted({one.tier for one in found}))}.",
        )
    return figure


def arrhenius_figure(found: Sequence[Conductivity]) -> Figure:
    """Conductivity over the inverse temperature: points with their errors, lines with their 95 % intervals, measured
    values are not drawn.

    Parameters
    ----------
    found : sequence of Conductivity
        At least one.
    """
    from ..transport.conductivity import nernst_einstein

    with style():
        figure, (ax,) = new_figure(6.2, 4.0)
        for number, one in enumerate(found):
            look = line_look(number)
            used = [item for item in one.points if item.value is not None]
            for item in used:
                value = nernst_einstein(item.value or 0.0, one.density, item.temperature)
                error = 1.96 * value * (item.sigma or 0.0) / (item.value or 1.0)
                ax.errorbar(
                    1000 / item.temperature,
                    value,
                    yerr=[[min(error, 0.9 * value)], [error]],
                    fmt=MARKERS[number % len(MARKERS)],
                    color=look["color"],
                    markersize=4,
                    capsize=2,
                )
            label = formula_text(one.material)
            if one.fit is None:
                ax.plot([], [], label=f"{label}: no line", **look)
                continue
            inverse = np.linspace(1 / max(item.temperature for item in used), 1 / one.room, 100)
            ends = np.array([[nernst_einstein(v, one.density, 1 / x) for v in one.fit.at(1 / x)] for x in inverse])
            ax.plot(1000 * inverse, ends[:, 0], label=f"{label}: {one.fit.energy:.2f} eV", **look)
            ax.fill_between(1000 * inverse, ends[:, 1], ends[:, 2], color=look["color"], alpha=0.15, linewidth=0)
        ax.set_yscale("log")
        ax.set_xlabel("1000 K / T")
        ax.set_ylabel("conductivity (S/cm)")
        ax.legend(loc="upper right", fontsize=8)
        caption(
            figure,
            "Independent ions (Haven ratio 1); bars and bands: 95 %. Lines beyond the points are extrapolations.",
            f"Tier: {', '.join(sorted({one.tier for one in found}))}.",
        )
    return figure
