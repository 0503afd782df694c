"""One job in one process: claim it, run it, deliver the result, say what became of it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from ...configs.errors import CatholyteError
from ..store.campaign_store import CampaignStore, open_store
from ..store.delivery import Delivery, patient
from ..store.ledger import HEARTBEAT_SECONDS, Claim, Ledger, job_key

if TYPE_CHECKING:
    from jobflow import JobStore

__all__ = ["Outcome", "begin", "die_with_parent", "evidence", "failure", "run_job", "work_directory"]

#: lines of a job's own log kept as evidence of a failure
EVIDENCE_LINES = 12
#: bytes free below which a disk counts as full
FULL_BYTES = 2**16
_OPEN: dict[str, CampaignStore] = {}
#: whether an interrupt may stop what this process is doing
_INTERRUPTIBLE = {"now": False}


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    state : str
        ``done``, ``reused`` (it had a result), ``held`` (another live process computes it) or ``failed``.
    seconds : float
        Wall time of the computation, s.
    message : str
        Why it failed, or who holds it.
    dynamic : dict
        The serialised jobs that this one added, under replace, detour and addition, and what it stops.
    """

    state: Literal["done", "reused", "held", "failed"]
    seconds: float = 0.0
    message: str = ""
    dynamic: dict[str, Any] = field(default_factory=dict)


def begin(parent: int) -> None:
    """Make this process a worker of the process `parent`: it ends with it, and between jobs it ignores interrupts."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, _on_interrupt)


def _on_interrupt(signum: int, frame: Any) -> None:
    if _INTERRUPTIBLE["now"]:
        _INTERRUPTIBLE["now"] = False  # a second interrupt must not stop the clearing up
        raise KeyboardInterrupt


def die_with_parent(parent: int) -> None:
    """End this process when the process `parent` is gone, so that a killed run leaves no orphan."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def work_directory(store: CampaignStore, key: str) -> Path:
    """The directory in which a job runs; it is gone when the job has succeeded."""
    return store.work / key.replace(":", "-")


def run_job(location: str, serialised: dict[str, Any]) -> Outcome:
    """Run one job of a content-addressed flow.

    Parameters
    ----------
    location : str
        The store.
    serialised : dict
        ``Job.as_dict()`` of a job that stands in the ledger.
    """
    if location not in _OPEN:
        _OPEN[location] = open_store(location)
    store = _OPEN[location]
    ledger, key = Ledger(store), job_key(serialised["uuid"], serialised["index"])
    claim = patient(lambda: ledger.claim(key), "take a job")
    if claim.state == "done":
        return Outcome("reused", dynamic=claim.dynamic or {})
    if claim.state == "held":
        return Outcome("held", message=claim.holder)
    return _compute(store, ledger, claim, serialised)


def _compute(store: CampaignStore, ledger: Ledger, claim: Claim, serialised: dict[str, Any]) -> Outcome:
    clock, key = time.perf_counter(), job_key(serialised["uuid"], serialised["index"])
    directory = work_directory(store, key)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with _heartbeat(ledger, key), _inside(directory), _interruptible():
            state, dynamic = _resume_or_run(store, ledger, claim, serialised)
    except KeyboardInterrupt:
        ledger.release(key)
        raise
    except BaseException as error:  # a library that calls sys.exit takes one job with it, not the worker
        seconds = time.perf_counter() - clock
        cause = failure(error, directory)
        patient(lambda: ledger.fail(key, seconds, cause), "report a failure")
        return Outcome("failed", seconds, cause["message"])
    seconds = time.perf_counter() - clock if state == "done" else 0.0
    patient(lambda: ledger.finish(key, seconds), "report a result")
    shutil.rmtree(directory, ignore_errors=True)
    return Outcome(state, seconds, dynamic=dynamic)


def _resume_or_run(
    store: CampaignStore, ledger: Ledger, claim: Claim, serialised: dict[str, Any]
) -> tuple[Literal["done", "reused"], dict[str, Any]]:
    """Return the job's state and what it added; the document is the last thing that is written."""
    uuid, index, outputs = serialised["uuid"], serialised["index"], cast(Any, store.outputs)
    if claim.dynamic is not None and patient(
        lambda: outputs.docs_store.count({"uuid": uuid, "index": index}), "look for an earlier result"
    ):
        return "reused", claim.dynamic  # delivered by an attempt that was killed before it could say so
    delivery = Delivery(Path.cwd(), outputs)
    if delivery.kept:  # computed by an attempt that could not deliver
        dynamic = delivery.read()
    else:
        dynamic = _dynamic(_run(serialised, delivery.catcher()))
        delivery.keep(dynamic)
    patient(lambda: delivery.arrays_first(uuid, index), "deliver arrays")
    patient(lambda: ledger.announce(job_key(uuid, index), dynamic), "announce a result")
    patient(delivery.document_last, "deliver a result")
    return "done", dynamic


def _run(serialised: dict[str, Any], store: JobStore) -> Any:
    """Run a job; only the reading of its inputs needs the store, and that is repeated while the store is away."""
    from jobflow import Job
    from monty.json import MontyDecoder

    job: Job = MontyDecoder().process_decoded(serialised)
    patient(lambda: job.resolve_args(store=store), "read a job's inputs")
    return job.run(store)


def _dynamic(response: Any) -> dict[str, Any]:
    """Serialise what a job added to the flow at run time."""
    from monty.json import MontyEncoder

    from ...workflows.identity import iter_jobs

    found: dict[str, Any] = {}
    for kind in ("replace", "detour", "addition"):
        flow = getattr(response, kind)
        if flow is not None:
            found[kind] = json.loads(json.dumps([job.as_dict() for job in iter_jobs(flow)], cls=MontyEncoder))
    if response.stop_children:
        found["stop_children"] = True
    if response.stop_jobflow:
        found["stop_jobflow"] = True
    return found


def failure(error: BaseException, directory: Path) -> dict[str, Any]:
    """Return ``{error, message, advice, evidence}`` of an exception, with the end of the job's own logs."""
    message = error.message if isinstance(error, CatholyteError) else f"{type(error).__name__}: {error}"
    trace = (
        []
        if isinstance(error, CatholyteError)
        else "".join(traceback.format_exception(error)).strip().splitlines()[-EVIDENCE_LINES:]
    )
    told = trace + evidence(directory)
    if shutil.disk_usage(directory).free < FULL_BYTES:  # a program that could not write could not say so either
        told.append(f"{directory}: No space left on device")
    return {"error": type(error).__name__, "message": message, "advice": getattr(error, "advice", ""), "evidence": told}


def evidence(directory: Path) -> list[str]:
    """Return the last lines of the logs in a job's working directory."""
    found = []
    for log in sorted(directory.glob("*.log")) + sorted(directory.glob("*.txt")):
        found += [
            f"{log.name}: {line}" for line in log.read_text(errors="replace").strip().splitlines()[-EVIDENCE_LINES:]
        ]
    return found


@contextlib.contextmanager
def _heartbeat(ledger: Ledger, key: str) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                ledger.beat(key)
            except Exception as error:  # the database may be away for a while: the next beat tells
                logging.getLogger(__name__).warning("no heartbeat of job %s: %s", key, error)

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    _INTERRUPTIBLE["now"] = True
    try:
        yield
    finally:
        _INTERRUPTIBLE["now"] = False


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
