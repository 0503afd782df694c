"""The error of a potential's energy, from public crystals that it is compared with, by class of the compound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, pi, sqrt
from statistics import fmean

from pymatgen.core.composition import Composition

from ...configs.errors import InputError
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, ChemicalClass, chemical_class
from .relaxed_crystals import PublicGeometry
from .scale import DFT_ERROR

__all__ = ["DFT_ERROR", "FEWEST", "RefereeRow", "class_errors", "potential_error", "referee_rows"]

#: compounds that a class needs for an error of its own; a class with fewer has that of all compounds
FEWEST = 10


@dataclass(frozen=True)
class RefereeRow:
    """A potential against one public energy, both in eV/atom on the scale of the sets, on the public geometry."""

    formula: str
    entry_id: str
    public: float
    predicted: float

    @property
    def deviation(self) -> float:
        """Potential minus public, eV/atom."""
        return self.predicted - self.public

    @property
    def kind(self) -> ChemicalClass:
        """Class of the compound."""
        return chemical_class(Composition(self.formula))


def referee_rows(public: Mapping[str, PublicGeometry], potential: str) -> list[RefereeRow]:
    """Return a potential's energy of every public geometry beside the public one, by id of the entry."""
    return [
        RefereeRow(found.formula, entry_id, found.public, found.energies[potential])
        for entry_id, found in sorted(public.items())
        if potential in found.energies
    ]


def potential_error(rows: Sequence[RefereeRow]) -> float:
    """Return 1 σ of a potential's energy, eV/atom.

    σ = √(π/2)·MAE (normal distribution), joined in quadrature with :data:`DFT_ERROR` of the energies that it was judged
    by.

    Raises
    ------
    InputError
        If there is nothing to compare with.
    """
    if not rows:
        raise InputError("the error of a potential needs at least one public compound to compare with")
    return hypot(sqrt(pi / 2) * fmean(abs(row.deviation) for row in rows), DFT_ERROR)


def class_errors(rows: Sequence[RefereeRow]) -> dict[ChemicalClass, float]:
    """Return 1 σ of a potential's energy for each class, eV/atom; a class of fewer than :data:`FEWEST` compounds has
    that of all."""
    of_class = {kind: [row for row in rows if row.kind == kind] for kind in CHEMICAL_CLASSES}
    return {
        kind: round(potential_error(found if len(found) >= FEWEST else rows), 6) for kind, found in of_class.items()
    }
