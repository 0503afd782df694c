"""Figures of oxygen loss: the ladder over the lithium content, temperature and pressure, voltage, ions, and
orderings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.errors import InputError
from ...configs.trust import trust_of
from ..oxygen.ladder import OxygenLadder, Rung
from ..oxygen.ordering_spread import OrderingSpread
from ..oxygen.substitution import SubstitutionResults
from ..thermodynamics.voltage_curve import VoltageCurve
from ..words import formula_text
from .style import DASHES, GREY, HATCHES, MARKERS, PALETTE, caption, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "MANY_CONTENTS",
    "ladder_figure",
    "ordering_figure",
    "oxygen_potential_figure",
    "redox_figure",
    "substitution_figure",
]

#: K, range of figures over the temperature
_TEMPERATURES = (100.0, 1500.0)
#: colour and hatch of an oxidation state, the same for every element
_CHARGES = {"2+": (PALETTE[0], HATCHES[0]), "3+": (PALETTE[1], HATCHES[1]), "4+": (PALETTE[2], HATCHES[2])}
#: lithium contents up to which labels stand beside each other and every content gets lines of its own
MANY_CONTENTS = 6
#: bars up to which the elements stand beside each other
_BARS_IN_A_ROW = 24


def _warning(tier: str) -> str:
    """Behind the tier in a caption: what a machine-learned energy of a defect is worth."""
    trust = trust_of(tier)
    return f" {trust.label} was not trained on such defects: a hypothesis to be checked." if trust.learned else ""


def _sampled(ladder: OxygenLadder) -> list[Rung]:
    rungs = [rung for rung in ladder.rungs if rung.sampled]
    if not rungs:
        raise InputError(f"{ladder.host.label}: no oxygen vacancy was calculated")
    return rungs


def _few(rungs: list[Rung]) -> list[Rung]:
    """All of a few; five of many, from first to last."""
    return rungs if len(rungs) <= MANY_CONTENTS else [rungs[round(k)] for k in np.linspace(0, len(rungs) - 1, 5)]


def ladder_figure(ladder: OxygenLadder, curve: VoltageCurve | None = None) -> Figure:
    """Formation energy of every oxygen vacancy over the lithium content, and how the mean converges with arrangements.

    Parameters
    ----------
    ladder : OxygenLadder
    curve : VoltageCurve, optional
        Gives the voltages on the upper axis.

    Raises
    ------
    InputError
        If no oxygen vacancy was calculated.
    """
    rungs = _sampled(ladder)
    with style():
        several = any(len(rung.sampled) > 1 for rung in rungs)
        figure, (ax, *right) = new_figure(8.6, 4.0, (1, 2), width_ratios=[2.2, 1]) if several else new_figure(6.6, 4.0)
        for k, (kind, points) in enumerate(_by_environment(rungs).items()):
            x, y, weight = np.array(points).T
            color, marker = PALETTE[k % len(PALETTE)], MARKERS[(k + k // len(PALETTE)) % len(MARKERS)]
            ax.scatter(
                x,
                y,
                s=12 + 4 * weight,
                color=color,
                marker=marker,
                alpha=0.75,
                linewidth=0,
                label=formula_text(kind),
                zorder=3,
            )
        contents = [rung.x for rung in rungs]
        errors = [np.nan if (error := rung.standard_error()) is None else error for rung in rungs]
        ax.errorbar(
            contents,
            [rung.mean for rung in rungs],
            yerr=errors,
            color="black",
            linewidth=1.4,
            capsize=3,
            label="mean over sites",
            zorder=4,
        )
        ax.plot(
            contents,
            [rung.lowest for rung in rungs],
            color=GREY,
            linestyle="--",
            linewidth=1.2,
            label="lowest calculated",
        )
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.invert_xaxis()
        ax.set_xlabel("lithium left (share of that of the host)")
        ax.set_ylabel("formation energy of V$_{O}$ (eV, O$_{2}$ without entropy)")
        ax.legend(fontsize=7.5, loc="best")
        if curve is not None:
            _voltages(ax, curve, contents)
        for panel in right:
            _convergence(panel, rungs)
        tier = ladder.host.tier
        caption(
            figure,
            f"Tier: {tier}.{_warning(tier)}",
            (
                "Size of a point: oxygen atoms that it stands "
                f"for.{' Bars: standard error over arrangements.' if several else ''} {ladder.reference.short()}"
            ),
        )
    return figure


def _by_environment(rungs: Sequence[Rung]) -> dict[str, list[tuple[float, float, float]]]:
    """Content, energy and weight of every vacancy by its first shell, or, where there are more shells than colours, by
    the bridge through it."""
    found = [(rung.x, v) for rung in rungs for v in rung.vacancies]
    shells = {v.environment for _, v in found}
    groups: dict[str, list[tuple[float, float, float]]] = {}
    for x, v in sorted(found, key=lambda pair: (pair[1].environment, pair[1].bridge)):
        groups.setdefault(v.environment if len(shells) <= len(PALETTE) else v.bridge, []).append(
            (x, v.energy, v.stands_for)
        )
    return groups


def _voltages(ax: Axes, curve: VoltageCurve, contents: Sequence[float]) -> None:
    """Voltages of equilibrium above the contents that were calculated."""
    top = ax.twiny()
    top.set_xlim(ax.get_xlim())
    top.spines["top"].set_visible(True)
    rotation = 90 if len(contents) > MANY_CONTENTS else 0
    top.set_xticks(list(contents), [_voltage_text(*curve.at(x)) for x in contents], fontsize=7.5, rotation=rotation)
    top.set_xlabel("in equilibrium at (V vs Li/Li$^{+}$)", fontsize=8)


def _voltage_text(low: float | None, high: float | None) -> str:
    """The range of stability that :meth:`..thermodynamics.voltage_curve.VoltageCurve.at` gives."""
    if low is None or high is None:
        return f"≤ {high:.2f}" if high is not None else f"≥ {low:.2f}" if low is not None else ""
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f}–{high:.2f}"


def _convergence(ax: Axes, rungs: Sequence[Rung]) -> None:
    from matplotlib.ticker import MaxNLocator

    shown = _few([rung for rung in rungs if len(rung.sampled) > 1])
    for order, rung in enumerate(shown):
        sizes = rung.sizes
        look = {**line_look(order), "capsize": 2, "label": f"{rung.n_vacancies} V$_{{Li}}$"}
        ax.errorbar([s.n for s in sizes], [s.mean for s in sizes], yerr=[s.mean_spread for s in sizes], **look)
    ax.set_xlabel("arrangements")
    ax.set_ylabel("mean (eV) ± spread of samples")
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top + 0.35 * (top - bottom))  # room for the legend
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=7.5, ncols=2)


def oxygen_potential_figure(ladder: OxygenLadder, pressures: Sequence[float]) -> Figure:
    """Lowest formation energy over the temperature, at several partial pressures of O2; of many lithium contents five,
    from first to last.

    All contents are shifted alike, and the ladder shows each of them.

    Parameters
    ----------
    ladder : OxygenLadder
    pressures : sequence of float
        bar, the first is drawn solid.

    Raises
    ------
    InputError
        If no oxygen vacancy was calculated, or there is no pressure.
    """
    everyone = _sampled(ladder)
    rungs = _few(everyone)
    if not pressures:
        raise InputError("a figure over the temperature needs at least one partial pressure of O2")
    temperatures = np.linspace(*_TEMPERATURES, 141)
    with style():
        figure, (ax,) = new_figure(6.6, 4.0)
        for number, pressure in enumerate(pressures):
            shift = np.array([ladder.reference.shift(float(t), pressure) for t in temperatures])
            for order, rung in enumerate(rungs):
                marks: dict[str, Any] = {
                    "marker": MARKERS[order % len(MARKERS)],
                    "markevery": (3 * order, 28),
                    "markersize": 4,
                }
                label = f"x = {rung.x:.2f}" if number == 0 else None
                look: dict[str, Any] = {
                    "color": PALETTE[order % len(PALETTE)],
                    "linestyle": DASHES[number % len(DASHES)],
                    "linewidth": 1.4,
                }
                ax.plot(temperatures, rung.lowest + shift, label=label, **look, **marks)
        for number, pressure in enumerate(pressures):
            ax.plot([], [], color=GREY, linestyle=DASHES[number % len(DASHES)], label=f"{pressure:g} bar O$_{{2}}$")
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set_xlim(*_TEMPERATURES)
        ax.set_xlabel("temperature (K)")
        ax.set_ylabel("formation energy of V$_{O}$, lowest calculated (eV)")
        ax.legend(fontsize=7.5, ncols=2)
        left_out = f" {len(rungs)} of {len(everyone)} lithium contents." if len(rungs) < len(everyone) else ""
        told = (
            f"Tier: {ladder.host.tier}. Below zero the lattice loses oxygen. Vibrations of the solid are left "
            f"out.{left_out}"
        )
        caption(figure, told, ladder.reference.short())
    return figure


def substitution_figure(found: SubstitutionResults) -> Figure:
    """Formation energies without and with an ion over the distance to it, and what the ion adds.

    Parameters
    ----------
    found : SubstitutionResults

    Raises
    ------
    InputError
        If there is no pair of vacancies.
    """
    if not found.vacancies:
        raise InputError(f"{found.label}: no oxygen vacancy beside {found.ion} was calculated")
    sites = list(dict.fromkeys(v.site for v in found.vacancies))
    with style():
        figure, (left, right) = new_figure(8.6, 3.8, (1, 2))
        for site, color, marker in zip(sites, PALETTE * len(sites), MARKERS * len(sites), strict=False):
            mine = [v for v in found.vacancies if v.site == site]
            for v in mine:
                left.plot([v.distance] * 2, v.energies, color=color, linewidth=0.8, alpha=0.5, zorder=2)
            at = [v.distance for v in mine]
            left.scatter(
                at, [v.energies[0] for v in mine], s=26, facecolor="white", edgecolor=color, marker=marker, zorder=3
            )
            left.scatter(
                at, [v.energies[1] for v in mine], s=26, color=color, marker=marker, label=f"on {site}", zorder=4
            )
            right.scatter(at, [v.change for v in mine], s=30, color=color, marker=marker, zorder=3)
        right.axhline(0, color=GREY, linewidth=0.8)
        for ax, label in (
            (left, "formation energy of V$_{O}$ (eV, O$_{2}$ without entropy)"),
            (right, "change by the ion (eV)"),
        ):
            ax.set_xlabel(f"distance of the oxygen atom to {found.ion} (Å)")
            ax.set_ylabel(label)
        left.scatter([], [], s=26, facecolor="white", edgecolor=GREY, label=f"without {found.ion}")
        left.legend(fontsize=7.5)
        left.set_title(f"{formula_text(found.label)}: {found.ion}")
        caption(figure, f"Tier: {found.tier}.{_warning(found.tier)}", found.reference)
    return figure


def redox_figure(columns: Mapping[str, Mapping[str, float]], title: str, note: str) -> Figure:
    """Stacked shares of the ions of each element, one bar per state.

    Parameters
    ----------
    columns : mapping of str to mapping
        State, e.g. ``4 V_Li + V_O``, to ions per cell, e.g. ``{"Ni3+": 12.0, "Mn4+": 9.0}``; means over cells are
        allowed.
    title, note : str

    Raises
    ------
    InputError
        If there is no state with an ion.
    """
    ions = sorted({ion for counts in columns.values() for ion in counts})
    if not ions:
        raise InputError("a figure of ions needs at least one")
    elements = list(dict.fromkeys(_element(ion) for ion in ions))
    with style():
        if len(columns) * len(elements) > _BARS_IN_A_ROW:  # one element below the other
            figure, axes = new_figure(
                max(5.2, 1.6 + 0.32 * len(columns)), 1.3 + 1.8 * len(elements), (len(elements), 1), sharex=True
            )
        else:
            figure, axes = new_figure(
                max(5.2, 1.6 + 0.62 * len(columns) * min(2, len(elements))), 3.6, (1, len(elements))
            )
        for ax, element in zip(axes, elements, strict=True):
            base = np.zeros(len(columns))
            for ion in (ion for ion in ions if _element(ion) == element):
                values = np.array([counts.get(ion, 0.0) for counts in columns.values()])
                color, hatch = _CHARGES.get(ion.split()[0][len(element) :], (GREY, HATCHES[4]))
                hatch = HATCHES[3] if "spin" in ion else hatch
                ax.bar(
                    range(len(columns)),
                    values,
                    bottom=base,
                    color=color,
                    hatch=hatch,
                    width=0.72,
                    edgecolor="white",
                    label=ion,
                )
                base += values
            ax.set_xticks(
                range(len(columns)), list(columns), rotation=40, ha="right", rotation_mode="anchor", fontsize=7.5
            )
            ax.set_ylabel(f"{element} ions per cell")
            ax.set_ylim(0, 1.28 * max(base.max(), 1))
            ax.legend(fontsize=7, loc="upper center", ncols=3, handlelength=1.0, columnspacing=0.9)
        axes[0].set_title(formula_text(title))
        caption(figure, note)
    return figure


def _element(ion: str) -> str:
    """Symbol of an ion's name."""
    return "".join(itertools.takewhile(str.isalpha, ion))


