"""The page ``docs/claims.md`` and the table in the README: ``python -m catholyte.docs.pages.claims`` writes both anew.

Claims are judged by the phase set and by the store of small campaigns that the tests carry; what rests on jobs that it
does not hold is not computed yet.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...analysis.report.claims_section import RULE, held_against, interval_text
from ...analysis.report.page import CHAPTERS
from ...configs.load import load_recipe
from ...hpc.commands.results.claims import claims

__all__ = ["claims_page", "judged_claims", "readme_with"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "claims.md"
README = ROOT / "README.md"
STORE = ROOT / "tests" / "data" / "campaigns.tar.xz"
_BLOCK = re.compile(r"(<!-- claims -->\n).*?(<!-- /claims -->)", re.DOTALL)


def judged_claims() -> dict[str, Any]:
    """The answer of ``catholyte claims`` on the store of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(STORE) as packed:
            packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        return claims(store=folder)


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
        "yet*: the jobs are not in the store of the tests, on which this page is written by "
        "`python -m catholyte.docs.pages.claims`. *With measured enthalpies*: the same comparison where they are known.",
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
        one["cause"] or one["reason"],
        one["measured"],
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


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
