"""Close-packed planes of oxygen, found from the oxygen atoms alone, whatever the cell, the facet or the setting.

A layered oxide, a spinel and a rock salt share one sublattice: cubic close-packed oxygen, whose {111}
planes have four orientations, 70.5° apart. Each orientation is a wave vector g with |g| = 1 / (distance
of planes); its planes are found in three steps. (1) Among the wave vectors that the periodicity of the
oxygen framework allows, those with the largest structure factor |⟨exp 2πi g·r⟩| are taken. (2) Oxygen
atoms get the number of their plane along the clearest neighbour bonds (a minimum spanning tree), so that
neither strain nor rattling adds up. (3) The normal follows from the translations, which leave it no
freedom in a bulk cell and one angle in a slab whose planes cut the surface; this angle is fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from .oxygen_framework import ALKALI, Framework

__all__ = ["PlaneFamily", "is_cubic", "plane_families"]

#: shortest and longest distance of {111} planes in units of that of ideal close packing, √(2/3) of the oxygen distance;
#: {200} planes lie at 0.87
WINDOW = (0.93, 1.12)
#: longest distance of the planes of a layered oxide, in the same units: prismatic stackings and wide layers reach 1.2
WIDE = 1.3
#: the same for planes parallel to a slab, which may be a single sheet of MO2 with no wider gap beside it (CoO2 0.84)
SHEET = 0.8
#: smallest structure factor of a family of planes: 1 for flat planes, 0.92 for the alternating ones of LiCoO2, 0 for a
#: liquid
CLEAR = 0.5
#: degrees between two families of planes: of one and the same, at least of different ones, of {111} in cubic close
#: packing and its scatter
SAME, APART, CUBIC, SKEW = 15.0, 40.0, 70.53, 10.0
#: smallest structure factor of the metals at every second gap that makes a family the layers: 1 for LiMO2, 1/2 for a
#: spinel, 0 for a rock salt
LAYERED = 0.7
#: smallest structure factor of the other families beside such a one
BESIDE = 0.7
#: families of planes that are looked at
MANY = 24
#: neighbours of an oxygen atom that is counted as inside, twelve in close packing
INSIDE = 11
#: two neighbours face each other where their vectors add up to less than this times the distance: 0.2 in LiCoO2, 0.58
#: in hexagonal packing
FACING = 0.4


@dataclass(frozen=True, eq=False)
class PlaneFamily:
    """Parallel planes of oxygen.

    Parameters
    ----------
    normal : (3,) float array
        Unit vector, towards the upper side of a slab, or the third axis of a crystal.
    spacing : float, Å
        Mean distance of neighbouring planes.
    period : int
        Number of planes after which translations repeat them; 0 where none does, in a slab parallel to them.
    levels : (m,) int array
        Plane of each oxygen atom: 0 to `period` - 1, or from 0 upwards.
    offsets : (m,) float array
        Distance of each atom from its ideal plane in units of the spacing.
    clarity : float
        Structure factor, 0 to 1.
    """

    normal: Floats
    spacing: float
    period: int
    levels: Ints
    offsets: Floats
    clarity: float

    @property
    def alternates(self) -> bool:
        """Whether every second plane can be told from the others: translations shift by an even number of planes."""
        return self.period % 2 == 0

    def gaps(self) -> list[int]:
        """Gaps between planes: gap k lies above plane k; in a slab the last one and gap -1 have one plane only."""
        return list(range(self.period)) if self.period else list(range(-1, int(self.levels.max()) + 1))

    def thickness(self, gap: int) -> float:
        """Distance of the two planes of a gap, Å; NaN where one is missing."""
        above = (gap + 1) % self.period if self.period else gap + 1
        low, high = self.offsets[self.levels == gap], self.offsets[self.levels == above]
        return float(self.spacing * (1 + high.mean() - low.mean())) if len(low) and len(high) else float("nan")

    def octahedra(self, gap: int) -> float:
        """Octahedral sites of a gap: one for each oxygen atom of a plane, the mean of its two planes."""
        above = (gap + 1) % self.period if self.period else gap + 1
        return float((self.levels == gap).sum() + (self.levels == above).sum()) / 2

    def wrapped(self, gaps: Ints) -> Ints:
        """Numbers of gaps or planes, taken into the period."""
        return np.asarray(gaps % self.period if self.period else gaps)

    def cation_gaps(self, framework: Framework) -> Ints:
        """Gap of each cation (q,): the one that most of its oxygen atoms bound."""
        oxygen, cation = framework.bonds.T
        below = framework.bond_vectors @ self.normal > 0
        votes = np.stack([cation, self.wrapped(np.where(below, self.levels[oxygen], self.levels[oxygen] - 1))], axis=1)
        choices, counts = np.unique(votes, axis=0, return_counts=True)
        best = np.lexsort((choices[:, 1], -counts, choices[:, 0]))
        first = np.unique(choices[best, 0], return_index=True)[1]
        return np.asarray(choices[best][first, 1])

    def cation_heights(self, framework: Framework) -> tuple[Floats, Floats]:
        """Mean heights of each cation (q,), Å, above its lower and below its upper oxygen atoms; NaN where it has
        none."""
        cation, heights = framework.bonds[:, 1], framework.bond_vectors @ self.normal
        sides = []
        for sign in (1, -1):
            mine = sign * heights > 0
            number = np.bincount(cation[mine], minlength=len(framework.cations))
            total = np.bincount(cation[mine], weights=sign * heights[mine], minlength=len(framework.cations))
            sides.append(np.where(number > 0, total / np.maximum(number, 1), np.nan))
        return sides[0], sides[1]


def plane_families(framework: Framework) -> list[PlaneFamily]:
    """Return the families of close-packed planes: the four that enclose 70.5° in cubic close packing, else the clearest
    ones.

    Raises
    ------
    StructureError
        If there is none.
    """
    positions = framework.structure.cart_coords[framework.oxygen]
    positions = positions + _unwrapped(framework, np.zeros(len(framework.pairs)), positions)[0]
    surface = framework.surface_normal
    upward = framework.structure.lattice.matrix[2] if surface is None else surface
    found: list[PlaneFamily] = []
    for wave, clarity in _clear_waves(framework, positions):
        family = _family(framework, wave if wave @ upward > -1e-9 else -wave, clarity)
        if family is not None:
            found.append(family)
    if not found:
        raise StructureError(
            f"{framework.structure.composition.reduced_formula}: its oxygen atoms form no close-packed planes"
        )
    return found


def is_cubic(framework: Framework, families: list[PlaneFamily]) -> bool:
    """Whether oxygen is cubic close-packed: four families of planes at 70.5°, give or take 11°, and neighbours that
    face each other.

    Inside a crystal every atom has twelve neighbours, in pairs that face each other; in hexagonal packing half of them
    do. Oxygen sublattices with holes (WO3) have fewer neighbours, and are none.
    """
    if len(families) < 4 or any(
        abs(_angle(a.normal, b.normal) - CUBIC) > SKEW + 1 for a, b in combinations(families, 2)
    ):
        return False
    starts = np.searchsorted(framework.pairs[:, 0], np.arange(len(framework.oxygen) + 1))
    facing = []
    for first, last in pairwise(starts):
        if last - first >= INSIDE:
            mine = framework.vectors[first:last]
            rest = np.linalg.norm(mine[:, None, :] + mine[None, :, :], axis=2).min(axis=1)
            facing.append(float((rest < FACING * framework.distance).mean()))
    return bool(facing) and float(np.mean(facing)) > 0.75


def _unwrapped(
    framework: Framework, costs: Floats, positions: Floats, steps: Ints | None = None
) -> tuple[Floats, Ints]:
    """Shifts (m, 3), Å, and plane numbers (m,) along the cheapest tree of neighbour bonds from the first atom."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    number = len(framework.oxygen)
    i, j = framework.pairs.T
    apart = np.flatnonzero(i < j)
    ranked = apart[np.lexsort((costs[apart], j[apart], i[apart]))]
    between = i[ranked] * number + j[ranked]
    edges = ranked[np.flatnonzero(np.diff(between, prepend=-1))]  # the cheapest of each pair
    between = i[edges] * number + j[edges]
    graph = csr_array((costs[edges] + 1e-6, (i[edges], j[edges])), shape=(number, number))
    order, before = breadth_first_order(minimum_spanning_tree(graph), 0, directed=False)
    later, start = order[1:], before[order[1:]]
    sign = np.where(start < later, 1, -1)
    edge = edges[np.searchsorted(between, np.minimum(start, later) * np.int64(number) + np.maximum(start, later))]
    place = np.zeros((number, 3))
    level = np.zeros(number, dtype=np.int64)
    place[0] = positions[0]
    ways = sign[:, None] * framework.vectors[edge]
    climbs = np.zeros(len(later), dtype=np.int64) if steps is None else sign * steps[edge]
    for atom, root, way, climb in zip(later.tolist(), start.tolist(), ways, climbs.tolist(), strict=True):
        place[atom] = place[root] + way
        level[atom] = level[root] + climb
    return place - positions, level


