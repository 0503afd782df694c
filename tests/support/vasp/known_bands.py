"""Bands whose projected densities of states are known exactly, written as VASP prints them.

Each band is a level at every k point with a share on every orbital of every atom. With Gaussian smearing VASP prints at
a grid energy the mean density of the interval that ends there; the tetrahedron method prints the density at the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from .written_run import LM, Dos, F

__all__ = ["ORBITALS", "KnownBands", "gpaw_dos", "known_bands"]

Array = NDArray[np.float64]
#: name of a LORBIT to the orbitals that it resolves; 10 by shell, 11 and 12 by m
ORBITALS: dict[str, tuple[str, ...]] = {
    "10": ("s", "p", "d"),
    "10f": ("s", "p", "d", "f"),
    "11": LM,
    "11f": (*LM, *F),
}
#: first letter of an orbital to its shell; x2-y2 is one of d
_LETTER = {**{name: name[0] for name in (*LM, *F, "s", "p", "d", "f")}, "x2-y2": "d"}


@dataclass(frozen=True)
class KnownBands:
    """Levels (n_spin, n_k, n_bands) eV, occupied up to `n_occupied` in each spin; shares (n_sites, 4, n_bands) of s, p,
    d and f."""

    levels: Array
    n_occupied: tuple[int, ...]
    shares: Array

    @property
    def occupations(self) -> Array:
        """1 and 0, (n_spin, n_k, n_bands)."""
        filled = np.zeros_like(self.levels)
        for spin, count in enumerate(self.n_occupied):
            filled[spin, :, :count] = 1.0
        return filled

    @property
    def edges(self) -> tuple[float, float]:
        """Highest occupied and lowest empty level, eV."""
        filled = self.occupations > 0.5
        return float(self.levels[filled].max()), float(self.levels[~filled].min())

    def center(self, sites: Sequence[int], letter: str, bands: slice = slice(None)) -> float:
        """Mean level (eV) of the occupied bands in `bands`, weighted by the share of one shell of the sites."""
        weights = self.occupations * self.shares[list(sites), "spdf".index(letter)].sum(axis=0)
        return float((weights * self.levels)[..., bands].sum() / weights[..., bands].sum())

    def dos(
        self,
        grid: Array,
        sigma: float,
        orbitals: Sequence[str] = LM,
        kind: Literal["gaussian", "points"] = "gaussian",
        noncollinear: bool = False,
    ) -> Dos:
        """The density of states on a grid.

        Parameters
        ----------
        grid : (n,) array
            eV, evenly spaced.
        sigma : float
            eV, width of the smearing, exp(-(E/σ)²).
        orbitals : sequence of str
            Names of the projections; a shell is shared evenly among its orbitals.
        kind : {"gaussian", "points"}
            Mean over the interval that ends at a point, or the density at the point.
        noncollinear : bool
            Write four components: the whole, and x, y, z of other numbers.
        """
        n_spin, n_k, n_bands = self.levels.shape
        each = 2.0 if n_spin == 1 and not noncollinear else 1.0
        spectra = each * _spectra(grid, self.levels, sigma, kind) / n_k
        letters = [_LETTER[name] for name in orbitals]
        split = np.array([self.shares[:, "spdf".index(x)] / letters.count(x) for x in letters])
        partial = np.einsum("obs,xbe->sxoe", split.swapaxes(1, 2), spectra)
        total = spectra.sum(axis=1)
        assert partial.shape == (len(self.shares), n_spin, len(orbitals), len(grid))
        assert spectra.shape[1] == n_bands
        if noncollinear:
            partial = np.concatenate([partial, 0.3 * partial, -0.2 * partial, 0.7 * partial], axis=1)
        return Dos(grid, total, partial, orbitals)


def _spectra(grid: Array, levels: Array, sigma: float, kind: str) -> Array:
    """Sum over the k points of each band's smeared density, (n_spin, n_bands, n_e)."""
    distance = (grid[None, None, None, :] - levels[..., None]) / sigma
    if kind == "points":
        return np.asarray((np.exp(-(distance**2)) / (sigma * np.sqrt(np.pi))).sum(axis=1))
    step = grid[1] - grid[0]
    ends = np.concatenate([grid[:1] - step, grid])
    counted = (1 + erf((ends[None, None, None, :] - levels[..., None]) / sigma)) / 2
    return np.asarray(np.diff(counted, axis=-1).sum(axis=1) / step)


def known_bands(n_spin: int = 1, splitting: float = 0.0, seed: int = 5, n_k: int = 4) -> KnownBands:
    """NiO in two atoms: O 2s at -18 eV with some p, O 2p with Ni d, Ni d, and two empty bands; f on nickel.

    `splitting` (eV) moves the second spin up.
    """
    rng = np.random.default_rng(seed)
    middles = np.array([-18.0, -6.0, -5.0, -3.5, -1.5, -0.8, 3.5, 6.0])
    levels = np.array([middles + rng.uniform(-0.3, 0.3, (n_k, 8)) + i * splitting for i in range(n_spin)])
    nickel = [
        [0.02, 0.1, 0.1, 0.05, 0.0, 0.0, 0.1, 0.8],
        [0.0] * 8,
        [0.01, 0.3, 0.2, 0.4, 0.9, 0.8, 0.7, 0.1],
        [0.01] * 8,
    ]
    oxygen = [
        [0.9, 0.05, 0.0, 0.02, 0.0, 0.0, 0.1, 0.05],
        [0.03, 0.5, 0.7, 0.5, 0.1, 0.15, 0.1, 0.02],
        [0.0] * 8,
        [0.0] * 8,
    ]
    return KnownBands(levels, (6,) * n_spin, np.array([nickel, oxygen], dtype=float))


def gpaw_dos(bands: KnownBands, grid: Array) -> dict[str, Any]:
    """The arrays of a document of GPAW: every level shared linearly between two grid points."""
    n_spin, n_k, _ = bands.levels.shape
    each, step = (2.0 if n_spin == 1 else 1.0) / n_k, grid[1] - grid[0]
    hats = np.clip(1 - np.abs(grid - bands.levels[..., None]) / step, 0, None).sum(axis=1) * each / step
    partial = np.einsum("sob,xbe->xsoe", bands.shares[:, :3], hats)
    return {"energies": grid.tolist(), "densities": partial.tolist(), "total": hats.sum(axis=1).tolist()}
