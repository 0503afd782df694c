"""The command ``layers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json
from .output import emit_json, table

__all__ = ["register"]

_CATIONS = {"lithium": "Li", "metal": "metal"}
PLANES = {"height": "height (Å)", **_CATIONS, "s_mo2": "S(MO2) (Å)", "i_lio2": "I(LiO2) (Å)", "structure": "structure"}
LAYERS = {
    "role": "layer",
    "thickness": "thickness (Å)",
    "o_o": "O-O across (Å)",
    **_CATIONS,
    "sites": "sites",
    "structure": "structure",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(layers)


def _listed(title: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> None:
    table(title, tuple(columns.values()), [[row[key] for key in columns] for row in rows])


def layers(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Structure file, library name or YAML; or the files of one trajectory in order."
        ),
    ],
    part: Annotated[
        list[str] | None,
        typer.Option("--part", help="Layer tag of the oxide in an interface, repeatable; all oxides where left out."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            min=1, help="Every N-th frame of a trajectory; the last structure of a file alone where left out."
        ),
    ] = None,
    planes: Annotated[
        bool | None,
        typer.Option(
            "--planes/--no-planes", help="Atomic planes parallel to the surface; where left out, if the layers cut it."
        ),
    ] = None,
    timestep: Annotated[
        float | None, typer.Option(help="fs between steps, for trajectory files that do not hold it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the figure; none is drawn where left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure layered geometry: S(MO2), I(LiO2), O-O across the Li layer (Å), Li/TM mixing, layered | spinel | rock
    salt per layer."""
    from .layers_question import LayersQuestion, layers_document

    document = layers_document(LayersQuestion(tuple(files), tuple(part or ()), every, planes, timestep), out)
    if json:
        emit_json(document)
        return
    mixing = document["mixing"]
    rows = [
        (
            "structure",
            ", ".join(f"{name} {100 * share:.0f} %" for name, share in document["shares"].items())
            or document["structure"],
        ),
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
        _listed("atomic planes, from the bottom", PLANES, document["layers"])
    _listed("along the stacking", LAYERS, document["stacking"])
    if document["domains"]:
        told = document["domains"]
        typer.echo(
            f"{told['honeycomb_units']} LiM6 units of {told['lithium_in_metal_layers']} Li in metal layers; "
            f"{100 * told['li2mno3_like']:.0f} % of the metal is "
            f"Li2MnO3-like, domains of {', '.join(map(str, told['domain_sizes']))} sites; "
            f"{told['oxygen_bridges'].get('Li-O-Li', 0)} Li-O-Li of {document['n_oxygen']} oxygen"
        )
    for line in [*document["files"], *(f"note: {note}" for note in document["notes"])]:
        typer.echo(line)
