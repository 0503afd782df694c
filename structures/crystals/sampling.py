"""Arrangements of occupants on sites whose energy is a sum over pairs: enumerated, or annealed by swaps.

Nothing here knows of crystals; :mod:`.ordering` translates. A state is a row of occupant numbers, one
per site, sites sorted by block; a swap exchanges two sites of one block.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats

__all__ = ["PairModel", "States", "all_states", "anneal", "can_avoid", "ewald_matrix", "swap_neighbours"]

#: energies are rounded to multiples of this (eV), so that sums are exact and do not depend on their order
_QUANTUM = 2.0**-32

#: (n_states, n_sites) numbers of the occupants
States = NDArray[np.uint8]

#: swaps tried per site and replica
_SWEEPS = 100
#: the last temperature of an annealing run in units of the first
_COLD = 0.05
#: swaps of which the gains are held at once (8 bytes each, in a handful of arrays)
_LARGEST_TABLE = 2_000_000


@dataclass(frozen=True)
class PairModel:
    """E = constant + Σ_k (x_k V_k x_k + 2 x_k u_k), with x_k the feature k of the occupant of each site.

    Parameters
    ----------
    blocks : tuple of dict of int to int
        Per block of sites: occupant to the number of its sites.
    features : (k, n_occupants) float array
        Feature 0 is the charge; feature 1, where present, is 1 for an atom and 0 for a vacancy.
    coupling : (k, m, m) float array, eV
        Symmetric. Channel 1 holds positive entries for pairs that may not both be occupied, and zeros.
    field : (k, m) float array, eV
        Energy with everything that cannot change.
    constant : float
        eV.
    """

    blocks: tuple[dict[int, int], ...]
    features: Floats
    coupling: Floats
    field: Floats
    constant: float

    @property
    def block_sizes(self) -> list[int]:
        """Number of sites of each block."""
        return [sum(block.values()) for block in self.blocks]

    @property
    def n_arrangements(self) -> int:
        """Number of different states."""
        total = 1
        for block in self.blocks:
            left = sum(block.values())
            for number in block.values():
                total *= comb(left, number)
                left -= number
        return total

    def energies(self, states: States) -> Floats:
        """Energy of each state: (n_states,) eV."""
        x = self.features[:, states]
        total: Floats = ((x @ self.coupling + 2 * self.field[:, None, :]) * x).sum(axis=(0, 2)) + self.constant
        return total

    def allowed(self, states: States) -> NDArray[np.bool_]:
        """Whether each state leaves every forbidden pair apart: (n_states,)."""
        x = self.features[1:, states]
        contacts: Floats = ((x @ self.coupling[1:]) * x).sum(axis=(0, 2))
        free: NDArray[np.bool_] = contacts == 0
        return free

    def swap_gains(self, states: States) -> Floats:
        """Change of energy by each swap within a block: (n_states, m, m) eV, +inf where the swap changes nothing."""
        x = self.features[:, states]
        potential = x @ self.coupling + self.field[:, None, :]
        gains = np.zeros((len(states), states.shape[1], states.shape[1]))
        for k in range(len(self.features)):
            diagonal = np.diagonal(self.coupling[k])
            step = x[k][:, None, :] - x[k][:, :, None]
            stiffness = diagonal[:, None] + diagonal[None, :] - 2 * self.coupling[k]
            gains += 2 * step * (potential[k][:, :, None] - potential[k][:, None, :]) + step**2 * stiffness
        block = np.repeat(np.arange(len(self.blocks)), self.block_sizes)
        idle = (states[:, :, None] == states[:, None, :]) | (block[:, None] != block[None, :])
        gains[idle] = np.inf
        return gains


def all_states(model: PairModel) -> States:
    """Every arrangement once: (n_arrangements, m)."""
    parts = [
        _arrangements(size, list(block.items())) for size, block in zip(model.block_sizes, model.blocks, strict=True)
    ]
    choices = np.indices([len(part) for part in parts]).reshape(len(parts), prod(len(part) for part in parts))
    columns = [part[choice] for part, choice in zip(parts, choices, strict=True)]
    return np.concatenate(columns, axis=1) if columns else np.zeros((1, 0), dtype=np.uint8)


def _arrangements(size: int, numbers: list[tuple[int, int]]) -> States:
    (occupant, number), *others = numbers
    if not others:
        return np.full((1, size), occupant, dtype=np.uint8)
    rest = _arrangements(size - number, others)
    chosen = np.array(list(combinations(range(size), number)), dtype=np.int64)
    free = np.ones((len(chosen), size), dtype=bool)
    np.put_along_axis(free, chosen, False, axis=1)
    left = np.nonzero(free)[1].reshape(len(chosen), 1, size - number)
    found = np.full((len(chosen), len(rest), size), occupant, dtype=np.uint8)
    np.put_along_axis(found, np.broadcast_to(left, (len(chosen), *rest.shape)), rest[None], axis=2)
    return found.reshape(len(chosen) * len(rest), size)


def anneal(model: PairModel, rng: np.random.Generator, replicas: int) -> tuple[States, int]:
    """Cool random states by Metropolis swaps, all replicas side by side, then quench them.

    The temperature falls geometrically from the spread of the energy changes of random swaps to a
    twentieth of it; the quench does the rest. In the returned states (replicas, m) no single swap lowers the energy.

    Returns
    -------
    states, n_samples
        The second counts the swaps whose energies were computed.
    """
    columns = [
        rng.permuted(np.tile(np.repeat(list(b), list(b.values())).astype(np.uint8), (replicas, 1)), axis=1)
        for b in model.blocks
    ]
    states = np.concatenate(columns, axis=1)
    sizes = np.array(model.block_sizes)
    first, size = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
    n_sites, rows = states.shape[1], np.arange(replicas)
    steps = _SWEEPS * n_sites
    diagonals = np.diagonal(model.coupling, axis1=1, axis2=2)
    potential = model.features[:, states] @ model.coupling + model.field[:, None, :]
    hot = _spread(model, states)
    for temperature in hot * _COLD ** np.linspace(0, 1, steps):
        i = rng.integers(n_sites, size=replicas)
        j = first[i] + rng.integers(size[i])
        before, after = states[rows, i], states[rows, j]
        step = model.features[:, after] - model.features[:, before]
        gain = (
            2 * step * (potential[:, rows, i] - potential[:, rows, j])
            + step**2 * (diagonals[:, i] + diagonals[:, j] - 2 * model.coupling[:, i, j])
        ).sum(axis=0)
        taken = np.flatnonzero(rng.random(replicas) < np.exp(np.minimum(-gain / temperature, 0.0)))
        states[taken, i[taken]], states[taken, j[taken]] = after[taken], before[taken]
        potential[:, taken] += step[:, taken, None] * (model.coupling[:, i[taken]] - model.coupling[:, j[taken]])
    return _quench(model, states), replicas * steps


def swap_neighbours(model: PairModel, states: States) -> States:
    """Every state that one swap makes from one of `states`: (n, m), with repetitions."""
    neighbours = []
    for state in states:
        i, j = np.nonzero(np.triu(np.isfinite(model.swap_gains(state[None])[0])))
        found = np.repeat(state[None], len(i), axis=0)
        rows = np.arange(len(i))
        found[rows, i], found[rows, j] = state[j], state[i]
        neighbours.append(found)
    return np.concatenate(neighbours)


def _spread(model: PairModel, states: States) -> float:
    """Standard deviation of the energy changes by electrostatics alone, eV; 1 where all are equal."""
    charges = PairModel(model.blocks, model.features[:1], model.coupling[:1], model.field[:1], 0.0)
    gains = charges.swap_gains(states[:8])
    return float(gains[np.isfinite(gains)].std()) or 1.0


def _quench(model: PairModel, states: States) -> States:
    """Take the best swap of each state until none lowers the energy."""
    parts = max(1, len(states) * states.shape[1] ** 2 // _LARGEST_TABLE)
    return np.concatenate([_quench_together(model, part) for part in np.array_split(states, parts)])


def _quench_together(model: PairModel, states: States) -> States:
    states = states.copy()
    active = np.arange(len(states))
    while len(active):
        gains = model.swap_gains(states[active]).reshape(len(active), -1)
        best = gains.argmin(axis=1)
        better = gains[np.arange(len(active)), best] < -1e-9
        active, (i, j) = active[better], np.divmod(best[better], states.shape[1])
        states[active, i], states[active, j] = states[active, j], states[active, i]
    return states


def ewald_matrix(parent: Structure) -> Floats:
    """Energies (n, n) of unit charges, eV: E = q V q for a neutral cell. Split positions may be of any distance but
    0."""
    from pymatgen.analysis.ewald import EwaldSummation

    protons = Structure(parent.lattice, ["H+"] * len(parent), parent.frac_coords)
    matrix: Floats = EwaldSummation(protons).total_energy_matrix  # type: ignore[no-untyped-call]
    rounded: Floats = np.rint((matrix + matrix.T) / 2 / _QUANTUM) * _QUANTUM
    return rounded


def can_avoid(close: NDArray[np.bool_], sizes: list[int], filled: list[int]) -> bool:
    """Whether blocks of sites can be filled without occupying both sites of any close pair.

    close : (n, n) pairs of sites; sizes, filled : sites and occupied sites of each block, in the order of the sites.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    pairs = np.argwhere(np.triu(close))
    rows = np.repeat(np.arange(len(pairs)), 2)
    edges = coo_array((np.ones(2 * len(pairs)), (rows, pairs.ravel())), shape=(len(pairs), len(close)))
    member = np.repeat(np.eye(len(sizes)), sizes, axis=1)
    constraints = [LinearConstraint(edges.tocsr(), ub=1), LinearConstraint(member, lb=filled, ub=filled)]
    result = milp(np.zeros(len(close)), constraints=constraints, bounds=Bounds(0, 1), integrality=np.ones(len(close)))
    return result.x is not None
