"""The command ``export``: what a store holds as files of others: a training set, or one job's POSCAR and INCAR."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ....configs.errors import InputError
from ...store.campaign_store import open_records
from ..answers.results import Export
from ..command import Command
from ..options import StorePlace
from ..output import say, say_files, table_of

__all__ = ["COMMAND", "export"]

HEADS = {"file": "file", "calculations": "calculations", "atoms": "atoms", "elements": "elements"}


def export(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    store: StorePlace = None,
    job: Annotated[
        str | None,
        typer.Option(
            help="Job whose files are written instead: its key, the beginning of it, or its name. POSCAR is the cell "
            "that it started from, CONTCAR the one it ended with; INCAR and KPOINTS are those of a VASP run."
        ),
    ] = None,
) -> dict[str, Any]:
    """Write every DFT calculation of a store as extended XYZ: energy, forces, stress, moments, signature.

    Energies that may not be subtracted from each other go to files of their own; scales.json says what each of them
    shares. Calculations of potentials, those that were not accepted and those without stress are left out, and counted.
    A run that is in the store twice, imported for a job and by itself, is written once.

    Raises
    ------
    InputError
        If the store holds no calculation that can be learned from, or the job has no files.
    UnknownNameError
        If no job or more than one matches.
    """
    from ....analysis.training_set import left_out, scales_of, write_training_set

    records = open_records(store)
    if job is not None:
        from ...run.stored_inputs import write_job_inputs

        record = records.find(job)
        document = records.document(str(record["uuid"]))
        return {"job": record["name"], "key": record["key"], **write_job_inputs(document, record["name"], out)}
    kept, without, seen = [], dict[str, int](), set[str]()
    for key, document in records.calculations():
        origin = document.provenance.imported
        if (reason := left_out(document)) is None and origin is not None and origin.sha256 in seen:
            reason = "it is imported twice"
        if reason is None:
            kept.append((key, document))
            seen |= set() if origin is None else {origin.sha256}
        else:
            without[reason] = without.get(reason, 0) + 1
    told = "; ".join(f"{number} left out: {reason}" for reason, number in sorted(without.items()))
    if not kept:
        raise InputError(
            f"the store holds no calculation to learn from{f' ({told})' if told else ''}",
            "`catholyte run RECIPE --engine gpaw` computes some, `catholyte import FOLDER` takes in finished VASP runs",
        )
    return {"scales": write_training_set(scales_of(kept), out), "left_out": without}


def _show(document: dict[str, Any]) -> None:
    if "files" in document:
        say_files({"file": file} for file in document["files"])
        for line in document["notes"]:
            say(f"note: {line}")
        return
    table_of("training sets", HEADS, document["scales"])
    for reason, number in document["left_out"].items():
        say(f"{number} left out: {reason}")


COMMAND = Command(export, _show, Export)
