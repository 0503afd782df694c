"""Every figure that the package draws: labelled axes with units, colours for every colour vision, lines that differ
without colour, tier, vectors.

No figure escapes: what the source declares as returning a figure must be among those that are drawn here.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from catholyte.analysis.figures.style import (
    DASHES,
    ELEMENT_COLOURS,
    GREY,
    HATCHES,
    MARKERS,
    PALETTE,
    element_colours,
    line_look,
    save_figure,
    to_svg,
)
from catholyte.hpc.board.motion_picture import motion_picture
from catholyte.hpc.board.pictures import PICTURES, picture
from catholyte.tests.support.campaigns.board_campaigns import mixed_campaign
from catholyte.tests.support.docs.figures_by_hand import FIGURES, moving_study

ROOT = Path(__file__).parents[3]
UNIT = re.compile(r"eV|Å|g/cm³|\bV vs|\bps\b|\bK\b|%|\bmL\b|mA ?h|\bGPa\b|S/cm|µL|nm")
#: what an axis may show that has no unit, in its own words
DIMENSIONLESS = re.compile(
    r"^(g\(r\)|rank|material|pair|side of the reaction|neighbours of \w+|number of (neighbours|orderings)|arrangements|"
    r"(first|second) material|atom, from the bottom to the top|bonds broken or formed|layer along the stacking|per (octahedral )?site|Li per "
    r"MO\$_\{2\}\$|lithium left.*|atomic fraction.*|x, formula-unit fraction.*|"
    r"share of .*|cations in the cell|\w+ ions per cell|zero of energy.*|ionic step|)$"
)
#: names stand along this axis instead of numbers: they are the label
NAMED = 2
NEUTRAL = {to_hex(colour) for colour in (GREY, "black", "white")}
ALLOWED = NEUTRAL | {to_hex(colour) for colour in PALETTE}
#: least distance of two series in CIELAB (1976), with the vision of most people and without one kind of cones
APART = 15.0
#: Machado, Oliveira and Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1.0, on linear RGB
VISIONS = {
    "trichromatic": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


@cache
def drawn(name: str) -> Figure:
    return FIGURES[name]()


def seen(colour: Any, vision: str) -> np.ndarray:
    """CIELAB of a colour (D65) as that vision sees it."""
    gamma = np.array(to_rgb(colour))
    linear = np.where(gamma <= 0.04045, gamma / 12.92, ((gamma + 0.055) / 1.055) ** 2.4)
    xyz = _XYZ @ np.clip(VISIONS[vision] @ linear, 0, 1) / _XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(first: Any, second: Any) -> float:
    """Distance of two colours with the vision that tells them apart worst."""
    return min(float(np.linalg.norm(seen(first, vision) - seen(second, vision))) for vision in VISIONS)


@cache
def sources() -> dict[str, ast.Module]:
    """Modules of the package that speak of figures."""
    folders = [ROOT / name for name in ("analysis", "configs", "hpc", "structures", "workflows")]
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in folder.rglob("*.py")
    }
    return {place: ast.parse(text) for place, text in texts.items() if "matplotlib" in text or "Figure" in text}


def public_figures() -> set[str]:
    """Functions of the package that return a figure, by their annotation, wherever they stand."""
    functions = [
        node
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.returns is not None
    ]
    return {node.name for node in functions if ast.unparse(node.returns).strip("'\"") in ("Figure", "figure.Figure")}


def draws(tree: ast.Module) -> bool:
    """Whether a module imports matplotlib for more than its annotations."""
    typing = {
        id(n)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for n in ast.walk(block)
    }
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in typing
    ]
    names = [
        name
        for node in found
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    ]
    return any(name.split(".")[0] == "matplotlib" for name in names)


def labels(axes: Axes, direction: str) -> list[str]:
    """Labels that hold for one axis: its own, those of the axes that share it, of the colour bar's other side, and of
    the whole figure."""
    grouper = axes.get_shared_x_axes() if direction == "x" else axes.get_shared_y_axes()
    together = [other for other in axes.figure.axes if other is axes or grouper.joined(axes, other)]  # type: ignore[union-attr]
    found = [getattr(other, f"get_{direction}label")() for other in together]
    if direction == "y":
        found.append(axes.figure.get_supylabel())  # type: ignore[union-attr]
    return [label for label in found if label]


def test_no_figure_escapes() -> None:
    assert public_figures() == set(FIGURES)


def test_no_other_module_draws() -> None:
    """Notebooks and board are looked at below."""
    drawing = {place for place, tree in sources().items() if draws(tree)}
    assert "analysis/figures/motion.py" in drawing
    assert {place for place in drawing if not place.startswith("analysis/figures/")} == set()


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for axes in drawn(name).axes:
        if not axes.axison:
            continue
        colour_bar = axes.get_label() == "<colorbar>" or not axes.get_subplotspec()  # type: ignore[attr-defined]
        told = {direction: labels(axes, direction) for direction in "xy"}
        if colour_bar:
            assert any(UNIT.search(label) for found in told.values() for label in found), (name, told)
            continue
        for direction, found in told.items():
            ticks = [text.get_text() for text in getattr(axes, f"get_{direction}ticklabels")()]
            words = [text for text in ticks if re.search(r"[A-Za-z]{2}", text)]
            if len(words) >= NAMED:  # materials, states, ways: names are their own label
                continue
            assert found, (name, direction, "has no label")
            assert all(
                UNIT.search(label) or DIMENSIONLESS.match(label) or label in ELEMENT_COLOURS for label in found
            ), (name, found)


@pytest.mark.parametrize("name", FIGURES)
def test_tier_or_source_stands_in_the_figure(name: str) -> None:
    texts = " ".join(text.get_text() for text in drawn(name).findobj(Text))  # type: ignore[attr-defined]
    assert re.search(
        r"[Tt]ier: (chgnet|gpaw|vasp)|Energies: .*(chgnet|vasp|tier)|Molar volumes: \w+|Geometry of \w+|tier chgnet",
        texts.replace("\n", " "),
    )


def colours_of(axes: Axes) -> set[str]:
    """Colours of everything that is drawn in one axes, colour maps left out."""
    found: set[str] = {to_hex(line.get_color()) for line in axes.lines if line.get_linestyle() != "None"}
    found |= {
        to_hex(face)
        for line in axes.lines
        if line.get_marker() != "None"
        for face in (line.get_markerfacecolor(), line.get_markeredgecolor())
        if face != "none"
    }
    found |= {to_hex(patch.get_facecolor()) for patch in axes.patches if patch.get_facecolor()[3] > 0}
    for collection in axes.collections:
        if collection.get_array() is None:
            found |= {to_hex(colour) for colour in np.atleast_2d(collection.get_facecolor()) if len(colour)}
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_colours_come_from_the_palette(name: str) -> None:
    atoms = (
        {to_hex(colour) for colour in ELEMENT_COLOURS.values()} if name in ("stack_figure", "depth_figure") else set()
    )
    for axes in drawn(name).axes:
        if not any(
            type(collection).__name__ == "ContourSet" or "ContourSet" in type(collection).__name__
            for collection in axes.collections
        ):
            assert colours_of(axes) <= ALLOWED | atoms, name


def test_colour_maps_rise_in_lightness_for_every_vision() -> None:
    maps = {
        c.get_cmap().name: c.get_cmap()
        for name in FIGURES
        for axes in drawn(name).axes
        for c in axes.collections
        if c.get_array() is not None
    }
    assert maps
    for name, shades in maps.items():
        for vision in VISIONS:
            lightness = [seen(shades(x), vision)[0] for x in np.linspace(0, 1, 24)]
            assert np.all(np.diff(lightness) > 0) or np.all(np.diff(lightness) < 0), (name, vision)


def test_series_are_told_apart_with_every_colour_vision() -> None:
    for colours in (PALETTE, tuple(ELEMENT_COLOURS.values())):
        closest = min(itertools.combinations(colours, 2), key=lambda pair: apart(*pair))
        assert apart(*closest) > APART, closest
    assert apart("#0072B2", "#7A4A9E") < APART  # the measure sees a pair that deuteranopes confuse: blue and violet


def test_elements_beyond_the_table_differ_from_those_in_it() -> None:
    colours = element_colours(["W", "Ge", *ELEMENT_COLOURS])
    assert len(set(colours.values())) == len(colours)
    assert min(apart(a, b) for a, b in itertools.combinations(colours.values(), 2)) > APART
    assert element_colours(["Ge", "W", "Sn", "Nb"])["W"] == GREY  # more elements than colours


def test_36_lines_have_36_looks_and_neighbours_share_neither_colour_nor_dashes() -> None:
    looks = [(look["color"], str(look["linestyle"])) for look in map(line_look, range(len(PALETTE) * len(DASHES)))]
    assert len(set(looks)) == len(looks)
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in itertools.pairwise(looks))
    assert len(set(MARKERS)) == len(set(HATCHES)) == len(PALETTE)


def series(axes: Axes) -> list[tuple[str, tuple[str, ...], np.ndarray]]:
    """Named lines and groups of points of one axes: name, looks without colour, points."""
    bars = {
        id(container.lines[0]): str(container.get_label())
        for container in axes.containers
        if isinstance(container, ErrorbarContainer)
    }
    found = []
    for line in axes.lines:
        name = bars.get(id(line), str(line.get_label()))
        points = np.column_stack([np.asarray(values, dtype=float) for values in line.get_data()])
        points = points[np.isfinite(points).all(axis=1)]
        if not name.startswith("_") and len(points) > 1:
            found.append((name, (look(line), str(line.get_marker())), points))
    for patch in axes.patches:
        if isinstance(patch, StepPatch) and not str(patch.get_label()).startswith("_"):
            values, edges, _ = patch.get_data()
            known = np.isfinite(values)
            found.append(
                (
                    str(patch.get_label()),
                    (str(patch.get_linestyle()), ""),
                    np.column_stack([edges[:-1][known], np.asarray(values)[known]]),
                )
            )
    for collection in axes.collections:
        at = np.asarray(collection.get_offsets())
        if not str(collection.get_label()).startswith("_") and len(at) > 1:
            found.append(
                (str(collection.get_label()), ("points", str(collection.get_paths()[0].vertices.round(3).tolist())), at)
            )
    return found


def look(line: Line2D) -> str:
    """Dashes of a line as matplotlib draws them."""
    return str(line._unscaled_dash_pattern) if line.get_linestyle() != "None" else "none"  # type: ignore[attr-defined]


def overlap(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the boxes around two sets of points meet."""
    return bool(np.all(first.min(axis=0) <= second.max(axis=0)) and np.all(second.min(axis=0) <= first.max(axis=0)))


