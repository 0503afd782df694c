"""A result from elsewhere in either store: whole or not at all, once, and never counted as computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catholyte.hpc.store import intake
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.hpc.store.intake import imported_hashes, take_in
from catholyte.hpc.store.ledger import Ledger
from catholyte.hpc.store.verify import verify_store
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document, oxygen_dos
from catholyte.workflows.documents import CalculationDocument, Effort, Origin

RECORD = {"key": "job-of-mine", "uuid": "job-of-mine", "index": 1, "name": "LCO vasp dos"}


@pytest.fixture(params=["embedded", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CampaignStore]:
    monkeypatch.setenv("CATHOLYTE_WORK", str(tmp_path / "work"))
    place = tmp_path / "store" if request.param == "embedded" else request.getfixturevalue("database_uri")
    opened = open_store(place)
    yield opened
    opened.close()


@pytest.fixture
def document() -> CalculationDocument:
    made = made_document("LCO")
    effort = Effort(n_bands=9, n_kpoints=2, n_spins=2, n_planewaves=1e3, n_electronic=9, n_ionic=1, cores=4)
    told = made.provenance.model_copy(
        update={"imported": Origin(path="/there/run", sha256="a" * 64, parts=["b" * 64]), "effort": effort}
    )
    return made.model_copy(update={"provenance": told, "dos": oxygen_dos(cell_of("LCO"), -3.0)})


def test_it_is_there_with_its_arrays_and_was_not_computed(store: CampaignStore, document: CalculationDocument) -> None:
    assert take_in(store, RECORD, document) == "taken"
    record = Ledger(store).record("job-of-mine") or {}
    assert (record["state"], record["computed"], record["cores"]) == ("done", 0, 4)
    assert record["wall_seconds"] == document.provenance.wall_seconds
    back = store.records().document("job-of-mine", arrays=True)
    assert back.dos == document.dos
    assert back.provenance.imported == document.provenance.imported
    assert verify_store(store).faults == []
    assert set(imported_hashes(store)) == {"a" * 64, "b" * 64}
    assert take_in(store, RECORD, document) == "done"
    assert (verify_store(store).documents, verify_store(store).arrays) == (1, 1)


@pytest.mark.parametrize("step", ["arrays_first", "document_last", "take_over"])
def test_stopped_before_any_step_it_is_brought_whole_by_the_next_call(
    store: CampaignStore, document: CalculationDocument, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    owner = intake.Ledger if step == "take_over" else intake.Delivery
    monkeypatch.setattr(owner, step, stop)
    with pytest.raises(KeyboardInterrupt):
        take_in(store, RECORD, document)
    monkeypatch.undo()
    assert imported_hashes(store) == {}
    assert verify_store(store).finished == 0
    assert take_in(store, RECORD, document) == "taken"
    told = verify_store(store)
    assert (told.finished, told.documents, told.arrays, told.faults, told.stray) == (1, 1, 1, [], 0)


def test_a_job_that_lives_elsewhere_is_left_to_its_process(store: CampaignStore, document: CalculationDocument) -> None:
    ledger = Ledger(store)
    ledger.register([RECORD])
    assert ledger.claim("job-of-mine").state == "taken"  # by this very process, which lives
    assert take_in(store, RECORD, document) == "held"
    assert not store.holds("job-of-mine", 1)
