"""XDATCAR, read from blocks of bytes by numpy: fixed or variable cell, one header or one per frame, plain or packed.

A frame is its line ``Direct configuration= N`` and one line of fractional coordinates per atom; what follows the third
number of a line is not read. Between frames stands nothing, empty lines, or the lines of a header. N is taken as the
number of the step, as VASP counts it. (VASP wiki, XDATCAR.) VASP 5.2 and before part the frames by an empty line
instead, and VASP 4 names no elements; other programs write ``direct`` and ``Cartesian configuration``, whose
coordinates are lengths in units of the scale.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.crystals.guard import MOST_ATOMS
from ...structures.trajectories.frames import Frames
from .decimals import decimal_columns, parted_numbers
from .source import READ_ERRORS, Damage, Stream, TrajectorySource, opened, refuse_rehearsal_stamp, step_number

__all__ = ["is_xdatcar", "xdatcar_source"]

#: bytes that are read and parsed at once
_BYTES = 2**23
#: bytes in which the first header stands
_HEAD_BYTES = 2**16
#: lines of a header: title, scale, three vectors, elements (not in VASP 4), counts
_HEADER = 7
_MARKER = re.compile(rb"[ \t]*(direct|cartesian)\b[^\n\d]*(\d*)", re.IGNORECASE)
#: parts of a marker that are looked for first
_INSIDE = (b"irect", b"artesian", b"DIRECT", b"CARTESIAN")
_BLANK = re.compile(rb"^[ \t\r]*\n", re.MULTILINE)
_SYMBOL = re.compile(r"[A-Z][a-z]?")


@dataclass(frozen=True)
class _Head:
    title: str
    cell: Floats
    species: tuple[str, ...]
    #: Å in one unit of the lengths of the file
    factor: float
    lines: int
    names: bool


def is_xdatcar(path: Path, head: bytes) -> bool:
    """Whether a file is an XDATCAR, by its name or the first bytes of what it holds."""
    return "XDATCAR" in path.name or any(
        _MARKER.match(line) and b"configuration" in line.lower() for line in head.splitlines()
    )


def xdatcar_source(path: Path, elements: Sequence[str] = ()) -> TrajectorySource:
    """Read the head of an XDATCAR.

    Parameters
    ----------
    path : Path
    elements : sequence of str
        In the order of the counts, for a file of VASP 4, which names none.

    Raises
    ------
    InputError
        If the head is damaged, names no elements and none were given, or is a rehearsal's, or no line parts the frames.
    """
    try:
        with opened(path) as file:
            text = file.read(_HEAD_BYTES)
        lines = text.decode(errors="replace").splitlines()[:_HEADER]
        _refuse_old(path, lines)
        head = _head(lines, elements)
    except InputError as error:
        raise InputError(f"{path} is {error.message}", error.advice) from None
    except (*READ_ERRORS, ValueError, IndexError) as error:
        raise InputError(f"{path} is no XDATCAR with elements in line 6 and counts in line 7: {error}") from None
    refuse_rehearsal_stamp(head.title, path)
    body = b"\n".join(text.split(b"\n")[head.lines :])
    marked = any(_MARKER.match(line) for line in body.splitlines())
    if not marked and not _BLANK.match(body):
        raise InputError(
            f"{path} has neither 'Direct configuration=' nor an empty line in line {head.lines + 1}, before its first "
            "frame: this kind of XDATCAR is not known"
        )

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        if elements and head.names:
            damage.say("it names its elements itself: those that were given are not used")
        with opened(path) as file:
            for frames in _frames(file, _Reader(head, damage, marked=marked), damage):
                yield from frames.blocks(block)

    return TrajectorySource(path, head.species, None, read, {"title": head.title.strip()})


def _refuse_old(path: Path, lines: list[str]) -> None:
    """Raise InputError for what VASP 4 wrote: lengths in one line, and no cell."""
    if len(lines) > 3 and lines[3].strip() == "CAR":
        raise InputError(
            f"{path} is an XDATCAR of VASP 4, which holds the lengths of the cell in line 2 and not its vectors: take "
            "the vasprun.xml of the run, or put title, scale, vectors, elements and counts of its POSCAR in the place "
            "of the first five lines"
        )


def _head(lines: list[str], elements: Sequence[str] = ()) -> _Head:
    """Parse the lines of a header.

    Raises
    ------
    ValueError
        If they are none.
    InputError
        If they name no elements and none were given, or not as many as there are counts.
    """
    scale = float(lines[1])
    cell = np.array([[float(number) for number in line.split()[:3]] for line in lines[2:5]])
    if cell.shape != (3, 3) or not np.isfinite(cell).all() or not abs(np.linalg.det(cell)) > 0 or scale == 0:
        raise ValueError("lines 2 to 5 are no cell")
    factor = scale if scale > 0 else (-scale / abs(float(np.linalg.det(cell)))) ** (1 / 3)
    named = not all(word.isdigit() for word in lines[5].split())
    words = lines[5].split() if named else list(elements)
    counts = [int(count) for count in lines[6 if named else 5].split()]
    if not named and len(words) != len(counts):
        given = f"{len(words)} were given" if words else "none were given"
        raise InputError(
            f"an XDATCAR with the counts {' '.join(map(str, counts))} in line 6 and no elements, as VASP 4 writes it: "
            f"{len(counts)} elements in this order are needed, and {given}",
            "name them, e.g. --elements Li,Co,O",
        )
    names = [_SYMBOL.match(name) for name in words]
    if sum(counts) > MOST_ATOMS:
        raise ValueError(f"more than the {MOST_ATOMS} atoms that are read")
    if not names or None in names or len(names) != len(counts) or min(counts) < 1:
        raise ValueError(f"{lines[5].split()} and {lines[6].split()}")
    species = tuple(name.group() for name, count in zip(names, counts, strict=True) if name for _ in range(count))
    return _Head(lines[0], cell * factor, species, factor, _HEADER if named else _HEADER - 1, named)


def _frames(file: Stream, reader: _Reader, damage: Damage) -> Iterator[Frames]:
    """The whole frames of each block of bytes; what is left of a block goes before the next."""
    rest, final = b"", False
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
    #: Å in a unit of Cartesian coordinates; None for fractional ones
    factor: float | None


class _Reader:
    """Takes frames out of text; keeps the cell, and the place in the file."""

    def __init__(self, head: _Head, damage: Damage, *, marked: bool) -> None:
        self.head, self.cell, self.species, self.damage, self.marked = head, head.cell, head.species, damage, marked
        self.frame, self.step, self.line = 0, 0, 1
        #: other atoms were found: nothing after them is used
        self.ended = False

    def take(self, text: bytes, *, final: bool) -> tuple[Frames | None, int]:
        """Frames that are followed by another, or by the end, and how many bytes of `text` are done with."""
        starts = np.concatenate(([0], np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 10) + 1))
        if final and not text.endswith(b"\n"):
            starts = np.append(starts, len(text))
        if self.marked:
            lines, numbers, lengths = _markers(text, starts)
        else:
            lines = _blanks(text, starts, self.head.lines if self.line == 1 else 0, final=final)
            numbers, lengths = [b""] * len(lines), [False] * len(lines)
        ends = [*lines[1:], len(starts) - 1] if final else lines[1:]
        bodies: list[_Body] = []
        for k, end in enumerate(ends):
            self.frame += 1
            self.step = self._number(numbers[k])
            cell, factor = self.cell, self.head.factor if lengths[k] else None
            if self._is_whole(text, starts, (lines[k] + 1, end), final and k + 1 == len(ends)):
                first, last = starts[lines[k] + 1], starts[lines[k] + 1 + len(self.species)]
                bodies.append(
                    _Body(self.frame, self.line + lines[k] + 1, self.step, int(first), int(last), cell, factor)
                )
            if self.ended:
                break
        used = int(starts[lines[len(ends)]]) if len(ends) < len(lines) else len(text) if final else 0
        frames = self._made(text, bodies)
        self.line += int(np.searchsorted(starts, used))
        return frames, used

    def _number(self, digits: bytes) -> int:
        """Of a frame's step: the one after the last where none stands, or one that no run can reach."""
        try:
            return step_number(digits or self.step + 1)
        except ValueError as error:
            self.damage.say(f"frame {self.frame} has {error}: it is taken as the one after the last")
            return self.step + 1

    def _is_whole(self, text: bytes, starts: NDArray[np.int64], lines: tuple[int, int], at_end: bool) -> bool:
        """Whether a frame has one line per atom; a header that follows gives the next frame's cell."""
        n, count = len(self.species), lines[1] - lines[0]
        where = f"frame {self.frame} (line {self.line + lines[0]})"
        if count != n:
            rows = text[starts[lines[0]] : starts[lines[1]]].decode(errors="replace").rstrip().splitlines()
            rows = rows[: -self.head.lines] if self._takes_header(rows[-self.head.lines :]) else rows
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
            head = _head(rows, () if self.head.names else tuple(dict.fromkeys(self.species)))
        except (ValueError, IndexError, InputError):
            return False
        self.head, self.cell = head, head.cell
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
        rows = fractional.reshape(len(bodies), n, 3)
        positions = rows @ cells
        for i, body in enumerate(bodies):
            if body.factor is not None:
                positions[i] = rows[i] * body.factor
        frames = Frames(self.species, cells, positions, steps, np.full(len(steps), np.nan))
        return frames if good.all() else frames.select(good)

    def _row_by_row(self, text: bytes, body: _Body, out: Floats) -> bool:
        """Parse the first three columns of one frame; False, and the line is named, if one is not three numbers."""
        for i, row in enumerate(text.splitlines()):
            try:
                out[3 * i : 3 * i + 3] = [float(number) for number in parted_numbers(row)[:3]]
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


