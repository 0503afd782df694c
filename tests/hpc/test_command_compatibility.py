"""Whoever calls the command line from a script need not change it: commands, options and keys of the JSON stay.

New ones may come. What goes on purpose is named in `REPLACED`, with what takes its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catholyte.tests.support.command_line import Run
from catholyte.tests.support.former.command_examples import EXAMPLES, command_table, example_files, key_paths

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "commands.json").read_text(encoding="utf-8"))
#: ``command``, ``command --option`` or ``example: key`` → what to use in its place
REPLACED: dict[str, str] = {
    f"{example}: tiers.chgnet-LPSCl": "the set's LPSCl is a public entry"
    for example in ("reactions", "reactions at a voltage", "reactions under oxygen", "window")
} | {
    f"reactions under oxygen: {key}": "the solids have Gibbs energies at the temperature (--solids enthalpy: as before)"
    for key in (
        "kinks[].products.S(ClO)2",
        "mutual.products.LiCl",
        "reactants.b.decomposition.S(ClO)2",
        "tiers.chgnet-SO2Cl2",
        "total.products.S(ClO)2",
    )
}
#: their exit status depends on what is installed
DIAGNOSES = ("doctor", "doctor of a cluster")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return example_files(tmp_path_factory.mktemp("examples"))


def lost_parts(kept: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What a table of commands has no longer, and what it asks for that was not asked for."""
    lost = []
    for name, command in kept.items():
        if name not in found:
            lost.append(name)
            continue
        now = found[name]
        known = {spelling for spellings in now["options"].values() for spelling in spellings}
        lost += [f"{name} {text}" for texts in command["options"].values() for text in texts if text not in known]
        places, before = list(now["arguments"].values()), list(command["arguments"].values())
        lost += [
            f"{name}: argument {k + 1}" for k, place in enumerate(before) if k >= len(places) or places[k] != place
        ]
        lost += [
            f"{name}: argument {k + 1} is new" for k in range(len(before), len(places)) if places[k][0] == "required"
        ]
        lost += [f"{name}: {option} is asked for" for option in now["required"] if option not in command["required"]]
    return [part for part in lost if part not in REPLACED]


def test_every_command_argument_and_option_is_still_there() -> None:
    assert lost_parts(GOLDEN["commands"], command_table()) == []


def test_every_command_still_says_what_it_does() -> None:
    told = command_table()
    assert [name for name in GOLDEN["commands"] if name in told and not told[name]["help"]] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_key_of_the_json_is_still_there(catholyte: Run, files: dict[str, Path], example: str) -> None:
    kept = GOLDEN["answers"][example]
    status, out, err = catholyte(*(argument.format(**files) for argument in kept["call"].split(" ")), "--json")
    assert example in DIAGNOSES or status == kept["status"], err
    found = set(key_paths(json.loads(out)))
    named = [key for key in kept["keys"] if not key.startswith("tiers.")]  # ids of entries of the phase set
    lost = [key for key in named if key not in found and f"{example}: {key}" not in REPLACED]
    assert lost == []


def test_every_example_is_kept() -> None:
    assert {name: answer["call"] for name, answer in GOLDEN["answers"].items()} == EXAMPLES
    waits = {"submit", "tend"}  # they need a queue
    assert {call.split(" ")[0] for call in EXAMPLES.values()} == set(GOLDEN["commands"]) - waits


def test_a_lost_command_option_and_argument_are_named() -> None:
    table = command_table()
    window = {**table["window"], "options": {}, "arguments": {}}
    now = {**{name: command for name, command in table.items() if name != "why"}, "window": window}
    expected = [
        "why",
        *sorted(f"window {names[0]}" for names in table["window"]["options"].values()),
        "window: argument 1",
    ]
    assert sorted(lost_parts(table, now)) == expected
    assert lost_parts({}, table) == []


def test_keys_of_lists_are_one() -> None:
    document = {"jobs": [{"name": 1}, {"name": 2, "more": {"x": []}}]}
    assert set(key_paths(document)) == {"jobs", "jobs[].name", "jobs[].more", "jobs[].more.x"}
