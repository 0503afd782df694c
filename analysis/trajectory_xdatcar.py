"""XDATCAR, read from blocks of bytes by numpy: fixed or variable cell, one header or one per frame, plain or gzipped.

A frame is its line ``Direct configuration= N`` and one line of fractional coordinates per atom; what follows the third
number of a line is not read. Between frames stands nothing, empty lines, or the seven lines of a header. N is taken as the number
of the step, as VASP counts it. (VASP wiki, XDATCAR.)
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..configs.errors import InputError
from ..structures.frames import Frames
from .decimal_columns import decimal_columns
from .trajectory_source import READ_ERRORS, Damage, Source, Stream, opened, refuse_rehearsal_stamp

__all__ = ["xdatcar_source"]

Floats = NDArray[np.float64]

#: bytes that are read and parsed at once
_BYTES = 2**23
#: bytes in which the first header stands
_HEAD_BYTES = 2**16
#: lines of a header: title, scale, three vectors, elements, counts
_HEADER = 7
_MARKER, _STEP = b"Direct", re.compile(rb"[^\n\d]*(\d*)")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


@dataclass(frozen=True)
class _Head:
    title: str
    cell: Floats
    species: tuple[str, ...]


def xdatcar_source(path: Path) -> Source:
    """Read the head of an XDATCAR.

    Raises
    ------
    InputError
        If the head is damaged, names no elements, or is a rehearsal's.
    """
    try:
        with opened(path) as file:
            head = _head(file.read(_HEAD_BYTES).decode(errors="replace").splitlines()[:_HEADER])
    except (*READ_ERRORS, ValueError, IndexError) as error:
        raise InputError(f"{path} is no XDATCAR with elements in line 6 and counts in line 7: {error}") from None
    refuse_rehearsal_stamp(head.title, path)

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        with opened(path) as file:
            for frames in _frames(file, head, damage):
                yield from frames.blocks(block)

    return Source(path, head.species, None, read, {"title": head.title.strip()})


def _head(lines: list[str]) -> _Head:
    """Parse the seven lines of a header.

    Raises
    ------
    ValueError
        If they are none.
    """
    scale = float(lines[1])
    cell = np.array([[float(number) for number in line.split()[:3]] for line in lines[2:5]])
    if cell.shape != (3, 3) or not np.isfinite(cell).all() or not abs(np.linalg.det(cell)) > 0 or scale == 0:
        raise ValueError("lines 2 to 5 are no cell")
    names = [_SYMBOL.match(name) for name in lines[5].split()]
    counts = [int(count) for count in lines[6].split()]
    if not names or None in names or len(names) != len(counts) or min(counts) < 1:
        raise ValueError(f"{lines[5].split()} and {lines[6].split()}")
    factor = scale if scale > 0 else (-scale / abs(float(np.linalg.det(cell)))) ** (1 / 3)
    species = tuple(name.group() for name, count in zip(names, counts, strict=True) if name for _ in range(count))
    return _Head(lines[0], cell * factor, species)


def _frames(file: Stream, head: _Head, damage: Damage) -> Iterator[Frames]:
    """The whole frames of each block of bytes; what is left of a block goes before the next."""
    reader, rest, final = _Reader(head, damage), b"", False
    while not final and not reader.ended:
        try:
            read = file.read(_BYTES)
        except READ_ERRORS as error:
            damage.say(f"the stream is cut off or corrupt: {error}")
            read = b""
        final = not read
        text = rest + read
        frames, used = reader.take(text, final=final)
        rest = text[used:]
        if frames is not None:
            yield frames


@dataclass(frozen=True)
class _Body:
    """Where one frame's coordinates stand in the text."""

    frame: int
    line: int  # of the file, from 1
    step: int
    first: int
    last: int
    cell: Floats


