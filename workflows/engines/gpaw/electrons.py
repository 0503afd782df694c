"""Eigenvalues to band edges and projected densities of states: plain numpy, no GPAW.

Shapes: eigenvalues (n_spin, n_k, n_bands) eV; k weights (n_k,) adding to 1; projections
(n_spin, n_k, n_bands, n_sites, n_orbitals), the squared PAW projections summed over m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....configs.arrays import Floats

__all__ = [
    "SPHERE",
    "band_edges",
    "complete_below",
    "linear_histogram",
    "planar_average",
    "projected_dos",
    "symmetrized",
]


#: Å, standard deviation of the Gaussian by which a correction inside a PAW sphere (radius 1.0 to 1.3 Å) enters a planar
#: average
SPHERE = 0.5


def band_edges(eigenvalues: Floats, efermi: float, smearing: float) -> dict[str, float | None]:
    """Return ``vbm``, ``cbm``, ``gap`` and ``direct_gap``, in eV, over both spins.

    A spin channel whose number of bands below the Fermi level varies over the Brillouin zone makes a
    metal, and so does a gap narrower than the width of the smearing: ``gap`` is 0 and the edges are None.
    The direct gap is between bands of the same spin at the same k point.

    Parameters
    ----------
    eigenvalues : (n_spin, n_k, n_bands) float array, eV
    efermi : float, eV
    smearing : float, eV
    """
    occupied = (eigenvalues < efermi).sum(axis=2)
    metal: dict[str, float | None] = {"vbm": None, "cbm": None, "gap": 0.0, "direct_gap": None}
    if np.ptp(occupied, axis=1).any() or occupied.max() == eigenvalues.shape[2]:
        return metal
    tops = [channel[:, n - 1] for channel, (n, *_) in zip(eigenvalues, occupied, strict=True) if n > 0]
    bottoms = [channel[:, n] for channel, (n, *_) in zip(eigenvalues, occupied, strict=True)]
    direct = [
        (channel[:, n] - channel[:, n - 1]).min()
        for channel, (n, *_) in zip(eigenvalues, occupied, strict=True)
        if n > 0
    ]
    if not tops:
        return metal
    vbm, cbm = float(np.max(tops)), float(np.min(bottoms))
    if cbm - vbm <= smearing:
        return metal
    return {"vbm": vbm, "cbm": cbm, "gap": cbm - vbm, "direct_gap": float(min(direct))}


def symmetrized(projections: Floats, atom_maps: NDArray[np.int_]) -> Floats:
    """Return the projections averaged over the symmetry group.

    Only irreducible k points are summed, so that atoms which a symmetry operation exchanges would
    otherwise get different shares. Operation s sends atom a to ``atom_maps[s, a]``; the sum over m is
    invariant under rotation, so that the average over the star of a k point is an average over atoms.

    Parameters
    ----------
    projections : (..., n_sites, n_orbitals) float array
    atom_maps : (n_operations, n_sites) int array
    """
    averaged: Floats = np.mean([projections[..., mapped, :] for mapped in atom_maps], axis=0)
    return averaged


def complete_below(eigenvalues: Floats, n_converged: int) -> float:
    """Return the energy (eV) up to which `n_converged` bands hold every state at every k point."""
    return float(eigenvalues[:, :, n_converged - 1].min())


def linear_histogram(values: Floats, weights: Floats, start: float, spacing: float, n: int) -> Floats:
    """Share each value between the two nearest points of an even grid.

    A value at the fraction f between two points gives 1−f of its weight to the lower and f to the
    upper one, so that the sum of the weights and their first moment are exact for any spacing.

    Parameters
    ----------
    values : (n_values,) float array
    weights : (..., n_values) float array
    start, spacing : float
        Grid points are ``start + i·spacing``.
    n : int
        Number of grid points; all values lie within the grid.

    Returns
    -------
    (..., n) float array
        Weight per unit of `values`.
    """
    position = (np.asarray(values) - start) / spacing
    lower = np.clip(np.floor(position).astype(int), 0, n - 2)
    upper_share = position - lower
    flat = np.asarray(weights, dtype=float).reshape(-1, len(values))
    rows = [np.bincount(lower, w * (1 - upper_share), n) + np.bincount(lower + 1, w * upper_share, n) for w in flat]
    return np.reshape(rows, (*np.shape(weights)[:-1], n)) / spacing


def projected_dos(
    eigenvalues: Floats, k_weights: Floats, projections: Floats, limit: float, spacing: float
) -> dict[str, Floats]:
    """Return the densities of all states below `limit` on an even grid of multiples of `spacing`.

    States above `limit`, where the computed bands no longer hold every state, are left out. A
    calculation without spin gives one channel that holds both spins.

    Parameters
    ----------
    eigenvalues : (n_spin, n_k, n_bands) float array, eV
    k_weights : (n_k,) float array, adding to 1
    projections : (n_spin, n_k, n_bands, n_sites, n_orbitals) float array
    limit, spacing : float, eV

    Returns
    -------
    dict
        ``energies`` (n_e,) eV; ``total`` (n_spin, n_e) and ``densities`` (n_spin, n_sites, n_orbitals, n_e), states/eV.
    """
    n_spin, _, n_bands = eigenvalues.shape
    n_sites, n_orbitals = projections.shape[3:]
    first = int(np.floor(eigenvalues.min() / spacing)) - 1
    n = int(np.ceil(limit / spacing)) + 2 - first
    state_weights = np.repeat(k_weights, n_bands) * (2.0 / n_spin)
    total, densities = [], []
    for levels, channel in zip(eigenvalues, projections, strict=True):
        kept = levels.ravel() <= limit
        values, weights = levels.ravel()[kept], state_weights[kept]
        shares = channel.reshape(-1, n_sites, n_orbitals)[kept].transpose(1, 2, 0) * weights
        total.append(linear_histogram(values, weights, first * spacing, spacing, n))
        densities.append(linear_histogram(values, shares, first * spacing, spacing, n))
    return {
        "energies": np.asarray((first + np.arange(n)) * spacing, dtype=float),
        "total": np.array(total),
        "densities": np.array(densities),
    }


def planar_average(potential: Floats, corrections: Floats, heights: Floats, volume: float, period: float) -> Floats:
    """Average of the all-electron potential over the planes parallel to a and b.

    The corrections inside the PAW spheres are spread as Gaussians of :data:`SPHERE`: their integral, and with it every
    average over whole atomic planes, is exact; the shape within an atom is not that of the all-electron potential.

    Parameters
    ----------
    potential : (n_a, n_b, n_c) float array, eV
        Smooth potential on an even grid.
    corrections : (n_sites,) float array, eV Å³
        Integral of the true minus the smooth potential over each sphere.
    heights : (n_sites,) float array
        Fractional coordinates along c.
    volume : float, Å³
    period : float, Å
        Of the planes along their normal.

    Returns
    -------
    (n_c,) float array, eV
        At the fractional heights 0, 1/n_c, …; the mean is that of `potential` plus the sum of the corrections divided
        by the volume.
    """
    smooth = potential.mean(axis=(0, 1))
    waves = np.arange(len(smooth) // 2 + 1)
    damped = np.exp(-((2 * np.pi * waves / period * SPHERE) ** 2) / 2)
    shifted = np.exp(-2j * np.pi * np.outer(waves, heights)) @ corrections / volume * len(smooth) * damped
    averaged: Floats = smooth + np.fft.irfft(shifted, len(smooth))
    return averaged
