"""A layered oxide of several metals at several lithium contents: the metals keep their arrangement, lithium leaves."""

from __future__ import annotations

from collections.abc import Sequence

from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Material, OrderedCell
from ..crystals.cells import canonical_order, prepared_cell
from ..crystals.crystal import conventional
from ..crystals.ordering import order
from .vacancy import lithium_vacancies

__all__ = ["delithiated_cells"]

#: how far from a whole number of Li atoms a rounded share such as 0.333 may lie
_ROUNDING = 0.02


def delithiated_cells(
    found: Material, cell: OrderedCell, contents: Sequence[float], n: int = 1, seed: int = 0
) -> dict[float, list[Structure]]:
    """Return the cells of each lithium content: one arrangement of the metals, from which lithium leaves.

    Parameters
    ----------
    found : Material
    cell : OrderedCell
        In which the metals are ordered, that of lowest electrostatic energy.
    contents : sequence of float
        Shares of the lithium that are left.
    n : int
        Arrangements of each content, the lowest electrostatic energies first.
    seed : int
        Of the searches.

    Returns
    -------
    dict of float to list of Structure
        Share of the lithium that is left, in whole atoms, to up to `n` cells, charges balanced.

    Raises
    ------
    StructureError
        If the material has no lithium or no oxygen, a share is no whole number of atoms, or the metals cannot pay.
    """
    (lowest, *_) = order(conventional(found), cell, 1, seed)
    host = prepared_cell(lowest.structure, found)
    symbols = [site.specie.symbol for site in host]
    full = symbols.count("Li")
    if not full or "O" not in symbols:
        raise StructureError(f"{found.name} ({found.formula}) is no oxide with lithium, which this needs")
    cells = {}
    for content in contents:
        left = content * full
        if abs(left - round(left)) > _ROUNDING:
            raise StructureError(
                f"{content:g} of the lithium is {left:.3g} of {full} atoms in this cell of {found.name}: give another "
                "share or supercell"
            )
        arranged = lithium_vacancies(host, full - round(left), n, seed)
        cells[round(left) / full] = [canonical_order(one.structure) for one in arranged]
    return cells
