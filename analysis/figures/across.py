"""Figures of atoms by depth: vacancies along a stack, and ions in slabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError
from ..words import formula_text
from .style import GREY, MARKERS, PALETTE, caption, element_colours, line_look, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..transport.segregation import Segregation
    from ..transport.stack_vacancies import StackProfile

__all__ = ["segregation_figure", "stack_vacancy_figure"]

_TITLES = {"Li": "lithium vacancy (eV, or V vs Li)", "O": "oxygen vacancy (eV)"}


def stack_vacancy_figure(found: StackProfile) -> Figure:
    """Energy of each vacancy along the stack, a panel for each element: relaxed, and on the frozen lattice where it was
    read.

    Parameters
    ----------
    found : StackProfile

    Raises
    ------
    InputError
        If there is no vacancy.
    """
    if not found.vacancies:
        raise InputError(f"{found.label}: no vacancy was computed, and there is nothing to draw")
    colours = element_colours(found.elements)
    with style():
        figure, axes = new_figure(6.4, 1.2 + 2.5 * len(found.elements), (len(found.elements), 1), sharex=True)
        for ax, element in zip(axes, found.elements, strict=True):
            own, colour = found.of(element), colours[element]
            frozen = [(one.height, one.frozen) for one in own if one.frozen is not None]
            look: dict[str, Any] = {"linestyle": "", "color": colour, "markersize": 5.5}
            ax.plot(
                [one.height for one in own], [one.energy for one in own], marker=MARKERS[0], label="relaxed", **look
            )
            ax.plot(
                [height for height, _ in frozen],
                [energy for _, energy in frozen],
                marker=MARKERS[1],
                fillstyle="none",
                label="frozen lattice",
                **look,
            )
            for number, part in enumerate(found.parts):
                ax.axvspan(part.low, part.high, color=PALETTE[number % len(PALETTE)], alpha=0.08, linewidth=0)
            for joint in found.stack.joints:
                ax.axvline(joint, color=GREY, linewidth=0.8, linestyle=":")
            ax.set_ylabel(_TITLES[element])
            low, high = ax.get_ylim()
            ax.set_ylim(low, high + 0.16 * (high - low))
            for part in found.parts:
                middle, name = (part.low + part.high) / 2, formula_text(part.name)
                ax.text(middle, 0.98, name, transform=ax.get_xaxis_transform(), ha="center", va="top", color=GREY)
            ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        axes[-1].set_xlabel("height along the stack (Å)")
        caption(
            figure,
            f"{formula_text(found.label)}: one atom leaves at a time, for lithium metal or O₂; dotted: joints.",
            f"Tier: {found.tier}.",
        )
    return figure


def segregation_figure(found: Sequence[Segregation]) -> Figure:
    """Energy of each ion over its depth, above that at the deepest site or in the slab before the exchange.

    Parameters
    ----------
    found : sequence of Segregation
    """
    with style():
        figure, (ax,) = new_figure(5.6, 3.6)
        for number, one in enumerate(found):
            ax.plot(
                [place.depth for place in one.places],
                [place.energy for place in one.places],
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                label=formula_text(one.label),
                **line_look(number),
            )
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_xlabel("depth below the nearer face (Å)")
        ax.set_ylabel("energy above the reference (eV)")
        ax.legend(fontsize=8)
        tiers = ", ".join(sorted({one.tier for one in found}))
        caption(
            figure,
            "Reference: the deepest site, or the slab before the exchange; negative: drawn outwards.",
            f"Tier: {tiers}.",
        )
    return figure
