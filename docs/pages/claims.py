"""The page ``docs/claims.md`` and the table in the README: ``python -m catholyte.docs.pages.claims`` writes both anew.

Claims are judged by the phase set and by the stores that the tests carry, one after the other; what rests on jobs that
none of them holds is not computed yet.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...analysis.report.case import read_case
from ...analysis.report.claims import Verdict, judged
from ...analysis.report.claims_section import RULE, held_against, interval_text
from ...analysis.report.page import CHAPTERS
from ...configs.claims import Claim, parse_comparison
from ...configs.load import load_recipe
from ...configs.recipe import Recipe
from ...hpc.commands.results.claims import claims
from ...hpc.store.campaign_store import open_records

__all__ = ["claims_page", "judged_claims", "readme_with"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "claims.md"
README = ROOT / "README.md"
#: in this order; the first has campaigns of all recipes, the last the most shortened ones
STORES = tuple(
    ROOT / "tests" / "data" / f"{name}.tar.xz"
    for name in ("campaigns", "claim-campaigns", "interface-campaigns", "small-campaigns")
)
OPEN: Verdict = "not computed yet"
#: counts of what a recipe asks for: a shortened one has fewer, which says nothing of its source
COUNTED = ("orderings(",)
#: recipe and step to what `catholyte plan RECIPE --only STEP` forecast on 2026-11-30, all engines of the recipe
FORECASTS: dict[tuple[str, str], str] = {
    ("gsirr", "interface"): "188 jobs, about 14 hours of one core, the electrons of 32 and 48 atoms by GPAW among them",
    ("nmc532-lgps", "oxygen_loss"): "62 jobs and those that they add, about 10 hours of one core by two potentials",
}
_STEP = re.compile(r"run `catholyte run (\S+) --only (\w+)`")
_BLOCK = re.compile(r"(<!-- claims -->\n).*?(<!-- /claims -->)", re.DOTALL)


def judged_claims() -> dict[str, Any]:
    """The answer of ``catholyte claims`` on the first store of the tests; what it leaves open is judged on the others.

    A finding of a shortened recipe says under ``shortened`` what was shortened.
    """
    first, *others = STORES
    with _unpacked(first) as folder:
        found = claims(store=folder)
    rows: list[dict[str, Any]] = found["claims"]
    for packed in others:
        with _unpacked(packed) as folder:
            rows = _judged_in(folder, rows)
    counts = {name: dict.fromkeys(row, 0) for name, row in found["counts"].items()}
    for one in rows:
        counts[one["source"]][one["verdict"]] += 1
    return {"claims": rows, "counts": counts}


@contextmanager
def _unpacked(packed: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(packed) as opened:
            opened.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        yield folder


def _judged_in(folder: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, and instead of those that are not computed yet what the campaigns of a store say."""
    records = open_records(folder)
    found = list(rows)
    for name in records.campaign_names():
        still = [k for k, one in enumerate(found) if (one["source"], one["verdict"]) == (name, OPEN)]
        if not still:
            continue
        case = read_case(records, name)
        asked = {claim.text: claim for claim in load_recipe(name)[0].claims}
        told = judged([asked[found[k]["claim"]] for k in still], case, CHAPTERS)
        for k, finding in zip(still, told, strict=True):
            short = _shortened(case.recipe, finding.claim)
            counted = short and rows[k]["comparison"].startswith(COUNTED)
            if finding.verdict != OPEN and not counted:
                found[k] = {**finding.to_json(), "shortened": short}
    return found


def _shortened(recipe: Recipe, claim: Claim) -> str:
    """What a recipe says that it shortens of the sections that a claim rests on; empty where that is nothing.

    The choice is named ``shortened for …``, and where it is not the whole recipe ``shortened for …: section, section``.
    """
    choice = next((one for one in recipe.choices if one.setting.startswith("shortened")), None)
    if choice is None or claim.holds is None:
        return ""
    sections = choice.setting.partition(": ")[2].split(", ")
    steps = {one.name: one.step for chapter in CHAPTERS for one in chapter.quantities}
    mine = {steps[term.name] for term in parse_comparison(claim.holds).terms}
    return choice.value if sections == [""] or mine & set(sections) else ""


