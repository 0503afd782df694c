"""The engine chgnet and the rehearsal with CHGNet on cells of the recipes: plans, custodian, readers, acceptance, store
and analysis give the same numbers, signs, counts and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Structure

from catholyte.analysis.report.case import Case, read_case
from catholyte.analysis.report.content import KeyNumber, Table
from catholyte.analysis.report.page import CHAPTERS
from catholyte.configs.load import load_recipe, material
from catholyte.configs.models import Method, OrderedCell
from catholyte.hpc.run.campaign import run_campaign
from catholyte.hpc.store.campaign_store import open_store
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics, Relax, Task
from catholyte.workflows.plan.build import build_plan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:Some jobs are not connected:UserWarning"),
]

NAMES = ("chgnet", "rehearsal-chgnet")
#: eV/atom, of energies that must be the same
SAME = 1e-3
#: crystals and smallest stack of gsirr, with the same force limits for both engines and the same cells
RECIPE = """\
name: both
title: crystals of gsirr and its smallest stack
source: a test
hubbard_u:
  Co: 3.9 eV
bulk: {engine: chgnet, materials: [LCO, CoO, LPSCl, Li2CO3], max_force: 0.02 eV/Å}
vasp:
  relax: [LCO, CoO, LPSCl, Li2CO3]
  cutoff: 500 eV
  mesh: [2, 2, 2]
  max_force: 0.02 eV/Å
  max_steps: 1000
  settings: {polling_time: 0.1}
reactions: {phase_set: solidstate, pairs: [[LCO, LPSCl], [CoO, LPSCl]]}
interface:
  engine: chgnet
  relaxation: {engine: chgnet, max_force: 0.02 eV/Å, max_steps: 1000}
  systems:
    - {name: LCO|CoO 32, a: "LCO:104", b: "CoO:100", max_atoms: 32, thickness: [8 Å, 8 Å], strain_on: shared, registries: 1, orientations: 1, kpoints: [4, 2, 1]}
