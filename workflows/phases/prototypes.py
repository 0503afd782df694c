"""Crystals of the phase set that are known structure types with other ions: ``configs/phases/sources/prototypes.yaml``.

The list is stated, so that a hull is not empty where nobody looked, and reproducible: each crystal is built from a
label of the AFLOW library that pymatgen ships, from a crystal of the material library with ions replaced, or from space
group and positions. What is built here is a start: cell and positions count after the relaxations of
:mod:`.relaxed_crystals`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice as CrystalLattice
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import CONFIGS, material, parse_shipped
from ...configs.models import Fractional, Lattice, Spec
from ...structures.crystals.cells import calculation_cell, canonical_order, require_neutral
from ...structures.crystals.crystal import check_distances, from_space_group

__all__ = ["PROTOTYPES", "Prototype", "PrototypeList", "prototype_composition", "prototypes", "start_cell"]

#: the list that ships
PROTOTYPES = CONFIGS / "phases" / "sources" / "prototypes.yaml"


class PrototypeCell(Lattice):
    """A crystal by space group and positions, approximate."""

    space_group: str
    sites: dict[str, tuple[tuple[Fractional, Fractional, Fractional], ...]] = Field(
        min_length=1, description="ion, e.g. Zr4+, to one position of each of its orbits"
    )


class Prototype(Spec):
    """One crystal of the list."""

    name: str = Field(pattern=r"^[A-Za-z0-9().\-]+$")
    aflow: str | None = Field(None, description="label of the AFLOW library as pymatgen ships it")
    like: str | None = Field(None, description="crystal of the material library or of this list")
    cell: PrototypeCell | None = None
    ions: dict[str, str] = Field(
        default_factory=dict,
        description="element of the AFLOW structure, ion of the other crystal or 'label ion' of its site, to the ion",
    )
    volume: float | None = Field(None, gt=0, description="Å³/atom; that of a predictor where left out, but for a cell")
    origin: str = Field("", description="citation of the structure type; needed for a cell")

    @model_validator(mode="after")
    def _one_way(self) -> Prototype:
        if sum(way is not None for way in (self.aflow, self.like, self.cell)) != 1:
            raise ValueError("exactly one of the keys 'aflow', 'like' and 'cell' is needed")
        if self.cell is not None and not self.origin:
            raise ValueError("a cell needs the key 'origin', where its structure type is published")
        return self


class PrototypeList(Spec):
    """Content of the file."""

    aflow_source: str
    crystals: tuple[Prototype, ...]
    left_out: dict[str, str] = Field({}, description="compound that was looked for and is none here, with the reason")

    @model_validator(mode="after")
    def _names_differ(self) -> PrototypeList:
        names = [crystal.name for crystal in self.crystals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two crystals are called {', '.join(twice)}")
        return self

    def source(self, crystal: Prototype) -> str:
        """Where the structure of a crystal comes from, as a sentence's end."""
        if crystal.aflow is not None:
            return f"{crystal.aflow}, {self.aflow_source}"
        return crystal.origin or f"the library's {crystal.like} with other ions"


@cache
def prototypes(path: Path = PROTOTYPES) -> PrototypeList:
    """Return the list; raises InputError with file and line as :func:`catholyte.configs.load.parse_shipped` does."""
    return parse_shipped(path, PrototypeList)


def start_cell(crystal: Prototype) -> Structure:
    """Return the primitive cell that relaxations of a crystal start from, the same bits on every call.

    Parameters
    ----------
    crystal : Prototype

    Returns
    -------
    Structure
        With oxidation states, or without where the list gives none (alloys).

    Raises
    ------
    InputError
        If a label, name or ion is unknown, or the cell is not what the name says.
    StructureError
        If the cell is not neutral, or atoms overlap.
    """
    found, model = _unscaled(crystal)
    if model is not None and crystal.volume is None:
        found.scale_lattice(model.volume * _bond_volume(found) / _bond_volume(model))
    if crystal.volume is not None:
        found.scale_lattice(crystal.volume * len(found))
    if found.composition.remove_charges().reduced_formula != prototype_composition(crystal).reduced_formula:
        raise InputError(f"{crystal.name}: its cell holds {found.composition.remove_charges().formula}")
    require_neutral(found, crystal.name)
    check_distances(found, label=crystal.name)
    return canonical_order(found)


