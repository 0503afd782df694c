"""Hops as jobs: end points in one order, vacancies shared, and a vacancy in copper against the same by other images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import FIRE
from jobflow import Job
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.analysis.transport.barriers import barrier
from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.defects.hops import hops, in_supercell
from catholyte.tests.support.crystals import LCO
from catholyte.workflows.band_documents import Band, HopPlace
from catholyte.workflows.documents import Signature
from catholyte.workflows.engines.ase.band import run_band
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.flows.barrier import BandTask, barrier_jobs, matched, without

CELL = calculation_cell(LCO)
HOST = CELL.make_supercell((3, 3, 2), in_place=False)
(HOP,) = hops(CELL, "Li", 3.0)


def test_end_points_stand_in_one_order_and_one_atom_moves_along_the_hop() -> None:
    start, end, image = in_supercell(HOP, CELL, HOST)
    moving, arrived = matched(
        without(HOST, end), without(HOST, start), HopPlace(element="Li", start=start, end=end, image=image)
    )
    away = np.linalg.norm(arrived.cart_coords - without(HOST, end).cart_coords, axis=1)
    assert away[moving] == pytest.approx(HOP.length)
    assert np.delete(away, moving).max() < 1e-9
    assert [site.species for site in arrived] == [site.species for site in without(HOST, end)]


def test_atoms_that_crossed_a_border_come_back() -> None:
    start, end, image = in_supercell(HOP, CELL, HOST)
    final = without(HOST, start)
    other = next(k for k, site in enumerate(final) if site.specie.symbol == "O")
    final.translate_sites([other], [1, 0, 0], to_unit_cell=False)
    _, arrived = matched(without(HOST, end), final, HopPlace(element="Li", start=start, end=end, image=image))
    assert np.abs(arrived.frac_coords - without(HOST, end).frac_coords).max() < 0.5


def test_end_points_of_different_composition_are_refused() -> None:
    oxygen = next(k for k, site in enumerate(HOST) if site.specie.symbol == "O")
    with pytest.raises(InputError, match="must hold the same atoms"):
        matched(without(HOST, 0), without(HOST, oxygen), HopPlace(element="Li", start=0, end=1))


def test_vacancies_relax_once_and_bands_take_them() -> None:
    two = hops(Structure(Lattice.tetragonal(3.2, 3.0), ["Li"], [[0, 0, 0]]), "Li", 3.3)
    cell = Structure(Lattice.tetragonal(3.2, 3.0), ["Li"], [[0, 0, 0]])
    flow = barrier_jobs(cell, cell.make_supercell((3, 3, 3), in_place=False), "Li", two, Engine("chgnet"), BandTask())
    jobs = [job for job in flow.jobs if isinstance(job, Job)]
    bands = [job for job in jobs if "band" in job.name]
    assert (len(jobs), len(bands)) == (5, 2)  # one vacancy is an end of both hops
    assert all(len(job.input_uuids) == 2 for job in bands)


def test_an_engine_that_is_no_potential_is_refused() -> None:
    with pytest.raises(EngineUnavailableError, match="engine gpaw computes no bands here"):
        barrier_jobs(CELL, HOST, "LCO", [HOP], Engine("gpaw"), BandTask())


@pytest.fixture(scope="module")
def copper() -> dict[str, object]:
    cell = AseAtomsAdaptor.get_structure(bulk("Cu", cubic=True))
    host = cell.make_supercell((2, 2, 2), in_place=False)
    (hop,) = hops(cell, "Cu", 3.0)
    start, end, image = in_supercell(hop, cell, host)

    def relaxed(index: int) -> Structure:
        vacant = without(host, index)
        atoms = AseAtomsAdaptor.get_atoms(vacant, msonable=False)
        atoms.calc = EMT()  # type: ignore[no-untyped-call]
        FIRE(atoms, logfile=None).run(fmax=0.01)
        return Structure(vacant.lattice, vacant.species, atoms.get_positions(), coords_are_cartesian=True)

    return {"ends": (relaxed(end), relaxed(start)), "place": HopPlace(element="Cu", start=start, end=end, image=image)}


def _band(copper: dict[str, object], images: int, place: Path) -> Band:
    initial, final = copper["ends"]  # type: ignore[misc]
    hop: HopPlace = copper["place"]  # type: ignore[assignment]
    moving, arrived = matched(initial, final, hop)
    ends = tuple(AseAtomsAdaptor.get_atoms(cell, msonable=False) for cell in (initial, arrived))
    found = run_band(ends, EMT(), images, (0.02, 300), place, "Cu")  # type: ignore[no-untyped-call, arg-type]
    return Band(
        label="Cu", tier="chgnet", signature=Signature(engine="emt", version="1", functional="EMT", hubbard_u={}, potentials=""),
        hop=hop, moving=moving, structure=initial, positions=found.positions.tolist(), energies=found.energies.tolist(),
        forces=found.forces.tolist(), climbing=found.climbing, max_force=found.max_force, n_steps=found.n_steps, settings={},
    )  # fmt: skip


def test_a_vacancy_in_copper_costs_the_same_by_any_number_of_images(copper: dict[str, object], tmp_path: Path) -> None:
    places = [tmp_path / "1", tmp_path / "2"]
    for place in places:
        place.mkdir()
    one, three = (barrier(_band(copper, images, place)) for images, place in zip((1, 3), places, strict=True))
    assert one.forward == pytest.approx(three.forward, abs=2e-3)
    assert three.forward == pytest.approx(three.backward, abs=1e-3), "the ends are equal by symmetry"
    assert three.difference == pytest.approx(0.0, abs=1e-3)
    assert three.bottleneck == ("", float("inf")), "no other element"
    assert three.others == ()
    assert len(_band(copper, 1, places[0]).frames()) == 3
