"""Figures of the electronic structure across a slab or interface: DOS against depth beside the structure, and aligned
centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element

from ...configs.errors import InputError
from ...configs.models import Tier
from ..states.alignment import AlignedDifference, Alignment
from ..states.band_references import is_metal, projected_density
from ..states.band_report import Bands, shell_name
from ..states.depth import DepthReport
from ..states.depth_planes import Stack
from ..states.potential_profile import PotentialProfile
from ..words import formula_text, number
from .dos import REFERENCE_TITLES, smoothed
from .style import GREY, MARKERS, PALETTE, caption, element_colours, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DepthPanel", "alignment_figure", "depth_figure"]

#: Å; the structure is repeated until it is at least this wide
_WIDTH = 8.0


@dataclass(frozen=True)
class DepthPanel:
    """What a figure against depth shows.

    Parameters
    ----------
    title : str
        Name of the cell.
    bands : Bands
    report : DepthReport
        Centres by plane, of the element and orbital that are mapped.
    stack : Stack
    tier : str
        Which engine computed it.
    profile : PotentialProfile, optional
        Drawn beside the map.
    """

    title: str
    bands: Bands
    report: DepthReport
    stack: Stack
    tier: Tier
    profile: PotentialProfile | None = None


def depth_figure(panel: DepthPanel, energies: tuple[float, float] = (-9.0, 5.0), width: float = 0.1) -> Figure:
    """Structure, projected DOS of each plane, and potential, on one axis of height.

    Parameters
    ----------
    panel : DepthPanel
    energies : tuple of float
        eV, ends of the energy axis relative to the reference of the report.
    width : float
        eV, standard deviation of the Gaussian that smooths the map. The centres come from the unsmoothed DOS.

    Raises
    ------
    InputError
        If the energies are not in rising order.
    """
    if energies[0] >= energies[1]:
        raise InputError(
            f"the energy axis runs from {energies[0]:g} to {energies[1]:g} eV: the lower end must come first"
        )
    spec, stack = panel.report.spec, panel.stack
    shell = f"{spec.element} {shell_name(spec.element, spec.orbital)}"
    ratios = (0.8, 2.0, 1.0) if panel.profile else (0.8, 2.0)
    bottom = stack.planes[0].height
    with style():
        figure, axes = new_figure(
            8.6 if panel.profile else 7.0, 5.2, (1, len(ratios)), sharey=True, width_ratios=ratios
        )
        _draw_structure(axes[0], panel)
        _draw_map(figure, axes[1], panel, energies, width)
        axes[1].set_title(f"{shell} DOS by plane")
        axes[1].set_xlabel(f"energy from the {REFERENCE_TITLES[spec.reference]} (eV)")
        if panel.profile is not None:
            _draw_potential(axes[2], panel, panel.profile)
        low, high = (min(layer.bottom for layer in stack.layers), max(layer.top for layer in stack.layers))
        axes[0].set_ylim(low - bottom, high - bottom)
        axes[0].set_ylabel("height above the lowest plane (Å)")
        for ax in axes:
            for layer in stack.layers[1:]:
                ax.axhline(layer.bottom - bottom, color="black", linewidth=0.9, linestyle=(0, (4, 3)))
        gap = f"gap {panel.bands.edges.gap:.2f} eV" if not is_metal(panel.bands.edges) else "metal"
        caption(
            figure,
            (
                f"{formula_text(panel.title)}. Tier: {panel.tier}, {gap}. Diamonds: {shell} centre of each plane, "
                f"{spec.window} states, from the unsmoothed DOS."
            ),
            f"The map is smoothed by a Gaussian of {width:g} eV." if width else "",
            f"Boxes of the macroscopic average: {' and '.join(f'{box:.2f}' for box in panel.profile.boxes)} Å."
            if panel.profile
            else "",
            "E_F inside a gap is an arbitrary zero." if panel.report.total.centers[0].arbitrary else "",
        )
    return figure


def _draw_structure(ax: Axes, panel: DepthPanel) -> None:
    """Atoms seen along the shorter in-plane axis, spheres at their heights."""
    structure, stack = panel.bands.structure, panel.stack
    along = structure.lattice.matrix[int(np.argmax(structure.lattice.abc[:2]))]
    length = float(np.linalg.norm(along))
    heights = structure.frac_coords[:, 2] * stack.period
    bottom = min(layer.bottom for layer in stack.layers)
    across = np.mod(structure.cart_coords @ along / length, length)
    drawn = np.mod(heights - bottom, stack.period) + bottom - stack.planes[0].height
    repeats = max(1, int(np.ceil(_WIDTH / length)))
    for symbol, color in element_colours(site.specie.symbol for site in structure).items():
        mine = [i for i, site in enumerate(structure) if site.specie.symbol == symbol]
        xs, ys = (
            [across[i] + k * length for i in mine for k in range(repeats)],
            [drawn[i] for i in mine for _ in range(repeats)],
        )
        size = 40 * float(Element(symbol).atomic_radius or 1.0)
        ax.scatter(xs, ys, s=size, color=color, edgecolor="white", linewidth=0.6, label=symbol, zorder=3)
    for layer in stack.layers:
        middle = (layer.bottom + layer.top) / 2 - stack.planes[0].height
        ax.text(
            0.99,
            middle,
            formula_text(layer.label),
            transform=ax.get_yaxis_transform(),
            rotation=90,
            ha="right",
            va="center",
            fontweight="bold",
        )
    ax.set_xlim(-0.8, repeats * length + 1.6)
    ax.set_xlabel("in the plane (Å)")
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.05, 1.0),
        ncols=4,
        fontsize=8,
        handletextpad=0.0,
        columnspacing=0.5,
        borderpad=0.1,
    )


def _draw_map(figure: Figure, ax: Axes, panel: DepthPanel, energies: tuple[float, float], width: float) -> None:
    spec, stack, dos = panel.report.spec, panel.stack, panel.bands.dos
    zero = panel.report.total.centers[0].reference_energy
    grid = np.asarray(dos.energies, dtype=float) - zero
    inside = (grid >= energies[0]) & (grid <= energies[1])
    if inside.sum() < 2:
        raise InputError(
            f"the DOS has no energies between {energies[0]:g} and {energies[1]:g} eV; it runs from {grid[0]:.1f} to "
            f"{grid[-1]:.1f} eV"
        )
    edges = _edges(stack)
    rows = np.full((len(edges) - 1, int(inside.sum())), np.nan)
    for number_of, (plane, row) in enumerate(zip(stack.planes, _rows_of_planes(stack), strict=True)):
        sites = [i for i in plane.sites if panel.bands.structure[i].specie.symbol == spec.element]
        if sites:
            rows[row] = (smoothed(projected_density(dos, sites, spec.orbital), grid, width) / len(sites))[inside]
        centers = [
            group for group in panel.report.of("plane") if group.label == f"plane {number_of + 1} ({plane.formula})"
        ]
        for group in centers:
            ax.plot(
                group.level - zero,
                plane.height - stack.planes[0].height,
                "D",
                color=PALETTE[1],
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.6,
            )
    step = grid[1] - grid[0]
    bounds = np.append(grid[inside] - step / 2, grid[inside][-1] + step / 2)
    mesh = ax.pcolormesh(bounds, edges, rows, cmap="Blues", vmin=0, rasterized=True)
    bar = figure.colorbar(mesh, cax=ax.inset_axes((0.0, -0.24, 1.0, 0.03)), orientation="horizontal")
    bar.set_label("states eV$^{-1}$ atom$^{-1}$", fontsize=8)
    bar.outline.set_visible(False)
    metal = is_metal(panel.bands.edges)
    for level in (panel.bands.edges.efermi,) if metal else (panel.bands.edges.vbm, panel.bands.edges.cbm):
        if level is not None:
            ax.axvline(level - zero, color=GREY, linewidth=0.9, linestyle=":")
    ax.set_xlim(*energies)


def _edges(stack: Stack) -> NDArray[np.float64]:
    """Heights between the planes, and the ends of the layers at a vacuum, from the lowest plane."""
    found = []
    for layer in stack.layers:
        heights = [plane.height for plane in layer.planes]
        found += [layer.bottom, *((a + b) / 2 for a, b in pairwise(heights)), layer.top]
    unique = [found[0], *(b for a, b in pairwise(found) if b - a > 1e-6)]
    return np.array(unique) - stack.planes[0].height


def _rows_of_planes(stack: Stack) -> list[int]:
    edges = _edges(stack)
    return [int(np.searchsorted(edges, plane.height - stack.planes[0].height) - 1) for plane in stack.planes]


def _draw_potential(ax: Axes, panel: DepthPanel, profile: PotentialProfile) -> None:
    """Macroscopic average and the level of each layer; the planar average behind, scaled to the same axis."""
    stack = panel.stack
    bottom, low = stack.planes[0].height, min(layer.bottom for layer in stack.layers)
    heights = np.mod(np.asarray(profile.heights) - low, stack.period) + low - bottom
    order = np.argsort(heights)
    macroscopic = np.asarray(profile.macroscopic)[order]
    ax.plot(macroscopic, heights[order], color=PALETTE[0], linewidth=1.4)
    for level in profile.levels:
        ends = (level.interior[0] - bottom, level.interior[1] - bottom)
        if level.has_plateau:
            ax.fill_betweenx(
                ends,
                level.energy - level.variation / 2,
                level.energy + level.variation / 2,
                color=PALETTE[1],
                alpha=0.3,
                linewidth=0,
            )
        ax.plot([level.energy] * 2, ends, color=PALETTE[1], linewidth=2.2, marker="o", markersize=3)
        ax.annotate(
            f"{number(level.energy)} eV",
            (level.energy, float(np.mean(ends))),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
        )
    ax.set_xlabel("potential energy of\nan electron (eV)")
    ax.set_title("macroscopic average")
    ax.margins(x=0.35)


def _name(row: AlignedDifference) -> str:
    return f"{row.way} ({row.detail})"


def alignment_figure(alignments: Sequence[Alignment]) -> Figure:
    """Centre of b minus centre of a by every way, one marker per thickness; below, what the separate bulk cells say at
    each of their zeros.

    Parameters
    ----------
    alignments : sequence of Alignment
        Of one pair, the thinnest cell first.

    Raises
    ------
    InputError
        If there is none, or more than there are colours.
    """
    if not 0 < len(alignments) <= len(PALETTE):
        raise InputError(f"{len(alignments)} alignments given; a figure shows 1 to {len(PALETTE)}")
    last = alignments[-1]
    names = list(dict.fromkeys(_name(row) for found in alignments for row in found.rows))
    separate = [] if last.separate is None else list(last.separate.differences)
    titles = names + [f"own {REFERENCE_TITLES[d.reference]}" for d in separate]
    shell = f"{last.spec.element} {shell_name(last.spec.element, last.spec.orbital)}"
    with style():
        figure, (ax,) = new_figure(7.6, 1.8 + 0.28 * len(titles))
        values = [row.difference for row in last.rows]
        shade = PALETTE[len(alignments) - 1]
        ax.axvspan(min(values), max(values), color=shade, alpha=0.10, linewidth=0, zorder=0)
        ax.axvline(0, color=GREY, linewidth=0.8)
        for k, found in enumerate(alignments):
            ys = [names.index(_name(row)) + 0.24 * (k - (len(alignments) - 1) / 2) for row in found.rows]
            label = f"{found.n_atoms} atoms ({found.planes[0]} + {found.planes[1]} planes)"
            ax.plot(
                [row.difference for row in found.rows],
                ys,
                MARKERS[k],
                color=PALETTE[k],
                markersize=7,
                label=label,
                linestyle="none",
                alpha=0.9,
            )
        for k, d in enumerate(separate):
            face = "white" if d.arbitrary else GREY
            ax.plot(
                d.difference,
                len(names) + k,
                "o",
                markerfacecolor=face,
                markeredgecolor=GREY,
                markersize=6,
                label="no common zero" if k == 0 else None,
            )
        ax.set_yticks(range(len(titles)), titles)
        ax.set_ylim(len(titles) - 0.5, -0.5)
        if separate:
            ax.axhline(len(names) - 0.5, color=GREY, linewidth=0.6)
        ax.margins(x=0.12)
        ax.set_xlabel(f"{shell} centre of {formula_text(last.b)} − that of {formula_text(last.a)} (eV)")
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=8)
        thickest = " in the thickest cell" if len(alignments) > 1 else ""
        caption(
            figure,
            (
                f"Tier: {last.tier}. {last.spec.window.capitalize()} states. Shaded: all ways with a common "
                f"zero{thickest}, a spread of {max(values) - min(values):.2f} eV."
            ),
            "Grey: separate bulk cells, each from its own zero; hollow ones are arbitrary." if separate else "",
        )
    return figure
