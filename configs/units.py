"""Quantities in YAML: a bare number in the documented unit, or a string such as ``"600 eV"``.

A unit that is not of the right dimension is an error that names the allowed ones.
Factors are CODATA 2018 (public domain): 1 Hartree = 27.211386245988 eV, 1 bohr = 0.529177210903 Å.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

__all__ = [
    "Angstrom",
    "BohrMagneton",
    "Degree",
    "ElectronVolt",
    "ElectronVoltPerAngstrom",
    "Femtosecond",
    "ForceLimit",
    "GramPerCubicCentimetre",
    "IonicSteps",
    "Kelvin",
    "PositiveAngstrom",
    "PositiveElectronVolt",
    "Volt",
    "parse_quantity",
]

_HARTREE = 27.211386245988
_BOHR = 0.529177210903

#: dimension → unit → factor to the first unit of the dimension
UNITS: dict[str, dict[str, float]] = {
    "energy": {"eV": 1.0, "meV": 1e-3, "Ry": _HARTREE / 2, "Ha": _HARTREE},
    "length": {"Å": 1.0, "A": 1.0, "angstrom": 1.0, "nm": 10.0, "bohr": _BOHR},
    "force": {"eV/Å": 1.0, "eV/A": 1.0, "meV/Å": 1e-3, "meV/A": 1e-3, "Ha/bohr": _HARTREE / _BOHR},
    "angle": {"deg": 1.0, "°": 1.0},
    "time": {"fs": 1.0, "ps": 1e3, "ns": 1e6},
    "temperature": {"K": 1.0},
    "voltage": {"V": 1.0, "mV": 1e-3},
    "magnetic moment": {"µB": 1.0, "uB": 1.0, "μB": 1.0},
    "density": {"g/cm3": 1.0, "g/cm³": 1.0, "kg/m3": 1e-3},
}

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"^\s*({_NUMBER})\s*(.*?)\s*$")


def parse_quantity(value: Any, dimension: str) -> float:
    """Return `value` in the first unit of `dimension`.

    Parameters
    ----------
    value : float or str
        A number (already in the first unit) or ``"number unit"``.
    dimension : str
        A key of :data:`UNITS`.

    Raises
    ------
    ValueError
        If there is no number or the unit is not one of the dimension.
    """
    allowed = UNITS[dimension]
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(
            f"is not a quantity of dimension {dimension}: give a number in {next(iter(allowed))} or a string such as "
            f"'1 {next(iter(allowed))}'"
        )
    if isinstance(value, (int, float)):
        return float(value)
    match = _QUANTITY.match(value)
    if match is None:
        raise ValueError(
            f"{value!r} is not a quantity of dimension {dimension}: a number and one of the units {', '.join(allowed)} "
            "are needed"
        )
    number, unit = match.groups()
    if unit and unit not in allowed:
        raise ValueError(f"unknown unit {unit!r} (dimension: {dimension}); allowed: {', '.join(allowed)}")
    return float(number) * (allowed[unit] if unit else 1.0)


def _in(dimension: str) -> BeforeValidator:
    units = "|".join(map(re.escape, UNITS[dimension]))
    text = Annotated[str, Field(pattern=rf"^\s*{_NUMBER}\s*({units})?\s*$")]
    return BeforeValidator(lambda value: parse_quantity(value, dimension), json_schema_input_type=float | text)


ElectronVolt = Annotated[float, _in("energy"), Field(allow_inf_nan=False)]
PositiveElectronVolt = Annotated[float, _in("energy"), Field(gt=0, allow_inf_nan=False)]
NonNegativeElectronVolt = Annotated[float, _in("energy"), Field(ge=0, allow_inf_nan=False)]
Angstrom = Annotated[float, _in("length"), Field(allow_inf_nan=False)]
PositiveAngstrom = Annotated[float, _in("length"), Field(gt=0, allow_inf_nan=False)]
ElectronVoltPerAngstrom = Annotated[float, _in("force"), Field(gt=0, allow_inf_nan=False)]
#: force at which the relaxations of a recipe end: above 5 eV/Å not even a rough one has begun
ForceLimit = Annotated[float, _in("force"), Field(gt=0, le=5, allow_inf_nan=False)]
#: ionic steps of a relaxation
IonicSteps = Annotated[int, Field(ge=1, le=100_000)]
Degree = Annotated[float, _in("angle"), Field(gt=0, lt=180)]
Femtosecond = Annotated[float, _in("time"), Field(gt=0, allow_inf_nan=False)]
Kelvin = Annotated[float, _in("temperature"), Field(ge=0, allow_inf_nan=False)]
Volt = Annotated[float, _in("voltage"), Field(allow_inf_nan=False)]
BohrMagneton = Annotated[float, _in("magnetic moment"), Field(allow_inf_nan=False)]
GramPerCubicCentimetre = Annotated[float, _in("density"), Field(gt=0, allow_inf_nan=False)]
