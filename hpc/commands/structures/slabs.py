"""The command ``slabs``: every termination of a facet, with its polarity, written to files where a folder is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..answers.structures import Slabs
from ..command import Command
from ..options import FileFormat, MaterialOrFile, OptionalFolder, Seed, States
from ..output import ending, say_files, say_notes, table_of, unspaced_formula, write_cell

if TYPE_CHECKING:
    from ....structures.surfaces.slab import Slab

__all__ = ["COMMAND", "slabs"]

HEADS = {
    "miller": "plane",
    "termination": "top",
    "bottom": "bottom",
    "tasker": "Tasker",
    "symmetric": "equal faces",
    "stoichiometric": "stoichiometric",
    "reconstructed": "shared plane",
    "dipole": "dipole (e/Å)",
    "polar": "polar",
    "broken_bonds": "cut units (1/Å²)",
    "n_atoms": "atoms",
    "layers": "layers",
    "area": "area (Å²)",
    "thickness": "thickness (Å)",
}


def slabs(
    material: MaterialOrFile,
    miller: Annotated[
        tuple[int, int, int] | None,
        typer.Option(
            help="Miller index h k l, on conventional axes (hexagonal for R groups; those of a structure file's own "
            "cell), or h k i l; all low-index facets where left out.",
            metavar="H K L",
        ),
    ] = None,
    layers: Annotated[int | None, typer.Option(help="Least number of lattice planes.")] = None,
    thickness: Annotated[
        float | None, typer.Option(help="Least thickness of bulk, Å; 10 where neither this nor --layers is given.")
    ] = None,
    vacuum: Annotated[float, typer.Option(help="Empty height between the slab and its image, Å.")] = 15.0,
    fix_core: Annotated[
        int, typer.Option(help="Number of lattice planes in the middle that selective dynamics holds.")
    ] = 0,
    plane_width: Annotated[float, typer.Option(help="Height within which atoms form one plane, Å.")] = 0.3,
    reconstruct: Annotated[
        bool,
        typer.Option(
            help="Share the outer plane of polar cuts between the faces, where half of it cancels the dipole."
        ),
    ] = True,
    equal_faces: Annotated[
        bool,
        typer.Option("--equal-faces", help="Put the same termination on both faces, at the price of stoichiometry."),
    ] = False,
    complex_ions: Annotated[
        str,
        typer.Option(
            help="Treatment of ions such as PS4 and CO3: cut (planar cuts may break them), reject (leave such cuts "
            "out), whole (cut around them).",
        ),
    ] = "cut",
    exact: Annotated[
        bool, typer.Option("--exact", help="Cut this very plane, not the smallest one of its family without a dipole.")
    ] = False,
    states: States = None,
    seed: Seed = 0,
    out: OptionalFolder = None,
    file_format: FileFormat = "json",
) -> dict[str, Any]:
    """Cut a slab for every termination of a facet.

    A slab is polar where each repeat of the ordered cell adds a dipole (per area, e/Å); such slabs come last. Tasker's
    class is that of the average crystal and a note beside it. Cut bonds inside complex ions (PS4, CO3) are counted per
    Å².

    Raises
    ------
    InputError
        If the material or the format is unknown, the Miller index is 0 0 0, or the folder cannot be written.
    StructureError
        If slabs cannot be cut as asked.
    """
    from ....structures.by_name import find_source
    from ....structures.crystals.oxidation.states import parse_states
    from ....structures.surfaces.facet import low_index_millers
    from ....structures.surfaces.slab import SlabSpec
    from ....structures.surfaces.slab import slabs as cut_slabs

    ending(file_format)
    spec = SlabSpec(layers, thickness, vacuum, fix_core, reconstruct, equal_faces, complex_ions, plane_width)
    cell = find_source(material, seed, states=parse_states(states))
    found: list[Slab] = []
    for index in [miller] if miller is not None else low_index_millers(cell):
        found += cut_slabs(cell, index, spec, exact=exact)
    rows = []
    for slab in found:
        path = None if out is None else write_cell(slab.structure, out, _stem(slab), file_format)
        rows.append({**_row(slab), "file": None if path is None else str(path)})
    return {
        "material": cell.label,
        "miller": miller,
        "bulk": {"formula": unspaced_formula(cell.structure), "n_atoms": len(cell.structure)},
        "conventional_axes": cell.conventional.round(6).tolist(),
        "slabs": rows,
        "notes": _notes(miller, found),
    }


def _row(slab: Slab) -> dict[str, Any]:
    cut = slab.termination
    return {
        "termination": cut.label,
        "bottom": slab.bottom,
        "miller": list(slab.facet.miller),
        "tasker": slab.tasker,
        "symmetric": slab.symmetric,
        "stoichiometric": slab.stoichiometric,
        "reconstructed": slab.reconstructed,
        "dipole": slab.dipole,
        "repeat_dipole": slab.repeat_dipole,
        "polar": slab.polar,
        "broken_bonds": cut.broken_units,
        "broken_strength": cut.broken_strength,
        "formula": unspaced_formula(slab.structure),
        "n_atoms": len(slab.structure),
        "layers": slab.n_layers,
        "area": slab.area,
        "thickness": slab.thickness,
        "vacuum": slab.vacuum,
        "net_moment": float(sum(slab.structure.site_properties["magmom"])),
        "shift": cut.shift,
    }


def _notes(miller: tuple[int, int, int] | None, found: list[Slab]) -> list[str]:
    notes = []
    used = {slab.facet.miller for slab in found}
    if miller is not None and used != {miller}:
        notes.append(
            f"the order of atoms or moments makes planes of one family differ: {_index(found[0].facet.miller)} is the "
            f"smallest of the family of {_index(miller)} among those with the least polar slabs; --exact takes the "
            "plane itself"
        )
    polar = [slab for slab in found if slab.polar]
    if polar:
        average = sum(slab.tasker != 3 for slab in polar)
        cause = f", {average} of them from the order of the ions alone" if average else ""
        notes.append(
            f"{len(polar)} of {len(found)} slabs repeat a dipole{cause}: their energy grows with thickness, and they "
            "are no model of a surface without a compensation of their charge"
        )
    return notes


def _index(miller: tuple[int, int, int]) -> str:
    return "(" + " ".join(map(str, miller)) + ")"


def _stem(slab: Slab) -> str:
    index = "_".join(map(str, slab.facet.miller))
    return re.sub(r"[^A-Za-z0-9.\-_]", "-", f"{slab.facet.cell.label}_{index}_{slab.termination.label}")


def _show(document: dict[str, Any]) -> None:
    table_of(f"slabs of {document['material']}", HEADS, document["slabs"])
    say_files(document["slabs"])
    say_notes(document["notes"])


COMMAND = Command(slabs, _show, Slabs)
