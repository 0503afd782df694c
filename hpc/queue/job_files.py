"""A campaign as files: inputs and a script a job, for machines that see neither this package nor a database.

A job that goes on from another one takes its CONTCAR when its script runs; what the scripts leave is carried back and
imported. POTCARs are put together where the licence is, from the names in POTCAR.spec.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from jobflow import Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.cluster import Cluster
from ...configs.errors import InputError
from ...workflows.engines.engine import CalculationMaker
from ...workflows.engines.registry import runs_production
from ...workflows.engines.tasks import Relax, Task, read_task
from ...workflows.engines.vasp.backend import VaspBackend
from ...workflows.engines.vasp.inputs import write_inputs
from ...workflows.engines.vasp.stages import CANONICAL, Run, written_runs
from ...workflows.flows.barrier import MethodBandMaker
from ...workflows.plan.builder import Plan
from ..run.asked_files import ASKED_FILE, asked_key
from ..run.open_questions import starting_cell
from ..store.campaign_store import CampaignStore
from ..store.ledger import Ledger, job_key
from .remote import queue_terms_for

__all__ = ["CAMPAIGN_FILE", "write_campaign_files"]

CAMPAIGN_FILE = "campaign.json"
_SUBMIT = {"slurm": "sbatch --parsable", "pbs": "qsub", "sge": "qsub -terse"}
_AFTER = {"slurm": "--dependency=afterok:{}", "pbs": "-W depend=afterok:{}", "sge": "-hold_jid {}"}
_ENDED = "General timing and accounting informations for this job"
_SETTLED = "aborting loop because EDIFF is reached"

_SCRIPT = """#!/bin/bash
{header}
# {name}: written by catholyte for job {key}
set -eo pipefail
cd "${{SLURM_SUBMIT_DIR:-${{PBS_O_WORKDIR:-${{SGE_O_WORKDIR:-$(dirname "$0")}}}}}}"
if [ -f finished ]; then echo "{name}: is finished"; exit 0; fi
{setup}
VASP="{command}"
if [ -z "$VASP" ]; then echo "set CATHOLYTE_VASP_COMMAND, for example to 'srun vasp_std'" >&2; exit 2; fi
potcar() {{  # in the folder $1, from the names in POTCAR.spec, where no POTCAR lies and there are any
  if [ -f "$1/POTCAR" ] || [ -z "$PMG_VASP_PSP_DIR" ]; then return 0; fi
  for name in $(cat "$1/POTCAR.spec"); do
    base="$PMG_VASP_PSP_DIR/{library}"
    if [ -f "$base/$name/POTCAR" ]; then cat "$base/$name/POTCAR"
    elif [ -f "$base/POTCAR.$name" ]; then cat "$base/POTCAR.$name"
    else gzip -dc "$base/POTCAR.$name.gz" "$base/$name/POTCAR.gz" 2>/dev/null || true; fi
  done > "$1/POTCAR.partial"
  mv "$1/POTCAR.partial" "$1/POTCAR"
}}
{before}{steps}"""
_PARENT = """if [ ! -f "../{parent}/finished" ]; then echo "{name}: waits for {parent}" >&2; exit 3; fi
cp "../{parent}/CONTCAR" POSCAR
"""
# the lowest of several electronic states goes on: its wave functions are read by the run that was asked for
_STARTS = """lowest=""; best=""
for start in {starts}; do
  cp POSCAR "$start/POSCAR"
  potcar "$start"
  (cd "$start" && $VASP > vasp.out 2>&1) || true
  grep -qs "{ended}" "$start/OUTCAR" && grep -qs "{settled}" "$start/OUTCAR" || continue
  energy=$(grep "energy  without entropy" "$start/OUTCAR" | tail -1 | sed 's/.*= *//')
  if [ -z "$best" ] || awk -v a="$energy" -v b="$best" 'BEGIN {{ exit !(a < b) }}'; then
    best="$energy"; lowest="$start"
  fi
done
if [ -z "$lowest" ]; then echo "{name}: no start converged" >&2; exit 4; fi
cp "$lowest/WAVECAR" WAVECAR
moments=$(grep "^MAGMOM" "$lowest/INCAR" || true)  # their symmetry is that of the wave functions
for file in INCAR canonical/INCAR; do
  if [ -n "$moments" ] && [ -f "$file" ]; then sed -i "s/^MAGMOM.*/$moments/" "$file"; fi
done
"""
_MAIN = """potcar .
$VASP > vasp.out 2>&1
"""
# a relaxation that ended with its steps, not with its forces, goes on from where it is
_RELAX = """potcar .
for round in 1 2 3 4 5; do
  $VASP > vasp.out 2>&1
  if grep -qs "reached required accuracy" OUTCAR || [ "$round" = 5 ]; then break; fi
  cp CONTCAR POSCAR
