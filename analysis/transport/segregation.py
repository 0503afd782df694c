"""Segregation: energy of an ion at each depth of a slab, at one composition.

An ion that was put in is compared with the same ion at the deepest site; an ion of the material that changed places is
compared with the slab in which it did not, where it lay nearest the middle. Negative energies draw it to the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...configs.errors import InputError
from ...structures.defects.depth import depths
from ...workflows.documents import CalculationDocument, require_real, require_same_signature
from ...workflows.roles import Exchanged
from ..oxygen.surface import OUTER, RESOLVED

__all__ = ["IonEnergy", "Segregation", "segregation"]


@dataclass(frozen=True)
class IonEnergy:
    """The ion at one depth, Å below the nearer face as it was cut; energy above the reference, eV."""

    depth: float
    site: int
    energy: float
    label: str


@dataclass(frozen=True)
class Segregation:
    """One ion in one slab.

    Parameters
    ----------
    label, element, tier : str
    places : tuple of IonEnergy
        The shallowest first.
    half : float, Å
        Half the height of the slab.
    exchanged : bool
        Whether the ion belongs to the material: the reference is the slab itself.
    """

    label: str
    element: str
    tier: str
    places: tuple[IonEnergy, ...]
    half: float
    exchanged: bool

    @property
    def lowest(self) -> IonEnergy | None:
        """Lowest place within the outer 2.5 Å, the shallowest of equal ones; None where no such site was computed."""
        return min((one for one in self.places if one.depth <= OUTER), key=lambda one: one.energy, default=None)

    @property
    def energy(self) -> float | None:
        """Lowest energy within the outer 2.5 Å, eV: the segregation energy; None where no such site was computed."""
        return self.lowest.energy if self.lowest is not None else None

    @property
    def verdict(self) -> str:
        """Where the ion goes."""
        if self.lowest is None:
            return "not computed at the surface"
        if abs(self.lowest.energy) < RESOLVED:
            return "undecided"
        if self.lowest.energy > 0:
            return "stays inside"
        outermost = self.places[0].energy - self.lowest.energy < RESOLVED
        return "to the surface" if outermost else "below the surface"


def segregation(label: str, slab: CalculationDocument | None, cells: Sequence[CalculationDocument]) -> Segregation:
    """Return the energies of one ion by depth.

    Parameters
    ----------
    label : str
    slab : CalculationDocument or None
        The slab without exchange, for an ion that changed places.
    cells : sequence of CalculationDocument
        With the role :class:`~catholyte.workflows.roles.Exchanged`; of one composition.

    Raises
    ------
    SignatureMismatchError
        If energies may not be subtracted.
    InputError
        If there are too few cells, one has no role, or compositions or cells differ.
    """
    placed = [(one.role, one) for one in cells if isinstance(one.role, Exchanged) and one.role.origin is not None]
    if not placed or (slab is None and len(placed) < 2):
        raise InputError(f"{label}: the ion was computed at {len(placed)} depths, and there is nothing to compare with")
    every = [one for _, one in placed] + ([slab] if slab is not None else [])
    require_real(*every)
    require_same_signature({f"{k} {one.label}": one.signature for k, one in enumerate(every)})
    formulas = sorted({one.structure.composition.element_composition.formula for one in every})
    if len(formulas) > 1:
        raise InputError(f"{label}: {' and '.join(formulas)} are different compositions; energies are not compared")
    found = []
    for role, document in placed:
        assert role.origin is not None
        below, half = depths(document.initial_structure)
        found.append((float(below[role.origin]), role.origin, document, half))
    found.sort(key=lambda one: (round(one[0], 3), one[1]))
    reference = slab.energy if slab is not None else found[-1][2].energy
    places = tuple(IonEnergy(depth, site, one.energy - reference, one.label) for depth, site, one, _ in found)
    return Segregation(label, placed[0][0].element, cells[0].tier, places, found[0][3], slab is not None)
