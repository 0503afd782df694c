"""Trajectories are read as they were written, in every format, with their times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError
from catholyte.tests.support.motion.trajectory_texts import (
    CELL,
    SPECIES,
    extxyz,
    hdf5,
    read_all,
    vasprun,
    walk,
    written,
    xdatcar,
)
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.recorded import WHERE_RECORDED, place


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1.3])
@pytest.mark.parametrize("name", ["XDATCAR", "XDATCAR.gz", "renamed.txt"])
def test_xdatcar(tmp_path: Path, heads: bool, scale: float, name: str) -> None:
    made = walk(23)
    text = xdatcar(made, heads=heads, scale=scale)
    read, notes = read_all(written(tmp_path / name, text))
    assert read.species == SPECIES
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    np.testing.assert_allclose(read.cells, made.cells, atol=1e-10)
    np.testing.assert_array_equal(read.steps, made.steps)
    np.testing.assert_allclose(read.times, made.times)
    assert notes == []


def test_blocks_of_bytes_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames, marker lines and headers may be cut by the end of a block of bytes; frames do not change by it."""
    made = walk(12)
    file = tmp_path / "XDATCAR"
    for text in (xdatcar(made), xdatcar(made, heads=True)):
        file.write_text(text)
        for size in (1, 37, 64, 255, 4096):
            monkeypatch.setattr("catholyte.analysis.trajectories.xdatcar._BYTES", size)
            read, notes = read_all(file)
            np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
            assert notes == []


def test_xdatcar_with_a_variable_cell_and_a_negative_scale(tmp_path: Path) -> None:
    made = walk(9)
    made = replace(made, cells=made.cells * np.linspace(1, 1.1, 9)[:, None, None])
    (tmp_path / "XDATCAR").write_text(xdatcar(made, heads=True))
    np.testing.assert_allclose(read_all(tmp_path / "XDATCAR")[0].cells, made.cells, atol=1e-10)
    text = xdatcar(walk(2)).replace("  1.000000000000\n", f"  {-8 * abs(np.linalg.det(CELL)):.10f}\n", 1)
    (tmp_path / "XDATCAR").write_text(text)
    np.testing.assert_allclose(read_all(tmp_path / "XDATCAR")[0].cells[0], 2 * CELL, atol=1e-8)


def test_element_names_behind_the_coordinates_and_hashes_behind_the_elements(tmp_path: Path) -> None:
    made = walk(4)
    lines = xdatcar(made).replace(" Li P S\n", " Li_sv/1a2b P/3c S/4d\n").splitlines()
    named = [f"{line} Li" if "." in line and i > 7 else line for i, line in enumerate(lines)]
    (tmp_path / "XDATCAR").write_text("\n".join(named) + "\n")
    read, notes = read_all(tmp_path / "XDATCAR")
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    assert (read.species, notes) == (SPECIES, [])


@pytest.mark.parametrize("name", ["vasprun.xml", "run_vasprun.xml.gz"])
def test_vasprun(tmp_path: Path, name: str) -> None:
    made = walk(17)
    read, notes = read_all(written(tmp_path / name, vasprun(made)), timestep=None)
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-10)
    np.testing.assert_allclose(read.times, made.times)
    assert read.energies is not None
    assert read.energies.tolist() == [-float(step) for step in made.steps]
    assert read.temperatures is not None
    # 0.1 eV = 3/2 · 4 atoms free of the centre of mass · k_B T
    np.testing.assert_allclose(read.temperatures, 0.1 / (1.5 * 4 * 8.617333262e-5), rtol=1e-9)
    assert notes == []


