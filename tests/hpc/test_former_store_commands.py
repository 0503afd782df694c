"""The commands take over what former versions left: finished jobs are reused, and states are told as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.load import load_recipe
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.former.former_stores import STORES, former_status, unpack
from catholyte.workflows.engines.registry import load_backend

#: codes that wrote the shipped store; their versions are part of what was asked
VERSIONS = {"chgnet": "0.4.2", "gpaw": "26.7.0, gpaw-data 1.2.1"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: unpack(name, tmp_path_factory.mktemp(name)) for name in STORES}


def test_a_run_on_the_shipped_store_computes_nothing(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine, version in VERSIONS.items():
        monkeypatch.setattr(type(load_backend(engine, {})), "version", lambda self, told=version: told)
    store = unpack("shipped", tmp_path / "store")
    alone = tmp_path / "gsirr.yaml"  # as it was before it had a committee, whose second member has jobs of its own
    alone.write_text(load_recipe("gsirr")[1].path.read_text().replace("[chgnet, sevennet]", "chgnet"))
    found = answer(catholyte("run", alone, "--store", store, "--workers", 1, "--json"))
    assert {key: len(found[key]) for key in ("completed", "reused", "failed", "blocked")} == {
        "completed": 0,
        "reused": 10,
        "failed": 0,
        "blocked": 0,
    }
    status = answer(catholyte("status", "--store", store, "--campaign", "gsirr", "--json"))
    assert status["counts"] == {"reused": 10}


@pytest.mark.parametrize(
    ("store", "campaign"), [(store, campaign) for store in STORES for campaign in former_status()[store]]
)
def test_former_states_are_told_as_they_were(
    catholyte: Run, stores: dict[str, Path], store: str, campaign: str
) -> None:
    found = answer(catholyte("status", "--store", stores[store], "--campaign", campaign, "--json"))
    expected = former_status()[store][campaign]
    assert found["counts"] == expected["counts"]
    assert [
        {key: row.get(key) for key in kept} for row, kept in zip(found["jobs"], expected["jobs"], strict=True)
    ] == expected["jobs"]


def test_the_cause_of_a_former_failure_is_given(catholyte: Run, stores: dict[str, Path]) -> None:
    told = answer(catholyte("why", "f2-interfaces", "--store", stores["former"], "--json"))
    assert (told["state"], told["cause"], told["advice"]) == (
        "failed",
        "the forces do not fall",
        "start from a better cell",
    )
    assert told["evidence"] == ["OSZICAR: 60 steps"]
