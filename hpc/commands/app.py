"""The command line ``catholyte``; heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import board as cli_board
from . import cli_cluster, cli_reactions, cli_structures
from . import dynamics as cli_dynamics
from . import inputs as cli_production
from . import layers as cli_layers
from . import substitute as cli_substitution
from .options import EngineName, Full, Json, RecipeName, Rehearsal, StepName, StorePlace
from .output import emit_json, narrate, table

__all__ = ["app", "main"]

app = typer.Typer(
    name="catholyte",
    help="Why does this oxide cathode react with this solid electrolyte, and which surface layer stops it?\n\n"
    "Units: eV, Å, µB, fs, K, V vs Li/Li+. `--debug` anywhere shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: exit status of a command stopped by Ctrl-C, as shells have it
INTERRUPTED = 130


@app.command()
def materials(
    name: Annotated[str | None, typer.Argument(help="One material in full.")] = None, json: Json = False
) -> None:
    """List the materials library, or show one material."""
    from .questions import material_document, materials_document

    if name is not None:
        found = material_document(name)
        emit_json(found) if json else table(
            found["name"], ("key", "value"), [(key, _short(value)) for key, value in found.items()]
        )
        return
    rows = materials_document()
    if json:
        emit_json(rows)
        return
    columns = ("name", "role", "formula", "spacegroup", "n_atoms", "disordered", "source")
    table(
        "materials (n_atoms: conventional cell)", columns, [[_short(row[column]) for column in columns] for row in rows]
    )


@app.command()
def plan(
    recipe: RecipeName,
    engine: EngineName = None,
    only: StepName = None,
    full: Full = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", help="Add cores, wall times (s) and core hours (h) on this cluster: name or path of its file."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the jobs of a recipe, their dependencies, cells and estimated cost; nothing runs."""
    from ..run.campaign import plan_document, read_plan

    planned = read_plan(recipe, engine, only, full=full)
    document = plan_document(planned)
    columns = ["name", "step", "engine", "formula", "n_atoms", "depends_on", "cost_seconds"]
    heads = ["job", "step", "engine", "cell", "atoms", "depends on", "estimate (CPU s)"]
    if cluster is not None:
        from ...configs.cluster import load_cluster
        from ..queue.submission import add_core_hours

        document = add_core_hours(document, planned, load_cluster(cluster))
        columns += ["cores", "wall_time", "core_hours"]
        heads += ["cores", "wall time (s)", "core hours"]
    if json:
        emit_json(document)
        return
    rows = [
        [_inputs(job[column]) if column == "depends_on" else job[column] for column in columns]
        for job in document["jobs"]
    ]
    table(f"plan of {document['recipe']}", heads, rows)
    totals = document["totals"]
    minutes = totals["cpu_seconds"] / 60
    effort = f"about {minutes:.0f} CPU minutes" if minutes >= 1 else "less than a CPU minute"
    typer.echo(f"{totals['jobs']} {'job' if totals['jobs'] == 1 else 'jobs'}, {effort} (an order of magnitude)")
    if cluster is not None:
        typer.echo(
            f"on {document['cluster']}: about {totals['core_hours']:.0f} core hours, at most "
            f"{totals['core_hours_at_most']:.0f} by the wall times"
        )
    for line in document["notes"]:
        typer.echo(f"note: {line}")
    for line in document["skipped"]:
        typer.echo(f"left out: {line}")


