"""Oxidation states from moments: what each transition metal ion is, such that the charges of the cell balance.

The ions are those of the ladder of :mod:`catholyte.structures.crystals.redox`, in the ligand field of the site and the
spin state that layered oxides show; other spin states are asked only where a moment lies in the window of no usual ion.
By itself the magnitude of a moment does not always tell: Co2+ and Co4+ of low spin both have one unpaired electron, and
in a metal such as LixCoO2, or around an oxygen vacancy, ions share electrons and have moments in between. So the ions
are assigned together: of all assignments whose charges balance with lithium, oxygen and the cations of one valence, the
one whose spin-only moments lie nearest to the computed ones (sum of absolute deviations). What each moment alone would
say stands beside it, and where the two differ, or a moment lies outside the window of its ion, the ion is unclear.
Signs are not needed: the magnitudes of CHGNet will do.

Oxygen is O2- but for what shows otherwise: atoms with a moment above the window of a closed shell, and O-O bonds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.crystals.environment import bonds
from ...structures.crystals.magnetism import Coordination, Spin, moment_window, site_coordination, unpaired_electrons
from ...structures.crystals.redox import LADDER, LOW_SPIN
from ...workflows.documents import CalculationDocument, require_real

__all__ = [
    "ElementIons",
    "IonState",
    "OxygenPair",
    "ion_states",
    "ions_by_element",
    "origins",
    "oxygen_electrons",
    "oxygen_holes",
    "oxygen_pairs",
]

#: share of the spin-only moment that a projection on atoms shows: NiO 1.7 of 2, CoO 2.6-2.7 of 3, Mn4+ 2.8-3.2 of 3 µB
#: (PBE+U)
PROJECTED = 0.93
#: Å, longest O-O bond, and the electrons that two O2- have given up for it. O2 has 1.21, superoxide 1.33, peroxide
#: 1.45-1.50 Å; edges of MO6 octahedra have 2.5 Å and more
_PAIRS = (("molecule", 1.28, 4), ("superoxide", 1.40, 3), ("peroxide", 1.70, 2))


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
    ion, spin : str
        ``Ni3+``, and ``high`` or ``low``: of the assignment whose charges balance.
    by_moment : str
        The ion that the moment alone would name.
    in_window : bool
        Whether the moment lies in the window of `ion`; False where it lies between ions, as with shared electrons.
    mean_bond : float
        Å, to the anions of its first shell; NaN where it has none.
    """

    index: int
    origin: int
    element: str
    moment: float
    ion: str
    spin: Spin
    by_moment: str
    in_window: bool
    mean_bond: float

    @property
    def charge(self) -> int:
        """Oxidation state."""
        return _charge(self.ion)

    @property
    def name(self) -> str:
        """Ion, with the spin state where it is not the usual one: ``Co3+ (high spin)``."""
        return self.ion if self.spin == _usual_spin(self.ion) else f"{self.ion} ({self.spin} spin)"

    @property
    def unclear(self) -> bool:
        """Whether the moment lies outside the window of the ion, or alone would name another one."""
        return not self.in_window or self.by_moment != self.ion


