"""The command ``check-inputs``: what an expert would say to VASP input files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..answers.campaigns import InputsReview
from ..command import Command
from ..output import say, table

__all__ = ["COMMAND", "check_inputs"]

#: folders of one remark that are shown to a reader
_SHOWN = 3


def check_inputs(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders with INCAR, POSCAR and KPOINTS, or folders above them.")
    ],
) -> dict[str, Any]:
    """Read INCAR, KPOINTS, POSCAR (and POTCAR or POTCAR.spec) of any runs and name what an expert would.

    Starting moments and spin, states that are not handed on, settings that do not fit the kind of calculation, KPAR,
    cutoffs against ENMAX, meshes without Γ, stacks at one height, bands without a common zero, dispersion that nobody
    declared, chunks of dynamics without the thermostat of the one before. All folders are looked at together, since
    much is only wrong beside another run. Nothing is written. Exit status 1 where there is something to name.

    Raises
    ------
    InputError
        If a folder does not exist, none holds input, or a file cannot be read.
    """
    from ....workflows.preflight.input_sets import read_sets
    from ....workflows.preflight.review import review

    sets = read_sets(folders)
    return {"runs": [str(one.folder) for one in sets], "remarks": [remark.told() for remark in review(sets)]}


def _show(document: dict[str, Any]) -> None:
    number = len(document["runs"])
    if not document["remarks"]:
        say(f"{number} runs: nothing to name")
        return
    grouped: dict[str, list[dict[str, Any]]] = {}
    for remark in document["remarks"]:
        grouped.setdefault(remark["rule"], []).append(remark)
    rows = []
    for rule, found in grouped.items():
        rest = f"\nand {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        places = "\n".join(f"{one['folder']}: {one['detail']}" for one in found[:_SHOWN]) + rest
        rows.append((rule, len(found), places, found[0]["mend"]))
    table(f"Remarks on {number} runs", ("kind", "runs", "where and what", "what to do"), rows)


COMMAND = Command(check_inputs, _show, InputsReview, failed=lambda document: bool(document["remarks"]))
