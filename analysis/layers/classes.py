"""Which layer every cation lies in, and layered | spinel | rock salt from how metals share the layers.

Let m and l be the shares of octahedral sites that metals fill in the layers of one kind and in those
between them, and s = (m - l)/(m + l) their segregation. There is one s for each of the four families of
{111} planes of oxygen, the stacking direction first; the ideal values are

* layered: (1, 0, 0, 0), metals in every second layer of one family; also with lithium in the metal layer (Li2MnO3);
* spinel: (½, ½, ½, ½), three quarters and one quarter in turn along all four;
* rock salt: (0, 0, 0, 0), metals in all layers alike, be it MO or a disordered LiMO2.

These are corners of a regular simplex of edge 1, and a region belongs to the nearest one: there is no
threshold to choose. A spinel shows in all four families, so that the smallest of the other three stands for
all of them: in a small region chance makes one or two large. Where oxygen is not cubic close-packed spinel and rock
salt do not exist (``other``), and where it has left its planes the region is ``disordered``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ...configs.arrays import Bools, Floats, Ints
from ...configs.errors import StructureError
from .oxygen_framework import ALKALI, Framework
from .planes import PlaneFamily, is_cubic, plane_families

__all__ = ["LAYER_CLASSES", "LayerClass", "SortedCations", "nearest_class", "sort_cations"]

LayerClass = Literal["layered", "spinel", "rock salt", "other", "disordered"]
LAYER_CLASSES: tuple[LayerClass, ...] = get_args(LayerClass)

#: segregation along the four families of {111} planes, the stacking direction first
PROTOTYPES: dict[LayerClass, tuple[float, float, float, float]] = {
    "layered": (1.0, 0.0, 0.0, 0.0),
    "spinel": (0.5, 0.5, 0.5, 0.5),
    "rock salt": (0.0, 0.0, 0.0, 0.0),
}
#: an octahedral cation lies in the middle of its gap, a tetrahedral one at a quarter: half way between the two
OFF_CENTRE = 0.125
#: mean cos 2π(g·v) over the neighbour vectors v of oxygen below which it has left its planes: 1 in flat planes, 0
#: without order
ORDERED = 0.5
#: segregations smaller than this are none: metal and lithium layers cannot be told apart
ALIKE = 1e-6


@dataclass(frozen=True, eq=False)
class SortedCations:
    """Cations of a framework with their places between the planes.

    Parameters
    ----------
    framework : Framework
    families : list of PlaneFamily
        The stacking direction, that of the largest segregation, first.
    gaps : (f, q) int array
        Gap of each cation in each family.
    sides : (f, q) int array
        +1 in the layers with more metal, -1 in those between them, 0 where all are alike.
    lithium, octahedral : (q,) bool arrays
    segregation : (f,) float array
        Of the whole framework.
    order : (m,) float array
        Mean cos 2π(g·v) over the neighbours of each oxygen atom.
    cubic : bool
        Whether oxygen is cubic close-packed.
    """

    framework: Framework
    families: list[PlaneFamily]
    gaps: Ints
    sides: Ints
    lithium: Bools
    octahedral: Bools
    segregation: Floats
    order: Floats
    cubic: bool

    @property
    def metal(self) -> Bools:
        """Octahedral metal atoms, (q,) bool array."""
        return ~self.lithium & self.octahedral

    def side(self, gap: int) -> int:
        """+1 for a metal layer of the stacking direction, -1 for a lithium layer, 0 where all are alike."""
        if not self.sides[0].any():
            return 0
        return int(self.sides[0, 0]) * (1 if (gap - int(self.gaps[0, 0])) % 2 == 0 else -1)

    def mixed(self, weights: Floats) -> Floats:
        """Segregation (f,) of the metal atoms, weighted (q,), as if every family had as many sites on both sides."""
        metal = weights * self.metal
        return np.asarray(self.sides @ metal / max(float(metal.sum()), 1e-9))

    def class_of(self, segregation: Floats, cations: Bools) -> LayerClass:
        """Class of a region with this segregation; disordered where the oxygen around its cations has left the
        planes."""
        around = np.unique(self.framework.bonds[cations[self.framework.bonds[:, 1]], 0])
        if len(around) and self.order[around].mean() < ORDERED:
            return "disordered"
        return nearest_class(segregation.tolist(), cubic=self.cubic)


def nearest_class(segregation: Sequence[float], *, cubic: bool = True) -> LayerClass:
    """Return the prototype nearest to a segregation along the families of {111} planes.

    Parameters
    ----------
    segregation : sequence of float
        Up to four values, the stacking direction first; missing ones count as 0.
    cubic : bool
        Whether oxygen is cubic close-packed; otherwise spinel and rock salt are ``other``.
    """
    first, *others = [*segregation, 0.0, 0.0, 0.0, 0.0][:4]
    values = np.clip([first, *[min(others)] * 3], 0.0, 1.0)
    nearest = min(PROTOTYPES, key=lambda name: float(np.linalg.norm(values - PROTOTYPES[name])))
    return nearest if cubic or nearest == "layered" else "other"


def sort_cations(framework: Framework) -> SortedCations:
    """Find the planes of a framework and sort its cations into the gaps between them.

    The stacking direction is the family with the largest segregation, among equals the one most parallel to a slab's
    surface.

    Raises
    ------
    StructureError
        If its oxygen forms no close-packed planes, or is disordered on the whole.
    """
    families = plane_families(framework)
    order = _oxygen_order(framework, families)
    if order.mean() < ORDERED:
        raise StructureError(
            f"{framework.structure.composition.reduced_formula}: its oxygen atoms form no close-packed planes"
        )
    lithium = np.array([framework.structure[int(site)].specie.symbol in ALKALI for site in framework.cations])
    octahedral = np.mean([_off_centre(*family.cation_heights(framework)) for family in families], axis=0) <= OFF_CENTRE
    gaps = np.array([family.cation_gaps(framework) for family in families])
    counted = [_segregation(family, mine, ~lithium & octahedral) for family, mine in zip(families, gaps, strict=True)]
    surface = framework.surface_normal
    parallel = [0.0 if surface is None else -round(abs(float(surface @ family.normal)), 6) for family in families]
    rank = np.lexsort((parallel, [-round(value, 6) for value, _ in counted]))
    return SortedCations(
        framework=framework,
        families=[families[k] for k in rank],
        gaps=gaps[rank],
        sides=np.array([counted[k][1] for k in rank]),
        lithium=lithium,
        octahedral=octahedral,
        segregation=np.array([counted[k][0] for k in rank]),
        order=order,
        cubic=is_cubic(framework, families),
    )


def _off_centre(low: Floats, high: Floats) -> Floats:
    """How far from the middle of its gap each cation lies, 0 to 0.5; 0 where one side is missing."""
    return np.nan_to_num(np.abs(low / (low + high) - 0.5), nan=0.0)


def _segregation(family: PlaneFamily, gaps: Ints, metal: Bools) -> tuple[float, Ints]:
    """Segregation along one family, and the side of each cation: +1 in the layers with more metal."""
    none = np.zeros(len(gaps), dtype=np.int64)
    if not family.alternates:
        return 0.0, none
    present = [gap for gap in family.gaps() if gap in gaps or np.isfinite(family.thickness(gap))]
    even, odd = (
        (metal & (gaps % 2 == k)).sum() / max(sum(family.octahedra(gap) for gap in present if gap % 2 == k), 1e-9)
        for k in (0, 1)
    )
    value = float((even - odd) / (even + odd)) if even + odd else 0.0
    if abs(value) < ALIKE:
        return 0.0, none
    return abs(value), (1 if value > 0 else -1) * (1 - 2 * (gaps % 2))


def _oxygen_order(framework: Framework, families: list[PlaneFamily]) -> Floats:
    """Mean of cos 2π(g·v) over the neighbour vectors of each oxygen atom (m,) and over the families; where narrow and
    wide gaps take turns, from where such planes lie."""
    first, second = framework.pairs.T
    cosines = []
    for family in families:
        rises = framework.vectors @ family.normal / family.spacing
        if family.alternates:
            turn = np.array([family.offsets[family.levels % 2 == k].mean() for k in (0, 1)])[family.levels % 2]
            rises = rises - (turn[second] - turn[first])
        cosines.append(np.cos(2 * np.pi * rises))
    number = np.bincount(first, minlength=len(framework.oxygen))
    total = np.bincount(first, weights=np.mean(cosines, axis=0), minlength=len(framework.oxygen))
    return np.asarray(total / np.maximum(number, 1))
