"""Forces of two engines on the frames of a trajectory: the frames that are asked, and forces that are theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import CalculationError
from catholyte.configs.load import ENGINES_VARIABLE
from catholyte.tests.support.engines.contract import OWN, OWN_FILES
from catholyte.workflows.documents import Trajectory
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import ENGINES
from catholyte.workflows.engines.tasks import MolecularDynamics
from catholyte.workflows.flows.comparison import FRAMES, ForceComparisonMaker, chosen_frames
from catholyte.workflows.roles import Chunk

CELL = Structure(
    Lattice.cubic(4.2), ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.48, 0.5]], site_properties={"layer": ["A", "B"]}
)


@pytest.fixture(autouse=True)
def _pair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(ENGINES, "pair", OWN["pair"])
    monkeypatch.setenv(ENGINES_VARIABLE, str(OWN_FILES))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("available", "wanted", "found"),
    [(3, 10, [0, 1, 2]), (10, 10, list(range(10))), (100, 4, [24, 49, 74, 99]), (102, 2, [50, 101]), (0, 5, [])],
)
def test_frames_are_spread_and_end_with_the_last(available: int, wanted: int, found: list[int]) -> None:
    assert chosen_frames(available, wanted) == found


def _trajectory(n: int) -> Trajectory:
    rng = np.random.default_rng(1)
    positions = CELL.cart_coords + rng.normal(0, 0.1, (n, 2, 3))
    return Trajectory(
        positions=positions.tolist(),
        cells=[CELL.lattice.matrix.tolist()] * n,
        energies=[0.0] * n,
        times=[10.0 * k for k in range(n)],
    )


def _forces(positions: np.ndarray, epsilon: float) -> np.ndarray:
    atoms = Atoms("NaCl", positions=positions, cell=CELL.lattice.matrix, pbc=True)
    atoms.calc = LennardJones(sigma=1.8, epsilon=epsilon, rc=6.0, smooth=True)
    return np.array(atoms.get_forces())


def test_differences_are_those_of_the_forces_of_both_engines() -> None:
    maker = ForceComparisonMaker(first=Engine("pair"), second=Engine("pair", {"epsilon": "0.3 eV"}), frames=4)
    role = Chunk(of="A|B", replica=2, number=3).model_dump()
    frames = _trajectory(8)
    found = ForceComparisonMaker.make.original(maker, CELL, frames, "A|B", role=role)  # type: ignore[attr-defined]
    assert (found.label, found.replica, found.chunk, found.control) == ("A|B", 2, 3, False)
    assert found.times == [10.0, 30.0, 50.0, 70.0]
    for k, number in enumerate([1, 3, 5, 7]):
        place = np.array(frames.positions[number])
        mine, others = _forces(place, 0.2), _forces(place, 0.3)
        np.testing.assert_allclose(found.magnitudes[k], np.linalg.norm(mine, axis=1), rtol=1e-9)
        np.testing.assert_allclose(found.differences[k], np.linalg.norm(others - mine, axis=1), rtol=1e-9)


def test_a_chunk_without_frames_is_refused() -> None:
    maker = ForceComparisonMaker(first=Engine("pair"), second=Engine("pair"))
    with pytest.raises(CalculationError, match="holds no frames"):
        ForceComparisonMaker.make.original(  # type: ignore[attr-defined]
            maker, CELL, Trajectory(positions=[], cells=[], energies=[]), "A|B"
        )


def test_the_job_takes_the_frames_of_its_chunk_and_both_engines_are_its_question() -> None:
    chunk = Engine("pair").maker(MolecularDynamics(n_steps=4, timestep=1.0, temperature=300.0)).job_for(CELL, "A|B")
    role = Chunk(of="A|B", replica=1, number=1)
    made = ForceComparisonMaker(first=Engine("pair"), second=Engine("chgnet")).job_for(chunk, "A|B", "chunk 1", role)
    assert set(made.input_uuids) == {chunk.uuid}
    assert made.name == "A|B forces of chgnet on frames of pair (chunk 1)"
    assert made.maker.frames == FRAMES
