"""One job in one process: claim it, run it, deliver the result, say what became of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..configs.errors import CatholyteError
from .ledger import HEARTBEAT_SECONDS, Ledger, job_key
from .store import CampaignStore, open_store

__all__ = ["die_with_parent", "failure", "run_job"]

#: lines of a job's own log kept as evidence of a failure
EVIDENCE_LINES = 12
_OPEN: dict[str, CampaignStore] = {}


def die_with_parent(parent: int) -> None:
    """End this process when the process `parent` is gone, so that a killed run leaves no orphan."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def run_job(location: str, serialised: dict[str, Any]) -> dict[str, Any]:
    """Run one job of a content-addressed flow.

    Parameters
    ----------
    location : str
        The store.
    serialised : dict
        ``Job.as_dict()`` of a job that stands in the ledger.

    Returns
    -------
    dict
        ``state`` (done, reused, held, failed), ``seconds``, ``message`` and ``dynamic``: the jobs that
        this one added, under replace, detour and addition.
    """
    if location not in _OPEN:
        _OPEN[location] = open_store(location)
    store = _OPEN[location]
    ledger, key = Ledger(store), job_key(serialised["uuid"], serialised["index"])
    claim = ledger.claim(key)
    if claim.state == "done":
        return {"state": "reused", "seconds": 0.0, "message": "", "dynamic": (ledger.record(key) or {}).get("dynamic") or {}}
    if claim.state == "held":
        return {"state": "held", "seconds": 0.0, "message": claim.holder, "dynamic": {}}
    return _compute(store, ledger, key, serialised)


def _compute(store: CampaignStore, ledger: Ledger, key: str, serialised: dict[str, Any]) -> dict[str, Any]:
    from monty.json import MontyDecoder

    clock = time.perf_counter()
    directory = store.work / key.replace(":", "-")
    directory.mkdir(parents=True, exist_ok=True)
    delivered = {"uuid": serialised["uuid"], "index": serialised["index"]}
    try:
        with _heartbeat(ledger, key), _inside(directory):
            job = MontyDecoder().process_decoded(serialised)
            # a document delivered by a run that was killed before it could say so; a job without a schema
            # may have added jobs that are not known any more, and is cheap: it runs again
            if serialised.get("output_schema") and store.outputs.docs_store.count(delivered):
                ledger.finish(key, 0.0, computed=False, dynamic={})
                return {"state": "reused", "seconds": 0.0, "message": "", "dynamic": {}}
            # blobs that a killed delivery left without their document
            store.outputs.additional_stores["data"].remove_docs({"job_uuid": delivered["uuid"], "job_index": delivered["index"]})
            response = job.run(store.outputs)
            dynamic = _dynamic(response)
    except (Exception, KeyboardInterrupt) as error:
        seconds = time.perf_counter() - clock
        if isinstance(error, KeyboardInterrupt):
            ledger.release(key)
            raise
        cause = failure(error, directory)
        ledger.fail(key, seconds, cause)
        return {"state": "failed", "seconds": seconds, "message": cause["message"], "dynamic": {}}
    seconds = time.perf_counter() - clock
    ledger.finish(key, seconds, computed=True, dynamic=dynamic)
    shutil.rmtree(directory, ignore_errors=True)
    return {"state": "done", "seconds": seconds, "message": "", "dynamic": dynamic}


def _dynamic(response: Any) -> dict[str, Any]:
    """Serialise what a job added to the flow at run time."""
    import json

    from monty.json import MontyEncoder

    found: dict[str, Any] = {}
    for kind in ("replace", "detour", "addition"):
        flow = getattr(response, kind)
        if flow is not None:
            found[kind] = json.loads(json.dumps([job.as_dict() for job, _ in flow.iterflow()], cls=MontyEncoder))
    if response.stop_children:
        found["stop_children"] = True
    if response.stop_jobflow:
        found["stop_jobflow"] = True
    return found


def failure(error: BaseException, directory: Path) -> dict[str, Any]:
    """Return ``{error, message, advice, evidence}`` of an exception, with the end of the job's own logs."""
    message = error.message if isinstance(error, CatholyteError) else f"{type(error).__name__}: {error}"
    evidence = []
    if not isinstance(error, CatholyteError):
        evidence += traceback.format_exc().strip().splitlines()[-EVIDENCE_LINES:]
    for log in sorted(directory.glob("*.log")) + sorted(directory.glob("*.txt")):
        lines = log.read_text(errors="replace").strip().splitlines()[-EVIDENCE_LINES:]
        evidence += [f"{log.name}: {line}" for line in lines]
    return {"error": type(error).__name__, "message": message, "advice": getattr(error, "advice", ""), "evidence": evidence}


@contextlib.contextmanager
def _heartbeat(ledger: Ledger, key: str) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            ledger.beat(key)

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
