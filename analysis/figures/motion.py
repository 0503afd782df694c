"""Figures of trajectories: bond events, shells, survival and drift."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.errors import InputError
from ...configs.trust import trust_of
from ..motion.coordination import Coordination, thinned
from ..motion.drift import BLOCKS
from ..words import formula_text, number
from .style import GREY, HATCHES, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..motion.analyse import Motion
    from ..motion.force_differences import ForceDifferences
    from ..motion.survival import Survival

__all__ = [
    "coordination_figure",
    "drift_figure",
    "events_figure",
    "force_differences_figure",
    "survival_figure",
    "tier_sentence",
]

#: kinds of units in one figure of survival
_UNITS = 6
#: neighbours per centre below which a shell is not drawn
_EMPTY = 0.005


def tier_sentence(tier: str) -> str:
    """What made the trajectory; of a machine-learned one that its events are hypotheses."""
    return f"Tier: {tier}: events are hypotheses." if trust_of(tier).learned else f"Tier: {tier}."


def events_figure(motion: Motion, tier: str, controls: Sequence[Motion] = ()) -> Figure:
    """Bonds that are away from their initial state, over time: one line for each kind of event that happened.

    Parameters
    ----------
    motion : Motion
    tier : str
        What made the trajectory.
    controls : sequence of Motion
        Runs of the bulk: grey, all kinds together.
    """
    from matplotlib.ticker import MaxNLocator

    ledger = motion.ledger
    times = np.append(motion.times, motion.times[-1])
    kinds = sorted((kind for kind, count in ledger.counts.items() if count), key=lambda kind: -ledger.counts[kind])
    with style():
        figure, (ax,) = new_figure(7.2, 3.6)
        for index, kind in enumerate(kinds):
            away = ledger.cumulative(kind, times)
            ax.step(
                (times - ledger.start) / 1000,
                away,
                where="post",
                label=f"{kind} ({ledger.counts[kind]})",
                linewidth=1.4,
                **line_look(index),
            )
        for control in controls:
            total = sum(control.ledger.cumulative(kind, control.times) for kind in control.ledger.kinds)
            label = "control, all kinds" if control is controls[0] else None
            look: dict[str, Any] = {"color": GREY, "linestyle": (0, (1, 4)), "linewidth": 1.4}
            ax.step(
                (control.times - control.ledger.start) / 1000,
                total + np.zeros(len(control.times)),
                where="post",
                label=label,
                **look,
            )
        if kinds or controls:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7.5)
        if not kinds:
            ax.text(0.5, 0.6, "no bond event", transform=ax.transAxes, ha="center", color=GREY)
        ax.set_ylim(bottom=-0.03 * ax.get_ylim()[1])
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("bonds broken or formed")
        returns = "In brackets: events, those included whose pair came back."
        caption(figure, tier_sentence(tier), f"A change counts if it lasts {ledger.persistence:g} fs.", returns)
    return figure


def force_differences_figure(found: ForceDifferences) -> Figure:
    """Differences of two potentials' forces, atom by atom over time: atoms from the bottom of the cell to its top.

    Parameters
    ----------
    found : ForceDifferences
    """
    order = np.argsort(found.heights, kind="stable")
    shown = found.differences[:, order].T
    with style():
        figure, (ax,) = new_figure(7.2, 4.2)
        times = found.times / 1000
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        edges = np.concatenate([[times[0] - step / 2], (times[1:] + times[:-1]) / 2, [times[-1] + step / 2]])
        drawn = ax.pcolormesh(
            edges, np.arange(len(order) + 1), shown, cmap="magma_r", vmin=0, vmax=max(float(shown.max()), 1e-9)
        )
        figure.colorbar(drawn, ax=ax, label="|ΔF| (eV/Å)")
        names = [formula_text(found.layers[atom]) if found.layers else "" for atom in order]
        borders = [0, *(k for k in range(1, len(names)) if names[k] != names[k - 1]), len(names)]
        for border in borders[1:-1]:
            ax.axhline(border, color=GREY, linewidth=0.6)
        wide = [(low, high) for low, high in pairwise(borders) if high - low > 0.05 * len(names)]
        ax.set_yticks([(low + high) / 2 for low, high in wide], [names[low] for low, _ in wide])
        frame, atom = np.nonzero(found.beyond[:, order])
        ax.plot(times[frame], atom + 0.5, linestyle="", marker="o", markersize=2.2, color=PALETTE[2])
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("atom, from the bottom to the top")
        limit = (
            "No control in bulk: no limit is known."
            if found.limit is None
            else f"Dots: above {found.limit:.2f} eV/Å, below which 99 % of the atoms lie in the bulk of the phases."
        )
        made = f"Tier: {found.first} made the trajectory; colours: forces of {found.second} less its own."
        caption(figure, made, limit)
    return figure


def coordination_figure(shells: Sequence[Coordination], tier: str) -> Figure:
    """Neighbours of each cation over time, by anion, and how the numbers are spread over all frames.

    Parameters
    ----------
    shells : sequence of Coordination
    tier : str

    Raises
    ------
    InputError
        If no cation has a neighbour.
    """
    drawn = [shell for shell in shells if shell.mean.max() > _EMPTY]
    centres = list(dict.fromkeys(shell.rule.first for shell in drawn))
    if not centres:
        raise InputError("no cation of this trajectory has an anion within its cut-off")
    anions = list(dict.fromkeys(shell.rule.second for shell in drawn))
    with style():
        figure, axes = new_figure(7.6, 0.8 + 1.9 * len(centres), (len(centres), 2), width_ratios=(1.8, 1), sharex="col")
        for row, centre in enumerate(centres):
            series, spread = axes[2 * row], axes[2 * row + 1]
            own = [shell for shell in drawn if shell.rule.first == centre]
            for shell in own:
                look = line_look(anions.index(shell.rule.second))
                times, mean = thinned(shell.times, shell.mean)
                series.plot(
                    (times - shell.times[0]) / 1000,
                    mean,
                    label=f"{shell.rule.name} (≤ {shell.rule.cutoff:.2f} Å)",
                    **look,
                )
            _bars(spread, own, anions)
            series.set_ylabel(f"neighbours of {centre}")
            series.set_ylim(bottom=0)
            series.legend(fontsize=7, loc="best")
            spread.set_ylabel("share of centres")
        axes[-1].set_xticks(range(max(len(shell.histogram) for shell in drawn)))
        axes[-2].set_xlabel("time (ps)")
        axes[-1].set_xlabel("number of neighbours")
        caption(figure, f"{tier_sentence(tier)} Left: average over the centres; right: over all centres and frames.")
    return figure


def _bars(ax: Axes, shells: Sequence[Coordination], anions: Sequence[str]) -> None:
    width = 0.8 / len(shells)
    for place, shell in enumerate(shells):
        x = np.arange(len(shell.histogram)) + (place - (len(shells) - 1) / 2) * width
        kind = anions.index(shell.rule.second)
        ax.bar(
            x,
            shell.histogram,
            width,
            color=PALETTE[kind % len(PALETTE)],
            hatch=HATCHES[kind % len(HATCHES)],
            edgecolor="white",
            linewidth=0,
        )


def survival_figure(curves: Sequence[Survival], tier: str) -> Figure:
    """Share of the units of the first frame that are still whole, with its confidence band.

    Parameters
    ----------
    curves : sequence of Survival
        The first six are drawn.
    tier : str

    Raises
    ------
    InputError
        If there is no curve.
    """
    if not curves:
        raise InputError("no unit of bonded atoms stands in the first frame")
    with style():
        figure, (ax,) = new_figure(6.6, 3.6)
        for index, curve in enumerate(curves[:_UNITS]):
            look = line_look(index)
            label = f"{formula_text(curve.unit)}: {curve.n_lost} of {curve.n_units} lost"
            ax.step(curve.times / 1000, curve.fraction, where="post", linewidth=1.5, label=label, **look)
            ax.fill_between(
                curve.times / 1000, curve.low, curve.high, step="post", alpha=0.15, linewidth=0, color=look["color"]
            )
        ax.set_ylim(-0.03, 1.05)
        ax.set_xlim(left=0)
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("share of whole units")
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        replicas = max(curve.n_replicas for curve in curves)
        caption(
            figure,
            (
                f"{tier_sentence(tier)} Kaplan-Meier estimate over {replicas} {'run' if replicas == 1 else 'runs'}; "
                "band: 95 % confidence."
            ),
        )
    return figure


def drift_figure(motion: Motion, tier: str) -> Figure:
    """Energy and temperature over time, with the averages that the drift is fitted to.

    Parameters
    ----------
    motion : Motion
    tier : str

    Raises
    ------
    InputError
        If the frames have neither energies nor temperatures.
    """
    found = motion.drifts
    if not found:
        raise InputError("the frames of this trajectory have neither energies nor temperatures")
    with style():
        figure, axes = new_figure(6.6, 0.7 + 2.0 * len(found), (len(found), 1), sharex=True)
        for index, (ax, one, (_, _, at, values)) in enumerate(zip(axes, found, motion.series, strict=True)):
            times, look = (at - motion.times[0]) / 1000, PALETTE[index]
            ax.plot(times, values, color=look, linewidth=0.4, alpha=0.5)
            middles, means = thinned(times, values, points=BLOCKS)
            ax.plot(middles, means, "o", color=look, markersize=4)
            if one.slope is not None:
                ax.plot(times, means.mean() + one.slope * (times - middles.mean()), color="black", linewidth=1)
                ax.set_title(f"{number(one.slope, 3)} ± {number(one.sigma or 0.0, 3)} {one.unit} per ps", fontsize=8.5)
            ax.set_ylabel(f"{one.quantity} ({one.unit})")
        axes[-1].set_xlabel("time (ps)")
        caption(
            figure,
            (
                f"{tier_sentence(tier)} Energies relative to the first frame; dots: averages of {BLOCKS} stretches, to "
                "which the line is fitted."
            ),
        )
    return figure
