"""One job in one process: claim it, run it, deliver the result, say what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...configs.errors import CatholyteError
from ...workflows.engines.cores import having_cores
from ..store.campaign_store import CampaignStore, open_store
from ..store.delivery import Delivery, patient
from ..store.lease import Lease, may_exit
from ..store.ledger import Claim, LeaseLostError, Ledger, job_key, work_directory
from ..store.liveness import Mark

if TYPE_CHECKING:
    from jobflow import JobStore

__all__ = ["Outcome", "begin", "die_with_parent", "evidence", "failure", "run_job"]

#: lines of a job's own log kept as evidence of a failure
EVIDENCE_LINES = 12
#: bytes of the end of a log that are read for them
EVIDENCE_BYTES = 64 * 2**10
#: bytes free below which a disk counts as full
FULL_BYTES = 2**16
#: characters of one line of evidence
_LONGEST_LINE = 1000
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
    may_exit()
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


def run_job(location: str, serialised: dict[str, Any], dead: Mark | None = None, cores: int = 1) -> Outcome:
    """Run one job of a content-addressed flow.

    Parameters
    ----------
    location : str
        The store.
    serialised : dict
        ``Job.as_dict()`` of a job that stands in the ledger.
    dead : tuple, optional
        The mark of a holder on another host whom the caller has watched until it was lost.
    cores : int
        Cores that the job may use.
    """
    if location not in _OPEN:
        _OPEN[location] = open_store(location)
    store = _OPEN[location]
    ledger, key = Ledger(store), job_key(serialised["uuid"], serialised["index"])
    claim = patient(lambda: ledger.claim(key, dead), "take a job")
    if claim.state == "done":
        return Outcome("reused", dynamic=claim.dynamic or {})
    if claim.state == "held":
        return Outcome("held", message=claim.holder)
    with having_cores(cores):
        return _compute(store, ledger, claim, serialised)


def _compute(store: CampaignStore, ledger: Ledger, claim: Claim, serialised: dict[str, Any]) -> Outcome:
    clock, key = time.perf_counter(), job_key(serialised["uuid"], serialised["index"])
    directory, lease = work_directory(store, key, claim.attempt), Lease(ledger, key, claim.attempt)
    try:
        _take_up(directory, claim)
        try:
            with lease.kept(), _inside(directory), _interruptible():
                state, dynamic, seconds = _resume_or_run(store, lease, claim, serialised)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a library that calls sys.exit takes one job with it, not the worker
            seconds, cause = time.perf_counter() - clock, failure(error, directory)
            patient(lambda: lease.fail(seconds, cause), "report a failure")
            return Outcome("failed", seconds, cause["message"])
    except LeaseLostError:
        shutil.rmtree(directory, ignore_errors=True)  # the other attempt has a directory of its own
        return Outcome("held", message="it was given to another attempt")
    except KeyboardInterrupt:
        lease.release()
        raise
    for left in [directory, *_earlier(directory, claim.attempt)]:
        shutil.rmtree(left, ignore_errors=True)
    return Outcome(state, seconds, dynamic=dynamic)


def _take_up(directory: Path, claim: Claim) -> None:
    """Make an attempt's directory, with what the attempt before has left: a kept result, steps to go on from.

    A directory in which somebody may still write is copied, and left to them.
    """
    for before in _earlier(directory, claim.attempt):
        if directory.exists():
            break
        if claim.taken_over:
            partial = directory.with_name(f"{directory.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(before, partial, symlinks=True, ignore_dangling_symlinks=True)
            partial.rename(directory)
        else:
            before.rename(directory)
    directory.mkdir(parents=True, exist_ok=True)


def _earlier(directory: Path, attempt: int) -> list[Path]:
    """Directories of earlier attempts at the same job, the latest first; the last one is that of versions that had one
    for all attempts."""
    stem = directory.name.removesuffix(f".{attempt}")
    names = [f"{stem}.{number}" for number in range(attempt - 1, 0, -1)]
    return [path for name in [*names, stem] if (path := directory.with_name(name)).is_dir()]


def _resume_or_run(
    store: CampaignStore, lease: Lease, claim: Claim, serialised: dict[str, Any]
) -> tuple[Literal["done", "reused"], dict[str, Any], float]:
    """Return the job's state, what it added, and the wall time of its computation in s; the document is the last thing
    that is delivered."""
    clock, uuid, index = time.perf_counter(), serialised["uuid"], serialised["index"]
    if claim.dynamic is not None and patient(lambda: store.holds(uuid, index), "look for an earlier result"):
        # delivered by an attempt that was killed before it could say so
        patient(lambda: lease.finish(0.0), "report a result")
        return "reused", claim.dynamic, 0.0
    delivery = Delivery(Path.cwd(), store.outputs)
    dynamic = delivery.read()  # computed by an attempt that could not deliver
    if dynamic is None:
        dynamic = _dynamic(_run(serialised, delivery.catcher()))
        patient(lambda: delivery.keep(dynamic), "write a result beside its job")
    steps: list[tuple[str, Callable[[], object]]] = [
        ("deliver a result", lease.require),
        ("deliver arrays", lambda: delivery.arrays_first(uuid, index)),
        ("announce a result", lambda: lease.announce(dynamic)),
        ("deliver a result", lambda: delivery.document_last(lease.attempt)),
        ("report a result", lambda: lease.finish(time.perf_counter() - clock)),
    ]
    _take_steps(store, steps)
    return "done", dynamic, time.perf_counter() - clock


def _take_steps(store: CampaignStore, steps: list[tuple[str, Callable[[], object]]]) -> None:
    """Take each step, waiting for a store that is away: in the embedded one all of them or none, in MongoDB one after
    the other."""
    if store.database is None:
        for what, step in steps:
            patient(step, what)
        return

    def together() -> None:
        with store.exclusive():
            for _, step in steps:
                step()

    patient(together, "deliver a result")


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
    if _is_full(directory):  # a program that could not write could not say so either
        told.append(f"{directory}: No space left on device")
    return {"error": type(error).__name__, "message": message, "advice": getattr(error, "advice", ""), "evidence": told}


def evidence(directory: Path) -> list[str]:
    """Return the last lines of the logs in a job's working directory."""
    found = []
    for log in sorted(directory.glob("*.log")) + sorted(directory.glob("*.txt")):
        found += [f"{log.name}: {line}" for line in last_lines(log)]
    return found


def last_lines(log: Path, lines: int = EVIDENCE_LINES) -> list[str]:
    """The last lines of a log, of which no more than :data:`EVIDENCE_BYTES` are read; none of one that is gone."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(log.stat().st_size - EVIDENCE_BYTES, 0))
            text = stream.read(EVIDENCE_BYTES).decode(errors="replace")
    except OSError:
        return []
    return [line[:_LONGEST_LINE] for line in text.strip().splitlines()[-lines:]]


def _is_full(directory: Path) -> bool:
    try:
        return shutil.disk_usage(directory).free < FULL_BYTES
    except OSError:  # the directory is gone
        return False


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
