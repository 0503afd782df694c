"""Trajectories from files: any format, several files as chunks in order, streamed, with everything that was wrong said.

What is damaged is left out and named in the notes; what is whole is used. Steps rise through the whole trajectory
(:mod:`.chain`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.errors import InputError
from ...structures.crystals.guard import require_columns, require_elements
from ...structures.crystals.vaspout import is_vaspout
from ...structures.trajectories.frames import Frames
from ...structures.trajectories.h5 import is_trajectory_file, read_blocks, read_header
from .chain import SAME_TIME, Chain
from .run_input import run_input
from .source import READ_ERRORS, Damage, TrajectorySource, opened, packing, refuse_rehearsal_stamp

__all__ = ["Trajectory", "open_trajectory"]


#: fs; taken where nothing tells the time step
_ASSUMED_TIMESTEP = 1.0
#: fs; atoms are never moved by less
_SHORTEST_TIMESTEP = 0.05


def open_trajectory(
    paths: Sequence[Path],
    timestep: float | None = None,
    block: int = 256,
    *,
    elements: Sequence[str] = (),
    skip: float = 0.0,
) -> Trajectory:
    """Open the files of one trajectory, chunks in order.

    Parameters
    ----------
    paths : sequence of Path
        XDATCAR, vasprun.xml, vaspout.h5, LAMMPS dumps, extended XYZ, HDF5 of this project and what else ASE reads; text
        may be packed (.gz, .bz2, .xz). Told by content.
    timestep : float, fs, optional
        Between two steps of the dynamics; it overrules what the files say, with a note. An XDATCAR takes it from the
        INCAR beside it where it is left out.
    block : int
        Frames that are in memory at once.
    elements : sequence of str
        Of the types 1, 2, … of a LAMMPS dump, or of the counts of a VASP 4 XDATCAR, where the file names none.
    skip : float, fs
        Equilibration: frames that lie less than this behind the first are left out.

    Raises
    ------
    InputError
        If a file cannot be opened, has other atoms than the first, comes from a rehearsal, or tells a time step that
        is impossible.
    """
    if not paths:
        raise InputError("no trajectory: name at least one file")
    if timestep is not None and not (np.isfinite(timestep) and timestep > 0):
        raise InputError(f"a time step of {timestep} fs is not possible, it must be positive")
    if not (np.isfinite(skip) and skip >= 0):
        raise InputError(f"{skip} fs of equilibration are not possible: 0 or more")
    if block < 1:
        raise InputError(f"blocks of {block} frames are not possible, at least 1 is needed")
    _require_elements(elements)
    sources = []
    for path in paths:
        with _damage_named(Path(path)):
            sources.append(_source(Path(path), tuple(elements)))
    for source in sources:
        require_elements(source.species, source.path)
    for source in sources[1:]:
        if source.species != sources[0].species:
            raise InputError(
                f"{source.path} has {len(source.species)} atoms and {sources[0].path} has {len(sources[0].species)}, "
                "or their order differs: chunks of one trajectory have the same atoms in the same order"
            )
    for source in sources:
        if timestep is None and source.timestep is not None and source.timestep < _SHORTEST_TIMESTEP:
            raise InputError(
                f"{source.path}: its times give a time step of {source.timestep:g} fs, which no dynamics of atoms has",
                "times are read in fs; are these ps? Give the time step in fs with --timestep",
            )
    return Trajectory(sources, timestep, block, skip)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Name the file where its reader stumbles over a damage that it does not know."""
    try:
        yield
    except (*READ_ERRORS, ArithmeticError, LookupError, ValueError) as error:
        told = str(error).strip("'\"").partition("\n")[0]
        raise InputError(f"{path} is damaged: {type(error).__name__}: {told[:200]}") from None


def _require_elements(elements: Sequence[str]) -> None:
    """Raise InputError if one of these is no element."""
    from ase.data import atomic_numbers

    for symbol in elements:
        if atomic_numbers.get(symbol, 0) < 1:
            raise InputError(f"{symbol!r} is no element: symbols in the order of the types are needed, e.g. Li,Co,O")


