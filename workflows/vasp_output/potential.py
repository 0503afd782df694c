"""The planar average of a LOCPOT."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...configs.errors import InputError
from ..documents import PlanarPotential
from .files import read_text

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["read_locpot"]


def read_locpot(file: Path | None, run: Vasprun) -> PlanarPotential | None:
    """Planar average along c of the electrostatic potential energy of an electron.

    None where there is no LOCPOT, and where it holds exchange and correlation as well (LVTOT): its average is then not
    VASP's zero.

    Raises
    ------
    InputError
        If it is empty, truncated or corrupt.
    """
    if file is None or run.parameters.get("LVTOT"):
        return None
    head = re.match(
        r"(?:.*\n){6}(?:.*\S.*\n)+[ \t]*\n[ \t]*(\d+)[ \t]+(\d+)[ \t]+(\d+)[ \t]*\n", text := read_text(file)
    )
    if head is None:
        raise InputError(f"{file} is corrupt: no grid follows its structure")
    n_a, n_b, n_c = (int(number) for number in head.groups())
    wanted, lines = n_a * n_b * n_c, text[head.end() :].splitlines()
    try:
        values = (
            np.fromstring("\n".join(lines[: -(-wanted // max(len(lines[0].split()), 1))]), sep=" ")
            if lines
            else np.empty(0)
        )
    except ValueError as error:
        raise InputError(f"{file} is corrupt: {error}") from None
    if values.size != wanted or not np.isfinite(values).all():
        raise InputError(
            f"{file} is truncated: {values.size} of the {n_a} × {n_b} × {n_c} values of its grid are there"
        )
    planar = values.reshape(n_c, n_a * n_b).mean(axis=1)
    return PlanarPotential(
        values=planar.tolist(),
        kind="VASP: ionic and Hartree potential (LOCPOT with LVHAR), smooth inside the PAW spheres",
    )
