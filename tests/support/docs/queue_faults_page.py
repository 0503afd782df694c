"""The table of docs/queue-faults.md: outcomes that the tests on a real Slurm measured, and the page made of them.

``python tests/support/docs/queue_faults_page.py`` writes the page anew.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock
from ruamel.yaml import YAML

__all__ = ["FAULTS", "MANAGERS", "OUTCOMES", "PAGE", "page", "record_outcome"]

ROOT = Path(__file__).parents[3]
OUTCOMES = ROOT / "tests" / "hpc" / "queue" / "golden" / "queue_faults.yaml"
PAGE = ROOT / "docs" / "queue-faults.md"
MANAGERS = ("fireworks", "jobflow-remote")
#: fault → what was done, and what the package does about it
FAULTS = {
    "wall time, with a warning": (
        "dynamics stand still until the launcher's own clock strikes",
        "the launcher puts the job back; the chunk goes on where it was",
    ),
    "wall time, without a warning": (
        "the launcher is stopped (SIGSTOP), so that Slurm ends the job",
        "`tend` misses the queue job, and puts the job back",
    ),
    "kill -9 of the launcher": (
        "SIGKILL to the process that computes",
        "`tend` misses the queue job, and puts the job back",
    ),
    "queue job killed": (
        "SIGKILL to Slurm's process of the job and all below it",
        "`tend` misses the queue job, and puts the job back",
    ),
    "node crash": (
        "processes stopped (SIGSTOP), `scontrol update state=down`, then `resume`",
        "the launcher, where it still hears of it, or `tend` puts it back",
    ),
    "database away for 60 s": (
        "the server stops while a job computes, and comes back with its data",
        "results wait beside the job; every process waits",
    ),
    "disk full": (
        "work_dir is filled to the last byte for 25 s",
        "the failed job is tried again once a twentieth of the disk is free",
    ),
    "submitted three times": ("before, during and after the run", "every job is adopted, none entered again"),
    "submitted twice at once": ("two processes at the same moment", "one enters every job, the other adopts them"),
    "two tends": (
        "`catholyte tend` twice, and SIGKILL to the process that computes",
        "each loss is counted once; one runner works, the other waits",
    ),
    "wall time too short": (
        "a relaxation that does no step within its wall time; the cluster file is mended and the job retried",
        "after three queue jobs it waits for a person, with that cause; `tend` ends and says so; `retry` takes the new wall time",
    ),
    "scancel": (
        "`scancel` in the middle of dynamics, then `catholyte retry --paused`",
        "it waits for a person; `tend` ends and says so; the chunk goes on where it was",
    ),
    "cancel": (
        "`catholyte cancel JOB` in the middle of dynamics, then `catholyte retry JOB`",
        "out of the queue at once; `tend` ends and says so; the chunk goes on where it was",
    ),
    "node drained": (
        "`scontrol update state=drain` before anything runs, `resume` after `tend` has said so",
        "`tend` tells the scheduler's reason, and waits",
    ),
}
HEAD = """\
# What happens to queue jobs

Measured on a one-node Slurm with the rehearsal executable (`pytest -m "slurm and slow"`); this page is made from `tests/hpc/queue/golden/queue_faults.yaml`.
In every case the campaign (a relaxation, a density of states on its result, dynamics in three chunks) ended without help, with exactly the answers of
an undisturbed run, one result a job (a job that is killed does run again). The time is from the end of the fault to the end of the whole campaign,
the jobs that were still to come included. All rows are of one state of the code, on two cores with a load of 17 by other work; on idle cores the times
are about a third.

"""


def record_outcome(fault: str, manager: str, **outcome: Any) -> None:
    """Write one outcome into the record."""
    with FileLock(Path(tempfile.gettempdir()) / "catholyte-queue-faults.lock"):
        yaml = YAML()
        found = (yaml.load(OUTCOMES) if OUTCOMES.exists() else None) or {}
        found.setdefault(fault, {})[manager] = {
            name: round(value) if isinstance(value, float) else value for name, value in outcome.items()
        }
        yaml.dump(
            {name: {m: found[name][m] for m in MANAGERS if m in found[name]} for name in FAULTS if name in found},
            OUTCOMES,
        )


def page() -> str:
    """The page that the record makes."""
    found = YAML(typ="safe").load(OUTCOMES)
    lines = [
        "| fault | how it is made | what follows | manager | s to the end | jobs put back |",
        "|---|---|---|---|---|---|",
    ]
    for fault, outcomes in found.items():
        made, follows = FAULTS[fault]
        lines += [
            f"| {fault} | {made} | {follows} | {manager} | {o['seconds']} | {o['put_back']} |"
            for manager, o in outcomes.items()
        ]
    left = [f"{fault} ({made})" for fault, (made, _) in FAULTS.items() if fault not in found]
    text = HEAD + "\n".join(lines) + "\n"
    return text + (
        f"\nTests of these stand beside them and have not been measured yet: {'; '.join(left)}.\n" if left else ""
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
