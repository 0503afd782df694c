"""What a finished job answered: a calculation, cells that were built or chosen, nothing but further jobs, or nothing at all."""

from __future__ import annotations

from typing import Any, cast

import pytest
from campaign_documents import cell_of, made_document

from catholyte.analysis.records import Records
from catholyte.configs.errors import CalculationError
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.interface_documents import BuiltInterfaces, Candidate, References


class Outputs:
    """A job store with four answers."""

    def __init__(self) -> None:
        built = BuiltInterfaces(label="A|B", candidates=[Candidate(structure=cell_of("CoO"), cell=0)], references=[References()])
        self.answers: dict[str, Any] = {"relaxed": made_document("CoO").model_dump(), "built": {**built.model_dump(), "@class": "BuiltInterfaces"}, "branched": None, "empty": None}  # fmt: skip

    def query_one(self, criteria: dict[str, str], properties: list[str], sort: dict[str, int], load: bool) -> dict[str, Any] | None:
        uuid = criteria["uuid"]
        return {"output": self.answers[uuid]} if uuid in self.answers else None


class States:
    """The ledger: one job added others."""

    def find_one(self, criteria: dict[str, str]) -> dict[str, Any]:
        return {"dynamic": {"replace": [{}]}} if criteria["uuid"] == "branched" else {}


@pytest.fixture
def records() -> Records:
    return Records(cast(Any, Outputs()), States(), None)


def test_each_kind_of_answer_is_its_own(records: Records) -> None:
    assert isinstance(records.result("relaxed"), CalculationDocument)
    found = records.result("built")
    assert isinstance(found, BuiltInterfaces)
    assert found.candidates[0].structure == cell_of("CoO")
    assert records.result("branched") is None


@pytest.mark.parametrize(
    ("uuid", "told"), [("built", "builds cells"), ("branched", "adds other jobs"), ("empty", "has no result"), ("unknown", "has no result")]
)
def test_only_a_calculation_is_a_document(records: Records, uuid: str, told: str) -> None:
    with pytest.raises(CalculationError, match=told):
        records.document(uuid)
    assert records.document("relaxed").label == "CoO"
