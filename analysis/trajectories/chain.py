"""Files of one trajectory joined: steps and times rise, what stood in the file before is dropped, gaps are said.

Where the numbering of a file continues the one before, a gap or an overlap is read from it; where it begins anew, the
last frame of the file before is looked for among the first frames, and the way that the atoms go from file to file is
compared with the way that they go from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...configs.arrays import Floats
from ...structures.trajectories.frames import Frames
from .source import Damage, TrajectorySource

__all__ = ["SAME_TIME", "Chain"]

#: Å; two frames whose atoms are all nearer are one frame (six decimals of a 50 Å cell are 5e-5)
_SAME = 1e-4
#: the step from one file to the next is suspected when its atoms go farther than this times the farthest within a file
_JUMP = 1.5
#: frames at the end of each block whose ways are that measure
_COMPARED = 65
#: frames that are compared at once with the last of the file before
_SCANNED = 256
#: relative; time steps and times that differ by less are one
SAME_TIME = 1e-3


@dataclass(frozen=True)
class _Last:
    """The last frame that was given on."""

    frame: Frames
    raw_step: int
    time: float


class Chain:
    """Joins the frames of all files: steps and times rise, repeated frames are dropped, gaps are said.

    Parameters
    ----------
    check_times : bool
        Say it where the times of a file do not follow from its steps; False where another time step overrules them.
    """

    def __init__(self, *, check_times: bool = True) -> None:
        self._check_times = check_times
        self.last: _Last | None = None
        self._first_raw: int | None = None
        self._offset = 0
        self._spacing: int | None = None
        self._farthest: float | None = None

    def begin(self, source: TrajectorySource, timestep: float, damage: Damage) -> None:
        """Begin a file."""
        self._source, self._timestep, self._damage, self._new = source, timestep, damage, True
        self._gaps: list[str] = []
        self._anew = 0
        self._wrong_times = 0.0
        self._overlap: list[int] = []

    def end(self) -> None:
        """Say what holds for the whole file."""
        if self._gaps:
            self._damage.say(
                f"{len(self._gaps)} gap{'s' if len(self._gaps) > 1 else ''} in the steps, the first {self._gaps[0]}"
            )
        if self._anew:
            self._damage.say(
                f"the steps do not rise in {self._anew} place{'s' if self._anew > 1 else ''} within the file"
            )
        if self._overlap:
            self._damage.say(
                f"{len(self._overlap)} frame{'s' if len(self._overlap) > 1 else ''} of it stood in the files before, "
                f"steps {min(self._overlap)} to {max(self._overlap)}: dropped"
            )
        if self._wrong_times:
            self._damage.say(
                f"its times do not follow from its steps (up to {self._wrong_times:g} fs apart): steps of "
                f"{self._timestep:g} fs are used"
            )

    def joined(self, frames: Frames) -> Iterator[Frames]:
        """Frames with the steps of the whole trajectory, less those that were there already."""
        if len(frames) == 0:
            return
        rises = np.flatnonzero(np.diff(frames.steps) <= 0) + 1
        for part in np.split(np.arange(len(frames)), rises):
            run = frames.select(part)
            fresh = self._fresh(run)
            if len(fresh):
                yield self._numbered(fresh)

    def _fresh(self, run: Frames) -> Frames:
        """Frames that follow the last one; sets the offset of the numbering."""
        first, new, self._new = int(run.steps[0]), self._new, False
        if self._spacing is None and len(run) > 1:
            self._spacing = int(np.diff(run.steps).min())
        spacing = self._spacing or 1
        if self.last is None:
            self._first_raw = first
            return run
        if first > self.last.raw_step:
            if new:
                self._compare(run, first - self.last.raw_step <= spacing)
            return run
        if not new and not self._overlap:
            self._anew += 1
        if first <= max(1, self._first_raw or 0) and not self._overlap:
            return self._begun_anew(self.last, run, new)
        return self._less_overlap(self.last, run)

    def _begun_anew(self, last: _Last, run: Frames, new: bool) -> Frames:
        """Frames whose numbering begins again: those behind the last one, if it is among them."""
        blocks = self._source.read(_SCANNED, Damage(self._source.path)) if new else iter([run])
        same = next((step for block in blocks if (step := _same_frame(last.frame, block)) is not None), None)
        if same is None:
            self._offset = int(last.frame.steps[-1]) + (self._spacing or 1) - int(run.steps[0])
            if new:
                self._damage.say(f"its steps begin again at {run.steps[0]}: taken as following on the frames before")
            self._compare(run, True)
            return run
        self._offset = int(last.frame.steps[-1]) - same
        self.last = replace(last, raw_step=same)
        return self._less_overlap(self.last, run)

    def _less_overlap(self, last: _Last, run: Frames) -> Frames:
        """Frames after the last step, of a numbering that goes on from before it."""
        again = run.select(run.steps == last.raw_step)
        if len(again) and _same_frame(last.frame, again) is None:
            self._damage.say(
                f"its steps overlap those before, but step {last.raw_step} is not the same frame there: is it another "
                "run?"
            )
        repeated = run.steps <= last.raw_step
        self._overlap += run.steps[repeated].tolist()
        return run.select(~repeated)

    def _compare(self, run: Frames, consecutive: bool) -> None:
        """Say it if the atoms go farther from file to file than from frame to frame."""
        if self.last is None or self._farthest is None or not consecutive:
            return
        way = float(_ways(self.last.frame, run.select(slice(0, 1)))[0])
        if way > _JUMP * self._farthest:
            self._damage.say(
                f"the atoms go {way:.3f} Å (root mean square) from the frame before its first, and at most "
                f"{self._farthest:.3f} Å from frame to frame before: frames are missing, or it is another run"
            )

    def _numbered(self, run: Frames) -> Frames:
        """The frames with steps and times of the whole trajectory."""
        raw, steps = run.steps, run.steps + self._offset
        before = np.concatenate(
            ([steps[0] - (self._spacing or 1) if self.last is None else self.last.frame.steps[-1]], steps[:-1])
        )
        for i in np.flatnonzero(steps - before > (self._spacing or 1)):
            self._gaps.append(f"of {steps[i] - before[i] - (self._spacing or 1)} steps before step {raw[i]}")
        start, time = (0, 0.0) if self.last is None else (int(self.last.frame.steps[-1]), self.last.time)
        times = np.asarray(time + (steps - start) * self._timestep, dtype=np.float64)
        own = run.times - run.times[0] - (steps - steps[0]) * self._timestep
        if self._check_times and np.isfinite(own).all():
            worst = float(np.abs(own).max())
            self._wrong_times = max(
                self._wrong_times,
                worst if worst > SAME_TIME * self._timestep * max(1, int(steps[-1] - steps[0])) else 0.0,
            )
        if len(run) > 1:
            end = run.select(slice(-_COMPARED, None))
            self._farthest = max(
                self._farthest or 0.0, float(_ways(end.select(slice(0, -1)), end.select(slice(1, None))).max())
            )
        numbered = replace(run, steps=steps, times=times)
        self.last = _Last(numbered.select(slice(-1, None)), int(raw[-1]), float(times[-1]))
        return numbered


def _differences(before: Frames, after: Frames) -> Floats:
    """Ways of the atoms from `before` (one frame or as many) to each frame of `after`, by rounding: (n_frames, n_sites,
    3) Å."""
    fractional = after.fractional() - before.fractional()
    fractional -= np.round(fractional)
    return np.asarray(fractional @ after.cells)


def _ways(before: Frames, after: Frames) -> Floats:
    """Root mean square over the atoms of their way, Å, less the way of the centre."""
    moved = _differences(before, after)
    moved -= moved.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt((moved**2).sum(axis=2).mean(axis=1)))


def _same_frame(last: Frames, frames: Frames) -> int | None:
    """Step of the frame in which every atom stands where it stands in `last`."""
    farthest = np.abs(_differences(last, frames)).max(axis=(1, 2))
    found = np.flatnonzero(farthest < _SAME)
    return int(frames.steps[found[0]]) if len(found) else None
