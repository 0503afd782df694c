"""Zeros of energy and exact moments of a projected density of states.

Each reference is a level on the engine's own energy scale, read from band edges, core potentials or the DOS itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...configs.errors import InputError
from ...configs.models import ReferenceName
from ...workflows.documents import BandEdges, ProjectedDos

__all__ = [
    "REFERENCES",
    "Reference",
    "Result",
    "Spin",
    "is_metal",
    "o2s_window",
    "occupied_top",
    "projected_density",
    "reference_level",
    "window_moments",
]

Spin = Literal["both", "up", "down"]
REFERENCES: tuple[ReferenceName, ...] = get_args(ReferenceName)

#: eV; two blocks of bands are separate where the density stays empty for at least this long
_SEPARATION = 1.0
#: a density below this fraction of its maximum is empty (tails of a Gaussian beyond 3.7 widths)
_EMPTY = 1e-3


class Result(BaseModel):
    """Base of all results: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Result):
    """A zero of energy, found on the engine's own scale."""

    name: ReferenceName
    energy: float = Field(description="eV, on the engine's own energy zero")
    arbitrary: bool = Field(False, description="true where the level has no physical meaning: E_F inside a gap")
    note: str = ""


def window_moments(
    energies: NDArray[np.float64], density: NDArray[np.float64], low: float, high: float
) -> tuple[float, float]:
    """Zeroth and first moment of a piecewise linear density between two energies, exactly.

    Parameters
    ----------
    energies : (n_e,) float array
        eV, ascending.
    density : (n_e,) float array
        states/eV at those energies.
    low, high : float
        eV, ends of the window; cut at the ends of the grid. A bin that is only partly inside
        contributes the part of its trapezoid that is.

    Returns
    -------
    tuple of float
        States, and states × eV: ``∫ D dE`` and ``∫ E D dE``.
    """
    low, high = max(low, float(energies[0])), min(high, float(energies[-1]))
    if high <= low:
        return 0.0, 0.0
    nodes = np.concatenate(([low], energies[(energies > low) & (energies < high)], [high]))
    values = np.interp(nodes, energies, density)
    width, left, right = np.diff(nodes), values[:-1], values[1:]
    states = width * (left + right) / 2
    first = nodes[:-1] * states + width**2 * (left + 2 * right) / 6
    return float(states.sum()), float(first.sum())


def is_metal(edges: BandEdges) -> bool:
    """True where the calculation has no gap; a cell whose empty bands were not computed is none."""
    return edges.vbm is None or (edges.cbm is not None and edges.gap <= 0)


def occupied_top(edges: BandEdges) -> float:
    """Upper end of the occupied states, eV: mid-gap in an insulator, E_F in a metal, no end where no empty band was
    computed."""
    if edges.vbm is None or is_metal(edges):
        return edges.efermi
    return float("inf") if edges.cbm is None else (edges.vbm + edges.cbm) / 2


def o2s_window(dos: ProjectedDos, edges: BandEdges, oxygens: Sequence[int]) -> tuple[float, float]:
    """Find the O 2s semicore band by the gaps in the oxygens' s-projected DOS.

    A block is a run of energies where the s density exceeds 10⁻³ of its maximum, closed off by at least
    1 eV of emptiness on both sides. The O 2s band is made of the blocks that hold more s than p states of the
    same oxygens and end below the occupied top of the valence band (one block in an oxide, two in
    a carbonate, where C–O bonds split it).

    Returns
    -------
    tuple of float
        eV, on the engine's own zero.

    Raises
    ------
    InputError
        If the DOS holds no such block: the calculation starts above O 2s or the band is not separate.
    """
    energies = np.asarray(dos.energies, dtype=float)
    s, p = (projected_density(dos, oxygens, orbital, "both") for orbital in ("s", "p"))
    occupied = np.flatnonzero(s > _EMPTY * s.max()) if s.max() > 0 else np.array([], dtype=int)
    splits = np.flatnonzero(np.diff(energies[occupied]) > _SEPARATION) + 1
    top = edges.efermi if edges.vbm is None else edges.vbm
    semicore = []
    for block in np.split(occupied, splits) if occupied.size else []:
        low, high = energies[max(block[0] - 1, 0)], energies[min(block[-1] + 1, len(energies) - 1)]
        if (
            energies[block[-1]] < top - _SEPARATION
            and window_moments(energies, s, low, high)[0] > window_moments(energies, p, low, high)[0]
        ):
            semicore.append((float(low), float(high)))
    if not semicore:
        raise InputError(
            f"no O 2s band separated by {_SEPARATION} eV below the valence band in a DOS from {energies[0]:.1f} to "
            f"{energies[-1]:.1f} eV"
        )
    return semicore[0][0], semicore[-1][1]


