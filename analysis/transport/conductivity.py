"""Conductivity from self-diffusivities at several temperatures: Arrhenius' line with its interval, and what it says of
room temperature.

The conductivity is that of independent ions (Nernst and Einstein, Haven ratio 1: correlated motion makes the true one
larger or smaller, mostly by less than a factor of three). A diffusivity counts where the ions jumped often enough:
6 D N t / a², with a the shortest distance between their sites, as the number of effective hops in X. He et al., npj
Comput. Mater. 4 (2018) 18. The line is weighted by the errors of the diffusivities; where these scatter about it by
more than their errors, the interval grows by the square root of the reduced χ² (R. T. Birge, Phys. Rev. 40 (1932) 207).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...configs.arrays import Floats
from ...configs.constants import BOLTZMANN, ELEMENTARY_CHARGE
from ...configs.errors import InputError
from ..motion.diffusivity import Diffusivity

__all__ = [
    "Arrhenius",
    "Conductivity",
    "Replica",
    "TemperaturePoint",
    "arrhenius",
    "conductivity",
    "nernst_einstein",
    "point",
]

#: half the width of 95 % of the probability, in standard deviations
_WIDE = 1.959964
#: S/cm for one ion of charge e in an Å³ with 1 cm²/s, times K
_NERNST_EINSTEIN = ELEMENTARY_CHARGE / BOLTZMANN * 1e30 * 1e-4 / 100


#: Å²; atoms of a framework that end less than 1.25 Å from where they began, half the distance between anions, have not
#: left their places: the rattling of a few atoms has a slope too
_LEFT = 1.25**2


class Replica(NamedTuple):
    """One run: diffusivities of all elements, its length behind the equilibration (fs), and the mean square
    displacement of each element from its beginning to its end (Å²)."""

    found: Sequence[Diffusivity]
    length: float
    moved: Mapping[str, float]


@dataclass(frozen=True)
class TemperaturePoint:
    """Self-diffusivity at one temperature, over all replicas.

    Parameters
    ----------
    temperature : float, K
    value, sigma : float or None, cm²/s
    jumps : float
        Effective hops of all ions and replicas.
    n_replicas : int
    problem : str
        Why it does not count; empty where it does.
    """

    temperature: float
    value: float | None
    sigma: float | None
    jumps: float
    n_replicas: int
    problem: str = ""


def point(
    temperature: float,
    replicas: Sequence[Replica],
    ion: tuple[str, float],
    fewest: float,
) -> TemperaturePoint:
    """Return the diffusivity at one temperature.

    Parameters
    ----------
    temperature : float, K
    replicas : sequence of Replica
    ion : (str, float)
        Element, and the shortest distance between its sites, Å.
    fewest : float
        Jumps below which the point does not count.
    """
    element, spacing = ion
    own = [next(one for one in run.found if one.species == element and one.layer is None) for run in replicas]
    melted = sorted(
        {
            one.species
            for run in replicas
            for one in run.found
            if one.species != element and one.value is not None and run.moved[one.species] >= _LEFT
        }
    )
    moving = [
        (one.value or 0.0, one.sigma or 0.0, one.n_atoms, run.length) for one, run in zip(own, replicas, strict=True)
    ]
    jumps = sum(6 * value * 10 * n * length / spacing**2 for value, _, n, length in moving)  # cm²/s = 10 Å²/fs

    def without(problem: str) -> TemperaturePoint:
        return TemperaturePoint(temperature, None, None, jumps, len(own), problem)

    if melted:
        return without(f"{', '.join(melted)} diffuses too: the framework melts or decomposes, this is no solid")
    still = [one for one in own if one.value is None]
    if still:
        return without(f"{len(still)} of {len(own)} replicas show no diffusion: {still[0].note}")
    if jumps < fewest:
        return without(f"{jumps:.0f} jumps, and {fewest:g} are needed: the run is too short or too cold")
    values, sigmas = np.array([one[0] for one in moving]), np.array([one[1] for one in moving])
    mean = float(values.mean())
    within = float(np.sqrt((sigmas**2).sum())) / len(values)
    between = float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return TemperaturePoint(temperature, mean, max(within, float(between)), jumps, len(own))


@dataclass(frozen=True, eq=False)
class Arrhenius:
    """The line ln D = ln D0 - Ea / kT.

    Parameters
    ----------
    energy, sigma : float, eV
        Ea and its standard error.
    log_prefactor : float
        ln of D0 in cm²/s.
    covariance : (2, 2) float array
        Of (ln D0, Ea).
    chi2 : float or None
        Reduced; None for two temperatures.
    """

    energy: float
    sigma: float
    log_prefactor: float
    covariance: Floats
    chi2: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the probability of Ea, eV."""
        return self.energy - _WIDE * self.sigma, self.energy + _WIDE * self.sigma

    def at(self, temperature: float) -> tuple[float, float, float]:
        """D at a temperature, cm²/s, and the ends of its 95 % interval."""
        row = np.array([1.0, -1 / (BOLTZMANN * temperature)])
        middle = self.log_prefactor + row[1] * self.energy
        error = float(np.sqrt(row @ self.covariance @ row))
        low, value, high = (float(np.exp(middle + k * error)) for k in (-_WIDE, 0.0, _WIDE))
        return value, low, high


