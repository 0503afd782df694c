"""Molecular dynamics of a recipe: one trajectory in chunks that go on from each other."""

from __future__ import annotations

from dataclasses import dataclass

from jobflow import OutputReference
from pymatgen.core.structure import Structure

from .dynamics import chunk_jobs
from .engine import Engine
from .plan import Budget, Builder, Draft
from .tasks import MolecularDynamics

__all__ = ["Motion", "add_trajectory"]


@dataclass(frozen=True)
class Motion:
    """One trajectory.

    Attributes
    ----------
    engine : Engine
    task : MolecularDynamics
        With the number of steps of the whole trajectory.
    chunk : int
        Steps of one job.
    prefix : str
        Before the number of the chunk in names and variants, e.g. ``replica 1, ``.
    """

    engine: Engine
    task: MolecularDynamics
    chunk: int
    prefix: str = ""


def add_trajectory(builder: Builder, place: tuple[str, str], start: Structure | OutputReference, cell: Structure | Budget, motion: Motion) -> None:
    """Draft the chunks of one trajectory.

    Each chunk starts from positions and velocities of the one before, and from its thermostat where the engine hands it on.

    Parameters
    ----------
    builder : Builder
    place : tuple of str
        Step, and material or system: the label of the documents.
    start : Structure or OutputReference
    cell : Structure or Budget
        What the plan tells of it.
    motion : Motion
    """
    step, label = place
    for number, made in enumerate(chunk_jobs(start, label, motion.engine, motion.task, motion.chunk, motion.prefix), 1):
        task = motion.task.model_copy(update={"n_steps": min(motion.chunk, motion.task.n_steps - (number - 1) * motion.chunk)})
        builder.drafts.append(Draft(made, step, label, f"{motion.prefix}chunk {number}", motion.engine, task, cell))