@dataclass(frozen=True)
class _Cell:
    """What references are read from."""

    dos: ProjectedDos
    edges: BandEdges
    oxygens: tuple[int, ...]
    vacuum: float | None


def _edge(name: Literal["vbm", "cbm"]) -> Callable[[_Cell], float]:
    def level(cell: _Cell) -> float:
        value: float | None = getattr(cell.edges, name)
        if is_metal(cell.edges):
            raise InputError(f"a metal has no {name}; its reference is fermi")
        if value is None:
            raise InputError(f"the calculation has no {name}: no band was computed on that side of the gap")
        return value

    return level


def _midgap(cell: _Cell) -> float:
    return (_edge("vbm")(cell) + _edge("cbm")(cell)) / 2


def _o1s(cell: _Cell) -> float:
    """Mean potential energy of an electron at the oxygens' cores, which moves like their 1s level."""
    if cell.edges.core_potentials is None:
        raise InputError("the calculation stores no potentials at the cores")
    return float(np.mean(np.asarray(cell.edges.core_potentials)[_oxygens(cell)]))


def _o2s(cell: _Cell) -> float:
    oxygens = _oxygens(cell)
    window = o2s_window(cell.dos, cell.edges, oxygens)
    states, first = window_moments(
        np.asarray(cell.dos.energies, dtype=float), projected_density(cell.dos, oxygens, "s", "both"), *window
    )
    return first / states


def _average_potential(cell: _Cell) -> float:
    if cell.edges.average_potential is None:
        raise InputError("the calculation stores no average potential")
    return cell.edges.average_potential


def _vacuum(cell: _Cell) -> float:
    if cell.vacuum is None:
        raise InputError("no vacuum level was given: only a slab with vacuum has one")
    return cell.vacuum


def _oxygens(cell: _Cell) -> list[int]:
    if not cell.oxygens:
        raise InputError("the cell holds no oxygen, or its sites were not given")
    return list(cell.oxygens)


_LEVELS: dict[ReferenceName, Callable[[_Cell], float]] = {
    "vbm": _edge("vbm"),
    "cbm": _edge("cbm"),
    "midgap": _midgap,
    "fermi": lambda cell: cell.edges.efermi,
    "o1s": _o1s,
    "o2s": _o2s,
    "average_potential": _average_potential,
    "vacuum": _vacuum,
}


def reference_level(
    name: ReferenceName, dos: ProjectedDos, edges: BandEdges, oxygens: Sequence[int] = (), vacuum: float | None = None
) -> Reference:
    """Energy of a reference on the engine's own scale.

    Parameters
    ----------
    name : str
        vbm, cbm, midgap, fermi; o2s (first moment of the O 2s band); o1s (mean potential at the cores, a proxy
        that follows the 1s level up to a constant of the engine); average_potential; vacuum.
    dos, edges : ProjectedDos, BandEdges
        Of one calculation.
    oxygens : sequence of int
        Sites for o1s and o2s.
    vacuum : float, optional
        eV, on the engine's own zero.

    Raises
    ------
    InputError
        If the calculation does not have this reference, saying why.
    """
    energy = _LEVELS[name](_Cell(dos, edges, tuple(oxygens), vacuum))
    arbitrary = name == "fermi" and not is_metal(edges)
    note = f"E_F inside a gap of {edges.gap:.2f} eV is arbitrary" if arbitrary else ""
    return Reference(name=name, energy=energy, arbitrary=arbitrary, note=note)


def projected_density(
    dos: ProjectedDos, sites: Sequence[int], orbital: str, spin: Spin = "both"
) -> NDArray[np.float64]:
    """Sum of the projections of `sites` on one orbital, over the chosen spin channels: (n_e,) array, states/eV.

    Raises
    ------
    InputError
        If the orbital, a site or the spin channel does not exist.
    """
    n_spin, n_sites = len(dos.densities), len(dos.densities[0])
    if orbital not in dos.orbitals:
        raise InputError(f"the DOS is not projected on {orbital!r}; it has {', '.join(dos.orbitals)}")
    outside = [i for i in sites if not 0 <= i < n_sites]
    if outside or not sites:
        raise InputError(
            f"sites {outside} are outside the {n_sites} sites of the DOS" if outside else "no sites were given"
        )
    if spin != "both" and n_spin == 1:
        raise InputError(f"spin {spin!r} was asked for, but the calculation is not spin-polarised; allowed: both")
    index, channels = dos.orbitals.index(orbital), {"both": range(n_spin), "up": (0,), "down": (1,)}[spin]
    summed: NDArray[np.float64] = np.sum(
        [dos.densities[s][site][index] for s in channels for site in sites], axis=0, dtype=float
    )
    return summed
