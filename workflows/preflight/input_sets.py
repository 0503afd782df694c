"""Folders with VASP input, whoever wrote them: read by pymatgen, and told apart by what they calculate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.load import engine_settings
from ...configs.models import Mesh
from ..engines.vasp.cells import VaspCell, vasp_cell
from ..engines.vasp.parallel import irreducible_points
from ..engines.vasp.settings import VaspSettings

__all__ = ["InputSet", "read_sets"]

#: elements of which an ion with 1 to 9 d electrons is the rule in an oxide, a sulfide or a halide
OPEN_SHELLS = frozenset({"V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"})
#: Å, of a cell that can hold two crystals on each other
_STACK = 12.0
#: share of the height that an element leaves empty in one part of a stack
_EMPTY_SHARE = 0.36
#: NEDOS above VASP's own is asked for by those who read the density of states
_DEFAULT_NEDOS = 301

Kind = Literal["relax", "static", "dos", "md"]


@dataclass(frozen=True)
class InputSet:
    """The input of one run of VASP.

    Parameters
    ----------
    folder : Path
    tags : dict
        Of the INCAR.
    structure : Structure
        Of the POSCAR.
    mesh : tuple of int or None
        None where KSPACING stands in place of a KPOINTS file, or the k points are listed.
    gamma : bool
        Whether the mesh holds Γ.
    potcars : tuple of str
        Names of the pseudopotentials in the order of the POSCAR; empty where neither POTCAR nor POTCAR.spec is there.
    cutoffs : dict
        Name to ENMAX, eV, where it is known.
    thermostat : bool
        Whether the POSCAR holds variables of a thermostat, VASP's predictor-corrector block.
    ended : Structure or None
        Of a CONTCAR beside it.
    ended_thermostat : bool
        Whether that CONTCAR holds variables of a thermostat.
    """

    folder: Path
    tags: dict[str, Any]
    structure: Structure
    mesh: Mesh | None
    gamma: bool
    potcars: tuple[str, ...] = ()
    cutoffs: dict[str, float] = field(default_factory=dict)
    thermostat: bool = False
    ended: Structure | None = None
    ended_thermostat: bool = False

    @property
    def kind(self) -> Kind:
        """What it calculates."""
        steps = int(self.tags.get("NSW", 0))
        mover = int(self.tags.get("IBRION", -1 if steps in (0, 1) else 0))
        if steps > 0 and mover == 0:
            return "md"
        if steps > 0 and mover in (1, 2, 3):
            return "relax"
        return "dos" if int(self.tags.get("NEDOS", _DEFAULT_NEDOS)) > _DEFAULT_NEDOS else "static"

    @property
    def spin(self) -> bool:
        """Whether it is spin-polarised."""
        return int(self.tags.get("ISPIN", 1)) == 2

    @property
    def moments(self) -> list[float]:
        """MAGMOM, µB; VASP's own of 1 each where none is given."""
        given = self.tags.get("MAGMOM")
        return (
            [1.0] * len(self.structure)
            if given is None
            else [float(np.max(np.abs(m))) * np.sign(np.sum(m)) for m in given]
        )

    @property
    def symbols(self) -> list[str]:
        """Element of each site."""
        return [site.specie.symbol for site in self.structure]

    @property
    def species(self) -> list[str]:
        """Runs of equal elements, as LDAUU and POTCAR count them."""
        runs: list[str] = []
        for symbol in self.symbols:
            if not runs or runs[-1] != symbol:
                runs.append(symbol)
        return runs

    @property
    def hubbard_u(self) -> dict[str, float]:
        """U by element, eV; only those above 0."""
        values = self.tags.get("LDAUU") if self.tags.get("LDAU") else None
        return {e: float(u) for e, u in zip(self.species, values or [], strict=False) if float(u) > 0}

    @property
    def composition(self) -> str:
        """Formula of the whole cell."""
        return self.structure.composition.formula.replace(" ", "")

    @property
    def open_shells(self) -> set[str]:
        """Elements of the cell whose ions have open d shells as a rule."""
        return set(self.symbols) & OPEN_SHELLS

    @cached_property
    def cell(self) -> VaspCell:
        """The cell, with its vacuum."""
        return vasp_cell(self.structure, self.folder.name)

    @property
    def points(self) -> int:
        """k points that are computed."""
        if self.mesh is None or prod(self.mesh) == 1:
            return 1
        return irreducible_points(
            self.cell, self.mesh, symmetry=self.tags.get("ISYM", 1) not in (0, -1), gamma=self.gamma
        )

    @property
    def largest_enmax(self) -> float | None:
        """eV; None where one of the pseudopotentials is not known."""
        known = [self.cutoffs.get(name) for name in self.potcars]
        return None if not known or None in known else max(value or 0.0 for value in known)

    @cached_property
    def stack(self) -> bool:
        """Whether two crystals lie on each other along c without vacuum: elements that share no height, or lithium in
        a part of it alone."""
        if self.structure.lattice.c < _STACK or self.cell.vacuum:
            return False
        heights = {e: self._heights(e) for e in set(self.symbols)}
        lithium = heights.get("Li")
        if lithium is not None and lithium.size > 2 and 1 - _width(lithium) > _EMPTY_SHARE:
            return True
        others = [found for element, found in heights.items() if element != "Li" and found.size > 2]
        return any(_apart(one, other) for k, one in enumerate(others) for other in others[:k])

    def _heights(self, element: str) -> np.ndarray:
        return np.sort([site.frac_coords[2] % 1.0 for site in self.structure if site.specie.symbol == element])


