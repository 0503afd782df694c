"""Projected density of states of a run.

VASP with Gaussian-like smearing prints at each grid energy the mean density of the interval that *ends* there, so its
first moments lie half a grid step too high (0.105 eV on the 0.21 eV grid of a default NEDOS; measured against the mean
of the eigenvalues). The grid is moved back by that half step. The tetrahedron method prints the density at the point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..documents import ProjectedDos

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["projected_dos"]

_ORBITALS: tuple[Literal["s", "p", "d", "f"], ...] = ("s", "p", "d", "f")
#: ISMEAR of the tetrahedron methods (VASP wiki, ISMEAR)
_TETRAHEDRON = {-4, -5, -14, -15}


def projected_dos(run: Vasprun) -> ProjectedDos:
    """The projected DOS summed over m, s to f, on VASP's own energy zero (see above for the half step)."""
    energies = np.asarray(run.tdos.energies, dtype=float)
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


def _orbital_type(key: Any) -> Literal["s", "p", "d", "f"]:
    """Orbital letter of a projection key: one m of LORBIT 11 or a whole shell of LORBIT 10."""
    return next(o for o in _ORBITALS if str(getattr(key, "name", key)).startswith(o))