def confused(figure: Figure) -> list[tuple[str, str]]:
    """Series that lie over each other and differ by colour alone."""
    return [
        (one[0], other[0])
        for axes in figure.axes
        for one, other in itertools.combinations(series(axes), 2)
        if one[1] == other[1] and overlap(one[2], other[2])
    ]


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("stack_figure", "depth_figure")])
def test_series_that_overlap_differ_without_colour(name: str) -> None:
    assert confused(drawn(name)) == []


def test_the_look_of_series_is_really_compared() -> None:
    from catholyte.analysis.figures.style import new_figure

    figure, (axes,) = new_figure(3, 2)
    axes.plot([0, 1], [0, 1], color=PALETTE[0], label="a")
    axes.plot([0, 1], [1, 0], color=PALETTE[1], label="b")
    axes.plot([2, 3], [2, 3], color=PALETTE[2], label="elsewhere")
    assert confused(figure) == [("a", "b")]


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "volume_figure"])
def test_bars_of_several_colours_are_hatched(name: str) -> None:
    for axes in drawn(name).axes:
        faces: dict[str, set[str]] = {}
        for patch in axes.patches:
            if type(patch).__name__ == "Rectangle" and patch.get_width() and patch.get_facecolor()[3] > 0.5:  # type: ignore[attr-defined]
                faces.setdefault(to_hex(patch.get_facecolor()), set()).add(str(patch.get_hatch() or ""))
        assert all(one.isdisjoint(other) for one, other in itertools.combinations(faces.values(), 2)), faces


