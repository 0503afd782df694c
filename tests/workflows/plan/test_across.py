"""Vacancies of a stack and ions of a slab, from recipe to chapters, by an engine whose energies are sums over atoms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jobflow import Flow, Job
from pymatgen.core import Lattice, Species, Structure

from catholyte.analysis.oxygen.reference import reference_from_document
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.solids.across import ACROSS
from catholyte.analysis.report.chapters.solids.segregation import SEGREGATION
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe, material
from catholyte.structures.crystals.cells import canonical_order
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.files import write_structure
from catholyte.structures.defects.depth import stack_depths
from catholyte.tests.support.campaigns.campaign_documents import planned
from catholyte.tests.support.engines.toy_engine import SITE_ENERGIES, recorded_documents, toy_document, use_toy_engine
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.flows.across import StackVacanciesMaker, chosen_vacancies
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Draft, needed
from catholyte.workflows.plan.elements import oxygen_molecule
from catholyte.workflows.preflight.run import planned_runs
from catholyte.workflows.roles import Exchanged, Reference, StackHost, Vacancy

RECIPE = """\
name: depths
title: vacancies by depth
source: a test
hubbard_u: {Co: 3.9 eV, Ti: 0 eV}
interface:
  engine: toy
  relaxation: {engine: toy}
  systems: [{name: LCO|LiAlO2, file: stack.json}]
across:
  engine: toy
  stacks: [{system: LCO|LiAlO2, elements: [Li, O], most: 2}]
  space_charge: {voltages: [2.0, 4.0]}
segregation:
  engine: toy
  systems:
    - {material: LCO, slab: {miller: [1, 0, 4], thickness: 7 Å, vacuum: 10 Å}, ion: Ti4+, leaving: Co, most: 3}