def _source(path: Path, elements: tuple[str, ...]) -> TrajectorySource:
    """The reader that the content of the file asks for."""
    from .ase import ase_source
    from .lammps import is_lammps_dump, lammps_source
    from .vaspout import vaspout_source
    from .vasprun import vasprun_source
    from .xdatcar import is_xdatcar, xdatcar_source

    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file"
            if not path.exists()
            else f"{path} is no file: name the XDATCAR, vasprun.xml or vaspout.h5 in it"
        )
    if path.name.endswith("vaspout.h5") or is_vaspout(path):
        return vaspout_source(path)
    if is_trajectory_file(path):
        return _hdf5_source(path)
    packed = packing(path)
    try:
        with opened(path) as file:
            head = file.read(8192)
    except READ_ERRORS as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not head.strip():
        raise InputError(f"{path} is empty")
    refuse_rehearsal_stamp(head.partition(b"\n")[0].decode(errors="replace"), path)
    if b"Properties=" in head:
        require_columns(head.decode(errors="replace"), path)
    if head.lstrip().startswith(b"<?xml") and b"<modeling" in head:
        return vasprun_source(path)
    if is_lammps_dump(head):
        return lammps_source(path, elements)
    if is_xdatcar(path, head):
        return xdatcar_source(path, elements)
    if packed and (b"\0" in head or path.suffix != packed):
        raise InputError(
            f"{path} is packed, and this format is read from plain files only: unpack it first"
            if b"\0" in head
            else f"{path} is packed, and its name does not end in {packed}: rename it"
        )
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
        False if nothing told it, or the steps are those of an optimiser: then 1 fs is assumed where none was given,
        times only count steps, and diffusivities have no meaning.
    metadata : mapping
        What the first file says of itself; ``tier`` where it is known.
    paths : tuple of Path
    notes : list of str
        What was found wrong, left out or assumed; complete when the blocks were read.
    """

    def __init__(
        self, sources: Sequence[TrajectorySource], timestep: float | None, block: int, skip: float = 0.0
    ) -> None:
        self._sources, self._block, self._skip = tuple(sources), block, skip
        self.species = self._sources[0].species
        self.paths = tuple(source.path for source in self._sources)
        self.metadata: Mapping[str, Any] = self._sources[0].metadata
        self._opening: list[str] = []
        self._given = timestep is not None
        self._timesteps, self.timestep_known = self._resolved(timestep)
        self.timestep = self._timesteps[0]
        self.notes: list[str] = list(self._opening)

    def blocks(self) -> Iterator[Frames]:
        """Yield the usable frames; from the beginning again with each call.

        Raises
        ------
        InputError
            When no frame of any file is usable, or none lies behind the equilibration.
        """
        self.notes = list(self._opening)
        first, skipped, used = np.nan, 0, 0
        for frames in self._joined():
            first = float(frames.times[0]) if np.isnan(first) else first
            late = frames.times - first >= self._skip * (1 - 1e-9)
            skipped += int(np.count_nonzero(~late))
            used += int(np.count_nonzero(late))
            if late.any():
                yield frames if late.all() else frames.select(late)
        if skipped:
            self.notes.append(
                f"the first {self._skip:g} fs ({skipped} frame{'s' if skipped > 1 else ''}) are left out as "
                "equilibration"
            )
        if not used:
            raise InputError(
                f"{', '.join(map(str, self.paths))}: no usable frame. {'; '.join(self.notes)}".rstrip(". ")
            )

    def _joined(self) -> Iterator[Frames]:
        """The usable frames of all files."""
        chain = Chain(check_times=not self._given)
        for source, timestep in zip(self._sources, self._timesteps, strict=True):
            damage = Damage(source.path)
            chain.begin(source, timestep, damage)
            with _damage_named(source.path):
                for frames in source.read(self._block, damage):
                    yield from chain.joined(frames)
            chain.end()
            self.notes += damage.notes()

    def _resolved(self, given: float | None) -> tuple[list[float], bool]:
        """Time step of each file, and whether it is a time."""
        inputs = [run_input(source.path) for source in self._sources]
        told = [
            given or source.timestep or beside.timestep for source, beside in zip(self._sources, inputs, strict=True)
        ]
        known = [value for value in told if value is not None]
        timed = bool(known)
        if not known:
            self._opening.append(
                f"nothing tells the time step: {_ASSUMED_TIMESTEP:g} fs is assumed, so times count steps, and "
                "diffusivities and rates have no meaning: give the time step"
            )
        for source, beside, value in zip(self._sources, inputs, told, strict=True):
            if optimiser := source.optimiser or beside.optimiser:
                timed = False
                self._opening.append(
                    f"{source.path}: {optimiser}: its steps are those of an optimiser, not of time; diffusivities and "
                    "rates have no meaning"
                )
            elif given is not None:
                self._overruled(source, source.timestep or beside.timestep, given)
            elif source.timestep is None and known and "OUTCAR" not in source.path.name:
                origin = "the INCAR beside it" if value else "the other files"
                self._opening.append(f"{source.path}: the time step of {value or known[0]:g} fs is that of {origin}")
            elif value is not None and abs(value / known[0] - 1) > SAME_TIME:
                self._opening.append(
                    f"{source.path}: its time step is {value:g} fs, that of {self._sources[0].path} {known[0]:g} fs; "
                    "each counts for its own frames"
                )
        return [value or (known[0] if known else _ASSUMED_TIMESTEP) for value in told], timed

    def _overruled(self, source: TrajectorySource, own: float | None, given: float) -> None:
        """Say it where a file tells another time step than the one that was given."""
        if own is not None and abs(given / own - 1) > SAME_TIME:
            self._opening.append(
                f"{source.path}: its time step would be {own:g} fs; the {given:g} fs that were given are used"
            )