done
"""
_STATIC = """cp CONTCAR canonical/POSCAR
[ -s WAVECAR ] && cp WAVECAR canonical/WAVECAR
potcar canonical
(cd canonical && $VASP > vasp.out 2>&1)
"""
_END = """grep -q "{ended}" OUTCAR
rm -f WAVECAR CHGCAR */WAVECAR */CHGCAR
touch finished
"""


@dataclass
class _Folder:
    """A job whose inputs are written."""

    job: Job
    name: str
    backend: VaspBackend
    task: Task
    cell: Structure
    parent: _Folder | None = None
    written: dict[str, Any] = field(default_factory=dict)


def write_campaign_files(
    plan: Plan, store: CampaignStore | None, out: Path, cluster: Cluster | None = None, potcars: str | None = None
) -> dict[str, Any]:
    """Write a folder a job that VASP can run by itself or after another one, and what runs them all.

    Parameters
    ----------
    plan : Plan
    store : CampaignStore, optional
        Jobs that it holds are left out, and their results are starting cells.
    out : Path
    cluster : Cluster, optional
        Gives the scripts their head and the command of VASP.
    potcars : str, optional
        Folder with releases of POTCARs: whole ones are written instead of their names.

    Returns
    -------
    dict
        ``jobs`` (name, key, folder, after), ``finished``, ``waiting`` (name and what it waits for), ``files``.

    Raises
    ------
    InputError
        If the plan has no job that VASP runs, or none can be written, or `out` holds another campaign's files or what
        other jobs have left.
    """
    folders: dict[str, _Folder] = {}
    finished, waiting = list[str](), list[dict[str, str]]()
    names = {job.key: job.name for job in plan.jobs}
    waiting += [
        {
            "name": names.get(job_key(job.uuid, job.index), job.name),
            "for": "this package: its ends bring their energies",
        }
        for job in plan.flow.jobs
        if isinstance(job, Job) and isinstance(job.maker, MethodBandMaker)
    ]
    overrides = {"potcar_spec": True} if potcars is None else {"potcar_spec": False, "potcar_directory": potcars}
    vasp = [job for job in plan.flow.jobs if isinstance(job, Job) and _is_production(job)]
    if not vasp:
        raise InputError(f"recipe {plan.recipe.name} has no job that VASP could run: give it a section 'vasp'")
    for job in vasp:
        key = job_key(job.uuid, job.index)
        name = names.get(key, job.name)
        if job.maker.task.get("relax_cell") == "height":  # type: ignore[union-attr]  # of a calculation
            waiting.append({"name": name, "for": "this package: it is several relaxations and a parabola"})
            continue
        if store is not None and (Ledger(store).record(key) or {}).get("state") == "done":
            finished.append(name)
            continue
        given = job.function_args[0]
        parent = folders.get(given.uuid) if isinstance(given, OutputReference) else None
        cell = given if isinstance(given, Structure) else None
        if cell is None and store is not None:
            cell = starting_cell(given, store)
        if cell is None and parent is not None:
            cell = parent.cell
        if cell is None:
            before = names.get(given.uuid, "another job") if isinstance(given, OutputReference) else "another job"
            waiting.append({"name": name, "for": before})
            continue
        backend = job.maker.engine.backend  # type: ignore[union-attr]  # of a calculation
        made = type(backend)({**job.maker.engine.settings, **overrides})  # type: ignore[union-attr]
        folders[job.uuid] = _Folder(job, name, made, read_task(job.maker.task), cell, parent)  # type: ignore[union-attr]
    if not folders:
        raise InputError(
            f"no job of {plan.recipe.name} can be written: {len(finished)} are finished, {len(waiting)} wait for "
            "others",
            "compute here what they wait for: catholyte run with the same recipe and store",
        )
    _require_own(out, plan, list(folders.values()))
    told = [_write(folder, plan, out, cluster) for folder in folders.values()]
    files = [str(path) for path in _write_runners(told, out, cluster)]
    note = {"recipe": plan.recipe.name, "jobs": told, "finished": finished, "waiting": waiting}
    (out / CAMPAIGN_FILE).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {**note, "files": [*files, str(out / CAMPAIGN_FILE)]}


def _require_own(out: Path, plan: Plan, folders: list[_Folder]) -> None:
    """Refuse a folder of another campaign, and results of other jobs: scripts would take them for finished ones."""
    advice = "name another folder; `catholyte import` takes what is in this one"
    try:
        held = json.loads((out / CAMPAIGN_FILE).read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        held = plan.recipe.name  # none, or nothing that can be read: the notes of the jobs decide
    if held != plan.recipe.name:
        raise InputError(f"{out} holds the files of the campaign {held}, not of {plan.recipe.name}", advice)
    for one in folders:
        place = out / _slug(one.name)
        asked = asked_key(place / ASKED_FILE)
        left = any(next(place.rglob(name), None) for name in ("finished", "OUTCAR*", "vasprun.xml*"))
        if asked != job_key(one.job.uuid, one.job.index) and left:
            raise InputError(f"{place} holds results of another job than {one.name} is now", advice)


def _is_production(job: Job) -> bool:
    maker = job.maker
    return isinstance(maker, CalculationMaker) and runs_production(maker.engine.name)


def _write(one: _Folder, plan: Plan, out: Path, cluster: Cluster | None) -> dict[str, Any]:
    place = _slug(one.name)
    folder = out / place
    runs: list[Run] = []
    folders = []
    for inside, cell, task, run in written_runs(one.cell, one.task, one.backend.settings, "nothing"):
        write_inputs(cell, task, one.backend.settings, folder / inside, run)
        runs.append(run)
        folders.append(inside)
    parent = None if one.parent is None else _slug(one.parent.name)
    key = job_key(one.job.uuid, one.job.index)
    script = folder / "run.sh"
    script.write_text(_script(one, key, parent, cluster, _steps(one, folders, runs)), encoding="utf-8")
    script.chmod(0o755)
    told = {
        "key": key,
        "name": one.name,
        "recipe": plan.recipe.name,
        "kind": one.task.kind,
        "n_atoms": len(one.cell),
        "folder": place,
        "after": parent,
    }
    (folder / ASKED_FILE).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return told


def _steps(one: _Folder, folders: list[str], runs: list[Run]) -> str:
    """What a script does once its POSCAR is there."""
    starts = [folder for folder, run in zip(folders, runs, strict=True) if run.purpose == "start"]
    tried = _STARTS.format(starts=" ".join(starts), ended=_ENDED, settled=_SETTLED, name=one.name) if starts else ""
    main = _RELAX if isinstance(one.task, Relax) else _MAIN
    return tried + main + (_STATIC if CANONICAL in folders else "") + _END.format(ended=_ENDED)


def _script(one: _Folder, key: str, parent: str | None, cluster: Cluster | None, steps: str) -> str:
    from pymatgen.io.vasp.inputs import PotcarSingle

    method = one.task.method
    gamma = method is not None and prod(method.kpoints) == 1
    command = "${CATHOLYTE_VASP_COMMAND:-}"
    setup: list[str] = []
    header = ""
    if cluster is not None:
        header = _header(one, cluster)
        own = (cluster.vasp_gamma_command if gamma else None) or cluster.vasp_command
        command = f"${{CATHOLYTE_VASP_COMMAND:-{own or ''}}}"
        setup = [f"module load {name}" for name in cluster.modules] + list(cluster.setup)
        if cluster.potcars:
            setup.append(f'export PMG_VASP_PSP_DIR="${{PMG_VASP_PSP_DIR:-{cluster.potcars}}}"')
    before = "" if parent is None else _PARENT.format(parent=parent, name=one.name)
    return _SCRIPT.format(
        header=header,
        name=one.name.replace('"', "'"),
        key=key,
        setup="\n".join(setup),
        command=command,
        library=PotcarSingle.functional_dir[one.backend.settings.functional_library],
        before=before,
        steps=steps,
    )


def _header(one: _Folder, cluster: Cluster) -> str:
    """Lines for the scheduler, by qtoolkit's templates, which jobflow-remote uses too."""
    from qtoolkit.io.pbs import PBSIO
    from qtoolkit.io.sge import SGEIO
    from qtoolkit.io.slurm import SlurmIO

    kinds: dict[str, Any] = {"slurm": SlurmIO, "pbs": PBSIO, "sge": SGEIO}
    asked = cluster.resources_for(one.job.maker.engine.name, one.task.kind, len(one.cell))  # type: ignore[union-attr]
    terms = {**queue_terms_for(cluster, asked), "job_name": _slug(one.name)[:60]}
    return str(kinds[cluster.scheduler]().generate_header(terms)).removeprefix("#!/bin/bash").strip()


