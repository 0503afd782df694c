"""One number has one evaluator: board, notebook, command line and report of the shipped campaigns show the same."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from catholyte import Campaign
from catholyte.analysis.report.page import write_report
from catholyte.analysis.words import number
from catholyte.hpc.board.app import _Live
from catholyte.hpc.board.matrix import build_matrix
from catholyte.hpc.board.pages import Pages
from catholyte.hpc.board.snapshot import BoardSource
from catholyte.tests.support.campaigns.report_page import Page
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.former.former_stores import unpack

#: campaigns of the shipped store, evaluated from the phase set; what the first shows the others show by the same code
CAMPAIGNS = (
    "li-rich",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("nmc532-lgps", "core-shell", "glassy-ceramic", "gsirr")),
)
#: campaigns of the former store, of documents made by hand, to what a claim calls a number, and what the report does
NAMED = {
    "electrons": {
        "center(LCO)": "O 2p centre of LCO, occupied states, from the valence-band maximum",
        "center_apart(CoO, LCO)": (
            "O 2p centre of CoO minus that of LCO, from the valence-band maximum: no common zero"
        ),
    },
    "interfaces": {
        "interface_energy(A|B)": "interface energy γ of A|B, strained references",
        "adhesion(A|B)": "work of adhesion W of A|B, strained references",
    },
    "motion": {"events(LCO|LPSCl, P-S breaking)": "LCO|LPSCl: P-S breaking in 1.19 ps"},
    "oxygen-loss": {
        f"vacancy(LCO, {n})": (
            f"LCO, formation energy of an oxygen vacancy with {percent} % of the lithium, mean over sites"
        )
        for n, percent in ((0, 100), (1, 83), (2, 67), (3, 50))
    },
    "states-across": {
        "center_across(CoO, LCO)": (
            "O 2p centre of CoO minus that of LCO, occupied states, one cell of 48 atoms, inner planes"
        ),
        "potential_step(LCO, CoO)": "potential step from LCO to CoO, one cell of 48 atoms",
    },
    "substitution": {
        f"vacancy_change(LCO, W6+, {where})": f"LCO, what W6+ adds to the formation energy of vacancies of oxygen {words} it"
        for where, words in (("bonded", "bonded to"), ("far", "far from"))
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack("shipped", tmp_path_factory.mktemp("campaigns"))


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack("former", tmp_path_factory.mktemp("former"))


@pytest.fixture(scope="module", params=CAMPAIGNS)  # evaluated once
def campaign(request: pytest.FixtureRequest, store: Path) -> Iterator[Campaign]:
    with Campaign(store, request.param) as opened:
        yield opened


@pytest.fixture(scope="module", params=NAMED)
def made(request: pytest.FixtureRequest, former: Path) -> Iterator[Campaign]:
    with Campaign(former, request.param) as opened:
        yield opened


def test_board_notebook_and_report_show_the_same_numbers(campaign: Campaign) -> None:
    keys = {row.quantity: row for row in campaign.key_numbers.itertuples()}
    source = BoardSource(campaign.records, "store")
    lines = {
        line.name: line for line in build_matrix(source.snapshot(campaign.name), source.values(campaign.name)).lines
    }
    steps = campaign.recipe.reactions, campaign.recipe.windows
    assert steps[0] is not None
    assert steps[1] is not None
    for a, b in steps[0].pairs:
        result = campaign.reaction(a, b)
        assert result.measured is not None
        found = keys[f"Mutual reaction energy {result.a.label} | {result.b.label} from measured enthalpies"]
        value, sigma = result.measured.mutual.value, result.measured.mutual.sigma
        if value is None:
            assert result.measured.reason
            assert pd.isna(found.value)
        else:
            assert found.value == value
            cell = lines[f"{a} | {b}"].cells["mutual, measured enthalpies (eV/atom)"].text
            assert cell == (number(value, 3) if sigma is None else f"{number(value, 3)} ± {number(sigma, 3)}")
        for part, energy, sigma in (
            ("mutual", result.mutual.energy, result.uncertainty.mutual),
            ("total", result.total.energy, result.uncertainty.total),
        ):
            key = keys[f"{part.capitalize()} reaction energy {result.a.label} | {result.b.label}"]
            assert (key.value, key.uncertainty) == (energy, sigma)
            shown = lines[f"{a} | {b}"].cells[f"{part} (eV/atom)"].text
            assert shown == f"{number(key.value, 3)} ± {number(key.uncertainty, 3)}"
    for name in steps[1].materials:
        reduction = keys[f"Reduction limit of {name}"]
        assert campaign.window(name).reduction.voltage == reduction.value
        assert lines[name].cells["window (V vs Li/Li⁺)"].text.startswith(f"{reduction.value:.3f} to ")


def require_the_board_to_show(campaign: Campaign) -> int:
    """Hold every key number of the board's page to those of the notebook, which are the report's; how many there
    are."""
    source = BoardSource(campaign.records, "store")
    answers = source.answers(campaign.name)
    shown = [number.row() for _, _, number in answers.numbers.numbers]
    pd.testing.assert_frame_equal(pd.DataFrame(shown), campaign.key_numbers)
    page = Pages(source, answers={campaign.name: answers}).numbers(campaign.name, _Live(), {})
    rows = [
        [html.unescape(re.sub("<.*?>", "", cell)) for cell in re.findall("<t[hd] .*?</t[hd]>", row)]
        for row in page.split('id="numbers"')[1].split("<tbody>")[1].split("</tr>")[:-1]
    ]
    assert len(rows) == len(shown)
    for cells, key in zip(rows, shown, strict=True):
        value = "–" if key["value"] is None else number(key["value"], key["digits"])
        sigma = "" if None in (key["value"], key["uncertainty"]) else f" ± {number(key['uncertainty'], key['digits'])}"
        assert cells[:3] == [key["quantity"], f"{value}{sigma}".replace(" ± ", "\u00a0±\u00a0"), key["unit"]]
    return len(shown)


def test_every_key_number_of_the_report_stands_on_the_board(campaign: Campaign) -> None:
    assert require_the_board_to_show(campaign) > 10


def test_interfaces_vacancies_bands_and_events_stand_on_the_board(made: Campaign) -> None:
    assert require_the_board_to_show(made) >= len(NAMED[made.name])


def test_interfaces_vacancies_bands_and_events_stand_in_the_page(made: Campaign, tmp_path: Path) -> None:
    (page, *_) = write_report(made.records, tmp_path, made.name, formats=())
    rows = Page(page.read_text(encoding="utf-8")).tables["key_numbers"][1:]
    assert len(rows) == len(made.key_numbers)
    for cells, key in zip(rows, made.key_numbers.itertuples(), strict=True):
        assert cells[0] == key.quantity
        assert cells[1].split(" ± ")[0] == ("–" if pd.isna(key.value) else number(key.value, key.digits))


def test_interfaces_vacancies_bands_and_events_are_what_claims_compare(
    made: Campaign, former: Path, tmp_path: Path, catholyte: Run
) -> None:
    keys = {row.quantity: row.value for row in made.key_numbers.itertuples()}
    told = [{"text": name, "holds": f"{name} > -1000"} for name in NAMED[made.name]]
    recipe = made.recipe.model_dump(mode="json", exclude_none=True) | {"name": made.name, "claims": told}
    (tmp_path / "claimed.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    findings = answer(catholyte("claims", tmp_path / "claimed.yaml", "--store", former, "--json"))["claims"]
    compared = {finding["claim"]: finding["numbers"][0]["value"] for finding in findings}
    assert compared == {name: keys[quantity] for name, quantity in NAMED[made.name].items()}


def test_band_centres_are_those_of_the_command(former: Path, catholyte: Run) -> None:
    with Campaign(former, "electrons") as campaign:
        keys = {row.quantity: row.value for row in campaign.key_numbers.itertuples()}
        compared = 0
        for name in ("LCO", "CoO"):
            (key,) = campaign.jobs.query(f"name == '{name} electronic main'")["key"]
            told = answer(catholyte("bands", key, "--store", former, "--json"))["centers"]
            (center,) = {row["center"] for row in told if (row["reference"], row["environment"]) == ("vbm", "all")}
            assert center == keys[f"O 2p centre of {name}, occupied states, from the valence-band maximum"]
            compared += 1
    assert compared == 2


def test_every_key_number_of_reactions_and_windows_is_that_of_its_command(campaign: Campaign, catholyte: Run) -> None:
    keys = {row.quantity: row for row in campaign.key_numbers.itertuples()}
    reactions, windows = campaign.recipe.reactions, campaign.recipe.windows
    assert reactions is not None
    assert windows is not None
    compared = 0
    for a, b in reactions.pairs:
        told = answer(catholyte("reactions", a, b, "--json"))
        known = campaign.reaction(a, b)
        name = f"reaction energy {known.a.label} | {known.b.label}"
        for part in ("mutual", "total"):
            key = keys[f"{part.capitalize()} {name}"]
            assert (told[part]["energy"], told["uncertainty"][part]) == (key.value, key.uncertainty)
            compared += 1
    for material in windows.materials:
        told = answer(catholyte("window", material, "--json"))
        for limit in ("reduction", "oxidation"):
            key = keys.get(f"{limit.capitalize()} limit of {material}")
            value = told[limit]
            assert value == (None if key is None or pd.isna(key.value) else key.value)
            compared += 1
    assert compared == 2 * len(reactions.pairs) + 2 * len(windows.materials)


def test_volumes_of_the_board_are_those_of_the_report(store: Path) -> None:
    with Campaign(store, "core-shell") as campaign:
        table = campaign.tables["volumes"]
        named = table[table["V vs Li/Li⁺"].isna()]
        values = [
            v for v in BoardSource(campaign.records, "store").values("core-shell") if v.quantity.startswith("volume")
        ]
        assert len(values) == len(named) > 0
        for value, percent in zip(values, named["change (%)"], strict=True):
            assert value.text == f"{'+' if percent > 0 else ''}{number(percent, 1)}"


def test_the_command_answers_with_the_number_of_the_report(campaign: Campaign, catholyte: Run) -> None:
    row = campaign.tables["reactions"].iloc[0]
    a, b = row["pair"].split(" | ")
    assert answer(catholyte("reactions", a, b, "--json"))["mutual"]["energy"] == row["mutual ± 1σ (eV/atom)"]


def test_a_chapter_evaluates_a_case_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from catholyte.analysis.report.case import read_case
    from catholyte.analysis.report.chapters import reactions
    from catholyte.analysis.report.page import matrix_values

    asked: list[tuple[str, str]] = []
    react = reactions.react

    def counted(a: str, b: str, *rest: object) -> object:
        asked.append((a, b))
        return react(a, b, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reactions, "react", counted)
    with Campaign(store, "li-rich") as campaign:
        case = read_case(campaign.records, "li-rich")
    matrix_values(case)
    section = reactions.REACTIONS.section(case)
    assert case.recipe.reactions is not None
    assert asked == list(case.recipe.reactions.pairs)
    assert len(section.key_numbers) == 3 * len(asked)