def _markers(text: bytes, starts: NDArray[np.int64]) -> tuple[list[int], list[bytes], list[bool]]:
    """Lines that begin a frame, the digits of its number, which may be missing, and whether its coordinates are
    lengths."""
    places: list[int] = []
    for word in _INSIDE:
        at = text.find(word)
        while at >= 0:
            places.append(at)
            at = text.find(word, at + 1)
    lines = np.unique(np.searchsorted(starts, places, side="right") - 1)
    found = [(int(line), match) for line in lines if (match := _MARKER.match(text, int(starts[line])))]
    return (
        [line for line, _ in found],
        [match.group(2) for _, match in found],
        [match.group(1)[:1] in b"cC" for _, match in found],
    )


def _blanks(text: bytes, starts: NDArray[np.int64], after: int, *, final: bool) -> list[int]:
    """Empty lines behind the header that begin a frame: of several, the last, and none at the end of the file."""
    places = [match.start() for match in _BLANK.finditer(text)]
    lines = [int(line) for line in np.searchsorted(starts, places) if line >= after]
    end = len(starts) - 1 if final else -1
    return [line for line, following in zip(lines, [*lines[1:], end], strict=True) if following != line + 1]


def _is_ended(row: bytes) -> bool:
    """Whether the last line of a file has its line end, or else a third number with as many decimals as the first."""
    numbers = parted_numbers(row)[:3]
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
