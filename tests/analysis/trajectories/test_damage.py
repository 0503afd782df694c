"""Several files are one trajectory; what is damaged is named, what is whole is used."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from catholyte.analysis.trajectories.reader import Trajectory, open_trajectory
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter
from catholyte.tests.support.motion.trajectory_formats import PACKINGS, ase_trajectory, lammps_dump, vaspout
from catholyte.tests.support.motion.trajectory_texts import (
    CELL,
    SPECIES,
    extxyz,
    hdf5,
    head,
    read_all,
    vasprun,
    walk,
    written,
    xdatcar,
)


def _chunks(folder: Path, parts: list[Frames], *, anew: bool) -> list[Path]:
    files = []
    for i, part in enumerate(parts):
        part = replace(part, steps=np.arange(1, len(part) + 1)) if anew else part
        files.append(written(folder / f"XDATCAR.{i}", xdatcar(part)))
    return files


@pytest.mark.parametrize("cuts", [(8,), (3, 11), (1, 2, 19)])
def test_chunks_are_the_whole_when_the_numbering_continues(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    made = walk(20)
    edges = [0, *cuts, 20]
    read, notes = read_all(*_chunks(tmp_path, [made.select(slice(a, b)) for a, b in pairwise(edges)], anew=False))
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    assert read.steps.tolist() == made.steps.tolist()
    np.testing.assert_allclose(read.times, made.times)
    assert notes == []


def test_chunks_whose_numbering_begins_anew(tmp_path: Path) -> None:
    made = walk(30)
    files = _chunks(
        tmp_path, [made.select(slice(0, 10)), made.select(slice(10, 20)), made.select(slice(20, 30))], anew=True
    )
    read, notes = read_all(*files)
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    assert read.steps.tolist() == list(range(1, 31))
    np.testing.assert_allclose(read.times, made.times)
    assert [note.split(": ", 1)[1] for note in notes] == [
        "its steps begin again at 1: taken as following on the frames before"
    ] * 2


@pytest.mark.parametrize("repeated", [1, 3, 9])
@pytest.mark.parametrize("anew", [True, False])
def test_overlap_is_dropped_and_said(tmp_path: Path, repeated: int, anew: bool) -> None:
    made = walk(20)
    read, notes = read_all(
        *_chunks(tmp_path, [made.select(slice(0, 10)), made.select(slice(10 - repeated, 20))], anew=anew)
    )
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    assert read.steps.tolist() == made.steps.tolist()
    (note,) = notes
    assert "dropped" in note
    assert str(repeated) in note


def test_gap_is_said_and_keeps_its_time(tmp_path: Path) -> None:
    made = walk(20)
    read, notes = read_all(*_chunks(tmp_path, [made.select(slice(0, 8)), made.select(slice(12, 20))], anew=False))
    assert read.steps.tolist() == [*range(1, 9), *range(13, 21)]
    assert read.times[-1] == 40.0
    assert any("1 gap in the steps, the first of 4 steps before step 13" in note for note in notes)


def test_gap_that_no_number_shows_is_seen_by_the_way_of_the_atoms(tmp_path: Path) -> None:
    species = ("Li",) * 60
    made = walk(40, species=species, cell=3 * CELL)
    files = _chunks(tmp_path, [made.select(slice(0, 15)), made.select(slice(25, 40))], anew=True)
    _, notes = read_all(*files)
    assert any("frames are missing, or it is another run" in note for note in notes)


def test_overlapping_numbers_of_another_run_are_said(tmp_path: Path) -> None:
    other = walk(20, seed=5)
    _, notes = read_all(*_chunks(tmp_path, [walk(20).select(slice(0, 10)), other.select(slice(6, 20))], anew=False))
    assert any("step 10 is not the same frame there: is it another run?" in note for note in notes)


def test_concatenated_files_are_chunks(tmp_path: Path) -> None:
    """`cat XDATCAR.0 XDATCAR.1 > XDATCAR`, numbering anew: non-rising steps within one file."""
    made = walk(16)
    second = replace(made.select(slice(8, 16)), steps=np.arange(1, 9))
    file = written(tmp_path / "XDATCAR", xdatcar(made.select(slice(0, 8))) + xdatcar(second))
    read, notes = read_all(file)
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    assert read.steps.tolist() == made.steps.tolist()
    assert any("the steps do not rise in 1 place within the file" in note for note in notes)


def test_every_second_frame_is_no_gap(tmp_path: Path) -> None:
    made = walk(20).select(slice(0, None, 2))
    read, notes = read_all(written(tmp_path / "XDATCAR", xdatcar(made)))
    assert read.steps.tolist() == made.steps.tolist()
    assert notes == []


def test_blocks_can_be_read_again(tmp_path: Path) -> None:
    trajectory = open_trajectory([written(tmp_path / "XDATCAR", xdatcar(walk(9)))])
    once, notes = Frames.joined(list(trajectory.blocks())), list(trajectory.notes)
    again = Frames.joined(list(trajectory.blocks()))
    np.testing.assert_array_equal(once.positions, again.positions)
    assert trajectory.notes == notes


def _damaged(path: Path, text: str) -> tuple[Frames, str]:
    frames, notes = read_all(written(path, text))
    return frames, "\n".join(notes)


@pytest.mark.parametrize("bad", ["NaN", "**********", "0.1x", "inf"])
def test_a_coordinate_that_is_no_number_costs_its_frame(tmp_path: Path, bad: str) -> None:
    lines = xdatcar(walk(6)).splitlines()
    row = 7 + 2 * 6 + 3  # the third atom of the third frame
    assert lines[7 + 2 * 6].startswith("Direct configuration=     3")
    lines[row] = f"  0.5 {bad} 0.5"
    frames, notes = _damaged(tmp_path / "XDATCAR", "\n".join(lines) + "\n")
    assert frames.steps.tolist() == [1, 2, 4, 5, 6]
    np.testing.assert_allclose(frames.positions, walk(6).positions[[0, 1, 3, 4, 5]], atol=1e-10)
    assert f"1 frame is not used, coordinates are not three numbers: frame 3 (line {row + 1}: '0.5 {bad} 0.5')" in notes


@pytest.mark.parametrize("cut", [1, 30, 100, 200, 260])
@pytest.mark.parametrize("heads", [False, True])
def test_a_file_that_was_cut_off_keeps_its_whole_frames(tmp_path: Path, cut: int, heads: bool) -> None:
    text = xdatcar(walk(6), heads=heads)
    frames, notes = _damaged(tmp_path / "XDATCAR", text[:-cut])
    lost = cut > 1  # without its last line end the last frame is whole
    np.testing.assert_allclose(frames.positions, walk(6).positions[: len(frames)], atol=1e-10)
    assert len(frames) == (5 if lost else 6)
    assert ("frame 6" in notes and "cut off" in notes) == lost


def test_lines_too_few_and_too_many(tmp_path: Path) -> None:
    lines = xdatcar(walk(6)).splitlines()
    short = lines[: 7 + 6 + 3] + lines[7 + 6 + 4 :]
    frames, notes = _damaged(tmp_path / "XDATCAR", "\n".join(short) + "\n")
    assert frames.steps.tolist() == [1, 3, 4, 5, 6]
    assert "fewer lines than the 5 atoms: frame 2" in notes
    long = [*lines[: 7 + 6 + 3], *lines[7 + 6 + 2 :]]
    frames, notes = _damaged(tmp_path / "XDATCAR", "\n".join(long) + "\n")
    assert frames.steps.tolist() == [1, 3, 4, 5, 6]
    assert "more lines than the 5 atoms: frame 2" in notes


@pytest.mark.parametrize("species", [("Li", "P", "S", "S"), ("Li", "Li", "P", "S", "O")])
def test_frames_of_other_atoms_end_the_trajectory(tmp_path: Path, species: tuple[str, ...]) -> None:
    other = walk(3, species=species)
    frames, notes = _damaged(tmp_path / "XDATCAR", xdatcar(walk(4)) + xdatcar(other))
    assert len(frames) == 4
    assert "from frame 5 on there are other atoms" in notes
    from ase import Atoms
    from ase.io import write

    images = [Atoms(f.species, f.positions[i], cell=CELL, pbc=True) for f in (walk(4), other) for i in range(3)]
    write(str(tmp_path / "a.extxyz"), images)
    frames, lines = read_all(tmp_path / "a.extxyz")
    assert len(frames) == 3
    assert "from frame 4 on there are other atoms" in "\n".join(lines)


def test_files_of_other_atoms_are_refused(tmp_path: Path) -> None:
    a = written(tmp_path / "XDATCAR.a", xdatcar(walk(3)))
    b = written(tmp_path / "XDATCAR.b", xdatcar(walk(3, species=("Li", "P", "S"))))
    with pytest.raises(InputError, match=r"XDATCAR\.b has 3 atoms and .*XDATCAR\.a has 5"):
        open_trajectory([a, b])


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_killed_vasprun_gives_its_whole_steps(tmp_path: Path, part: float) -> None:
    text = vasprun(walk(10))
    frames, notes = _damaged(tmp_path / "vasprun.xml", text[: int(part * len(text))])
    assert 3 < len(frames) < 10
    np.testing.assert_allclose(frames.positions, walk(10).positions[: len(frames)], atol=1e-10)
    assert f"cut off or corrupt after {len(frames)} ionic steps" in notes
    packed = gzip.compress(text.encode())
    (tmp_path / "vasprun.xml.gz").write_bytes(packed[: int(part * len(packed))])
    frames, lines = read_all(tmp_path / "vasprun.xml.gz")
    assert 0 < len(frames) < 10
    assert "cut off or corrupt" in "\n".join(lines)


def test_numbers_of_a_vasprun_that_are_none_cost_their_frame(tmp_path: Path) -> None:
    text = vasprun(walk(5))
    third = text.split("<calculation>")[3]
    broken = text.replace(
        third, third.replace("<varray name='positions'>\n<v>", "<varray name='positions'>\n<v>****** ", 1)
    )
    frames, notes = _damaged(tmp_path / "vasprun.xml", broken)
    assert frames.steps.tolist() == [1, 2, 4, 5]
    assert "its numbers are damaged: frame 3" in notes


def test_optimiser_steps_are_said(tmp_path: Path) -> None:
    _, notes = _damaged(tmp_path / "vasprun.xml", vasprun(walk(3), ibrion=2))
    assert "IBRION = 2: its steps are those of an optimiser" in notes


def test_not_numbers_and_flat_cells_in_hdf5(tmp_path: Path) -> None:
    made = walk(8)
    made.positions[2, 1, 0] = np.nan
    made.cells[5] = 0.0
    frames, notes = read_all(hdf5(tmp_path / "a.h5", made))
    assert frames.steps.tolist() == [1, 2, 4, 5, 7, 8]
    assert any("positions or cell are not numbers: frame 3" in note for note in notes)
    assert any("the cell has no volume: frame 6" in note for note in notes)


def test_extended_xyz_that_breaks_off(tmp_path: Path) -> None:
    file = extxyz(tmp_path / "a.extxyz", walk(6))
    text = file.read_text()
    file.write_text(text[: int(0.8 * len(text))])
    frames, notes = read_all(file)
    assert 0 < len(frames) < 6
    assert any(f"cut off or corrupt in frame {len(frames) + 1}" in note for note in notes)


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    text = xdatcar(walk(2))
    broken = written(
        tmp_path / "XDATCAR",
        "\n".join(line if i < 8 or "Direct" in line else "* * *" for i, line in enumerate(text.splitlines())) + "\n",
    )
    with pytest.raises(InputError, match="no usable frame"):
        list(open_trajectory([broken]).blocks())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("XDATCAR", "", "is empty"),
        ("XDATCAR", "one\ntwo\nthree\n", "is no XDATCAR"),
        ("XDATCAR", head(SPECIES, CELL).replace("Li P S\n", "Li P\n"), "is no XDATCAR with elements in line 6"),
        ("XDATCAR", head(SPECIES, 0 * CELL), "is no XDATCAR"),
        ("XDATCAR", xdatcar(walk(1)).replace("made for a test", "rehearsal, not VASP"), "invented"),
        ("vasprun.xml", vasprun(walk(1), version="0.0.0-rehearsal"), "invented"),
        ("vasprun.xml", vasprun(walk(1))[:300], "before its first ionic step"),
        ("what.dat", "no format at all\n", "ASE cannot read it"),
        ("a.xyz", "1\n\nLi 0 0 0\n", "has no cell"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_trajectory([written(tmp_path / name, text)])


def test_calls_that_cannot_be_answered(tmp_path: Path) -> None:
    for paths, message in (
        ([], "name at least one file"),
        ([tmp_path / "none"], "no such file"),
        ([tmp_path], "is no file"),
    ):
        with pytest.raises(InputError, match=message):
            open_trajectory(paths)
    rehearsed = tmp_path / "a.h5"
    with TrajectoryWriter(rehearsed, SPECIES, 2.0, {"tier": "rehearsal"}) as writer:
        writer.append(walk(2))
    with pytest.raises(InputError, match="invented"):
        open_trajectory([rehearsed])
    made = written(tmp_path / "XDATCAR", xdatcar(walk(2)))
    with pytest.raises(InputError, match="at least 1 is needed"):
        open_trajectory([made], block=0)
    assert isinstance(open_trajectory([made]), Trajectory)


def _announcing(path: Path, dataset: str) -> None:
    """Put a dataset of 10⁹ rows that hold nothing into the place of one."""
    with h5py.File(path, "r+") as file:
        shape = file[dataset].shape
        del file[dataset]
        file.create_dataset(dataset, (10**9, *shape[1:]), dtype=float, chunks=True)


@pytest.mark.parametrize(
    ("make", "dataset"),
    [
        (lambda folder: hdf5(folder / "run.h5", walk(4)), "particles/all/position/value"),
        (lambda folder: vaspout(folder / "vaspout.h5", walk(4)), "intermediate/ion_dynamics/energies"),
    ],
    ids=["HDF5", "vaspout.h5"],
)
def test_hdf5_that_announces_more_than_it_holds(tmp_path: Path, make: Callable[[Path], Path], dataset: str) -> None:
    path = make(tmp_path)
    assert len(read_all(path)[0]) == 4
    _announcing(path, dataset)
    with pytest.raises(InputError, match=rf"{path.name} is damaged: {dataset} announces [\d.]+ GB that are not in it"):
        read_all(path)


@pytest.mark.parametrize("value", [7.0, "text", [[1, 2]]])
def test_hdf5_with_a_dataset_of_another_kind(tmp_path: Path, value: object) -> None:
    path = hdf5(tmp_path / "run.h5", walk(4))
    with h5py.File(path, "r+") as file:
        del file["particles/all/box/edges/value"]
        file["particles/all/box/edges/value"] = value
    with pytest.raises(InputError, match=r"run\.h5"):
        read_all(path)


@pytest.mark.parametrize("what", ["number of frames", "place of their offsets", "shape of an array"])
def test_a_trajectory_of_ase_that_announces_more_than_it_holds(tmp_path: Path, what: str) -> None:
    path = ase_trajectory(tmp_path / "run.traj", walk(4))
    assert len(read_all(path)[0]) == 4
    data = bytearray(path.read_bytes())
    at, new = {
        "number of frames": (32, (2**40).to_bytes(8, "little")),
        "place of their offsets": (40, (2**40).to_bytes(8, "little")),
        "shape of an array": (data.index(b'[[5, 3], "float64"'), b'[[99999],"float64"'),
    }[what]
    data[at : at + len(new)] = new
    path.write_bytes(data)
    with pytest.raises(
        InputError, match=r"run\.traj is a damaged trajectory file of ASE: it announces more than it holds"
    ):
        read_all(path)


@pytest.mark.parametrize(("name", "packing"), [("OUTCAR", ".xz"), ("run.extxyz", ".bz2"), ("run.dump", ".bz2")])
def test_a_packing_that_is_corrupt_is_named(tmp_path: Path, name: str, packing: str) -> None:
    path = tmp_path / f"{name}{packing}"
    data = bytearray(PACKINGS[packing](lammps_dump(walk(9)).encode()))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\0" * 40
    path.write_bytes(data)
    with pytest.raises(InputError, match=path.name):
        read_all(path)
    path.write_bytes(b"neither packed nor of any format\n")
    with pytest.raises(InputError, match=path.name):
        read_all(path)


def test_a_dump_with_a_row_cut_short_is_refused(tmp_path: Path) -> None:
    lines = lammps_dump(walk(1)).splitlines()
    path = written(tmp_path / "run.dump", "\n".join([*lines[:-1], "", ""]))
    with pytest.raises(InputError, match=r"run\.dump"):
        read_all(path)


@pytest.mark.parametrize("step", ["-1e308", "1" + "0" * 20, "nan"])
def test_steps_that_no_run_reaches(tmp_path: Path, step: str) -> None:
    """No array of numbers holds them."""
    whole = lammps_dump(walk(4))
    dump = tmp_path / "run.dump"
    dump.write_text(whole.replace("ITEM: TIMESTEP\n2\n", f"ITEM: TIMESTEP\n{step}\n"), encoding="utf-8")
    assert dump.read_text() != whole
    frames, notes = read_all(dump)
    assert len(frames) == 1
    assert f"cut off or corrupt in frame 2 (a step of {float(step):g})" in "".join(notes)
    if step.isdigit():
        text = xdatcar(walk(4)).replace("configuration=     2", f"configuration= {step}")
        frames, notes = _damaged(tmp_path / "XDATCAR", text)
        assert frames.steps.tolist() == [1, 2, 3, 4]
        assert "a step of 1e+20" in notes


def test_xdatcar_with_more_atoms_than_memory(tmp_path: Path) -> None:
    text = xdatcar(walk(4)).replace(" 2 1 2\n", " 2 1 99999999999\n")
    assert "99999999999" in text
    (tmp_path / "XDATCAR").write_text(text)
    with pytest.raises(InputError, match="more than the 200000 atoms that are read"):
        read_all(tmp_path / "XDATCAR")


def test_hdf5_whose_metadata_are_corrupt_is_named(tmp_path: Path) -> None:
    """A byte anywhere in the headers of the first groups."""
    path = hdf5(tmp_path / "run.h5", walk(4))
    data, refused = path.read_bytes(), []
    for place in range(48, 400, 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        with contextlib.suppress(InputError):
            read_all(path)
            continue
        refused.append(place)
    assert len(refused) > 20
