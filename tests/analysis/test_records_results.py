"""What a finished job answered: a calculation, cells that were built or chosen, nothing but further jobs, or nothing at
all."""

from __future__ import annotations

from typing import Any

import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore

from catholyte.analysis.records import Records
from catholyte.configs.errors import CalculationError
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.interface_documents import BuiltInterfaces, Candidate, References


def outputs() -> JobStore:
    """A job store with four answers."""
    built = BuiltInterfaces(
        label="A|B", candidates=[Candidate(structure=cell_of("CoO"), cell=0)], references=[References()]
    )
    answers = {
        "relaxed": made_document("CoO").model_dump(),
        "built": {**built.model_dump(), "@class": "BuiltInterfaces"},
        "branched": None,
        "empty": None,
    }
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    store.update(
        [{"uuid": uuid, "index": 1, "output": output} for uuid, output in answers.items()], key=["uuid", "index"]
    )
    return store


class States:
    """The ledger: one job added others."""

    def find_one(self, criteria: dict[str, str]) -> dict[str, Any]:
        return {"dynamic": {"replace": [{}]}} if criteria["uuid"] == "branched" else {}


@pytest.fixture
def records() -> Records:
    return Records(outputs(), States(), None)


def test_each_kind_of_answer_is_its_own(records: Records) -> None:
    assert isinstance(records.result("relaxed"), CalculationDocument)
    found = records.result("built")
    assert isinstance(found, BuiltInterfaces)
    assert found.candidates[0].structure == cell_of("CoO")
    assert records.result("branched") is None


@pytest.mark.parametrize(
    ("uuid", "told"),
    [
        ("built", "builds cells"),
        ("branched", "adds other jobs"),
        ("empty", "has no result"),
        ("unknown", "has no result"),
    ],
)
def test_only_a_calculation_is_a_document(records: Records, uuid: str, told: str) -> None:
    with pytest.raises(CalculationError, match=told):
        records.document(uuid)
    assert records.document("relaxed").label == "CoO"


class Counting(MemoryStore):
    """Counts what it is asked."""

    asked = 0

    def query(self, *arguments: Any, **settings: Any) -> Any:
        """As any store, and one more."""
        self.asked += 1
        return super().query(*arguments, **settings)


def test_many_are_read_in_few_passes_and_as_one_by_one() -> None:
    """In the order that was asked for, the last index of each, large arrays in their place."""
    documents, data = Counting(), Counting()
    store = JobStore(documents, additional_stores={"data": data}, save={"data": ["trajectory"]})
    store.connect()
    frames = {"positions": [[[0.0, 0.0, 0.0]]], "cells": [[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]], "energies": [-1.0]}
    names = [f"job-{k:03d}" for k in range(130)]
    for name in names:
        for index in (2, 1):  # the last index is the answer, whatever was written last
            output = made_document("CoO").model_copy(update={"label": f"{name} {index}"}).model_dump() | {
                "trajectory": frames
            }
            store.update(
                {"uuid": name, "index": index, "output": output}, key=["uuid", "index"], save={"data": ["trajectory"]}
            )
    records, wanted = Records(store, States(), None), [*names[::-1], "unknown", names[0]]
    documents.asked = data.asked = 0
    read = list(records.stored(wanted, arrays=True))
    assert (documents.asked, data.asked) == (3, 3)
    assert [uuid for uuid, _ in read] == wanted
    assert dict(read)["unknown"] is None
    for uuid, stored in read:
        if stored is not None:
            found = records.read(uuid, stored, arrays=True)
            assert isinstance(found, CalculationDocument)
            assert found.label == f"{uuid} 2"
            assert found.trajectory is not None
            assert found.trajectory.energies == [-1.0]
    assert records.document(names[7], arrays=True) == records.read(names[7], dict(read)[names[7]], arrays=True)
    assert records.document(names[7]).trajectory is None