"""
pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Some jobs are not connected:UserWarning"),
]


def ready_stack(*, tagged: bool = True) -> Structure:
    """LCO, and on it the same crystal with aluminium for cobalt."""
    lower = conventional(material("LCO"))
    tall = lower.lattice.c
    species = [site.specie for site in lower]
    other = [Species("Al", 3) if one.symbol == "Co" else one for one in species]
    below = lower.frac_coords % [1, 1, 1] / [1, 1, 2]
    coords = np.vstack([below, below + np.array([0, 0, 0.5])])
    lattice = [*lower.lattice.matrix[:2], [0, 0, 2 * tall]]
    tags = {"layer": ["LCO"] * len(lower) + ["LiAlO2"] * len(lower)} if tagged else {}
    return canonical_order(Structure(lattice, species + other, coords, site_properties=tags))


def recipe_in(folder: Path, *changes: tuple[str, str], tagged: bool = True) -> Path:
    write_structure(ready_stack(tagged=tagged), folder / "stack.json")
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "depths.yaml").write_text(text)
    return folder / "depths.yaml"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("depths")
    with pytest.MonkeyPatch.context() as patch:
        use_toy_engine(patch)
        recipe, source = load_recipe(str(recipe_in(folder)))
        assert recipe.across is not None
        relaxed = Relax(max_force=recipe.across.max_force, relax_cell=False, keep_symmetry=False)
        whole = Engine("toy").maker(relaxed).job_for(ready_stack(), "whole", role=StackHost(of="LCO|LiAlO2"))
        maker = StackVacanciesMaker(
            engine=Engine("toy"), relax=relaxed.model_dump(mode="json"), elements=["Li", "O"], most=2
        )
        # the choice among candidates of an interface is no job of jobflow's own `run_locally`
        leaves = Flow([whole, maker.job_for(whole.output.structure, "LCO|LiAlO2")])
        flows = {"across": leaves, "segregation": build_plan(recipe, source, only="segregation").flow}
        finished = []
        for step, flow in flows.items():
            for k, document in enumerate(recorded_documents(flow)):
                if isinstance(document.role, (StackHost, Vacancy, Exchanged)):
                    finished.append(Finished(planned(f"{step} {k}", step, document.role.of), document))
    return Case({"name": "depths"}, recipe, [one.entry for one in finished], finished, {})


def test_atoms_that_do_not_interact_leave_alike(case: Case) -> None:
    found = ACROSS.results(case)
    assert found is not None
    (one,) = found.profiles
    assert one.elements == ["Li", "O"]
    assert [part.name for part in one.parts] == ["LCO", "LiAlO2"]
    assert one.paying == {"LCO"}
    own = one.of("Li")
    assert all(item.energy == pytest.approx(own[0].energy) for item in own)
    stack = stack_depths(ready_stack())
    assert {round(item.depth, 4) for item in own} <= {round(float(depth), 4) for depth in stack.depths}
    number = ACROSS.value_of(ACROSS.quantities[0], case, ("LCO|LiAlO2", "Li", "LiAlO2"))
    assert number is not None
    assert number.value == pytest.approx(own[0].energy)
    lead = ACROSS.value_of(ACROSS.quantities[2], case, ("LCO|LiAlO2", "Li", "LCO", "LiAlO2"))
    assert lead is not None
    assert lead.value == pytest.approx(0.0, abs=1e-9)
    metal = own[0].energy + SITE_ENERGIES["Li"]  # μ of lithium metal, of the phase set
    assert -2.5 < metal < -1.5
    below, above = found.charges["LCO|LiAlO2"]
    assert below.charge <= 0
    assert above.drop == pytest.approx(max(0.0, 4.0 - own[0].energy), abs=0.3)


def test_an_engine_on_a_scale_of_its_own_brings_its_elements(case: Case) -> None:
    """Energies of VASP refer to lithium and O2 by VASP: none, and no vacancy has an energy."""
    theirs = [replace(one, document=one.document.model_copy(update={"tier": "vasp"})) for one in case.finished]
    without = ACROSS.results(Case({"name": "depths"}, case.recipe, [one.entry for one in theirs], theirs, {}))
    assert without is not None
    assert without.profiles == []
    assert any("lithium metal calculated with the same settings" in text.text for text in without.texts)
    metal = Structure(Lattice.cubic(3.4), ["Li"], [[0, 0, 0]])
    molecule = oxygen_molecule(12.0)
    elements = [
        toy_document("Li", metal, tier="vasp", role=Reference(of="Li", what="lithium", material="Li")),
        toy_document(
            "O2",
            molecule,
            tier="vasp",
            magmoms=[1.0, 1.0],
            role=Reference(of="O2", what="molecule", material="O2"),
        ),
    ]
    added = [Finished(planned(f"element {k}", "across", one.label), one) for k, one in enumerate(elements)]
    every = [*theirs, *added]
    found = ACROSS.results(Case({"name": "depths"}, case.recipe, [one.entry for one in every], every, {}))
    assert found is not None
    (one,) = found.profiles
    assert one.tier == "vasp"
    assert [item.energy for item in one.of("Li")] == pytest.approx([0.0] * len(one.of("Li")))
    oxygen = reference_from_document(elements[1])
    assert [item.energy for item in one.of("O")] == pytest.approx([oxygen.on_series + 5.0] * len(one.of("O")))


def test_the_chapters_tell_it(case: Case) -> None:
    names = {table.name for table in ACROSS.section(case).tables}
    assert {"across_first_LCO_LiAlO2", "space_charge_LCO_LiAlO2", "across_LCO_LiAlO2"} == names
    answer = ACROSS.answered(case)
    assert answer is not None
    assert "LCO|LiAlO2" in answer.sentences[0]
    section = SEGREGATION.section(case)
    assert {table.name for table in section.tables} == {"segregation", "segregation_depths"}
    (number,) = section.key_numbers
    assert number.names == ("segregation", "Ti", "LCO(104)")
    assert number.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("only", "change", "says"),
    [
        ("across", ("stacks: [{system: LCO|LiAlO2", "stacks: [{system: LCO|CoO"), "no system of the section interface"),
        ("across", ("elements: [Li, O]", "elements: [Li, Li]"), "each element once"),
        ("segregation", ("ion: Ti4+", "ion: Cl-"), "is no cation"),
        ("segregation", ("leaving: Co", "leaving: Mn"), "holds no Mn"),
        ("segregation", ("miller: [1, 0, 4]", "miller: [0, 0, 1]"), "give a thicker slab"),
        ("across", ("  engine: toy\n  stacks", "  engine: gpaw\n  stacks"), "take a potential such as chgnet"),
    ],
)
def test_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: str, change: tuple[str, str], says: str
) -> None:
    use_toy_engine(monkeypatch)
    with pytest.raises(InputError, match=says):
        build_plan(*load_recipe(str(recipe_in(tmp_path, change))), only=only)


PRODUCTION = "vasp: {cutoff: 500 eV, relax: [LCO], kpoints: {LCO: [6, 6, 6], Li: [12, 12, 12]}}\nacross:"


def test_production_computes_them_at_the_level_of_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    mesh = ("file: stack.json}", "file: stack.json, kpoints: [4, 4, 1]}")
    loaded = load_recipe(str(recipe_in(tmp_path, mesh, ("across:", PRODUCTION))))
    plan = build_plan(*loaded, engine="rehearsal", only="across")
    runs = {run.name: run for run in planned_runs(plan, added=True)}
    whole = runs["LCO|LiAlO2 whole rehearsal relax"]
    vacancies = [run for name, run in runs.items() if run.unpaid]
    assert {(run.task.kind, run.task.method.kpoints) for run in vacancies} == {("relax", (4, 4, 1))}
    assert len(vacancies) == sum(len(chosen_vacancies(ready_stack(), element, 2)) for element in ("Li", "O")) > 4
    assert all(len(run.structure) == len(whole.structure) - 1 for run in vacancies)
    assert whole.task.method.hubbard_u == {"Co": 3.9}
    assert runs["Li rehearsal relax"].task.method.kpoints == (12, 12, 12)
    assert runs["O2 rehearsal relax"].task.method.cutoff == 500.0
    slabs = planned_runs(build_plan(*loaded, engine="rehearsal", only="segregation"))
    assert {run.task.method.kpoints[2] for run in slabs} == {1}
    assert {frozenset(run.task.method.hubbard_u) for run in slabs} == {frozenset({"Co", "Ti"})}
    assert not any(run.unpaid for run in slabs)


def test_an_ion_without_u_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    change = ("across:", PRODUCTION), (", Ti: 0 eV}", "}")
    with pytest.raises(InputError, match="no entry for the transition metal Ti of the slab of LCO"):
        build_plan(*load_recipe(str(recipe_in(tmp_path, *change))), engine="rehearsal", only="segregation")


def test_a_stack_without_tags_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    with pytest.raises(InputError, match="the sites have no property 'layer'"):
        build_plan(*load_recipe(str(recipe_in(tmp_path, tagged=False))), only="across")


def test_a_step_asked_for_alone_takes_what_its_jobs_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    plan = build_plan(*load_recipe(str(recipe_in(tmp_path))), only="across")
    names = [job.name for job, _ in plan.flow.iterflow()]
    assert [name.removeprefix("LCO|LiAlO2 ") for name in names] == [
        "build",
        "toy candidates",
        "whole toy relax",
        "choice of vacancies",
    ]
    known = {job.uuid for job, _ in plan.flow.iterflow()}
    assert all(set(job.input_uuids) <= known for job, _ in plan.flow.iterflow())


def test_needed_follows_a_chain_of_any_length_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    engine, cell, made = Engine("toy"), conventional(material("LCO")), list[Job]()
    for k in range(5):
        start = made[-1].output.structure if made else cell
        made.append(engine.maker(Relax()).job_for(start, str(k)))
    aside = engine.maker(Relax()).job_for(made[1].output.structure, "aside")
    steps = ["bulk", "interface", "interface", "interface", "across"]
    drafts = [Draft(job, step, "", "", engine, Relax(), cell) for job, step in zip(made, steps, strict=True)]
    drafts.insert(3, Draft(aside, "transport", "", "", engine, Relax(), cell))
    assert [draft.job for draft in needed(drafts, "across")] == made
    assert [draft.job for draft in needed(drafts, "transport")] == [*made[:2], aside]
    assert needed(drafts, None) == drafts
