"""The command `phases`: sets of the user's own, fetched, combined, and taken by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from catholyte.configs.load import CONFIGS
from catholyte.configs.phase_set_files import PHASES_VARIABLE
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.standins.materials_project import VERSION, Api, serving
from catholyte.workflows.phases.materials_project import ENDPOINT, KEYS


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(PHASES_VARIABLE, str(tmp_path / "own"))
    with serving(Api()) as served:
        monkeypatch.setenv(ENDPOINT[0], served.address)
        yield served


def test_a_fetched_set_is_pinned_and_goes_by_its_name(catholyte: Run, api: Api, tmp_path: Path) -> None:
    (made,) = answer(catholyte("phases", "fetch", "--elements", "Li", "O", "Cl", "--key", api.key, "--json"))["sets"]
    assert (made["name"], made["version"], made["entries"]) == ("Li-O-Cl", VERSION, 7)
    assert made["sources"]["mp-api"]["license"] == "CC-BY 4.0"
    assert f"database version {VERSION}" in made["sources"]["mp-api"]["citation"]
    assert Path(made["file"]) == tmp_path / "own" / "Li-O-Cl.json"
    found = answer(catholyte("reactions", "Li2O", "LiClO4", "--phases", "Li-O-Cl", "--json"))
    assert found["phase_set"] == {"name": "Li-O-Cl", "sha256": made["sha256"]}
    assert found["mutual"]["energy"] <= 0
    assert answer(catholyte("window", "Li2O", "--phases", "Li-O-Cl", "--json"))["phase_set"]["name"] == "Li-O-Cl"
    names = [one["name"] for one in answer(catholyte("phases", "list", "--json"))["sets"]]
    assert set(names) == {"Li-O-Cl", *(path.stem for path in (CONFIGS / "phases").glob("*.json"))}
    status, _, err = catholyte("phases", "fetch", "--elements", "Li", "O", "Cl", "--key", api.key)
    assert status == 2
    assert "the phase set Li-O-Cl exists already" in err


def test_an_altered_set_is_refused_and_hides_no_other(catholyte: Run, api: Api, tmp_path: Path) -> None:
    answer(catholyte("phases", "fetch", "--elements", "Li,Cl", "--key", api.key, "--json"))
    file = tmp_path / "own" / "Li-Cl.json"
    file.write_text(file.read_text().replace('"energy_per_atom": -1.9', '"energy_per_atom": -2.9'))
    status, _, err = catholyte("phases", "check", "Li-Cl")
    assert status == 2
    assert "altered or corrupt" in err
    listed = answer(catholyte("phases", "list", "--json"))
    assert "altered or corrupt" in listed["notes"][0]
    assert [one["name"] for one in listed["sets"]] == ["solidstate"]


def test_sets_of_one_scale_are_combined(catholyte: Run, api: Api) -> None:
    for elements in ("Li,Cl", "Li,O"):
        answer(catholyte("phases", "fetch", "--elements", elements, "--key", api.key, "--json"))
    found = answer(catholyte("phases", "combine", "Li-Cl", "Li-O", "--name", "both", "--json"))
    assert found["sets"][0]["elements"] == ["Li", "Cl", "O"]
    assert found["sets"][0]["entries"] == 6
    assert "miss joint products" in found["notes"][0]
    assert answer(catholyte("reactions", "Li2O", "LiCl", "--phases", "both", "--json"))["mutual"]["energy"] == 0
    first = json.loads(Path(found["sets"][0]["file"]).read_text())
    assert first["sha256"] == found["sets"][0]["sha256"]


def test_check_and_show_tell_what_a_set_is_worth(catholyte: Run, api: Api) -> None:
    checked = answer(catholyte("phases", "check", "solidstate", "--json"))["sets"][0]
    assert checked["without_volume"] == []
    assert {line["class"] for line in checked["measured"]} >= {"oxide", "sulfide", "all"}
    assert all(line["mae"] > 0 for line in checked["measured"])
    status, out, _ = catholyte("phases", "show", "solidstate")
    assert status == 0
    assert "MP2020" in out
    assert "CC-BY 4.0" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("phases", "remove"), "unknown action 'remove'"),
        (("phases", "show"), "phases show: name a phase set; known: solidstate"),
        (("phases", "show", "solidstat"), "did you mean solidstate"),
        (("phases", "fetch"), "name the elements, e.g. --elements Li La Zr O Co"),
        (("phases", "fetch", "--elements", "Li", "Xx"), "'Xx' is not an element"),
        (("phases", "fetch", "--elements", "Li", "O"), "needs a key: set MP_API_KEY or PMG_MAPI_KEY"),
        (("phases", "fetch", "--elements", "Li", "--key", "wrong"), "refused the key"),
        (("phases", "fetch", "--elements", "Li", "--name", "../x"), "cannot be the name of a phase set"),
        (("phases", "fetch", "--elements", "Li", "--name", "solidstate"), "solidstate exists already"),
        (("phases", "combine", "solidstate"), "at least two phase sets"),
    ],
)
def test_bad_input_is_one_message(catholyte: Run, api: Api, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = catholyte(*arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_without_a_network_it_says_how(catholyte: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT[0], "http://127.0.0.1:9/")
    status, _, err = catholyte("phases", "fetch", "--elements", "Li", "--key", "k")
    assert status == 1
    assert "cannot be reached" in err
    assert "copy its file" in err
