"""Layered, spinel and rock salt against the lithium content, with oxygen at its potential.

Per transition metal and at one lithium content x: layered LixMO2, spinel LixMO2, and rock salt LixMO(1+x), which has
given (1 - x)/2 O2 to the gas; of a lithium-rich oxide, whose layered crystal has more oxygen, more. Energies between
computed contents lie on lines, which separate phases are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, require_real
from ...workflows.roles import PolymorphCell
from .reference import OxygenReference

__all__ = ["RESOLVED", "PolymorphCurve", "PolymorphResult", "polymorph_result"]

#: eV for each metal; differences below are not told apart
RESOLVED = 0.02


@dataclass(frozen=True, eq=False)
class PolymorphCurve:
    """One structure: x rising, energy, eV, and oxygen of the lowest cell, each for one transition metal."""

    structure: str
    x: Floats
    energy: Floats
    oxygen: Floats


@dataclass(frozen=True, eq=False)
class PolymorphResult:
    """The structures of one oxide.

    Parameters
    ----------
    label, tier : str
    curves : mapping of str to PolymorphCurve
        ``layered`` among them.
    reference : OxygenReference
    """

    label: str
    tier: str
    curves: Mapping[str, PolymorphCurve]
    reference: OxygenReference

    def above_layered(self, structure: str, x: Floats, temperature: float, pressure: float) -> Floats:
        """Gibbs energy of a structure and its oxygen gas less that of the layered one, eV for each metal.

        Parameters
        ----------
        structure : str
        x : (n,) float array
            NaN where one of both was not computed so far.
        temperature : float, K
        pressure : float, bar
            Of O2.
        """
        other, layered = self.curves[structure], self.curves["layered"]
        potential = self.reference.on_series + self.reference.shift(temperature, pressure)
        gone = np.interp(x, layered.x, layered.oxygen) - np.interp(x, other.x, other.oxygen)
        energy = np.interp(x, other.x, other.energy) + gone * potential
        inside = (x >= max(other.x[0], layered.x[0]) - 1e-9) & (x <= min(other.x[-1], layered.x[-1]) + 1e-9)
        return np.where(inside, energy - np.interp(x, layered.x, layered.energy), np.nan)

    def wins_below(self, structure: str, temperature: float, pressure: float) -> tuple[float | None, float | None]:
        """Largest x below which a structure lies lower than the layered one: as computed, and where it does so by
        :data:`RESOLVED`; None where it never does."""
        x = self._contents
        above = self.above_layered(structure, x, temperature, pressure)
        return _last(x, above < 0), _last(x, above < -RESOLVED)

    def limit(self, structure: str, temperature: float, pressure: float) -> tuple[float, float]:
        """The content of :meth:`wins_below`, 0 where the structure wins nowhere, and how far it moves at most where the
        structures lie by :data:`RESOLVED` higher or lower."""
        x = self._contents
        above = self.above_layered(structure, x, temperature, pressure)
        surely, at, perhaps = (_last(x, above < level) or 0.0 for level in (-RESOLVED, 0.0, RESOLVED))
        return at, max(at - surely, perhaps - at)

    @property
    def _contents(self) -> Floats:
        return np.linspace(0.0, max(1.0, float(self.curves["layered"].x[-1])), 401)


def _last(x: Floats, wins: NDArray[np.bool_]) -> float | None:
    return float(x[wins].max()) if wins.any() else None


def polymorph_result(
    label: str, documents: Sequence[CalculationDocument], reference: OxygenReference
) -> PolymorphResult:
    """Return the curves of one oxide.

    Parameters
    ----------
    label : str
        What the documents' roles are of.
    documents : sequence of CalculationDocument
        Relaxed cells; others are passed over.
    reference : OxygenReference

    Raises
    ------
    InputError
        If there are not two layered cells of different lithium content.
    SignatureMismatchError
        If an energy is not on the scale of the reference.
    """
    own = [one for one in documents if isinstance(one.role, PolymorphCell) and one.role.of == label]
    require_real(*own)
    lowest: dict[str, dict[float, tuple[float, float]]] = {}
    for one in own:
        assert isinstance(one.role, PolymorphCell)
        reference.check(one)
        counts = one.structure.composition.element_composition
        metals = sum(amount for element, amount in counts.items() if element.is_transition_metal)
        x, energy = round(counts["Li"] / metals, 6), one.energy / metals
        levels = lowest.setdefault(one.role.structure, {})
        if x not in levels or energy < levels[x][0]:
            levels[x] = energy, counts["O"] / metals
    curves = {
        structure: PolymorphCurve(
            structure,
            np.array(sorted(levels)),
            np.array([levels[x][0] for x in sorted(levels)]),
            np.array([levels[x][1] for x in sorted(levels)]),
        )
        for structure, levels in lowest.items()
    }
    if "layered" not in curves or len(curves["layered"].x) < 2:
        raise InputError(f"{label}: layered cells of two lithium contents are needed, and have not been relaxed yet")
    return PolymorphResult(label, own[0].tier, curves, reference)
