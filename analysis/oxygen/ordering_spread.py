"""How far the lowest of N sampled orderings can be trusted: the spread, what fewer would have given, what more would
change.

Fewer is exact: the mean of the lowest of n energies drawn out of the N, over all choices. More needs a model, and the
one taken is the simplest: M further orderings are independent draws from the normal distribution with the mean and
standard deviation of the N. Then the lowest drops on average by ∫ [1 - (1 - F(E))^M] dE up to the lowest energy known.
The orderings that a search adds have higher electrostatic energies than those it gave first, so the estimate is rather
too large than too small where the electrostatic energy ranks at all; their rank correlation says whether it does. A
test of normality and an interval from resampling stand beside the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, require_real, require_same_signature

__all__ = ["LargerSample", "OrderingSpread", "expected_gain", "expected_lowest", "ordering_spread"]

#: fewer energies than this have no distribution to speak of
SMALLEST = 4
#: resamplings of the interval, and points of the integral
_DRAWS, _POINTS = 500, 400


@dataclass(frozen=True)
class LargerSample:
    """What a larger sample would change.

    Parameters
    ----------
    n : int
        Orderings in all.
    probability : float
        That a lower one is found.
    gain, low, high : float
        meV/atom by which the lowest would drop on average, and the 5 % and 95 % of it by resampling the N energies.
    """

    n: int
    probability: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class OrderingSpread:
    """N orderings of one composition and level of theory.

    Parameters
    ----------
    labels : tuple of str
        The lowest first.
    energies : tuple of float
        meV/atom above the lowest, in the same order.
    lowest : float
        eV/atom.
    deviation : float
        meV/atom, standard deviation.
    fewer : tuple of (int, float)
        n and the mean of the lowest of n, meV/atom above the lowest of all.
    larger : tuple of LargerSample
        Empty for fewer than 4 orderings, and where all that exist were calculated.
    normality : float or None
        p value of the Shapiro-Wilk test: small where the normal model is wrong.
    rank_correlation : float or None
        Spearman's, between the energies and those by which the orderings were chosen; None without the latter.
    exhausted : bool
        Whether these are all orderings that exist.
    tier : str
        Of the energies.
    volumes : tuple of float
        Å³/atom, in the order of `labels`.
    """

    labels: tuple[str, ...]
    energies: tuple[float, ...]
    lowest: float
    deviation: float
    fewer: tuple[tuple[int, float], ...]
    larger: tuple[LargerSample, ...]
    normality: float | None
    rank_correlation: float | None
    exhausted: bool
    tier: str
    volumes: tuple[float, ...]

    @property
    def volume_range(self) -> float:
        """Largest minus smallest volume, % of their mean: what volumes and strains owe to the choice."""
        return 100 * (max(self.volumes) - min(self.volumes)) / float(np.mean(self.volumes))

    @property
    def range(self) -> float:
        """Highest minus lowest, meV/atom."""
        return self.energies[-1]


def ordering_spread(
    documents: Sequence[CalculationDocument],
    chosen_by: Sequence[float] | None = None,
    multiples: Sequence[int] = (2, 4, 10),
    exhausted: bool = False,
) -> OrderingSpread:
    """Describe the energies of orderings.

    Parameters
    ----------
    documents : sequence of CalculationDocument
        One composition, one level of theory.
    chosen_by : sequence of float, optional
        What the orderings were ranked by when they were sampled, e.g. electrostatic energies, in the order of
        `documents`.
    multiples : sequence of int
        Sizes of larger samples, in units of N.
    exhausted : bool
        Whether no further ordering exists.

    Raises
    ------
    SignatureMismatchError
        If the energies may not be compared.
    InputError
        If there is no document, compositions differ, or `chosen_by` has another length.
    """
    if not documents:
        raise InputError("a spread of orderings needs at least one")
    if chosen_by is not None and len(chosen_by) != len(documents):
        raise InputError(f"{len(documents)} orderings, and {len(chosen_by)} energies by which they were chosen")
    require_real(*documents)
    require_same_signature({f"{k} {document.label}": document.signature for k, document in enumerate(documents)})
    formulas = sorted({document.structure.composition.element_composition.reduced_formula for document in documents})
    if len(formulas) > 1:
        raise InputError(f"orderings of different compositions cannot be compared: {', '.join(formulas)}")
    values = np.array([document.energy_per_atom for document in documents])
    order = np.argsort(values, kind="stable")
    above = 1000 * (values[order] - values.min())
    size = len(above)
    enough = size >= SMALLEST and float(np.ptp(above)) > 0
    larger = [] if exhausted or not enough else [_larger(above, size * multiple) for multiple in multiples]
    return OrderingSpread(
        labels=tuple(documents[int(k)].label for k in order),
        energies=tuple(float(e) for e in above),
        lowest=float(values.min()),
        deviation=float(above.std(ddof=1)) if size > 1 else 0.0,
        fewer=tuple((n, expected_lowest(above, n)) for n in range(1, size + 1)),
        larger=tuple(larger),
        normality=_normality(above) if enough else None,
        rank_correlation=_rank_correlation(values, chosen_by) if enough and chosen_by is not None else None,
        exhausted=exhausted,
        tier=documents[0].tier,
        volumes=tuple(documents[int(k)].structure.volume / documents[int(k)].n_sites for k in order),
    )


def expected_lowest(energies: Sequence[float] | Floats, n: int) -> float:
    """Return the mean of the lowest of `n` of the energies, over all choices without repetition, in the unit of the
    energies.

    Raises
    ------
    InputError
        If `n` is less than 1 or more than there are.
    """
    size = len(energies)
    if not 1 <= n <= size:
        raise InputError(f"the lowest of {n} out of {size} energies: 1 to {size} can be drawn")
    ranked = np.sort(np.asarray(energies, dtype=float))
    shares = np.array([comb(size - 1 - k, n - 1) / comb(size, n) for k in range(size)])
    return float(shares @ ranked)


def expected_gain(energies: Sequence[float] | Floats, further: int) -> float:
    """Return by how much `further` draws from the fitted normal distribution lower the minimum on average, in the unit
    of the energies.

    Raises
    ------
    InputError
        If there are fewer than two energies.
    """
    values = np.asarray(energies, dtype=float)
    if len(values) < 2:
        raise InputError("one energy has no distribution")
    return float(_gains(values[None, :], float(values.min()), further)[0])


def _gains(samples: Floats, lowest: float, further: int) -> Floats:
    """Expected gain below `lowest` for each row of samples: (n_rows,)."""
    from scipy.integrate import trapezoid
    from scipy.special import log_ndtr

    means, deviations = samples.mean(axis=1)[:, None], samples.std(axis=1, ddof=1)[:, None]
    depth = np.maximum(lowest - means, 0) + 8 * deviations
    steps = depth * np.linspace(0, 1, _POINTS)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviations > 0, (lowest - steps - means) / deviations, -np.inf)
    found: Floats = trapezoid(-np.expm1(further * log_ndtr(-z)), steps, axis=1)
    return found


def _larger(energies: Floats, n: int) -> LargerSample:
    from scipy.special import log_ndtr

    further, rng = n - len(energies), np.random.default_rng(0)
    z = (energies.min() - energies.mean()) / energies.std(ddof=1)
    drawn = energies[rng.integers(len(energies), size=(_DRAWS, len(energies)))]
    low, high = np.percentile(_gains(drawn, float(energies.min()), further), [5, 95])
    probability = float(-np.expm1(further * log_ndtr(-z)))
    return LargerSample(n, probability, expected_gain(energies, further), float(low), float(high))


def _normality(energies: Floats) -> float:
    from scipy.stats import shapiro

    return float(shapiro(energies).pvalue)


def _rank_correlation(energies: Floats, other: Sequence[float]) -> float | None:
    from scipy.stats import spearmanr

    return float(spearmanr(energies, other).statistic) if np.ptp(other) > 0 else None
