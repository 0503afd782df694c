"""Figures of layered geometry: thickness and class of each layer, and their course along a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...configs.errors import InputError
from ..layers.classes import LAYER_CLASSES, LayerClass
from ..layers.geometry import AtomicPlane, CationLayer, LayeredGeometry
from ..layers.series import LayerSeries
from ..words import formula_text
from .style import DASHES, GREY, HATCHES, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["layer_content_figure", "layer_series_figure", "layers_figure"]

#: colour of each class
_COLOURS: dict[LayerClass, str] = dict(
    zip(LAYER_CLASSES, (PALETTE[0], PALETTE[2], PALETTE[1], PALETTE[3], GREY), strict=True)
)
_METAL, _LITHIUM = PALETTE[0], PALETTE[4]
_FEMTOSECONDS = 1000.0


def layers_figure(geometry: LayeredGeometry, formula: str, source: str) -> Figure:
    """Thickness, cations and class of every layer, from the bottom up.

    Layers that cut a surface are drawn as the atomic planes parallel to it, over their height; others in the order of
    the stacking.

    Parameters
    ----------
    geometry : LayeredGeometry
    formula : str
        For the caption.
    source : str
        Where the cell comes from.
    """
    from matplotlib.patches import Patch

    rows: tuple[AtomicPlane | CationLayer, ...] = geometry.planes or geometry.layers
    levels = [plane.height for plane in geometry.planes] or [float(k) for k in range(len(rows))]
    apart = float(np.median(np.diff(levels))) if len(levels) > 1 else 1.0
    with style():
        figure, (left, right) = new_figure(7.6, 1.7 + 0.28 * len(rows), (1, 2), sharey=True, width_ratios=(1.5, 1))
        for row, level in zip(rows, levels, strict=True):
            for value, colour, marker in _lengths(row):
                left.plot(value, level, marker, color=colour, markersize=8 if marker == "o" else 4.5)
            right.barh(level, row.metal, height=0.55 * apart, color=_METAL)
            right.barh(
                level,
                row.lithium,
                left=row.metal,
                height=0.55 * apart,
                color=_LITHIUM,
                hatch=HATCHES[1],
                edgecolor="white",
                linewidth=0,
            )
            right.text(
                1.03,
                level,
                row.structure,
                transform=right.get_yaxis_transform(),
                va="center",
                fontsize=8,
                color=_COLOURS[row.structure],
            )
        for mean, colour, dashes in ((geometry.s_mo2, _METAL, "--"), (geometry.i_lio2, _LITHIUM, ":")):
            if mean is not None:
                left.axvline(mean, color=colour, linewidth=0.8, linestyle=dashes)
        left.plot([], [], "o", color=_METAL, label="S(MO₂)")
        left.plot([], [], "s", color=_LITHIUM, label="I(LiO₂)")
        left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
        keys = [
            Patch(color=_METAL, label="metal"),
            Patch(facecolor=_LITHIUM, hatch=HATCHES[1], edgecolor="white", linewidth=0, label="Li"),
        ]
        right.legend(handles=keys, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
        left.set_xlabel("distance of oxygen planes (Å)")
        right.set_xlabel("cations in the cell")
        left.set_ylim(levels[0] - 0.6 * apart, levels[-1] + 0.6 * apart)
        left.set_ylabel("height (Å)" if geometry.planes else "layer along the stacking")
        if not geometry.planes:
            left.set_yticks(levels, [str(k + 1) for k in range(len(levels))])
        kind = "atomic planes parallel to the surface" if geometry.planes else "layers between planes of oxygen"
        caption(
            figure,
            f"{formula_text(formula)}: {kind}. Geometry of {source}.",
            "Dashed and dotted: means over the layers. Right: class of each layer.",
        )
    return figure


def _lengths(row: AtomicPlane | CationLayer) -> list[tuple[float, str, str]]:
    """Values, colours and markers of one row."""
    if isinstance(row, AtomicPlane):
        pairs = [(row.s_mo2, _METAL, "o"), (row.i_lio2, _LITHIUM, "s")]
    else:
        pairs = [(row.thickness, _LITHIUM, "s") if row.role == "lithium" else (row.thickness, _METAL, "o")]
    return [(value, colour, marker) for value, colour, marker in pairs if value is not None]


def layer_series_figure(series: LayerSeries, formula: str, source: str) -> Figure:
    """Lengths, mixing and classes over time.

    Parameters
    ----------
    series : LayerSeries
    formula : str
        For the caption.
    source : str
        Where the frames come from, with the tier where it is known.

    Raises
    ------
    InputError
        If there are no frames.
    """
    if len(series.times) == 0:
        raise InputError("a figure of layers over time needs at least one frame")
    times = series.times / _FEMTOSECONDS
    with style():
        figure, (lengths, mixing, classes) = new_figure(7.0, 6.4, (3, 1), sharex=True, height_ratios=(1.4, 1, 1))
        labels = {
            "s_mo2": "S(MO₂)",
            "i_lio2": "I(LiO₂)",
            "o_o_li_layer": "O-O across Li",
            "o_o_in_plane": "O-O in plane",
        }
        _draw(
            lengths,
            times,
            [(labels[name], series.values[name], colour) for name, colour in zip(labels, PALETTE, strict=False)],
        )
        shares = {"tm_in_li_layer": "metal in Li layers", "li_in_tm_layer": "Li in metal layers"}
        _draw(
            mixing,
            times,
            [(shares[name], series.values[name], colour) for name, colour in zip(shares, PALETTE, strict=False)],
        )
        _draw(classes, times, [(name, values, _COLOURS[name]) for name, values in series.shares.items()])
        lengths.set_ylabel("length (Å)")
        mixing.set_ylabel("per site")
        classes.set_ylabel("share of metal")
        classes.set_ylim(-0.05, 1.05)
        classes.set_xlabel("time (ps)")
        caption(
            figure,
            f"{formula_text(formula)}: {len(times)} frames of {source}.",
            f"{series.lost} frames without close-packed oxygen." if series.lost else "",
        )
    return figure


def _draw(
    ax: Axes,
    times: np.ndarray[tuple[int], np.dtype[np.float64]],
    curves: list[tuple[str, np.ndarray[tuple[int], np.dtype[np.float64]], str]],
) -> None:
    """Curves with their names at the right."""
    for dashes, (name, values, colour) in zip(DASHES, curves, strict=False):
        ax.plot(
            times,
            values,
            color=colour,
            linestyle=dashes,
            linewidth=1,
            marker="o" if len(times) < 40 else None,
            markersize=3,
            label=name,
        )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)


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
            known = [
                (content, getattr(geometry, name))
                for content, geometry in ranked
                if getattr(geometry, name) is not None
            ]
            left.plot(
                [content for content, _ in known],
                [value for _, value in known],
                color=color,
                marker=marker,
                markersize=5,
                linewidth=1.4,
                label=text,
            )
        for look, name, text in zip(
            map(line_look, (3, 4)),
            ("tm_in_li_layer", "li_in_tm_layer"),
            ("metal in Li layers", "Li in metal layers"),
            strict=False,
        ):
            right.plot(
                contents,
                [getattr(geometry, name) for _, geometry in ranked],
                **look,
                marker="o",
                markersize=4,
                linewidth=1.2,
                label=text,
            )
        for ax in (left, right):
            ax.set_xlim(max(contents) + 0.03, min(contents) - 0.03)
            ax.set_xlabel("Li per MO$_{2}$")
        left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
        left.set_ylabel("length (Å)")
        right.set_ylabel("per octahedral site")
        right.set_ylim(0, max(0.05, 1.1 * right.dataLim.y1))
        caption(
            figure,
            (
                f"{formula_text(label)}, tier: {tier}. S and I: distance of the oxygen planes around metal and around "
                "lithium layers."
            ),
        )
    return figure
