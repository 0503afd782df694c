"""KPAR and NCORE from the ranks of a job, its irreducible k points and its bands: speed, never a number.

KPAR groups of ranks share out the k points, and within a group NCORE ranks work on one band (VASP wiki, KPAR, NCORE:
about the root of the ranks).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

import numpy as np
import spglib

from ....configs.models import Mesh
from ....structures.crystals.symmetry import site_moments
from .cells import VaspCell
from .settings import VaspSettings

__all__ = ["RANKS_ALONE", "irreducible_points", "layout", "ranks_here"]

#: ranks that inputs are written for where no allocation says how many there are: a node of today
RANKS_ALONE = 64
#: ranks of one k group below which bands are shared out badly
LEAST_RANKS = 4
#: power of the ranks with which the speed of one k point rises: an assumption between the ideal 1 and none
_SCALING = 0.7
#: Å, with which operations are looked for
_SYMMETRY_PRECISION = 1e-3
#: variables in which schedulers tell the ranks of a job
_VARIABLES = ("SLURM_NTASKS", "PBS_NP", "NSLOTS")


def ranks_here(settings: VaspSettings, environment: Mapping[str, str] | None = None) -> int:
    """MPI ranks of the running job: of the settings, of the allocation, or :data:`RANKS_ALONE`."""
    if settings.ranks is not None:
        return settings.ranks
    told = os.environ if environment is None else environment
    numbers = [int(told[name]) for name in _VARIABLES if told.get(name, "").isdigit() and int(told[name]) > 0]
    return numbers[0] if numbers else RANKS_ALONE


def irreducible_points(cell: VaspCell, mesh: Mesh, *, symmetry: bool, gamma: bool) -> int:
    """Number of k points that VASP computes.

    Parameters
    ----------
    cell : VaspCell
    mesh : tuple of int
    symmetry : bool
        False with ISYM = 0: k and -k alone are equal.
    gamma : bool
        Whether the mesh holds Γ; otherwise even divisions are shifted by half a step.
    """
    shift = [0 if gamma else int(n % 2 == 0) for n in mesh]
    structure = cell.structure
    kinds = [int(site.specie.Z) for site in structure]
    if any(site_moments(structure)):
        table: dict[tuple[int, float], int] = {}
        moments = [round(float(m), 1) for m in site_moments(structure)]
        kinds = [table.setdefault(pair, len(table) + 1) for pair in zip(kinds, moments, strict=True)]
    positions = np.array(structure.frac_coords)
    if not symmetry:  # a general position for every atom, of its own kind: time reversal is left
        kinds = list(range(1, len(structure) + 1))
        positions = positions + np.random.default_rng(0).random(positions.shape)
    cell_of = (structure.lattice.matrix.tolist(), positions.tolist(), kinds)
    found = spglib.get_ir_reciprocal_mesh(mesh, cell_of, is_shift=shift, symprec=_SYMMETRY_PRECISION)
    return math.prod(mesh) if found is None else len(np.unique(found[0]))


def layout(ranks: int, points: int, band_groups: int | None = None) -> tuple[int, int]:
    """KPAR and NCORE.

    Parameters
    ----------
    ranks : int
    points : int
        Irreducible k points.
    band_groups : int, optional
        A number that the groups of bands must divide, where NBANDS is fixed.

    Returns
    -------
    tuple of int
        KPAR: the divisor of the ranks by which all k points are done soonest, with at least :data:`LEAST_RANKS` ranks a
        group; within a group the speed rises with the power :data:`_SCALING` of its ranks. NCORE: the divisor of a
        group's ranks next above their root.
    """
    divisors = [n for n in range(1, ranks + 1) if ranks % n == 0]
    allowed = [n for n in divisors if n <= points and (n == 1 or ranks // n >= LEAST_RANKS)]
    kpar = min(allowed, key=lambda n: (math.ceil(points / n) * n**_SCALING, -n))
    group = ranks // kpar
    fitting = [
        n for n in range(1, group + 1) if group % n == 0 and (not band_groups or band_groups % (group // n) == 0)
    ]
    ncore = min(fitting or [group], key=lambda n: (n < math.sqrt(group), abs(n - math.sqrt(group))))
    return kpar, ncore
