"""Reservoirs: lithium at a voltage, oxygen at a temperature and pressure, a mixture of gases.

The chemical potential of oxygen follows the gas data of :mod:`..gibbs.gases`, the one mu(O2) of the package::

    mu(O2; T, p) - E(O2) = H(T) - H(T0) - T S(T) + k T ln(p / 1 bar)

E(O2) is the set's own oxygen entry. Corrected energies are fitted to formation enthalpies at T0 = 298.15 K, so E(O2)
stands for the enthalpy of the gas at that temperature, not for its Gibbs energy: at 298.15 K and 1 bar the difference
is -T S = -0.634 eV per O2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import isfinite, log
from typing import Any

from ...configs.constants import BOLTZMANN, KJ_PER_MOL
from ...configs.errors import InputError
from ..gibbs.gases import FITTED_AT, PRESSURES, oxygen_data
from ..gibbs.mixture import GasMixture
from ..gibbs.solids import element_gibbs

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
#: K, range of the Shomate equation of oxygen
TEMPERATURES = (100.0, 6000.0)
#: eV per O2: from below the reduction of any oxide to compressed oxygen
_OXYGEN = (-20.0, 1.0)


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
    return (gas.range_at(temperature).enthalpy(temperature) - (gas.zero_point or 0.0)) / KJ_PER_MOL


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
    gases : GasMixture, optional
        In place of `oxygen`.
    exchanged : tuple of str, optional
        Elements of the gases that a phase set holds, from :meth:`within`; all that the gases fix where left out.

    Raises
    ------
    InputError
        If none is given, oxygen is given twice, or one is out of range.
    """

    voltage: float | None = None
    oxygen: float | None = None
    gases: GasMixture | None = None
    exchanged: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.voltage is None and self.oxygen is None and self.gases is None:
            raise InputError("an open system needs a voltage (lithium), an oxygen potential, gases, or several of them")
        if self.oxygen is not None and self.gases is not None:
            raise InputError("an oxygen potential and gases exclude each other: name oxygen among the gases, O2=0.2")
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

    def within(self, elements: Collection[str], name: str) -> OpenSpecies:
        """Return the reservoirs as far as the elements of a phase set are concerned.

        Parameters
        ----------
        elements : collection of str
        name : str
            Of the phase set, for messages.

        Raises
        ------
        InputError
            If gases leave an element of the set undetermined, or fix none of them.
        """
        if self.gases is None:
            return self
        return replace(self, exchanged=tuple(self.gases.opened(elements, name)))

    @property
    def shifts(self) -> dict[str, float]:
        """Open element to its chemical potential relative to its reference, eV/atom: lithium metal as it is, of any
        other element the enthalpy at 298.15 K."""
        lithium = {} if self.voltage is None else {"Li": -self.voltage}
        if self.gases is not None:
            fixed = self.gases.potentials
            return {**lithium, **{e: fixed[e] for e in (fixed if self.exchanged is None else self.exchanged)}}
        return lithium if self.oxygen is None else {**lithium, "O": self.oxygen / 2}

    def shifts_at(self, temperature: float | None) -> dict[str, float]:
        """Return the shifts relative to the elements of a phase set at a temperature, K, whose Gibbs energies there are
        part of their energies; as :attr:`shifts` for a set that knows none.

        Raises
        ------
        InputError
            If gases have another temperature.
        """
        if temperature is None:
            return self.shifts
        if self.gases is not None and self.gases.temperature != temperature:
            raise InputError(
                f"the gases are at {self.gases.temperature:g} K, the solids of the phase set at {temperature:g} K"
            )
        return {
            element: shift - (0.0 if element == "Li" else element_gibbs(element, temperature))
            for element, shift in self.shifts.items()
        }

    def reservoir(self, element: str) -> dict[str, float]:
        """Return what an atom of an open element is exchanged as: formula to molecules."""
        if self.gases is not None and element in self.gases.definitions:
            return self.gases.definitions[element]
        return {"O2": 0.5} if element == "O" else {element: 1.0}

    def __str__(self) -> str:
        voltage = [] if self.voltage is None else [f"{self.voltage:g} V vs Li/Li+"]
        oxygen = [] if self.oxygen is None else [f"mu(O2) = {self.oxygen:g} eV"]
        gases = [] if self.gases is None else [str(self.gases)]
        return " and ".join(voltage + oxygen + gases)

    def to_json(self) -> dict[str, Any]:
        """Return voltage, oxygen and units, and of gases what they fix; `oxygen` is mu(O2) either way."""
        oxygen, gases = self.oxygen, self.gases
        if gases is not None and "O" in gases.potentials:
            oxygen = 2 * gases.potentials["O"]
        return {
            "voltage": self.voltage,
            "oxygen": oxygen,
            **({} if gases is None else {"gases": gases.to_json()}),
            "units": {"voltage": "V vs Li/Li+", "oxygen": "eV per O2, relative to the set's O2 energy"},
        }
