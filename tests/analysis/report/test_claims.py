"""Verdicts on claims: by hand on made numbers, and each shipped one followed to the number that it rests on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.report.case import Case
from catholyte.analysis.report.chapter import Chapter
from catholyte.analysis.report.claims import Finding, claims_of, judged, recipe_case, require_quantities
from catholyte.analysis.report.claims_section import claims_section, held_against, interval_text
from catholyte.analysis.report.content import KeyNumber, Table
from catholyte.analysis.report.page import CHAPTERS
from catholyte.analysis.report.quantity import Quantity
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.configs.claims import Claim
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe, recipe_names

SOURCES = sorted({*recipe_names()} - {"lattices"})
RECIPE = load_recipe("li-rich")[0].model_copy(update={"name": "made", "claims": ()})
NUMBERS = {
    "A": KeyNumber("x of A", -0.30, "eV", 3, "vasp", "entry a", 0.02, "1σ against other DFT", names=("x", "A")),
    "B": KeyNumber("x of B", -0.10, "eV", 3, "chgnet", "entry b", 0.03, "spread over zeros", names=("x", "B")),
    "C": KeyNumber("x of C", 1.5, "eV", 3, "vasp", "entry c", names=("x", "C"), detail="C -> D"),
    "R": KeyNumber("x of R", 1.5, "eV", 3, "rehearsal", "entry r", names=("x", "R")),
    "N": KeyNumber("x of N", None, "eV", 3, "vasp", "nothing reacts", names=("x", "N")),
    "S": KeyNumber("s of S", 0.1, "share", 2, "vasp", "1 of 10", 0.1, "1σ of counting statistics", names=("s", "S")),
    "Z": KeyNumber("s of Z", 0.0, "share", 2, "vasp", "0 of 10", 0.1, "1σ of counting statistics", names=("s", "Z")),
    "M": KeyNumber("m of A", -0.05, "eV", 3, "vasp", "entry m", 0.01, "1σ against measurement", names=("m", "A")),
}


def _look(numbers: Sequence[KeyNumber], arguments: tuple[str, ...]) -> KeyNumber | None:
    if arguments == ("bad",):
        raise InputError("the set holds no bad")
    return None


def chapter() -> Chapter[Any, Any]:
    return Chapter(
        "made",
        "Made",
        "Nothing.",
        lambda case: case.recipe.name,
        lambda case, asked: list(NUMBERS.values()),
        lambda found: [],
        lambda found: found,
        quantities=(
            Quantity("x", ("material",), "eV", "a made number", measured="m"),
            Quantity("m", ("material",), "eV", "the same, measured"),
            Quantity("h", ("material",), "eV", "a hypothesis", lambda found, a: found[1], hypothesis=True),
            Quantity("v", ("material",), "V", "a voltage", _look),
            Quantity("s", ("material",), "share", "a share", bounds=(0.0, 1.0)),
            Quantity(
                "p",
                ("first", "second"),
                "eV",
                "a pair",
                lambda found, a: found[0] if a == ("A", "B") else None,
                symmetric=True,
            ),
            Quantity("job", ("material",), "eV", "needs a job", _look, step="oxygen_loss"),
            Quantity("other", ("material",), "eV", "needs a section", _look, step="electronic"),
        ),
    )


def verdict(holds: str, cause: str = "") -> Finding:
    (found,) = judged([Claim(text="a claim", holds=holds, cause=cause)], Case({}, RECIPE, [], [], {}), [chapter()])
    return found


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ("x(A) < -0.2", "confirmed"),  # −0.30 ± 0.04
        ("x(A) < -0.27", "undecided"),
        ("x(A) > -0.27", "undecided"),
        ("x(A) < -0.35", "contradicted"),
        ("-0.2 > x(A)", "confirmed"),
        ("x(A) < x(B)", "confirmed"),  # −0.20 ± hypot(0.04, 0.03) = 0.05
        ("x(A) < x(B) - 0.16", "undecided"),
        ("x(A) < x(B) - 0.26", "contradicted"),
        ("x(A) = -0.31 within 0.06", "confirmed"),
        ("x(A) = -0.31 within 0.04", "undecided"),
        ("x(A) = -0.52 within 0.05", "contradicted"),
        ("x(C) > 1.5", "contradicted"),  # no interval: the number alone
        ("x(C) >= 1.5", "confirmed"),
        ("2 * x(A) < -0.5", "confirmed"),  # −0.60 ± 0.08
        ("2 * x(A) < -0.53", "undecided"),
        ("h(A) < 0", "undecided"),  # the tier may not decide
        ("x(R) > 0", "undecided"),  # a placeholder
        ("p(B, A) < 0", "confirmed"),  # written the other way round
        ("x(N) < 0", "not computable here"),
        ("v(bad) < 0", "not computable here"),
        ("v(none) < 0", "not computable here"),
        ("job(A) < 0", "not computed yet"),
        ("other(A) < 0", "not computable here"),
        ("unknown(A) < 0", "not computable here"),
    ],
)
def test_verdicts_by_hand(holds: str, expected: str) -> None:
    assert verdict(holds).verdict == expected


def test_a_verdict_tells_its_number_interval_tier_evidence_and_what_measurement_says() -> None:
    found = verdict("x(A) < x(B)")
    assert found.value == pytest.approx(-0.2)
    assert found.half_width == pytest.approx(math.hypot(0.04, 0.03))  # two σ, and a spread as it is
    assert (found.tier, found.evidence, found.chapters) == ("chgnet + vasp", "entry a; entry b", ("made",))
    told = found.to_json()
    assert interval_text(told) == "−0.200 [−0.250, −0.150] eV"
    assert held_against(told) == "< 0"
    assert [one["name"] for one in told["numbers"]] == ["x(A)", "x(B)"]
    assert verdict("x(A) < -0.2").measured == "−0.050 [−0.070, −0.030]: contradicted"
    assert found.measured == ""  # x(B) has none


def test_reasons_and_causes_say_what_is_behind() -> None:
    assert "CHGNet may not decide" in verdict("h(A) < 0").reason
    assert verdict("h(A) < 0").reason.endswith("by the numbers alone confirmed")
    assert verdict("x(C) < 0").cause == "here C -> D"
    assert verdict("x(C) < 0", "because").cause == "because"
    assert verdict("x(C) > 0", "because").cause == ""
    assert "no interval is known" in verdict("x(C) > 0").reason
    assert verdict("x(N) < 0").reason == "x(N) has no value: nothing reacts"
    assert verdict("v(bad) < 0").reason == "the set holds no bad"
    assert verdict("job(A) < 0").reason == "job(A): run `catholyte run made --only oxygen_loss`"
    assert "no section electronic" in verdict("other(A) < 0").reason


def test_wrong_names_arguments_and_units_are_told_with_what_is_near() -> None:
    claims = [
        Claim(text="a", holds=holds)
        for holds in ("y(A) < 0", "x(A, B) < 0", "x(A) < v(A)", "x(A) < 0 V", "x(A) < 0 eV", "jobs(A) < 1")
    ]
    wrong = require_quantities(claims, [chapter()], Case({}, RECIPE, [], [], {}))
    assert set(wrong) == {0, 1, 2, 3, 5}
    assert "x" in wrong[0]
    assert "it is x(material)" in wrong[1]
    assert wrong[2] == "x(A) in eV and v(A) in V cannot be compared"
    assert wrong[3] == "x(A) is in eV, not in V"
    assert "job" in wrong[5]


@settings(deadline=None)
@given(
    value=st.floats(-5, 5),
    half=st.floats(0.01, 2),
    limit=st.floats(-5, 5),
    relation=st.sampled_from(["<", "<=", ">", ">="]),
)
def test_a_claim_is_decided_exactly_where_every_point_of_the_interval_agrees(
    value: float, half: float, limit: float, relation: str
) -> None:
    from catholyte.analysis.report.claims import _decide
    from catholyte.configs.claims import Comparison, Term

    holds = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}[relation]
    points = {holds(value + share * half, limit) for share in (-1.0, -0.5, 0.0, 0.5, 1.0)}
    expected = "undecided" if len(points) == 2 else "confirmed" if points == {True} else "contradicted"
    assert _decide(Comparison((Term(1.0, "x", ()),), relation, limit), value, half)[0] == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SOURCES)
def test_every_shipped_claim_names_known_quantities(name: str) -> None:
    recipe = load_recipe(name)[0]
    assert require_quantities(recipe.claims, CHAPTERS, recipe_case(recipe)) == {}


def test_quantities_have_one_chapter_each() -> None:
    names = [one.name for chapter in CHAPTERS for one in chapter.quantities]
    assert len(names) == len(set(names)) > 20


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    """Two of the five without a store; the others are followed on the page of the documentation."""
    recipes = [load_recipe(name)[0] for name in ("core-shell", "li-rich")]
    return {recipe.name: judged(recipe.claims, recipe_case(recipe), CHAPTERS) for recipe in recipes}


def test_every_verdict_leads_to_its_number(findings: dict[str, list[Finding]]) -> None:
    phases = load_phase_set("solidstate")
    entries, followed = {entry.id for entry in phases.entries}, 0
    for finding in (one for found in findings.values() for one in found if one.numbers):
        for number in finding.numbers:
            kind, *arguments = number.names
            if kind == "mutual":
                assert number.value == pytest.approx(react(*arguments, phases).mutual.energy, abs=1e-9)
            elif kind in ("oxidation", "reduction"):
                limit = getattr(stability_window(arguments[0], phases), kind)
                assert number.value == pytest.approx(limit.voltage, abs=1e-9)
            elif kind == "worst":
                cathode, coating, electrolyte = arguments
                sides = [(cathode, electrolyte)] if coating == "none" else [(cathode, coating), (coating, electrolyte)]
                assert number.value == pytest.approx(min(react(*side, phases).mutual.energy for side in sides))
            else:
                assert kind.startswith("volume_")
                continue
            followed += 1
            behind = re.findall(r"phase set solidstate \(\w{8}\): (.*)", number.basis)[0].split(", ")
            assert set(behind) <= entries
        assert finding.chapters
    assert followed >= 7


def test_no_claim_that_is_judged_lacks_number_tier_and_evidence(findings: dict[str, list[Finding]]) -> None:
    for finding in (one for found in findings.values() for one in found):
        judged_ = finding.verdict in ("confirmed", "contradicted", "undecided")
        assert judged_ == (finding.value is not None) == bool(finding.tier) == bool(finding.evidence)
        assert finding.reason
        if finding.verdict == "contradicted":
            assert finding.cause


def test_the_section_shows_every_claim_once(findings: dict[str, list[Finding]]) -> None:
    section = claims_section(findings["core-shell"])
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row["claim"] for row in table.rows] == [claim.text for claim in load_recipe("core-shell")[0].claims]


def test_a_campaign_stored_before_there_were_claims_is_judged_by_those_of_its_recipe() -> None:
    recipe = load_recipe("li-rich")[0]
    stored = recipe.model_copy(update={"claims": ()})
    assert claims_of(stored) == recipe.claims
    assert claims_of(stored.model_copy(update={"source": "my own"})) == ()
    old = recipe_case(stored.model_copy(update={"windows": None}))
    (found,) = judged([Claim(text="a", holds="oxidation(Li2WO4) > 4 V")], old, CHAPTERS)
    assert (found.verdict, "earlier recipe" in found.reason) == ("not computed yet", True)


def test_a_share_lies_between_nought_and_one_and_a_difference_of_two_between_their_ends() -> None:
    """Two σ of counting are 0.2: the interval of none of ten does not go below 0, that of a difference may."""
    none = verdict("s(Z) = 0 within 0.05")
    assert none.interval == (0.0, pytest.approx(0.2))
    assert none.verdict == "undecided"
    assert verdict("s(S) >= 0").verdict == "confirmed"
    assert verdict("s(S) > s(Z)").interval == pytest.approx((0.1 - math.hypot(0.2, 0.2), 0.1 + math.hypot(0.2, 0.2)))
    assert verdict("s(Z) > s(S)").bounds == (-1.0, 1.0)


def test_the_interval_reaches_as_far_as_the_members_of_a_committee_differ() -> None:
    one = chapter()
    shifted = replace(
        one, evaluate=lambda case, asked: [replace(NUMBERS["A"], value=-0.30 if case.member == "first" else -0.20)]
    )
    second = Case({}, RECIPE, [], [], {}, member="second")
    case = Case({}, RECIPE, [], [], {}, committee={"second": second}, member="first")
    (found,) = judged([Claim(text="a", holds="x(A) < -0.2")], case, [shifted])
    assert found.half_width == pytest.approx(2 * math.hypot(0.02, 0.1))
    assert found.verdict == "undecided"
