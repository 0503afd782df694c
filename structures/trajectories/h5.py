"""Trajectories in HDF5, in the H5MD layout, written so that a killed writer leaves every whole frame readable.

The layout is H5MD 1.1 (P. de Buyl, P. H. Colberg, F. Höfling, Comput. Phys. Commun. 185, 1546 (2014)), which other
programs read: ``particles/all`` with ``species`` (atomic numbers), ``position`` and ``box/edges``; ``observables`` with
``potential_energy``, ``temperature`` and ``conserved_energy``; Å, fs, eV and K as attribute ``unit``. The writer works
in HDF5's single-writer-multiple-readers mode, in which the file is whole after every write and can be read while it
grows. The numbers of the steps are written last: a frame counts when its step stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.errors import InputError
from ...configs.harmless import hdf5_damage_named
from .frames import Frames

if TYPE_CHECKING:
    import h5py

__all__ = ["Header", "TrajectoryWriter", "is_trajectory_file", "read_blocks", "read_header"]

_POSITIONS = "particles/all/position/value"
_CELLS = "particles/all/box/edges/value"
_ENERGIES = "observables/potential_energy/value"
_TEMPERATURES = "observables/temperature/value"
_CONSERVED = "observables/conserved_energy/value"
_STEPS = "particles/all/position/step"
_TIMES = "particles/all/position/time"
#: dataset to its unit, in the order of writing; the steps come last, they say that a frame is whole
_SERIES = {
    _POSITIONS: "Angstrom",
    _CELLS: "Angstrom",
    _ENERGIES: "eV",
    _TEMPERATURES: "K",
    _CONSERVED: "eV",
    _TIMES: "fs",
    _STEPS: "",
}
#: series that older files do not have
_LATER = frozenset({_CONSERVED})
#: groups that share the steps and times of the positions
_SHARING = (
    "particles/all/box/edges",
    "observables/potential_energy",
    "observables/temperature",
    "observables/conserved_energy",
)
#: size of the file after the last append, bytes; by it the rest of a file that was cut off is told from a whole one
_SIZE = "parameters/size"
#: bytes of one chunk of positions: what HDF5 writes again when a chunk grows
_CHUNK_BYTES = 2**18
#: first bytes of every HDF5 file
_MAGIC = b"\x89HDF\r\n\x1a\n"
#: version of the superblock that says whether the file was closed
_SUPERBLOCK = 3


@dataclass(frozen=True)
class Header:
    """What holds for every frame of a file.

    Parameters
    ----------
    species : tuple of str, n_sites
        Element symbols.
    timestep : float, fs
        Between two steps of the dynamics, not between two frames.
    n_frames : int
        Whole frames when the header was read.
    metadata : mapping
        What the writer was told: tier, engine, temperature asked for and the like.
    """

    species: tuple[str, ...]
    timestep: float
    n_frames: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


class TrajectoryWriter:
    """Write frames to a new HDF5 file, or go on with one that a killed run left.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made.
    species : sequence of str, n_sites
        Element symbols.
    timestep : float, fs
        Between two steps of the dynamics.
    metadata : mapping, optional
        Anything that JSON can hold; the tier of the numbers belongs here. A continued file keeps its own where none is
        given.
    continue_after : int, optional
        Keep the frames of an existing file up to this step and append after them. Without it an existing file is an
        error.

    Raises
    ------
    InputError
        If the file exists and is not to be continued, or holds other species or another time step.
    """

    def __init__(
        self,
        path: str | Path,
        species: Sequence[str],
        timestep: float,
        metadata: Mapping[str, Any] | None = None,
        continue_after: int | None = None,
    ) -> None:
        self.path = Path(path)
        if not (np.isfinite(timestep) and timestep > 0):
            raise InputError(f"{self.path}: a time step of {timestep} fs is not possible, it must be positive")
        self._species = tuple(species)
        kept: Iterator[Frames] | None = None
        if self.path.exists():
            if continue_after is None:
                raise InputError(f"{self.path} exists already: name another file, or continue it")
            kept = self._kept(timestep, continue_after)
            metadata = read_header(self.path).metadata if metadata is None else metadata
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._target = self.path if kept is None else self.path.with_name(f"{self.path.name}.part")
        self._file = _created(self._target, self._species, timestep, dict(metadata or {}))
        self._frames = 0
        self._last_step = -1
        for frames in kept or ():
            self.append(frames)
        if kept is not None:
            # HDF5 does not reopen what a killed writer left: its frames stand in a new file, which takes the old one's
            # place
            self._target = self._target.replace(self.path)

    def append(self, frames: Frames) -> None:
        """Write frames; when this returns, they are on disk and readable whatever happens to the writer.

        Raises
        ------
        ValueError
            If the species are not those of the file, steps do not rise, or the writer is closed.
        """
        if not self._file:
            raise ValueError(f"{self.path} is closed")
        if frames.species != self._species:
            raise ValueError(
                f"{self.path} holds {len(self._species)} sites; frames of other species cannot be appended"
            )
        if len(frames) == 0:
            return
        steps = np.concatenate(([self._last_step], frames.steps))
        if np.any(np.diff(steps) <= 0):
            raise ValueError(
                f"{self.path}: steps rise from frame to frame and are not negative; after {self._last_step} came "
                f"{frames.steps.tolist()}"
            )
        unknown = np.full(len(frames), np.nan)
        values = {
            _POSITIONS: frames.positions,
            _CELLS: frames.cells,
            _ENERGIES: unknown if frames.energies is None else frames.energies,
            _TEMPERATURES: unknown if frames.temperatures is None else frames.temperatures,
            _CONSERVED: unknown if frames.conserved is None else frames.conserved,
            _TIMES: frames.times,
            _STEPS: frames.steps,
        }
        stop = self._frames + len(frames)
        for name in _SERIES:
            series = self._file[name]
            series.resize(stop, axis=0)
            series[self._frames : stop] = values[name]
            series.flush()
        self._file[_SIZE][...] = self._target.stat().st_size
        self._file[_SIZE].flush()
        self._frames, self._last_step = stop, int(frames.steps[-1])

    def close(self) -> None:
        """Close the file; closing it again changes nothing."""
        self._file.close()

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _kept(self, timestep: float, last: int) -> Iterator[Frames]:
        """Frames of the existing file up to step `last`."""
        header = read_header(self.path)
        if header.species != self._species or header.timestep != timestep:
            raise InputError(
                f"{self.path} holds {len(header.species)} sites at a time step of {header.timestep} fs and cannot be "
                f"continued with {len(self._species)} "
                f"sites{' of other species' if len(header.species) == len(self._species) else ''} at {timestep} fs"
            )
        return (frames.select(frames.steps <= last) for frames in read_blocks(self.path))


def is_trajectory_file(path: str | Path) -> bool:
    """Whether the file begins as every HDF5 file does."""
    with Path(path).open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_header(path: str | Path) -> Header:
    """Species, time step, number of whole frames and metadata.

    Raises
    ------
    InputError
        If the file cannot be read or is no trajectory of this layout.
    """
    with _opened(Path(path)) as file:
        return _header(file, Path(path))


def read_blocks(path: str | Path, block: int = 256) -> Iterator[Frames]:
    """Yield the whole frames of a file in blocks; the file may still be growing.

    Parameters
    ----------
    path : str or Path
    block : int
        Frames per block, at most.

    Raises
    ------
    InputError
        If the file cannot be read or is no trajectory of this layout.
    """
    with _opened(Path(path)) as file:
        header = _header(file, Path(path))
        series = {name: file[name] for name in _SERIES if name in file}
        known = {
            name: name in series and bool(np.isfinite(series[name][: header.n_frames]).any())
            for name in (_ENERGIES, _TEMPERATURES, _CONSERVED)
        }
        for start in range(0, header.n_frames, block):
            part = slice(start, min(start + block, header.n_frames))
            yield Frames(
                species=header.species,
                cells=series[_CELLS][part],
                positions=series[_POSITIONS][part],
                steps=series[_STEPS][part],
                times=series[_TIMES][part],
                energies=series[_ENERGIES][part] if known[_ENERGIES] else None,
                temperatures=series[_TEMPERATURES][part] if known[_TEMPERATURES] else None,
                conserved=series[_CONSERVED][part] if known[_CONSERVED] else None,
            )


def _header(file: h5py.File, path: Path) -> Header:
    from ase.data import chemical_symbols

    needed = ("particles/all/species", "parameters", *(name for name in _SERIES if name not in _LATER))
    missing = [name for name in needed if name not in file]
    if missing:
        raise InputError(f"{path} is HDF5 but no trajectory of this layout: it has no {missing[0]}")
    parameters = file["parameters"].attrs
    species = tuple(chemical_symbols[number] for number in file["particles/all/species"][:])
    # a writer that was killed between two series leaves them of unequal length, and steps that were announced but not
    # written
    n_frames = int(np.count_nonzero(file[_STEPS][:] >= 0))
    return Header(species, float(parameters["timestep"]), n_frames, json.loads(parameters["metadata"]))


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        unclosed = _is_unclosed(path)
        file = h5py.File(path, "r", swmr=unclosed)
    except OSError as error:
        raise InputError(f"{path} cannot be read as HDF5: {error}") from None
    with file:
        try:  # before anything else is looked at: HDF5 reads again and again what is not there
            size = int(file[_SIZE][()]) if unclosed and _SIZE in file else 0
        except RuntimeError as error:
            raise InputError(f"{path} is damaged: {error}") from None
        if path.stat().st_size < size:
            raise InputError(f"{path} was cut off: {path.stat().st_size} of at least {size} bytes are there")
        with hdf5_damage_named(file, path):
            yield file


def _is_unclosed(path: Path) -> bool:
    """Whether its writer runs or was killed, by the flags of the superblock (HDF5 file format specification, II.A).

    Raises
    ------
    OSError
        If less is there than before the first frame.
    """
    with path.open("rb") as file:
        head = file.read(36)
    if head[: len(_MAGIC)] != _MAGIC or head[8] != _SUPERBLOCK or not head[11]:
        return False
    if path.stat().st_size < int.from_bytes(head[28:36], "little"):
        raise OSError("the file was cut off in its head")
    return True


def _created(path: Path, species: tuple[str, ...], timestep: float, metadata: dict[str, Any]) -> h5py.File:
    """A new file with every dataset of its layout empty, and from then on whole after every write."""
    import h5py
    from ase.data import atomic_numbers

    unknown = [symbol for symbol in species if symbol not in atomic_numbers]
    if unknown or not species:
        raise InputError(
            f"{path}: {unknown[0] if unknown else 'nothing'} is no element; a trajectory needs the element symbols of "
            "its sites"
        )
    file = h5py.File(path, "w", libver="latest")
    file.create_group("h5md").attrs["version"] = np.array([1, 1], dtype=np.int32)
    file.create_group("h5md/author").attrs["name"] = "unknown"
    file.create_group("h5md/creator").attrs.update({"name": "catholyte", "version": "1"})
    file.create_group("parameters").attrs.update({"timestep": timestep, "metadata": json.dumps(metadata)})
    file.create_dataset(
        "particles/all/species", data=np.array([atomic_numbers[symbol] for symbol in species], dtype=np.int32)
    )
    shapes: dict[str, tuple[int, ...]] = {_POSITIONS: (len(species), 3), _CELLS: (3, 3)}
    for name, unit in _SERIES.items():
        shape = shapes.get(name, ())
        chunk = max(1, min(1024, _CHUNK_BYTES // (8 * int(np.prod(shape)))))
        kind, empty = (np.dtype(np.int64), -1) if name == _STEPS else (np.dtype(np.float64), np.nan)
        series = file.create_dataset(
            name, (0, *shape), maxshape=(None, *shape), chunks=(chunk, *shape), dtype=kind, fillvalue=empty
        )
        if unit:
            series.attrs["unit"] = unit
    file.create_dataset(_SIZE, data=np.int64(0))
    for group in _SHARING:
        file[f"{group}/step"], file[f"{group}/time"] = file[_STEPS], file[_TIMES]
    box = file["particles/all/box"]
    box.attrs.update({"dimension": 3, "boundary": np.array(["periodic"] * 3, dtype="S8")})
    file.swmr_mode = True
    return file
