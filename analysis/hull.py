"""The convex hull of a phase set along a line between two compositions.

Compositions are vectors of atomic fractions over `Phases.elements`, energies are eV/atom. The kinks
come from pymatgen's PhaseDiagram; the linear programs below it evaluate many perturbed hulls without
building one, and are exact where they agree on the unperturbed hull.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.composition import Composition

from ..configs.errors import CalculationError
from .phase_set import PhaseEntry, PhaseSet

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

__all__ = ["NUMERICAL_ZERO", "Phases", "Vertex", "settled"]

Array = NDArray[np.float64]

#: eV/atom or atomic fraction: smaller differences are rounding of the hull, not science
NUMERICAL_ZERO = 1e-9
#: atomic fraction below which pymatgen's barycentric coordinate is rounding at a kink
_TRACE = 1e-7


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


@dataclass(frozen=True)
class Phases:
    """The entries of one chemical system as numbers.

    Parameters
    ----------
    elements : tuple of str
        Rows of `fractions`.
    entries : tuple of PhaseEntry
        Columns of `fractions`.
    """

    elements: tuple[str, ...]
    entries: tuple[PhaseEntry, ...]

    @classmethod
    def of(cls, phase_set: PhaseSet, elements: Collection[str]) -> Phases:
        """Return the phases of `phase_set` in the chemical system `elements`."""
        return cls(tuple(sorted(elements)), phase_set.within(elements))

    @cached_property
    def fractions(self) -> Array:
        """(n_elements, n_entries) atomic fractions."""
        return np.array([self.vector(entry.composition) for entry in self.entries]).T

    @cached_property
    def energies(self) -> Array:
        """(n_entries,) eV/atom."""
        return np.array([entry.energy_per_atom for entry in self.entries])

    def vector(self, composition: Composition) -> Array:
        """(n_elements,) atomic fractions of `composition`."""
        return np.array([composition.get_atomic_fraction(element) for element in self.elements])

    @cached_property
    def diagram(self) -> PhaseDiagram:
        """pymatgen's phase diagram; each entry carries its index as attribute."""
        from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
        from pymatgen.core.periodic_table import Element

        entries = [PDEntry(e.composition, e.energy_per_atom * e.composition.num_atoms, attribute=i) for i, e in enumerate(self.entries)]
        return PhaseDiagram(entries, [Element(symbol) for symbol in self.elements])

    def tie_line(self, a: Composition, b: Composition) -> tuple[Vertex, ...]:
        """Return the kinks of the hull between two compositions, ends included, in the order of falling x (`a` first).

        Points at which the phases change without a change of slope are left out: the hull does not bend there.

        Raises
        ------
        CalculationError
            If the hull is so degenerate that pymatgen finds no facet for a point of the line.
        """
        first, second = self.vector(a), self.vector(b)
        step = first - second
        length = float(step @ step)
        if length < NUMERICAL_ZERO**2:
            return self._vertex(1.0, first), self._vertex(0.0, second)
        critical = self.diagram.get_critical_compositions(a.fractional_composition, b.fractional_composition)
        inner = sorted((float((self.vector(c) - second) @ step) / length for c in critical[1:-1]), reverse=True)
        vertices = [self._vertex(x, x * first + (1 - x) * second) for x in (1.0, *inner, 0.0)]
        kept = vertices[:1]
        for here, after in pairwise(vertices[1:]):
            if _bends(kept[-1], here, after):
                kept.append(here)
        return (*kept, vertices[-1])

    def decompose(self, composition: Composition) -> Vertex:
        """Return hull energy and stable phases at one composition, as a vertex with x = 1."""
        return self._vertex(1.0, self.vector(composition))

    def _vertex(self, x: float, target: Array) -> Vertex:
        from scipy.optimize import nnls

        composition = Composition(dict(zip(self.elements, target, strict=True)))
        try:
            found = self.diagram.get_decomposition(composition)
        except RuntimeError as error:
            raise CalculationError(f"the hull of {'-'.join(self.elements)} has no facet at {composition.formula}: {error}") from None
        indices = [int(cast(Any, entry).attribute) for entry in found]
        for candidates in ([i for i, amount in zip(indices, found.values(), strict=True) if amount > _TRACE], indices):
            amounts, residual = nnls(self.fractions[:, candidates], target)
            if residual < NUMERICAL_ZERO:
                break
        else:
            raise CalculationError(f"the phases found at {composition.formula} do not balance: {residual:.1e} of the atoms are missing")
        kept = {i: float(amount) for i, amount in zip(candidates, amounts, strict=True) if amount > NUMERICAL_ZERO}
        return Vertex(x, float(sum(amount * self.energies[i] for i, amount in kept.items())), kept)

    def samples(self, count: int, seed: int) -> Array:
        """Return energies drawn from each entry's error: (count, n_entries), eV/atom.

        Independent Gaussians; an entry's own draws depend on `seed` and its id alone, so that
        another pair or a larger set sees the same perturbed world.
        """
        noise = [np.random.default_rng([seed, zlib.crc32(entry.id.encode())]).normal(size=count) for entry in self.entries]
        errors = np.array([entry.error for entry in self.entries])
        drawn: Array = self.energies + np.array(noise).T * errors
        return drawn

    def hull_energies(self, energies: Array, targets: Array) -> Array:
        """Return the lowest energy of any mixture of phases at each of several compositions.

        Parameters
        ----------
        energies : (n_entries,) eV/atom
        targets : (n_points, n_elements) atomic fractions

        Returns
        -------
        (n_points,) eV/atom
        """
        from scipy.sparse import block_diag

        points = len(targets)
        _, amounts = _minimum(np.tile(energies, points), block_diag([self.fractions] * points, format="csc"), targets.ravel())
        found: Array = amounts.reshape(points, -1) @ energies
        return found

    def cheapest_exchange(self, energies: Array, target: Array, exchanged: Array, energy: float) -> float | None:
        """Return the lowest energy, eV, at which any amount of a phase decomposes while it takes up `exchanged`.

        Parameters
        ----------
        energies : (n_entries,) eV/atom
        target : (n_elements,) atomic fractions of the phase that decomposes
        exchanged : (n_elements,) atoms taken up, negative where released
        energy : float, eV/atom of the phase that decomposes

        Returns
        -------
        float or None
            E(products) - E(phase), eV; None where nothing can balance, e.g. no lithium to release.
        """
        found = _solve(np.append(energies, -energy), np.column_stack([self.fractions, -target]), exchanged)
        return None if found is None else found[0]

    def deepest(self, energies: Array, ends: tuple[Array, Array], reference: Array) -> tuple[float, float]:
        """Return the minimum over x of hull(x) minus the straight line between the reference energies.

        Parameters
        ----------
        energies : (n_entries,) eV/atom
        ends : two (n_elements,) atomic fractions
        reference : (2,) eV/atom

        Returns
        -------
        tuple of float
            Energy, eV/atom, and the atomic fraction of the first end.
        """
        cost = np.append(energies, -(reference[0] - reference[1]))
        columns = np.column_stack([self.fractions, -(ends[0] - ends[1])])
        value, solution = _minimum(cost, columns, ends[1], upper=[None] * len(energies) + [1.0])
        return float(value - reference[1]), float(solution[-1])


