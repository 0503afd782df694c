"""Layered geometry of frames: the same numbers as of structures, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from catholyte.analysis.layers.geometry import layered_geometry
from catholyte.analysis.layers.series import layer_series
from catholyte.configs.errors import InputError, StructureError
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support import crystals


def frames_of(cell, factors) -> Frames:  # type: ignore[no-untyped-def]
    """Frames of a cell whose third axis is stretched."""
    cells = np.array([cell.lattice.matrix * [[1], [1], [factor]] for factor in factors])
    n = len(cells)
    return Frames(
        tuple(site.specie.symbol for site in cell),
        cells,
        cell.frac_coords @ cells,
        5 * np.arange(n),
        10.0 * np.arange(n),
    )


def test_a_swelling_crystal() -> None:
    """All distances along c grow with c."""
    factors = 1 + 0.005 * np.arange(7)
    cell = conventional(crystals.LCO)
    whole = frames_of(cell, factors)
    series = layer_series(whole.blocks(3), every=2)
    ideal = layered_geometry(cell)
    assert list(series.steps) == [0, 10, 20, 30]
    assert list(series.times) == [0, 20, 40, 60]
    for name in ("s_mo2", "i_lio2"):
        assert series.values[name] == pytest.approx(getattr(ideal, name) * factors[::2])
    assert series.shares["layered"] == pytest.approx(np.ones(4))
    assert (series.lost, list(series.shares)) == (0, ["layered"])


def test_migration_of_a_metal_shows_in_mixing_and_at_last_in_the_class() -> None:
    """Co moves from the metal to the lithium layer and Li the other way, one pair per frame, until half have."""
    cell = conventional(crystals.LCO).make_supercell((3, 3, 1), in_place=False)
    rng = np.random.default_rng(2)
    lithium, cobalt = (
        rng.permutation([i for i, site in enumerate(cell) if site.specie.symbol == symbol]) for symbol in ("Li", "Co")
    )
    places = cell.cart_coords.copy()
    positions = [places.copy()]
    for a, b in zip(lithium[:13], cobalt[:13], strict=True):
        places[[a, b]] = places[[b, a]]
        positions.append(places.copy())
    n = len(positions)
    species = tuple(site.specie.symbol for site in cell)
    series = layer_series(
        [
            Frames(
                species,
                np.repeat(cell.lattice.matrix[None], n, 0),
                np.array(positions),
                np.arange(n),
                np.arange(n) * 1.0,
            )
        ]
    )
    assert series.values["tm_in_li_layer"][:13] == pytest.approx(np.arange(13) / 27)
    assert series.values["li_in_tm_layer"][:13] == pytest.approx(np.arange(13) / 27)
    assert series.shares["layered"][0] == 1
    assert series.shares["rock salt"][-1] == 1


def test_frames_without_planes_are_counted_not_averaged() -> None:
    cell = conventional(crystals.LCO).make_supercell((2, 2, 1), in_place=False)
    good = frames_of(cell, [1.0, 1.0])
    gas = np.random.default_rng(5).uniform(size=good.positions.shape[1:]) @ cell.lattice.matrix
    mixed = Frames(good.species, good.cells, np.array([good.positions[0], gas]), good.steps, good.times)
    series = layer_series([mixed])
    assert series.lost == 1
    assert np.isnan(series.values["s_mo2"][1])
    assert series.shares["disordered"] == pytest.approx([0, 1])
    with pytest.raises(StructureError, match="no close-packed planes"):
        layer_series([mixed.select(slice(1, 2))])


def test_bad_input() -> None:
    cell = conventional(crystals.LCO)
    with pytest.raises(InputError, match="every 0-th frame"):
        layer_series([frames_of(cell, [1.0])], every=0)
    with pytest.raises(InputError, match="no frames"):
        layer_series([])
