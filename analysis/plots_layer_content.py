"""Figure of layered geometry over the lithium content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..configs.errors import InputError
from .layers import LayeredGeometry
from .plots import PALETTE, caption, formula_text, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["layer_content_figure"]

_LENGTHS = {"s_mo2": ("S(MO₂)", "o"), "i_lio2": ("I(LiO₂)", "s"), "o_o_li_layer": ("O–O across Li", "^")}


def layer_content_figure(points: Sequence[tuple[float, LayeredGeometry]], label: str, tier: str) -> Figure:
    """Lengths and mixing over the lithium content, the fullest at the left.

    Parameters
    ----------
    points : sequence of (float, LayeredGeometry)
        Li per MO2, and the layers.
    label, tier : str
        For the caption.

    Raises
    ------
    InputError
        If there is no point.
    """
    if not points:
        raise InputError(f"{label}: a figure of layers over the lithium content needs at least one structure")
    ranked = sorted(points, key=lambda point: -point[0])
    contents = [content for content, _ in ranked]
    with style():
        figure, (left, right) = new_figure(8.2, 3.6, (1, 2), width_ratios=(1.6, 1))
        for color, (name, (text, marker)) in zip(PALETTE, _LENGTHS.items(), strict=False):
            known = [(content, getattr(geometry, name)) for content, geometry in ranked if getattr(geometry, name) is not None]
            left.plot([content for content, _ in known], [value for _, value in known], color=color, marker=marker, markersize=5, linewidth=1.4, label=text)
        for look, name, text in zip(map(line_look, (3, 4)), ("tm_in_li_layer", "li_in_tm_layer"), ("metal in Li layers", "Li in metal layers"), strict=False):
            right.plot(contents, [getattr(geometry, name) for _, geometry in ranked], **look, marker="o", markersize=4, linewidth=1.2, label=text)
        for ax in (left, right):
            ax.set_xlim(max(contents) + 0.03, min(contents) - 0.03)
            ax.set_xlabel("Li per MO$_{2}$")
        left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
        left.set_ylabel("length (Å)")
        right.set_ylabel("per octahedral site")
        right.set_ylim(0, max(0.05, 1.1 * right.dataLim.y1))
        caption(figure, f"{formula_text(label)}, tier: {tier}. S and I: distance of the oxygen planes around metal and around lithium layers.")
    return figure
