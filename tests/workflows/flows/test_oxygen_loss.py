"""The flows of orderings and of oxygen loss: what is calculated, on which cell, and what is chosen while they run."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from jobflow import Flow
from pydantic import ValidationError
from pymatgen.core.structure import Structure

from catholyte.analysis.oxygen.defect_energy import missing_atoms
from catholyte.analysis.oxygen.loss import oxygen_ladder
from catholyte.analysis.oxygen.redox_ledger import redox_entry
from catholyte.analysis.oxygen.reference import reference_from_phase_set
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import InputError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.configs.steps.oxygen_loss import OrderingPlan, OxygenLossPlan
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.delithiation import in_cell
from catholyte.structures.crystals.ordering import order
from catholyte.structures.defects.depth import depths
from catholyte.structures.defects.vacancy import lithium_vacancies, oxygen_sites
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import computed_documents, recorded_documents, use_toy_engine
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.flows.ordering import Level, lowest, ordering_flow
from catholyte.workflows.flows.oxygen_loss import RATTLE, chosen_sites, ladder_flow, oxygen_loss_flow, rattled
from catholyte.workflows.identity import content_address, iter_jobs

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning"),  # jobflow's own call of monty
    pytest.mark.filterwarnings(
        "ignore:Some jobs are not connected:UserWarning"
    ),  # oxygen vacancies do not depend on each other
]

Documents = dict[str, CalculationDocument]

SMALL = OxygenLossPlan(lithium_vacancies=(0, 1, 2), candidates=2, samples=1, max_sites=2)


@pytest.fixture(autouse=True, scope="module")
def _toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_toy_engine(patch)
        yield


@pytest.fixture(scope="module")
def small(_toys: None) -> Documents:
    """Documents of the plan SMALL by label."""
    with warnings.catch_warnings():  # a fixture of a module does not see the marks of its tests
        warnings.filterwarnings("ignore", message="cd is deprecated|Some jobs are not connected")
        return run(oxygen_loss_flow([lco()], "LCO", SMALL, level()))


def lco(supercell: tuple[int, int, int] = (2, 1, 1)) -> Structure:
    return prepared_cell(conventional(LCO).make_supercell(supercell), LCO)


def ncm(n: int) -> list[Structure]:
    """36 atoms of LiNi1/3Mn1/3Co1/3O2."""
    found = in_cell(material("NCM111"), supercell=(3, 1, 1))
    assert found.ordered_cell is not None
    return [prepared_cell(one.structure, found) for one in order(conventional(found), found.ordered_cell, n)]


def all_documents(flow: Flow) -> list[CalculationDocument]:
    return recorded_documents(content_address(flow)[0])


def level(name: str = "toy") -> Level:
    return Level(Engine(name))


def run(flow: Flow) -> Documents:
    return computed_documents(content_address(flow)[0])


def test_a_ladder_takes_lithium_out_and_one_oxygen_atom_at_a_time(small: Documents):
    documents, host = small, small["LCO host 1"]
    found = {
        label: tuple(len(atoms) for atoms in missing_atoms(document, host)) for label, document in documents.items()
    }
    assert found["LCO host 1"] == (0, 0)
    assert {counts for label, counts in found.items() if " O-" in label} == {(0, 1), (1, 1), (2, 1)}
    assert sorted(label for label in found if " O-" not in label) == [
        "LCO Li-1 1",
        "LCO Li-2 1",
        "LCO Li-2 2",
        "LCO host 1",
    ]
    assert all(
        label.endswith(f"O-{missing_atoms(document, host)[1][0]}")
        for label, document in documents.items()
        if " O-" in label
    )


def test_each_oxygen_vacancy_stands_in_the_relaxed_cell_of_its_parent(small: Documents):
    documents = small
    assert documents["LCO host 1"].structure.volume == pytest.approx(1.01 * lco().volume)
    for label, document in documents.items():
        if " O-" in label:
            stem = label.rsplit(" ", 1)[0]
            parent = documents["LCO host 1" if stem == "LCO Li-0 1" else stem]
            assert np.allclose(document.structure.lattice.matrix, parent.structure.lattice.matrix)


def test_what_comes_out_of_a_flow_makes_a_ladder_whose_ions_pay_what_was_taken(small: Documents):
    documents = dict(small)
    host = documents.pop("LCO host 1")
    reference = reference_from_phase_set(load_phase_set("solidstate"))
    ladder = oxygen_ladder(host, documents.values(), reference)
    assert [rung.n_vacancies for rung in ladder.rungs] == [0, 1, 2]
    assert [v.energy for rung in ladder.rungs for v in rung.vacancies] == pytest.approx(
        [5.0 + reference.on_series] * sum(len(r.vacancies) for r in ladder.rungs)
    )
    for rung in ladder.rungs:
        for cell in rung.sampled:
            assert redox_entry(host, cell.document).payers() == ({"Co": rung.n_vacancies} if rung.n_vacancies else {})
            assert all(redox_entry(cell.document, v.document, host).payers() == {"Co": -2} for v in cell.vacancies)


def test_the_engine_chooses_the_arrangements_that_lose_oxygen():
    plan = SMALL.model_copy(update={"lithium_vacancies": (2,), "candidates": 3})
    documents = run(oxygen_loss_flow([lco((3, 1, 1))], "LCO", plan, level("rugged")))
    cells = {label: document.energy for label, document in documents.items() if " Li-" in label and " O-" not in label}
    best = min(cells, key=cells.__getitem__)
    assert best != "LCO Li-2 1"  # which has the lowest electrostatic energy
    assert {label.rsplit(" ", 1)[0] for label in documents if " O-" in label} == {best}


def test_the_host_is_the_lowest_of_the_orderings_that_were_kept():
    plan = OrderingPlan(n=5, keep=2)
    ladder = OxygenLossPlan(lithium_vacancies=(0,), candidates=1, samples=1, max_sites=1)
    documents = run(oxygen_loss_flow(ncm(5), "NCM111", ladder, level("rugged"), (plan, Engine("rugged"))))
    ranked = sorted((document.energy, label) for label, document in documents.items() if " ordering " in label)
    assert len(ranked) == 5
    hosts = [documents["NCM111 host 1"], documents["NCM111 host 2"]]
    for host, (_, label) in zip(hosts, ranked, strict=False):
        assert host.initial_structure == documents[label].structure
    best = min(hosts, key=lambda document: document.energy)
    (vacancy,) = [document for label, document in documents.items() if " O-" in label]
    assert np.allclose(vacancy.structure.lattice.matrix, best.structure.lattice.matrix)
    assert len(missing_atoms(vacancy, best)[1]) == 1


def test_without_a_ranking_every_ordering_is_a_candidate_for_the_host():
    ladder = OxygenLossPlan(lithium_vacancies=(0,), candidates=1, samples=1, max_sites=1)
    documents = run(oxygen_loss_flow(ncm(2), "NCM111", ladder, level("rugged")))
    assert sorted(re.sub(r"O-\d+$", "O", label) for label in documents) == [
        "NCM111 Li-0 1 O",
        "NCM111 host 1",
        "NCM111 host 2",
    ]


def test_an_ordering_flow_ends_with_the_refined_orderings_where_nothing_follows():
    plan = OrderingPlan(n=3, keep=1)
    flow = ordering_flow(ncm(3), "NCM111", plan, Engine("rugged"), (level(), Relax(max_force=0.01), None))
    assert sorted(run(flow)) == ["NCM111 host 1", "NCM111 ordering 1", "NCM111 ordering 2", "NCM111 ordering 3"]


def test_jobs_added_at_run_time_have_content_derived_identities():
    host = lco()
    flows = [content_address(ladder_flow(host, "LCO", SMALL, level()))[0] for _ in range(2)]
    uuids = [[job.uuid for job in iter_jobs(flow)] for flow in flows]
    assert uuids[0] == uuids[1]
    other = content_address(ladder_flow(host, "LCO", SMALL.model_copy(update={"max_force": 0.02}), level()))[0]
    assert not set(uuids[0]) & {job.uuid for job in iter_jobs(other)}


def test_a_second_engine_calculates_the_very_same_cells():
    plan = OxygenLossPlan(lithium_vacancies=(0, 1), candidates=1, samples=1, max_sites=1)
    both = Level(Engine("toy"), single_points=Level(Engine("rugged")))
    jobs = {"relax": [], "static": []}
    for document in all_documents(oxygen_loss_flow([lco()], "LCO", plan, both)):
        jobs[document.kind].append(document)
    first, second = ({document.label: document for document in found} for found in jobs.values())
    assert set(first) == set(second)
    assert len(first) == plan.most_calculations == len(jobs["static"])
    for label, document in second.items():
        assert np.allclose(document.initial_structure.frac_coords, first[label].structure.frac_coords)
        assert np.allclose(document.structure.lattice.matrix, first[label].structure.lattice.matrix)
        assert document.initial_structure.species == first[label].initial_structure.species  # with their charges
        assert document.energy != first[label].energy
    reference = reference_from_phase_set(load_phase_set("solidstate"))
    ladder = oxygen_ladder(second.pop("LCO host 1"), second.values(), reference)
    assert [len(rung.vacancies) for rung in ladder.rungs] == [1, 1]


def test_levels_for_the_voltage_alone_lose_no_oxygen():
    plan = OxygenLossPlan(lithium_vacancies=(0,), voltage_only=(3, 6), candidates=1, samples=1, max_sites=1)
    documents = run(oxygen_loss_flow([lco()], "LCO", plan, level()))
    assert sorted(re.sub(r"O-\d+$", "O", label) for label in documents) == [
        "LCO Li-0 1 O",
        "LCO Li-3 1",
        "LCO Li-6 1",
        "LCO host 1",
    ]
    assert plan.most_calculations == len(documents)


def test_displacements_break_symmetry_and_are_too_small_to_hide_it():
    cell = lithium_vacancies(lco((3, 2, 1)), 3, 1)[0].structure
    moved = rattled(cell, 0)
    lengths = np.linalg.norm(moved.cart_coords - cell.cart_coords, axis=1)
    assert 0 < lengths.min() <= lengths.max() <= RATTLE
    assert [site.members for site in oxygen_sites(moved)] == [site.members for site in oxygen_sites(cell)]
    assert [site.environment for site in oxygen_sites(moved)] == [site.environment for site in oxygen_sites(cell)]


def test_sites_are_one_per_environment_or_all_that_differ():
    cell = lithium_vacancies(lco((3, 2, 1)), 3, 1)[0].structure
    classes = oxygen_sites(cell)
    every = chosen_sites(cell, OxygenLossPlan(sites="inequivalent", max_sites=100))
    assert {site.index for site in every} == {site.index for site in classes}
    one_each = chosen_sites(cell, OxygenLossPlan(max_sites=100))
    assert sorted(site.environment for site in one_each) == sorted({site.environment for site in classes})
    atoms = {
        site.environment: sum(len(c.members) for c in classes if c.environment == site.environment) for site in one_each
    }
    assert [atoms[site.environment] for site in one_each] == sorted(atoms.values(), reverse=True)
    assert chosen_sites(cell, OxygenLossPlan(max_sites=1)) == one_each[:1]


def test_a_slab_loses_oxygen_at_every_depth_though_not_at_every_site():
    """Its middle layer has half the atoms of the others: ranked by atoms alone it would never be taken."""
    slab = slabs(source_cell(material("LCO")), (1, 0, 4), SlabSpec(thickness=9.0, vacuum=12.0))[0].structure
    every = chosen_sites(slab, OxygenLossPlan(sites="inequivalent", max_sites=100))
    below = depths(slab)[0]
    deepest = max(below[one.index] for one in every)
    assert deepest > 2.5, "the middle of the slab lies inside"
    for most in (2, 3, 4):
        chosen = chosen_sites(slab, OxygenLossPlan(sites="inequivalent", max_sites=most))
        assert len(chosen) == most < len(every)
        assert min(below[one.index] for one in chosen) == pytest.approx(min(below[one.index] for one in every))
        assert max(below[one.index] for one in chosen) == pytest.approx(deepest)


def test_what_cannot_run_is_said_before_anything_runs():
    with pytest.raises(InputError, match="needs a host"):
        oxygen_loss_flow([], "LCO", SMALL, level())
    with pytest.raises(InputError, match="holds 6 Li atoms"):
        oxygen_loss_flow([lco()], "LCO", SMALL.model_copy(update={"lithium_vacancies": (7,)}), level())
    with pytest.raises(InputError, match="level of theory"):
        Level(Engine("gpaw"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lithium_vacancies": (2, 0)}, "once, rising"),
        ({"lithium_vacancies": (0, 0)}, "once, rising"),
        ({"lithium_vacancies": (-1,)}, "greater than or equal to 0"),
        ({"lithium_vacancies": (0, 3), "voltage_only": (3,)}, "3 stands among lithium_vacancies"),
        ({"candidates": 1, "samples": 2}, "samples = 2 of candidates = 1"),
        ({"max_force": -1}, "greater than 0"),
        ({"nothing": 1}, "Extra inputs"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        OxygenLossPlan(**changes)


def test_more_orderings_cannot_be_kept_than_there_are():
    with pytest.raises(ValidationError, match="keep = 4 of n = 3"):
        OrderingPlan(n=3, keep=4)


def test_a_plan_tells_how_many_calculations_it_makes_at_most(small: Documents):
    assert len(small) <= SMALL.most_calculations == 1 + 2 * 2 + (1 + 2 * 1) * 2


def test_a_level_of_theory_travels_with_every_relaxation():
    method = Method(cutoff=500, kpoints=(1, 1, 1), hubbard_u={"Co": 3.9}).model_dump(mode="json")
    flow = ladder_flow(lco(), "LCO", SMALL, Level(Engine("gpaw"), method))
    tasks = [job.maker.task for job in iter_jobs(flow) if job.maker is not None and hasattr(job.maker, "task")]
    assert tasks
    assert all(task["method"] == method for task in tasks)


@pytest.mark.parametrize(
    ("energies", "n", "found"), [([3.0, 1.0, 2.0], 2, [1, 2]), ([1.0, 1.0], 1, [0]), ([5.0], 3, [0])]
)
def test_the_lowest_are_taken_and_ties_go_to_the_first(energies: list[float], n: int, found: list[int]):
    assert lowest(energies, n) == found


@pytest.mark.slow
def test_chgnet_makes_oxygen_loss_cheaper_as_lithium_leaves():
    """24 atoms of LiCoO2, with none and with a third of the lithium taken out: the price of an oxygen vacancy falls,
    and Co pays it."""
    plan = OxygenLossPlan(lithium_vacancies=(0, 2), candidates=2, samples=1, max_sites=2)
    documents = run(oxygen_loss_flow([lco()], "LCO", plan, level("chgnet")))
    host = documents.pop("LCO host 1")
    ladder = oxygen_ladder(host, documents.values(), reference_from_phase_set(load_phase_set("solidstate")))
    full, less = ladder.rungs
    print(f"V_O: {full.mean:.2f} eV in the full cell, {less.mean:.2f} eV with 2 of 6 Li out")
    assert 1.0 < full.mean < 4.0
    assert less.mean < full.mean
    assert redox_entry(host, full.vacancies[0].document).payers() == {"Co": -2}
