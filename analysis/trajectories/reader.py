"""Trajectories from files: any format, several files as chunks in order, streamed, with everything that was wrong said.

What is damaged is left out and named in the notes; what is whole is used. Steps rise through the whole
trajectory: where the numbering of a file continues the one before, a gap or an overlap is read from it; where it
begins anew, the last frame of the file before is looked for among the first frames, and the way that the atoms
go from file to file is compared with the way that they go from frame to frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from ...structures.trajectories.h5 import is_trajectory_file, read_blocks, read_header
from .source import READ_ERRORS, Damage, TrajectorySource, opened, refuse_rehearsal_stamp

__all__ = ["Trajectory", "open_trajectory"]


#: Å; two frames whose atoms are all nearer are one frame (six decimals of a 50 Å cell are 5e-5)
_SAME = 1e-4
#: the step from one file to the next is suspected when its atoms go farther than this times the farthest within a file
_JUMP = 1.5
#: frames at the end of each block whose ways are that measure
_COMPARED = 65
#: frames that are compared at once with the last of the file before
_SCANNED = 256
#: relative; time steps and times that differ by less are one
_SAME_TIME = 1e-3
#: bytes at the beginning of an OUTCAR that hold its input, and of an XDATCAR that hold two frames
_HEAD_BYTES = 2**20
#: fs; taken where nothing tells the time step
_ASSUMED_TIMESTEP = 1.0


def open_trajectory(paths: Sequence[Path], timestep: float | None = None, block: int = 256) -> Trajectory:
    """Open the files of one trajectory, chunks in order.

    Parameters
    ----------
    paths : sequence of Path
        XDATCAR, vasprun.xml (plain or .gz), HDF5 of this project, extended XYZ and what else ASE reads; told by
        content.
    timestep : float, fs, optional
        Between two steps of the dynamics, where the files do not say it. An XDATCAR takes it from the INCAR beside it.
    block : int
        Frames that are in memory at once.

    Raises
    ------
    InputError
        If a file cannot be opened, has other atoms than the first, comes from a rehearsal, or says another time step.
    """
    if not paths:
        raise InputError("no trajectory: name at least one file")
    if timestep is not None and not (np.isfinite(timestep) and timestep > 0):
        raise InputError(f"a time step of {timestep} fs is not possible, it must be positive")
    if block < 1:
        raise InputError(f"blocks of {block} frames are not possible, at least 1 is needed")
    sources = [_source(Path(path)) for path in paths]
    for source in sources[1:]:
        if source.species != sources[0].species:
            raise InputError(
                f"{source.path} has {len(source.species)} atoms and {sources[0].path} has {len(sources[0].species)}, "
                "or their order differs: chunks of one trajectory have the same atoms in the same order"
            )
    for source in sources:
        if timestep is not None and source.timestep is not None and abs(timestep / source.timestep - 1) > _SAME_TIME:
            raise InputError(
                f"the time step of {timestep:g} fs that was given is not that of {source.path}, {source.timestep:g} "
                "fs: leave it out"
            )
    return Trajectory(sources, timestep, block)


def _source(path: Path) -> TrajectorySource:
    """The reader that the content of the file asks for."""
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file"
            if not path.exists()
            else f"{path} is no file: name the XDATCAR or vasprun.xml in it"
        )
    if is_trajectory_file(path):
        return _hdf5_source(path)
    try:
        with opened(path) as file:
            head = file.read(8192)
    except READ_ERRORS as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not head.strip():
        raise InputError(f"{path} is empty")
    refuse_rehearsal_stamp(head.partition(b"\n")[0].decode(errors="replace"), path)
    from .ase import ase_source
    from .vasprun import vasprun_source
    from .xdatcar import xdatcar_source

    if head.lstrip().startswith(b"<?xml") and b"<modeling" in head:
        return vasprun_source(path)
    if "XDATCAR" in path.name or b"\nDirect configuration" in head:
        return xdatcar_source(path)
    return ase_source(path)


def _hdf5_source(path: Path) -> TrajectorySource:
    header = read_header(path)
    refuse_rehearsal_stamp(header.metadata.get("tier", ""), path)

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        count = 0
        for frames in read_blocks(path, block):
            yield damage.usable(frames, count + 1)
            count += len(frames)

    return TrajectorySource(path, header.species, header.timestep, read, header.metadata)


class Trajectory:
    """Frames of one or several files, in order; see :func:`open_trajectory`.

    Attributes
    ----------
    species : tuple of str, n_sites
    timestep : float, fs
        Between two steps of the dynamics.
    timestep_known : bool
        False if nothing told it: then 1 fs is assumed, times only count steps, and diffusivities have no meaning.
    metadata : mapping
        What the first file says of itself; ``tier`` where it is known.
    paths : tuple of Path
    notes : list of str
        What was found wrong, left out or assumed; complete when the blocks were read.
    """

    def __init__(self, sources: Sequence[TrajectorySource], timestep: float | None, block: int) -> None:
        self._sources, self._block = tuple(sources), block
        self.species = self._sources[0].species
        self.paths = tuple(source.path for source in self._sources)
        self.metadata: Mapping[str, Any] = self._sources[0].metadata
        self._opening: list[str] = []
        self._timesteps, self.timestep_known = self._resolved(timestep)
        self.timestep = self._timesteps[0]
        self.notes: list[str] = list(self._opening)

    def blocks(self) -> Iterator[Frames]:
        """Yield the usable frames; from the beginning again with each call.

        Raises
        ------
        InputError
            When no frame of any file is usable.
        """
        self.notes = list(self._opening)
        chain = _Chain()
        for source, timestep in zip(self._sources, self._timesteps, strict=True):
            damage = Damage(source.path)
            chain.begin(source, timestep, damage)
            for frames in source.read(self._block, damage):
                yield from chain.joined(frames)
            chain.end()
            self.notes += damage.notes()
        if chain.last is None:
            raise InputError(
                f"{', '.join(map(str, self.paths))}: no usable frame. {'; '.join(self.notes)}".rstrip(". ")
            )

    def _resolved(self, given: float | None) -> tuple[list[float], bool]:
        """Time step of each file, and whether anything told it."""
        told = [source.timestep or given or _potim(source.path) for source in self._sources]
        known = [value for value in told if value is not None]
        if not known:
            self._opening.append(
                f"nothing tells the time step: {_ASSUMED_TIMESTEP:g} fs is assumed, so times count steps, and "
                "diffusivities and rates have no meaning: give the time step"
            )
        for source, value in zip(self._sources, told, strict=True):
            if source.timestep is None and given is None and known and "OUTCAR" not in source.path.name:
                origin = "the INCAR beside it" if value else "the other files"
                self._opening.append(f"{source.path}: the time step of {value or known[0]:g} fs is that of {origin}")
            elif value is not None and abs(value / known[0] - 1) > _SAME_TIME:
                self._opening.append(
                    f"{source.path}: its time step is {value:g} fs, that of {self._sources[0].path} {known[0]:g} fs; "
                    "each counts for its own frames"
                )
        return [value or (known[0] if known else _ASSUMED_TIMESTEP) for value in told], bool(known)


def _potim(path: Path) -> float | None:
    """POTIM of VASP's molecular dynamics, from the OUTCAR itself or the INCAR beside an XDATCAR; None where nothing
    says it.

    VASP writes every NBLOCK-th step into XDATCAR: where its numbers are consecutive all the same, they count NBLOCK
    steps.
    """
    names = (path.name,) if "OUTCAR" in path.name else ("INCAR", "INCAR.gz") if "XDATCAR" in path.name else ()
    file = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if file is None:
        return None
    try:
        head, text = (_beginning(one).decode(errors="replace") for one in (file, path))
    except READ_ERRORS:
        return None
    tags = {tag: float(value) for tag, value in re.findall(r"\b(POTIM|IBRION|NBLOCK)\s*=\s*(-?[\d.]+)", head)}
    numbers = [int(number) for number in re.findall(r"^Direct configuration=\s*(\d+)", text, re.MULTILINE)[:2]]
    steps = tags.get("NBLOCK", 1.0) if len(numbers) == 2 and numbers[1] - numbers[0] == 1 else 1.0
    return tags["POTIM"] * steps if tags.get("IBRION") == 0 and tags.get("POTIM", 0.0) > 0 else None


def _beginning(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read(_HEAD_BYTES)


@dataclass(frozen=True)
class _Last:
    """The last frame that was given on."""

    frame: Frames
    raw_step: int
    time: float


class _Chain:
    """Joins the frames of all files: steps and times rise, repeated frames are dropped, gaps are said."""

    def __init__(self) -> None:
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
        if np.isfinite(own).all():
            worst = float(np.abs(own).max())
            self._wrong_times = max(
                self._wrong_times,
                worst if worst > _SAME_TIME * self._timestep * max(1, int(steps[-1] - steps[0])) else 0.0,
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
