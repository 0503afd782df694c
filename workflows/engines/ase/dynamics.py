"""Molecular dynamics by ASE's integrators that may be killed, continued and cut into chunks without a trace in the
trajectory.

The next step depends on positions, momenta, the thermostat's variables and the state of its random numbers. All of them
are kept in full precision: in a checkpoint beside the frames while the run goes on, and in the document when it has
ended. Any ASE calculator will do. Bit-identical continuation needs one whose forces are a function of the positions
alone: CHGNet on a CPU with one number of threads. On a GPU sums run in no fixed order, and two runs part in time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....configs.errors import CalculationError, InputError
from ....structures.crystals.crystal import MINIMUM_DISTANCE
from ....structures.trajectories.frames import Frames, kinetic_temperature
from ....structures.trajectories.h5 import TrajectoryWriter, read_blocks
from ...documents import Restart, Trajectory
from ..backend import write_atomically
from ..tasks import MolecularDynamics

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CHECKPOINT", "TRAJECTORY", "Outcome", "run_dynamics", "stored_trajectory"]

#: files in the directory of a run
CHECKPOINT, TRAJECTORY = "checkpoint.json", "trajectory.h5"
#: what a trajectory is called whose frames do not belong to a checkpoint
SET_ASIDE = "trajectory-set-aside.h5"
#: a run that is hotter than this many times its start or its thermostat, of which COLD is the least, has exploded
EXPLODED, COLD = 10.0, 300.0
#: what may not change from one chunk to the next, with its unit
_RULES = {"timestep": "fs", "thermostat": "", "temperature": "K", "damping": "fs"}


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    restart : Restart
        Its last state, from which another run goes on.
    earlier_seconds : float
        s, wall time of the attempts before this one.
    resumed : int or None
        Number of the step from which an interrupted run went on.
    """

    restart: Restart
    earlier_seconds: float
    resumed: int | None


