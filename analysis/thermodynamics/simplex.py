"""Linear programs of convex hulls: many at once, and along lines, exactly.

The hull energy of a composition b is the linear program *minimise c·n over n >= 0 with A n = b*, whose columns are the
phases. Its dual solution y is the supporting plane: the chemical potentials of the elements. This module solves
thousands of such programs side by side ("lanes"), each by the simplex method with one small basis per lane:

* the pure elements are a basis that every composition can start from, so no first phase is needed;
* ties are broken lexicographically (Dantzig, Orden, Wolfe, Pacific J. Math. 5, 183 (1955)), as if b were moved by an
  infinitesimal amount along the line, so degenerate compositions (a stable compound, a missing element) neither cycle
  nor need a joggle;
* from the basis at the start of a line b + x d the parametric dual simplex method (Gass, Saaty, Naval Res. Logist. Q.
  2, 39 (1955))
  walks to x = 1: every pivot is one change of the stable phases, hence every kink of the hull is found, and nothing
  else is visited.

In contrast to facets of a geometric hull, whose number explodes with the number of elements, the cost stays at some ten
pivots a line for ten elements and for hulls whose energies differ from lane to lane (sampled errors, voltages).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Bools, Floats
from ...configs.errors import CalculationError

__all__ = ["Bases", "Path", "follow", "optimum"]

Index = NDArray[np.intp]

#: eV per atom of a column: a phase that lies less than this below a plane does not displace it
_PRICE = 1e-10
#: smallest pivot; entries of a tableau of atomic fractions are of the order of one
_PIVOT = 1e-9
#: ratios closer than this are a tie, broken by the next column
_TIE = 1e-11
#: share of a line at which its end is reached
_END = 1.0 - 1e-10
#: pivots after which the tableau is computed anew from its basis
_REFRESH = 20
#: pivots of one lane before it is given up: hundreds of times what any hull needs
_LIMIT = 20_000
#: lanes times columns evaluated at once: 16 MB for each intermediate array
_BLOCK = 2_000_000
#: multiplications of one matrix product: above 262,144 OpenBLAS takes several threads, which wait for one another
#: longer than such a product lasts (500 lanes of 500 columns: 6 to 12 times the CPU time of one thread)
_PRODUCT = 131_072


@dataclass(frozen=True)
class Bases:
    """Optimal bases of many programs.

    Parameters
    ----------
    columns : (n_lanes, n_rows) int array
        Columns in the basis.
    potentials : (n_lanes, n_rows) float array
        Dual solution: the chemical potential of each element, in the unit of the costs.
    """

    columns: Index
    potentials: Floats


@dataclass(frozen=True)
class Path:
    """The stops of all lanes along their lines, lane by lane, with rising x; both ends are stops.

    Parameters
    ----------
    lane : (n_stops,) int array
    x : (n_stops,) float array
        0 to 1.
    columns : (n_stops, n_rows) int array
        Basis in force from the stop before to this one.
    amounts : (n_stops, n_rows) float array
        Of each of these columns at this stop, >= 0.
    values : (n_stops,) float array
        Objective.
    """

    lane: Index
    x: Floats
    columns: Index
    amounts: Floats
    values: Floats


class _Lanes:
    """Tableaus B^-1 [b, d, 1] of many lanes over the same columns, and their bases."""

    def __init__(self, matrix: Floats, costs: Floats, lines: tuple[Floats, Floats], basis: Index) -> None:
        self.matrix = matrix
        self.costs = costs
        count, rows = lines[0].shape
        identity = np.broadcast_to(np.eye(rows), (count, rows, rows))
        self.given = np.concatenate([lines[0][:, :, np.newaxis], lines[1][:, :, np.newaxis], identity], axis=2)
        self.basis = np.tile(basis, (count, 1))
        self.tableau = np.linalg.inv(matrix[:, basis]) @ self.given
        self.pivots = 0

    def cost(self, lanes: Index) -> Floats:
        return self.costs[lanes] if self.costs.ndim == 2 else self.costs

    def basic_costs(self, lanes: Index) -> Floats:
        chosen = self.basis[lanes]
        found: Floats = self.costs[lanes[:, np.newaxis], chosen] if self.costs.ndim == 2 else self.costs[chosen]
        return found

    def potentials(self, lanes: Index) -> Floats:
        found: Floats = (self.basic_costs(lanes)[:, np.newaxis, :] @ self.tableau[lanes, :, 2:])[:, 0]
        return found

    def reduced(self, lanes: Index) -> Floats:
        """(n_lanes, n_columns) energy of each phase above the supporting plane."""
        return self.cost(lanes) - _product(self.potentials(lanes), self.matrix)

    def direction(self, lanes: Index, entering: Index) -> Floats:
        found: Floats = (self.tableau[lanes, :, 2:] @ self.matrix[:, entering].T[:, :, np.newaxis])[:, :, 0]
        return found

    def pivot(self, lanes: Index, row: Index, entering: Index, direction: Floats) -> None:
        each = np.arange(len(lanes))
        tableau = self.tableau[lanes]
        pivoted = tableau[each, row] / direction[each, row][:, np.newaxis]
        tableau -= direction[:, :, np.newaxis] * pivoted[:, np.newaxis, :]
        tableau[each, row] = pivoted
        self.tableau[lanes] = tableau
        self.basis[lanes, row] = entering
        self.pivots += 1
        if self.pivots % _REFRESH == 0:
            self.refresh(lanes)

    def refresh(self, lanes: Index) -> None:
        self.tableau[lanes] = np.linalg.inv(self.matrix.T[self.basis[lanes]].transpose(0, 2, 1)) @ self.given[lanes]

    def optimise(self) -> None:
        """Primal simplex method at b + 0 d, in all lanes."""
        lanes = np.arange(len(self.basis))
        for _ in range(_LIMIT):
            reduced = self.reduced(lanes)
            entering = reduced.argmin(axis=1)
            going = reduced[np.arange(len(lanes)), entering] < -_PRICE
            lanes, entering = lanes[going], entering[going]
            if not len(lanes):
                return
            direction = self.direction(lanes, entering)
            row, found = _first_out(direction, self.tableau[lanes])
            if not found.all():
                raise CalculationError("the linear program of a hull is unbounded: some phase forms without end")
            self.pivot(lanes, row, entering, direction)
        raise CalculationError(f"the linear program of a hull found no optimum in {_LIMIT} pivots")

    def walk(self) -> list[tuple[Index, Floats, Index]]:
        """From optimal bases at x = 0 to x = 1: (lanes, x, bases before) of every change of the basis."""
        lanes = np.arange(len(self.basis))
        told = [(lanes, np.zeros(len(lanes)), self.basis.copy())]
        order = np.r_[0, 2 : self.tableau.shape[2]]
        for _ in range(_LIMIT):
            tableau = self.tableau[lanes]
            falling = -tableau[:, :, 1]
            row, leaves = _first_out(falling, tableau[:, :, order])
            each = np.arange(len(lanes))
            x = np.where(leaves, tableau[each, row, 0] / np.where(leaves, falling[each, row], 1.0), np.inf)
            going = x < _END
            told.append((lanes, np.where(going, np.maximum(x, 0.0), 1.0), self.basis[lanes].copy()))
            lanes, row = lanes[going], row[going]
            if not len(lanes):
                return told
            self.pivot(lanes, row, *self._replacement(lanes, row))
        raise CalculationError(f"the walk along a hull did not end in {_LIMIT} pivots")

    def _replacement(self, lanes: Index, row: Index) -> tuple[Index, Floats]:
        """Dual ratio test: the phase whose plane is reached first when the phase of `row` has been used up."""
        across = _product(self.tableau[lanes, row, 2:], self.matrix)
        allowed = across < -_PIVOT
        rise = np.where(allowed, np.maximum(self.reduced(lanes), 0.0) / np.where(allowed, -across, 1.0), np.inf)
        entering = rise.argmin(axis=1)
        if not np.isfinite(rise[np.arange(len(lanes)), entering]).all():
            raise CalculationError("no mixture of the phases has a composition of the line")
        return entering, self.direction(lanes, entering)


def _first_out(direction: Floats, tableau: Floats) -> tuple[Index, Bools]:
    """Return the row that reaches zero first in each lane, ties broken by the next column of `tableau`, and whether
    there is one."""
    able = direction > _PIVOT
    exists: Bools = np.asarray(able.any(axis=1))
    scale = np.where(able, direction, 1.0)
    left = able
    for column in range(tableau.shape[2]):
        ratio = np.where(left, tableau[:, :, column] / scale, np.inf)
        left = left & (ratio <= ratio.min(axis=1, keepdims=True) + _TIE)
        if (left.sum(axis=1) <= 1).all():
            break
    return left.argmax(axis=1), exists


def _product(left: Floats, right: Floats) -> Floats:
    """Matrix product in slabs of rows, each small enough for one thread."""
    count, size = len(left), max(1, _PRODUCT // right.size)
    found = np.empty((count, right.shape[1]))
    whole = count - count % size
    np.matmul(left[:whole].reshape(-1, size, left.shape[1]), right, out=found[:whole].reshape(-1, size, right.shape[1]))
    np.matmul(left[whole:], right, out=found[whole:])
    return found


def _blocks(lanes: int, columns: int) -> list[slice]:
    size = max(1, _BLOCK // columns)
    return [slice(start, start + size) for start in range(0, lanes, size)]


def _part(costs: Floats, block: slice) -> Floats:
    return costs[block] if costs.ndim == 2 else costs


def optimum(matrix: Floats, costs: Floats, targets: Floats, steps: Floats, basis: Index) -> Bases:
    """Solve every program at `targets`, an infinitesimal step into the direction of `steps`.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float array
        Columns >= 0 and none of them zero.
    costs : (n_columns,) or (n_lanes, n_columns) float array
    targets : (n_lanes, n_rows) float array
        >= 0.
    steps : (n_lanes, n_rows) float array
        Where a target is zero, the step is not negative.
    basis : (n_rows,) int array
        Columns of the pure elements, in the order of the rows.

    Raises
    ------
    CalculationError
        If no optimum is found.
    """
    found, potentials = [np.empty((0, len(matrix)), dtype=np.intp)], [np.empty((0, len(matrix)))]
    for block in _blocks(len(targets), matrix.shape[1]):
        lanes = _Lanes(matrix, _part(costs, block), (targets[block], steps[block]), basis)
        lanes.optimise()
        every = np.arange(len(lanes.basis))
        lanes.refresh(every)
        found.append(lanes.basis)
        potentials.append(lanes.potentials(every))
    return Bases(np.concatenate(found), np.concatenate(potentials))


def follow(matrix: Floats, costs: Floats, starts: Floats, steps: Floats, basis: Index) -> Path:
    """Follow the optimum of every program along ``starts + x steps`` from x = 0 to 1.

    Parameters
    ----------
    matrix, costs, basis
        As in :func:`optimum`.
    starts, steps : (n_lanes, n_rows) float array
        As targets and steps of :func:`optimum`; ``starts + steps`` is >= 0 too.

    Raises
    ------
    CalculationError
        If no optimum is found, or an answer does not balance.
    """
    told: list[tuple[Index, Floats, Index]] = []
    for block in _blocks(len(starts), matrix.shape[1]):
        lanes = _Lanes(matrix, _part(costs, block), (starts[block], steps[block]), basis)
        lanes.optimise()
        told += [(lane + block.start, x, columns) for lane, x, columns in lanes.walk()]
    lane, x, columns = (np.concatenate(parts) for parts in zip(*told, strict=True))
    order = np.argsort(lane, kind="stable")  # the stops of a lane were told with rising x
    lane, x, columns = lane[order], x[order], columns[order]
    amounts = _balanced(matrix, columns, starts[lane] + x[:, np.newaxis] * steps[lane])
    chosen = costs[lane[:, np.newaxis], columns] if costs.ndim == 2 else costs[columns]
    return Path(lane, x, columns, amounts, (amounts * chosen).sum(axis=1))


def _balanced(matrix: Floats, columns: Index, targets: Floats) -> Floats:
    """Return the amounts of the basic columns, each >= 0, that make the targets."""
    amounts = np.asarray(
        np.linalg.solve(matrix.T[columns].transpose(0, 2, 1), targets[:, :, np.newaxis])[:, :, 0], dtype=float
    )
    if len(amounts) and amounts.min() < -1e-8:
        raise CalculationError(f"phases of a hull do not balance: {-amounts.min():.1e} of the atoms are missing")
    return np.asarray(np.maximum(amounts, 0.0))
