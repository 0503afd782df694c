"""Symmetry of a CIF: the operations that it lists, or those of the space group and setting that it names."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import spglib
from pymatgen.core.lattice import Lattice

from ....configs.arrays import Floats
from ....configs.errors import StructureError
from .cif_text import Block

__all__ = ["Operation", "settings_of"]

#: rotation (3, 3) and translation (3,), on fractional coordinates as columns
Operation = tuple[Floats, Floats]

_LISTED = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop_operation_algebraic",
    "_space_group_symop_magn_operation_xyz",
)
_CENTRINGS = ("_space_group_symop_magn_centering_xyz",)
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_TERM = re.compile(r"([+-]?)(?:(\d+\.?\d*|\.\d+)(?:/(\d+))?)?\*?([xyz])?")
#: settings as database and refinement programs write them: 'R -3 m H', 'F d -3 m Z'
_SUFFIXES = {"h": "H", "r": "R", "s": "1", "z": "2", "1": "1", "2": "2"}
#: choices of the setting that a bare number may mean: unique axis b, cell choice 1, either origin, either R axes
_STANDARD = frozenset({"", "b", "b1", "1", "2", "H", "R"})
#: largest relative change of the metric by an operation of the cell; refined cells obey their symmetry
_METRIC = 0.03
#: most operations of one file; a face-centred cubic group has 192
_MOST = 5000


def settings_of(block: Block, lattice: Lattice) -> dict[str, list[Operation]]:
    """Operations of a data block, by the name of the setting; several where the file leaves the setting open.

    Parameters
    ----------
    block : Block
    lattice : Lattice
        Every operation keeps its metric.

    Returns
    -------
    dict of str to list of Operation
        Empty where the file says nothing of its symmetry.

    Raises
    ------
    StructureError
        If an operation cannot be read or does not fit the cell, or the space group is unknown.
    """
    listed = block.column(*_LISTED)
    listed = [text for text in listed or [] if text not in (".", "?")]
    if listed:
        centrings = block.column(*_CENTRINGS) or ["x,y,z"]
        if len(listed) * len(centrings) > _MOST:
            raise StructureError(f"{len(listed)} symmetry operations are listed; at most {_MOST} are read")
        operations = [_operation(text) for text in listed]
        for text, (rotation, _) in zip(listed, operations, strict=True):
            if not _keeps(rotation, lattice):
                raise StructureError(
                    f"the symmetry operation '{text}' does not fit the cell, as operations on hexagonal axes do not "
                    "fit a rhombohedral cell: give cell and operations of one setting"
                )
        shifts = [_operation(text)[1] for text in centrings]
        return {"as listed": [(rotation, move + shift) for shift in shifts for rotation, move in operations]}
    return _named(block, lattice)


def _named(block: Block, lattice: Lattice) -> dict[str, list[Operation]]:
    hall, name, listed_number = block.value(*_HALL), block.value(*_NAMES), block.value(*_NUMBERS)
    found: list[int] = []
    if hall is not None:
        found = [number for number, entry in _settings().items() if _squeezed(entry.hall_symbol) == _squeezed(hall)]
    if not found and name is not None:
        found = _by_name(name)
        if not found:
            raise StructureError(
                f"the space group '{name}' is unknown, and no symmetry operations are listed: give the loop of "
                "_space_group_symop_operation_xyz"
            )
    if not found and listed_number is not None and listed_number.isdigit():
        found = [
            number
            for number, entry in _settings().items()
            if entry.number == int(listed_number) and entry.choice in _STANDARD
        ]
        if not found:
            raise StructureError(f"the space group number {listed_number} does not exist; there are 230")
    fitting = {}
    for number in found:
        symmetry = spglib.get_symmetry_from_database(number)
        assert symmetry is not None  # the number is of the same table
        operations = list(zip(symmetry["rotations"].astype(float), symmetry["translations"], strict=True))
        if all(_keeps(rotation, lattice) for rotation, _ in operations):
            entry = _settings()[number]
            label = f"{entry.international_full} : {entry.choice}" if entry.choice else entry.international_full
            fitting[label] = operations
    if found and not fitting:
        raise StructureError(
            f"the space group '{name or hall or listed_number}' does not fit the cell with lengths "
            f"{', '.join(f'{x:g}' for x in lattice.abc)} Å and angles {', '.join(f'{x:g}' for x in lattice.angles)}°: "
            "give the loop of _space_group_symop_operation_xyz"
        )
    return fitting


def _by_name(name: str) -> list[int]:
    """Numbers of the Hall symbols that a Hermann-Mauguin symbol may mean; a setting behind a colon decides."""
    text, _, setting = name.partition(":")
    choice = setting.strip()
    squeezed = _squeezed(text)
    table = _table()
    if squeezed not in table and squeezed[:-1] in table and squeezed[-1] in _SUFFIXES and not choice:
        squeezed, choice = squeezed[:-1], _SUFFIXES[squeezed[-1]]
    found = table.get(squeezed, [])
    chosen = [number for number in found if choice and _settings()[number].choice.lower() == choice.lower()]
    chosen = chosen or [n for n in found if choice and _SUFFIXES.get(choice.lower()) == _settings()[n].choice]
    return chosen or found


def _squeezed(symbol: str) -> str:
    return re.sub(r"[\s_'\"]", "", symbol).lower()


@cache
def _settings() -> dict[int, spglib.SpaceGroupType]:
    """Every setting of the International Tables by its Hall number, 1 to 530."""
    found = {number: spglib.get_spacegroup_type(number) for number in range(1, 531)}
    return {number: entry for number, entry in found.items() if entry is not None}


@cache
def _table() -> dict[str, list[int]]:
    """Squeezed Hermann-Mauguin symbols to Hall numbers: those whose own symbol it is, else those of the group."""
    own: dict[str, list[int]] = {}
    loose: dict[str, list[int]] = {}
    for number, entry in _settings().items():
        names = {entry.international_full, entry.international.split("=")[-1]}
        if entry.number <= 15:  # P 21/n for P 1 21/n 1, and only where no group on axis b has that name P 21/b
            short = {re.sub(r" 1(?= |$)", "", entry.international_full)}
            names |= short if entry.choice.startswith("b") else set()
            for name in short:
                loose.setdefault(_squeezed(name), []).append(number)
        else:
            names |= {entry.international_short}
        for name in {_squeezed(name) for name in names}:
            own.setdefault(name, []).append(number)
        loose.setdefault(_squeezed(entry.international_short), []).append(number)
    return {**loose, **own}


def _operation(text: str) -> Operation:
    """Rotation and translation of ``-x+y, y, z+1/2``; a sign of time reversal behind them is left out."""
    parts = text.lower().replace(" ", "").strip("'\"").split(",")
    if len(parts) == 4 and parts[3] in ("1", "+1", "-1"):
        parts = parts[:3]
    if len(parts) != 3:
        raise StructureError(f"the symmetry operation '{text}' is not three parts such as x, y, z+1/2")
    rotation, shift = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(parts):
        terms = [match for match in _TERM.finditer(part) if match[0]]
        if "".join(match[0] for match in terms) != part or not part:
            raise StructureError(f"the symmetry operation '{text}' cannot be read at '{part}'")
        for match in terms:
            sign = -1.0 if match[1] == "-" else 1.0
            size = float(match[2]) / float(match[3] or 1) if match[2] else 1.0
            if match[4]:
                rotation[row, "xyz".index(match[4])] += sign * size
            elif match[2]:
                shift[row] += sign * _fraction(size)
            else:
                raise StructureError(f"the symmetry operation '{text}' cannot be read at '{part}'")
    if abs(abs(np.linalg.det(rotation)) - 1) > 1e-6:
        raise StructureError(f"the symmetry operation '{text}' is none: it changes volumes")
    return rotation, shift


def _fraction(value: float) -> float:
    """0.33333 as 1/3: translations of space groups are multiples of 1/24."""
    near = round(24 * value) / 24
    return near if abs(value - near) < 2e-3 else value


def _keeps(rotation: Floats, lattice: Lattice) -> bool:
    metric = lattice.matrix @ lattice.matrix.T
    change = rotation.T @ metric @ rotation - metric
    return bool(np.abs(change).max() <= _METRIC * np.abs(metric).max())
