"""What `catholyte inputs` writes: the VASP files of a recipe, ready to be looked at before any core hour."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..configs.errors import InputError
from ..workflows.preflight import PlannedRun, planned_runs, preflight
from .campaign import read_plan

__all__ = ["inputs_document"]

#: folder of the jobs whose real starting cell another job has yet to compute
LATER = "later"


def inputs_document(recipe: str, out: Path, engine: str = "vasp", overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the inputs of every job of a recipe and return the JSON of ``inputs``.

    First-stage jobs go to ``OUT/NAME``. Jobs that start from another job's result go to ``OUT/later/NAME``, on the
    library's cell: their settings are final, their positions are not.

    Parameters
    ----------
    recipe : str
        Name, or path of a YAML file.
    out : Path
    engine : str
        ``vasp``; no other engine has input files.
    overrides : dict, optional
        Of the engine's settings.

    Raises
    ------
    InputError
        If the engine has no input files, the recipe no VASP job, or a check of preflight fails that refuses.
    """
    if engine != "vasp":
        raise InputError(f"engine {engine} has no input files to write; allowed: vasp")
    plan = read_plan(recipe, engine)
    runs = planned_runs(plan, overrides or {})
    if not runs:
        raise InputError(f"recipe {plan.recipe.name} has no job that VASP could run: give it a section 'vasp'")
    findings = preflight(runs)
    refused = [finding for finding in findings if not finding.ok and finding.refuses]
    if refused:
        raise InputError("\n".join(f"{finding.name}: {finding.detail}" for finding in refused), refused[0].mend)
    written = [_write(run, out, {job.key: job for job in plan.jobs}[run.key].depends_on) for run in runs]
    return {
        "recipe": plan.recipe.name,
        "directories": [directory for entry in written for directory in entry["directories"]],
        "jobs": written,
        "checks": [finding.told() for finding in findings],
    }


def _write(run: PlannedRun, out: Path, depends_on: list[str]) -> dict[str, Any]:
    from ..workflows.engines.vasp import stages
    from ..workflows.engines.vasp_inputs import write_inputs

    folder = out / LATER / slug(run.name) if depends_on else out / slug(run.name)
    cell = run.cell()
    directories = []
    for stage, place in stages(cell, run.task):
        write_inputs(run.structure, run.task, run.settings(), folder / place, stage)
        directories.append(str(folder / place))
    return {"name": run.name, "first_stage": not depends_on, "n_atoms": len(run.structure), "kind": run.task.kind, "directories": directories}


def slug(name: str) -> str:
    """A name as a folder: ``LCO-relax``."""
    return re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9.]+", "-", name.replace(" vasp ", " "))).strip("-")
