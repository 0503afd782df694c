"""Every format and dialect of a trajectory, packed or not, gives back what was written; what is not known is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.motion.trajectory_formats import (
    FORMATS,
    PACKINGS,
    Format,
    ase_trajectory,
    blank_xdatcar,
    lammps_dump,
    learned_vasprun,
    vaspout,
)
from catholyte.tests.support.motion.trajectory_texts import CELL, extxyz, hdf5, vasprun, walk, written, xdatcar
from catholyte.tests.support.referees.evidence import Referee


def _made(*, breathes: bool = False) -> Frames:
    """Atoms that leave the cell and are not wrapped, 1 to 24 steps of 2 fs; the cell grows and is sheared on request."""
    made = walk(24)
    fractional = np.cumsum(np.random.default_rng(1).normal(0, 0.04, (24, 5, 3)), axis=0)
    cells = made.cells.copy()
    if breathes:
        cells *= 1 + 0.004 * np.arange(24)[:, None, None]
        cells[:, 2, 0] += 0.02 * np.arange(24)
    return replace(made, cells=cells, positions=(fractional + np.array([0.5, 0.1, 0.9])) @ cells)


def _deviation(read: Frames, made: Frames) -> float:
    """Largest distance of an atom from where it was put, or of a lattice vector, Å."""
    apart = read.positions @ np.linalg.inv(read.cells) - made.fractional()
    return float(max(np.abs((apart - np.round(apart)) @ made.cells).max(), np.abs(read.cells - made.cells).max()))


CASES = [
    (name, packing, breathes)
    for name, form in FORMATS.items()
    for packing in (PACKINGS if form.text else ("",))
    for breathes in ((False, True) if form.breathes else (False,))
]


def _read(folder: Path, form: Format, packing: str, made: Frames) -> tuple[Frames, float, list[str]]:
    folder.mkdir(exist_ok=True)
    plain = folder / form.name
    form.write(plain, made)
    file = plain.with_name(plain.name + packing)
    file.write_bytes(PACKINGS[packing](plain.read_bytes()))
    trajectory = open_trajectory([file], None if form.timed else 2.0, 7, elements=form.elements)
    frames = Frames.joined(list(trajectory.blocks()))
    return frames, trajectory.timestep, trajectory.notes


@pytest.mark.parametrize(("name", "packing", "breathes"), CASES)
def test_what_is_read_is_what_was_written(tmp_path: Path, name: str, packing: str, breathes: bool) -> None:
    form, made = FORMATS[name], _made(breathes=breathes)
    read, timestep, notes = _read(tmp_path, form, packing, made)
    assert read.species == made.species
    assert len(read) == 24
    assert _deviation(read, made) < form.tolerance
    assert timestep == pytest.approx(2.0)
    assert (np.diff(read.steps) == 1).all()
    np.testing.assert_allclose(read.times - read.times[0], 2.0 * np.arange(24), atol=1e-6)
    silent = [note for note in notes if "ML_LMLFF" not in note and "does not say its units" not in note]
    assert silent == []


def test_all_formats_give_one_trajectory(tmp_path: Path, refereed: Referee) -> None:
    worst = 0.0
    for k, (name, packing, breathes) in enumerate(CASES):
        form, made = FORMATS[name], _made(breathes=breathes)
        worst = max(worst, _deviation(_read(tmp_path / str(k), form, packing, made)[0], made))
    refereed(
        "positions and cells of a generated trajectory in every format and dialect, plain and packed",
        worst,
        1e-7,
        of="analysis.trajectories.reader.open_trajectory",
        by="what was written",
        unit="Å",
    )


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_generated_files_as_pymatgen_reads_them(tmp_path: Path, refereed: Referee) -> None:
    """What the writers of these tests make is what another program takes for an XDATCAR, of this age and that."""
    from pymatgen.io.vasp.outputs import Xdatcar

    made = _made()
    for text in (xdatcar(made), blank_xdatcar(made)):
        file = written(tmp_path / "XDATCAR", text)
        read = Frames.joined(list(open_trajectory([file], 2.0).blocks()))
        structures = Xdatcar(str(file)).structures
        assert len(structures) == len(read) == 24
        for positions, structure in zip(read.positions, structures, strict=True):
            apart = (positions - structure.cart_coords) @ np.linalg.inv(structure.lattice.matrix)
            refereed(
                "positions in generated XDATCARs",
                float(np.abs(apart - np.round(apart)).max()),
                1e-9,
                of="analysis.trajectories.reader.open_trajectory",
                by="pymatgen, Xdatcar",
                unit="fraction of the cell",
            )


def test_energies_and_temperatures_of_a_force_field_stand_behind_its_structures(tmp_path: Path) -> None:
    made = _made()
    for electrons in (lambda i: i % 3 == 0, lambda _: False):
        file = written(tmp_path / "vasprun.xml", learned_vasprun(made, electrons))
        trajectory = open_trajectory([file])
        read = Frames.joined(list(trajectory.blocks()))
        assert read.energies is not None
        assert read.temperatures is not None
        assert read.energies.tolist() == [-float(step) for step in made.steps]
        np.testing.assert_allclose(read.temperatures, 0.1 / (1.5 * 4 * 8.617333262e-5), rtol=1e-9)
        assert any("ML_LMLFF is on" in note for note in trajectory.notes)
        assert trajectory.metadata["tier"] != "vasp"


def test_steps_of_a_dump_are_those_of_the_dynamics(tmp_path: Path) -> None:
    """Written every 20 steps of 1 fs: frames lie 20 fs apart."""
    file = written(tmp_path / "run.dump", lammps_dump(_made(), spacing=20))
    read = Frames.joined(list(open_trajectory([file], 1.0).blocks()))
    assert read.times.tolist() == [20.0 * (k + 1) for k in range(24)]


@pytest.mark.parametrize(
    ("text", "elements", "message"),
    [
        (lammps_dump(_made(), "id type x y z"), (), r"types and no elements.*types 1, 2, 3 are needed \(none were"),
        (lammps_dump(_made(), "id type x y z"), ("Li", "P"), r"\(2 were given\)"),
        (lammps_dump(_made(), "id type x y z"), ("Li", "P", "Sulfur"), "'Sulfur' is no element"),
        (lammps_dump(_made(), "element x y z"), (), "without the column id"),
        (lammps_dump(_made(), "id element q"), (), "without coordinates; its columns: id element q"),
        (lammps_dump(_made(), units="metal").replace("metal", "lj"), (), "in the units 'lj'"),
        (lammps_dump(_made()).replace("ITEM: NUMBER", "ITEM: MOOD\n1\nITEM: NUMBER"), (), "'ITEM: MOOD' is not known"),
    ],
    ids=["types alone", "too few elements", "no element", "no id", "no coordinates", "units", "unknown item"],
)
def test_dumps_that_cannot_be_known(tmp_path: Path, text: str, elements: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_trajectory([written(tmp_path / "run.dump", text)], 2.0, elements=elements)


def test_a_dump_that_is_cut_off_gives_its_whole_frames(tmp_path: Path) -> None:
    text = lammps_dump(_made())
    for cut in (40, 200, 1):
        trajectory = open_trajectory([written(tmp_path / "run.dump", text[:-cut])], 2.0)
        assert sum(len(block) for block in trajectory.blocks()) == (24 if cut == 1 else 23)
        assert cut == 1 or any("cut off or corrupt in frame 24" in note for note in trajectory.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("XDATCAR.zst", b"\x28\xb5\x2f\xfd" + bytes(40), "compressed by zstd: unpack it first"),
        ("XDATCAR.zip", b"PK\x03\x04" + bytes(40), "compressed by zip"),
        (
            "XDATCAR",
            blank_xdatcar(_made(), elements=False).encode(),
            "as VASP 4 writes it: 3 elements.* none were given",
        ),
        ("XDATCAR", xdatcar(_made()).replace("Direct configuration", "Frame").encode(), "this kind of XDATCAR is not"),
        (
            "XDATCAR",
            b"  4 4 1\n 0.1E+02 0.8E-09 0.8E-09\n 300.0\n CAR \n name\n\n 0 0 0\n",
            "VASP 4, which holds the len",
        ),
        (
            "run.data",
            b"LAMMPS data file via write_data\n\n1 atoms\n1 atom types\n",
            "file of LAMMPS that has types and no elements",
        ),
    ],
    ids=["zstd", "zip", "no elements", "no marker", "CAR", "LAMMPS data"],
)
def test_dialects_that_are_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_trajectory([tmp_path / name], 2.0)


def test_packed_binaries_and_wrong_names_are_refused(tmp_path: Path) -> None:
    plain = ase_trajectory(tmp_path / "run.traj", _made())
    (tmp_path / "run.traj.gz").write_bytes(PACKINGS[".gz"](plain.read_bytes()))
    with pytest.raises(InputError, match="read from plain files only: unpack it first"):
        open_trajectory([tmp_path / "run.traj.gz"])
    plain = hdf5(tmp_path / "run.h5", _made())
    (tmp_path / "run.h5.xz").write_bytes(PACKINGS[".xz"](plain.read_bytes()))
    with pytest.raises(InputError, match="unpack it first"):
        open_trajectory([tmp_path / "run.h5.xz"])
    plain = extxyz(tmp_path / "run.extxyz", _made())
    (tmp_path / "packed.extxyz").write_bytes(PACKINGS[".bz2"](plain.read_bytes()))
    with pytest.raises(InputError, match=r"its name does not end in \.bz2: rename it"):
        open_trajectory([tmp_path / "packed.extxyz"])


def test_an_outcar_of_a_force_field_is_refused(tmp_path: Path) -> None:
    head = " vasp.6.4.1 05Apr23 (build) complex\n\n   ML_LMLFF = T\n   POTIM  = 2.0\n"
    with pytest.raises(InputError, match=r"OUTCAR with ML_LMLFF on.*take the vasprun\.xml"):
        open_trajectory([written(tmp_path / "OUTCAR", head)])


def test_steps_of_an_optimiser_are_no_times(tmp_path: Path) -> None:
    made = _made()
    (tmp_path / "INCAR").write_text("IBRION = 2\nPOTIM = 0.5\n")
    files = [
        written(tmp_path / "XDATCAR", xdatcar(made)),
        written(tmp_path / "vasprun.xml", vasprun(made, ibrion=1)),
        vaspout(tmp_path / "vaspout.h5", made, ibrion=2),
    ]
    for file in files:
        trajectory = open_trajectory([file], 1.0)
        assert not trajectory.timestep_known
        (note,) = trajectory.notes
        assert re.search(r"IBRION = [12].*its steps are those of an optimiser, not of time", note)
    (tmp_path / "INCAR").write_text("IBRION = 0\nPOTIM = 0.5\n")
    assert open_trajectory([tmp_path / "XDATCAR"]).timestep_known


def test_times_that_no_dynamics_has_are_refused_and_a_given_time_step_wins(tmp_path: Path) -> None:
    """Times in ps under a key that holds fs: frames 10 fs apart would lie 0.01 fs apart."""
    file = extxyz(tmp_path / "run.extxyz", _made(), time=lambda i: 0.01 * i)
    with pytest.raises(InputError, match=r"its times give a time step of 0\.01 fs") as refused:
        open_trajectory([file])
    assert "are these ps?" in refused.value.advice
    trajectory = open_trajectory([file], 10.0)
    read = Frames.joined(list(trajectory.blocks()))
    np.testing.assert_allclose(read.times, 10.0 * np.arange(24))
    (note,) = trajectory.notes
    assert "its time step would be 0.01 fs; the 10 fs that were given are used" in note


def test_equilibration_is_left_out(tmp_path: Path) -> None:
    file = written(tmp_path / "XDATCAR", xdatcar(_made()))
    trajectory = open_trajectory([file], 2.0, 7, skip=16.0)
    read = Frames.joined(list(trajectory.blocks()))
    assert read.times.tolist() == [2.0 * k for k in range(9, 25)]
    assert trajectory.notes == ["the first 16 fs (8 frames) are left out as equilibration"]
    with pytest.raises(InputError, match="no usable frame"):
        list(open_trajectory([file], 2.0, skip=100.0).blocks())
    with pytest.raises(InputError, match="0 or more"):
        open_trajectory([file], 2.0, skip=-1.0)


def test_elements_of_a_file_that_names_them_are_its_own(tmp_path: Path) -> None:
    for name, text in (("XDATCAR", xdatcar(_made())), ("run.dump", lammps_dump(_made()))):
        trajectory = open_trajectory([written(tmp_path / name, text)], 2.0, elements=("Na", "As", "Se"))
        list(trajectory.blocks())
        assert trajectory.species == _made().species
        assert any("names its elements itself" in note for note in trajectory.notes)


def test_the_temperature_is_that_of_what_moves(tmp_path: Path) -> None:
    """Three atoms whose centre of mass rests have six degrees of freedom; with a moving centre, nine."""
    from ase import Atoms, units
    from ase.io import write

    for shift, free in ((0.0, 6), (0.3, 9)):
        momenta = np.array([[1.0, 0, 0], [-1.0, 0.5, 0], [0, -0.5, 0]]) + shift
        atoms = Atoms("Ar3", positions=np.eye(3), cell=CELL, pbc=True, momenta=momenta)
        write(str(tmp_path / "run.traj"), atoms)
        (block,) = open_trajectory([tmp_path / "run.traj"], 1.0).blocks()
        assert block.temperatures is not None
        kinetic = float((momenta**2).sum() / (2 * atoms.get_masses()[0]))
        assert block.temperatures[0] == pytest.approx(2 * kinetic / (free * units.kB), rel=1e-6)
