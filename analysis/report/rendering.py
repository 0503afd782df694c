"""How pages are made of templates: report and board share the environment and its filters."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..words import badge, file_stem, formula_text
from .content import Picture

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["environment"]

_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def environment(templates: Path) -> Environment:
    """Return the environment of a folder of templates: everything is escaped, and a missing name is an error.

    Parameters
    ----------
    templates : Path
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"chemical": _chemical, "figure": _inline_figure, "stem": file_stem, "badge": badge}
    return made


@lru_cache(maxsize=10_000)
def _chemical(text: str) -> Markup:
    """Escaped text with the numbers of formulas as subscripts."""
    from markupsafe import Markup, escape

    return Markup(
        re.sub(
            r"([₀-₉]+(?:\.[₀-₉]+)?)",
            lambda found: f"<sub>{found[0].translate(_DIGITS)}</sub>",
            str(escape(formula_text(text))),
        )
    )


def _inline_figure(picture: Picture) -> Markup:
    """The figure as inline SVG with its own ids, so that several figures of one page do not share clip paths."""
    from markupsafe import Markup, escape

    prefix = file_stem(picture.name)
    svg = re.sub(r"<metadata>.*?</metadata>", "", picture.svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.alt)}" ', 1))
