"""Cells of hops: each once, the same atoms at both ends, also where an ion takes the site of another element."""

from __future__ import annotations

import numpy as np
import pytest
from jobflow import Job
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.defects.hops import Hop, fewest_multiples, hops
from catholyte.structures.defects.interstitials import PLACE, empty_sites, with_empty
from catholyte.tests.support.crystals import LCO
from catholyte.workflows.band_documents import Band, HopCells, HopPlace
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.flows.barrier import BandTask, matched
from catholyte.workflows.flows.hop_cells import BandImagesMaker, HopCellsMaker, hop_jobs, required_ends
from catholyte.workflows.flows.interstitial_cells import InterstitialCellsMaker

CELL = calculation_cell(LCO)
SUPERCELL = (3, 3, 2)


def made(found: list[Hop], onto: str, crystal: Structure = CELL) -> HopCells:
    places = [HopPlace(element=h.element, start=h.start, end=h.end, image=h.image).model_dump() for h in found]
    maker = HopCellsMaker(supercell=SUPERCELL, onto=onto, hops=places)
    function = maker.make.__wrapped__ if hasattr(maker.make, "__wrapped__") else maker.make.original
    cells: HopCells = function(maker, crystal, "LCO")
    return cells


def test_vacancies_are_shared_and_ends_hold_the_same_atoms() -> None:
    found = hops(CELL, "Li", 5.1)
    assert len(found) > 1
    cells = made(found, "Li")
    assert len(cells.cells) < 2 * len(found)
    for (first, last), place in zip(cells.ends, cells.hops, strict=True):
        moving, end = matched(cells.cells[first], cells.cells[last], place)
        away = np.linalg.norm(end.cart_coords - cells.cells[first].cart_coords, axis=1)
        assert np.delete(away, moving).max() < 1e-6
    assert {len(cell) for cell in cells.cells} == {len(CELL) * 18 - 1}


def test_a_metal_that_takes_a_lithium_site_leaves_its_own_empty() -> None:
    (hop, *_) = hops(CELL, "Co", 4.0, onto="Li")
    cells = made([hop], "Li")
    (place,), ((first, last),) = cells.hops, cells.ends
    before, after = cells.cells[first], cells.cells[last]
    assert before.composition == after.composition
    moving, end = matched(before, after, place)
    away = np.linalg.norm(end.cart_coords - before.cart_coords, axis=1)
    assert before[moving].specie.symbol == "Co"
    assert away[moving] == pytest.approx(hop.length, abs=1e-6)
    assert np.delete(away, moving).max() < 1e-6


def test_atoms_that_relaxed_across_a_border_keep_their_hop() -> None:
    (hop,) = hops(CELL, "Li", 3.0)
    moved = CELL.copy()
    moved.translate_sites(list(range(len(moved))), [-1e-7, -1e-7, -1e-7], to_unit_cell=False)
    cells = made([hop], "Li", moved)
    (place,), ((first, last),) = cells.hops, cells.ends
    moving, end = matched(cells.cells[first], cells.cells[last], place)
    away = np.linalg.norm(end.cart_coords - cells.cells[first].cart_coords, axis=1)
    assert away[moving] == pytest.approx(hop.length, abs=1e-5)


def test_ends_by_hand() -> None:
    one, two = (HopPlace(element="Li", start=0, end=end) for end in (1, 2))
    assert required_ends([one, two], "Li") == ([(1,), (0,), (2,)], [(0, 1), (2, 1)])
    metal = HopPlace(element="Mn", start=5, end=1)
    assert required_ends([metal], "Li") == ([(1,), (5, 1)], [(0, 1)])


def test_jobs_wait_for_the_crystal() -> None:
    (hop,) = hops(CELL, "Li", 3.0)
    jobs = hop_jobs((CELL, CELL), "LCO", [hop], (SUPERCELL, "Li"), Engine("chgnet"), BandTask())
    assert all(job.input_uuids == (jobs.build.uuid,) or jobs.build.uuid in job.input_uuids for job in jobs.relaxations)
    (band,) = jobs.bands
    assert isinstance(band, Job)
    assert set(band.input_uuids) == {jobs.build.uuid, *(job.uuid for job in jobs.relaxations)}


def test_hops_onto_another_element_have_no_reverse() -> None:
    square = Structure(Lattice.tetragonal(3.0, 9.0), ["Li", "Mn"], [[0, 0, 0], [0.5, 0.5, 0]])
    (hop,) = hops(square, "Mn", 2.5, onto="Li")
    assert (hop.start, hop.end, len(hop.members)) == (1, 0, 4)
    with pytest.raises(StructureError, match="has no Na"):
        hops(square, "Mn", 2.5, onto="Na")


def test_the_fewest_multiples_keep_faces_apart() -> None:
    assert fewest_multiples(Structure(Lattice.orthorhombic(3, 4, 9), ["Li"], [[0, 0, 0]])) == (3, 2, 1)


def test_an_ion_between_the_sites_hops_from_one_empty_place_to_the_next() -> None:
    crystal = calculation_cell(material("Li2O"))
    marked = with_empty(crystal, empty_sites(crystal, "Li"))
    (hop, *_) = hops(marked, PLACE, 4.0)
    places = [HopPlace(element=PLACE, start=hop.start, end=hop.end, image=hop.image).model_dump()] * 2
    empty = [site.frac_coords.tolist() for site in marked if site.specie.symbol == PLACE]
    cells = InterstitialCellsMaker(supercell=(2, 2, 2), empty=empty, hops=places).build(crystal, "Li2O")
    assert len(cells.hops) == len(set(cells.hops)) == 2, "bands are told apart by their places"
    for (first, last), place in zip(cells.ends, cells.hops, strict=True):
        moving, end = matched(cells.cells[first], cells.cells[last], place)
        away = np.linalg.norm(end.cart_coords - cells.cells[first].cart_coords, axis=1)
        assert moving == len(end) - 1 == 3 * 8
        assert away[moving] == pytest.approx(hop.length, abs=1e-6)
        assert np.delete(away, moving).max() < 1e-9
        assert str(end[moving].specie) == "Li+"


def test_images_are_taken_out_of_a_band() -> None:
    positions = [[[0.1 * k, 0.0, 0.0]] for k in range(5)]
    band = Band(
        label="x", tier="chgnet", signature=load_backend("chgnet", {}).signature(),
        hop=HopPlace(element="Li", start=0, end=1), moving=0, structure=Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]]),
        positions=positions, energies=[0.0, 0.1, 0.5, 0.1, 0.0], forces=[[[0.0] * 3]] * 5, climbing=2, max_force=0.0,
        n_steps=1, settings={},
    )  # fmt: skip
    for which, numbers in (("saddle", [0, 2, 4]), ("all", [0, 1, 2, 3, 4])):
        maker = BandImagesMaker(images=which)
        taken = maker.make.original(maker, band.model_dump())  # type: ignore[attr-defined]
        assert taken.numbers == numbers
        assert [cell.cart_coords[0][0] for cell in taken.cells] == pytest.approx([0.1 * k for k in numbers])
