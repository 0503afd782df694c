"""Gibbs energies of gases from tables: the gas data of the whole package stand here once.

A gas is an ideal gas with NIST-JANAF enthalpy and entropy, in the Shomate form of the NIST Chemistry WebBook (SRD 69;
Chase, NIST-JANAF Thermochemical Tables, 4th edition, 1998)::

    mu(T, p) = DfH(298.15 K) + H(T) - H(298.15 K) - T S(T) + k T ln(p / 1 bar)

per molecule, relative to the energies of its elements in a phase set. Corrected energies are fitted to enthalpies of
formation at 298.15 K, so that an element's energy stands for its enthalpy at that temperature: the element's own heat
content and entropy are no part of the zero, and the measured enthalpy of formation puts a compound beside the
crystals of the set. For O2, whose enthalpy of formation is 0, this is the one mu(O2) of the package (K. Reuter, M.
Scheffler, Phys. Rev. B 65, 035406 (2001)): at 298.15 K and 1 bar -T S = -0.634 eV per O2 below the set's oxygen entry.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import isfinite, log

from pydantic import Field, field_validator, model_validator

from ...configs.constants import BOLTZMANN, KJ_PER_MOL
from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import CONFIGS, parse_shipped
from ...configs.models import Spec
from ...configs.steps.oxygen_loss import CorrectionName

__all__ = [
    "FITTED_AT",
    "PRESSURES",
    "Gas",
    "OxygenData",
    "gas_data",
    "gas_gibbs",
    "gas_names",
    "gas_potential",
    "oxygen_data",
]

#: K, of the formation enthalpies that the corrections of a phase set are fitted to
FITTED_AT = 298.15
#: bar; beyond some hundred bar a gas is no ideal gas
PRESSURES = (1e-100, 1e3)


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


def _joined(parts: tuple[ShomateRange, ...]) -> tuple[ShomateRange, ...]:
    if any(one.high != other.low for one, other in pairwise(parts)):
        raise ValueError("the ranges of the gas data must join")
    return parts


class Gas(Spec):
    """Thermal data of a gas."""

    formula: str
    source: str
    license: str
    pressure: float = Field(gt=0, description="bar, of the standard state")
    enthalpy: float = Field(0.0, description="kJ/mol, of formation from the elements at 298.15 K")
    error: float = Field(0.0, ge=0, description="kJ/mol, of that enthalpy")
    zero_point: float | None = Field(None, description="kJ/mol, H(0 K) - H(298.15 K)")
    shomate: tuple[ShomateRange, ...] = Field(min_length=1)

    _ranges = field_validator("shomate")(_joined)

    def range_at(self, temperature: float) -> ShomateRange:
        """The range that holds a temperature; raises InputError naming what is covered."""
        for part in self.shomate:
            if part.low <= temperature <= part.high:
                return part
        zero = "" if self.zero_point is None else ", and 0 K is allowed"
        raise InputError(
            f"{temperature:g} K: gas data of {self.formula} reach from {self.shomate[0].low:g} to "
            f"{self.shomate[-1].high:g} K{zero}"
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


class _GasLines(Spec):
    """What differs from gas to gas."""

    enthalpy: float
    error: float = Field(ge=0)
    shomate: tuple[ShomateRange, ...] = Field(min_length=1)


class _GasFile(Spec):
    """Content of ``configs/thermochemistry/gases.yaml``."""

    source: str
    license: str
    pressure: float
    gases: dict[str, _GasLines]

    @model_validator(mode="after")
    def _one_home(self) -> _GasFile:
        if "O2" in self.gases:
            raise ValueError("O2 stands in oxygen.yaml")
        return self


@cache
def oxygen_data() -> OxygenData:
    """Return gas data and corrections of oxygen with their sources."""
    return parse_shipped(CONFIGS / "thermochemistry" / "oxygen.yaml", OxygenData)


@cache
def _table() -> dict[str, Gas]:
    found = parse_shipped(CONFIGS / "thermochemistry" / "gases.yaml", _GasFile)
    shared = {"source": found.source, "license": found.license, "pressure": found.pressure}
    others = {
        formula: Gas(formula=formula, **shared, **{key: getattr(lines, key) for key in type(lines).model_fields})
        for formula, lines in found.gases.items()
    }
    return {"O2": oxygen_data().gas, **others}


def gas_names() -> tuple[str, ...]:
    """Formulas of the gases in the tables."""
    return tuple(_table())


def gas_data(formula: str) -> Gas:
    """Return the data of one gas.

    Raises
    ------
    UnknownNameError
        If the tables do not hold it, with those that they hold.
    """
    try:
        return _table()[formula]
    except KeyError:
        raise UnknownNameError(f"no data of a gas {formula!r}; {near_match_hint(formula, gas_names())}") from None


def gas_gibbs(formula: str, temperature: float) -> float:
    """Return H(T) - H(298.15 K) - T S(T) of a gas at its standard pressure, eV per molecule.

    Parameters
    ----------
    formula : str
    temperature : float
        K.

    Raises
    ------
    UnknownNameError, InputError
        If the tables do not hold the gas or the temperature.
    """
    gas = gas_data(formula)
    part = gas.range_at(temperature)
    heat = part.enthalpy(temperature) - gas.range_at(FITTED_AT).enthalpy(FITTED_AT)
    return (heat - temperature * part.entropy(temperature) / 1000) / KJ_PER_MOL


def gas_potential(formula: str, temperature: float, pressure: float = 1.0) -> float:
    """Return the chemical potential of a gas relative to the energies of its elements, eV per molecule.

    Parameters
    ----------
    formula : str
    temperature : float
        K.
    pressure : float
        Partial pressure, bar, at most 1000.

    Raises
    ------
    UnknownNameError
        If the tables do not hold the gas.
    InputError
        If the temperature or the pressure is out of range.
    """
    gas = gas_data(formula)
    if not isfinite(pressure) or not PRESSURES[0] <= pressure <= PRESSURES[1]:
        raise InputError(
            f"{formula}={pressure:g}: a partial pressure above 0 and up to {PRESSURES[1]:g} bar, where a gas is still "
            "nearly ideal, is needed"
        )
    thermal = BOLTZMANN * temperature * log(pressure / gas.pressure)
    return gas.enthalpy / KJ_PER_MOL + gas_gibbs(formula, temperature) + thermal
