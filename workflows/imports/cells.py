"""Whether a run's cell is the one that is asked for: atom by atom in the same basis, or in another basis of the same
lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["CellMatch", "match_cell", "mesh_along", "rebased"]

#: relative, of a length, and degrees, within which the axes of two cells are the same
_LENGTH, _ANGLE = 0.1, 4.0
#: of the cube root of the volume per atom, how far an atom may stand from where it is asked for
_FARTHEST = 0.35
#: µB; moments below it have no direction
_NO_MOMENT = 0.3
#: Å; placements whose root mean square displacement is that much larger than the least are other placements
_AS_GOOD = 0.05


@dataclass(frozen=True)
class CellMatch:
    """How a run's cell lies on the asked one.

    Parameters
    ----------
    basis : (3, 3) tuple of int
        Asked axes in those of the run.
    sites : tuple of int
        The run's site at each asked site.
    away : float
        Å, largest displacement after a common shift.
    strain : float
        Largest relative difference of the axes' lengths and, in radians, of their angles.
    same_order : bool
        Whether the starting moments point as asked, all turned over allowed.
    """

    basis: tuple[tuple[int, int, int], ...]
    sites: tuple[int, ...]
    away: float
    strain: float
    same_order: bool

    @property
    def is_plain(self) -> bool:
        """Whether the axes are the same."""
        return np.array_equal(self.basis, np.eye(3, dtype=int))


def match_cell(asked: Structure, ran: Structure, moments: Sequence[float] = ()) -> CellMatch | None:
    """Return how a run's cell lies on the asked one; None where it is another crystal or another number of atoms.

    Of placements that are equally near, which symmetry allows, that is taken whose moments point as asked.

    Parameters
    ----------
    asked, ran : Structure
        Oxidation states are left aside; the asked moments are its site property ``magmom``.
    moments : sequence of float
        µB, of the run's sites at the start.
    """
    first, second = _elements(asked), _elements(ran)
    if sorted(_symbols(first)) != sorted(_symbols(second)):
        return None
    wanted = np.array([float(m or 0.0) for m in asked.site_properties.get("magmom") or [0.0] * len(asked)])
    given = np.array(moments if len(moments) == len(ran) else np.zeros(len(ran)), dtype=float)
    strain = _strain(first, second)
    if strain is not None and (found := _nearest(first, second, wanted, given)) is not None:
        sites, away, order = found
        return CellMatch(((1, 0, 0), (0, 1, 0), (0, 0, 1)), sites, away, strain, order)
    return _in_another_basis(first, second, wanted, given)


def mesh_along(match: CellMatch, mesh: Sequence[int]) -> tuple[int, ...] | None:
    """Divisions along the asked axes of a mesh along the run's; None where no axis stays an axis."""
    basis = np.abs(np.array(match.basis))
    if not (np.array_equal(basis.sum(axis=0), [1, 1, 1]) and np.array_equal(basis.sum(axis=1), [1, 1, 1])):
        return None
    return tuple(int(n) for n in basis @ np.asarray(mesh, dtype=int))


def rebased(run: Vasprun, match: CellMatch) -> Vasprun:
    """Change the axes of a run to the asked ones, in place; its Cartesian frame stays.

    Cells, fractional coordinates, k points (k' = B k for axes a' = B a) and the mesh follow; forces, stress and
    energies do not change.
    """
    if match.is_plain:
        return run
    basis = np.array(match.basis, dtype=float)
    for step in run.ionic_steps:
        step["structure"] = _on(step["structure"], basis)
    run.initial_structure = _on(run.initial_structure, basis)
    run.final_structure = _on(run.final_structure, basis)
    points = getattr(run, "actual_kpoints", None)
    if points is not None:
        run.actual_kpoints = (np.asarray(points, dtype=float) @ basis.T).tolist()
    mesh = mesh_along(match, run.kpoints.kpts[0]) if run.kpoints is not None and len(run.kpoints.kpts) == 1 else None
    if mesh is not None:
        run.kpoints.kpts = [mesh]
    return run


def _elements(structure: Structure) -> Structure:
    """Elements alone: no oxidation states, no properties."""
    return Structure(structure.lattice, _symbols(structure), structure.frac_coords)


def _symbols(structure: Structure) -> list[str]:
    return [site.specie.symbol for site in structure]


def _strain(asked: Structure, ran: Structure) -> float | None:
    """Largest relative difference of lengths, and of angles in radians; None where the axes are others."""
    lengths = np.abs(np.array(ran.lattice.abc) / np.array(asked.lattice.abc) - 1)
    angles = np.abs(np.array(ran.lattice.angles) - np.array(asked.lattice.angles))
    if lengths.max() > _LENGTH or angles.max() > _ANGLE:
        return None
    return float(max(lengths.max(), np.radians(angles).max()))


