"""Atomic planes of a facet and the cuts between them: terminations, their polarity and the bonds that they break.

Polarity is that of the cell that is cut: a termination is polar if its repeat has a dipole, for every further repeat
adds that dipole again. P. W. Tasker (J. Phys. C 12 (1979) 4977) sorts surfaces by their stack of planes: type 1 has
neutral planes, type 2 charged planes in a repeat without a dipole, type 3 a repeat with a dipole. Here the class is
that of the average crystal, charges spread over each Wyckoff position, and a note beside the dipole: the planes of
LiNi0.5Mn0.3Co0.2O2(104) are neutral on average, and in an ordering they may alternate in charge.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pymatgen.core.periodic_table import Element

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from ..crystals.environment import ComplexIons, complex_ions, site_charges
from ..crystals.symmetry import SYMPREC
from .facet import Facet

__all__ = [
    "DIPOLE_TOLERANCE",
    "PLANE_WIDTH",
    "Termination",
    "cutting_heights",
    "group_planes",
    "opposite_cuts",
    "same_height",
    "site_charges",
    "terminations",
]

#: Å; atoms within this height form one plane: an oxygen plane of LixCoO2(104) is buckled by 0.17 to 0.25 Å
PLANE_WIDTH = 0.3
#: e/Å; a smaller dipole per area is none (10⁻³ e/Å make a potential step of 0.18 V)
DIPOLE_TOLERANCE = 1e-3
#: Å; two heights closer than this are one
_HEIGHT_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Termination:
    """One way to cut a crystal parallel to a facet.

    Parameters
    ----------
    shift : float
        Height of the cut in units of the facet's spacing, in [0, 1), half way between two planes of the oriented cell.
    label : str
        Composition of the outermost plane below the cut, which is the top face of a slab; a number follows where
        several terminations share it: ``O-2``.
    bottom : str
        Composition of the plane above the cut, which is the bottom face of a slab of whole repeats.
    tasker : int
        1, 2 or 3, of the average crystal's repeat that begins at this cut.
    dipole : float, e/Å
        Dipole per area of one repeat, formal charges of the ordered cell; where there is one, the cut is polar.
    share : float or None
        Part of the outer plane that moved to the other face would cancel the average crystal's dipole; None where the
        plane is neutral.
    broken_units : float, 1/Å²
        Cut bonds inside complex ions (PS4, CO3, BO3) per area; see :mod:`..crystals.environment`.
    broken_strength : float, e/Å²
        Sum of z/CN over all cut cation-anion bonds per area.
    """

    shift: float
    label: str
    bottom: str
    tasker: int
    dipole: float
    share: float | None
    broken_units: float
    broken_strength: float

    @property
    def polar(self) -> bool:
        """Whether a slab of whole repeats from this cut repeats a dipole."""
        return abs(self.dipole) > DIPOLE_TOLERANCE

    @property
    def half_shared(self) -> bool:
        """Whether half of the outer plane on the other face would cancel the average crystal's dipole."""
        return self.tasker == 3 and self.share is not None and abs(self.share - 0.5) < 1e-3


@dataclass(frozen=True, eq=False)
class _Cut:
    """A gap between two planes: height (Å) of its middle, indices of the sites of the plane below and of the one
    above."""

    height: float
    below: Ints
    above: Ints


def terminations(facet: Facet, tolerance: float = PLANE_WIDTH, *, whole: bool = False) -> list[Termination]:
    """Return all symmetry-inequivalent cuts of a facet, the most sensible first.

    Two cuts are equal if an operation of the crystal that keeps the outward normal, the oxidation states, and the
    moments up to the reversal of all, maps one on the other: they then leave the same top face. Cuts that break no
    complex ion come first, then those without a dipole or with one that sharing the outer plane cancels, then those
    that break the weakest bonds.

    Parameters
    ----------
    facet : Facet
    tolerance : float, Å
        Atoms within this height form one plane.
    whole : bool
        Cut around complex ions: PS4 stays on the side of its P. Planes are then planes of ions.

    Raises
    ------
    StructureError
        If the tolerance is not positive.
    """
    if not tolerance > 0:
        raise StructureError(f"the tolerance of atomic planes must be positive, and {tolerance} Å was given")
    structure, ions = facet.oriented, complex_ions(facet.oriented)
    heights, charges = cutting_heights(facet, ions, whole=whole), site_charges(structure)
    offset = float(charges @ (structure.cart_coords[:, 2] - heights))
    average = _Average.of(facet, ions, whole=whole)
    found = []
    for cut in _distinct(facet, _cuts(facet, heights, tolerance)):
        dipole = (_repeat_dipole(heights, charges, cut.height, facet.spacing) + offset) / facet.area
        tasker, share = average.polarity(cut.height, facet.layer, tolerance)
        units, strength = _cut_bonds(facet, ions, heights, cut.height)
        names = _formula(facet, cut.below), _formula(facet, cut.above)
        found.append(Termination(cut.height / facet.spacing, *names, tasker, dipole, share, units, strength))
    return _numbered(sorted(found, key=_rank))


