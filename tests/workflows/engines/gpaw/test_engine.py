"""The GPAW engine: the contract on cells of seconds, and the published-lattice check of LCO and CoO."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import CalculationError, EngineUnavailableError, InputError
from catholyte.configs.models import Method
from catholyte.structures.crystals.crystal import from_space_group
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.cores import having_cores
from catholyte.workflows.engines.gpaw import cycle, process, ranks
from catholyte.workflows.engines.gpaw.backend import GpawBackend
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static

needs_gpaw = pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="GPAW is not installed")
#: one s band per site, gap > 5 eV
CHEAP = Method(cutoff=250, kpoints=(2, 2, 2), spin_polarized=False)


# Calls that are refused before anything runs


def _lih(shift: float = 0.0, strain: float = 0.0) -> Structure:
    cell = from_space_group(
        "Fm-3m", Lattice.cubic(4.0), ["Li", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ).get_primitive_structure()
    cell.translate_sites([1], [shift, 0, 0], frac_coords=False)
    deformation = np.diag([1 + strain, 1, 1])
    return Structure(cell.lattice.matrix @ deformation, cell.species, cell.frac_coords)


def _helium(edge: float) -> Structure:
    return Structure(Lattice.cubic(edge), ["He"], [[0, 0, 0]])


def test_unknown_setting_names_the_near_one() -> None:
    with pytest.raises(InputError, match=r"gama_centred.*did you mean gamma_centred"):
        GpawBackend({"gama_centred": True})


def test_every_setting_has_a_unit_or_a_meaning() -> None:
    settings = GpawBackend({"energy_tolerance": "1 meV"}).settings
    assert settings.energy_tolerance == pytest.approx(1e-3)
    assert all(field.description for field in type(settings).model_fields.values())


@pytest.mark.parametrize(
    ("settings", "n_valence", "expected"),
    [
        ({}, 144, 5e-4),  # 24 atoms of LiCoO2: 72 meV in all
        ({"total_energy_tolerance": "1 meV"}, 144, 1e-3 / 144),
        ({"total_energy_tolerance": "1 eV"}, 144, 5e-4),  # the tighter one holds
        ({"total_energy_tolerance": "1 meV", "energy_tolerance": "1e-6 eV"}, 144, 1e-6),
    ],
)
def test_a_tolerance_for_the_whole_cell_tightens_that_of_an_electron(
    settings: dict[str, Any], n_valence: int, expected: float
) -> None:
    backend = GpawBackend(settings)
    task = Static(method=CHEAP).model_dump(mode="json")
    found = process.calculator_parameters(["Li", "H"], task, backend.numerics(), 1, n_valence)
    assert found["convergence"]["energy"] == pytest.approx(expected, rel=1e-12)
    assert ("total_energy_tolerance" in backend.numerics()) == ("total_energy_tolerance" in settings)


def test_a_relative_folder_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child works inside the folder, where a relative name would lead nowhere."""
    monkeypatch.setattr(GpawBackend, "version", lambda self: "26.7.0, gpaw-data 1")
    monkeypatch.chdir(tmp_path)
    asked: list[tuple[list[str], Path]] = []

    def run(command: list[str], cwd: Path, **others: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, Path(cwd)))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(CalculationError, match="without a result"):
        GpawBackend({}).calculate(_lih(), Static(method=CHEAP), "LiH", Path("job"))
    (command, directory), *_ = asked
    assert (directory, command[-3]) == (tmp_path / "job", str(tmp_path / "job"))
    assert (tmp_path / "job" / "input.json").is_file()


@pytest.mark.parametrize(("version", "package"), [("missing", "gpaw,"), ("26.7.0, gpaw-data missing", "gpaw-data,")])
def test_missing_package_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, package: str
) -> None:
    monkeypatch.setattr(GpawBackend, "version", lambda self: version)
    with pytest.raises(EngineUnavailableError, match=package) as caught:
        GpawBackend({}).calculate(_lih(), Static(method=CHEAP), "LiH", tmp_path)
    assert "g++" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


