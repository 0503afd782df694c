"""The potential along the normal of a cell: planar average, macroscopic average, the level of each layer, and the
vacuum level.

The macroscopic average (A. Baldereschi, S. Baroni, R. Resta, Phys. Rev. Lett. 61 (1988) 734; L. Colombo, R. Resta, S.
Baroni, Phys. Rev. B 44 (1991) 5572) is the planar average convolved with one box per material as long as its planes
repeat: what oscillates with the lattice vanishes, and a constant is left in the interior of each layer. The difference
of two such constants is the potential step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, PlanarPotential, require_real
from .band_references import Result
from .depth_planes import VACUUM, DepthLayer, Stack

__all__ = [
    "FLAT",
    "PLATEAU",
    "LayerLevel",
    "PotentialProfile",
    "VacuumLevel",
    "macroscopic_average",
    "planar_of",
    "potential_profile",
    "vacuum_level",
]


#: eV; a plateau or a vacuum level that varies by more is said to
FLAT = 0.05
#: Å; a narrower interior shows no plateau
PLATEAU = 0.5
#: part of the empty height, in its middle, in which the vacuum level is read
_MIDDLE = 0.5


class LayerLevel(Result):
    """Averaged potential energy of an electron in the interior of one layer."""

    layer: str
    energy: float = Field(description="eV, on the engine's own zero: mean of the macroscopic average over the interior")
    variation: float = Field(description="eV, highest minus lowest macroscopic average there")
    own: float = Field(
        description="eV, mean over the layer's own interior of the average over its own repeat alone: another measure"
    )
    halves: float = Field(
        0.0, description="eV, half of what the two halves of that interior differ by: how well a thin layer tells it"
    )
    interior: tuple[float, float] = Field(
        description="Å, where no box reaches beyond the layer; equal ends where there is no such height"
    )
    n_planes: int

    @property
    def has_plateau(self) -> bool:
        """Whether the layer is thicker than the boxes together, by enough to see whether the average is flat."""
        return self.interior[1] - self.interior[0] >= PLATEAU


class PotentialProfile(Result):
    """Potential energy of an electron against height, eV, on the engine's own zero."""

    heights: tuple[float, ...] = Field(description="Å, along the normal, from the bottom of the cell")
    planar: tuple[float, ...]
    macroscopic: tuple[float, ...]
    boxes: tuple[float, ...] = Field(description="Å, of the macroscopic average, one per material")
    levels: tuple[LayerLevel, ...]
    kind: str
    notes: tuple[str, ...] = ()

    def level(self, layer: str) -> LayerLevel:
        """The level of the first layer with a tag.

        Raises
        ------
        InputError
            If there is none.
        """
        for level in self.levels:
            if level.layer == layer:
                return level
        raise InputError(
            f"the profile has no layer {layer!r}; it has {', '.join(level.layer for level in self.levels)}"
        )

    def step(self, layer: str, other: str) -> float:
        """Averaged potential energy in `other` minus that in `layer`, eV."""
        return self.level(other).energy - self.level(layer).energy

    def step_of_own_repeats(self, layer: str, other: str) -> float:
        """The same with each layer averaged over its own repeat alone, eV: how far the step depends on the boxes."""
        return self.level(other).own - self.level(layer).own

    def step_error(self, layer: str, other: str) -> float:
        """How well the cell tells the step, eV: the larger of what other boxes change and what the halves of the layers
        differ by.

        Measured on stacks of 3 to 12 planes a side whose planes are displaced by 0.02 to 0.1 Å, the step lies within it
        in 70 to 83 % of the cells (``tests/analysis/states/test_alignment.py``). Planes displaced by 0.05 Å that hold
        wells of 20 eV move the step of 4 planes a side by 0.2 eV, of 12 by 0.04 eV.
        """
        halves = float(np.hypot(self.level(layer).halves, self.level(other).halves))
        return max(abs(self.step(layer, other) - self.step_of_own_repeats(layer, other)), halves)


class VacuumLevel(Result):
    """Potential energy of an electron in the empty part of a cell."""

    above: float = Field(description="eV, on the engine's own zero, beyond the top face")
    below: float = Field(
        description=(
            "eV, beyond the bottom face; another value where the slab has a dipole and the engine corrects for it"
        )
    )
    variation: float = Field(
        description="eV, highest minus lowest planar average in the middle of the vacuum, the larger of both halves"
    )

    @property
    def energy(self) -> float:
        """Mean of both sides, eV."""
        return (self.above + self.below) / 2

    @property
    def flat(self) -> bool:
        """Whether the vacuum is wide enough and without field."""
        return self.variation <= FLAT


