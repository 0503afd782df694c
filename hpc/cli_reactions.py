"""Commands of reaction thermodynamics."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Json
from .output import emit_json, table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in (reactions, window):
        app.command()(command)


def reactions(
    a: Annotated[str, typer.Argument(metavar="A", help="Material or formula.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Material or formula.")],
    phase_set: Annotated[str, typer.Option("--phases", help="Pinned phase set, or the path of one.")] = "licopsclc",
    json: Json = False,
) -> None:
    """Give self, mutual and total reaction energy of A with B; x is the formula-unit fraction of A."""
    from .questions import reactions_document

    document = reactions_document(a, b, phase_set)
    if json:
        emit_json(document)
        return
    rows = [(k["x"], k["mutual"], k["total"], _amounts(k["products"])) for k in document["kinks"]]
    table(f"{a} | {b} on {document['phase_set']['name']}", ("x", "mutual (eV/atom)", "total (eV/atom)", "products"), rows)
    for label, part in (("self A", document["self"]["a"]), ("self B", document["self"]["b"])):
        typer.echo(f"{label}: {'no entry of its own in the set' if part is None else f'{part:.4f} eV/atom'}")
    for label in ("mutual", "total"):
        spread = document["uncertainty"].get(label)
        sigma = spread.get("energy") if isinstance(spread, dict) else spread
        typer.echo(f"{label}: {document[label]['energy']:.4f}" + (f" ± {sigma:.4f}" if sigma is not None else "") + " eV/atom")
    for note in document.get("notes", []):
        typer.echo(f"note: {note}")


def window(
    material: Annotated[str, typer.Argument(help="Material or formula.")],
    phase_set: Annotated[str, typer.Option("--phases", help="Pinned phase set, or the path of one.")] = "licopsclc",
    json: Json = False,
) -> None:
    """Give the electrochemical stability window and ladder, V vs Li/Li+."""
    from .questions import window_document

    document = window_document(material, phase_set)
    if json:
        emit_json(document)
        return
    table(f"{material} on {document['phase_set']['name']}", ("voltage (V vs Li/Li+)", "reaction"), [(s["voltage"], s["reaction"]) for s in document["ladder"]])
    limits = [f"{name} limit {document[name]:.3f} V" if document[name] is not None else f"no {name} limit" for name in ("reduction", "oxidation")]
    typer.echo("; ".join(limits))
    if document.get("note"):
        typer.echo(f"note: {document['note']}")


def _amounts(products: Any) -> str:
    if isinstance(products, dict):
        return " + ".join(f"{amount:.3g} {formula}" for formula, amount in products.items())
    return str(products)
