"""The command ``interfaces``: the Pareto front of coherent stacks, each checked, and written to files where a folder is
named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.structures import Interfaces
from ..command import Command
from ..options import FileFormat, OptionalFolder, Seed, require_known
from ..output import ending, say_files, say_notes, table_of, write_cell

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....structures.crystals.oxidation.states import Allowed
    from ....structures.interfaces.search import Interface

__all__ = ["COMMAND", "interfaces"]

HEADS = {
    "n_atoms": "atoms",
    "strain": "strain",
    "largest_principal": "largest principal",
    "largest_area_change": "area change",
    "area": "area (Å²)",
    "a_miller": "A",
    "a_termination": "A ends in",
    "b_miller": "B",
    "b_termination": "B begins with",
    "polarity": "polarity",
    "gaps": "gaps (Å)",
    "empty": "empty (Å)",
    "min_distance": "closest (Å)",
    "min_pair": "pair",
}


def interfaces(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Material or structure file, with a facet or without: LCO, LCO:104, LCO:1-10, LCO:1,0,-4."
        ),
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="Material or structure file that is laid on top, in the same form as A.")
    ],
    max_atoms: Annotated[int, typer.Option(help="Largest number of atoms in a cell.")] = 400,
    max_strain: Annotated[
        float, typer.Option(help="Largest von Mises strain between the two lattices, 0.08 = 8 %.")
    ] = 0.08,
    max_principal_strain: Annotated[
        float, typer.Option(help="Largest principal strain that a slab takes, logarithmic.")
    ] = 0.08,
    max_area_change: Annotated[float, typer.Option(help="Largest relative change of the area of a slab.")] = 0.1,
    layer: Annotated[
        str | None, typer.Option(help="Third material between A and B, in the same form: CoO:100, Li2CO3.")
    ] = None,
    form: Annotated[
        str, typer.Option(help="Form of the cell: vacuum, or periodic with a second interface.")
    ] = "vacuum",
    strain_on: Annotated[
        str,
        typer.Option(help="Part that takes the strain: a, b, shared, or auto (the softer one, shared by equals)."),
    ] = "auto",
    gap: Annotated[
        float | None,
        typer.Option(help="Distance between the outermost atoms of neighbouring slabs, Å; searched where left out."),
    ] = None,
    vacuum: Annotated[float, typer.Option(help="Empty height of the vacuum form, Å.")] = 15.0,
    thickness: Annotated[tuple[float, float], typer.Option(help="Least thickness of A and of B, Å.", metavar="A B")] = (
        8.0,
        8.0,
    ),
    layer_thickness: Annotated[float, typer.Option(help="Least thickness of the layer, Å.")] = 4.0,
    all_terminations: Annotated[
        bool,
        typer.Option(
            "--all-terminations", help="Build every pair of terminations of each match, not the most sensible one."
        ),
    ] = False,
    orientations: Annotated[
        int,
        typer.Option(
            help="Number of orientations of B that are built for each match, the best first: a crystal has fewer "
            "operations than its plane lattice, and a match stands for all that differ."
        ),
    ] = 1,
    energy: Annotated[
        str,
        typer.Option(
            help="Energy that chooses the lateral position: analytic (formal charges, Born-Mayer), or a potential such "
            "as chgnet among the best of it."
        ),
    ] = "analytic",
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--states",
            help="Oxidation states of a structure file, e.g. a:Li+,Co3+,O2- and once more b:Co2+,O2-; with one file "
            "the letter may be left out; guessed where left out.",
        ),
    ] = None,
    seed: Seed = 0,
    out: OptionalFolder = None,
    file_format: FileFormat = "json",
) -> dict[str, Any]:
    """Find coherent interfaces of A and B: the Pareto front over atoms, strain and area.

    Raises
    ------
    InputError
        If a material, facet or option is wrong, or nothing fits the budget; the message names the smallest cell.
    StructureError
        If a slab cannot be cut, the gap is too small, or a cell does not pass its checks.
    """
    from ....structures.by_name import find_material
    from ....structures.interfaces.check import require_sound
    from ....structures.interfaces.request import STRAIN_ON, interface_record, parse_facet, stack_parts
    from ....structures.interfaces.search import interfaces as search_interfaces
    from ....structures.interfaces.spec import InterfaceSpec
    from ....workflows.engines.registry import potential_names

    require_known("--strain-on", strain_on, STRAIN_ON)
    require_known("--energy", energy, ("analytic", *potential_names()))
    least = (*thickness, layer_thickness)
    if not all(0 < value < float("inf") for value in least):
        raise InputError(f"a slab needs a thickness above 0 Å, and {min(least):g} Å was asked for")
    ending(file_format)
    model = _energy_of(energy) if energy != "analytic" else None
    spec = InterfaceSpec(
        max_atoms,
        max_strain,
        form,
        vacuum,
        gap,
        all_terminations,
        model,
        max_principal=max_principal_strain,
        max_area_change=max_area_change,
        orientations=orientations,
    )
    named = [(a, thickness[0]), *([(layer, layer_thickness)] if layer is not None else []), (b, thickness[1])]
    facets = [parse_facet(text) for text, _ in named]
    places = ("a", "b") if layer is None else ("a", "layer", "b")
    given = _states_of(states or [], dict(zip(places, (name for name, _ in facets), strict=True)))
    parts, shares = stack_parts(
        [
            (find_material(name, states=given.get(place)), miller)
            for place, (name, miller) in zip(places, facets, strict=True)
        ],
        [height for _, height in named],
        strain_on,
        seed,
    )
    rows = []
    for number, found in enumerate(search_interfaces(parts, spec), 1):
        checks = found.checks()
        require_sound(checks, f"interface {number}")
        path = None if out is None else write_cell(found.structure, out, _stem(found, number), file_format)
        checked = {check.name: check.detail for check in checks}
        rows.append({**interface_record(found), "checks": checked, "file": None if path is None else str(path)})
    return {
        "a": parts[0].cell.label,
        "layer": parts[1].cell.label if layer is not None else None,
        "b": parts[-1].cell.label,
        "form": form,
        "limits": {
            "max_atoms": max_atoms,
            "max_strain": max_strain,
            "max_principal_strain": max_principal_strain,
            "max_area_change": max_area_change,
        },
        "strain_share": shares,
        "energy": energy,
        "interfaces": rows,
        "notes": _notes(rows),
    }


def _states_of(given: list[str], names: dict[str, str]) -> dict[str, Allowed]:
    """States of each part: ``a:Li+,Co3+``, or without the part's letter where one part alone is a structure file."""
    from ....structures.crystals.files import is_structure_file
    from ....structures.crystals.oxidation.states import parse_states

    files = [place for place, name in names.items() if is_structure_file(name)]
    found: dict[str, Allowed] = {}
    for text in given:
        place, colon, species = text.partition(":")
        if not colon:
            if len(files) != 1:
                raise InputError(
                    f"--states {text}: of which part? {len(files)} of {', '.join(names.values())} are structure files",
                    f"write --states {files[0] if files else 'a'}:{text}",
                )
            place, species = files[0], text
        require_known("the part of --states", place, tuple(names))
        if place in found:
            raise InputError(f"--states names part {place} twice", f"write one list: --states {place}:Li+,Co3+,O2-")
        found[place] = parse_states(species)
    return found


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    polar = sum(row["polarity"] == "polar" for row in rows)
    if polar:
        notes.append(
            f"{polar} of {len(rows)} cells hold a polar slab: no stack of non-polar ones fits the limits; a "
            "calculation needs a dipole correction"
        )
    most = max((row["orientation"][1] for row in rows), default=1)
    if any(row["orientation"][1] > 1 for row in rows):
        notes.append(
            f"a match stands for up to {most} orientations of B on A that the lattices do not tell apart: they were "
            "compared by the interaction energy, which ranks polar faces badly; --orientations builds more than the "
            "best"
        )
    if rows:
        notes.append(
            "slabs are rigid and keep their bulk heights: relax before use; the interaction energy ranks registries, "
            "it is no adhesion energy"
        )
    return notes


