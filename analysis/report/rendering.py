"""How pages are made of templates: report and board share the environment and its filters."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from ..words import badge, file_stem, formula_text, tiers_in
from .content import Column, Picture

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


#: a line of text as matplotlib draws it: what it says, and one shape of the font for each character
_LINE = re.compile(
    r"<!-- (?P<words>(?:(?!-->).)*) -->\s*<g(?P<style>(?: style=\"[^\"]*\")?) transform=\"(?P<place>[^\"]*?) "
    r"scale\((?P<size>[\d.]+) -(?P=size)\)\">\s*(?:<defs>.*?</defs>\s*)?(?P<uses>(?:<use [^>]*/>\s*)+)</g>",
    re.DOTALL,
)
#: one of these shapes on the line's own height: id, then the place along the line in hundredths of the font's size
_SHAPE = re.compile(r'<use xlink:href="#(?P<id>[^"]*)"(?: transform="translate\((?P<x>[\d.]+) 0\)")?/>')
#: a shape of the font; that of a blank has no line
_OUTLINE = re.compile(r'<path id="(?P<id>[^"]+)"(?: d="[^"]*")? transform="scale\(0\.015625\)"/>')


def _drawn(svg: str) -> str:
    """A figure whose lines of text are text, each character at the place that matplotlib gave it; the rest compact.

    A shape for each character costs a browser a second for the figures of a page, and cannot be searched or read aloud.
    Lines with powers, and with ligatures, which are fewer shapes than characters, stay drawn.
    """
    from markupsafe import escape

    lines: list[str] = []

    def written(line: re.Match[str]) -> str:
        shapes, words = list(_SHAPE.finditer(line["uses"])), unescape(line["words"])
        if not len(shapes) == line["uses"].count("<use ") == len(words):
            return line[0]
        places = " ".join(f"{float(shape['x'] or 0):.0f}" for shape in shapes)
        weight = ' font-weight="700"' if "-Bold-" in shapes[0]["id"] else ""
        place = f'transform="{_compact(line["place"])} scale({line["size"]})"'
        lines.append(f'<text{line["style"]} {place} x="{places}"{weight}>{escape(words)}</text>')
        return f"<line {len(lines) - 1}/>"

    outlines = {found["id"]: found[0] for found in _OUTLINE.finditer(svg)}
    svg = re.sub(r"<defs>\s*</defs>", "", _OUTLINE.sub("", _LINE.sub(written, svg)))
    drawn = {found[1] for found in re.finditer(r'<use xlink:href="#([^"]*)"', svg)}
    still = "".join(outline for name, outline in outlines.items() if name in drawn)
    svg = _compact(svg.replace("</svg>", f"<defs>{still}</defs></svg>") if still else svg)
    return re.sub(r"<line (\d+)/>", lambda found: lines[int(found[1])], svg)  # words keep their digits and blanks


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
    svg = _drawn(picture.svg)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.alt)}" ', 1))