def _span(heights: np.ndarray) -> tuple[float, float]:
    """Beginning and width of the shortest interval of a periodic axis that holds all heights."""
    gaps = np.diff(np.append(heights, heights[0] + 1.0))
    widest = int(np.argmax(gaps))
    return float(heights[(widest + 1) % len(heights)]), float(1.0 - gaps[widest])


def _width(heights: np.ndarray) -> float:
    return _span(heights)[1]


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the intervals of two elements do not meet."""
    (begin, width), (second, breadth) = _span(one), _span(other)
    return (second - begin) % 1.0 > width and (begin - second) % 1.0 > breadth


def read_sets(folders: Iterable[Path]) -> list[InputSet]:
    """Return every folder with an INCAR and a POSCAR at or below the given ones.

    Parameters
    ----------
    folders : iterable of Path

    Raises
    ------
    InputError
        If a folder does not exist, none holds input, or a file cannot be read: the file is named.
    """
    known = _known_cutoffs()
    found: dict[Path, InputSet] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
        for file in sorted(folder.rglob("INCAR")):
            if (file.parent / "POSCAR").is_file():
                found.setdefault(file.parent.resolve(), _read(file.parent, known))
    if not found:
        raise InputError("no folder with INCAR and POSCAR was found", "name the folders of the runs, or one above them")
    return list(found.values())


def _read(folder: Path, known: dict[str, float]) -> InputSet:
    from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

    file = folder / "INCAR"
    try:
        tags = {str(key).upper(): value for key, value in Incar.from_file(file).items()}
        file = folder / "POSCAR"
        poscar = Poscar.from_file(file, check_for_potcar=False)
        structure = poscar.structure
        file = folder / "CONTCAR"
        written = file.is_file() and file.stat().st_size > 0
        contcar = Poscar.from_file(file, check_for_potcar=False) if written else None
        file = folder / "KPOINTS"
        kpoints = Kpoints.from_file(file) if file.is_file() else None
    except (ValueError, IndexError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from None
    mesh: Mesh | None = None
    gamma = True
    style = "" if kpoints is None else kpoints.style.name
    if kpoints is not None and style in ("Gamma", "Monkhorst") and len(kpoints.kpts[0]) == 3:
        mesh = (int(kpoints.kpts[0][0]), int(kpoints.kpts[0][1]), int(kpoints.kpts[0][2]))
        gamma = not any(kpoints.kpts_shift) and (style == "Gamma" or all(n % 2 for n in mesh))
    names, cutoffs = _potcars(folder)
    return InputSet(
        folder,
        tags,
        structure,
        mesh,
        gamma,
        names,
        {**known, **cutoffs},
        thermostat=poscar.predictor_corrector is not None,
        ended=contcar.structure if contcar else None,
        ended_thermostat=contcar is not None and contcar.predictor_corrector is not None,
    )


def _potcars(folder: Path) -> tuple[tuple[str, ...], dict[str, float]]:
    spec, potcar = folder / "POTCAR.spec", folder / "POTCAR"
    if spec.is_file():
        return tuple(spec.read_text(encoding="utf-8", errors="replace").split()), {}
    if not potcar.is_file():
        return (), {}
    text = potcar.read_text(encoding="latin-1")
    names = tuple(match.split()[1] for match in re.findall(r"TITEL\s*=\s*(.+)", text) if len(match.split()) > 1)
    limits = [float(value) for value in re.findall(r"ENMAX\s*=\s*([\d.]+)", text)]
    return names, dict(zip(names, limits, strict=False))


def _known_cutoffs() -> dict[str, float]:
    settings = engine_settings("vasp", VaspSettings, {})
    return {
        entry.symbol: entry.enmax
        for table in (settings.potcars, settings.md_potcars)
        for entry in table.values()
        if entry.enmax is not None
    }
