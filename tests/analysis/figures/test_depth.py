"""Figures against depth and of alignments: what they show is what was computed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from catholyte.analysis.figures.depth import DepthPanel, alignment_figure, depth_figure
from catholyte.analysis.figures.style import to_svg
from catholyte.analysis.report.chapters.depth import DepthData, depth_blocks, depth_key_numbers, depth_results
from catholyte.analysis.report.content import Picture, Table
from catholyte.analysis.states.alignment import Alignment, alignment
from catholyte.analysis.states.band_report import bands_of
from catholyte.analysis.states.depth import depth_report
from catholyte.analysis.states.depth_planes import stack_of
from catholyte.analysis.states.potential_profile import planar_of, potential_profile
from catholyte.configs.errors import InputError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.joint_cells import MATERIALS, bulk, joint, slab
from catholyte.workflows.documents import CalculationDocument

SPEC = BandCenterSpec(window="occupied", reference="vbm")


def _panel(document: CalculationDocument, *, potential: bool = True) -> DepthPanel:
    stack, bands = stack_of(document.structure), bands_of(document)
    profile = potential_profile(planar_of(document), stack) if potential else None
    return DepthPanel(document.label, bands, depth_report(bands, SPEC, stack), stack, document.tier, profile)


def _drawn(figure: Figure) -> Figure:
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure


def test_the_map_has_a_row_per_plane_and_a_diamond_at_each_centre() -> None:
    figure = _drawn(depth_figure(_panel(joint((4, 5), (0.2, 0.9)))))
    structure, dos_map, potential = figure.axes[:3]
    mesh = np.asarray(dos_map.collections[0].get_array())
    assert mesh.shape[0] == 9
    diamonds = [(line.get_xdata()[0], line.get_ydata()[0]) for line in dos_map.lines if line.get_marker() == "D"]  # type: ignore[index]
    # VBM at -1 eV: O 2p of LCO at -2.5 + 0.2, of CoO at -3.5 + 0.9
    assert [x for x, _ in diamonds] == pytest.approx([-1.3] * 4 + [-1.6] * 5, abs=1e-6)
    assert [y for _, y in diamonds] == pytest.approx([0, 2, 4, 6, 8.1, 10.3, 12.5, 14.7, 16.9])
    assert (
        sum(len(np.asarray(points.get_offsets())) for points in structure.collections) == 36 * 2
    )  # drawn twice across the 5.8 Å of the cell
    assert {text.get_text() for text in potential.texts} == {"−3.80 eV", "−4.60 eV"}


def test_a_slab_without_potential_is_drawn_without_it() -> None:
    figure = _drawn(depth_figure(_panel(slab("CoO", 5, 0.0), potential=False)))
    assert not any("potential" in ax.get_xlabel() for ax in figure.axes)
    low, high = figure.axes[0].get_ylim()
    assert high - low == pytest.approx(11.0)  # the slab, not the vacuum


def test_a_plane_without_the_element_stays_empty() -> None:
    """Lithium lies in the planes of LCO only."""
    document = joint((2, 3))
    stack, bands = stack_of(document.structure), bands_of(document)
    assert bands.dos is not None
    densities = np.array(bands.dos.densities)
    lithium = [i for i, site in enumerate(bands.structure) if site.specie.symbol == "Li"]
    densities[:, lithium, 0] = densities[
        :, [i for i, site in enumerate(bands.structure) if site.specie.symbol == "O"][: len(lithium)], 1
    ]
    own = bands._replace(dos=bands.dos.model_copy(update={"densities": densities.tolist()}))
    report = depth_report(own, SPEC.model_copy(update={"element": "Li", "orbital": "s"}), stack)
    figure = _drawn(depth_figure(DepthPanel("x", own, report, stack, "gpaw")))
    empty = np.ma.getmaskarray(np.ma.asarray(figure.axes[1].collections[0].get_array())).all(axis=1)
    assert empty.tolist() == [False] * 2 + [True] * 3


def test_energies_must_rise_and_lie_in_the_dos() -> None:
    panel = _panel(joint((2, 2)))
    with pytest.raises(InputError, match="the lower end must come first"):
        depth_figure(panel, (1.0, -1.0))
    with pytest.raises(InputError, match="no energies between 90 and 99 eV"):
        depth_figure(panel, (90.0, 99.0))


def _alignments() -> list[Alignment]:
    made = {name: bulk(name) for name in MATERIALS}
    return [alignment(joint((k, k), (0.2, 0.9)), SPEC, made) for k in (4, 6)]


def test_one_marker_per_way_and_thickness() -> None:
    figure = _drawn(alignment_figure(_alignments()))
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[:5] == [
        "one cell (all planes)",
        "one cell (inner planes)",
        "potential step (bulk cells)",
        "core levels (bulk cells, Co)",
        "core levels (bulk cells, O)",
    ]
    assert "own average potential" in names
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "32 atoms (4 + 4 planes)",
        "48 atoms (6 + 6 planes)",
        "no common zero",
    ]
    with pytest.raises(InputError, match="0 alignments given"):
        alignment_figure([])


def test_the_same_input_gives_the_same_svg() -> None:
    first, second = (to_svg(depth_figure(_panel(joint((2, 2))))) for _ in range(2))
    assert first == second


def test_report_holds_every_centre_alignment_and_trend() -> None:
    data = DepthData(
        [joint((6, 6), (0.2, 0.9)), joint((4, 4), (0.2, 0.9))], SPEC, {name: bulk(name) for name in MATERIALS}
    )
    results = depth_results(data)
    blocks = depth_blocks("lco_coo", results)
    tables = {block.name: block for block in blocks if isinstance(block, Table)}
    assert list(tables) == [
        "lco_coo_32_centers",
        "lco_coo_32_Co",
        "lco_coo_48_centers",
        "lco_coo_48_Co",
        "lco_coo_alignment",
        "lco_coo_thickness",
    ]
    assert {row["kind"] for row in tables["lco_coo_48_centers"].rows} == {
        "plane",
        "layer",
        "layer, inner planes",
        "environment",
    }
    assert {row["label"] for row in tables["lco_coo_48_Co"].rows if row["kind"] == "ion"} == {
        "Co3+ in LCO",
        "Co2+ in CoO",
    }
    assert [block.name for block in blocks if isinstance(block, Picture)] == [
        "lco_coo_32_depth",
        "lco_coo_48_depth",
        "lco_coo_alignment",
    ]
    centre, step = depth_key_numbers(results)
    assert centre.value == pytest.approx(-0.3, abs=1e-6)
    assert step.value == pytest.approx(-0.8, abs=1e-3)
    assert re.search(r"one cell of 48 atoms, inner planes", centre.quantity)
    assert tables["lco_coo_thickness"].rows[0]["step_deviation"] == pytest.approx(0.0, abs=1e-3)


def test_report_says_what_is_missing() -> None:
    results = depth_results(DepthData([joint((4, 4)).model_copy(update={"dos": None})], SPEC))
    (problem,) = depth_blocks("x", results)
    assert "has no projected DOS" in getattr(problem, "text", "")
    assert depth_key_numbers(results) == []
