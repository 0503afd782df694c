"""The Materials Project's API, played by a server on loopback: entries, pages, a refused key, a rate limit, broken
downloads, a missing network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.tests.support.standins.materials_project import ENERGIES, VERSION, Api, serving
from catholyte.workflows.phases import materials_project
from catholyte.workflows.phases.materials_project import (
    ENDPOINT,
    KEYS,
    LARGEST_SYSTEM,
    SOURCE,
    database_version,
    download,
)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(materials_project, "_PAUSE", 0.0)
    with serving(Api()) as served:
        monkeypatch.setenv(ENDPOINT[0], served.address)
        yield served


def test_entries_keep_their_correction_and_its_error(api: Api) -> None:
    found = {entry.formula: entry for entry in download(["Li", "Cl"], api.key)}
    assert set(found) == {"Li", "Cl2", "LiCl"}
    lithium_chloride = found["LiCl"]
    assert (lithium_chloride.entry_id, lithium_chloride.source) == ("mp-LiCl-GGA", SOURCE)
    assert lithium_chloride.energy_per_atom == pytest.approx(-3.4 - 0.5 / 2)
    assert lithium_chloride.correction_error == pytest.approx(0.01 / 2)
    assert lithium_chloride.structure is not None
    (asked,) = api.asked
    assert asked["chemsys"].split(",") == ["Cl", "Li", "Cl-Li"]
    assert asked["thermo_types"] == "GGA_GGA+U"
    assert database_version() == VERSION


def test_pages_and_queries_are_put_together(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materials_project, "_PAGE", 2)
    monkeypatch.setattr(materials_project, "_SYSTEMS", 5)
    assert {entry.formula for entry in download(["Li", "O", "Cl"], api.key)} == set(ENERGIES)
    assert [(len(asked["chemsys"].split(",")), asked["_skip"]) for asked in api.asked] == [
        (5, "0"),
        (5, "2"),
        (2, "0"),
        (2, "2"),
    ]


def test_the_key_comes_from_the_environment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="needs a key: set MP_API_KEY or PMG_MAPI_KEY"):
        download(["Li", "Cl"])
    monkeypatch.setenv("PMG_MAPI_KEY", api.key)
    assert download(["Li"])
    monkeypatch.setenv("MP_API_KEY", "another")
    with pytest.raises(InputError, match="refused the key: Invalid authentication credentials"):
        download(["Li"])


def test_a_rate_limit_is_waited_out_a_few_times(api: Api) -> None:
    api.statuses = [429, 503]
    assert len(download(["Li"], api.key)) == 1
    assert len(api.asked) == 3
    api.statuses = [429] * 5
    with pytest.raises(EngineUnavailableError, match=r"asks to wait \(too many requests\) and did so 5 times"):
        download(["Li"], api.key)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"cut": 7}, EngineUnavailableError, "broke off: an answer is no JSON object"),
        ({"missing": 3}, EngineUnavailableError, "broke off: 3 of 6 documents came"),
        ({"statuses": [404]}, InputError, r"refused the request \(status 404\): not now"),
        ({"documents": []}, InputError, "holds no entry of Li-Cl"),
        ({"documents": [{"material_id": "mp-Li"}]}, EngineUnavailableError, "no entries in the document of mp-Li"),
        (
            {"documents": [{"material_id": "mp-Li", "entries": {"GGA": {"energy": 1.0}}}]},
            EngineUnavailableError,
            "an entry is not readable",
        ),
    ],
)
def test_one_clear_message_for_each_failure(
    api: Api, change: dict[str, object], error: type[Exception], said: str
) -> None:
    for name, value in change.items():
        setattr(api, name, value)
    with pytest.raises(error, match=said):
        download(["Li", "Cl"], api.key)


def test_without_a_network_it_says_how_to_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT[0], "http://127.0.0.1:9/")
    with pytest.raises(EngineUnavailableError, match="cannot be reached") as told:
        download(["Li"], api.key)
    assert "work offline from a pinned phase set" in told.value.advice


@pytest.mark.parametrize(
    ("elements", "said"),
    [(["Li", "Xx"], "'Xx' is not an element"), (["Li"] * (LARGEST_SYSTEM + 1), f"allowed: {LARGEST_SYSTEM} elements")],
)
def test_a_system_that_cannot_be_asked_for(elements: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        download(elements, "key")
