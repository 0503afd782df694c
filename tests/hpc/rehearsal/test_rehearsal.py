"""The rehearsal executable: what it writes is read by the libraries, is stamped, continues exactly, and breaks as
told."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar
from pymatgen.io.vasp.outputs import Oszicar, Outcar, Vasprun, Xdatcar

from catholyte.configs.errors import InputError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.hpc.rehearsal.faults import KINDS, MESSAGES, VARIABLE, Faults
from catholyte.hpc.rehearsal.inputs import STAMP
from catholyte.hpc.rehearsal.program import rehearse
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.plan.elements import oxygen_molecule

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # pymatgen about missing POTCARs
    pytest.mark.filterwarnings("ignore::pymatgen.io.vasp.outputs.UnconvergedVASPWarning"),
]

RELAX = {"IBRION": 2, "NSW": 40, "ISIF": 2, "EDIFFG": -0.05}
MD = {"IBRION": 0, "NSW": 12, "POTIM": 2.0, "TEBEG": 300.0, "TEEND": 300.0, "SMASS": 0.0}


def write_inputs(directory: Path, name: str = "CoO", **tags: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    cell = calculation_cell(material(name))
    moments = cell.site_properties.get("magmom", [0.0] * len(cell))
    cell.remove_oxidation_states()
    for key in list(cell.site_properties):
        cell.remove_site_property(key)
    symbols = list(dict.fromkeys(site.specie.symbol for site in cell))
    hubbard = {
        "LDAU": True,
        "LDAUL": [2 if s == "Co" else -1 for s in symbols],
        "LDAUU": [3.9 if s == "Co" else 0.0 for s in symbols],
        "LDAUJ": [0.0] * len(symbols),
    }
    Poscar(cell).write_file(directory / "POSCAR")
    Incar({"ISPIN": 2, "MAGMOM": moments, "LORBIT": 11, "EDIFF": 1e-5, "NELM": 40, **hubbard, **tags}).write_file(
        directory / "INCAR"
    )
    Kpoints.gamma_automatic((2, 2, 2)).write_file(directory / "KPOINTS")
    (directory / "POTCAR.spec").write_text("\n".join(symbols) + "\n")
    return directory


def faults(directory: Path, text: str) -> Path:
    path = directory / "faults.yaml"
    path.write_text(text)
    return path


def vasprun(directory: Path) -> Vasprun:
    return Vasprun(directory / "vasprun.xml", parse_potcar_file=False)


def energies(directory: Path) -> list[float]:
    return [step["e_0_energy"] for step in vasprun(directory).ionic_steps]


def test_static_files_agree_with_each_other(tmp_path: Path) -> None:
    rehearse(write_inputs(tmp_path, NSW=0))
    run, outcar, oszicar = vasprun(tmp_path), Outcar(tmp_path / "OUTCAR"), Oszicar(tmp_path / "OSZICAR")
    assert run.converged
    assert run.final_energy == pytest.approx(oszicar.final_energy, abs=1e-6)
    assert outcar.final_energy == pytest.approx(float(run.final_energy), abs=1e-6)
    assert run.hubbards == {"Co": 3.9, "O": 0.0}
    assert [site["tot"] for site in outcar.magnetization] == pytest.approx([2.7, -2.7, 0, 0])
    assert run.complete_dos.efermi == run.efermi
    assert run.eigenvalue_band_properties[0] == pytest.approx(1.0, abs=1e-3)
    assert len(run.actual_kpoints) == 8
    occupied = run.tdos.get_densities()[run.tdos.energies < run.efermi].sum() * np.diff(run.tdos.energies)[0]
    assert occupied == pytest.approx(run.parameters["NELECT"], rel=0.03)


def test_forces_and_stress_are_derivatives_of_the_energy() -> None:
    from ase.build import bulk
    from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

    from catholyte.hpc.rehearsal.potential import RehearsalPotential

    for name in ("CoO", "LPSCl"):
        from pymatgen.io.ase import AseAtomsAdaptor

        atoms = AseAtomsAdaptor.get_atoms(calculation_cell(material(name)).remove_oxidation_states(), msonable=False)
        atoms.rattle(0.05, seed=1)
        atoms.calc = RehearsalPotential()
        assert np.abs(atoms.get_forces() - calculate_numerical_forces(atoms, eps=1e-5)).max() < 1e-5
        assert (
            np.abs(atoms.get_stress(voigt=True) - calculate_numerical_stress(atoms, eps=1e-5, voigt=True)).max() < 1e-6
        )
    element = bulk("Au")
    element.calc = RehearsalPotential()
    assert np.abs(element.get_forces()).max() < 1e-10


def test_everything_written_is_stamped(tmp_path: Path) -> None:
    rehearse(write_inputs(tmp_path, **MD))
    assert vasprun(tmp_path).vasp_version == "0.0.0-rehearsal"
    assert all(STAMP in title for title in vasprun(tmp_path).potcar_symbols)
    assert STAMP in (tmp_path / "CONTCAR").read_text().splitlines()[0]
    assert STAMP in (tmp_path / "OUTCAR").read_text().splitlines()[0]
    assert STAMP in (tmp_path / "XDATCAR").read_text().splitlines()[0]


@pytest.mark.parametrize(("name", "mass"), [("CoO", 0.0), ("LPSCl", -3.0)])
def test_a_continued_trajectory_equals_the_unbroken_one(tmp_path: Path, name: str, mass: float) -> None:
    whole = write_inputs(tmp_path / "whole", name, **{**MD, "NSW": 15, "SMASS": mass})
    first = write_inputs(tmp_path / "first", name, **{**MD, "NSW": 6, "SMASS": mass})
    second = write_inputs(tmp_path / "second", name, **{**MD, "NSW": 9, "SMASS": mass})
    rehearse(whole)
    rehearse(first)
    shutil.copy(first / "CONTCAR", second / "POSCAR")
    rehearse(second)
    assert energies(first) + energies(second) == energies(whole)
    assert (second / "CONTCAR").read_text() == (whole / "CONTCAR").read_text()


def test_constant_energy_dynamics_conserves_energy(tmp_path: Path) -> None:
    rehearse(write_inputs(tmp_path, "LCO", **{**MD, "NSW": 60, "SMASS": -3.0}))
    totals = [step["E"] for step in Oszicar(tmp_path / "OSZICAR").ionic_steps]
    temperatures = [step["T"] for step in Oszicar(tmp_path / "OSZICAR").ionic_steps]
    assert max(totals) - min(totals) < 0.01
    assert temperatures[0] == pytest.approx(300, abs=30)
    assert len(Xdatcar(tmp_path / "XDATCAR").structures) == 60


@pytest.mark.parametrize("name", ["LCO", "CoO", "LPSCl", "Li2CO3"])
def test_relaxation_ends_soon_below_the_force_limit_and_keeps_the_volume(tmp_path: Path, name: str) -> None:
    rehearse(write_inputs(tmp_path, name, **{**RELAX, "ISIF": 3, "EDIFFG": -0.01, "NSW": 1000}))
    run = vasprun(tmp_path)
    assert run.converged_ionic
    assert len(run.ionic_steps) < 60
    assert np.abs(run.ionic_steps[-1]["forces"]).max() < 0.01
    assert run.final_structure.volume == pytest.approx(run.initial_structure.volume, rel=1e-6)


def test_oxygen_molecules_stay_triplets(tmp_path: Path) -> None:
    """The gate refuses an O2 with another moment, and with it every rehearsal of oxygen loss."""
    cell = oxygen_molecule(8.0)
    task = Relax(max_force=0.02, relax_cell=False, method=Method(cutoff=400, kpoints=(1, 1, 1)))
    made = RehearsalBackend({}).calculate(cell, task, "O2", tmp_path / "O2")
    assert made.total_magnetization == pytest.approx(2.0)
    assert accept(made, task).acceptance is not None


def test_selective_dynamics_holds_atoms(tmp_path: Path) -> None:
    directory = write_inputs(tmp_path, "LCO", **RELAX)
    structure = Poscar.from_file(directory / "POSCAR", check_for_potcar=False).structure.perturb(0.05, seed=0)
    structure.scale_lattice(0.7 * structure.volume)  # until the atoms touch
    Poscar(structure, selective_dynamics=[[False] * 3, *[[True] * 3] * (len(structure) - 1)]).write_file(
        directory / "POSCAR", significant_figures=16
    )
    rehearse(directory)
    run = vasprun(directory)
    moved = np.linalg.norm(run.final_structure.frac_coords - run.initial_structure.frac_coords, axis=1)
    assert moved[0] < 1e-7
    assert moved[1:].max() > 1e-3


def test_stopcar_ends_after_the_step(tmp_path: Path) -> None:
    directory = write_inputs(tmp_path, **MD)
    (directory / "STOPCAR").write_text("LSTOP = .TRUE.\n")
    rehearse(directory)
    assert len(energies(directory)) == 1


def test_taskdoc_accepts_it(tmp_path: Path) -> None:
    from emmet.core.tasks import TaskDoc

    rehearse(write_inputs(tmp_path, "LCO", **RELAX))
    document = TaskDoc.from_directory(tmp_path, store_additional_json=False)
    assert document.state.value == "successful"
    assert document.output.energy == pytest.approx(energies(tmp_path)[-1])


@pytest.mark.parametrize(
    ("file", "start", "end"),
    [
        ("vasprun.xml", "<generator>", "</generator>"),
        ("vasprun.xml", "<kpoints>", "</kpoints>"),
        ("vasprun.xml", "<atominfo>", "</atominfo>"),
        ("vasprun.xml", '<structure name="initialpos" >', "</structure>"),
        ("vasprun.xml", '<i type="int" name="LORBIT">', "</i>"),
        ("vasprun.xml", '<i type="int" name="NELM">', "</i>"),
        ("OUTCAR", "number of bands    NBANDS=", "\n"),
        ("OUTCAR", "total plane-waves  NPLWV =", "\n"),
        ("CONTCAR", "", ""),
    ],
)
def test_every_field_is_needed_by_the_parser(tmp_path: Path, file: str, start: str, end: str) -> None:
    """A release of the parser that needs less passes here and fails this test; one that needs more fails the test
    above."""
    from emmet.core.tasks import TaskDoc

    rehearse(write_inputs(tmp_path, NSW=0))
    path = tmp_path / file
    if start:
        text = path.read_text()
        while start in text:
            head, tail = text.split(start, 1)
            text = head + tail.split(end, 1)[1]
        path.write_text(text)
    else:
        path.unlink()
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the parser raises
        TaskDoc.from_directory(tmp_path, store_additional_json=False)


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_vasp_errors_are_known_to_custodian(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    from custodian.vasp.handlers import VaspErrorHandler

    directory = write_inputs(tmp_path, **RELAX)
    rehearse(directory, faults(tmp_path, f"faults:\n  - {{kind: {kind}}}\n"))
    (directory / "vasp.out").write_text(capfd.readouterr().out)
    handler = VaspErrorHandler()
    assert handler.check(directory=str(directory))
    assert handler.errors == {kind}
    rehearse(directory, faults(tmp_path, f"faults:\n  - {{kind: {kind}}}\n"))
    assert vasprun(directory).converged  # struck once, then never again


def test_unconverged_cycle(tmp_path: Path) -> None:
    rehearse(write_inputs(tmp_path, NSW=0), faults(tmp_path, "faults:\n  - {kind: nelm}\n"))
    assert not vasprun(tmp_path).converged_electronic
    assert len(vasprun(tmp_path).ionic_steps[0]["electronic_steps"]) == 40


def test_positive_energy(tmp_path: Path) -> None:
    rehearse(write_inputs(tmp_path, NSW=0), faults(tmp_path, "faults:\n  - {kind: positive_energy}\n"))
    assert float(vasprun(tmp_path).final_energy) > 0


def test_dropped_magnetization_and_wrong_hubbard(tmp_path: Path) -> None:
    rehearse(
        write_inputs(tmp_path, NSW=0),
        faults(tmp_path, "faults:\n  - {kind: drop_magnetization}\n  - {kind: wrong_ldau}\n"),
    )
    assert not Outcar(tmp_path / "OUTCAR").magnetization
    assert vasprun(tmp_path).hubbards["Co"] == 9.9
    assert Incar.from_file(str(tmp_path / "INCAR"))["LDAUU"] == [3.9, 0.0]


@pytest.mark.parametrize("kind", ["truncate_xml", "half_gz", "empty_contcar", "lose_velocities"])
def test_broken_files_at_the_end(tmp_path: Path, kind: str) -> None:
    rehearse(write_inputs(tmp_path, **MD), faults(tmp_path, f"faults:\n  - {{kind: {kind}, only: md}}\n"))
    if kind == "truncate_xml":
        with pytest.raises(Exception, match=r"no element found|Premature end of data"):
            vasprun(tmp_path)
    elif kind == "half_gz":
        with pytest.raises(EOFError):
            gzip.decompress((tmp_path / "vasprun.xml.gz").read_bytes())
    elif kind == "empty_contcar":
        assert (tmp_path / "CONTCAR").read_text() == ""
    else:
        assert Poscar.from_file(tmp_path / "CONTCAR", check_for_potcar=False).velocities is None


@pytest.mark.parametrize(
    ("kind", "status", "evidence"),
    [("sigkill", -9, ""), ("oom", -9, "oom-kill"), ("disk_full", 38, "No space left on device")],
)
def test_deaths_leave_whole_steps(tmp_path: Path, kind: str, status: int, evidence: str) -> None:
    directory = write_inputs(tmp_path / "run", **MD)
    path = faults(tmp_path, f"faults:\n  - {{kind: {kind}, at_ionic_step: 5}}\n")
    command = [sys.executable, "-c", "from catholyte.hpc.rehearsal.program import main; main()"]
    ended = subprocess.run(
        command, cwd=directory, env={**os.environ, VARIABLE: str(path)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == status
    assert evidence in ended.stderr
    text = (directory / "vasprun.xml").read_text()
    assert text.count("</calculation>") in (3, 4)  # the last one may be cut
    assert "</modeling>" not in text


def test_slow_and_freeze_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(
        "catholyte.hpc.rehearsal.program.time", SimpleNamespace(sleep=pauses.append)
    )  # not the sleep of every other thread
    text = (
        "faults:\n  - {kind: slow, seconds: 0.5, at_ionic_step: 10}\n  - {kind: freeze, seconds: 99, "
        "at_ionic_step: 2}\n"
    )
    rehearse(write_inputs(tmp_path, **MD), faults(tmp_path, text))
    assert pauses == [99, 0.5, 0.5, 0.5]


def test_every_kind_of_fault_is_tested_here() -> None:
    source = Path(__file__).read_text() + " ".join(MESSAGES)
    assert [kind for kind in KINDS if kind not in source] == []


def test_strikes_are_counted_over_runs(tmp_path: Path) -> None:
    path = faults(tmp_path, "faults:\n  - {kind: nelm, times: 2, where: LCO}\n")
    assert Faults(path, "relax", Path("/elsewhere")).strike(("nelm",), 1) is None
    for struck in (True, True, False):
        assert (Faults(path, "relax", Path("/a/LCO")).strike(("nelm",), 1) is not None) is struck


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("faults:\n  - {kind: brmx}\n", "faults.yaml:2.*brmix"),
        ("faults:\n  - {kind: brmix, at_ionic_step: 0}\n", "faults.yaml:2.*at_ionic_step"),
        ("fault: []\n", "faults.yaml:1.*fault"),
    ],
)
def test_a_wrong_fault_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Faults(faults(tmp_path, text), "md", tmp_path)


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="POSCAR: no such file"):
        rehearse(tmp_path)
    write_inputs(tmp_path, IBRION=5, NSW=3)
    with pytest.raises(InputError, match="IBRION = 5 is not supported"):
        rehearse(tmp_path)
    (tmp_path / "POTCAR.spec").write_text("Ni\nO\n")
    with pytest.raises(InputError, match="POTCAR has Ni O, POSCAR has Co O"):
        rehearse(tmp_path)
