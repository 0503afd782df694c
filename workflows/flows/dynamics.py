"""Molecular dynamics as a flow: a ladder of temperatures, then replicas, each a trajectory in chunks that go on from
each other.

Chunks hand on positions and velocities, and by engines that keep it the whole state of the integrator: then the
trajectory
is the one of a single run. Their length is fixed, or follows from the measured time of a step and the wall time of a
job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, Self

from jobflow import Flow, Job, OutputReference, Response, job
from monty.json import MSONable
from pydantic import Field, field_validator, model_validator
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.models import Method, Spec
from ...configs.units import Femtosecond, Kelvin
from ..documents import Restart
from ..engines.engine import Engine
from ..engines.tasks import MolecularDynamics

__all__ = ["FIRST_STEPS", "DynamicsPlan", "TemperatureLadder", "chunk_jobs", "dynamics_flow", "ladder_jobs"]

#: steps of the first chunk of a trajectory whose chunks follow from the time of a step: it measures that time
FIRST_STEPS = 100
#: settings of a plan that are those of its tasks
_SHARED = ("timestep", "temperature", "thermostat", "damping", "frame_interval", "method")

Start = Structure | OutputReference


class TemperatureLadder(Spec):
    """Temperatures that a structure is taken through before its trajectory begins, up or down."""

    temperatures: tuple[Kelvin, ...] = Field(min_length=1, description="K, in the order of the run")
    length: Femtosecond = Field(description="fs, at each temperature")
    thermostat: Literal["langevin", "nose-hoover-chain"] = Field(
        "langevin", description="Langevin forgets a poor start soonest"
    )

    @field_validator("temperatures")
    @classmethod
    def _above_zero(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) <= 0:
            raise ValueError("temperatures are above 0 K")
        return value

    @classmethod
    def linear(cls, first: float, last: float, rungs: int, length: float) -> Self:
        """Evenly spaced temperatures, K, from `first` to `last` in `rungs` ≥ 2 steps of `length` fs."""
        if rungs < 2:
            raise InputError(f"a ladder from {first:g} to {last:g} K needs at least 2 rungs, and {rungs} was given")
        return cls(temperatures=tuple(first + (last - first) * k / (rungs - 1) for k in range(rungs)), length=length)


class DynamicsPlan(Spec):
    """What trajectories are computed from one structure."""

    temperature: Kelvin = Field(300.0, description="K")
    timestep: Femtosecond = Field(2.0, description="fs")
    length: Femtosecond = Field(description="fs, of each trajectory, its ladder not counted")
    chunk: Femtosecond | None = Field(
        None, description="fs, of one job; left out, it follows from the measured time of a step and the wall time"
    )
    wall_time: float | None = Field(
        None, gt=0, description="s, of one job; the engine's own setting where it is left out"
    )
    thermostat: Literal["none", "nose-hoover-chain", "langevin"] = Field(
        "nose-hoover-chain", description="none: velocity Verlet, constant energy"
    )
    damping: Femtosecond = Field(100.0, description="fs, time constant of the thermostat")
    frame_interval: int = Field(5, ge=1, description="steps between stored frames")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="one replica each, with first velocities of its own"
    )
    ladder: TemperatureLadder | None = None
    method: Method | None = Field(None, description="level of theory; None for an engine that has only one")

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        if self.length < self.timestep:
            raise ValueError(f"'length' ({self.length:g} fs) must be at least one timestep ({self.timestep:g} fs)")
        if self.chunk is not None and not self.timestep <= self.chunk:
            raise ValueError(f"'chunk' ({self.chunk:g} fs) must be at least one timestep ({self.timestep:g} fs)")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"the seeds {', '.join(map(str, self.seeds))} are not distinct: two replicas would be one")
        return self

    def task(self, seed: int) -> MolecularDynamics:
        """The whole trajectory of one replica as one task."""
        settings = {key: getattr(self, key) for key in _SHARED}
        return MolecularDynamics(n_steps=round(self.length / self.timestep), seed=seed, **settings)

    def rungs(self, seed: int) -> list[MolecularDynamics]:
        """The tasks of the ladder of one replica; none where there is no ladder."""
        if self.ladder is None:
            return []
        n_steps = max(1, round(self.ladder.length / self.timestep))
        one = self.task(seed).model_copy(update={"n_steps": n_steps, "thermostat": self.ladder.thermostat})
        return [one.model_copy(update={"temperature": temperature}) for temperature in self.ladder.temperatures]


def dynamics_flow(structure: Start, label: str, engine: Engine, plan: DynamicsPlan) -> Flow:
    """Return the jobs of all replicas.

    Parameters
    ----------
    structure : Structure or OutputReference
        Where every replica starts; velocities that it carries are replaced by those of each seed only where it has
        none.
    label : str
    engine : Engine
        With molecular dynamics.
    plan : DynamicsPlan

    Returns
    -------
    Flow
        Its output is a list with one entry per replica: the documents of its chunks, in order, where their length is
        fixed;
        the output of the job that makes them otherwise: the identities of the jobs whose documents they are.

    Raises
    ------
    EngineUnavailableError
        If the engine has no molecular dynamics.
    InputError
        If chunks are to follow from a wall time and there is none.
    """
    wall_time = None if plan.chunk is not None else _wall_time(engine, plan)
    jobs: list[Job | Flow] = []
    outputs: list[Any] = []
    for number, seed in enumerate(plan.seeds, 1):
        prefix = f"replica {number}, "
        climbed = ladder_jobs(structure, label, engine, plan.rungs(seed), prefix)
        jobs += climbed
        start = climbed[-1].output.structure if climbed else structure
        if wall_time is None:
            chunks = chunk_jobs(
                start, label, engine, plan.task(seed), round((plan.chunk or plan.length) / plan.timestep), prefix
            )
            jobs += chunks
            outputs.append([chunk.output for chunk in chunks])
        else:
            chain = _Chain(engine, label, plan.task(seed).model_dump(mode="json"), wall_time, prefix)
            first, following = chain.link(start, None, FIRST_STEPS)
            jobs += [first, following]
            outputs.append(following.output)
    return Flow(jobs, output=outputs, name=f"{label} molecular dynamics by {engine.name}")


def ladder_jobs(
    structure: Start, label: str, engine: Engine, tasks: Sequence[MolecularDynamics], prefix: str = ""
) -> list[Job]:
    """One job per task, each from positions and velocities of the one before, named by its temperature."""
    jobs: list[Job] = []
    for task in tasks:
        made = engine.maker(task).job_for(jobs[-1].output.structure if jobs else structure, label)
        made.name += f" ({prefix}{task.temperature:g} K)" if prefix else f" {task.temperature:g} K"
        jobs.append(made)
    return jobs


def chunk_jobs(
    structure: Start, label: str, engine: Engine, task: MolecularDynamics, steps: int, prefix: str = ""
) -> list[Job]:
    """Return one trajectory as jobs of at most `steps` steps, each exactly from where the one before ended.

    Parameters
    ----------
    structure : Structure or OutputReference
    label : str
    engine : Engine
    task : MolecularDynamics
        The whole trajectory.
    steps : int
        Of one job, at least 1.
    prefix : str
        Before the number of the chunk in the names, e.g. ``replica 1, ``.
    """
    jobs: list[Job] = []
    for number, n_steps in enumerate(_lengths(task.n_steps, steps), 1):
        before = jobs[-1] if jobs else None
        start = structure if before is None else before.output.structure
        restart = before.output.restart if before is not None and engine.backend.restarts else None
        made = engine.maker(task.model_copy(update={"n_steps": n_steps})).job_for(start, label, restart)
        made.name += f" ({prefix}chunk {number})"
        jobs.append(made)
    return jobs


def _lengths(total: int, most: int) -> Iterator[int]:
    if most < 1:
        raise InputError(f"a chunk has at least one step, and {most} were given")
    for done in range(0, total, most):
        yield min(most, total - done)


def _wall_time(engine: Engine, plan: DynamicsPlan) -> float:
    found = plan.wall_time or getattr(engine.backend.settings, "wall_time", None)
    if found is None:
        raise InputError(
            "chunks that follow from the wall time need one: give 'wall_time' or 'chunk', or the setting wall_time "
            f"of engine {engine.name}"
        )
    return float(found)


@dataclass(frozen=True)
class _Chain(MSONable):
    """A trajectory whose chunks are made one by one, and how far it is.

    Attributes
    ----------
    engine, label
        As in :func:`dynamics_flow`.
    task : dict
        The whole trajectory.
    wall_time : float
        s, of one job.
    prefix : str
    steps : int
        Steps of the chunks made so far.
    made : list of str
        Their identities.
    """

    engine: Engine
    label: str
    task: dict[str, Any]
    wall_time: float
    prefix: str
    steps: int = 0
    made: list[str] = field(default_factory=list)

    def link(self, structure: Start, restart: Restart | OutputReference | None, n_steps: int) -> tuple[Job, Job]:
        """The next chunk, and the job that goes on after it."""
        task = MolecularDynamics.model_validate(
            {**self.task, "n_steps": min(n_steps, self.task["n_steps"] - self.steps)}
        )
        chunk = self.engine.maker(task).job_for(structure, self.label, restart)
        chunk.name += f" ({self.prefix}chunk {len(self.made) + 1})"
        further = replace(self, steps=self.steps + task.n_steps, made=[*self.made, chunk.uuid])
        state = chunk.output.restart if self.engine.backend.restarts else None
        following = go_on(further, chunk.output.structure, state, chunk.output.provenance.wall_seconds, task.n_steps)
        following.name = f"{chunk.name}: go on"
        return chunk, following


@job
def go_on(
    chain: _Chain, structure: Structure, restart: Restart | None, seconds: float, n_steps: int
) -> Response[list[str]]:
    """Make the next chunk as long as the wall time lets it be, or end.

    Parameters
    ----------
    chain : _Chain
    structure, restart
        With which the last chunk ended.
    seconds : float
        s, wall time of the last chunk.
    n_steps : int
        Its steps.
    """
    from ..engines.vasp.parts import steps_per_chunk

    if chain.steps >= chain.task["n_steps"]:
        return Response(output=chain.made)
    chunk, following = chain.link(structure, restart, steps_per_chunk(seconds / n_steps, chain.wall_time))
    return Response(replace=Flow([chunk, following], output=following.output))
