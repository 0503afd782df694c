"""Trajectories made for tests, and the text that VASP would write of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter

SPECIES = ("Li", "Li", "P", "S", "S")
#: Å, skewed
CELL = np.array([[6.0, 0.0, 0.0], [-2.5, 5.0, 0.0], [1.0, 1.5, 7.0]])


def walk(
    n_frames: int,
    cell: NDArray[np.float64] = CELL,
    step: float = 0.05,
    seed: int = 0,
    species: tuple[str, ...] = SPECIES,
) -> Frames:
    """Atoms that wander by `step` Å per frame and axis, wrapped into the cell; steps from 1, 2 fs each."""
    rng = np.random.default_rng(seed)
    path = rng.random((len(species), 3)) @ cell + np.cumsum(rng.normal(0, step, (n_frames, len(species), 3)), axis=0)
    cells = np.broadcast_to(cell, (n_frames, 3, 3)).copy()
    steps = np.arange(1, n_frames + 1)
    return Frames(species, cells, (path @ np.linalg.inv(cell) % 1.0) @ cell, steps, 2.0 * steps)


def head(species: Iterable[str], cell: NDArray[np.float64], scale: float = 1.0) -> str:
    """Seven lines of a header; the species must stand in runs."""
    names = list(species)
    kinds = list(dict.fromkeys(names))
    rows = "".join("  " + "  ".join(f"{value:18.12f}" for value in row / scale) + "\n" for row in cell)
    return (
        f"made for a test\n  {scale:.12f}\n{rows} {' '.join(kinds)}\n "
        f"{' '.join(str(names.count(kind)) for kind in kinds)}\n"
    )


def xdatcar(frames: Frames, *, heads: bool = False, decimals: int = 12, scale: float = 1.0) -> str:
    """XDATCAR of frames; with `heads`, a header before each of them."""
    text = "" if heads else head(frames.species, frames.cells[0], scale)
    for cell, rows, step in zip(frames.cells, frames.fractional(), frames.steps, strict=True):
        text += head(frames.species, cell, scale) if heads else ""
        text += f"Direct configuration={step:6d}\n"
        text += "".join("  " + "  ".join(f"{value:.{decimals}f}" for value in row) + "\n" for row in rows)
    return text


def vasprun(frames: Frames, potim: float = 2.0, version: str = "6.4.1", ibrion: int = 0) -> str:
    """The parts of a vasprun.xml that hold a trajectory; energy -n eV and kinetic energy 0.1 eV in step n."""
    atoms = "".join(f"<rc><c>{name:2s}</c><c>   1</c></rc>" for name in frames.species)
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n'
        f'  <i name="program" type="string">vasp</i>\n  <i name="version" type="string">{version}  </i>\n '
        "</generator>\n"
        f' <incar>\n  <i type="int" name="IBRION">  {ibrion}</i>\n  <i name="POTIM">  {potim:.8f}</i>\n </incar>\n'
        f' <atominfo>\n  <array name="atoms" ><set>{atoms}</set></array>\n </atominfo>\n'
    )
    for i, (cell, rows) in enumerate(zip(frames.cells, frames.fractional(), strict=True), 1):
        basis, positions = (
            "".join("<v>" + " ".join(f"{value:.14f}" for value in row) + "</v>\n" for row in table)
            for table in (cell, rows)
        )
        text += (
            " <calculation>\n  <scstep><energy><i name='e_fr_energy'> 99.0 </i></energy></scstep>\n"
            f"  <structure>\n   <crystal><varray name='basis'>\n{basis}</varray></crystal>\n   <varray "
            f"name='positions'>\n{positions}</varray>\n  </structure>\n"
            f"  <energy><i name='e_fr_energy'> {-float(i)} </i><i name='e_0_energy'> 0.0 </i><i name='kinetic'> 0.1 "
            "</i></energy>\n </calculation>\n"
        )
    return text + "</modeling>\n"


def written(path: Path, text: str) -> Path:
    """Write text, gzipped where the name says so."""
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read_all(*paths: Path, timestep: float | None = 2.0, block: int = 7) -> tuple[Frames, list[str]]:
    """All frames of files as one block, and the notes."""
    trajectory = open_trajectory(paths, timestep, block)
    frames = Frames.joined(list(trajectory.blocks()))
    return frames, trajectory.notes


def hdf5(path: Path, frames: Frames) -> Path:
    """Frames in the HDF5 format, tier chgnet."""
    with TrajectoryWriter(path, frames.species, 2.0, {"tier": "chgnet"}) as writer:
        writer.append(frames)
    return path


def extxyz(path: Path, frames: Frames, **info: Callable[[int], float]) -> Path:
    """Frames as extended XYZ, with these numbers of each frame in its second line."""
    from ase import Atoms
    from ase.io import write

    images = [
        Atoms(frames.species, positions=rows, cell=cell, pbc=True)
        for rows, cell in zip(frames.positions, frames.cells, strict=True)
    ]
    for i, atoms in enumerate(images):
        atoms.info.update({key: value(i) for key, value in info.items()})
    write(str(path), images, format="extxyz")
    return path
