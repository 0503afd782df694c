"""The command ``claims``: verdicts on what the sources of recipes claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError, StoreError
from ...store.campaign_store import open_records
from ..answers.results import Claims
from ..command import Command
from ..options import StorePlace
from ..output import narrate, say, table

if TYPE_CHECKING:
    from ....analysis.records import Records
    from ....analysis.report.case import Case
    from ....configs.load import SourceFile
    from ....configs.recipe import Recipe

__all__ = ["COMMAND", "claims"]


def claims(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE|FILE", help="Name of a shipped recipe, or path of a YAML file; all shipped."),
    ] = None,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Judge what the source of a recipe claims, by numbers with their intervals.

    What the phase set answers needs no store; claims that rest on jobs are judged by the campaign of that name in it.

    Raises
    ------
    InputError
        If a claim of the file names a quantity that does not exist, with the nearest names.
    StoreError
        If the named store does not exist.
    """
    from ....analysis.report.claims import judged, require_quantities
    from ....analysis.report.page import CHAPTERS
    from ....configs.load import load_recipe, recipe_names

    names = [recipe] if recipe else recipe_names()
    found, records = [], _records(store)
    for loaded, source in map(load_recipe, names):
        if not loaded.claims:
            continue
        case = _case(loaded, records)
        _require(require_quantities(loaded.claims, CHAPTERS, case), source)
        narrate(f"{loaded.name}: {len(loaded.claims)} claims")
        found += [finding.to_json() for finding in judged(loaded.claims, case, CHAPTERS)]
    return {"claims": found, "counts": _counts(found)}


def _records(store: str | None) -> Records | None:
    """The store that was named, or the usual one where there is one."""
    try:
        return open_records(store)
    except StoreError:
        if store is not None:
            raise
        return None


def _case(recipe: Recipe, records: Records | None) -> Case:
    from ....analysis.report.case import read_case
    from ....analysis.report.claims import recipe_case

    if records is None or recipe.name not in records.campaign_names():
        return recipe_case(recipe)
    stored = read_case(records, recipe.name)  # its jobs, with what the recipe asks for today
    return stored if stored.committee else replace(stored, recipe=recipe_case(recipe).recipe, computed={})


def _require(wrong: dict[int, str], source: SourceFile) -> None:
    if wrong:
        raise InputError("\n".join(str(source.error(["claims", at, "holds"], text)) for at, text in wrong.items()))


def _counts(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Recipe to verdict to number of claims."""
    from ....analysis.report.claims import VERDICTS

    counts: dict[str, dict[str, int]] = {}
    for one in found:
        counts.setdefault(one["source"], dict.fromkeys(VERDICTS, 0))[one["verdict"]] += 1
    return counts


def _show(document: dict[str, Any]) -> None:
    from ....analysis.report.claims_section import held_against, interval_text

    for name in document["counts"]:
        rows = [
            (
                one["verdict"],
                one["claim"],
                interval_text(one),
                held_against(one),
                one["printed"],
                one["tier"],
                one["cause"] or one["reason"],
            )
            for one in document["claims"]
            if one["source"] == name
        ]
        table(name, ("verdict", "claim", "number [interval]", "held against", "printed", "tier", "why"), rows)
    if not document["counts"]:
        say("the recipe makes no claim: `claims:` in its file holds them")
        return
    verdicts = list(next(iter(document["counts"].values())))
    rows = [(name, *counts.values()) for name, counts in document["counts"].items()]
    table("claims by source", ("source", *verdicts), rows)


COMMAND = Command(claims, _show, Claims)
