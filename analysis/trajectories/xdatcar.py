"""XDATCAR, read from blocks of bytes by numpy: fixed or variable cell, one header or one per frame, plain or gzipped.

A frame is its line ``Direct configuration= N`` and one line of fractional coordinates per atom; what follows the third
number of a line is not read. Between frames stands nothing, empty lines, or the seven lines of a header. N is taken as
the number of the step, as VASP counts it. (VASP wiki, XDATCAR.)
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .source import READ_ERRORS, Damage, Stream, TrajectorySource, opened, refuse_rehearsal_stamp

__all__ = ["decimal_columns", "xdatcar_source"]

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


def xdatcar_source(path: Path) -> TrajectorySource:
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

    return TrajectorySource(path, head.species, None, read, {"title": head.title.strip()})


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
            self.damage.say(
                f"from frame {self.frame + 1} on there are other atoms ({len(head.species)}, before "
                f"{len(self.species)}): they are not used"
            )
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
        frames = Frames(
            self.species, cells, fractional.reshape(len(bodies), n, 3) @ cells, steps, np.full(len(steps), np.nan)
        )
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
                self.damage.drop(
                    "coordinates are not three numbers", f"frame {body.frame} (line {body.line + i}: {shown!r})"
                )
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
    return row.endswith(b"\n") or (
        len(numbers) == 3 and len(numbers[2].partition(b".")[2]) >= len(numbers[0].partition(b".")[2])
    )


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


Bytes = NDArray[np.uint8]
#: three numbers with decimal points in one line
_LINE = re.compile(rb"( *-?\d+\.\d+)( +-?\d+\.\d+| *-\d+\.\d+)( +-?\d+\.\d+| *-\d+\.\d+)\r?\n")
_SPACE, _MINUS, _ZERO, _POINT = (ord(character) for character in " -0.")
#: the largest integer up to which all are exact in double precision, and digits that an integer of 64 bits always holds
_EXACT, _DIGITS = 2**53, 18


def decimal_columns(text: bytes) -> NDArray[np.float64] | None:
    """Parse lines of three numbers if all of them look like the first: (n_lines, 3), or None if any does not.

    Parameters
    ----------
    text : bytes
        Whole lines.
    """
    first = _LINE.match(text)
    if first is None or len(text) % first.end():
        return None
    table = np.frombuffer(text, dtype=np.uint8).reshape(-1, first.end())
    edges = [0, *(first.end(group) for group in (1, 2, 3))]
    if not (table[:, edges[-1] :] == np.frombuffer(first.group()[edges[-1] :], dtype=np.uint8)).all():
        return None
    numbers = np.empty((len(table), 3))
    for column, (start, end) in enumerate(pairwise(edges)):
        field = np.ascontiguousarray(table[:, start:end].T)
        point = first.group().index(b".", start) - start
        if not _parsed(field, point, numbers[:, column]):
            return None
    return numbers


def _parsed(field: Bytes, point: int, out: NDArray[np.float64]) -> bool:
    """Fill in the numbers of one column of text, given as its columns of characters; False if one is no such number."""
    decimals = len(field) - point - 1
    blank = next((i for i, row in enumerate(field) if not (row == _SPACE).all()), 0)
    field, point = field[blank:], point - blank
    if point < 1 or not (field[point] == _POINT).all() or len(field) - 1 > _DIGITS:
        return False
    digits = field - np.uint8(_ZERO)  # what is no digit becomes larger than 9
    if (digits[point - 1] > 9).any() or (digits[point + 1 :] > 9).any():
        return False
    whole, minus = _before(field[: point - 1], digits[: point - 1])
    if whole is None:
        return False
    whole = whole * 10 + digits[point - 1]
    for row in digits[point + 1 :]:
        whole *= 10
        whole += row
    if whole.max() > _EXACT:
        return False
    np.divide(whole, 10.0**decimals, out=out)
    if minus is not None:
        np.negative(out, out=out, where=minus)
    return True


def _before(field: Bytes, digits: Bytes) -> tuple[NDArray[np.int64] | None, NDArray[np.bool_] | None]:
    """Digits before the last one of the integer part, and where a minus stands; (None, None) if it is not spaces, a
    minus, digits."""
    whole = np.zeros(field.shape[1], dtype=np.int64)
    if (field == _SPACE).all():
        return whole, None
    minus = np.zeros(field.shape[1], dtype=bool)
    begun = np.zeros(field.shape[1], dtype=bool)
    for character, digit in zip(field, digits, strict=True):
        is_digit, is_minus = digit <= 9, character == _MINUS
        if (begun & ~is_digit).any() or not (is_digit | is_minus | (character == _SPACE)).all():
            return None, None
        whole = np.where(is_digit, whole * 10 + digit, whole)
        minus |= is_minus
        begun |= is_digit | is_minus
    return whole, minus
