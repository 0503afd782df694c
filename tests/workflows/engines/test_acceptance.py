"""The gate behind every engine: what it lets through, what it refuses by name, what it points out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import CalculationError
from catholyte.configs.models import Method
from catholyte.workflows.documents import (
    Acceptance,
    CalculationDocument,
    Check,
    Convergence,
    ProjectedDos,
    Provenance,
    Signature,
    Trajectory,
    require_same_signature,
)
from catholyte.workflows.engines.acceptance import accept, assess
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static, Task

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(4, 4, 4))
CELL = Structure(
    Lattice.cubic(4.26),
    ["Co2+", "Co2+", "O2-", "O2-"],
    [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]],
    site_properties={"magmom": [3.0, -3.0, 0, 0]},
)


def _document(**changed: Any) -> CalculationDocument:
    fields: dict[str, Any] = {
        "label": "CoO",
        "kind": "static",
        "tier": "vasp",
        "formula": "Co2O2",
        "n_sites": 4,
        "initial_structure": CELL,
        "structure": CELL,
        "energy": -25.0,
        "forces": [[0.0, 0.0, 0.001]] * 4,
        "magmoms": [2.65, -2.65, 0.01, 0.0],
        "convergence": Convergence(electronic=True, max_force=0.001),
        "signature": Signature(
            engine="vasp", version="6.4", functional="PBE", hubbard_u={"Co": 3.9}, potentials="PBE_54", cutoff=500
        ),
        "provenance": Provenance(host="h", started="a", finished="b", wall_seconds=1.0, versions={}),
    }
    return CalculationDocument(**{**fields, **changed})


def _moved(fractional: list[float]) -> Structure:
    cell = CELL.copy()
    cell.replace(3, "O2-", fractional)
    return cell


def _scaled(factor: float) -> Structure:
    cell = CELL.copy()
    cell.scale_lattice(CELL.volume * factor)
    return cell


def test_a_good_result_passes_and_carries_its_verdict() -> None:
    accepted = accept(_document(), Static(method=METHOD))
    assert accepted.acceptance is not None
    assert accepted.acceptance.accepted
    assert all(check.ok for check in accepted.acceptance.checks)
    assert {check.name for check in accepted.acceptance.checks} >= {
        "finite numbers",
        "shortest distance",
        "moments in their windows",
        "U as asked",
        "cell kept",
    }
    assert accepted.model_copy(update={"acceptance": None}) == _document()


REFUSED: list[tuple[str, Callable[[], CalculationDocument], Task]] = [
    ("electronic convergence", lambda: _document(convergence=Convergence(electronic=False, max_force=0.0)), Static(method=METHOD)),
    ("ionic convergence", lambda: _document(kind="relax", convergence=Convergence(electronic=True, ionic=False, max_force=0.3)), Relax(method=METHOD)),
    ("finite numbers", lambda: _document(stress=np.full((3, 3), np.nan).tolist()), Static(method=METHOD)),
    ("shortest distance", lambda: _document(structure=_moved([0.55, 0.02, 0])), Static(method=METHOD)),
    ("same atoms in the same order", lambda: _document(structure=Structure.from_sites(list(CELL)[::-1])), Static(method=METHOD)),
    ("moments present", lambda: _document(magmoms=None), Static(method=METHOD)),
    ("cell kept", lambda: _document(structure=_scaled(1.01)), Static(method=METHOD)),
    ("U as asked", lambda: _document(signature=_document().signature.model_copy(update={"hubbard_u": {"Co": 0.0}})), Static(method=METHOD)),
    ("projected density of states", lambda: _document(kind="dos"), Dos(method=METHOD)),
    ("steps complete", lambda: _document(kind="md", convergence=Convergence(electronic=True, max_force=1.0, n_steps=7)), MolecularDynamics(n_steps=9, method=METHOD)),
    ("engine's own", lambda: _document(acceptance=Acceptance.of([Check(name="engine's own", ok=False, detail="3 of 4")])), Static(method=METHOD)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "document", "task"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_a_bad_result_is_refused_by_name(name: str, document: Callable[[], CalculationDocument], task: Task) -> None:
    verdict = assess(document(), task)
    assert not verdict.accepted
    assert [check.name for check in verdict.failed()] == [name]
    with pytest.raises(CalculationError, match=f"CoO: the result is not accepted: {name}: "):
        accept(document(), task)


@pytest.mark.parametrize(
    ("magmoms", "name", "detail"),
    [
        ([2.65, -0.05, 0, 0], "moments in their windows", "Co2+ 1: -0.05 µB, expected 2.30 to 3.40"),
        ([2.65, 2.65, 0, 0], "magnetic order kept", "turned over: Co2+ 1"),
    ],
)
def test_a_surprising_moment_is_pointed_out_and_not_refused(magmoms: list[float], name: str, detail: str) -> None:
    accepted = accept(_document(magmoms=magmoms), Static(method=METHOD))
    assert accepted.acceptance is not None
    (check,) = accepted.acceptance.failed(refusing=False)
    assert (check.name, check.detail) == (name, detail)
    unsigned = accept(_document(magmoms=[2.65, 2.65, 0, 0], moments_signed=False), Static(method=METHOD))
    assert unsigned.acceptance is not None
    assert unsigned.acceptance.failed(refusing=False) == []


LCO = Structure(
    Lattice.cubic(4.26),
    ["Co3+", "Co2+", "O2-", "O2-"],
    [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]],
    site_properties={"magmom": [0.0, 3.0, 0.0, 0.0]},
)


def _windows(start: list[float], magmoms: list[float] | None, task: Task, cell: Structure = LCO) -> Check:
    initial = cell.copy(site_properties={"magmom": start})
    document = _document(initial_structure=initial, structure=initial, magmoms=magmoms)
    return next(check for check in assess(document, task).checks if check.name == "moments in their windows")


@pytest.mark.parametrize(
    ("start", "magmoms", "told"),
    [
        ([0.0, 3.0, 0.0, 0.0], [2.7, 2.65, 0.0, 0.0], "Co3+ 0: 2.70 µB, expected 0.00 to 0.40"),
        ([0.0, 3.0, 0.0, 0.0], [0.41, 2.65, 0.0, 0.0], "Co3+ 0: 0.41 µB, expected 0.00 to 0.40"),
        ([0.0, 3.0, 0.0, 0.0], [-0.39, 2.65, 0.0, 0.9], ""),
        ([0.0, 0.0, 0.0, 0.0], [3.1, -3.1, 0.1, 0.1], "Co3+ 0: 3.10 µB, expected 0.00 to 0.40; Co2+ 1: -3.10 µB"),
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.1, 0.1], ""),
    ],
)
def test_an_ion_that_starts_without_a_moment_is_looked_at(start: list[float], magmoms: list[float], told: str) -> None:
    check = _windows(start, magmoms, Static(method=METHOD))
    assert (check.ok, check.refuses) == (not told, False)
    assert check.detail.startswith(told or "all")


def test_a_run_without_spin_says_that_nobody_looked() -> None:
    spinless = Static(method=METHOD.model_copy(update={"spin_polarized": False}))
    check = _windows([0.0] * 4, None, spinless)
    assert (check.ok, check.refuses, check.detail) == (False, False, "not looked at: the run has no spin")
    closed = LCO.copy()
    closed.replace_species({"Co3+": "Ti4+", "Co2+": "Zn2+"})
    with pytest.raises(StopIteration):
        _windows([0.0] * 4, None, spinless, closed)


def test_a_volume_that_ran_away_is_pointed_out() -> None:
    task = Relax(method=METHOD)
    for factor, ok in ((1.05, True), (1.3, False), (0.7, False)):
        verdict = assess(_document(kind="relax", structure=_scaled(factor)), task)
        assert verdict.accepted
        assert next(check for check in verdict.checks if check.name == "volume change").ok is ok


def _chunk(timestep: float, velocities: bool = True) -> CalculationDocument:
    cell = CELL.copy()
    if velocities:
        cell.add_site_property("velocities", [[0.0, 0.0, 0.0]] * 4)
    frames = Trajectory(
        positions=[CELL.cart_coords.tolist()] * 3,
        cells=[CELL.lattice.matrix.tolist()] * 3,
        energies=[-25.0] * 3,
        times=[0.0, timestep, 2 * timestep],
    )
    return _document(
        kind="md", structure=cell, trajectory=frames, convergence=Convergence(electronic=True, max_force=1.0, n_steps=3)
    )


def test_a_chunk_keeps_its_time_step_and_its_velocities() -> None:
    task = MolecularDynamics(n_steps=3, timestep=2.0, frame_interval=1, method=METHOD)
    assert assess(_chunk(2.0), task).accepted
    assert [check.name for check in assess(_chunk(1.0), task).failed()] == ["time step constant"]
    assert [check.name for check in assess(_chunk(2.0, velocities=False), task).failed()] == ["velocities kept"]


def test_a_dos_is_there_only_if_something_is_in_it() -> None:
    def dos(height: float) -> ProjectedDos:
        return ProjectedDos(
            energies=[0.0, 1.0],
            densities=[[[[height, height]]] * 4],
            total=[[1.0, 1.0]],
            orbitals=["s"],
            broadening=0.0,
            n_bands=20,
        )

    assert assess(_document(kind="dos", dos=dos(0.5)), Dos(method=METHOD)).accepted
    assert not assess(_document(kind="dos", dos=dos(0.0)), Dos(method=METHOD)).accepted


def test_whether_a_cell_has_u_is_compared_by_element_and_not_by_the_functionals_name() -> None:
    with_u = Signature(engine="gpaw", version="1", functional="PBE+U", hubbard_u={"Co": 3.9}, potentials="p")
    without = Signature(engine="gpaw", version="1", functional="PBE", hubbard_u={}, potentials="p")
    require_same_signature({"LCO": with_u, "Li2CO3": without})
    assert with_u.differences(without.model_copy(update={"hubbard_u": {"Co": 0.0}})) == ["U(Co): 3.9 eV against 0.0 eV"]
    assert with_u.differences(without.model_copy(update={"functional": "PBEsol"})) == [
        "functional: PBE+U against PBEsol"
    ]


def test_every_engine_goes_through_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of an engine whose result is bad fails with the name of the check: nothing is stored."""
    from catholyte.workflows.engines.ase.chgnet import ChgnetBackend

    bad = _document(tier="chgnet", convergence=Convergence(electronic=False, max_force=0.0))
    monkeypatch.setattr(ChgnetBackend, "calculate", lambda *arguments: bad)
    monkeypatch.chdir(tmp_path)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    job = Engine("chgnet").maker(Static()).job_for(CELL, "CoO")
    with pytest.raises(CalculationError, match="not accepted: electronic convergence"):
        job.run(store)
    assert store.count() == 0
    monkeypatch.setattr(ChgnetBackend, "calculate", lambda *arguments: _document(tier="chgnet"))
    assert job.run(store).output.acceptance.accepted
    stored = store.query_one({"uuid": job.uuid})["output"]["acceptance"]
    assert stored["accepted"] is True
    assert {check["name"] for check in stored["checks"]} >= {"finite numbers", "forces present"}
