"""What opens the void in a composite cathode: the active material that breathes, or the electrolyte that decays.

Both are counted per gram of composite against charge. The active material's molar volume follows its lithium content:
the relative volumes of relaxed cells times the molar volume of the full one. The electrolyte turns into named products,
which takes a fixed number of electrons and a fixed change of volume a mole; how much charge it takes up is not known
from a capacity, so the balance gives the charge at which both open the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.constants import MAH_PER_MOL
from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, require_real
from ...workflows.roles import Arrangement, Host
from ..thermodynamics.phase_set import parse_formula
from ..thermodynamics.volume import VolumeBalance

__all__ = ["Breathing", "VoidResult", "breathing", "void_balance"]


@dataclass(frozen=True, eq=False)
class Breathing:
    """Volume of an active material against the lithium that has left it.

    Parameters
    ----------
    material : str
    formula : str
        Formula unit of the full material.
    removed : (n,) float array
        Li for each formula unit, rising from 0.
    relative : (n,) float array
        Volume, in units of the full material's.
    tier : str
    """

    material: str
    formula: str
    removed: Floats
    relative: Floats
    tier: str


def breathing(material: str, documents: Sequence[CalculationDocument]) -> Breathing:
    """Return the volumes of the lowest relaxed cells at each lithium content.

    Parameters
    ----------
    material : str
        What the documents' roles are of.
    documents : sequence of CalculationDocument
        Hosts and arrangements of Li vacancies whose cells have relaxed; others are passed over.

    Raises
    ------
    InputError
        If there is no host, or no cell with a Li vacancy.
    """
    lowest: dict[int, CalculationDocument] = {}
    for one in documents:
        if one.kind != "relax" or not isinstance(one.role, (Host, Arrangement)) or one.role.of != material:
            continue
        n = one.role.n_lithium_vacancies if isinstance(one.role, Arrangement) else 0
        if n not in lowest or one.energy < lowest[n].energy:
            lowest[n] = one
    if 0 not in lowest or len(lowest) < 2:
        raise InputError(
            f"{material}: no relaxed cells of several lithium contents; the step oxygen_loss makes them (voltage_only)"
        )
    require_real(*lowest.values())
    host = lowest[0].structure.composition.remove_charges()
    formula, units = host.get_reduced_formula_and_factor()
    counts = sorted(lowest)
    volumes = np.array([lowest[n].structure.volume for n in counts])
    return Breathing(material, formula, np.array(counts) / units, volumes / volumes[0], lowest[0].tier)


@dataclass(frozen=True, eq=False)
class VoidResult:
    """The balance, per gram of composite.

    Parameters
    ----------
    cathode : Breathing
    electrolyte : VolumeBalance
        Of one mole.
    weights : (float, float)
        Fractions of cathode and electrolyte.
    molar : (float, float), mL/mol
        Volumes of cathode and electrolyte.
    masses : (float, float), g/mol
    capacities : tuple of float
        mAh per gram of cathode.
    """

    cathode: Breathing
    electrolyte: VolumeBalance
    weights: tuple[float, float]
    molar: tuple[float, float]
    masses: tuple[float, float]
    capacities: tuple[float, ...]

    @property
    def electrons(self) -> float:
        """Taken from one mole of electrolyte."""
        return -self.electrolyte.lithium

    @property
    def farthest(self) -> float:
        """mAh per gram of cathode at the emptiest relaxed cell."""
        return float(self.cathode.removed[-1]) * MAH_PER_MOL / self.masses[0]

    def cathode_change(self, capacity: Floats | float) -> Floats:
        """Change of the cathode's volume, µL, at a charge in mAh per gram of cathode."""
        removed = np.asarray(capacity) * self.masses[0] / MAH_PER_MOL
        relative = np.interp(removed, self.cathode.removed, self.cathode.relative)
        return np.asarray(1000 * self.weights[0] / self.masses[0] * self.molar[0] * (relative - 1))

    def breath(self, capacity: float) -> float:
        """Widest change of the cathode's volume between full and this capacity, µL."""
        return 1000 * self.weights[0] / self.masses[0] * self.molar[0] * self.swing(capacity)

    def swing(self, capacity: float) -> float:
        """The same as a share of the full cathode's volume."""
        removed = capacity * self.masses[0] / MAH_PER_MOL
        inside = self.cathode.removed[(self.cathode.removed > 0) & (self.cathode.removed < removed)]
        return float(np.ptp(np.interp([0.0, *inside, removed], self.cathode.removed, self.cathode.relative)))

    def electrolyte_change(self, charge: Floats | float) -> Floats:
        """Change of the electrolyte's volume, µL, where it takes up a charge in mAh per gram of cathode."""
        return np.asarray(charge) * self.weights[0] * self.slope

    @property
    def slope(self) -> float:
        """Change of the electrolyte's volume for each mAh that it takes up, µL."""
        return 1000 * float(self.electrolyte.change or 0.0) / (self.electrons * MAH_PER_MOL)

    @property
    def whole(self) -> float:
        """Charge that decays all of the electrolyte, mAh per gram of cathode."""
        return self.weights[1] / self.masses[1] * self.electrons * MAH_PER_MOL / self.weights[0]

    def equal(self, capacity: float) -> float:
        """Charge at which the decay opens as much as the cathode's breath, mAh per gram of cathode."""
        return self.breath(capacity) / abs(self.slope) / self.weights[0]

    @property
    def lost(self) -> float | None:
        """What the poorest cell's capacity lacks of the richest's, mAh per gram of cathode; None for one cell."""
        return max(self.capacities) - min(self.capacities) if len(set(self.capacities)) > 1 else None

    @property
    def verdict(self) -> str:
        """Which opens more, in a sentence."""
        capacity = min(self.capacities)
        equal, breath = self.equal(capacity), self.breath(capacity)
        share = 100 * equal / capacity
        told = (
            f"The breath of {self.cathode.material} at {capacity:g} mAh/g is {breath:.2f} µL per gram of composite; "
            f"the electrolyte opens as much once it has taken up {equal:.1f} mAh per gram of cathode ({share:.0f} % of "
            "the capacity)."
        )
        if self.lost is None:
            return told
        decay = abs(float(self.electrolyte_change(min(self.lost, self.whole))))
        more = "the decay of the electrolyte" if decay > breath else f"the breath of {self.cathode.material}"
        return (
            f"{told} If the {self.lost:.1f} mAh/g that the poorer cell lacks had all gone into the electrolyte, it "
            f"would have opened {decay:.2f} µL: {more} opens more."
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: mAh per gram of cathode, µL per gram of composite."""
        return {
            "cathode": self.cathode.material,
            "tier": self.cathode.tier,
            "removed": self.cathode.removed.tolist(),
            "relative_volume": self.cathode.relative.tolist(),
            "electrolyte": self.electrolyte.reaction,
            "electrons": self.electrons,
            "volume_per_charge": self.slope,
            "whole_charge": self.whole,
            "cells": [
                {
                    "capacity": one,
                    "change": float(self.cathode_change(one)),
                    "breath": self.breath(one),
                    "equal_charge": self.equal(one),
                }
                for one in self.capacities
            ],
            "lost": self.lost,
            "verdict": self.verdict,
        }


def void_balance(
    cathode: Breathing,
    electrolyte: VolumeBalance,
    molar: tuple[float, float],
    weights: tuple[float, float],
    capacities: Sequence[float],
) -> VoidResult:
    """Set the breath of the cathode beside the decay of the electrolyte.

    Parameters
    ----------
    cathode : Breathing
    electrolyte : VolumeBalance
        Of one formula unit that decays by oxidation.
    molar : (float, float), mL/mol
        Volumes of the full cathode and of the electrolyte, each of its formula unit.
    weights : (float, float)
        Cathode : electrolyte.
    capacities : sequence of float
        mAh per gram of cathode.

    Raises
    ------
    InputError
        If the electrolyte gives no lithium to the anode, its volumes are unknown, or a capacity takes more lithium than
        the emptiest relaxed cell lacks.
    """
    if electrolyte.lithium >= 0:
        raise InputError(f"{electrolyte.reaction}: no lithium leaves, so that no charge passes through the electrolyte")
    if electrolyte.change is None:
        raise InputError(f"{electrolyte.reaction}: no volume is known of {', '.join(electrolyte.unknown)}")
    reactant = electrolyte.shares[0]
    masses = (float(parse_formula(cathode.formula).weight), float(parse_formula(reactant.formula).weight))
    total = sum(weights)
    result = VoidResult(
        cathode, electrolyte, (weights[0] / total, weights[1] / total), molar, masses, tuple(capacities)
    )
    if max(capacities) > result.farthest * (1 + 1e-9):
        raise InputError(
            f"{cathode.material}: {max(capacities):g} mAh/g take more lithium than the emptiest relaxed cell lacks "
            f"({result.farthest:.1f} mAh/g)",
            "add Li vacancies to voltage_only of the step oxygen_loss",
        )
    return result
