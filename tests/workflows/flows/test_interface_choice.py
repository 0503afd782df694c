"""The choice among candidates rests on energies above the strained crystals, and a whole small step runs and is
resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jobflow import Job
from pymatgen.core.structure import Structure

from catholyte.analysis.records import Records
from catholyte.analysis.report.page import write_report
from catholyte.configs.load import load_recipe
from catholyte.hpc.run.campaign import run_campaign
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.interface_recipe import write_recipe
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.flows.interface import BuildInterfaceMaker, choose
from catholyte.workflows.interface_documents import BuiltInterfaces, ChosenInterface
from catholyte.workflows.plan.build import build_plan


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltInterfaces:
    path = write_recipe(
        tmp_path_factory.mktemp("recipe"),
        (
            "max_atoms: 32",
            "max_atoms: 150\n      max_strain: 0.1\n      max_principal_strain: 0.2\n"
            "      max_area_change: 0.3\n      lattice: experiment\n      orientations: 1\n      cells: 2",
        ),
        ("b: CoO:100", "b: LPSCl:100"),
    )
    plan = build_plan(*load_recipe(str(path)), only="interface")
    maker = next(
        job.maker for job in plan.flow.jobs if isinstance(job, Job) and isinstance(job.maker, BuildInterfaceMaker)
    )
    assert isinstance(maker, BuildInterfaceMaker)
    return maker.build("LCO|CoO")


@pytest.mark.slow
def test_candidates_are_registries_of_cells_with_references_of_their_own(built: BuiltInterfaces) -> None:
    assert sorted({candidate.cell for candidate in built.candidates}) == list(range(len(built.references)))
    assert built.materials == {"a": "LCO", "b": "LPSCl"}
    assert len(built.references) == 2
    for candidate in built.candidates:
        references = built.references[candidate.cell]
        assert sum(len(slab) for slab in references.slabs.values()) == len(candidate.structure)
        assert candidate.record["n_atoms"] == len(candidate.structure)
    for cell in range(len(built.references)):
        records = [candidate.record for candidate in built.candidates if candidate.cell == cell]
        energies = [record["registry_energy"] for record in records]
        assert energies == sorted(energies)
        assert len({str((record["orientation"], record["shifts"])) for record in records}) == len(records)


@pytest.mark.slow
def test_the_least_energy_above_the_strained_crystals_is_taken(built: BuiltInterfaces) -> None:
    """Per atom the crystals have -1 eV; each candidate is put so many eV/Å² above them."""
    crystals = [
        {key: {"structure": cell, "energy": -1.0 * len(cell)} for key, cell in references.bulks.items()}
        for references in built.references
    ]

    def chosen(*excess: float) -> ChosenInterface:
        relaxed = [
            {
                "structure": candidate.structure,
                "energy": -1.0 * len(candidate.structure) + above * candidate.record["area"],
            }
            for candidate, above in zip(built.candidates, excess, strict=True)
        ]
        return choose(built, "chgnet", relaxed, crystals)

    number = len(built.candidates)
    for best in range(number):
        found = chosen(*(0.02 if k == best else 0.03 for k in range(number)))
        assert found.chosen == best
        assert found.candidates[best].excess == pytest.approx(0.02)
        assert found.structure == built.candidates[best].structure
        assert found.slabs == built.references[built.candidates[best].cell].slabs
    assert chosen(*[0.02] * number).chosen == 0


@pytest.mark.slow
def test_with_vacuum_the_interface_is_ranked_and_not_its_outer_faces(built: BuiltInterfaces) -> None:
    """Two cells: the second has cheap outer faces (0.01 eV/Å² a face instead of 0.05) and the worse interface."""
    first = [next(one for one in built.candidates if one.cell == cell) for cell in (0, 1)]
    pair = built.model_copy(
        update={"candidates": [one.model_copy(update={"record": one.record | {"form": "vacuum"}}) for one in first]}
    )
    crystals = [{key: _of(cell, 0.0) for key, cell in one.bulks.items()} for one in built.references]
    faces, interfaces = (0.05, 0.01), (0.02, 0.04)
    areas = [one.record["area"] for one in first]
    slabs = [
        {key: _of(cell, 2 * face * area) for key, cell in one.slabs.items()}
        for one, face, area in zip(built.references, faces, areas, strict=True)
    ]
    stacks = [
        _of(one.structure, (between + 2 * face) * area)
        for one, between, face, area in zip(first, interfaces, faces, areas, strict=True)
    ]
    found = choose(pair, "chgnet", stacks, crystals, slabs)
    assert found.chosen == 0
    assert [row.interface for row in found.candidates] == pytest.approx(interfaces)
    assert found.candidates[0].excess == pytest.approx(0.12)
    assert choose(pair, "chgnet", stacks, crystals).chosen == 1  # by the excess, the outer faces decide


def _of(cell: Structure, above: float) -> dict[str, Any]:
    """Energy of -1 eV an atom, and so many eV above."""
    return {"structure": cell, "energy": above - len(cell)}


@pytest.mark.slow
def test_a_small_step_runs_is_resumed_and_is_reported(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, ("      electronic: true\n", ""))
    store = open_store(tmp_path / "store")
    plan = build_plan(*load_recipe(str(path)), only="interface")
    first = run_campaign(store, plan, lambda event: None, 2)
    assert first.failed == first.blocked == []
    again = run_campaign(store, plan, lambda event: None, 2)
    assert again.completed == []
    assert set(again.reused) == set(first.completed)
    full = run_campaign(store, build_plan(*load_recipe(str(path)), only="interface", full=True), lambda event: None, 2)
    assert sorted(full.names[key] for key in full.completed) == sorted(
        name for name in full.names.values() if "chunk" in name and name[-2] in "3456"
    )

    records = Records(store.outputs, store.states, store.campaigns)
    answers = {entry.plan["name"]: records.result(entry.plan["uuid"]) for entry in records.entries()}
    choice = answers["LCO|CoO chgnet candidates"]
    assert isinstance(choice, ChosenInterface)
    assert len(choice.candidates) == 1  # the second lateral position is the first by symmetry
    assert isinstance(answers["LCO|CoO build"], BuiltInterfaces)
    assert all(isinstance(document, CalculationDocument) for _, document in records.documents())
    files = {file.name for file in write_report(records, tmp_path / "report", formats=["png"])}
    assert {"stack_LCO_CoO.png", "interface_energies.csv", "interface_cells.csv", "LCO_CoO_drift.png"} <= files
    page = (tmp_path / "report" / "report.html").read_text()
    assert "has not run" not in page
    assert "was not trained on interfaces" in page
