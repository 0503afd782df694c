"""The library's crystals: a material's YAML becomes a structure.

A material with partial occupancies gives the disordered structure; :mod:`.ordering` resolves it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure
from pymatgen.symmetry.groups import SpaceGroup

from ...configs.errors import StructureError
from ...configs.models import Material

__all__ = [
    "MINIMUM_DISTANCE",
    "check_distances",
    "conventional",
    "conventional_volume",
    "from_space_group",
    "primitive",
]

#: Å; no two atoms of a crystal lie closer (the shortest bond of the library is O-O in O2, 1.2 Å)
MINIMUM_DISTANCE = 0.7
#: conventional cells by the whole of their material: a report of thousands of jobs asks for each again and again
_CONVENTIONAL: dict[str, tuple[Structure, float]] = {}
_MOST_KEPT = 1000


def check_distances(structure: Structure, minimum: float = MINIMUM_DISTANCE, label: str = "structure") -> None:
    """Raise if atoms overlap or the cell is empty.

    Two sites that are both partly occupied may lie close: they are split positions of one atom.

    Raises
    ------
    StructureError
        Naming the two closest sites and their distance.
    """
    if len(structure) == 0:
        raise StructureError(f"{label}: the cell is empty")
    if len(structure) == 1:
        return
    distances = structure.distance_matrix + np.diag(np.full(len(structure), np.inf))
    partial = np.array([site.species.num_atoms < 1 - 1e-6 for site in structure])
    distances[np.ix_(partial, partial)] = np.inf
    i, j = np.unravel_index(int(np.argmin(distances)), distances.shape)
    if distances[i, j] < minimum:
        raise StructureError(
            f"{label}: atoms {i} ({structure[int(i)].species_string}) and {j} ({structure[int(j)].species_string}) "
            f"overlap: {distances[i, j]:.3f} Å apart, at least {minimum} Å are needed"
        )


def conventional(material: Material) -> Structure:
    """Return the conventional cell with oxidation states; disordered where occupancies are partial.

    Site properties: ``wyckoff_label``, the label of the YAML's site.

    Raises
    ------
    StructureError
        If the space group is unknown, the lattice does not fit it, or atoms overlap.
    """
    return _kept(material)[0].copy()


def conventional_volume(material: Material) -> tuple[Lattice, float]:
    """Return lattice and number of atoms of the conventional cell, without a copy of its sites.

    Raises
    ------
    StructureError
        As :func:`conventional`.
    """
    structure, n_atoms = _kept(material)
    return structure.lattice, n_atoms


def _kept(material: Material) -> tuple[Structure, float]:
    """The conventional cell, which nobody may change, and its number of atoms."""
    described = material.model_dump_json()
    if described not in _CONVENTIONAL:
        made = _conventional(material)
        _CONVENTIONAL[described] = made, made.composition.num_atoms
        if len(_CONVENTIONAL) > _MOST_KEPT:
            del _CONVENTIONAL[next(iter(_CONVENTIONAL))]
    return _CONVENTIONAL[described]


def _conventional(material: Material) -> Structure:
    cell = material.lattice
    lattice = Lattice.from_parameters(cell.a, cell.b or cell.a, cell.c or cell.a, cell.alpha, cell.beta, cell.gamma)
    try:
        structure = from_space_group(
            material.space_group,
            lattice,
            [Composition(site.species) for site in material.sites],
            [list(site.position) for site in material.sites],
            site_properties={"wyckoff_label": [site.label for site in material.sites]},
            tol=1e-3,
        )
    except ValueError as error:
        raise StructureError(f"{material.name}: {error}") from None
    check_distances(structure, label=material.name)
    return structure


def primitive(material: Material) -> Structure:
    """Return the primitive cell; site properties are kept."""
    return conventional(material).get_primitive_structure(use_site_props=True)


def from_space_group(
    symbol: str,
    lattice: Lattice,
    species: Sequence[str | Composition],
    positions: Sequence[Sequence[float]],
    **options: Any,
) -> Structure:
    """Return what pymatgen's ``Structure.from_spacegroup`` does, by a group that is made once, and at once.

    Parameters
    ----------
    symbol : str
        Of the space group.
    lattice : Lattice
    species, positions : sequence
        One of each orbit; fractional coordinates.
    **options
        Of pymatgen: ``tol``, ``site_properties``.

    Raises
    ------
    ValueError
        Of pymatgen, if the group is unknown or does not fit the lattice.
    """
    _kept_space_group(symbol)
    return Structure.from_spacegroup(symbol, lattice, species, positions, **options)


@cache
def _kept_space_group(symbol: str) -> SpaceGroup:
    """Keep a reference: pymatgen remembers a group only as long as somebody holds it."""
    with _EXACTLY:
        return SpaceGroup(symbol)


def _equal(one: SymmOp, other: SymmOp) -> bool:
    return bool((one.affine_matrix == other.affine_matrix).all())


class _ExactOperations:
    """pymatgen puts a group's operations into a set where all have one hash, and compares each pair within a
    tolerance: a second for Fm-3m. Those of its tables are equal or differ by a sixth."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tolerant = SymmOp.__eq__

    def __enter__(self) -> None:
        self.lock.acquire()
        SymmOp.__eq__ = _equal  # type: ignore[assignment, method-assign]

    def __exit__(self, *raised: object) -> None:
        SymmOp.__eq__ = self.tolerant  # type: ignore[method-assign]
        self.lock.release()


_EXACTLY = _ExactOperations()