def test_bars_of_volumes_carry_their_names() -> None:
    """Their colours mean nothing by themselves: there is no key to them."""
    for axes in drawn("volume_figure").axes:
        assert axes.get_legend() is None
        bars = [patch for patch in axes.patches if patch.get_width() > 0.15 * axes.get_xlim()[1]]  # type: ignore[attr-defined]
        inside = [text.get_position()[0] for text in axes.texts]
        assert bars
        assert all(any(bar.get_x() < x < bar.get_x() + bar.get_width() for x in inside) for bar in bars)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FIGURES)
def test_vectors_are_written_and_the_caption_fits(name: str) -> None:
    root = ElementTree.parse(io.StringIO(to_svg(drawn(name)))).getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 5
    box, page = drawn(name)._supxlabel.get_window_extent(), drawn(name).bbox  # type: ignore[attr-defined]
    assert box.x0 >= -1
    assert box.x1 <= page.x1 + 1
    assert box.y0 >= -1


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_written_as_pdf(name: str, tmp_path: Path) -> None:
    """One of them is in the quick tests; fonts are taken apart for each, which takes a third of a second."""
    (pdf,) = save_figure(drawn(name), tmp_path / name, ("pdf",))
    assert pdf.read_bytes().startswith(b"%PDF")


# the board's figures, as numbers for the browser


