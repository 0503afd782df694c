"""Commands of reaction thermodynamics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, SeveralValues
from .output import emit_json, narrate, table

if TYPE_CHECKING:
    from ...analysis.thermodynamics.phase_set import PhaseSet

__all__ = ["register"]

Phases = Annotated[
    str | None,
    typer.Option("--phases", help="Pinned phase set, or the path of one; the shipped complete set where left out."),
]
Own = Annotated[
    str | None,
    typer.Option(
        "--own",
        help=(
            "Store (folder or mongodb:// URI) whose finished relaxations join the phase set, where their signature "
            "agrees."
        ),
    ),
]
Substance = Annotated[str, typer.Argument(help="Material or formula.")]
KINKS = ("x", "mutual (eV/atom)", "total (eV/atom)", "products")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(reactions)
    app.command()(window)
    app.command(cls=SeveralValues)(volumes)
    app.command(cls=SeveralValues)(screen)


def reactions(
    a: Annotated[str, typer.Argument(metavar="A", help="Material or formula.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Material or formula.")],
    voltage: Annotated[float | None, typer.Option(help="V vs Li/Li+: open to lithium at this voltage.")] = None,
    temperature: Annotated[float | None, typer.Option(help="K: open to oxygen gas at this temperature.")] = None,
    pressure: Annotated[float, typer.Option(help="bar, of oxygen, with --temperature.")] = 1.0,
    threshold: Annotated[float, typer.Option(help="eV/atom: the pair counts as stable while it releases less.")] = 0.05,
    voltage_map: Annotated[
        bool,
        typer.Option(
            "--map", help="Add the map over mixing ratio and voltage, 0 to 5 V vs Li/Li+, with its interphases."
        ),
    ] = False,
    phase_set: Phases = None,
    own: Own = None,
    json: Json = False,
) -> None:
    """Give self, mutual and total reaction energy of A with B (eV/atom); x is the formula-unit fraction of A."""
    from .reaction_questions import ReactionQuestion, reactions_document

    document = reactions_document(
        ReactionQuestion(a, b, voltage, temperature, pressure, threshold, voltage_map), _phases(phase_set, own)
    )
    if json:
        emit_json(document)
        return
    rows = [(k["x"], k["mutual"], k["total"], _amounts(k["products"])) for k in document["kinks"]]
    table(f"{a} | {b} on {document['phase_set']['name']}", KINKS, rows)
    for label, part in (("self A", document["self"]["a"]), ("self B", document["self"]["b"])):
        typer.echo(f"{label}: {'no entry of its own in the set' if part is None else f'{part:.4f} eV/atom'}")
    spread = document["uncertainty"]
    for label in ("mutual", "total"):
        low, high = spread["intervals"][label]
        stable = document["stable"]["probability"][label]
        said = f"{document[label]['energy']:.4f} ± {spread[label]:.4f} eV/atom, 16 to 84 %: {low:.4f} to {high:.4f}"
        typer.echo(f"{label}: {said}; releases less than {threshold:g} eV/atom with probability {stable:.2f}")
    if document["volumes"] and document["volumes"]["change"] is not None:
        typer.echo(f"volume at the mutual minimum: {_volume_line(document['volumes'])}")
    if "map" in document:
        heads = ("from (V vs Li/Li+)", "to (V vs Li/Li+)", "x", "mutual (eV/atom)", "reaction")
        table(
            "interphases",
            heads,
            [
                (
                    i["low"],
                    i["high"],
                    i["x"],
                    " to ".join(f"{energy:.3f}" for energy in i["mutual"]),
                    i["reaction"] or "none",
                )
                for i in document["map"]["interphases"]
            ],
        )
    for note in document.get("notes", []):
        typer.echo(f"note: {note}")


def window(material: Substance, phase_set: Phases = None, own: Own = None, json: Json = False) -> None:
    """Give the electrochemical stability window and ladder, V vs Li/Li+."""
    from .reaction_questions import window_document

    document = window_document(material, _phases(phase_set, own))
    if json:
        emit_json(document)
        return
    table(
        f"{material} on {document['phase_set']['name']}",
        ("voltage (V vs Li/Li+)", "reaction"),
        [(s["voltage"], s["reaction"]) for s in document["ladder"]],
    )
    limits = [
        f"{name} limit {document[name]:.3f} V" if document[name] is not None else f"no {name} limit"
        for name in ("reduction", "oxidation")
    ]
    typer.echo("; ".join(limits))
    if document.get("note"):
        typer.echo(f"note: {document['note']}")


def volumes(
    material: Substance,
    products: Annotated[
        list[str] | None,
        typer.Option(
            "--products",
            help=(
                "Products, with or without amounts: LiCl '1/2 P2S5' '5/2 S'; the phases beyond the oxidation limit "
                "where left out."
            ),
        ),
    ] = None,
    voltage: Annotated[
        float | None, typer.Option(help="V vs Li/Li+: what the material becomes there, instead of named products.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Preferred molar volumes: crystal (standard), relaxed, pellet.")
    ] = None,
    density: Annotated[
        list[str] | None, typer.Option("--density", help="Own density in g/cm³, e.g. LPSCl=1.64; may be repeated.")
    ] = None,
    phase_set: Phases = None,
    own: Own = None,
    json: Json = False,
) -> None:
    """Give the volume before and after decomposition, mL/mol, with the source of every molar volume."""
    from .reaction_questions import VolumeQuestion, volumes_document

    document = volumes_document(
        VolumeQuestion(material, products or (), voltage, kind, density or ()), _phases(phase_set, own)
    )
    if json:
        emit_json(document)
        return
    heads = ("side", "phase", "amount", "molar volume (mL/mol)", "contribution (mL)", "kind", "source")
    keys = ("side", "formula", "coefficient", "molar_volume", "contribution", "kind", "source")
    table(document["reaction"], heads, [[share[key] for key in keys] for share in document["contributions"]])
    typer.echo(_volume_line(document))
    for name, found in document["by_kind"].items():
        typer.echo(f"all volumes of kind {name}: {found['before']:.1f} -> {found['after']:.1f} mL/mol")
    if document["steps"]:
        rows = [
            (s["voltage"], s["direction"], s["before"], s["after"], s["change_percent"], s["reaction"])
            for s in document["steps"]
        ]
        table(
            "ladder",
            ("voltage (V vs Li/Li+)", "direction", "before (mL/mol)", "after (mL/mol)", "change (%)", "reaction"),
            rows,
        )
    for note in document["notes"]:
        typer.echo(f"note: {note}")


def screen(
    cathode: Annotated[
        list[str],
        typer.Option(
            "--cathode", help="Cathodes: materials, formulas, or NAME-xFRACTION of its lithium, e.g. NCM811-x0.5."
        ),
    ],
    electrolyte: Annotated[list[str], typer.Option("--electrolyte", help="Electrolytes.")],
    coating: Annotated[
        list[str] | None, typer.Option("--coating", help="Coatings; all coatings of the library where left out.")
    ] = None,
    lithium: Annotated[
        list[float] | None,
        typer.Option("--lithium", help="Fractions (0 to 1) of its lithium that a cathode keeps; 1 and 0.5."),
    ] = None,
    operating_range: Annotated[
        tuple[float, float], typer.Option("--range", help="V vs Li/Li+, lowest and highest voltage of operation.")
    ] = (2.5, 4.3),
    out: Annotated[Path | None, typer.Option("--out", help="Folder for CSV, Parquet and figures.")] = None,
    phase_set: Phases = None,
    own: Own = None,
    json: Json = False,
) -> None:
    """Rank coatings: cathode | coating, coating | electrolyte (eV/atom) and the window against the operating range
    (V)."""
    from .reaction_questions import ScreenQuestion, screen_result, write_screen

    question = ScreenQuestion(cathode, electrolyte, coating or (), lithium or (1.0, 0.5), operating_range)
    phases = _phases(phase_set, own)
    with _progress() as advance:
        result = screen_result(question, phases, advance)
    files = [str(path) for path in write_screen(result, out, phases)] if out else []
    document = {**result.to_json(), "files": files}
    if json:
        emit_json(document)
        return
    columns = (
        "cathode",
        "electrolyte",
        "rank",
        "coating",
        "bare",
        "cathode_coating",
        "coating_electrolyte",
        "worst",
        "reduction",
        "oxidation",
        "covers",
    )
    heads = (
        "cathode",
        "electrolyte",
        "rank",
        "coating",
        "bare",
        "cathode|coating",
        "coating|electrolyte",
        "worst",
        "reduction (V)",
        "oxidation (V)",
        "in range",
    )
    rows = [
        ["none" if key == "coating" and row[key] is None else _yes(row[key]) for key in columns]
        for row in document["ranking"]
    ]
    table(f"screen on {result.phase_set}; mutual energies in eV/atom", heads, rows)
    for line in (*result.notes, *files):
        typer.echo(line)


def _phases(phase_set: str | None, own: str | None) -> PhaseSet | str | None:
    """The set to evaluate, with the user's own energies where a store is named."""
    if own is None:
        return phase_set
    from .own_phases import with_own

    phases, told = with_own(phase_set, own)
    for line in told:
        narrate(line)
    return phases


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal's standard error, else one line for each step."""
    if not sys.stderr.isatty():
        yield lambda done, total, what: narrate(f"[{done}/{total}] {what}")
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def _yes(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _volume_line(found: dict[str, Any]) -> str:
    return (
        f"{found['before']:.1f} -> {found['after']:.1f} mL/mol, change {found['change']:.1f} mL/mol "
        f"({found['change_percent']:.1f} %)"
    )


def _amounts(products: Any) -> str:
    if isinstance(products, dict):
        return " + ".join(f"{amount:.3g} {formula}" for formula, amount in products.items())
    return str(products)