def _nearest(
    asked: Structure, ran: Structure, wanted: Floats, given: Floats
) -> tuple[tuple[int, ...], float, bool] | None:
    """The run's site at each asked site, the largest displacement in Å, and whether the moments point as asked."""
    names = np.array(_symbols(asked)), np.array(_symbols(ran))
    rare = min(set(_symbols(asked)), key=lambda name: (_symbols(asked).count(name), name))
    first = int(np.flatnonzero(names[0] == rare)[0])
    placed = []
    for anchor in np.flatnonzero(names[1] == rare):
        shift = asked.frac_coords[first] - ran.frac_coords[anchor]
        if (one := _assigned(asked, ran, names, shift)) is not None:
            placed.append(one)
    if not placed:
        return None
    placed.sort(key=lambda one: one[2])
    near = [one for one in placed if one[2] <= placed[0][2] + _AS_GOOD]
    ordered = next((one for one in near if _points_as_asked(wanted, given[list(one[0])])), None)
    sites, away, _ = ordered or placed[0]
    return sites, away, ordered is not None


def _assigned(
    asked: Structure, ran: Structure, names: tuple[np.ndarray, np.ndarray], shift: Floats
) -> tuple[tuple[int, ...], float, float] | None:
    """Sites, largest and root mean square displacement (Å) of the nearest placement after a shift."""
    from scipy.optimize import linear_sum_assignment

    sites = np.empty(len(asked), dtype=int)
    moved = np.empty((len(asked), 3))
    for name in dict.fromkeys(_symbols(asked)):
        mine, other = np.flatnonzero(names[0] == name), np.flatnonzero(names[1] == name)
        ways = ran.frac_coords[other][None] + shift - asked.frac_coords[mine][:, None]
        ways -= np.round(ways)
        distances = np.linalg.norm(ways @ asked.lattice.matrix, axis=2)
        rows, columns = linear_sum_assignment(distances**2)
        sites[mine[rows]] = other[columns]
        moved[mine[rows]] = ways[rows, columns] @ asked.lattice.matrix
    moved -= moved.mean(axis=0)
    sizes = np.linalg.norm(moved, axis=1)
    if sizes.max() > _FARTHEST * (asked.volume / len(asked)) ** (1 / 3):
        return None
    return tuple(int(i) for i in sites), float(sizes.max()), float(np.sqrt((sizes**2).mean()))


def _points_as_asked(wanted: Floats, given: Floats) -> bool:
    """Whether moments of both signs, where they are asked for, are given so, or all turned over."""
    looked_at = np.abs(wanted) >= _NO_MOMENT
    signs = np.sign(wanted[looked_at])
    if not ((signs > 0).any() and (signs < 0).any()):
        return True
    turned = np.where(np.abs(given[looked_at]) >= _NO_MOMENT, np.sign(given[looked_at]), 0)
    return np.array_equal(turned, signs) or np.array_equal(turned, -signs)


def _in_another_basis(asked: Structure, ran: Structure, wanted: Floats, given: Floats) -> CellMatch | None:
    """A match by pymatgen's StructureMatcher, over the bases that it finds."""
    from pymatgen.analysis.structure_matcher import ElementComparator, StructureMatcher

    matcher = StructureMatcher(
        ltol=_LENGTH,
        stol=_FARTHEST,
        angle_tol=_ANGLE,
        primitive_cell=False,
        attempt_supercell=False,
        comparator=ElementComparator(),
    )
    best: CellMatch | None = None
    found: Any = matcher.get_transformation(asked, ran)  # type: ignore[no-untyped-call]  # pymatgen gives it none
    if found is None:
        return None
    basis = np.rint(np.asarray(found[0])).astype(int)
    if abs(round(float(np.linalg.det(basis)))) != 1:
        return None
    # symmetry allows several bases: of those that only permute or turn axes, one may keep the mesh
    for turn in _turns():
        candidate = turn @ basis
        changed = _on(ran, candidate.astype(float))
        strain = _strain(asked, changed)
        if strain is None or (placed := _nearest(asked, changed, wanted, given)) is None:
            continue
        sites, away, order = placed
        rows = tuple(tuple(int(n) for n in row) for row in candidate)
        match = CellMatch(rows, sites, away, strain, order)  # type: ignore[arg-type]  # three rows of three
        if best is None or _rank(match) < _rank(best):
            best = match
    return best


def _rank(match: CellMatch) -> tuple[bool, bool, float, bool]:
    left_handed = float(np.linalg.det(np.array(match.basis))) < 0
    return not match.same_order, mesh_along(match, (1, 1, 1)) is None, round(match.away, 3), left_handed


def _turns() -> list[np.ndarray]:
    """Matrices that permute and turn over axes, right-handed and left-handed."""
    made = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            turn = np.zeros((3, 3), dtype=int)
            for row, (column, sign) in enumerate(zip(order, signs, strict=True)):
                turn[row, column] = sign
            made.append(turn)
    return made


def _on(structure: Structure, basis: Floats) -> Structure:
    """A structure on other axes of its lattice, rows of `basis` in the old ones."""
    return Structure(
        basis @ structure.lattice.matrix,
        structure.species_and_occu,
        structure.frac_coords @ np.linalg.inv(basis),
        site_properties=structure.site_properties,
        to_unit_cell=False,
    )