def arrhenius(points: Sequence[TemperaturePoint]) -> Arrhenius:
    """Fit the points that count.

    Parameters
    ----------
    points : sequence of TemperaturePoint

    Raises
    ------
    InputError
        If fewer than two count.
    """
    good = [(one.temperature, one.value, one.sigma) for one in points if one.value and one.sigma]
    if len(good) < 2:
        told = "; ".join(f"{one.temperature:g} K: {one.problem}" for one in points if one.problem)
        raise InputError(
            f"{len(good)} of {len(points)} temperatures count, and two are needed{f' ({told})' if told else ''}",
            "run longer, more replicas, or hotter; a solid that melts first has no such line",
        )
    t, value, sigma = (np.array(column) for column in zip(*good, strict=True))
    design = np.column_stack([np.ones_like(t), -1 / (BOLTZMANN * t)]) / (sigma / value)[:, None]
    target = np.log(value) / (sigma / value)
    covariance = np.linalg.inv(design.T @ design)
    found = covariance @ design.T @ target
    left = float(((target - design @ found) ** 2).sum())
    chi2 = left / (len(t) - 2) if len(t) > 2 else None
    covariance = covariance * max(1.0, chi2 or 1.0)
    return Arrhenius(float(found[1]), float(np.sqrt(covariance[1, 1])), float(found[0]), covariance, chi2)


def nernst_einstein(diffusivity: float, density: float, temperature: float) -> float:
    """Conductivity of independent ions of charge e, S/cm.

    Parameters
    ----------
    diffusivity : float, cm²/s
    density : float, Å⁻³
    temperature : float, K
    """
    return float(diffusivity * density * _NERNST_EINSTEIN / temperature)


@dataclass(frozen=True, eq=False)
class Conductivity:
    """Conductivity of one crystal.

    Parameters
    ----------
    material, tier, element : str
    points : tuple of TemperaturePoint
    density : float, Å⁻³
        Of the ions.
    fit : Arrhenius or None
        None where too few temperatures count, with the reason in `problem`.
    room : float, K
    problem : str
    """

    material: str
    tier: str
    element: str
    points: tuple[TemperaturePoint, ...]
    density: float
    fit: Arrhenius | None
    room: float
    problem: str = ""

    @property
    def at_room(self) -> tuple[float, float, float] | None:
        """Extrapolated conductivity, S/cm, and the ends of its 95 % interval."""
        if self.fit is None:
            return None
        value, low, high = (nernst_einstein(one, self.density, self.room) for one in self.fit.at(self.room))
        return value, low, high

    @property
    def extrapolated(self) -> bool:
        """Whether room temperature lies outside of the temperatures that count."""
        used = [one.temperature for one in self.points if one.value is not None]
        return not used or not min(used) <= self.room <= max(used)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: K, cm²/s, eV, S/cm."""
        fit = self.fit
        return {
            "material": self.material,
            "element": self.element,
            "tier": self.tier,
            "points": [
                {
                    **vars(one),
                    "conductivity": nernst_einstein(one.value, self.density, one.temperature) if one.value else None,
                }
                for one in self.points
            ],
            "activation_energy": None if fit is None else fit.energy,
            "activation_energy_interval": None if fit is None else list(fit.interval),
            "reduced_chi2": None if fit is None else fit.chi2,
            "room_temperature": self.room,
            "room_conductivity": None if (found := self.at_room) is None else found[0],
            "room_conductivity_interval": None if found is None else list(found[1:]),
            "extrapolated": self.extrapolated,
            "problem": self.problem,
        }


def conductivity(
    named: tuple[str, str, str], points: Sequence[TemperaturePoint], density: float, room: float
) -> Conductivity:
    """Return the conductivity of one crystal; without a line, and why, where too few temperatures count.

    Parameters
    ----------
    named : (str, str, str)
        Material, tier, element.
    points : sequence of TemperaturePoint
    density : float, Å⁻³
    room : float, K
    """
    fit, problem = None, ""
    try:
        fit = arrhenius(points)
    except InputError as error:
        problem = error.message
    return Conductivity(*named, tuple(points), density, fit, room, problem)
