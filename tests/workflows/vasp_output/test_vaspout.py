"""A vaspout.h5 answers like the vasprun.xml of the same run, wherever that is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from catholyte.analysis.states.read import read_bands
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import CalculationError, InputError, StructureError
from catholyte.structures.crystals.files import read_structure
from catholyte.tests.support.vasp.vaspout_writer import write_vaspout
from catholyte.tests.support.vasp.written_run import LM, Dos, Frame, WrittenRun, rock_salt
from catholyte.workflows.documents import require_same_signature
from catholyte.workflows.engines.vasp.document import document_from_files

GRID = np.linspace(-20.0, 10.0, 301)
STATIC = {"ENCUT": 520.0, "ISMEAR": 0, "SIGMA": 0.05, "EDIFF": 1e-5, "PREC": "Accurate", "LORBIT": 11}
MD = {**STATIC, "IBRION": 0, "NSW": 5, "POTIM": 2.0}


def _run(n_spin: int = 1, **incar: Any) -> WrittenRun:
    """NiO with bands and a DOS of random numbers."""
    rng = np.random.default_rng(7)
    levels = np.tile([-6.0, -3.0, -1.0, -0.5, 3.0, 5.0, 6.0, 7.0], (n_spin, 2, 1)) + rng.uniform(0, 0.3, (n_spin, 2, 1))
    filled = np.broadcast_to([1.0, 1, 1, 1, 0, 0, 0, 0], levels.shape)
    dos = Dos(GRID, rng.uniform(size=(n_spin, 301)), rng.uniform(size=(2, n_spin, len(LM), 301)))
    return WrittenRun(
        rock_salt(),
        incar={**STATIC, "ISPIN": n_spin, **incar},
        kpoints=np.array([[0.0, 0, 0], [0.5, 0, 0]]),
        mesh=(2, 1, 1),
        eigenvalues=levels,
        occupations=np.array(filled),
        efermi=0.7,
        dos=dos,
        version="6.4.3",
    )


def _moving(**incar: Any) -> WrittenRun:
    rng = np.random.default_rng(3)
    cells = [rock_salt() for _ in range(5)]
    for i, cell in enumerate(cells):
        cell.translate_sites([1], [0.01 * i, 0, 0], to_unit_cell=False)
    frames = [Frame(c, -10 - 0.1 * i, rng.normal(size=(2, 3)), kinetic=0.1 + 0.01 * i) for i, c in enumerate(cells)]
    return WrittenRun(rock_salt(), incar={**MD, **incar}, frames=frames, version="6.4.3")


@pytest.mark.parametrize("n_spin", [1, 2])
def test_bands_are_those_of_the_vasprun(tmp_path: Path, n_spin: int) -> None:
    run = _run(n_spin)
    xml, h5 = run.written(tmp_path / "xml"), write_vaspout(run, tmp_path / "h5" / "vaspout.h5")
    one, other = read_bands(xml), read_bands(h5.parent)
    for name in ("vbm", "cbm", "gap", "direct_gap", "efermi"):
        assert getattr(other.edges, name) == pytest.approx(getattr(one.edges, name), abs=1e-7)
    assert (other.edges.vbm_at, other.edges.cbm_at) == (one.edges.vbm_at, one.edges.cbm_at)
    assert other.edges.gap > 3
    np.testing.assert_allclose(other.dos.densities, one.dos.densities, atol=1e-8)
    np.testing.assert_allclose(other.dos.total, one.dos.total, atol=1e-8)
    np.testing.assert_allclose(other.dos.energies, one.dos.energies)
    assert (other.dos.orbitals, other.dos.n_bands, other.dos.broadening) == (["s", "p", "d"], 8, 0.05)
    assert other.structure.matches(one.structure)


def test_the_document_is_that_of_the_vasprun(tmp_path: Path) -> None:
    run = _run(2, METAGGA="R2SCAN", IVDW=12, NELECT=16.0)
    one = document_from_files(run.written(tmp_path / "xml"), "NiO")
    other = document_from_files(write_vaspout(run, tmp_path / "vaspout.h5"), "NiO")
    require_same_signature({"xml": one.signature, "h5": other.signature})
    assert other.signature == one.signature
    assert other.signature.level == "R2SCAN + D3(BJ)"
    assert (other.energy, other.kind, other.forces) == (one.energy, one.kind, one.forces)
    assert other.acceptance is not None
    assert [check.name for check in other.acceptance.failed(refusing=False)] == ["EDIFF met on the last step"]


def test_moments_come_along(tmp_path: Path) -> None:
    run = _run(2)
    moments = [[8.0, 6.0], [1.7, -0.1]]
    document = document_from_files(write_vaspout(run, tmp_path / "vaspout.h5", moments=moments), "NiO")
    assert document.magmoms == pytest.approx([1.7, -0.1])
    vectors = [[8.0, 6.0], [0.0, 0.0], [1.2, 0.0], [1.6, 0.0]]
    bands = read_bands(write_vaspout(_run(1, LSORBIT=True), tmp_path / "soc" / "vaspout.h5", moments=vectors))
    assert bands.structure.site_properties["magmom"] == pytest.approx([2.0, 0.0])
    assert "vectors" in bands.notes[0]


def test_lists_of_u_are_cut_off_and_said(tmp_path: Path) -> None:
    """VASP writes the first value alone."""
    run = _run(1, LDAU=True, LDAUL=[2, -1], LDAUU=[6.2, 0.0], LDAUJ=[0.0, 0.0])
    with pytest.raises(InputError, match="do not give one value for each of its 2 groups"):
        document_from_files(write_vaspout(run, tmp_path / "vaspout.h5"), "NiO")
    (tmp_path / "INCAR").write_text("LDAU = T\nLDAUL = 2 -1\nLDAUU = 6.2 0.0\nLDAUJ = 0 0\n")
    assert document_from_files(tmp_path, "NiO").signature.hubbard_u == {"Ni": 6.2}


def test_without_the_potcars_and_with_the_word_on_convergence(tmp_path: Path) -> None:
    run = _run(GGA="PE")
    document = document_from_files(write_vaspout(run, tmp_path / "vaspout.h5", potcar=False), "NiO")
    assert document.signature.charge is None
    with pytest.raises(InputError, match="do not tell one"):
        document_from_files(write_vaspout(_run(), tmp_path / "none" / "vaspout.h5", potcar=False), "NiO")
    file = write_vaspout(run, tmp_path / "6.5" / "vaspout.h5", converged=False)
    with pytest.raises(CalculationError, match="not converged"):
        read_bands(file)
    assert not document_from_files(file, "NiO").convergence.electronic


def test_dynamics_are_those_of_the_vasprun(tmp_path: Path) -> None:
    run = _moving()
    h5 = write_vaspout(run, tmp_path / "vaspout.h5")
    document, other = document_from_files(h5, "NiO"), document_from_files(run.written(tmp_path / "xml"), "NiO")
    assert document.energy == pytest.approx(other.energy)
    np.testing.assert_allclose(document.forces, other.forces, atol=1e-8)  # digits of the XML
    assert (document.kind, document.convergence.n_steps) == ("md", 5)
    assert document.trajectory is not None
    assert document.trajectory.times == pytest.approx([0, 2, 4, 6, 8])
    mlff = write_vaspout(_moving(ML_LMLFF=True), tmp_path / "ml" / "vaspout.h5")
    assert document_from_files(mlff, "NiO").tier == "vasp-mlff"


def test_a_relaxation_is_no_dynamics_and_a_structure(tmp_path: Path) -> None:
    run = _moving(IBRION=2)
    run = run.but(frames=[Frame(f.structure, f.energy) for f in run.frames])
    h5 = write_vaspout(run, tmp_path / "vaspout.h5")
    cell = read_structure(h5)
    np.testing.assert_allclose(cell.frac_coords[1] % 1, [0.54, 0.5, 0.5], atol=1e-8)
    found = document_from_files(h5, "NiO")
    assert (found.kind, found.convergence.n_steps) == ("relax", 5)
    np.testing.assert_allclose(found.structure.frac_coords[1], [0.54, 0.5, 0.5], atol=1e-8)


@pytest.mark.parametrize("counts", [[1, 10**9], [-1, 3], [2]])
def test_groups_of_other_atoms_than_have_positions_are_refused(tmp_path: Path, counts: list[int]) -> None:
    file = write_vaspout(_moving(), tmp_path / "vaspout.h5")
    with h5py.File(file, "r+") as other:
        del other["results/positions/number_ion_types"]
        other["results/positions/number_ion_types"] = counts
    for read in (read_structure, read_bands, lambda path: open_trajectory([path])):
        with pytest.raises(InputError, match=r"vaspout\.h5"):
            read(file)


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    file = write_vaspout(_run(), tmp_path / "vaspout.h5")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"vaspout\.h5 cannot be opened as HDF5: it is cut off") as caught:
        read_bands(file)
    assert "\n" not in caught.value.message
    with pytest.raises(StructureError, match="cut off"):
        read_structure(file)
    file.write_bytes(b"text")
    with pytest.raises(InputError, match="cannot be opened as HDF5"):
        read_bands(file)
    with h5py.File(file, "w") as other:
        other["data"] = 1
    with pytest.raises(InputError, match="VASP did not write"):
        read_bands(file)
    for missing in ("intermediate/ion_dynamics/position_ions", "results/projectors/lchar", "input/incar"):
        write_vaspout(_run(), file)
        with h5py.File(file, "a") as changed:
            del changed[missing]
        with pytest.raises(InputError, match=r"is corrupt: a dataset that a complete run has is missing"):
            read_bands(file)
    without = _run().dos
    assert without is not None
    write_vaspout(_run().but(dos=Dos(without.energies, without.total, None)), file)
    with pytest.raises(InputError, match="has no projected DOS: run VASP with LORBIT = 11"):
        read_bands(file)


@pytest.mark.parametrize("version", ["5.4.4", "6.3.2", "6.4.3"])
def test_dynamics_read_both_files_alike(tmp_path: Path, version: str) -> None:
    run = _moving().but(version=version)
    xml, h5 = run.written(tmp_path / "xml"), write_vaspout(run, tmp_path / "vaspout.h5")
    one, other = open_trajectory([xml]), open_trajectory([h5], block=2)
    for found in (one, other):
        assert (found.species, found.timestep, found.metadata) == (("Ni", "O"), 2.0, {"tier": "vasp"})
    first, frames = next(iter(one.blocks())), list(other.blocks())
    for name in ("positions", "times", "energies", "temperatures"):
        joined = np.concatenate([getattr(frame, name) for frame in frames])
        np.testing.assert_allclose(joined, getattr(first, name), rtol=1e-4, atol=1e-7)
    assert (one.notes, other.notes) == ([], [])


@pytest.mark.parametrize("version", ["6.3.2", "6.4.3"])
def test_dynamics_say_what_moved_the_atoms(tmp_path: Path, version: str) -> None:
    learned, relaxed = (_moving(**tags).but(version=version) for tags in ({"ML_LMLFF": True}, {"IBRION": 2}))
    for i, (run, tier, told) in enumerate(
        [(learned, "vasp-mlff", "machine-learned force field"), (relaxed, "vasp", "optimiser")]
    ):
        for file in (run.written(tmp_path / f"{i}"), write_vaspout(run, tmp_path / f"{i}" / "vaspout.h5")):
            found = open_trajectory([file])
            list(found.blocks())
            assert found.metadata == {"tier": tier}
            assert any(told in note for note in found.notes), file
    file = tmp_path / "0" / "vaspout.h5"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"vaspout\.h5 cannot be opened as HDF5: it is cut off"):
        open_trajectory([file])
