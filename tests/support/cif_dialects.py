"""One crystal, LiCoO2 with 12 atoms, as many programs write it."""

from __future__ import annotations

import re

__all__ = ["LCO_ATOMS", "LCO_CELL", "R3M", "cif", "lco_cif", "listed", "without"]

LCO_CELL = {"length_a": "2.8156", "length_b": "2.8156", "length_c": "14.0542", "angle_gamma": "120"}
LCO_ATOMS = ("Li1 Li 0 0 0.5 1", "Co1 Co 0 0 0 1", "O1 O 0 0 0.2395 1")
_THIRDS = ("", "+1/3 +2/3 +2/3", "+2/3 +1/3 +1/3")
_POINT = (
    "x, y, z", "-y, x-y, z", "-x+y, -x, z", "y, x, -z", "x-y, -y, -z", "-x, -x+y, -z",
    "-x, -y, -z", "y, -x+y, -z", "x-y, x, -z", "-y, -x, z", "-x+y, y, z", "x, x-y, z",
)  # fmt: skip
#: the 36 operations of R -3 m on hexagonal axes
R3M = tuple(
    ", ".join(part + add for part, add in zip(operation.split(", "), (shift.split() or ["", "", ""]), strict=True))
    for shift in _THIRDS
    for operation in _POINT
)
_COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")


def cif(
    cell: dict[str, str],
    atoms: tuple[str, ...],
    operations: tuple[str, ...] = R3M,
    *,
    columns: tuple[str, ...] = _COLUMNS,
    values: tuple[str, ...] = ("_symmetry_space_group_name_H-M 'R -3 m :H'",),
    name: str = "test",
) -> str:
    """Return a CIF; without `operations` it has no loop of them."""
    lines = [f"data_{name}", *(f"_cell_{key} {value}" for key, value in cell.items()), *values]
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{operation}'" for operation in operations)]
    return "\n".join([*lines, "loop_", *(f"_atom_site_{column}" for column in columns), *atoms]) + "\n"


def lco_cif(**changes: object) -> str:
    """Return LiCoO2 as CIF, with some of the arguments of :func:`cif` changed."""
    return cif(**{"cell": LCO_CELL, "atoms": LCO_ATOMS, **changes})  # type: ignore[arg-type]


def listed(digits: int, *, ends: bool = False) -> tuple[str, ...]:
    """Return all 12 atoms; with `ends`, those on the faces of the cell again at 1, as drawing programs list them."""
    rows = []
    for symbol, z in (("Li", 0.5), ("Co", 0.0), ("O", 0.2395), ("O", -0.2395)):
        for x, y, up in ((0, 0, 0), (1 / 3, 2 / 3, 2 / 3), (2 / 3, 1 / 3, 1 / 3)):
            rows.append((symbol, x, y, (z + up) % 1))
    if ends:
        rows += [(s, float(x == 0), float(y == 0), z) for s, x, y, z in rows if x == 0]
    return tuple(
        f"{symbol}{k} {symbol} {x:.{digits}f} {y:.{digits}f} {z:.{digits}f} 1"
        for k, (symbol, x, y, z) in enumerate(rows)
    )


def without(text: str, key: str) -> str:
    """Return a CIF without the lines that begin with `key`."""
    return re.sub(rf"(?m)^{re.escape(key)}.*\n", "", text)
