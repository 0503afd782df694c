"""Names of materials for finished runs: by a file that names them, or by the library's crystals."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...configs.load import library_formulas, material, parse_file
from ...configs.models import Spec
from ...structures.by_name import find_material
from ...structures.crystals.cells import calculation_cell
from ..roles import Main, Role, read_role

if TYPE_CHECKING:
    from .outline import RunOutline

__all__ = ["ImportMap", "NamedRun", "library_names", "load_map", "name_of"]


class NamedRun(Spec):
    """What some runs are of."""

    path: str = Field(min_length=1, description="end of the folder's path, or a pattern such as */LCO/relax*")
    material: str = Field(min_length=1, description="name in the library, or any name of one's own")
    job: str | None = Field(None, description="name of the recipe's job that it answers; any that fits where left out")
    role: dict[str, Any] | None = Field(None, description="kind of the role and its numbers; the main calculation else")

    @field_validator("role")
    @classmethod
    def _is_a_role(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            read_role({"of": "any", **value})
        return value

    def names(self, place: Path) -> bool:
        """Whether a run lies where this says."""
        full = str(place.absolute())
        return fnmatch.fnmatch(full, f"*/{self.path.strip('/')}") or fnmatch.fnmatch(full, self.path)

    @property
    def told_role(self) -> Role:
        """The role, of this material."""
        told = {"kind": "main", "of": self.material, **(self.role or {})}
        return read_role(told) or Main(of=self.material)


class ImportMap(Spec):
    """Content of the file behind ``--map``."""

    runs: tuple[NamedRun, ...] = Field(min_length=1)

    def of(self, run: RunOutline) -> NamedRun | None:
        """The first line that names a run.

        Raises
        ------
        InputError
            If the material that it names is known and has another composition.
        """
        found = next((named for named in self.runs if named.names(run.found.path)), None)
        if found is not None:
            _require_composition(found, run.structure)
        return found


def load_map(path: Path) -> ImportMap:
    """Read the file of names.

    Raises
    ------
    InputError
        With file, line and key of every problem.
    """
    return parse_file(path, ImportMap)[0]


def library_names() -> dict[str, list[str]]:
    """Reduced formula to the names of the library's materials that have it."""
    from pymatgen.core.composition import Composition

    found: dict[str, list[str]] = {}
    for name, formula in library_formulas().items():
        found.setdefault(str(Composition(formula).reduced_formula), []).append(name)
    return found


def name_of(structure: Structure, names: dict[str, list[str]]) -> str:
    """The library's name of a crystal; its formula where the library has none that fits, or several.

    Parameters
    ----------
    structure : Structure
    names : dict
        From :func:`library_names`.
    """
    from pymatgen.analysis.structure_matcher import ElementComparator, StructureMatcher

    formula = str(structure.composition.remove_charges().reduced_formula)
    matcher = StructureMatcher(comparator=ElementComparator())
    fitting = []
    for name in names.get(formula, []):
        cell = calculation_cell(material(name)).copy()
        cell.remove_oxidation_states()
        if matcher.fit(cell, structure):
            fitting.append(name)
    return fitting[0] if len(fitting) == 1 else formula


def _require_composition(named: NamedRun, structure: Structure) -> None:
    try:
        cell = calculation_cell(find_material(named.material, Path.cwd()))
    except CatholyteError:
        return  # a name of one's own
    wanted, found = (one.composition.remove_charges().element_composition.reduced_formula for one in (cell, structure))
    if wanted != found:
        raise InputError(f"the map calls it {named.material}, which is {wanted}; it holds {found}")
