"""The campaign matrix as a matrix: cathodes down, electrolytes across, one tab a layer between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .matrix import Cell, Line, Matrix

__all__ = ["GridCell", "Tab", "layers_of"]

#: what a cell shows where nothing is asked for: the first of these that its system has
_HEADLINES = ("mutual (eV/atom)", "worst interface (eV/atom)")


@dataclass(frozen=True)
class GridCell:
    """One cathode with one electrolyte.

    Parameters
    ----------
    line : Line
        All that is known of the system.
    column : str
        Name of the property that is shown.
    cell : Cell
        It.
    jobs : list of tuple
        Name and cell of every property that rests on jobs.
    """

    line: Line
    column: str
    cell: Cell
    jobs: list[tuple[str, Cell]]


@dataclass(frozen=True)
class Tab:
    """The contacts with one layer between them.

    Parameters
    ----------
    layer : str
        Empty where there is none.
    cathodes, electrolytes : list of str
        Rows and columns.
    cells : mapping of (str, str) to GridCell
        By cathode and electrolyte.
    """

    layer: str
    cathodes: list[str]
    electrolytes: list[str]
    cells: Mapping[tuple[str, str], GridCell]


def layers_of(matrix: Matrix, column: str = "") -> list[Tab]:
    """Return one tab for each layer, that without a layer first.

    Parameters
    ----------
    matrix : Matrix
    column : str
        Property to show; left out, the reaction energy, else the first that a system has.
    """
    tabs: dict[str, dict[tuple[str, str], GridCell]] = {}
    for line in matrix.lines:
        if line.contact and line.cells:
            tabs.setdefault(line.layer, {})[line.cathode, line.electrolyte] = _cell(line, column)
    return [
        Tab(layer, list(dict.fromkeys(a for a, _ in cells)), list(dict.fromkeys(b for _, b in cells)), cells)
        for layer, cells in sorted(tabs.items())
    ]


def _cell(line: Line, column: str) -> GridCell:
    shown = next((name for name in (column, *_HEADLINES) if name in line.cells), next(iter(line.cells)))
    jobs = [(name, cell) for name, cell in line.cells.items() if cell.keys]
    return GridCell(line, shown, line.cells[shown], jobs)
