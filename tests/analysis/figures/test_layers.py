"""Figures of layers: what they show is what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from catholyte.analysis.figures.layers import layer_series_figure, layers_figure
from catholyte.analysis.figures.style import to_svg
from catholyte.analysis.layers.geometry import layered_geometry
from catholyte.analysis.layers.series import layer_series
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.reconstruction import reconstruct
from catholyte.structures.surfaces.facet import SourceCell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support import crystals


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_layers_of_a_crystal_and_planes_of_a_slab() -> None:
    crystal = layered_geometry(conventional(crystals.LCO))
    assert texts(layers_figure(crystal, "LiCoO2", "a crystal")) == ["layered"] * 6
    cell = slabs(SourceCell.of_structure(conventional(crystals.LCO), "LCO"), (1, 0, 4), SlabSpec(layers=6))[0].structure
    slab = layered_geometry(reconstruct(cell, 2, "top").structure)
    figure = layers_figure(slab, "LiCoO2", "a slab")
    assert texts(figure) == ["layered"] * 4 + ["rock salt"] * 2
    drawn = sorted(float(line.get_xdata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1)
    assert drawn == pytest.approx(sorted(value for plane in slab.planes for value in (plane.s_mo2, plane.i_lio2)))
    assert "S(MO₂)" in to_svg(figure)


def test_curves_over_time() -> None:
    cell = conventional(crystals.LCO)
    stretch = 1 + 0.01 * np.arange(5)
    cells = np.array([cell.lattice.matrix * [[1], [1], [factor]] for factor in stretch])
    frames = Frames(
        tuple(site.specie.symbol for site in cell), cells, cell.frac_coords @ cells, np.arange(5), 2000.0 * np.arange(5)
    )
    series = layer_series([frames])
    figure = layer_series_figure(series, "LiCoO2", "a run")
    times, values = figure.axes[0].lines[0].get_data()
    assert list(times) == pytest.approx([0, 2, 4, 6, 8])
    assert list(values) == pytest.approx(series.values["s_mo2"])
    assert [line.get_label() for line in figure.axes[2].lines] == ["layered"]
