"""The ledger of bond events: which bonds of a trajectory break and form for good, and when.

Each pair of atoms has its own state. A bond forms at or below its rule's `form` and breaks above `broken`; between
both it stays what it was (hysteresis). A change counts if the new state is seen without interruption for at least
the persistence, and its time is the first frame of that stretch: rattling leaves no trace. What is bonded at the
beginning is no event: the state at the beginning is that of the first stretch as long as the persistence, or of the
first frame where there is none. A pair that starts between `form` and `broken` is bonded up to its cut-off. So a change
can be seen from one persistence behind the first frame to one before the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from .bond_rules import BondRule, kind_name
from .neighbour_pairs import PairDistances

__all__ = ["PERSISTENCE", "BondEvent", "BondEvents", "BondLedger"]

States = NDArray[np.int8]

#: fs; more than a period of the stretching vibrations of PS4 (400 to 420 cm-1, 80 fs) and CoO6 (500 to 600 cm-1, 60
#: fs): what only rattles is back within half of one
PERSISTENCE = 100.0
#: fs; times are sums of time steps
_ROUNDING = 1e-6

UNKNOWN, APART, BONDED = -1, 0, 1


@dataclass(frozen=True)
class BondEvent:
    """One excursion of a pair from its initial state, and its return where there was one.

    Parameters
    ----------
    kind : str
        ``P-S breaking`` or ``S-S forming``: what happened first.
    atoms : (int, int)
        Indices in the frames, from 0; the more electropositive element first, or the lower index.
    formed, broken : float or None, fs
        Time of the frame. A bond that was there at the beginning has `broken`, and `formed` where it came back; a
        new bond has `formed`, and `broken` where it did not stay.
    """

    kind: str
    atoms: tuple[int, int]
    formed: float | None
    broken: float | None

    @property
    def time(self) -> float:
        """Of the first change, fs."""
        return min(time for time in (self.formed, self.broken) if time is not None)

    @property
    def lasting(self) -> bool:
        """Whether the pair did not return to its initial state."""
        return self.formed is None or self.broken is None

    @property
    def breaking(self) -> bool:
        """Whether the bond was there at the beginning."""
        return self.kind.endswith(" breaking")

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {"kind": self.kind, "atoms": list(self.atoms), "formed": self.formed, "broken": self.broken}


@dataclass(frozen=True)
class BondEvents:
    """What the ledger found.

    Parameters
    ----------
    events : tuple of BondEvent
        By time, then kind and atoms.
    initial, final : tuple of (rule, first, second)
        Bonds at the beginning, and those at the end, with the index of the rule; a pair stands there once for every
        image.
    rules : tuple of BondRule
    persistence : float, fs
    start, end : float, fs
        Times of the first and the last frame.
    n_frames : int
    """

    events: tuple[BondEvent, ...]
    initial: tuple[tuple[int, int, int], ...]
    final: tuple[tuple[int, int, int], ...]
    rules: tuple[BondRule, ...]
    persistence: float
    start: float
    end: float
    n_frames: int

    @property
    def duration(self) -> float:
        """From the first to the last frame, fs."""
        return self.end - self.start

    @property
    def observed(self) -> float:
        """Time in which a change can be seen, fs: the duration less a persistence at either end."""
        return max(self.duration - 2 * self.persistence, 0.0)

    @property
    def kinds(self) -> list[str]:
        """Every kind that could have been seen: breaking where there are such bonds at the beginning, and forming."""
        there = {rule for rule, _, _ in self.initial}
        names = [
            kind_name(rule.pair, change)
            for index, rule in enumerate(self.rules)
            for change in ("breaking", "forming")
            if change == "forming" or index in there
        ]
        return list(dict.fromkeys(names))

    @property
    def counts(self) -> dict[str, int]:
        """Events of every kind, those that never happened included."""
        found = Counter(event.kind for event in self.events)
        return {kind: found[kind] for kind in self.kinds}

    @property
    def lasting(self) -> dict[str, int]:
        """Events of every kind whose pair did not return."""
        found = Counter(event.kind for event in self.events if event.lasting)
        return {kind: found[kind] for kind in self.kinds}

    def initial_bonds(self) -> dict[str, int]:
        """Bonds at the beginning by pair of elements, ``P-S``."""
        found = Counter(rule for rule, _, _ in self.initial)
        return {rule.name: found[index] for index, rule in enumerate(self.rules)}

    def final_bonds(self) -> dict[str, int]:
        """Bonds at the end by pair of elements."""
        found = Counter(rule for rule, _, _ in self.final)
        return {rule.name: found[index] for index, rule in enumerate(self.rules)}

    def cumulative(self, kind: str, times: Floats) -> Ints:
        """Pairs that are away from their initial state by one kind of event at each of the times (fs): those that came
        less those that returned."""
        mine = [event for event in self.events if event.kind == kind]
        gone = np.sort([event.time for event in mine])
        back = np.sort([max(event.formed or 0.0, event.broken or 0.0) for event in mine if not event.lasting])
        return np.asarray(
            np.searchsorted(gone, times, side="right") - np.searchsorted(back, times, side="right"), dtype=np.int64
        )


class BondLedger:
    """Takes the distances of a trajectory in the order of its frames and keeps the state of every pair.

    Memory grows with the number of bonds and events alone.

    Parameters
    ----------
    rules : sequence of BondRule
    persistence : float, fs

    Raises
    ------
    InputError
        If the persistence is negative.
    """

    def __init__(self, rules: Sequence[BondRule], persistence: float = PERSISTENCE) -> None:
        if not 0 <= persistence < float("inf"):
            raise InputError(f"the persistence of a bond event must be 0 fs or more, and {persistence:g} fs was given")
        self._rules = tuple(rules)
        self._persistence = persistence
        self._form, self._broken, self._cutoff = (
            np.array([getattr(rule, name) for rule in self._rules]) for name in ("form", "broken", "cutoff")
        )
        self._pairs = _Pairs.none()
        self._initial: list[tuple[int, int, int]] = []
        self._changes: list[tuple[float, int, int, int, int, int]] = []
        self._first_time = self._last_time = float("nan")
        self._frames = 0

    def add(self, found: PairDistances) -> None:
        """Go on with the next frames.

        Raises
        ------
        InputError
            If the times do not rise.
        """
        times = np.concatenate([[self._last_time], found.times]) if self._frames else found.times
        if (np.diff(times) <= 0).any():
            raise InputError(
                f"the times of the frames do not rise at {times[int(np.argmin(np.diff(times) > 0)) + 1]:g} fs"
            )
        if not self._frames:
            self._first_time = float(found.times[0])
        pairs, distances = self._together(found)
        if not self._frames:
            pairs.state[:] = np.where(distances[0] <= self._cutoff[pairs.rule], BONDED, APART)
        states = _states(distances, self._form[pairs.rule], self._broken[pairs.rule], pairs.state)
        if not self._frames:
            pairs.state[:] = pairs.opening[:] = states[0]
            self._last_time = self._first_time
        self._pairs = self._settle(pairs, states, found.times)
        self._last_time = float(found.times[-1])
        self._frames += len(found.times)

    def result(self) -> BondEvents:
        """Return the ledger up to the last frame."""
        pairs = self._pairs
        # no state lasted: what was first is all there is to tell
        unsettled = pairs.told((pairs.settled == UNKNOWN) & (pairs.opening == BONDED))
        return BondEvents(
            tuple(sorted(self._paired(), key=lambda event: (event.time, event.kind, event.atoms))),
            tuple(sorted([*self._initial, *unsettled])),
            tuple(sorted([*pairs.told(pairs.settled == BONDED), *unsettled])),
            self._rules,
            self._persistence,
            self._first_time,
            self._last_time,
            self._frames,
        )

    def _together(self, found: PairDistances) -> tuple[_Pairs, Floats]:
        """All pairs with a state or a distance; those that are too far to be listed are infinitely far."""
        young = not self._frames or self._last_time - self._first_time < self._persistence - _ROUNDING
        near = _Pairs.new(found, UNKNOWN if young else APART, self._first_time)
        kept = self._pairs.select(~np.isin(self._pairs.code, found.code, assume_unique=True))
        place = np.searchsorted(self._pairs.code, found.code)
        known = np.isin(found.code, self._pairs.code, assume_unique=True)
        near.put(known, self._pairs.select(place[known]))
        distances = np.concatenate([found.distances, np.full((len(found.times), len(kept.code)), np.inf)], axis=1)
        return near.joined(kept), distances

    def _settle(self, pairs: _Pairs, states: States, times: Floats) -> _Pairs:
        """Find the lasting changes of a run of frames, and the pairs that the next run must know."""
        changing = (states != pairs.state).any(axis=0)
        busy = np.flatnonzero(changing | (pairs.state != pairs.settled))
        some = pairs.select(busy)
        before = np.concatenate([[self._last_time], times])
        runs = _Runs.of(some, states[:, busy], before)
        lasting = runs.select(runs.last - runs.start >= self._persistence - _ROUNDING)
        previous = np.where(lasting.opens, some.settled[lasting.pair], np.roll(lasting.state, 1))
        for pair, state, start, old in zip(lasting.pair, lasting.state, lasting.start, previous, strict=True):
            if old == UNKNOWN:
                if state == BONDED:
                    self._initial.append((int(some.rule[pair]), int(some.first[pair]), int(some.second[pair])))
            elif old != state:
                self._changes.append(
                    (
                        float(start),
                        int(some.code[pair]),
                        int(state),
                        int(some.rule[pair]),
                        int(some.first[pair]),
                        int(some.second[pair]),
                    )
                )
        some.settled[lasting.pair] = lasting.state  # the last of several assignments to one pair stays
        ends = runs.select(runs.closes)
        some.state[:], some.since[:] = ends.state, ends.start
        pairs.put(busy, some)
        active = (pairs.state != APART) | (pairs.settled != APART)
        return pairs.select(active).in_order()

    def _paired(self) -> list[BondEvent]:
        """Excursions from the changes: the first, third, … change of a pair leaves its initial state, the next one is
        the return."""
        by_pair: dict[int, list[tuple[float, int, int, int, int, int]]] = {}
        for change in self._changes:
            by_pair.setdefault(change[1], []).append(change)
        events = []
        for changes in by_pair.values():
            for leave, back in zip(changes[::2], [*changes[1::2], None], strict=False):
                time, _, state, rule, first, second = leave
                returned = None if back is None else back[0]
                formed, broken = (time, returned) if state == BONDED else (returned, time)
                events.append(
                    BondEvent(
                        kind_name(self._rules[rule].pair, "forming" if state == BONDED else "breaking"),
                        (first, second),
                        formed,
                        broken,
                    )
                )
        return events


@dataclass(eq=False)
class _Pairs:
    """Pairs with their states: `state` by distance, since the time `since`; `settled` by persistence; `opening` in the
    first frame. Arrays of one length, sorted by code."""

    code: Ints
    rule: Ints
    first: Ints
    second: Ints
    state: States
    settled: States
    opening: States
    since: Floats

    @classmethod
    def none(cls) -> _Pairs:
        empty, none = np.empty(0, np.int64), np.empty(0, np.int8)
        return cls(empty, empty, empty, empty, none, none, none, np.empty(0))

    @classmethod
    def new(cls, found: PairDistances, settled: int, start: float) -> _Pairs:
        """Pairs that were too far to be listed before, since the first frame."""
        n = len(found.code)
        return cls(
            found.code,
            found.rule,
            found.first,
            found.second,
            np.full(n, APART, np.int8),
            np.full(n, settled, np.int8),
            np.full(n, APART, np.int8),
            np.full(n, start),
        )

    def told(self, which: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
        """Rule and atoms of some pairs."""
        return list(
            zip(self.rule[which].tolist(), self.first[which].tolist(), self.second[which].tolist(), strict=True)
        )

    def select(self, which: NDArray[Any]) -> _Pairs:
        return _Pairs(*(array[which] for array in vars(self).values()))

    def put(self, where: NDArray[Any], others: _Pairs) -> None:
        for name in ("state", "settled", "opening", "since"):
            getattr(self, name)[where] = getattr(others, name)

    def joined(self, others: _Pairs) -> _Pairs:
        return _Pairs(
            *(
                np.concatenate([mine, theirs])
                for mine, theirs in zip(vars(self).values(), vars(others).values(), strict=True)
            )
        )

    def in_order(self) -> _Pairs:
        return self.select(np.argsort(self.code))


@dataclass(eq=False)
class _Runs:
    """Stretches of frames in one state, sorted by pair and time; `last` is the last frame's time, `opens` and `closes`
    mark the outer ones of a pair."""

    pair: Ints
    state: States
    start: Floats
    last: Floats
    opens: NDArray[np.bool_]
    closes: NDArray[np.bool_]

    @classmethod
    def of(cls, pairs: _Pairs, states: States, times: Floats) -> _Runs:
        """Runs of all pairs; `states` (n_frames, n_pairs), `times` (n_frames + 1) with the frame before."""
        every = np.vstack([pairs.state, states])
        turned = np.vstack([np.ones((1, every.shape[1]), bool), every[1:] != every[:-1]])
        pair, frame = np.nonzero(turned.T)
        opens = frame == 0
        start = times[frame]
        start[opens] = pairs.since[pair[opens]]
        closes = np.append(opens[1:], True) if len(opens) else opens
        last = np.where(closes, times[-1], times[np.append(frame[1:], 1)[: len(frame)] - 1])
        return cls(pair.astype(np.int64), every[frame, pair], start, last, opens, closes)

    def select(self, which: NDArray[np.bool_]) -> _Runs:
        """Some of the runs; `opens` then marks the first of each pair that is left."""
        pair = self.pair[which]
        opens = np.append(True, pair[1:] != pair[:-1]) if len(pair) else np.empty(0, bool)
        return _Runs(pair, self.state[which], self.start[which], self.last[which], opens, self.closes[which])


def _states(distances: Floats, form: Floats, broken: Floats, initial: States) -> States:
    """State of every pair in every frame: bonded at or below `form`, apart above `broken`, in between as before."""
    signal = np.full(distances.shape, UNKNOWN, dtype=np.int8)
    signal[distances <= form] = BONDED
    signal[distances > broken] = APART
    told = np.vstack([initial, signal])
    frame = np.where(told != UNKNOWN, np.arange(len(told))[:, None], 0)
    np.maximum.accumulate(frame, axis=0, out=frame)
    return np.asarray(np.take_along_axis(told, frame, axis=0)[1:], dtype=np.int8)
