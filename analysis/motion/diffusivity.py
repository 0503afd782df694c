"""Self-diffusivity with its uncertainty, from displacements of one trajectory.

A line with an intercept is drawn through the mean square displacements of the lags in which atoms diffuse, up to a
tenth of the run; vibration only moves the intercept. Its slope is that of each atom's own line, averaged, and the
uncertainty is their spread: the atoms are what is independent, lags of one run are not (for few atoms, their paths in
four parts of the run). Lags weigh as the inverse variance that a walk gives them, msd⁻² lag⁻¹ (H. Qian, M. P. Sheetz,
E. L. Elson, Biophys. J. 60, 910 (1991)). The first tenth of the run is left out as equilibration. Beside it stands the
median of the slopes that kinisi samples with the covariance of a walk without vibration (A. R. McCluskey, S. W. Coles,
B. J. Morgan, J. Chem. Theory Comput. 21, 79 (2025)). Where there are no lags of diffusion, as in a solid whose atoms
only vibrate, no value is given but a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from .displacement import Displacements, MsdCurve, msd_curves

__all__ = ["EQUILIBRATION", "Diffusivity", "diffusivities"]


#: cm²/s in one Å²/fs
_UNIT = 0.1
#: frames, and lags among them, of one estimate
_FRAMES, _LAGS = 600, 100
#: the mean square displacement grows as the lag to the power of 1 in diffusion, of 2 in flight, of 0 in a cage; what
#: differs by less than this from 1, or by less than twice its standard deviation, counts as diffusion
_DIFFUSIVE = 0.2
#: part of the run: beyond, the mean square displacements are too noisy to tell the exponent
_TRUSTED = 0.25
#: part of the run that is left out as equilibration
EQUILIBRATION = 0.1
#: longest lag of the line, as part of the run, and at least as many times the shortest
_LONGEST, _SPAN = 0.1, 3.0
#: lags of the line, and origins of each, that are looked at
_POINTS, _ORIGINS = 30, 2000
#: independent paths that make an error of their spread; with fewer atoms, each is cut into so many parts
_FEW, _PARTS = 8, 4
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
        A third of the trace of the tensor, and its standard error; None where the atoms do not diffuse.
    interval : (float, float) or None, cm²/s
        95 % of the probability, by Student's distribution over the independent paths.
    start : float or None, fs
        Shortest lag that counts.
    limit : float or None, cm²/s
        Where no value is given: 97.5 % of the probability lie below, or the mean square displacement at a quarter of
        the run over six lags.
    exponent : float or None
        Of the growth of the mean square displacement with the lag, from `start` to a quarter of the run.
    note : str
        Why there is no value, or what casts doubt on it.
    end : float or None, fs
        Longest lag that counts.
    left_out : float or None, fs
        Equilibration at the beginning.
    kinisi : float or None, cm²/s
        The other estimate: median of kinisi's samples.
    in_plane, in_plane_sigma : float or None, cm²/s
        Along the first two lattice vectors, in two dimensions.
    normal, normal_sigma : float or None, cm²/s
        Along their normal.
    tensor : (3, 3) tuple or None, cm²/s
        In the axes of the frames.
    n_paths : int
        Independent paths that the error rests on.
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
    end: float | None = None
    left_out: float | None = None
    kinisi: float | None = None
    in_plane: float | None = None
    in_plane_sigma: float | None = None
    normal: float | None = None
    normal_sigma: float | None = None
    tensor: tuple[tuple[float, ...], ...] | None = None
    n_paths: int = 0


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
    if not timed:
        return [
            Diffusivity(curve.species, curve.layer, len(curve.atoms), None, None, None, None, None, None, _UNTIMED)
            for curve in msd_curves(displacements, layers)
        ]
    moved, steps, times = displacements.series()
    late = times - times[0] >= EQUILIBRATION * (times[-1] - times[0])
    curves = msd_curves(displacements, layers, late)
    path = _Path(moved[late], steps[late], times[late], float(times[late][0] - times[0]))
    return [_diffusivity(displacements, path, curve, seed) for curve in curves]


@dataclass(frozen=True, eq=False)
class _Path:
    """Displacements (n_frames, n_sites, 3) Å, steps and times (fs) behind the equilibration."""

    moved: Floats
    steps: Ints
    times: Floats
    left_out: float


def _diffusivity(displacements: Displacements, path: _Path, curve: MsdCurve, seed: int) -> Diffusivity:
    """Self-diffusivity of the atoms of one curve."""
    exponent, start = _diffusive(curve)
    nothing = Diffusivity(curve.species, curve.layer, len(curve.atoms), None, None, None, None, None, exponent, "")
    nothing = replace(nothing, left_out=path.left_out)

    def without(note: str, limit: float | None = None) -> Diffusivity:
        trusted = np.flatnonzero((curve.lags > 0) & (curve.lags <= _TRUSTED * curve.lags[-1]))
        if limit is None and len(trusted):
            limit = float(curve.msd[trusted[-1]] / (6 * curve.lags[trusted[-1]]) * _UNIT)
        return replace(nothing, limit=limit, note=note)

    if exponent is None:
        return without(
            f"the run is too short to tell diffusion from vibration: {3e-3 * _VIBRATION / _TRUSTED:.1f} ps are needed "
            f"at least, behind the first {EQUILIBRATION:.0%} of it"
        )
    if start is None:
        return without(f"no diffusion: the mean square displacement grows as the lag to the power of {exponent:.2f}")
    end = min(max(_LONGEST * float(curve.lags[-1]), _SPAN * start), _TRUSTED * float(curve.lags[-1]))
    tensors = _slopes_of_paths(path, curve.atoms, start, end)
    if tensors is None:
        return without("too few lags in which the atoms diffuse")
    value, sigma = _mean(np.trace(tensors, axis1=1, axis2=2) / 3)
    if value < _SURE * sigma:
        return without(f"the slope may be nought: {value:.1e} ± {sigma:.1e} cm²/s", max(value, 0.0) + _SURE * sigma)
    frame = displacements.first
    normal = np.cross(frame.cells[0, 0], frame.cells[0, 1]) if frame is not None else np.array([0.0, 0.0, 1.0])
    normal = normal / np.linalg.norm(normal)
    along = tensors @ normal @ normal
    across = (np.trace(tensors, axis1=1, axis2=2) - along) / 2
    width = float(_student(len(tensors))) * sigma
    doubt = (
        f"{displacements.unsure} ways from frame to frame are too long to tell the direction: write frames more often"
        if displacements.unsure
        else ""
    )
    return replace(
        nothing,
        value=value,
        sigma=sigma,
        interval=(value - width, value + width),
        start=start,
        end=end,
        kinisi=_kinisi(path, curve.atoms, start, seed),
        in_plane=_mean(across)[0],
        in_plane_sigma=_mean(across)[1],
        normal=_mean(along)[0],
        normal_sigma=_mean(along)[1],
        tensor=tuple(tuple(float(number) for number in row) for row in tensors.mean(axis=0)),
        n_paths=len(tensors),
        note=doubt,
    )


def _mean(values: Floats) -> tuple[float, float]:
    """Mean and standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _student(n: int) -> float:
    """Half the width of 95 % of the probability in standard errors of `n` values."""
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1))