@app.command()
def run(
    recipe: RecipeName,
    engine: EngineName = None,
    store: StorePlace = None,
    only: StepName = None,
    full: Full = False,
    workers: Annotated[int, typer.Option(min=0, help="Jobs side by side; 0: one per core.")] = 0,
    json: Json = False,
) -> None:
    """Run a recipe on this machine; again = resume, finished jobs are reused."""
    from ..run.campaign import read_plan, run_campaign
    from ..run.local import Event
    from ..store.campaign_store import open_store, rehearsal_location

    planned = read_plan(recipe, engine, only, full=full)
    rehearsed = any(job.tier == "rehearsal" for job in planned.jobs)
    opened = open_store(rehearsal_location(store) if rehearsed else store)
    if rehearsed:
        narrate(
            f"a rehearsal: its numbers are invented, and kept apart in {opened.shown}; `status` and `why` show "
            "them "
            "with --rehearsal"
        )
    if not planned.jobs:
        narrate("no job is needed: this recipe is evaluated from the phase set by `catholyte report`")
    for line in planned.notes:
        narrate(f"note: {line}")
    for line in planned.skipped:
        narrate(f"left out: {line}")

    def tell(event: Event) -> None:
        took = f" ({event.seconds:.1f} s)" if event.seconds else ""
        narrate(
            f"[{event.n_finished}/{event.n_total}] {event.state:<8}{event.name}{took}"
            + (f": {event.message}" if event.message else "")
        )

    try:
        summary = run_campaign(opened, planned, tell, workers)
    except KeyboardInterrupt:
        narrate("interrupted: what is finished is kept; the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    if json:
        named = {
            key: [summary.names[k] for k in getattr(summary, key)]
            for key in ("completed", "reused", "failed", "blocked")
        }
        emit_json({**named, "store": opened.shown, "skipped": planned.skipped})
    else:
        counts = ", ".join(
            f"{len(getattr(summary, key))} {key}" for key in ("completed", "reused", "failed", "blocked")
        )
        typer.echo(f"{planned.recipe.name}: {counts}; store {opened.shown}")
        if summary.failed:
            typer.echo("`catholyte why JOB` gives the cause of a failure")
    if summary.failed or summary.blocked:
        raise typer.Exit(1)


@app.command()
def status(
    store: StorePlace = None,
    campaign: Annotated[str | None, typer.Option(help="Name of a recipe; the latest where left out.")] = None,
    rehearsal: Rehearsal = False,
    json: Json = False,
) -> None:
    """Show the states of a campaign's jobs."""
    from ..run.campaign import status_document

    document = status_document(_records(store, rehearsal).entries(campaign))
    if json:
        emit_json(document)
        return
    columns = ("name", "state", "engine", "host", "started", "wall_seconds", "attempts", "cause")
    table(
        "jobs",
        ("job", "state", "engine", "host", "started (UTC)", "wall time (s)", "attempts", "cause"),
        [[row[c] for c in columns] for row in document["jobs"]],
    )


@app.command()
def why(
    job: Annotated[str, typer.Argument(help="Name or key (or its beginning) of a job.")],
    store: StorePlace = None,
    rehearsal: Rehearsal = False,
    json: Json = False,
) -> None:
    """Give the cause of a job's state in a sentence, with evidence and advice."""
    from ..run.campaign import explain

    told = explain(_records(store, rehearsal).find(job))
    if json:
        emit_json(told)
        return
    typer.echo(f"{told['job']} ({told['key']}) is {told['state']}: {told['cause']}")
    for line in told["evidence"]:
        typer.echo(f"  | {line}")
    if told["advice"]:
        typer.echo(f"what to do: {told['advice']}")


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", help="Folder for the page, figures and tables.")],
    store: StorePlace = None,
    campaign: Annotated[str | None, typer.Option(help="Name of a recipe; the latest where left out.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write every figure as PDF too, beside SVG and PNG.")] = False,
    json: Json = False,
) -> None:
    """Write the report of a campaign: a self-contained HTML page, figures, tables."""
    from ...analysis.report.page import write_report

    files = [
        str(path)
        for path in write_report(_records(store), out, campaign, ("svg", "pdf", "png") if pdf else ("svg", "png"))
    ]
    if json:
        emit_json({"files": files})
    else:
        typer.echo("\n".join(files))


