"""Mixtures of gases whose partial pressures fix chemical potentials of elements.

Every gas of the mixture is one equation, mu(gas) = sum of n_i mu(i) over its elements i. With H2 and H2O in the gas
mu(H) follows from the first and mu(O) from both: it is their ratio that fixes oxygen, and with H2S the ratio H2S/H2
fixes sulfur; CO and CO2 fix carbon and oxygen. A gas that the others already contain must agree with them, that is, be
in equilibrium with them: H2, H2O and O2 of arbitrary pressures are not, and have no chemical potential of oxygen. A gas
whose elements are not told apart by the others (CO2 alone) fixes none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition

from ...configs.arrays import Floats
from ...configs.constants import BOLTZMANN
from ...configs.errors import InputError
from .gases import PRESSURES, gas_data, gas_potential

__all__ = ["GasMixture"]

#: eV per molecule, 6 % of a pressure at 900 K: a gas further out of equilibrium with the others contradicts them
_CONTRADICTION = 5e-3
#: coefficients of a reaction or of a gas: smaller ones are rounding
_NOTHING = 1e-9


@dataclass(frozen=True)
class GasMixture:
    """Gases at a temperature, each at a partial pressure.

    Parameters
    ----------
    temperature : float
        K.
    pressures : tuple of (str, float)
        Formula and partial pressure, bar.

    Raises
    ------
    UnknownNameError
        If a gas is not in the tables.
    InputError
        If there is no gas, one is named twice, a pressure or the temperature is out of range, or gases contradict each
        other.
    """

    temperature: float
    pressures: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.pressures]
        if not names:
            raise InputError("a mixture of gases needs at least one gas, e.g. H2=0.05")
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"the gas {name} is named twice")
            gas_data(name)
        self._require_agreement()

    @classmethod
    def parse(cls, temperature: float, texts: Iterable[str]) -> GasMixture:
        """Return the mixture of texts such as ``H2=0.05`` (bar).

        Raises
        ------
        UnknownNameError, InputError
            As the class, or if a text is not a formula, an equals sign and a number.
        """
        found = []
        for text in texts:
            name, equals, number = text.partition("=")
            try:
                pressure = float(number)
            except ValueError:
                equals = ""
            if not equals or not name.strip():
                raise InputError(f"the gas {text!r} is not a formula and a partial pressure in bar, such as H2=0.05")
            found.append((name.strip(), pressure))
        return cls(temperature, tuple(found))

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Of all gases, sorted."""
        return tuple(sorted({element.symbol for name, _ in self.pressures for element in Composition(name)}))

    @cached_property
    def _atoms(self) -> Floats:
        """(n_gases, n_elements) atoms of each element in a molecule of each gas."""
        return np.array([[Composition(name)[element] for element in self.elements] for name, _ in self.pressures])

    @cached_property
    def _gas_potentials(self) -> Floats:
        """(n_gases,) eV per molecule, relative to the energies of the elements."""
        return np.array([gas_potential(name, self.temperature, pressure) for name, pressure in self.pressures])

    @cached_property
    def _independent(self) -> list[int]:
        """Gases that no earlier ones contain."""
        kept: list[int] = []
        for gas in range(len(self.pressures)):
            if np.linalg.matrix_rank(self._atoms[[*kept, gas]]) > len(kept):
                kept.append(gas)
        return kept

    def _require_agreement(self) -> None:
        """Refuse a gas that is out of equilibrium with those before it."""
        kept = self._independent
        for gas in range(len(self.pressures)):
            if gas in kept:
                continue
            shares = np.linalg.lstsq(self._atoms[kept].T, self._atoms[gas], rcond=None)[0]
            implied = float(shares @ self._gas_potentials[kept])
            gap = float(self._gas_potentials[gas]) - implied
            if abs(gap) > _CONTRADICTION:
                name, pressure = self.pressures[gas]
                agreeing = _bar(log(pressure) - gap / (BOLTZMANN * self.temperature))
                others = [self.pressures[i][0] for i, share in zip(kept, shares, strict=True) if abs(share) > _NOTHING]
                raise InputError(
                    f"the gases contradict each other: at {self.temperature:g} K {' and '.join(others)} are in "
                    f"equilibrium with {agreeing} of {name}, not with {pressure:g} bar",
                    f"leave out {name}, or one of {' and '.join(others)}: what is left then fixes the potentials",
                )

    @cached_property
    def definitions(self) -> dict[str, dict[str, float]]:
        """Element whose chemical potential the mixture fixes, to the gases that fix it: an atom of it is so many
        molecules of each."""
        kept = self._independent
        found = {}
        for column, element in enumerate(self.elements):
            unit = np.eye(len(self.elements))[column]
            shares = np.linalg.lstsq(self._atoms[kept].T, unit, rcond=None)[0]
            if np.abs(self._atoms[kept].T @ shares - unit).max() < _NOTHING:
                found[element] = {
                    self.pressures[i][0]: float(share)
                    for i, share in zip(kept, shares, strict=True)
                    if abs(share) > _NOTHING
                }
        return found

    @cached_property
    def potentials(self) -> dict[str, float]:
        """Element whose chemical potential the mixture fixes, to its value relative to the element's energy in a phase
        set (its enthalpy at 298.15 K), eV/atom."""
        own = dict(zip((name for name, _ in self.pressures), self._gas_potentials.tolist(), strict=True))
        return {
            element: sum(share * own[name] for name, share in shares.items())
            for element, shares in self.definitions.items()
        }

    def opened(self, elements: Iterable[str], where: str) -> dict[str, float]:
        """Return the potentials of the elements that a phase set holds.

        Parameters
        ----------
        elements : iterable of str
            Of the phase set.
        where : str
            Its name, for messages.

        Raises
        ------
        InputError
            If the mixture leaves an element of the set undetermined, or opens none of them.
        """
        known = set(elements)
        loose = [element for element in self.elements if element in known and element not in self.potentials]
        gases = " and ".join(name for name, _ in self.pressures) + (" fix" if len(self.pressures) > 1 else " fixes")
        if loose:
            raise InputError(
                f"{gases} no chemical potential of {' and '.join(loose)}: their molecules hold "
                f"{' and '.join(self.elements)} in ratios of their own",
                f"add a gas that tells them apart: {_HINT}",
            )
        found = {element: value for element, value in self.potentials.items() if element in known}
        if not found:
            raise InputError(
                f"{gases} the chemical potential of {' and '.join(self.potentials)} alone, which no phase of the "
                f"set {where} holds, so that nothing is exchanged",
                f"add what it reacts to: {_HINT}",
            )
        return found

    def equilibrium_pressure(self, gas: str) -> float | None:
        """Return the partial pressure of another gas of the tables that is in equilibrium with the mixture, bar; None
        where the mixture does not fix it."""
        atoms = Composition(gas).get_el_amt_dict()
        if not set(atoms) <= set(self.potentials):
            return None
        implied = sum(amount * self.potentials[element] for element, amount in atoms.items())
        exponent = (implied - gas_potential(gas, self.temperature)) / (BOLTZMANN * self.temperature)
        return exp(exponent) if log(PRESSURES[0]) < exponent < 700 else None

    def __str__(self) -> str:
        return f"{self.temperature:g} K, " + ", ".join(f"{name} {pressure:g} bar" for name, pressure in self.pressures)

    def to_json(self) -> dict[str, Any]:
        """Return temperature, pressures, potentials, and which gases fix them."""
        return {
            "temperature": self.temperature,
            "pressures": dict(self.pressures),
            "potentials": self.potentials,
            "fixed_by": {element: _difference(shares) for element, shares in self.definitions.items()},
            "oxygen_pressure": self.equilibrium_pressure("O2"),
            "units": {
                "temperature": "K",
                "pressures": "bar",
                "potentials": "eV/atom, relative to the element's energy in the phase set (its enthalpy at 298.15 K)",
                "oxygen_pressure": "bar of O2 in equilibrium with the gases",
            },
        }


_HINT = "H2 and H2O or CO and CO2 fix oxygen, H2 and H2S sulfur, O2 and CO2 carbon"


def _bar(logarithm: float) -> str:
    """A pressure, bar, from its natural logarithm, which may be too small or too large for a number."""
    exponent = logarithm / log(10)
    return f"{exp(logarithm):.2g} bar" if abs(exponent) < 300 else f"10^{exponent:.0f} bar"


def _difference(shares: Mapping[str, float]) -> str:
    """``H2O - H2`` for an atom of oxygen."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    words = [f"{'-' if share < 0 else '+'} {_times(abs(share))}{name}" for name, share in ranked]
    return " ".join(words).removeprefix("+ ")


def _times(amount: float) -> str:
    return "" if abs(amount - 1) < _NOTHING else f"{amount:g} "
