"""Groups of like atoms by their covalent bonds: what they are bonded to says which oxidation state they have.

Two atoms of one element that lie within 1.15 times the sum of their covalent radii (B. Cordero et al., Dalton Trans.
(2008) 2832) are bonded: O22-, S22-, P2S64-. A more electronegative neighbour within 1.2 times the sum is a ligand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

__all__ = ["Group", "bond_groups", "site_groups"]

#: Å, covalent radii
_RADII = {
    "H": 0.31, "B": 0.84, "C": 0.76, "N": 0.71, "O": 0.66, "F": 0.57, "Si": 1.11, "P": 1.07, "S": 1.05, "Cl": 1.02,
    "Ge": 1.20, "As": 1.19, "Se": 1.20, "Br": 1.20, "Sb": 1.39, "Te": 1.38, "I": 1.39,
}  # fmt: skip
_LIKE, _LIGAND = 1.17, 1.22
#: Å; between the longest superoxide (1.35) and the shortest peroxide (1.43)
_SUPEROXIDE = 1.40
#: Å; peroxides of alkali metals reach 1.6
_PEROXIDE = 1.65
#: electrons that a ligand takes at most, from an atom of the main groups
_TAKES = {"O": 2, "S": 2, "Se": 2, "Te": 2, "N": 3, "F": 1, "Cl": 1, "Br": 1, "I": 1, "H": 1, "C": 1, "P": 1, "As": 1}
_HIGHEST = {
    "B": 3,
    "C": 4,
    "Si": 4,
    "Ge": 4,
    "N": 5,
    "P": 5,
    "As": 5,
    "S": 6,
    "Se": 6,
    "Te": 6,
    "Cl": 7,
    "Br": 7,
    "I": 7,
}
_LOWEST = {"C": -4, "Si": -4, "Ge": -4, "B": -3, "N": -3, "P": -3, "As": -3, "S": -2, "Se": -2, "Te": -2, "O": -2}


@dataclass(frozen=True)
class Group:
    """Atoms of one element with the same covalent bonds.

    Parameters
    ----------
    symbol : str
    like : int
        Bonds to the same element.
    ligands : tuple of (str, int)
        More electronegative neighbours.
    hydrogens : int
        Bonds to hydrogen.
    short : bool
        Whether a bond to the same element is that of a superoxide.
    """

    symbol: str
    like: int = 0
    ligands: tuple[tuple[str, int], ...] = ()
    hydrogens: int = 0
    short: bool = False

    def usual_states(self) -> list[float]:
        """Oxidation states of an element of the main groups, the likeliest first, e."""
        symbol, number = self.symbol, sum(n for _, n in self.ligands)
        if symbol == "F":
            return [-1.0]
        if symbol == "H":
            return [1.0, -1.0] if number else [-1.0, 1.0]
        if symbol == "O":
            if self.like:
                return [-0.5, -1.0] if self.short else [-1.0, -0.5]
            return [-2.0] if not number else [-2.0, 0.0, 2.0]
        if symbol in ("Cl", "Br", "I") and not number:
            return [-1.0] if not self.like else [-1.0 / (1 + self.like), -1.0, 0.0]
        if symbol in ("P", "As", "Sb") and number == 1 and self.ligands[0][0] in ("S", "Se", "Te"):
            return [-1.0, float(_HIGHEST.get(symbol, 5) - 2)]  # a dumb-bell such as PS3- of CoPS
        if symbol in _HIGHEST and (number or (symbol == "C" and self.hydrogens)):
            return self._beside_ligands(number)
        if symbol in _LOWEST:
            bound = min(self.like, -_LOWEST[symbol])
            lowest = float(_LOWEST[symbol] + bound)
            return list(dict.fromkeys([lowest, float(_LOWEST[symbol]), *map(float, range(int(lowest) + 1, 1))]))
        return [0.0]

    def _beside_ligands(self, number: int) -> list[float]:
        highest = _HIGHEST[self.symbol]
        taken = sum(_TAKES.get(name, 1) * n for name, n in self.ligands) - self.hydrogens * (self.symbol == "C")
        if self.symbol in ("Cl", "Br", "I") and any(name == "O" for name, _ in self.ligands):
            first = float(min(2 * number - 1, highest))
        else:
            first = float(min(taken, highest - self.like if self.symbol != "C" else highest))
        others = [first - 2, first - 1, first + 1, float(_LOWEST.get(self.symbol, -1))]
        return [first, *(state for state in others if _LOWEST.get(self.symbol, -1) <= state <= highest)]


def bond_groups(structure: Structure) -> dict[Group, float]:
    """Groups of the cell and how many atoms each has; partly occupied sites count with their occupancies."""
    amounts: dict[Group, float] = {}
    for site, groups in zip(structure, site_groups(structure), strict=True):
        for group in groups:
            share = sum(n for species, n in site.species.items() if species.symbol == group.symbol)
            amounts[group] = amounts.get(group, 0.0) + float(share)
    return amounts


def site_groups(structure: Structure) -> list[list[Group]]:
    """The group of each element on each site: (n_sites,) list of lists."""
    shares = [
        {species.symbol: float(n) for species, n in site.species.element_composition.items()} for site in structure
    ]
    longest = 2 * _LIGAND * max(_RADII.values())
    present = [k for k, share in enumerate(shares) if any(symbol in _RADII for symbol in share)]
    neighbours: dict[int, list[tuple[int, float]]] = {k: [] for k in range(len(structure))}
    if present:
        first, second, _, distances = structure.get_neighbor_list(longest, exclude_self=True)
        for i, j, d in zip(first.tolist(), second.tolist(), distances.tolist(), strict=True):
            neighbours[i].append((j, d))
    found = []
    for k, share in enumerate(shares):
        found.append([_group(symbol, shares, k, neighbours[k]) for symbol in share])
    return found


def _group(symbol: str, shares: list[dict[str, float]], k: int, around: list[tuple[int, float]]) -> Group:
    if symbol not in _RADII:
        return Group(symbol)
    like = hydrogens = 0
    short = False
    ligands: Counter[str] = Counter()
    for j, distance in around:
        for other, occupancy in shares[j].items():
            if other not in _RADII or occupancy < 0.5 - 1e-6:
                continue
            if other == symbol:
                reach = _PEROXIDE if symbol == "O" else 2 * _LIKE * _RADII[symbol]
                if distance < reach and shares[k][symbol] + occupancy > 1.05:
                    like += 1
                    short |= symbol == "O" and distance < _SUPEROXIDE
            elif distance < _LIGAND * (_RADII[symbol] + _RADII[other]):
                if _rank(other) > _rank(symbol):
                    ligands[other] += 1
                elif other == "H":
                    hydrogens += 1
    return Group(symbol, like, tuple(sorted(ligands.items())), hydrogens, short)


def _rank(symbol: str) -> float:
    """Electronegativity; chlorine stands below oxygen and nitrogen, hydrogen below carbon."""
    return float(np.round(Element(symbol).X, 2))