@needs_gpaw
@pytest.mark.parametrize(
    ("structure", "task", "error", "message"),
    [
        (_lih(), Static(), InputError, "needs a method"),
        (_lih(), MolecularDynamics(n_steps=1), EngineUnavailableError, "relax, static, dos"),
        (Structure(Lattice.cubic(3), [{"Li": 0.5}], [[0, 0, 0]]), Static(method=CHEAP), InputError, "partly occupied"),
        (
            Structure(Lattice.cubic(4.2), ["Co2+", "O2-"], [[0, 0, 0], [0.5] * 3]),
            Static(method=CHEAP),
            InputError,
            "no entry for Co",
        ),
    ],
)
def test_refused_calls(tmp_path: Path, structure: Structure, task: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GpawBackend({}).calculate(structure, task, "cell", tmp_path)
    assert list(tmp_path.iterdir()) == []


# The contract, on cells of seconds


@pytest.fixture(scope="module")
def lih(tmp_path_factory: pytest.TempPathFactory) -> tuple[CalculationDocument, Path]:
    directory = tmp_path_factory.mktemp("lih")
    method = Method(cutoff=250, kpoints=(2, 2, 2), spin_polarized=True, hubbard_u={"Co": 3.9})
    return GpawBackend({}).calculate(_lih(), Dos(method=method), "LiH", directory), directory


def _computed(
    structure: Structure, method: Method, directory: Path, kind: str = "static", **settings: Any
) -> dict[str, Any]:
    """Run in this process, without the child."""
    task: Any = Dos(method=method) if kind == "dos" else Static(method=method)
    request = {
        "structure": structure.as_dict(),
        "task": task.model_dump(mode="json"),
        "settings": GpawBackend(settings).settings.model_dump(mode="json"),
    }
    return process.compute(request, directory)


@pytest.mark.gpaw
@needs_gpaw
def test_document_is_complete_and_survives_json(lih: tuple[CalculationDocument, Path]) -> None:
    document, directory = lih
    assert (document.tier, document.kind, document.formula, document.n_sites) == ("gpaw", "dos", "Li1H1", 2)
    assert document.signature.functional == "PBE+U"
    assert document.signature.hubbard_u == {}
    assert document.signature.kpoint_density == 16
    assert "sha256:" in document.signature.potentials
    assert document.settings["setups"]["H"].startswith("H.PBE.gz md5 ")
    assert document.provenance.versions["gpaw"] == document.signature.version.split(",")[0]
    assert document.total_magnetization == pytest.approx(0, abs=1e-3)
    assert len(document.structure.site_properties["magmom"]) == 2
    assert json.loads(json.dumps(document, cls=MontyEncoder), cls=MontyDecoder) == document
    assert {"input.json", "result.json", "gpaw.txt", "process.log"} <= {path.name for path in directory.iterdir()}


@pytest.mark.gpaw
@needs_gpaw
def test_density_of_states_counts_the_electrons(lih: tuple[CalculationDocument, Path]) -> None:
    dos, edges = lih[0].dos, lih[0].band_edges
    assert dos is not None
    assert edges is not None
    assert edges.vbm is not None
    assert edges.cbm is not None
    assert edges.gap > 2
    energies, total = np.array(dos.energies), np.array(dos.total)
    occupied = energies < (edges.vbm + edges.cbm) / 2
    spacing = energies[1] - energies[0]
    assert total.shape[0] == 2
    # one valence electron of Li and one of H
    assert total[:, occupied].sum() * spacing == pytest.approx(2, abs=1e-9)
    # the hydride ion: of the s functions, hydrogen's makes the occupied band
    hydrogen, lithium = (
        [i for i, site in enumerate(lih[0].structure) if site.specie.symbol == symbol] for symbol in ("H", "Li")
    )
    assert dos.projected(hydrogen, "s")[:, occupied].sum() > 2 * dos.projected(lithium, "s")[:, occupied].sum()
    # all states up to the end of the grid, several eV above the conduction band minimum
    assert energies[-1] > edges.cbm + 5


@pytest.mark.gpaw
@needs_gpaw
def test_complete_result_is_used_again_and_a_foreign_one_is_not(
    lih: tuple[CalculationDocument, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, directory = lih
    calls: list[Any] = []
    monkeypatch.setattr(
        subprocess, "run", lambda *args, **kwargs: calls.append(args) or subprocess.CompletedProcess(args, 0)
    )
    task = Dos(method=Method(**document.settings["method"]))
    again = GpawBackend({}).calculate(_lih(), task, "LiH", directory)
    assert again == document
    assert calls == []
    shutil.copytree(directory, tmp_path / "moved")
    with pytest.raises(CalculationError, match="without a result"):
        GpawBackend({}).calculate(_lih(shift=0.01), task, "LiH", tmp_path / "moved")
    assert len(calls) == 1


@pytest.mark.gpaw
@needs_gpaw
def test_forces_are_the_derivative_of_the_energy(tmp_path: Path) -> None:
    method = Method(cutoff=300, kpoints=(1, 1, 1), smearing=0.01, spin_polarized=False)
    tight = {"energy_tolerance": 1e-7, "density_tolerance": 1e-6, "eigenstates_tolerance": 1e-10}
    step = 0.02
    below, middle, above = (_computed(_lih(shift=0.2 + x), method, tmp_path, **tight) for x in (-step, 0.0, step))
    numeric = -(above["energy"] - below["energy"]) / (2 * step)
    assert abs(numeric) > 0.3
    assert middle["forces"][1][0] == pytest.approx(numeric, abs=0.01)


@pytest.mark.gpaw
@pytest.mark.slow
@needs_gpaw
def test_stress_is_the_strain_derivative_over_the_volume(tmp_path: Path) -> None:
    # a cutoff at which the plane waves added by the strain no longer matter
    method = Method(cutoff=700, kpoints=(1, 1, 1), smearing=0.01, spin_polarized=False)
    step = 0.01
    energies = {x: _computed(_lih(strain=x), method, tmp_path)["energy"] for x in (-step, step)}
    stress = _computed(_lih(), method, tmp_path)["stress"]
    numeric = (energies[step] - energies[-step]) / (2 * step) / _lih().volume
    assert stress[0][0] == pytest.approx(numeric, abs=0.003)
    assert abs(numeric) > 0.02


@pytest.mark.gpaw
@needs_gpaw
def test_helium_gives_projection_core_level_and_average_potential(tmp_path: Path, refereed: Referee) -> None:
    # k = (¼, ¼, ¼) is the centre of a simple cubic s band: the atomic level without the neighbours' overlap
    method = Method(cutoff=300, kpoints=(2, 2, 2), smearing=0.01, spin_polarized=False)
    edges_of = (4.5, 6.5)
    small, large = (_computed(_helium(edge), method, tmp_path, kind="dos", gamma_centred=False) for edge in edges_of)
    dos = large["dos"]
    occupied = np.array(dos["energies"]) < large["band_edges"]["vbm"] + 1
    # an isolated atom's own level projects to 1 on its own partial wave: two electrons
    away = np.abs(np.array(dos["densities"])[0, 0, :, occupied].sum(axis=0) * 0.01 - [2, 0, 0]).max()
    refereed(
        "projected states of helium",
        away,
        0.02,
        of="workflows.engines.gpaw.backend",
        by="two 1s electrons",
        unit="electrons",
    )

    def change(name: str) -> float:
        first, second = (np.ravel(result["band_edges"][name])[0] for result in (small, large))
        return float(first - second)

    # the potential energy of an electron: attractive, and it moves as the 1s level does
    assert large["band_edges"]["core_potentials"][0] < 0
    assert change("vbm") > 0.05
    assert change("core_potentials") == pytest.approx(change("vbm"), abs=0.01)
    # For a neutral closed shell ∫ v dV = −(2π/3) ⟨r²⟩ hartree bohr³ against the vacuum, to which the level is tied;
    # ⟨r²⟩ = 2.387 bohr² for helium's two electrons (Hylleraas wave functions; Pekeris, Phys. Rev. 115, 1216 (1959)).
    hartree_bohr3 = 27.2114 * 0.529177**3
    inverse_volumes = edges_of[0] ** -3 - edges_of[1] ** -3
    r_squared = -(change("average_potential") - change("vbm")) / inverse_volumes / (2 * np.pi / 3 * hartree_bohr3)
    away, by = abs(r_squared / 2.387 - 1), "⟨r²⟩ of helium, Pekeris, Phys. Rev. 115, 1216 (1959)"
    refereed(
        "average potential of helium, as ⟨r²⟩", away, 0.1, of="workflows.engines.gpaw.backend", by=by, unit="relative"
    )


@pytest.mark.gpaw
@needs_gpaw
def test_planar_potential_is_flat_in_vacuum_and_averages_to_the_cells(tmp_path: Path) -> None:
    """A sheet of helium in the middle of 12 Å: no field between it and its images, and a well where it is."""
    helium = Structure(Lattice.tetragonal(3.0, 12.0), ["He"], [[0.2, 0.3, 0.5]])
    result = _computed(helium, Method(cutoff=250, kpoints=(2, 2, 1), spin_polarized=False), tmp_path)
    profile = np.array(result["potential"]["values"])
    assert profile.mean() == pytest.approx(result["band_edges"]["average_potential"], abs=1e-9)
    heights = np.arange(len(profile)) / len(profile)
    assert np.ptp(profile[np.abs(heights - 0.5) > 0.35]) < 0.02
    assert profile.argmin() == pytest.approx(len(profile) / 2, abs=1)
    np.testing.assert_allclose(profile[1:], profile[:0:-1], atol=1e-3)  # the sheet is a mirror plane


@pytest.mark.gpaw
@pytest.mark.slow
@needs_gpaw
def test_exchanged_atoms_share_as_without_symmetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a fourfold axis exchanges the two edge atoms; along an axis of the zone they differ
    cell = Structure(Lattice.tetragonal(3.2, 3.6), ["He"] * 3, [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]])
    method = Method(cutoff=200, kpoints=(3, 3, 1), spin_polarized=False)

    def centres(**settings: Any) -> Any:
        result = _computed(cell, method, tmp_path, kind="dos", min_empty_bands=4, **settings)
        energies = np.array(result["dos"]["energies"])
        occupied = energies < (result["band_edges"]["vbm"] + result["band_edges"]["cbm"]) / 2
        density = np.array(result["dos"]["densities"])[0, :, 0] * occupied
        return density @ energies / density.sum(axis=1)

    reduced, full = centres(), centres(use_symmetry=False)
    monkeypatch.setattr(process, "symmetrized", lambda projections, maps: projections)
    raw = centres()
    np.testing.assert_allclose(reduced, full, atol=1e-3)
    assert reduced[1] == pytest.approx(reduced[2], abs=1e-9)
    assert abs(raw[1] - raw[2]) > 0.02


@pytest.mark.gpaw
@needs_gpaw
def test_unconverged_cycle_quotes_its_iterations(tmp_path: Path) -> None:
    with pytest.raises(CalculationError, match=r"did not converge within 2 iterations.*iter:\s+2"):
        GpawBackend({"max_iterations": 2}).calculate(_lih(), Static(method=CHEAP), "LiH", tmp_path)
    assert not (tmp_path / "result.json").exists()


@needs_gpaw
def test_killed_process_is_named(tmp_path: Path) -> None:
    backend = GpawBackend({"processes": 2, "mpi_command": ["sh", "-c", "kill -KILL $$"]})
    with pytest.raises(CalculationError, match="killed by SIGKILL") as caught:
        backend.calculate(_lih(), Static(method=CHEAP), "LiH", tmp_path)
    assert "memory" in caught.value.advice


@needs_gpaw
def test_failed_process_quotes_its_log(tmp_path: Path) -> None:
    backend = GpawBackend(
        {"processes": 2, "mpi_command": ["sh", "-c", "echo no slots left on {processes} ranks; exit 3"]}
    )
    with pytest.raises(CalculationError, match="exit status 3: no slots left on 2 ranks"):
        backend.calculate(_lih(), Static(method=CHEAP), "LiH", tmp_path)


@pytest.mark.slow
@pytest.mark.gpaw
@pytest.mark.skipif(not ranks.built_with_mpi(), reason="GPAW was built without MPI: make gpaw-mpi")
def test_two_ranks_give_the_answer_of_one(tmp_path: Path, refereed: Referee) -> None:
    """A job that has two cores for itself takes them, relaxes in step, and goes on with the frames of one rank."""
    task = Relax(method=CHEAP, max_force=0.05, max_steps=20, relax_cell=False)
    alone = GpawBackend({}).calculate(_lih(0.1), task, "LiH", tmp_path / "1")
    with having_cores(2):
        both = GpawBackend({}).calculate(_lih(0.1), task, "LiH", tmp_path / "2")
    assert (alone.settings["processes"], both.settings["processes"]) == (1, 2)
    assert (alone.convergence.n_steps, alone.convergence.ionic) == (both.convergence.n_steps, both.convergence.ionic)
    refereed(
        "energy on two MPI ranks",
        abs(both.energy - alone.energy),
        1e-8,
        of="workflows.engines.gpaw.ranks",
        by="one rank",
        unit="eV",
    )
    np.testing.assert_allclose(both.forces, alone.forces, atol=1e-6)
    assert both.trajectory is not None
    assert alone.trajectory is not None
    np.testing.assert_allclose(both.trajectory.energies, alone.trajectory.energies, atol=1e-8)


@needs_gpaw
def test_launcher_of_another_mpi_is_refused(tmp_path: Path) -> None:
    """`env` starts one program where two ranks were asked for, as the launcher of a foreign MPI starts two alone."""
    backend = GpawBackend({"processes": 2, "mpi_command": ["env"]})
    with pytest.raises(EngineUnavailableError, match="does not see 2 ranks") as caught:
        backend.calculate(_lih(), Static(method=CHEAP), "LiH", tmp_path)
    assert "mpi_command" in caught.value.advice


@pytest.mark.parametrize(
    ("asked", "cores", "mpi", "expected"),
    [(0, 1, True, 1), (0, 4, True, 4), (0, 64, True, 8), (0, 4, False, 1), (3, 1, True, 3)],
)
def test_ranks_are_the_cores_that_no_other_job_needs(
    asked: int, cores: int, mpi: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "built_with_mpi", lambda: mpi)
    with having_cores(cores):
        assert ranks.n_ranks(asked, CHEAP, ("sh",)) == expected
        assert ranks.n_ranks(0, CHEAP, ("no-such-mpirun",)) == 1


@needs_gpaw
def test_missing_mpi_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="no-such-mpirun is not installed"):
        GpawBackend({"processes": 2, "mpi_command": ["no-such-mpirun"]}).calculate(
            _lih(), Static(method=CHEAP), "LiH", tmp_path
        )


def test_process_ends_when_the_asking_one_is_gone() -> None:
    asker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    script = (
        "from catholyte.workflows.engines.gpaw.process import end_with; import time; "
        f"end_with('{socket.gethostname()}:{asker.pid}'); print('on', flush=True); time.sleep(60)"
    )
    watcher = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    with watcher.stdout:
        assert watcher.stdout.readline() == "on\n"
    time.sleep(2 * process.PARENT_POLL)
    assert watcher.poll() is None
    asker.kill()  # not waited for: a zombie counts as gone
    assert watcher.wait(timeout=10) == 1
    asker.wait()


@pytest.mark.slow
@pytest.mark.gpaw
@needs_gpaw
def test_interrupted_relaxation_continues_from_its_last_frame(tmp_path: Path) -> None:
    molecule = Structure(Lattice.cubic(5.0), ["H", "H"], [[0, 0, 0], [0, 0, 0.18]])
    task = Relax(method=Method(cutoff=250, kpoints=(1, 1, 1), spin_polarized=False), max_force=0.05, relax_cell=False)
    whole = GpawBackend({}).calculate(molecule, task, "H2", tmp_path / "whole")
    assert whole.trajectory is not None
    assert whole.convergence.max_force <= 0.05
    assert whole.structure.distance_matrix[0, 1] == pytest.approx(0.75, abs=0.03)  # PBE: 0.750 Å
    assert whole.energy == pytest.approx(whole.trajectory.energies[-1])

    from ase.io import Trajectory

    broken = tmp_path / "broken"
    broken.mkdir()
    shutil.copy(tmp_path / "whole" / "input.json", broken)
    with (
        Trajectory(str(tmp_path / "whole" / "relax.traj")) as frames,
        Trajectory(str(broken / "relax.traj"), "w") as writer,
    ):
        for frame in list(frames)[:2]:
            writer.write(frame)
    resumed = GpawBackend({}).calculate(molecule, task, "H2", broken)
    assert "resumed after step 1" in resumed.convergence.detail
    assert resumed.trajectory is not None
    np.testing.assert_allclose(resumed.trajectory.energies[:2], whole.trajectory.energies[:2])
    assert resumed.energy == pytest.approx(whole.energy, abs=2e-3)


def _interrupt(calculator: Any, iteration: int) -> None:
    """Let the cycle end at that iteration, after what the calculator does at each of them."""
    earlier = calculator.hooks["scf_step"]

    def step(context: Any) -> None:
        earlier(context)
        if context.niter == iteration:
            raise InterruptedError

    calculator.hooks["scf_step"] = step


@pytest.mark.slow
@pytest.mark.gpaw
@needs_gpaw
def test_interrupted_single_point_continues_from_its_wave_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep_and_end(calculator: Any, path: Path) -> None:
        keep(calculator, path)
        _interrupt(calculator, 8)

    atom = Structure(Lattice.orthorhombic(5.0, 5.2, 5.4), ["O"], [[0, 0, 0]], site_properties={"magmom": [2.0]})
    task = Dos(method=Method(cutoff=250, kpoints=(1, 1, 1), spin_polarized=True, smearing=0.1), energy_spacing=0.05)
    whole = GpawBackend({}).calculate(atom, task, "O", tmp_path / "whole")
    request = json.loads((tmp_path / "whole" / "input.json").read_text())

    keep = cycle.keep
    monkeypatch.setattr(cycle, "INTERVAL", 0.0)
    monkeypatch.setattr(cycle, "keep", keep_and_end)
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(InterruptedError):
        process.compute(request, broken)
    kept = broken / cycle.PATTERN.format(number=1)
    assert kept.exists()
    shutil.copy(tmp_path / "whole" / "input.json", broken)
    resumed = GpawBackend({}).calculate(atom, task, "O", broken)
    assert not list(broken.glob("*.gpw*"))
    told = (broken / "gpaw.txt").read_text()
    assert told.count("|iter:   1|") == 2  # the text goes on where it was cut
    assert "unclosed" not in resumed.convergence.detail
    before, after = (part.count("|iter:") for part in told.split("Reading from"))
    assert before > 0
    assert after < (tmp_path / "whole" / "gpaw.txt").read_text().count(
        "|iter:"
    )  # shorter than a run from the beginning
    assert resumed.energy == pytest.approx(whole.energy, abs=2e-3)
    assert resumed.total_magnetization == pytest.approx(whole.total_magnetization, abs=1e-3)
    assert resumed.band_edges is not None
    assert whole.band_edges is not None
    assert resumed.band_edges.efermi == pytest.approx(whole.band_edges.efermi, abs=5e-3)


@pytest.mark.slow
@pytest.mark.gpaw
@needs_gpaw
def test_cycle_that_does_not_settle_goes_on_with_pulay_mixing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is the same; the iterations of an interrupted cycle count."""

    def settle_and_end(calculator: Any, allowed: int, begun: int) -> None:
        settle(calculator, allowed, begun)
        _interrupt(calculator, 6)

    def iterations(directory: Path) -> list[int]:
        return [part.count("|iter:") for part in (directory / "gpaw.txt").read_text().split("Pulay-Mixer")]

    atom = Structure(Lattice.orthorhombic(5.0, 5.2, 5.4), ["O"], [[0, 0, 0]], site_properties={"magmom": [2.0]})
    task = Static(method=Method(cutoff=250, kpoints=(1, 1, 1), spin_polarized=True, smearing=0.1))
    quick = GpawBackend({}).calculate(atom, task, "O", tmp_path / "quick")
    (n,) = iterations(tmp_path / "quick")
    assert n > 10
    impatient = GpawBackend({"max_iterations": 32})
    slow = impatient.calculate(atom, task, "O", tmp_path / "slow")
    before, after = iterations(tmp_path / "slow")
    assert (before, after > 0) == (9, True)
    told = [
        line.split("|")[5]
        for line in (tmp_path / "slow" / "gpaw.txt").read_text().splitlines()
        if line.startswith("|iter:")
    ]
    assert all(density.strip() for density in told[1:])  # GPAW tells no change of density where there is no history

    settle = cycle.settle
    monkeypatch.setattr(cycle, "INTERVAL", 0.0)
    monkeypatch.setattr(cycle, "settle", settle_and_end)
    broken = tmp_path / "broken"
    broken.mkdir()
    request = (tmp_path / "slow" / "input.json").read_text()
    with pytest.raises(InterruptedError):
        process.compute(json.loads(request), broken)
    (broken / "input.json").write_text(request)
    resumed = impatient.calculate(atom, task, "O", broken)
    assert iterations(broken)[0] == 9  # 5 told by the broken cycle, 4 by the next
    for document in (slow, resumed):
        assert document.energy == pytest.approx(quick.energy, abs=2e-3)
        assert document.total_magnetization == pytest.approx(quick.total_magnetization, abs=1e-3)


@pytest.mark.slow
@pytest.mark.gpaw
@needs_gpaw
def test_relaxation_out_of_steps_is_an_error_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    molecule = Structure(Lattice.cubic(4.0), ["H", "H"], [[0, 0, 0], [0, 0, 0.25]])
    task = Relax(
        method=Method(cutoff=200, kpoints=(1, 1, 1), spin_polarized=False),
        max_force=0.001,
        max_steps=1,
        relax_cell=False,
    )
    with pytest.raises(CalculationError, match="did not reach its force limit"):
        GpawBackend({}).calculate(molecule, task, "H2", tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["convergence"]["n_steps"] == 1
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(CalculationError, match="did not reach its force limit"):
        GpawBackend({}).calculate(molecule, task, "H2", tmp_path)


@pytest.mark.gpaw
@pytest.mark.slow
@needs_gpaw
@pytest.mark.parametrize(
    ("name", "gap", "moments"),
    [("LiCoO2", 2.67, {"Co": 0.0}), ("CoO", 1.77, {"Co": 2.60})],
)
def test_cobalt_oxides_at_the_recorded_settings(
    tmp_path: Path, name: str, gap: float, moments: dict[str, float], refereed: Referee
) -> None:
    """PBE+U (3.9 eV), 400 eV, Γ-centred 4×4×4, experimental lattices: gap and moments recorded for GPAW 26.7.0."""
    method = Method(hubbard_u={"Co": 3.9}, cutoff=400, kpoints=(4, 4, 4))
    structure = _licoo2() if name == "LiCoO2" else _coo()
    document = GpawBackend({}).calculate(structure, Dos(method=method), name, tmp_path)
    assert document.band_edges is not None
    assert document.dos is not None
    assert document.magmoms is not None
    by = "GPAW 26.7.0 alone, recorded"
    refereed(
        "gaps of LiCoO2 and CoO, PBE+U",
        abs(document.band_edges.gap - gap),
        0.1,
        of="workflows.engines.gpaw.backend",
        by=by,
        unit="eV",
    )
    found = [abs(m) for site, m in zip(document.structure, document.magmoms, strict=True) if site.specie.symbol == "Co"]
    away = max(abs(moment - moments["Co"]) for moment in found)
    refereed(
        "moments of cobalt in LiCoO2 and CoO, PBE+U", away, 0.1, of="workflows.engines.gpaw.backend", by=by, unit="µB"
    )
    assert document.total_magnetization == pytest.approx(0, abs=0.01)
    assert document.signature.hubbard_u == {"Co": 3.9}
    oxygen = [i for i, site in enumerate(document.structure) if site.specie.symbol == "O"]
    first, second = (document.dos.projected([i], "p").sum(axis=0) for i in oxygen)
    np.testing.assert_allclose(first, second, atol=1e-6 * first.max())


def _licoo2() -> Structure:
    sites = [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.2605]]
    cell = from_space_group(
        "R-3m", Lattice.hexagonal(2.816, 14.054), ["Co", "Li", "O"], sites
    ).get_primitive_structure()
    return cell.add_site_property("magmom", [0.0] * 4)


def _coo() -> Structure:
    """Type-II antiferromagnet: ferromagnetic (111) planes that alternate."""
    lattice = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]]) * 4.26 / 2
    sites = [[0, 0, 0], [0.5] * 3, [0.25] * 3, [0.75] * 3]
    return Structure(lattice, ["Co", "Co", "O", "O"], sites, site_properties={"magmom": [2.7, -2.7, 0.0, 0.0]})
