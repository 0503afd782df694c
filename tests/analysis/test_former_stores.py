"""Stores that former versions wrote are read as ever: the same chapters, texts, tables, numbers and figures, but for
the numbers that a correction moved, each of which is listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catholyte.analysis.records import Records
from catholyte.hpc.run import local
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.tests.support.engines.toy_engine import use_toy_engine
from catholyte.tests.support.engines.toy_jobs import InlineExecutor, execute
from catholyte.tests.support.former.branching_flow import branching_flow
from catholyte.tests.support.former.former_stores import STORES, former_reports, moved, moves_of, unpack
from catholyte.tests.support.former.report_record import differences
from catholyte.workflows.documents import CalculationDocument, Restart
from catholyte.workflows.interface_documents import BuiltInterfaces, ChosenInterface

CAMPAIGNS = [(store, campaign) for store in STORES for campaign in former_reports()[store]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, CampaignStore]]:
    """A copy of every former store, open."""
    opened = {name: open_store(unpack(name, tmp_path_factory.mktemp(name)), create=False) for name in STORES}
    yield opened
    for store in opened.values():
        store.close()


def records_of(store: CampaignStore) -> Records:
    return Records(store.outputs, store.states, store.campaigns)


@pytest.mark.parametrize(("store", "campaign"), CAMPAIGNS)
def test_a_former_campaign_gives_the_report_that_it_gave(
    stores: dict[str, CampaignStore], store: str, campaign: str
) -> None:
    assert moves_of(records_of(stores[store]), store, campaign) == moved()[store][campaign]


def test_all_campaigns_of_former_stores_are_found(stores: dict[str, CampaignStore]) -> None:
    found = [(name, campaign) for name, store in stores.items() for campaign in records_of(store).campaign_names()]
    assert sorted(found) == sorted(CAMPAIGNS)


def test_every_kind_of_document_is_read(stores: dict[str, CampaignStore]) -> None:
    records = records_of(stores["former"])
    done = [entry for name in records.campaign_names() for entry in records.entries(name) if entry.state == "done"]
    real = [entry for entry in done if entry.plan["tier"] != "rehearsal"]
    stored = records.stored([str(entry.plan["uuid"]) for entry in real], arrays=True)
    found = [records.read(uuid, answer, arrays=True) for uuid, answer in stored]
    calculations = [one for one in found if isinstance(one, CalculationDocument)]
    assert {one.kind for one in calculations} == {"relax", "static", "dos", "md"}
    assert any(isinstance(one.restart, Restart) for one in calculations)
    assert any(one.trajectory and one.trajectory.positions for one in calculations)
    assert any(one.dos and one.dos.densities for one in calculations)
    assert any(one.potential for one in calculations)
    assert {type(one) for one in found} == {CalculationDocument, BuiltInterfaces, ChosenInterface, type(None)}


@pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning")  # jobflow's own call of monty
@pytest.mark.filterwarnings("ignore:Some jobs are not connected:UserWarning")  # vacancies do not depend on each other
def test_a_former_run_that_branched_is_taken_over_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First everything is reused; then two branching jobs are forgotten, and answer as before from former documents."""
    use_toy_engine(monkeypatch)
    monkeypatch.setattr(local, "_new_executor", InlineExecutor)
    store = open_store(unpack("former", tmp_path / "store"), create=False)
    whole = execute(store, branching_flow(), workers=1)
    assert (whole.completed, whole.failed, whole.blocked) == ([], [], [])
    assert len(whole.reused) == 11
    forgotten = [key for key, name in whole.names.items() if "ladder" in name or "choice of arrangements" in name]
    for key in forgotten:
        store.states.delete_one({"key": key})
        store.outputs.remove_docs({"uuid": key})
    again = execute(store, branching_flow(), workers=1)
    assert (again.failed, again.blocked) == ([], [])
    assert sorted(again.completed) == sorted(forgotten)
    assert sorted([*again.completed, *again.reused]) == sorted(whole.reused)
    store.close()


def test_another_number_text_table_or_chapter_is_seen() -> None:
    kept = {"a": {"tables": {"t": "x,y\n1.0,LCO\n"}, "texts": [["note", "one"]], "key_numbers": [{"value": 1.0}]}}
    same = {
        "a": {
            "tables": {"t": "x,y\n1.0000000000001,LCO\n"},
            "texts": [["note", "one"]],
            "key_numbers": [{"value": 1.0}],
        }
    }
    other = {"a": {"tables": {"t": "x,y\n1.000001,LCO\n"}, "texts": [["note", "two"]], "key_numbers": []}}
    assert differences(kept, same) == []
    assert [told.split(":")[0] for told in differences(kept, other)] == [
        "/a/tables/t/1/0",
        "/a/texts/0/1",
        "/a/key_numbers",
    ]
    assert differences(kept, {}) == ["/a: missing"]
    assert differences({}, kept) == ["/a: new"]
