"""The HDF5 trajectory gives back the bits it was given, and survives its writer."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter, is_trajectory_file, read_blocks, read_header

SPECIES = ("Li", "P", "S")


def _frames(first: int, last: int) -> Frames:
    """Frames with a step in every second number of the dynamics; every number tells its frame."""
    steps = np.arange(first, last) * 2
    rng = np.random.default_rng(first)
    return Frames(
        species=SPECIES,
        cells=np.eye(3) * (5 + rng.random((len(steps), 1, 1))),
        positions=rng.normal(size=(len(steps), 3, 3)),
        steps=steps,
        times=steps * 1.5,
        energies=-rng.random(len(steps)),
        temperatures=300 * rng.random(len(steps)),
        conserved=rng.random(len(steps)),
    )


def _same(a: Frames, b: Frames) -> bool:
    names = ("cells", "positions", "steps", "times", "energies", "temperatures", "conserved")
    return a.species == b.species and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_round_trip_is_exact_in_any_blocks(tmp_path: Path, block: int) -> None:
    file = tmp_path / "new folder" / "run.h5"
    parts = [_frames(0, 3), _frames(3, 4), _frames(4, 11)]
    with TrajectoryWriter(file, SPECIES, 1.5, {"tier": "chgnet"}) as writer:
        for part in parts:
            writer.append(part)
    header = read_header(file)
    assert (header.species, header.timestep, header.n_frames, header.metadata) == (SPECIES, 1.5, 11, {"tier": "chgnet"})
    blocks = list(read_blocks(file, block))
    assert [len(b) for b in blocks[:-1]] == [block] * (len(blocks) - 1)
    assert _same(Frames.joined(blocks), Frames.joined(parts))
    assert is_trajectory_file(file)


def test_a_series_that_is_not_known_stays_unknown(tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path / "a.h5", SPECIES, 1.0) as writer:
        writer.append(Frames(SPECIES, np.ones((2, 3, 3)), np.ones((2, 3, 3)), np.arange(2), np.arange(2.0)))
    (frames,) = read_blocks(tmp_path / "a.h5")
    assert frames.energies is None
    assert frames.temperatures is None


def test_frames_are_readable_while_the_file_grows(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    with TrajectoryWriter(file, SPECIES, 1.5) as writer:
        assert read_header(file).n_frames == 0
        assert list(read_blocks(file)) == []
        writer.append(_frames(0, 2))
        assert _same(Frames.joined(list(read_blocks(file))), _frames(0, 2))


_ENDLESS = """
import itertools, sys
import numpy as np
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter
writer = TrajectoryWriter(sys.argv[1], ["Li"] * 40, 2.0)
for i in itertools.count():
    writer.append(Frames(("Li",) * 40, np.full((1, 3, 3), i), np.full((1, 40, 3), float(i)), np.array([i]), np.array([2.0 * i]), np.array([-1.0 * i])))
    print(i, flush=True)
"""


@pytest.mark.parametrize("frames", [1, 8, 29])
def test_a_killed_writer_leaves_every_whole_frame(tmp_path: Path, frames: int) -> None:
    file = tmp_path / "killed.h5"
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(file)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        reported = [int(process.stdout.readline()) for _ in range(frames)]
        process.send_signal(signal.SIGKILL)
        reported += [int(line) for line in process.stdout]
    read = Frames.joined(list(read_blocks(file, 5)))
    assert read.steps.tolist() == list(range(len(read)))
    assert len(read) >= reported[-1] + 1
    assert read.energies is not None
    for series in (
        read.positions.reshape(len(read), -1),
        read.cells.reshape(len(read), -1),
        read.times[:, None] / 2,
        -read.energies[:, None],
    ):
        assert np.array_equal(series, np.broadcast_to(read.steps[:, None], series.shape))
    with TrajectoryWriter(file, ["Li"] * 40, 2.0, continue_after=len(read) - 2) as writer:
        writer.append(
            Frames(("Li",) * 40, np.ones((1, 3, 3)), np.ones((1, 40, 3)), np.array([999]), np.array([1998.0]))
        )
    assert np.concatenate([b.steps for b in read_blocks(file)]).tolist() == [*range(len(read) - 1), 999]
    assert [f.name for f in tmp_path.iterdir()] == ["killed.h5"]


@pytest.mark.parametrize("part", [0.02, 0.4, 0.999])
def test_what_a_killed_writer_left_and_a_copy_cut_off_is_named(tmp_path: Path, part: float) -> None:
    with TrajectoryWriter(tmp_path / "open.h5", SPECIES, 1.5) as writer:
        for i in range(30):
            writer.append(_frames(i, i + 1))
        whole = (tmp_path / "open.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(InputError, match=r"cut\.h5.* cut off"):
        list(read_blocks(tmp_path / "cut.h5"))


def test_the_layout_is_h5md(tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path / "a.h5", SPECIES, 1.5) as writer:
        writer.append(_frames(0, 2))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["particles/all/species"][:].tolist() == [3, 15, 16]
        assert file["particles/all/box"].attrs["boundary"].tolist() == [b"periodic"] * 3
        for group in (
            "particles/all/position",
            "particles/all/box/edges",
            "observables/potential_energy",
            "observables/temperature",
        ):
            assert file[group]["step"][:].tolist() == [0, 2]
            assert file[group]["time"][:].tolist() == [0.0, 3.0]
        assert file["particles/all/position/value"].attrs["unit"] == "Angstrom"


def test_what_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    with TrajectoryWriter(file, SPECIES, 1.5) as writer:
        writer.append(_frames(0, 2))
        with pytest.raises(ValueError, match="steps rise"):
            writer.append(_frames(1, 3))
        with pytest.raises(ValueError, match="other species"):
            writer.append(Frames(("Li",), np.ones((1, 3, 3)), np.ones((1, 1, 3)), np.array([9]), np.array([9.0])))
    with pytest.raises(ValueError, match="closed"):
        writer.append(_frames(5, 6))
    with pytest.raises(InputError, match="exists already"):
        TrajectoryWriter(file, SPECIES, 1.5)
    with pytest.raises(InputError, match=r"1\.5 fs and cannot be continued .* at 2\.0 fs"):
        TrajectoryWriter(file, SPECIES, 2.0, continue_after=2)
    with pytest.raises(InputError, match="of other species"):
        TrajectoryWriter(file, ("Li", "P", "O"), 1.5, continue_after=2)
    with pytest.raises(InputError, match="must be positive"):
        TrajectoryWriter(tmp_path / "b.h5", SPECIES, 0.0)
    with pytest.raises(InputError, match="Xx is no element"):
        TrajectoryWriter(tmp_path / "b.h5", ("Xx",), 1.0)
    assert read_header(file).n_frames == 2


def test_files_that_are_no_trajectory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_header(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    assert not is_trajectory_file(text)
    with pytest.raises(InputError, match=r"text\.h5 cannot be read as HDF5"):
        read_header(text)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = [1, 2]
    with pytest.raises(InputError, match="no trajectory of this layout: it has no particles/all/species"):
        read_header(tmp_path / "other.h5")
    half = tmp_path / "half.h5"
    with TrajectoryWriter(tmp_path / "whole.h5", SPECIES, 1.5) as writer:
        writer.append(_frames(0, 50))
    half.write_bytes((tmp_path / "whole.h5").read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"half\.h5"):
        list(read_blocks(half))
