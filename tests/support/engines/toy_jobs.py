"""Cheap jobs for flows: each leaves a line behind for every time it is really computed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from jobflow import Flow, Job, Response, job
from pydantic import BaseModel
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import CalculationError
from catholyte.hpc.run.local import Event, RunSummary, run_flow
from catholyte.hpc.store.campaign_store import CampaignStore
from catholyte.hpc.store.ledger import job_record
from catholyte.workflows.documents import (
    LARGE_FIELDS,
    CalculationDocument,
    Convergence,
    ProjectedDos,
    Provenance,
    Signature,
    Trajectory,
)
from catholyte.workflows.engines.cores import usable_cores
from catholyte.workflows.identity import content_address

__all__ = [
    "InlineExecutor",
    "Numbers",
    "add",
    "array",
    "calculation",
    "computed",
    "cores",
    "detour",
    "die",
    "execute",
    "fail_until",
    "grow",
    "meet",
    "pipeline",
    "prepared",
    "refine_lowest",
    "replace_by_two",
    "replace_once",
    "slow_arrays",
    "stop_children",
    "stop_jobflow",
    "total",
]


class Numbers(BaseModel):
    """A document with a small and a large field."""

    value: float
    large: list[float]


def note(log: str, name: str) -> None:
    """Append one line; short appends are atomic on POSIX."""
    with open(log, "a") as stream:
        stream.write(f"{name}\n")


def computed(log: Path) -> list[str]:
    """Names of the jobs that were computed, in order, once for each time."""
    return log.read_text().split() if log.exists() else []


@job
def cores(log: str, name: str, *after: int) -> int:
    """The cores that it may use."""
    note(log, name)
    return usable_cores()


@job
def add(log: str, name: str, *numbers: float) -> float:
    """Sum."""
    note(log, name)
    return float(sum(numbers))


@job
def total(log: str, name: str, numbers: list[float]) -> float:
    """Sum of a list."""
    note(log, name)
    return float(sum(numbers))


@job
def meet(log: str, name: str, other: str, seconds: float) -> bool:
    """True where the job `other` starts while this one runs."""
    note(log, name)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if other in Path(log).read_text().split():
            return True
        time.sleep(0.02)
    return False


@job
def fail_until(log: str, name: str, flag: str) -> float:
    """Fail, with advice, until the file `flag` exists."""
    note(log, name)
    Path("engine.log").write_text("iteration 1\nno convergence\n")
    if not Path(flag).exists():
        raise CalculationError(f"{name} did not converge", "use more iterations")
    return 1.0


@job
def die(log: str, name: str, how: str) -> None:
    """End the process, as memory shortage or a library would, or raise what no one expects."""
    note(log, name)
    Path("engine.log").write_text("allocating 1 TB\n")
    if how == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        sys.exit(3)
    raise ZeroDivisionError("a plain bug")


@job(data=["large"], output_schema=Numbers)
def array(log: str, name: str, value: float, size: int, seconds: float = 0.0) -> Numbers:
    """A document whose large field is reproducible."""
    note(log, name)
    time.sleep(seconds)
    large = np.random.default_rng(int(value)).normal(size=size)
    return Numbers(value=value + float(large[0]), large=large.tolist())


@job(data=list(LARGE_FIELDS), output_schema=CalculationDocument)
def calculation(log: str, name: str, n_frames: int) -> CalculationDocument:
    """A calculation's document with a density of states and a trajectory, made up but reproducible."""
    note(log, name)
    rng = np.random.default_rng(n_frames)
    cell = Structure(Lattice.cubic(4.0), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return CalculationDocument(
        label=name,
        kind="dos",
        tier="chgnet",
        formula="Li1H1",
        n_sites=2,
        initial_structure=cell,
        structure=cell,
        energy=-1.0,
        forces=np.zeros((2, 3)).tolist(),
        convergence=Convergence(electronic=True, max_force=0.0),
        dos=ProjectedDos(
            energies=np.arange(n_frames).tolist(),
            densities=rng.random((1, 2, 2, n_frames)).tolist(),
            total=rng.random((1, n_frames)).tolist(),
            orbitals=["s", "p"],
            broadening=0.0,
            n_bands=8,
        ),
        trajectory=Trajectory(
            positions=rng.random((n_frames, 2, 3)).tolist(),
            cells=rng.random((n_frames, 3, 3)).tolist(),
            energies=rng.random(n_frames).tolist(),
        ),
        signature=Signature(engine="toy", version="1", functional="none", hubbard_u={}, potentials="none"),
        provenance=Provenance(host="here", started="now", finished="now", wall_seconds=0.0, versions={}),
    )


@job
def replace_once(log: str, name: str, value: float) -> Response[Any]:
    """Replaced by one job."""
    note(log, name)
    return Response(replace=add(log, f"{name}.new", value, 1.0))


@job(data=["large"])
def replace_by_two(log: str, name: str, value: float, spare: str = "") -> Response[Any]:
    """Replaced by two jobs in a row and, with `spare`, by a third that fails until that file exists."""
    note(log, name)
    first = array(log, f"{name}.first", value, 4)
    second = array(log, f"{name}.second", first.output.value, 4)
    jobs = [first, second] + ([fail_until(log, f"{name}.spare", spare)] if spare else [])
    return Response(replace=Flow(jobs, output=second.output))


@job(output_schema=Numbers)
def detour(log: str, name: str, value: float) -> Response[Any]:
    """A result, and a job that must end before the children start."""
    note(log, name)
    return Response(output=Numbers(value=value, large=[]), detour=array(log, f"{name}.detour", 2.0, 3, 0.1))


@job
def refine_lowest(log: str, name: str, energies: list[float], structures: list[Structure], maker: Any) -> Response[Any]:
    """Replaced by the calculation of `maker` on the cell of lowest energy."""
    note(log, name)
    lowest = min(range(len(energies)), key=energies.__getitem__)
    return Response(replace=maker.job_for(structures[lowest], name))


@job
def grow(log: str, name: str, n: int) -> Response[Any]:
    """A result, and n more generations added one by one."""
    note(log, name)
    return Response(output=float(n), addition=grow(log, f"{name}+", n - 1) if n else None)


@job
def stop_children(log: str, name: str) -> Response[Any]:
    """A result that makes its children needless."""
    note(log, name)
    return Response(output=1.0, stop_children=True)


@job
def stop_jobflow(log: str, name: str) -> Response[Any]:
    """A result that ends the flow."""
    note(log, name)
    return Response(output=1.0, stop_jobflow=True)


def slow_arrays(log: str, seconds: float, width: int = 3, size: int = 20_000) -> Flow:
    """`width` sleeping jobs with large arrays, one replaced and one with a detour, and a sum of all."""
    arrays: list[Job] = [array(log, f"a{i}", float(i), size, seconds) for i in range(width)]
    split, turn = replace_by_two(log, "split", arrays[0].output.value), detour(log, "turn", arrays[-1].output.value)
    end = total(log, "end", [a.output.value for a in (*arrays, split, turn)])
    return Flow([*arrays, split, turn, end], name="slow arrays")


def pipeline(log: str) -> Flow:
    """Two branches and their sum."""
    left, right = add(log, "left", 1.0), add(log, "right", 2.0)
    return Flow([left, right, add(log, "both", left.output, right.output)], name="pipeline")


def prepared(flow: Flow) -> tuple[Flow, list[dict[str, Any]]]:
    """A flow under content-derived uuids, and its ledger records."""
    addressed, _ = content_address(flow)
    return addressed, [job_record(job.uuid, 1, job.name) for job in addressed.jobs]


def execute(
    store: CampaignStore, flow: Flow, workers: int = 2, on_event: Callable[[Event], None] = lambda event: None
) -> RunSummary:
    """Run a flow on this machine."""
    return run_flow(store, *prepared(flow), on_event, workers)


class InlineExecutor:
    """Runs a job in this process: for tests of order and bookkeeping, where starting processes would only cost time."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run at once."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """Nothing to end."""
