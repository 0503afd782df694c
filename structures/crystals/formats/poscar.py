"""A POSCAR of any VASP, and what other programs make of it, becomes a structure.

The format is that of the VASP wiki (vasp.at/wiki/POSCAR): one scale, a volume as a negative scale, or three scales;
elements that VASP 4 left to the POTCAR; selective dynamics; Cartesian or direct coordinates; velocities behind them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.arrays import Floats
from ....configs.errors import StructureError
from ..guard import MOST_ATOMS, first_of, note, require_cell, require_elements

__all__ = ["poscar_structure"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?")
_FLAGS = {"T": True, "F": False, ".TRUE.": True, ".FALSE.": False}
#: a species behind the coordinates: Co, Co3+, O2-, Ni0+
_SPECIES = re.compile(r"([A-Z][a-z]?)(?:(\d*\.?\d*)([+-]))?\d*$")
_GROUP = re.compile(r"([A-Z][a-z]?)(\d*)")


@dataclass(frozen=True)
class _Head:
    """What stands before the coordinates; `names` is None where the file names no elements (VASP 4)."""

    title: str
    matrix: Floats
    scales: Floats
    names: list[str] | None
    counts: list[int]
    selective: bool
    cartesian: bool
    first: int


def poscar_structure(text: str, source: Path) -> Structure:
    """Return the structure of a POSCAR.

    Parameters
    ----------
    text : str
    source : Path
        For messages; a POTCAR or POTCAR.spec beside it names the elements where the file does not.

    Returns
    -------
    Structure
        With the site property ``selective_dynamics`` where a direction is fixed, and oxidation states where they stand
        behind the coordinates of every atom.

    Raises
    ------
    StructureError
        If a line cannot be read, with its number, or nothing names the elements.
    """
    lines = text.split("\n")
    head = _head(lines, source)
    total = sum(head.counts)
    if len(lines) < head.first + total:
        raise StructureError(
            f"not readable as poscar: {total} atoms are announced, and {len(lines) - head.first} lines follow"
        )
    coords, flags, behind = [], [], []
    for k in range(head.first, head.first + total):
        values, rest = _coordinates(lines[k], k + 1)
        if head.selective:
            flags.append([_FLAGS.get(token.upper()[:7], True) for token in rest[:3]] or [True] * 3)
            rest = rest[3:]
        coords.append(values)
        behind.append(rest[0] if rest else "")
    names = _names(head, behind, source)
    require_elements(names, source)
    symbols = [name for name, count in zip(names, head.counts, strict=True) for _ in range(count)]
    positions = np.array(coords, dtype=float).reshape(total, 3)
    structure = Structure(
        head.matrix,
        _charged(symbols, behind),
        positions * head.scales if head.cartesian else positions,
        coords_are_cartesian=head.cartesian,
    )
    if any(not all(flag) for flag in flags):
        structure.add_site_property("selective_dynamics", flags)
    return structure


def _head(lines: list[str], source: Path) -> _Head:
    if len(lines) < 8:
        raise StructureError(f"not readable as poscar: {len(lines)} lines; cell and atoms need 8 and more")
    rows = []
    for k in (2, 3, 4):
        values = _NUMBER.findall(_bare(lines[k]))
        if len(values) < 3:
            raise StructureError(
                f"not readable as poscar: line {k + 1} is no lattice vector: {lines[k].strip()[:40]!r}"
            )
        rows.append([_float(value) for value in values[:3]])
    matrix, scales = _scaled(np.array(rows), _bare(lines[1]), source)
    place = 5
    names: list[str] = []
    counts: list[int] = []
    while place < len(lines) and _bare(lines[place]) and not _is_counts(lines[place]):
        names += [re.split(r"[/_.]", token)[0] for token in _bare(lines[place]).split()]
        place += 1
        if place > 40:
            break
    while place < len(lines) and _is_counts(lines[place]) and (not names or len(counts) < len(names)):
        counts += [int(token) for token in _bare(lines[place]).split()]
        place += 1
    if not counts or min(counts) < 0 or sum(counts) == 0:
        raise StructureError("not readable as poscar: no line holds the numbers of atoms (line 6 or 7)")
    if sum(counts) > MOST_ATOMS:
        raise StructureError(f"{sum(counts)} atoms are announced; at most {MOST_ATOMS} are read")
    if names and len(names) != len(counts):
        raise StructureError(
            f"not readable as poscar: {len(names)} elements ({first_of(names, 8)}) and {len(counts)} numbers of atoms"
        )
    require_cell(matrix, sum(counts), source)
    mode = _bare(lines[place]) if place < len(lines) else ""
    selective = mode[:1] in ("s", "S")
    if selective:
        place += 1
        mode = _bare(lines[place]) if place < len(lines) else ""
    if not mode or _NUMBER.match(mode):
        raise StructureError(f"not readable as poscar: line {place + 1} has to say Direct or Cartesian")
    cartesian = mode[0] in "cCkK"
    if not cartesian and mode[0] not in "dDfF":
        note(source, f"the coordinates are called '{mode[:20]}' and taken as direct, as VASP does")
    return _Head(lines[0].strip(), matrix, scales, names or None, counts, selective, cartesian, place + 1)


def _scaled(rows: Floats, text: str, source: Path) -> tuple[Floats, Floats]:
    """Lattice vectors, Å, and what Cartesian coordinates are multiplied with along x, y and z."""
    values = [_float(token) for token in _NUMBER.findall(text)]
    if len(values) not in (1, 3) or not all(np.isfinite(values)) or 0.0 in values:
        raise StructureError(f"not readable as poscar: line 2 holds the scale, one number or three, not {text[:40]!r}")
    if len(values) == 3:
        if min(values) < 0:
            raise StructureError("not readable as poscar: of three scales in line 2 none may be negative")
        note(source, f"three scales: x, y and z are multiplied with {', '.join(f'{v:g}' for v in values)}")
        return rows * np.array(values), np.array(values)
    scale = values[0]
    if scale < 0:
        volume = abs(float(np.linalg.det(rows)))
        if volume < 1e-6:
            raise StructureError("not readable as poscar: the lattice vectors lie in one plane")
        scale = (-scale / volume) ** (1 / 3)
    return rows * scale, np.full(3, scale)


def _is_counts(line: str) -> bool:
    tokens = _bare(line).split()
    return bool(tokens) and all(re.fullmatch(r"\d{1,9}", token) for token in tokens)


def _bare(line: str) -> str:
    return re.split(r"[!#]", line)[0].strip()


def _float(text: str) -> float:
    return float(text.replace("d", "e").replace("D", "e"))


def _coordinates(line: str, number: int) -> tuple[list[float], list[str]]:
    """Three numbers, apart or glued by their signs, and the words behind them."""
    body = line.split("!")[0]
    values: list[float] = []
    place = 0
    while len(values) < 3:
        match = re.compile(r"\s*").match(body, place)
        place = match.end() if match else place
        found = _NUMBER.match(body, place)
        if found is None:
            raise StructureError(f"not readable as poscar: line {number} is no position: {line.strip()[:40]!r}")
        values.append(_float(found[0]))
        place = found.end()
    return values, body[place:].split()


def _names(head: _Head, behind: list[str], source: Path) -> list[str]:
    """Elements of the groups: from their line, the words behind the coordinates, the POTCAR, or a title that fits."""
    beside = _potcar_names(source)
    if head.names is not None:
        if beside and len(beside) == len(head.names) and beside != head.names:
            note(
                source,
                f"the POTCAR beside it names {' '.join(beside)}, and the file {' '.join(head.names)}: the file's "
                "names are taken",
            )
        return head.names
    written = _groups_behind(head.counts, behind)
    if written:
        note(source, f"no line names the elements: {' '.join(written)} from the words behind the coordinates")
        return written
    if beside and len(beside) == len(head.counts):
        note(source, f"no line names the elements: {' '.join(beside)} from the POTCAR beside it")
        return beside
    titled = _title_names(head)
    if titled:
        note(source, f"no line names the elements: {' '.join(titled)} from the title '{head.title[:40]}'")
        return titled
    raise StructureError(
        f"a POSCAR of VASP 4 names no elements, and its {len(head.counts)} groups of "
        f"{' '.join(map(str, head.counts))} atoms could be any: put their symbols in a line before these numbers, or "
        "the POTCAR beside the file"
    )


def _groups_behind(counts: list[int], behind: list[str]) -> list[str] | None:
    names, place = [], 0
    for count in counts:
        group = {match[1] for word in behind[place : place + count] if (match := _SPECIES.match(word))}
        if len(group) != 1 or not Element.is_valid_symbol(min(group)):
            return None
        names.append(min(group))
        place += count
    return names


def _potcar_names(source: Path) -> list[str] | None:
    for name in ("POTCAR", "POTCAR.spec"):
        path = source.parent / name
        try:
            text = path.read_text(encoding="latin-1")[:50_000_000] if path.is_file() else ""
        except OSError:
            continue
        titles = re.findall(r"TITEL\s*=\s*\S+\s+(\S+)", text) if name == "POTCAR" else text.split()
        names = [title.split("_")[0].split(".")[0] for title in titles]
        if names and all(Element.is_valid_symbol(symbol) for symbol in names):
            return names
    return None


def _title_names(head: _Head) -> list[str] | None:
    """Elements of a title such as 'Li Co O' or 'Li3 Co3 O6'; None unless it holds nothing else and the numbers fit."""
    words = head.title.split() if " " in head.title.strip() else [m[0] for m in _GROUP.finditer(head.title)]
    matches = [_GROUP.fullmatch(word) for word in words]
    if "".join(words) != head.title.replace(" ", "") or len(words) != len(head.counts):
        return None
    names = [match[1] for match in matches if match and Element.is_valid_symbol(match[1])]
    amounts = [int(match[2] or 0) for match in matches if match]
    if len(names) != len(words) or len(set(names)) < len(names):
        return None
    if any(amounts):
        full = np.array([amount or 1 for amount in amounts])
        if not np.array_equal(full * head.counts[0], np.array(head.counts) * full[0]):
            return None
    return names


def _charged(symbols: list[str], behind: list[str]) -> list[Species | Element]:
    """Species with the oxidation states behind the coordinates, where every atom has one of its own element."""
    matches = [_SPECIES.fullmatch(word) for word in behind]
    if not matches or not all(m and m[3] and m[1] == symbol for m, symbol in zip(matches, symbols, strict=True)):
        return [Element(symbol) for symbol in symbols]
    charges = [float(m[2] or 1) * (-1 if m[3] == "-" else 1) for m in matches if m]
    if abs(sum(charges)) > 1e-6:
        return [Element(symbol) for symbol in symbols]
    return [Species(symbol, charge) for symbol, charge in zip(symbols, charges, strict=True)]
