"""Cells of layered LixMO2, spinel LixM2O4 and rock salt LixMO(1+x) with one transition metal, ordered by their
electrostatic energy."""

from __future__ import annotations

from dataclasses import dataclass

from pymatgen.core.periodic_table import Species, get_el_sp
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Magnetism, Material, OrderedCell
from .cells import canonical_order
from .crystal import conventional
from .delithiation import delithiated
from .magnetism import with_moments
from .ordering import order

__all__ = ["Polymorph", "layered_cells", "metal_of", "rock_salt_cells", "spinel_cells", "starting_moments"]


@dataclass(frozen=True)
class Polymorph:
    """One cell: its structure, and x, lithium for each transition metal."""

    structure: Structure
    x: float


def metal_of(material: Material) -> str:
    """Return the symbol of the one transition metal of a material.

    Raises
    ------
    StructureError
        If it has none, or several.
    """
    found = sorted(
        {
            get_el_sp(species).symbol
            for site in material.sites
            for species in site.species
            if get_el_sp(species).is_transition_metal
        }
    )
    if len(found) != 1:
        raise StructureError(
            f"{material.name} holds {', '.join(found) or 'no transition metal'}: one transition metal is needed here"
        )
    return found[0]


def layered_cells(material: Material, x: float, supercell: tuple[int, int, int], n: int) -> list[Polymorph]:
    """Return up to `n` arrangements of the layered crystal with the share `x` of its lithium.

    Raises
    ------
    StructureError
        If it has several transition metals, or the supercell holds no whole number of lithium atoms at `x`.
    """
    metal = metal_of(material)
    if x == 1:
        return [_polymorph(conventional(material), metal)]
    taken = delithiated(material, x, supercell)
    assert taken.ordered_cell is not None
    return [_polymorph(one.structure, metal) for one in order(conventional(taken), taken.ordered_cell, n)]


def rock_salt_cells(
    material: Material, metal: str, n_lithium: int, supercell: tuple[int, int, int], n: int
) -> list[Polymorph]:
    """Return up to `n` arrangements of rock salt with `n_lithium` of its cations lithium; metals pay, M2+ to M3+.

    Parameters
    ----------
    material : Material
        MO.
    metal : str
        That of the layered crystal.
    n_lithium : int
        In the supercell; at most half of its cations.
    supercell : tuple of int
        Of the conventional cell.
    n : int

    Raises
    ------
    StructureError
        If the metals differ, or more than half of the cations would be lithium.
    """
    if metal_of(material) != metal:
        raise StructureError(f"{material.name} is the rock salt of {metal_of(material)}, and {metal} is needed")
    cell = conventional(material)
    cations = round(cell.composition[get_el_sp(f"{metal}2+")]) * supercell[0] * supercell[1] * supercell[2]
    if not 0 <= 2 * n_lithium <= cations:
        raise StructureError(f"{n_lithium} of {cations} cations: at most half of them can be lithium")
    share = n_lithium / cations
    mixed = {Species("Li", 1): share, Species(metal, 3): share, Species(metal, 2): 1 - 2 * share}
    kept = {species: amount for species, amount in mixed.items() if amount > 1e-9}
    for index, site in enumerate(cell):
        if get_el_sp(str(site.species.elements[0])).symbol == metal:
            cell.replace(index, kept, properties=site.properties)
    found = order(cell, OrderedCell(supercell=supercell), n)
    return [_polymorph(one.structure, metal) for one in found]


def spinel_cells(material: Material, metal: str, x: float, n: int) -> list[Polymorph]:
    """Return up to `n` arrangements of spinel LixMO2 with lithium on the tetrahedral sites, x at most 1/2.

    Parameters
    ----------
    material : Material
        M3O4 with a site of M2+ (tetrahedral) and one of M3+.
    metal : str
    x : float
    n : int

    Raises
    ------
    StructureError
        If the metals differ, x is too large, or the cell holds no whole number of lithium atoms at `x`.
    """
    if metal_of(material) != metal:
        raise StructureError(f"{material.name} is the spinel of {metal_of(material)}, and {metal} is needed")
    if not 0 <= x <= 0.5:
        raise StructureError(f"x = {x:g}: a spinel has a tetrahedral site for half a lithium atom at most")
    cell = conventional(material)
    tetrahedral = [k for k, site in enumerate(cell) if str(site.specie) == f"{metal}2+"]
    octahedral = [k for k, site in enumerate(cell) if str(site.specie) == f"{metal}3+"]
    lithium = x * len(octahedral)
    if not tetrahedral or abs(lithium - round(lithium)) > 1e-6:
        raise StructureError(f"{material.name}: the spinel's cell holds no whole number of lithium atoms at x = {x:g}")
    three = {Species(metal, 3): x, Species(metal, 4): 1 - x}
    for index in octahedral:
        kept = {species: amount for species, amount in three.items() if amount > 1e-9}
        cell.replace(index, kept, properties=cell[index].properties)
    occupied = lithium / len(tetrahedral)
    if occupied > 1e-9:
        for index in tetrahedral:
            cell.replace(index, {Species("Li", 1): occupied}, properties=cell[index].properties)
    else:
        cell.remove_sites(tetrahedral)
    return [_polymorph(one.structure, metal) for one in order(cell, OrderedCell(), n)]


def starting_moments(found: Polymorph, material: Material, rock_salt: Material) -> Structure:
    """Return the cell with moments to start from, for an engine that looks for an electronic state.

    The order of the rock salt where its metals can hold it (a cell of M2+ and O alone), parallel moments elsewhere; an
    ion of higher charge is low spin where the layered crystal's M3+ is.

    Parameters
    ----------
    found : Polymorph
    material, rock_salt : Material
        The layered crystal and MO.
    """
    metal, cell = metal_of(material), found.structure.copy()
    states = {**rock_salt.magnetism.spin_states, **material.magnetism.spin_states}
    if states.get(f"{metal}3+") == "low":
        states.setdefault(f"{metal}4+", "low")
    if not found.x and all(str(site.specie) in (f"{metal}2+", "O2-") for site in cell):
        return with_moments(cell, rock_salt.magnetism)
    return with_moments(cell, Magnetism(order="ferromagnetic", spin_states=states))


def _polymorph(structure: Structure, metal: str) -> Polymorph:
    counts = structure.composition.element_composition.get_el_amt_dict()
    cell = canonical_order(structure)
    cell.site_properties.pop("magmom", None)
    return Polymorph(cell, counts.get("Li", 0.0) / counts[metal])