def ordering_figure(spread: OrderingSpread, title: str) -> Figure:
    """Ranked energies of the orderings, and the lowest expected over the number of orderings."""
    with style():
        figure, (ax, right) = new_figure(8.0, 3.4, (1, 2))
        ax.plot(range(1, len(spread.energies) + 1), spread.energies, "o", markersize=4, color=PALETTE[0])
        ax.set_xlabel("rank")
        ax.set_ylabel("energy above the lowest (meV/atom)")
        ax.set_title(formula_text(title))
        right.plot(
            [n for n, _ in spread.fewer],
            [e for _, e in spread.fewer],
            color=PALETTE[0],
            linewidth=1.6,
            label="sampled, exact",
        )
        if spread.larger:
            sizes = [len(spread.energies), *(s.n for s in spread.larger)]
            right.fill_between(
                sizes,
                [0.0, *(-s.high for s in spread.larger)],
                [0.0, *(-s.low for s in spread.larger)],
                color=PALETTE[1],
                alpha=0.25,
                linewidth=0,
            )
            right.plot(
                sizes,
                [0.0, *(-s.gain for s in spread.larger)],
                color=PALETTE[1],
                linestyle="--",
                linewidth=1.6,
                label="more, normal model",
            )
        right.axhline(0, color=GREY, linewidth=0.6)
        right.set_xscale("log")
        right.set_xlabel("number of orderings")
        right.set_ylabel("lowest expected (meV/atom)")
        right.legend(fontsize=7.5)
        normal = "" if spread.normality is None else f"Shapiro-Wilk p = {spread.normality:.2f}."
        caption(
            figure,
            (
                f"Tier: {spread.tier}. More orderings: independent draws from the normal distribution of those "
                "calculated; band: 5–95 % by resampling."
            ),
            normal,
        )
    return figure
