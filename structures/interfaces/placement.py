"""Where one block sits on another: in-plane shift and gap of least energy, over every distinct shift.

Shifting a block by a lattice vector of either block's own lattice changes nothing, so the distinct shifts
fill the cell of the lattice that both span together, which is far smaller than the interface cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from pymatgen.core.periodic_table import Element, Species

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError
from .potential import CUTOFF, PairPotential
from .stack import Block

__all__ = ["CLOSEST", "GAPS", "SAME_ENERGY", "Registry", "contact", "registry_cell", "search"]


#: no two atoms come closer than this part of the sum of their radii
CLOSEST = 0.7
#: Å, the gaps that are searched
GAPS = (0.4, 4.4)
#: Å, largest distance between neighbouring shifts
SHIFT_STEP = 0.5
#: most shifts per direction
_MOST_SHIFTS = 8
#: Å, steps of the gap: all shifts on the first, the best ones on the second
_GAP_STEPS = (0.4, 0.05)
#: the least and the largest number of shifts that are refined, and the step, Å, at which that ends
_REFINED, _FINEST = (2, 24), 0.025
#: steps of one length on the way down
_MOVES = 4
#: Å, distance of two positions below which they are one
_SAME_PLACE = 0.3
#: eV/Å², difference of the energies of two positions below which they are one, by symmetry or by descent
SAME_ENERGY = 1e-4


@dataclass(frozen=True)
class Registry:
    """One position of a block on another.

    shift : (2,) float array, in units of the cell;
    gap : float, Å;
    energy : float, eV/Å², interaction energy per area by the analytic potential;
    seam : float, Å: for the periodic form the gap of the second interface, else 0;
    joints : tuple of float, eV/Å²: the part of `energy` of each interface.
    """

    shift: Floats
    gap: float
    energy: float
    seam: float = 0.0
    joints: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Pairs:
    """Pairs of an atom below and one above: kinds (2, p), in-plane vectors (p, 2) Å, and heights above each other less
    the gap (p,) Å."""

    kinds: Ints
    lateral: Floats
    rise: Floats
    potential: PairPotential

    def at(self, shifts: Floats, gaps: Floats) -> tuple[Floats, Floats, Floats]:
        """Energies, and the smallest distances in units of the contact radii and of the ionic radii: three (k, g)
        arrays."""
        energies, closest, touching = (np.full((len(shifts), len(gaps)), start) for start in (0.0, np.inf, np.inf))
        contacts, radii = (
            table[self.kinds[0], self.kinds[1]] for table in (self.potential.contacts, self.potential.radii)
        )
        near = np.flatnonzero(self.rise + gaps.min() < contacts)  # the others neither touch nor come too close
        contacts, radii = contacts[near, None], radii[near, None]
        height = (self.rise[:, None] + gaps) ** 2
        for k, shift in enumerate(shifts):
            lateral = self.lateral + shift
            distances = np.sqrt((lateral * lateral).sum(axis=1)[:, None] + height)
            energies[k] = self.potential.energies(self.kinds, distances).sum(axis=0)
            closest[k] = (distances[near] / contacts).min(axis=0, initial=np.inf)
            touching[k] = (distances[near] / radii).min(axis=0, initial=np.inf)
        return energies, closest, touching


def registry_cell(matrices: tuple[Ints, Ints]) -> Floats:
    """Return the distinct shifts' cell (2, 2), rows, in units of the interface cell, from the superlattice matrices of
    both sides."""
    common = math.prod(abs(round(float(np.linalg.det(matrix)))) for matrix in matrices)
    rows = np.concatenate([np.rint(common * np.linalg.inv(matrix)).astype(np.int64) for matrix in matrices])
    basis = []
    for column in (0, 1):
        while len(active := np.flatnonzero(rows[:, column])) > 1:
            pivot = active[np.argmin(np.abs(rows[active, column]))]
            others = active[active != pivot]
            rows[others] -= (rows[others, column] // rows[pivot, column])[:, None] * rows[pivot]
        basis.append(rows[active[0]].copy())
        rows[active[0]] = 0
    return np.array(basis) / common


def search(
    lower: Block,
    upper: Block,
    matrices: tuple[Ints, Ints],
    gap: float | None = None,
    *,
    periodic: bool = False,
    wanted: int = 1,
) -> list[Registry]:
    """Return distinct positions of `upper` on `lower`, the lowest energy first.

    The coarse shifts are refined in the order of their energies, until so many ended in positions of different energy
    as are wanted, or none is left: shifts that symmetry links, or from which one descends to the same place, are one
    position.

    A rigid cut of two crystals that do not fit repels itself until a slit is left, which relaxation would
    close. The gap is therefore never larger than that at which the first ions touch: their distance is the sum of their
    radii.

    Parameters
    ----------
    lower, upper : Block
        On one cell.
    matrices : pair of (2, 2) int arrays
        Superlattice vectors in units of either side's own lattice: they say which shifts differ.
    gap : float or None, Å
        Fixed, or searched between 0.4 and 4.4 Å.
    periodic : bool
        Add the second interface, between `upper` and the next cell's `lower`, with a gap of its own.
    wanted : int
        Positions; there may be fewer.

    Raises
    ------
    StructureError
        If atoms come closer than 0.7 times the sum of their radii at the given gap wherever the block sits.
    """
    steps = _shift_steps(registry_cell(matrices), lower.cell)
    shifts = np.array(
        [i * steps[0] / n + j * steps[1] / m for n, m in [_divisions(steps)] for i, j in product(range(n), range(m))]
    )
    joints = [_Joint(_pairs(lower, upper, shifts, gap or GAPS[0]), 1.0, gap)]
    if periodic:
        joints.append(_Joint(_pairs(upper, lower, shifts, gap or GAPS[0]), -1.0, gap))
    coarse = np.sum([joint.best(shifts, joint.gaps())[0] for joint in joints], axis=0)
    if not np.isfinite(coarse).any():
        needed = contact(lower, upper, np.zeros(2))
        raise StructureError(
            f"at a gap of {gap:g} Å atoms come closer than {CLOSEST} times the sum of their radii; unshifted, "
            f"{needed:.2f} Å are needed"
        )
    order = [k for k in np.argsort(coarse.round(9), kind="stable")[: _REFINED[1]] if np.isfinite(coarse[k])]
    widths = steps / np.array(_divisions(steps))[:, None]
    found: list[Registry] = []
    for number, k in enumerate(order):
        if number >= _REFINED[0] and len(found) >= wanted:
            break
        position = _refined(joints, shifts[k], widths, lower)
        if not any(_same(position, other, lower.cell, steps) for other in found):
            found.append(position)
    return sorted(found, key=lambda registry: round(registry.energy, 9))[:wanted]


def _same(a: Registry, b: Registry, cell: Floats, steps: Floats) -> bool:
    """Whether two positions are one: by their energies, or by their distance up to shifts that change nothing."""
    apart = np.linalg.solve(steps.T, (a.shift - b.shift) @ cell)
    distance = float(np.linalg.norm((apart - np.rint(apart)) @ steps))
    return abs(a.energy - b.energy) < SAME_ENERGY or distance < _SAME_PLACE


def contact(lower: Block, upper: Block, shift: Floats) -> float:
    """Return the smallest gap, Å, at which no two atoms are closer than 0.7 times the sum of their radii; `shift` in
    units of the cell."""
    pairs = _pairs(lower, upper, np.array([shift @ lower.cell]), 0.0)
    radii = CLOSEST * pairs.potential.contacts[pairs.kinds[0], pairs.kinds[1]]
    lateral = ((pairs.lateral + shift @ lower.cell) ** 2).sum(axis=1)
    close = lateral < radii**2
    return float((np.sqrt(radii[close] ** 2 - lateral[close]) - pairs.rise[close]).max(initial=0.0))


@dataclass(frozen=True)
class _Joint:
    """Pairs across one interface; `sign` says which way the upper block's shift counts; a fixed gap, or None."""

    pairs: _Pairs
    sign: float
    fixed: float | None

    def gaps(self, around: float | None = None, reach: float = _GAP_STEPS[0]) -> Floats:
        """Gaps to try: the whole range, or finely around one."""
        if self.fixed is not None:
            return np.array([self.fixed])
        if around is None:
            return np.arange(GAPS[0], GAPS[1] + 1e-9, _GAP_STEPS[0])
        return np.arange(max(around - reach, GAPS[0]), around + reach + 1e-9, _GAP_STEPS[1])

    def best(self, shifts: Floats, gaps: Floats) -> tuple[Floats, Floats]:
        """Least energy (k,) over the allowed gaps, inf where none is allowed, and its gap (k,)."""
        energies, closest, touching = self.pairs.at(self.sign * shifts, gaps)
        apart = closest >= CLOSEST
        if self.fixed is None:
            # up to the first gap at which the ions touch at most
            apart &= np.cumsum(apart & (touching >= 1), axis=1) <= 1
        energies = np.where(apart, energies, np.inf)
        best = energies.argmin(axis=1)
        return energies[np.arange(len(shifts)), best], gaps[best]


