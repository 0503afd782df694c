"""Atoms that leave: oxygen that has lost its metals, and atoms that have crossed the border of their layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .bond_events import BondEvents
from .bond_rules import MOBILE, is_molecular, is_shell
from .neighbour_pairs import widths

__all__ = ["Layers", "Migrant", "MigrationWatch", "ReleasedOxygen", "released_oxygen"]


#: Å; an atom has left its layer when it is this far outside of where the layer's atoms were in the first frame: more
#: than vibrations
MARGIN = 1.5
#: Å; layers closer than this share an interface, others face vacuum
TOUCHING = 5.0


@dataclass(frozen=True)
class ReleasedOxygen:
    """An oxygen atom that was bonded to a metal in the first frame and to none in the last.

    Parameters
    ----------
    atom : int
    time : float, fs
        When the last of its bonds to a metal broke.
    partners : dict of str to int
        What it is bonded to at the end, by element: P, S, O; empty where it is bare or bonded to mobile ions alone.
    """

    atom: int
    time: float
    partners: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def released_oxygen(ledger: BondEvents, symbols: Sequence[str]) -> list[ReleasedOxygen]:
    """Return the oxygen atoms that have lost all bonds to metals (Co, Ni, Mn, …) for good, by time.

    Parameters
    ----------
    ledger : BondEvents
    symbols : sequence of str
        Elements of the atoms.
    """

    def with_metals(bonds: Sequence[tuple[int, int, int]]) -> set[int]:
        metals = [(ledger.rules[index].pair, second) for index, _, second in bonds]
        return {second for pair, second in metals if pair[1] == "O" and is_shell(pair) and not is_molecular(pair)}

    partners: dict[int, dict[str, int]] = {}
    for index, first, second in ledger.final:
        if is_molecular(ledger.rules[index].pair):
            for atom, other in ((first, second), (second, first)):
                held = partners.setdefault(atom, {})
                held[symbols[other]] = held.get(symbols[other], 0) + 1
    times: dict[int, float] = {}
    for event in ledger.events:
        if event.broken is not None:
            times[event.atoms[1]] = max(event.broken, times.get(event.atoms[1], 0.0))
    lost = with_metals(ledger.initial) - with_metals(ledger.final)
    return sorted(
        (ReleasedOxygen(atom, times[atom], partners.get(atom, {})) for atom in lost),
        key=lambda one: (one.time, one.atom),
    )


@dataclass(frozen=True, eq=False)
class Layers:
    """Which layer of a stack each atom belongs to; the layers follow one another along the normal of the first two cell
    vectors.

    Parameters
    ----------
    tags : tuple of str, n_sites
        E.g. LCO and LPSCl.
    """

    tags: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Each once, in the order of the sites."""
        return list(dict.fromkeys(self.tags))

    def extents(self, first: Frames) -> dict[str, tuple[float, float]]:
        """Lowest and highest atom of each layer in the first frame, Å along the normal; a layer that goes through the
        border ends above the cell.

        Raises
        ------
        InputError
            If the numbers of tags and atoms differ.
        """
        if len(self.tags) != first.n_sites:
            raise InputError(f"{len(self.tags)} layer tags were given for frames of {first.n_sites} atoms")
        heights, period = first.fractional()[0, :, 2] % 1.0, float(widths(first.cells[:1])[0, 2])
        found = {}
        for name in self.names:
            mine = np.sort(heights[[tag == name for tag in self.tags]])
            gaps = np.diff(np.append(mine, mine[0] + 1))
            widest = int(np.argmax(gaps))
            low = mine[(widest + 1) % len(mine)]
            found[name] = float(low * period), float((low + 1 - gaps[widest]) * period)
        return found

    def interfaces(self, first: Frames) -> list[tuple[str, str, float]]:
        """Layers that touch: the lower one, the upper one, and the gap between them, Å, in the order of height.

        Raises
        ------
        InputError
            As :meth:`extents`.
        """
        stack = sorted(self.extents(first).items(), key=lambda item: item[1])
        period = float(widths(first.cells[:1])[0, 2])
        if len(stack) < 2:
            return []
        pairs = []
        for (lower, (_, top)), (upper, (bottom, _)) in zip(
            stack, [*stack[1:], (stack[0][0], (stack[0][1][0] + period, 0.0))], strict=True
        ):
            if bottom - top < TOUCHING:
                pairs.append((lower, upper, bottom - top))
        return pairs


