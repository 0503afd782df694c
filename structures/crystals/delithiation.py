"""The same material with less lithium, or in another ordered cell.

Lithium leaves the positions that hold nothing but lithium first, and the transition metals pay with
electrons along the ladder of :mod:`.redox`. What comes out is a material like any other of the library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from math import prod

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Species

from ...configs.errors import InputError, StructureError
from ...configs.models import Magnetism, Material, OrderedCell, Site
from .crystal import conventional
from .redox import LOW_SPIN, is_redox_active, shifted

__all__ = ["delithiated", "in_cell"]

#: multiples of the conventional cell along a and b that are tried, and the largest number of atoms
_LONGEST, _LARGEST = 10, 500
#: how far from a whole number of Li atoms a rounded fraction such as 0.333 may lie
_ROUNDING = 0.02

Mesh = tuple[int, int, int]


def delithiated(material: Material, x: float, supercell: Mesh | None = None) -> Material:
    """Return `material` with the share `x` of its lithium left, charges balanced, to be ordered in a supercell.

    Parameters
    ----------
    material : Material
        With transition metals that can be oxidised.
    x : float
        0 to 1; for LiCoO2 and the NCMs it is the x of LixMO2.
    supercell : tuple of int, optional
        Multiples of the conventional cell. Where left out, the material's own ordered cell if it holds
        a whole number of lithium atoms at `x`, else the smallest and squarest of at least 2 × 2 × 1.

    Raises
    ------
    InputError
        If `x` is not between 0 and 1.
    StructureError
        If the material holds no lithium, the metals cannot give up the charge, or no supercell of a
        sensible size holds whole atoms.
    """
    if not 0 <= x <= 1:
        raise InputError(f"x = {x:g}: the share of lithium that is left lies between 0 and 1")
    full = conventional(material)
    lithium = float(full.composition.element_composition["Li"])
    if lithium == 0:
        raise StructureError(f"{material.name} ({material.formula}) holds no lithium to take out")
    cell = _cell(material, x, lithium, supercell)
    size = prod(cell.supercell) * (1.0 / 3.0 if cell.primitive and material.space_group.startswith("R") else 1.0)
    left = round(x * lithium * size) / (lithium * size)
    listed = Counter(site.label for site in material.sites)  # a file lists every site of a position
    weights = {
        str(label): number / listed[label] for label, number in Counter(full.site_properties["wyckoff_label"]).items()
    }
    sites = _oxidised(
        _lithium_taken(material, weights, lithium * (1 - left)),
        weights,
        lithium * (1 - left),
        f"{material.name} at x = {left:g}",
    )
    species = {name for site in sites for name in site.species}
    formula = Composition(
        {e: n * (left if e.symbol == "Li" else 1.0) for e, n in Composition(material.formula).items()}
    )
    return material.model_copy(
        update={
            "name": f"{material.name}-x{left:.4g}",
            "title": f"{material.title}, {left:.4g} of its lithium left",
            "formula": formula.formula.replace(" ", ""),
            "aliases": (),
            "sites": sites,
            "magnetism": _magnetism(material.magnetism, species),
            "density": None,
            "ordered_cell": cell,
            "arrangements": None,
            "notes": (
                f"{material.notes} Delithiated at the lattice of the lithiated cell; charges: the ladder of "
                "catholyte.structures.crystals.redox."
            ).strip(),
        }
    )


def in_cell(material: Material, composition: str | None = None, supercell: Mesh | None = None) -> Material:
    """Return `material` to be ordered at a given composition or in a given supercell.

    A composition with less lithium than the material holds makes a delithiated one. Without a
    supercell, the one of which the anions fit the composition is taken.

    Raises
    ------
    InputError
        If a supercell has no atoms.
    StructureError
        If the composition cannot be read, or its anions fit no supercell.
    """
    if supercell is not None and min(supercell) < 1:
        raise InputError(f"supercell {' × '.join(map(str, supercell))}: whole numbers of at least 1 are needed")
    if composition is None:
        return (
            material
            if supercell is None
            else material.model_copy(update={"ordered_cell": OrderedCell(supercell=supercell), "arrangements": None})
        )
    try:
        wanted = Composition(composition)
    except ValueError as error:
        raise StructureError(f"the composition {composition!r} cannot be read: {error}") from None
    full = conventional(material)
    multiple = _multiple(material, wanted)
    cell = material.ordered_cell
    if supercell is None:
        fits = cell is not None and not cell.primitive and prod(cell.supercell) == multiple
        supercell = cell.supercell if fits and cell is not None else _squarest(multiple)
    elif prod(supercell) != multiple:
        raise StructureError(
            f"{composition} has the anions of {multiple} conventional cells of {material.name}, and the supercell "
            f"{supercell} is {prod(supercell)}"
        )
    share = float(wanted["Li"]) / (float(full.composition.element_composition["Li"] or 1.0) * multiple)
    base = (
        delithiated(material, share, supercell)
        if share < 1 - 1e-6 and "Li" in Composition(material.formula)
        else material
    )
    cell = OrderedCell(supercell=supercell, composition=composition)
    return base.model_copy(update={"ordered_cell": cell, "arrangements": None})


def _multiple(material: Material, wanted: Composition) -> int:
    """How many conventional cells have the anions of a composition."""
    full = conventional(material).composition
    anions = {
        species.symbol: float(amount)
        for species, amount in full.items()
        if (getattr(species, "oxi_state", None) or 0) < 0
    }
    ratios = {float(wanted[symbol]) / amount for symbol, amount in anions.items()}
    multiple = round(max(ratios))
    if multiple < 1 or any(abs(ratio - multiple) > 1e-6 for ratio in ratios):
        needed = ", ".join(f"{symbol} in multiples of {amount:g}" for symbol, amount in anions.items())
        raise StructureError(f"{wanted.formula}: no supercell of {material.name} has these anions; needed: {needed}")
    return multiple


def _squarest(multiple: int) -> Mesh:
    """Factors of a number along a and b, as equal as they can be."""
    b = max(k for k in range(1, int(multiple**0.5) + 1) if multiple % k == 0)
    return (multiple // b, b, 1)


def _cell(material: Material, x: float, lithium: float, supercell: Mesh | None) -> OrderedCell:
    def whole(number: float) -> bool:
        return abs(number - round(number)) < _ROUNDING

    own = material.ordered_cell
    if supercell is not None:
        if not whole(x * lithium * prod(supercell)):
            raise StructureError(
                f"x = {x:g} is {x * lithium * prod(supercell):.3f} Li atoms in the supercell {supercell} of "
                f"{material.name}: give another supercell or x"
            )
        return OrderedCell(supercell=supercell)
    if own is not None and not own.primitive and whole(x * lithium * prod(own.supercell)):
        return OrderedCell(supercell=own.supercell)
    atoms = conventional(material).composition.num_atoms
    pairs = sorted(product(range(2, _LONGEST + 1), repeat=2), key=lambda p: (p[0] * p[1], abs(p[0] - p[1]), p[1]))
    for a, b in pairs:
        if a >= b and a * b * atoms <= _LARGEST and whole(x * lithium * a * b) and _metals_are_whole(material, a * b):
            return OrderedCell(supercell=(a, b, 1))
    raise StructureError(
        f"x = {x:g}: no supercell of {material.name} up to {_LARGEST} atoms holds a whole number of Li atoms; give "
        "another x"
    )


def _metals_are_whole(material: Material, multiple: int) -> bool:
    elements = conventional(material).composition.element_composition
    return all(abs(n * multiple - round(n * multiple)) < 1e-3 for e, n in elements.items() if e.symbol != "Li")


def _lithium_taken(material: Material, weights: Mapping[str, float], taken: float) -> list[Site]:
    """Sites after `taken` Li atoms per conventional cell have left, pure lithium positions first."""
    sites = list(material.sites)
    for pure in (True, False):
        mine = [k for k, site in enumerate(sites) if "Li+" in site.species and (len(site.species) == 1) == pure]
        present = sum(sites[k].species["Li+"] * weights[sites[k].label] for k in mine)
        share = min(1.0, taken / present) if present else 0.0
        taken -= share * present
        for k in mine:
            left = sites[k].species["Li+"] * (1 - share)
            others = {name: amount for name, amount in sites[k].species.items() if name != "Li+"}
            sites[k] = sites[k].model_copy(update={"species": ({"Li+": left} if left > 1e-9 else {}) | others})
    return [site for site in sites if site.species]


def _oxidised(sites: list[Site], weights: Mapping[str, float], charge: float, label: str) -> tuple[Site, ...]:
    """Sites with `charge` e per conventional cell taken from the metals, each element's states shared by its
    positions."""
    total: dict[Species, float] = {}
    for site in sites:
        for name, occupancy in site.species.items():
            species = Species.from_str(name)
            if is_redox_active(species):
                total[species] = total.get(species, 0.0) + occupancy * weights[site.label]
    after = shifted(total, charge, label)
    elements = {species.symbol: sum(n for s, n in total.items() if s.symbol == species.symbol) for species in total}
    found = []
    for site in sites:
        kept = {name: n for name, n in site.species.items() if not is_redox_active(Species.from_str(name))}
        mine = {
            e: sum(n for name, n in site.species.items() if Species.from_str(name).symbol == e and name not in kept)
            for e in elements
        }
        states = {str(s): mine[s.symbol] * n / elements[s.symbol] for s, n in after.items() if mine[s.symbol] > 0}
        found.append(site.model_copy(update={"species": {**kept, **states}}))
    return tuple(found)


def _magnetism(before: Magnetism, species: set[str]) -> Magnetism:
    spins = {name: spin for name, spin in before.spin_states.items() if name in species}
    spins |= dict.fromkeys(sorted(LOW_SPIN & species - set(spins)), "low")
    open_shell = species & {"Co4+", "Ni3+", "Ni2+", "Mn4+", "Mn3+", "Co2+", "Fe3+", "Fe2+", "Mn2+"}
    return Magnetism(
        order="ferromagnetic" if before.order == "nonmagnetic" and open_shell else before.order,
        spin_states=spins,
        expected_moments={name: moment for name, moment in before.expected_moments.items() if name in species},
        source=before.source,
    )
