"""Mixed valence put on sites: by moments where the cell has them, else by bond valences, then by electrostatic energy.

Bond valences are s = exp((R - d) / 0.37 Å) with R of M. O'Keeffe, N. E. Brese, J. Am. Chem. Soc. 113 (1991) 3226: an
ion of lower charge sits where its bonds are longer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.arrays import Floats
from ....configs.models import OrderedCell
from ..magnetism import unpaired_electrons
from ..ordering import order
from ..redox import LOW_SPIN
from ..symmetry import site_moments
from .bonding import Group, site_groups

__all__ = ["put_on_sites"]

#: e; sites of one element whose bond valences differ by less are alike
_ALIKE = 0.15
#: Å; bonds that count for a bond valence
_REACH = 3.2


def put_on_sites(
    structure: Structure,
    groups: Mapping[Group, float],
    states: Mapping[Group, float],
    ladder: Mapping[str, Mapping[float, float]],
) -> Structure:
    """Return the structure with the oxidation states of each site.

    Parameters
    ----------
    structure : Structure
        Without oxidation states; ordered, or with partial occupancies.
    groups : mapping of Group to float
        Atoms of each group in the cell.
    states : mapping of Group to float
        State of the elements that have one a group, e.
    ladder : mapping of str to mapping of float to float
        Amounts of each state of the other elements in the cell.
    """
    table = site_groups(structure)
    single: list[dict[Species, float]] = []
    for site, present in zip(structure, table, strict=True):
        amounts = {species.symbol: float(n) for species, n in site.species.element_composition.items()}
        single.append(
            {
                Species(group.symbol, states[group] if group in states else next(iter(ladder[group.symbol]))): amounts[
                    group.symbol
                ]
                for group in present
            }
        )
    mixed = {symbol: dict(sorted(found.items())) for symbol, found in ladder.items() if len(found) > 1}
    for symbol, found in mixed.items():
        _share(structure, single, symbol, found)
    made = Structure(
        structure.lattice,
        [Composition(species) for species in single],
        structure.frac_coords,
        site_properties=structure.site_properties,
    )
    return _ordered_again(made) if structure.is_ordered and not made.is_ordered else made


def _share(structure: Structure, single: list[dict[Species, float]], symbol: str, found: dict[float, float]) -> None:
    """Give the low states to the sites that suit them; sites that are alike share what is left."""
    sites = [k for k, species in enumerate(single) if any(s.symbol == symbol for s in species)]
    amounts = np.array([sum(n for s, n in single[k].items() if s.symbol == symbol) for k in sites])
    suits = _suitability(structure, sites, symbol, found)
    left = dict(found)
    for members in _alike(suits):
        total = float(amounts[members].sum())
        here: dict[float, float] = {}
        for charge in sorted(left):
            taken = min(left[charge], total - sum(here.values()))
            if taken > 1e-9:
                here[charge] = taken
                left[charge] -= taken
        for place in members:
            k, amount = sites[int(place)], float(amounts[int(place)])
            others = {s: n for s, n in single[k].items() if s.symbol != symbol}
            shares = {Species(symbol, charge): amount * n / total for charge, n in here.items() if n > 1e-9}
            single[k] = {**others, **shares}


def _alike(suits: Floats) -> list[list[int]]:
    """Places in the order of rising suitability for a high charge, those that are alike together."""
    ranked = np.argsort(suits, kind="stable")
    found: list[list[int]] = []
    for place in ranked:
        if found and suits[place] - suits[found[-1][0]] < _ALIKE:
            found[-1].append(int(place))
        else:
            found.append([int(place)])
    return found


def _suitability(structure: Structure, sites: list[int], symbol: str, found: dict[float, float]) -> Floats:
    """How well each site suits a high charge: what its moment says, else its bond valence, e."""
    moments = np.abs(site_moments(structure))[sites]
    if moments.any() and structure.is_ordered:
        return np.array([_charge_of(symbol, found, float(m)) for m in moments])
    return bond_valences(structure, sites, symbol)


def _charge_of(symbol: str, found: dict[float, float], moment: float) -> float:
    """The state whose moment comes nearest, e."""

    def expected(charge: float) -> float:
        species = Species(symbol, charge)
        return unpaired_electrons(species, "octahedral", "low" if str(species) in LOW_SPIN else "high")

    return min(found, key=lambda charge: abs(expected(charge) - moment))


def bond_valences(structure: Structure, sites: list[int], symbol: str) -> Floats:
    """Bond valence sums (n,), e, of the element on sites; neighbours count with their occupancies."""
    from pymatgen.analysis.bond_valence import BV_PARAMS  # reads its tables on import: a second

    sums = np.zeros(len(sites))
    metal = Element(symbol)
    if metal not in BV_PARAMS:
        return sums
    for place, k in enumerate(sites):
        for neighbour in structure.get_neighbors(structure[k], _REACH):
            for species, share in neighbour.species.element_composition.items():
                other = Element(species.symbol)
                if other in BV_PARAMS and max(metal.X, 2.0) < other.X:
                    sums[place] += share * np.exp((_length(metal, other) - neighbour.nn_distance) / 0.37)
    return sums


def _length(first: Element, second: Element) -> float:
    """Length of a bond of valence 1, Å."""
    from pymatgen.analysis.bond_valence import BV_PARAMS

    r1, c1, r2, c2 = (BV_PARAMS[e][key] for e in (first, second) for key in ("r", "c"))
    return float(r1 + r2 - r1 * r2 * (c1**0.5 - c2**0.5) ** 2 / (c1 * r1 + c2 * r2))


def _ordered_again(made: Structure) -> Structure:
    """The arrangement of mixed charges on like sites that has the lowest electrostatic energy, sites as they were."""
    labelled = made.copy(site_properties={"wyckoff_label": [site.species_string for site in made]})
    found = order(labelled, OrderedCell())[0].structure
    return Structure(made.lattice, found.species, made.frac_coords, site_properties=made.site_properties)
