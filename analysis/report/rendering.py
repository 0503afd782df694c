"""How pages are made of templates: report and board share the environment and its filters."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..words import badge, file_stem, formula_text, tiers_in
from .content import Column, Picture

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["environment", "shared_glyphs"]

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
    made.filters |= {
        "cell": _cell,
        "chemical": _chemical,
        "figure": _inline_figure,
        "stem": file_stem,
        "badge": badge,
        "tiers": tiers_in,
    }
    return made


@lru_cache(maxsize=10_000)
def _chemical(text: str) -> Markup:
    """Escaped text with the numbers of formulas as subscripts, and commands between backticks as code."""
    from markupsafe import Markup, escape

    lowered = re.sub(
        r"([₀-₉]+(?:\.[₀-₉]+)?)",
        lambda found: f"<sub>{found[0].translate(_DIGITS)}</sub>",
        str(escape(formula_text(text))),
    )
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", lowered))


#: characters of a text from which its cell is a wide one
_LONG = 46


@lru_cache(maxsize=10_000)
def _cell(column: Column, text: str) -> Markup:
    """One cell of a table; what ten thousand rows repeat is made once."""
    from markupsafe import Markup, escape

    shape = "number" if column.digits is not None else "long" if len(text) > _LONG else ""
    if text == "–":
        shape += " empty"
    inner = escape(text)
    if column.key == "tier":
        inner = Markup('<span class="tier {}">{}</span>').format(badge(text), text)
    elif column.key == "url" and text.startswith(("https://", "http://")):
        inner = Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(text)
    elif column.key == "state":
        inner = Markup('<span class="state {0}">{0}</span>').format(text)
    elif column.chemical:
        inner = _chemical(text)
    return Markup('<td data-label="{}" class="{}">{}</td>').format(column.title, shape, inner)


def _compact(svg: str) -> str:
    """A figure without what a page does not need: comments, metadata, indents, and decimals beyond a tenth of a point
    (a hundredth below 10; scales, which begin with 0, keep theirs)."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(?<![\w.])([1-9]\d+\.\d|[1-9]\.\d{2})\d+", r"\1", svg)
    return re.sub(r"\s+", " ", svg).replace("> <", "><")


def _inline_figure(picture: Picture) -> Markup:
    """The figure as inline SVG with its own ids, so that several figures of one page do not share clip paths."""
    from markupsafe import Markup, escape

    prefix = file_stem(picture.name)
    svg = _compact(picture.svg)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.alt)}" ', 1))


#: one character of a figure's text, and a place where it stands
_GLYPH = re.compile(r'<path id="([^"]+)" (d="[^"]*" transform="scale\(0\.015625\)")/>')
_USE = re.compile(r'xlink:href="#([^"]+)"(?: transform="translate\(([\d.\-]+) ([\d.\-]+)\)")?')


def shared_glyphs(html: str) -> str:
    """Return a page whose figures draw their characters from one set: each figure brings its own, most of the weight.

    Parameters
    ----------
    html : str
        With figures of :func:`environment`'s filter ``figure``.
    """
    shapes: dict[str, str] = {}
    names = {found[1]: shapes.setdefault(found[2], f"g{len(shapes)}") for found in _GLYPH.finditer(html)}

    def placed(found: re.Match[str]) -> str:
        if found[1] not in names:
            return found[0]
        x, y = (
            f' {axis}="{at}"' if at and float(at) else "" for axis, at in zip("xy", found.groups()[1:], strict=True)
        )
        return f'href="#{names[found[1]]}"{x}{y}'

    page = _USE.sub(placed, _GLYPH.sub("", html)).replace("<defs></defs>", "")
    drawn = "".join(f'<path id="{name}" {shape}/>' for shape, name in shapes.items())
    glyphs = f'<svg width="0" height="0" style="position: absolute" aria-hidden="true"><defs>{drawn}</defs></svg>'
    return page.replace("<main>", f"{glyphs}<main>", 1) if shapes else page
