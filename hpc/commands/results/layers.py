"""The command ``layers``: layered geometry of a structure, or of every frame of a trajectory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError, StructureError
from ..answers.results import Layers
from ..command import Command
from ..options import ElementsOption, element_list
from ..output import say, table, table_of, unspaced_formula

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....analysis.layers.geometry import LayeredGeometry
    from ....analysis.layers.series import LayerSeries

__all__ = ["COMMAND", "layers"]

#: file names that are trajectories; others are one structure, the last of the file, unless frames are asked for
TRAJECTORIES = ("*XDATCAR*", "*.traj", "*.h5", "*.hdf5", "*.lammpstrj*", "*.dump*")

CATIONS = {"lithium": "Li", "metal": "metal"}
PLANES = {"height": "height (Å)", **CATIONS, "s_mo2": "S(MO2) (Å)", "i_lio2": "I(LiO2) (Å)", "structure": "structure"}
LAYERS = {
    "role": "layer",
    "thickness": "thickness (Å)",
    "o_o": "O-O across (Å)",
    **CATIONS,
    "sites": "sites",
    "structure": "structure",
}


def layers(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Structure file, library name or YAML; or the files of one trajectory in order."
        ),
    ],
    part: Annotated[
        list[str] | None,
        typer.Option(help="Layer tag of the oxide in an interface, repeatable; all oxides where left out."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            min=1, help="Take every N-th frame of a trajectory; the last structure of a file alone where left out."
        ),
    ] = None,
    planes: Annotated[
        bool | None,
        typer.Option(
            "--planes/--no-planes",
            help="Describe atomic planes parallel to the surface; where left out, if the layers cut it.",
        ),
    ] = None,
    timestep: Annotated[
        float | None, typer.Option(help="Time between steps, fs; it overrules that of trajectory files, with a note.")
    ] = None,
    elements: ElementsOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figure; none is drawn where left out.")] = None,
) -> dict[str, Any]:
    """Measure layered geometry: S(MO2), I(LiO2), O-O across the Li layer (Å), Li/TM mixing, layered | spinel | rock
    salt per layer.

    The numbers of a trajectory are means over its frames; its layers are those of the last one.

    Raises
    ------
    InputError
        If a file or name is unknown, several files are given that are no trajectory, or the folder cannot be written.
    StructureError
        If a structure cannot be read or holds no close-packed oxide.
    """
    if every is not None or any(Path(name).match(pattern) for name in files for pattern in TRAJECTORIES):
        if part:
            raise InputError("--part: frames of a trajectory have no layer tags; leave it out")
        return _of_trajectory(files, every or 1, planes, out, (timestep, elements))
    if len(files) > 1:
        raise InputError(
            f"{len(files)} files were given, and they are read as one trajectory with --every N only; else give one "
            "structure"
        )
    return _of_structure(files[0], tuple(part or ()), planes, out)


def _of_structure(file: str, parts: tuple[str, ...], planes: bool | None, out: Path | None) -> dict[str, Any]:
    from ....analysis.layers.geometry import layered_geometry

    structure = _read(file)
    try:
        geometry = layered_geometry(structure, parts, planes=planes)
    except StructureError as error:
        raise StructureError(f"{file}: {error.message}" if Path(file).is_file() else error.message) from None
    document = _document(geometry, unspaced_formula(structure), len(structure))
    document = {
        "file": file,
        **document,
        "domains": _domains(structure, parts, geometry),
        "notes": _notes(geometry),
        "files": [],
    }
    if out is not None:
        from ....analysis.figures.layers import layers_figure

        document["files"] = _save(
            layers_figure(geometry, document["formula"], Path(file).name),
            out / f"{_stem(file)}_layers",
        )
    return document


def _of_trajectory(
    files: Sequence[str], every: int, planes: bool | None, out: Path | None, told: tuple[float | None, str | None]
) -> dict[str, Any]:
    from ....analysis.layers.series import layer_series
    from ....analysis.trajectories.reader import open_trajectory

    timestep, elements = told
    opened = open_trajectory([Path(name) for name in files], timestep, elements=element_list(elements))
    series = layer_series(opened.blocks(), every, planes=planes)
    if series.last is None:
        raise StructureError(f"{files[0]}: no frame has close-packed oxygen")
    document = _document(series.last, _formula(opened.species), len(opened.species))
    means = {name: _mean(values.tolist()) for name, values in series.values.items()}
    document |= {name: means[name] for name in ("s_mo2", "i_lio2", "o_o_li_layer", "o_o_in_plane")}
    document["mixing"] = {name: means[name] for name in ("tm_in_li_layer", "li_in_tm_layer")}
    document["repeat"] = _sum(document["s_mo2"], document["i_lio2"])
    notes = [f"means over {len(series.steps)} frames; `layers` and `stacking` are those of the last one", *opened.notes]
    if series.lost:
        notes.append(
            f"{series.lost} of {len(series.steps)} frames have no close-packed oxygen: they count as disordered, and "
            "not in the means"
        )
    document = {
        "file": files[0],
        **document,
        "domains": None,
        "n_frames": len(series.steps),
        "series": _series(series),
    }
    document |= {"notes": [*_notes(series.last), *notes], "files": []}
    if out is not None:
        from ....analysis.figures.layers import layer_series_figure

        source = f"{Path(files[0]).name}, tier {opened.metadata.get('tier', 'unknown')}"
        document["files"] = _save(
            layer_series_figure(series, document["formula"], source), out / f"{_stem(files[0])}_layer_series"
        )
    return document


def _read(name: str) -> Structure:
    """An ordered structure file as it is, else the calculation cell of a material."""
    from ....structures.by_name import find_material
    from ....structures.crystals.cells import calculation_cell
    from ....structures.crystals.files import is_structure_file, read_structure

    structure = read_structure(name) if is_structure_file(name) else None
    return structure if structure is not None and structure.is_ordered else calculation_cell(find_material(name))


def _document(geometry: LayeredGeometry, formula: str, n_atoms: int) -> dict[str, Any]:
    stacking = [{"kind": "layer", **asdict(layer)} for layer in geometry.layers]
    return {
        "formula": formula,
        "n_atoms": n_atoms,
        "structure": geometry.structure,
        "shares": geometry.shares,
        "s_mo2": geometry.s_mo2,
        "i_lio2": geometry.i_lio2,
        "repeat": _sum(geometry.s_mo2, geometry.i_lio2),
        "o_o_li_layer": geometry.o_o_li_layer,
        "o_o_in_plane": geometry.o_o_in_plane,
        "mixing": {"tm_in_li_layer": geometry.tm_in_li_layer, "li_in_tm_layer": geometry.li_in_tm_layer},
        "segregation": list(geometry.segregation),
        "normal": list(geometry.normal),
        "inclination": geometry.inclination,
        "layers": [{"kind": "atomic plane", **asdict(plane)} for plane in geometry.planes] or stacking,
        "stacking": stacking,
        "n_oxygen": geometry.n_oxygen,
        "left_out": geometry.left_out,
    }


def _domains(structure: Structure, parts: tuple[str, ...], geometry: LayeredGeometry) -> dict[str, Any] | None:
    """Lithium-rich domains; None unless the metal layers of a layered oxide hold lithium."""
    from ....analysis.layers.li_rich import lithium_rich

    if geometry.structure != "layered" or geometry.li_in_tm_layer == 0:
        return None
    found = lithium_rich(structure, parts)
    return {
        "li2mno3_like": found.metal_share("Li2MnO3-like"),
        "limo2_like": found.metal_share("LiMO2-like"),
        "lithium_in_metal_layers": sum(site.element == "Li" for site in found.sites),
        "honeycomb_units": found.honeycomb_units,
        "domain_sizes": [len(domain) for domain in found.domains],
        "oxygen_bridges": found.bridges,
        "oxygen_environments": found.environments,
    }


def _notes(geometry: LayeredGeometry) -> list[str]:
    notes = []
    if geometry.structure in ("rock salt", "other") and geometry.layers[0].role == "any":
        notes.append(
            "metal and lithium layers cannot be told apart: S(MO2) and I(LiO2) are both the distance of oxygen planes"
        )
    if geometry.structure == "spinel":
        notes.append(
            "spinel: its four stacking directions are equivalent; S(MO2) lies around the layers with three quarters of "
            "the octahedral metal"
        )
    if geometry.planes:
        notes.append(
            "the layers are inclined: `layers` are atomic planes parallel to the surface or interface, from the "
            "bottom up; `stacking` are the layers themselves"
        )
    if geometry.left_out:
        notes.append(
            f"{geometry.left_out} oxygen atoms are left out: they belong to no octahedral metal, to a nonmetal, or to "
            "another part"
        )
    return notes


def _series(series: LayerSeries) -> dict[str, Any]:
    def plain(values: Sequence[float]) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values]

    return {
        "steps": series.steps.tolist(),
        "times": series.times.tolist(),
        **{name: plain(values.tolist()) for name, values in series.values.items()},
        "shares": {name: values.tolist() for name, values in series.shares.items()},
    }


def _save(figure: Any, path: Path) -> list[str]:
    from ....analysis.figures.style import save_figure

    try:
        return [str(file) for file in save_figure(figure, path, ("svg", "png"))]
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written: {error.strerror or error}") from None


def _formula(species: Sequence[str]) -> str:
    from pymatgen.core.composition import Composition

    counts = {symbol: list(species).count(symbol) for symbol in dict.fromkeys(species)}
    return Composition(counts).formula.replace(" ", "")


def _stem(name: str) -> str:
    from ....structures.by_name import label_of

    return label_of(name)


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else None


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _show(document: dict[str, Any]) -> None:
    mixing = document["mixing"]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in document["shares"].items())
    rows = [
        ("structure", shares or document["structure"]),
        ("S(MO2) (Å)", document["s_mo2"]),
        ("I(LiO2) (Å)", document["i_lio2"]),
        ("S + I (Å)", document["repeat"]),
        ("O-O across the Li layer (Å)", document["o_o_li_layer"]),
        ("O-O in the planes (Å)", document["o_o_in_plane"]),
        ("metal in Li layers (per site)", mixing["tm_in_li_layer"]),
        ("Li in metal layers (per site)", mixing["li_in_tm_layer"]),
        ("layers to surface (degrees)", document["inclination"]),
    ]
    table(f"layers of {document['formula']}", ("quantity", "value"), rows)
    if document["layers"][0]["kind"] == "atomic plane":
        table_of("atomic planes, from the bottom", PLANES, document["layers"])
    table_of("along the stacking", LAYERS, document["stacking"])
    if (domains := document["domains"]) is not None:
        say(
            f"{domains['honeycomb_units']} LiM6 units of {domains['lithium_in_metal_layers']} Li in metal layers; "
            f"{100 * domains['li2mno3_like']:.0f} % of the metal is "
            f"Li2MnO3-like, domains of {', '.join(map(str, domains['domain_sizes']))} sites; "
            f"{domains['oxygen_bridges'].get('Li-O-Li', 0)} Li-O-Li of {document['n_oxygen']} oxygen"
        )
    for line in [*document["files"], *(f"note: {note}" for note in document["notes"])]:
        say(line)


COMMAND = Command(layers, _show, Layers)
