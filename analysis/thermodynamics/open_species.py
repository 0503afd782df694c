"""Reservoirs: lithium at a voltage, oxygen at a temperature and pressure.

Oxygen's chemical potential follows the ideal gas with NIST-JANAF enthalpy and entropy::

    mu(O2; T, p) - E(O2) = H(T) - H(298.15 K) - T S(T) + k T ln(p / 1 bar)

E(O2) is the set's own oxygen entry. Corrected energies are fitted to formation enthalpies at 298.15 K, so E(O2) stands
for the enthalpy of the gas at that temperature, not for its Gibbs energy: at 298.15 K and 1 bar the difference is -T S
= -0.634 eV per O2. H and S come from the Shomate equation of the NIST Chemistry WebBook (SRD 69; Chase, NIST-JANAF
Thermochemical Tables, 4th edition, 1998), 100 to 6000 K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...configs.constants import FARADAY, GAS
from ...configs.errors import InputError

__all__ = ["PRESSURES", "TEMPERATURES", "VOLTAGES", "OpenSpecies", "oxygen_potential"]

#: V vs Li/Li+ in which a lithium reservoir makes sense: below 0 V the metal itself plates without end, above 10 V no
#: electrode works
VOLTAGES = (0.0, 10.0)
#: K, range of the Shomate equation
TEMPERATURES = (100.0, 6000.0)
#: bar; beyond some hundred bar oxygen is no ideal gas
PRESSURES = (1e-100, 1e3)
#: eV per O2: from below the reduction of any oxide to compressed oxygen
_OXYGEN = (-20.0, 1.0)

#: upper temperature in K to A ... H of H(T) - H(298.15 K) in kJ/mol and S(T) in J/(mol K) with t = T / 1000 K
_SHOMATE = {
    700.0: (31.32234, -20.23531, 57.86644, -36.50624, -0.007374, -8.903471, 246.7945, 0.0),
    2000.0: (30.03235, 8.772972, -3.988133, 0.788313, -0.741599, -11.32468, 236.1663, 0.0),
    6000.0: (20.91111, 10.72071, -2.020498, 0.146449, 9.245722, 5.337651, 237.6185, 0.0),
}


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
    a, b, c, d, e, f, g, h = next(values for limit, values in _SHOMATE.items() if temperature <= limit)
    t = temperature / 1000
    enthalpy = 1000 * (a * t + b * t**2 / 2 + c * t**3 / 3 + d * t**4 / 4 - e / t + f - h)
    entropy = a * math.log(t) + b * t + c * t**2 / 2 + d * t**3 / 3 - e / (2 * t**2) + g
    return (enthalpy - temperature * entropy + GAS * temperature * math.log(pressure)) / FARADAY


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
