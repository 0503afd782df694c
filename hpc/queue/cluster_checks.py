"""What can be known to go wrong on a cluster, looked for before anything is entered in a queue.

``submit`` refuses with the first message; ``doctor --cluster`` shows them all.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from ...configs.cluster import Cluster, Resources
from ...configs.errors import CatholyteError, InputError, near_match_hint
from ...workflows.plan.builder import Plan
from ...workflows.preflight.planned_run import Finding, PlannedRun, finding

__all__ = ["check_cluster", "check_plan", "partition_limits", "refuse", "run_script"]

#: s that the scheduler, a module system or the first import on a slow file system may take
PATIENCE = 120.0
#: what submits, what lists; the scheduler is there where both are
_COMMANDS = {"slurm": ("sbatch", "squeue"), "pbs": ("qsub", "qselect"), "sge": ("qsub", "qstat")}
#: one line a partition: its name and, where the scheduler says so, its longest wall time
_PARTITIONS = {"slurm": ["sinfo", "-h", "-o", "%R %l"], "pbs": ["qstat", "-Q"], "sge": ["qconf", "-sql"]}


def check_cluster(cluster: Cluster) -> list[Finding]:
    """Return what every job on this cluster needs: scheduler, partitions, work_dir, a worker that imports the package,
    the database."""
    return [_named(name, check, cluster) for name, check in _CHECKS.items()]


def check_plan(plan: Plan, cluster: Cluster) -> list[Finding]:
    """Return what the VASP jobs of a plan need, wall times and ranks as the cluster gives them; empty where there is no
    such job."""
    from ...workflows.preflight.checks import ranks_divide, wall_time_holds_a_step
    from ...workflows.preflight.run import planned_runs, preflight

    runs = planned_runs(plan, {"potcar_directory": cluster.potcars} if cluster.potcars else {})
    if not runs:
        return []
    found = preflight(runs)
    planned = {job.key: job for job in plan.jobs}
    asked: dict[Resources, list[PlannedRun]] = {}
    for run in runs:
        job = planned[run.key]
        asked.setdefault(cluster.resources_for(job.engine, job.kind, job.n_atoms), []).append(run)
    if not plan.placeholder:
        for resources, group in asked.items():
            ranks = resources.nodes * resources.tasks_per_node
            found += [
                ranks_divide(group, ranks),
                wall_time_holds_a_step(group, resources.wall_time - cluster.warning_seconds, ranks),
            ]
    return found


def refuse(findings: list[Finding]) -> None:
    """Let a submission go on, or not.

    Raises
    ------
    InputError
        With every check that failed and refuses; what to do about the first is the advice.
    """
    failed = [found for found in findings if not found.ok and found.refuses]
    if failed:
        raise InputError(
            "nothing was submitted: " + "\n".join(f"{found.name}: {found.detail}" for found in failed), failed[0].mend
        )


def run_script(cluster: Cluster, command: str) -> tuple[int, str]:
    """Run a shell line here after the lines that every job of the cluster begins with; exit status, and the last lines
    of its output."""
    from .fireworks import preamble

    try:
        script = "\n".join([*preamble(cluster), command])
        found = subprocess.run(
            ["bash", "-lc", script],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 1, str(error)
    return found.returncode, "\n".join((found.stdout + found.stderr).strip().splitlines()[-3:])


def partition_limits(cluster: Cluster) -> dict[str, float]:
    """Partitions or queues of the scheduler, each with its longest wall time in s (infinite where it says none).

    Raises
    ------
    InputError
        If the scheduler does not answer.
    """
    command = _PARTITIONS[cluster.scheduler]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise InputError(
            f"the scheduler does not answer ({' '.join(command)}): {str(said).strip().splitlines()[-1]}", _NO_SCHEDULER
        ) from None
    lines = [line.split() for line in answer.splitlines() if line.strip()]
    if cluster.scheduler == "slurm":
        return {words[0]: slurm_seconds(words[1]) for words in lines}
    start = 2 if cluster.scheduler == "pbs" else 0  # qstat -Q prints two lines of heads
    return {words[0]: float("inf") for words in lines[start:]}


def slurm_seconds(limit: str) -> float:
    """``D-HH:MM:SS``, ``HH:MM:SS``, ``MM:SS`` or ``infinite`` in s, as sinfo prints a time limit."""
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return float("inf")
    hours, minutes, seconds = (int(part) for part in (["0"] * (3 - len(parts)) + parts))
    return float(((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds)


_NO_SCHEDULER = "run this on a node that has the scheduler's commands, or correct the key 'scheduler'"


def _named(name: str, check: Callable[[Cluster], Finding], cluster: Cluster) -> Finding:
    try:
        return check(cluster)
    except CatholyteError as error:
        return Finding(name, False, error.message, error.advice)


def _scheduler(cluster: Cluster) -> Finding:
    import shutil

    missing = [command for command in _COMMANDS[cluster.scheduler] if shutil.which(command) is None]
    problems = [f"{cluster.scheduler} is not here: no {', '.join(missing)} on the PATH"] if missing else []
    return finding("scheduler", problems, _NO_SCHEDULER, f"{cluster.scheduler} is here")


def _partitions(cluster: Cluster) -> Finding:
    limits = partition_limits(cluster)
    problems = []
    for rule in cluster.resources:
        name = rule.resources.partition or cluster.partition
        if name is None:
            continue
        if name not in limits:
            problems.append(f"{cluster.scheduler} has no partition {name!r}; {near_match_hint(name, limits)}")
        elif rule.resources.wall_time > limits[name]:
            problems.append(
                f"a wall time of {rule.resources.wall_time} s is asked for, partition {name} allows {limits[name]:.0f} "
                "s"
            )
    return finding(
        "partition",
        problems,
        "correct 'partition' or 'wall_time' in the cluster file",
        f"known: {', '.join(sorted(limits))}",
    )


def _work_dir(cluster: Cluster) -> Finding:
    probe = cluster.work_dir / f".writable-{os.getpid()}"
    try:
        cluster.work_dir.mkdir(parents=True, exist_ok=True)
        probe.write_text("x")
        probe.unlink()
    except OSError as error:
        return Finding(
            "work_dir",
            False,
            f"{cluster.work_dir} cannot be written: {error.strerror or error}",
            "correct 'work_dir' in the cluster file",
        )
    return Finding("work_dir", True, f"{cluster.work_dir} is writable")


def _worker(cluster: Cluster) -> Finding:
    line = (
        f"{cluster.python} -c 'import catholyte.hpc.queue.fireworks_launch, importlib.metadata as m; "
        'print("catholyte", m.version("catholyte"))\''
    )
    status, said = run_script(cluster, line)
    mend = (
        "correct 'python', 'modules' and 'setup' in the cluster file, so that this Python has the package: pip install "
        "-c constraints.txt ."
    )
    if status:
        return Finding(
            "worker",
            False,
            f"{cluster.python} cannot import catholyte: {said.splitlines()[-1] if said else f'exit status {status}'}",
            mend,
        )
    here, there = version("catholyte"), said.split()[-1]
    if there != here:
        return Finding("worker", False, f"{cluster.python} has catholyte {there}, here it is {here}", mend)
    return Finding("worker", True, f"{cluster.python} imports catholyte {there}")


def _command(cluster: Cluster) -> Finding:
    command = "catholyte-rehearse" if cluster.rehearsal else cluster.vasp_command
    if not command:
        return Finding(
            "VASP command",
            False,
            "no vasp_command is named",
            "add 'vasp_command' to the cluster file, e.g. srun vasp_std",
            refuses=False,
        )
    words = [word for word in command.split() if not word.startswith("-")]
    scripts = f'PATH="$(dirname "$(command -v {cluster.python})"):$PATH"; '
    missing = [
        word for word in dict.fromkeys((words[0], words[-1])) if run_script(cluster, f"{scripts}command -v {word}")[0]
    ]
    problems = [f"{', '.join(missing)} of {command!r} is not on the PATH of this node"] if missing else []
    return finding(
        "VASP command",
        problems,
        "correct 'modules' or 'vasp_command', or look on a compute node",
        f"{command!r} is found",
        refuses=False,
    )


def _potcars(cluster: Cluster) -> Finding:
    if cluster.rehearsal:
        return Finding("POTCAR files", True, "a rehearsal writes names only")
    from ...configs.load import engine_settings
    from ...workflows.engines.vasp.potcar import potcar_manifest
    from ...workflows.engines.vasp.settings import VaspSettings

    settings = engine_settings("vasp", VaspSettings, {"potcar_directory": cluster.potcars} if cluster.potcars else {})
    problems, mend, found = [], "", 0
    for element, name in [*settings.potcars.items(), *settings.md_potcars.items()]:
        try:
            found += len(potcar_manifest({element: name}, settings))
        except InputError as error:
            problems.append(error.message)
            mend = mend or error.advice or "put the release's file there, or name another folder in the key 'potcars'"
    return finding(
        "POTCAR files", problems, mend, f"{found} found and identified", refuses=False
    )  # the jobs' own elements are what must be there


def _database(cluster: Cluster) -> Finding:
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
    from pymongo.uri_parser import parse_uri

    from ...configs.errors import InputError
    from ..store.location import database_of, scrubbed, without_password

    uri = cluster.store_uri
    shown, mend = without_password(uri), "check the URI, the network and the credentials of the key 'store'"
    try:
        database = database_of(uri)
        wait = int(1000 * parse_uri(uri)["options"].get("serverSelectionTimeoutMS", 5.0))  # parsed into s
        client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=wait)
        with client:
            client[database].list_collection_names()  # a ping needs no permission, this does
    except InputError as error:
        return Finding("database", False, error.message, error.advice)
    except OperationFailure as error:
        return Finding("database", False, f"{shown} refuses: {scrubbed(str(error).splitlines()[0][:200], uri)}", mend)
    except ConfigurationError as error:
        return Finding("database", False, f"{shown}: {scrubbed(str(error), uri)}", mend)
    except (PyMongoError, ValueError) as error:
        said = scrubbed(str(error).splitlines()[0][:200], uri)
        return Finding("database", False, f"{shown} does not answer: {said}", mend)
    return Finding("database", True, f"{shown} answers and lets us in")


_CHECKS: dict[str, Callable[[Cluster], Finding]] = {
    "scheduler": _scheduler,
    "partition": _partitions,
    "work_dir": _work_dir,
    "worker": _worker,
    "VASP command": _command,
    "POTCAR files": _potcars,
    "database": _database,
}
