"""Commands of production: what goes out to a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Full, Json, RecipeName, StepName
from .output import emit_json, table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(inputs)


def inputs(
    recipe: RecipeName,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for one folder per job; existing input files are overwritten.")
    ],
    engine: Annotated[str, typer.Option("--engine", help="Engine whose files are written: vasp.")] = "vasp",
    potcars: Annotated[
        Path | None,
        typer.Option(
            "--potcars",
            help="Folder with POT_GGA_PAW_PBE_54: whole POTCARs and their hashes instead of POTCAR.spec (names only).",
        ),
    ] = None,
    only: StepName = None,
    full: Full = False,
    json: Json = False,
) -> None:
    """Write the VASP inputs of a recipe: POSCAR, INCAR, KPOINTS and POTCAR.spec of every job; nothing runs."""
    from .inputs_question import inputs_document

    overrides = {"potcar_spec": True} if potcars is None else {"potcar_spec": False, "potcar_directory": str(potcars)}
    document = inputs_document(recipe, out, engine, overrides, only, full=full)
    if json:
        emit_json(document)
        return
    rows = [
        (
            job["name"],
            job["n_atoms"],
            "yes" if job["first_stage"] else "no",
            job["positions"],
            "\n".join(job["directories"]),
        )
        for job in document["jobs"]
    ]
    table(f"VASP inputs of {document['recipe']}", ("job", "atoms", "first stage", "positions", "directory"), rows)
    for check in document["checks"]:
        if not check["ok"]:
            typer.echo(f"look at: {check['name']}: {check['detail']}")
