"""LAMMPS dumps in text, frame by frame: wrapped, unwrapped and scaled coordinates, boxes of every shape.

Each frame is ``ITEM: TIMESTEP``, ``NUMBER OF ATOMS``, ``BOX BOUNDS`` and ``ATOMS`` with its columns, and before them
``UNITS`` and ``TIME`` where the writer was told to give them (LAMMPS manual, commands dump and dump_modify; boxes:
Howto triclinic). The number of a step is that of the dynamics. A type is no element: without a column ``element`` the
elements of the types 1, 2, … have to be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .source import READ_ERRORS, Damage, Stream, TrajectorySource, opened, step_number, text_lines

__all__ = ["is_lammps_dump", "lammps_source"]

#: units of LAMMPS to the Å of a length and the fs of a time
_UNITS = {"metal": (1.0, 1000.0), "real": (1.0, 1.0), "electron": (0.529177210903, 1.0), "nano": (10.0, 1e6)}
#: columns of coordinates, and whether they are fractions of the box
_COORDINATES = (
    (("xu", "yu", "zu"), False),
    (("x", "y", "z"), False),
    (("xsu", "ysu", "zsu"), True),
    (("xs", "ys", "zs"), True),
)


def is_lammps_dump(head: bytes) -> bool:
    """Whether these first bytes of a file are those of a dump."""
    return head.startswith((b"ITEM: TIMESTEP", b"ITEM: UNITS", b"ITEM: TIME\n", b"ITEM: TIME\r"))


@dataclass(frozen=True)
class _Frame:
    """One frame as it was written: `rows` (n_atoms, n_columns) of text."""

    step: int
    time: float | None
    units: str | None
    periodic: bool
    origin: Floats
    cell: Floats
    columns: tuple[str, ...]
    rows: NDArray[Any]


def lammps_source(path: Path, elements: tuple[str, ...] = ()) -> TrajectorySource:
    """Look at the first two frames.

    The time step is that of ``ITEM: TIME`` where ``ITEM: UNITS`` says in which unit. Lengths are Å where no units are
    told, as they are in the units metal and real.

    Parameters
    ----------
    path : Path
    elements : tuple of str
        Of the types 1, 2, …, for a dump without the column ``element``.

    Raises
    ------
    InputError
        If there is no whole frame, atoms cannot be followed or named, or the units are none of atoms.
    """
    first: list[_Frame] = []
    try:
        with opened(path) as file:
            for frame in _frames(file):
                first.append(frame)
                if len(first) == 2:
                    break
    except (*READ_ERRORS, ValueError, IndexError, KeyError) as error:
        if not first:
            raise InputError(f"{path} is a LAMMPS dump whose first frame cannot be read: {error}") from None
    if not first:
        raise InputError(f"{path} is a LAMMPS dump without a whole frame")
    length, time = _scales(path, first[0].units)
    species = _species(path, first[0], elements)
    timestep = None
    if first[0].units and len(first) == 2 and first[1].step > first[0].step:
        (before, after) = (first[0].time, first[1].time)
        if before is not None and after is not None and after > before:
            timestep = (after - before) * time / (first[1].step - first[0].step)

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        _say(first[0], elements, damage)
        with opened(path) as file:
            for frames, number in _blocks(file, species, length, block, damage, elements):
                yield damage.usable(frames, number)

    return TrajectorySource(path, species, timestep, read, {})


def _scales(path: Path, units: str | None) -> tuple[float, float]:
    """Å of a length and fs of a time."""
    if units is not None and units not in _UNITS:
        raise InputError(
            f"{path} is a LAMMPS dump in the units {units!r}: lengths and times are read from {', '.join(_UNITS)} alone"
        )
    return _UNITS[units or "real"]


def _species(path: Path, frame: _Frame, elements: tuple[str, ...]) -> tuple[str, ...]:
    """Elements of the atoms, in the order of their ids."""
    from ase.data import atomic_numbers

    if "id" not in frame.columns:
        raise InputError(
            f"{path} is a LAMMPS dump without the column id: its atoms change their order from frame to frame and "
            "cannot be followed",
            "dump with id, e.g. dump 1 all custom 100 run.lammpstrj id element xu yu zu",
        )
    if not any(set(names) <= set(frame.columns) for names, _ in _COORDINATES):
        raise InputError(f"{path} is a LAMMPS dump without coordinates; its columns: {' '.join(frame.columns)}")
    order = _order(frame)
    if "element" in frame.columns:
        named = [text.decode(errors="replace") for text in frame.rows[order, frame.columns.index("element")]]
        wrong = next((symbol for symbol in named if atomic_numbers.get(symbol, 0) < 1), None)
        if wrong is None:
            return tuple(named)
        raise InputError(f"{path}: {wrong!r} in the column element is no element")
    if "type" not in frame.columns:
        raise InputError(
            f"{path} is a LAMMPS dump with neither element nor type; its columns: {' '.join(frame.columns)}"
        )
    types = frame.rows[order, frame.columns.index("type")].astype(int)
    if not elements or types.min() < 1 or types.max() > len(elements):
        given = f"{len(elements)} were given" if elements else "none were given"
        raise InputError(
            f"{path} is a LAMMPS dump with types and no elements: a type is no element, and those of the types "
            f"{', '.join(map(str, sorted(set(types.tolist()))))} are needed ({given})",
            "name them in the order of the types, e.g. --elements Li,P,S",
        )
    return tuple(elements[number - 1] for number in types)


def _order(frame: _Frame) -> NDArray[np.int64]:
    """Rows by rising id."""
    return np.argsort(frame.rows[:, frame.columns.index("id")].astype(np.int64), kind="stable")


def _say(frame: _Frame, elements: tuple[str, ...], damage: Damage) -> None:
    """What was taken for granted."""
    if frame.units is None:
        damage.say("it does not say its units: lengths are taken as Å (units metal or real)")
    if not frame.periodic:
        damage.say("not every axis is marked as periodic; all are taken as periodic")
    if elements and "element" in frame.columns:
        damage.say("it names its elements itself: those that were given are not used")


def _blocks(
    file: Stream, species: tuple[str, ...], length: float, block: int, damage: Damage, elements: tuple[str, ...]
) -> Iterator[tuple[Frames, int]]:
    """Frames with these atoms, at most `block` at once, and the number of the first."""
    rows: list[tuple[int, Floats, Floats]] = []
    number = 0
    try:
        for frame in _frames(file):
            number += 1
            if len(frame.rows) != len(species) or _species(damage.path, frame, elements) != species:
                damage.say(
                    f"from frame {number} on there are other atoms ({len(frame.rows)}, before {len(species)}): they "
                    "are not used"
                )
                break
            rows.append((frame.step, frame.cell * length, _positions(frame) * length))
            if len(rows) == block:
                yield _joined(rows, species), number - block + 1
                rows = []
    except (*READ_ERRORS, ValueError, IndexError, KeyError) as error:
        damage.say(f"cut off or corrupt in frame {number + 1} ({error}): the {number} frames before are used")
    if rows:
        yield _joined(rows, species), number - len(rows) + 1


def _joined(rows: list[tuple[int, Floats, Floats]], species: tuple[str, ...]) -> Frames:
    steps, cells, positions = zip(*rows, strict=True)
    return Frames(species, np.array(cells), np.array(positions), np.array(steps), np.full(len(rows), np.nan))


def _positions(frame: _Frame) -> Floats:
    """Positions from the corner of the box, in the order of the ids, in the file's unit."""
    names, scaled = next((names, scaled) for names, scaled in _COORDINATES if set(names) <= set(frame.columns))
    columns = [frame.columns.index(name) for name in names]
    numbers = frame.rows[_order(frame)][:, columns].astype(float)
    return np.asarray(numbers @ frame.cell if scaled else numbers - frame.origin)


