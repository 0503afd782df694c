"""The command ``submit``: a recipe to the queue of a cluster, or as files to one that nothing here can reach."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.campaigns import Submitted
from ..command import Command
from ..options import EngineName, Full, Manager, RecipeName, StepName
from ..output import narrate, say, table_of, tend_command

__all__ = ["COMMAND", "submit"]

WRITTEN = {"folder": "folder", "name": "job", "kind": "kind", "n_atoms": "atoms", "after": "after"}


def submit(
    recipe: RecipeName,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Name of a cluster file (folder CATHOLYTE_CLUSTERS, or the examples), or its path; asked for, except "
            "with --to-files, where it gives the scripts their head.",
        ),
    ] = None,
    manager: Manager = "fireworks",
    engine: EngineName = None,
    only: StepName = None,
    full: Full = False,
    to_files: Annotated[
        Path | None,
        typer.Option(
            "--to-files",
            metavar="DIR",
            help="Folder for inputs and a script a job, for a machine without this package and without a database; "
            "nothing is submitted.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", help="Store whose results --to-files does not ask for again; none where left out."),
    ] = None,
    potcars: Annotated[
        Path | None,
        typer.Option(help="Folder with POT_GGA_PAW_PBE_54: --to-files writes whole POTCARs instead of their names."),
    ] = None,
) -> dict[str, Any]:
    """Submit a recipe to a queue; what is finished or on its way is adopted, never submitted twice.

    With --to-files the VASP jobs are written as files, to be carried to a machine that nothing here can reach: a folder
    and a script a job, a script for all of them, and, with --cluster, one that hands them to the scheduler. What they
    leave there is carried back and taken in by `import`.

    Raises
    ------
    InputError
        If neither a cluster nor a folder is named, or no job can be written.
    """
    if to_files is not None:
        return _to_files(recipe, cluster, engine, only, full, to_files, store, potcars)
    if cluster is None:
        raise InputError("--cluster: name a cluster file, or write files with --to-files DIR")
    if store is not None or potcars is not None:
        raise InputError("--store and --potcars belong to --to-files: the cluster file names store and POTCARs")
    from ...queue.submission import submit_campaign

    return submit_campaign(recipe, cluster, manager, engine, only, full=full)


def _to_files(
    recipe: str,
    cluster: str | None,
    engine: str | None,
    only: str | None,
    full: bool,
    out: Path,
    place: str | None,
    potcars: Path | None,
) -> dict[str, Any]:
    from ....configs.cluster import load_cluster
    from ...queue.job_files import write_campaign_files
    from ...run.campaign import read_plan
    from ...store.campaign_store import open_store, rehearsal_location

    plan = read_plan(recipe, engine or "vasp", only, full=full)
    known = None if cluster is None else load_cluster(cluster)
    opened = None
    if place is not None:
        opened = open_store(rehearsal_location(place) if plan.placeholder else place, create=False)
    written = write_campaign_files(plan, opened, out, known, None if potcars is None else str(potcars))
    options = {"--recipe": recipe, "--engine": engine, "--only": only}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    taken_back = shlex.join(["catholyte", "import", str(out), *given, *(["--full"] if full else [])])
    return {**written, "skipped": plan.skipped, "import_command": taken_back}


def _show(document: dict[str, Any], cluster: str | None, manager: str, to_files: Path | None) -> None:
    for line in document["skipped"]:
        narrate(f"left out: {line}")
    if to_files is not None:
        _show_files(document, to_files)
        return
    for line in document["waiting_for_a_person"]:
        narrate(f"waits for a person, `catholyte retry` puts it back in line: {line}")
    number = f" as flow {document['flow_id']}" if document["flow_id"] is not None else ""
    jobs, adopted = len(document["jobs"]), len(document["adopted"])
    say(f"{jobs} jobs submitted{number}, {adopted} adopted; store {document['store']}")
    say(
        f"`{tend_command(cluster, manager, document['rehearsal'])}` hands ready jobs to the scheduler and puts lost "
        "ones back; keep it running, or call it from cron with --once"
    )


def _show_files(document: dict[str, Any], out: Path) -> None:
    table_of(f"files of {document['recipe']} in {out}", WRITTEN, document["jobs"])
    for one in document["waiting"]:
        say(f"waits: {one['name']}, for {one['for']}: write the files again when its result is in the store")
    if document["finished"]:
        say(f"finished in the store, and left out: {', '.join(document['finished'])}")
    say(f"carry {out} there, run {out}/run-all.sh or submit-all.sh, carry it back, and `{document['import_command']}`")


COMMAND = Command(submit, _show, Submitted)
