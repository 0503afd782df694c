"""Placeholders where a real run has an electronic structure: right in number and shape, empty of meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import ceil, log10
from typing import Any

import numpy as np
from pymatgen.core.periodic_table import Element

from ...configs.arrays import Floats
from ...configs.load import CONFIGS, read_yaml
from .inputs import RunInputs

__all__ = ["Electrons", "placeholder_electrons"]


#: share of the starting moment that the placeholder keeps of a metal, µB/µB; a molecule's total is a whole number
_MOMENT_SHARE = 0.9
#: eV: bottom and top of the occupied placeholder states, gap above them, width of the empty ones
_BOTTOM, _VBM, _GAP, _EMPTY = -8.0, 2.0, 1.0, 6.0


@dataclass(frozen=True)
class Electrons:
    """Stand-in numbers.

    Parameters
    ----------
    moments : (n_sites,) float array or None
        µB; None without spin polarisation.
    charges : (n_sites,) float array
        Valence electrons.
    n_electrons : float
    n_bands : int
    efermi : float
        eV.
    levels : (n_bands,) float array
        eV, the same at every k point and spin.
    occupations : (n_bands,) float array
        0 or 1.
    cycles : int
        Electronic steps until EDIFF.
    metallic : bool
        Whether a transition metal holds the moments.
    """

    moments: Floats | None
    charges: Floats
    n_electrons: float
    n_bands: int
    efermi: float
    levels: Floats
    occupations: Floats
    cycles: int
    metallic: bool

    def with_sizes(self, sizes: Floats) -> Electrons:
        """The same with the sizes of moments of a potential, µB, (n_sites,), which knows no signs: each keeps the sign
        that it started with. A potential knows no spin of a molecule."""
        if self.moments is None or not self.metallic:
            return self
        return replace(self, moments=np.where(self.moments < 0, -1.0, 1.0) * sizes)

    def dos(self, points: int) -> tuple[Floats, Floats]:
        """Grid (eV) and states per eV and spin, flat blocks below and above the gap: two (points,) arrays."""
        grid = np.linspace(_BOTTOM - 1, _VBM + _GAP + _EMPTY + 1, points)
        filled = (grid > _BOTTOM) & (grid < _VBM)
        empty = (grid > _VBM + _GAP) & (grid < _VBM + _GAP + _EMPTY)
        occupied = self.occupations.sum()
        return grid, filled * occupied / (_VBM - _BOTTOM) + empty * (self.n_bands - occupied) / _EMPTY


def placeholder_electrons(inputs: RunInputs) -> Electrons:
    """Return stand-in numbers of a run."""
    sites = inputs.structure
    charges = np.array([_valence(site.specie.symbol) for site in sites], dtype=float)
    electrons = float(inputs.incar.get("NELECT", charges.sum()))
    default = (
        max(ceil((electrons + 2) / 2) + max(len(sites) // 2, 3), ceil(0.6 * electrons))
        if inputs.incar["ISPIN"] == 2
        else ceil(electrons / 2) + len(sites)
    )
    bands = int(inputs.incar.get("NBANDS", default))
    full = min(round(electrons / 2), bands)
    levels = np.concatenate(
        [np.linspace(_BOTTOM, _VBM, full), np.linspace(_VBM + _GAP, _VBM + _GAP + _EMPTY, bands - full)]
    )
    moments, metallic = None, any(Element(site.specie.symbol).is_transition_metal for site in sites)
    if inputs.incar["ISPIN"] == 2:
        moments = (_MOMENT_SHARE if metallic else 1.0) * np.asarray(
            inputs.incar.get("MAGMOM") or np.ones(len(sites)), dtype=float
        )
    return Electrons(
        moments=moments,
        charges=charges,
        n_electrons=electrons,
        n_bands=bands,
        efermi=_VBM + 0.5 * _GAP,
        levels=levels,
        occupations=(np.arange(bands) < full).astype(float),
        cycles=max(int(inputs.incar["NELMIN"]), ceil(-log10(float(inputs.incar["EDIFF"]))) + 2),
        metallic=metallic,
    )


def _valence(symbol: str) -> int:
    """Electrons of the pseudopotential that the campaign's settings name, as its ZVAL; else those outside the noble-gas
    core."""
    listed = _potcars().get(symbol)
    if listed is not None:
        return int(listed["valence"])
    z = int(Element(symbol).Z)
    return z - max(shell for shell in (0, 2, 10, 18, 36, 54, 86) if shell < z)


@cache
def _potcars() -> dict[str, Any]:
    return dict(read_yaml(CONFIGS / "engines" / "vasp.yaml").data["potcars"])