def prototype_composition(crystal: Prototype) -> Composition:
    """Return what a crystal is by its name, which is its formula and, behind a hyphen, what tells two forms apart."""
    return Composition(crystal.name.split("-")[0])


def _unscaled(crystal: Prototype) -> tuple[Structure, Structure | None]:
    """The crystal in the volume of its model, and the model; None for one that is given by its own cell."""
    if crystal.cell is not None:
        return _from_cell(crystal.cell), None
    model = _of_aflow(crystal) if crystal.aflow is not None else _model(crystal)
    return _replaced(model, crystal), model


def _from_cell(cell: PrototypeCell) -> Structure:
    lattice = CrystalLattice.from_parameters(
        cell.a, cell.b or cell.a, cell.c or cell.a, cell.alpha, cell.beta, cell.gamma
    )
    places = [(ion, place) for ion, orbit in cell.sites.items() for place in orbit]
    whole = from_space_group(
        cell.space_group, lattice, [ion for ion, _ in places], [list(place) for _, place in places], tol=1e-2
    )
    return whole.get_primitive_structure()


@cache
def _aflow_library() -> Mapping[str, tuple[dict[str, Any], ...]]:
    """Structures by label, as they are written: to make all of them takes seconds. Several minerals may share one."""
    found: dict[str, tuple[dict[str, Any], ...]] = {}
    # the folder, not the package: importing that makes all of them
    packed = files("pymatgen.analysis") / "prototypes" / "aflow_prototypes.json.gz"
    text = gzip.decompress(packed.read_bytes())
    for entry in json.loads(text):
        label = entry["tags"]["aflow"]
        found[label] = (*found.get(label, ()), entry["snl"])
    return found


def _of_aflow(crystal: Prototype) -> Structure:
    library, label = _aflow_library(), crystal.aflow or ""
    if label not in library:
        raise InputError(f"{crystal.name}: unknown AFLOW label {label!r}; {near_match_hint(label, library)}")
    candidates = [Structure.from_dict(written) for written in library[label]]
    for candidate in candidates:
        if {element.symbol for element in candidate.composition} == set(crystal.ions):
            return candidate.get_primitive_structure()
    elements = sorted({element.symbol for candidate in candidates for element in candidate.composition})
    raise InputError(f"{crystal.name}: the key 'ions' must say what stands for {', '.join(elements)} of {label}")


def _model(crystal: Prototype) -> Structure:
    """The crystal of the library or the list whose ions are replaced."""
    name = crystal.like or ""
    listed = {other.name: other for other in prototypes().crystals}
    if name in listed:
        return start_cell(listed[name])
    try:
        return calculation_cell(material(name))
    except UnknownNameError:
        raise InputError(f"{crystal.name}: {name!r} is neither in the library nor in the list") from None


def _replaced(model: Structure, crystal: Prototype) -> Structure:
    labels = model.site_properties.get("wyckoff_label", [""] * len(model))
    found = Structure(model.lattice, [site.specie for site in model], model.frac_coords)
    used = set()
    for index, (site, label) in enumerate(zip(model, labels, strict=True)):
        key = next((key for key in (f"{label} {site.specie}", str(site.specie)) if key in crystal.ions), None)
        if key is not None:
            found.replace(index, crystal.ions[key])
            used.add(key)
    unused = sorted(set(crystal.ions) - used)
    if unused:
        ions = ", ".join(dict.fromkeys(str(site.specie) for site in model))
        raise InputError(f"{crystal.name}: no {', '.join(unused)} in {crystal.like}; its ions: {ions}")
    return found


def _bond_volume(structure: Structure) -> float:
    """Å³ of the cell at the bond lengths of many compounds (pymatgen's data-mined lattice scheme); the ratio of two of
    them takes the volume of one crystal to another of its type."""
    from pymatgen.analysis.structure_prediction.volume_predictor import DLSVolumePredictor

    bare = structure.copy()
    bare.remove_oxidation_states()
    predictor: Any = DLSVolumePredictor
    return float(predictor().predict(bare))
