"""The command ``materials``: the library, or one material of it in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..command import Command
from ..output import table, table_of

if TYPE_CHECKING:
    from ....configs.models import Material

__all__ = ["COMMAND", "materials"]

HEADS = ("name", "role", "formula", "spacegroup", "n_atoms", "disordered", "source")


def materials(
    name: Annotated[str | None, typer.Argument(help="Name of one material to show in full.")] = None,
) -> list[dict[str, Any]] | dict[str, Any]:
    """List the materials library, or show one material."""
    from ....configs.load import load_materials, material
    from ....structures.crystals.crystal import conventional

    if name is not None:
        return _in_full(material(name))
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
        table(document["name"], ("key", "value"), [(key, _short(value)) for key, value in document.items()])
        return
    rows = [{key: _short(row[key]) for key in HEADS} for row in document]
    table_of("materials (n_atoms: conventional cell)", {key: key for key in HEADS}, rows)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 70 else text[:67] + "…"


COMMAND = Command(materials, _show)
