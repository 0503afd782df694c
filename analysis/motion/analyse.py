"""One trajectory in one pass: bond events, shells, who left, species, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .bond_events import PERSISTENCE, BondEvents, BondLedger
from .bond_rules import BondRule, is_ionic
from .coordination import Coordination, CoordinationCounter
from .drift import Drift, drift
from .event_rates import Observed
from .migration import Layers, Migrant, MigrationWatch, ReleasedOxygen, released_oxygen
from .neighbour_pairs import PairFinder
from .species import species_found

__all__ = ["Motion", "MotionSpec", "analyse_motion"]


@dataclass(frozen=True)
class MotionSpec:
    """How a trajectory is looked at.

    Parameters
    ----------
    rules : tuple of BondRule
        Those of mobile ions with anions count neighbours alone.
    persistence : float, fs
    layers : Layers or None
        Of the atoms.
    """

    rules: tuple[BondRule, ...]
    persistence: float = PERSISTENCE
    layers: Layers | None = None


@dataclass(frozen=True, eq=False)
class Motion:
    """What happened in one trajectory.

    Parameters
    ----------
    species : tuple of str
    spec : MotionSpec
    ledger : BondEvents
    coordination : list of Coordination
    released : list of ReleasedOxygen
    migrants : list of Migrant or None
        None without layers.
    interfaces : list of (str, str, float) or None
        Layers that touch in the first frame, and their gap, Å.
    extents : dict of str to (float, float), or None
        Lowest and highest atom of each layer in the first frame, Å.
    area : float, Å²
        Of one interface: of the first two cell vectors in the first frame.
    times : (n_frames,) float array, fs
    energies, temperatures, conserved : (n_frames,) float arrays, eV, K and eV, or None
    """

    species: tuple[str, ...]
    spec: MotionSpec
    ledger: BondEvents
    coordination: list[Coordination]
    released: list[ReleasedOxygen]
    migrants: list[Migrant] | None
    interfaces: list[tuple[str, str, float]] | None
    extents: dict[str, tuple[float, float]] | None
    area: float
    times: Floats
    energies: Floats | None
    temperatures: Floats | None
    conserved: Floats | None = None

    @property
    def n_frames(self) -> int:
        """Frames that were analysed."""
        return len(self.times)

    @property
    def observed(self) -> Observed:
        """The ledger with the numbers of atoms."""
        return Observed(self.ledger, dict(Counter(self.species)))

    @property
    def n_interfaces(self) -> int | None:
        """Interfaces of the cell; None without layers."""
        return None if self.interfaces is None else len(self.interfaces)

    @property
    def drifts(self) -> list[Drift]:
        """Of the potential and the conserved energy per atom, meV, relative to the first frame, and of the
        temperature, K, where the frames have them."""
        return [drift(quantity, unit, times, values) for quantity, unit, times, values in self.series]

    @property
    def series(self) -> list[tuple[str, str, Floats, Floats]]:
        """Potential energy, what integration conserves (meV/atom, relative to the first frame) and temperature (K)
        where frames have them: quantity, unit, times (fs), values."""
        found = []
        for quantity, unit, values in (
            ("energy", "meV/atom", self.energies),
            ("conserved energy", "meV/atom", self.conserved),
            ("temperature", "K", self.temperatures),
        ):
            known = np.isfinite(values) if values is not None else np.zeros(0, dtype=bool)
            if values is not None and known.any():
                shown = (
                    1000 * (values[known] - values[known][0]) / len(self.species)
                    if unit == "meV/atom"
                    else values[known]
                )
                found.append((quantity, unit, self.times[known], shown))
        return found

    def found(self) -> dict[str, dict[str, int]]:
        """Molecules and complex ions at the beginning and at the end, formula to count."""
        return {at: species_found(self.ledger, self.species, at) for at in ("start", "end")}


def analyse_motion(blocks: Iterable[Frames], spec: MotionSpec) -> Motion:
    """Read a trajectory once, block by block, and return what happened.

    Memory holds one block, the bonds, the events and a few numbers for each frame.

    Parameters
    ----------
    blocks : iterable of Frames
        In the order of time.
    spec : MotionSpec

    Raises
    ------
    InputError
        If there is no frame, the times do not rise, or the layers do not belong to these atoms.
    """
    reader: _Reader | None = None
    for block in blocks:
        reader = reader or _Reader(block, spec)
        reader.add(block)
    if reader is None:
        raise InputError("the trajectory holds no frame")
    return reader.result()


class _Reader:
    """Everything that is asked of a trajectory, fed with the same blocks."""

    def __init__(self, first: Frames, spec: MotionSpec) -> None:
        self._spec, self._species = spec, first.species
        bonds = [rule for rule in spec.rules if not is_ionic(rule.pair)]
        ions = [rule for rule in spec.rules if is_ionic(rule.pair)]
        self._finder = PairFinder(first.species, bonds)
        self._ledger = BondLedger(bonds, spec.persistence)
        self._shells = CoordinationCounter(first.species, bonds)
        self._ions = (PairFinder(first.species, ions), CoordinationCounter(first.species, ions)) if ions else None
        self._watch = None if spec.layers is None else MigrationWatch(spec.layers, spec.persistence)
        self._interfaces = None if spec.layers is None else spec.layers.interfaces(first)
        self._extents = None if spec.layers is None else spec.layers.extents(first)
        self._area = float(np.linalg.norm(np.cross(first.cells[0, 0], first.cells[0, 1])))
        self._series: list[Frames] = []

    def add(self, block: Frames) -> None:
        for pairs in self._finder.pairs(block):
            self._ledger.add(pairs)
            self._shells.add(pairs)
        if self._ions is not None:
            for pairs in self._ions[0].pairs(block):
                self._ions[1].add(pairs)
        if self._watch is not None:
            self._watch.add(block)
        # the numbers of each frame without its atoms
        self._series.append(
            Frames(
                (),
                block.cells,
                np.empty((len(block), 0, 3)),
                block.steps,
                block.times,
                block.energies,
                block.temperatures,
                block.conserved,
            )
        )

    def result(self) -> Motion:
        series, ledger = Frames.joined(self._series), self._ledger.result()
        return Motion(
            self._species,
            self._spec,
            ledger,
            [*self._shells.result(), *([] if self._ions is None else self._ions[1].result())],
            released_oxygen(ledger, self._species),
            None if self._watch is None else self._watch.result(),
            self._interfaces,
            self._extents,
            self._area,
            series.times,
            series.energies,
            series.temperatures,
            series.conserved,
        )