def _clear_waves(framework: Framework, positions: Floats) -> list[tuple[Floats, float]]:
    """Wave vectors (1/Å) of the families of planes with their structure factors, the clearest first."""
    ideal = 1 / (framework.distance * np.sqrt(2 / 3))
    waves = _allowed_waves(framework.translations, positions, ideal / SHEET)
    lengths = np.linalg.norm(waves, axis=1)
    along = len(framework.translations) == 2
    flat = along & (np.abs(waves @ framework.translations.T).max(axis=1) < 1e-6)
    waves = waves[(lengths > ideal / WIDE) & (lengths < np.where(flat, ideal / SHEET, ideal / WINDOW[0]))]
    clarity = np.round(_clarity(waves, positions), 9)
    peaks: list[int] = []
    for k in np.argsort(-clarity, kind="stable"):
        if clarity[k] < CLEAR or len(peaks) == MANY:
            break
        narrow = np.linalg.norm(waves[k]) > ideal / WINDOW[1]
        if narrow and all(_angle(waves[k], waves[other]) > SAME for other in peaks):
            peaks.append(int(k))
    layered, chosen = _layered(framework, waves, clarity), _cubic(waves, peaks)
    if layered is not None and all(_angle(waves[layered], waves[k]) > SAME for k in chosen):
        chosen = _apart(waves, [layered, *(k for k in peaks if clarity[k] > BESIDE)])
    return [(waves[k], float(clarity[k])) for k in chosen or _apart(waves, peaks)]


