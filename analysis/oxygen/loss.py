"""Oxygen vacancies over the lithium content: what one costs, where, and how sure the answer is for the cells that were
sampled.

E_f = E(cell without O) - E(cell) + μ(O); with energies of the MP2020 scale the correction that they hold for the oxygen
is taken off both cells first (see :mod:`.reference`). Which atoms are missing is read off the site property ``origin``
of a calculation's starting cell, so a ladder is put together from documents alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.defects.vacancy import oxygen_sites
from ...workflows.documents import CalculationDocument, require_same_signature
from .defect_energy import defect_energy, missing_atoms
from .reference import OxygenReference

__all__ = [
    "Arrangement",
    "OxygenLadder",
    "OxygenVacancy",
    "Rung",
    "SampleSize",
    "oxygen_ladder",
]

#: relative difference of lattice vectors below which a vacancy stands in its parent's cell
_SAME_CELL = 1e-5
#: relative change of the volume against the host that a reader is told of
MARKED_VOLUME_CHANGE = 0.10
_TINY = 1e-6


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
    """

    label: str
    removed: tuple[int, ...]
    energy: float
    volume_change: float
    vacancies: tuple[OxygenVacancy, ...]
    n_oxygen: int
    document: CalculationDocument = field(repr=False)

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

    @property
    def lowest(self) -> float:
        """Lowest formation energy of all sites and arrangements, eV with oxygen gas without entropy."""
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


def oxygen_ladder(
    host: CalculationDocument, documents: Iterable[CalculationDocument], reference: OxygenReference
) -> OxygenLadder:
    """Put a ladder together.

    Parameters
    ----------
    host : CalculationDocument
        The relaxed cell that nothing is missing of.
    documents : iterable of CalculationDocument
        Cells without some of its lithium, and those without one oxygen atom too; the host itself may be among them.
    reference : OxygenReference

    Raises
    ------
    SignatureMismatchError
        If energies may not be subtracted.
    InputError
        If a cell does not derive from the host, lacks more than one oxygen atom, or its parent is missing or has
        another cell.
    """
    reference.check(host)
    parents: dict[tuple[int, ...], CalculationDocument] = {(): host}
    children: dict[tuple[int, ...], list[tuple[int, CalculationDocument]]] = {}
    for document in documents:
        lithium, oxygen = missing_atoms(document, host)
        if len(oxygen) > 1:
            raise InputError(f"{document.label} lacks {len(oxygen)} oxygen atoms; a ladder takes one at a time")
        if oxygen:
            children.setdefault(lithium, []).append((oxygen[0], document))
        elif lithium:
            parents[lithium] = document
    orphans = sorted(
        document.label for lithium, found in children.items() if lithium not in parents for _, document in found
    )
    if orphans:
        raise InputError(f"{', '.join(orphans)}: the cell with the same lithium and all its oxygen is missing")
    require_same_signature({f"{k} {document.label}": document.signature for k, document in enumerate(parents.values())})
    total = sum(site.specie.symbol == "Li" for site in host.structure)
    rungs = []
    for n in sorted({len(lithium) for lithium in parents}):
        made = [
            _arrangement(lithium, parents[lithium], children.get(lithium, []), host, reference)
            for lithium in parents
            if len(lithium) == n
        ]
        rungs.append(Rung(n, 1 - n / total if total else 1.0, tuple(sorted(made, key=lambda a: a.energy))))
    return OxygenLadder(host, reference, tuple(rungs), tuple(_notes(rungs)))


def _arrangement(
    lithium: tuple[int, ...],
    parent: CalculationDocument,
    children: Sequence[tuple[int, CalculationDocument]],
    host: CalculationDocument,
    reference: OxygenReference,
) -> Arrangement:
    start = parent.initial_structure
    origin = [int(i) for i in start.site_properties.get("origin", range(len(start)))]
    classes = oxygen_sites(start)
    told = {member: one for one in classes for member in one.members}
    shares = _shares([origin.index(number) for number, _ in children], start)
    vacancies = []
    for (number, document), share in zip(children, shares, strict=True):
        _require_cell(document, parent)
        site = told[origin.index(number)]
        energy = defect_energy(document, parent, {"O": reference.on_series})
        shortest = _shortest_oxygen(document.structure)
        vacancies.append(
            OxygenVacancy(document.label, number, site.environment, site.bridge, share, energy, shortest, document)
        )
    change = float(parent.structure.volume / host.structure.volume) - 1
    n_oxygen = sum(len(one.members) for one in classes)
    return Arrangement(
        parent.label, lithium, parent.energy, change, tuple(sorted(vacancies, key=lambda v: v.energy)), n_oxygen, parent
    )


def _shares(taken: Sequence[int], cell: Structure) -> list[float]:
    """How many oxygen atoms each of the sites `taken` stands for."""
    classes = oxygen_sites(cell)
    shares = np.zeros(len(taken))
    for one in classes:
        same = [k for k, site in enumerate(taken) if site in one.members]
        if not same:
            alike = [other for other in classes if other.environment == one.environment]
            same = [k for k, site in enumerate(taken) if any(site in other.members for other in alike)]
        for k in same:
            shares[k] += len(one.members) / len(same)
    return [float(share) for share in shares]


def _require_cell(document: CalculationDocument, parent: CalculationDocument) -> None:
    mine, whole = document.initial_structure.lattice.matrix, parent.structure.lattice.matrix
    if np.abs(mine - whole).max() > _SAME_CELL * np.abs(whole).max():
        raise InputError(
            f"{document.label} does not start from the relaxed cell of {parent.label}: its lattice vectors differ"
        )


def _shortest_oxygen(structure: Structure) -> float:
    sites = [i for i, site in enumerate(structure) if site.specie.symbol == "O"]
    table = structure.distance_matrix[np.ix_(sites, sites)] + np.diag(np.full(len(sites), np.inf))
    return float(table.min())


def _notes(rungs: Sequence[Rung]) -> list[str]:
    """What a reader must know, one sentence for all lithium contents that it holds for."""
    notes = []
    swollen = {
        rung.n_vacancies: far
        for rung in rungs
        if (far := [a for a in rung.arrangements if abs(a.volume_change) > MARKED_VOLUME_CHANGE])
    }
    if swollen:
        change = max((a.volume_change for far in swollen.values() for a in far), key=abs)
        number, of = (
            sum(map(len, swollen.values())),
            sum(len(rung.arrangements) for rung in rungs if rung.n_vacancies in swollen),
        )
        notes.append(
            f"{_listed(list(swollen))} Li vacancies: {number} of {of} cells change their volume by up to "
            f"{100 * change:+.0f} %"
        )
    partial = {
        rung.n_vacancies: min(a.coverage for a in rung.sampled)
        for rung in rungs
        if any(a.coverage < 1 - _TINY for a in rung.sampled)
    }
    if partial:
        least, most = (f"{100 * share:.0f}" for share in (min(partial.values()), max(partial.values())))
        share = least if least == most else f"{least} to {most}"
        notes.append(
            f"{_listed(list(partial))} Li vacancies: the oxygen vacancies stand for {share} % of the oxygen atoms, "
            "averages are over these"
        )
    single = [rung.n_vacancies for rung in rungs if len(rung.sampled) == 1 and rung.n_vacancies]
    if single:
        notes.append(
            f"{_listed(single)} Li vacancies: one arrangement only, so the spread over arrangements is unknown"
        )
    return notes


def _listed(numbers: Sequence[int]) -> str:
    """Numbers in words: ``0, 2 to 6, 9``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