@cache
def board_figures() -> dict[str, dict[str, Any]]:
    source = mixed_campaign()
    documents = {key: source.document(source.snapshot("gsirr").entry(key), arrays=True) for key in ("aaaa-1", "bbbb-2")}
    found = {"structure": picture("structure", documents["bbbb-2"]), "dos": picture("dos", documents["bbbb-2"])}
    return {
        **found,
        "convergence": picture("convergence", documents["aaaa-1"]),
        "motion": motion_picture(moving_study(), "x"),
    }


def test_no_figure_of_the_board_escapes() -> None:
    assert set(board_figures()) == {*PICTURES, "motion"}


@pytest.mark.parametrize("name", ["structure", "dos", "convergence", "motion"])
def test_figures_of_the_board_have_units_tier_and_looks(name: str) -> None:
    figure = board_figures()[name]
    layout, data = figure["layout"], figure["data"]
    assert re.search(r"tier (chgnet|gpaw)|Tier: chgnet: events are hypotheses", layout["title"]["text"])
    axes = [axis for key, axis in layout.items() if re.match(r"[xy]axis", key)]
    assert name == "structure" or len(axes) >= 2
    for axis in axes:
        assert UNIT.search(axis["title"]["text"]) or DIMENSIONLESS.match(axis["title"]["text"]), axis
    lines = [trace for trace in data if trace["type"] == "scatter"]
    for one, other in itertools.combinations(lines, 2):
        together = one.get("yaxis") == other.get("yaxis") and one["name"] != other["name"]
        assert not together or one["line"].get("dash") != other["line"].get("dash"), (one["name"], other["name"])
    for trace in lines:
        assert to_hex(trace["line"]["color"]) in ALLOWED
    atoms = [trace["marker"]["color"] for trace in data if trace["type"] == "scatter3d" and trace["mode"] == "markers"]
    assert (name == "structure") == bool(atoms)
    assert all(apart(a, b) > APART for a, b in itertools.combinations(atoms, 2))


# figures that a notebook draws by itself


def own_cells() -> list[tuple[str, str]]:
    """Cells of notebooks that build a figure instead of taking one."""
    found = []
    for path in sorted((ROOT / "analysis" / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and re.search(r"matplotlib\.|plotly|pyplot|\.plot\(", cell.source):
                found.append((path.stem, cell.source))
    return found


def test_notebooks_hold_to_the_same_rules() -> None:
    cells = own_cells()
    assert cells
    for name, source in cells:
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        for axis in ("set_xlabel", "set_ylabel"):
            said = [ast.literal_eval(call.args[0]) for call in calls if call.func.attr == axis]  # type: ignore[attr-defined]
            assert said, (name, axis)
            assert all(UNIT.search(text) or DIMENSIONLESS.match(text) for text in said), (name, said)
        for call in calls:
            for keyword in call.keywords:
                if keyword.arg in ("color", "ecolor", "facecolor", "edgecolor", "c"):
                    assert re.match(r"PALETTE\[|GREY$", ast.unparse(keyword.value)), (name, ast.unparse(keyword))
        assert re.search(r"\b(tier|Tier)s? ", source), name
