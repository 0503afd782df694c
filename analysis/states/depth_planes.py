"""Atomic planes along the normal of a cell, and the layers of materials that they make.

Planes come from the heights of the atoms along the normal of a and b; layers from the tags that the builder gave the
sites (site property ``layer``), and from vacuum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...structures.surfaces.planes import group_planes

__all__ = ["PLANE", "VACUUM", "DepthLayer", "Plane", "Stack", "is_layered", "stack_of"]

#: Å; atoms within this height form one plane: relaxed planes of an interface buckle by 0.2 to 0.5 Å, planes of oxides
#: lie 1 to 2 Å apart
PLANE = 0.6
#: Å; an emptier height between two planes is vacuum: van der Waals gaps and lithium layers stay below
VACUUM = 5.0


@dataclass(frozen=True)
class Plane:
    """Atoms at one depth.

    Parameters
    ----------
    sites : tuple of int
    height : float, Å
        Mean, along the normal; rises from plane to plane beyond the period.
    formula : str
        ``Li2Co2O4``: all atoms of the plane, not in lowest terms.
    layer : str
        Tag of most of its sites; empty where the cell has no tags.
    """

    sites: tuple[int, ...]
    height: float
    formula: str
    layer: str


@dataclass(frozen=True)
class DepthLayer:
    """Neighbouring planes of one material.

    Parameters
    ----------
    label : str
        Tag of the material; the formula of the cell where it has no tags.
    planes : tuple of Plane
        From the bottom up.
    bottom, top : float, Å
        Half way to the next layer's plane, or half a spacing beyond the outermost plane at a vacuum.
    repeat : float, Å
        Height after which the compositions of the planes repeat, with the mean spacing of the inner planes.
    spacing : float, Å
        That mean spacing.
    """

    label: str
    planes: tuple[Plane, ...]
    bottom: float
    top: float
    repeat: float
    spacing: float

    @property
    def sites(self) -> list[int]:
        """All sites."""
        return [site for plane in self.planes for site in plane.sites]

    @property
    def interior(self) -> list[int]:
        """Sites of all planes but the outermost two; empty where there are no others."""
        return [site for plane in self.planes[1:-1] for site in plane.sites]


@dataclass(frozen=True)
class Stack:
    """Planes and layers along the normal of a cell, from the bottom of the lowest layer up.

    Parameters
    ----------
    period : float, Å
        Height of the cell along the normal of a and b.
    planes : tuple of Plane
    layers : tuple of DepthLayer
    tagged : bool
        Whether the layers come from site tags.
    vacuum : tuple of float or None, Å
        Lower and upper end of the empty height.
    """

    period: float
    planes: tuple[Plane, ...]
    layers: tuple[DepthLayer, ...]
    tagged: bool
    vacuum: tuple[float, float] | None

    def layer(self, label: str) -> DepthLayer:
        """The layer with a tag.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        for layer in self.layers:
            if layer.label == label:
                return layer
        raise UnknownNameError(
            f"the cell has no layer {label!r}; {near_match_hint(label, [layer.label for layer in self.layers])}"
        )


def stack_of(structure: Structure, width: float = PLANE) -> Stack:
    """Find planes and layers of a cell.

    Parameters
    ----------
    structure : Structure
        Layers parallel to a and b. Site property ``layer`` where the builder tagged them.
    width : float, Å
        Largest height of one plane.

    Raises
    ------
    InputError
        If the width is not positive.
    """
    if not width > 0:
        raise InputError(f"the height of an atomic plane must be positive, and {width:g} Å was given")
    normal = np.cross(*structure.lattice.matrix[:2])
    normal /= np.linalg.norm(normal)
    period = abs(float(structure.lattice.matrix[2] @ normal))
    heights = structure.frac_coords[:, 2] * period
    tags = structure.site_properties.get("layer")
    planes = [
        _plane(structure, np.mod(heights, period), period, group, tags)
        for group in group_planes(heights, period, width)
    ]
    planes = _from_the_bottom(planes, period)
    runs = _runs(planes, period)
    label = structure.composition.remove_charges().reduced_formula
    layers = tuple(_layer(run, [*planes], period, run[0].layer or label) for run in runs)
    return Stack(period, tuple(planes), layers, bool(tags) and any(tags or ()), _vacuum(planes, period))


