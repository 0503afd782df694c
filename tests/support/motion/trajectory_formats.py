"""One trajectory with known answers, written in every format and dialect that the readers know."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catholyte.structures.trajectories.frames import Frames

from .trajectory_texts import extxyz, hdf5, head, vasprun, xdatcar

__all__ = [
    "FORMATS",
    "PACKINGS",
    "Format",
    "ase_trajectory",
    "blank_xdatcar",
    "lammps_dump",
    "learned_vasprun",
    "vaspout",
]

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@dataclass(frozen=True)
class Format:
    """How a trajectory is written.

    Parameters
    ----------
    name : str
        Of the file.
    write : callable
        From the folder's file and the frames.
    text : bool
        Whether it may be packed.
    timed : bool
        Whether the file tells the time step of 2 fs.
    breathes : bool
        Whether the cell may change.
    tolerance : float, Å
        By the digits of the file.
    elements : tuple of str
        That the file does not name.
    """

    name: str
    write: Callable[[Path, Frames], object]
    text: bool = True
    timed: bool = False
    breathes: bool = True
    tolerance: float = 1e-9
    elements: tuple[str, ...] = ()


def _text(maker: Callable[[Frames], str]) -> Callable[[Path, Frames], object]:
    return lambda path, frames: path.write_text(maker(frames))


def blank_xdatcar(frames: Frames, *, elements: bool = True) -> str:
    """XDATCAR as VASP 5.2 writes it, an empty line before each frame; without elements as VASP 4 does."""
    lines = head(frames.species, frames.cells[0]).splitlines()
    text = "\n".join(lines if elements else [*lines[:5], lines[6]]) + "\n"
    for rows in frames.fractional():
        text += "\n" + "".join("".join(f"{value:16.12f}" for value in row) + "\n" for row in rows)
    return text


def _cartesian_xdatcar(frames: Frames, scale: float = 1.3) -> str:
    text = head(frames.species, frames.cells[0], scale)
    for step, rows in zip(frames.steps, frames.positions, strict=True):
        text += f"Cartesian configuration= {step}\n"
        text += "".join(" ".join(f"{value / scale:.12f}" for value in row) + "\n" for row in rows)
    return text


def _glued_xdatcar(frames: Frames) -> str:
    """All coordinates negative and without a space between them, and one line of another width."""
    text = head(frames.species, frames.cells[0])
    for step, rows in zip(frames.steps, frames.fractional(), strict=True):
        text += f"direct configuration= {step}\n"
        text += "".join("".join(f"{value - 1:.12f}" for value in row) + "\n" for row in rows[:-1])
        text += " ".join(f"{value:.14f}" for value in rows[-1]) + "\n"
    return text


def learned_vasprun(frames: Frames, electrons: Callable[[int], bool]) -> str:
    """vasprun.xml of a force field; steps with `electrons` are ``calculation``, the others bare structures."""
    whole = vasprun(frames).replace(
        ' <i name="POTIM">', ' <i type="logical" name="ML_LMLFF"> T </i>\n  <i name="POTIM">'
    )
    before, *steps = whole.split(" <calculation>\n")
    text = before + ' <structure name="initialpos">\n </structure>\n'
    for i, step in enumerate(steps):
        body = step.split(" </calculation>")[0]
        if electrons(i):
            text += f" <calculation>\n{body} </calculation>\n"
        else:
            text += body[body.index("  <structure>") :].replace(
                "  <energy>", "  <varray name='forces'/>\n  <energy>", 1
            )
    return text + ' <structure name="finalpos">\n </structure>\n</modeling>\n'


def _old_vasprun(frames: Frames) -> str:
    """As VASP 4.6 writes it: no IBRION in <incar>, both in <parameters>, kinetic energies as they are."""
    text = vasprun(frames, version="4.6.34")
    start, end = text.index(" <incar>"), text.index(" <atominfo>")
    ionic = '<separator name="ionic"><i type="int" name="IBRION"> 0</i><i name="POTIM"> 2.00000000</i></separator>'
    return f"{text[:start]} <incar>\n  <i name='TEBEG'> 300.0</i>\n </incar>\n <parameters>{ionic}</parameters>\n{text[end:]}"


def lammps_dump(
    frames: Frames,
    columns: str = "id element x y z",
    *,
    box: str = "restricted",
    units: str | None = None,
    spacing: int = 1,
    seed: int = 3,
) -> str:
    """LAMMPS dump; rows in a random order, the box away from the origin and moving.

    Parameters
    ----------
    frames : Frames
        Cells with a along x and b in the plane of x and y.
    columns : str
    box : str
        ``orthogonal``, ``restricted`` (triclinic by its bounds) or ``general`` (by its vectors).
    units : str, optional
        Then the time is written too.
    spacing : int
        Steps of the dynamics in one step of the frames.
    seed : int
        Of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    length, time = {"metal": (1.0, 1e-3), "real": (1.0, 1.0), "electron": (1 / 0.529177210903, 1.0), None: (1.0, 1.0)}[
        units
    ]
    types = {name: k for k, name in enumerate(dict.fromkeys(frames.species), 1)}
    text = "" if units is None else f"ITEM: UNITS\n{units}\n"
    fractional = frames.fractional()
    for k, (cell, parts) in enumerate(zip(frames.cells * length, fractional, strict=True)):
        origin = np.array([-1.25, 0.5, 2.0]) + 0.01 * k
        if units is not None:
            text += f"ITEM: TIME\n{frames.times[k] * time:.9f}\n"
        text += f"ITEM: TIMESTEP\n{frames.steps[k] * spacing}\nITEM: NUMBER OF ATOMS\n{len(parts)}\n"
        text += _box(cell, origin, box)
        text += f"ITEM: ATOMS {columns}\n"
        wrapped = parts - np.floor(parts)
        values = {
            **dict(zip("xyz", (origin + wrapped @ cell).T, strict=True)),
            **dict(zip(("xu", "yu", "zu"), (origin + parts @ cell).T, strict=True)),
            **dict(zip(("xs", "ys", "zs"), wrapped.T, strict=True)),
            **dict(zip(("xsu", "ysu", "zsu"), parts.T, strict=True)),
        }
        for i in rng.permutation(len(parts)):
            named = {"id": i + 1, "element": frames.species[i], "type": types[frames.species[i]], "q": 0.5}
            text += (
                " ".join(str(named.get(c)) if c in named else f"{values[c][i]:.12f}" for c in columns.split()) + " \n"
            )
    return text


