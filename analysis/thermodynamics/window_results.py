"""What is told about the stability window of a material: its limits, the ladder of all steps; voltages V vs Li/Li+."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...configs.models import Tier
from .open_species import OpenSpecies
from .reaction_results import Product
from .uncertainty import WindowUncertainty

__all__ = ["LadderStep", "Limit", "WindowResult"]


@dataclass(frozen=True)
class Limit:
    """One end of the window.

    Parameters
    ----------
    voltage : float
        V vs Li/Li+.
    reaction : str
        Balanced, per formula unit.
    lithium : float
        Li atoms taken up per formula unit; negative where released.
    products : tuple of Product
        Phases on the far side, per formula unit; lithium itself is not among them.
    """

    voltage: float
    reaction: str
    lithium: float
    products: tuple[Product, ...]


@dataclass(frozen=True)
class LadderStep:
    """One plateau of the ladder.

    Parameters
    ----------
    voltage : float
        V vs Li/Li+.
    reaction : str
        From the material to the phases on the far side of the step (lower voltage: lithiated; higher: delithiated).
    lithium : float
        Li atoms taken up per formula unit since the material; negative where released.
    step : str
        The reaction of this plateau alone without spectators, lithiation written from left to right.
    step_lithium : float
        Li atoms per formula unit exchanged on this plateau, > 0.
    products : tuple of Product
        Phases on the far side, per formula unit.
    voltage_sigma : float
        V, one standard deviation of the voltage at the lithium content in the middle of this plateau.
    voltage_interval : (float, float)
        V, its 16th and 84th percentile.
    """

    voltage: float
    reaction: str
    lithium: float
    step: str
    step_lithium: float
    products: tuple[Product, ...]
    voltage_sigma: float
    voltage_interval: tuple[float, float]


@dataclass(frozen=True)
class WindowResult:
    """Window and ladder of one material on one phase set.

    Parameters
    ----------
    reduction, oxidation : Limit or None
        Ends of the window. No oxidation limit: no lithium to release. Reduction at 0 V means
        that nothing takes up lithium before the metal itself forms.
    ladder : tuple of LadderStep
        Rising voltage.
    energy_above_hull, energy_shift : float or None
        eV/atom; the shift (<= 0) by which the material was lowered. None without an own energy.
    published : tuple of (float or None)
        (reduction, oxidation) in V as printed elsewhere: shown beside, never used.
    open : OpenSpecies or None
        Gases that the material is open to beside lithium.
    """

    phase_set: str
    sha256: str
    material: str
    formula: str
    entry: str | None
    tier: Tier | None
    reduction: Limit
    oxidation: Limit | None
    ladder: tuple[LadderStep, ...]
    energy_above_hull: float | None
    energy_shift: float | None
    uncertainty: WindowUncertainty
    tiers: Mapping[str, Tier]
    note: str
    published: tuple[float | None, float | None] | None = None
    open: OpenSpecies | None = None

    @property
    def width(self) -> float | None:
        """V; None where nothing limits oxidation by lithium release."""
        return None if self.oxidation is None else self.oxidation.voltage - self.reduction.voltage

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of the command line's ``window --json``; voltages in V vs Li/Li+."""
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            **({} if self.open is None else {"open": self.open.to_json()}),
            "material": self.material,
            "formula": self.formula,
            "entry": self.entry,
            "tier": self.tier,
            "reduction": self.reduction.voltage,
            "oxidation": self.oxidation.voltage if self.oxidation else None,
            "reduction_reaction": self.reduction.reaction,
            "oxidation_reaction": self.oxidation.reaction if self.oxidation else None,
            "ladder": [
                {
                    "voltage": s.voltage,
                    "voltage_sigma": s.voltage_sigma,
                    "voltage_interval": list(s.voltage_interval),
                    "reaction": s.reaction,
                    "lithium": round(s.lithium, 9),
                    "step": s.step,
                    "step_lithium": round(s.step_lithium, 9),
                }
                for s in self.ladder
            ],
            "energy_above_hull": self.energy_above_hull,
            "energy_shift": self.energy_shift,
            "uncertainty": self.uncertainty.to_json(),
            "tiers": dict(self.tiers),
            "note": self.note,
            "published": list(self.published) if self.published else None,
            "units": {
                "voltage": "V vs Li/Li+",
                "lithium": "Li per formula unit, positive where taken up",
                "energy": "eV/atom",
            },
        }
