"""Distances of the pairs that may be bonded, frame by frame, exact in every cell and cheap enough for long
trajectories.

Within a short run of frames no pair can come closer than its distance at the first of them less the way that both
atoms go. So the pairs are searched once per run, in one frame and among as many images as the cell is narrow, and the
distances of the few that can matter are taken in all frames at once. An atom and two images of another are two pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .bond_rules import BondRule

__all__ = ["PairDistances", "PairFinder", "widths"]


#: frames that share one search
_RUN = 48
#: Å; a run in which an atom goes farther is divided
_FAR = 2.0
#: pairs that are searched at once
_CHUNK = 2_000_000
#: cells that an atom may go through in either direction, relative to another
_IMAGES = 128


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances of all pairs that may be bonded in a run of frames; every other pair is farther apart than its rule's
    `broken`.

    Parameters
    ----------
    times : (n_frames,) float array, fs
    first, second : (n_pairs,) int arrays
        Atoms; of elements in the order of the rule, and the lower index first where both are one element.
    rule : (n_pairs,) int array
        Index of the rule.
    code : (n_pairs,) int array
        Identity of the pair, of atoms and image, through all frames.
    distances : (n_frames, n_pairs) float array, Å
    """

    times: Floats
    first: Ints
    second: Ints
    rule: Ints
    code: Ints
    distances: Floats


class PairFinder:
    """Finds the pairs of one trajectory, block by block in the order of the frames.

    Atoms are followed from frame to frame by their nearest image, relative to one of them, so that neither wrapping nor
    a shift of whole frames is motion; an atom that goes more than half the cell between two frames cannot be followed.

    Parameters
    ----------
    species : sequence of str
    rules : sequence of BondRule
    """

    def __init__(self, species: Sequence[str], rules: Sequence[BondRule]) -> None:
        symbols = np.array(species)
        self._rules = tuple(rules)
        named = sorted({symbol for rule in rules for symbol in rule.pair})
        #: the atoms that a rule names
        self._atoms: Ints = np.flatnonzero(np.isin(symbols, named)).astype(np.int64)
        self._members = [
            (np.flatnonzero(symbols[self._atoms] == rule.first), np.flatnonzero(symbols[self._atoms] == rule.second))
            for rule in rules
        ]
        self._last: Floats | None = None

    def pairs(self, block: Frames) -> Iterator[PairDistances]:
        """Yield the distances of the next frames, a short run at a time.

        Raises
        ------
        InputError
            If a cell has no volume.
        """
        for run in block.blocks(_RUN):
            if len(self._atoms) == 0:
                none = np.empty(0, np.int64)
                yield PairDistances(run.times, none, none, none, none, np.empty((len(run), 0)))
            else:
                yield from self._of_run(self._followed(run.fractional()[:, self._atoms]), run.cells, run.times)

    def _followed(self, fractional: Floats) -> Floats:
        """Coordinates relative to the first atom, without jumps across borders."""
        relative = fractional - fractional[:, :1]
        before = relative[:1] if self._last is None else self._last[None]
        relative -= np.cumsum(np.rint(np.diff(relative, axis=0, prepend=before)), axis=0)
        self._last = relative[-1]
        return relative

    def _of_run(self, fractional: Floats, cells: Floats, times: Floats) -> Iterator[PairDistances]:
        spread, stretch = _ways(fractional, cells)
        if len(times) > 1 and spread.max() > _FAR:  # far goers make many candidates: search more often
            middle = len(times) // 2
            for half in (slice(None, middle), slice(middle, None)):
                yield from self._of_run(fractional[half], cells[half], times[half])
            return
        found = [self._near(index, fractional[0], cells[0], spread, stretch) for index in range(len(self._rules))]
        first, second = (np.concatenate([pairs[end] for pairs in found]) for end in (0, 1))
        image = np.concatenate([pairs[2] for pairs in found])
        rule = np.repeat(np.arange(len(found)), [len(pairs[0]) for pairs in found])
        apart = fractional[:, second] - fractional[:, first] + image
        yield PairDistances(
            times,
            self._atoms[first],
            self._atoms[second],
            rule,
            self._code(first, second, image),
            np.linalg.norm(apart @ cells, axis=2),
        )

    def _code(self, first: Ints, second: Ints, image: Ints) -> Ints:
        """One number for two atoms and the image of the second."""
        places = image + _IMAGES
        if ((places < 0) | (places >= 2 * _IMAGES)).any():
            raise InputError(
                f"an atom has gone through more than {_IMAGES} cells relative to another: its bonds cannot be followed"
            )
        code = first * len(self._atoms) + second
        for axis in range(3):
            code = code * (2 * _IMAGES) + places[:, axis]
        return np.asarray(code)

    def _near(
        self, index: int, places: Floats, cell: Floats, spread: Floats, stretch: float
    ) -> tuple[Ints, Ints, Ints]:
        """Pairs of one rule, with the image of the second atom, that may come within its reach in this run."""
        rule, (rows, columns) = self._rules[index], self._members[index]
        width, reach = widths(cell[None])[0], rule.broken * stretch
        found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64))]
        step = max(1, _CHUNK // max(1, len(columns)))
        for start in range(0, len(rows) if len(columns) else 0, step):
            some = rows[start : start + step]
            apart = places[columns][None] - places[some][:, None]
            nearest = np.rint(apart)
            apart -= nearest
            limit = reach + spread[some][:, None] + spread[columns][None]
            # beyond half a width the image found by rounding is not the only one in reach, and need not be the nearest
            beyond = np.floor(limit.max() / width + 0.5).astype(np.int64)
            for offset in np.ndindex(*(2 * beyond + 1)):
                shift = np.array(offset) - beyond
                i, j = np.nonzero(np.linalg.norm((apart + shift) @ cell, axis=2) <= limit)
                found.append((some[i], columns[j], (shift - nearest[i, j]).astype(np.int64)))
        first, second, image = (np.concatenate([pairs[part] for pairs in found]) for part in range(3))
        keep = _once(first, second, image) if rule.first == rule.second else np.ones(len(first), dtype=bool)
        return first[keep], second[keep], image[keep]


def _once(first: Ints, second: Ints, image: Ints) -> NDArray[np.bool_]:
    """Pairs of one element, each once: the lower atom first; of an atom with its own images one of both directions."""
    leading = np.sign(image) @ np.array([9, 3, 1])  # the sign of the first index that is not 0
    return np.asarray((first < second) | ((first == second) & (leading > 0)))


def widths(cells: Floats) -> Floats:
    """Return the distances between opposite faces of cells (n, 3, 3), Å: (n, 3) array.

    Raises
    ------
    InputError
        If a cell has no volume.
    """
    volumes = np.abs(np.linalg.det(cells))
    if not (volumes > 1e-6).all():
        raise InputError(f"the cell of frame {int(np.argmin(volumes > 1e-6))} of the block has no volume")
    return np.asarray(1 / np.linalg.norm(np.linalg.inv(cells), axis=1))


def _ways(fractional: Floats, cells: Floats) -> tuple[Floats, float]:
    """How far each atom goes from its place in the first frame, Å of that frame's cell, and how much longer that cell's
    lengths may be than any other's."""
    spread = np.linalg.norm((fractional - fractional[0]) @ cells[0], axis=2).max(axis=0)
    strains = np.linalg.inv(cells[0]) @ cells
    return spread, 1.0 if np.array_equal(cells, np.broadcast_to(cells[0], cells.shape)) else float(
        1 / np.linalg.svd(strains, compute_uv=False).min()
    )
