"""The command ``inputs``: the VASP files of a recipe, ready to be looked at before any core hour."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.campaigns import WrittenInputs
from ..command import Command
from ..options import Full, RecipeName, StepName
from ..output import say, table

if TYPE_CHECKING:
    from ....workflows.plan.builder import PlannedJob
    from ....workflows.preflight.run import PlannedRun

__all__ = ["COMMAND", "inputs"]

#: folder of the jobs whose real starting cell another job has yet to compute
LATER = "later"
#: of the positions that are written
FINAL, AS_BUILT, TO_COME = "final", "as built, to be relaxed by CHGNet first", "to come"


def inputs(
    recipe: RecipeName,
    out: Annotated[Path, typer.Option(help="Folder for one folder per job; existing input files are overwritten.")],
    engine: Annotated[str, typer.Option(help="Engine whose files are written: vasp.")] = "vasp",
    potcars: Annotated[
        Path | None,
        typer.Option(
            help="Folder with POT_GGA_PAW_PBE_54: whole POTCARs and their hashes instead of POTCAR.spec (names only)."
        ),
    ] = None,
    only: StepName = None,
    full: Full = False,
) -> dict[str, Any]:
    """Write the VASP inputs of a recipe: POSCAR, INCAR, KPOINTS and POTCAR.spec of every job; nothing runs.

    Jobs that no other VASP job comes before go to OUT/NAME. Jobs that start from a VASP job's result go to
    OUT/later/NAME, on the library's cell: their settings are final, their positions are not. Interfaces are built for
    it; those that CHGNet relaxes first stand there as built, and `positions` says so for each job: final, as built, or
    to come. Jobs that flows add while they run, of oxygen loss and of vacancies in stacks, go to OUT/later too, as they
    would be if nothing moved. An elastic band has the folders 00 to N + 1 of its images, as they would be if nothing
    relaxed; its INCAR asks for the VTST extension (`climbing: false` in the section transport does without). A job of
    several runs has a folder for each: its starts, its heights, the static run behind a relaxed cell, and its own. KPAR
    and NCORE are those of the settings' ranks, 64 where they name none.

    Raises
    ------
    InputError
        If the engine has no input files, the recipe no VASP job, or a check of preflight fails that refuses.
    """
    from ....workflows.engines.registry import ENGINES, load_backend, runs_production
    from ....workflows.preflight.run import planned_runs, preflight
    from ...run.campaign import read_plan

    allowed = [name for name in ENGINES if runs_production(name) and not load_backend(name, {}).trust.placeholder]
    if engine not in allowed:
        raise InputError(f"engine {engine} has no input files to write; allowed: {', '.join(allowed)}")
    plan = read_plan(recipe, engine, only, full=full)
    overrides = {"potcar_spec": True} if potcars is None else {"potcar_spec": False, "potcar_directory": str(potcars)}
    runs = planned_runs(plan, overrides, added=True)
    if not runs:
        raise InputError(f"recipe {plan.recipe.name} has no job that VASP could run: give it a section 'vasp'")
    findings = preflight(runs)
    refused = [finding for finding in findings if not finding.ok and finding.refuses]
    if refused:
        raise InputError("\n".join(f"{finding.name}: {finding.detail}" for finding in refused), refused[0].mend)
    planned = {job.key: job for job in plan.jobs}
    written = [_write(run, out, _positions(run.key, planned)) for run in runs]
    return {
        "recipe": plan.recipe.name,
        "directories": [directory for entry in written for directory in entry["directories"]],
        "jobs": written,
        "checks": [finding.told() for finding in findings],
    }


def _positions(key: str, planned: dict[str, PlannedJob]) -> str:
    """Whether the cell that is written is the one that will run."""
    from ....workflows.engines.registry import runs_production

    if key not in planned:  # the flow adds it while it runs
        return TO_COME
    if not planned[key].depends_on:
        return FINAL
    before, left = set(), list(planned[key].depends_on)
    while left:
        if (parent := left.pop()) not in before:
            before.add(parent)
            left += planned[parent].depends_on
    return TO_COME if any(runs_production(planned[parent].engine) for parent in before) else AS_BUILT


def _write(run: PlannedRun, out: Path, positions: str) -> dict[str, Any]:
    from ....workflows.engines.tasks import ElasticBand
    from ....workflows.engines.vasp.band import write_band_inputs
    from ....workflows.engines.vasp.inputs import write_inputs
    from ....workflows.engines.vasp.parallel import RANKS_ALONE
    from ....workflows.engines.vasp.stages import written_runs

    folder = out / LATER / _slug(run.name) if positions == TO_COME else out / _slug(run.name)
    directories = []
    if isinstance(run.task, ElasticBand):
        write_band_inputs(run.images, run.task, run.settings, folder, run.settings.ranks or RANKS_ALONE)
        directories.append(str(folder))
    for place, structure, task, one in (
        () if directories else written_runs(run.structure, run.task, run.settings, run.given)
    ):
        write_inputs(structure, task, run.settings, folder / place, one, run.settings.ranks or RANKS_ALONE)
        directories.append(str(folder / place))
    told = {
        "name": run.name,
        "first_stage": positions != TO_COME,
        "positions": positions,
        "n_atoms": len(run.structure),
        "kind": "band" if run.images else run.task.kind,
    }
    return {**told, "directories": directories}


def _slug(name: str) -> str:
    """A name as a folder: ``LCO-relax``."""
    return re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9.]+", "-", name.replace(" vasp ", " "))).strip("-")


def _show(document: dict[str, Any]) -> None:
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
            say(f"look at: {check['name']}: {check['detail']}")


COMMAND = Command(inputs, _show, WrittenInputs)
