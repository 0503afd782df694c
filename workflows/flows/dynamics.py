"""Molecular dynamics as jobs: trajectories in chunks that go on from each other, and runs at one temperature after the
other.

Chunks hand on positions and velocities, and by engines that keep it the whole state of the integrator: then the
trajectory is the one of a single run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobflow import Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ..engines.engine import Engine
from ..engines.tasks import MolecularDynamics
from ..roles import Chunk

__all__ = ["TrajectoryRun", "chunk_jobs", "ladder_jobs"]


@dataclass(frozen=True)
class TrajectoryRun:
    """One trajectory.

    Attributes
    ----------
    engine : Engine
    task : MolecularDynamics
        With the number of steps of the whole trajectory.
    chunk : int
        Steps of one job, at least 1.
    replica : int or None
        Its number among several that start alike; None where it is the only one.
    """

    engine: Engine
    task: MolecularDynamics
    chunk: int
    replica: int | None = None

    def variant(self, number: int) -> str:
        """Name of a chunk: ``replica 1, chunk 2``, or ``chunk 2`` where it is the only trajectory."""
        return f"chunk {number}" if self.replica is None else f"replica {self.replica}, chunk {number}"


def ladder_jobs(
    structure: Structure | OutputReference, label: str, engine: Engine, tasks: Sequence[MolecularDynamics]
) -> list[Job]:
    """One job per task, each from positions and velocities of the one before, named by its temperature."""
    jobs: list[Job] = []
    for task in tasks:
        made = engine.maker(task).job_for(jobs[-1].output.structure if jobs else structure, label)
        made.name += f" {task.temperature:g} K"
        jobs.append(made)
    return jobs


def chunk_jobs(
    structure: Structure | OutputReference, label: str, run: TrajectoryRun, control_of: str | None = None
) -> list[Job]:
    """Return one trajectory as jobs of at most `run.chunk` steps, each exactly from where the one before ended.

    Parameters
    ----------
    structure : Structure or OutputReference
    label : str
        Of the documents: name of the material or system.
    run : TrajectoryRun
    control_of : str, optional
        The phase whose bulk moves, where the run is a control.
    """
    jobs: list[Job] = []
    for number, n_steps in enumerate(_lengths(run.task.n_steps, run.chunk), 1):
        before = jobs[-1] if jobs else None
        start = structure if before is None else before.output.structure
        restart = before.output.restart if before is not None and run.engine.backend.restarts else None
        role = Chunk(of=control_of or label, replica=run.replica or 1, number=number, control=control_of is not None)
        made = run.engine.maker(run.task.model_copy(update={"n_steps": n_steps})).job_for(start, label, restart, role)
        made.name += f" ({run.variant(number)})"
        jobs.append(made)
    return jobs


def _lengths(total: int, most: int) -> Iterator[int]:
    if most < 1:
        raise InputError(f"a chunk has at least one step, and {most} were given")
    for done in range(0, total, most):
        yield min(most, total - done)