def _box(cell: np.ndarray, origin: np.ndarray, kind: str) -> str:
    if kind == "general":
        rows = [
            f"{' '.join(f'{value:.12f}' for value in row)} {low:.12f}" for row, low in zip(cell, origin, strict=True)
        ]
        return "ITEM: BOX BOUNDS abc origin pp pp pp\n" + "\n".join(rows) + "\n"
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    low = origin + ([min(0, xy, xz, xy + xz), min(0, yz), 0] if kind == "restricted" else 0)
    high = origin + np.diag(cell) + ([max(0, xy, xz, xy + xz), max(0, yz), 0] if kind == "restricted" else 0)
    tilts = (xy, xz, yz) if kind == "restricted" else None
    name = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n" if tilts else "ITEM: BOX BOUNDS pp pp pp\n"
    return name + "".join(
        f"{a:.12f} {b:.12f}{f' {tilts[k]:.12f}' if tilts else ''}\n"
        for k, (a, b) in enumerate(zip(low, high, strict=True))
    )


def ase_trajectory(path: Path, frames: Frames) -> Path:
    """A trajectory file of ASE, as its dynamics of 2 fs writes it."""
    from ase import Atoms, units
    from ase.io.trajectory import Trajectory

    with Trajectory(str(path), "w") as file:
        file.set_description({"type": "molecular-dynamics", "timestep": 2 * units.fs, "interval": 1})
        for rows, cell in zip(frames.positions, frames.cells, strict=True):
            file.write(Atoms(frames.species, positions=rows, cell=cell, pbc=True))
    return path


