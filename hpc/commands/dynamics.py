"""The command ``dynamics``: what happens in a trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json, SeveralValues
from .output import emit_json, narrate, table

__all__ = ["register"]

RUNS = "Each value is one run; the chunks of a run are joined by commas: a1.h5,a2.h5."


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command(cls=SeveralValues)(dynamics)


def dynamics(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Chunks of one trajectory in order: XDATCAR, vasprun.xml(.gz), extxyz and other ASE formats, HDF5.",
        ),
    ],
    timestep: Annotated[
        float | None,
        typer.Option(
            help="fs between two MD steps (frames, where the file numbers no steps); that of the file where it has one."
        ),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option("--control", help=f"Trajectories of the phases in bulk, whose rates are subtracted. {RUNS}"),
    ] = None,
    replica: Annotated[
        list[str] | None, typer.Option("--replica", help=f"Further runs of the same cell, for survival. {RUNS}")
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--pair",
            metavar="A B",
            help="Materials whose predicted products are compared to the species found, e.g. LCO LPSCl.",
        ),
    ] = None,
    cell: Annotated[
        Path | None,
        typer.Option(
            "--cell",
            help="Structure file of the first frame with the site property 'layer' (as `interfaces` writes it).",
        ),
    ] = None,
    border: Annotated[
        list[float] | None,
        typer.Option(
            "--border",
            help=(
                "Heights in Å between layers of the first frame, rising along the normal of a and b, where no cell "
                "says them."
            ),
        ),
    ] = None,
    cutoff: Annotated[
        list[str] | None,
        typer.Option(
            "--cutoff", help="Cut-off of a pair of elements in Å, e.g. P-S=2.7; else the control's pair function."
        ),
    ] = None,
    persistence: Annotated[float | None, typer.Option(help="fs that a change must last to count; 100.")] = None,
    hysteresis: Annotated[
        float | None,
        typer.Option(help="Half the window in which a bond stays what it was, in units of the cut-off; 0.05."),
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="What made the trajectory, e.g. vasp; that of the file where it says so.")
    ] = None,
    phase_set: Annotated[
        str | None, typer.Option("--phases", help="Pinned phase set of the prediction, or the path of one.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for figures and tables.")] = None,
    json: Json = False,
) -> None:
    """Analyse a trajectory: bond events, shells, survival, pair functions, diffusion, drift, species (fs, Å, eV, K)."""
    from .dynamics_question import DynamicsQuestion, dynamics_document

    question = DynamicsQuestion(
        tuple(files),
        timestep,
        tuple(control or ()),
        tuple(replica or ()),
        pair,
        cell,
        tuple(border or ()),
        tuple(cutoff or ()),
        persistence,
        hysteresis,
        tier,
        phase_set,
    )
    document = dynamics_document(question, out, narrate)
    if json:
        emit_json(document)
        return
    _show(document)


def _show(document: dict[str, Any]) -> None:
    typer.echo(
        f"{document['formula']}, {document['n_atoms']} atoms, {document['n_frames']} frames, "
        f"{document['start']:g} to "
        f"{document['end']:g} fs; {document['label']}"
    )
    rows = [
        (
            rate["kind"],
            rate["count"],
            rate["lasting"],
            rate["control"],
            rate["expected"],
            rate["excess"],
            rate["sigma"],
            rate["per_area"],
        )
        for rate in document["rates"]
    ]
    heads = ("bond events", "count", "lasting", "in the control", "expected from it", "excess", "σ", "per nm² and ps")
    _filled(
        f"a change counts if it lasts {document['persistence']:g} fs", heads, [row for row in rows if row[1] or row[4]]
    )
    quiet = [rate["kind"] for rate in document["rates"] if not rate["count"]]
    typer.echo(f"no event (of {document['persistence']:g} fs or longer) of: {', '.join(quiet) or 'any other kind'}")
    rules = [
        (rule["pair"], rule["cutoff"], rule["form"], rule["broken"], rule["source"]) for rule in document["cutoffs"]
    ]
    _filled("cut-offs", ("pair", "cut-off (Å)", "forms below (Å)", "breaks above (Å)", "from"), rules)
    shells = [
        (one["pair"], one["n_centers"], one["first"], one["mean"], one["last"], one["mean_distortion"])
        for one in document["coordination"]
        if one["mean"] > 0.005
    ]
    _filled("neighbours", ("pair", "centres", "first frame", "mean", "last frame", "distortion of the shells"), shells)
    whole = [
        (one["unit"], one["n_units"], one["n_lost"], one["fraction"][-1], one["median"]) for one in document["survival"]
    ]
    _filled("survival", ("unit", "at the beginning", "lost", "share left", "half lost after (fs)"), whole)
    moved = [
        (one["species"], one["layer"], one["value"], one["sigma"], one["limit"], one["note"])
        for one in document["diffusivity"]
    ]
    _filled("self-diffusion", ("element", "layer", "D (cm²/s)", "σ (cm²/s)", "at most (cm²/s)", "note"), moved)
    drifts = [
        (one["quantity"], one["mean"], one["std"], one["slope"], one["sigma"], one["unit"]) for one in document["drift"]
    ]
    _filled("drift", ("quantity", "mean", "std", "slope per ps", "σ", "unit"), drifts)
    for at, found in document["species"].items():
        typer.echo(
            f"species at the {at}: {', '.join(f'{number} {formula}' for formula, number in found.items()) or 'none'}"
        )
    _show_score(document["score"])
    for line in (*document["notes"], *document["files"]):
        typer.echo(line)


def _filled(title: str, heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A table, where there is something in it."""
    if rows:
        table(title, heads, rows)


def _show_score(score: dict[str, Any] | None) -> None:
    if score is None:
        return
    typer.echo(f"predicted by {score['phase_set']}: {score['reaction'] or 'no reaction'}")
    if score["score"] is not None:
        typer.echo(
            f"agreement of the bonds that came and went with the prediction: {score['score']:.2f} (random mixing: "
            f"{_number(score['baseline'])}), skill {_number(score['skill'])}; progress {score['progress']:.3f}"
        )
    for note in score["notes"]:
        typer.echo(f"note: {note}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