class _Reader:
    """Takes frames out of text; keeps the cell, and the place in the file."""

    def __init__(self, head: _Head, damage: Damage) -> None:
        self.cell, self.species, self.damage = head.cell, head.species, damage
        self.frame, self.step, self.line = 0, 0, 1
        #: other atoms were found: nothing after them is used
        self.ended = False

    def take(self, text: bytes, *, final: bool) -> tuple[Frames | None, int]:
        """Frames that are followed by another, or by the end, and how many bytes of `text` are done with."""
        starts = np.concatenate(([0], np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 10) + 1))
        if final and not text.endswith(b"\n"):
            starts = np.append(starts, len(text))
        lines, numbers = _markers(text, starts)
        ends = [*lines[1:], len(starts) - 1] if final else lines[1:]
        bodies: list[_Body] = []
        for k, end in enumerate(ends):
            self.frame += 1
            self.step = int(numbers[k] or self.step + 1)
            cell = self.cell
            if self._is_whole(text, starts, (lines[k] + 1, end), final and k + 1 == len(ends)):
                first, last = starts[lines[k] + 1], starts[lines[k] + 1 + len(self.species)]
                bodies.append(_Body(self.frame, self.line + lines[k] + 1, self.step, int(first), int(last), cell))
            if self.ended:
                break
        used = int(starts[lines[len(ends)]]) if len(ends) < len(lines) else len(text) if final else 0
        frames = self._made(text, bodies)
        self.line += int(np.searchsorted(starts, used))
        return frames, used

    def _is_whole(self, text: bytes, starts: NDArray[np.int64], lines: tuple[int, int], at_end: bool) -> bool:
        """Whether a frame has one line per atom; a header that follows gives the next frame's cell."""
        n, count = len(self.species), lines[1] - lines[0]
        where = f"frame {self.frame} (line {self.line + lines[0]})"
        if count != n:
            rows = text[starts[lines[0]] : starts[lines[1]]].decode(errors="replace").rstrip().splitlines()
            rows = rows[:-_HEADER] if self._takes_header(rows[-_HEADER:]) else rows
            count = len("\n".join(rows).rstrip().splitlines())
        if count < n:
            self.damage.drop("cut off" if at_end else f"fewer lines than the {n} atoms", where)
        elif count > n and not at_end:
            self.damage.drop(f"more lines than the {n} atoms", where)
        elif count > n:
            self.damage.say(f"text after the last frame, from line {self.line + lines[0] + n} on, is not read")
        elif at_end and not _is_ended(text[starts[lines[0] + n - 1] : starts[lines[0] + n]]):
            self.damage.drop("cut off", where)
            return False
        return count == n or (at_end and count > n)

    def _takes_header(self, rows: list[str]) -> bool:
        """Whether these lines are a header; its cell is taken, its atoms are compared."""
        try:
            head = _head(rows)
        except (ValueError, IndexError):
            return False
        self.cell = head.cell
        if head.species != self.species:
            self.ended = True
            self.damage.say(f"from frame {self.frame + 1} on there are other atoms ({len(head.species)}, before {len(self.species)}): they are not used")
        return True

    def _made(self, text: bytes, bodies: list[_Body]) -> Frames | None:
        """Parse the coordinates, all at once where every line is three numbers."""
        if not bodies:
            return None
        n = len(self.species)
        fractional = _numbers(b"".join([text[body.first : body.last] for body in bodies]), 3 * n * len(bodies))
        good = np.ones(len(bodies), dtype=bool)
        if fractional is None:
            fractional = np.zeros((len(bodies), 3 * n))
            for i, body in enumerate(bodies):
                good[i] = self._row_by_row(text[body.first : body.last], body, fractional[i])
        cells = np.array([body.cell for body in bodies])
        steps = np.array([body.step for body in bodies])
        frames = Frames(self.species, cells, fractional.reshape(len(bodies), n, 3) @ cells, steps, np.full(len(steps), np.nan))
        return frames if good.all() else frames.select(good)

    def _row_by_row(self, text: bytes, body: _Body, out: Floats) -> bool:
        """Parse the first three columns of one frame; False, and the line is named, if one is not three numbers."""
        for i, row in enumerate(text.splitlines()):
            try:
                out[3 * i : 3 * i + 3] = [float(number) for number in row.split()[:3]]
                good = bool(np.isfinite(out[3 * i : 3 * i + 3]).all())
            except ValueError:
                good = False
            if not good:
                shown = row.decode(errors="replace").strip()
                self.damage.drop("coordinates are not three numbers", f"frame {body.frame} (line {body.line + i}: {shown!r})")
                out[:] = 0.0
                return False
        return True


def _markers(text: bytes, starts: NDArray[np.int64]) -> tuple[list[int], list[bytes]]:
    """Lines that begin a frame, and the digits of its number, which may be missing."""
    places, at = [], text.find(_MARKER)
    while at >= 0:
        places.append(at)
        at = text.find(_MARKER, at + 1)
    lines = np.searchsorted(starts, places, side="right") - 1
    found = [(int(line), at) for line, at in zip(lines, places, strict=True) if not text[starts[line] : at].strip()]
    matches = [_STEP.match(text, at) for _, at in found]
    return [line for line, _ in found], [match.group(1) if match else b"" for match in matches]


def _is_ended(row: bytes) -> bool:
    """Whether the last line of a file has its line end, or else a third number with as many decimals as the first."""
    numbers = row.split()[:3]
    return row.endswith(b"\n") or (len(numbers) == 3 and len(numbers[2].partition(b".")[2]) >= len(numbers[0].partition(b".")[2]))


def _numbers(text: bytes, count: int) -> Floats | None:
    """So many finite numbers, or None if the text holds anything else."""
    columns = decimal_columns(text)
    if columns is not None and columns.size == count:
        return columns
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(text, dtype=np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None
