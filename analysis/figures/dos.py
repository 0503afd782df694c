"""Figures of the electronic structure: projected DOS by environment, and centres at all references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...configs.errors import InputError
from ...configs.models import ReferenceName, Tier
from ..states.band_references import is_metal, projected_density
from ..states.band_report import BandReport, Bands, shell_name
from ..states.comparison import Comparison
from ..words import formula_text, number
from .style import DASHES, GREY, PALETTE, caption, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["REFERENCE_TITLES", "DosPanel", "centers_figure", "dos_figure", "smoothed"]

REFERENCE_TITLES: dict[ReferenceName, str] = {
    "vbm": "valence-band maximum",
    "cbm": "conduction-band minimum",
    "midgap": "mid-gap",
    "fermi": "Fermi level",
    "o1s": "O 1s (core potential)",
    "o2s": "O 2s band",
    "average_potential": "average potential",
    "vacuum": "vacuum level",
}


@dataclass(frozen=True)
class DosPanel:
    """One material of a DOS figure.

    Parameters
    ----------
    title : str
        Name or formula.
    bands : Bands
        DOS, edges, structure.
    report : BandReport
        Its centres, for all atoms and for each of `environments`; the reference of the report is the zero of the axis.
    tier : str
        Which engine computed it.
    environments : mapping of str to sequence of int
        Label to sites of the projected element; all its sites as one curve where empty.
    """

    title: str
    bands: Bands
    report: BandReport
    tier: Tier
    environments: Mapping[str, Sequence[int]] = field(default_factory=dict)


def dos_figure(panels: Sequence[DosPanel], energies: tuple[float, float] = (-9.0, 5.0), width: float = 0.1) -> Figure:
    """Projected DOS by environment, one material above the other, spin up and down mirrored, with the centres marked.

    Parameters
    ----------
    panels : sequence of DosPanel
        Stacked from top to bottom on one energy axis; each on its own reference, their reports of one specification.
    energies : tuple of float
        eV, ends of the axis relative to the reference.
    width : float
        eV, standard deviation of the Gaussian that smooths the curves. The centres come from the unsmoothed DOS.

    Raises
    ------
    InputError
        If there is no panel.
    """
    if not panels:
        raise InputError("a DOS figure needs at least one material")
    spec = panels[0].report.spec
    with style():
        figure, axes = new_figure(7.0, 1.1 + 2.1 * len(panels), (len(panels), 1), sharex=True)
        for ax, panel in zip(axes, panels, strict=True):
            _draw_dos(ax, panel, energies, width)
        shell = f"{spec.element} {shell_name(spec.element, spec.orbital)}"
        for ax in axes:
            ax.set_ylabel(f"{shell} DOS\n(states eV$^{{-1}}$ atom$^{{-1}}$)")
        axes[-1].set_xlabel(f"energy relative to the {REFERENCE_TITLES[spec.reference]} (eV)")
        axes[0].set_xlim(*energies)
        tiers = " and ".join(dict.fromkeys(panel.tier for panel in panels))
        caption(
            figure,
            (
                f"Tier: {tiers}. Vertical lines: {shell} centres, {spec.window} states, from the "
                f"{REFERENCE_TITLES[spec.reference]}."
            ),
            f"Curves smoothed by a Gaussian of {width:g} eV for display only." if width else "",
            "Separate cells have no common zero." if len(panels) > 1 else "",
            "E_F inside a gap is an arbitrary zero."
            if any(row.centers[0].arbitrary for panel in panels for row in panel.report.rows)
            else "",
        )
    return figure


def _draw_dos(ax: Axes, panel: DosPanel, energies: tuple[float, float], width: float) -> None:
    dos, edges, report = panel.bands.dos, panel.bands.edges, panel.report
    spec = report.spec
    whole = report.row().centers[0]
    grid = np.asarray(dos.energies) - whole.reference_energy
    groups = dict(panel.environments) or {f"all {spec.element}": list(whole.sites)}
    inside = (grid >= energies[0]) & (grid <= energies[1])
    highest = 0.0
    colors = _colors(len(groups))
    for order, (color, (label, sites)) in enumerate(zip(colors, groups.items(), strict=True)):
        center = report.row(label if label in panel.environments else "all").centers[0]
        position = center.center + center.reference_energy - whole.reference_energy
        for sign, spin in ((1, "up"), (-1, "down")) if len(dos.densities) == 2 else ((1, "both"),):
            curve = sign * smoothed(projected_density(dos, sites, spec.orbital, spin), grid, width) / len(sites)  # type: ignore[arg-type]
            ax.fill_between(grid[inside], curve[inside], color=color, alpha=0.18, linewidth=0)
            told = f"{formula_text(label)} ({len(sites)}): {number(position)} eV" if sign > 0 else None
            ax.plot(grid, curve, color=color, linestyle=DASHES[order], linewidth=1.1, label=told)
            highest = max(highest, float(np.abs(curve[inside]).max()))
        # dashes of several lines interleave, so that centres which coincide all stay visible
        ax.axvline(position, color=color, linewidth=1.4, linestyle=(-4 * order, (4, max(2, 4 * (len(groups) - 1)))))
    polarised = len(dos.densities) == 2
    ax.set_ylim(-1.15 * highest if polarised else 0, (1.3 + 0.2 * len(groups)) * highest)  # room for the legend
    if polarised:
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.text(0.995, 0.96, "spin up", transform=ax.transAxes, ha="right", va="top", color=GREY, fontsize=7.5)
        ax.text(0.995, 0.04, "spin down", transform=ax.transAxes, ha="right", va="bottom", color=GREY, fontsize=7.5)
    if edges.vbm is not None and edges.cbm is not None and not is_metal(edges):
        ax.axvspan(
            edges.vbm - whole.reference_energy,
            edges.cbm - whole.reference_energy,
            color=GREY,
            alpha=0.10,
            linewidth=0,
            zorder=0,
        )
    gap = f"gap {edges.gap:.2f} eV" if not is_metal(edges) else "metal"
    ax.set_title(f"{formula_text(panel.title)}  ·  {panel.tier}, {gap}")
    ax.legend(
        loc="upper left",
        fontsize=8,
        title="environment (atoms): centre",
        title_fontsize=7.5,
        alignment="left",
        borderaxespad=0.2,
    )


def _colors(count: int) -> list[str]:
    if count > len(PALETTE):
        raise InputError(f"{count} curves in one panel cannot be told apart; at most {len(PALETTE)}: join environments")
    return list(PALETTE[:count])


def smoothed(density: NDArray[np.float64], grid: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    if width <= 0:
        return density
    step = float(grid[1] - grid[0])
    reach = min(int(np.ceil(5 * width / step)), (len(grid) - 1) // 2)
    kernel = np.exp(-((np.arange(-reach, reach + 1) * step / width) ** 2) / 2)
    smooth: NDArray[np.float64] = np.convolve(density, kernel / kernel.sum(), mode="same")
    return smooth


#: right ends of the columns of numbers, in widths of their axes
_COLUMNS = (0.28, 0.60, 0.98)


def centers_figure(comparison: Comparison) -> Figure:
    """Where the centre of b lies relative to that of a, at every reference: one dot each, and the spread as a band.

    The centres themselves stand beside the dots as numbers: core references put them tens to hundreds of eV away.

    Parameters
    ----------
    comparison : Comparison
        Of two bulk cells.
    """
    rows, spec = comparison.differences, comparison.spec
    shell = f"{spec.element} {shell_name(spec.element, spec.orbital)}"
    a, b = formula_text(comparison.a), formula_text(comparison.b)
    with style():
        figure, (ax, table) = new_figure(
            7.6, 1.7 + 0.32 * (len(rows) + (comparison.aligned is not None)), (1, 2), sharey=True, width_ratios=(1.5, 1)
        )
        table.set_axis_off()
        values = [row.difference for row in rows]
        ax.axvspan(min(values), max(values), color=PALETTE[0], alpha=0.12, linewidth=0, zorder=0)
        ax.axvline(0, color=GREY, linewidth=0.8)
        for y, row in enumerate(rows):
            face = "white" if row.arbitrary else PALETTE[0]
            ax.plot(
                row.difference,
                y,
                "o",
                markersize=7,
                markerfacecolor=face,
                markeredgecolor=PALETTE[0],
                markeredgewidth=1.4,
            )
            for x, value in zip(_COLUMNS, (row.a, row.b, row.difference), strict=True):
                table.text(x, y, number(value), transform=table.get_yaxis_transform(), ha="right", va="center")
        labels = [REFERENCE_TITLES[row.reference] for row in rows]
        if comparison.aligned is not None:
            ax.plot(comparison.aligned, len(rows), "D", markersize=7, color=PALETTE[1])
            table.text(
                _COLUMNS[-1],
                len(rows),
                number(comparison.aligned),
                transform=table.get_yaxis_transform(),
                ha="right",
                va="center",
                color=PALETTE[1],
            )
            labels.append("potential step of a joint cell")
        for x, head in zip(_COLUMNS, (a, b, "difference"), strict=True):
            table.text(
                x,
                -0.75,
                head,
                transform=table.get_yaxis_transform(),
                ha="right",
                va="center",
                fontweight="bold",
                fontsize=8,
            )
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.margins(x=0.12)
        ax.set_xlabel(f"{shell} centre of {b} − that of {a} (eV)")
        ax.set_ylabel("zero of energy (each cell's own)")
        spread = f"Shaded: spread of {comparison.spread:.2f} eV over the references"
        without = (
            f" ({comparison.spread_without_arbitrary:.2f} eV without the hollow ones, which are arbitrary)"
            if any(row.arbitrary for row in rows)
            else ""
        )
        caption(
            figure,
            f"Tier: {comparison.tier}. {spec.window.capitalize()} states; numbers in eV. {spread}{without}.",
            f"{comparison.note[0].upper()}{comparison.note[1:]}.",
        )
    return figure
