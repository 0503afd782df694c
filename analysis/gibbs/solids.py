"""Gibbs energies of solids at a temperature: a descriptor for compounds, tables for elements.

The Gibbs energy of a crystal of which only composition and volume are known is that of C. J. Bartel et al., Nat.
Commun. 9, 4168 (2018), equation 4, a function found by symbolic regression on measured Gibbs energies ::

    G(T) - H = (-2.48e-4 ln V - 8.94e-5 m / V) T + 0.181 ln T - 0.882      eV/atom

with the volume V in Å³/atom, the reduced mass m in u (equation 6) and T in K, 300 to 1800 K. G is relative to the
enthalpies of the elements at 298.15 K, which the energies of a phase set stand for. The descriptor knows no melting,
no magnetic transition and no disorder.

An element has the tabulated G(T) - H(298.15 K) of its stable state, which may be a liquid or a gas (FactSage, as
published with the descriptor and shipped with pymatgen; gases there at 1 atm); O2, H2, N2 and Cl2 are those of
:mod:`.gases`, at 1 bar.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from itertools import combinations
from math import log, pi, sqrt

import numpy as np
from pymatgen.core.composition import Composition

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .gases import gas_gibbs, gas_names

__all__ = [
    "MODEL_ERROR",
    "SOLID_TEMPERATURES",
    "SOURCE",
    "compound_gibbs",
    "element_gibbs",
    "reduced_mass",
    "require_solid_temperature",
]

#: K: where the descriptor holds, and from the temperature of the enthalpies on
SOLID_TEMPERATURES = (298.0, 1800.0)
#: eV/atom, one standard deviation of a compound: the authors state a mean absolute deviation of 0.05
MODEL_ERROR = 0.05 * sqrt(pi / 2)
#: of the descriptor
SOURCE = "C. J. Bartel et al., Nat. Commun. 9, 4168 (2018), doi:10.1038/s41467-018-06682-4"


def require_solid_temperature(temperature: float) -> None:
    """Raise InputError unless the descriptor holds at a temperature, K."""
    low, high = SOLID_TEMPERATURES
    if not low <= temperature <= high:
        raise InputError(
            f"the temperature is {temperature} K: Gibbs energies of solids reach from {low:g} to {high:g} K",
            "take solids with their enthalpies at 298.15 K alone (--solids enthalpy)",
        )


def reduced_mass(composition: Composition) -> float:
    """Return the mean reduced mass of all pairs of elements of a compound, u (equation 6 of the source)::

    m = 1 / (n - 1) sum over pairs (x_i + x_j) m_i m_j / (m_i + m_j)

    with the number n of elements and their atomic fractions x.
    """
    amounts = list(composition.fractional_composition.items())
    found = 0.0
    for (one, x), (other, y) in combinations(amounts, 2):
        m, n = _mass(one.symbol), _mass(other.symbol)
        found += (x + y) * m * n / (m + n)
    return found / (len(amounts) - 1)


@cache
def _mass(symbol: str) -> float:
    """Of an element, u: pymatgen looks it up in a second's hundredth part, and every phase of a set asks for it."""
    return float(Composition(symbol).weight)


def compound_gibbs(composition: Composition, volume: float, temperature: float) -> float:
    """Return G(T) - H of a crystalline compound, eV/atom.

    Parameters
    ----------
    composition : Composition
        Of at least two elements.
    volume : float
        Å³/atom.
    temperature : float
        K, 298 to 1800.

    Raises
    ------
    InputError
        If the temperature is out of range.
    """
    require_solid_temperature(temperature)
    slope = -2.48e-4 * log(volume) - 8.94e-5 * reduced_mass(composition) / volume
    return slope * temperature + 0.181 * log(temperature) - 0.882


@cache
def _gaseous() -> dict[str, str]:
    """Element to the formula of its gas in the tables."""
    found = {name: Composition(name) for name in gas_names()}
    return {c.elements[0].symbol: name for name, c in found.items() if len(c) == 1}


@cache
def _elements() -> tuple[Floats, list[dict[str, float]]]:
    """Temperatures, K, and the elements' Gibbs energies at each, eV/atom, of the file that pymatgen ships: it is read
    as it is, for the module that does so imports half of pymatgen with it."""
    document = json.loads((files("pymatgen.core") / "data" / "g_els.json").read_text(encoding="utf-8"))
    return np.array([float(step) for step in document]), list(document.values())


def element_gibbs(element: str, temperature: float) -> float:
    """Return G(T) - H(298.15 K) of an element in its stable state at 1 bar, eV/atom.

    Parameters
    ----------
    element : str
    temperature : float
        K, 298 to 1800; between the tabulated steps of 100 K a straight line.

    Raises
    ------
    InputError
        If the temperature is out of range, or the tables do not hold the element.
    """
    require_solid_temperature(temperature)
    if gas := _gaseous().get(element):
        return gas_gibbs(gas, temperature) / float(Composition(gas).num_atoms)
    steps, table = _elements()
    values = [column.get(element) for column in table]
    upper = int(np.clip(np.searchsorted(steps, temperature), 1, len(steps) - 1))
    before, after = values[upper - 1], values[upper]
    if before is None or after is None:
        raise InputError(f"no Gibbs energy of the element {element} at {temperature:g} K is tabulated")
    share = (temperature - steps[upper - 1]) / (steps[upper] - steps[upper - 1])
    return float(before + share * (after - before))
