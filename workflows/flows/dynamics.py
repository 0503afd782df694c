"""Molecular dynamics as jobs: trajectories in chunks that go on from each other, and runs at one temperature after the
other.

Chunks hand on positions and velocities, and by engines that keep it the whole state of the integrator: then the
trajectory is the one of a single run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobflow import Flow, Job, OutputReference
from pydantic import Field, field_validator
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.models import Spec
from ...configs.units import ElectronVoltPerAngstrom, Femtosecond, Kelvin
from ..engines.engine import Engine
from ..engines.tasks import MolecularDynamics, Relax
from ..roles import Chunk

__all__ = ["QuenchSchedule", "TrajectoryRun", "chunk_jobs", "ladder_jobs", "melt_quench_flow", "require_time_step"]


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


#: fs for hydrogen: a tenth of the period of an O-H stretch (3700 cm-1, 9 fs); others by the root of their mass
_HYDROGEN_STEP = 1.0


def require_time_step(symbols: Iterable[str], timestep: float, label: str) -> None:
    """Raise InputError if a time step is too long for the lightest element: 1 fs for H, 2.6 fs for Li.

    Parameters
    ----------
    symbols : iterable of str
    timestep : float, fs
    label : str
        For the message.
    """
    from ase.data import atomic_masses, atomic_numbers

    masses = {symbol: float(atomic_masses[atomic_numbers[symbol]]) for symbol in symbols}
    lightest = min(masses, key=lambda symbol: masses[symbol], default="")
    if not lightest:
        return
    longest = _HYDROGEN_STEP * (masses[lightest] / float(atomic_masses[1])) ** 0.5
    if timestep > longest * (1 + 1e-9):
        raise InputError(
            f"{label}: a time step of {timestep:g} fs is too long for {lightest}, its lightest element",
            f"at most {longest:.1f} fs: a tenth of the period of its fastest vibration",
        )


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


class QuenchSchedule(Spec):
    """How a melt is quenched.

    The default cools from 3000 to 300 K in 7 × 0.5 ps, about 8 × 10¹⁴ K/s. Every melt-quench simulation is
    faster than experiment by many orders of magnitude, which leaves more defects and fewer rings.
    """

    temperatures: tuple[Kelvin, ...] = Field(
        (3000.0, 2500.0, 2000.0, 1500.0, 1000.0, 600.0, 300.0), min_length=1, description="K, in the order of the run"
    )
    n_steps: int = Field(500, ge=1, description="steps at each temperature")
    timestep: Femtosecond = Field(1.0, description="fs")
    seed: int = Field(0, ge=0, description="of velocities and thermostat")
    max_force: ElectronVoltPerAngstrom = Field(0.05, description="eV/Å, of the final relaxation")
    max_steps: int = Field(1000, ge=1, description="of the final relaxation")
    relax_cell: bool = Field(True, description="let the density follow; otherwise it stays the given one")

    @field_validator("temperatures")
    @classmethod
    def _above_zero(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) <= 0:
            raise ValueError("temperatures are above 0 K")
        return value

    @property
    def rate(self) -> float:
        """Mean rate of cooling, K/s; 0 for a single temperature."""
        return (self.temperatures[0] - self.temperatures[-1]) / (
            len(self.temperatures) * self.n_steps * self.timestep * 1e-15
        )


def melt_quench_flow(structure: Structure, label: str, engine: Engine, schedule: QuenchSchedule | None = None) -> Flow:
    """Return the jobs of a melt-quench: one molecular dynamics run per temperature at fixed cell, then a relaxation.

    Each run takes over positions and velocities from the one before; the Langevin thermostat draws the heat out.

    Parameters
    ----------
    structure : Structure
        Packed atoms, see :func:`catholyte.structures.defects.glass.pack`.
    label : str
    engine : Engine
        With molecular dynamics and relaxation.
    schedule : QuenchSchedule, optional

    Returns
    -------
    Flow
        Its output is the document of the relaxation.

    Raises
    ------
    EngineUnavailableError
        If the engine has no molecular dynamics.
    InputError
        If the time step is too long for the lightest element.
    """
    steps = schedule or QuenchSchedule()
    require_time_step((element.symbol for element in structure.composition.elements), steps.timestep, label)
    ladder = [
        MolecularDynamics(
            n_steps=steps.n_steps,
            timestep=steps.timestep,
            temperature=temperature,
            thermostat="langevin",
            seed=steps.seed + k,
            frame_interval=min(50, steps.n_steps),
        )
        for k, temperature in enumerate(steps.temperatures)
    ]
    jobs = ladder_jobs(structure, label, engine, ladder)
    relaxation = Relax(
        max_force=steps.max_force, max_steps=steps.max_steps, relax_cell=steps.relax_cell, keep_symmetry=False
    )
    final = engine.maker(relaxation).job_for(jobs[-1].output.structure, label)
    return Flow([*jobs, final], output=final.output, name=f"{label} melt-quench by {engine.name}")
