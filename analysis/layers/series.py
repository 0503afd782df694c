"""Layered geometry along a trajectory: one number per frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError, StructureError
from ...structures.trajectories.frames import Frames
from .classes import LAYER_CLASSES, LayerClass
from .geometry import LayeredGeometry, layered_geometry

__all__ = ["LENGTHS", "LayerSeries", "layer_series"]

#: numbers of :class:`.geometry.LayeredGeometry` that a series follows
LENGTHS = ("s_mo2", "i_lio2", "o_o_li_layer", "o_o_in_plane", "tm_in_li_layer", "li_in_tm_layer")


@dataclass(frozen=True, eq=False)
class LayerSeries:
    """Layered geometry of frames.

    Parameters
    ----------
    steps : (n,) int array
    times : (n,) float array, fs
    values : dict of str to (n,) float array
        Keys of :data:`LENGTHS`, Å and shares; NaN where a frame has no such number.
    shares : dict of str to (n,) float array
        Share of the metal atoms in layers of each class that occurs.
    last : LayeredGeometry or None
        Of the last frame that has planes.
    lost : int
        Frames without close-packed oxygen; they count as disordered.
    """

    steps: Ints
    times: Floats
    values: dict[str, Floats]
    shares: dict[LayerClass, Floats]
    last: LayeredGeometry | None
    lost: int


def layer_series(blocks: Iterable[Frames], every: int = 1, *, planes: bool | None = None) -> LayerSeries:
    """Measure every n-th frame of a trajectory.

    Parameters
    ----------
    blocks : iterable of Frames
        Consecutive blocks of one trajectory.
    every : int
        1 takes all frames.
    planes : bool, optional
        As for :func:`.geometry.layered_geometry`.

    Raises
    ------
    InputError
        If `every` is less than 1, or there are no frames.
    StructureError
        If no frame has close-packed oxygen.
    """
    if every < 1:
        raise InputError(f"every {every}-th frame was asked for; at least 1 is needed")
    steps: list[int] = []
    times: list[float] = []
    found: list[LayeredGeometry | None] = []
    complaint: StructureError | None = None
    for step, time, structure in _taken(blocks, every):
        steps.append(step)
        times.append(time)
        try:
            found.append(layered_geometry(structure, planes=planes))
        except StructureError as error:
            complaint = error
            found.append(None)
    if not found:
        raise InputError("the trajectory holds no frames")
    known = [geometry for geometry in found if geometry is not None]
    if not known and complaint is not None:
        raise complaint
    shares = {name: np.array([_share(geometry, name) for geometry in found]) for name in LAYER_CLASSES}
    return LayerSeries(
        steps=np.array(steps, dtype=np.int64),
        times=np.array(times),
        values={name: np.array([_value(geometry, name) for geometry in found]) for name in LENGTHS},
        shares={name: values for name, values in shares.items() if values.any()},
        last=known[-1],
        lost=len(found) - len(known),
    )


def _taken(blocks: Iterable[Frames], every: int) -> Iterator[tuple[int, float, Structure]]:
    number = 0
    for block in blocks:
        for k in range(len(block)):
            if number % every == 0:
                cell = Structure(
                    Lattice(block.cells[k]), list(block.species), block.positions[k], coords_are_cartesian=True
                )
                yield int(block.steps[k]), float(block.times[k]), cell
            number += 1


def _share(geometry: LayeredGeometry | None, name: LayerClass) -> float:
    return float(name == "disordered") if geometry is None else geometry.shares.get(name, 0.0)


def _value(geometry: LayeredGeometry | None, name: str) -> float:
    value = None if geometry is None else getattr(geometry, name)
    return float("nan") if value is None else float(value)
