"""No number of a rehearsal reaches a report or an analysis: the ways in that were thought of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monty.json import MontyEncoder
from typer.testing import CliRunner

from catholyte.analysis.cells.surface_energy import surface_energy
from catholyte.analysis.phase_sets.own_entries import entries_from_documents
from catholyte.analysis.records import Records
from catholyte.analysis.report.case import read_case
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import InputError, StoreError
from catholyte.configs.load import load_recipe, material
from catholyte.configs.models import Method
from catholyte.hpc.commands.app import app
from catholyte.hpc.commands.results.bands import bands
from catholyte.hpc.run.campaign import run_campaign, save_campaign
from catholyte.hpc.store.campaign_store import CampaignStore, is_rehearsal_store, open_store, rehearsal_location
from catholyte.hpc.store.ledger import Ledger
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.command_line import require_valid
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import Static
from catholyte.workflows.identity import identity
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

TASK = Static(method=Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(1, 1, 1)))


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[CalculationDocument, Path]:
    place = tmp_path_factory.mktemp("run")
    return RehearsalBackend({"polling_time": 0.1}).calculate(
        calculation_cell(material("CoO")), TASK, "CoO", place
    ), place


def plan() -> Plan:
    return build_plan(*load_recipe("gsirr"), "rehearsal", "bulk")


def deliver(store: CampaignStore, document: dict[str, Any]) -> Records:
    """The document as the result of a campaign's first job, by hand."""
    planned = plan()
    job, outputs = planned.jobs[0], store.outputs
    save_campaign(store, planned, [])
    Ledger(store).register([job.record()])
    outputs.docs_store.update([{"uuid": job.uuid, "index": 1, "output": document}], key=["uuid", "index"])
    Ledger(store).finish(job.key, 1.0)
    return Records(outputs, store.states, store.campaigns)


def _stored(document: CalculationDocument) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(MontyEncoder().encode(document.model_dump()))
    return stored


def _renamed(document: CalculationDocument, *fields: str) -> dict[str, Any]:
    """The document with the tier, and further stamps, made to look real."""
    data = _stored(document)
    data["tier"] = "vasp"
    if "version" in fields:
        data["signature"]["version"] = "6.4.2"
    if "provenance" in fields:
        data["provenance"]["versions"]["vasp"] = "6.4.2"
    return data


def test_it_is_not_run_into_a_store_of_results(tmp_path: Path) -> None:
    store = open_store(tmp_path / "results")
    with pytest.raises(StoreError, match=r"a rehearsal has a store of its own, .*results-rehearsal"):
        run_campaign(store, plan(), lambda event: None)
    assert Ledger(store).records() == []
    assert rehearsal_location(rehearsal_location("a/store")) == rehearsal_location("a/store") == "a/store-rehearsal"
    assert is_rehearsal_store("mongodb://host/catholyte-rehearsal?tls=true")
    assert not is_rehearsal_store("mongodb://host/catholyte?appname=my-rehearsal")


@pytest.mark.parametrize("fields", [(), ("version",), ("version", "provenance")])
def test_a_copy_in_another_store_under_another_tier_is_refused(
    tmp_path: Path, rehearsed: tuple[CalculationDocument, Path], fields: tuple[str, ...]
) -> None:
    records = deliver(open_store(tmp_path / "results"), _renamed(rehearsed[0], *fields))
    with pytest.raises(InputError, match="is a rehearsal: its numbers are invented"):
        records.document(plan().jobs[0].uuid)
    case = read_case(records)  # what the report is written from
    assert case.finished == []
    assert list(case.unreadable.values()) == ["CoO is a rehearsal: its numbers are invented and are not analysed"]


def test_its_files_and_documents_are_not_analysed(rehearsed: tuple[CalculationDocument, Path]) -> None:
    document, place = rehearsed
    for path in (place, place / "vasprun.xml"):
        with pytest.raises(InputError, match="written by a rehearsal"):
            bands(str(path))
    disguised = document.model_copy(update={"tier": "chgnet"})
    for one in (document, disguised):
        with pytest.raises(InputError, match="is a rehearsal"):
            entries_from_documents([one], load_phase_set("solidstate"))
        with pytest.raises(InputError, match="is a rehearsal"):
            surface_energy(one, one)


def test_its_result_is_never_the_answer_to_a_job_of_vasp() -> None:
    cell = calculation_cell(material("CoO"))
    settings = {"vasp_command": "catholyte-rehearse", "potcar_spec": True}
    jobs = [Engine(name, settings).maker(TASK).job_for(cell, "CoO") for name in ("vasp", "rehearsal")]
    assert identity(jobs[0]) != identity(jobs[1])


def test_status_and_why_find_it_when_told(tmp_path: Path, rehearsed: tuple[CalculationDocument, Path]) -> None:
    place = str(tmp_path / "results")
    records = deliver(open_store(rehearsal_location(place)), _stored(rehearsed[0]))
    assert (
        Records(records._outputs, records._states, records._campaigns, rehearsals=True)
        .document(plan().jobs[0].uuid)
        .rehearsed
    )
    runner = CliRunner()
    assert "there is no store here" in str(runner.invoke(app, ["status", "--store", place]).exception)
    told = runner.invoke(app, ["status", "--store", place, "--rehearsal", "--json"])
    assert '"done"' in told.stdout
    require_valid("status", told.stdout)
    told = runner.invoke(app, ["why", plan().jobs[0].key, "--store", place, "--rehearsal"])
    assert "nothing is wrong" in told.stdout
