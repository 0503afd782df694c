"""Oxidation states from moments: what each transition metal ion is, and what then does not balance.

Each ion is what its own moment names (:mod:`..states.spin_states`). By itself a magnitude does not always decide: high
spin Co3+ shows as much as Co2+ does at the edge of its range, and in a metal such as LixCoO2, or around an oxygen
vacancy, ions share electrons and have moments in between. Between the ions that a moment leaves open, and only between
these, the charges of the cell decide: those are taken whose sum comes nearest to balancing lithium, anions and the
cations of one valence, at least cost. An ion that its moment excludes is never made up to balance a charge; what does
not balance is the residual charge of the cell. Where an ion is not the one that its moment alone would name, or the
moment lies outside its window, the ion is unclear. Signs are not needed: the magnitudes of CHGNet will do.

Oxygen and sulfur are closed shells but for what shows otherwise (:mod:`..states.anion_charges`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.crystals.environment import Bonds, bonds
from ...structures.crystals.magnetism import site_coordination
from ...workflows.documents import CalculationDocument, require_real
from ..states.anion_charges import AnionPair, anion_pairs, covalent_moments, formal_charge, oxygen_holes
from ..states.spin_states import IN_SULFIDE, SpinCandidate, SpinState, left_open, spin_candidates

__all__ = ["HOLE_ERROR", "CellIons", "ElementIons", "IonState", "cell_ions", "ions_by_element", "origins"]

#: share by which the sum of the holes is uncertain: moments per hole of different oxides and projections differ so much
HOLE_ERROR = 0.3


@dataclass(frozen=True)
class IonState:
    """One transition metal ion.

    Parameters
    ----------
    index, origin : int
        Site in its own cell, and in the host.
    element : str
    moment : float
        µB, as computed.
    state : SpinCandidate
        Ion and spin state.
    by_moment : str
        The ion that the moment alone would name.
    mean_bond : float
        Å, to the anions of its first shell; NaN where it has none.
    """

    index: int
    origin: int
    element: str
    moment: float
    state: SpinCandidate
    by_moment: str
    mean_bond: float

    @property
    def ion(self) -> str:
        """``Ni3+``."""
        return self.state.ion

    @property
    def spin(self) -> SpinState:
        """Low, intermediate or high."""
        return self.state.spin

    @property
    def charge(self) -> int:
        """Oxidation state."""
        return self.state.charge

    @property
    def name(self) -> str:
        """Ion, with the spin state where it is not the usual one: ``Co3+ (high spin)``."""
        return self.state.name

    @property
    def unclear(self) -> bool:
        """Whether the moment lies outside the window of the ion, or alone would name another one."""
        return not self.state.holds(abs(self.moment)) or self.by_moment != self.ion


@dataclass(frozen=True)
class CellIons:
    """Who holds which charge in a calculation.

    Parameters
    ----------
    ions : tuple of IonState
        In the order of the sites.
    pairs : tuple of AnionPair
        Bonds between anions, the shortest first.
    holes : dict of int to float
        Oxygen atoms with a hole, by number in the host, and the share of it.
    residual : float
        e, sum of all charges; 0 where the moments account for every electron.
    """

    ions: tuple[IonState, ...]
    pairs: tuple[AnionPair, ...]
    holes: dict[int, float]
    residual: float

    def given_up(self, element: str) -> float:
        """Electrons that the closed shells of oxygen or of sulfur gave up as far as it shows, by bonds and by holes.

        Parameters
        ----------
        element : str
            ``O`` or ``S``.
        """
        bound = sum(pair.electrons for pair in self.pairs if pair.element == element)
        return bound + (sum(self.holes.values()) if element == "O" else 0.0)

    @property
    def counts(self) -> dict[str, int]:
        """Ions, spin states told apart, to their number."""
        return dict(sorted(Counter(state.name for state in self.ions).items()))

    @property
    def unclear(self) -> dict[str, int]:
        """Of :attr:`counts`, how many their moment does not tell."""
        return dict(sorted(Counter(state.name for state in self.ions if state.unclear).items()))

    @property
    def text(self) -> str:
        """``8 Co3+, 4 Co4+ (4 unclear)``."""
        return ", ".join(
            f"{number} {ion}{f' ({self.unclear[ion]} unclear)' if ion in self.unclear else ''}"
            for ion, number in self.counts.items()
        )


@dataclass(frozen=True)
class ElementIons:
    """The ions of one element in a cell, and what speaks for them.

    Parameters
    ----------
    element : str
    built, found : dict of str to int
        Ions that the cell was built with, and those of :func:`cell_ions`.
    moments : tuple of float
        µB, least and largest magnitude.
    bonds : tuple of float
        Å, least and largest mean distance to the first shell.
    unclear : int
        Ions of `found` that their moment does not tell.
    deviation, deviation_built : float
        µB an ion, of the moments from those of `found`, and from those of the best assignment of usual spin states in
        which the element keeps the charge it was built with (NaN where there is none). The nearer the two, the less the
        moments decide between them.
    """

    element: str
    built: dict[str, int]
    found: dict[str, int]
    moments: tuple[float, float]
    bonds: tuple[float, float]
    unclear: int
    deviation: float
    deviation_built: float

    @property
    def agrees(self) -> bool:
        """Whether the element has the charge that it was built with."""
        return abs(_total(self.built) - _total(self.found)) < 0.5  # a mean is labelled to two digits


def cell_ions(document: CalculationDocument) -> CellIons:
    """Return the ions of a calculation, the bonds and holes of its anions, and what does not balance.

    Only elements of the redox ladder (Mn, Fe, Co, Ni) are named.

    Raises
    ------
    InputError
        If the document has no moments or oxidation states, or a rehearsal wrote it.
    """
    moments, structure, numbers = _moments(document), document.structure, origins(document)
    found = bonds(structure)
    candidates, lengths = _candidates(structure, found), _mean_bonds(structure, found)
    sites = list(candidates)
    open_to = [left_open(candidates[i], moments[i]) for i in sites]
    missing = {i: pool[0].unpaired - moments[i] for i, pool in zip(sites, open_to, strict=True)}
    holes = oxygen_holes(structure, moments, covalent_moments(found, missing, len(structure)))
    pairs = anion_pairs(structure, numbers)
    others = _charge_of_others(document, sites) + sum(pair.electrons for pair in pairs) + sum(holes.values())
    slack = 0.5 + HOLE_ERROR * sum(holes.values())
    chosen = _nearest_to_balance(open_to, [moments[i] for i in sites], -others, slack)
    assert document.magmoms is not None
    ions = tuple(
        IonState(i, numbers[i], structure[i].specie.symbol, document.magmoms[i], one, pool[0].ion, lengths[i])
        for i, one, pool in zip(sites, chosen, open_to, strict=True)
    )
    residual = others + sum(one.charge for one in chosen)
    return CellIons(ions, tuple(pairs), {numbers[i]: share for i, share in holes.items()}, residual)


def ions_by_element(document: CalculationDocument) -> list[ElementIons]:
    """Return the ions of each element of the redox ladder beside those that the cell was built with.

    Raises
    ------
    InputError
        As :func:`cell_ions` does.
    """
    states, moments = cell_ions(document).ions, _moments(document)
    candidates = _candidates(document.structure, bonds(document.structure))
    found = []
    for element in sorted({state.element for state in states}):
        mine = [state for state in states if state.element == element]
        own = [moments[state.index] for state in mine]
        built = Counter(_bare(document.initial_structure[state.index].specie) for state in mine)
        usual = [[one for one in candidates[state.index] if one.usual] for state in mine]
        kept = _cheapest(usual, own).get(round(_total(built)))
        lengths = [state.mean_bond for state in mine]
        found.append(
            ElementIons(
                element,
                dict(sorted(built.items())),
                dict(sorted(Counter(state.name for state in mine).items())),
                (min(own), max(own)),
                (min(lengths), max(lengths)),
                sum(state.unclear for state in mine),
                _deviation([state.state for state in mine], own),
                float("nan") if kept is None else _deviation(kept[1], own),
            )
        )
    return found


def origins(document: CalculationDocument) -> list[int]:
    """Return the number of each atom in the host: the site property ``origin``, else its own."""
    start = document.initial_structure
    return [int(i) for i in start.site_properties.get("origin") or range(len(start))]


def _moments(document: CalculationDocument) -> list[float]:
    """Magnitudes, µB."""
    require_real(document)
    if document.magmoms is None:
        raise InputError(
            f"{document.label}: oxidation states are told by moments, and this {document.tier} calculation has none"
        )
    return [abs(float(moment)) for moment in document.magmoms]


def _candidates(structure: Structure, found: Bonds) -> dict[int, tuple[SpinCandidate, ...]]:
    """Site of a metal of the ladder to what it may be."""
    fields = site_coordination(structure)
    sulfur = np.array([site.specie.symbol == "S" for site in structure])
    of_sulfur, all_bonds = (
        np.bincount(found.cations, weights=weights, minlength=len(structure))
        for weights in (sulfur[found.anions].astype(float), np.ones(len(found.anions)))
    )
    made = {}
    for i, site in enumerate(structure):
        highest = IN_SULFIDE if 2 * of_sulfur[i] > all_bonds[i] else 4
        if candidates := spin_candidates(site.specie.symbol, fields[i], highest):
            made[i] = candidates
    return made


def _charge_of_others(document: CalculationDocument, metals: Sequence[int]) -> float:
    """Sum of the oxidation states of all sites but the metals of the ladder; anions are closed shells."""
    total, own = 0.0, set(metals)
    for i, site in enumerate(document.structure):
        if i in own:
            continue
        stated = getattr(site.specie, "oxi_state", None)
        if stated is None:
            raise InputError(
                f"{document.label}: {site.specie} {i} has no oxidation state, and the charges of the metals "
                "follow from those of the rest"
            )
        total += formal_charge(site.specie.symbol, float(stated))
    return total


def _cheapest(
    pools: Sequence[Sequence[SpinCandidate]], moments: Sequence[float]
) -> dict[int, tuple[float, tuple[SpinCandidate, ...]]]:
    """Total charge to the assignment of least cost that has it; of equal ones the first sites change least."""
    best: dict[int, tuple[float, tuple[SpinCandidate, ...]]] = {0: (0.0, ())}
    for pool, moment in zip(pools, moments, strict=True):
        grown: dict[int, tuple[float, tuple[SpinCandidate, ...]]] = {}
        for charge, (cost, chosen) in best.items():
            for candidate in pool:
                reached, dearer = charge + candidate.charge, cost + candidate.cost(moment)
                if reached not in grown or dearer < grown[reached][0] - 1e-12:
                    grown[reached] = (dearer, (*chosen, candidate))
        best = grown
    return best


def _nearest_to_balance(
    open_to: Sequence[Sequence[SpinCandidate]], moments: Sequence[float], charge: float, slack: float
) -> tuple[SpinCandidate, ...]:
    """Of the assignments that the moments leave open, the cheapest of those whose sum comes nearest to a charge; what
    lies within `slack` (e) of it is as good as balanced."""
    found = _cheapest(open_to, moments)
    nearest = min(found, key=lambda total: (max(0.0, abs(total - charge) - slack), found[total][0]))
    return found[nearest][1]


def _bare(ion: Element | Species) -> str:
    """Element and charge; a bare element has none."""
    return str(Species(ion.symbol, getattr(ion, "oxi_state", None) or 0))


def _deviation(chosen: Sequence[SpinCandidate], moments: Sequence[float]) -> float:
    """Mean absolute deviation of moments from those of ions, µB."""
    return float(np.mean([candidate.off(moment) for candidate, moment in zip(chosen, moments, strict=True)]))


def _total(counts: Mapping[str, int]) -> float:
    """Sum of oxidation states, which may be fractions where a cell is labelled with means."""
    return sum(number * float(Species.from_str(ion.split()[0]).oxi_state or 0) for ion, number in counts.items())


def _mean_bonds(structure: Structure, found: Bonds) -> list[float]:
    lengths: dict[int, list[float]] = {}
    for cation, distance in zip(found.cations, found.distances, strict=True):
        lengths.setdefault(int(cation), []).append(float(distance))
    return [float(np.mean(lengths[i])) if i in lengths else float("nan") for i in range(len(structure))]