def is_layered(stack: Stack) -> bool:
    """True for a slab with vacuum and for a cell of two tagged layers or more."""
    return stack.vacuum is not None or len(stack.layers) > 1


def _plane(
    structure: Structure,
    heights: NDArray[np.float64],
    period: float,
    group: NDArray[np.int64],
    tags: Sequence[Any] | None,
) -> Plane:
    own = heights[group[0]] + (np.mod(heights[group] - heights[group[0]] + period / 2, period) - period / 2)
    counts = Counter(site.specie for site in (structure[int(i)] for i in group))
    elements = Composition(dict(counts)).remove_charges().get_el_amt_dict()
    formula = "".join(
        f"{element}{amount:g}" if amount > 1 else element
        for element, amount in sorted(elements.items(), key=lambda item: Element(item[0]).X)
    )
    tag = Counter(str(tags[int(i)] or "") for i in group).most_common(1)[0][0] if tags else ""
    return Plane(tuple(sorted(int(i) for i in group)), float(np.mod(own.mean() + 1e-6, period) - 1e-6), formula, tag)


def _from_the_bottom(planes: list[Plane], period: float) -> list[Plane]:
    """Planes by rising height, the first one being the lowest that lies above a vacuum or another layer."""
    rising = sorted(planes, key=lambda plane: plane.height)
    starts = [
        i
        for i, plane in enumerate(rising)
        if rising[i - 1].layer != plane.layer or _gap(rising, i - 1, period) > VACUUM
    ]
    first = starts[0] if starts else 0
    turned = [*rising[first:], *(Plane(p.sites, p.height + period, p.formula, p.layer) for p in rising[:first])]
    shift = period if turned[0].height > turned[-1].height else 0.0
    return [Plane(p.sites, p.height - shift, p.formula, p.layer) for p in turned]


def _gap(planes: Sequence[Plane], index: int, period: float) -> float:
    """Å, from the plane `index` to the next one above."""
    following = planes[(index + 1) % len(planes)].height
    return float(np.mod(following - planes[index].height - 1e-9, period)) + 1e-9


def _runs(planes: Sequence[Plane], period: float) -> list[list[Plane]]:
    """Neighbouring planes with one tag."""
    runs = [[planes[0]]]
    for index, plane in enumerate(planes[1:]):
        if plane.layer == planes[index].layer and _gap(planes, index, period) <= VACUUM:
            runs[-1].append(plane)
        else:
            runs.append([plane])
    return runs


def _layer(run: list[Plane], planes: list[Plane], period: float, label: str) -> DepthLayer:
    first, last = planes.index(run[0]), planes.index(run[-1])
    below, above = _gap(planes, first - 1, period), _gap(planes, last, period)
    inner = run[1:-1] if len(run) > 3 else run
    spacing = (inner[-1].height - inner[0].height) / (len(inner) - 1) if len(inner) > 1 else min(below, above)
    repeat = next(
        m for m in range(1, len(run) + 1) if all(a.formula == b.formula for a, b in zip(run, run[m:], strict=False))
    )
    bottom = run[0].height - (spacing if below > VACUUM else below) / 2
    top = run[-1].height + (spacing if above > VACUUM else above) / 2
    return DepthLayer(label, tuple(run), bottom, top, repeat * spacing, spacing)


def _vacuum(planes: Sequence[Plane], period: float) -> tuple[float, float] | None:
    gaps = [_gap(planes, index, period) for index in range(len(planes))]
    widest = int(np.argmax(gaps))
    return (planes[widest].height, planes[widest].height + gaps[widest]) if gaps[widest] > VACUUM else None
