"""One guard in front of every reader of structures and trajectories: absurd numbers stop here, in a sentence.

Behind it lie codes in C that crash, hang or take all memory on them: a cell of zero volume, a lattice vector of 10¹¹ Å,
a coordinate that is not a number.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core.periodic_table import DummySpecies, Element
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import FileNote, StructureError

__all__ = [
    "MOST_ATOMS",
    "file_bytes",
    "first_of",
    "note",
    "require_cell",
    "require_columns",
    "require_elements",
    "require_sane",
    "require_size",
    "sane_frames",
]

#: Å; lengths of a cell
_LENGTHS = (0.5, 1000.0)
#: Å³ per atom: diamond has 5.7, a metal under pressure 3; a cell with 10⁴ is empty
_VOLUMES = (2.0, 1.0e4)
#: degrees; a cell flatter than that has no volume to speak of
_ANGLE = 5.0
#: largest fractional or Cartesian coordinate
_COORDINATE = 1.0e4
#: Å; an atom that diffuses for ever in an unwrapped trajectory stays below it
_POSITION = 1.0e7
#: charges of an ion: iridium's +9 is the highest known (Wang et al., Nature 514, 475, 2014)
_STATE = 9.0
#: µB and other numbers of one site
_PROPERTY = 1.0e6
MOST_ATOMS = 200_000
#: of a file that holds one structure
_MOST_BYTES = 200_000_000


def note(source: str | Path, text: str) -> None:
    """Tell how a file was read: a warning that commands show as a note."""
    warnings.warn(f"{source}: {text}", FileNote, stacklevel=2)


def require_size(path: Path) -> None:
    """Refuse a file too large to hold one structure.

    Raises
    ------
    StructureError
        With its size.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise StructureError(
            f"{path}: {size / 1e6:.0f} MB are too much for one structure; at most {_MOST_BYTES // 10**6} MB are read"
        )


def file_bytes(path: Path) -> bytes:
    """The content of a file, unpacked where its name ends in .gz, .bz2 or .xz.

    Raises
    ------
    StructureError
        If there is more of it than one structure can need.
    """
    openers: dict[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, "rb") as file:
        data: bytes = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise StructureError(f"{path}: more than {_MOST_BYTES // 10**6} MB are too much for one structure")
    return data


def require_columns(text: str, source: str | Path) -> None:
    """Refuse extended XYZ that announces columns or atoms by the billion: readers make room for them first.

    Raises
    ------
    StructureError
        Naming the column or the number of atoms.
    """
    wide = re.search(r"(\w{1,40}):[A-Za-z]:0*([1-9]\d{3,})", text)
    if wide:
        raise StructureError(f"{source}: the column '{wide[1]}' announces {wide[2][:20]} numbers an atom")
    many = re.search(r"^\s*0*([1-9]\d{6,})\s*$", text, re.MULTILINE)
    if many:
        raise StructureError(f"{source}: {many[1][:20]} atoms are announced; at most {MOST_ATOMS} are read")


def require_elements(symbols: Iterable[object], source: str | Path) -> None:
    """Refuse what is no element: dummies such as X, and letters such as L.

    Raises
    ------
    StructureError
        Naming them.
    """
    unknown = sorted({str(symbol) for symbol in symbols if not Element.is_valid_symbol(str(symbol))})
    if unknown:
        raise StructureError(
            f"{source}: {', '.join(_short(name) for name in unknown[:5])} "
            f"{'is no element' if len(unknown) == 1 else 'are no elements'}; name the element, and leave out "
            "dummies and vacancies"
        )


def require_cell(matrix: ArrayLike, n_atoms: int, source: str | Path) -> None:
    """Refuse a cell that no crystal has.

    Parameters
    ----------
    matrix : (3, 3) array, Å
        Lattice vectors, rows.
    n_atoms : int
        In the cell; 0 where it is not known.
    source : str or Path
        For the message.

    Raises
    ------
    StructureError
        If a number is not finite, a length lies outside 0.5 to 1,000 Å, the cell is flat, the volume per atom lies
        outside 2 to 10,000 Å³, or there are more than 200,000 atoms.
    """
    rows = np.asarray(matrix, dtype=float)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise StructureError(f"{source}: the cell holds a number that is not finite")
    if n_atoms > MOST_ATOMS:
        raise StructureError(f"{source}: {n_atoms} atoms in one cell; at most {MOST_ATOMS} are read")
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1)
    low, high = _LENGTHS
    for length in lengths:
        if not low < length < high:
            raise StructureError(f"{source}: a cell length of {length:.4g} Å; {low:g} to {high:g} Å are possible")
    unit = rows / lengths[:, None]
    if abs(np.linalg.det(unit)) < np.sin(np.radians(_ANGLE)) ** 2:
        raise StructureError(f"{source}: the vectors of the cell lie in one plane, so it has no volume")
    if n_atoms:
        volume = abs(float(np.linalg.det(rows))) / n_atoms
        low, high = _VOLUMES
        if not low < volume < high:
            raise StructureError(
                f"{source}: {volume:.4g} Å³ per atom; {low:g} to {high:g} Å³ are possible. Are the lengths in Å?"
            )


def sane_frames(cells: Floats, positions: Floats) -> NDArray[np.bool_]:
    """Which frames have numbers that a crystal can have: (n_frames,) bool array.

    Parameters
    ----------
    cells : (n_frames, 3, 3) float array, Å
    positions : (n_frames, n_sites, 3) float array, Å
    """
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(cells, axis=2)
        inside = (lengths < _LENGTHS[1]).all(axis=1)
        sane: NDArray[np.bool_] = inside & (np.abs(positions) < _POSITION).all(axis=(1, 2))
    return sane


def require_sane(structure: Structure, source: str | Path) -> None:
    """Refuse a structure with absurd numbers or atoms that are no elements; a molecule in an empty cell passes.

    Raises
    ------
    StructureError
        As :func:`require_cell` and :func:`require_elements`; or if a coordinate or a property of a site is not
        finite, or absurd.
    """
    if any(isinstance(species, DummySpecies) for site in structure for species in site.species):
        dummies = {s.symbol for site in structure for s in site.species if isinstance(s, DummySpecies)}
        require_elements(dummies, source)
    require_cell(structure.lattice.matrix, 0, source)
    n_atoms = round(sum(site.species.num_atoms for site in structure))
    require_cell(structure.lattice.matrix, n_atoms, source)
    require_numbers(structure.frac_coords, source, "coordinate", _COORDINATE)
    states = [getattr(species, "oxi_state", None) or 0.0 for site in structure for species in site.species]
    require_numbers(states, source, "oxidation state", _STATE)
    for name, values in structure.site_properties.items():
        for value in values:
            if isinstance(value, (int, float, np.ndarray, np.generic, list, tuple)):
                require_numbers(value, source, f"site property '{name}'", _PROPERTY)


def require_numbers(values: object, source: str | Path, what: str, most: float) -> None:
    """Refuse numbers that are not finite or larger than `most`; values that are no numbers pass.

    Raises
    ------
    StructureError
        Naming `what` and the value.
    """
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return
    wrong = numbers[~(np.abs(numbers) <= most)]
    if wrong.size:
        raise StructureError(f"{source}: a {what} of {wrong.flat[0]:g}; at most {most:g} is possible")


def _short(name: str) -> str:
    return repr(name if len(name) <= 12 else name[:12] + "…")


def first_of(names: Sequence[str], most: int = 4) -> str:
    """The first of many names, for messages."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
