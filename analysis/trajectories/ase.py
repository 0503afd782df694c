"""Extended XYZ, OUTCAR and every other format that ASE reads, frame by frame."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames, kinetic_temperature
from .source import MOST_STEPS, READ_ERRORS, Damage, TrajectorySource, opened

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["ase_source"]

#: bytes at the beginning of an OUTCAR that hold its input
_HEAD_BYTES = 2**20
#: first bytes of a trajectory file of ASE, and the shape of an array in it
_ULM, _ARRAY = b"- of Ulm", re.compile(rb'"ndarray": *\[\[([^\]]*)\]')
_STEP_KEYS = ("step", "md_step", "Step")
_TIME_KEYS = ("time", "Time", "time_fs")
#: formats whose atoms have types and no elements, which ASE takes for atomic numbers
_TYPES_ALONE = frozenset({"lammps-data", "lammps-dump-binary", "lammps-dump-text"})


def ase_source(path: Path) -> TrajectorySource:
    """Look at the first two frames.

    A step number is read from the keys ``step`` or ``md_step`` of a frame, a time in fs from ``time`` and ``time_fs``,
    one in ps from ``time_ps``; a trajectory file of ASE's own dynamics tells its time step and how many steps lie
    between frames.

    Raises
    ------
    InputError
        If ASE knows no such format or would miss frames or elements of it, or there is no frame or no cell in it.
    """
    _refuse_hollow(path)
    _refuse_misread(path)
    try:
        first = list(islice(_atoms(path), 2))
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        raise InputError(
            f"{path} is no XDATCAR, vasprun.xml or HDF5 trajectory, and ASE cannot read it: {_first_line(error)}"
        ) from None
    if not first:
        raise InputError(f"{path} holds no frame")
    if first[0].cell.rank < 3:
        raise InputError(f'{path} has no cell: extended XYZ names it as Lattice="…" in the second line of each frame')
    species = tuple(first[0].get_chemical_symbols())
    timestep, interval, metadata = _of_dynamics(path)
    numbers = [_known(atoms, _STEP_KEYS) for atoms in first]
    times = [time for atoms in first if (time := _time(atoms)) is not None]
    if timestep is None and len(times) == 2:
        counted = np.diff([number for number in numbers if number is not None])
        timestep = (times[1] - times[0]) / float(counted[0] if len(counted) and counted[0] > 0 else 1)
    timestep = timestep if timestep is None or timestep > 0 else None

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        if not all(first[0].pbc):
            damage.say("not every axis is marked as periodic; all are taken as periodic")
        for rows in _batches(path, species, block, damage):
            frames = _joined(rows, species)
            index = np.array([row.index for row in rows])
            steps = np.array([row.step if abs(row.step) < MOST_STEPS else np.nan for row in rows])
            counted = np.round(frames.times / timestep) if timestep else np.full(len(rows), np.nan)
            steps = np.where(np.isfinite(steps), steps, np.where(np.isfinite(counted), counted, index * interval))
            yield damage.usable(replace(frames, steps=steps.astype(np.int64)), int(index[0]) + 1)

    return TrajectorySource(path, species, timestep, read, metadata)


def _batches(path: Path, species: tuple[str, ...], block: int, damage: Damage) -> Iterator[list[_Row]]:
    """Frames with these atoms, at most `block` at once; nothing after the first with others."""
    rows: list[_Row] = []
    for index, atoms in enumerate(_watched(path, damage)):
        if tuple(atoms.get_chemical_symbols()) != species:
            damage.say(
                f"from frame {index + 1} on there are other atoms ({len(atoms)}, before {len(species)}): they are not "
                "used"
            )
            break
        rows.append(_Row(atoms, index))
        if len(rows) == block:
            yield rows
            rows = []
    if rows:
        yield rows


class _Row:
    """What is kept of one frame."""

    def __init__(self, atoms: Atoms, index: int) -> None:
        self.index = index
        self.step, self.time = (
            np.nan if value is None else value for value in (_known(atoms, _STEP_KEYS), _time(atoms))
        )
        self.cell, self.positions = np.array(atoms.cell), np.array(atoms.positions, dtype=float)
        # the free energy belongs to the forces
        results = getattr(atoms.calc, "results", {})
        self.energy = float(results.get("free_energy", results.get("energy", np.nan)))
        temperature = _known(atoms, ("temperature",))
        if temperature is None and atoms.has("momenta") and np.any(atoms.get_momenta()):
            temperature = kinetic_temperature(atoms)
        self.temperature = np.nan if temperature is None else temperature


def _refuse_hollow(path: Path) -> None:
    """Raise InputError where a trajectory file of ASE announces more than it holds: ASE makes room for it first.

    The layout is that of ASE's module ulm: a head with the number and place of the offsets of the frames, at each its
    length and a JSON document that names arrays by shape, type and place.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_ULM)) != _ULM:
            return
        file.seek(24)
        _, number, place = (int(value) for value in np.frombuffer(file.read(24).ljust(24, b"\0"), "<i8"))
        whole = 0 <= place <= size and 0 <= 8 * number <= size - place
        file.seek(place if whole else 0)
        offsets = np.frombuffer(file.read(8 * number), "<i8").tolist() if whole else []
        for offset in offsets:
            whole = whole and 0 <= offset <= size - 8
            file.seek(offset if whole else 0)
            length = int(np.frombuffer(file.read(8), "<i8")[0])
            whole = whole and 0 <= length <= size - offset
            shapes = _ARRAY.findall(file.read(length)) if whole else []
            whole = whole and all(math.prod(map(int, re.findall(rb"\d+", shape))) <= size for shape in shapes)
    if not whole:
        raise InputError(f"{path} is a damaged trajectory file of ASE: it announces more than it holds")


