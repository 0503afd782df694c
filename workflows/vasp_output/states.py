"""Projected density of states of a run.

VASP with Gaussian-like smearing prints at each grid energy the mean density of the interval that *ends* there, so its
first moments lie half a grid step too high (0.105 eV on the 0.21 eV grid of a default NEDOS; measured against the mean
of the eigenvalues). The grid is moved back by that half step. The tetrahedron method prints the density at the point.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ..documents import ProjectedDos
from .files import damage_named

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["projected_dos"]

_ORBITALS: tuple[Literal["s", "p", "d", "f"], ...] = ("s", "p", "d", "f")
#: eV, by which the printed energies of the grid are rounded: VASP 5 writes four digits
_DIGITS = 2.1e-4
#: ISMEAR of the tetrahedron methods (VASP wiki, ISMEAR)
_TETRAHEDRON = {-4, -5, -14, -15}


def projected_dos(run: Vasprun, file: Path) -> ProjectedDos:
    """The projected DOS summed over m, s to f, on VASP's own energy zero (see above for the half step).

    Raises
    ------
    InputError
        If there is none, or it is damaged: another grid than that of the total, sites left out, or no numbers.
    """
    if getattr(run, "dos_has_errors", False):
        raise InputError(f"{file} is corrupt: its density of states is damaged")
    if not run.pdos:
        raise InputError(f"{file} has no projected DOS: run VASP with LORBIT = 11")
    with damage_named(file):
        return _projected_dos(run, file)


def _projected_dos(run: Vasprun, file: Path) -> ProjectedDos:
    energies = np.asarray(run.tdos.energies, dtype=float)
    _require_grid(run, energies, file)
    step = float(energies[1] - energies[0])
    smearing = int(run.parameters["ISMEAR"])
    spins = sorted(run.tdos.densities, key=lambda spin: -spin.value)
    present = [o for o in _ORBITALS if any(_orbital_type(key) == o for key in run.pdos[0])]
    densities = np.zeros((len(spins), len(run.pdos), len(present), len(energies)))
    for site, table in enumerate(run.pdos):
        for key, channels in table.items():
            for i, spin in enumerate(spins):
                densities[i, site, present.index(_orbital_type(key))] += channels[spin]
    tetrahedron = smearing in _TETRAHEDRON
    return ProjectedDos(
        energies=(energies if tetrahedron else energies - step / 2).tolist(),
        densities=densities.tolist(),
        total=[np.asarray(run.tdos.densities[spin], dtype=float).tolist() for spin in spins],
        orbitals=present,
        broadening=0.0 if tetrahedron else float(run.parameters["SIGMA"]),
        n_bands=int(run.parameters["NBANDS"]),
    )


def _require_grid(run: Vasprun, energies: Floats, file: Path) -> None:
    """Raise InputError unless total and projections lie on one even grid, for every site and spin, and are numbers."""
    total = [np.asarray(row, dtype=float) for row in run.tdos.densities.values()]
    asked = int(run.parameters.get("NEDOS", len(energies)))
    if len(energies) != asked:
        raise InputError(f"{file} is corrupt: the DOS has {len(energies)} of its {asked} energies (NEDOS)")
    if len(run.pdos) != len(run.final_structure):
        raise InputError(
            f"{file} is corrupt: the DOS is projected on {len(run.pdos)} of {len(run.final_structure)} atoms"
        )
    for site, table in enumerate(run.pdos):
        if table.keys() != run.pdos[0].keys():
            raise InputError(f"{file} is corrupt: atom {site + 1} has other orbitals in the DOS than atom 1")
        for channels in table.values():
            if not set(run.tdos.densities) <= set(channels):
                raise InputError(f"{file} is corrupt: a spin is missing in the projected DOS of atom {site + 1}")
            for row in channels.values():
                if len(row) != len(energies):
                    raise InputError(
                        f"{file} is corrupt: the DOS of atom {site + 1} has {len(row)} energies, the total "
                        f"{len(energies)}"
                    )
                if not np.isfinite(row).all():
                    raise InputError(f"{file} is corrupt: the DOS of atom {site + 1} is no number somewhere (*****)")
    if len(energies) < 2 or not np.isfinite([energies, *total]).all():
        raise InputError(f"{file} is corrupt: the total DOS or its energies are no numbers somewhere (*****)")
    steps = np.diff(energies)
    if steps.min() <= 0 or np.ptp(steps) > 0.01 * steps.max() + _DIGITS:
        raise InputError(f"{file} is corrupt: the energies of the DOS are not evenly spaced: a line is missing")


def _orbital_type(key: Any) -> Literal["s", "p", "d", "f"]:
    """Orbital letter of a projection key: one m of LORBIT 11 or a whole shell of LORBIT 10."""
    return next(o for o in _ORBITALS if str(getattr(key, "name", key)).startswith(o))
