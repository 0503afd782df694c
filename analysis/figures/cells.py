"""Figures of stacks: the cell as it was built beside the relaxed one, seen along a vector in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.models import Tier
from ..words import formula_text, number
from .style import GREY, MARKERS, PALETTE, caption, element_colours, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LatticeParameter", "StackView", "lattice_figure", "stack_figure"]

#: inches of height per Å, and bounds of the figure
_SCALE, _HEIGHTS = 0.2, (3.2, 7.5)
#: Å, least width that is drawn: small cells are repeated
_WIDTH = 8.0
#: radius of a drawn ion in units of its ionic radius, and the least that this counts as, Å
_SPHERE, _LEAST = 0.55, 0.8


@dataclass(frozen=True)
class StackView:
    """One panel.

    Parameters
    ----------
    title : str
    structure : Structure
        ``c`` along the normal of ``a`` and ``b``; site property ``layer`` where its materials are known.
    """

    title: str
    structure: Structure


def stack_figure(views: Sequence[StackView], sentences: Sequence[str] = ()) -> Figure:
    """Draw cells side by side on one scale of height.

    Parameters
    ----------
    views : sequence of StackView
    sentences : sequence of str
        For the caption.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if not views:
        raise InputError("a figure of stacks needs at least one cell")
    tallest = max(view.structure.lattice.matrix[2, 2] for view in views)
    widths = [length * repeats for length, repeats in map(_width, (view.structure for view in views))]
    colors = element_colours(site.specie.symbol for view in views for site in view.structure)
    with style():
        height = float(np.clip(_SCALE * tallest, *_HEIGHTS))
        scale = height / (tallest + 2.0)
        figure, axes = new_figure(
            max(4.4, sum(width + 4.0 for width in widths) * scale + 1.2), height + 1.4, (1, len(views)), sharey=True
        )
        for ax, view in zip(axes, views, strict=True):
            _draw(ax, view, colors)
        axes[0].set_ylabel("height (Å)")
        axes[0].set_ylim(-1.0, tallest + 1.0)
        handles = [
            axes[0].scatter([], [], s=45, color=color, edgecolor="white", linewidth=0.5, label=symbol)
            for symbol, color in colors.items()
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=len(handles), handletextpad=0.0, columnspacing=0.8
        )
        caption(figure, "Seen along the shorter vector in the plane; atoms in front cover those behind.", *sentences)
    return figure


def _across(structure: Structure) -> np.ndarray:
    """The longer in-plane vector."""
    return np.asarray(structure.lattice.matrix[int(np.argmax(structure.lattice.abc[:2]))])


def _width(structure: Structure) -> tuple[float, int]:
    """Length of the drawn vector, Å, and how often it is repeated."""
    length = float(np.linalg.norm(_across(structure)))
    return length, max(1, int(np.ceil(_WIDTH / length - 1e-6)))


def _draw(ax: Axes, view: StackView, colors: dict[str, str]) -> None:
    from matplotlib.patches import Circle

    structure, along = view.structure, _across(view.structure)
    (length, repeats), top = _width(structure), float(structure.lattice.matrix[2, 2])
    coords = structure.cart_coords
    places = np.mod(coords @ along / length, length)
    heights = np.mod(coords[:, 2], top)
    depth = coords @ np.cross([0.0, 0.0, 1.0], along / length)
    for order, i in enumerate(np.argsort(-depth)):
        ion = structure[int(i)].specie
        symbol = ion.symbol
        radius = _SPHERE * max(
            float(getattr(ion, "ionic_radius", None) or Element(symbol).atomic_radius or _LEAST), _LEAST
        )
        for repeat in range(repeats):
            ball = Circle(
                (places[i] + repeat * length, heights[i]),
                radius,
                facecolor=colors[symbol],
                edgecolor="white",
                linewidth=0.5,
                zorder=2 + order / len(structure),
            )
            ax.add_patch(ball)
    width = repeats * length
    ax.plot([0, width, width, 0, 0], [0, 0, top, top, 0], color=GREY, linewidth=0.8, zorder=1)
    tags = structure.site_properties.get("layer")
    if tags and None not in tags:
        for tag in dict.fromkeys(tags):
            middle = float(np.mean([height for height, other in zip(heights, tags, strict=True) if other == tag]))
            ax.text(width + 1.2, middle, formula_text(tag), rotation=90, ha="left", va="center", fontweight="bold")
    ax.set_title(formula_text(view.title))
    ax.set_xlabel("in the plane (Å)")
    ax.set_xlim(-1.2, width + 2.8)
    ax.set_aspect("equal")


@dataclass(frozen=True)
class LatticeParameter:
    """One computed length, angle or volume beside the measured one.

    Parameters
    ----------
    material, parameter : str
        E.g. ``LiCoO2`` and ``a``.
    computed, experimental : float
        In `unit`.
    unit : str
        E.g. Å.
    """

    material: str
    parameter: str
    computed: float
    experimental: float
    unit: str = "Å"

    @property
    def deviation(self) -> float:
        """Computed minus experimental, % of the experimental value."""
        return 100 * (self.computed / self.experimental - 1)


def lattice_figure(parameters: Sequence[LatticeParameter], tier: Tier) -> Figure:
    """Deviation of computed lattice parameters from experiment: one line per material, one marker per parameter.

    Parameters
    ----------
    parameters : sequence of LatticeParameter
        Materials from top to bottom in the order of their first appearance.
    tier : str
        Which engine computed them.

    Raises
    ------
    InputError
        If there are no parameters, or more kinds than there are markers.
    """
    materials = list(dict.fromkeys(p.material for p in parameters))
    kinds = list(dict.fromkeys(p.parameter for p in parameters))
    if not parameters or len(kinds) > len(MARKERS):
        raise InputError(
            f"{len(parameters)} lattice parameters of {len(kinds)} kinds given; at least one and at most "
            f"{len(MARKERS)} kinds can be drawn"
        )
    largest = max(max(abs(p.deviation) for p in parameters), 0.5)
    with style():
        figure, (ax, table) = new_figure(
            7.6, 1.5 + 0.24 * len(parameters) + 0.1 * len(materials), (1, 2), sharey=True, width_ratios=(1.9, 1)
        )
        table.set_axis_off()
        y, ticks, labels = 0.0, [], []
        ax.axvline(0, color=GREY, linewidth=0.8)
        for material in materials:
            rows = [p for p in parameters if p.material == material]
            ticks.append(y + (len(rows) - 1) / 2)
            labels.append(formula_text(material))
            for row in rows:
                index = kinds.index(row.parameter)
                ax.plot((0, row.deviation), (y, y), color=PALETTE[index], linewidth=1, alpha=0.5)
                ax.plot(row.deviation, y, MARKERS[index], color=PALETTE[index], markersize=6)
                text = (
                    f"{row.parameter} {'+' if row.deviation > 0 else ''}{number(row.deviation, 1)} %  "
                    f"({row.computed:.3f} / {row.experimental:.3f} {row.unit})"
                )
                table.text(0, y, text, transform=table.get_yaxis_transform(), va="center", fontsize=8)
                y += 1
            y += 0.5
        ax.set_yticks(ticks, labels)
        ax.set_ylim(y - 0.7, -0.8)
        ax.set_xlim(-1.15 * largest, 1.15 * largest)
        ax.set_xlabel("deviation from experiment (%)")
        ax.set_ylabel("material")
        caption(figure, f"Tier: {tier}. Right: parameter, deviation, computed / experimental value.")
    return figure
