"""Chapters of a report that need no job: volumes, a screen, pairs at a voltage, maps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catholyte.analysis.phase_sets.thermal import at_temperature
from catholyte.analysis.report.chapters import open_system
from catholyte.analysis.report.chapters.open_system import open_blocks, open_points
from catholyte.analysis.report.content import Table, Text
from catholyte.analysis.report.page import write_report
from catholyte.analysis.thermodynamics.open_system import OpenSpecies, react_open
from catholyte.analysis.thermodynamics.phase_set import PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.volume import Volumes
from catholyte.analysis.thermodynamics.volume_changes import named_reaction, parse_products
from catholyte.analysis.words import number
from catholyte.configs.steps.reactions import ReactionStep
from catholyte.tests.support.campaigns.campaign_documents import MadeRecords
from catholyte.tests.support.campaigns.report_page import Page, column, key_numbers, recipe
from catholyte.tests.support.phase_sets import document as phase_document


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phases") / "toy.json"
    path.write_text(json.dumps(phase_document()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def evaluated(phases: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, Path]:
    """A recipe that needs no job: volumes, a screen, pairs at a voltage and a map."""
    name = str(phases)
    made = recipe(
        phases,
        bulk=None,
        electronic=None,
        windows=None,
        reactions={"phase_set": name, "pairs": [["Li2O2", "Li2O"]], "voltages": [3.0], "maps": [["Li2O2", "Li2O"]]},
        volumes={
            "phase_set": name,
            "materials": ["Li2O2"],
            "decompositions": [{"material": "Li2O2", "products": ["Li2O", "O2"], "published": [20.0, 15.0]}],
        },
        screen={
            "phase_set": name,
            "cathodes": ["Li2O2"],
            "electrolytes": ["Li2O"],
            "lithium": [1.0, 0.5],
            "operating_range": [0.5, 2.0],
        },
    )
    out = tmp_path_factory.mktemp("evaluated")
    return Page(write_report(MadeRecords(made, []), out, formats=("svg",))[0].read_text(encoding="utf-8")), out


def test_volumes_of_the_page_are_those_of_the_analysis(evaluated: tuple[Page, Path], phases: Path) -> None:
    page, out = evaluated
    found = load_phase_set(phases)
    ledger = named_reaction("Li2O2", parse_products(["Li2O", "O2"]), found, Volumes(found))
    first = dict(zip(page.tables["volumes"][0], page.tables["volumes"][1], strict=True))
    assert first["change (mL/mol)"] == number(ledger.change or 0, 1)
    assert first["deviation before"] == number((ledger.before or 0) - 20.0, 1)
    assert {row[0] for row in page.tables["molar_volumes"][1:]} == {"Li2O2", "Li2O", "O2"}
    keys = key_numbers(out)
    assert float(keys["Volume change of Li2O2 -> Li2O + 0.5 O2"]["value"]) == ledger.change
    assert "stands for" in (out / "report.html").read_text(encoding="utf-8")


def test_screen_of_the_page(evaluated: tuple[Page, Path]) -> None:
    page, out = evaluated
    assert column(page.tables["screen"], "cathode") == ["Li2O2", "Li2O2-x0.5"]
    assert column(page.tables["screen_pairs"], "first") == ["Li2O2", "Li2O2-x0.5"]
    assert any(key.startswith("Best of the screen for Li2O2 | Li2O: bare") for key in key_numbers(out))
    assert {path.stem for path in (out / "figures").iterdir()} >= {
        "screen_heat_map",
        "screen_windows",
        "map_Li2O2_Li2O",
        "volumes",
        "volume_ladder_1",
    }


def test_pairs_at_a_voltage(evaluated: tuple[Page, Path], phases: Path) -> None:
    page, _ = evaluated
    found = react_open("Li2O2", "Li2O", load_phase_set(phases), OpenSpecies(3.0))
    row = dict(zip(page.tables["reactions_open"][0], page.tables["reactions_open"][1], strict=True))
    assert row["mutual ± 1σ (eV/atom)"] == f"{number(found.mutual.energy, 3)} ± {number(found.uncertainty.mutual, 3)}"
    assert len(page.tables["interphases_Li2O2_Li2O"]) > 1
    assert page.problems == []
    assert not {tag for tag, _, _ in page.attributes} & {"script", "img", "image", "iframe"}


def test_what_gases_do_stands_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A material alone and a pair, and gases without an equilibrium as a problem of their own."""
    step = ReactionStep.model_validate(
        {
            "phase_set": "solidstate",
            "pairs": [["LCO", "CoO"]],
            "gases": [
                {"temperatures": ["923 K"], "gases": {"H2": 0.05, "H2O": 0.01}, "materials": ["LCO"]},
                {"temperatures": ["923 K"], "gases": {"O2": 0.21}, "pairs": [["LCO", "TiO2"]]},
                {"temperatures": ["923 K"], "gases": {"CO": 0.9, "CO2": 0.1}, "materials": ["LCO"]},
            ],
        }
    )
    taken: list[float] = []

    def counted(phases: PhaseSet, temperature: float) -> PhaseSet:
        taken.append(temperature)
        return at_temperature(phases, temperature)

    monkeypatch.setattr(open_system, "at_temperature", counted)
    found = open_points(step, load_phase_set("solidstate"))
    assert taken == [923.0]  # a thousand entries are taken there once, not once for each subject
    blocks = open_blocks(found)
    (table,) = (block for block in blocks if isinstance(block, Table) and block.name == "reactions_gases")
    alone, pair = table.rows
    assert alone["pair"] == "LCO"
    assert alone["energy"] == found.gases[0].result.a.self_energy < 0
    assert alone["sigma"] > 0.05
    assert alone["reaction"] == "LiCoO2 + 1.5 H2 -> LiHO + Co + H2O"
    assert (pair["pair"], pair["oxygen"]) == ("LCO | TiO2", "0.2")
    assert pair["energy"] == found.gases[1].result.mutual.energy
    texts = [block.text for block in blocks if isinstance(block, Text)]
    assert any("form C without end" in text for text in texts)


def test_sections_that_cannot_be_evaluated_say_why(phases: Path, tmp_path: Path) -> None:
    name = str(phases)
    made = recipe(
        phases,
        bulk=None,
        electronic=None,
        windows=None,
        reactions={"phase_set": name, "pairs": [["Li2O2", "Li2O"]], "voltages": [11.0], "maps": [["Li2O2", "LiFeO2"]]},
        volumes={
            "phase_set": name,
            "materials": ["LiFeO2"],
            "decompositions": [{"material": "Li2O2", "products": ["Li"]}],
        },
        screen={"phase_set": name, "cathodes": ["Li2O2"], "electrolytes": ["NaCl"]},
    )
    page = Page(write_report(MadeRecords(made, []), tmp_path, formats=())[0].read_text(encoding="utf-8"))
    said = "\n".join(page.problems)
    for text in (
        "Li2O2 | Li2O at 11 V: the voltage is 11.0 V",
        "Li2O2 | LiFeO2, map: LiFeO2 holds Fe",
        "LiFeO2: LiFeO2 holds Fe",
        "is not balanced",
        "NaCl holds",
    ):
        assert text in said, text
