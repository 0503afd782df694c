"""What every figure shares: style, palette, captions, chemical subscripts, and writing to files.

Figures are built on `matplotlib.figure.Figure`, without pyplot and its global state, and are returned, not shown. The same
input gives the same SVG, byte for byte.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GREY", "PALETTE", "caption", "formula_text", "new_figure", "number", "save_figure", "style", "to_svg"]

#: Okabe and Ito, https://jfly.uni-koeln.de/color/ (2008): distinguishable with every common colour vision
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#5F6368"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
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


def formula_text(text: str) -> str:
    """Set the numbers of chemical formulas as subscripts (Unicode: mathtext costs milliseconds a formula) and ``->`` as an arrow.

    Words that are no formula (``NCM811``, ``LCO``) and coefficients (``0.5 Li2S``) stay as they are.

    Examples
    --------
    >>> formula_text("0.5 Li2S + NCM811")
    '0.5 Li₂S + NCM811'
    """
    return re.sub(r"[A-Za-z0-9.()]+", lambda word: _subscripts(word[0]), text.replace("->", "→"))


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _subscripts(word: str) -> str:
    from pymatgen.core.periodic_table import Element

    parts = re.findall(r"[A-Z][a-z]?|[()]|\d+(?:\.\d+)?", word)
    symbols = [part for part in parts if part[0].isalpha()]
    if "".join(parts) != word or not word[0].isalpha() + (word[0] == "(") or not symbols or not all(Element.is_valid_symbol(s) for s in symbols):
        return word
    return "".join(part.translate(_SUBSCRIPTS) for part in parts)


def number(value: float, digits: int = 2) -> str:
    """A number with a real minus sign, as matplotlib writes its tick labels; never ``-0.00``."""
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}".replace("-", "−")


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
            figure.savefig(file, format=suffix, dpi=200, metadata=_WITHOUT_DATE[suffix])
    return files


def _settle(figure: Figure) -> None:
    """Lay the figure out once: with a layout engine, even a placeholder, every file would cost a further drawing.

    Places are kept to a millionth of the figure: the solver's last digits differ between runs, and with them the names in an SVG.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        for ax in figure.axes:
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