"""


def _as_chgnet(case: Case) -> Case:
    """The case as if the engine chgnet had computed it: no number is touched, the labels of what computed are."""
    settings = load_backend("chgnet", {})
    of = {"tier": settings.tier, "signature": settings.signature(), "moments_signed": False}
    finished = [
        replace(
            found,
            document=found.document.model_copy(
                update={**of, "provenance": found.document.provenance.model_copy(update={"versions": {}})}
            ),
            entry=replace(found.entry, plan={**found.entry.plan, "engine": "chgnet", "tier": "chgnet"}),
        )
        for found in case.finished
    ]
    return replace(case, finished=finished, computed={})


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """The campaign by both engines."""
    place, found = tmp_path_factory.mktemp("both"), {}
    (place / "both.yaml").write_text(RECIPE)
    for name in NAMES:
        planned = build_plan(*load_recipe(str(place / "both.yaml")), name, full=True)
        store = open_store(str(place / ("store-rehearsal" if planned.placeholder else "store")))
        summary = run_campaign(store, planned, lambda event: None)
        assert not summary.failed
        found[name] = read_case(store.records(rehearsals=planned.placeholder))
    return found


def _numbers(case: Case) -> dict[str, KeyNumber]:
    return {one.quantity: one for chapter in CHAPTERS for one in chapter.section(case).key_numbers}


def test_crystals_and_stacks_have_the_energies_of_the_engine(
    cases: dict[str, Case], record_property: Callable[[str, object], None]
) -> None:
    own, rehearsed = ({found.entry.plan["name"]: found for found in cases[name].finished} for name in NAMES)
    assert {name.replace("rehearsal-chgnet", "chgnet") for name in rehearsed} == set(own)
    apart = {
        name: 1e3
        * (found.document.energy_per_atom - own[name.replace("rehearsal-chgnet", "chgnet")].document.energy_per_atom)
        for name, found in rehearsed.items()
    }
    for name, difference in apart.items():
        print(f"{name}: {difference:+.4f} meV/atom")
        record_property(name, difference)
    assert max(map(abs, apart.values())) <= 1e3 * SAME


def test_the_report_has_the_same_numbers_signs_counts_and_labels(cases: dict[str, Case]) -> None:
    own, through = _numbers(cases["chgnet"]), _numbers(_as_chgnet(cases["rehearsal-chgnet"]))
    assert list(own) == list(through)
    assert len(own) > 8
    for quantity, number in own.items():
        other = through[quantity]
        print(f"{quantity}: {number.value} {number.unit} | {other.value}")
        assert (number.tier, number.unit, number.names) == (other.tier, other.unit, other.names)
        assert (number.value is None) == (other.value is None), quantity
        if number.value is not None and other.value is not None:
            assert np.sign(number.value) == np.sign(other.value), quantity
            assert other.value == pytest.approx(number.value, rel=0.02, abs=2 * 10**-number.digits), quantity


def test_tables_of_the_report_have_the_same_rows(cases: dict[str, Case]) -> None:
    tables: list[dict[str, Table]] = []
    for case in (cases["chgnet"], _as_chgnet(cases["rehearsal-chgnet"])):
        sections = [chapter.section(case) for chapter in CHAPTERS]
        tables.append({table.name: table for section in sections for table in section.tables})
    own, through = tables
    assert list(own) == list(through)
    columns, rows = (
        [
            name
            for name, table in own.items()
            if [*map(look, getattr(table, part))] != [*map(look, getattr(through[name], part))]
        ]
        for part, look in (("columns", lambda column: column.title), ("rows", lambda row: None))
    )
    assert (columns, rows) == ([], ["settings_in_force", "packages"])  # what ran, and with which tags


def test_nothing_of_it_enters_a_report_unless_it_is_relabelled(cases: dict[str, Case]) -> None:
    assert all(found.document.rehearsed for found in cases["rehearsal-chgnet"].finished)
    assert not any(found.document.rehearsed for found in cases["chgnet"].finished)


def _by_both(task: Task, structure: Structure, label: str, place: Path) -> list[CalculationDocument]:
    found = []
    for name in NAMES:
        backend = load_backend(name, {"polling_time": 0.1} if name != "chgnet" else {})
        found.append(accept(backend.calculate(structure, task, label, place / name), task, backend.has_moments))
    return found


def test_an_oxygen_vacancy_of_nmc532_costs_the_same(tmp_path: Path) -> None:
    """Host and vacancy at the force limit of the recipe's ladder, in a third of its cell (10 formula units, the fewest
    that hold 5:3:2): the host relaxes with its cell, the vacancy in it, as the engine chgnet left it."""
    method = Method(hubbard_u={"Ni": 6.7, "Mn": 4.2, "Co": 4.91}, cutoff=500, kpoints=(2, 2, 2))
    least = OrderedCell(supercell=(5, 2, 1), primitive=True, composition="Li10Ni5Mn3Co2O20")
    host = calculation_cell(material("NCM532").model_copy(update={"ordered_cell": least}))
    task = Relax(max_force=0.05, relax_cell=True, keep_symmetry=False, method=method)
    whole = _by_both(task, host, "NCM532", tmp_path / "host")
    vacant = whole[0].structure.copy()
    vacant.add_site_property("magmom", list(host.site_properties["magmom"]))
    vacant.remove_sites([next(i for i, site in enumerate(vacant) if site.specie.symbol == "O")])
    without = _by_both(task.model_copy(update={"relax_cell": False}), vacant, "NCM532 less O", tmp_path / "vacancy")
    for one, other in (whole, without):
        print(f"{one.label}: {1e3 * (other.energy - one.energy) / one.n_sites:+.4f} meV/atom")
        assert abs(other.energy - one.energy) / one.n_sites <= SAME
        np.testing.assert_allclose(np.abs(other.magmoms), one.magmoms, atol=0.05)
    costs = [less.energy - full.energy for full, less in zip(whole, without, strict=True)]
    print(f"V_O: {costs[0]:.4f} and {costs[1]:.4f} eV over 1/2 O2 at 0 eV")
    assert abs(costs[0] - costs[1]) / len(host) <= SAME


def test_a_trajectory_at_the_size_of_a_recipe_is_the_same(tmp_path: Path) -> None:
    """The control of gsirr's dynamics, 104 atoms of LPSCl, at constant energy."""
    method = Method(cutoff=400, kpoints=(1, 1, 1))
    cell = calculation_cell(material("LPSCl")).make_supercell([2, 2, 2], in_place=False)
    task = MolecularDynamics(n_steps=20, timestep=2, thermostat="none", frame_interval=1, seed=7, method=method)
    own, through = _by_both(task, cell, "LPSCl control", tmp_path)
    assert own.trajectory is not None
    assert through.trajectory is not None
    apart: Any = np.abs(np.array(own.trajectory.positions[:20]) - through.trajectory.positions)
    print(f"largest distance after 20 steps: {apart.max():.2e} Å")
    assert apart.max() < 1e-4
