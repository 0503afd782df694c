"""In-plane lattices of facets, and matches of pymatgen's ZSLGenerator and of ours under one name for one match."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from catholyte.configs.load import material
from catholyte.structures.interfaces.match import Limits, match
from catholyte.structures.surfaces.facet import facet, source_cell

__all__ = ["FACET_PAIRS", "match_keys", "plane_lattice", "zsl_keys"]

FACET_PAIRS = [
    ("LCO:001", "CoO:111"),
    ("LCO:104", "CoO:100"),
    ("LCO:001", "LPSCl:111"),
    ("CoO:100", "LPSCl:100"),
    ("LIC:001", "LCO:001"),
    ("LIC:110", "LCO:104"),
    ("LIC:111", "CoO:100"),
]


@cache
def plane_lattice(name: str) -> np.ndarray:
    """Primitive in-plane vectors (2, 2), Å, of a facet of the library: ``LCO:104``."""
    label, _, index = name.partition(":")
    h, k, ell = map(int, index)
    return facet(source_cell(material(label)), (h, k, ell)).in_plane


@cache
def _group(data: bytes) -> list[np.ndarray]:
    """Symmetry operations on integer coordinates of a basis, by trying all small integer matrices."""
    lattice = np.frombuffer(data).reshape(2, 2)
    metric = lattice @ lattice.T
    candidates = np.array(list(product(range(-2, 3), repeat=4))).reshape(-1, 2, 2)
    return [m for m in candidates if np.abs(m @ metric @ m.T - metric).max() < 1e-4]


def _superlattice(matrix: np.ndarray, lattice: np.ndarray) -> tuple[int, ...]:
    """The Hermite normal form of the superlattice, the least one of its orbit."""
    return min(_hermite(matrix @ operation) for operation in _group(np.ascontiguousarray(lattice).tobytes()))


def _hermite(matrix: np.ndarray) -> tuple[int, ...]:
    (a, b), (c, d) = matrix.tolist()
    while c:
        a, b, c, d = c, d, a - a // c * c, b - a // c * d
    a, b, d = abs(a), b if a > 0 else -b, abs(d)
    return a, b % d, d


def _key(first: np.ndarray, second: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, ...]:
    logs = np.log(np.linalg.svd(np.linalg.solve(first @ a, second @ b), compute_uv=False))
    return (*_superlattice(first, a), *_superlattice(second, b), *np.round(logs, 5) + 0.0)


def zsl_keys(a: np.ndarray, b: np.ndarray, area: float) -> set[tuple[float, ...]]:
    """Matches of ZSLGenerator at 8 % in length, 0.05 rad and an area ratio of 1.2."""
    from pymatgen.analysis.interfaces.zsl import ZSLGenerator

    keys = set()
    for found in ZSLGenerator(0.2, area, 0.08, 0.05)(a @ np.eye(2, 3), b @ np.eye(2, 3), lowest=False):
        first = np.rint(np.asarray(found.film_sl_vectors)[:, :2] @ np.linalg.inv(a)).astype(int)
        second = np.rint(np.asarray(found.substrate_sl_vectors)[:, :2] @ np.linalg.inv(b)).astype(int)
        keys.add(_key(first, second, a, b))
    return keys


def match_keys(a: np.ndarray, b: np.ndarray, area: float, strain: float, *, in_order: bool = False):  # type: ignore[no-untyped-def]
    """Ours; as a list in the order of the table, or as a set."""
    found = match(a, b, Limits(strain, area))
    keys = [_key(found.a[k], found.b[k], a, b) for k in range(len(found))]
    return keys if in_order else set(keys)
