"""Cells of layered LixMO2, spinel LixM2O4 and rock salt LixMO(1+x), ordered by their electrostatic energy.

M is one transition metal or several in a fixed ratio: charges of each structure follow the ladder of :mod:`.redox` from
those of the layered crystal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Species, get_el_sp
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Magnetism, Material, OrderedCell
from .cells import canonical_order
from .crystal import conventional
from .delithiation import delithiated
from .magnetism import with_moments
from .ordering import order
from .redox import LOW_SPIN, shifted

__all__ = [
    "Metals",
    "Polymorph",
    "layered_cells",
    "metals_of",
    "polymorph_of",
    "rock_salt_cells",
    "spinel_cells",
    "starting_moments",
]

#: how far from a whole number of atoms a share may lie
_WHOLE = 1e-6


@dataclass(frozen=True)
class Polymorph:
    """One cell: its structure, and x, lithium for each transition metal."""

    structure: Structure
    x: float


@dataclass(frozen=True)
class Metals:
    """The transition metals of a layered crystal with all of its lithium.

    Parameters
    ----------
    ions : mapping of Species to float
        Amount for one transition metal; their sum is 1.
    lithium : float
        For one transition metal: 1 in LiMO2, 1.5 in Li1.2M0.8O2.
    """

    ions: Mapping[Species, float]
    lithium: float

    @property
    def shares(self) -> dict[str, float]:
        """Share of each element, in the order of the ions."""
        found: dict[str, float] = {}
        for ion, amount in self.ions.items():
            found[ion.symbol] = found.get(ion.symbol, 0.0) + amount
        return found

    def are_whole(self, amount: float) -> bool:
        """Whether so many transition metals are whole atoms of each element."""
        numbers = [amount * share for share in self.shares.values()]
        return all(abs(number - round(number)) < _WHOLE for number in numbers)

    def with_charge(self, mean: float, amount: float, label: str) -> dict[Species, float]:
        """So many metals of a mean charge, e, each in whole charges along the ladder.

        Raises
        ------
        StructureError
            If the metals cannot have this charge.
        """
        now = sum(float(ion.oxi_state or 0) * share for ion, share in self.ions.items())
        return shifted({ion: share * amount for ion, share in self.ions.items()}, (mean - now) * amount, label)


def metals_of(material: Material) -> Metals:
    """Return the transition metals of a material, and its lithium.

    Raises
    ------
    StructureError
        If it has no transition metal.
    """
    ions: dict[Species, float] = {}
    lithium = 0.0
    for species, amount in conventional(material).composition.items():
        if species.symbol == "Li":
            lithium += amount
        elif isinstance(species, Species) and species.is_transition_metal:
            ions[species] = ions.get(species, 0.0) + amount
    if not ions:
        raise StructureError(f"{material.name} ({material.formula}) holds no transition metal")
    total = sum(ions.values())
    return Metals({ion: amount / total for ion, amount in ions.items()}, lithium / total)


def layered_cells(material: Material, x: float, supercell: tuple[int, int, int], n: int) -> list[Polymorph]:
    """Return up to `n` arrangements of a layered crystal of one transition metal with the share `x` of its lithium.

    Raises
    ------
    StructureError
        If the supercell holds no whole number of lithium atoms at `x`.
    """
    if x == 1:
        return [polymorph_of(conventional(material))]
    taken = delithiated(material, x, supercell)
    assert taken.ordered_cell is not None
    return [polymorph_of(one.structure) for one in order(conventional(taken), taken.ordered_cell, n)]


def rock_salt_cells(
    material: Material, metals: Metals, n_lithium: int, supercell: tuple[int, int, int], n: int
) -> list[Polymorph]:
    """Return up to `n` arrangements of rock salt with `n_lithium` of its cations lithium; the metals pay.

    Parameters
    ----------
    material : Material
        MO, of one of the metals.
    metals : Metals
        Of the layered crystal.
    n_lithium : int
        In the supercell; at most the layered crystal's share.
    supercell : tuple of int
        Of the conventional cell.
    n : int

    Raises
    ------
    StructureError
        If MO is none or of another metal, there would be more lithium than in the layered crystal, or the other cations
        are no whole atoms of each metal.
    """
    own = _one_of(material, metals, "rock salt")
    cell = conventional(material)
    if cell.composition.element_composition.reduced_composition != Composition({own: 1, "O": 1}):
        raise StructureError(f"{material.name} ({material.formula}) is no {own}O, whose rock salt is asked for")
    sites = [k for k, site in enumerate(cell) if get_el_sp(str(site.species.elements[0])).symbol == own]
    cations = len(sites) * supercell[0] * supercell[1] * supercell[2]
    left = cations - n_lithium
    if n_lithium < 0 or n_lithium > metals.lithium * left + _WHOLE:
        most = cations * metals.lithium / (1 + metals.lithium)
        raise StructureError(f"{n_lithium} of {cations} cations: at most {most:g} of them can be lithium")
    if not metals.are_whole(left):
        raise StructureError(
            f"{left} metals of {cations} cations are no whole atoms of {_told(metals)}: give another supercell"
        )
    mixed = {Species("Li", 1): float(n_lithium)} | metals.with_charge(2 + n_lithium / left, left, material.name)
    _fill(cell, sites, {species: amount / cations for species, amount in mixed.items()})
    return [polymorph_of(one.structure) for one in order(cell, OrderedCell(supercell=supercell), n)]


def spinel_cells(
    material: Material, metals: Metals, x: float, n: int, supercell: tuple[int, int, int] | None = None
) -> list[Polymorph]:
    """Return up to `n` arrangements of spinel LixMO2 with lithium on the tetrahedral sites, x at most 1/2.

    Parameters
    ----------
    material : Material
        M3O4, of one of the metals, with a site of M2+ (tetrahedral) and one of M3+.
    metals : Metals
        Of the layered crystal.
    x : float
    n : int
    supercell : tuple of int, optional
        Of the primitive cell of M3O4; its conventional cell where left out.

    Raises
    ------
    StructureError
        If M3O4 is of another metal, x is too large, or the cell holds no whole number of lithium atoms or metals.
    """
    own = _one_of(material, metals, "spinel")
    if not 0 <= x <= 0.5:
        raise StructureError(f"x = {x:g}: a spinel has a tetrahedral site for half a lithium atom at most")
    cell = conventional(material)
    if supercell is not None:
        cell = cell.get_primitive_structure(use_site_props=True)
        cell.make_supercell(supercell)
    tetrahedral = [k for k, site in enumerate(cell) if str(site.specie) == f"{own}2+"]
    octahedral = [k for k, site in enumerate(cell) if str(site.specie) == f"{own}3+"]
    lithium, octahedra = x * len(octahedral), len(octahedral)
    if not tetrahedral or abs(lithium - round(lithium)) > _WHOLE:
        raise StructureError(f"{material.name}: the spinel's cell holds no whole number of lithium atoms at x = {x:g}")
    if not metals.are_whole(octahedra):
        raise StructureError(
            f"{material.name}: {octahedra} octahedral sites are no whole atoms of {_told(metals)}: give another "
            "spinel_supercell"
        )
    ions = metals.with_charge(4 - x, 1.0, material.name)
    _fill(cell, octahedral, ions)
    occupied = lithium / len(tetrahedral)
    if occupied > _WHOLE:
        _fill(cell, tetrahedral, {Species("Li", 1): occupied})
    else:
        cell.remove_sites(tetrahedral)
    return [polymorph_of(one.structure) for one in order(cell, OrderedCell(), n)]


def _one_of(material: Material, metals: Metals, kind: str) -> str:
    """The metal of MO or M3O4, which has to be one of the layered crystal's."""
    own = sorted({ion.symbol for ion in metals_of(material).ions})
    if len(own) != 1 or own[0] not in metals.shares:
        raise StructureError(
            f"{material.name} is the {kind} of {' and '.join(own)}, and one of {_told(metals)} is needed"
        )
    return str(own[0])