def _layered(framework: Framework, waves: Floats, clarity: Floats) -> int | None:
    """The family of planes of which metals fill every second gap, if there is one: of wide layers, and of prismatic
    stackings, others may have the larger structure factor of oxygen."""
    metals = [i for i in framework.cations if framework.structure[int(i)].specie.symbol not in ALKALI]
    even = (np.rint(waves @ framework.translations.T).astype(np.int64) % 2 == 0).all(axis=1)
    clear = np.flatnonzero((clarity >= CLEAR) & even)
    if not metals or not len(clear):
        return None
    every_second = np.round(_clarity(waves[clear] / 2, framework.structure.cart_coords[metals]), 9)
    best = clear[np.lexsort((-clarity[clear], -every_second))[0]]
    return int(best) if every_second.max() > LAYERED else None


def _cubic(waves: Floats, peaks: list[int]) -> list[int]:
    """The clearest four that enclose the angles of cubic close packing; none where there are no such four."""
    partners = {
        k: [other for other in peaks if other != k and abs(_angle(waves[k], waves[other]) - CUBIC) < SKEW]
        for k in peaks
    }
    for first, *rest in combinations(peaks, 4):
        if all(b in partners[a] for a, b in combinations([first, *rest], 2)):
            return [first, *rest]
    return []


def _apart(waves: Floats, peaks: list[int]) -> list[int]:
    """The clearest ones of different orientation: those of oxygen that is not cubic close-packed."""
    chosen: list[int] = []
    for k in peaks:
        if len(chosen) < 4 and all(_angle(waves[k], waves[other]) > APART for other in chosen):
            chosen.append(k)
    return chosen


