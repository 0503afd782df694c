"""Coincidence of two plane lattices: every pair of superlattices that a small strain makes equal.

All superlattices of each side are listed by their Hermite normal forms, one per orbit under the
lattice's point group, and compared by their metric tensors. For metrics G and H of equal handedness the
principal logarithmic strains ε₁, ε₂ of the linear map between the cells follow from two numbers: their sum
t = ½ ln(det H / det G), and their difference d from cosh d = tr(G⁻¹ H) / (2 √(det H / det G)). The whole
search is therefore one matrix product. In-plane rotations cost nothing, a mirror image of a crystal is never used.

The *strain* of a match is the von Mises equivalent ε = √(⅔ e:e) of the deviator e of the logarithmic
(Hencky) strain with ε_zz = 0, which is √(t²/9 + d²/3). pymatgen's ``von_mises_strain`` takes the
same invariant of the Green-Lagrange strain (F ᵀF − 1)/2: equal to first order, but not symmetric between the sides.
The logarithmic strain of a → b is minus that of b → a, and the shares of both sides add up exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError

__all__ = ["Coincidence", "Limits", "Matches", "coincide", "lattice_group", "match", "plane_point_group", "von_mises"]


#: relative difference of metric tensors that still counts as symmetry
_SYMMETRY = 1e-5
#: bases of a reduced plane lattice that a small strain can make the reduced one: entries -1, 0, 1, up to the sign of
#: both vectors
_BASES = np.array(
    [m for m in product((-1, 0, 1), repeat=4) if abs(m[0] * m[3] - m[1] * m[2]) == 1 and m > (0, 0, 0, 0)]
).reshape(-1, 2, 2)


@dataclass(frozen=True)
class Limits:
    """What a match may cost.

    Parameters
    ----------
    max_strain : float
        Largest von Mises strain between the two lattices.
    max_area : float, Å²
        Of each of the two unstrained superlattice cells.
    atoms : tuple of int
        Atoms per cell of either lattice.
    max_atoms : float
        Largest ``n_a * atoms[0] + n_b * atoms[1]``.
    """

    max_strain: float
    max_area: float = np.inf
    atoms: tuple[int, int] = (0, 0)
    max_atoms: float = np.inf


@dataclass(frozen=True)
class Matches:
    """Symmetry-distinct matches, the smallest area first.

    a, b : (n, 2, 2) int arrays, rows: superlattice vectors in units of the given lattice vectors, so ordered that the
    cell is right-handed;
    areas : (n, 2) float array, Å², of the two unstrained cells;
    principal : (n, 2) float array, logarithmic stretches that turn the cell of `a` into that of `b`;
    strain : (n,) float array, von Mises.
    """

    a: Ints
    b: Ints
    areas: Floats
    principal: Floats
    strain: Floats

    def __len__(self) -> int:
        return len(self.strain)

    @property
    def multiples(self) -> Ints:
        """Number of cells of either lattice: (n, 2) int array."""
        return np.abs(np.stack([_determinants(self.a), _determinants(self.b)], axis=1))


@dataclass(frozen=True)
class Coincidence:
    """Two cells strained to a common one.

    cell : (2, 2) float array, Å, rows, the first along x;
    maps : pair of (2, 2) float arrays, row vectors of either crystal times the map lie in the common frame;
    strains : pair of float, von Mises strain that either side takes;
    principal : pair of (2,) float arrays, logarithmic principal strains of either side.
    """

    cell: Floats
    maps: tuple[Floats, Floats]
    strains: tuple[float, float]
    principal: tuple[Floats, Floats]

    @property
    def area(self) -> float:
        """Å², of the common cell."""
        return float(np.linalg.det(self.cell))


def match(a: Floats, b: Floats, limits: Limits) -> Matches:
    """Find all matches of two plane lattices within the limits, each once.

    Two matches are the same if symmetry operations of the two lattices take one into the other.
    Multiples of a smaller match are listed as matches of their own.

    Parameters
    ----------
    a, b : (2, 2) float array, Å
        Lattice vectors as rows, in any basis and orientation.
    limits : Limits

    Raises
    ------
    InputError
        If a lattice is flat, the strain is not positive, or neither area nor atoms are limited.
    """
    _check(a, b, limits)
    sides = _Side.of(a), _Side.of(b)
    largest = [_largest_index(limits, sides, k) for k in (0, 1)]
    if min(largest) < 1:
        return _nothing()
    lists = [side.superlattices(n) for side, n in zip(sides, largest, strict=True)]
    mirrored = any(side.mirror is not None for side in sides)
    bases = _BASES if mirrored else _BASES[_determinants(_BASES) > 0]
    rows = _search(sides, lists, bases, limits)
    first, second, turned = lists[0].matrices[rows[0]], lists[1].matrices[rows[1]], bases[rows[2]]
    rows = rows[
        :, _first_of_each(rows, _canonical_bases(turned, _stabilisers(first, sides[0]), _stabilisers(second, sides[1])))
    ]
    return _tabulate(sides, lists[0].matrices[rows[0]], lists[1].matrices[rows[1]], bases[rows[2]])


def coincide(a: Floats, b: Floats, share: float) -> Coincidence:
    """Strain two cells to a common one.

    Parameters
    ----------
    a, b : (2, 2) float array, Å
        Superlattice vectors as rows, right-handed.
    share : float, 0 to 1
        Part of the logarithmic strain that `b` takes; `a` takes the rest.
    """
    stretch, rotation = _polar(np.asarray(np.linalg.solve(a, b), dtype=np.float64))
    values, vectors = np.linalg.eigh(stretch)
    logs = np.log(values)
    straightened = a @ _power(values, vectors, 1 - share)
    x = straightened[0] / np.linalg.norm(straightened[0])
    turn = np.array([[x[0], -x[1]], [x[1], x[0]]])
    to_common = _power(values, vectors, 1 - share) @ turn, rotation.T @ _power(values, vectors, -share) @ turn
    cell = straightened @ turn
    cell[0, 1] = 0.0
    principal = (1 - share) * logs, -share * logs
    return Coincidence(cell, to_common, (von_mises(principal[0]), von_mises(principal[1])), principal)


def von_mises(principal: Floats) -> float:
    """Von Mises equivalent of two in-plane principal strains (2,), the third being zero: √(⅔ e:e)."""
    e = np.append(principal, 0.0)
    deviator = e - e.mean()
    return float(np.sqrt(2 / 3 * (deviator @ deviator)))


def lattice_group(lattice: Floats) -> Ints:
    """Symmetry operations (n, 2, 2) of a plane lattice on any basis (2, 2), rows, on rows of integer coordinates."""
    side = _Side.of(lattice)
    group = np.linalg.inv(side.from_given) @ side.group @ side.from_given
    return np.rint(group).astype(np.int64)


def plane_point_group(lattice: Floats) -> Ints:
    """Symmetry operations (n, 2, 2) of a Gauss-reduced plane lattice, on rows of integer coordinates; 2, 4, 8 or 12 of
    them."""
    metric = lattice @ lattice.T
    candidates = np.concatenate([_BASES, -_BASES])
    images = candidates @ metric @ candidates.transpose(0, 2, 1)
    kept: Ints = candidates[np.abs(images - metric).max(axis=(1, 2)) < _SYMMETRY * metric.max()]
    return kept


@dataclass(frozen=True)
class _List:
    """Superlattices, one per orbit: indices (n,), Gauss-reduced integer bases (n, 2, 2), normalised metrics (n, 2,
    2)."""

    indices: Ints
    matrices: Ints
    metrics: Floats


@dataclass(frozen=True)
class _Side:
    """One lattice: its reduced right-handed basis, how that follows from the given one, and its point group."""

    basis: Floats
    from_given: Ints
    group: Ints

    @classmethod
    def of(cls, lattice: Floats) -> _Side:
        handed = np.eye(2, dtype=np.int64) if np.linalg.det(lattice) > 0 else np.array([[0, 1], [1, 0]])
        from_given = _gauss(handed[None], lattice)[0]
        basis = from_given @ lattice
        return cls(basis, from_given, plane_point_group(basis))

    @property
    def area(self) -> float:
        return float(np.linalg.det(self.basis))

    @property
    def mirror(self) -> Ints | None:
        """An improper operation, if there is one."""
        improper = self.group[_determinants(self.group) < 0]
        return improper[0] if len(improper) else None

    def superlattices(self, largest: int) -> _List:
        """All superlattices up to an index, one of each orbit of the point group, by index."""
        forms = np.array(
            [(n // r, q, r) for n in range(1, largest + 1) for r in range(1, n + 1) if n % r == 0 for q in range(r)]
        )
        matrices = np.zeros((len(forms), 2, 2), dtype=np.int64)
        matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1] = forms.T
        codes = _hermite_codes(matrices, largest)
        lowest = np.min([_hermite_codes(matrices @ operation, largest) for operation in self.group], axis=0)
        reduced = _gauss(matrices[codes == lowest], self.basis)
        vectors = reduced @ self.basis
        metrics = vectors @ vectors.transpose(0, 2, 1)
        indices = _determinants(reduced)
        return _List(indices, reduced, metrics / (indices * self.area)[:, None, None])


def _check(a: Floats, b: Floats, limits: Limits) -> None:
    for name, lattice in (("first", a), ("second", b)):
        if np.shape(lattice) != (2, 2) or abs(np.linalg.det(lattice)) < 1e-6:
            raise InputError(f"the {name} lattice has no area: two independent vectors in the plane are needed")
    if not limits.max_strain > 0:
        raise InputError(f"the largest strain must be positive, and {limits.max_strain} was given")
    if np.isinf(limits.max_area) and (np.isinf(limits.max_atoms) or min(limits.atoms) < 1):
        raise InputError("a match needs a limit: a largest area, or a largest number of atoms")


def _largest_index(limits: Limits, sides: tuple[_Side, _Side], k: int) -> int:
    """Largest multiple of lattice `k` within all limits, given that the other side has a cell of about the same
    area."""
    by_area = (limits.max_area + 1e-9) / sides[k].area
    least = (
        sides[k].area * np.exp(-3 * limits.max_strain) / sides[1 - k].area
    )  # cells of the other side per cell of this one
    per_cell = limits.atoms[k] + least * limits.atoms[1 - k]
    by_atoms = min(
        (limits.max_atoms - limits.atoms[1 - k]) / max(limits.atoms[k], 1), limits.max_atoms / max(per_cell, 1e-9)
    )
    return int(min(by_area, by_atoms + 1e-9))


def _search(sides: tuple[_Side, _Side], lists: list[_List], bases: Ints, limits: Limits) -> Ints:
    """Row numbers (3, n) in the lists of a, of b, and of the bases of b, of all pairs within the limits."""
    a, b = lists
    turned = np.einsum("kij,njl,kml->nkim", bases, b.metrics, bases)
    right = turned[..., [0, 0, 1], [0, 1, 1]].reshape(-1, 3)
    left = np.stack([a.metrics[:, 1, 1], -2 * a.metrics[:, 0, 1], a.metrics[:, 0, 0]], axis=1) / 2
    found = []
    for n in range(1, int(a.indices[-1]) + 1):
        mine = slice(*np.searchsorted(a.indices, [n, n + 1]))
        ratio = np.log(b.indices * sides[1].area / (n * sides[0].area))
        fits = (np.abs(ratio) <= 3 * limits.max_strain) & (
            n * limits.atoms[0] + b.indices * limits.atoms[1] <= limits.max_atoms
        )
        theirs = np.flatnonzero(fits)
        if len(theirs) == 0:
            continue
        within = slice(theirs[0] * len(bases), (theirs[-1] + 1) * len(bases))
        allowed = np.cosh(
            np.sqrt(np.maximum(3 * (limits.max_strain**2 - (ratio[theirs[0] : theirs[-1] + 1] / 3) ** 2), 0.0))
        )
        close = left[mine] @ right[within].T <= np.repeat(
            np.where(fits[theirs[0] : theirs[-1] + 1], allowed * (1 + 1e-12), 0.0), len(bases)
        )
        row, column = np.nonzero(close)
        found.append(np.stack([row + mine.start, column // len(bases) + theirs[0], column % len(bases)]))
    return np.concatenate(found, axis=1) if found else np.zeros((3, 0), dtype=np.int64)


def _stabilisers(matrices: Ints, side: _Side) -> list[tuple[Ints, NDArray[np.bool_]]]:
    """Per operation of the lattice: what it does to each superlattice basis (n, 2, 2), and whether it keeps that
    superlattice (n,)."""
    found = []
    for operation in side.group:
        image = matrices @ operation @ np.linalg.inv(matrices)
        whole = np.rint(image).astype(np.int64)
        found.append((whole, np.abs(image - whole).max(axis=(1, 2), initial=0.0) < 1e-6))
    return found


def _canonical_bases(
    turned: Ints, a: list[tuple[Ints, NDArray[np.bool_]]], b: list[tuple[Ints, NDArray[np.bool_]]]
) -> Ints:
    """A number (n,) for the orbit of each association of bases under the operations that keep both superlattices."""
    weights = np.array([64**3, 64**2, 64, 1])
    lowest = np.full(len(turned), np.iinfo(np.int64).max)
    for (left, keeps_a), (right, keeps_b) in product(a, b):
        code = (left @ turned @ right + 32).reshape(-1, 4) @ weights
        lowest = np.where(keeps_a & keeps_b, np.minimum(lowest, code), lowest)
    return lowest


def _first_of_each(rows: Ints, orbit: Ints) -> Ints:
    _, first = np.unique(np.stack([rows[0], rows[1], orbit]), axis=1, return_index=True)
    return np.sort(first)


def _tabulate(sides: tuple[_Side, _Side], first: Ints, second: Ints, turned: Ints) -> Matches:
    """Bases in units of the given vectors, right-handed on both sides, the shorter vector of `a` first, and their
    strains."""
    a, b = first.copy(), turned @ second
    improper = _determinants(turned) < 0
    if improper.any():
        if sides[1].mirror is not None:
            b[improper] = b[improper] @ sides[1].mirror
        elif sides[0].mirror is not None:
            a[improper], b[improper] = (a[improper] @ sides[0].mirror)[:, ::-1], b[improper][:, ::-1]
    cells = [matrices @ side.basis for matrices, side in zip((a, b), sides, strict=True)]
    areas = np.stack([np.linalg.det(cell) for cell in cells], axis=1).reshape(-1, 2)
    maps = np.linalg.solve(cells[0], cells[1])
    principal = np.log(np.linalg.svd(maps, compute_uv=False))
    strain = np.sqrt(principal.sum(axis=1) ** 2 / 9 + (principal[:, 0] - principal[:, 1]) ** 2 / 3)
    order = np.lexsort((strain.round(9), areas.mean(axis=1).round(6)))
    return Matches(
        (a @ sides[0].from_given)[order],
        (b @ sides[1].from_given)[order],
        areas[order],
        principal[order],
        strain[order],
    )


def _nothing() -> Matches:
    return Matches(
        np.zeros((0, 2, 2), dtype=np.int64),
        np.zeros((0, 2, 2), dtype=np.int64),
        np.zeros((0, 2)),
        np.zeros((0, 2)),
        np.zeros(0),
    )


def _determinants(matrices: Ints) -> Ints:
    return np.asarray(matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0])


def _hermite_codes(matrices: Ints, largest: int) -> Ints:
    """One number (n,) per superlattice, from the Hermite normal form of its basis (n, 2, 2)."""
    first, second = matrices[:, 0].copy(), matrices[:, 1].copy()
    while (open_rows := second[:, 0] != 0).any():
        factor = first[open_rows, 0] // second[open_rows, 0]
        first[open_rows], second[open_rows] = second[open_rows], first[open_rows] - factor[:, None] * second[open_rows]
    height = np.abs(second[:, 1])
    first *= np.sign(first[:, :1])
    size = largest + 1
    codes: Ints = (first[:, 0] * size + first[:, 1] % height) * size + height
    return codes


def _gauss(matrices: Ints, basis: Floats) -> Ints:
    """Gauss-reduce superlattice bases (n, 2, 2), keeping their handedness: |a| ≤ |b| and |a·b| ≤ a²/2."""
    a, b = matrices[:, 0].copy(), matrices[:, 1].copy()
    metric = basis @ basis.T
    while True:
        norm_a, norm_b = np.einsum("ni,ij,nj->n", a, metric, a), np.einsum("ni,ij,nj->n", b, metric, b)
        swap = norm_b < norm_a * (1 - 1e-9)
        a[swap], b[swap] = b[swap], -a[swap]
        overlap = np.einsum("ni,ij,nj->n", a, metric, b) / np.einsum("ni,ij,nj->n", a, metric, a)
        factor = np.rint(overlap - 1e-9 * np.sign(overlap)).astype(np.int64)
        if not swap.any() and not factor.any():
            return np.stack([a, b], axis=1)
        b -= factor[:, None] * a


def _polar(gradient: Floats) -> tuple[Floats, Floats]:
    """Symmetric stretch P and rotation R with gradient = P R (row vectors are multiplied from the right)."""
    left, values, right = np.linalg.svd(gradient)
    return left @ np.diag(values) @ left.T, left @ right


def _power(values: Floats, vectors: Floats, exponent: float) -> Floats:
    return np.asarray((vectors * values**exponent) @ vectors.T)