def _frames(file: Stream) -> Iterator[_Frame]:
    """The whole frames.

    Raises
    ------
    ValueError, IndexError, KeyError
        At the first that is none.
    EOFError, OSError, zlib.error, lzma.LZMAError
        Where the stream is damaged.
    """
    lines = text_lines(file)
    told: dict[str, Any] = {}
    units: str | None = None
    for line in lines:
        head = line.rstrip(b"\r\0").decode(errors="replace")
        if not head.strip():
            continue
        name, _, rest = head.removeprefix("ITEM:").strip().partition(" ")
        if not head.startswith("ITEM:"):
            raise ValueError(f"{head[:60]!r} where an ITEM was expected")
        if name == "UNITS":
            units = _next(lines).strip()
        elif name in ("TIMESTEP", "TIME"):
            told[name] = float(_next(lines))
        elif name == "NUMBER":
            told["count"] = int(_next(lines))
        elif name == "BOX":
            told["box"] = _box(rest.split()[1:], [_next(lines) for _ in range(3)])
        elif name == "ATOMS":
            columns = tuple(rest.split())
            rows = _rows(lines, int(told["count"]), len(columns))
            periodic, origin, cell = told["box"]
            yield _Frame(step_number(told["TIMESTEP"]), told.get("TIME"), units, periodic, origin, cell, columns, rows)
            told = {}
        else:
            raise ValueError(f"'{head[:60]}' is not known")


def _next(lines: Iterator[bytes]) -> str:
    line = next(lines, None)
    if line is None or line.endswith(b"\0"):
        raise ValueError("it ends within a frame")
    return line.decode(errors="replace")


def _rows(lines: Iterator[bytes], count: int, width: int) -> NDArray[Any]:
    """The columns of so many atoms, as text."""
    words: list[bytes] = []
    for _ in range(count):
        line = next(lines, None)
        if line is None or line.startswith(b"ITEM:") or (line.endswith(b"\0") and len(line.split()) < width):
            raise ValueError(f"fewer lines than its {count} atoms")
        row = line.rstrip(b"\0").split()
        if len(row) < width:
            raise ValueError(f"{len(row)} columns where {width} are named")
        words += row[:width]
    return np.array(words).reshape(count, width)


def _box(words: list[str], rows: list[str]) -> tuple[bool, Floats, Floats]:
    """Whether it is periodic along every axis; its corner, and its cell."""
    flags = [word for word in words if len(word) == 2 and set(word) <= set("pfsm")]
    table = np.array([[float(number) for number in row.split()] for row in rows])
    periodic = all(flag == "pp" for flag in flags)
    if "abc" in words and table.shape == (3, 4):  # general triclinic: vectors, and the corner in the last column
        return periodic, table[:, 3], table[:, :3]
    if table.shape not in ((3, 2), (3, 3)):
        raise ValueError(f"{table.shape[1]} numbers in a line of the box")
    low, high = table[:, 0], table[:, 1]
    cell = np.zeros((3, 3))
    if table.shape == (3, 3):
        xy, xz, yz = table[:, 2]
        low = low - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
        high = high - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    cell[np.diag_indices(3)] = high - low
    return periodic, np.asarray(low), cell
