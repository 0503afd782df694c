"""What every engine promises, on cells of seconds: one document, its units, its derivatives, its signature."""

from __future__ import annotations

import inspect
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import Flow, JobStore
from maggma.stores import MemoryStore
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.analysis.oxygen.reference import MP2020
from catholyte.configs.errors import EngineUnavailableError
from catholyte.configs.load import ENGINES_VARIABLE
from catholyte.configs.models import Method
from catholyte.tests.support.engines.contract import CASES, ENTRY_POINT, OWN, OWN_FILES, backend_class, parameters
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import LARGE_FIELDS, CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import ENGINES, load_backend
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static

every_engine = pytest.mark.parametrize("name", parameters())
#: of a calculation of any kind
METHOD = Method(cutoff=250, kpoints=(2, 2, 2))


@pytest.fixture(autouse=True)
def _own_engines(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name, home in OWN.items():
        monkeypatch.setitem(ENGINES, name, home)
    monkeypatch.setenv(ENGINES_VARIABLE, str(OWN_FILES))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr(socket.socket, "connect", _no_network)


def _no_network(*given: Any) -> None:
    raise AssertionError(f"an engine asks the network: {given[1:]}")


def _compare(refereed: Referee, name: str, quantity: str, deviation: float, tolerance: float, **told: str) -> None:
    """Hold a deviation against its tolerance, on record where the case says so."""
    if CASES[name].on_record:
        refereed(quantity, deviation, tolerance, of=_module(name), **told)
    assert deviation <= tolerance, f"{quantity}: {deviation:.3g}, {tolerance:.3g} are allowed; {told}"


def test_every_engine_of_the_registry_is_held_to_the_contract() -> None:
    # VASP is held to it on recorded output, its rehearsals on rehearsed output: vasp/test_engine.py, test_rehearsal.py,
    # test_with_a_potential.py
    assert set(CASES) | {"vasp", "rehearsal", "rehearsal-chgnet"} == {*ENGINES, ENTRY_POINT}
    assert not set(OWN) & {"chgnet", "gpaw", "vasp", "rehearsal"}


def test_a_potential_costs_few_lines() -> None:
    files = [Path(inspect.getfile(backend_class("pair"))), OWN_FILES / "pair.yaml"]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 45
    assert len(inspect.getsource(CASES["pair"].own_calculator).splitlines()) <= 10


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_says_what_its_numbers_are_worth_and_that_is_no_part_of_identity(name: str) -> None:
    backend = load_backend(name, {})
    assert backend.trust.trust_class != "unknown"
    assert "oxygen" in backend.trust.corrections
    assert "trust" not in json.dumps(backend.numerics())


def _module(name: str) -> str:
    """The engine's module, as the record of referees names it."""
    return type(load_backend(name, {})).__module__.removeprefix("catholyte.")


def _lih(shift: float = 0.15, strain: float = 0.0) -> Structure:
    """Rock-salt LiH, 2 atoms, hydrogen pushed along x, cell strained along x."""
    cell = Structure(Lattice(2.0 * (1 - np.eye(3))), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    cell.translate_sites([1], [shift, 0, 0], frac_coords=False, to_unit_cell=False)
    return Structure(cell.lattice.matrix @ np.diag([1 + strain, 1, 1]), cell.species, cell.frac_coords)


def _static(
    name: str, structure: Structure, directory: Path, method: Method | None = None, **settings: Any
) -> CalculationDocument:
    case = CASES[name]
    directory.mkdir(parents=True, exist_ok=True)
    return load_backend(name, {**case.settings, **settings}).calculate(
        structure, Static(method=method or case.method), "cell", directory
    )


@every_engine
def test_document_through_the_job_store_and_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    start = _lih(case.shift)
    maker = Engine(name, case.settings).maker(Relax(method=case.method, max_force=0.05, relax_cell=False))
    relax = maker.job_for(start, "LiH")
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    document: CalculationDocument = relax.run(store).output
    assert isinstance(document, CalculationDocument)
    assert relax.name == f"LiH {name} relax"

    stored = store.query_one({"uuid": relax.uuid}, load=False)["output"]
    assert {key for key in LARGE_FIELDS if stored[key] is not None and "blob_uuid" in stored[key]} == {"trajectory"}
    loaded = store.get_output(relax.uuid, load=True)
    again = (
        loaded
        if isinstance(loaded, CalculationDocument)
        else CalculationDocument.model_validate({k: v for k, v in loaded.items() if k[0] != "@"})
    )
    assert again == document
    assert json.loads(json.dumps(document, cls=MontyEncoder), cls=MontyDecoder) == document

    assert (document.label, document.kind, document.formula, document.n_sites) == ("LiH", "relax", "Li1H1", 2)
    backend = load_backend(name, {})
    assert document.tier == backend.tier
    assert (MP2020 in document.signature.functional) == (backend.trust.scale == MP2020)
    assert document.initial_structure == start
    assert [site.species_string for site in document.structure] == [site.species_string for site in start]
    assert document.signature.engine == (getattr(backend, "code", "") or name)
    assert document.signature.version == load_backend(name, {}).version()
    assert document.provenance.versions[name] == document.signature.version.split(",")[0]
    assert document.provenance.wall_seconds > 0
    assert document.provenance.started < document.provenance.finished

    # the relaxation went downhill to the force asked for, and its trajectory begins and ends where the document says
    frames = document.trajectory
    assert frames is not None
    assert document.convergence.ionic
    assert document.convergence.electronic
    assert document.convergence.max_force <= 0.05
    assert document.convergence.max_force == pytest.approx(np.linalg.norm(document.forces, axis=1).max())
    assert frames.energies[-1] < frames.energies[0] - 1e-3
    assert frames.energies[-1] == pytest.approx(document.energy, abs=1e-4)
    np.testing.assert_allclose(frames.positions[0], start.cart_coords, atol=1e-6)
    np.testing.assert_allclose(frames.positions[-1], document.structure.cart_coords, atol=1e-6)
    np.testing.assert_allclose(document.structure.lattice.matrix, start.lattice.matrix, atol=1e-9)


@every_engine
def test_energy_and_forces_are_the_engines_own_in_electronvolt_and_angstrom(
    name: str, tmp_path: Path, refereed: Referee
) -> None:
    step, shift = 0.02, CASES[name].shift
    below, middle, above = (_static(name, _lih(shift + x), tmp_path / f"{x}") for x in (-step, 0.0, step))
    atoms = AseAtomsAdaptor.get_atoms(_lih(shift), msonable=False)
    atoms.set_initial_magnetic_moments(None)
    atoms.calc = CASES[name].own_calculator()
    by = f"{name} itself, called through ASE"
    _compare(
        refereed,
        name,
        f"energy of {name}",
        abs(middle.energy - float(atoms.get_potential_energy())),
        2e-3,
        by=by,
        unit="eV",
    )
    _compare(
        refereed, name, f"forces of {name}", np.abs(middle.forces - atoms.get_forces()).max(), 5e-3, by=by, unit="eV/Å"
    )
    numeric = -(above.energy - below.energy) / (2 * step)
    assert abs(numeric) > 0.1
    away, by = abs(middle.forces[1][0] - numeric) / (abs(numeric) + 0.1), "the difference of its energies"
    _compare(refereed, name, f"forces of {name}, relative beyond 0.1 eV/Å", away, 0.02, by=by, unit="relative")
    assert np.abs(np.sum(middle.forces, axis=0)).max() < 5e-3  # Newton's third law


@pytest.mark.parametrize("name", parameters(stress=True))
def test_stress_is_the_strain_derivative_of_the_energy_over_the_volume(
    name: str, tmp_path: Path, refereed: Referee
) -> None:
    step, method = 0.01, CASES[name].strain_method
    below, middle, above = (_static(name, _lih(0.0, x), tmp_path / f"{x}", method) for x in (-step, 0.0, step))
    numeric = (above.energy - below.energy) / (2 * step) / _lih().volume
    assert middle.stress is not None
    away, by = abs(middle.stress[0][0] - numeric), "the difference of its energies"
    _compare(refereed, name, f"stress of {name}", away, 0.003, by=by, unit="eV/Å³")
    np.testing.assert_allclose(middle.stress, np.transpose(middle.stress), atol=1e-6)
    # a positive bulk modulus: dE/dε falls as the cell is squeezed (its zero is not asked for: one k point puts it
    # elsewhere)
    squeezed = _static(
        name,
        Structure(_lih(0.0).lattice.matrix * 0.93, ["Li+", "H-"], _lih(0.0).frac_coords),
        tmp_path / "squeezed",
        method,
    )
    assert squeezed.stress is not None
    assert squeezed.stress[0][0] < middle.stress[0][0] - 0.01


@every_engine
def test_moments_have_a_sign_or_the_document_says_that_they_have_none(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    method = (
        None if case.method is None else case.method.model_copy(update={"spin_polarized": True, "kpoints": (1, 1, 1)})
    )
    document = _static(name, case.magnetic, tmp_path, method)
    # the sign that the builder gave is never lost
    assert document.structure.site_properties["magmom"][0] < 0
    if not load_backend(name, {}).has_moments:
        assert document.magmoms is None
        verdict = accept(document, Static(), has_moments=False).acceptance
        assert verdict is not None
        assert [check.name for check in verdict.failed()] == []
        assert "moments present: this engine computes none" in [f"{c.name}: {c.detail}" for c in verdict.checks]
        return
    assert document.magmoms is not None
    assert len(document.magmoms) == len(case.magnetic)
    assert bool(document.moments_by) is bool(getattr(load_backend(name, {}), "moments_of", ""))
    assert abs(document.magmoms[0]) > 0.2  # a hydrogen atom has a quarter of its moment inside its sphere
    assert (document.magmoms[0] < 0) is document.moments_signed
    if document.moments_signed:
        assert document.total_magnetization == pytest.approx(-1, abs=0.02)


@every_engine
def test_signature_is_that_of_the_asking_and_not_of_the_cell(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    first, second = (_static(name, _lih(shift), tmp_path / f"{shift}").signature for shift in (0.0, 0.1))
    assert first == second
    if case.other_engine:
        other = load_backend(case.other_engine, {}).calculate(_lih(), Static(), "cell", tmp_path).signature
        assert {told.split(":")[0] for told in first.differences(other)} == {"functional", "potentials"}
        return
    other = _static(name, _lih(0.0), tmp_path / "other", case.other_method, **case.other).signature
    assert len(first.differences(other)) == 1


@every_engine
def test_calculation_that_the_engine_does_not_have_is_refused(name: str) -> None:
    kinds = load_backend(name, {}).kinds
    tasks = [Relax(), Static(), Dos(), MolecularDynamics(n_steps=1)]
    assert set(kinds) <= {task.kind for task in tasks}
    refused = [task for task in tasks if task.kind not in kinds]
    assert refused
    for task in refused:
        with pytest.raises(
            EngineUnavailableError,
            match=f"engine {name} has no calculation of kind '{task.kind}'; it has {', '.join(kinds)}",
        ):
            Engine(name).maker(task)
    for task in [task for task in tasks if task.kind in kinds]:
        assert load_backend(name, {}).estimate_seconds(4, task.model_copy(update={"method": METHOD})) > 0


# Molecular dynamics, for the engines that have it

HAVE_MD = parameters(kind="md")


def _md(name: str, structure: Structure, directory: Path, **settings: Any) -> CalculationDocument:
    asked = {
        "n_steps": 20,
        "timestep": 1.0,
        "temperature": 300.0,
        "thermostat": "none",
        "frame_interval": 1,
        "seed": 3,
        **settings,
    }
    directory.mkdir(exist_ok=True)
    return load_backend(name, {}).calculate(structure, MolecularDynamics(**asked), "LiH", directory)


@pytest.mark.parametrize("name", HAVE_MD)
def test_verlet_keeps_the_energy_and_a_second_chunk_goes_on_where_the_first_ended(name: str, tmp_path: Path) -> None:
    from ase import units

    cell = _lih(0.05).make_supercell([2, 1, 1], in_place=False)
    whole = _md(name, cell, tmp_path / "whole")
    frames = whole.trajectory
    assert frames is not None
    assert frames.temperatures is not None
    assert frames.times == pytest.approx(np.arange(21) * 1.0)
    total = np.array(frames.energies) + 1.5 * (len(cell) - 1) * units.kB * np.array(frames.temperatures)
    exchanged = np.ptp(frames.energies)
    assert exchanged > 0.01
    assert np.ptp(total) < 0.05 * exchanged
    assert frames.conserved is not None
    np.testing.assert_allclose(frames.conserved, total, rtol=1e-6)
    velocities = np.array(whole.structure.site_properties["velocities"])  # Å/fs
    masses = np.array([float(site.specie.atomic_mass) for site in whole.structure])
    assert (masses @ (velocities / units.fs) ** 2).sum() / 3 / (len(cell) - 1) / units.kB == pytest.approx(
        frames.temperatures[-1], rel=1e-3
    )

    first = _md(name, cell, tmp_path / "first", n_steps=10)
    second = _md(name, first.structure, tmp_path / "second", n_steps=10, seed=99)
    np.testing.assert_allclose(second.structure.cart_coords, whole.structure.cart_coords, atol=1e-4)
    np.testing.assert_allclose(
        second.structure.site_properties["velocities"], velocities, atol=1e-4 * np.abs(velocities).max() + 1e-6
    )


@pytest.mark.parametrize("name", HAVE_MD)
@pytest.mark.parametrize("thermostat", ["none", "nose-hoover-chain", "langevin"])
def test_same_seed_same_path(name: str, thermostat: str, tmp_path: Path) -> None:
    runs = {"one": 1, "same": 1, "other": 2}
    one, same, other = (
        _md(name, _lih(), tmp_path / run, n_steps=5, thermostat=thermostat, seed=seed).structure.cart_coords
        for run, seed in runs.items()
    )
    np.testing.assert_allclose(one, same, atol=1e-6)
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("name", HAVE_MD)
def test_dynamics_starts_at_the_temperature_asked_for(name: str, tmp_path: Path) -> None:
    cell = _lih(0.0).make_supercell([3, 2, 2], in_place=False)
    document = _md(name, cell, tmp_path, n_steps=1, timestep=0.01, temperature=600)
    assert document.trajectory is not None
    assert document.trajectory.temperatures is not None
    assert 300 < document.trajectory.temperatures[0] < 900


def test_job_of_an_engine_depends_on_the_one_before() -> None:
    maker = Engine("chgnet").maker(Static())
    relax = Engine("chgnet").maker(Relax()).job_for(_lih(), "LiH")
    static = maker.job_for(relax.output.structure, "LiH")
    assert static.input_uuids == (relax.uuid,)
    assert len(Flow([relax, static]).jobs) == 2
