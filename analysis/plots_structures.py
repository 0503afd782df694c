"""Figures of structures: lattice parameters against experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..configs.errors import InputError
from ..configs.models import Tier
from .plots import GREY, MARKERS, PALETTE, caption, formula_text, new_figure, number, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LatticeParameter", "lattice_figure"]


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
        raise InputError(f"{len(parameters)} lattice parameters of {len(kinds)} kinds given; at least one and at most {len(MARKERS)} kinds can be drawn")
    largest = max(max(abs(p.deviation) for p in parameters), 0.5)
    with style():
        figure, (ax, table) = new_figure(7.6, 1.5 + 0.24 * len(parameters) + 0.1 * len(materials), (1, 2), sharey=True, width_ratios=(1.9, 1))
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
                    f"{row.parameter} {'+' if row.deviation > 0 else ''}{number(row.deviation, 1)} %  ({row.computed:.3f} / {row.experimental:.3f} {row.unit})"
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
