"""Layered oxide to rock salt in the outer layers of a slab, topotactically, and coherent rock-salt layers on a cathode.

Both crystals have the same cubic close packing of oxygen with all octahedra filled: LiMO2 with lithium
and metal in alternating sheets, MO with metal in all. So the conversion keeps every oxygen atom where it
is; each lithium atom of the region leaves, and a divalent metal ion comes in its place::

    Li+  M3+  2 O2-   ->   M2+  M2+  2 O2-        per formula unit: - Li + M

Cations and oxygen become 1 : 1, which keeps the region neutral. Per metal atom instead of per oxygen
atom it is 2 LiMO2 -> 2 MO + 2 Li + O2: the metal that enters comes from layers that lost their oxygen,
as in the densification seen on cycled cathodes (F. Lin et al., Nature Communications 5 (2014) 3529). A
slab contains what is left; what left and came is the mass balance.

On a polar facet such as (003) the region ends inside a lithium sheet, of which as many atoms are replaced as
the region's cation : oxygen ratio of 1 needs, half of them: this is what makes the interface neutral.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Material, OrderedCell
from ..crystals.crystal import conventional
from ..crystals.environment import bonds
from ..crystals.ordering import order
from ..crystals.redox import compensate, ionic_moment, net_charge, reduced_to_two
from .outer_layers import Faces, OxideSlab, Region, outer_regions, oxide_slab

__all__ = ["Reconstruction", "reconstruct", "rock_salt_layer"]


#: site property while sites are arranged
_LABEL, _INDEX = "wyckoff_label", "slab_site"


@dataclass(frozen=True)
class Reconstruction:
    """A slab with converted outer layers.

    Parameters
    ----------
    structure : Structure
        Sites in the order of the given slab, with ``magmom`` (µB), ``layer`` (str) and ``origin`` (int).
    tag : str
        Layer tag of the converted region: ``CoO``, ``NiO``, or ``MO`` for several metals.
    converted : tuple of int
        Cation sites that were converted.
    oxygen : tuple of int
        Oxygen sites of the converted region.
    mass_balance : dict of str to int
        Atoms that came (positive) or left (negative), by element; oxygen never changes.
    ions : dict of str to int
        Cations of the converted region.
    redox : dict of str to int
        Change of the ions outside the region, where its metals had not the mean charge of three.
    mismatch : float
        Coherent layers: linear misfit of the free rock salt to the cathode, (V_MO / V_cathode per O)^(1/3) - 1.
    """

    structure: Structure
    tag: str
    converted: tuple[int, ...]
    oxygen: tuple[int, ...]
    mass_balance: dict[str, int]
    ions: dict[str, int]
    redox: dict[str, int] = field(default_factory=dict)
    mismatch: float = 0.0


def reconstruct(slab: Structure, n_layers: int, faces: Faces = "both", filler: str | None = None) -> Reconstruction:
    """Convert the outer `n_layers` metal layers of a layered-oxide slab to rock salt; oxygen stays where it is.

    Metals of the region become divalent and stay where they are; those that form no divalent ion (W) and
    the lithium of the region are replaced by the `filler`. Moments are high spin and antiparallel
    between former lithium and metal sheets, which is the order AFM-II with its planes along the old layers.

    Parameters
    ----------
    slab : Structure
        Ordered, with oxidation states, ``c`` normal to the surface, and vacuum. With the site property
        ``wyckoff_label`` lithium in the metal sheets (LRMO) is told from lithium between them.
    n_layers : int
        Planes of metal atoms on each face: (104) 2 Å each, (003) 4.7 Å each.
    faces : {"both", "top", "bottom"}
    filler : str, optional
        Element that takes the place of lithium; the most frequent metal of the slab where left out, nickel
        before cobalt before manganese among equals.

    Raises
    ------
    InputError
        If `n_layers` is less than 1.
    StructureError
        If this is no slab of a layered oxide, is disordered or not neutral, has too few layers, the filler forms
        no divalent ion, or the other metals cannot balance the charge.
    """
    found = oxide_slab(slab)
    name = filler or _common_metal(slab, found.metal)
    ion = reduced_to_two(name)
    if ion is None:
        raise StructureError(f"{name} forms no divalent ion of a rock salt; allowed fillers: Ni, Co, Mn, Fe")
    return _convert(found, outer_regions(found, n_layers, faces), ion, uniform=False)


def rock_salt_layer(slab: Structure, rock_salt: Material, n_layers: int, faces: Faces = "both") -> Reconstruction:
    """Make the outer `n_layers` a coherent layer of a rock salt such as CoO or NiO with its own distance between
    planes.

    In the plane the layer takes the cathode's lattice; along the normal its planes lie as far apart as in the free
    rock salt, by the cube root of the volumes per oxygen atom. Oxygen moves along the old layering axis
    to the middle between its cations, where a rock salt has it. The vacuum stays as wide as it was.
    A relaxation adds the elastic response to the misfit, which is stated.

    Parameters
    ----------
    slab : Structure
        As for :func:`reconstruct`, thick enough for cathode and layer.
    rock_salt : Material
        With one divalent metal and oxygen, 1 : 1.
    n_layers, faces
        As for :func:`reconstruct`.

    Raises
    ------
    InputError, StructureError
        As :func:`reconstruct`, and if `rock_salt` is none.
    """
    free = conventional(rock_salt)
    cations = [Species.from_str(str(s)) for s in free.composition if getattr(s, "oxi_state", 0) == 2]
    if (
        rock_salt.space_group != "Fm-3m"
        or len(free.composition) != 2
        or len(cations) != 1
        or free.composition["O2-"] != free.composition[cations[0]]
    ):
        raise StructureError(
            f"{rock_salt.name} is no rock salt of one divalent metal and oxygen; give for example CoO or NiO"
        )
    found = oxide_slab(slab)
    regions = outer_regions(found, n_layers, faces)
    made = _convert(found, regions, cations[0], uniform=True)
    ratio = (free.volume / free.composition["O2-"] / _volume_per_oxygen(found)) ** (1 / 3)
    structure = _stretched(_centred_oxygen(made.structure, found, list(made.oxygen)), found, regions, ratio)
    return replace(made, structure=structure, mismatch=float(ratio - 1))


def _convert(slab: OxideSlab, regions: list[Region], ion: Species, uniform: bool) -> Reconstruction:
    cell = slab.structure.copy()
    metal = {i for region in regions for i in region.metal}
    sure = {i for region in regions for i in region.lithium}
    for i in sorted(metal | sure):
        own = None if uniform or i in sure else reduced_to_two(cell[i].specie.symbol)
        cell.replace(i, own or ion, properties=cell[i].properties)
    surplus = net_charge(cell) + sum(region.n_partly for region in regions) * (float(ion.oxi_state or 0) - 1)
    outside = [i for i in slab.metal if i not in metal]
    edges = np.array([region.boundary for region in regions])
    outside.sort(key=lambda i: (round(float(np.abs(edges - slab.heights[i]).min()), 3), i))
    balanced = compensate(cell, -round(surplus), outside)
    arranged = _arranged(balanced, regions, ion)
    sheets = {i for region in regions for i in region.partly if arranged[i].specie == ion}
    oxygen = tuple(sorted(i for region in regions for i in region.oxygen))
    converted = tuple(sorted(metal | sure | sheets))
    ions = Counter(str(arranged[i].specie) for i in converted)
    tag = f"{Species.from_str(next(iter(ions))).symbol}O" if len(ions) == 1 else "MO"
    _describe(arranged, slab, set(metal), converted, oxygen, tag)
    return Reconstruction(
        arranged,
        tag,
        converted,
        oxygen,
        _balance(slab.structure, arranged),
        dict(sorted(ions.items())),
        _redox(cell, balanced),
    )


def _arranged(cell: Structure, regions: list[Region], ion: Species) -> Structure:
    """Replace part of the boundary sheets, in the arrangement of lowest electrostatic energy."""
    if not any(region.partly for region in regions):
        return cell
    mixed = Structure(cell.lattice, cell.species, cell.frac_coords)
    labels = [f"site {i}" for i in range(len(cell))]
    for region in regions:
        for i in region.partly:
            mixed.replace(
                i, {cell[i].specie: 1 - region.n_partly / len(region.partly), ion: region.n_partly / len(region.partly)}
            )
            labels[i] = f"sheet {region.outward}"
    mixed.add_site_property(_LABEL, labels)
    mixed.add_site_property(_INDEX, list(range(len(cell))))
    best = order(mixed, OrderedCell())[0].structure
    species = dict(zip(best.site_properties[_INDEX], best.species, strict=True))
    return Structure(
        cell.lattice, [species[i] for i in range(len(cell))], cell.frac_coords, site_properties=cell.site_properties
    )


def _describe(
    cell: Structure, slab: OxideSlab, metal: set[int], converted: tuple[int, ...], oxygen: tuple[int, ...], tag: str
) -> None:
    """Moments, layer tags and origins, in place."""
    moments = [float(m or 0.0) for m in cell.site_properties.get("magmom") or np.zeros(len(cell))]
    layers = list(
        cell.site_properties.get("layer") or [slab.structure.composition.remove_charges().reduced_formula] * len(cell)
    )
    for i in converted:
        moments[i] = (-1.0 if i in metal else 1.0) * ionic_moment(Species.from_str(str(cell[i].specie)))
    for i in (*converted, *oxygen):
        layers[i] = tag
    cell.add_site_property("magmom", moments)
    cell.add_site_property("layer", layers)
    if "origin" not in cell.site_properties:
        cell.add_site_property("origin", list(range(len(cell))))


def _common_metal(structure: Structure, metal: list[int]) -> str:
    counts = Counter(
        structure[i].specie.symbol for i in metal if reduced_to_two(structure[i].specie.symbol) is not None
    )
    if not counts:
        raise StructureError(
            f"{structure.composition.reduced_formula}: no metal of the slab forms a divalent ion; name the filler: Ni, "
            "Co, Mn, Fe"
        )
    preferred = ("Ni", "Co", "Mn", "Fe")
    return min(counts, key=lambda symbol: (-counts[symbol], preferred.index(symbol)))


def _balance(before: Structure, after: Structure) -> dict[str, int]:
    first, second = before.composition.element_composition, after.composition.element_composition
    changes = {element.symbol: round(second[element] - first[element]) for element in sorted({*first, *second})}
    return {symbol: change for symbol, change in changes.items() if change}


def _redox(before: Structure, after: Structure) -> dict[str, int]:
    changes = Counter(str(site.specie) for site in after)
    changes.subtract(str(site.specie) for site in before)
    return {name: change for name, change in sorted(changes.items()) if change}


def _volume_per_oxygen(slab: OxideSlab) -> float:
    """Å³ per oxygen atom of the cathode, from the distance and filling of its metal planes."""
    levels = np.array([slab.heights[plane].mean() for plane in slab.planes])
    area = slab.structure.volume / slab.structure.lattice.c
    sites = np.median([len(plane) for plane in slab.planes])
    return float(area * np.median(np.diff(levels)) / (2 * sites))


def _centred_oxygen(structure: Structure, slab: OxideSlab, oxygen: list[int]) -> Structure:
    """Move oxygen along the old layering axis to the middle between its sheets of cations."""
    found, metal = bonds(slab.structure), set(slab.metal)
    inside = np.array([int(cation) in metal for cation in found.cations], dtype=bool)
    complete = [
        i
        for i in range(len(structure))
        if np.sum((found.anions == i) & inside) == 3 and np.sum((found.anions == i) & ~inside) == 3
    ]
    if not complete:
        raise StructureError(
            f"{slab.structure.composition.reduced_formula}: no oxygen has three lithium and three metal neighbours; "
            "the slab is too thin or no layered oxide"
        )
    cell = structure.copy()
    first = found.anions == complete[0]
    axis = found.vectors[first & inside].mean(axis=0) - found.vectors[first & ~inside].mean(axis=0)
    axis /= np.linalg.norm(axis)
    for i in oxygen:
        mine = found.anions == i
        if (mine & inside).any() and (mine & ~inside).any():
            shift = (found.vectors[mine & inside].mean(axis=0) + found.vectors[mine & ~inside].mean(axis=0)) @ axis / 2
            cell.translate_sites([i], shift * axis, frac_coords=False, to_unit_cell=False)
    return cell


def _stretched(structure: Structure, slab: OxideSlab, regions: list[Region], ratio: float) -> Structure:
    """Stretch the regions along the normal from where they end; the cell grows with them."""
    moved = structure.cart_coords - slab.structure.cart_coords
    normal = structure.lattice.matrix[2] / structure.lattice.c
    heights = slab.heights + moved @ normal
    flat = structure.cart_coords - np.outer(structure.cart_coords @ normal, normal)
    new = heights.copy()
    for region in regions:
        outside = region.outward * (slab.heights - region.boundary) > 0
        new[outside] = region.boundary + ratio * (heights[outside] - region.boundary)
    grown = structure.lattice.c + np.ptp(new) - np.ptp(slab.heights)
    lattice = Lattice(np.vstack([structure.lattice.matrix[:2], grown * normal]))
    coords = flat + np.outer(new - new.min() + (grown - np.ptp(new)) / 2, normal)
    return Structure(
        lattice, structure.species, coords, coords_are_cartesian=True, site_properties=structure.site_properties
    )