@app.command()
def doctor(
    store: StorePlace = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Check this cluster too: name of a cluster file, or its path.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="With --cluster: check the VASP jobs of this recipe there.")
    ] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="With --cluster: what a rehearsal needs, without POTCARs and VASP.")
    ] = False,
    json: Json = False,
) -> None:
    """Check what is installed, reachable and missing, and say how to mend it."""
    from .doctor import cluster_checks, run_checks

    checks = run_checks(store) + (cluster_checks(cluster, recipe, rehearsal=rehearsal) if cluster else [])
    if json:
        emit_json({"checks": checks})
    else:
        table(
            "doctor",
            ("check", "ok", "detail", "mend"),
            [(c["name"], "yes" if c["ok"] else "NO", c["detail"], c["mend"]) for c in checks],
        )
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


@app.command()
def bands(
    path: Annotated[
        str,
        typer.Argument(help="VASP directory, vasprun.xml(.gz), document JSON, or a job (name or key) of the store."),
    ],
    orbital: Annotated[str, typer.Option(help="Element and orbital.")] = "O-2p",
    window: Annotated[
        str, typer.Option(help="occupied, or two energies 'LOW:HIGH' in eV relative to the reference.")
    ] = "occupied",
    reference: Annotated[
        str | None,
        typer.Option(
            help=(
                "Zero of energy: vbm, cbm, midgap, fermi, o1s, o2s, average_potential, vacuum; vbm (fermi for a "
                "metal) where left out."
            )
        ),
    ] = None,
    depth: Annotated[
        bool | None,
        typer.Option(
            "--depth/--no-depth",
            help="Also by plane and layer along c (heights in Å); where left out, for slabs and tagged interfaces.",
        ),
    ] = None,
    store: StorePlace = None,
    json: Json = False,
) -> None:
    """Give band centres by environment, and by depth in a slab or interface, at every available reference."""
    from .questions import bands_document

    document = bands_document(path, orbital, window, reference, store, depth)
    if json:
        emit_json(document)
        return
    columns = ("element", "orbital", "environment", "window", "reference", "center", "n_atoms")
    heads = ("element", "orbital", "environment", "window", "reference", "centre (eV)", "atoms")
    table(
        f"{document['formula']}: gap {document['gap']:.3f} eV",
        heads,
        [[row[c] for c in columns] for row in document["centers"]],
    )
    if "depth" in document:
        zeros = list(dict.fromkeys(name for row in document["depth"] for name in row["centers"]))
        rows = [
            [row["kind"], row["label"], row["height"], row["n_atoms"], *(row["centers"].get(name) for name in zeros)]
            for row in document["depth"]
        ]
        table("by depth", ("kind", "group", "height (Å)", "atoms", *(f"{name} (eV)" for name in zeros)), rows)
    for note in document["notes"]:
        typer.echo(f"note: {note}")


cli_structures.register(app)
cli_layers.register(app)
cli_substitution.register(app)
cli_reactions.register(app)
cli_dynamics.register(app)
cli_cluster.register(app)
cli_production.register(app)
cli_board.register(app)


def _records(place: str | None, rehearsal: bool = False) -> Any:
    from ...analysis.records import Records
    from ..store.campaign_store import open_store, rehearsal_location

    opened = open_store(rehearsal_location(place) if rehearsal else place, create=False)
    return Records(opened.outputs, opened.states, opened.campaigns)


def _inputs(names: list[str]) -> str:
    """The jobs that one waits for: by name where they are few."""
    return ", ".join(names) if len(names) < 5 else f"{len(names)} jobs, {names[0]} the first"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 70 else text[:67] + "…"


def main() -> None:
    """Entry point: every error is one message and the exit status of its kind."""
    # many small matrices: threads of numpy's OpenBLAS cost ten times the time and a gigabyte; engines set their own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app()
    except Exception as error:
        from ...configs.errors import CatholyteError

        if debug:
            raise
        if isinstance(error, CatholyteError):
            narrate(f"error: {error.message}")
            if error.advice:
                narrate(f"what to do: {error.advice}")
            sys.exit(error.exit_status)
        narrate(f"error: {type(error).__name__}: {error} (a defect of catholyte; `--debug` shows the traceback)")
        sys.exit(1)
