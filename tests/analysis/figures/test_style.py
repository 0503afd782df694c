"""Figures: labelled axes with units, the right marks, no global state, and the same bytes for the same input."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from catholyte.analysis.figures.cells import lattice_figure
from catholyte.analysis.figures.dos import centers_figure, dos_figure
from catholyte.analysis.figures.reactions import MixingCurve, reaction_figure, window_figure
from catholyte.analysis.figures.style import PALETTE, new_figure, save_figure, style, to_svg
from catholyte.analysis.words import formula_text, number
from catholyte.configs.errors import InputError
from catholyte.tests.support.docs.figures_by_hand import CURVE, LADDERS, LATTICE, dos_panel, make_bands, make_comparison
from catholyte.tests.support.docs.figures_by_hand import FIGURES as DRAWN

FIGURES = {name: DRAWN[f"{name}_figure"] for name in ("dos", "centers", "reaction", "window", "lattice")}


def texts(figure: Figure) -> str:
    """Everything a reader can read, titles, legends and captions included, with subscripts as plain digits."""
    return str.translate(
        " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))),
        str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"),
    )  # type: ignore[attr-defined]


def drawn_texts(figure: Figure) -> list[Text]:
    """All texts but the tick labels that matplotlib keeps outside the limits of an axis."""
    hidden = set()
    for axes in figure.axes:
        for axis, coordinate in ((axes.xaxis, 0), (axes.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not (axes.axison and low <= tick.label1.get_position()[coordinate] <= high):
                    hidden.add(tick.label1)
    return [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden
    ]  # type: ignore[attr-defined]


def markers(figure: Figure, marker: str) -> list[Line2D]:
    return [line for axes in figure.axes for line in axes.lines if line.get_marker() == marker]


@pytest.mark.parametrize("name", FIGURES)
def test_visible_axes_are_labelled_and_the_tier_is_stated(name: str) -> None:
    figure = FIGURES[name]()
    for axes in figure.axes:
        if axes.axison:
            shared = axes.get_xlabel() == "" and axes is not figure.axes[-1] and name == "dos"
            assert shared or re.search(r"\((eV|V vs|%)|formula-unit fraction", axes.get_xlabel())
            assert axes.get_ylabel()
    assert re.search(r"(Tier|Energies): (gpaw|chgnet)", texts(figure))


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_is_the_same_svg(name: str) -> None:
    first, second = to_svg(FIGURES[name]()), to_svg(FIGURES[name]())
    assert first == second
    assert first.startswith("<svg")
    assert "dc:date" not in first


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_figure_or_overlaps_another(name: str) -> None:
    figure = FIGURES[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    with style():
        figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in drawn_texts(figure)]
    for label, box in boxes:
        assert box.x0 > -1, label
        assert box.y0 > -1, label
        assert box.x1 < width + 1, label
        assert box.y1 < height + 1, label
    for i, (label, box) in enumerate(boxes):
        for other_label, other in boxes[i + 1 :]:
            overlap = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(overlap) < 2, (label, other_label)


def test_dos_mirrors_the_spins_and_marks_the_centres_of_all_panels() -> None:
    figure = FIGURES["dos"]()
    polarised, plain = figure.axes
    curves = [line for line in polarised.lines if len(np.asarray(line.get_xdata())) > 2]
    assert len(curves) == 2
    np.testing.assert_allclose(curves[0].get_ydata(), -np.asarray(curves[1].get_ydata()))
    assert len([line for line in plain.lines if len(np.asarray(line.get_xdata())) > 2]) == 2
    marked = sorted(
        float(np.asarray(line.get_xdata())[0]) for line in plain.lines if len(np.asarray(line.get_xdata())) == 2
    )
    assert marked == pytest.approx([-4.0, -3.0], abs=1e-3)
    assert polarised.get_xlim() == plain.get_xlim()
    assert "Gaussian of 0.1 eV for display only" in texts(figure).replace("\n", " ")
    assert "valence-band maximum" in texts(figure)


def test_smoothing_keeps_the_number_of_states() -> None:
    areas = []
    for width in (0.0, 0.3):
        figure = dos_figure([dos_panel("CoO", make_bands(1))], width=width)
        curve = figure.axes[0].lines[0]
        areas.append(float(np.sum(curve.get_ydata())))
    assert areas[0] == pytest.approx(areas[1], rel=1e-3)


def test_centres_show_one_dot_per_reference_and_hollow_arbitrary_ones() -> None:
    figure = centers_figure(make_comparison(aligned=-0.6))
    dots = markers(figure, "o")
    assert [float(np.asarray(dot.get_xdata())[0]) for dot in dots] == pytest.approx([-1.0, -2.5, 0.5])
    assert [dot.get_markerfacecolor() for dot in dots] == [PALETTE[0], "white", PALETTE[0]]
    assert len(markers(figure, "D")) == 1
    assert "spread of 3.00 eV" in texts(figure)
    assert not markers(centers_figure(make_comparison()), "D")


def test_reaction_marks_the_minimum_and_the_published_value() -> None:
    figure = reaction_figure(CURVE)
    (star,) = markers(figure, "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (0.4, -0.37)  # type: ignore[index]
    assert "published: −0.52 eV/atom" in texts(figure)
    for products in CURVE.products:
        assert products in texts(figure)
    silent = reaction_figure(
        MixingCurve(a="A", b="B", x=[0, 1], mutual=[0, 0], total=[0, 0], products=["", ""], source="chgnet")
    )
    assert "published" not in texts(silent)


def test_window_bars_span_the_window_and_ticks_mark_the_steps() -> None:
    figure = window_figure(LADDERS, "chgnet")
    bars = [(p.get_x(), p.get_x() + p.get_width()) for p in figure.axes[0].patches]  # type: ignore[attr-defined]
    np.testing.assert_allclose(bars, [(1.717, 2.140), (0.0, 4.2)])
    assert len(markers(figure, "D")) == 2
    assert "stable at no voltage" in texts(figure)
    assert re.search(r"1 +1\.72 V +Li6PS5Cl \+ 2 Li → P", texts(figure))


def test_lattice_dots_lie_at_the_deviation() -> None:
    figure = lattice_figure(LATTICE, "chgnet")
    found = [float(np.asarray(dot.get_xdata())[0]) for marker in ("o", "s") for dot in markers(figure, marker)]
    assert found == pytest.approx([0.78125, 100 * (4.2 / 4.2612 - 1), 100 * (14.2 / 14.054 - 1)])
    assert "−1.4 %" in texts(figure)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Li6PS5Cl", "Li₆PS₅Cl"),
        ("0.5 Li2S + NCM811", "0.5 Li₂S + NCM811"),
        ("2 Li2CO3 -> CO2", "2 Li₂CO₃ → CO₂"),
        ("LiNb0.5Ta0.5O3", "LiNb₀.₅Ta₀.₅O₃"),
        ("Al2(SO4)3", "Al₂(SO₄)₃"),
        ("x = 0.25, LCO and CoO", "x = 0.25, LCO and CoO"),
    ],
)
def test_formulas_get_subscripts_and_names_do_not(text: str, expected: str) -> None:
    assert formula_text(text) == expected


def test_numbers_have_a_real_minus_and_no_negative_zero() -> None:
    assert (number(-0.365, 3), number(-0.001), number(2.0, 1)) == ("−0.365", "0.00", "2.0")


def test_figures_are_written_in_all_formats_and_leave_no_state(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = {key: value for key, value in mpl.rcParams.items() if key != "backend"}  # reading that one chooses it
    figure = lattice_figure(LATTICE, "chgnet")
    files = save_figure(figure, tmp_path / "sub" / "lco.lpscl")
    assert [file.name for file in files] == ["lco.lpscl.svg", "lco.lpscl.pdf", "lco.lpscl.png"]
    assert [file.read_bytes()[:4] for file in files] == [b"<?xm", b"%PDF", b"\x89PNG"]
    again = save_figure(lattice_figure(LATTICE, "chgnet"), tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
    assert {key: mpl.rcParams[key] for key in before} == before


def test_figures_that_cannot_be_drawn_say_why() -> None:
    with pytest.raises(InputError, match="at least one material"):
        dos_figure([])
    with pytest.raises(InputError, match="at least one material"):
        window_figure([], "chgnet")
    with pytest.raises(InputError, match="0 lattice parameters"):
        lattice_figure([], "chgnet")
    with pytest.raises(InputError, match="have 2, 1, 2 and 2 values"):
        reaction_figure(
            MixingCurve(a="A", b="B", x=[0, 1], mutual=[0], total=[0, 0], products=["", ""], source="chgnet")
        )


def test_a_new_figure_is_laid_out_row_by_row() -> None:
    figure, axes = new_figure(4, 3, (2, 2))
    assert (len(axes), len(figure.axes)) == (4, 4)
