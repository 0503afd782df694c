"""One trajectory file as every reader gives it: what holds for all frames, blocks of frames, and what was damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...configs.errors import InputError
from ...structures.crystals.guard import sane_frames
from ...structures.trajectories.frames import Frames
from ...workflows.documents import is_stamped

__all__ = [
    "MOST_STEPS",
    "READ_ERRORS",
    "Damage",
    "Stream",
    "TrajectorySource",
    "opened",
    "packing",
    "refuse_rehearsal_stamp",
    "step_number",
    "text_lines",
]

#: what a truncated or corrupt stream raises
READ_ERRORS = (EOFError, OSError, zlib.error, lzma.LZMAError)
#: first bytes of packed files that are read, with the usual end of their names
_PACKED = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz"}
#: first bytes of packed files that are not
_UNREAD = {b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"\x1f\x9d": "compress"}
#: frames that a note lists before it only counts
_LISTED = 5
#: a step beyond is no number of a step
MOST_STEPS = 10**15
#: Å³; a cell below is no cell
_EMPTY = 1e-6


def step_number(text: str | bytes | float) -> int:
    """The number of a step.

    Raises
    ------
    ValueError
        If it is none that a run can reach: arrays of numbers hold no larger ones.
    """
    number = float(text)
    if not abs(number) <= MOST_STEPS:
        raise ValueError(f"a step of {number:g}")
    return int(number)


@dataclass
class Damage:
    """Frames of one file that cannot be used, with the reason, and what else there is to say of it."""

    path: Path
    dropped: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def drop(self, reason: str, frame: str) -> None:
        """Remember a frame that is not used."""
        self.dropped.setdefault(reason, []).append(frame)

    def say(self, text: str) -> None:
        """Remember anything else."""
        self.said.append(text)

    def notes(self) -> list[str]:
        """One line per kind of damage."""
        lines = []
        for reason, frames in self.dropped.items():
            more = f" and {len(frames) - _LISTED} more" if len(frames) > _LISTED else ""
            plural = "frame is" if len(frames) == 1 else "frames are"
            lines.append(f"{self.path}: {len(frames)} {plural} not used, {reason}: {', '.join(frames[:_LISTED])}{more}")
        return lines + [f"{self.path}: {text}" for text in self.said]

    def usable(self, frames: Frames, first: int) -> Frames:
        """Return the frames whose cells and positions are numbers and whose cells have a volume; `first` is the number
        of the first, from 1."""
        finite = sane_frames(frames.cells, frames.positions)
        volume = np.zeros(len(frames))
        volume[finite] = np.abs(np.linalg.det(frames.cells[finite]))
        for i in np.flatnonzero(~finite):
            self.drop("positions or cell are not numbers", f"frame {first + i}")
        for i in np.flatnonzero(finite & (volume < _EMPTY)):
            self.drop("the cell has no volume", f"frame {first + i}")
        keep = volume >= _EMPTY
        return frames if keep.all() else frames.select(keep)


@dataclass(frozen=True)
class TrajectorySource:
    """One file of a trajectory.

    Parameters
    ----------
    path : Path
    species : tuple of str, n_sites
    timestep : float, fs, or None
        Between two steps of the dynamics, where the file says it.
    read : callable (int, Damage) -> iterator of Frames
        Blocks of at most so many frames; numbers of the steps as the file has them, times NaN where it has none.
    metadata : mapping
        What else the file says of itself.
    optimiser : str
        What tells that its steps are those of an optimiser and not of time, ``IBRION = 2``; empty for dynamics.
    """

    path: Path
    species: tuple[str, ...]
    timestep: float | None
    read: Callable[[int, Damage], Iterator[Frames]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    optimiser: str = ""


class Stream:
    """Bytes of a plain or packed file; what stands before a damage is read before the damage is raised."""

    def __init__(self, file: BinaryIO) -> None:
        self._file: Any = file

    def read(self, size: int = 2**16) -> bytes:
        """Return at most so many bytes, none at the end.

        Raises
        ------
        EOFError, OSError, zlib.error, lzma.LZMAError
            Where the stream is cut off or corrupt, and nothing before it is left to read.
        """
        parts: list[bytes] = []
        while size > 0:
            try:
                part = self._file.read1(size)
            except READ_ERRORS:
                if parts:
                    break  # raised again by the next call
                raise
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def packing(path: Path) -> str:
    """Return the usual end of the name of a packed file, told by its first bytes: ``.gz``, ``.bz2``, ``.xz``, or
    nothing.

    Raises
    ------
    InputError
        If it cannot be opened, or is packed in a way that is not read here.
    """
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    for start, name in _UNREAD.items():
        if head.startswith(start):
            raise InputError(f"{path} is compressed by {name}: unpack it first (read as they are: .gz, .bz2, .xz)")
    return next((end for start, end in _PACKED.items() if head.startswith(start)), "")


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """Open a plain file, or one packed by gzip, bzip2 or xz, told by its first bytes.

    Raises
    ------
    InputError
        If it cannot be opened, or is packed in another way.
    """
    packed = packing(path)
    try:
        if packed == ".gz":
            stream: Any = gzip.GzipFile(path)
        elif packed == ".bz2":
            stream = bz2.BZ2File(path)
        else:
            stream = lzma.LZMAFile(path) if packed else path.open("rb")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    with stream:
        yield Stream(stream)


def text_lines(stream: Stream) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends; one that the end of the file cuts off keeps a mark ``\\0``.

    Raises
    ------
    EOFError, OSError, zlib.error, lzma.LZMAError
        Where the stream is cut off or corrupt, after what stands before.
    """
    rest = b""
    while part := stream.read(2**20):
        *lines, rest = (rest + part).split(b"\n")
        yield from lines
    if rest:
        yield rest + b"\0"


def refuse_rehearsal_stamp(stamp: object, path: Path) -> None:
    """Raise InputError if a version, title or tier is a rehearsal's: its numbers are invented."""
    if is_stamped(stamp):
        raise InputError(
            f"{path} was written by a rehearsal ({str(stamp).strip()}): its numbers are invented and are not analysed"
        )
