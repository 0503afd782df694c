"""Molecular dynamics that is killed, continued or cut into chunks is the undisturbed one, to the last bit; what goes
wrong is named."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import units
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.configs.errors import CalculationError, InputError
from catholyte.structures.trajectories.h5 import read_blocks, read_header
from catholyte.tests.support.motion import moving_atoms
from catholyte.tests.support.motion.moving_atoms import Faulty, copper, dynamics_task, move
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import Restart
from catholyte.workflows.engines.ase import dynamics as ase_md
from catholyte.workflows.engines.ase.dynamics import CHECKPOINT, SET_ASIDE, TRAJECTORY, stored_trajectory

THERMOSTATS = ["none", "nose-hoover-chain", "langevin"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of each thermostat: its frames and its last state."""
    found = {}
    for thermostat in THERMOSTATS:
        directory = tmp_path_factory.mktemp(thermostat)
        found[thermostat] = (move(directory, dynamics_task(thermostat)).restart, frames(directory))
    return found


def frames(*directories: Path) -> dict[str, np.ndarray]:
    """Everything that the trajectories hold, one after the other."""
    blocks = [block for directory in directories for block in read_blocks(directory / TRAJECTORY)]
    return {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name in ("steps", "times", "positions", "cells", "energies", "temperatures")
    }


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(found[name], expected[name]) for name in expected)


def test_the_steps_are_those_of_ase(undisturbed: dict[str, Any], refereed: Referee) -> None:
    """The same draw of velocities and the same integrator, without the driver around them."""
    atoms = copper()
    thermalize_momenta(atoms, temperature_K=600.0, rng=np.random.default_rng(5))
    Stationary(atoms)
    VelocityVerlet(atoms, timestep=4.0 * units.fs).run(23)
    state, found = undisturbed["none"]
    away = np.abs(atoms.positions - state.positions).max()
    refereed(
        "positions after 23 steps of dynamics",
        away,
        0,
        of="workflows.engines.ase.dynamics.run_dynamics",
        by="ASE, VelocityVerlet alone",
        unit="Å",
    )
    assert np.array_equal(atoms.get_momenta(), state.momenta)
    assert found["steps"].tolist() == list(range(0, 24, 3))
    assert found["times"].tolist() == [4.0 * step for step in range(0, 24, 3)]