def _told(metals: Metals) -> str:
    return ":".join(metals.shares) + " " + ":".join(f"{share:.3g}" for share in metals.shares.values())


def _fill(cell: Structure, sites: list[int], species: Mapping[Species, float]) -> None:
    """Put the same occupancies on sites."""
    kept = {one: amount for one, amount in species.items() if amount > 1e-9}
    for index in sites:
        cell.replace(index, kept, properties=cell[index].properties)


def starting_moments(found: Polymorph, material: Material, rock_salt: Material) -> Structure:
    """Return the cell with moments to start from, for an engine that looks for an electronic state.

    The order of the rock salt where its metals can hold it (a cell of M2+ of one metal and O alone), parallel moments
    elsewhere; an ion of higher charge is low spin where the layered crystal's M3+ is.

    Parameters
    ----------
    found : Polymorph
    material, rock_salt : Material
        The layered crystal and MO.
    """
    metals, cell = list(metals_of(material).shares), found.structure.copy()
    states = {**rock_salt.magnetism.spin_states, **material.magnetism.spin_states}
    for metal in metals:
        if states.get(f"{metal}3+") == "low":
            states.setdefault(f"{metal}4+", "low")
    if len(metals) > 1:
        states |= {ion: "low" for ion in LOW_SPIN if ion not in states}
    if not found.x and len(metals) == 1 and all(str(site.specie) in (f"{metals[0]}2+", "O2-") for site in cell):
        return with_moments(cell, rock_salt.magnetism)
    return with_moments(cell, Magnetism(order="ferromagnetic", spin_states=states))


def polymorph_of(structure: Structure) -> Polymorph:
    """Return an ordered cell with its lithium for each transition metal, in the package's order and without moments."""
    counts = structure.composition.element_composition
    cell = canonical_order(structure)
    cell.site_properties.pop("magmom", None)
    metals = sum(amount for element, amount in counts.items() if element.is_transition_metal)
    return Polymorph(cell, counts["Li"] / metals)
