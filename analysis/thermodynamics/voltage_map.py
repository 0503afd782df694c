"""A pair against the voltage: the map of its reaction energy over (x, V), and which phases form the interphase at each
voltage.

Every energy is the mutual or total part at fixed lithium potential (module :mod:`.open_system`): the no-mixing line is
subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ..gibbs.mixture import GasMixture
from .formation import MeasurementScales, measurement_scales
from .open_species import OpenSpecies
from .open_system import OpenPair
from .phase_set import PhaseSet
from .reaction_results import Product, coefficients
from .reactions import PairCurve, beside_measurement
from .uncertainty import MeasuredReaction

__all__ = ["Interphase", "VoltageMap", "voltage_map"]

#: V vs Li/Li+ of a map, where no others are asked for
_GRID = np.linspace(0.0, 5.0, 101)
#: halvings of a grid step by which a boundary between interphases is found: 1e-6 V for a step of 0.05 V
_HALVINGS = 16


@dataclass(frozen=True)
class Interphase:
    """The phases that form at the deepest mixing ratio over a range of voltages.

    Parameters
    ----------
    low, high : float
        V vs Li/Li+.
    products : tuple of Product
        Per formula unit of reactants; empty where the pair does not react.
    reaction : str or None
        Balanced, with the lithium exchanged.
    x : float or None
        Formula-unit fraction of A.
    mutual : (float, float)
        eV/atom at both ends of the range.
    beside : tuple of MeasuredReaction
        How both ends stand against measured enthalpies; empty where the set holds too few of them.
    """

    low: float
    high: float
    products: tuple[Product, ...]
    reaction: str | None
    x: float | None
    mutual: tuple[float, float]
    beside: tuple[MeasuredReaction, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; products as formula to coefficient."""
        range_ = {"low": self.low, "high": self.high, "mutual": list(self.mutual)}
        range_ |= {"against_measurement": [end.to_json() for end in self.beside]}
        return {**range_, "x": self.x, "products": coefficients(self.products), "reaction": self.reaction}


@dataclass(frozen=True, eq=False)
class VoltageMap:
    """Reaction energies of a pair over mixing ratio and voltage, eV per atom of the reactants.

    Parameters
    ----------
    phase_set, sha256 : str
    a, b : str
        Labels.
    oxygen : float or None
        mu(O2) where oxygen is open too, eV per O2 relative to the set's O2 energy.
    gases : GasMixture or None
        What else the pair is open to.
    voltages : (n_voltages,) float array
        V vs Li/Li+.
    x, x_atom : (n_x,) float arrays
        Formula-unit and atomic fraction of A.
    mutual, total : (n_voltages, n_x) float arrays
        The mutual part is 0 at both ends of x; the total part holds what each reactant does alone at that voltage.
    interphases : tuple of Interphase
        With rising voltage, without gaps.
    """

    phase_set: str
    sha256: str
    a: str
    b: str
    oxygen: float | None
    voltages: Floats
    x: Floats
    x_atom: Floats
    mutual: Floats
    total: Floats
    interphases: tuple[Interphase, ...]
    gases: GasMixture | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            "a": self.a,
            "b": self.b,
            "oxygen": self.oxygen,
            **({} if self.gases is None else {"gases": self.gases.to_json()}),
            **{name: getattr(self, name).tolist() for name in ("voltages", "x", "x_atom", "mutual", "total")},
            "interphases": [interphase.to_json() for interphase in self.interphases],
            "units": {
                "energy": "eV per atom of the reactants",
                "voltage": "V vs Li/Li+",
                "x": "formula-unit fraction of A",
                "oxygen": "eV per O2",
            },
        }


