"""What a report is made of: sections of texts, tables and figures, and the key numbers that they hand to the first
page."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..figures.style import save_figure, to_svg
from ..words import cell_text, file_stem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Answer", "Block", "Column", "Extrapolation", "KeyNumber", "Picture", "Section", "Table", "Text", "Value"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    key : str
        Of the rows.
    title : str
        With the unit.
    digits : int or str, optional
        Decimals in the page, or the key of the row that holds them; the CSV has all. None for text.
    sigma : str, optional
        Key of the value's uncertainty: shown behind ± in the page, a column of its own in the CSV.
    chemical : bool
        Set numbers of formulas as subscripts.
    """

    key: str
    title: str
    digits: int | str | None = None
    sigma: str | None = None
    chemical: bool = False

    def text(self, row: Mapping[str, Any]) -> str:
        """The cell of one row as the page shows it."""
        digits = row[self.digits] if isinstance(self.digits, str) else self.digits
        value = cell_text(row.get(self.key), digits)
        sigma = row.get(self.sigma) if self.sigma else None
        return value if sigma is None else f"{value} ± {cell_text(sigma, digits)}"


@dataclass(frozen=True)
class Table:
    """Rows with columns: shown in the page and written as CSV, where numbers keep all digits.

    Parameters
    ----------
    name : str
        Of the file, without suffix.
    title : str
        Above the table.
    columns : sequence of Column
    rows : sequence of mapping
        Key of a column to value; ``anchor`` names the row for links.
    note : str
        Below the table.
    shown : bool
        False for a table that only the CSV holds.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""
    shown: bool = True
    kind: Literal["table"] = "table"

    @cached_property
    def filled(self) -> list[Column]:
        """Columns in which at least one row has a value: the page shows no empty ones."""
        return [column for column in self.columns if any(row.get(column.key) not in (None, "") for row in self.rows)]

    def cells(self, row: Mapping[str, Any]) -> list[tuple[Column, str]]:
        """Filled columns with the text of one row."""
        return [(column, column.text(row)) for column in self.filled]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Key of the rows and title of every column of the CSV, where uncertainties have columns of their own."""
        return [
            field
            for c in self.columns
            for field in ((c.key, c.title), *([(c.sigma, f"uncertainty of {c.title}")] if c.sigma else []))
        ]

    def write(self, folder: Path) -> Path:
        """Write ``folder/NAME.csv`` (UTF-8) and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_stem(self.name)}.csv"
        keys, titles = zip(*self.fields, strict=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(titles)
            writer.writerows([["" if (value := row.get(key)) is None else value for key in keys] for row in self.rows])
        return path


@dataclass(frozen=True)
class Picture:
    """A figure with the name of its files and a sentence for readers who cannot see it."""

    name: str
    figure: Figure
    alt: str
    kind: Literal["picture"] = "picture"

    @cached_property
    def svg(self) -> str:
        """The figure as an ``<svg>`` element, drawn once for the page and the file."""
        return to_svg(self.figure)

    def write(self, folder: Path, formats: Sequence[str]) -> list[Path]:
        """Write ``folder/NAME`` in the given formats of svg, pdf and png, and return the paths; where the SVG stands
        there already, byte for byte, other files of the figure that stand beside it are not drawn again."""
        folder.mkdir(parents=True, exist_ok=True)
        stem, svg = file_stem(self.name), self.svg  # drawn first: the layout engine starts from the last drawing
        drawn, vector = [suffix for suffix in formats if suffix != "svg"], folder / f"{stem}.svg"
        others = [folder / f"{stem}.{suffix}" for suffix in drawn]
        same = vector.is_file() and vector.read_text(encoding="utf-8") == svg
        missing = [suffix for suffix, file in zip(drawn, others, strict=True) if not (same and file.is_file())]
        if not same:  # the SVG vouches for the files beside it: none of another figure stays, and it is written last
            for suffix in ("svg", "pdf", "png"):
                (folder / f"{stem}.{suffix}").unlink(missing_ok=True)
        save_figure(self.figure, folder / stem, missing)
        if "svg" in formats and not same:
            vector.write_text(svg, encoding="utf-8")
        return others + ([vector] if "svg" in formats else [])


@dataclass(frozen=True)
class Text:
    """A paragraph: plain, a note to be read with the numbers (one line each), or a problem that leaves numbers out."""

    text: str
    kind: Literal["plain", "note", "problem", "heading"] = "plain"


Block = Text | Table | Picture
#: beginnings of what ± means where it is one standard deviation
_DEVIATIONS = ("1σ", "standard error")


@dataclass(frozen=True)
class KeyNumber:
    """One line of the first table.

    Parameters
    ----------
    quantity : str
        What it is, with window, reference or part.
    value : float or None
        In `unit`; None where it does not exist.
    unit : str
    digits : int
        Decimals shown.
    uncertainty : float or None
        In `unit`, in the sense of `uncertainty_kind`.
    uncertainty_kind : str
        E.g. 1σ of entry errors, or spread over references.
    x : float or None
        Mixing ratio, where it has one.
    published : float or None
        In `unit`, for orientation.
    tier : str
        Label of :func:`..words.tier_label`.
    basis : str
        Jobs or entries of the phase set behind it.
    names : tuple of str
        Name of the declared quantity that it is a value of, then its arguments; empty for one that claims do not name.
    detail : str
        What happens in it, e.g. the reaction.
    """

    quantity: str
    value: float | None
    unit: str
    digits: int
    tier: str
    basis: str
    uncertainty: float | None = None
    uncertainty_kind: str = ""
    x: float | None = None
    published: float | None = None
    names: tuple[str, ...] = ()
    detail: str = ""

    @property
    def half_width(self) -> float | None:
        """Half of the interval in which the number is taken to lie: two standard deviations where the uncertainty is
        one, else the uncertainty (a spread, a range, a change); None without one."""
        if self.uncertainty is None:
            return None
        return (2.0 if self.uncertainty_kind.startswith(_DEVIATIONS) else 1.0) * self.uncertainty

    @property
    def deviation(self) -> float | None:
        """Value minus published value, in `unit`; None without both."""
        return None if self.value is None or self.published is None else self.value - self.published

    def row(self) -> dict[str, Any]:
        """Line of a table: every field that is shown, and the deviation."""
        shown = {key: value for key, value in vars(self).items() if key not in ("names", "detail")}
        return {**shown, "deviation": self.deviation}


@dataclass(frozen=True)
class Value:
    """One number as a campaign's matrix shows it.

    Parameters
    ----------
    row : tuple of str
        Materials: one, or cathode and electrolyte.
    quantity : str
        Column, unit included.
    text : str
        Digits, uncertainty included; empty where there is a problem.
    tier : str
        Tiers behind it.
    basis : str
        Uncertainty and source in words.
    problem : str
        Why there is no number.
    verdict : str
        What the number decides, in a word or two; empty where it decides nothing.
    """

    row: tuple[str, ...]
    quantity: str
    text: str = ""
    tier: str = ""
    basis: str = ""
    problem: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Extrapolation:
    """Where a number is taken beyond what it was made for.

    Parameters
    ----------
    row : tuple of str
        Materials, as in a :class:`Value`.
    text : str
        A sentence.
    """

    row: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Answer:
    """What the first screen says to a question.

    Parameters
    ----------
    sentences : tuple of str
        One or two, each with a number.
    picture : str
        Name of the figure of the chapter that shows it; empty where none does.
    tiers : str
        Tiers behind the numbers.
    """

    sentences: tuple[str, ...]
    picture: str = ""
    tiers: str = ""


@dataclass
class Section:
    """One chapter, filled block by block.

    Parameters
    ----------
    id : str
        Anchor.
    title : str
    blocks : list of Block
        In the order of reading.
    key_numbers : list of KeyNumber
        For the first page.
    warnings : list of str
        What a reader of the first page must know before using a number of this chapter.
    """

    id: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    key_numbers: list[KeyNumber] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def tables(self) -> list[Table]:
        """All tables, those that only the CSV holds included."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def pictures(self) -> list[Picture]:
        """All figures."""
        return [block for block in self.blocks if isinstance(block, Picture)]
