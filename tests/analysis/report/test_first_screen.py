"""The first screen of the report: every question has an answer that is made of numbers, within sight, and light."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from catholyte.analysis.records import Records
from catholyte.analysis.report import page as report_page
from catholyte.analysis.report.claims import recipe_case
from catholyte.analysis.report.content import KeyNumber, Picture, Section
from catholyte.analysis.report.first_screen import Reply, replies, replies_in_words
from catholyte.analysis.report.page import CHAPTERS, write_report
from catholyte.analysis.report.quantities.answers import pair_answer, screen_answer, sentence_of, told, window_answer
from catholyte.analysis.report.rendering import environment
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.screen import screen
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.analysis.words import number
from catholyte.configs.load import load_recipe
from catholyte.configs.recipe import STEP_KINDS, asked, questions
from catholyte.configs.steps.mechanics import MECHANICS, MechanicsStep
from catholyte.configs.steps.reactions import REACTIONS, ReactionStep
from catholyte.configs.steps.screen import ScreenStep
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.small_campaigns import SHORTENED, unpack_small
from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.standins.browser import open_browser

KEY = KeyNumber("centre of CoO minus that of LCO", -0.44, "eV", 2, "gpaw", "jobs", 3.36, "spread over zeros")


def said(found: list[Reply]) -> str:
    return "\n".join(sentence for reply in found for sentence in reply.sentences)


def test_an_answer_is_made_of_the_numbers_of_the_analysis() -> None:
    phases = load_phase_set("solidstate")
    pairs = [react(*pair, phases) for pair in (("LCO", "LPSCl"), ("LCO", "Li2CO3"))]
    answer = pair_answer(pairs, 0.05)
    assert answer is not None
    first, second = answer.sentences
    energy = f"{number(pairs[0].mutual.energy, 3)} ± {number(pairs[0].uncertainty.mutual, 3)} eV/atom"
    assert first.startswith(f"LCO | LPSCl gain {energy} by mixing and make Li3PO4, Li2S, Co3S4, LiCl and Li2SO4; from")
    assert second.startswith("Of 2 pairs 1 reacts by more than 0.05 eV/atom, 1 does not and 0 are undecided")
    assert f"LCO | LPSCl with {energy}" in second
    assert (answer.picture, answer.tiers) == ("reaction_LCO_LPSCl", "chgnet + vasp")
    window = stability_window("LPSCl", phases)
    windows = window_answer([window])
    assert windows is not None
    assert windows.sentences[0].startswith(f"LPSCl is stable from {number(window.reduction.voltage)} ± ")


def test_the_layer_that_is_named_is_the_one_with_the_least_reactive_worst_interface() -> None:
    step = ScreenStep(phase_set="solidstate", cathodes=("LCO",), electrolytes=("LPSCl",), coatings=("CoO", "Li2CO3"))
    result = screen(step, load_phase_set("solidstate"))
    worst = {row.coating: row.worst for row in result.ranking if row.cathode == "LCO"}
    assert max(worst, key=lambda name: worst[name]) == "Li2CO3"
    answer = screen_answer(result)
    assert answer is not None
    assert answer.sentences[0].startswith("Of 2 layers between LCO and LPSCl, Li2CO3 leaves the least: ")
    assert f"has {number(worst['Li2CO3'], 3)} ± " in answer.sentences[0]
    assert "(decided at 2σ)" in answer.sentences[0]
    alone = screen_answer(screen(step.model_copy(update={"coatings": ("Li2CO3",)}), load_phase_set("solidstate")))
    assert alone is not None
    assert alone.sentences[0].startswith("Li2CO3 between LCO and LPSCl: the worst interface has ")


def test_a_sign_within_its_spread_is_undecided_and_a_number_without_a_value_says_nothing() -> None:
    assert sentence_of(KEY).endswith("LCO: −0.44 ± 3.36 eV, ±: spread over zeros; the sign is undecided.")
    assert sentence_of(replace(KEY, value=4.0)).endswith("LCO: 4.00 ± 3.36 eV, ±: spread over zeros.")
    bare = replace(KEY, uncertainty=None)
    assert sentence_of(bare).endswith("LCO: −0.44 eV.")
    assert told([KeyNumber("nothing", None, "eV", 2, "vasp", "")]) is None


@pytest.mark.parametrize("name", ["core-shell", "li-rich"])
def test_every_question_is_answered_in_numbers_before_any_job_has_run(name: str) -> None:
    recipe = load_recipe(name)[0]
    case = recipe_case(recipe)
    found = replies(case, CHAPTERS, [])
    assert [reply.question for reply in found] == questions(recipe)
    for reply in found:
        assert all(re.search(r"\d", sentence) for sentence in reply.sentences), reply.sentences
        assert len(reply.sentences) <= 2
    steps = dict(zip(asked(recipe), found, strict=True))
    long = {kind.name for kind in STEP_KINDS if kind.long}
    assert all(reply.answered for step, reply in steps.items() if step not in long)
    assert {"oxygen_loss", "transport"} <= long & {*steps}
    for step in long & {*steps}:
        assert steps[step].sentences == (f"0 jobs so far: `catholyte run {name} --only {step}` plans and runs them.",)


def test_questions_agree_in_number_and_name_few_pairs() -> None:
    pairs = [(name, "LPSCl") for name in ("LCO", "CoO", "NiO", "MnO", "FeO")]
    several = ReactionStep(phase_set="solidstate", pairs=tuple(pairs))
    few = several.model_copy(update={"pairs": several.pairs[:2]})
    assert REACTIONS.question(several) == (
        "How strongly do LCO | LPSCl, CoO | LPSCl and 3 further pairs react, and to what?"
    )
    assert REACTIONS.question(few) == "How strongly do LCO | LPSCl and CoO | LPSCl react, and to what?"
    assert MECHANICS.question(MechanicsStep(materials=("LCO",))) == "How stiff and how brittle is LCO?"


def test_a_chapter_without_an_answer_of_its_own_gives_its_first_numbers_and_figure() -> None:
    case = recipe_case(load_recipe("core-shell")[0])
    key = replace(KEY, quantity="Bulk modulus of LCO", value=120.4, unit="GPa")
    section = Section("mechanics", "Mechanics", [Picture("moduli", Figure(), "moduli")], [key])
    (said,) = [reply for reply in replies(case, CHAPTERS, [section]) if reply.chapter == "mechanics"]
    assert said.answered
    assert said.sentences[0].startswith("Bulk modulus of LCO: 120.40 ± 3.36 GPa")
    assert said.picture is section.pictures[0]
    in_words = replies_in_words(case, CHAPTERS, [("mechanics", "Mechanics", key)])
    assert [one.sentences for one in in_words] == [one.sentences for one in replies(case, CHAPTERS, [section])]
    assert not any(one.picture for one in in_words)


def test_words_of_a_figure_are_words_at_the_places_that_matplotlib_gave_them() -> None:
    figure = Figure()
    figure.text(0.1, 0.2, "up & <down", rotation=90, color="#0b5c93")
    figure.text(0.5, 0.5, "Å is bold", weight="bold")
    figure.text(0.3, 0.3, "Li$^{+}$")
    figure.text(0.7, 0.7, "143.6149  2.915 &lt;")
    drawn = Picture("words", figure, "words").svg
    page = str(environment(Path()).filters["figure"](Picture("words", figure, "words")))
    (turned,) = re.findall(r'<text style="fill: #0b5c93" transform="(.*?)" x="(.*?)">up &amp; &lt;down</text>', page)
    assert re.fullmatch(r"translate\([\d.]+ [\d.]+\) rotate\(-90\) scale\(0\.1\)", turned[0])
    line = drawn[drawn.index("<!-- up") :]
    steps = re.findall(r'translate\(([\d.]+) 0\)"/>', line[: line.index("</g>")])
    assert [int(x) for x in turned[1].split()] == [0, *(round(float(x)) for x in steps)]
    assert len(turned[1].split()) == len("up & <down")
    assert re.search(r' font-weight="700">Å is bold</text>', page)
    assert '">143.6149  2.915 &amp;lt;</text>' in page  # words are not made compact
    raised = re.findall(r'<use xlink:href="#(\S+?)"', page)  # a power is lower and smaller than its line: drawn
    assert len(raised) == 3
    assert {*re.findall(r'<path id="(\S+?)"', page)} == {*raised}


#: the last with which all are cards, the first and the last with six of them, and one for each chapter with results
_COUNTS = (9, 10, 12, len(CHAPTERS) - 2)


@cache
def _long(number: int) -> Reply:
    """An answer as long as the longest of the shipped recipes, with a figure."""
    sentence = f"{number} | LPSCl gain −0.360 ± 0.025 eV/atom by mixing and make Li3PO4, Li2S, Co3S4, LiCl and Li2SO4"
    question = f"How strongly do {number} | LPSCl, CoO | LPSCl and 3 further pairs react, and to what?"
    picture = Picture(f"figure_{number}", Figure(figsize=(7, 4)), "a figure")
    return Reply(
        question, (f"{sentence}; from measured enthalpies −0.263 ± 0.067.", sentence), picture, "windows", "gpaw"
    )


@pytest.fixture(scope="module")
def first_screens(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Pages with so many answers and two open questions, by the number of answers."""
    folder, case = tmp_path_factory.mktemp("many"), recipe_case(load_recipe("core-shell")[0])
    case.campaign["updated"] = "2026-01-01T00:00:00"
    pages = {}
    for count in _COUNTS:
        open_ = [replace(_long(k), answered=False, picture=None, sentences=("0 jobs so far.",)) for k in (98, 99)]
        pages[count] = folder / f"{count}.html"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(report_page, "replies", lambda *_, n=count, rest=open_: [*map(_long, range(n)), *rest])
            empty = report_page._key_table([])
            pages[count].write_text(report_page._page(case, [], empty, ()), encoding="utf-8")
    return pages


