"""Commands that build structures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json, StorePlace
from .output import emit_json, narrate, table

__all__ = ["register"]

OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the structure files.")]
FileFormat = Annotated[str, typer.Option("--format", help="json (keeps everything), extxyz, cif or poscar.")]
Seed = Annotated[int, typer.Option(help="Of the random numbers.")]


def orderings(
    material: Annotated[str, typer.Argument(help="Material with partial occupancies, or any cathode with --x.")],
    out: OutFolder,
    n: Annotated[int, typer.Option("-n", help="How many distinct orderings.")] = 10,
    seed: Seed = 0,
    rank: Annotated[
        str, typer.Option(help="ewald, chgnet (single points) or chgnet-relaxed; scores are eV/atom.")
    ] = "ewald",
    x: Annotated[
        float | None, typer.Option("--x", help="Share of the lithium that is left, 0-1: the x of LixCoO2.")
    ] = None,
    composition: Annotated[str | None, typer.Option(help="Composition of the cell, e.g. Li6Co12O24.")] = None,
    supercell: Annotated[
        tuple[int, int, int] | None, typer.Option(help="Multiples of the conventional cell, e.g. 5 2 1.")
    ] = None,
    file_format: FileFormat = "json",
    store: StorePlace = None,
    json: Json = False,
) -> None:
    """Find symmetry-distinct, charge-balanced orderings and rank them."""
    from .orderings_question import OrderingQuestion, Ranking, orderings_document

    asked = OrderingQuestion(material, n, seed, x, composition, supercell)
    document = orderings_document(asked, out, Ranking(rank, store), file_format, _progress)
    if json:
        emit_json(document)
        return
    rows = [
        (k, row["formula"], row["score"], row["above_lowest"], row["file"])
        for k, row in enumerate(document["orderings"], 1)
    ]
    table(
        f"orderings of {document['material']}",
        ("", "formula", f"{rank} (eV/atom)", "above the lowest (meV/atom)", "file"),
        rows,
    )
    told = document["sampling"]
    typer.echo(
        f"{told['method']}, seed {told['seed']}: {told['n_distinct']} distinct out of {told['n_samples']} samples; "
        f"spread {1000 * told['spread']:.3g} meV/atom"
    )
    for note in document["notes"]:
        typer.echo(f"note: {note}")


def slabs(
    material: Annotated[str, typer.Argument(help="Material, YAML or structure file.")],
    miller: Annotated[
        tuple[int, int, int] | None,
        typer.Option(
            help=(
                "Miller index h k l, on conventional axes (hexagonal for R groups); all low-index facets where left "
                "out."
            ),
            metavar="H K L",
        ),
    ] = None,
    layers: Annotated[int | None, typer.Option(help="Least number of lattice planes.")] = None,
    thickness: Annotated[
        float | None, typer.Option(help="Least thickness of bulk, Å; 10 where neither this nor --layers is given.")
    ] = None,
    vacuum: Annotated[float, typer.Option(help="Empty height between the slab and its image, Å.")] = 15.0,
    fix_core: Annotated[
        int, typer.Option("--fix-core", help="Lattice planes in the middle that selective dynamics holds.")
    ] = 0,
    plane_width: Annotated[
        float, typer.Option("--plane-width", help="Atoms within this height form one plane, Å.")
    ] = 0.3,
    reconstruct: Annotated[
        bool,
        typer.Option(
            help="Share the outer plane of polar cuts between the faces, where half of it cancels the dipole."
        ),
    ] = True,
    equal_faces: Annotated[
        bool, typer.Option("--equal-faces", help="The same termination on both faces, at the price of stoichiometry.")
    ] = False,
    complex_ions: Annotated[
        str,
        typer.Option(
            "--complex-ions",
            help=(
                "Such as PS4 and CO3: cut (planar cuts may break them), reject (leave such cuts out), whole (cut "
                "around them)."
            ),
        ),
    ] = "cut",
    exact: Annotated[
        bool, typer.Option("--exact", help="This very plane, not the one of its family with the smallest repeat.")
    ] = False,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the structure files; none are written where left out.")
    ] = None,
    file_format: FileFormat = "json",
    json: Json = False,
) -> None:
    """Cut a slab for every termination of a facet.

    Tasker's class is that of the average crystal, so that an ordering does not change it; the dipole (per area, e/Å) is
    that of the ordered cell.
    """
    from ...structures.surfaces.slab import SlabSpec
    from .slabs_question import SlabQuestion, slabs_document

    spec = SlabSpec(layers, thickness, vacuum, fix_core, reconstruct, equal_faces, complex_ions, plane_width)
    document = slabs_document(SlabQuestion(material, miller, spec, exact, seed), out, file_format)
    if json:
        emit_json(document)
        return
    columns = (
        "miller",
        "termination",
        "bottom",
        "tasker",
        "symmetric",
        "stoichiometric",
        "reconstructed",
        "dipole",
        "broken_bonds",
        "n_atoms",
        "layers",
    )
    heads = (
        "plane",
        "top",
        "bottom",
        "Tasker",
        "equal faces",
        "stoichiometric",
        "shared plane",
        "dipole (e/Å)",
        "cut units (1/Å²)",
        "atoms",
        "layers",
    )
    rows = [[*(row[column] for column in columns), row["area"], row["thickness"]] for row in document["slabs"]]
    table(f"slabs of {document['material']}", (*heads, "area (Å²)", "thickness (Å)"), rows)
    for row in document["slabs"]:
        if row["file"]:
            typer.echo(row["file"])
    for note in document["notes"]:
        typer.echo(f"note: {note}")


def interfaces(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Material or structure file, with a facet or without: LCO, LCO:104, LCO:1-10, LCO:1,0,-4."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, laid on top.")],
    max_atoms: Annotated[int, typer.Option("--max-atoms", help="Most atoms of a cell.")] = 400,
    max_strain: Annotated[
        float, typer.Option("--max-strain", help="Largest von Mises strain between the two lattices, 0.08 = 8 %.")
    ] = 0.08,
    layer: Annotated[str | None, typer.Option(help="A third material between A and B: CoO:100, Li2CO3.")] = None,
    form: Annotated[str, typer.Option(help="vacuum, or periodic with a second interface.")] = "vacuum",
    strain_on: Annotated[
        str, typer.Option("--strain-on", help="a, b, shared, or auto: on the softer one, shared by equals.")
    ] = "auto",
    gap: Annotated[
        float | None,
        typer.Option(help="Between the outermost atoms of neighbouring slabs, Å; searched where left out."),
    ] = None,
    vacuum: Annotated[float, typer.Option(help="Empty height of the vacuum form, Å.")] = 15.0,
    thickness: Annotated[tuple[float, float], typer.Option(help="Least thickness of A and of B, Å.", metavar="A B")] = (
        8.0,
        8.0,
    ),
    layer_thickness: Annotated[float, typer.Option("--layer-thickness", help="Least thickness of the layer, Å.")] = 4.0,
    all_terminations: Annotated[
        bool,
        typer.Option("--all-terminations", help="Every pair of terminations of each match, not the most sensible one."),
    ] = False,
    energy: Annotated[
        str,
        typer.Option(
            help="What chooses the registry: analytic (formal charges, Born-Mayer), or chgnet among the best of it."
        ),
    ] = "analytic",
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the structure files; none are written where left out.")
    ] = None,
    file_format: FileFormat = "json",
    json: Json = False,
) -> None:
    """Find coherent interfaces of A and B: the Pareto front over atoms, strain and area."""
    from ...structures.interfaces.search import InterfaceSpec
    from .interfaces_question import InterfaceQuestion, interfaces_document

    spec = InterfaceSpec(max_atoms, max_strain, form, vacuum, gap, all_terminations)
    asked = InterfaceQuestion(a, b, layer, spec, (thickness[0], layer_thickness, thickness[1]), strain_on, energy, seed)
    document = interfaces_document(asked, out, file_format)
    if json:
        emit_json(document)
        return
    columns = (
        "n_atoms",
        "strain",
        "area",
        "a_miller",
        "a_termination",
        "b_miller",
        "b_termination",
        "polarity",
        "gaps",
        "empty",
        "min_distance",
        "min_pair",
    )
    heads = (
        "atoms",
        "strain",
        "area (Å²)",
        "A",
        "A ends in",
        "B",
        "B begins with",
        "polarity",
        "gaps (Å)",
        "empty (Å)",
        "closest (Å)",
        "pair",
    )
    title = " | ".join(name for name in (document["a"], document["layer"], document["b"]) if name)
    table(
        f"{title}, {form}; every cell passed its checks",
        heads,
        [[row[column] for column in columns] for row in document["interfaces"]],
    )
    for row in document["interfaces"]:
        if row["file"]:
            typer.echo(row["file"])
    for note in document["notes"]:
        typer.echo(f"note: {note}")


def vacancies(
    material: Annotated[str, typer.Argument(help="Material, YAML or structure file.")],
    out: OutFolder,
    lithium: Annotated[int, typer.Option(help="Lithium vacancies in the cell; each oxidises one metal ion.")] = 0,
    n: Annotated[int, typer.Option("-n", help="How many distinct sets of lithium vacancies.")] = 1,
    oxygen: Annotated[
        str,
        typer.Option(
            help="One oxygen vacancy: none, environments (one per first shell) or all (per inequivalent site)."
        ),
    ] = "none",
    supercell: Annotated[tuple[int, int, int], typer.Option(help="Multiples of the calculation cell.")] = (1, 1, 1),
    charged: Annotated[bool, typer.Option("--charged", help="Leave the charge uncompensated.")] = False,
    seed: Seed = 0,
    file_format: FileFormat = "json",
    json: Json = False,
) -> None:
    """Make lithium vacancies and an oxygen vacancy; distances are Å."""
    from .defects_question import VacancyQuestion, vacancies_document

    document = vacancies_document(
        VacancyQuestion(material, lithium, n, oxygen, supercell, seed, charged), out, file_format
    )
    if json:
        emit_json(document)
        return
    rows = []
    for row in document["vacancies"]:
        metal = row["nearest_metal"][0] if row["nearest_metal"] else None
        near = f"{metal['species']} {metal['distance']:.2f}" if metal else None
        apart = row["vacancy_vacancy"][0] if row["vacancy_vacancy"] else None
        rows.append(
            (
                row["kind"],
                row["formula"],
                row.get("environment"),
                row["energy"],
                apart,
                near,
                _amounts(row["oxidised"]),
                row["file"],
            )
        )
    heads = (
        "vacancy",
        "formula",
        "environment",
        "ewald (eV/cell)",
        "closest pair (Å)",
        "nearest metal (Å)",
        "ions",
        "file",
    )
    table(f"vacancies of {document['material']}", heads, rows)


def reconstruct(
    slab: Annotated[str, typer.Argument(help="Structure file of a slab, or a layered cathode of which one is cut.")],
    out: OutFolder,
    miller: Annotated[
        tuple[int, int, int] | None, typer.Option(help="Facet h k l, conventional axes.", metavar="H K L")
    ] = None,
    slab_layers: Annotated[
        int, typer.Option("--slab-layers", help="Least number of lattice planes of the slab that is cut.")
    ] = 6,
    layers: Annotated[int, typer.Option(help="Metal planes to convert on each face.")] = 1,
    faces: Annotated[str, typer.Option(help="both, top or bottom.")] = "both",
    filler: Annotated[
        str | None, typer.Option(help="Metal that takes lithium's place; the slab's most frequent one where left out.")
    ] = None,
    rock_salt: Annotated[
        str | None,
        typer.Option("--rock-salt", help="CoO or NiO: a coherent layer with its own plane distance instead."),
    ] = None,
    file_format: FileFormat = "json",
    json: Json = False,
) -> None:
    """Convert the outer layers of a layered oxide to rock salt; the oxygen sublattice stays."""
    from .defects_question import ReconstructQuestion, reconstruct_document

    document = reconstruct_document(
        ReconstructQuestion(slab, miller, slab_layers, layers, faces, filler, rock_salt), out, file_format
    )
    if json:
        emit_json(document)
        return
    rows = [
        (
            r["slab"],
            r["layer"],
            r["formula"],
            r["n_atoms"],
            _amounts(r["mass_balance"]),
            _amounts(r["ions"]),
            100 * r["mismatch"],
            r["file"],
        )
        for r in document["reconstructions"]
    ]
    heads = ("slab", "layer", "formula", "atoms", "atoms that came and left", "ions of the layer", "misfit (%)", "file")
    table(f"{document['layers']} layers converted, {document['faces']}", heads, rows)


def glass(
    formula: Annotated[str, typer.Argument(help="On the line Li2O - B2O3: Li3BO3, LiBO2, Li2B8O13, B2O3, …")],
    out: OutFolder,
    density: Annotated[float | None, typer.Option(help="g/cm³; the measured one where left out and known.")] = None,
    units: Annotated[int, typer.Option(help="Formula units in the cell.")] = 8,
    seed: Seed = 0,
    quench: Annotated[
        bool, typer.Option("--quench", help="Melt and quench with CHGNet, then relax atoms and cell.")
    ] = False,
    melt: Annotated[float, typer.Option(help="Temperature of the melt, K.")] = 3000.0,
    steps: Annotated[int, typer.Option(help="Steps of 1 fs at each temperature of the ladder.")] = 500,
    keep_density: Annotated[
        bool, typer.Option("--keep-density", help="Relax the atoms alone at the end, not the cell.")
    ] = False,
    file_format: FileFormat = "json",
    store: StorePlace = None,
    json: Json = False,
) -> None:
    """Pack a lithium borate glass, and quench it from the melt where asked."""
    from .defects_question import GlassQuestion, glass_document

    document = glass_document(
        GlassQuestion(formula, density, units, seed, quench, melt, steps, keep_density),
        out,
        store,
        file_format,
        _progress,
    )
    if json:
        emit_json(document)
        return
    rows = [(r["stage"], r["density"], r["n4"], r["mean_bond"], r["shortest"], r["file"]) for r in document["stages"]]
    table(
        f"{formula} glass, {document['n_atoms']} atoms",
        ("stage", "density (g/cm³)", "share of BO4", "B-O (Å)", "shortest (Å)", "file"),
        rows,
    )
    told = document["density"]
    measured = (
        "no measured density known"
        if told["measured"] is None
        else f"measured {told['measured']:.3f} ({100 * told['deviation']:+.1f} %): {told['source']}"
    )
    crystal = f"; the crystal {told['crystal']['name']} has {told['crystal']['value']:g}" if told["crystal"] else ""
    typer.echo(f"density {told['final']:.3f} g/cm³; {measured}{crystal}")


def _amounts(counts: dict[str, int]) -> str:
    return " ".join(f"{number:+d} {name}" for name, number in counts.items()) or "none"


def _progress(event: Any) -> None:
    narrate(
        f"[{event.n_finished}/{event.n_total}] {event.state:<8}{event.name}"
        + (f": {event.message}" if event.message else "")
    )


#: in the order of `--help`
COMMANDS: tuple[Callable[..., Any], ...] = (slabs, interfaces, orderings, vacancies, reconstruct, glass)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in COMMANDS:
        app.command()(command)
