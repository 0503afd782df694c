"""The command ``materials``: the library, one material of it in full, or what a structure file was read as."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.structures import Materials
from ..command import Command
from ..options import States
from ..output import say, table, table_of

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....configs.models import Material

__all__ = ["COMMAND", "materials"]

HEADS = ("name", "role", "formula", "spacegroup", "n_atoms", "disordered", "source")


def materials(
    name: Annotated[
        str | None, typer.Argument(help="Name of one material to show in full, or the path of a structure file.")
    ] = None,
    states: States = None,
    out: Annotated[
        Path | None, typer.Option(help="YAML to write the material of a structure file to, for corrections by hand.")
    ] = None,
) -> list[dict[str, Any]] | dict[str, Any]:
    """List the materials library, show one material, or show what a structure file was read as.

    Raises
    ------
    InputError
        If the name is unknown, or the YAML cannot be written.
    StructureError
        If the file cannot be read.
    """
    from ....configs.load import load_materials
    from ....structures.by_name import find_material
    from ....structures.crystals.crystal import conventional
    from ....structures.crystals.files import is_structure_file

    if name is not None and is_structure_file(name):
        return _of_file(name, states, out)
    if states is not None or out is not None:
        raise InputError("--states and --out are for structure files; a material of the library has its YAML")
    if name is not None:
        return _in_full(find_material(name))
    return [
        {
            "name": found.name,
            "role": found.role,
            "formula": found.formula,
            "spacegroup": found.space_group,
            "n_atoms": round(conventional(found).composition.num_atoms, 3),
            "disordered": found.disordered,
            "title": found.title,
            "source": found.source,
        }
        for found in load_materials().values()
    ]


def _of_file(name: str, states: str | None, out: Path | None) -> dict[str, Any]:
    """What a structure file was read as: cell, symmetry, species with states and moments, ordered cell."""
    from pymatgen.core.lattice import Lattice

    from ....structures.by_name import material_from_file
    from ....structures.crystals.files import read_structure
    from ....structures.crystals.oxidation.states import parse_states
    from ....structures.crystals.symmetry import own_axes

    structure = read_structure(name)
    found = material_from_file(name, structure=structure, states=parse_states(states))
    axes, own = own_axes(structure)
    described = {
        "file": name,
        "name": found.name,
        "formula": found.formula,
        "composition": structure.composition.element_composition.formula,
        "n_atoms": round(structure.composition.num_atoms, 3),
        "lattice": [round(x, 6) for x in structure.lattice.parameters],
        "volume": structure.volume,
        "density_calculated": float(structure.density),
        "spacegroup": _space_group(structure),
        "shortest_distance": _shortest(structure),
        "species": _species(found),
        "disordered": found.disordered,
        "ordered_cell": found.ordered_cell.model_dump(mode="json") if found.ordered_cell else None,
        "miller_axes": [round(x, 6) for x in Lattice(axes).abc],
        "miller_axes_are_the_files": own,
        "notes": [],
    }
    if out is not None:
        described["yaml"] = str(_write_yaml(found, out))
    return described


def _space_group(structure: Structure) -> str | None:
    from ....structures.crystals.symmetry import space_group

    bare = structure.copy(site_properties={})
    return str(space_group(bare).get_space_group_symbol())


def _shortest(structure: Structure) -> float | None:
    """Smallest distance of two atoms, Å; places that are both partly occupied do not count."""
    import numpy as np

    partial = np.array([site.species.num_atoms < 1 - 1e-6 for site in structure])
    distances = structure.distance_matrix + np.diag(np.full(len(structure), np.inf))
    distances[np.ix_(partial, partial)] = np.inf
    shortest = float(distances.min()) if len(structure) > 1 else float("inf")
    return shortest if np.isfinite(shortest) else None


def _species(found: Material) -> list[dict[str, Any]]:
    """One row for each species: how many there are in the cell, and the moment that one starts with (octahedral)."""
    from pymatgen.core.periodic_table import Species

    from ....structures.crystals.magnetism import unpaired_electrons

    amounts: dict[str, float] = {}
    for site in found.sites:
        for text, share in site.species.items():
            amounts[text] = amounts.get(text, 0.0) + share
    rows = []
    for text, amount in amounts.items():
        spin = found.magnetism.spin_states.get(text, "high")
        moment = unpaired_electrons(Species.from_str(text), "octahedral", spin) if text[-1] in "+-" else 0.0
        rows.append({"species": text, "amount": round(amount, 4), "spin": spin, "moment": moment})
    return rows


def _write_yaml(found: Material, out: Path) -> Path:
    """Write a material as a YAML that :func:`~catholyte.configs.load.material` reads; its name is that of the file."""
    from ruamel.yaml import YAML

    if out.suffix != ".yaml":
        raise InputError(f"{out}: the YAML of a material ends in .yaml")
    content = found.model_copy(update={"name": out.stem}).model_dump(mode="json", exclude_defaults=True)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            YAML().dump(content, file)
    except FileExistsError:
        raise InputError(f"{out} exists, and is not overwritten") from None
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
    return out


def _in_full(found: Material) -> dict[str, Any]:
    """The file's content, and what its structure is like."""
    from ....structures.crystals.crystal import conventional

    structure = conventional(found)
    described = {
        "spacegroup": found.space_group,
        "composition": structure.composition.element_composition.formula,
        "n_atoms": round(structure.composition.num_atoms, 3),
        "volume": structure.volume,
        "density_calculated": float(structure.density),
        "disordered": found.disordered,
    }
    if found.disordered:
        described["says"] = (
            "partial occupancies: this is the disordered structure; calculations run on the ordered cell described by "
            "ordered_cell"
        )
    return {**found.model_dump(mode="json"), **described}


def _show(document: list[dict[str, Any]] | dict[str, Any]) -> None:
    if isinstance(document, dict):
        shown = {key: value for key, value in document.items() if key not in ("notes", "yaml")}
        rows = shown.pop("species") if "file" in document else []
        table(document["name"], ("key", "value"), [(key, _spelled(value)) for key, value in shown.items()])
        if rows:
            rows = [{**row, "spin": row["spin"] if row["moment"] or row["spin"] == "low" else None} for row in rows]
            heads = {"species": "species", "amount": "in the cell", "spin": "spin", "moment": "moment (µB)"}
            table_of("species as read or guessed", heads, rows)
        if "yaml" in document:
            say(document["yaml"])
        return
    rows = [{key: _short(row[key]) for key in HEADS} for row in document]
    table_of("materials (n_atoms: conventional cell)", {key: key for key in HEADS}, rows)


def _spelled(value: Any) -> str:
    """A value in full, for a reader: numbers with the digits that say something, records a line each."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_spelled(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list):
        return ("\n" if any(isinstance(one, dict) for one in value) else ", ").join(map(_spelled, value))
    return "-" if value is None else str(value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 70 else text[:67] + "…"


COMMAND = Command(materials, _show, Materials)