@dataclass(frozen=True)
class Migrant:
    """An atom that has left its layer and stays out.

    Parameters
    ----------
    atom : int
    element, layer : str
        The layer that it left.
    time : float, fs
        Since when it is outside.
    distance : float, Å
        Beyond the outermost atom of the first frame, at the end; negative below.
    """

    atom: int
    element: str
    layer: str
    time: float
    distance: float

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


class MigrationWatch:
    """Follows the heights of all atoms through a trajectory; the drift of the atoms that do not hop is taken off.

    Parameters
    ----------
    layers : Layers
    persistence : float, fs
        An atom has left when it is outside without interruption for this long, up to the last frame.
    """

    def __init__(self, layers: Layers, persistence: float) -> None:
        self._layers, self._persistence = layers, persistence
        #: lowest and highest place of each atom's layer, Å, and its own place in the first frame, in units of the cell
        self._limits: Floats = np.empty((3, 0))
        self._start: Floats = np.empty(0)
        self._last: Floats = np.empty(0)
        self._since: Floats = np.empty(0)
        self._outside: Floats = np.empty(0)
        self._fixed: NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._symbols: tuple[str, ...] = ()
        self._end = 0.0

    def add(self, block: Frames) -> None:
        """Go on with the next frames.

        Raises
        ------
        InputError
            If the numbers of tags and atoms differ.
        """
        heights = block.fractional()[:, :, 2]
        heights = heights - heights[:, :1]
        if not self._symbols:
            self._begin(block, heights[0])
        heights -= np.cumsum(np.rint(np.diff(heights, axis=0, prepend=self._last[None])), axis=0)
        self._last = heights[-1].copy()
        moved = heights - self._start
        moved -= moved[:, self._fixed].mean(axis=1, keepdims=True)
        places = (self._limits[2] + moved) * widths(block.cells)[:, 2:]
        outside = np.where(
            places > self._limits[1], places - self._limits[1], np.minimum(places - self._limits[0], 0.0)
        )
        out = np.abs(outside) > MARGIN
        frames = np.where(out, -1, np.arange(len(block))[:, None]).max(axis=0)  # last frame inside
        came = np.where(frames < len(block) - 1, block.times[np.minimum(frames + 1, len(block) - 1)], np.inf)
        self._since = np.where(frames >= 0, came, np.where(np.isinf(self._since), block.times[0], self._since))
        self._outside, self._end = outside[-1], float(block.times[-1])

    def result(self) -> list[Migrant]:
        """Return who is outside, by time."""
        away = np.flatnonzero(self._end - self._since >= self._persistence)
        found = [
            Migrant(int(i), self._symbols[i], self._layers.tags[i], float(self._since[i]), float(self._outside[i]))
            for i in away
        ]
        return sorted(found, key=lambda one: (one.time, one.atom))

    def _begin(self, block: Frames, heights: Floats) -> None:
        extents = self._layers.extents(block)
        low, high = (np.array([extents[tag][end] for tag in self._layers.tags]) for end in (0, 1))
        period = widths(block.cells[:1])[0, 2]
        place = block.fractional()[0, :, 2] % 1.0
        place = np.where(place * period < low - 1e-9, place + 1, place)
        self._limits = np.stack([low, high, place])
        self._start = self._last = heights
        self._since = np.full(block.n_sites, np.inf)
        self._symbols = block.species
        fixed = np.array([symbol not in MOBILE for symbol in block.species])
        self._fixed = fixed if fixed.any() else ~fixed