def _refuse_misread(path: Path) -> None:
    """Raise InputError where ASE would make elements of types, or pass over the steps of a force field."""
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        kind = filetype(str(path))
    except (UnknownFileTypeError, *READ_ERRORS):
        kind = ""  # told with more words where it is read
    with opened(path) as file:
        head = file.read(_HEAD_BYTES)
    if kind in _TYPES_ALONE or re.search(rb"^\s*\d+\s+atom types", head, re.MULTILINE):
        raise InputError(
            f"{path} is a file of LAMMPS that has types and no elements: take a dump in text, with id and element"
        )
    if kind == "vasp-out" and re.search(rb"ML_LMLFF\s*=\s*\.?T", head):
        raise InputError(
            f"{path} is an OUTCAR with ML_LMLFF on, whose force-field steps cannot be read from it: take the "
            "vasprun.xml or XDATCAR of the run"
        )


def _time(atoms: Atoms) -> float | None:
    """Time of a frame, fs; None where it has none."""
    picoseconds = _known(atoms, ("time_ps",))
    return _known(atoms, _TIME_KEYS) if picoseconds is None else 1000 * picoseconds


def _atoms(path: Path) -> Iterator[Atoms]:
    from ase.io import iread

    with warnings.catch_warnings():
        # a parser warns of what it repairs; what it returns is checked by the reader
        warnings.simplefilter("ignore")
        yield from iread(str(path), index=":")


def _watched(path: Path, damage: Damage) -> Iterator[Atoms]:
    """The frames up to the first that cannot be read."""
    counted = 0
    try:
        for atoms in _atoms(path):
            counted += 1
            yield atoms
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        damage.say(
            f"cut off or corrupt in frame {counted + 1} ({_first_line(error)}): the {counted} frames before are used"
        )


def _of_dynamics(path: Path) -> tuple[float | None, int, dict[str, Any]]:
    """Time step (fs) and steps between frames of a trajectory file of ASE's dynamics."""
    from ase import units
    from ase.io.formats import UnknownFileTypeError, filetype
    from ase.io.trajectory import Trajectory

    try:
        if filetype(str(path)) != "traj":
            return None, 1, {}
    except (UnknownFileTypeError, *READ_ERRORS):
        return None, 1, {}
    with Trajectory(str(path)) as trajectory:
        told = getattr(trajectory, "description", None) or {}
    timestep = told.get("timestep")
    return (
        None if timestep is None else round(float(timestep) / units.fs, 9),
        int(told.get("interval", told.get("loginterval", 1))),
        {},
    )


def _known(atoms: Atoms, keys: tuple[str, ...]) -> float | None:
    """The first of these keys that is a number; None where there is none."""
    values = (atoms.info.get(key) for key in keys)
    return next(
        (
            float(value)
            for value in values
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        ),
        None,
    )


def _joined(rows: list[_Row], species: tuple[str, ...]) -> Frames:
    energies, temperatures = np.array([row.energy for row in rows]), np.array([row.temperature for row in rows])
    return Frames(
        species,
        np.array([row.cell for row in rows]),
        np.array([row.positions for row in rows]),
        np.array([row.index for row in rows]),
        np.array([row.time for row in rows]),
        energies if np.isfinite(energies).any() else None,
        temperatures if np.isfinite(temperatures).any() else None,
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