def _refined(joints: list[_Joint], shift: Floats, widths: Floats, lower: Block) -> Registry:
    """Descend from one shift with steps that are halved, and with fine steps of the gap."""
    starts = [float(joint.best(shift[None], joint.gaps())[1][0]) for joint in joints]
    halvings = max(0, math.ceil(math.log2(float(np.linalg.norm(widths, axis=1).max()) / _FINEST)))
    for halving in range(halvings + 1):
        # step 0 refines the gap alone
        around = np.array(list(product((0, -1, 1), repeat=2)) if halving else [(0, 0)])
        reach = 2 * _GAP_STEPS[1] if halving else _GAP_STEPS[0]
        for _ in range(_MOVES):
            trial = shift + around @ widths / 2**halving
            gaps = [joint.gaps(start, reach) for joint, start in zip(joints, starts, strict=True)]
            results = [joint.best(trial, tried) for joint, tried in zip(joints, gaps, strict=True)]
            totals = np.sum([energies for energies, _ in results], axis=0)
            best = int(np.argmin(totals.round(9)))
            shift, starts = trial[best], [float(gap[best]) for _, gap in results]
            if best == 0:
                break
    energy = float(totals[best]) / lower.area
    return Registry(
        np.asarray(np.linalg.solve(lower.cell.T, shift), dtype=np.float64),
        round(starts[0], 10),
        energy,
        round(starts[-1], 10) if len(starts) > 1 else 0.0,
        tuple(float(energies[best]) / lower.area for energies, _ in results),
    )


