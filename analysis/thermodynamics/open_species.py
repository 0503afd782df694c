"""Reservoirs: lithium at a voltage, oxygen at a temperature and pressure.

The gas data of oxygen stand here once for the whole package (:func:`oxygen_shift`); the chemical potential follows the
ideal gas with NIST-JANAF enthalpy and entropy (K. Reuter, M. Scheffler, Phys. Rev. B 65, 035406 (2001))::

    mu(O2; T, p) - E(O2) = H(T) - H(T0) - T S(T) + k T ln(p / 1 bar)

E(O2) is the set's own oxygen entry. Corrected energies are fitted to formation enthalpies at T0 = 298.15 K, so E(O2)
stands for the enthalpy of the gas at that temperature, not for its Gibbs energy: at 298.15 K and 1 bar the difference
is -T S = -0.634 eV per O2. H and S come from the Shomate equation of the NIST Chemistry WebBook (SRD 69; Chase,
NIST-JANAF Thermochemical Tables, 4th edition, 1998), 100 to 6000 K.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import isfinite, log
from typing import Any

from pydantic import Field, model_validator

from ...configs.constants import BOLTZMANN, KJ_PER_MOL
from ...configs.errors import InputError
from ...configs.load import CONFIGS, parse_file
from ...configs.models import Spec
from ...configs.steps.oxygen_loss import CorrectionName

__all__ = [
    "FITTED_AT",
    "PRESSURES",
    "TEMPERATURES",
    "VOLTAGES",
    "OpenSpecies",
    "gas_enthalpy",
    "gas_entropy",
    "oxygen_data",
    "oxygen_potential",
    "oxygen_shift",
]

#: V vs Li/Li+ in which a lithium reservoir makes sense: below 0 V the metal itself plates without end, above 10 V no
#: electrode works
VOLTAGES = (0.0, 10.0)
#: K, range of the Shomate equation
TEMPERATURES = (100.0, 6000.0)
#: bar; beyond some hundred bar oxygen is no ideal gas
PRESSURES = (1e-100, 1e3)
#: K, of the formation enthalpies that the corrections of a phase set are fitted to
FITTED_AT = 298.15
#: eV per O2: from below the reduction of any oxide to compressed oxygen
_OXYGEN = (-20.0, 1.0)


class ShomateRange(Spec):
    """Coefficients of one range of temperature; the equations stand in the file."""

    low: float = Field(ge=0, description="K")
    high: float = Field(gt=0, description="K")
    A: float
    B: float
    C: float
    D: float
    E: float
    F: float
    G: float
    H: float

    def enthalpy(self, temperature: float) -> float:
        """H(T) - H(298.15 K), kJ/mol."""
        t = temperature / 1000
        return self.A * t + self.B * t**2 / 2 + self.C * t**3 / 3 + self.D * t**4 / 4 - self.E / t + self.F - self.H

    def entropy(self, temperature: float) -> float:
        """Standard entropy, J/(mol K)."""
        t = temperature / 1000
        return self.A * log(t) + self.B * t + self.C * t**2 / 2 + self.D * t**3 / 3 - self.E / (2 * t**2) + self.G


class Gas(Spec):
    """Thermal data of a gas."""

    formula: str
    source: str
    license: str
    pressure: float = Field(gt=0, description="bar, of the standard state")
    zero_point: float = Field(description="kJ/mol, H(0 K) - H(298.15 K)")
    shomate: tuple[ShomateRange, ...] = Field(min_length=1)

    def range_at(self, temperature: float) -> ShomateRange:
        """The range that holds a temperature; raises InputError naming what is covered."""
        for part in self.shomate:
            if part.low <= temperature <= part.high:
                return part
        raise InputError(
            f"{temperature:g} K: gas data of {self.formula} reach from {self.shomate[0].low:g} to "
            f"{self.shomate[-1].high:g} K, and 0 K is allowed"
        )


class Correction(Spec):
    """A stated correction of the O2 molecule."""

    value: float = Field(ge=0, description="eV per O atom, added to half the energy of the molecule")
    fitted_at: float = Field(ge=0, description="K, temperature of the enthalpies that it was fitted to; 0 for none")
    source: str


class OxygenData(Spec):
    """Content of ``configs/thermochemistry/oxygen.yaml``."""

    gas: Gas
    corrections: dict[CorrectionName, Correction]
    contained: dict[str, float] = Field(description="scheme to what it adds to total energies, eV per oxide ion")

    @model_validator(mode="after")
    def _ranges_join(self) -> OxygenData:
        parts = self.gas.shomate
        if any(one.high != other.low for one, other in pairwise(parts)):
            raise ValueError("the ranges of the gas data must join")
        return self


@cache
def oxygen_data() -> OxygenData:
    """Return gas data and corrections of oxygen with their sources."""
    return parse_file(CONFIGS / "thermochemistry" / "oxygen.yaml", OxygenData)[0]


def gas_enthalpy(temperature: float) -> float:
    """Return H(T) - H(0 K) of O2, eV per molecule; 0 at 0 K.

    Raises
    ------
    InputError
        If the temperature, K, is outside the tables.
    """
    gas = oxygen_data().gas
    if temperature == 0:
        return 0.0
    return (gas.range_at(temperature).enthalpy(temperature) - gas.zero_point) / KJ_PER_MOL


def gas_entropy(temperature: float, pressure: float = 1.0) -> float:
    """Return the entropy of O2 as an ideal gas, eV/K per molecule; 0 at 0 K.

    Parameters
    ----------
    temperature : float, K
    pressure : float, bar

    Raises
    ------
    InputError
        If the temperature is outside the tables or the pressure is not above 0.
    """
    gas = oxygen_data().gas
    if not pressure > 0 or not isfinite(pressure):
        raise InputError(f"a partial pressure of {pressure:g} bar: it must lie above 0")
    if temperature == 0:
        return 0.0
    return gas.range_at(temperature).entropy(temperature) / 1000 / KJ_PER_MOL - BOLTZMANN * log(pressure / gas.pressure)


def oxygen_shift(temperature: float, pressure: float = 1.0, fitted_at: float = FITTED_AT) -> float:
    """Return ½ [H(T) - H(fitted_at) - T S(T, p)] of O2, eV per O atom: the chemical potential of oxygen relative to
    half an energy of the molecule that stands for the enthalpy of the gas at `fitted_at`.

    Parameters
    ----------
    temperature : float
        K, 0 or 100 to 6000.
    pressure : float
        Partial pressure of O2, bar.
    fitted_at : float
        K; 298.15 for energies on a scale that is fitted to formation enthalpies, 0 for a computed molecule as it is.

    Raises
    ------
    InputError
        If a temperature is outside the tables or the pressure is not above 0.
    """
    heat = gas_enthalpy(temperature) - gas_enthalpy(fitted_at)
    return (heat - temperature * gas_entropy(temperature, pressure)) / 2


def oxygen_potential(temperature: float, pressure: float = 1.0) -> float:
    """Return mu(O2) relative to the set's O2 energy, eV per O2 (module docstring).

    Parameters
    ----------
    temperature : float
        K, 100 to 6000.
    pressure : float
        Partial pressure of O2, bar, at most 1000.

    Raises
    ------
    InputError
        If either is out of range.
    """
    if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:
        raise InputError(
            f"the temperature is {temperature} K: {TEMPERATURES[0]:g} to {TEMPERATURES[1]:g} K are covered by the "
            "oxygen data"
        )
    if not PRESSURES[0] <= pressure <= PRESSURES[1]:
        raise InputError(
            f"the oxygen pressure is {pressure} bar: a positive number up to {PRESSURES[1]:g} bar, where the gas is "
            "still nearly ideal, is needed"
        )
    return 2 * oxygen_shift(temperature, pressure)


@dataclass(frozen=True)
class OpenSpecies:
    """What is held at a fixed chemical potential; None for what is not.

    Parameters
    ----------
    voltage : float, optional
        V vs Li/Li+: mu(Li) = E(Li metal) - voltage, one electron per Li.
    oxygen : float, optional
        mu(O2) - E(O2), eV per O2.

    Raises
    ------
    InputError
        If neither is given, or one is out of range.
    """

    voltage: float | None = None
    oxygen: float | None = None

    def __post_init__(self) -> None:
        if self.voltage is None and self.oxygen is None:
            raise InputError("an open system needs a voltage (lithium), an oxygen potential, or both")
        if self.voltage is not None and not VOLTAGES[0] <= self.voltage <= VOLTAGES[1]:
            raise InputError(
                f"the voltage is {self.voltage} V vs Li/Li+: {VOLTAGES[0]:g} to {VOLTAGES[1]:g} V are allowed (below 0 "
                "V lithium metal plates without end)"
            )
        if self.oxygen is not None and not _OXYGEN[0] <= self.oxygen <= _OXYGEN[1]:
            raise InputError(
                f"the oxygen potential is {self.oxygen} eV per O2 relative to O2: {_OXYGEN[0]:g} to {_OXYGEN[1]:g} eV "
                "are allowed"
            )

    @classmethod
    def at(cls, voltage: float | None = None, temperature: float | None = None, pressure: float = 1.0) -> OpenSpecies:
        """Return the reservoirs at a voltage, and with oxygen gas where a temperature (K) is given; the pressure is in
        bar."""
        return cls(voltage, None if temperature is None else oxygen_potential(temperature, pressure))

    @property
    def shifts(self) -> dict[str, float]:
        """Open element to its chemical potential relative to its reference, eV/atom."""
        lithium = {} if self.voltage is None else {"Li": -self.voltage}
        return lithium if self.oxygen is None else {**lithium, "O": self.oxygen / 2}

    def __str__(self) -> str:
        voltage = [] if self.voltage is None else [f"{self.voltage:g} V vs Li/Li+"]
        oxygen = [] if self.oxygen is None else [f"mu(O2) = {self.oxygen:g} eV"]
        return " and ".join(voltage + oxygen)

    def to_json(self) -> dict[str, Any]:
        """Return voltage, oxygen and units."""
        return {
            "voltage": self.voltage,
            "oxygen": self.oxygen,
            "units": {"voltage": "V vs Li/Li+", "oxygen": "eV per O2, relative to the set's O2 energy"},
        }