def claims_page(found: Mapping[str, Any]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    found : mapping
        Of :func:`judged_claims`.
    """
    lines = [
        "# What the sources claim, and what holds",
        "",
        "Each shipped recipe follows a published study and carries its claims in the section `claims`. `catholyte claims "
        "[RECIPE] [--store DIR]` judges them, and so does the report of a campaign. " + RULE,
        "",
        "Machine-learned potentials decide no claim on interfaces, dynamics and vacancies: there their numbers are "
        "hypotheses, which are shown. Energies of the phase set that they made decide with their error. *Not computed "
        "yet*: the jobs are in none of the stores of the tests, on which this page is written by "
        "`python -m catholyte.docs.pages.claims`. *Shortened*: judged on a smaller cell or fewer arrangements than the "
        "recipe asks for, as the row says. *Forecast*: by `catholyte plan`, an order of "
        "magnitude. *With measured enthalpies*: the same comparison where they are known.",
        "",
        *_overall(found["counts"]),
    ]
    for name in found["counts"]:
        recipe = load_recipe(name)[0]
        lines += ["", f"## {name}", "", f"{recipe.title}.", ""]
        rows = [one for one in found["claims"] if one["source"] == name]
        lines += ["| claim | printed | held against | number [interval] | verdict | why | with measured enthalpies |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [_row(one) for one in rows]
    return "\n".join([*lines, *_quantities()]) + "\n"


def _quantities() -> list[str]:
    """What a comparison may name."""
    lines = ["", "## Quantities", "", "| quantity | unit | meaning | needs |", "|---|---|---|---|"]
    for chapter in CHAPTERS:
        for one in chapter.quantities:
            needs = f"jobs of `{one.step}`" if one.step else "the phase set"
            bound = "; machine-learned numbers are hypotheses" if one.hypothesis else ""
            lines.append(f"| `{one.signature}` | {one.unit} | {one.meaning} | {needs}{bound} |")
    return lines


def _overall(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    verdicts = list(next(iter(counts.values())))
    lines = [f"| source | {' | '.join(verdicts)} |", "|---" * (len(verdicts) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(str(n) for n in row.values())} |" for name, row in counts.items()]
    total = [sum(row[verdict] for row in counts.values()) for verdict in verdicts]
    return [*lines, f"| all | {' | '.join(map(str, total))} |"]


def _row(one: Mapping[str, Any]) -> str:
    tier = f" ({one['tier']})" if one["tier"] else ""
    cells: Sequence[str] = (
        one["claim"],
        one["printed"],
        held_against(one),
        interval_text(one) + tier,
        f"**{one['verdict']}**",
        _why(one),
        one["measured"],
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _why(one: Mapping[str, Any]) -> str:
    """The cause or reason of a row, what was shortened, and the forecast of what is not computed yet."""
    told = str(one["cause"] or one["reason"])
    if short := one.get("shortened"):
        return f"{told} (shortened: {short})"
    if one["verdict"] == OPEN and (asked := _STEP.search(one["reason"])):
        cost = FORECASTS[asked[1], asked[2]]
        return f"{one['reason']} (forecast: {cost})"
    return told


def readme_with(found: Mapping[str, Any], text: str) -> str:
    """Return the README with today's table.

    Parameters
    ----------
    found : mapping
        Of :func:`judged_claims`.
    text : str
        Of the README.
    """
    table = "\n".join(_overall(found["counts"]))
    return _BLOCK.sub(lambda block: f"{block[1]}{table}\n{block[2]}", text)


if __name__ == "__main__":
    answer = judged_claims()
    PAGE.write_text(claims_page(answer), encoding="utf-8")
    README.write_text(readme_with(answer, README.read_text(encoding="utf-8")), encoding="utf-8")
