"""The command ``claims``, and the page that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.analysis.report.claims import VERDICTS
from catholyte.configs.load import load_recipe, recipe_names
from catholyte.docs.pages.claims import PAGE, README, claims_page, judged_claims, readme_with
from catholyte.tests.support.command_line import Run, answer

OWN = """\
name: mine
title: my own pair
source: nobody has published this yet
hubbard_u: {Co: 3.9 eV}
reactions: {phase_set: solidstate, pairs: [[LCO, Li2CO3]]}
claims:
  - {text: they do not react, holds: "mutual(LCO, Li2CO3) = 0 eV/atom within 0.01"}
  - {text: nobody knows, not_computable: nothing computes it}
"""


def test_a_recipe_of_ones_own_is_judged_without_a_store(tmp_path: Path, catholyte: Run) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN, encoding="utf-8")
    told = answer(catholyte("claims", str(path), "--json"))
    assert [one["verdict"] for one in told["claims"]] == ["confirmed", "not computable here"]
    first = told["claims"][0]
    keys = ("source", "claim", "printed", "value", "interval", "tier", "verdict", "evidence")
    assert {key: first[key] for key in keys[:1]} == {"source": "mine"}
    assert set(keys) <= set(first)
    assert first["interval"][0] <= first["value"] <= first["interval"][1]
    assert told["counts"]["mine"] == {**dict.fromkeys(VERDICTS, 0), "confirmed": 1, "not computable here": 1}
    status, shown, _ = catholyte("claims", str(path))
    assert status == 0
    assert "they do not react" in shown


def test_a_wrong_name_is_told_with_file_line_and_what_is_near(tmp_path: Path, catholyte: Run) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("mutual(", "mutal("), encoding="utf-8")
    status, _, told = catholyte("claims", str(path))
    assert status == 2
    assert f"{path}:7: key 'claims.0.holds': there is no quantity 'mutal'" in told
    assert "mutual" in told.replace("'mutal'", "")
    path.write_text(OWN.replace(" within 0.01", ""), encoding="utf-8")
    status, _, told = catholyte("claims", str(path))
    assert status == 2
    assert "an equality needs 'within NUMBER'" in told


def test_a_store_that_is_named_must_be_there(tmp_path: Path, catholyte: Run) -> None:
    status, _, told = catholyte("claims", "core-shell", "--store", str(tmp_path / "none"))
    assert status != 0
    assert "there is no store here" in told


@pytest.fixture(scope="module")
def judged() -> dict[str, object]:
    return judged_claims()


def test_page_and_readme_are_up_to_date(judged: dict[str, object]) -> None:
    again = "write them again: python -m catholyte.docs.pages.claims"
    assert PAGE.read_text(encoding="utf-8") == claims_page(judged), again
    text = README.read_text(encoding="utf-8")
    assert text == readme_with(judged, text), again


def test_every_claim_of_every_source_is_judged(judged: dict[str, list[dict[str, object]]]) -> None:
    for name in recipe_names():
        claims = load_recipe(name)[0].claims
        assert [one["claim"] for one in judged["claims"] if one["source"] == name] == [claim.text for claim in claims]
    (apart,) = (one for one in judged["claims"] if "center_apart" in str(one["comparison"]))
    assert apart["tier"] == "gpaw"  # of a job of the store
    assert str(apart["evidence"]).startswith("jobs ")


def test_what_the_first_store_leaves_open_is_judged_by_the_others(judged: dict[str, list[dict[str, object]]]) -> None:
    rows = {one["comparison"]: one for one in judged["claims"]}
    across = rows["barrier(Li in CoO) < 0.84 eV"]  # of the store of claims: a band by a potential, a hypothesis
    assert (across["verdict"], across.get("shortened")) == ("undecided", "")
    assert "may not decide" in str(across["reason"])
    assert 0.2 < float(str(across["value"])) < 0.8
    slope = rows["vacancy_slope(NCM532) < 0 eV"]  # of a shortened recipe, which says so
    assert "two orderings in place of 30" in str(slope["shortened"])
    assert f"(shortened: {slope['shortened']})" in PAGE.read_text(encoding="utf-8")
    assert rows["orderings(NCM532) >= 30"]["verdict"] == "not computed yet"  # two of a shortened recipe do not count
