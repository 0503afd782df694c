"""Partial occupancies resolved: arrangements of exact composition, ranked by their electrostatic energy.

The Ewald matrix of unit charges is computed once, so an arrangement costs one quadratic form and a
swap of two sites a few table look-ups. Few arrangements are enumerated; many are annealed by swaps,
all replicas at once, and quenched until no swap lowers the energy. Two arrangements are the same if
a symmetry operation of the parent maps the elements of one on those of the other: arrangements that
differ in oxidation states alone count once, with their best oxidation states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError, StructureError
from ...configs.models import OrderedCell
from .sampling import PairModel, States, all_states, anneal, can_avoid, ewald_matrix, swap_neighbours
from .sublattices import Occupant, Sublattice, charge_of, sublattices_of, symbol_of, whole_numbers
from .symmetry import space_group

__all__ = ["ENUMERATION_LIMIT", "SEPARATION", "Ordering", "order"]

#: largest number of arrangements that are enumerated one by one
ENUMERATION_LIMIT = 20_000
#: Å; two split positions that lie closer are not both occupied, as far as the composition allows
SEPARATION = 2.0
#: eV for each pair of split positions that are both occupied; far above any electrostatic gain of a swap
_PENALTY = 1000.0


@dataclass(frozen=True)
class Ordering:
    """One ordered arrangement with its provenance.

    Parameters
    ----------
    structure : Structure
        With oxidation states and the parent's site properties.
    energy : float
        eV per cell, electrostatic energy of the oxidation states as point charges.
    method : str
        ``enumeration`` of all arrangements, or ``swap Monte Carlo``.
    seed : int
        Of the random numbers; enumeration draws none.
    n_samples : int
        Arrangements whose energies were computed to find this one.
    """

    structure: Structure
    energy: float
    method: Literal["enumeration", "swap Monte Carlo"]
    seed: int
    n_samples: int


@dataclass(frozen=True)
class _Problem:
    """A disordered cell, split into what can change and what cannot.

    sites : (m,) int array, the sites that can change, sorted by sublattice;
    occupants : what the numbers in a state stand for.
    """

    parent: Structure
    sites: Ints
    occupants: list[Occupant]
    fixed: dict[int, Occupant]
    model: PairModel

    def build(self, state: States) -> Structure:
        """Return the ordered structure of one state (m,), sites in the order of the parent."""
        occupied = self.fixed | {
            int(site): self.occupants[number] for site, number in zip(self.sites, state, strict=True)
        }
        kept = sorted(site for site, occupant in occupied.items() if occupant is not None)
        properties = {name: [values[site] for site in kept] for name, values in self.parent.site_properties.items()}
        return Structure(
            self.parent.lattice,
            [occupied[site] for site in kept],
            self.parent.frac_coords[kept],
            site_properties=properties,
        )


def order(structure: Structure, cell: OrderedCell, n: int = 1, seed: int = 0) -> list[Ordering]:
    """Return up to `n` symmetry-distinct arrangements, the lowest electrostatic energy first.

    Parameters
    ----------
    structure : Structure
        Disordered conventional cell with oxidation states. Sites are grouped by their property
        ``wyckoff_label`` and their occupancies.
    cell : OrderedCell
        Supercell and composition. Without a composition each occupancy is rounded to a neighbouring
        whole number of atoms such that the charges balance.
    n : int
        Fewer are returned only where fewer exist or were found by exhausting the neighbours of all found.
    seed : int
        Of the random numbers of the Monte Carlo search.

    Raises
    ------
    StructureError
        If the composition cannot be reached, the charges cannot balance, or every arrangement puts
        atoms on overlapping split positions.
    InputError
        If `n` is less than 1.
    """
    if n < 1:
        raise InputError(f"{n} orderings were asked for; at least 1 is needed")
    parent = structure.get_primitive_structure(use_site_props=True) if cell.primitive else structure.copy()
    parent.make_supercell(cell.supercell)
    sublattices = sublattices_of(parent)
    problem = _set_up(
        parent, sublattices, whole_numbers(sublattices, cell.composition, structure.composition.reduced_formula)
    )
    symmetry = _Symmetry.of(problem)
    method: Literal["enumeration", "swap Monte Carlo"] = "enumeration"
    if problem.model.n_arrangements <= ENUMERATION_LIMIT:
        states = all_states(problem.model)
        chosen, samples = symmetry.distinct(problem, states, n), len(states)
    else:
        method = "swap Monte Carlo"
        chosen, samples = _sample(problem, symmetry, n, np.random.default_rng(seed))
    if len(chosen) == 0:
        raise StructureError(
            f"{structure.composition.reduced_formula}: every arrangement occupies split positions that overlap"
        )
    return [
        Ordering(problem.build(s), float(e), method, seed, samples)
        for s, e in zip(chosen, problem.model.energies(chosen), strict=True)
    ]


def _sample(problem: _Problem, symmetry: _Symmetry, n: int, rng: np.random.Generator) -> tuple[States, int]:
    """Annealed states, and where these are too few, the neighbours of those found, generation by generation."""
    states, samples = anneal(problem.model, rng, replicas=max(64, 2 * n))
    chosen = symmetry.distinct(problem, states, n)
    found = 0
    while found < len(chosen) < n:
        found = len(chosen)
        neighbours = swap_neighbours(problem.model, chosen)
        samples += len(neighbours)
        chosen = symmetry.distinct(problem, np.concatenate([chosen, neighbours]), n)
    return chosen, samples


def _set_up(parent: Structure, sublattices: list[Sublattice], numbers: list[dict[Occupant, int]]) -> _Problem:
    occupants = sorted({s for table in numbers for s in table}, key=lambda s: (symbol_of(s), charge_of(s)))
    sites: list[int] = []
    blocks: list[dict[int, int]] = []
    fixed: dict[int, Occupant] = {}
    for group, table in zip(sublattices, numbers, strict=True):
        present = {s: k for s, k in table.items() if k}
        if len(present) > 1:
            sites += group.sites
            blocks.append({occupants.index(s): k for s, k in present.items()})
        else:
            fixed |= {i: s for i in group.sites for s in present if s is not None}
    matrix = ewald_matrix(parent)
    mobile, rest = np.array(sites, dtype=np.int64), np.array(list(fixed), dtype=np.int64)
    still = np.array([charge_of(s) for s in fixed.values()])
    features, coupling = [[charge_of(s) for s in occupants]], [matrix[np.ix_(mobile, mobile)]]
    field = [matrix[np.ix_(mobile, rest)] @ still]
    close = _conflicts(parent, mobile, blocks, occupants)
    if close.any():
        features.append([float(s is not None) for s in occupants])
        coupling.append(close * (_PENALTY / 2))
        field.append(np.zeros(len(mobile)))
    constant = float(still @ matrix[np.ix_(rest, rest)] @ still)
    model = PairModel(tuple(blocks), np.array(features), np.array(coupling), np.array(field), constant)
    return _Problem(parent, mobile, occupants, fixed, model)


def _conflicts(parent: Structure, sites: Ints, blocks: list[dict[int, int]], occupants: list[Occupant]) -> Floats:
    """Pairs that may not both be occupied: (m, m) array of 0 and 1, for the largest separation up to SEPARATION that
    exists."""
    split = np.repeat(
        [any(occupants[s] is None for s in block) for block in blocks], [sum(block.values()) for block in blocks]
    ).astype(bool)
    if not split.any():
        return np.zeros((len(sites), len(sites)))
    distances: Floats = parent.lattice.get_all_distances(parent.frac_coords[sites], parent.frac_coords[sites])
    distances[~(split[:, None] & split[None, :]) | np.eye(len(sites), dtype=bool)] = np.inf
    sizes = [sum(block.values()) for block in blocks]
    filled = [sum(k for s, k in block.items() if occupants[s] is not None) for block in blocks]
    limits = [SEPARATION, *sorted(set(distances[distances < SEPARATION].round(3)), reverse=True)]
    for limit in limits:
        close = distances < limit - 1e-3
        if not close.any() or can_avoid(close, sizes, filled):
            return np.where(close, 1.0, 0.0)
    return np.zeros_like(distances)


@dataclass(frozen=True)
class _Symmetry:
    """Operations of the parent as permutations of the sites that can change: (n_operations, m) int array."""

    permutations: Ints
    translations: NDArray[np.bool_]
    elements: NDArray[np.uint8]  # occupant to a number of its element, from 1

    @classmethod
    def of(cls, problem: _Problem) -> _Symmetry:
        operations = space_group(problem.parent).get_symmetry_operations()
        coords = problem.parent.frac_coords[problem.sites]
        rows = [_permutation(coords, operation.operate_multi(coords)) for operation in operations]
        symbols = sorted({symbol_of(s) for s in problem.occupants})
        elements = np.array([1 + symbols.index(symbol_of(s)) for s in problem.occupants], dtype=np.uint8)
        pure = np.array([np.allclose(operation.rotation_matrix, np.eye(3)) for operation in operations])
        return cls(np.array(rows, dtype=np.int64), pure, elements)

    def distinct(self, problem: _Problem, states: States, n: int) -> States:
        """The first `n` distinct states by energy, without those that occupy a forbidden pair."""
        energies = problem.model.energies(states)
        allowed = np.flatnonzero(problem.model.allowed(states))
        ranked = allowed[np.lexsort((*states[allowed].T[::-1], energies[allowed]))]
        chosen: list[int] = []
        seen: set[bytes] = set()
        for k in ranked:
            key = self._canonical(states[k])
            if key not in seen and not self._is_shorter_crystal_again(problem, states, energies, int(k), chosen):
                chosen.append(int(k))
            seen.add(key)
            if len(chosen) == n:
                break
        return states[chosen]

    def _canonical(self, state: States) -> bytes:
        images = np.ascontiguousarray(self.elements[state][self.permutations])
        if not images.size:
            return b""
        words = images.view(f"S{images.shape[1]}")[:, 0]  # no element has the number 0, which would end a word
        return bytes(words[words.argmin()])

    def _periods(self, state: States) -> int:
        labels = self.elements[state]
        return int((labels[self.permutations[self.translations]] == labels).all(axis=1).sum())

    def _is_shorter_crystal_again(
        self, problem: _Problem, states: States, energies: Floats, k: int, chosen: list[int]
    ) -> bool:
        """An arrangement with a smaller cell of its own may recur in an orientation that no operation of this cell
        links."""
        from pymatgen.analysis.structure_matcher import StructureMatcher

        periods = self._periods(states[k])
        if periods == 1:
            return False
        rivals = [c for c in chosen if abs(energies[c] - energies[k]) < 1e-6 and self._periods(states[c]) == periods]
        matcher = StructureMatcher(scale=False, attempt_supercell=False)
        mine = _elements_only(problem.build(states[k]))
        return any(matcher.fit(mine, _elements_only(problem.build(states[c]))) for c in rivals)


def _permutation(coords: Floats, images: Floats) -> Ints:
    """Index of the site on which each image lies: (m,); fractional coordinates (m, 3)."""
    if len(coords) == 0:
        return np.zeros(0, dtype=np.int64)
    difference = images[:, None, :] - coords[None, :, :]
    nearest: Ints = np.abs(difference - np.rint(difference)).sum(axis=2).argmin(axis=1)
    return nearest


def _elements_only(structure: Structure) -> Structure:
    return Structure(structure.lattice, [symbol_of(site.specie) for site in structure], structure.frac_coords)