def test_hdf5_and_extended_xyz(tmp_path: Path) -> None:
    made = replace(walk(15), energies=-np.arange(15.0), temperatures=300 + np.arange(15.0))
    read, notes = read_all(hdf5(tmp_path / "a.h5", made), timestep=None)
    for name in ("positions", "cells", "steps", "times", "energies", "temperatures"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert notes == []
    assert open_trajectory([tmp_path / "a.h5"]).metadata == {"tier": "chgnet"}
    file = extxyz(
        tmp_path / "a.extxyz",
        made,
        energy=lambda i: -float(i),
        time=lambda i: 10.0 * i,
        step=lambda i: 5 * i,
        temperature=lambda i: 300.0 + i,
    )
    read, notes = read_all(file, timestep=None)
    np.testing.assert_allclose(read.positions, made.positions, atol=1e-7)
    assert read.steps.tolist() == [5 * i for i in range(15)]
    np.testing.assert_allclose(read.times, [10.0 * i for i in range(15)])
    np.testing.assert_allclose(read.energies, made.energies)
    np.testing.assert_allclose(read.temperatures, made.temperatures)
    assert notes == []


def test_trajectory_of_ase_dynamics_tells_its_times(tmp_path: Path) -> None:
    from ase import units
    from ase.build import bulk
    from ase.calculators.emt import EMT
    from ase.md.verlet import VelocityVerlet

    atoms = bulk("Cu", cubic=True)
    atoms.calc = EMT()
    atoms.positions[0] += 0.1
    with VelocityVerlet(atoms, 2 * units.fs, trajectory=str(tmp_path / "md.traj"), loginterval=5) as dynamics:
        dynamics.run(20)
    read, notes = read_all(tmp_path / "md.traj", timestep=None)
    assert read.steps.tolist() == [0, 5, 10, 15, 20]
    np.testing.assert_allclose(read.times, [0, 10, 20, 30, 40])
    assert read.energies is not None
    assert read.energies[-1] == pytest.approx(atoms.get_potential_energy())
    assert read.temperatures is not None
    # the centre of mass rests, and its three degrees of freedom hold no energy
    assert read.temperatures[-1] == pytest.approx(atoms.get_temperature() * len(atoms) / (len(atoms) - 1))
    assert notes == []


@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # pymatgen's Xdatcar
@pytest.mark.parametrize(
    ("files", "name"),
    [
        ("generated", "pmg_XDATCAR_traj_Li38Si38"),
        ("generated", "atomate2_Si16_AIMD_vasprun.xml.gz"),
        pytest.param("recorded", "pmg_XDATCAR_traj_Li38Si38", marks=WHERE_RECORDED),
        pytest.param("recorded", "atomate2_Si16_AIMD_vasprun.xml.gz", marks=WHERE_RECORDED),
        pytest.param("recorded", "atomate2_Si16_AIMD_OUTCAR.gz", marks=WHERE_RECORDED),
    ],
)
def test_recorded_runs_as_pymatgen_reads_them(files: str, name: str, refereed: Referee) -> None:
    from pymatgen.io.vasp.outputs import Vasprun, Xdatcar

    read, notes = read_all(place(files) / name)
    if "XDATCAR" in name:
        structures = Xdatcar(str(place(files) / name)).structures
    else:
        file = str(place(files) / "atomate2_Si16_AIMD_vasprun.xml.gz")
        run = Vasprun(file, parse_dos=False, parse_eigen=False, parse_potcar_file=False)
        structures = [step["structure"] for step in run.ionic_steps]
        away = np.abs(np.subtract(read.energies, [step["e_fr_energy"] for step in run.ionic_steps])).max()
        refereed(
            "energies along recorded dynamics",
            away,
            1e-8,
            of="analysis.trajectories.reader.open_trajectory",
            by="pymatgen, Vasprun",
            unit="eV",
        )
    assert notes == []
    assert len(read) == len(structures) == 100
    for positions, structure in zip(read.positions, structures, strict=True):
        apart = (positions - structure.cart_coords) @ np.linalg.inv(structure.lattice.matrix)
        away, ours = np.abs(apart - np.round(apart)).max(), "analysis.trajectories.reader.open_trajectory"
        if "OUTCAR" in name:  # five decimals
            refereed("positions in an OUTCAR", away, 1e-5, of=ours, by="pymatgen, Vasprun", unit="fraction of the cell")
        else:
            refereed(
                "positions in an XDATCAR and a vasprun.xml",
                away,
                1e-9,
                of=ours,
                by="pymatgen, Xdatcar and Vasprun",
                unit="fraction of the cell",
            )


def test_time_step_that_is_wrong_or_missing(tmp_path: Path) -> None:
    made = walk(5)
    (tmp_path / "vasprun.xml").write_text(vasprun(made, potim=2.0))
    overruled = open_trajectory([tmp_path / "vasprun.xml"], 1.0)
    assert overruled.timestep == 1.0
    assert "its time step would be 2 fs; the 1 fs that were given are used" in overruled.notes[0]
    (tmp_path / "XDATCAR").write_text(xdatcar(made))
    unknown = open_trajectory([tmp_path / "XDATCAR"])
    assert not unknown.timestep_known
    assert "1 fs is assumed" in unknown.notes[0]
    (tmp_path / "INCAR").write_text("IBRION = 0\nPOTIM = 1.5\n")
    beside = open_trajectory([tmp_path / "XDATCAR"])
    assert (beside.timestep, beside.timestep_known) == (1.5, True)
    assert "1.5 fs is that of the INCAR beside it" in beside.notes[0]
    (tmp_path / "INCAR").write_text("IBRION = 0\nPOTIM = 1.5\nNBLOCK = 10\n")
    assert open_trajectory([tmp_path / "XDATCAR"]).timestep == 15.0  # consecutive numbers, of which each is ten steps
    (tmp_path / "XDATCAR").write_text(xdatcar(replace(made, steps=10 * made.steps)))
    assert open_trajectory([tmp_path / "XDATCAR"]).timestep == 1.5
    (tmp_path / "INCAR").write_text("IBRION = 2\nPOTIM = 0.5\n")
    assert not open_trajectory([tmp_path / "XDATCAR"]).timestep_known
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="must be positive"):
            open_trajectory([tmp_path / "XDATCAR"], wrong)


def test_chunks_with_another_time_step_count_their_own_time(tmp_path: Path) -> None:
    made = walk(10)
    first = written(tmp_path / "a_vasprun.xml", vasprun(made.select(slice(0, 5)), 2.0))
    second = written(tmp_path / "b_vasprun.xml", vasprun(made.select(slice(5, 10)), 1.0))
    read, notes = read_all(first, second, timestep=None)
    assert read.times.tolist() == [2, 4, 6, 8, 10, 11, 12, 13, 14, 15]
    assert any("its time step is 1 fs" in note for note in notes)


def test_times_that_do_not_follow_from_the_steps_are_said(tmp_path: Path) -> None:
    made = replace(walk(6), times=np.array([2.0, 4.0, 6.0, 8.0, 10.0, 99.0]))
    _, notes = read_all(hdf5(tmp_path / "a.h5", made), timestep=None)
    assert any("times do not follow from its steps (up to 87 fs apart)" in note for note in notes)
