"""Vacancies by depth through a stack: which lithium or oxygen leaves first, in which material and how far from a joint.

E = E(stack without the atom) - E(stack) + μ, with lithium metal, or O2 as in :mod:`..oxygen.reference`. A lithium
vacancy of E eV forms of itself above E volts against lithium metal. On the frozen lattice of the whole stack the same
difference is the site energy with its sign turned: what the site itself holds its ion with, before the others follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ...configs.errors import InputError
from ...structures.defects.depth import Part, StackDepths, stack_depths
from ...workflows.documents import CalculationDocument
from ..oxygen.defect_energy import defect_energy, missing_atoms
from ..oxygen.surface import OUTER, RESOLVED

__all__ = ["StackProfile", "StackVacancy", "stack_profile"]


@dataclass(frozen=True)
class StackVacancy:
    """One vacancy.

    Parameters
    ----------
    element, part : str
        What left, and the material that it left.
    height : float, Å
        Along the stack.
    depth : float, Å
        Below the nearer joined face of the material.
    share : float
        Atoms of this element and material that it stands for: those nearest in depth.
    energy : float, eV
        Relaxed.
    frozen : float or None, eV
        On the lattice of the whole stack; None where the steps of the relaxation were not read.
    label : str
    """

    element: str
    part: str
    height: float
    depth: float
    share: float
    energy: float
    frozen: float | None
    label: str


@dataclass(frozen=True)
class StackProfile:
    """Vacancies of one stack.

    Parameters
    ----------
    label, tier : str
    stack : StackDepths
    vacancies : tuple of StackVacancy
        By element, from the bottom up.
    paying : frozenset of str
        Materials with ions that can pay for a missing lithium ion themselves.
    """

    label: str
    tier: str
    stack: StackDepths
    vacancies: tuple[StackVacancy, ...]
    paying: frozenset[str] = frozenset()

    @property
    def elements(self) -> list[str]:
        """What left."""
        return sorted({one.element for one in self.vacancies})

    @property
    def parts(self) -> tuple[Part, ...]:
        """Materials from the bottom up."""
        return self.stack.parts

    def of(self, element: str, part: str | None = None) -> list[StackVacancy]:
        """Vacancies of one element, of one material where it is named, from the bottom up."""
        return [one for one in self.vacancies if one.element == element and part in (None, one.part)]

    def lowest(self, element: str, part: str | None = None) -> StackVacancy | None:
        """The one that forms first."""
        return min(self.of(element, part), key=lambda one: one.energy, default=None)

    def preference(self, element: str, part: str) -> float | None:
        """Lowest energy deeper than 2.5 Å below the joined faces less the lowest within, eV: positive where the atom
        leaves at a joint first; None where one of both was not computed."""
        outer = [one.energy for one in self.of(element, part) if one.depth <= OUTER]
        inner = [one.energy for one in self.of(element, part) if one.depth > OUTER]
        return min(inner) - min(outer) if outer and inner else None

    def verdict(self, element: str, part: str) -> str:
        """Where the atom leaves first."""
        found = self.preference(element, part)
        if found is None:
            return "not computed at both depths"
        if abs(found) < RESOLVED:
            return "undecided"
        return "the joint first" if found > 0 else "the inside first"

    def difference(self, element: str, first: str, second: str) -> float:
        """Lowest vacancy of the second material less that of the first, eV: positive where the atom leaves the first
        one first.

        Raises
        ------
        InputError
            If a material holds no vacancy of this element.
        """
        found = {name: self.lowest(element, name) for name in (first, second)}
        for name, one in found.items():
            if one is None:
                known = ", ".join(part.name for part in self.parts if self.of(element, part.name)) or "none"
                raise InputError(
                    f"{self.label}: no vacancy of {element} was computed in {name!r}; there are those of {known}"
                )
        a, b = (one.energy for one in found.values() if one is not None)
        return b - a


def stack_profile(
    host: CalculationDocument,
    documents: Iterable[CalculationDocument],
    potentials: Mapping[str, float],
    label: str,
    paying: Iterable[str] = (),
) -> StackProfile:
    """Return the vacancies of a stack.

    Parameters
    ----------
    host : CalculationDocument
        The whole stack, relaxed, with the site property ``layer``.
    documents : iterable of CalculationDocument
        Cells that one atom has left.
    potentials : mapping of str to float
        Element to chemical potential, eV per atom on the scale of the documents' energies.
    label : str
    paying : iterable of str
        Materials with ions that can pay for a missing lithium ion.

    Raises
    ------
    SignatureMismatchError
        If energies may not be subtracted.
    InputError
        If the stack has no layer tags, or a cell lacks another number of atoms than one.
    """
    told = stack_depths(host.structure)
    symbols = [site.specie.symbol for site in host.structure]
    left: list[tuple[int, CalculationDocument]] = []
    for document in documents:
        lithium, oxygen = missing_atoms(document, host)
        if len(lithium) + len(oxygen) != 1:
            raise InputError(
                f"{document.label} lacks {len(lithium) + len(oxygen)} atoms of {host.label}; one is needed"
            )
        left.append(((*lithium, *oxygen)[0], document))
    shares = _shares([site for site, _ in left], symbols, told)
    found = []
    for (site, document), share in zip(left, shares, strict=True):
        energy = defect_energy(document, host, potentials)
        frozen = None
        if document.trajectory is not None and document.trajectory.energies:
            frozen = energy + document.trajectory.energies[0] - document.energy
        place = float(told.heights[site]), float(told.depths[site])
        found.append(StackVacancy(symbols[site], told.tags[site], *place, share, energy, frozen, document.label))
    ordered = tuple(sorted(found, key=lambda one: (one.element, one.height)))
    return StackProfile(label, host.tier, told, ordered, frozenset(paying))


def _shares(taken: list[int], symbols: list[str], told: StackDepths) -> list[float]:
    """How many atoms each vacancy stands for: an atom counts for the computed ones nearest in depth."""
    shares = np.zeros(len(taken))
    for atom, symbol in enumerate(symbols):
        same = [k for k, site in enumerate(taken) if symbols[site] == symbol and told.tags[site] == told.tags[atom]]
        if same:
            away = np.abs(told.depths[[taken[k] for k in same]] - told.depths[atom])
            near = [k for k, one in zip(same, away, strict=True) if one <= away.min() + 1e-3]
            shares[near] += 1 / len(near)
    return [float(share) for share in shares]
