"""The ordered cell that is proposed for a disordered crystal: the smallest of whole atoms near the refined amounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import StructureError
from ...configs.models import Mesh, OrderedCell
from .sublattices import Occupant, Sublattice, sublattices_of, symbol_of, whole_numbers

__all__ = ["LARGEST", "TOLERANCE", "Proposal", "propose"]

#: share of all atoms by which an element's amount may differ from the refined one
TOLERANCE = 0.005
#: most atoms of a proposed cell
LARGEST = 200
#: occupancy below which nobody misses what stands there
_TRACE = 0.001


@dataclass(frozen=True)
class Proposal:
    """An ordered cell and how near it comes.

    Parameters
    ----------
    cell : OrderedCell
    composition : Composition
        Of the ordered cell.
    refined : Composition
        Of as much of the disordered crystal.
    deviation : float
        Largest difference of an element's amount, as a share of all atoms.
    left_out : tuple of (str, str, float)
        Element, position and occupancy of what shares a position and has no whole atom there in this cell.
    """

    cell: OrderedCell
    composition: Composition
    refined: Composition
    deviation: float
    left_out: tuple[tuple[str, str, float], ...] = ()

    @property
    def text(self) -> str:
        """For a note."""
        made, refined = (_spelled(c) for c in (self.composition, self.refined))
        times = " × ".join(map(str, self.cell.supercell))
        near = (
            "as refined"
            if self.deviation < 1e-6
            else f"refined {refined}: {100 * self.deviation:.2g} % of the atoms, {100 * TOLERANCE:g} % are allowed"
        )
        return (
            f"partial occupancies: the ordered cell {made} of {self.composition.num_atoms:g} atoms is proposed, "
            f"{times} primitive cells ({near}){self._missing}; --composition and --supercell of `orderings` choose "
            "another"
        )

    @property
    def _missing(self) -> str:
        """What is not in the cell although its crystal has it, such as a few percent of exchanged atoms."""
        told = [f"{element} on {label} ({100 * share:.2g} %)" for element, label, share in self.left_out]
        return f"; it is too small for {' and '.join(told)}" if told else ""


def propose(structure: Structure, source: str) -> Proposal:
    """Return the smallest cell with whole atoms, balanced charges and amounts within :data:`TOLERANCE`.

    Parameters
    ----------
    structure : Structure
        Disordered, with oxidation states and the site property ``wyckoff_label``.
    source : str
        For the message.

    Raises
    ------
    StructureError
        If there is none of up to :data:`LARGEST` atoms; the message names the nearest.
    """
    cell = structure.get_primitive_structure(use_site_props=True)
    groups = sublattices_of(cell)
    refined = cell.composition.element_composition
    nearest: Proposal | None = None
    for multiple in range(1, max(1, int(LARGEST / refined.num_atoms)) + 1):
        numbers = _whole(groups, multiple)
        if numbers is None:
            continue
        made = _composition(numbers)
        wanted = refined * multiple
        deviation = max(abs(made[element] - wanted[element]) for element in {*made, *wanted}) / wanted.num_atoms
        if nearest is None or deviation < nearest.deviation - 1e-9:
            mesh = _roundest(cell.lattice.matrix, multiple)
            chosen = OrderedCell(supercell=mesh, primitive=True, composition=_spelled(made))
            nearest = Proposal(chosen, made, wanted, deviation, tuple(_left_out(groups, numbers)))
        if deviation <= TOLERANCE:
            return nearest
    best = (
        f"the nearest is {_spelled(nearest.composition)} with {100 * nearest.deviation:.2g} %"
        if nearest
        else "no whole numbers of atoms balance the charges"
    )
    raise StructureError(
        f"{source}: no ordered cell of up to {LARGEST} atoms comes within {100 * TOLERANCE:g} % of the refined "
        f"{_spelled(refined)} ({best}): choose one by `orderings FILE --composition … --supercell …`, or in a YAML"
    )


def _whole(groups: list[Sublattice], multiple: int) -> list[dict[Occupant, int]] | None:
    """Whole numbers of atoms in so many primitive cells, nearest to the occupancies; None where charges forbid it."""
    larger = [
        replace(group, sites=list(range(len(group.sites) * multiple)), capacity=group.capacity * multiple)
        for group in groups
    ]
    try:
        return whole_numbers(larger, None, "")
    except StructureError:
        return None


def _left_out(groups: list[Sublattice], numbers: list[dict[Occupant, int]]) -> Iterator[tuple[str, str, float]]:
    """Elements of a position that have no atom there."""
    for group, table in zip(groups, numbers, strict=True):
        present = {symbol_of(occupant) for occupant, number in table.items() if number}
        shares: dict[str, float] = {}
        for occupant, share in group.occupancies.items():
            shares[symbol_of(occupant)] = shares.get(symbol_of(occupant), 0.0) + share
        yield from ((e, group.label, share) for e, share in shares.items() if e and e not in present and share > _TRACE)


def _composition(numbers: list[dict[Occupant, int]]) -> Composition:
    amounts: dict[str, float] = {}
    for table in numbers:
        for occupant, number in table.items():
            if occupant is not None and number:
                amounts[symbol_of(occupant)] = amounts.get(symbol_of(occupant), 0.0) + number
    return Composition(amounts)


def _roundest(matrix: Floats, multiple: int) -> Mesh:
    """Multiples of the vectors whose cell has the least surface."""

    def surface(mesh: Mesh) -> float:
        a, b, c = matrix * np.array(mesh)[:, None]
        return float(sum(np.linalg.norm(np.cross(x, y)) for x, y in ((a, b), (b, c), (c, a))))

    return min(_meshes(multiple), key=lambda mesh: (round(surface(mesh), 6), mesh))


def _meshes(multiple: int) -> Iterator[Mesh]:
    numbers = [n for n in range(1, multiple + 1) if multiple % n == 0]
    for a, b in product(numbers, repeat=2):
        if multiple % (a * b) == 0:
            yield a, b, multiple // (a * b)


def _spelled(composition: Composition) -> str:
    ordered = sorted(composition.element_composition.items(), key=lambda item: (item[0].X, item[0].symbol))
    return "".join(f"{element.symbol}{round(amount, 3):g}" for element, amount in ordered)
