"""Folders with VASP input, whoever wrote them: read by pymatgen, and told apart by what they calculate."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...configs.load import engine_settings
from ...configs.models import Mesh
from ...structures.crystals.guard import require_sane
from ..engines.vasp.cells import VaspCell, vasp_cell
from ..engines.vasp.parallel import irreducible_points
from ..engines.vasp.settings import VaspSettings
from ..vasp_output.files import read_text
from ..vasp_output.find import walk
from ..vasp_output.outcar import require_few_atoms

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Poscar

__all__ = ["InputSet", "read_sets"]

#: elements of which an ion with 1 to 9 d electrons is the rule in an oxide, a sulfide or a halide
OPEN_SHELLS = frozenset({"V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"})
#: Å, of a cell that can hold two crystals on each other
_STACK = 12.0
#: share of the height that an element leaves empty in one part of a stack
_EMPTY_SHARE = 0.36
#: NEDOS above VASP's own is asked for by those who read the density of states
_DEFAULT_NEDOS = 301

#: tags that the rules read as numbers, and as lists of them
_NUMBERS = (
    "ENCUT", "IBRION", "ICHARG", "ISIF", "ISPIN", "ISTART", "ISYM", "KPAR", "LMAXMIX", "MDALGO", "NEDOS", "NELMIN",
    "NSW", "NUPDOWN", "SMASS",
)  # fmt: skip
_LISTS = ("MAGMOM", "LDAUU", "LDAUL", "LDAUJ")

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
    valences : dict
        Name to ZVAL, where it is known.
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
    valences: dict[str, float] = field(default_factory=dict)
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
        """Whether it has moments."""
        return int(self.tags.get("ISPIN", 1)) == 2 or self.noncollinear

    @property
    def moments(self) -> list[float]:
        """MAGMOM, µB; VASP's own of 1 each where none is given. Of a noncollinear run the length of each vector, with
        the sign of its largest component."""
        given = self.tags.get("MAGMOM")
        if given is None:
            return [1.0] * len(self.structure)
        numbers = np.array([np.ravel(getattr(m, "moment", m)) for m in given], dtype=float)
        if self.noncollinear and numbers.size == 3 * len(self.structure):
            vectors = numbers.reshape(-1, 3)
            largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)[:, 0]
            return [float(m) for m in np.sign(largest) * np.linalg.norm(vectors, axis=1)]
        return [float(m) for m in np.ravel(numbers)]

    @property
    def noncollinear(self) -> bool:
        """Whether moments are vectors."""
        return bool(self.tags.get("LNONCOLLINEAR") or self.tags.get("LSORBIT"))

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

    @property
    def electrons(self) -> float | None:
        """Valence electrons, NELECT where it is written; None where a pseudopotential is not known."""
        if "NELECT" in self.tags:
            return float(self.tags["NELECT"])
        known = {name.partition("_")[0]: self.valences.get(name) for name in self.potcars}
        found = [known.get(symbol) for symbol in self.symbols]
        return None if None in found else sum(value or 0.0 for value in found)

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


def read_sets(folders: Iterable[Path]) -> tuple[list[InputSet], dict[Path, str]]:
    """Return every folder with an INCAR and a POSCAR at or below the given ones, and folders of which a file cannot be
    read, with the reason.

    Parameters
    ----------
    folders : iterable of Path

    Raises
    ------
    InputError
        If a folder does not exist, or none holds input that can be read: the first file is named.
    """
    known = _known_potcars()
    found: dict[Path, InputSet] = {}
    damaged: dict[Path, str] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
        for where in sorted(place for place, _, names in walk(folder) if "INCAR" in names):
            place = where.resolve()
            if place in found or where in damaged or not (where / "POSCAR").exists():
                continue
            try:
                found[place] = _read(where, known)
            except CatholyteError as error:
                damaged[where] = error.message
    if not found and damaged:
        raise InputError(next(iter(damaged.values())))
    if not found:
        raise InputError("no folder with INCAR and POSCAR was found", "name the folders of the runs, or one above them")
    return list(found.values()), damaged


def _read(folder: Path, known: dict[str, tuple[float | None, float]]) -> InputSet:
    from pymatgen.io.vasp.inputs import Incar, Kpoints

    with _told(folder / "INCAR", "INCAR"):
        incar = Incar.from_str(read_text(folder / "INCAR"))
        tags = {str(key).upper(): value for key, value in incar.items()}
    names, here = _potcars(folder)
    potcars = {**known, **here}
    start = _poscar(folder / "POSCAR", names)
    ended = _poscar(folder / "CONTCAR", names) if _has_text(folder / "CONTCAR") else None
    mesh: Mesh | None = None
    gamma = True
    if (file := folder / "KPOINTS").is_file():
        with _told(file, "KPOINTS file"):
            kpoints = Kpoints.from_str(read_text(file))
            style = kpoints.style.name
            if style in ("Gamma", "Monkhorst") and len(kpoints.kpts[0]) == 3:
                mesh = (int(kpoints.kpts[0][0]), int(kpoints.kpts[0][1]), int(kpoints.kpts[0][2]))
                gamma = not any(kpoints.kpts_shift) and (style == "Gamma" or all(n % 2 for n in mesh))
        if mesh is not None and min(mesh) < 1:
            raise InputError(f"{file}: a mesh of {'×'.join(map(str, mesh))} has no k points")
    found = InputSet(
        folder,
        tags,
        start.structure,
        mesh,
        gamma,
        names,
        {name: limit for name, (limit, _) in potcars.items() if limit is not None},
        {name: valence for name, (_, valence) in potcars.items()},
        thermostat=start.predictor_corrector is not None,
        ended=ended.structure if ended else None,
        ended_thermostat=ended is not None and ended.predictor_corrector is not None,
    )
    _require_fitting(found)
    return found


@contextmanager
def _told(file: Path, what: str) -> Iterator[None]:
    """Name a file that parsers stumble over, and what it should be."""
    if not file.is_file():
        raise InputError(f"{file} is no file")
    try:
        yield
    except CatholyteError:
        raise
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        told = " ".join(str(error).split())[:120]
        raise InputError(f"{file} is no {what} ({type(error).__name__}: {told})") from None


def _has_text(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _poscar(file: Path, names: Sequence[str]) -> Poscar:
    """A POSCAR or CONTCAR; where it names no elements, those of the POTCAR."""
    from pymatgen.io.vasp.inputs import Poscar

    with _told(file, "whole POSCAR"), warnings.catch_warnings():
        text = read_text(file)
        require_few_atoms(file, text)
        warnings.simplefilter("ignore")  # about elements that are made up, which are not taken
        found = Poscar.from_str(text)
        if not found.true_names and names:
            found = Poscar.from_str(text, default_names=[name.partition("_")[0] for name in names])
    if not found.true_names:
        raise InputError(
            f"{file} names no elements, as VASP 4 wrote it, and no POTCAR stands beside it",
            "write the symbols in a line above the numbers of atoms",
        )
    require_sane(found.structure, file)
    return found


def _require_fitting(one: InputSet) -> None:
    """Refuse words where a tag of the INCAR needs numbers, and lists that do not belong to this POSCAR."""
    for tag in (*_NUMBERS, *_LISTS):
        for value in np.ravel(one.tags.get(tag, 0)).tolist():
            if not isinstance(getattr(value, "moment", value), (int, float, np.ndarray)) or value != value:
                raise InputError(f"{one.folder / 'INCAR'}: {tag} = {str(value)[:40]} is no number")
    if "MAGMOM" in one.tags and len(one.moments) != len(one.symbols):
        raise InputError(
            f"{one.folder / 'INCAR'}: MAGMOM has {len(one.moments)} moments, and the POSCAR {len(one.symbols)} atoms"
        )
    for tag in _LISTS[1:]:
        values = one.tags.get(tag)
        if isinstance(values, list) and len(values) != len(one.species):
            raise InputError(
                f"{one.folder / 'INCAR'}: {tag} has {len(values)} values, and the POSCAR {len(one.species)} species"
            )
    if one.ended is not None and one.ended.composition != one.structure.composition:
        told = (one.ended.composition.formula, one.structure.composition.formula)
        raise InputError(f"{one.folder / 'CONTCAR'} holds {told[0]}, and POSCAR {told[1]}: it is of another run")
    elements = [name.partition("_")[0] for name in one.potcars]
    if elements and elements != one.species:
        raise InputError(
            f"{one.folder}: the POTCARs are of {', '.join(elements)}, and the POSCAR holds {', '.join(one.species)}"
        )


def _potcars(folder: Path) -> tuple[tuple[str, ...], dict[str, tuple[float | None, float]]]:
    """Names, and ENMAX (eV) and ZVAL by name where whole POTCARs are there."""
    spec, potcar = folder / "POTCAR.spec", folder / "POTCAR"
    if spec.is_file():
        return tuple(spec.read_text(encoding="utf-8", errors="replace").split()), {}
    if not potcar.is_file():
        return (), {}
    text = potcar.read_text(encoding="latin-1")
    names = tuple(match.split()[1] for match in re.findall(r"TITEL\s*=\s*(.+)", text) if len(match.split()) > 1)
    limits = [float(value) for value in re.findall(r"ENMAX\s*=\s*([\d.]+)", text)]
    valences = [float(value) for value in re.findall(r"ZVAL\s*=\s*([\d.]+)", text)]
    return names, dict(zip(names, zip(limits, valences, strict=False), strict=False))


def _known_potcars() -> dict[str, tuple[float | None, float]]:
    settings = engine_settings("vasp", VaspSettings, {})
    return {
        entry.symbol: (entry.enmax, entry.valence)
        for table in (settings.potcars, settings.md_potcars)
        for entry in table.values()
    }
