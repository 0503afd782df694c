"""What the scheduler knows: the user's jobs, why they wait, and their end at a person's wish."""

from __future__ import annotations

import getpass
import logging
import re
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

from ...configs.cluster import Cluster
from ...configs.errors import StoreError

__all__ = [
    "REFUSED_SECONDS",
    "ask_scheduler",
    "cancel_in_queue",
    "jobs_in_queue",
    "patient_with_the_scheduler",
    "waiting_in_queue",
    "was_cancelled",
]

T = TypeVar("T")

#: s for which a scheduler may refuse every job, or not answer, before that is an error, and not a bad moment
REFUSED_SECONDS = 600
_PAUSE = 5.0
#: reasons that say no more than that a job waits its turn
_TURN = ("None", "Priority", "Resources", "")


def ask_scheduler(command: list[str], advice: str) -> str:
    """Return what a command of the scheduler prints.

    Raises
    ------
    StoreError
        With `advice`, if the scheduler does not answer within a minute.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise StoreError(f"the scheduler does not answer ({' '.join(command)}): {error}", advice) from None


def jobs_in_queue(q_type: str, name: str) -> list[str]:
    """Numbers of the user's queued and running jobs of this name.

    Raises
    ------
    StoreError
        If the scheduler does not answer.
    """
    user = getpass.getuser()
    on_its_way = "PENDING,CONFIGURING,RUNNING,SUSPENDED"  # one that is COMPLETING will do no more work
    commands = {
        "SLURM": ["squeue", "-h", "-u", user, "-n", name, "-t", on_its_way, "-o", "%i"],
        "PBS": ["qselect", "-u", user, "-N", name],
        "SGE": ["qstat", "-u", user, "-r"],
    }
    answer = ask_scheduler(commands[q_type], "submit from a node that has the scheduler's commands")
    if q_type != "SGE":
        return answer.split()
    blocks = re.findall(r"^\s*(\d+)\s.*?\n\s*Full jobname:\s+(\S+)", answer, flags=re.MULTILINE)
    return [number for number, found in blocks if found == name]


def waiting_in_queue(cluster: Cluster) -> dict[str, str]:
    """All jobs of the user that the scheduler knows: number → why it waits, empty for one that runs.

    PBS and SGE give no reason here.

    Raises
    ------
    StoreError
        If the scheduler does not answer.
    """
    user = getpass.getuser()
    command = {
        "slurm": ["squeue", "-h", "-u", user, "-o", "%i|%T|%r"],
        "pbs": ["qselect", "-u", user],
        "sge": ["qstat", "-u", user],
    }[cluster.scheduler]
    answer = ask_scheduler(command, "run this on a node that has the scheduler's commands")
    found = {}
    for line in filter(str.strip, answer.splitlines()):
        number, _, rest = line.strip().partition("|")
        state, _, reason = rest.partition("|")
        if number[0].isdigit():
            found[number.split()[0].split(".")[0]] = reason or "waits" if state == "PENDING" else ""
    return found


def waits_its_turn(reason: str) -> bool:
    """Whether a reason to wait ends by itself."""
    return reason.strip("()") in _TURN


def cancel_in_queue(cluster: Cluster, number: str) -> None:
    """End a queue job.

    Raises
    ------
    StoreError
        If the scheduler does not answer, or does not know the job.
    """
    command = ["scancel", number] if cluster.scheduler == "slurm" else ["qdel", number]
    ask_scheduler(command, "run this on a node that has the scheduler's commands")


def was_cancelled(scheduler: str, number: str | None) -> bool:
    """Whether a queue job that is told to end was cancelled, and not lost with its node; where the scheduler does not
    tell, it was."""
    if scheduler != "slurm" or number is None:
        return True
    try:
        answer = ask_scheduler(["scontrol", "show", "job", "-o", number], "")
    except StoreError:
        return True
    state = re.search(r"JobState=(\S+)", answer)
    return state is None or not re.search("NODE_FAIL|PREEMPT|BOOT_FAIL|TIMEOUT|REQUEUE", state[1])


def patient_with_the_scheduler(action: Callable[[], T]) -> T:
    """Return ``action()``; a scheduler that does not answer for a moment is waited for."""
    until = time.monotonic() + REFUSED_SECONDS
    while True:
        try:
            return action()
        except StoreError as error:
            if time.monotonic() > until:
                raise
            logging.getLogger(__name__).warning("%s", error.message)
        time.sleep(_PAUSE)
