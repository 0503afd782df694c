"""The oxygen-loss step of a recipe: which jobs it plans on which engine, and what it refuses."""

from __future__ import annotations

import pytest
from jobflow import Flow
from pydantic import ValidationError

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.configs.steps.oxygen_loss import (
    OrderingPlan,
    OxygenLossPlan,
    OxygenLossStep,
    OxygenSystem,
    SinglePoints,
)
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.identity import content_address
from catholyte.workflows.plan.builder import Builder, Draft, Plan, planned
from catholyte.workflows.plan.elements import oxygen_molecule
from catholyte.workflows.plan.oxygen_loss import add_oxygen_loss
from catholyte.workflows.preflight.run import planned_runs, preflight

LADDER = OxygenLossPlan(lithium_vacancies=(0, 3), candidates=2, samples=1, max_sites=2)
SYSTEM = OxygenSystem(
    material="NCM111", supercell=(3, 1, 1), orderings=OrderingPlan(n=4, keep=2), ladder=LADDER, kpoints=(2, 2, 2)
)


def drafts(step: OxygenLossStep, engine: str | None = None, recipe: str = "nmc532-lgps") -> tuple[Builder, list[Draft]]:
    builder = Builder(*load_recipe(recipe), engine)
    add_oxygen_loss(builder, step)
    return builder, builder.drafts


def test_orderings_are_ranked_by_chgnet_and_the_rest_is_added_while_it_runs():
    builder, found = drafts(OxygenLossStep(systems=(SYSTEM,)))
    assert [draft.variant for draft in found] == [
        *(f"ordering {k} chgnet relax" for k in range(1, 5)),
        "choice of orderings",
    ]
    assert {(draft.step, draft.material, draft.engine.name, len(draft.cell)) for draft in found if draft.engine} == {
        ("oxygen_loss", "NCM111", "chgnet", 36)
    }
    assert [draft.runs for draft in found] == [1, 1, 1, 1, LADDER.most_calculations]
    assert found[-1].seconds > found[0].seconds
    assert any("added while it runs" in note for note in builder.notes)


def test_the_drafts_form_a_flow_of_known_identity():
    plans = []
    for _ in range(2):
        _, found = drafts(OxygenLossStep(systems=(SYSTEM,)))
        flow, renamed = content_address(Flow([draft.job for draft in found]))
        plans.append(planned(found, flow, renamed))
    assert [job.key for job in plans[0]] == [job.key for job in plans[1]]
    *orderings, choice = plans[0]
    assert sorted(choice.depends_on) == sorted(job.key for job in orderings)


def test_vasp_takes_its_level_from_the_recipe_and_calculates_its_own_references():
    _, found = drafts(OxygenLossStep(systems=(SYSTEM,)), "vasp")
    assert [draft.engine.name for draft in found if draft.engine] == ["chgnet"] * 4 + ["vasp"] * 3
    metal, molecule = found[-2:]
    assert (metal.material, molecule.material) == ("Li", "O2")
    assert isinstance(metal.task, Relax)
    assert isinstance(molecule.task, Relax)
    assert (metal.task.method.kpoints, molecule.task.method.kpoints) == ((12, 12, 12), (1, 1, 1))
    assert metal.task.method.cutoff == molecule.task.method.cutoff
    level = found[4].job.function_args[4][0]
    assert level.engine.name == "vasp"
    assert level.method["hubbard_u"] == {"Ni": 6.7, "Mn": 4.2, "Co": 4.91}
    assert level.method["kpoints"] in ((2, 2, 2), [2, 2, 2])


def test_what_vasp_starts_with_passes_preflight():
    builder, found = drafts(OxygenLossStep(systems=(SYSTEM.model_copy(update={"orderings": None}),)), "vasp")
    flow, renamed = content_address(Flow([draft.job for draft in found]))
    runs = planned_runs(Plan(builder.recipe, flow, planned(found, flow, renamed)), {"potcar_spec": True})
    assert [(run.name, len(run.structure)) for run in runs] == [
        ("NCM111 host 1 vasp relax", 36),
        ("Li vasp relax", 1),
        ("O2 vasp relax", 2),
    ]
    assert [finding.name for finding in preflight(runs) if not finding.ok and finding.refuses] == []


