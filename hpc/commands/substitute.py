"""The command ``substitute``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json, StorePlace
from .output import emit_json, narrate, table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(substitute)


def substitute(
    material: Annotated[str, typer.Argument(help="Material, YAML or structure file.")],
    ion: Annotated[str, typer.Argument(help="The new ion with its charge: W6+.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the structure files.")],
    leaving: Annotated[str, typer.Option(help="Element of which one atom leaves: Mn.")],
    site: Annotated[
        list[str] | None, typer.Option("--site", help="Places of this element, repeatable; all cations where left out.")
    ] = None,
    compensation: Annotated[
        str, typer.Option(help="Who pays for the charge: reduction (of metals nearby) or lithium-vacancies.")
    ] = "reduction",
    every: Annotated[
        bool, typer.Option("--every", help="Every site that symmetry tells apart, not one for each set of neighbours.")
    ] = False,
    rank: Annotated[
        str, typer.Option(help="ewald, chgnet (single points) or chgnet-relaxed; energies are eV per cell.")
    ] = "ewald",
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    file_format: Annotated[
        str, typer.Option("--format", help="json (keeps everything), extxyz, cif or poscar.")
    ] = "json",
    store: StorePlace = None,
    json: Json = False,
) -> None:
    """Put an ion on every place of a crystal in turn and rank the places at one composition."""
    from .orderings_question import Ranking
    from .substitution_question import SubstitutionQuestion, substitution_document

    asked = SubstitutionQuestion(material, ion, leaving, tuple(site or ()), compensation, every, seed)
    document = substitution_document(asked, out, Ranking(rank, store), file_format, _progress)
    if json:
        emit_json(document)
        return
    rows = [
        (
            p["replaced"],
            p["label"],
            _amounts(p["neighbours"]),
            p["multiplicity"],
            p["relative"],
            _amounts(p["ions"]),
            p["file"],
        )
        for p in document["places"]
    ]
    heads = ("in place of", "site", "neighbours", "sites", f"{rank} above the best (eV)", "ions that pay", "file")
    table(f"{ion} in {document['material']}: {document['formula']}, {document['compensation']}", heads, rows)
    for note in document["notes"]:
        typer.echo(f"note: {note}")


def _amounts(counts: dict[str, int]) -> str:
    return " ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _progress(event: Any) -> None:
    narrate(
        f"[{event.n_finished}/{event.n_total}] {event.state:<8}{event.name}"
        + (f": {event.message}" if event.message else "")
    )
