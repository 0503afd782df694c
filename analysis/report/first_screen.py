"""The first screen of the report: each question of the recipe with its answer and the figure that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...configs.recipe import STEP_KINDS, asked
from ..campaigns import FINISHED
from .case import Case
from .chapter import Chapter
from .content import Answer, KeyNumber, Picture, Section
from .quantities.answers import told

__all__ = ["Reply", "replies", "replies_in_words"]


@dataclass(frozen=True)
class Reply:
    """One question with its answer.

    Parameters
    ----------
    question : str
    sentences : tuple of str
    picture : Picture or None
    chapter : str
        Anchor of the chapter that computed it.
    tiers : str
        Tiers behind the numbers.
    answered : bool
        False where the numbers are not there yet.
    """

    question: str
    sentences: tuple[str, ...]
    picture: Picture | None
    chapter: str
    tiers: str
    answered: bool = True


def replies(case: Case, chapters: Sequence[Chapter[Any, Any]], sections: Sequence[Section]) -> list[Reply]:
    """Return an answer to each question of the recipe, and what chapters say whose step asks none by itself.

    Parameters
    ----------
    case : Case
    chapters : sequence of Chapter
    sections : sequence of Section
        Of the same chapters, among others.
    """
    pictures = {section.id: {one.name: one for one in section.pictures} for section in sections}
    shown = {section.id: section for section in sections}
    questions, found = asked(case.recipe), list[Reply]()
    for step, question in questions.items():
        own = [chapter for chapter in chapters if chapter.step == step]
        said = [(chapter, answer) for chapter in own if (answer := _answer(case, chapter, shown))]
        if said:
            found += [_reply(question, chapter, answer, pictures) for chapter, answer in said]
        elif own:
            found.append(Reply(question, (_nothing(case, step),), None, own[0].id, "", answered=False))
    silent = {kind.name for kind in STEP_KINDS if not kind.last_resort} - {*questions}
    for chapter in chapters:
        if chapter.step in silent and (answer := _answer(case, chapter, shown)):
            found.append(_reply(chapter.title, chapter, answer, pictures))
    return found


def replies_in_words(
    case: Case, chapters: Sequence[Chapter[Any, Any]], numbers: Sequence[tuple[str, str, KeyNumber]]
) -> list[Reply]:
    """Return the same answers without their figures, from key numbers alone.

    Parameters
    ----------
    case : Case
    chapters : sequence of Chapter
    numbers : sequence of tuple
        Anchor and title of the chapter, and its key number, as :func:`~.page.campaign_numbers` gives them.
    """
    sections: dict[str, Section] = {}
    for anchor, title, number in numbers:
        sections.setdefault(anchor, Section(anchor, title)).key_numbers.append(number)
    return replies(case, chapters, list(sections.values()))


def _answer(case: Case, chapter: Chapter[Any, Any], shown: dict[str, Section]) -> Answer | None:
    """The chapter's own answer, else its first key numbers and its first figure."""
    if (own := chapter.answered(case)) is not None or chapter.id not in shown:
        return own
    section = shown[chapter.id]
    return told(section.key_numbers, section.pictures[0].name if section.pictures else "")


def _reply(question: str, chapter: Chapter[Any, Any], answer: Answer, pictures: dict[str, dict[str, Picture]]) -> Reply:
    picture = pictures.get(chapter.id, {}).get(answer.picture)
    return Reply(question, answer.sentences, picture, chapter.id, answer.tiers)


def _nothing(case: Case, step: str) -> str:
    """Why there is no number, with how many jobs there are."""
    jobs = [entry for entry in case.entries if entry.plan["step"] == step]
    done = sum(entry.state in FINISHED for entry in jobs)
    if jobs:
        return f"{done} of {len(jobs)} jobs are finished, too few for a number."
    only = f" --only {step}" if any(kind.name == step and kind.long for kind in STEP_KINDS) else ""
    return f"0 jobs so far: `catholyte run {case.recipe.name}{only}` plans and runs them."