def test_a_rehearsal_ranks_nothing():
    builder, found = drafts(OxygenLossStep(systems=(SYSTEM,)), "rehearsal")
    assert {draft.engine.name for draft in found if draft.engine} == {"rehearsal"}
    assert [draft.variant for draft in found[:3]] == [
        "host 1 rehearsal relax",
        "host 2 rehearsal relax",
        "oxygen-loss ladder",
    ]
    assert any("ranks no orderings" in note for note in builder.notes)


def test_a_crystal_without_partial_occupancies_takes_the_supercell_that_is_asked():
    _, found = drafts(OxygenLossStep(systems=(OxygenSystem(material="LCO", supercell=(2, 2, 1), ladder=LADDER),)))
    assert [(draft.variant, len(draft.cell)) for draft in found] == [
        ("host 1 chgnet relax", 48),
        ("oxygen-loss ladder", 48),
    ]


def test_orderings_alone_need_no_ladder():
    _, found = drafts(OxygenLossStep(systems=(SYSTEM.model_copy(update={"ladder": None}),)))
    assert [draft.runs for draft in found] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("system", "engine", "message"),
    [
        (
            SYSTEM.model_copy(update={"kpoints": None}),
            "vasp",
            "NCM111: engine vasp needs a mesh: give the key 'kpoints'",
        ),
        (OxygenSystem(material="NCM532", ladder=None), None, "neither orderings nor a ladder"),
        (OxygenSystem(material="NCM533"), None, "unknown material 'NCM533'; did you mean NCM532"),
        (
            OxygenSystem(material="NCM532", composition="Li30Ni15Mn9Co6O61"),
            None,
            "no supercell of NCM532 has these anions",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_file(system: OxygenSystem, engine: str | None, message: str):
    with pytest.raises(InputError, match=message) as caught:
        drafts(OxygenLossStep(systems=(system,)), engine)
    assert "nmc532-lgps.yaml:" in str(caught.value)


def test_orderings_are_not_ranked_by_an_engine_without_a_level_of_theory():
    with pytest.raises(InputError, match="ranked by chgnet"):
        drafts(OxygenLossStep(systems=(SYSTEM,), ranking="vasp"))


def test_each_engine_of_the_step_takes_settings_of_its_own_and_its_references_with_it():
    """A difference of two cells with a vacancy between them wants a tighter energy than a band centre does."""
    ladder, tight = LADDER.model_copy(update={"candidates": 1}), {"total_energy_tolerance": "1 meV"}
    lco = OxygenSystem(material="LCO", supercell=(2, 1, 1), ladder=ladder, kpoints=(2, 4, 1))
    step = OxygenLossStep(systems=(lco,), single_points=SinglePoints(cutoff=400, settings=tight))
    _, found = drafts(step, recipe="gsirr")
    assert {d.engine.settings.get("total_energy_tolerance") for d in found if d.engine and d.engine.name == "gpaw"} == {
        "1 meV"
    }
    _, found = drafts(OxygenLossStep(systems=(lco,), engine="gpaw", cutoff=400, settings=tight), recipe="gsirr")
    assert [draft.engine.settings for draft in found if draft.engine] == [tight] * len(found)
    _, found = drafts(OxygenLossStep(systems=(lco,), engine="gpaw", cutoff=400, settings=tight), "chgnet", "gsirr")
    assert [draft.engine.settings for draft in found if draft.engine] == [{}] * len(found)
    wrong = SinglePoints(cutoff=400, settings={"total_energy": 1e-3})
    with pytest.raises(InputError, match="total_energy") as caught:
        drafts(OxygenLossStep(systems=(lco,), single_points=wrong), recipe="gsirr")
    assert "gsirr.yaml" in str(caught.value)


def test_one_material_stands_once():
    with pytest.raises(ValidationError, match="NCM111 stands twice"):
        OxygenLossStep(systems=(SYSTEM, SYSTEM))


def test_the_molecule_is_a_triplet_in_a_box_without_symmetry():
    cell = oxygen_molecule(12.0)
    assert sum(cell.site_properties["magmom"]) == 2
    assert cell.get_distance(0, 1) == pytest.approx(1.2075)
    assert len(set(cell.lattice.abc)) == 3
