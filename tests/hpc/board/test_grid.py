"""The matrix as a matrix, the page of key numbers and two campaigns side by side."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from catholyte.analysis.report.committee import committee_section
from catholyte.analysis.report.content import Extrapolation, KeyNumber, Value
from catholyte.analysis.report.first_screen import Reply
from catholyte.analysis.report.page import Numbers
from catholyte.analysis.words import number
from catholyte.hpc.board.app import _Live, create_app
from catholyte.hpc.board.export import export_board
from catholyte.hpc.board.filters import narrowed
from catholyte.hpc.board.grid import layers_of
from catholyte.hpc.board.matrix import Line, Matrix, build_matrix, usage, usage_by_step
from catholyte.hpc.board.numbers import committee_differences
from catholyte.hpc.board.pages import Pages
from catholyte.hpc.board.reader import Reader
from catholyte.hpc.board.snapshot import OTHER, Answers, BoardSource
from catholyte.tests.support.campaigns.board_campaigns import mixed_campaign, moving_campaign

LOCAL = "http://127.0.0.1:8765"
VALUES = [
    Value(("LCO", "LPSCl"), "mutual (eV/atom)", "−0.360 ± 0.025", "chgnet + vasp", "made", verdict="reacts"),
    Value(("LCO", "LPSCl"), "total (eV/atom)", "−0.371 ± 0.030", "vasp", "made"),
    Value(("LCO", "Li2CO3"), "mutual (eV/atom)", "0.000 ± 0.010", "vasp", "made", verdict="does not react"),
    Value(("LCO", "CoO", "LPSCl"), "worst interface (eV/atom)", "−0.364 ± 0.027", "vasp", "made", verdict="undecided"),
    Value(("NCM811", "CoO", "LPSCl"), "worst interface (eV/atom)", "−0.3 ± 0.1", "vasp", "made", verdict="lowers it"),
    Value(("LPSCl",), "window (V vs Li/Li⁺)", "1.7 to 2.0", "vasp", "made"),
]


@pytest.fixture
def source() -> BoardSource:
    return mixed_campaign()


@pytest.fixture
def matrix(source: BoardSource) -> Matrix:
    return build_matrix(source.snapshot("gsirr"), VALUES)


def key(value: float, sigma: float | None) -> KeyNumber:
    return KeyNumber("made number", value, "eV", 2, "gpaw", "job 1", sigma, "1σ" if sigma is not None else "")


def answers(value: float, sigma: float | None = 0.1, doubts: tuple[Extrapolation, ...] = ()) -> Answers:
    return Answers(2, [], Numbers([("geometry", "Geometry", key(value, sigma))], None, list(doubts)))


def test_contacts_stand_in_tabs_by_layer(matrix: Matrix) -> None:
    bare, coated = layers_of(matrix)
    assert (bare.layer, bare.cathodes, bare.electrolytes) == ("", ["LCO"], ["LPSCl", "Li2CO3"])
    assert (coated.layer, coated.cathodes, coated.electrolytes) == ("CoO", ["LCO", "NCM811"], ["LPSCl"])
    assert bare.cells["LCO", "LPSCl"].cell.text == "−0.360 ± 0.025"
    assert coated.cells["NCM811", "LPSCl"].cell.verdict == "lowers it"
    asked = layers_of(matrix, "total (eV/atom)")[0].cells
    assert asked["LCO", "LPSCl"].column == "total (eV/atom)"
    assert asked["LCO", "Li2CO3"].column == "mutual (eV/atom)"  # it has no other


def test_a_search_needs_every_word_and_none_means_bare(matrix: Matrix) -> None:
    assert [line.name for line in narrowed(matrix, {"text": "lco coo"}).lines] == ["LCO | CoO | LPSCl"]
    assert [line.name for line in narrowed(matrix, {"layer": "none"}).lines] == ["LCO | LPSCl", "LCO | Li2CO3"]
    assert [line.cathode for line in narrowed(matrix, {"layer": "CoO"}).lines] == ["LCO", "NCM811"]


def test_the_page_says_in_words_what_it_colours(source: BoardSource) -> None:
    from catholyte.hpc.board.app import _Live

    pages = Pages(source)
    pages.values["gsirr"] = VALUES
    told = Extrapolation(("LCO", "LPSCl"), "LCO | LPSCl: forces part in 3 % of all atoms and frames.")
    pages.answers["gsirr"] = answers(1.0, doubts=(told,))
    page = pages.matrix("gsirr", _Live(), {})
    grid = page.split('class="grid"')[1].split("</table>")[0]
    for kind, word in (("reacts", "reacts"), ("does-not-react", "does not react")):
        (cell,) = re.findall(rf'<td class="cell value {kind}".*?</td>', grid, re.DOTALL)
        assert f'<span class="flag verdict">{word}</span>' in cell
    assert "lowers it" not in grid
    assert "a potential extrapolates" in grid
    assert 'href="/campaign/gsirr?layer=CoO"' in page
    coated = pages.matrix("gsirr", _Live(), {"layer": "CoO"}).split('class="grid"')[1].split("</table>")[0]
    assert "lowers it" in coated
    assert "does not react" not in coated
    numbers = pages.numbers("gsirr", _Live(), {})
    assert told.text in numbers
    assert "1.00\u00a0±\u00a00.10" in numbers
    assert "[0.80, 1.20]" in numbers
    assert "made number" not in pages.numbers("gsirr", _Live(), {"text": "unheard of"})


def test_a_number_in_which_a_committee_differs_is_told_beside_its_own_system(source: BoardSource) -> None:
    from catholyte.hpc.board.app import _Live

    told = {  # by the first member, and by the other
        "Adhesion of LCO|LPSCl, strained references": (0.5, 0.8),
        "LCO, mean formation energy of an oxygen vacancy": (2.0, 2.1),
        "LCO|LPSCl: S-S forming in 2 ps": (3.0, 3.0),
    }
    first, other = (
        [KeyNumber(words, both[k], "eV", 2, "chgnet", "job 1") for words, both in told.items()] for k in (0, 1)
    )
    section = committee_section("chgnet", ["sevennet"], [(first, {"sevennet": other})])
    found = Answers(2, [], Numbers([], section, []))
    lines = [Line("LCO", "", ""), Line("LCO", "", "LPSCl"), Line("", "", "LPSCl"), Line("LCO", "CoO", "LPSCl")]
    assert committee_differences(found, lines) == {
        "LCO | LPSCl": [f"Adhesion of LCO|LPSCl, strained references: they differ by {number(0.3, 2)} eV"],
        "LCO": [f"LCO, mean formation energy of an oxygen vacancy: they differ by {number(0.1, 2)} eV"],
    }
    assert committee_differences(answers(1.0), lines) == committee_differences(None, lines) == {}
    pages = Pages(source, values={"gsirr": VALUES}, answers={"gsirr": found})
    page = pages.matrix("gsirr", _Live(), {})
    grid = page.split('class="grid"')[1].split("</table>")[0]
    assert grid.count("the committee differs in 1 number</a>") == 1
    assert '#committee" title="Adhesion of LCO|LPSCl' in grid
    assert 'id="committee"' in pages.numbers("gsirr", _Live(), {})


@pytest.fixture(scope="module")
def compared() -> Iterator[TestClient]:
    source = mixed_campaign()
    source.beside = moving_campaign()
    with TestClient(create_app(source), base_url=LOCAL) as client:
        yield client


def test_two_campaigns_stand_side_by_side(source: BoardSource) -> None:
    from catholyte.hpc.board.app import _Live

    source.beside = moving_campaign()
    pages = Pages(source)
    assert "being evaluated" in pages.compare(_Live(), {})
    pages.answers |= {"gsirr": answers(2.0), f"{OTHER}gsirr": answers(1.0)}
    page = html.unescape(pages.compare(_Live(), {}))
    assert "old: <strong>gsirr (a store in memory)" in page
    row = page.split('<tr data-verdict="')[1].split("</tr>")[0]
    assert row.startswith("apart")
    for told in ("1.00\u00a0±\u00a00.10", "[0.80, 1.20]", "[1.80, 2.20]", f"1.00\u00a0±\u00a0{number(0.08**0.5, 2)}"):
        assert told in row, told
    assert "<tr data-verdict" not in pages.compare(_Live(), {"verdict": "equal"})
    same = pages.compare(_Live(), {"old": "gsirr", "new": "gsirr"})
    assert re.findall('<tr data-verdict="(.*?)"', same) == ["equal"]


@pytest.mark.parametrize("name", ['{"$ne": null}', "../../etc/passwd", "<script>alert(1)</script>", "9" * 5000, "2/x"])
def test_a_campaign_that_does_not_exist_is_not_compared(compared: TestClient, name: str) -> None:
    for side in ("old", "new"):
        answered = compared.get("/compare", params={side: name})
        assert answered.status_code == 404
        assert "<script>alert" not in answered.text
    assert compared.post("/compare").status_code == 405


def test_answers_stand_above_the_matrix_each_with_its_first_sentence(source: BoardSource) -> None:
    made = [
        Reply(
            "Does LCO react?",
            ("Li6PS5Cl <b> gains −0.36 eV/atom.", "Of 2 pairs 1 reacts."),
            None,
            "reactions",
            "chgnet",
        ),
        Reply(
            "Which bonds break?",
            ("0 jobs so far: `catholyte run gsirr` runs them.",),
            None,
            "motion",
            "",
            answered=False,
        ),
    ]
    pages = Pages(source, values={"gsirr": []}, answers={"gsirr": Answers(2, [], Numbers([], None, []), replies=made)})
    html = pages.matrix("gsirr", _Live(), {})
    assert "Answers to 1 of 2 questions" in html
    assert html.index("Does LCO react?") < html.index("Which bonds break?") < html.index('id="matrix"')
    assert html.count("Li<sub>6</sub>PS<sub>5</sub>Cl &lt;b&gt; gains −0.36 eV/atom.") == 2  # in the line, and opened
    assert '<span class="tier machine-learned">chgnet</span>' in html
    assert "<code>catholyte run gsirr</code>" in html


def test_what_ended_since_is_evaluated_again(monkeypatch: pytest.MonkeyPatch, source: BoardSource) -> None:
    pages = Pages(source)
    reader = Reader(source, pages)
    asked: list[str] = []

    def answered(name: str) -> Answers:
        asked.append(name)
        return Answers(source.snapshot(name).finished, [], Numbers([], None, []))

    monkeypatch.setattr(source, "answers", answered)
    monkeypatch.setattr(source, "values", lambda name: [])
    before = pages.mark(source.snapshot("gsirr"))
    reader.round()
    assert pages.mark(source.snapshot("gsirr")) != before  # an open page fetches itself again
    reader.round()
    assert asked == ["gsirr"]
    pages.answers["gsirr"] = Answers(1, [], Numbers([], None, []))  # as if one job had ended since
    reader.round()
    assert asked == ["gsirr"], "not before it has rested"
    reader._due["gsirr"] = 0.0
    reader.round()
    assert asked == ["gsirr", "gsirr"]


def test_hours_by_step_add_up(source: BoardSource) -> None:
    snapshot = source.snapshot("gsirr")
    steps, whole = usage_by_step(snapshot), usage(snapshot)
    assert set(steps) == {"bulk", "electronic"}
    assert sum(one.used for one in steps.values()) == pytest.approx(whole.used)
    assert sum(one.measured for one in steps.values()) == whole.measured
    assert steps["bulk"].estimated == pytest.approx(72 / 3600)
    assert steps["bulk"].spent == pytest.approx(36 / 3600)


@pytest.mark.slow
def test_the_export_holds_numbers_layers_and_the_comparison(source: BoardSource, tmp_path: Path) -> None:
    source.beside = moving_campaign()
    export_board(source, tmp_path)
    matrix, compare = ((tmp_path / name).read_text(encoding="utf-8") for name in ("gsirr.html", "gsirr-compare.html"))
    assert 'href="gsirr-numbers.html"' in matrix
    assert 'href="gsirr-compare.html"' in matrix
    assert matrix.count('<details class="tab"') == 1
    assert '<select name="old">' not in compare
    assert "<tr data-verdict" in compare
