"""What every chapter shares: attempts whose errors become paragraphs, and results that are kept for each case."""

from __future__ import annotations

from typing import Any

import pytest

from catholyte.analysis.report.case import Case
from catholyte.analysis.report.chapter import Chapter, Problems, phases_of
from catholyte.analysis.report.content import KeyNumber, Text
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe


def case() -> Case:
    return Case({}, load_recipe("gsirr")[0], [], [], {})


def test_an_error_becomes_a_paragraph_and_the_work_goes_on() -> None:
    problems, done = Problems(), []
    for name in ("LCO", "Unobtainium", "CoO"):
        with problems.attempt(name):
            if name == "Unobtainium":
                raise InputError("no such material")
            done.append(name)
    assert done == ["LCO", "CoO"]
    assert problems.texts == [Text("Unobtainium: no such material", "problem")]
    assert problems.of("Unobtainium") == "no such material"
    assert problems.of("LCO") == ""


def test_an_error_of_the_code_is_not_hidden() -> None:
    problems = Problems()
    with pytest.raises(ZeroDivisionError), problems.attempt("a number"):
        print(1 / 0)
    assert problems.texts == []


def test_a_chapter_shows_its_results_or_that_nothing_was_asked() -> None:
    asked: list[str] = []

    def evaluate(_: Case, name: str) -> list[str]:
        asked.append(name)
        return [name]

    chapter = Chapter(
        "toy",
        "Toy",
        "The recipe asks for no toy.",
        lambda one: one.recipe.name if one.recipe.bulk else None,
        evaluate,
        lambda found: [Text(name) for name in found],
        lambda found: [KeyNumber(name, 1.0, "eV", 2, "chgnet", "made") for name in found],
        lambda found: [f"{name}!" for name in found],
    )
    full = case()
    section = chapter.section(full)
    assert ([block.kind for block in section.blocks], section.warnings) == (["plain"], ["gsirr!"])
    assert [key.quantity for key in section.key_numbers] == ["gsirr"]
    assert chapter.section(full) == section
    assert asked == ["gsirr"]
    bare = Case({}, full.recipe.model_copy(update={"bulk": None}), [], [], {})
    assert chapter.section(bare).blocks == [Text("The recipe asks for no toy.")]
    assert chapter.matrix_values(full) == []
    assert asked == ["gsirr"]


def test_a_phase_set_is_loaded_once_for_a_case_and_a_missing_one_says_so() -> None:
    full = case()
    assert full.recipe.reactions is not None
    name = full.recipe.reactions.phase_set
    first = phases_of(full, name)
    assert first.phases is not None
    assert phases_of(full, name).phases is first.phases
    missing = phases_of(full, "none-such")
    assert missing.phases is None
    assert missing.problem.startswith("The phase set none-such cannot be used: unknown phase set")


def test_members_of_a_committee_share_what_phases_alone_decide() -> None:
    """Evaluated once where both ask for the same, twice where they do not, and never shared where jobs enter."""
    whole, recipe = case(), load_recipe("gsirr")[0]
    assert recipe.windows is not None
    other = recipe.model_copy(update={"windows": recipe.windows.model_copy(update={"materials": ["LCO"]})})
    members = [
        Case({}, one, [], [], {}, member=name, whole=whole)
        for name, one in zip("abc", (recipe, recipe, other), strict=True)
    ]
    evaluated: list[str] = []

    def evaluate(one: Case, _: object) -> str:
        evaluated.append(one.member)
        return one.member

    def chapter(of_phases: bool) -> Chapter[Any, str]:
        return Chapter(
            f"toy {of_phases}",
            "Toy",
            "",
            lambda one: one.recipe.windows,
            evaluate,
            lambda found: [Text(found)],
            phase_set=(lambda step: step.phase_set) if of_phases else None,
        )

    assert [chapter(of_phases=True).results(one) for one in members] == ["a", "a", "c"]
    assert [chapter(of_phases=False).results(one) for one in members] == ["a", "b", "c"]
    assert evaluated == ["a", "c", "a", "b", "c"]
    assert chapter(of_phases=True).results(whole) == ""  # what its members share is not its own
