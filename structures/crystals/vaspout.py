"""Geometry, energies and settings in a vaspout.h5, in the places of py4vasp's schema (VASP Software GmbH, VASP 6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.harmless import hdf5_damage_named

if TYPE_CHECKING:
    from h5py import File, Group

__all__ = [
    "STEPS",
    "is_vaspout",
    "opened",
    "plain",
    "step_cells",
    "step_energies",
    "vaspout_atoms",
    "vaspout_incar",
    "vaspout_structure",
]

#: tags whose numbers mean yes or no
_LOGICAL = {"LDAU", "LHFCALC", "LSORBIT", "LNONCOLLINEAR", "LUSE_VDW", "LVDW", "LMETAGGA", "LASPH", "LVTOT", "LVHAR"}
_LOGICAL |= {"LTHOMAS", "LMODELHF", "LREAL", "ML_LMLFF", "LEPSILON", "ADDGRID", "LWAVE", "LCHARG"}
#: words in the labels of ``energies_tags``: of statics and relaxations, and of dynamics
_ENERGIES = {
    "TOTEN": "e_fr_energy",
    "without entropy": "e_wo_entrp",
    "sigma->0": "e_0_energy",
    "EKIN": "kinetic",
    "TEIN": "temperature",
    "ETOTAL": "total",
}
#: group of the ionic steps
STEPS = "intermediate/ion_dynamics"
_SYMBOL = re.compile(r"[A-Z][a-z]?")


def is_vaspout(path: Path) -> bool:
    """Whether a file is an HDF5 file with VASP's groups; False for every other file, readable or not."""
    import h5py

    try:
        if not path.is_file() or not h5py.is_hdf5(path):
            return False
        with h5py.File(path, "r") as file:
            return "version/major" in file and "input" in file
    except (OSError, RuntimeError):  # h5py's two ways to say that a file is damaged
        return False


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """A vaspout.h5 for reading.

    Raises
    ------
    InputError
        If it is no HDF5 file, or was cut off.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = str(error).partition("(")[2].rstrip(")") or str(error)
        raise InputError(f"{path} cannot be opened as HDF5: it is cut off, or still being written ({reason})") from None
    with file, hdf5_damage_named(file, path):
        if "version/major" not in file:
            raise InputError(f"{path} is an HDF5 file that VASP did not write: it has no group 'version'")
        yield file


def vaspout_incar(file: File) -> dict[str, Any]:
    """The INCAR as it was given; upper-case tags, logical values as bool."""
    return {str(tag).upper(): plain(str(tag).upper(), value[()]) for tag, value in file["input/incar"].items()}


def plain(tag: str, value: Any) -> Any:
    """A value of HDF5 as Python has it: text without blanks at its end, lists of numbers, bool of a logical `tag`."""
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip()
    if isinstance(value, list):
        return [plain("", item) for item in value]
    if tag not in _LOGICAL:
        return value
    return value.strip(".").upper()[:1] not in ("F", "") if isinstance(value, str) else bool(value)


def vaspout_atoms(file: File) -> list[tuple[str, int]]:
    """Element and number of atoms of each group, in the order of the positions.

    Raises
    ------
    InputError
        If they are not the atoms that have positions.
    """
    names = [plain("", name) for name in file["results/positions/ion_types"][()]]
    counts = file["results/positions/number_ion_types"][()].tolist()
    places = file[STEPS]["position_ions"].shape[1]
    if sum(counts) != places or min(counts) < 0:
        raise InputError(
            f"{file.filename} is damaged: its groups have {sum(counts)} atoms, and {places} have positions"
        )
    found = [(match.group() if (match := _SYMBOL.match(str(name))) else str(name)) for name in names]
    return list(zip(found, map(int, counts), strict=True))


def step_energies(group: Group) -> dict[str, Floats]:
    """Energies (eV) and temperatures (K) of every ionic step, (n_steps,) each, by the names of vasprun.xml; empty where
    none are written."""
    if "energies" not in group or "energies_tags" not in group:
        return {}
    labels = [str(plain("", label)) for label in group["energies_tags"][()]]
    values = np.asarray(group["energies"][()], dtype=float)
    named = {
        name: values[:, i]
        for word, name in _ENERGIES.items()
        for i, label in enumerate(labels)
        if word in label.replace("EKIN_LAT", "lattice")
    }
    for name in ("e_wo_entrp", "e_0_energy"):
        if "e_fr_energy" in named:
            named.setdefault(name, named["e_fr_energy"])
    return named


def step_cells(group: Group, part: slice = slice(None)) -> Floats:
    """Lattice vectors of ionic steps, (n_steps, 3, 3) Å."""
    scale = float(group["scale"][()]) if "scale" in group else 1.0
    return np.asarray(group["lattice_vectors"][part], dtype=float) * scale


def vaspout_structure(path: Path) -> Structure:
    """The cell and positions of the last ionic step.

    Raises
    ------
    InputError
        If the file is cut off or holds no ionic step.
    """
    with opened(path) as file:
        try:
            species = [symbol for symbol, count in vaspout_atoms(file) for _ in range(count)]
            group = file[STEPS]
            fractional = np.asarray(group["position_ions"][-1:], dtype=float)[0]
            return Structure(step_cells(group, slice(-1, None))[0], species, fractional)
        except (KeyError, IndexError, ValueError) as error:
            raise InputError(f"{path} holds no whole ionic step ({error})") from None
