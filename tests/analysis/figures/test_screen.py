"""Figures of screens, maps and volumes: right marks, labelled axes, no pixels, no overlapping text, the same bytes
again."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from catholyte.analysis.figures.screen import (
    Curve,
    HeatMap,
    coverage_figure,
    curves_figure,
    heat_map_figure,
    voltage_map_figure,
)
from catholyte.analysis.figures.style import style, to_svg
from catholyte.analysis.figures.volumes import volume_figure, volume_ladder_figure
from catholyte.analysis.thermodynamics.voltage_map import voltage_map
from catholyte.configs.errors import InputError
from catholyte.tests.support.docs.figures_by_hand import FIGURES as DRAWN
from catholyte.tests.support.phase_sets import BY_HAND, phase_set

FIGURES = {
    name: DRAWN[f"{name}_figure"]
    for name in ("heat_map", "coverage", "curves", "voltage_map", "volume", "volume_ladder")
}
NAN = float("nan")


def texts(figure: Figure) -> str:
    found = figure.findobj(Text)
    return " ".join(text.get_text() for text in found).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FIGURES)
def test_axes_have_units_and_the_source_is_stated(name: str) -> None:
    figure = FIGURES[name]()
    said = texts(figure)
    assert re.search(r"(Energies: phase set toy \(tier|Molar volumes: crystal)", said)
    assert re.search(r"\(eV/atom\)|\(V vs|\(mL per mole|% of the material", said)
    labelled = [axes for axes in figure.axes if axes.axison and axes.get_xlabel()]
    assert labelled


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_is_the_same_drawing_without_pixels(name: str) -> None:
    first, second = to_svg(FIGURES[name]()), to_svg(FIGURES[name]())
    assert first == second
    assert "<image" not in first
    assert len(first) < 1_500_000


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_overlaps_another_or_leaves_the_figure(name: str) -> None:
    figure = FIGURES[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style():
        figure.draw_without_rendering()
    width, height = figure.bbox.size
    hidden = set()
    for axes in figure.axes:
        for axis, coordinate in ((axes.xaxis, 0), (axes.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not (axes.axison and low <= tick.label1.get_position()[coordinate] <= high):
                    hidden.add(tick.label1)
    shown = [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden
    ]  # type: ignore[attr-defined]
    upright = [text for text in shown if text.get_rotation() in (0, 90)]  # type: ignore[attr-defined]
    for text in shown:
        box = text.get_window_extent(renderer)
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < width + 1, text
        assert box.y1 < height + 1, text
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in upright]  # type: ignore[attr-defined]
    for i, (label, box) in enumerate(boxes):
        for other_label, other in boxes[i + 1 :]:
            overlap = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(overlap) < 2, (label, other_label)


def test_every_interface_has_its_number_and_no_other() -> None:
    figure = FIGURES["heat_map"]()
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(numbers) == sorted(["−0.360", "0.000", "−0.480", "−0.010", "−0.040"])


def test_bars_span_the_windows_and_green_holds_the_range() -> None:
    figure = FIGURES["coverage"]()
    ends = [(p.get_x(), p.get_x() + p.get_width()) for p in figure.axes[0].patches[1:]]  # type: ignore[attr-defined]
    assert ends[:2] == [pytest.approx((1.72, 2.26)), pytest.approx((0.5, 4.6))]
    assert ends[2][1] >= 5.0
    colors = [patch.get_facecolor()[:3] for patch in figure.axes[0].patches[1:]]
    assert colors[0] == colors[2] != colors[1]
    assert "no limit" in texts(figure)


def test_map_marks_the_deepest_mixing_ratio_and_changes_of_the_interphase() -> None:
    found = voltage_map("Li2O2", "Li2S", phase_set(BY_HAND))
    figure = voltage_map_figure(found, "toy")
    (dots,) = [line for line in figure.axes[0].lines if line.get_marker() == "."]
    x = np.asarray(dots.get_xdata(), dtype=float)
    reacting = found.mutual.min(axis=1) < 0
    np.testing.assert_array_equal(np.isfinite(x), reacting)
    np.testing.assert_allclose(x[reacting], found.x[found.mutual.argmin(axis=1)][reacting])
    dashed = [line for line in figure.axes[1].lines if line.get_linestyle() not in ("-", "None")]
    assert len(dashed) == len(found.interphases) - 1


def test_volumes_stack_to_their_sums() -> None:
    figure = FIGURES["volume"]()
    after = [p for p in figure.axes[0].patches if p.get_y() > 0.5]  # type: ignore[attr-defined]
    assert max(p.get_x() + p.get_width() for p in after) == pytest.approx(20.5 + 53.2 + 38.7)  # type: ignore[attr-defined]
    assert "143.9 (printed 163.6)" in texts(figure)
    assert "(+36.8 %)" in texts(figure)


def test_ladder_is_flat_in_the_window_and_open_where_a_volume_is_unknown() -> None:
    figure = FIGURES["volume_ladder"]()
    values, edges, _ = figure.axes[0].patches[0].get_data()  # type: ignore[attr-defined]
    np.testing.assert_allclose(edges, [0, 0.9, 1.7, 2.26, 2.46, 5])
    np.testing.assert_allclose(values, [36.7, NAN, 0, -10.3, -21.0])
    beyond, _, _ = figure.axes[0].patches[1].get_data()  # type: ignore[attr-defined]
    np.testing.assert_allclose(beyond, [20, 0, -50])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: heat_map_figure(HeatMap(["A"], ["B"], [[NAN]], (1,), (1,), "x")), "at least one of them finite"),
        (lambda: heat_map_figure(HeatMap(["A"], ["B"], [[0, 1]], (1,), (1,), "x")), "1 rows and 1 columns"),
        (lambda: coverage_figure([], (2, 4), "x"), "at least one material"),
        (lambda: curves_figure([], "x"), "panels of 1 to 6 curves"),
        (lambda: curves_figure([("A | B", [Curve("c", [0, 1], [0, 0])] * 7)], "x"), "not so: A | B"),
        (lambda: volume_figure([], "x"), "at least one reaction"),
        (lambda: volume_ladder_figure([], (0, 5), "x"), "1 to 6 materials, not 0"),
    ],
)
def test_figures_that_cannot_be_drawn_say_why(draw: Callable[[], Figure], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw()