def _angle(a: Floats, b: Floats) -> float:
    """Angle between two axes, 0 to 90 degrees."""
    return math.degrees(math.acos(min(1.0, abs(float(a @ b)) / float(np.linalg.norm(a) * np.linalg.norm(b)))))


def _clarity(waves: Floats, positions: Floats) -> Floats:
    """Structure factor (n,) of each wave vector."""
    block = max(1, 2_000_000 // len(positions))
    parts = [
        np.abs(np.exp(2j * np.pi * waves[k : k + block] @ positions.T).mean(axis=1))
        for k in range(0, len(waves), block)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _allowed_waves(translations: Floats, positions: Floats, longest: float) -> Floats:
    """Wave vectors (n, 3) up to a length, 1/Å, of which every translation is a whole number of waves; along a slab's
    normal a fine grid."""
    reach = [int(np.ceil(length * longest)) for length in np.linalg.norm(translations, axis=1)]
    numbers = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(
        -1, len(reach)
    )
    waves = numbers @ np.linalg.pinv(translations).T
    waves = waves[np.linalg.norm(waves, axis=1) < longest]
    if len(translations) == 2:
        normal = np.cross(*translations)
        normal /= np.linalg.norm(normal)
        step = 1 / (8 * (np.ptp(positions @ normal) + 1.0))
        grid = np.arange(-longest, longest + step, step)
        waves = (waves[:, None, :] + grid[None, :, None] * normal).reshape(-1, 3)
    return np.asarray(waves)


def _family(framework: Framework, wave: Floats, clarity: float) -> PlaneFamily | None:
    """Planes of one wave vector; None where there is one plane only."""
    phases = framework.vectors @ wave
    steps = np.rint(phases).astype(np.int64)
    positions = framework.structure.cart_coords[framework.oxygen]
    shifts, levels = _unwrapped(framework, np.abs(phases - steps), positions, steps)
    places = positions + shifts
    repeats = np.rint(framework.translations @ wave).astype(np.int64)
    period = int(np.gcd.reduce(np.abs(repeats)))
    if period == 0 and np.ptp(levels) == 0:
        return None
    normal, spacing = _normal(framework.translations, repeats, wave, (places, levels))
    heights = places @ normal / spacing
    turns = levels // period if period else np.full(len(levels), levels.min())
    levels, heights = levels - turns * max(period, 1), heights - turns * max(period, 1)
    offsets = heights - levels
    return PlaneFamily(normal, spacing, period, levels, offsets - offsets.mean(), clarity)


def _normal(translations: Floats, repeats: Ints, wave: Floats, places: tuple[Floats, Ints]) -> tuple[Floats, float]:
    """Unit normal and spacing, Å: from the translations alone in a crystal, with one fitted number in a slab."""
    if len(translations) == 3:
        exact = np.linalg.solve(translations, repeats.astype(float))
        return np.asarray(exact / np.linalg.norm(exact)), float(1 / np.linalg.norm(exact))
    positions, levels = places
    across = np.cross(*translations)
    across /= np.linalg.norm(across) * (1 if across @ wave > 0 else -1)
    if not repeats.any():
        means = {int(level): float((positions[levels == level] @ across).mean()) for level in np.unique(levels)}
        slope = np.polyfit(list(means), list(means.values()), 1)[0]
        return np.asarray(across), float(slope)
    still = repeats[1] * translations[0] - repeats[0] * translations[1]  # stays in its plane
    still = still / np.linalg.norm(still)
    basis = np.stack([np.cross(across, still), across])
    period = int(np.gcd.reduce(np.abs(repeats)))
    mover = int(np.abs(repeats).argmax())
    flat = (positions - (levels // period)[:, None] * (period / repeats[mover]) * translations[mover]) @ basis.T
    rest = levels % period
    centred = flat - np.array([flat[rest == level].mean(axis=0) for level in rest])
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    normal = vectors[:, 0] @ basis if values[1] > 1.0 else wave / np.linalg.norm(wave)
    normal = normal * (1.0 if normal @ wave > 0 else -1.0)
    return np.asarray(normal), float(normal @ translations[mover] / repeats[mover])
