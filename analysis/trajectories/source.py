"""One trajectory file as every reader gives it: what holds for all frames, blocks of frames, and what was damaged."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from ...workflows.documents import is_stamped

__all__ = ["READ_ERRORS", "Damage", "Stream", "TrajectorySource", "opened", "refuse_rehearsal_stamp"]

#: what a truncated or corrupt stream raises
READ_ERRORS = (EOFError, OSError, zlib.error)
#: frames that a note lists before it only counts
_LISTED = 5
#: Å³; a cell below is no cell
_EMPTY = 1e-6


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
        finite = np.isfinite(frames.positions).all(axis=(1, 2)) & np.isfinite(frames.cells).all(axis=(1, 2))
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
    """

    path: Path
    species: tuple[str, ...]
    timestep: float | None
    read: Callable[[int, Damage], Iterator[Frames]]
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Stream:
    """Bytes of a plain or gzipped file; what stands before a damage is read before the damage is raised."""

    def __init__(self, file: BufferedReader | gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int = 2**16) -> bytes:
        """Return at most so many bytes, none at the end.

        Raises
        ------
        EOFError, OSError, zlib.error
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


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """Open a plain or gzipped file, told by its first bytes.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        stream: BufferedReader | gzip.GzipFile = gzip.GzipFile(path) if packed else path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    with stream:
        yield Stream(stream)


def refuse_rehearsal_stamp(stamp: object, path: Path) -> None:
    """Raise InputError if a version, title or tier is a rehearsal's: its numbers are invented."""
    if is_stamped(stamp):
        raise InputError(
            f"{path} was written by a rehearsal ({str(stamp).strip()}): its numbers are invented and are not analysed"
        )
