"""The command ``reconstruct``: outer layers of a layered oxide converted to rock salt, written to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ....configs.errors import InputError, StructureError
from ..answers.structures import Reconstructions
from ..command import Command
from ..options import FileFormat, OutFolder, require_known
from ..output import ending, signed_amounts, table, unspaced_formula, write_cell

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....structures.defects.reconstruction import Faces, Reconstruction

__all__ = ["COMMAND", "reconstruct"]

HEADS = ("slab", "layer", "formula", "atoms", "atoms that came and left", "ions of the layer", "misfit (%)", "file")


def reconstruct(
    slab: Annotated[str, typer.Argument(help="Structure file of a slab, or a layered cathode of which one is cut.")],
    out: OutFolder,
    miller: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Facet h k l of the slab that is cut, conventional axes.", metavar="H K L"),
    ] = None,
    slab_layers: Annotated[int, typer.Option(help="Least number of lattice planes of the slab that is cut.")] = 6,
    layers: Annotated[int, typer.Option(help="Number of metal planes to convert on each face.")] = 1,
    faces: Annotated[str, typer.Option(help="Faces to convert: both, top or bottom.")] = "both",
    filler: Annotated[
        str | None, typer.Option(help="Metal that takes lithium's place; the slab's most frequent one where left out.")
    ] = None,
    rock_salt: Annotated[
        str | None,
        typer.Option(help="Material of a coherent layer with its own plane distance instead: CoO or NiO."),
    ] = None,
    file_format: FileFormat = "json",
) -> dict[str, Any]:
    """Convert the outer layers of a layered oxide to rock salt; the oxygen sublattice stays.

    Raises
    ------
    InputError
        If the call contradicts itself or names something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.reconstruction`.
    """
    from ....structures.by_name import find_material
    from ....structures.defects.reconstruction import reconstruct as convert
    from ....structures.defects.reconstruction import rock_salt_layer

    ending(file_format)
    require_known("--faces", faces, ("both", "top", "bottom"))
    if filler is not None and rock_salt is not None:
        raise InputError("--filler and --rock-salt both name the metal of the layer: give one of them")
    chosen = cast("Faces", faces)
    rows = []
    for name, cell in _slabs_of(slab, miller, slab_layers):
        if rock_salt is None:
            made = convert(cell, layers, chosen, filler)
        else:
            made = rock_salt_layer(cell, find_material(rock_salt), layers, chosen)
        path = write_cell(made.structure, out, f"{name}-{layers}{made.tag}-{faces}", file_format)
        rows.append(_row(name, made, cell, path))
    return {"slab": slab, "layers": layers, "faces": faces, "reconstructions": rows}


def _slabs_of(name: str, miller: tuple[int, int, int] | None, n_layers: int) -> list[tuple[str, Structure]]:
    """The slab of a file, or every usable termination of a material's facet, with names for files."""
    from ....structures.by_name import find_material, label_of
    from ....structures.crystals.files import is_structure_file, read_structure
    from ....structures.surfaces.facet import source_cell
    from ....structures.surfaces.slab import SlabSpec, slabs

    if is_structure_file(name):
        if miller is not None:
            raise InputError(
                f"{name} is a structure file and is taken as the slab itself; --miller cuts one from a material of the "
                "library"
            )
        return [(label_of(name), read_structure(name))]
    if miller is None:
        raise InputError(f"{name}: give the facet with --miller h k l, or the structure file of a slab")
    cell = source_cell(find_material(name))
    found = slabs(cell, miller, SlabSpec(layers=n_layers))
    sound = [slab for slab in found if not slab.polar]
    if not sound:
        raise StructureError(f"{name}{miller}: every termination has a dipole; cut a slab yourself and give its file")
    index = "".join(map(str, miller))
    return [(f"{cell.label}-{index}-{slab.termination.label}", slab.structure) for slab in sound]


def _row(name: str, made: Reconstruction, slab: Structure, path: Path) -> dict[str, Any]:
    return {
        "slab": name,
        "layer": made.tag,
        "before": unspaced_formula(slab),
        "formula": unspaced_formula(made.structure),
        "n_atoms": len(made.structure),
        "converted_cations": len(made.converted),
        "converted_oxygen": len(made.oxygen),
        "mass_balance": made.mass_balance,
        "ions": made.ions,
        "redox": made.redox,
        "mismatch": made.mismatch,
        "net_moment": float(sum(made.structure.site_properties["magmom"])),
        "file": str(path),
    }


def _show(document: dict[str, Any]) -> None:
    rows = [
        (
            row["slab"],
            row["layer"],
            row["formula"],
            row["n_atoms"],
            signed_amounts(row["mass_balance"]),
            signed_amounts(row["ions"]),
            100 * row["mismatch"],
            row["file"],
        )
        for row in document["reconstructions"]
    ]
    table(f"{document['layers']} layers converted, {document['faces']}", HEADS, rows)


COMMAND = Command(reconstruct, _show, Reconstructions)