def _stem(found: Interface, number: int) -> str:
    names = "-".join(
        f"{face.slab.facet.cell.label}_{''.join(map(str, face.slab.facet.miller))}" for face in found.faces
    )
    return re.sub(r"[^A-Za-z0-9.\-_]", "-", f"{number:02d}_{names}_{len(found.structure)}")


def _energy_of(engine: str) -> Callable[[Structure], float]:
    """A potential's energy of a cell, eV."""
    from ....workflows.engines.registry import load_backend
    from ....workflows.engines.tasks import Static

    backend = load_backend(engine, {})

    def energy(structure: Structure) -> float:
        return backend.calculate(structure, Static(), "interface", Path.cwd()).energy

    return energy


def _show(document: dict[str, Any]) -> None:
    names = " | ".join(name for name in (document["a"], document["layer"], document["b"]) if name)
    rows = [
        {
            **row,
            "largest_principal": max((value for pair in row["principal_strains"].values() for value in pair), key=abs),
            "largest_area_change": max(row["area_changes"].values(), key=abs),
        }
        for row in document["interfaces"]
    ]
    table_of(f"{names}, {document['form']}; every cell passed its checks", HEADS, rows)
    say_files(document["interfaces"])
    say_notes(document["notes"])


COMMAND = Command(interfaces, _show, Interfaces)
