"""What `catholyte inputs` writes: the VASP files of a recipe, ready to be looked at before any core hour."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...configs.errors import InputError
from ...workflows.plan.builder import PRODUCTION, PlannedJob
from ...workflows.preflight.run import PlannedRun, planned_runs, preflight
from ..run.campaign import read_plan

__all__ = ["inputs_document"]

#: folder of the jobs whose real starting cell another job has yet to compute
LATER = "later"
#: of the positions that are written
FINAL, AS_BUILT, TO_COME = "final", "as built, to be relaxed by CHGNet first", "to come"


def inputs_document(
    recipe: str,
    out: Path,
    engine: str = "vasp",
    overrides: dict[str, Any] | None = None,
    only: str | None = None,
    *,
    full: bool = False,
) -> dict[str, Any]:
    """Write the inputs of every job of a recipe and return the JSON of ``inputs``.

    Jobs that no other VASP job comes before go to ``OUT/NAME``. Jobs that start from a VASP job's result go to
    ``OUT/later/NAME``, on
    the library's cell: their settings are final, their positions are not. Interfaces are built for it; those that
    CHGNet relaxes first stand there as built, and ``positions`` says so for each job: final, as built, or to come. Jobs
    that
    the flow of oxygen loss adds while it runs go to ``OUT/later`` too, as they would be if nothing moved.

    Parameters
    ----------
    recipe : str
        Name, or path of a YAML file.
    out : Path
    engine : str
        ``vasp``; no other engine has input files.
    overrides : dict, optional
        Of the engine's settings.
    only, full : str, bool
        One step, or every step with the interfaces, as for ``plan``.

    Raises
    ------
    InputError
        If the engine has no input files, the recipe no VASP job, or a check of preflight fails that refuses.
    """
    if engine != "vasp":
        raise InputError(f"engine {engine} has no input files to write; allowed: vasp")
    plan = read_plan(recipe, engine, only, full=full)
    runs = planned_runs(plan, overrides or {}, added=True)
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
    if key not in planned:  # the flow adds it while it runs
        return TO_COME
    if not planned[key].depends_on:
        return FINAL
    before, left = set(), list(planned[key].depends_on)
    while left:
        if (parent := left.pop()) not in before:
            before.add(parent)
            left += planned[parent].depends_on
    return TO_COME if any(planned[parent].engine in PRODUCTION for parent in before) else AS_BUILT


def _write(run: PlannedRun, out: Path, positions: str) -> dict[str, Any]:
    from ...workflows.engines.vasp.backend import stages
    from ...workflows.engines.vasp.inputs import write_inputs

    folder = out / LATER / slug(run.name) if positions == TO_COME else out / slug(run.name)
    cell = run.cell()
    directories = []
    for stage, place in stages(cell, run.task):
        write_inputs(run.structure, run.task, run.settings(), folder / place, stage)
        directories.append(str(folder / place))
    told = {
        "name": run.name,
        "first_stage": positions != TO_COME,
        "positions": positions,
        "n_atoms": len(run.structure),
        "kind": run.task.kind,
    }
    return {**told, "directories": directories}


def slug(name: str) -> str:
    """A name as a folder: ``LCO-relax``."""
    return re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9.]+", "-", name.replace(" vasp ", " "))).strip("-")
