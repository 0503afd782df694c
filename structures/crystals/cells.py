"""From a material of the library to the cell that a calculation runs on."""

from __future__ import annotations

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Material
from .crystal import check_distances, conventional, primitive
from .magnetism import with_moments
from .ordering import order

__all__ = ["calculation_cell", "canonical_order", "prepared_cell", "require_neutral"]

#: degrees; a cell with an angle outside is reduced
_SKEWED = (59.9, 120.1)
#: the last arrangements that were searched for, seconds each: a plan, a facet and a report ask for the same one again
_ORDERED: dict[tuple[str, int, int], Structure] = {}
_MOST = 64
#: decimals of lattice vectors (Å) and fractional coordinates: below every physical meaning, above rounding noise
_DECIMALS = 10


def calculation_cell(material: Material, seed: int = 0, arrangement: int = 1) -> Structure:
    """Return the cell that calculations of `material` run on, the same bits on every call.

    A material with the key ``ordered_cell`` gives its arrangement of lowest electrostatic energy, any
    other its primitive cell. The magnetic order is applied, in a doubled cell where it needs one: CoO in
    AFM-II order has 4 atoms. A cell with an angle below 60° or above 120° is Niggli-reduced, which keeps
    the number of atoms (the textbook setting of AFM-II CoO has angles of 33.6°); supercells of a
    conventional cell keep their axes. Sites of one species stand together, in the order of rising
    electronegativity.

    Parameters
    ----------
    material : Material
    seed : int
        Of the ordering, where there is one.
    arrangement : int
        Which ordering, counted from 1 by electrostatic energy.

    Returns
    -------
    Structure
        With oxidation states and the site properties ``magmom`` (float, µB) and ``wyckoff_label``.

    Raises
    ------
    StructureError
        If the cell cannot be built, ordered, or given its magnetic order, is not neutral, or there are fewer
        arrangements.
    """
    if material.ordered_cell is None:
        if arrangement != 1:
            raise StructureError(f"{material.name} has one arrangement, and number {arrangement} was asked for")
        return prepared_cell(primitive(material), material)
    asked = (material.model_dump_json(), seed, arrangement)
    if asked not in _ORDERED:
        found = order(conventional(material), material.ordered_cell, arrangement, seed)
        if len(found) < arrangement:
            told = f"{material.name} has {len(found)} arrangements, and number {arrangement} was asked for"
            raise StructureError(told)
        if len(_ORDERED) >= _MOST:
            _ORDERED.pop(next(iter(_ORDERED)))
        _ORDERED[asked] = prepared_cell(found[arrangement - 1].structure, material)
    return _ORDERED[asked].copy()


def prepared_cell(cell: Structure, material: Material) -> Structure:
    """Return an ordered cell of `material` as calculations take it: neutral, magnetic, reduced, sorted, rounded.

    Raises
    ------
    StructureError
        If the cell is not neutral, cannot hold the magnetic order, or atoms overlap.
    """
    require_neutral(cell, material.name)
    cell = with_moments(cell, material.magnetism)
    if min(cell.lattice.angles) < _SKEWED[0] or max(cell.lattice.angles) > _SKEWED[1]:
        cell = cell.get_reduced_structure("niggli")
    cell = _rounded(canonical_order(cell))
    check_distances(cell, label=material.name)
    return cell


def require_neutral(structure: Structure, label: str = "structure") -> None:
    """Raise unless the oxidation states add up to zero.

    Raises
    ------
    StructureError
        Naming the sum.
    """
    charge = sum(getattr(site.specie, "oxi_state", None) or 0 for site in structure)
    if abs(charge) > 1e-6:
        raise StructureError(
            f"{label}: the oxidation states of {structure.composition.formula} add up to {charge:+g}, and must add up "
            "to 0"
        )


def canonical_order(structure: Structure) -> Structure:
    """Return the sites sorted by rising electronegativity, element and oxidation state, each species in one run."""
    return structure.get_sorted_structure(
        key=lambda site: (site.specie.X, site.specie.symbol, getattr(site.specie, "oxi_state", None) or 0)
    )


def _rounded(structure: Structure) -> Structure:
    lattice = np.round(structure.lattice.matrix, _DECIMALS) + 0.0  # no negative zeros
    coords = np.round(structure.frac_coords, _DECIMALS) % 1 + 0.0
    return Structure(lattice, structure.species, coords, site_properties=structure.site_properties)