def cutting_heights(facet: Facet, ions: ComplexIons, *, whole: bool) -> Floats:
    """Return the heights (n_sites,), Å, that decide on which side of a cut a site of the oriented cell lies: with
    `whole`, those of its complex ion."""
    heights = facet.oriented.cart_coords[:, 2]
    return np.array(heights + ions.shift[:, 2] if whole else heights)


def group_planes(heights: Floats, period: float, width: float) -> list[Ints]:
    """Group atoms into planes no wider than `width`, rising from some gap, by cutting the widest gaps until all are
    narrow enough.

    Equal gaps are cut together, so that the result does not depend on the origin or on which way is up.

    Parameters
    ----------
    heights : (n,) float array, Å
        Modulo `period`.
    period, width : float, Å

    Returns
    -------
    list of (k,) int arrays
        Indices of the atoms of each plane; the first plane lies above the widest gap.
    """
    order = np.argsort(np.mod(heights, period), kind="stable")
    rising = np.mod(heights, period)[order]
    gaps = np.diff(rising, append=rising[0] + period)
    start = int(np.argmax(gaps)) + 1
    order, rising = np.roll(order, -start), np.concatenate([rising[start:], rising[:start] + period])
    waiting, planes = [(0, len(order))], []
    while waiting:
        first, last = waiting.pop(0)
        inside = np.diff(rising[first:last])
        if rising[last - 1] - rising[first] <= width + 1e-9:
            planes.append((first, last))
            continue
        widest = inside.max()
        places = np.flatnonzero(inside > max(widest - 1e-3, widest / 2)) + first + 1
        bounds = [first, *map(int, places), last]
        waiting = [*pairwise(bounds), *waiting]
    return [order[first:last].astype(np.int64) for first, last in planes]


def opposite_cuts(facet: Facet, height: float) -> list[float]:
    """Return the heights in [0, spacing), Å, of bottom cuts that look like the top cut at `height` turned upside
    down."""
    return sorted({round(float(np.mod(image, facet.spacing)), 6) for image in _images(facet, height, reverse=True)})


def _repeat_dipole(heights: Floats, charges: Floats, cut: float, period: float) -> float:
    """Dipole Σ q z, e Å, of the atoms between `cut` and `cut + period`, all of which have their heights modulo the
    period."""
    return float(charges @ np.mod(heights - cut, period))


def _cuts(facet: Facet, heights: Floats, tolerance: float) -> list[_Cut]:
    period = facet.spacing
    planes = group_planes(heights, period, tolerance)
    cuts = []
    for below, above in zip(planes, [*planes[1:], planes[0]], strict=True):
        # planes rise from their first atom; rounding must not fold that atom to the top of the period
        width = float((np.mod(heights[below] - heights[below[0]] + 1e-6, period) - 1e-6).max())
        gap = float(np.mod(heights[above[0]] - heights[below[0]] - width - 1e-6, period)) + 1e-6
        cuts.append(_Cut(float(np.mod(heights[below[0]] + width + gap / 2, period)), below, above))
    return cuts


def _images(facet: Facet, height: float, *, reverse: bool) -> list[float]:
    """Heights, Å, that the crystal's operations map `height` to: those that turn the normal around, or those that keep
    it."""
    found = facet.cell.operations
    columns = facet.cell.lattice.T
    normal = facet.rotation[2] @ columns  # row vector on fractional coordinates
    turned = np.einsum("i,nij->nj", normal, found.rotations)
    sign = -1.0 if reverse else 1.0
    keep = np.abs(turned - sign * normal).max(axis=1) < 1e-3 * np.abs(normal).max()
    shifts = found.translations[keep] @ normal
    return [float(sign * height + shift) for shift in shifts]


