"""Cathodes at their states of charge, as the phase set is asked for them, and their voltages beside measured ones.

The voltage between two states of charge is V = [E(delithiated) + n E(Li) - E(lithiated)] / n, entropy left out (M. K.
Aydinol et al., Phys. Rev. B 56, 1354 (1997)): where it is wrong, so is every statement on a cathode at a voltage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from pydantic import Field
from pymatgen.core.composition import Composition

from ...configs.errors import InputError
from ...configs.load import CONFIGS, parse_shipped
from ...configs.models import CHARGED, Spec
from ...configs.units import Volt
from .formation import MeasuredSource, measurement_scales
from .open_species import OpenSpecies
from .open_system import OpenPair
from .phase_set import PhaseSet, parse_formula
from .window import stability_window

__all__ = [
    "CathodeState",
    "Electrode",
    "ElectrodeRow",
    "OpenEnergies",
    "cathode_states",
    "electrode_rows",
    "measured_electrodes",
]


class Electrode(Spec):
    """A measured voltage of one electrode."""

    lithiated: str
    delithiated: str = Field(description="same host, less lithium")
    voltage: Volt | None = Field(None, description="V vs Li/Li+, mean over the range; None where none is at hand")
    source: str | None = None
    note: str = ""


class MeasuredElectrodes(Spec):
    """Content of ``configs/experiments/cathode-voltages.yaml``."""

    sources: dict[str, MeasuredSource]
    electrodes: tuple[Electrode, ...]


@cache
def measured_electrodes() -> MeasuredElectrodes:
    """Return the shipped voltages with their sources."""
    return parse_shipped(CONFIGS / "experiments" / "cathode-voltages.yaml", MeasuredElectrodes)


@dataclass(frozen=True)
class ElectrodeRow:
    """A voltage of the phase set beside the measured one, V vs Li/Li+.

    Parameters
    ----------
    lithiated, delithiated : str
    computed, sigma : float
        The set's, and its standard deviation against other DFT.
    error : float or None
        Standard deviation against measured enthalpies.
    measured : float or None
    source, note : str
    """

    lithiated: str
    delithiated: str
    computed: float
    sigma: float
    error: float | None
    measured: float | None
    source: str
    note: str

    @property
    def deviation(self) -> float | None:
        """Computed minus measured."""
        return None if self.measured is None else self.computed - self.measured

    @property
    def sentence(self) -> str:
        """Both in words."""
        beside = "no measured value at hand" if self.measured is None else f"measured {self.measured:.2f} V"
        note = f"; {self.note}" if self.note else ""
        return f"{self.lithiated} -> {self.delithiated}: {self.computed:.2f} V in the set, {beside}{note}"


def electrode_rows(phase_set: PhaseSet, material: str | None = None) -> list[ElectrodeRow]:
    """Return the electrodes of which the set holds both sides.

    Parameters
    ----------
    phase_set : PhaseSet
    material : str, optional
        Only electrodes of which this material or formula is one side.
    """
    asked = None if material is None else phase_set.resolve(material).composition.fractional_composition
    table, rows = measured_electrodes(), []
    for electrode in table.electrodes:
        sides = electrode.lithiated, electrode.delithiated
        full, empty = (parse_formula(formula) for formula in sides)
        if not {element.symbol for element in (*full, *empty)} | {"Li"} <= set(phase_set.elements):
            continue
        if asked is not None and not any(
            asked.almost_equals(side.fractional_composition, atol=1e-4) for side in (full, empty)
        ):
            continue
        known = [entry for formula in (*sides, "Li") if (entry := phase_set.entry_for(formula)) is not None]
        if len(known) != 3:
            continue
        lithium = float(full["Li"] - empty["Li"])
        atoms = (-full.num_atoms / lithium, empty.num_atoms / lithium, 1.0)  # V = -(E full - E empty - n E Li) / n
        changes = dict(zip(known, atoms, strict=True))
        scales = measurement_scales(phase_set)
        rows.append(
            ElectrodeRow(
                electrode.lithiated,
                electrode.delithiated,
                sum(n * entry.energy_per_atom for entry, n in changes.items()),
                sum((n * entry.error) ** 2 for entry, n in changes.items()) ** 0.5,
                None if scales is None else scales.sigma(changes, measured=False),
                electrode.voltage,
                "" if electrode.source is None else table.sources[electrode.source].citation,
                electrode.note,
            )
        )
    return rows


@dataclass(frozen=True)
class OpenEnergies:
    """Mutual minima open to lithium, each evaluated once.

    Parameters
    ----------
    phase_set : PhaseSet
    voltage : float
        V vs Li/Li+, where no other is given.
    """

    phase_set: PhaseSet
    voltage: float
    known: dict[tuple[str, str, float], float] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)

    def held(self, substance: str) -> float:
        """Return the voltage, nearest to that of the class, at which the set leaves a cathode the lithium that it is
        written with.

        The set's own voltage of a cathode may lie up to a volt off the measured one: at the voltage of the cell its
        hull holds another lithium content, or the cathode's decay. Here the content is kept, the potential follows.
        """
        if substance not in self.kept:
            window = stability_window(substance, self.phase_set, samples=2)
            high = self.voltage if window.oxidation is None else window.oxidation.voltage
            self.kept[substance] = max(window.reduction.voltage, min(self.voltage, high))
        return self.kept[substance]

    def mutual(self, a: str, b: str, voltage: float | None = None) -> float:
        """Return the mutual minimum of a pair, eV/atom with its lithium; raises as
        :func:`.open_system.react_open`."""
        key = (a, b, self.voltage if voltage is None else voltage)
        if key not in self.known:
            (curve,) = OpenPair.of(a, b, self.phase_set, {"Li"}).curves([OpenSpecies(key[2])])
            self.known[key] = float(curve.mutual.min())
        return self.known[key]


@dataclass(frozen=True)
class CathodeState:
    """A cathode at one state of charge.

    Parameters
    ----------
    label : str
        ``LCO``, or ``LCO-x0.5`` with half of its lithium.
    cathode : str
        Name or formula of the lithiated cathode.
    lithium : float
        Fraction of its lithium that is left.
    substance : str
        What the phase set is asked for: the name, or the formula with less lithium.
    """

    label: str
    cathode: str
    lithium: float
    substance: str


def cathode_states(cathodes: Sequence[str], lithium: Sequence[float], phase_set: PhaseSet) -> tuple[CathodeState, ...]:
    """Return every cathode at every lithium content; a name such as ``LCO-x0.5``, and a cathode without lithium, stand
    as they are.

    Parameters
    ----------
    cathodes : sequence of str
        Materials, formulas, or NAME-xFRACTION.
    lithium : sequence of float
        Fractions, 0 to 1.
    phase_set : PhaseSet

    Raises
    ------
    InputError
        If a name is unknown, a fraction lies outside 0 to 1, or a cathode named with a fraction holds no lithium.
    """
    outside = [value for value in lithium if not 0 <= value <= 1]
    if outside:
        raise InputError(
            f"lithium fraction {outside[0]:g}: the share of its lithium that a cathode keeps lies between 0 and 1"
        )
    states: dict[str, CathodeState] = {}
    for name in cathodes:
        named = re.search(CHARGED, name)
        base = name[: named.start()] if named else name
        composition = phase_set.resolve(base).composition
        if named and not composition["Li"]:
            raise InputError(f"{name}: {base} holds no lithium to take out")
        shares = [float(named[1])] if named else lithium if composition["Li"] else [1.0]
        for share in shares:
            state = (
                CathodeState(base, base, 1.0, base)
                if share == 1
                else CathodeState(f"{base}-x{share:g}", base, share, _charged(composition, share))
            )
            states[state.label] = state
    return tuple(states.values())


def _charged(composition: Composition, share: float) -> str:
    left = {
        element.symbol: amount * (share if element.symbol == "Li" else 1.0) for element, amount in composition.items()
    }
    return "".join(f"{symbol}{amount:.10g}" if amount != 1 else symbol for symbol, amount in left.items() if amount > 0)