def _slopes_of_paths(path: _Path, atoms: Ints, start: float, end: float) -> Floats | None:
    """Diffusion tensors of independent paths, cm²/s, by lines with an intercept: (n_paths, 3, 3); None where there are
    fewer than three lags."""
    parts = 1 if len(atoms) >= _FEW else _PARTS
    place, spacing = _places(path)
    per_lag = spacing * float((path.times[-1] - path.times[0]) / (path.steps[-1] - path.steps[0]))
    first, last = int(np.ceil(start / per_lag * (1 - 1e-9))), int(np.floor(end / per_lag * (1 + 1e-9)))
    lags = np.unique(np.linspace(first, max(first, last), _POINTS).astype(int))
    edges = np.linspace(0, len(place), parts + 1).astype(int)
    lags = lags[(lags > 0) & (lags < edges[1] - edges[0])]
    moved = path.moved[:, atoms]
    products = np.array([[_products(moved, place[low:high], lag) for lag in lags] for low, high in pairwise(edges)])
    if len(lags) < 3 or not np.isfinite(products).all():
        return None
    products = products.transpose(1, 0, 2, 3, 4).reshape(len(lags), -1, 3, 3)  # lags, paths
    if products.shape[1] < 2:
        return None
    x = lags * per_lag
    weights = 1 / (np.trace(products, axis1=2, axis2=3).mean(axis=1) ** 2 * x)
    weights /= weights.sum()
    line = weights * (x - (weights * x).sum())
    return np.asarray(np.einsum("l,lpab->pab", line / (line * x).sum(), products) / 2 * _UNIT)


def _places(path: _Path) -> tuple[Ints, int]:
    """Index of the frame on each place of an even grid of steps, -1 where one is missing, and the grid's spacing."""
    spacing = max(1, int(np.gcd.reduce(np.diff(path.steps))))
    grid = (path.steps - path.steps[0]) // spacing
    place = np.full(int(grid[-1]) + 1, -1)
    place[grid] = np.arange(len(grid))
    return place, spacing


def _products(moved: Floats, place: Ints, lag: int) -> Floats:
    """Mean products of the displacements of each atom over a lag, Å²: (n_atoms, 3, 3); NaN where no two frames lie it
    apart."""
    both = np.flatnonzero((place[:-lag] >= 0) & (place[lag:] >= 0))
    both = both[:: max(1, len(both) // _ORIGINS)]
    if len(both) == 0:
        return np.full((moved.shape[1], 3, 3), np.nan)
    ways = moved[place[both + lag]] - moved[place[both]]
    return np.asarray(np.einsum("fia,fib->iab", ways, ways) / len(both))


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


def _kinisi(path: _Path, atoms: Ints, start: float, seed: int) -> float | None:
    """Median of kinisi's samples, cm²/s; None where there are too few lags."""
    lags, means, variances, samples = _spread(path.moved[:, atoms], path.steps)
    lags = lags * float((path.times[-1] - path.times[0]) / (path.steps[-1] - path.steps[0]))
    if np.count_nonzero(lags >= start) < 3:
        return None
    return float(np.median(_slopes((lags, means, variances, samples), start, seed))) * _UNIT / 6


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