def _distinct(facet: Facet, cuts: list[_Cut]) -> list[_Cut]:
    chosen: list[_Cut] = []
    taken: list[float] = []
    for cut in cuts:
        if not any(same_height(cut.height, other, facet.spacing) for other in taken):
            chosen.append(cut)
            taken += _images(facet, cut.height, reverse=False)
    return chosen


def same_height(a: float, b: float, period: float) -> bool:
    """Whether two heights, Å, agree within 0.01 Å modulo the period."""
    return abs((a - b + period / 2) % period - period / 2) < _HEIGHT_TOLERANCE


@dataclass(frozen=True, eq=False)
class _Average:
    """The average crystal along the normal: cutting heights (Å), what lies between these and the true heights (Å), and
    charges per area (e/Å²)."""

    heights: Floats
    offsets: Floats
    charges: Floats

    @classmethod
    def of(cls, facet: Facet, ions: ComplexIons, *, whole: bool) -> _Average:
        average = facet.cell.average
        charges = site_charges(average) * facet.layer / average.volume
        heights = average.cart_coords @ facet.rotation[2]
        offsets = _offsets_of_average(facet, ions) if whole else np.zeros(len(average))
        return cls(heights + offsets, offsets, charges)

    def polarity(self, cut: float, layer: float, tolerance: float) -> tuple[int, float | None]:
        """Tasker class of the repeat from `cut` on, and the share of the outer plane that cancels its dipole."""
        dipole = _repeat_dipole(self.heights, self.charges, cut, layer) - float(self.charges @ self.offsets)
        planes = group_planes(self.heights, layer, tolerance)
        outer = min(planes, key=lambda plane: float(np.mod(cut - self.heights[plane], layer).min()))
        charge = float(self.charges[outer].sum())
        share = None if abs(charge) < 1e-6 else dipole / (charge * layer)
        if abs(dipole) > DIPOLE_TOLERANCE:
            return 3, share
        neutral = all(abs(self.charges[plane].sum()) < 1e-6 for plane in planes)
        return (1 if neutral else 2), share


def _offsets_of_average(facet: Facet, ions: ComplexIons) -> Floats:
    """Mean height, Å, from each site of the average crystal to the middle of the complex ions that the ordered crystal
    has there."""
    cell = facet.cell
    there = cell.structure.cart_coords[facet.oriented.site_properties["origin"]]
    gaps = (there[None, :, :] - cell.average.cart_coords[:, None, :]) @ np.linalg.inv(cell.average_lattice)
    near = np.linalg.norm((gaps - np.rint(gaps)) @ cell.average_lattice, axis=2) < 10 * SYMPREC
    offsets: Floats = near @ ions.shift[:, 2] / np.maximum(near.sum(axis=1), 1)
    return offsets


def _cut_bonds(facet: Facet, ions: ComplexIons, heights: Floats, cut: float) -> tuple[float, float]:
    """Bonds cut per area: those inside complex ions (1/Å²), and the strength of all (e/Å²)."""
    found, offsets = ions.bonds, heights - facet.oriented.cart_coords[:, 2]
    start = heights[found.anions]
    end = start - offsets[found.anions] + found.vectors[:, 2] + offsets[found.cations]
    crossed = np.abs(np.floor((end - cut) / facet.spacing) - np.floor((start - cut) / facet.spacing))
    return float(crossed[ions.inside].sum() / facet.area), float(crossed @ ions.strength / facet.area)


def _formula(facet: Facet, sites: Ints) -> str:
    """Composition of a plane in lowest terms, rising electronegativity: ``LiCoO2``, ``O``."""
    counts = Counter(facet.oriented[int(k)].specie.symbol for k in sites)
    divisor = math.gcd(*counts.values())
    symbols = sorted(counts, key=lambda symbol: (Element(symbol).X, symbol))
    return "".join(f"{symbol}{counts[symbol] // divisor if counts[symbol] > divisor else ''}" for symbol in symbols)


def _rank(found: Termination) -> tuple[float, bool, float, str, float]:
    return (
        round(found.broken_units, 4),
        found.polar and not found.half_shared,
        round(found.broken_strength, 4),
        found.label,
        round(found.shift, 6),
    )


def _numbered(found: list[Termination]) -> list[Termination]:
    totals = Counter(termination.label for termination in found)
    seen: Counter[str] = Counter()
    named = []
    for termination in found:
        seen[termination.label] += 1
        label = (
            termination.label if totals[termination.label] == 1 else f"{termination.label}-{seen[termination.label]}"
        )
        named.append(Termination(**{**vars(termination), "label": label}))
    return named