def _write_runners(told: list[dict[str, Any]], out: Path, cluster: Cluster | None) -> list[Path]:
    """``run-all.sh``, one after the other; with a cluster ``submit-all.sh``, each after those that it waits for."""
    every = out / "run-all.sh"
    lines = ["#!/bin/bash", "# every job on this machine, one after the other", 'cd "$(dirname "$0")"', "failed=0"]
    lines += [f'bash "{job["folder"]}/run.sh" || failed=1' for job in told]
    every.write_text("\n".join([*lines, "exit $failed", ""]), encoding="utf-8")
    every.chmod(0o755)
    if cluster is None:
        return [every]
    queue, after = _SUBMIT[cluster.scheduler], _AFTER[cluster.scheduler]
    lines = ["#!/bin/bash", "# every job to the queue, each after the one that it goes on from", "set -e"]
    lines += ['cd "$(dirname "$0")"', "declare -A number"]
    for job in told:
        wait = "" if job["after"] is None else " " + after.format(f"${{number[{job['after']}]}}")
        lines.append(f'number[{job["folder"]}]=$(cd "{job["folder"]}" && {queue}{wait} run.sh)')
        lines.append(f'echo "{job["folder"]}: ${{number[{job["folder"]}]}}"')
    submit = out / "submit-all.sh"
    submit.write_text("\n".join([*lines, ""]), encoding="utf-8")
    submit.chmod(0o755)
    return [every, submit]


def _slug(name: str) -> str:
    """A name as a folder: ``LCO-relax``."""
    return re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9.]+", "-", name)).strip("-")
