"""vaspout.h5 of VASP 6: the ionic steps of a molecular dynamics (VASP wiki, vaspout.h5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .source import Damage, TrajectorySource

if TYPE_CHECKING:
    import h5py

__all__ = ["is_vaspout", "vaspout_source"]

_STEPS = "intermediate/ion_dynamics"
_TYPES, _COUNTS = "results/positions/ion_types", "results/positions/number_ion_types"


def is_vaspout(path: Path) -> bool:
    """Whether an HDF5 file holds what VASP writes first."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return "version" in file and "input" in file
    except OSError:
        return False  # another reader says what is wrong with it


def vaspout_source(path: Path) -> TrajectorySource:
    """Read what holds for all steps.

    Raises
    ------
    InputError
        If the file holds no ionic steps or no atoms.
    """
    import h5py

    with h5py.File(path, "r") as file:
        if _STEPS not in file or _TYPES not in file:
            raise InputError(f"{path} holds no ionic steps ({_STEPS}): it is no run of molecular dynamics")
        names = [re.match(r"[A-Z][a-z]?", text.decode()) for text in file[_TYPES][:]]
        counts = file[_COUNTS][:].tolist()
        species = tuple(name.group() for name, count in zip(names, counts, strict=True) if name for _ in range(count))
        incar = {key: _plain(value[()]) for key, value in file.get("input/incar", {}).items()}
    ibrion, potim = incar.get("IBRION"), incar.get("POTIM")
    learned = str(incar.get("ML_LMLFF", "")).strip(". ").upper().startswith("T")

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        if learned:
            damage.say("ML_LMLFF is on: a machine-learned force field of VASP moved its atoms, in all steps or in some")
        with h5py.File(path, "r") as file:
            steps = file[_STEPS]
            total = min(len(steps["position_ions"]), len(steps["lattice_vectors"]))
            for start in range(0, total, block):
                yield damage.usable(_part(steps, species, start, min(start + block, total)), start + 1)

    return TrajectorySource(
        path,
        species,
        float(potim) if isinstance(potim, (int, float)) and potim > 0 else None,
        read,
        {"tier": "vasp-mlff" if learned else "vasp"},
        optimiser="" if ibrion in (None, 0) else f"IBRION = {ibrion}",
    )


def _part(steps: h5py.Group, species: tuple[str, ...], start: int, stop: int) -> Frames:
    cells = np.array(steps["lattice_vectors"][start:stop], dtype=float)
    positions = np.array(steps["position_ions"][start:stop], dtype=float) @ cells
    energies: Floats | None = None
    if "energies" in steps and "energies_tags" in steps:
        tags = [text.decode().strip() for text in steps["energies_tags"][:]]
        free = next((k for k, tag in enumerate(tags) if tag.startswith("free energy")), None)
        if free is not None and len(steps["energies"]) >= stop:
            energies = np.array(steps["energies"][start:stop, free], dtype=float)
    numbers = np.arange(start + 1, stop + 1)
    return Frames(species, cells, positions, numbers, np.full(stop - start, np.nan), energies)


def _plain(value: Any) -> Any:
    """A number or a text of HDF5 as one of Python."""
    return value.decode() if isinstance(value, bytes) else value.item() if isinstance(value, np.generic) else value