@settings(deadline=None, max_examples=12)
@given(cuts=st.lists(st.integers(1, 22), unique=True, max_size=4).map(sorted), thermostat=st.sampled_from(THERMOSTATS))
def test_chunks_of_any_length_are_one_trajectory(
    cuts: list[int], thermostat: str, undisturbed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole, expected = undisturbed[thermostat]
    state, directories = None, []
    for begin, end in zip([0, *cuts], [*cuts, 23], strict=True):
        directories.append(tmp_path_factory.mktemp("chunk"))
        outcome = move(directories[-1], dynamics_task(thermostat, end - begin), start=state)
        state = Restart.model_validate(json.loads(json.dumps(outcome.restart.model_dump(mode="json"))))
    assert state == whole
    assert same(frames(*directories), expected)


class _PluggedOutError(Exception):
    pass


@settings(deadline=None, max_examples=20)
@given(at=st.integers(0, 8), before_checkpoint=st.booleans(), thermostat=st.sampled_from(THERMOSTATS))
def test_a_run_that_stops_anywhere_goes_on_as_if_it_had_not(
    at: int,
    before_checkpoint: bool,
    thermostat: str,
    undisturbed: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    whole, expected = undisturbed[thermostat]
    directory, name = tmp_path_factory.mktemp("stopped"), "write_atomically" if before_checkpoint else "_frame"
    kept, count = getattr(ase_md, name), 0

    def stop(*arguments: Any) -> Any:
        nonlocal count
        if count == at:
            raise _PluggedOutError
        count += 1
        return kept(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ase_md, name, stop)
        if at == 8 and not before_checkpoint:
            move(directory, dynamics_task(thermostat))  # there are eight frames, and nine checkpoints
        else:
            with pytest.raises(_PluggedOutError):
                move(directory, dynamics_task(thermostat))
    outcome = move(directory, dynamics_task(thermostat))
    assert outcome.restart == whole
    assert same(frames(directory), expected)


@pytest.mark.parametrize(
    "thermostat", ["langevin", *(pytest.param(name, marks=pytest.mark.slow) for name in ("none", "nose-hoover-chain"))]
)
def test_a_killed_process_goes_on(thermostat: str, tmp_path: Path) -> None:
    task = dynamics_task(thermostat, 400)
    run = subprocess.Popen([sys.executable, moving_atoms.__file__, str(tmp_path / "killed"), thermostat, "400"])
    try:
        deadline = time.monotonic() + 60
        while not _steps_done(tmp_path / "killed") >= 60:
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
    finally:
        run.kill()
        run.wait()
    done = _steps_done(tmp_path / "killed")
    assert 60 <= done < 400
    outcome = move(tmp_path / "killed", task)
    assert outcome.resumed == done
    assert outcome.earlier_seconds > 0.1
    assert outcome.restart == move(tmp_path / "undisturbed", task).restart
    assert same(frames(tmp_path / "killed"), frames(tmp_path / "undisturbed"))


def _steps_done(directory: Path) -> int:
    checkpoint = directory / CHECKPOINT
    return int(json.loads(checkpoint.read_text())["restart"]["step"]) if checkpoint.is_file() else -1


def test_a_finished_run_is_read_and_can_be_made_longer(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    whole, expected = undisturbed["langevin"]
    first = move(tmp_path, dynamics_task("langevin", 10))
    broken = Faulty(0, np.nan)
    again = move(tmp_path, dynamics_task("langevin", 10), broken)
    assert (again.restart, again.resumed, broken.count) == (first.restart, 10, 0)
    assert move(tmp_path, dynamics_task("langevin")).restart == whole
    assert same(frames(tmp_path), expected)
    with pytest.raises(InputError, match="holds 23 steps of this run, and 10 were asked for"):
        move(tmp_path, dynamics_task("langevin", 10))


def test_another_question_does_not_go_on_here(tmp_path: Path) -> None:
    move(tmp_path, dynamics_task("none", 3))
    before = (tmp_path / TRAJECTORY).read_bytes()
    for change in ({"timestep": 2.0}, {"seed": 6}, {"temperature": 500.0}, {"frame_interval": 1}):
        with pytest.raises(InputError, match="checkpoint of another run"):
            move(tmp_path, dynamics_task("none", 3, **change))
    assert (tmp_path / TRAJECTORY).read_bytes() == before


def test_a_chunk_by_other_rules_is_refused(tmp_path: Path) -> None:
    state = move(tmp_path / "first", dynamics_task("nose-hoover-chain", 3)).restart
    with pytest.raises(
        InputError, match=r"other rules than before: timestep 4.0 → 2.0 fs, temperature 600.0 → 300.0 K"
    ):
        move(tmp_path / "second", dynamics_task("nose-hoover-chain", 3, timestep=2.0, temperature=300.0), start=state)
    with pytest.raises(InputError, match="thermostat nose-hoover-chain → langevin"):
        move(tmp_path / "second", dynamics_task("langevin", 3), start=state)
    with pytest.raises(InputError, match="has 4 atoms, and the structure has 8"):
        move(
            tmp_path / "second",
            dynamics_task("nose-hoover-chain", 3),
            start=state.model_copy(update={"positions": state.positions[:4]}),
        )


@pytest.mark.parametrize("damage", ["missing", "torn", "shortened"])
def test_frames_that_do_not_reach_the_checkpoint_are_set_aside(
    damage: str, tmp_path: Path, undisturbed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    whole, expected = undisturbed["langevin"]
    move(tmp_path, dynamics_task("langevin", 12))
    trajectory = tmp_path / TRAJECTORY
    if damage == "missing":
        trajectory.unlink()
    elif damage == "torn":
        trajectory.write_bytes(trajectory.read_bytes()[:700])
    else:
        shorter = tmp_path / "shorter"
        move(shorter, dynamics_task("langevin", 6))
        shutil.copy(shorter / TRAJECTORY, trajectory)
    outcome = move(tmp_path, dynamics_task("langevin"))
    assert outcome.resumed is None
    assert outcome.restart == whole
    assert same(frames(tmp_path), expected)
    assert "the run begins anew" in caplog.text
    assert (tmp_path / SET_ASIDE).is_file() == (damage != "missing")


@pytest.mark.parametrize(
    ("calculator", "told"),
    [
        (Faulty(4, np.nan), r"Cu: step 4 \(16 fs\): the force on atom 2 \(Cu\) is not finite"),
        (Faulty(5, 0.0, np.inf), r"Cu: step 5 \(20 fs\): the energy is not finite"),
        (Faulty(4, 0.0, fails=True), r"Cu: step 4 \(16 fs\): no energy and forces: ValueError: an atom is alone"),
        (
            Faulty(4, 500.0),
            r"Cu: step 4 \(16 fs\): the temperature is \d+ K, above \d+ K; the fastest atom is 2 \(Cu\)",
        ),
    ],
)
def test_numbers_that_mean_nothing_end_the_run_by_name(calculator: Faulty, told: str, tmp_path: Path) -> None:
    with pytest.raises(CalculationError, match=told) as failure:
        move(tmp_path, dynamics_task("none", 50, frame_interval=1), calculator)
    assert TRAJECTORY in failure.value.advice
    kept = frames(tmp_path)["steps"].tolist()
    assert kept == list(range(len(kept)))
    assert len(kept) in (4, 5)


def test_overlapping_atoms_end_the_run_by_name(tmp_path: Path) -> None:
    atoms = copper(Faulty(0, 0.0))
    atoms.set_momenta(np.zeros((8, 3)))
    atoms.positions[6] = atoms.positions[1] + [0.3, 0.3, atoms.cell[2, 2]]  # through the border of the cell
    with pytest.raises(
        CalculationError,
        match=r"step 0 \(0 fs\): atoms 1 \(Cu\) and 6 \(Cu\) are 0\.4\d\d Å apart, at least 0.7 Å are needed",
    ):
        ase_md.run_dynamics(atoms, dynamics_task("none", 3), tmp_path, "Cu")


def test_a_cold_start_may_warm_up(tmp_path: Path) -> None:
    """Ten times the start is no explosion where the start is near 0 K."""
    atoms = copper()
    atoms.rattle(0.1, seed=1)
    outcome = ase_md.run_dynamics(atoms, dynamics_task("none", 20, temperature=1.0), tmp_path, "Cu")
    assert frames(tmp_path)["temperatures"].max() > 20
    assert outcome.restart.step == 20


def test_metadata_stand_in_the_trajectory_and_frames_in_the_document(tmp_path: Path) -> None:
    move(tmp_path, dynamics_task("none", 6), metadata={"tier": "chgnet"})
    assert read_header(tmp_path / TRAJECTORY).metadata == {"tier": "chgnet"}
    stored, written = stored_trajectory(tmp_path), frames(tmp_path)
    assert np.array_equal(stored.positions, written["positions"])
    assert stored.times == [0.0, 12.0, 24.0]
    assert (stored.energies, stored.temperatures) == (written["energies"].tolist(), written["temperatures"].tolist())


@pytest.mark.parametrize("thermostat", THERMOSTATS)
def test_what_integration_keeps_stands_beside_the_potential_energy(tmp_path: Path, thermostat: str) -> None:
    """The total energy without a thermostat, with that of the chain for Nosé and Hoover; friction and noise keep none."""
    move(tmp_path, dynamics_task(thermostat, 60, timestep=2.0))
    stored = stored_trajectory(tmp_path)
    if thermostat == "langevin":
        assert stored.conserved is None
        return
    assert stored.conserved is not None
    assert np.ptp(stored.conserved) < 0.02 * np.ptp(stored.energies)
    assert np.ptp(stored.energies) > 0.05


def test_temperatures_leave_out_a_centre_of_mass_that_rests(tmp_path: Path) -> None:
    """Eight atoms of which the centre rests have 21 degrees of freedom; Langevin's noise moves it, and they have 24."""
    for thermostat, free in (("none", 21), ("nose-hoover-chain", 21), ("langevin", 24)):
        state = move(tmp_path / thermostat, dynamics_task(thermostat, 6)).restart
        momenta, masses = np.array(state.momenta), copper().get_masses()[:, None]
        temperatures = stored_trajectory(tmp_path / thermostat).temperatures
        assert temperatures is not None
        assert temperatures[-1] == pytest.approx((momenta**2 / masses).sum() / (free * units.kB), rel=1e-6)


def test_a_chunk_shorter_than_the_frame_interval_has_no_frame(tmp_path: Path) -> None:
    state = move(tmp_path / "first", dynamics_task("none", 4)).restart
    second = move(tmp_path / "second", dynamics_task("none", 1), start=state)
    assert second.restart.step == 5
    assert stored_trajectory(tmp_path / "second").positions == []
    again = move(tmp_path / "second", dynamics_task("none", 1), start=state)
    assert (again.restart, again.resumed) == (second.restart, 5)