def macroscopic_average(values: Floats, period: float, boxes: Sequence[float]) -> Floats:
    """Average a periodic profile over one box after the other.

    The profile is read as a periodic cubic spline through its points, and integrated exactly; a box may have any
    length.

    Parameters
    ----------
    values : (n,) float array
        At the heights 0, period/n, …
    period : float, Å
    boxes : sequence of float, Å
        Lengths.

    Returns
    -------
    (n,) float array
        At the same heights.

    Raises
    ------
    InputError
        If a length is not positive.
    """
    from scipy.interpolate import CubicSpline

    if not period > 0 or any(not box > 0 for box in boxes):
        raise InputError(
            "the boxes of a macroscopic average and its period must be longer than 0 Å, and "
            f"{', '.join(f'{b:g}' for b in boxes)} and {period:g} were given"
        )
    heights = np.linspace(0, period, len(values) + 1)
    averaged = np.asarray(values, dtype=float)
    mean = float(averaged.mean())
    for box in boxes:
        spline = CubicSpline(heights, np.append(averaged, averaged[0]), bc_type="periodic")
        integral = spline.antiderivative()
        whole = float(integral(period))
        upper, lower = heights[:-1] + box / 2, heights[:-1] - box / 2
        turns = np.floor(upper / period) - np.floor(lower / period)
        averaged = (integral(np.mod(upper, period)) - integral(np.mod(lower, period)) + turns * whole) / box
    found: Floats = averaged - averaged.mean() + mean
    return found


def planar_of(document: CalculationDocument) -> PlanarPotential:
    """The planar potential of a document.

    Raises
    ------
    InputError
        If it stores none, or is a rehearsal's.
    """
    require_real(document)
    if document.potential is None:
        raise InputError(
            f"{document.label} ({document.kind}, {document.tier}) stores no planar potential: gpaw always does, VASP "
            "with LVHAR = .TRUE."
        )
    return document.potential


def potential_profile(potential: PlanarPotential, stack: Stack, boxes: Sequence[float] = ()) -> PotentialProfile:
    """Planar and macroscopic average of the potential of one cell, and the level of each of its layers.

    Parameters
    ----------
    potential : PlanarPotential
    stack : Stack
        Planes and layers of the same cell.
    boxes : sequence of float, Å, optional
        Of the macroscopic average; where left out, the repeat of each material once.

    Raises
    ------
    InputError
        If a box is not longer than 0 Å.
    """
    used = tuple(boxes) or tuple({layer.label: layer.repeat for layer in stack.layers}.values())
    planar = np.asarray(potential.values, dtype=float)
    macroscopic = macroscopic_average(planar, stack.period, used)
    heights = np.arange(len(planar)) / len(planar) * stack.period
    levels = tuple(_level(layer, planar, macroscopic, stack.period, used) for layer in stack.layers)
    notes = [
        (
            f"{level.layer}: {level.n_planes} planes are hardly thicker than the boxes of "
            f"{' and '.join(f'{box:.2f}' for box in used)} Å together: no plateau, its level is that of its middle"
        )
        for level in levels
        if not level.has_plateau
    ]
    notes += [
        f"{v.layer}: the macroscopic average varies by {v.variation:.2f} eV in the interior: it is not yet bulk"
        for v in levels
        if v.variation > FLAT
    ]
    return PotentialProfile(
        heights=tuple(heights),
        planar=tuple(planar),
        macroscopic=tuple(macroscopic),
        boxes=used,
        levels=levels,
        kind=potential.kind,
        notes=tuple(notes),
    )


def _level(layer: DepthLayer, planar: Floats, macroscopic: Floats, period: float, boxes: Sequence[float]) -> LayerLevel:
    heights = _interior(layer, sum(boxes) / 2, period / len(planar))
    inside = _periodic(macroscopic, heights, period)
    mine = _interior(layer, layer.repeat / 2, period / len(planar))
    own = _periodic(macroscopic_average(planar, period, [layer.repeat]), mine, period)
    lower, upper = own[: (len(own) + 1) // 2], own[len(own) // 2 :]
    return LayerLevel(
        layer=layer.label,
        energy=float(inside.mean()),
        variation=float(np.ptp(inside)),
        own=float(own.mean()),
        halves=abs(float(upper.mean() - lower.mean())) / 2,
        interior=(float(heights[0]), float(heights[-1])),
        n_planes=len(layer.planes),
    )


def _interior(layer: DepthLayer, reach: float, step: float) -> Floats:
    """Heights, Å, at which a box that reaches so far does not leave the layer; its middle alone where there are
    none."""
    low, high = layer.bottom + reach, layer.top - reach
    if high < low:
        low = high = (layer.bottom + layer.top) / 2
    return np.linspace(low, high, max(int((high - low) / step), 1))


def _periodic(values: Floats, heights: Floats, period: float) -> Floats:
    """Linear interpolation of a periodic profile."""
    grid = np.arange(len(values) + 1) / len(values) * period
    found: Floats = np.interp(np.mod(heights, period), grid, np.append(values, values[0]))
    return found


def vacuum_level(potential: PlanarPotential, stack: Stack) -> VacuumLevel:
    """Planar potential in the middle of the vacuum of a slab, on either side of its middle.

    Raises
    ------
    InputError
        If the cell has no vacuum.
    """
    if stack.vacuum is None:
        raise InputError(f"the cell has no vacuum level: no two of its planes lie more than {VACUUM:g} Å apart")
    values, (low, high) = np.asarray(potential.values, dtype=float), stack.vacuum
    sides = []
    # an engine's dipole correction jumps in the middle of the vacuum: each half is read for itself, without its end
    for start, end in ((0.5 - _MIDDLE / 2, 0.45), (0.55, 0.5 + _MIDDLE / 2)):
        heights = low + (high - low) * np.linspace(start, end, 25)
        sides.append(_periodic(values, heights, stack.period))
    return VacuumLevel(
        above=float(sides[0].mean()), below=float(sides[1].mean()), variation=float(max(np.ptp(side) for side in sides))
    )
