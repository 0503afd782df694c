"""The convex hull of a phase set: its energy, its stable phases, and its kinks along lines between compositions.

Compositions are vectors of atomic fractions over `Phases.elements`, energies are eV/atom. Every answer is the optimum
of a linear program (module :mod:`.simplex`), so no facet of the hull is ever listed: ten elements cost little more than
three. The same class evaluates perturbed energies and grand potentials, many at once.

A set holds, for every phase whose energy was learned, what each potential says of it. Replacing all of them at once by
those of one potential, public DFT energies and elements as they are, shows what an answer owes to the choice
(:func:`by_potential`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.models import Tier
from ...configs.trust import trust_of
from .phase_set import PhaseEntry, PhaseSet
from .simplex import Index, Path, follow, optimum

__all__ = ["NUMERICAL_ZERO", "ByPotential", "Floats", "Phases", "Vertex", "by_potential", "set_of_potential", "settled"]

#: eV/atom or atomic fraction: smaller differences are rounding of the hull, not science
NUMERICAL_ZERO = 1e-9
#: chemical systems whose arrays are kept
_KEPT = 256


def settled(value: float) -> float:
    """Return `value`, or exactly 0 where it is numerically zero."""
    return 0.0 if abs(value) < NUMERICAL_ZERO else float(value)


@dataclass(frozen=True)
class Vertex:
    """A point of the line at which the set of stable phases changes, or an end of it.

    Parameters
    ----------
    x : float
        Atomic fraction of the line's first end, 0 to 1.
    energy : float
        Hull energy, eV/atom.
    amounts : dict of int to float
        Index of an entry to the fraction of all atoms that it holds.
    """

    x: float
    energy: float
    amounts: dict[int, float]


@dataclass(frozen=True, eq=False)
class Phases:
    """The entries of one chemical system as numbers.

    Parameters
    ----------
    elements : tuple of str
        Rows of `fractions`.
    entries : tuple of PhaseEntry
        Columns of `fractions`.
    fractions : (n_elements, n_entries) float array
        Atomic fractions; of an open system only those of the elements that it conserves.
    energies : (n_entries,) float array
        eV/atom; of an open system the grand potential, eV per atom of the phase.
    """

    elements: tuple[str, ...]
    entries: tuple[PhaseEntry, ...]
    fractions: Floats
    energies: Floats

    @classmethod
    def of(cls, phase_set: PhaseSet, elements: Collection[str]) -> Phases:
        """Return the phases of `phase_set` in the chemical system `elements`; the last systems asked for are kept."""
        names = tuple(sorted(elements))
        kept = phase_set.systems
        found: Phases = kept.pop(names, None) or cls._gathered(phase_set, names)
        kept[names] = found
        if len(kept) > _KEPT:
            kept.pop(next(iter(kept)))
        return found

    @classmethod
    def _gathered(cls, phase_set: PhaseSet, elements: tuple[str, ...]) -> Phases:
        if set(elements) == set(phase_set.elements):
            entries = phase_set.entries
            energies = np.array([entry.energy_per_atom for entry in entries])
            return cls(elements, entries, _all_fractions(entries, elements), energies)
        everything = cls.of(phase_set, phase_set.elements)
        inside = np.isin(everything.elements, elements)
        kept = np.flatnonzero(everything.fractions[~inside].max(axis=0) == 0)
        entries = tuple(everything.entries[i] for i in kept)
        return cls(elements, entries, everything.fractions[np.ix_(inside, kept)], everything.energies[kept])

    @cached_property
    def position(self) -> dict[str, int]:
        """Index of each entry by its id."""
        return {entry.id: index for index, entry in enumerate(self.entries)}

    @cached_property
    def pure(self) -> Index:
        """(n_elements,) index of the lowest entry that holds one conserved element alone, in the order of
        `elements`."""
        alone = np.count_nonzero(self.fractions, axis=0) == 1
        best = [
            np.where(alone & (row > 0), self.energies / np.where(row > 0, row, 1.0), np.inf).argmin()
            for row in self.fractions
        ]
        return np.array(best, dtype=np.intp)

    def vector(self, composition: Composition) -> Floats:
        """(n_elements,) atomic fractions of `composition`; of an open system those of the conserved elements among all
        its atoms."""
        return _fractions(composition, self.elements)

    def tie_line(self, a: Composition, b: Composition) -> tuple[Vertex, ...]:
        """Return the kinks of the hull between two compositions, ends included, with rising fraction x of `a`.

        Points at which the phases change without a change of slope are left out: the hull does not bend there.

        Raises
        ------
        CalculationError
            If the hull is so degenerate that no phases balance a point of the line.
        """
        return self.tie_lines(self.vector(a)[np.newaxis], self.vector(b)[np.newaxis])[0]

    def tie_lines(self, a: Floats, b: Floats, energies: Floats | None = None) -> list[tuple[Vertex, ...]]:
        """Return the kinks of many lines, as :meth:`tie_line`.

        Parameters
        ----------
        a, b : (n_lines, n_elements) float arrays
            Ends, as :meth:`vector` gives them.
        energies : (n_entries,) or (n_lines, n_entries) float array, optional
            In place of the set's own; eV/atom.
        """
        path = self._path(a, b, energies)
        bounds = np.searchsorted(path.lane, np.arange(len(a) + 1))
        return [_kinks(path, first, last) for first, last in pairwise(bounds.tolist())]

    def profiles(self, a: Floats, b: Floats, energies: Floats | None = None) -> list[tuple[Floats, Floats]]:
        """Return x and hull energy (eV/atom) at every stop of many lines: what :meth:`tie_lines` gives without the
        phases, in less time."""
        path = self._path(a, b, energies)
        bounds = np.searchsorted(path.lane, np.arange(1, len(a)))
        return list(zip(np.split(path.x, bounds), np.split(path.values, bounds), strict=True))

    def _path(self, a: Floats, b: Floats, energies: Floats | None) -> Path:
        return follow(self.fractions, self.energies if energies is None else energies, b, a - b, self.pure)

    def decompose(self, composition: Composition) -> Vertex:
        """Return hull energy and stable phases at one composition, as a vertex with x = 1."""
        return self.tie_line(composition, composition)[-1]

    def hull_energies(self, targets: Floats, energies: Floats | None = None) -> Floats:
        """Return the lowest energy of any mixture of phases at each of several compositions.

        Parameters
        ----------
        targets : (n_points, n_elements) float array
            Atomic fractions.
        energies : (n_entries,) or (n_points, n_entries) float array, optional
            In place of the set's own; eV/atom.

        Returns
        -------
        (n_points,) float array, eV/atom
        """
        return np.asarray((self.potentials(targets, np.zeros_like(targets), energies) * targets).sum(axis=1))

    def potentials(self, targets: Floats, towards: Floats, energies: Floats | None = None) -> Floats:
        """Return the chemical potentials that hold just beside each composition, in the direction `towards`.

        Parameters
        ----------
        targets : (n_points, n_elements) float array
        towards : (n_points, n_elements) float array
            Not negative where a target is zero.
        energies : as in :meth:`hull_energies`

        Returns
        -------
        (n_points, n_elements) float array, eV/atom
        """
        return optimum(
            self.fractions, self.energies if energies is None else energies, targets, towards, self.pure
        ).potentials

    @cached_property
    def above_hull(self) -> Floats:
        """(n_entries,) energy above the hull, eV/atom, >= 0."""
        above = self.energies - self.hull_energies(self.fractions.T)
        return np.where(np.abs(above) < NUMERICAL_ZERO, 0.0, above)

    def samples(self, count: int, seed: int) -> Floats:
        """Return energies drawn from each entry's error: (count, n_entries), eV/atom.

        Independent Gaussians; an entry's own draws depend on `seed` and its id alone, so that
        another pair or a larger set sees the same perturbed world.
        """
        noise = [_noise(seed, entry.id, count) for entry in self.entries]
        errors = np.array([entry.error for entry in self.entries])
        drawn: Floats = self.energies + np.array(noise).T * errors
        return drawn

    def opened(self, shifts: Mapping[str, float]) -> Phases:
        """Return the system in contact with reservoirs: each open element is taken at a fixed chemical potential and no
        longer conserved.

        Phases of open elements alone are left out: :meth:`grand_potentials` tells whether one of them would form
        without end.

        Parameters
        ----------
        shifts : mapping of str to float
            Open element to its chemical potential relative to its lowest entry, eV/atom.
        """
        kept = self.closed_entries(shifts)
        conserved = np.array([element not in shifts for element in self.elements])
        return Phases(
            tuple(element for element in self.elements if element not in shifts),
            tuple(self.entries[i] for i in kept),
            self.fractions[np.ix_(conserved, kept)],
            self.grand_potentials(shifts)[kept],
        )

    def closed_entries(self, open_elements: Collection[str]) -> Index:
        """Indices of the entries that hold an element besides the open ones."""
        conserved = [element not in open_elements for element in self.elements]
        return np.flatnonzero(self.fractions[conserved].any(axis=0))

    def grand_potentials(self, shifts: Mapping[str, float | Floats], energies: Floats | None = None) -> Floats:
        """Return energy minus the open elements at their chemical potential, eV per atom of each phase.

        Parameters
        ----------
        shifts : mapping of str to float or (n_lanes, 1) float array
            As in :meth:`opened`.
        energies : (n_entries,) or (n_lanes, n_entries) float array, optional
            In place of the set's own; the references of the open elements are taken from them too.

        Returns
        -------
        (n_entries,) or (n_lanes, n_entries) float array
        """
        given = self.energies if energies is None else energies
        grand = given
        for element, shift in shifts.items():
            row = self.elements.index(element)
            grand = grand - (given[..., self.pure[row], np.newaxis] + shift) * self.fractions[row]
        return grand


@lru_cache(maxsize=4096)
def _noise(seed: int, entry: str, count: int) -> Floats:
    """(count,) draws of one entry in units of its error: thousands of hulls ask for the same."""
    drawn = np.random.default_rng([seed, zlib.crc32(entry.encode())]).normal(size=count)
    drawn.flags.writeable = False
    return drawn


def _fractions(composition: Composition, elements: Sequence[str]) -> Floats:
    amounts = {element.symbol: amount for element, amount in composition.items()}
    return np.array([amounts.get(element, 0.0) for element in elements]) / sum(amounts.values())


def _all_fractions(entries: Sequence[PhaseEntry], elements: Sequence[str]) -> Floats:
    """(n_elements, n_entries); as :func:`_fractions`, entry by entry."""
    rows = {element: row for row, element in enumerate(elements)}
    found = np.zeros((len(rows), len(entries)))
    for column, entry in enumerate(entries):
        amounts = list(entry.composition.items())
        total = sum(amount for _, amount in amounts)
        for element, amount in amounts:
            found[rows[element.symbol], column] = amount / total
    return found


def _kinks(path: Path, first: int, last: int) -> tuple[Vertex, ...]:
    """The stops of one lane at which the hull bends, and both ends."""
    kept = [first]
    for here in range(first + 1, last - 1):
        if path.x[here] - path.x[kept[-1]] > NUMERICAL_ZERO and _bends(path, kept[-1], here, _next(path, here, last)):
            kept.append(here)
    return tuple(_vertex(path, stop) for stop in [*kept, last - 1])


def _next(path: Path, here: int, last: int) -> int:
    """The first stop that lies apart from `here`, or the last one."""
    return next((stop for stop in range(here + 1, last) if path.x[stop] - path.x[here] > NUMERICAL_ZERO), last - 1)


def _bends(path: Path, before: int, here: int, after: int) -> bool:
    """Whether the hull lies below the chord of its neighbours at `here`."""
    if path.x[after] - path.x[here] <= NUMERICAL_ZERO:
        return False
    share = (path.x[after] - path.x[here]) / (path.x[after] - path.x[before])
    return bool(share * path.values[before] + (1 - share) * path.values[after] - path.values[here] > NUMERICAL_ZERO)


def _vertex(path: Path, stop: int) -> Vertex:
    amounts = {
        int(i): float(n) for i, n in zip(path.columns[stop], path.amounts[stop], strict=True) if n > NUMERICAL_ZERO
    }
    return Vertex(float(path.x[stop]), float(path.values[stop]), amounts)


@dataclass(frozen=True)
class ByPotential:
    """One number of an answer on the energies of each potential, in the number's unit.

    Parameters
    ----------
    values : dict of str to (float or None)
        By potential; None where the number does not exist.
    """

    values: dict[Tier, float | None]

    @property
    def difference(self) -> float | None:
        """Between the highest and the lowest, >= 0; None where a number is missing."""
        found = [value for value in self.values.values() if value is not None]
        return max(found) - min(found) if len(found) == len(self.values) > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {"values": dict(self.values), "difference": self.difference}


def set_of_potential(phase_set: PhaseSet, potential: Tier) -> PhaseSet:
    """Return the set with every learned energy that `potential` has a value for at that value; kept with the set.

    Parameters
    ----------
    phase_set : PhaseSet
    potential : str
    """
    kept, key = phase_set.derived, f"potential {potential}"
    if key not in kept:
        fields = {name: getattr(phase_set, name) for name in type(phase_set).model_fields}
        learned = _learned(phase_set)
        entries = tuple(_at(entry, potential) if entry.tier in learned else entry for entry in phase_set.entries)
        # nothing but energies differs from a set that was validated
        kept[key] = PhaseSet.model_construct(
            **{**fields, "name": f"{phase_set.name} ({potential})", "entries": entries, "sha256": ""}
        )
    found: PhaseSet = kept[key]
    return found


def by_potential(phase_set: PhaseSet, number: Callable[[PhaseSet], float | None]) -> ByPotential | None:
    """Return a number on the energies of each potential; None where the set holds no second one.

    Parameters
    ----------
    phase_set : PhaseSet
    number : function of PhaseSet
    """
    learned = _learned(phase_set)
    names = sorted({name for entry in phase_set.entries if entry.tier in learned for name in entry.potentials})
    if len(names) < 2:
        return None
    return ByPotential({name: _number(set_of_potential(phase_set, name), number) for name in names})


def _number(phase_set: PhaseSet, number: Callable[[PhaseSet], float | None]) -> float | None:
    """None where reservoirs form a phase of their own on these energies."""
    try:
        return number(phase_set)
    except InputError:
        return None


def _learned(phase_set: PhaseSet) -> set[Tier]:
    return {tier for tier in {entry.tier for entry in phase_set.entries} if trust_of(tier).learned}


def _at(entry: PhaseEntry, potential: Tier) -> PhaseEntry:
    energy = entry.potentials.get(potential)
    return entry if energy is None else entry.model_copy(update={"energy_per_atom": energy})
