"""What a visitor reads first says what the package answers today: landing page, contributing, citation."""

from __future__ import annotations

import re
import tomllib

import yaml

from catholyte.analysis.report.quantities.answers import pair_answer
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.tests.support.docs.doc_blocks import ROOT


def test_the_answer_on_the_landing_page_is_todays() -> None:
    answer = pair_answer([react("LCO", "LPSCl", load_phase_set("solidstate"))], 0.05)
    assert answer is not None
    (quoted,) = re.findall("^> (.*)$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert quoted == answer.sentences[0]


def test_the_verdicts_on_the_landing_page_are_those_of_the_page_of_claims() -> None:
    claims = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for claim, verdict in (
        ("mutual reaction energy of LCO with LPSCl", "contradicted"),
        ("LCO reacts with LPSCl more strongly than Li2CO3 does", "confirmed"),
    ):
        (row,) = (line for line in claims.splitlines() if line.startswith(f"| {claim} |"))
        assert f"**{verdict}**" in row


def test_the_four_paths_lead_where_they_say_with_as_many_files() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    extending = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    anchors = {re.sub(r"\W+", "-", title.lower()) for title in re.findall("^## (.*)$", extending, re.MULTILINE)}
    links = re.findall(r"docs/extending\.md#([\w-]+)", contributing)
    assert len(links) == 5
    assert set(links) <= anchors
    counts = [int(count) for count in re.findall(r"^\| [^|]+ \| (\d+)\b", contributing, re.MULTILINE)]
    assert counts == [4, 1, 9, 6]  # those of the README, which a test holds against a copy
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert (
        "takes 4 files, a material 1, a recipe step 6, an analysis with chapter, figure, command and board column 9"
        in readme
    )


def test_the_citation_is_whole_and_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # what the format 1.2.0 asks for
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["authors"] == [{"name": "The catholyte developers"}]
    assert "The catholyte developers" in (ROOT / "LICENSE").read_text(encoding="utf-8")
