"""Bookkeeping of oxygen vacancies: nothing is lost or gained, no cell size matters, and samples say how sure they
are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.analysis.oxygen.defect_energy import defect_energy, missing_atoms
from catholyte.analysis.oxygen.ladder import Arrangement, OxygenVacancy, Rung
from catholyte.analysis.oxygen.loss import oxygen_ladder
from catholyte.analysis.oxygen.reference import OxygenReference, reference_from_phase_set, release_temperature
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.vacancy import lithium_vacancies, oxygen_sites, oxygen_vacancy
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import SITE_ENERGIES, toy_document
from catholyte.workflows.documents import CalculationDocument

REFERENCE = reference_from_phase_set(load_phase_set("solidstate"))
ENERGIES = st.floats(-20, 5)


def host(supercell: tuple[int, int, int] = (2, 1, 1)) -> CalculationDocument:
    return toy_document("LCO", prepared_cell(conventional(LCO).make_supercell(supercell), LCO))


def without_lithium(whole: CalculationDocument, n: int, k: int = 0) -> CalculationDocument:
    return toy_document(f"Li-{n} {k}", lithium_vacancies(whole.structure, n, k + 1)[k].structure)


def without_oxygen(parent: CalculationDocument, index: int = -1, **changes: float) -> CalculationDocument:
    cell = oxygen_vacancy(parent.structure, index % len(parent.structure)).structure
    return toy_document(f"{parent.label} O-{index}", cell, **changes)


def vacancy(energy: float, weight: float = 1.0) -> OxygenVacancy:
    return OxygenVacancy("v", 0, "Li3Co3", "Co-O-Li", weight, energy, 2.6, host())


def rung(*cells: list[float]) -> Rung:
    made = [
        Arrangement(str(k), (k,), 0.0, 0.0, tuple(vacancy(e) for e in energies), 12, host())
        for k, energies in enumerate(cells)
    ]
    return Rung(1, 0.9, tuple(made))


@settings(max_examples=20, deadline=None)
@given(ENERGIES, ENERGIES, ENERGIES)
def test_adding_and_removing_the_same_atom_gives_zero(potential: float, first: float, second: float):
    whole = host().model_copy(update={"energy": first})
    less = without_oxygen(whole).model_copy(update={"energy": second})
    assert defect_energy(less, whole, {"O": potential}) + defect_energy(whole, less, {"O": potential}) == pytest.approx(
        0, abs=1e-9
    )
    assert defect_energy(whole, whole, {"O": potential}) == 0


@pytest.mark.parametrize("supercell", [(2, 1, 1), (2, 2, 1), (3, 1, 1)])
def test_a_vacancy_costs_the_same_in_every_supercell_where_atoms_do_not_interact(supercell: tuple[int, int, int]):
    small, large = host((2, 1, 1)), host(supercell)
    expected = -SITE_ENERGIES["O"] + REFERENCE.on_series
    assert defect_energy(without_oxygen(large), large, {"O": REFERENCE.on_series}) == pytest.approx(expected, abs=1e-9)
    assert defect_energy(without_oxygen(large), small, {"O": REFERENCE.on_series}) == pytest.approx(expected, abs=1e-9)
    (found,) = oxygen_ladder(large, [without_oxygen(large)], REFERENCE).rungs
    assert found.mean == pytest.approx(expected, abs=1e-9)


def test_lithium_and_oxygen_leave_in_any_order():
    whole = host()
    potentials = {"Li": -1.9, "O": -4.9}
    less = without_lithium(whole, 2)
    least = without_oxygen(less)
    steps = defect_energy(less, whole, potentials) + defect_energy(least, less, potentials)
    assert defect_energy(least, whole, potentials) == pytest.approx(steps, abs=1e-9)


def test_the_correction_of_the_energies_does_not_enter():
    """Uncorrected energies with the uncorrected scale's constant 0, and energies with a correction c per O atom and the
    constant c, agree."""
    whole = host()
    less = without_oxygen(whole)
    corrected = REFERENCE
    raw = OxygenReference(REFERENCE.molecule, REFERENCE.correction, 298.15, "mp2020", "", 0.0, REFERENCE.signature, "")
    bare = [
        d.model_copy(
            update={"energy": d.energy - REFERENCE.contained * d.structure.composition.element_composition["O"]}
        )
        for d in (whole, less)
    ]
    assert oxygen_ladder(bare[0], bare[1:], raw).rungs[0].mean == pytest.approx(
        oxygen_ladder(whole, [less], corrected).rungs[0].mean, abs=1e-9
    )


def test_cells_that_differ_in_more_than_the_reservoirs_are_refused():
    whole = host()
    with pytest.raises(InputError, match="differ in more than O"):
        defect_energy(without_lithium(whole, 1), whole, {"O": -4.9})
    other = whole.model_copy(update={"signature": whole.signature.model_copy(update={"version": "9"})})
    with pytest.raises(SignatureMismatchError, match="version"):
        defect_energy(
            without_oxygen(other),
            whole.model_copy(update={"signature": other.signature.model_copy(update={"version": "8"})}),
            {"O": -4.9},
        )


def test_a_ladder_is_put_together_from_documents_alone():
    whole = host()
    parents = [without_lithium(whole, 1), without_lithium(whole, 2, 0), without_lithium(whole, 2, 1)]
    children = [
        without_oxygen(whole),
        *(without_oxygen(parent, -1) for parent in parents[:2]),
        without_oxygen(parents[1], -3),
    ]
    ladder = oxygen_ladder(whole, [*children, *reversed(parents)], REFERENCE)
    assert [(r.n_vacancies, len(r.arrangements), len(r.sampled), len(r.vacancies)) for r in ladder.rungs] == [
        (0, 1, 1, 1),
        (1, 1, 1, 1),
        (2, 2, 1, 2),
    ]
    assert [r.x for r in ladder.rungs] == pytest.approx([1, 5 / 6, 4 / 6])
    assert ladder.rungs[0].vacancies[0].stands_for == 12  # all oxygen atoms of LiCoO2 are equal
    assert all(a.coverage <= 1 + 1e-9 for r in ladder.rungs for a in r.sampled)
    assert ladder.at(2.0, 300, 0.2) == pytest.approx(2.0 + REFERENCE.shift(300, 0.2))


def test_sites_stand_for_their_class_and_for_their_environment():
    whole = host((2, 2, 1))
    parent = without_lithium(whole, 2)
    oxygen = [i for i, site in enumerate(parent.structure) if site.specie.symbol == "O"]
    every = (
        oxygen_ladder(whole, [parent, *(without_oxygen(parent, i) for i in oxygen)], REFERENCE)
        .rungs[-1]
        .arrangements[0]
    )
    assert sum(v.stands_for for v in every.vacancies) == pytest.approx(len(oxygen))
    assert every.coverage == pytest.approx(1)
    first = {v.environment: v for v in every.vacancies}
    few = [without_oxygen(parent, oxygen[0])]
    part = oxygen_ladder(whole, [parent, *few], REFERENCE)
    (only,) = part.rungs[-1].vacancies
    assert only.stands_for == pytest.approx(
        sum(v.stands_for for v in every.vacancies if v.environment == only.environment)
    )
    assert only.environment in first
    if only.stands_for < len(oxygen):
        assert any("averages are over these" in note for note in part.notes)


def test_what_does_not_belong_to_the_host_is_named():
    whole = host()
    less = without_lithium(whole, 1)
    with pytest.raises(InputError, match="the cell with the same lithium and all its oxygen is missing"):
        oxygen_ladder(whole, [without_oxygen(less)], REFERENCE)
    twice = toy_document("two", oxygen_vacancy(oxygen_vacancy(whole.structure, 20).structure, 20).structure)
    with pytest.raises(InputError, match="lacks 2 oxygen atoms"):
        oxygen_ladder(whole, [twice], REFERENCE)
    with pytest.raises(InputError, match="no record of which atoms"):
        missing_atoms(toy_document("stranger", conventional(LCO)), whole)
    mixed = without_oxygen(whole)
    cell = mixed.structure.copy()
    cell.replace(0, "Co3+", properties=cell[0].properties)
    with pytest.raises(InputError, match="do not match"):
        missing_atoms(toy_document("mixed", cell), whole)
    metal = without_oxygen(whole).structure.copy()
    metal.remove_sites([next(i for i, site in enumerate(metal) if site.specie.symbol == "Co")])
    with pytest.raises(InputError, match="lacks Co"):
        missing_atoms(toy_document("metal", metal), whole)


def test_a_vacancy_from_another_cell_than_its_parents_is_refused():
    whole = host()
    start = oxygen_vacancy(whole.structure, 20).structure
    swollen = Structure(
        start.lattice.scale(1.01 * start.volume),
        start.species,
        start.frac_coords,
        site_properties=start.site_properties,
    )
    with pytest.raises(InputError, match="does not start from the relaxed cell of LCO"):
        oxygen_ladder(whole, [toy_document("swollen", swollen)], REFERENCE)


def test_a_cell_that_ran_away_is_marked():
    whole = host()
    cell = lithium_vacancies(whole.structure, 1, 1)[0].structure
    ladder = oxygen_ladder(
        whole, [toy_document("far", cell.copy().scale_lattice(1.2 * cell.volume), start=cell)], REFERENCE
    )
    assert any("change their volume by up to +20 %" in note for note in ladder.notes)


def test_means_weigh_sites_within_and_arrangements_among_each_other():
    cells = (
        Arrangement("a", (0,), 0.0, 0.0, (vacancy(1.0, 3.0), vacancy(3.0, 1.0)), 4, host()),
        Arrangement("b", (1,), 0.1, 0.0, (vacancy(2.5, 4.0),), 4, host()),
        Arrangement("c", (2,), 0.2, 0.0, (), 4, host()),
    )
    found = Rung(1, 0.9, cells)
    assert [cell.mean for cell in found.sampled] == [1.5, 2.5]
    assert (found.mean, found.lowest) == (2.0, 1.0)
    assert found.standard_error() == pytest.approx(np.std([1.5, 2.5], ddof=1) / np.sqrt(2))
    assert found.spread == pytest.approx(np.sqrt(np.average((np.array([1, 3, 2.5]) - 2.0) ** 2, weights=[3, 1, 4])))
    assert rung([1.0]).standard_error() is None


def test_arrangements_count_alike_or_by_their_energy():
    """Two arrangements kT ln 3 apart at 300 K hold three quarters and one quarter of the cells."""
    apart = 8.617333262e-5 * 300 * np.log(3)
    cells = (
        Arrangement("a", (0,), -5.0, 0.0, (vacancy(1.0),), 4, host(), 3),
        Arrangement("b", (1,), -5.0 + apart, 0.0, (vacancy(2.0),), 4, host(), 3),
        Arrangement("c", (2,), -9.0, 0.0, (), 4, host(), 3),  # without a vacancy, it has no share
    )
    found = Rung(1, 0.9, cells)
    assert found.weights(300).tolist() == pytest.approx([0.75, 0.25])
    assert (found.mean, found.weighted_mean(300)) == (1.5, pytest.approx(1.25))
    assert found.weighted_mean(1e9) == pytest.approx(found.mean)
    assert found.weighted_mean(1) == pytest.approx(1.0)


def test_the_share_of_oxygen_and_of_first_shells_that_vacancies_stand_for_is_told():
    """Half of the first shells of a cell with two lithium out, and all of them."""
    whole = host()
    less = without_lithium(whole, 2)
    present = {one.environment: one for one in oxygen_sites(less.structure)}
    taken = [one.members[0] for one in present.values()]
    some = taken[: len(taken) // 2]
    assert 0 < len(some) < len(taken)
    for sites in (some, taken):
        children = [without_oxygen(less, site) for site in sites]
        (_, found) = oxygen_ladder(whole, [less, *children], REFERENCE).rungs
        assert found.environments == f"{len(sites)} of {len(present)}"
        classes = [
            one
            for one in oxygen_sites(less.structure)
            if one.environment in {site.environment for site in present.values() if site.members[0] in sites}
        ]
        share = sum(len(one.members) for one in classes) / sum(site.specie.symbol == "O" for site in less.structure)
        assert found.coverage == pytest.approx(share)
    assert (
        Rung(
            0,
            1.0,
            (
                Arrangement("a", (), 0.0, 0.0, (vacancy(1.0, 2.0),), 4, host(), 2),
                Arrangement("b", (), 0.0, 0.0, (vacancy(1.0, 3.0),), 4, host(), 5),
            ),
        ).environments
        == "1 of 2-5"
    )


def test_convergence_with_samples_is_that_of_the_bootstrap():
    """The mean of n draws spreads as σ/√n, and the lowest falls with n."""
    means = [1.0, 1.4, 1.6, 2.1, 2.4]
    sizes = rung(*[[m] for m in means]).convergence(draws=20_000)
    assert [s.n for s in sizes] == [1, 2, 3, 4, 5]
    assert [s.mean for s in sizes] == pytest.approx([np.mean(means)] * 5, abs=0.01)
    assert [s.mean_spread for s in sizes] == pytest.approx([np.std(means) / np.sqrt(n) for n in range(1, 6)], rel=0.03)
    lowest = [s.lowest for s in sizes]
    assert lowest == sorted(lowest, reverse=True)
    assert lowest[1] == pytest.approx(np.minimum.outer(means, means).mean(), abs=0.01)


@given(st.floats(0.3, 4.0), st.sampled_from([1.0, 0.2, 1e-6, 1e-10]))
def test_at_the_release_temperature_a_vacancy_costs_nothing(energy: float, pressure: float):
    temperature = release_temperature(energy, pressure, REFERENCE)
    assert temperature is not None
    assert energy + REFERENCE.shift(temperature, pressure) == pytest.approx(0, abs=1e-6)


def test_release_outside_the_tables():
    assert release_temperature(-1.0, 1.0, REFERENCE) == 100
    assert release_temperature(50.0, 1.0, REFERENCE) is None
