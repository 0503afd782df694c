"""An ion put into the host of a ladder: which oxygen atoms leave, with it and without it, and what the recipe
refuses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pymatgen.core.structure import Structure

from catholyte.analysis.oxygen.reference import reference_from_phase_set
from catholyte.analysis.oxygen.substitution import substitution_results
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import CatholyteError, InputError, StructureError
from catholyte.configs.load import load_recipe
from catholyte.configs.steps.oxygen_loss import OxygenLossPlan, OxygenLossStep, OxygenSystem, SubstitutionPlan
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.substitution_effect import oxygen_beside
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import computed_documents, use_toy_engine
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.flows.ordering import Level
from catholyte.workflows.flows.oxygen_loss import oxygen_loss_flow
from catholyte.workflows.flows.substitution import SubstitutionMaker, candidate_places, group_label
from catholyte.workflows.identity import content_address
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Builder
from catholyte.workflows.plan.oxygen_loss import add_oxygen_loss

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning"),  # jobflow's own call of monty
    pytest.mark.filterwarnings(
        "ignore:Some jobs are not connected:UserWarning"
    ),  # oxygen vacancies do not depend on each other
]
LADDER = OxygenLossPlan(lithium_vacancies=(0,), candidates=1, samples=1, max_sites=1)
TUNGSTEN = SubstitutionPlan(ion="W6+", leaving="Co", sites=("Co", "Li"), near=1, far=2)


def host() -> Structure:
    return prepared_cell(conventional(LCO).make_supercell((3, 2, 1)), LCO)


@pytest.fixture(autouse=True, scope="module")
def _toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_toy_engine(patch)
        yield


@pytest.fixture(scope="module")
def documents(_toys: None) -> dict[str, CalculationDocument]:
    """A host of 72 atoms, W on Co and on Li, oxygen near and far."""
    level = Level(Engine("toy"))
    maker = SubstitutionMaker(level=level, plan=LADDER.model_dump(mode="json"), asked=TUNGSTEN.model_dump(mode="json"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="cd is deprecated|Some jobs are not connected")
        return computed_documents(content_address(oxygen_loss_flow([host()], "LCO", LADDER, level, beside=[maker]))[0])


def test_every_vacancy_beside_the_ion_has_its_twin_without_it(documents: dict[str, CalculationDocument]):
    with_ion = {label for label in documents if " W-Co 1 O-" in label or " W-Li 1 O-" in label}
    without = {label for label in documents if " W-0 1 O-" in label}
    assert {label.rpartition("-")[2] for label in with_ion} == {label.rpartition("-")[2] for label in without}
    assert {"LCO W-Co 1", "LCO W-Li 1", "LCO host 1"} <= set(documents)
    assert len(documents) == 2 + 2 + len(with_ion) + len(without)  # the host with its own vacancy, and two cells with W
    for label in with_ion:
        parent = documents[label.rpartition(" ")[0]]
        assert documents[label].n_sites == parent.n_sites - 1
        assert documents[label].structure.lattice == parent.structure.lattice


def test_atoms_that_do_not_interact_make_no_difference(documents: dict[str, CalculationDocument]):
    found = substitution_results(
        "LCO", "W6+", list(documents.values()), reference_from_phase_set(load_phase_set("solidstate"))
    )
    assert found.problems == ()
    assert found.tier == "chgnet"
    assert [v.change for v in found.vacancies] == pytest.approx([0.0] * len(found.vacancies), abs=1e-9)
    assert {v.site for v in found.vacancies} == {"Co", "Li"}
    assert [place.relative for place in found.places] == pytest.approx(
        [0.0, 0.0], abs=1e-9
    )  # one composition: the same atoms
    near, far = [v for v in found.vacancies if v.near], [v for v in found.vacancies if not v.near]
    assert near
    assert far
    assert all("W" in v.environment[1] and "W" not in v.environment[0] for v in near)
    assert all("W" not in v.environment[1] for v in far)
    assert max(v.distance for v in near) < 2.5 < min(v.distance for v in far)


def test_a_shift_of_one_vacancy_is_found_where_it_was_put(documents: dict[str, CalculationDocument]):
    reference = reference_from_phase_set(load_phase_set("solidstate"))
    first = substitution_results("LCO", "W6+", list(documents.values()), reference).vacancies[0]
    label = f"LCO W-{first.site} 1 O-{first.origin}"
    changed = [d.model_copy(update={"energy": d.energy + 0.25}) if d.label == label else d for d in documents.values()]
    again = substitution_results("LCO", "W6+", changed, reference)
    assert [round(v.change, 9) for v in again.vacancies] == [
        0.25 if (v.site, v.origin) == (first.site, first.origin) else 0 for v in again.vacancies
    ]
    assert again.to_json()["vacancies"][0]["change"] == pytest.approx(0.25)


def test_what_is_missing_is_named(documents: dict[str, CalculationDocument]):
    reference = reference_from_phase_set(load_phase_set("solidstate"))
    twin = next(label for label in documents if " W-0 1 O-" in label)
    found = substitution_results("LCO", "W6+", [d for label, d in documents.items() if label != twin], reference)
    assert any("the same vacancy without W6+" in problem for problem in found.problems)
    assert substitution_results("LCO", "W6+", [], reference).problems == (
        "LCO, W6+: a cell with the ion has not been calculated yet",
    )


def test_oxygen_near_and_far_are_told_by_the_first_shell():
    cell = host()
    metal = next(i for i, site in enumerate(cell) if site.specie.symbol == "Co")
    every = oxygen_beside(cell, metal)
    assert sum(one.bonded for one in every) == 6
    assert len(every) == sum(site.specie.symbol == "O" for site in cell)
    picked = oxygen_beside(cell, metal, 3, 3)
    assert [one.bonded for one in picked] == [True, False]  # all oxygen atoms of LiCoO2 have one first shell
    assert picked[1].distance == pytest.approx(max(one.distance for one in every), abs=1e-3)
    lonely = cell.copy()
    lonely.remove_sites([one.index for one in every if one.bonded])
    with pytest.raises(StructureError, match="no oxygen in its first shell"):
        oxygen_beside(
            lonely, next(i for i, site in enumerate(lonely) if site.coords == pytest.approx(cell[metal].coords))
        )


def test_candidates_are_the_lowest_of_the_point_charges():
    from catholyte.workflows.flows.substitution import electrostatic_energy

    cell = host()
    few = candidate_places(cell, TUNGSTEN.model_copy(update={"sites": ("Li",), "candidates": 1}))["Li"]
    every = candidate_places(cell, TUNGSTEN.model_copy(update={"sites": ("Li",), "candidates": 99}))["Li"]
    assert len(few) == 1
    assert electrostatic_energy(few[0].made.structure) == pytest.approx(
        min(electrostatic_energy(place.made.structure) for place in every)
    )
    assert group_label("LRMO", "W6+", "Mn") == "LRMO W-Mn"


def recipe(
    tmp_path: Path, ion: str = "W6+", leaving: str = "Co", sites: str = "[Co]", u: str = "  W: 6.2 eV\n"
) -> Path:
    path = tmp_path / "w.yaml"
    path.write_text(
        f"name: w\ntitle: W\nsource: a test\nhubbard_u:\n  Co: 3.9 eV\n{u}oxygen_loss:\n  cutoff: 400 eV\n  "
        "systems:\n    - material: LCO\n"
        "      supercell: [2, 1, 1]\n      ladder: {lithium_vacancies: [0], candidates: 1, samples: 1, max_sites: "
        "1}\n      kpoints: [2, 2, 1]\n"
        f"      substitutions:\n        - ion: {ion}\n          leaving: {leaving}\n          sites: {sites}\n"
    )
    return path


@pytest.mark.parametrize(
    ("given", "line", "key", "words"),
    [
        ({"ion": "W"}, 15, "ion", "write element and charge"),
        ({"ion": "Xx6+"}, 15, "ion", "is no cation"),
        ({"leaving": "Mn"}, 16, "leaving", "allowed: Co, Li"),
        ({"sites": "[Co, Ni]"}, 17, "sites", "allowed: Co, Li"),
        ({"sites": "[Co, Co]"}, 17, "sites", "each element once"),
    ],
)
def test_bad_input_is_one_message_with_file_line_and_key(
    tmp_path: Path, given: dict[str, str], line: int, key: str, words: str
):
    path = recipe(tmp_path, **given)
    with pytest.raises(CatholyteError) as caught:
        build_plan(*load_recipe(str(path)), only="oxygen_loss")
    told = str(caught.value)
    assert f"{path}:{line}" in told
    assert key in told
    assert words in told


def test_an_ion_without_u_is_refused_where_the_engine_needs_one(tmp_path: Path):
    path = recipe(tmp_path, u="")
    with pytest.raises(InputError, match="no entry for the transition metal W"):
        build_plan(*load_recipe(str(path)), engine="gpaw", only="oxygen_loss")
    assert build_plan(*load_recipe(str(path)), only="oxygen_loss").jobs  # CHGNet has its own


def test_a_charge_that_nobody_pays_is_refused_before_anything_runs(tmp_path: Path):
    path = recipe(tmp_path)
    path.write_text(
        path.read_text()
        .replace("ion: W6+", "ion: Na1+")
        .replace("sites: [Co]", "sites: [Co]\n          compensation: lithium vacancies")
    )
    with pytest.raises(InputError, match="lithium vacancies do not pay"):
        build_plan(*load_recipe(str(path)), only="oxygen_loss")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ladder": None}, "substitutions need a ladder"),
        ({"substitutions": (TUNGSTEN, TUNGSTEN)}, "each stands once"),
    ],
)
def test_a_system_that_contradicts_itself_is_refused(changes: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        OxygenSystem(**{"material": "LCO", "substitutions": (TUNGSTEN,), **changes})


def test_the_plan_says_what_follows_and_takes_the_u_of_the_ion():
    builder = Builder(*load_recipe("li-rich"), None)
    step = builder.recipe.oxygen_loss
    assert step is not None
    assert step.systems[0].substitutions
    add_oxygen_loss(
        builder,
        OxygenLossStep(systems=step.systems, conditions=step.conditions, engine=step.engine, ranking=step.ranking),
    )
    assert any("W6+ on sites of" in note and "near" in note for note in builder.notes)
