"""The ladder of oxygen loss and what follows from its energies: means over sites and arrangements, the lowest, spread,
and how much of the oxygen they stand for.

Arrangements count alike, or by Boltzmann's factor of their energies: the former is a mean over those that were sampled,
the latter that of a cell whose lithium is in equilibrium among them. The lowest is that of the sites and arrangements
that were calculated; arrangements of low energy and sites that stand for many oxygen atoms come first, so another site
may lie lower, and never a calculated one: it is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np

from ...configs.arrays import Floats
from ...configs.constants import BOLTZMANN
from ...workflows.documents import CalculationDocument
from .reference import OxygenReference

__all__ = ["Arrangement", "OxygenLadder", "OxygenVacancy", "Rung", "SampleSize"]


@dataclass(frozen=True)
class OxygenVacancy:
    """One oxygen vacancy.

    Parameters
    ----------
    label : str
    origin : int
        The missing atom's number in the host.
    environment, bridge : str
        Its first shell in the parent, e.g. ``Li3Co3`` and ``Co-O-Li``.
    stands_for : float
        Oxygen atoms of the parent that this one stands for: its own class by symmetry, and its share of the
        atoms of the same environment of which none was taken out.
    energy : float
        eV, formation energy with oxygen gas without entropy.
    shortest_oxygen : float
        Å, shortest O-O distance after relaxation.
    document : CalculationDocument
    """

    label: str
    origin: int
    environment: str
    bridge: str
    stands_for: float
    energy: float
    shortest_oxygen: float
    document: CalculationDocument = field(repr=False)


@dataclass(frozen=True)
class Arrangement:
    """One arrangement of Li vacancies with its oxygen vacancies.

    Parameters
    ----------
    label : str
    removed : tuple of int
        Li atoms that are missing, by their number in the host.
    energy : float
        eV per cell.
    volume_change : float
        Against the host, relative.
    vacancies : tuple of OxygenVacancy
        May be empty: calculated for the ranking alone.
    n_oxygen : int
        Oxygen atoms of the cell.
    document : CalculationDocument
    n_environments : int
        First shells of oxygen that the cell holds.
    """

    label: str
    removed: tuple[int, ...]
    energy: float
    volume_change: float
    vacancies: tuple[OxygenVacancy, ...]
    n_oxygen: int
    document: CalculationDocument = field(repr=False)
    n_environments: int = 0

    @property
    def n_covered(self) -> int:
        """First shells of which an oxygen atom was taken out."""
        return len({v.environment for v in self.vacancies})

    @property
    def mean(self) -> float:
        """Formation energy averaged over the oxygen atoms that were covered, eV."""
        weights = [v.stands_for for v in self.vacancies]
        return float(np.average([v.energy for v in self.vacancies], weights=weights))

    @property
    def lowest(self) -> float:
        """Lowest formation energy, eV."""
        return min(v.energy for v in self.vacancies)

    @property
    def coverage(self) -> float:
        """Share (0-1) of the oxygen atoms for which a vacancy stands."""
        return sum(v.stands_for for v in self.vacancies) / self.n_oxygen


@dataclass(frozen=True)
class SampleSize:
    """What `n` arrangements would have given, over all choices of `n` among those calculated.

    Parameters
    ----------
    n : int
    mean, mean_spread : float
        eV, of the formation energy averaged over sites: mean and standard deviation over the choices (drawn with
        replacement).
    lowest, lowest_spread : float
        eV, the same of the lowest site.
    """

    n: int
    mean: float
    mean_spread: float
    lowest: float
    lowest_spread: float


@dataclass(frozen=True)
class Rung:
    """One lithium content of the ladder.

    Parameters
    ----------
    n_vacancies : int
        Li vacancies per cell.
    x : float
        Share of the lithium that is left.
    arrangements : tuple of Arrangement
        All that were calculated, the lowest first.
    """

    n_vacancies: int
    x: float
    arrangements: tuple[Arrangement, ...]

    @property
    def sampled(self) -> tuple[Arrangement, ...]:
        """Arrangements with oxygen vacancies."""
        return tuple(a for a in self.arrangements if a.vacancies)

    @property
    def vacancies(self) -> tuple[OxygenVacancy, ...]:
        """Oxygen vacancies of all arrangements."""
        return tuple(v for a in self.sampled for v in a.vacancies)

    @property
    def mean(self) -> float:
        """Formation energy averaged over sites, and over arrangements with equal weight, eV with oxygen gas without
        entropy."""
        return fmean(a.mean for a in self.sampled)

    def weights(self, temperature: float) -> Floats:
        """Boltzmann's factors of the sampled arrangements, that add up to 1.

        Parameters
        ----------
        temperature : float
            K.
        """
        energies = np.array([a.energy for a in self.sampled])
        factors = np.exp(-(energies - energies.min()) / (BOLTZMANN * temperature))
        return np.asarray(factors / factors.sum())

    def weighted_mean(self, temperature: float) -> float:
        """:attr:`mean` with arrangements by :meth:`weights`, eV.

        Parameters
        ----------
        temperature : float
            K.
        """
        return float(np.average([a.mean for a in self.sampled], weights=self.weights(temperature)))

    @property
    def coverage(self) -> float:
        """Share (0-1) of the oxygen atoms of the sampled arrangements for which a vacancy stands."""
        return fmean(a.coverage for a in self.sampled)

    @property
    def environments(self) -> str:
        """First shells with a vacancy, of how many: ``4 of 7``, or ``3-4 of 7-9`` where arrangements differ."""
        shells = [(a.n_covered, a.n_environments) for a in self.sampled]
        ends = [(min(counts), max(counts)) for counts in zip(*shells, strict=True)]
        return " of ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ends)

    @property
    def lowest(self) -> float:
        """Lowest formation energy of all sites and arrangements that were calculated, eV with oxygen gas without
        entropy: an upper bound of that of all there are."""
        return min(a.lowest for a in self.sampled)

    @property
    def spread(self) -> float:
        """Standard deviation over the oxygen atoms of all arrangements, eV."""
        energies = np.array([v.energy for v in self.vacancies])
        weights = [v.stands_for for v in self.vacancies]
        return float(np.sqrt(np.average((energies - np.average(energies, weights=weights)) ** 2, weights=weights)))

    def standard_error(self) -> float | None:
        """Standard error of :attr:`mean` over arrangements, eV; None for a single one."""
        means = [a.mean for a in self.sampled]
        return float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None

    @cached_property
    def sizes(self) -> list[SampleSize]:
        """:meth:`convergence` with the usual draws."""
        return self.convergence()

    def convergence(self, draws: int = 2000, seed: int = 0) -> list[SampleSize]:
        """Return what fewer arrangements would have given: bootstrap over arrangements, sites of one staying together.

        Parameters
        ----------
        draws : int
            Resamplings for each number of arrangements.
        seed : int
        """
        means, lows = np.array([a.mean for a in self.sampled]), np.array([a.lowest for a in self.sampled])
        rng = np.random.default_rng(seed)
        found = []
        for n in range(1, len(means) + 1):
            picks = rng.integers(len(means), size=(draws, n))
            averages, minima = means[picks].mean(axis=1), lows[picks].min(axis=1)
            found.append(
                SampleSize(n, float(averages.mean()), float(averages.std()), float(minima.mean()), float(minima.std()))
            )
        return found


@dataclass(frozen=True)
class OxygenLadder:
    """All lithium contents of one host.

    Parameters
    ----------
    host : CalculationDocument
    reference : OxygenReference
    rungs : tuple of Rung
        By falling lithium content.
    notes : tuple of str
        What a reader must know before using a number.
    """

    host: CalculationDocument
    reference: OxygenReference
    rungs: tuple[Rung, ...]
    notes: tuple[str, ...]

    def at(self, energy: float, temperature: float, pressure: float) -> float:
        """Return a formation energy with oxygen at a temperature (K) and pressure (bar), eV."""
        return energy + self.reference.shift(temperature, pressure)
