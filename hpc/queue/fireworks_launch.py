"""The launcher that a queue job runs: one FireWork, put back by itself before the wall time ends, as long as it comes
further from one queue job to the next; one that a person cancels waits for a person.

``python -m catholyte.hpc.queue.fireworks_launch singleshot --cluster FILE --fw_id N``
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from ...configs.cluster import Cluster, load_cluster
from ..store.campaign_store import STORE_VARIABLE, CampaignStore, open_store
from ..store.delivery import patient
from ..store.lease import may_exit
from ..store.ledger import LeaseLostError, Ledger
from ..store.liveness import queue_job_of_here
from .fireworks import launchpad, let_go
from .losses import cancelled, count_loss, gives_up
from .scheduler import was_cancelled

__all__ = ["WALL_VARIABLE", "main", "prepare_environment", "settle"]

#: s of wall time that the queue script was given
WALL_VARIABLE = "CATHOLYTE_WALL_SECONDS"
#: s between FireWorks' own signs of life
_PING_SECONDS = 30


class _WallTime(KeyboardInterrupt):
    """The queue is about to end this job: clear up as after an interrupt."""


def main() -> None:
    """Run one FireWork; exit status 0 also where the job failed: FireWorks' database has its state."""
    parser = argparse.ArgumentParser(prog="catholyte.hpc.queue.fireworks_launch")
    parser.add_argument("mode", choices=["singleshot"])
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--fw_id", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    cluster = load_cluster(options.cluster)
    prepare_environment(cluster)
    may_exit()
    warned = _arm(cluster)
    pad = patient(lambda: launchpad(cluster.store_uri), "open FireWorks' database")
    _launch(pad, options.fw_id)
    if warned["by"]:
        fw = patient(lambda: pad.fireworks.find_one({"fw_id": options.fw_id}), "read a job's state")
        if fw["state"] in ("FIZZLED", "RUNNING", "RESERVED"):  # otherwise somebody has decided already
            store = patient(open_store, "open the store")
            told = patient(lambda: settle(store, pad, cluster, fw, warned), "put a job back")
            logging.getLogger(__name__).warning("stopped by %s: %s", warned["by"], told)


def settle(store: CampaignStore, pad: Any, cluster: Cluster, fw: dict[str, Any], warned: dict[str, Any]) -> str:
    """Decide what becomes of a job that was told to end; returns it in words.

    Parameters
    ----------
    store, pad, cluster
    fw : dict
        The FireWork.
    warned : dict
        ``by``, the name of the signal, and ``left``, s of wall time that were left.
    """
    ledger, key = Ledger(store), fw["spec"]["job_key"]
    record, number = ledger.record(key) or {}, queue_job_of_here().get("queue_job")
    if record.get("state") == "done":
        let_go(pad, fw, cluster, done=True)
        return "its result is there; its workflow hears of it in a moment"
    ended = {"error": "WallTime", "message": "its wall time is about to end", "advice": ""}
    if warned["by"] == "SIGTERM" and warned["left"] > cluster.warning_seconds:
        ended = cancelled(number) if was_cancelled(cluster.scheduler, number) else {**ended, "error": "Lost"}
    stalled = count_loss(ledger, key, f"launch {fw['launches'][-1]}", Path(record.get("directory") or "."))
    final = gives_up(ended, stalled, number)
    if final is not None:
        with contextlib.suppress(LeaseLostError):  # taken by another process since
            ledger.fail(key, 0.0, final, record.get("attempts"))
    pad.rerun_fw(fw["fw_id"])
    if final is None:
        return "the job is back in line"
    pad.pause_fw(fw["fw_id"])
    return f"the job waits for a person: {final['message']}"


def prepare_environment(cluster: Cluster) -> None:
    """Tell engines and worker where they are."""
    os.environ[STORE_VARIABLE] = cluster.store_uri
    os.environ["CATHOLYTE_WORK"] = str(cluster.work_dir / "work")
    os.environ.update(
        {name: os.path.expandvars(value) for name, value in cluster.environment.items()}
    )  # $SLURM_NTASKS is known here
    scripts = str(Path(sys.executable).parent)  # catholyte-rehearse lies beside the Python that the cluster file names
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"


def _arm(cluster: Cluster) -> dict[str, Any]:
    """Hear the scheduler's warning, and keep a clock of our own where it gives none."""
    started, wall = time.monotonic(), float(os.environ.get(WALL_VARIABLE) or "inf")
    warned: dict[str, Any] = {"by": "", "left": 0.0}

    def stop(number: int, frame: Any) -> None:
        warned["by"] = signal.Signals(number).name
        warned["left"] = wall - (time.monotonic() - started)  # s; the queue's own clock began a moment earlier
        for name in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGALRM):
            signal.signal(name, signal.SIG_IGN)  # once is enough: the clearing up must not be interrupted
        raise _WallTime(f"{warned['by']}: the wall time is about to end")

    for name in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGALRM):
        signal.signal(name, stop)
    if seconds := os.environ.get(WALL_VARIABLE):
        signal.alarm(max(int(seconds) - cluster.warning_seconds, 1))
    return warned


def _launch(pad: Any, fw_id: int) -> None:
    """FireWorks' own launcher, with short pings."""
    import fireworks.core.rocket as rocket
    from fireworks.core.fworker import FWorker
    from fireworks.core.rocket_launcher import launch_rocket

    rocket.PING_TIME_SECS = _PING_SECONDS
    pings = rocket.do_ping

    def ping_if_it_answers(*args: Any) -> None:
        from pymongo.errors import ConnectionFailure

        try:
            pings(*args)
        except ConnectionFailure as error:  # a sign of life that got lost is no reason to lose a job
            logging.getLogger(__name__).warning("no ping: %s", str(error).splitlines()[0])

    rocket.do_ping = ping_if_it_answers
    complete = pad.complete_launch
    pad.complete_launch = lambda *args, **kwargs: patient(lambda: complete(*args, **kwargs), "report to FireWorks")
    patient(lambda: pad.fireworks.find_one({"fw_id": fw_id}, {"fw_id": 1}), "find the job")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="cd is deprecated", category=FutureWarning)  # FireWorks' own
        launch_rocket(pad, FWorker(), fw_id)


if __name__ == "__main__":
    try:
        main()
    except _WallTime:  # between jobs: nothing is lost
        sys.exit(0)
