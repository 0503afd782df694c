"""Self-diffusivity with its uncertainty, from displacements of one trajectory.

The line through the mean square displacements and its uncertainty come from kinisi (A. R. McCluskey, S. W. Coles,
B. J. Morgan, J. Chem. Theory Comput. 21, 79 (2025)): the displacements at different lags share their data, so an
ordinary fit is too sure of itself; kinisi samples the slopes that agree with the covariance of all lags. It is done for
the lags in which atoms diffuse. Where there are none, as in a solid whose atoms only vibrate, no value is given but a
limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from .displacement import Displacements, MsdCurve, msd_curves

__all__ = ["Diffusivity", "diffusivities", "diffusivity"]


#: cm²/s in one Å²/fs
_UNIT = 0.1
#: frames, and lags among them, of one estimate
_FRAMES, _LAGS = 600, 100
#: the mean square displacement grows as the lag to the power of 1 in diffusion, of 2 in flight, of 0 in a cage; what
#: differs by less than this from 1, or by less than twice its standard deviation, counts as diffusion
_DIFFUSIVE = 0.2
#: part of the run: beyond, the mean square displacements are too noisy to tell the exponent
_TRUSTED = 0.25
#: mean square displacements are averaged over this part of a lag on either side
_AROUND = 0.05
#: fs, two periods of a vibration of 10 THz: at shorter lags the mean square displacement turns from flight to cage, and
#: may pass for diffusion
_VIBRATION = 200.0
#: lags without which the exponent cannot be told
_FEWEST = 6
#: a slope that is not this many times its standard deviation is none
_SURE = 2.0
_UNTIMED = "nothing tells the time step, or the steps are none of time"
#: walkers of the sampling, their steps, and how many of these are dropped at the beginning
_WALKERS, _SAMPLES, _BURN = 32, 500, 200


@dataclass(frozen=True)
class Diffusivity:
    """Self-diffusivity of a group of atoms, in three dimensions.

    Parameters
    ----------
    species : str
    layer : str or None
    n_atoms : int
    value, sigma : float or None, cm²/s
        Mean and standard deviation; None where the atoms do not diffuse.
    interval : (float, float) or None, cm²/s
        95 % of the probability.
    start : float or None, fs
        Shortest lag that counts.
    limit : float or None, cm²/s
        Where no value is given: 97.5 % of the probability lie below, or the mean square displacement at a quarter of
        the run over six lags.
    exponent : float or None
        Of the growth of the mean square displacement with the lag, from `start` to a quarter of the run.
    note : str
        Why there is no value, or what casts doubt on it.
    """

    species: str
    layer: str | None
    n_atoms: int
    value: float | None
    sigma: float | None
    interval: tuple[float, float] | None
    start: float | None
    limit: float | None
    exponent: float | None
    note: str


def diffusivities(
    displacements: Displacements, layers: Sequence[str] | None = None, seed: int = 0, *, timed: bool = True
) -> list[Diffusivity]:
    """Self-diffusivity of each element, and of each element in each layer.

    Parameters
    ----------
    displacements : Displacements
        After all frames were added.
    layers : sequence of str, n_sites, optional
        Layer of each atom.
    seed : int
        Of the sampling.
    timed : bool
        False where the time step is not known: nothing is estimated.

    Raises
    ------
    InputError
        If there was no frame, or layers are not as many as atoms.
    """
    curves = msd_curves(displacements, layers)
    if not timed:
        return [
            Diffusivity(curve.species, curve.layer, len(curve.atoms), None, None, None, None, None, None, _UNTIMED)
            for curve in curves
        ]
    return [diffusivity(displacements, curve, seed) for curve in curves]


def diffusivity(displacements: Displacements, curve: MsdCurve, seed: int = 0) -> Diffusivity:
    """Self-diffusivity of the atoms of one curve.

    Parameters
    ----------
    displacements : Displacements
        Of which the curve is.
    curve : MsdCurve
    seed : int
        Of the sampling.
    """

    exponent, start = _diffusive(curve)

    def without(note: str, limit: float | None = None) -> Diffusivity:
        trusted = np.flatnonzero((curve.lags > 0) & (curve.lags <= _TRUSTED * curve.lags[-1]))
        if limit is None and len(trusted):
            limit = float(curve.msd[trusted[-1]] / (6 * curve.lags[trusted[-1]]) * _UNIT)
        return Diffusivity(curve.species, curve.layer, len(curve.atoms), None, None, None, None, limit, exponent, note)

    if exponent is None:
        return without(
            f"the run is too short to tell diffusion from vibration: {3e-3 * _VIBRATION / _TRUSTED:.1f} ps are needed "
            "at least"
        )
    if start is None:
        return without(f"no diffusion: the mean square displacement grows as the lag to the power of {exponent:.2f}")
    moved, steps, times = displacements.series()
    lags, means, variances, samples = _spread(moved[:, curve.atoms], steps)
    lags = lags * float((times[-1] - times[0]) / (steps[-1] - steps[0]))
    if np.count_nonzero(lags >= start) < 3:
        return without("too few lags in which the atoms diffuse")
    slopes = _slopes((lags, means, variances, samples), start, seed) * _UNIT / 6
    low, high = (float(edge) for edge in np.percentile(slopes, (2.5, 97.5)))
    value, sigma = float(slopes.mean()), float(slopes.std(ddof=1))
    if value < _SURE * sigma:
        return without(f"the slope may be nought: {value:.1e} ± {sigma:.1e} cm²/s", high)
    doubt = (
        f"{displacements.unsure} ways from frame to frame are too long to tell the direction: write frames more often"
        if displacements.unsure
        else ""
    )
    return Diffusivity(
        curve.species, curve.layer, len(curve.atoms), value, sigma, (low, high), start, None, exponent, doubt
    )


def _diffusive(curve: MsdCurve) -> tuple[float | None, float | None]:
    """Exponent, and the shortest lag from which on it is that of diffusion; None for what cannot be told.

    Growth from a lag s as (lag - s)^p reaches the part 2^-p of its whole in the middle: so p is 1 whatever vibration
    has added. Flight is told by the slope of the logarithms. The relative variance of a mean square displacement of n
    walkers at a lag t of a run of length T is 2 t / (3 n T).
    """
    end = _TRUSTED * float(curve.lags[-1])
    known = (curve.lags > 0) & (curve.lags <= end)
    shortest = max(_VIBRATION, float(curve.lags[known].min(initial=np.inf)))
    if np.count_nonzero(known) < _FEWEST or shortest > end / 3:
        return None, None

    def at(lag: float) -> float:
        near = known & (np.abs(curve.lags - lag) <= max(_AROUND * lag, float(np.abs(curve.lags[known] - lag).min())))
        return float(np.average(curve.msd[near], weights=curve.origins[near]))

    width = max(_DIFFUSIVE, 2 * np.sqrt(2 * _TRUSTED / (3 * len(curve.atoms))) / np.log(2))
    exponent = 0.0
    for start in np.geomspace(shortest, end / 3, 30):
        middle = (start + end) / 2
        whole, half = at(end) - at(start), at(middle) - at(start)
        exponent = float(-np.log2(half / whole)) if whole > 0 and half > 0 else 0.0
        slope = float(np.log(at(end) / at(middle)) / np.log(end / middle)) if whole > 0 and at(middle) > 0 else 0.0
        if exponent >= 1 - width and slope <= 1 + width:
            return exponent, float(start)
        exponent = slope if slope > 1 + width else exponent
    return exponent, None


def _spread(moved: Floats, steps: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Lags in steps; mean and variance of the mean of the squared displacements (Å², Å⁴) and the independent samples,
    as kinisi counts them."""
    spacing = max(1, int(np.gcd.reduce(np.diff(steps))))
    spacing *= int(np.ceil((steps[-1] - steps[0]) / spacing / _FRAMES))
    grid, kept = np.divmod(steps - steps[0], spacing)
    moved, grid = moved[kept == 0], grid[kept == 0]
    place = np.full(int(grid[-1]) + 1, -1)
    place[grid] = np.arange(len(grid))
    rows = []
    for lag in np.unique(np.linspace(1, len(place) - 1, _LAGS).astype(int)):
        both = np.flatnonzero((place[:-lag] >= 0) & (place[lag:] >= 0))
        independent = moved.shape[1] * (len(place) - 1) / lag
        if len(both) * moved.shape[1] < 2 or independent <= 1:
            continue
        squares = ((moved[place[both + lag]] - moved[place[both]]) ** 2).sum(axis=2)
        rows.append(
            (float(lag * spacing), float(squares.mean()), float(squares.var(ddof=1)) / independent, independent)
        )
    table = np.array(rows).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def _slopes(series: tuple[Floats, Floats, Floats, Floats], start: float, seed: int) -> Floats:
    """Sampled slopes of the line, Å²/fs, by kinisi."""
    import scipp
    from kinisi.diffusion import Diffusion

    lags, means, variances, samples = series
    axis = ["time interval"]
    data = scipp.DataArray(
        data=scipp.Variable(dims=axis, values=means, variances=variances, unit="angstrom**2"),
        coords={
            "time interval": scipp.array(dims=axis, values=lags, unit="fs"),
            "n_samples": scipp.array(dims=axis, values=samples),
        },
    )
    line = Diffusion(scipp.DataGroup({"da": data, "dimensionality": scipp.scalar(3)}))
    state = np.random.get_state()
    try:
        # kinisi draws from numpy's global generator, which is left as it was
        np.random.seed(seed)
        line.bayesian_regression(
            scipp.scalar(start * (1 - 1e-9), unit="fs"),
            n_samples=_SAMPLES,
            n_walkers=_WALKERS,
            n_burn=_BURN,
            progress=False,
        )
    finally:
        np.random.set_state(state)
    if line.gradient is None:
        raise InputError("the mean square displacements give no line")
    return np.asarray(line.gradient.values, dtype=float)
