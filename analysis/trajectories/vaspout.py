"""vaspout.h5 of VASP 6: the ionic steps of a molecular dynamics, read by blocks (places of py4vasp's schema)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...configs.constants import BOLTZMANN
from ...configs.errors import InputError
from ...structures.crystals.vaspout import STEPS, opened, step_cells, step_energies, vaspout_atoms, vaspout_incar
from ...structures.trajectories.frames import Frames
from .source import Damage, TrajectorySource

__all__ = ["vaspout_source"]


def vaspout_source(path: Path) -> TrajectorySource:
    """Read what holds for all steps.

    Raises
    ------
    InputError
        If the file is cut off, or holds no ionic steps or no atoms.
    """
    try:
        with opened(path) as file:
            species = tuple(symbol for symbol, count in vaspout_atoms(file) for _ in range(count))
            incar = vaspout_incar(file)
            total = min(len(file[STEPS]["position_ions"]), len(file[STEPS]["lattice_vectors"]))
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path} holds no ionic steps or no atoms ({error}): it is no run of molecular dynamics"
        ) from None
    ibrion, potim, learned = incar.get("IBRION"), incar.get("POTIM"), bool(incar.get("ML_LMLFF"))

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        if learned:
            damage.say("ML_LMLFF is on: a machine-learned force field of VASP moved its atoms, in all steps or in some")
        for start in range(0, total, block):
            part = slice(start, min(start + block, total))
            yield damage.usable(_frames(path, species, part), start + 1)

    return TrajectorySource(
        path,
        species,
        float(potim) if isinstance(potim, (int, float)) and potim > 0 else None,
        read,
        {"tier": "vasp-mlff" if learned else "vasp"},
        optimiser="" if ibrion in (None, 0) else f"IBRION = {ibrion}",
    )


def _frames(path: Path, species: tuple[str, ...], part: slice) -> Frames:
    with opened(path) as file:
        group = file[STEPS]
        cells, fractional = step_cells(group, part), np.asarray(group["position_ions"][part], dtype=float)
        energies = {name: values[part] for name, values in step_energies(group).items()}
    temperatures = energies.get("temperature")
    if temperatures is None and "kinetic" in energies:
        # VASP counts the degrees of freedom without those of the centre of mass
        temperatures = 2 * energies["kinetic"] / (3 * max(len(species) - 1, 1) * BOLTZMANN)
    free = energies.get("e_fr_energy")
    return Frames(
        species,
        cells,
        fractional @ cells,
        np.arange(part.start + 1, part.stop + 1),
        np.full(len(cells), np.nan),
        free if free is not None and len(free) == len(cells) else None,
        temperatures if temperatures is not None and len(temperatures) == len(cells) else None,
    )
