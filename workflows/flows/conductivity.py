"""Dynamics of one crystal at several temperatures: its supercell relaxes once, replicas differ by their velocities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobflow import Job
from pymatgen.core.structure import Structure

from ...configs.steps.conductivity import run_label
from ..engines.engine import Engine
from ..engines.tasks import MolecularDynamics, Relax
from ..roles import Control
from .dynamics import TrajectoryRun, chunk_jobs, require_time_step

__all__ = ["HotRun", "conductivity_jobs"]


@dataclass(frozen=True)
class HotRun:
    """One trajectory: its temperature, replica, jobs and the steps of each."""

    temperature: float
    replica: int
    jobs: list[Job]
    run: TrajectoryRun


def conductivity_jobs(
    cell: Structure,
    label: str,
    engine: Engine,
    runs: tuple[Relax, MolecularDynamics, int],
    temperatures: Sequence[float],
    seeds: Sequence[int],
) -> tuple[Job, list[HotRun]]:
    """Return the relaxation of a cell, and its trajectories.

    Parameters
    ----------
    cell : Structure
        A supercell of a crystal.
    label : str
        Name of the material; the runs are labelled with their temperature behind it.
    engine : Engine
    runs : (Relax, MolecularDynamics, int)
        Relaxation; dynamics at any temperature and seed; steps of one job.
    temperatures : sequence of float, K
    seeds : sequence of int
        One a replica.

    Raises
    ------
    InputError
        If the time step is too long for the lightest element.
    """
    relax, motion, chunk = runs
    require_time_step((site.specie.symbol for site in cell), motion.timestep, label)
    start = engine.maker(relax).job_for(cell, f"{label} before dynamics", role=Control(of=label))
    found = []
    for temperature in temperatures:
        for number, seed in enumerate(seeds, 1):
            task = motion.model_copy(update={"temperature": temperature, "seed": seed})
            run = TrajectoryRun(engine, task, chunk, number)
            jobs = chunk_jobs(start.output.structure, run_label(label, temperature), run)
            found.append(HotRun(temperature, number, jobs, run))
    return start, found
