"""Oxygen vacancies of a slab by depth: whether oxygen leaves from the surface first, at each lithium content."""

from __future__ import annotations

from dataclasses import dataclass

from ...structures.defects.depth import depths
from .ladder import OxygenLadder

__all__ = ["OUTER", "RESOLVED", "DepthProfile", "DepthVacancy", "depth_profile"]

#: Å below the outermost atoms: the surface
OUTER = 2.5
#: eV; relaxations to 0.05 eV/Å leave differences below this untold
RESOLVED = 0.05


@dataclass(frozen=True)
class DepthVacancy:
    """One oxygen vacancy: number of Li vacancies, depth below the nearer face in Å, first shell, formation energy in
    eV."""

    n_vacancies: int
    depth: float
    environment: str
    bridge: str
    energy: float
    label: str


@dataclass(frozen=True)
class DepthProfile:
    """Vacancies of one slab.

    Parameters
    ----------
    label, tier : str
    vacancies : tuple of DepthVacancy
        By lithium content and depth.
    half : float, Å
        Half the height of the slab.
    """

    label: str
    tier: str
    vacancies: tuple[DepthVacancy, ...]
    half: float

    @property
    def contents(self) -> list[int]:
        """Numbers of Li vacancies."""
        return sorted({one.n_vacancies for one in self.vacancies})

    def at(self, n_vacancies: int) -> list[DepthVacancy]:
        """Those of one lithium content, the shallowest first."""
        return [one for one in self.vacancies if one.n_vacancies == n_vacancies]

    def preference(self, n_vacancies: int) -> float | None:
        """Lowest energy below the outer 2.5 Å less the lowest within, eV: positive where oxygen leaves the surface
        first; None where one of both was not computed."""
        outer = [one.energy for one in self.at(n_vacancies) if one.depth <= OUTER]
        inner = [one.energy for one in self.at(n_vacancies) if one.depth > OUTER]
        return min(inner) - min(outer) if outer and inner else None

    def verdict(self, n_vacancies: int) -> str:
        """Where oxygen leaves first."""
        found = self.preference(n_vacancies)
        if found is None:
            return "not computed at both depths"
        if abs(found) < RESOLVED:
            return "undecided"
        return "the surface first" if found > 0 else "the inside first"


def depth_profile(label: str, ladder: OxygenLadder) -> DepthProfile:
    """Return the vacancies of a ladder on a slab by the depth of the missing atoms in the host.

    Raises
    ------
    InputError
        If the host is no slab in vacuum.
    """
    below, half = depths(ladder.host.structure)
    found = [
        DepthVacancy(rung.n_vacancies, float(below[one.origin]), one.environment, one.bridge, one.energy, one.label)
        for rung in ladder.rungs
        for one in rung.vacancies
    ]
    ordered = tuple(sorted(found, key=lambda one: (one.n_vacancies, round(one.depth, 3), one.energy)))
    return DepthProfile(label, ladder.host.tier, ordered, half)
