"""Real VASP output becomes documents; pymatgen is the referee, and broken copies are refused by name."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.electronic_structure.core import OrbitalType, Spin
from pymatgen.io.vasp.outputs import Outcar, Vasprun

from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.hpc.board.pages import figures_of
from catholyte.hpc.board.pictures import picture
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.recorded import PLACES, place
from catholyte.workflows.documents import CalculationDocument, require_same_signature
from catholyte.workflows.engines.vasp.document import document_from_files

STATIC, RELAX, METAL, SLAB, MD = (
    "atomate2_MgMn2O4_afm_static",
    "atomate2_MgMn2O4_afm_relax",
    "atomate_LiMn8O16",
    "atomate2_Au_slab_static",
    "atomate2_Si16_AIMD",
)
OURS, VASPRUN = "workflows.engines.vasp.document.document_from_files", "pymatgen, Vasprun"
ALL = (STATIC, RELAX, METAL, SLAB, MD)


@pytest.fixture(scope="module", params=PLACES)
def data(request: pytest.FixtureRequest) -> Path:
    """Where the files lie: generated ones everywhere, recorded ones where they are."""
    return place(request.param)


def _outcar(data: Path, name: str) -> Path:
    return next(data.glob(f"{name}_OUTCAR*"))


@pytest.fixture(scope="module")
def runs(data: Path) -> dict[str, Vasprun]:
    return {name: Vasprun(data / f"{name}_vasprun.xml.gz", parse_potcar_file=False) for name in ALL}


@pytest.fixture(scope="module")
def documents(data: Path) -> dict[str, CalculationDocument]:
    return {name: document_from_files(data / f"{name}_vasprun.xml.gz", name) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_energy_forces_stress_and_moments_are_pymatgens(
    name: str, data: Path, runs: dict[str, Vasprun], documents: dict[str, CalculationDocument], refereed: Referee
) -> None:
    run, found = runs[name], documents[name]
    refereed(
        "energies of recorded VASP runs",
        abs(found.energy - float(run.final_energy)),
        1e-10,
        of=OURS,
        by=VASPRUN,
        unit="eV",
    )
    away = np.abs(np.subtract(found.forces, run.ionic_steps[-1]["forces"])).max()
    refereed("forces of recorded VASP runs", away, 1e-12, of=OURS, by=VASPRUN, unit="eV/Å")
    assert found.stress is not None
    theirs = np.array(run.ionic_steps[-1]["stress"])
    away = (np.abs(np.array(found.stress) * -160.21766 * 10 - theirs) / (np.abs(theirs) + 0.1)).max()  # eV/Å³ to kB
    refereed("stress of recorded VASP runs, relative beyond 0.1 kB", away, 1e-5, of=OURS, by=VASPRUN, unit="relative")
    assert found.tier == "vasp"
    assert found.acceptance is not None
    assert found.acceptance.accepted
    outcar = Outcar(_outcar(data, name))
    if outcar.magnetization:
        assert found.magmoms == [site["tot"] for site in outcar.magnetization]
        assert found.structure.site_properties["magmom"] == found.magmoms
        assert found.total_magnetization == outcar.total_mag
    else:
        assert found.magmoms is None


def test_kinds_u_gaps_and_functionals(documents: dict[str, CalculationDocument]) -> None:
    assert {name: documents[name].kind for name in ALL} == {
        STATIC: "dos",
        RELAX: "relax",
        METAL: "dos",
        SLAB: "dos",
        MD: "md",
    }
    assert documents[STATIC].magmoms is not None
    assert documents[STATIC].magmoms[2:6] == [-3.823, -3.823, 3.823, 3.823]
    assert documents[METAL].total_magnetization == pytest.approx(22.956673)
    us = {name: documents[name].signature.hubbard_u for name in ALL}
    assert us == {STATIC: {"Mn": 3.9}, RELAX: {"Mn": 3.9}, METAL: {"Mn": 0.0}, SLAB: {"Au": 0.0}, MD: {}}
    gaps = {name: edges.gap for name in ALL if (edges := documents[name].band_edges) is not None}
    assert gaps == pytest.approx({STATIC: 1.5131, RELAX: 1.5130, METAL: 0.0, SLAB: 0.0}, abs=1e-3)
    assert [documents[name].signature.functional for name in (STATIC, METAL, SLAB)] == ["PBEsol", "PBE", "RPBE"]
    assert documents[MD].signature.real_space_projection
    assert documents[STATIC].signature.potcars == {
        "Mg": "PAW_PBE Mg 13Apr2007",
        "Mn": "PAW_PBE Mn_pv 02Aug2007",
        "O": "PAW_PBE O 08Apr2002",
    }


@pytest.mark.parametrize("name", [STATIC, METAL, SLAB])
def test_gap_and_projected_dos_are_pymatgens(
    name: str, runs: dict[str, Vasprun], documents: dict[str, CalculationDocument], refereed: Referee
) -> None:
    run, found = runs[name], documents[name]
    bands, edges = run.get_band_structure(efermi="smart"), found.band_edges
    assert edges is not None
    away = abs(edges.gap - bands.get_band_gap()["energy"])
    refereed("gaps of recorded VASP runs", away, 1e-6, of=OURS, by="pymatgen, BandStructure.get_band_gap", unit="eV")
    assert edges.efermi == run.efermi
    assert found.dos is not None
    element = found.structure[-1].specie.symbol
    sites = [i for i, site in enumerate(found.structure) if site.specie.symbol == element]
    orbital = "p" if element == "O" else "d"
    ours = found.dos.projected(sites, orbital)
    theirs = run.complete_dos.get_element_spd_dos(element)[OrbitalType[orbital]].densities
    away = max(np.abs(mine - theirs[spin]).max() for mine, spin in zip(ours, (Spin.up, Spin.down), strict=True))
    refereed(
        "projected densities of states",
        away,
        1e-9,
        of=OURS,
        by="pymatgen, CompleteDos.get_element_spd_dos",
        unit="states/eV",
    )
    away = np.abs(np.subtract(found.dos.total[0], run.tdos.densities[Spin.up])).max()
    refereed("total densities of states", away, 1e-9, of=OURS, by=VASPRUN, unit="states/eV")


def test_dynamics_has_its_times_temperatures_and_unwrapped_path(
    data: Path, runs: dict[str, Vasprun], documents: dict[str, CalculationDocument]
) -> None:
    frames, run = documents[MD].trajectory, runs[MD]
    assert frames is not None
    assert frames.times == pytest.approx(np.arange(100) * 2.0)
    text = gzip.decompress(_outcar(data, MD).read_bytes()).decode()
    printed = [float(t) for t in re.findall(r"EKIN_LAT=.*\(temperature *([\d.]+) K\)", text)]
    assert len(printed) == 100
    assert frames.temperatures == pytest.approx(printed, abs=0.02)
    assert frames.energies == pytest.approx([step["e_0_energy"] for step in run.ionic_steps])
    positions = np.array(frames.positions)
    assert np.abs(np.diff(positions, axis=0)).max() < 0.2  # Å per 2 fs
    lattice = run.final_structure.lattice
    away = lattice.get_fractional_coords(positions[-1]) - run.ionic_steps[-1]["structure"].frac_coords
    np.testing.assert_allclose(away, np.round(away), atol=1e-7)
    # the structure that the next chunk starts from lies one step behind the last frame
    ahead = documents[MD].structure.frac_coords - run.ionic_steps[-1]["structure"].frac_coords
    assert 1e-4 < np.abs((ahead - np.round(ahead)) @ lattice.matrix).max() < 0.1


def test_relaxation_keeps_its_frames(runs: dict[str, Vasprun], documents: dict[str, CalculationDocument]) -> None:
    found, run = documents[RELAX], runs[RELAX]
    assert found.convergence.n_steps == 7
    assert found.trajectory is not None
    assert len(found.trajectory.energies) == 7
    np.testing.assert_allclose(found.structure.lattice.matrix, run.final_structure.lattice.matrix)
    np.testing.assert_allclose(found.structure.frac_coords, run.final_structure.frac_coords)


@pytest.mark.parametrize("name", [RELAX, MD])
def test_the_board_draws_the_energies_of_its_steps(
    name: str, runs: dict[str, Vasprun], documents: dict[str, CalculationDocument]
) -> None:
    assert "convergence" in figures_of(documents[name])
    drawn = picture("convergence", documents[name])["data"][0]["y"]
    theirs = np.array([step["electronic_steps"][-1]["e_0_energy"] for step in runs[name].ionic_steps])
    np.testing.assert_allclose(drawn, (theirs - theirs[-1]) / documents[name].n_sites, atol=1e-10)


def test_energies_of_different_settings_are_not_subtracted(documents: dict[str, CalculationDocument]) -> None:
    with pytest.raises(SignatureMismatchError, match=r"smearing: tetrahedron \(Blöchl\) against Gaussian 0\.2 eV"):
        require_same_signature({"static": documents[STATIC].signature, "relax": documents[RELAX].signature})
    changed = documents[STATIC].signature.model_copy(update={"potcars": {"Mn": "PAW_PBE Mn 06Sep2000"}})
    with pytest.raises(
        SignatureMismatchError, match="POTCAR of Mn: PAW_PBE Mn_pv 02Aug2007 against PAW_PBE Mn 06Sep2000"
    ):
        require_same_signature({"one": documents[STATIC].signature, "other": changed})


def test_the_document_survives_json_and_one_of_the_old_schema_reads(documents: dict[str, CalculationDocument]) -> None:
    found = documents[STATIC]
    assert json.loads(json.dumps(found, cls=MontyEncoder), cls=MontyDecoder) == found
    old = found.model_dump()
    del old["acceptance"]
    for field in ("precision", "potcars", "altered"):
        del old["signature"][field]
    old["schema_version"] = 1
    read = CalculationDocument.model_validate(old)
    assert (read.acceptance, read.signature.altered) == (None, {})


def _cut(raw: bytes) -> bytes:
    return gzip.compress(gzip.decompress(raw)[: len(gzip.decompress(raw)) // 2])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _cut,
    "empty": lambda raw: gzip.compress(b""),
    "gz-cut": lambda raw: raw[: len(raw) // 2],
    "gz-damaged": lambda raw: raw[: len(raw) // 2] + bytes(200) + raw[len(raw) // 2 + 200 :],
    "not-gz": lambda raw: b"nothing",
}
TOLD = {
    "truncated": "is truncated",
    "empty": "is empty",
    "gz-cut": "is truncated: the gzip",
    "gz-damaged": "is corrupt",
    "not-gz": "is corrupt",
}


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize("file", ["vasprun.xml", "OUTCAR"])
def test_broken_copies_are_refused_by_name(data: Path, tmp_path: Path, file: str, damage: str) -> None:
    for name in ("vasprun.xml", "OUTCAR"):
        (tmp_path / f"{name}.gz").write_bytes((data / f"{STATIC}_{name}.gz").read_bytes())
    broken = tmp_path / f"{file}.gz"
    broken.write_bytes(DAMAGE[damage](broken.read_bytes()))
    with pytest.raises(InputError) as caught:
        document_from_files(tmp_path, "broken")
    assert str(broken) in caught.value.message
    assert TOLD[damage] in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"Si\n1.0\n 1 0 0\n", "is corrupt: it is no whole POSCAR"),
        (b"Si\n1.0\n5 0 0\n0 5 0\n0 0 5\nSi\n1\nDirect\n*****\n", "is corrupt: it is no whole POSCAR (Cannot parse"),
        (
            b"Si\n1.0\n5 0 0\n0 5 0\n0 0 5\nSi O\n1 99999999999\nDirect\n0 0 0\n",
            "is corrupt: 99999999999 atoms are announced",
        ),
    ],
)
def test_a_broken_contcar_of_dynamics_is_refused_by_name(data: Path, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "vasprun.xml.gz").write_bytes((data / f"{MD}_vasprun.xml.gz").read_bytes())
    (tmp_path / "CONTCAR").write_bytes(content)
    with pytest.raises(InputError) as caught:
        document_from_files(tmp_path, "broken")
    assert f"{tmp_path / 'CONTCAR'} {told}" in caught.value.message


def test_a_directory_without_or_with_two_runs_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 files"):
        document_from_files(tmp_path, "none")
    with pytest.raises(InputError, match="holds 5 files"):
        document_from_files(data, "many")
