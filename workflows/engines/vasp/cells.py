"""From a structure to the cell that VASP runs, and back: one group of sites per element, vacuum, dipole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.errors import InputError, StructureError
from ....structures.crystals.symmetry import space_group

__all__ = ["VACUUM", "VaspCell", "vasp_cell"]

#: Å; an empty slice along c at least this thick makes the cell a slab
VACUUM = 6.0
#: Å and µB, to which two faces of a slab are compared
SYMMETRY_PRECISION = 1e-2

Value = TypeVar("Value")


@dataclass(frozen=True)
class VaspCell:
    """The cell in VASP's order.

    Parameters
    ----------
    structure : Structure
        Elements without oxidation states, one run of sites per element; ``magmom`` (µB) and ``velocities``
        (Å/fs), where given, moved along.
    order : tuple of int
        ``order[i]`` is the index, in the asked structure, of VASP's site i.
    vacuum : float
        Å, thickness of the empty slice along c; 0 where there is none of at least :data:`VACUUM`.
    polar : bool
        True for a slab whose two faces no symmetry operation exchanges: it may carry a dipole along c.
    species : tuple of Species or Element
        Of VASP's sites, with oxidation states where they are known; empty where nobody asked for this cell.
    """

    structure: Structure
    order: tuple[int, ...]
    vacuum: float
    polar: bool
    species: tuple[Species | Element, ...] = ()

    def restored(self, values: Sequence[Value]) -> list[Value]:
        """Values per site of VASP's order in the order of the asked structure."""
        by_site = dict(zip(self.order, values, strict=True))
        return [by_site[i] for i in range(len(self.order))]

    @property
    def dipole_centre(self) -> list[float]:
        """DIPOL: centre of mass, fractional, (3,); the slab is not cut by the cell boundary."""
        masses = np.array([site.specie.atomic_mass for site in self.structure], dtype=float)
        fractional = np.array(self.structure.frac_coords)
        bottom, width = _gap(fractional[:, 2])
        cut = bottom - width / 2
        fractional[:, 2] = (fractional[:, 2] - cut) % 1.0 + cut
        centre = (masses @ fractional / masses.sum()) % 1.0
        return [round(float(value), 6) for value in centre]


def vasp_cell(structure: Structure, label: str = "structure") -> VaspCell:
    """Sort the sites and look for vacuum.

    Elements follow each other by rising electronegativity, as in the rest of the package; sites of one
    element, whatever their oxidation states, keep their order.

    Raises
    ------
    InputError
        If sites are partly occupied.
    """
    if not structure.is_ordered:
        raise InputError(
            f"{label}: {structure.composition.reduced_formula} has partly occupied sites, which VASP cannot run; order "
            "it first"
        )
    elements = [site.specie.element if hasattr(site.specie, "element") else site.specie for site in structure]
    order = tuple(sorted(range(len(structure)), key=lambda i: (elements[i].X, elements[i].symbol, i)))
    kept = {
        name: values
        for name, values in structure.site_properties.items()
        if name in ("magmom", "layer", "velocities", "predictor_corrector", "selective_dynamics")
    }
    cell = Structure(
        structure.lattice,
        [elements[i].symbol for i in order],
        structure.frac_coords[list(order)],
        site_properties={
            name: [values[i] for i in order]
            for name, values in kept.items()
            if all(value is not None for value in values)
        },
    )
    if "predictor_corrector_preamble" in structure.properties:
        cell.properties["predictor_corrector_preamble"] = structure.properties["predictor_corrector_preamble"]
    empty = [_empty(cell, axis) for axis in range(3)]
    isolated = min(empty) >= VACUUM  # a molecule in a box has no surface
    vacuum = empty[2] if empty[2] >= VACUUM and len(cell) > 1 and not isolated else 0.0
    species = tuple(structure[i].specie for i in order)
    return VaspCell(cell, order, vacuum, bool(vacuum) and not _faces_are_equal(cell), species)


def _empty(cell: Structure, axis: int) -> float:
    """Thickness of the largest empty slice parallel to the other two axes, Å."""
    others = [cell.lattice.matrix[i] for i in range(3) if i != axis]
    height = cell.volume / float(np.linalg.norm(np.cross(*others)))
    return _gap(np.array(cell.frac_coords)[:, axis])[1] * height


def _gap(heights: np.ndarray) -> tuple[float, float]:
    """Upper end (fraction, 0 to 1) and width of the largest empty slice of a periodic axis."""
    sorted_heights = np.sort(heights % 1.0)
    widths = np.diff(np.append(sorted_heights, sorted_heights[0] + 1.0))
    widest = int(np.argmax(widths))
    return float(np.append(sorted_heights, sorted_heights[0] + 1.0)[widest + 1] % 1.0), float(widths[widest])


def _faces_are_equal(cell: Structure) -> bool:
    """Whether an operation of the space group, moments left aside, turns c over; not where no symmetry can be told."""
    bare = Structure(cell.lattice, cell.species, cell.frac_coords)
    try:
        operations = space_group(bare, SYMMETRY_PRECISION).get_symmetry_operations()
    except StructureError:
        return False
    return any(
        operation.rotation_matrix[2][2] < 0 and not np.any(np.abs(operation.rotation_matrix[2][:2]) > 1e-8)
        for operation in operations
    )