def run_dynamics(
    atoms: Atoms,
    task: MolecularDynamics,
    directory: Path,
    label: str,
    start: Restart | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Outcome:
    """Run `task` on `atoms` in `directory`, from its checkpoint where it holds one.

    Frames go to ``trajectory.h5`` at the multiples of ``task.frame_interval``, counted from the first step of the first
    chunk, each with a checkpoint. A chunk that goes on begins after the last frame of the one before: none is missing,
    none comes twice.

    Parameters
    ----------
    atoms : Atoms
        With calculator. Momenta are kept where it has them and are drawn from the Maxwell-Boltzmann distribution
        otherwise.
    task : MolecularDynamics
    directory : Path
        Empty, or with what an interrupted run of the same question left.
    label : str
        For messages.
    start : Restart, optional
        The state to go on from; positions and momenta of `atoms` are replaced by its own.
    metadata : mapping, optional
        Written into the trajectory: the tier of its numbers.

    Raises
    ------
    InputError
        If `start` ran by other rules than `task`, or the directory holds another run, or a longer one.
    CalculationError
        If energy or forces are not finite, atoms overlap, or the run explodes, with step and atom. The frames so far
        are kept.
    """
    if start is not None:
        _require_same_rules(start, task, len(atoms), label)
    first = start.step if start else 0
    place = _Place(directory, _question(atoms, task, start), first, task.frame_interval)
    kept = place.read()
    state, earlier = (kept.restart, kept.wall_seconds) if kept else (start, 0.0)
    step, last = state.step if state else 0, first + task.n_steps
    if step > last:
        raise InputError(
            f"{label}: {directory} holds {step - first} steps of this run, and {task.n_steps} were asked for"
        )
    random = np.random.default_rng(task.seed)
    dynamics = _integrator(atoms, task, random, state)
    watch, clock = _Watch(atoms, task, label), time.monotonic()
    with TrajectoryWriter(
        directory / TRAJECTORY, atoms.get_chemical_symbols(), task.timestep, metadata, continue_after=step
    ) as writer:
        while state is None or step < last:
            if state is not None:
                step += 1
                watch.step(dynamics, step)
            watch.numbers(step)
            framed = step % task.frame_interval == 0
            if framed:
                watch.distances(step)
                writer.append(_frame(atoms, step, task, dynamics))
            if framed or step == last:
                state = _state(atoms, task, dynamics, random, step)
                place.write(state, earlier + time.monotonic() - clock)
    return Outcome(state, earlier, kept.restart.step if kept else None)


def stored_trajectory(directory: Path) -> Trajectory:
    """The frames of a run as the document carries them."""
    blocks = list(read_blocks(directory / TRAJECTORY))
    if not blocks:
        return Trajectory(positions=[], cells=[], energies=[], temperatures=[], times=[])
    frames = Frames.joined(blocks)
    return Trajectory(
        positions=frames.positions.tolist(),
        cells=frames.cells.tolist(),
        energies=[] if frames.energies is None else frames.energies.tolist(),
        temperatures=None if frames.temperatures is None else frames.temperatures.tolist(),
        times=frames.times.tolist(),
        conserved=None if frames.conserved is None else frames.conserved.tolist(),
    )


@dataclass(frozen=True)
class _Kept:
    restart: Restart
    wall_seconds: float


class _Place:
    """The directory of one run, which begins after the step `first`: its checkpoint and its frames."""

    def __init__(self, directory: Path, question: str, first: int, frame_interval: int) -> None:
        self.directory, self.question, self.first, self.frame_interval = directory, question, first, frame_interval

    def read(self) -> _Kept | None:
        """The checkpoint, where there is one and every frame up to it is there; otherwise the run begins anew."""
        checkpoint, trajectory = self.directory / CHECKPOINT, self.directory / TRAJECTORY
        if not checkpoint.is_file():
            self._set_aside()
            return None
        found = json.loads(checkpoint.read_text(encoding="utf-8"))
        if found["question"] != self.question:
            raise InputError(
                (
                    f"{self.directory} holds the checkpoint of another run: another start, time step, thermostat, seed "
                    "or frame interval"
                ),
                "give every run a directory of its own",
            )
        kept = _Kept(Restart.model_validate(found["restart"]), found["wall_seconds"])
        first = 0 if self.first == 0 else self.first // self.frame_interval + 1
        expected = list(range(first * self.frame_interval, kept.restart.step + 1, self.frame_interval))
        if self._steps()[: len(expected)] == expected:
            return kept
        logging.getLogger(__name__).warning(
            "frames before step %d are missing in %s: the run begins anew", kept.restart.step, trajectory
        )
        checkpoint.unlink()
        self._set_aside()
        return None

    def _set_aside(self) -> None:
        trajectory = self.directory / TRAJECTORY
        if trajectory.is_file():
            trajectory.replace(trajectory.with_name(SET_ASIDE))

    def _steps(self) -> list[int]:
        """Numbers of the steps in the trajectory; none where it cannot be read."""
        trajectory = self.directory / TRAJECTORY
        try:
            return [int(step) for block in read_blocks(trajectory) for step in block.steps]
        except InputError as error:
            logging.getLogger(__name__).warning("%s", error.message)
            return []

    def write(self, restart: Restart, wall_seconds: float) -> None:
        """Replace the checkpoint, atomically."""
        content = {"question": self.question, "wall_seconds": wall_seconds, "restart": restart.model_dump(mode="json")}
        write_atomically(self.directory / CHECKPOINT, json.dumps(content))


class _Watch:
    """Stops a run whose numbers mean nothing any more, naming step and atom."""

    def __init__(self, atoms: Atoms, task: MolecularDynamics, label: str) -> None:
        self.atoms, self.timestep, self.label = atoms, task.timestep, label
        self.hottest = EXPLODED * max(task.temperature, atoms.get_temperature(), COLD)

    def step(self, dynamics: Any, step: int) -> None:
        """One step; a calculator that cannot cope with the positions says so in its own way."""
        try:
            dynamics.step()
        except (ArithmeticError, IndexError, RuntimeError, ValueError) as error:
            raise self._error(step, f"no energy and forces: {type(error).__name__}: {error}") from error

    def numbers(self, step: int) -> None:
        """Energy, forces and temperature after a step."""
        energy, forces = self.atoms.get_potential_energy(), self.atoms.get_forces()
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            missing = np.flatnonzero(~np.isfinite(forces).all(axis=1))
            where = f"the force on atom {self._atom(int(missing[0]))}" if len(missing) else "the energy"
            raise self._error(step, f"{where} is not finite")
        temperature = self.atoms.get_temperature()
        if not temperature <= self.hottest:
            fastest = int(np.argmax((self.atoms.get_velocities() ** 2).sum(axis=1)))
            raise self._error(
                step,
                (
                    f"the temperature is {temperature:.0f} K, above {self.hottest:.0f} K; the fastest atom is "
                    f"{self._atom(fastest)}"
                ),
            )

    def distances(self, step: int) -> None:
        """No two atoms overlap."""
        from pymatgen.optimization.neighbors import find_points_in_spheres

        points, cell = np.ascontiguousarray(self.atoms.positions), np.ascontiguousarray(self.atoms.cell[:])
        periodic = np.ascontiguousarray(self.atoms.pbc, dtype=np.int64)
        i, j, _, distance = find_points_in_spheres(
            points, points, r=MINIMUM_DISTANCE, pbc=periodic, lattice=cell, tol=1e-8
        )
        pairs = np.flatnonzero(distance > 1e-8)
        if len(pairs):
            closest = pairs[np.argmin(distance[pairs])]
            first, second = self._atom(int(i[closest])), self._atom(int(j[closest]))
            raise self._error(
                step,
                (
                    f"atoms {first} and {second} are {distance[closest]:.3f} Å apart, at least {MINIMUM_DISTANCE} Å "
                    "are needed"
                ),
            )

    def _atom(self, index: int) -> str:
        return f"{index} ({self.atoms.symbols[index]})"

    def _error(self, step: int, what: str) -> CalculationError:
        return CalculationError(
            f"{self.label}: step {step} ({step * self.timestep:g} fs): {what}",
            f"the frames so far are kept in {TRAJECTORY}; relax the start, or take a smaller time step",
        )


def _question(atoms: Atoms, task: MolecularDynamics, start: Restart | None) -> str:
    """Hash of everything that the steps follow from, the number of them left out: a finished run can be made longer."""
    momenta = atoms.get_momenta().tolist() if atoms.has("momenta") else None
    content = [
        [getattr(task, rule) for rule in (*_RULES, "seed", "frame_interval")],
        *(atoms.numbers.tolist(), atoms.positions.tolist(), atoms.cell[:].tolist(), momenta),
        None if start is None else start.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _require_same_rules(start: Restart, task: MolecularDynamics, n_atoms: int, label: str) -> None:
    changed = [
        f"{rule} {getattr(start, rule)} → {getattr(task, rule)} {unit}".strip()
        for rule, unit in _RULES.items()
        if getattr(start, rule) != getattr(task, rule)
    ]
    if changed:
        raise InputError(f"{label}: the dynamics would go on by other rules than before: {', '.join(changed)}")
    if len(start.positions) != n_atoms:
        raise InputError(
            f"{label}: the state to go on from has {len(start.positions)} atoms, and the structure has {n_atoms}"
        )


def _integrator(atoms: Atoms, task: MolecularDynamics, random: np.random.Generator, state: Restart | None) -> Any:
    """The integrator of `task` on `atoms`, as it was in `state`."""
    from ase import units
    from ase.md.langevin import Langevin
    from ase.md.nose_hoover_chain import NoseHooverChainNVT
    from ase.md.velocitydistribution import Stationary, thermalize_momenta
    from ase.md.verlet import VelocityVerlet

    if state is not None:
        atoms.set_positions(np.array(state.positions))
        atoms.set_momenta(np.array(state.momenta))
    elif not atoms.has("momenta"):
        thermalize_momenta(atoms, temperature_K=task.temperature, rng=random)
        Stationary(atoms)
    step, damping = task.timestep * units.fs, task.damping * units.fs
    if task.thermostat == "none":
        return VelocityVerlet(atoms, timestep=step)
    if task.thermostat == "langevin":
        if state is not None and state.random_state is not None:
            random.bit_generator.state = json.loads(state.random_state)
        return Langevin(
            atoms, timestep=step, temperature_K=task.temperature, friction=1 / damping, fixcm=False, rng=random
        )
    dynamics = NoseHooverChainNVT(atoms, timestep=step, temperature_K=task.temperature, tdamp=damping)
    if state is not None:  # ASE has no public name for the variables of the chain
        dynamics._thermostat._eta = np.array(state.chain_positions)
        dynamics._thermostat._p_eta = np.array(state.chain_momenta)
    return dynamics


def _state(atoms: Atoms, task: MolecularDynamics, dynamics: Any, random: np.random.Generator, step: int) -> Restart:
    chain = dynamics._thermostat if task.thermostat == "nose-hoover-chain" else None
    return Restart(
        step=step,
        timestep=task.timestep,
        thermostat=task.thermostat,
        temperature=task.temperature,
        damping=task.damping,
        positions=atoms.positions.tolist(),
        momenta=atoms.get_momenta().tolist(),
        chain_positions=None if chain is None else chain._eta.tolist(),
        chain_momenta=None if chain is None else chain._p_eta.tolist(),
        random_state=json.dumps(random.bit_generator.state) if task.thermostat == "langevin" else None,
    )


def _frame(atoms: Atoms, step: int, task: MolecularDynamics, dynamics: Any) -> Frames:
    total = float(atoms.get_potential_energy() + atoms.get_kinetic_energy())
    if task.thermostat == "nose-hoover-chain":
        total += float(dynamics._thermostat.get_thermostat_energy())
    # Langevin's friction and noise keep nothing
    conserved = None if task.thermostat == "langevin" else np.array([total])
    return Frames(
        species=tuple(atoms.get_chemical_symbols()),
        cells=atoms.cell[:][None].copy(),
        positions=atoms.get_positions()[None],
        steps=np.array([step]),
        times=np.array([step * task.timestep]),
        energies=np.array([float(atoms.get_potential_energy())]),
        temperatures=np.array([kinetic_temperature(atoms)]),
        conserved=conserved,
    )
