"""Figures that hold computed numbers of several engines against reference ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .style import GREY, MARKERS, PALETTE, caption, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ParityPanel", "parity_figure"]

#: points of one panel that have their names written beside them
_NAMED = 3
#: share of either axis within which a second name would cover the first
_APART = 0.08


@dataclass(frozen=True)
class ParityPanel:
    """One panel: computed against reference values.

    Parameters
    ----------
    title : str
    reference, computed : str
        Labels of both axes with their unit.
    series : mapping of str to sequence of (str, float, float)
        Engine to name, reference and computed value of each point.
    deviations : bool
        Whether the computed axis holds deviations from the reference, so that agreement is the line at 0.
    """

    title: str
    reference: str
    computed: str
    series: Mapping[str, Sequence[tuple[str, float, float]]]
    deviations: bool = False


def parity_figure(panels: Sequence[ParityPanel], *sentences: str) -> Figure:
    """Panels side by side; the line stands for agreement, and the points farthest from it have names.

    Parameters
    ----------
    panels : sequence of ParityPanel
    *sentences : str
        Of the caption, after the engines.
    """
    engines = list(dict.fromkeys(name for panel in panels for name in panel.series))
    with style():
        figure, axes = new_figure(4.4 * len(panels) + 0.4, 4.4, (1, len(panels)))
        for ax, panel in zip(axes, panels, strict=True):
            _draw(ax, panel, engines)
        axes[0].legend(fontsize=7.5)
        caption(figure, f"Tier: {', '.join(engines)}.", *sentences)
    return figure


def _draw(ax: Axes, panel: ParityPanel, engines: Sequence[str]) -> None:
    points = [point for found in panel.series.values() for point in found]
    values = [value for _, one, other in points for value in ((one,) if panel.deviations else (one, other))]
    if values:
        low, high = min(values), max(values)
        room = 0.05 * (high - low) or 1.0
        ends = [low - room, high + room]
        ax.plot(ends, [0, 0] if panel.deviations else ends, color=GREY, linewidth=0.8, zorder=1)
    for name, found in panel.series.items():
        number = engines.index(name)
        ax.plot(
            [one for _, one, _ in found],
            [other for _, _, other in found],
            linestyle="",
            marker=MARKERS[number],
            markersize=4,
            markeredgewidth=0,
            alpha=0.8,
            color=PALETTE[number],
            label=name,
            zorder=2,
        )
    for text, one, other in _farthest(points, deviations=panel.deviations):
        ax.annotate(text, (one, other), xytext=(4, 3), textcoords="offset points", fontsize=7, color=GREY)
    ax.set_title(panel.title)
    ax.set_xlabel(panel.reference)
    ax.set_ylabel(panel.computed)


def _farthest(points: Sequence[tuple[str, float, float]], *, deviations: bool) -> list[tuple[str, float, float]]:
    """The point of each name that lies farthest from agreement, of the names that lie farthest and apart."""
    if not points:
        return []
    spans = [max(values) - min(values) or 1.0 for values in list(zip(*points, strict=True))[1:]]
    found, names = list[tuple[str, float, float]](), set[str]()
    for point in sorted(points, key=lambda one: -abs(one[2] if deviations else one[2] - one[1])):
        covered = any(
            all(abs(a - b) < _APART * span for a, b, span in zip(point[1:], other[1:], spans, strict=True))
            for other in found
        )
        if point[0] not in names and not covered:
            found.append(point)
        names.add(point[0])
    return found[:_NAMED]