def _divisions(steps: Floats) -> tuple[int, int]:
    n, m = (min(_MOST_SHIFTS, max(1, math.ceil(float(np.linalg.norm(v)) / SHIFT_STEP - 1e-6))) for v in steps)
    return n, m


def _shift_steps(cell: Floats, interface: Floats) -> Floats:
    """Vectors (2, 2), Å, of the registry cell, Gauss-reduced."""
    return _shortened(cell @ interface)


def _shortened(vectors: Floats) -> Floats:
    a, b = vectors
    while True:
        if b @ b < a @ a * (1 - 1e-9):
            a, b = b, a
        factor = np.rint(a @ b / (a @ a) * (1 - 1e-9))
        if factor == 0:
            return np.array([a, b])
        b = b - factor * a


def _pairs(lower: Block, upper: Block, shifts: Floats, gap: float) -> _Pairs:
    """All pairs within the cutoff at the smallest gap, for any of the shifts."""
    below, above = _atoms(lower), _atoms(upper)
    depth, rise = lower.height - below[1], above[1]
    mine, theirs = np.flatnonzero(depth + gap < CUTOFF), np.flatnonzero(rise + gap < CUTOFF)
    reach = CUTOFF + float(np.linalg.norm(shifts, axis=1).max())
    inverse = np.linalg.inv(lower.cell)
    extent = np.ceil(reach * np.linalg.norm(inverse, axis=0)).astype(int) + 1
    images = np.array(list(product(range(-extent[0], extent[0] + 1), range(-extent[1], extent[1] + 1))))
    i, j = (grid.ravel() for grid in np.meshgrid(mine, theirs, indexing="ij"))
    height = depth[i] + rise[j]
    near = height + gap < CUTOFF
    i, j, height = i[near], j[near], height[near]
    difference = above[0][j] - below[0][i]
    difference -= np.rint(difference)
    far = np.sqrt(np.maximum(CUTOFF**2 - (height + gap) ** 2, 0.0)) + reach - CUTOFF
    chosen, vectors = [], []
    for image in images:
        lateral = (difference + image) @ lower.cell
        close = np.flatnonzero((lateral * lateral).sum(axis=1) < far * far)
        chosen.append(close)
        vectors.append(lateral[close])
    picked = np.concatenate(chosen)
    kinds_below, kinds_above = list(dict.fromkeys(below[2])), list(dict.fromkeys(above[2]))
    number_below, number_above = (
        np.array([kinds_below.index(s) for s in below[2]]),
        np.array([kinds_above.index(s) for s in above[2]]),
    )
    kinds = np.stack([number_below[i[picked]], number_above[j[picked]]])
    return _Pairs(kinds, np.concatenate(vectors), height[picked], PairPotential.between(kinds_below, kinds_above))


def _atoms(block: Block) -> tuple[Floats, Floats, list[Species | Element]]:
    fractional = np.concatenate([layer.fractional for layer in block.layers])
    heights = np.concatenate([layer.heights for layer in block.layers])
    return fractional, heights, [s for layer in block.layers for s in layer.species]
