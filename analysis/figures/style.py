"""What every figure shares: style, palette, captions, chemical subscripts, and writing to files.

Figures are built on `matplotlib.figure.Figure`, without pyplot and its global state, and are returned, not shown. The
same input gives the same SVG, byte for byte.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DASHES",
    "ELEMENT_COLOURS",
    "GREY",
    "HATCHES",
    "MARKERS",
    "PALETTE",
    "caption",
    "element_colours",
    "line_look",
    "new_figure",
    "save_figure",
    "style",
    "to_svg",
]

#: Okabe and Ito, https://jfly.uni-koeln.de/color/ (2008): distinguishable with every common colour vision
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#5F6368"
#: what tells lines, points and areas apart without colour, in the order of the palette
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (9, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "////", "....", "xxxx", "----", "++++")
#: atoms: the palette where it fits the usual colours; the others lie at least 17 (CIE 1976) from every colour here,
#: with dichromatic vision too
ELEMENT_COLOURS = {
    "Li": PALETTE[2],
    "O": PALETTE[1],
    "Co": PALETTE[0],
    "S": PALETTE[4],
    "P": PALETTE[3],
    "Cl": PALETTE[5],
    "C": "#000000",
    "Mn": "#000066",
    "Ni": "#99FF99",
}
#: for further elements, in the order in which they come
_FURTHER = ("#F0E442", "#0000FF", GREY)

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    # else every drawing measures all labels to see whether a title must move: no titled axes has labels above it
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "legend.frameon": False,
    "mathtext.default": "regular",
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
    "svg.hashsalt": "catholyte",
}
_WITHOUT_DATE: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}


#: level 6, the usual one, takes a fifth more of a picture's time for 2 % less of its size
_PACKED = {"compress_level": 4}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for every figure of the project, restored afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float, shape: tuple[int, int] = (1, 1), **grid: Any) -> tuple[Figure, list[Axes]]:
    """An empty figure and its axes, row by row.

    Parameters
    ----------
    width, height : float
        Inches.
    shape : tuple of int
        Rows and columns.
    **grid
        Of `matplotlib.figure.Figure.subplots`: ``sharex``, ``width_ratios`` and the like.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06))
    axes = figure.subplots(*shape, squeeze=False, **grid)
    return figure, list(axes.flat)


def caption(figure: Figure, *sentences: str) -> None:
    """Write what a reader must know (tier, reference, broadening …) below the axes; empty sentences are left out."""
    characters = int(figure.get_figwidth() * 16.5)  # DejaVu Sans at 7.5 points
    lines = textwrap.wrap(" ".join(s for s in sentences if s), characters)
    figure.supxlabel("\n".join(lines), x=0.015, ha="left", fontsize=7.5, color=GREY)


def line_look(index: int) -> dict[str, Any]:
    """Colour and dashes of the line number `index`: both differ from line to line, and no pair of them comes twice in
    36 lines."""
    turn = index // len(PALETTE)
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[(index + turn) % len(DASHES)]}


def element_colours(symbols: Iterable[str]) -> dict[str, str]:
    """Colour of every element, in the order of electronegativity; grey for all beyond those of which there is one.

    Parameters
    ----------
    symbols : iterable of str
    """
    from pymatgen.core.periodic_table import Element

    ordered = sorted(set(symbols), key=lambda symbol: (Element(symbol).X, symbol))
    further = iter(_FURTHER)
    return {symbol: ELEMENT_COLOURS.get(symbol) or next(further, GREY) for symbol in ordered}


def save_figure(figure: Figure, path: str | Path, formats: Sequence[str] = ("svg", "pdf", "png")) -> list[Path]:
    """Write a figure as SVG, PDF and PNG (200 dpi), without a date, so that equal figures are equal files.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        Without suffix; the folder is made where it is missing.
    formats : sequence of str
        Of svg, pdf, png.

    Returns
    -------
    list of Path
        The files, in the order of `formats`.
    """
    stem = Path(path)
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in formats]
    with style():
        _settle(figure)
        for file, suffix in zip(files, formats, strict=True):
            packed: dict[str, Any] = {"pil_kwargs": _PACKED} if suffix == "png" else {}
            figure.savefig(file, format=suffix, dpi=200, metadata=_WITHOUT_DATE[suffix], **packed)
    return files


def _settle(figure: Figure) -> None:
    """Lay the figure out once: with a layout engine, even a placeholder, every file would cost a further drawing.

    Places are kept to a millionth of the figure: the solver's last digits differ between runs, and with them the names
    in an SVG.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.execute(figure)
        figure.set_layout_engine(None)
        for ax in figure.axes:
            ax.apply_aspect()
            x, y, width, height = ax.get_position().bounds
            ax.set_position((round(x, 6), round(y, 6), round(width, 6), round(height, 6)))


def to_svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element for embedding in HTML, without XML prolog."""
    buffer = io.StringIO()
    with style():
        _settle(figure)
        figure.savefig(buffer, format="svg", metadata=_WITHOUT_DATE["svg"])
    text = buffer.getvalue()
    return text[text.index("<svg") :]