def _solve(cost: Array, columns: Any, target: Array, upper: list[float | None] | None = None) -> tuple[float, Array] | None:
    """Minimise cost·n over n >= 0 with columns·n = target; None where no n balances."""
    from scipy.optimize import linprog

    bounds: list[tuple[float, float | None]] = [(0.0, limit) for limit in upper or [None] * len(cost)]
    result: Any = linprog(cost, A_eq=columns, b_eq=target, bounds=bounds, method="highs")
    if result.status == 2:
        return None
    if result.status != 0:
        raise CalculationError(f"the linear program of a hull found no answer: {result.message}")
    return float(result.fun), np.asarray(result.x, dtype=float)


def _minimum(cost: Array, columns: Any, target: Array, upper: list[float | None] | None = None) -> tuple[float, Array]:
    """As :func:`_solve` where elements close the hull, so that an answer exists."""
    found = _solve(cost, columns, target, upper)
    if found is None:
        raise CalculationError("no mixture of the phases has the composition asked for")
    return found


def _bends(before: Vertex, here: Vertex, after: Vertex) -> bool:
    """Whether the hull lies below the chord of its neighbours at `here`."""
    share = (here.x - after.x) / (before.x - after.x)
    return share * before.energy + (1 - share) * after.energy - here.energy > NUMERICAL_ZERO