@dataclass(frozen=True)
class ElementIons:
    """The ions of one element in a cell, and what speaks for them.

    Parameters
    ----------
    element : str
    built, found : dict of str to int
        Ions that the cell was built with, and those of :func:`ion_states`.
    moments : tuple of float
        µB, least and largest magnitude.
    bonds : tuple of float
        Å, least and largest mean distance to the first shell.
    unclear : int
        Ions of `found` that their moment does not tell.
    deviation, deviation_built : float
        µB an ion, of the moments from those of `found`, and from those of the best assignment in which the element
        keeps the charge it was built with (NaN where there is none). The nearer the two, the less the moments decide
        between them.
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
        return _total(self.built) == _total(self.found)


@dataclass(frozen=True)
class OxygenPair:
    """Two oxygen atoms (numbers in the host) at a bonding distance (Å).

    ``peroxide``, ``superoxide`` or ``molecule``, with the electrons that two O2- have given up for it.
    """

    origins: tuple[int, int]
    distance: float
    kind: str
    electrons: int


@dataclass(frozen=True)
class _Candidate:
    """What a site may be: ion, spin state, spin-only moment (µB)."""

    ion: str
    spin: Spin
    count: float

    def holds(self, moment: float) -> bool:
        low, high = moment_window(self.count)
        return low <= moment <= high

    def cost(self, moment: float) -> float:
        return abs(moment - PROJECTED * self.count)


def ion_states(document: CalculationDocument) -> list[IonState]:
    """Return the ions of a calculation, in the order of its sites.

    Only elements of the redox ladder (Mn, Fe, Co, Ni) are named. Where their charges cannot balance, because oxygen
    pays without showing it, each ion is what its moment names.

    Raises
    ------
    InputError
        If the document has no moments or oxidation states, or a rehearsal wrote it.
    """
    moments = _moments(document, "oxidation states")
    structure = document.structure
    fields, lengths, numbers = site_coordination(structure), _mean_bonds(structure), origins(document)
    sites = [i for i, site in enumerate(structure) if _charges(site.specie.symbol)]
    pools = [_pool(structure[i].specie.symbol, fields[i], moments[i]) for i in sites]
    alone = [_nearest(pool, moments[i]) for i, pool in zip(sites, pools, strict=True)]
    chosen = _balanced(pools, [moments[i] for i in sites], _charge_of_metals(document, sites)) or alone
    assert document.magmoms is not None
    return [
        IonState(
            i,
            numbers[i],
            structure[i].specie.symbol,
            document.magmoms[i],
            c.ion,
            c.spin,
            a.ion,
            c.holds(moments[i]),
            lengths[i],
        )
        for i, c, a in zip(sites, chosen, alone, strict=True)
    ]


def ions_by_element(document: CalculationDocument) -> list[ElementIons]:
    """Return the ions of each element of the redox ladder beside those that the cell was built with.

    Raises
    ------
    InputError
        As :func:`ion_states` does.
    """
    states, moments, fields = (
        ion_states(document),
        _moments(document, "oxidation states"),
        site_coordination(document.structure),
    )
    found = []
    for element in sorted({state.element for state in states}):
        mine = [state for state in states if state.element == element]
        own = [moments[state.index] for state in mine]
        pools = [_pool(element, fields[state.index], moment) for state, moment in zip(mine, own, strict=True)]
        chosen = [
            next(c for c in pool if (c.ion, c.spin) == (state.ion, state.spin))
            for pool, state in zip(pools, mine, strict=True)
        ]
        built = Counter(_bare(document.initial_structure[state.index].specie) for state in mine)
        kept = _balanced(pools, own, _total(built))
        lengths = [state.mean_bond for state in mine]
        found.append(
            ElementIons(
                element,
                dict(sorted(built.items())),
                dict(sorted(Counter(state.name for state in mine).items())),
                (min(own), max(own)),
                (min(lengths), max(lengths)),
                sum(state.unclear for state in mine),
                _deviation(chosen, own),
                float("nan") if kept is None else _deviation(kept, own),
            )
        )
    return found


def origins(document: CalculationDocument) -> list[int]:
    """Return the number of each atom in the host: the site property ``origin``, else its own."""
    start = document.initial_structure
    return [int(i) for i in start.site_properties.get("origin") or range(len(start))]


def oxygen_holes(document: CalculationDocument) -> list[int]:
    """Return the sites of oxygen atoms with a moment above the window of O2-: they gave up an electron, or share a
    hole.

    Raises
    ------
    InputError
        If the document has no moments.
    """
    moments, limit = _moments(document, "holes on oxygen"), moment_window(0)[1]
    return [i for i, site in enumerate(document.structure) if site.specie.symbol == "O" and moments[i] > limit]


def oxygen_pairs(document: CalculationDocument) -> list[OxygenPair]:
    """Return the O-O bonds of a calculation, the shortest first."""
    structure, numbers = document.structure, origins(document)
    sites = [i for i, site in enumerate(structure) if site.specie.symbol == "O"]
    table = structure.distance_matrix[np.ix_(sites, sites)]
    found = []
    for a, b in zip(*np.nonzero(np.triu(table < _PAIRS[-1][1], 1)), strict=True):
        distance = float(table[a, b])
        kind, electrons = next((name, given) for name, longest, given in _PAIRS if distance < longest)
        found.append(OxygenPair((numbers[sites[a]], numbers[sites[b]]), distance, kind, electrons))
    return sorted(found, key=lambda pair: pair.distance)


def oxygen_electrons(document: CalculationDocument) -> int:
    """Return the electrons that O2- gave up as far as it shows: by O-O bonds, and one for each further atom with a
    moment.

    Raises
    ------
    InputError
        If the document has no moments.
    """
    pairs, numbers = oxygen_pairs(document), origins(document)
    bound = {number for pair in pairs for number in pair.origins}
    return sum(pair.electrons for pair in pairs) + sum(numbers[i] not in bound for i in oxygen_holes(document))


def _moments(document: CalculationDocument, what: str) -> list[float]:
    """Magnitudes, µB."""
    require_real(document)
    if document.magmoms is None:
        raise InputError(f"{document.label}: {what} are told by moments, and this {document.tier} calculation has none")
    return [abs(float(moment)) for moment in document.magmoms]


def _charge_of_metals(document: CalculationDocument, metals: Sequence[int]) -> int:
    """Sum of the oxidation states that the metals of the ladder must have."""
    others = 0.0
    for i, site in enumerate(document.structure):
        if i not in metals:
            charge = getattr(site.specie, "oxi_state", None)
            if charge is None:
                raise InputError(
                    f"{document.label}: {site.specie} {i} has no oxidation state, and the charges of the metals "
                    "follow from those of the rest"
                )
            others += charge
    return round(-others) - oxygen_electrons(document) if metals else 0


def _balanced(pools: Sequence[Sequence[_Candidate]], moments: Sequence[float], total: int) -> list[_Candidate] | None:
    """The assignment of a total charge with the least sum of deviations; None where there is none. Of equal ones the
    first sites change least."""
    best: dict[int, tuple[float, tuple[_Candidate, ...]]] = {0: (0.0, ())}
    for pool, moment in zip(pools, moments, strict=True):
        grown: dict[int, tuple[float, tuple[_Candidate, ...]]] = {}
        for charge, (cost, chosen) in best.items():
            for candidate in pool:
                reached, dearer = charge + _charge(candidate.ion), cost + candidate.cost(moment)
                if reached not in grown or dearer < grown[reached][0] - 1e-12:
                    grown[reached] = (dearer, (*chosen, candidate))
        best = grown
    return list(best[total][1]) if total in best else None


def _bare(ion: Element | Species) -> str:
    """Element and charge; a bare element has none."""
    return str(Species(ion.symbol, getattr(ion, "oxi_state", None) or 0))


def _deviation(chosen: Sequence[_Candidate], moments: Sequence[float]) -> float:
    """Mean absolute deviation of moments from those of ions, µB."""
    return float(np.mean([candidate.cost(moment) for candidate, moment in zip(chosen, moments, strict=True)]))


def _total(counts: Mapping[str, int]) -> int:
    """Sum of oxidation states."""
    return sum(number * _charge(ion.split()[0]) for ion, number in counts.items())


def _charge(ion: str) -> int:
    return round(float(Species.from_str(ion).oxi_state or 0))


@cache
def _charges(element: str) -> tuple[int, ...]:
    """Oxidation states of an element on the ladder."""
    ions = {name for step in LADDER for name in step if Species.from_str(name).symbol == element}
    return tuple(sorted(_charge(ion) for ion in ions))


def _usual_spin(ion: str) -> Spin:
    return "low" if ion in LOW_SPIN else "high"


@cache
def _candidates(element: str, coordination: Coordination) -> tuple[_Candidate, ...]:
    """What an element may be: the usual spin state of every ion first, and the other one where its moment differs."""
    usual, other = [], []
    for charge in _charges(element):
        species = Species(element, charge)
        first = _usual_spin(str(species))
        second: Spin = "high" if first == "low" else "low"
        counts = [unpaired_electrons(species, coordination, spin) for spin in (first, second)]
        usual.append(_Candidate(str(species), first, counts[0]))
        if counts[1] != counts[0]:
            other.append(_Candidate(str(species), second, counts[1]))
    return (*usual, *other)


def _pool(element: str, coordination: Coordination, moment: float) -> list[_Candidate]:
    """What one site may be: usual spin states, and others only where the moment lies in the windows of these alone."""
    candidates = _candidates(element, coordination)
    usual = [c for c in candidates if c.spin == _usual_spin(c.ion)]
    unusual = [c for c in candidates if c not in usual and c.holds(moment)]
    return usual if any(c.holds(moment) for c in usual) else [*usual, *unusual]


def _nearest(pool: list[_Candidate], moment: float) -> _Candidate:
    """The ion of one site alone that shows a moment best."""
    return min(pool, key=lambda candidate: (not candidate.holds(moment), candidate.cost(moment)))


def _mean_bonds(structure: Structure) -> list[float]:
    found = bonds(structure)
    lengths: dict[int, list[float]] = {}
    for cation, distance in zip(found.cations, found.distances, strict=True):
        lengths.setdefault(int(cation), []).append(float(distance))
    return [float(np.mean(lengths[i])) if i in lengths else float("nan") for i in range(len(structure))]
