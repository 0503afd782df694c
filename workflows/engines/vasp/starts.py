"""The moments that a run starts from, and the states that are tried.

PBE+U has several self-consistent states: from a whole number of unpaired electrons, as of Co2+ in CoO (two minority
electrons in three equal orbitals), the iteration can end in a metallic one 0.4 eV/atom above the insulating one, and a
spin density of zero stays zero. So open shells never start from zero, correlated cells start from their moments times
several scales, and the lowest state is kept, as the engine GPAW does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pymatgen.core.periodic_table import Element, Species

from ....configs.models import Method
from ....structures.crystals.magnetism import unpaired_electrons
from ..acceptance import NO_MOMENT, has_open_shell
from ..tasks import MolecularDynamics, Task
from .cells import VaspCell
from .settings import SpinName, VaspSettings

__all__ = ["Start", "starts_of"]

#: µB; below it a starting moment is nothing at all
_NOTHING = 1e-3


@dataclass(frozen=True)
class Start:
    """One set of starting moments.

    Parameters
    ----------
    moments : tuple of float
        MAGMOM, µB, in VASP's order.
    name : str
        What is told of it.
    """

    moments: tuple[float, ...]
    name: str


def starts_of(cell: VaspCell, task: Task, method: Method, settings: VaspSettings) -> list[Start]:
    """Return the starts of a calculation; none for a run without spin, ISPIN = 1.

    A cell has spin where the method has, and a site with a moment or an open shell, or where the settings ask for it
    everywhere. Dynamics has one start: its first step settles the state, and the trajectory follows it.

    Parameters
    ----------
    cell : VaspCell
    task : Relax, Static, Dos or MolecularDynamics
    method : Method
    settings : VaspSettings
    """
    if not method.spin_polarized:
        return []
    given = np.array([float(m or 0.0) for m in cell.structure.site_properties.get("magmom", [0.0] * len(cell.order))])
    resting = np.array([abs(m) < NO_MOMENT for m in given]) & np.array([has_open_shell(one) for one in _species(cell)])
    start = np.where(resting, settings.low_spin_moment, given)
    if not (np.abs(start) > _NOTHING).any():
        return [Start(tuple(start.tolist()), "no moments")] if settings.spin_everywhere else []
    correlated = any(
        method.hubbard_u.get(site.specie.symbol, 0.0) > 0 and abs(m) >= NO_MOMENT
        for site, m in zip(cell.structure, given, strict=True)
    )
    scales = settings.moment_scales if correlated else (1.0,)
    if isinstance(task, MolecularDynamics):
        scales = scales[:1]
    found = [Start(tuple(_scaled(start, scale, ~resting)), f"moments × {scale:g}") for scale in scales]
    if not isinstance(task, MolecularDynamics):
        found += _asked(cell, start, settings)
    return found


def _species(cell: VaspCell) -> tuple[Species | Element, ...]:
    return cell.species or tuple(site.specie for site in cell.structure)


def _scaled(moments: np.ndarray, scale: float, where: np.ndarray) -> list[float]:
    scaled = np.where(where & (np.abs(moments) >= NO_MOMENT), moments * scale, moments)
    return [round(float(m), 6) + 0.0 for m in scaled]


def _asked(cell: VaspCell, start: np.ndarray, settings: VaspSettings) -> Iterator[Start]:
    """The spin states that the settings name, each on all sites of its ion; off whole numbers like the others."""
    for ion, names in settings.spin_states.items():
        sites = np.array([str(one) == str(Species.from_str(ion)) for one in _species(cell)])
        for name in names if sites.any() else ():
            size = _moment(Species.from_str(ion), name)
            moments = np.where(sites, np.where(start < 0, -1.0, 1.0) * settings.moment_scales[0] * size, start)
            if size == 0:
                moments = np.where(sites, settings.low_spin_moment, start)
            yield Start(tuple(round(float(m), 6) for m in moments), f"{ion} {name} spin")


def _moment(ion: Species, name: SpinName) -> float:
    """Spin-only moment of an ion in an octahedron, µB; intermediate: half-way between low and high, 2 for Co3+."""
    low, high = (unpaired_electrons(ion, "octahedral", spin) for spin in ("low", "high"))
    return {"low": low, "intermediate": (low + high) / 2, "high": high}[name]
