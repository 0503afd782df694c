"""The cost model: plane waves and k points counted by brute force, the constant recovered, forecasts that follow it."""

from __future__ import annotations

from itertools import product
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.vasp.recorded import PLACES, place
from catholyte.workflows.documents import Effort
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static
from catholyte.workflows.engines.vasp.backend import VaspBackend
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.document import document_from_files
from catholyte.workflows.preflight.cost import expected_effort
from catholyte.workflows.vasp_output.effort import calibrate, work

SETTINGS = VaspBackend({"potcar_spec": True}).settings
#: eV Å², ħ²/2m
HALF = 3.80998212


def effort(**changes: object) -> Effort:
    """100 bands, 4 k points, 2 spins, 10,000 plane waves, 50 electronic steps in 5 ionic ones."""
    given = {"n_bands": 100, "n_kpoints": 4, "n_spins": 2, "n_planewaves": 1e4, "n_electronic": 50, "n_ionic": 5}
    return Effort.model_validate({**given, **changes})


def test_work_is_the_product_of_the_model() -> None:
    assert work(effort()) == pytest.approx(2 * 4 * 100**2 * 1e4 * 50 / 1e12)
    assert work(effort(n_bands=200)) == pytest.approx(4 * work(effort()))


@given(st.floats(1e-3, 1e6), st.integers(10, 2000), st.integers(1, 500))
def test_the_constant_is_recovered_from_runs_that_obey_the_model(constant: float, bands: int, steps: int) -> None:
    runs = [effort(n_bands=bands, n_electronic=steps), effort(n_kpoints=7), effort(n_spins=1)]
    timed = [one.model_copy(update={"core_seconds": constant * work(one)}) for one in runs]
    known = calibrate([("static", one) for one in timed])
    assert known is not None
    assert known.seconds == pytest.approx(constant)
    assert known.factor == pytest.approx(1.0, abs=1e-6)
    assert known.core_seconds(effort(n_bands=33)) == pytest.approx(constant * work(effort(n_bands=33)))


def test_scatter_is_the_standard_deviation_as_a_factor() -> None:
    once = work(effort())
    runs = [effort(core_seconds=once * x) for x in (1.0, 2.0, 4.0)]
    known = calibrate([("static", one) for one in runs])
    assert known is not None
    assert known.seconds == pytest.approx(2.0)
    assert known.factor == pytest.approx(exp(log(2)))  # 0, ln 2, 2 ln 2: their standard deviation is ln 2
    assert "3 measured runs, which scatter by a factor of 2.0" in known.sentence


def test_without_a_time_there_is_no_calibration() -> None:
    assert calibrate([]) is None
    assert calibrate([("static", None), ("relax", effort())]) is None


def test_plane_waves_are_those_within_the_sphere() -> None:
    """Brute force over the reciprocal lattice of CoO's cell; the sphere's volume is met within its surface."""
    cell = vasp_cell(calculation_cell(material("CoO")) * (3, 3, 3))
    method = Method(hubbard_u={"Co": 3.9}, cutoff=300.0, kpoints=(1, 1, 1))
    known = calibrate([("static", effort(core_seconds=1.0))])
    assert known is not None
    told = expected_effort(cell, Static(method=method), SETTINGS, known).n_planewaves
    reciprocal = cell.structure.lattice.reciprocal_lattice.matrix
    most = 25
    numbers = np.array(list(product(range(-most, most + 1), repeat=3)))
    energies = HALF * ((numbers @ reciprocal) ** 2).sum(axis=1)
    assert np.abs(numbers[energies < 300.0]).max() < most
    assert told == pytest.approx((energies < 300.0).sum(), rel=0.02)


@pytest.mark.parametrize(("mesh", "count"), [((1, 1, 1), 1), ((2, 2, 2), 8), ((3, 3, 3), 14), ((4, 4, 1), 10)])
def test_time_reversal_halves_a_mesh_without_symmetry(mesh: tuple[int, int, int], count: int) -> None:
    """By hand: (n + number of points that are their own inverse) / 2."""
    cell = calculation_cell(material("Li2O"))
    cell.perturb(0.1)
    method = Method(cutoff=400.0, kpoints=mesh)
    known = calibrate([("static", effort(core_seconds=1.0))])
    assert known is not None
    assert expected_effort(vasp_cell(cell), Static(method=method), SETTINGS, known).n_kpoints == count


def test_steps_come_from_the_measured_runs_of_the_kind() -> None:
    cell = vasp_cell(calculation_cell(material("Li2O")))
    method = Method(cutoff=400.0, kpoints=(2, 2, 2))
    measured = [
        ("relax", effort(n_ionic=8, n_electronic=80, core_seconds=5.0)),
        ("relax", effort(n_ionic=18, n_electronic=180, core_seconds=5.0)),
        ("md", effort(n_ionic=100, n_electronic=600)),
    ]
    known = calibrate(measured)  # type: ignore[arg-type]
    assert known is not None
    relax = expected_effort(cell, Relax(method=method), SETTINGS, known)
    assert (relax.n_ionic, relax.n_electronic) == (12, 120)  # √(8·18) steps of 10
    spinless = method.model_copy(update={"spin_polarized": False})
    moving = expected_effort(cell, MolecularDynamics(n_steps=50, method=spinless), SETTINGS, known)
    assert (moving.n_ionic, moving.n_electronic, moving.n_spins) == (50, 300, 1)
    dos = expected_effort(cell, Dos(method=method), SETTINGS, known)
    assert dos.n_bands % SETTINGS.band_multiple == 0


@pytest.mark.parametrize("where", PLACES)
def test_a_recorded_run_tells_its_effort(where: str) -> None:
    file = place(where) / "atomate2_MgMn2O4_afm_static_vasprun.xml.gz"
    told = document_from_files(Path(file), "spinel").provenance.effort
    assert told is not None
    assert (told.n_spins, told.n_ionic, told.cores) == (2, 1, 1)
    assert told.core_seconds is not None
    if where == "recorded":
        # its OUTCAR: NKPTS, NBANDS, iterations, least and most plane waves of a k point, elapsed time
        assert (told.n_kpoints, told.n_bands, told.n_electronic) == (24, 62, 20)
        assert 6137 <= told.n_planewaves <= 6190
        assert told.core_seconds == 199.502
