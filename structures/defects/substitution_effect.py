"""What a substituted ion does to its neighbours: bond lengths, first shells of its oxygen atoms, Li-O-Li
configurations, oxygen near and far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ..crystals.environment import Bonds, anion_environments, bonds
from .substitution import Substitution

__all__ = ["OxygenBeside", "OxygenChange", "SubstitutionEffect", "oxygen_beside", "substitution_effect"]


@dataclass(frozen=True)
class OxygenChange:
    """One oxygen atom next to the new ion.

    Parameters
    ----------
    index : int
        In the cell before.
    environment, bridge : tuple of str
        First shell, ``Li4Mn2``, and its readable form, ``Li-O-Li``, before and after.
    displacement : float, Å
        Against the mean displacement of all atoms.
    """

    index: int
    environment: tuple[str, str]
    bridge: tuple[str, str]
    displacement: float


@dataclass(frozen=True)
class SubstitutionEffect:
    """Changes around a substituted ion; pairs are before and after.

    Parameters
    ----------
    bond : tuple of float
        Å, mean distance of the site to its anions.
    neighbours : dict of str to tuple of float
        Å, mean anion distance of the cations that share an anion with the site, by element.
    oxygen : tuple of OxygenChange
    bridges : dict of str to tuple of int
        Oxygen atoms of the whole cell by the readable form of their first shell.
    """

    bond: tuple[float, float]
    neighbours: dict[str, tuple[float, float]]
    oxygen: tuple[OxygenChange, ...]
    bridges: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class OxygenBeside:
    """One oxygen atom and where it stands towards an ion.

    Parameters
    ----------
    index : int
    environment, bridge : str
        First shell and its readable form.
    distance : float
        Å, to the nearest image of the ion.
    bonded : bool
        Whether the ion is in its first shell.
    """

    index: int
    environment: str
    bridge: str
    distance: float
    bonded: bool


def oxygen_beside(
    structure: Structure, ion: int, near: int | None = None, far: int | None = None
) -> list[OxygenBeside]:
    """Return oxygen atoms bonded to an ion, then atoms that are not, each with another first shell.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states.
    ion : int
        Site of the ion.
    near, far : int, optional
        At most so many bonded ones, those whose first shell is the most frequent, and of the others the
        farthest; where left out, all atoms, also those of equal first shell.

    Raises
    ------
    StructureError
        If the structure is disordered or has no oxygen, or none is bonded to the ion.
    """
    found = bonds(structure)
    bonded = set(found.anions[found.cations == ion].tolist())
    distances = structure.lattice.get_all_distances(structure.frac_coords[ion], structure.frac_coords)[0]
    atoms = [
        OxygenBeside(e.index, e.label, e.bridge, float(distances[e.index]), e.index in bonded)
        for e in anion_environments(structure)
    ]
    shell, others = [atom for atom in atoms if atom.bonded], [atom for atom in atoms if not atom.bonded]
    if not shell:
        raise StructureError(f"site {ion} ({structure[ion].species_string}) has no oxygen in its first shell")
    number = Counter(atom.environment for atom in shell)
    shell.sort(key=lambda atom: (-number[atom.environment], atom.environment, round(atom.distance, 3), atom.index))
    others.sort(key=lambda atom: (-round(atom.distance, 3), atom.index))
    return [*_first_of_each(shell, near), *_first_of_each(others, far)]


def _first_of_each(atoms: list[OxygenBeside], count: int | None) -> list[OxygenBeside]:
    if count is None:
        return atoms
    firsts: dict[str, OxygenBeside] = {}
    for atom in atoms:
        firsts.setdefault(atom.environment, atom)
    return list(firsts.values())[:count]


def substitution_effect(before: Structure, made: Substitution, relaxed: Structure | None = None) -> SubstitutionEffect:
    """Compare a cell with its substituted form.

    Parameters
    ----------
    before : Structure
        The cell that was substituted; relaxed too, if `relaxed` is given.
    made : Substitution
    relaxed : Structure, optional
        ``made.structure`` after a relaxation, sites in the same order.

    Raises
    ------
    StructureError
        If the sites do not belong together, or the site has no oxygen.
    """
    after = made.structure if relaxed is None else relaxed
    origin = [int(i) for i in made.structure.site_properties["origin"]]
    if len(after) != len(origin) or max(origin) >= len(before):
        raise StructureError(
            f"{len(after)} relaxed sites, {len(origin)} substituted and {len(before)} before: they do not belong "
            "together"
        )
    place = {old: new for new, old in enumerate(origin)}
    site = origin[made.index]
    first, second = bonds(before), bonds(after)
    near = sorted(set(first.anions[first.cations == site].tolist()))
    around = sorted(set(first.cations[np.isin(first.anions, near)].tolist()) & set(origin) - {site})
    lengths = [_mean_bonds(first, len(before)), _mean_bonds(second, len(after))]
    elements = sorted({before[cation].specie.symbol for cation in around})
    groups = {element: [cation for cation in around if before[cation].specie.symbol == element] for element in elements}
    return SubstitutionEffect(
        bond=(float(lengths[0][site]), float(lengths[1][made.index])),
        neighbours={
            element: (
                float(np.nanmean(lengths[0][members])),
                float(np.nanmean(lengths[1][[place[cation] for cation in members]])),
            )
            for element, members in groups.items()
        },
        oxygen=_oxygen(before, after, near, origin),
        bridges=_bridges(before, after),
    )


def _mean_bonds(found: Bonds, n_sites: int) -> NDArray[np.float64]:
    """Mean distance of each cation (n_sites,) to its anions, Å; NaN where it has none."""
    number = np.bincount(found.cations, minlength=n_sites)
    total = np.bincount(found.cations, weights=found.distances, minlength=n_sites)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _oxygen(before: Structure, after: Structure, near: list[int], origin: list[int]) -> tuple[OxygenChange, ...]:
    gaps = after.frac_coords - before.frac_coords[origin]
    moves = (gaps - np.rint(gaps)) @ before.lattice.matrix
    moves -= moves.mean(axis=0)
    told = [{one.index: one for one in anion_environments(cell)} for cell in (before, after)]
    changes = []
    for index in near:
        if index in told[0] and index in origin:
            new = origin.index(index)
            one, other = told[0][index], told[1][new]
            changes.append(
                OxygenChange(
                    index, (one.label, other.label), (one.bridge, other.bridge), float(np.linalg.norm(moves[new]))
                )
            )
    return tuple(changes)


def _bridges(before: Structure, after: Structure) -> dict[str, tuple[int, int]]:
    counts = [[one.bridge for one in anion_environments(cell)] for cell in (before, after)]
    return {name: (counts[0].count(name), counts[1].count(name)) for name in sorted({*counts[0], *counts[1]})}