def voltage_map(
    a: str,
    b: str,
    phase_set: PhaseSet,
    *,
    voltages: Sequence[float] | Floats | None = None,
    points: int = 101,
    oxygen: float | None = None,
    gases: GasMixture | None = None,
) -> VoltageMap:
    """Return the map of a | b over mixing ratio and voltage, and the interphase at each voltage.

    The energies are exact at every point. The interphases are found from the voltages given, and the boundary between
    two of them to a 65536th of the step: one that is the deepest over less than a step may be missed.

    Parameters
    ----------
    a, b : str
        Library names or chemical formulas.
    phase_set : PhaseSet
        Must hold lithium metal.
    voltages : (n_voltages,) sequence of float, optional
        V vs Li/Li+, rising, within 0 to 10; where left out 0 to 5 V in steps of 0.05, from the first at which lithium
        and the gases alone form nothing (Li2O below some 2.9 V under oxygen).
    points : int
        Mixing ratios, evenly spaced in the formula-unit fraction, at least 2.
    oxygen : float, optional
        mu(O2) relative to the set's O2 energy, eV per O2, e.g. from :func:`.open_species.oxygen_potential`.
    gases : GasMixture, optional
        In place of `oxygen`.

    Raises
    ------
    InputError
        As :func:`.open_system.react_open`, or if the voltages do not rise.
    CalculationError
        If the hull is degenerate.
    """
    if points < 2 or (voltages is not None and (len(voltages) < 2 or not (np.diff(voltages) > 0).all())):
        raise InputError("a map needs at least two rising voltages and at least two mixing ratios")
    species = OpenSpecies(0.0, oxygen, gases).within(phase_set.elements, phase_set.name)
    pair = OpenPair.of(a, b, phase_set, set(species.shifts))
    scales = measurement_scales(phase_set)
    other = None if scales is None else OpenPair.of(a, b, scales.measured, set(pair.open_elements))
    both = [pair] if other is None else [pair, other]
    at = _possible(both, species) if voltages is None else np.asarray(voltages, dtype=float)
    curves = _at(pair, species, at)
    x = np.linspace(0.0, 1.0, points)
    units_a, units_b = x * pair.a.composition.num_atoms, (1 - x) * pair.b.composition.num_atoms
    x_atom = units_a / (units_a + units_b)
    return VoltageMap(
        phase_set=phase_set.name,
        sha256=phase_set.sha256,
        a=pair.a.label,
        b=pair.b.label,
        oxygen=species.to_json()["oxygen"],
        voltages=at,
        x=x,
        x_atom=x_atom,
        mutual=np.array([np.interp(x_atom, curve.x_atom, curve.mutual) for curve in curves]),
        total=np.array([np.interp(x_atom, curve.x_atom, curve.total) for curve in curves]),
        interphases=_beside(_interphases(pair, species, at, curves), pair, other, species, scales),
        gases=gases,
    )


def _possible(pairs: Sequence[OpenPair], species: OpenSpecies) -> Floats:
    """The grid from the first voltage on at which the reservoirs alone form no phase without end."""
    many = [replace(species, voltage=float(voltage)) for voltage in _GRID]
    found = _GRID[np.all([pair.endless(pair.grand_potentials(many)) < 0 for pair in pairs], axis=0)]
    if len(found) < 2:
        raise InputError(
            f"at {species} and up to {_GRID[-1]:g} V the reservoirs alone form a phase without end: no map"
        )
    return found


def _deepest(curve: PairCurve) -> int | None:
    """Kink of the mutual minimum; None where nothing reacts."""
    index = int(curve.mutual.argmin())
    return index if curve.mutual[index] < 0 else None


def _phases(curve: PairCurve) -> frozenset[int]:
    """Entries that form at the mutual minimum."""
    index = _deepest(curve)
    return frozenset() if index is None else frozenset(curve.vertices[index].amounts)


def _interphases(
    pair: OpenPair, species: OpenSpecies, voltages: Floats, curves: Sequence[PairCurve]
) -> tuple[Interphase, ...]:
    """Ranges of equal phases; each boundary is halved until it is known."""
    found = [_phases(curve) for curve in curves]
    changes = [i for i in range(len(found) - 1) if found[i] != found[i + 1]]
    low, high = voltages[changes].copy(), voltages[[i + 1 for i in changes]].copy()
    for _ in range(_HALVINGS if changes else 0):
        middle = (low + high) / 2
        same = np.array(
            [_phases(curve) == found[i] for i, curve in zip(changes, _at(pair, species, middle), strict=True)]
        )
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    bounds = np.array([voltages[0], *high, voltages[-1]])
    first = [curves[i] for i in (0, *(i + 1 for i in changes))]
    energies = [float(curve.mutual.min()) for curve in _at(pair, species, bounds)]
    ends = zip(pairwise(bounds.tolist()), pairwise(energies), first, strict=True)
    return tuple(_interphase(low_high, mutual, curve) for low_high, mutual, curve in ends)


def _beside(
    interphases: tuple[Interphase, ...],
    pair: OpenPair,
    other: OpenPair | None,
    species: OpenSpecies,
    scales: MeasurementScales | None,
) -> tuple[Interphase, ...]:
    """The interphases with what measured enthalpies say at both ends of each."""
    if other is None or scales is None:
        return interphases
    bounds = np.array([interphases[0].low, *(interphase.high for interphase in interphases)])
    lines = zip(_at(pair, species, bounds), _at(other, species, bounds), strict=True)
    ends = [beside_measurement(own, line, scales) for own, line in lines]
    return tuple(replace(one, beside=both) for one, both in zip(interphases, pairwise(ends), strict=True))


def _at(pair: OpenPair, species: OpenSpecies, voltages: Floats) -> list[PairCurve]:
    return pair.curves([replace(species, voltage=float(voltage)) for voltage in voltages])


def _interphase(bounds: tuple[float, float], mutual: tuple[float, float], curve: PairCurve) -> Interphase:
    kink = _deepest(curve)
    if kink is None:
        return Interphase(*bounds, (), None, None, mutual)
    return Interphase(*bounds, curve.products(kink), curve.reaction(kink), float(curve.x[kink]), mutual)
