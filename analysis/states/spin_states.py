"""What a moment says of one transition metal ion: its oxidation state and its spin state, by itself.

Every ion of the ladder of :mod:`catholyte.structures.crystals.redox` stands in all its spin states, low,
intermediate and high, each with the moment that a calculation shows for it. The cost of a candidate is the distance of
the moment from that, µB, and a little more for a spin state that the ion does not have in a layered oxide. Two ions of
neighbouring charge whose costs differ by no more than :data:`RESOLUTION` are both left open: there the moment does not
decide, and the charges of the whole cell may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pymatgen.core.periodic_table import Species

from ...structures.crystals.magnetism import Coordination, moment_window, unpaired_electrons
from ...structures.crystals.redox import LADDER, LOW_SPIN

__all__ = [
    "IN_SULFIDE",
    "RESOLUTION",
    "SpinCandidate",
    "SpinState",
    "charge_of",
    "left_open",
    "spin_candidates",
]

SpinState = Literal["low", "intermediate", "high"]

#: µB, cost of a spin state that the ion does not usually have: it decides between equals, and gives way to a quarter of
#: an electron's spin. Less, and Mn4+ at 2.8 µB would be Mn2+ of intermediate spin; more, and Co3+ at 3.1 µB Co2+.
UNUSUAL = 0.25
#: µB, costs closer than this do not decide between two ions: half of what one electron more or less makes, less the
#: spread of the moments of one ion among oxides, functionals and projections (0.15 µB)
RESOLUTION = 0.3
#: highest charge of a metal among sulfur: S 3p lies above the d states of a 4+ ion, and persulfides form instead
IN_SULFIDE = 3
#: share of the spin-only moment that a projection on atoms shows, where no range is known
PROJECTED = 0.93
#: µB, what calculations show for ions, by the number of unpaired electrons. Co3+ of high and of intermediate spin in
#: the layers of LiCoO2 3.11 and 2.02, Co4+ in CoO2 1.11, Mn4+ in LiMnO3 2.96 (GPAW 26.7, PBE+U); CoO 2.6-2.75, NiO
#: 1.7-1.8, LiNiO2 0.85-1.1, Mn4+ 2.8-3.2, Mn3+ 3.7-3.9, MnO 4.5-4.6, LiFePO4 3.7, FePO4 and Fe2O3 4.1-4.3 (published
#: PBE+U)
_SHOWN: dict[tuple[str, int], tuple[float, float]] = {
    ("Co2+", 3): (2.55, 2.8),
    ("Co3+", 2): (1.9, 2.1),
    ("Co3+", 4): (3.0, 3.3),
    ("Co4+", 1): (0.9, 1.1),
    ("Fe2+", 4): (3.6, 3.75),
    ("Fe3+", 5): (4.0, 4.3),
    ("Mn2+", 5): (4.5, 4.7),
    ("Mn3+", 4): (3.65, 3.9),
    ("Mn4+", 3): (2.85, 3.2),
    ("Ni2+", 2): (1.65, 1.8),
    ("Ni3+", 1): (0.85, 1.1),
}


@dataclass(frozen=True)
class SpinCandidate:
    """What a site may be.

    Parameters
    ----------
    ion : str
        ``Co3+``.
    spin : SpinState
    unpaired : int
        Unpaired d electrons.
    usual : bool
        Whether the ion has this spin state in a layered oxide, or in a tetrahedron.
    """

    ion: str
    spin: SpinState
    unpaired: int
    usual: bool

    @property
    def charge(self) -> int:
        """Oxidation state."""
        return charge_of(self.ion)

    @property
    def name(self) -> str:
        """Ion, with the spin state where it is not that of a layered oxide: ``Co3+ (high spin)``."""
        return (
            self.ion if self.spin == ("low" if self.ion in LOW_SPIN else "high") else f"{self.ion} ({self.spin} spin)"
        )

    @property
    def shown(self) -> tuple[float, float]:
        """µB, least and most that calculations show for it."""
        return _SHOWN.get((self.ion, self.unpaired), (PROJECTED * self.unpaired,) * 2)

    def holds(self, moment: float) -> bool:
        """Whether a |moment| (µB) lies in its window: that of the spin-only moment, or around what is shown."""
        low, high = moment_window(self.unpaired)
        return min(low, self.shown[0] - UNUSUAL) <= moment <= high

    def off(self, moment: float) -> float:
        """Distance of a |moment| from what calculations show for it, µB."""
        return max(0.0, self.shown[0] - moment, moment - self.shown[1])

    def cost(self, moment: float) -> float:
        """:meth:`off`, and :data:`UNUSUAL` where the spin state is not the usual one, µB."""
        return self.off(moment) + (0.0 if self.usual else UNUSUAL)


def charge_of(ion: str) -> int:
    """Oxidation state of a named ion.

    Parameters
    ----------
    ion : str
        ``Co3+``, or with its spin state, ``Co3+ (high spin)``.
    """
    return round(float(Species.from_str(ion.split()[0]).oxi_state or 0))


@cache
def spin_candidates(element: str, coordination: Coordination, highest: int = 4) -> tuple[SpinCandidate, ...]:
    """Return what an element may be, its ions by rising charge and the usual spin state of each first.

    Parameters
    ----------
    element : str
    coordination : Coordination
        Tells the usual spin states: high in a tetrahedron. The others are those of the octahedron in either, as a metal
        of a surface with four neighbours or fewer is an octahedron's rest.
    highest : int
        Highest charge; :data:`IN_SULFIDE` among sulfur, which is oxidised before a metal reaches 4+.

    Returns
    -------
    tuple of SpinCandidate
        Empty for an element that does not stand on the ladder.
    """
    ions = {
        ion for step in LADDER for ion in step if Species.from_str(ion).symbol == element and charge_of(ion) <= highest
    }
    found: list[SpinCandidate] = []
    for ion in sorted(ions, key=charge_of):
        species = Species.from_str(ion)
        low, high = (int(unpaired_electrons(species, "octahedral", spin)) for spin in ("low", "high"))
        usual = low if ion in LOW_SPIN and coordination == "octahedral" else high
        states = [SpinCandidate(ion, _spin(n, low, high), n, n == usual) for n in range(low, high + 1, 2)]
        found += sorted(states, key=lambda candidate: not candidate.usual)
    return tuple(found)


def _spin(unpaired: int, low: int, high: int) -> SpinState:
    return "high" if unpaired == high else "low" if unpaired == low else "intermediate"


def left_open(candidates: Sequence[SpinCandidate], moment: float) -> list[SpinCandidate]:
    """Return the ions between which a |moment| (µB) does not decide: the one that shows it best first, then the best
    spin state of each neighbouring charge that is dearer by no more than :data:`RESOLUTION`.

    Parameters
    ----------
    candidates : sequence of SpinCandidate
        At least one, of :func:`spin_candidates`.
    moment : float
    """
    best, *others = sorted(candidates, key=lambda one: one.cost(moment))
    near: dict[int, SpinCandidate] = {}
    for candidate in others:
        if abs(candidate.charge - best.charge) == 1:
            near.setdefault(candidate.charge, candidate)
    return [best, *(one for one in near.values() if one.cost(moment) <= best.cost(moment) + RESOLUTION)]
