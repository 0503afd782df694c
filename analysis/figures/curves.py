"""Figures of what is averaged over a trajectory: pair functions, mean square displacements, density profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...configs.errors import InputError
from ..motion.bond_rules import BondRule, ordered
from .motion import tier_sentence
from .style import GREY, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..motion.curves import Curves

__all__ = ["density_figure", "msd_figure", "pair_figure"]

#: panels of pair functions, and per row
_PANELS, _PER_ROW = 9, 3
#: Å, range that is drawn
_RANGE = 6.0
#: pairs of frames in an average of the mean square displacement that is drawn
_ORIGINS = 10


def pair_figure(curves: Curves, rules: Sequence[BondRule], bonds: Mapping[str, int], tier: str) -> Figure:
    """Partial pair functions of the watched pairs with their cut-offs, the pairs with the most bonds first.

    Parameters
    ----------
    curves : Curves
    rules : sequence of BondRule
    bonds : mapping
        Name of a pair to its bonds, of the order of the panels.
    tier : str

    Raises
    ------
    InputError
        If no pair is watched.
    """
    functions = {"-".join(ordered(*one.pair)): one for one in curves.functions}
    shown = sorted(rules, key=lambda rule: -bonds.get(rule.name, 0))[:_PANELS]
    if not shown:
        raise InputError("no pair of these elements is watched for bonds")
    rows = -(-len(shown) // _PER_ROW)
    with style():
        figure, axes = new_figure(7.6, 0.7 + 1.6 * rows, (rows, _PER_ROW), sharex=True)
        for place, ax in enumerate(axes):
            if place >= len(shown):
                ax.set_axis_off()
                continue
            rule, function = shown[place], functions[shown[place].name]
            drawn = function.r <= _RANGE
            ax.plot(function.r[drawn], function.g[drawn], color=PALETTE[0], linewidth=1.1)
            ax.axvline(rule.cutoff, color=PALETTE[1], linewidth=1)
            ax.axvspan(rule.form, rule.broken, color=PALETTE[1], alpha=0.12, linewidth=0)
            ax.set_title(rule.name, fontsize=8.5)
            ax.set_xlim(0, _RANGE)
            ax.set_ylim(bottom=0)
            if place + _PER_ROW >= len(shown):
                ax.set_xlabel("r (Å)")
                ax.tick_params(labelbottom=True)
        figure.supylabel("g(r)", fontsize=9)
        caption(figure, f"{tier_sentence(tier)} Line: cut-off of a bond; band: in it a bond stays what it was.")
    return figure


def msd_figure(curves: Curves, tier: str) -> Figure:
    """Mean square displacement of each element over the lag: of all atoms, and of each layer in a panel of its own.

    Parameters
    ----------
    curves : Curves
    tier : str
    """
    groups = list(dict.fromkeys(curve.layer for curve in curves.msd))
    elements = list(dict.fromkeys(curve.species for curve in curves.msd))
    with style():
        figure, axes = new_figure(2.2 + 2.7 * len(groups), 3.2, (1, len(groups)), sharey=True)
        for ax, group in zip(axes, groups, strict=True):
            for curve in curves.msd:
                sound = curve.origins >= min(_ORIGINS, curve.origins.max())
                if curve.layer == group:
                    ax.plot(
                        curve.lags[sound] / 1000,
                        curve.msd[sound],
                        linewidth=1.3,
                        label=curve.species,
                        **line_look(elements.index(curve.species)),
                    )
            ax.set_title("all atoms" if group is None else group, fontsize=8.5)
            ax.set_xlabel("lag (ps)")
            ax.set_xlim(left=0)
            ax.set_ylim(bottom=0)
        axes[0].set_ylabel("mean square displacement (Å²)")
        axes[-1].legend(*axes[0].get_legend_handles_labels(), fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        caption(
            figure,
            (
                f"{tier_sentence(tier)} Averaged over all pairs of frames that lie a lag apart, the centre of mass at "
                "rest."
            ),
        )
    return figure


def density_figure(curves: Curves, tier: str, extents: Mapping[str, tuple[float, float]] | None = None) -> Figure:
    """Atoms of each element along the normal, averaged over the trajectory.

    Parameters
    ----------
    curves : Curves
    tier : str
    extents : mapping, optional
        Layer to its lowest and highest atom in the first frame, Å.
    """
    profiles = curves.profiles
    with style():
        figure, axes = new_figure(7.2, 0.9 + 0.95 * len(profiles), (len(profiles), 1), sharex=True)
        for index, (ax, profile) in enumerate(zip(axes, profiles, strict=True)):
            ax.fill_between(
                profile.heights, 1000 * profile.density, color=PALETTE[index % len(PALETTE)], linewidth=0, alpha=0.8
            )
            ax.set_ylabel(profile.species, rotation=0, ha="right", va="center")
            ax.set_ylim(bottom=0)
            ax.set_xlim(0, profile.heights[-1])
            for low, high in (extents or {}).values():
                for border in (low, high % (profile.heights[-1] + profile.heights[0])):
                    ax.axvline(border, color=GREY, linewidth=0.7, linestyle=":")
        axes[-1].set_xlabel("height along the normal (Å)")
        figure.supylabel("atoms per nm³", fontsize=9)
        borders = "Dotted: outermost atoms of " + " and ".join(extents) + " in the first frame." if extents else ""
        caption(figure, tier_sentence(tier), borders)
    return figure
