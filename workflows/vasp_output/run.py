"""A whole vasprun.xml, and the judgements that every reader of one makes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import CalculationError, InputError
from ...structures.crystals.vaspout import is_vaspout
from ..documents import is_stamped
from .atoms import AtomType
from .files import damage_named, read_text
from .vaspout import parse_vaspout

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = [
    "atom_types",
    "is_force_field",
    "parse_vasprun",
    "refuse_rehearsal",
    "require_electronic_convergence",
]


def parse_vasprun(file: Path, projected: bool = False, *, states: bool = True) -> Vasprun:
    """Parse a complete vasprun.xml or vaspout.h5; without `states`, no eigenvalues and no density of states are looked
    for.

    Raises
    ------
    InputError
        If it is empty, truncated, corrupt, or something else.
    """
    from pymatgen.io.vasp.outputs import Vasprun

    if file.name.endswith(".h5") or is_vaspout(file):
        return parse_vaspout(file, states=states)
    text = read_text(file)
    if "<modeling" not in text[:2000]:
        raise InputError(
            f"{file} is not a vasprun.xml: it has no <modeling> element",
            "give the vasprun.xml or the vaspout.h5 of the run: OUTCAR, DOSCAR and PROCAR alone are not enough",
        )
    if not text.rstrip().endswith("</modeling>"):
        raise InputError(
            f"{file} is truncated: VASP did not write the closing </modeling>, so the run was killed or is still going"
        )
    if not re.search(r"</calculation>|</energy>", text):
        raise InputError(f"{file} holds no ionic step")
    with damage_named(file), warnings.catch_warnings():
        # convergence is judged by the caller, and numbers that are none (*****) where they are used
        warnings.simplefilter("ignore")
        run = _completed(
            Vasprun(
                file, parse_potcar_file=False, parse_projected_eigen=projected, parse_dos=states, parse_eigen=states
            ),
            text,
        )
    _require_numbers(run, file)
    return run


def _require_numbers(run: Vasprun, file: Path) -> None:
    """Raise InputError where VASP wrote ***** or NaN for a place, a cell or an energy."""
    for number, step in enumerate(run.ionic_steps, 1):
        cell: Structure | None = step.get("structure")
        what = ""
        if cell is not None and not (np.isfinite(cell.lattice.matrix).all() and np.isfinite(cell.frac_coords).all()):
            what = "a position or the cell"
        if not all(np.isfinite(value) for name, value in step.items() if isinstance(value, float)):
            what = "an energy"
        if what:
            raise InputError(f"{file} is corrupt: {what} of ionic step {number} is no number")


def atom_types(file: Path, run: Vasprun) -> tuple[AtomType, ...]:
    """Groups of atoms in the file's order, one a POTCAR.

    Raises
    ------
    InputError
        If the table of them is damaged, or does not add up to the atoms of the cell.
    """
    kept: tuple[AtomType, ...] | None = getattr(run, "atom_types", None)  # of a vaspout.h5
    if kept is not None:
        return kept
    found = re.search(r"<atominfo>.*?</atominfo>", read_text(file), re.DOTALL)
    symbols = [site.specie.symbol for site in run.initial_structure]
    try:
        rows = fromstring(found.group()).findall("array[@name='atomtypes']/set/rc") if found else []
        cells = [[(cell.text or "").strip() for cell in row.findall("c")] for row in rows]
        counts = [int(row[0]) for row in cells]
        starts = [sum(counts[:i]) for i in range(len(counts))]
        types = tuple(
            AtomType(symbols[start], count, float(row[3]), row[4])
            for row, count, start in zip(cells, counts, starts, strict=True)
        )
    except (ParseError, ValueError, IndexError) as error:
        raise InputError(f"{file} is corrupt: its table of atom types is damaged ({error})") from None
    if sum(counts) != len(symbols) or any(
        symbol != kind.symbol
        for kind, start in zip(types, starts, strict=True)
        for symbol in symbols[start : start + kind.count]
    ):
        raise InputError(f"{file} is corrupt: its atom types are not those of the {len(symbols)} atoms of the cell")
    return types


def is_force_field(run: Vasprun) -> bool:
    """Whether a machine-learned force field of VASP moved the atoms, while it was trained or afterwards."""
    return bool(run.incar.get("ML_LMLFF"))


def _completed(run: Vasprun, text: str) -> Vasprun:
    """The run with every ionic step, those of a force field too, which stand outside ``<calculation>``."""
    run.pdos = getattr(run, "pdos", None) or []  # pymatgen leaves the attribute out where there is no <dos>
    if is_force_field(run):
        run.ionic_steps = list(_steps(text, run.initial_structure))
    return run


def _steps(text: str, start: Structure) -> Iterator[dict[str, Any]]:
    """Ionic steps in the file's order, without their electronic steps."""
    root = fromstring(text)
    loose = Element("loose")
    for part in root:
        if part.tag == "calculation":
            yield _step(part, start)
        elif part.tag in ("structure", "varray", "energy") and not part.get("name", "").endswith("pos"):
            loose.append(part)
            if part.tag == "energy":
                yield _step(loose, start)
                loose = Element("loose")


def _step(part: Element, start: Structure) -> dict[str, Any]:
    def rows(place: str) -> list[list[float]]:
        return [[float(word) for word in (row.text or "").split()] for row in part.findall(f"{place}/v")]

    cell = Structure(
        rows("structure/crystal/varray[@name='basis']"),
        start.species,
        rows("structure/varray[@name='positions']"),
        to_unit_cell=False,
    )
    values = {str(value.get("name")): float(value.text or "nan") for value in part.findall("energy/i")}
    forces, stress = rows("varray[@name='forces']"), rows("varray[@name='stress']")
    return {**values, "structure": cell, "forces": forces, "stress": stress or None, "electronic_steps": []}


def refuse_rehearsal(run: Vasprun, file: Path) -> None:
    """Raise InputError if the numbers are a rehearsal's."""
    if is_stamped(run.vasp_version):
        raise InputError(
            f"{file} was written by a rehearsal ({run.vasp_version}): its numbers are invented and are not analysed"
        )


def require_electronic_convergence(run: Vasprun, file: Path) -> None:
    """Raise CalculationError if the last electronic cycle ended at its limit; a vaspout.h5 before VASP 6.5 does not
    say."""
    if run.converged_electronic is False:
        raise CalculationError(
            f"the last electronic cycle of {file} is not converged", "raise NELM or change the mixing, and run it again"
        )
