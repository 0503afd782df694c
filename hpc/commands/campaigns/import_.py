"""The command ``import``: finished VASP runs into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..answers.campaigns import Imported
from ..command import Command
from ..options import Full, StepName, StorePlace
from ..output import narrate, say, table_of

__all__ = ["COMMAND", "import_"]

IMPORTED = {
    "path": "folder",
    "job": "job",
    "formula": "cell",
    "kind": "kind",
    "energy_per_atom": "energy (eV/atom)",
    "level": "level",
    "version": "VASP",
}
REFUSED = {"path": "folder", "reason": "refused, because"}
DUPLICATES = {"path": "folder", "same_as": "the same run as"}


def import_(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Folders of finished VASP runs, searched to any depth.")
    ],
    store: StorePlace = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose VASP jobs the runs may answer: name, or path of a YAML file."),
    ] = None,
    map: Annotated[
        Path | None,
        typer.Option("--map", help="YAML file that says which runs are of which material, job and role."),
    ] = None,
    engine: Annotated[str, typer.Option(help="Engine of the recipe's jobs: vasp, or rehearsal.")] = "vasp",
    only: StepName = None,
    full: Full = False,
) -> dict[str, Any]:
    """Take finished VASP runs into a store, so that a recipe's jobs that ask the same are not computed again.

    Runs are found in any tree: vasprun.xml(.gz) or vaspout.h5, with OUTCAR and CONTCAR beside it; attempts that
    custodian archived are no runs. With --recipe a run answers the job that asks for its cell, its kind and its
    settings, and `run` with the same options takes its result; without, it becomes a calculation of its own, named by
    the library, or by --map. Parts of one dynamics are joined. What was taken before is recognised by its content.

    Raises
    ------
    InputError
        If a folder does not exist, or recipe or map cannot be read.
    """
    from ....workflows.imports.labels import load_map
    from ...run.campaign import read_plan
    from ...run.imports import import_runs
    from ...store.campaign_store import open_store, rehearsal_location

    planned = None if recipe is None else read_plan(recipe, engine, only, full=full)
    table = None if map is None else load_map(map)
    rehearsed = planned is not None and planned.placeholder
    opened = open_store(rehearsal_location(store) if rehearsed else store)
    return import_runs(opened, folders, planned, table, narrate)


def _show(document: dict[str, Any]) -> None:
    if document["imported"]:
        table_of("imported", IMPORTED, document["imported"])
    if document["refused"]:
        table_of("refused", REFUSED, document["refused"])
    if document["duplicates"]:
        table_of("duplicates", DUPLICATES, document["duplicates"])
    for row in document["imported"]:
        for note in row["notes"]:
            say(f"note: {row['path']}: {note}")
    counts = ", ".join(f"{len(document[key])} {key}" for key in ("imported", "refused", "duplicates"))
    say(f"{counts}; store {document['store']}")


COMMAND = Command(
    import_,
    _show,
    Imported,
    failed=lambda document: bool(document["refused"]) and not document["imported"] and not document["duplicates"],
    interrupted="interrupted: what was imported is whole; the same command goes on from there",
)