def vaspout(path: Path, frames: Frames, ibrion: int = 0) -> Path:
    """The parts of a vaspout.h5 that hold a trajectory."""
    import h5py

    kinds = list(dict.fromkeys(frames.species))
    with h5py.File(path, "w") as file:
        file["version/major"] = 6
        file["input/incar/IBRION"], file["input/incar/POTIM"] = ibrion, 2.0
        file["results/positions/ion_types"] = np.array([f"{kind}_pv".encode() for kind in kinds])
        file["results/positions/number_ion_types"] = np.array([frames.species.count(kind) for kind in kinds])
        steps = file.create_group("intermediate/ion_dynamics")
        steps["lattice_vectors"], steps["position_ions"] = frames.cells, frames.fractional()
        steps["energies_tags"] = np.array([b"free energy    TOTEN   ", b"energy(sigma->0)       "])
        steps["energies"] = np.array([[-float(k), 9.0] for k in range(1, len(frames) + 1)])
    return path


def _xyz(**info: Callable[[int], float]) -> Callable[[Path, Frames], object]:
    return lambda path, frames: extxyz(path, frames, **info)


TYPES = ("Li", "P", "S")
FORMATS: dict[str, Format] = {
    "XDATCAR": Format("XDATCAR", _text(xdatcar), breathes=False),
    "XDATCAR, a header a frame": Format("XDATCAR", _text(lambda frames: xdatcar(frames, heads=True))),
    "XDATCAR of VASP 5.2": Format("XDATCAR", _text(blank_xdatcar), breathes=False),
    "XDATCAR of VASP 4": Format(
        "XDATCAR", _text(lambda frames: blank_xdatcar(frames, elements=False)), breathes=False, elements=TYPES
    ),
    "XDATCAR in Cartesian coordinates": Format("XDATCAR", _text(_cartesian_xdatcar), breathes=False),
    "XDATCAR, glued numbers": Format("XDATCAR", _text(_glued_xdatcar), breathes=False),
    "vasprun.xml": Format("vasprun.xml", _text(vasprun), timed=True),
    "vasprun.xml of VASP 4.6": Format("vasprun.xml", _text(_old_vasprun), timed=True),
    "vasprun.xml, trained on the fly": Format(
        "vasprun.xml", _text(lambda frames: learned_vasprun(frames, lambda i: i % 3 == 0)), timed=True
    ),
    "vasprun.xml of a force field": Format(
        "vasprun.xml", _text(lambda frames: learned_vasprun(frames, lambda _: False)), timed=True
    ),
    "vaspout.h5": Format("vaspout.h5", vaspout, text=False, timed=True),
    "LAMMPS, x y z": Format("run.lammpstrj", _text(lammps_dump)),
    "LAMMPS, types alone": Format(
        "run.dump", _text(lambda frames: lammps_dump(frames, "id type x y z q")), elements=TYPES
    ),
    "LAMMPS, scaled": Format("run.dump", _text(lambda frames: lammps_dump(frames, "id element xs ys zs"))),
    "LAMMPS, unwrapped": Format("run.dump", _text(lambda frames: lammps_dump(frames, "element id xu yu zu"))),
    "LAMMPS, scaled and unwrapped": Format(
        "run.dump", _text(lambda frames: lammps_dump(frames, "id element xsu ysu zsu", box="general"))
    ),
    "LAMMPS, metal units and times": Format(
        "run.dump", _text(lambda frames: lammps_dump(frames, units="metal")), timed=True
    ),
    "LAMMPS, electron units": Format(
        "run.dump", _text(lambda frames: lammps_dump(frames, units="electron")), timed=True
    ),
    "extended XYZ": Format(
        "run.extxyz", _xyz(step=lambda i: i + 1, time=lambda i: 2.0 * (i + 1)), timed=True, tolerance=1e-7
    ),
    "extended XYZ, times in ps": Format(
        "run.extxyz", _xyz(time_ps=lambda i: 0.002 * (i + 1)), timed=True, tolerance=1e-7
    ),
    "ASE trajectory": Format("run.traj", ase_trajectory, text=False, timed=True),
    "HDF5": Format("run.h5", hdf5, text=False, timed=True),
}