@pytest.mark.parametrize("number", _COUNTS)
def test_every_answer_stands_in_a_card_or_a_line_with_its_link(first_screens: dict[int, Path], number: int) -> None:
    html = first_screens[number].read_text(encoding="utf-8")
    cards, lines = html.count('<article class="reply">'), html.count('<details class="reply brief">')
    shown = number if number < 10 else 6 if number < 13 else 3
    assert (cards, lines) == (shown, number - shown)
    assert html.count('id="lead-figure_') == html.count('href="#windows">numbers and how') == number
    assert html.count('<span class="gist">') == lines


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first-screen")
    store = open_store(unpack("shipped", folder / "store"), create=False)
    records = Records(store.outputs, store.states, store.campaigns)
    (path, *_) = write_report(records, folder / "report", "gsirr", formats=())
    store.close()
    return path


@pytest.mark.slow
def test_the_page_of_the_largest_shipped_campaign_is_light(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert len(html.encode()) < 2_000_000
    assert "<script" not in html
    assert html.index('class="reply') < html.index('id="claims"') < html.index('id="reactions"')


#: bottoms of all answers, px
_PLACES = "return [...document.querySelectorAll('.reply p')].map(p => p.getBoundingClientRect().bottom + scrollY)"
#: words that are wider than their box
_CUT = """return [...document.querySelectorAll('#answers h2, #answers p')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""


#: lowest edge of what a reader sees of the answers before anything is opened, px
_SEEN = """return Math.max(...[...document.querySelectorAll('#answers h2, #answers p, #answers .gist')]
  .filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect().bottom + scrollY))"""


@pytest.mark.browser
def test_many_answers_stand_within_1500_pixels_and_open_by_their_links(first_screens: dict[int, Path]) -> None:
    with open_browser(width=1300, height=900) as browser:
        for number, path in first_screens.items():
            browser.get(path.as_uri())
            assert browser.execute_script(_SEEN) < 1500, number
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 1300
            seen = [
                e for e in browser.find_elements("css selector", "#answers h2, #answers .open a") if e.is_displayed()
            ]
            assert len([e for e in seen if "LPSCl" in e.text]) == number + 2
            browser.get(f"{path.as_uri()}#lead-figure_{number - 1}")
            last = browser.find_element("id", f"lead-figure_{number - 1}")
            assert last.is_displayed()


@pytest.mark.browser
def test_answers_stand_within_1500_pixels_and_the_rest_is_folded(page: Path) -> None:
    with open_browser(width=1300, height=900) as browser:
        browser.get(page.as_uri())
        assert max(browser.execute_script(_PLACES)) < 1500
        assert browser.execute_script("return document.documentElement.scrollHeight") < 3 * 900
        assert browser.execute_script("return document.querySelectorAll('details[open]').length") == 0
        browser.get(f"{page.as_uri()}#reactions")
        assert browser.execute_script("return document.getElementById('reactions').closest('details').open")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_small(tmp_path_factory.mktemp("small"))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("name", SHORTENED)
def test_each_question_of_a_recipe_that_ran_has_its_answer_in_sight(name: str, small: Path, tmp_path: Path) -> None:
    """A reader by rule: one heading for each question, an answer in numbers below it, all of it whole and in sight."""
    store = open_store(small, create=False)
    (page, *_) = write_report(store.records(), tmp_path, name, formats=())
    recipe = store.records().recipe(name)
    store.close()
    assert page.stat().st_size < 2_000_000
    with open_browser(width=1300, height=900) as browser:
        browser.get(page.as_uri())
        told = browser.find_element("id", "answers").text
        assert [question for question in questions(recipe) if question not in told] == []
        answered = browser.find_elements("css selector", ".reply:not(.open)")
        steps = set(asked(recipe)) - set(SHORTENED[name][1])
        assert len(answered) >= len(asked(recipe)) - len(steps & {kind.name for kind in STEP_KINDS if kind.long})
        for reply in answered:
            assert all(re.search(r"\d", p.text) for p in reply.find_elements("css selector", "p:not(.below)"))
        assert max(browser.execute_script(_PLACES)) < 1500
        assert browser.execute_script(_CUT) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 1300
