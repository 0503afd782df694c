"""Comparisons of claims: what is read, what is refused, and that claims change no job."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from catholyte.configs.claims import Claim, Comparison, Term, parse_comparison
from catholyte.configs.load import load_recipe, recipe_names
from catholyte.workflows.plan.build import build_plan

MUTUAL = Term(1.0, "mutual", ("LCO", "LPSCl"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mutual(LCO, LPSCl) < -0.1", Comparison((MUTUAL,), "<", -0.1)),
        ("mutual(LCO,LPSCl) >= −0.1 eV/atom", Comparison((MUTUAL,), ">=", -0.1, unit="eV/atom")),
        ("0.2 > mutual(LCO, LPSCl)", Comparison((Term(-1.0, "mutual", ("LCO", "LPSCl")),), ">", -0.2)),
        ("mutual(LCO, LPSCl) = -0.52 V within 0.05", Comparison((MUTUAL,), "=", -0.52, 0.05, "V")),
        (
            "2 * mutual(LCO, LPSCl) - 0.5*total(A, B) + 1 <= mutual(C, D) + 3",
            Comparison(
                (
                    Term(2.0, "mutual", ("LCO", "LPSCl")),
                    Term(-0.5, "total", ("A", "B")),
                    Term(-1.0, "mutual", ("C", "D")),
                ),
                "<=",
                2.0,
            ),
        ),
        (
            "events(LCO|LPSCl, S-S forming) > 0",
            Comparison((Term(1.0, "events", ("LCO|LPSCl", "S-S forming")),), ">", 0),
        ),
        ("a(Li10Ge(PS6)2) > 0", Comparison((Term(1.0, "a", ("Li10Ge(PS6)2",)),), ">", 0)),
    ],
)
def test_comparisons_are_read_with_quantities_on_the_left(text: str, expected: Comparison) -> None:
    assert parse_comparison(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mutual(LCO, LPSCl)", "no relation"),
        ("1 < a(X) < 2", "2 relations"),
        ("a(X) = 2", "an equality needs 'within NUMBER'"),
        ("a(X) < 2 within 1", "'within' belongs to an equality"),
        ("1 < 2", "numbers alone"),
        ("a(X) <", "nothing stands on one side"),
        ("a(X) b(Y) < 2", "cannot be read from 'b(Y)"),
        ("a(X) < __import__('os')", "cannot be read"),
        ("a(X) < lambda: 3", "cannot be read"),
        ("a(X) < 1 eV + 2 V", "two units"),
        ("mutual < 2", "cannot be read from 'mutual'"),
    ],
)
def test_what_is_no_comparison_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"write it as|two units") as error:
        parse_comparison(text)
    assert told in str(error.value)


@given(
    factors=st.lists(st.floats(-9, 9).map(lambda x: round(x, 2)).filter(bool), min_size=1, max_size=4),
    limit=st.floats(-99, 99).map(lambda x: round(x, 3)),
    relation=st.sampled_from(["<", "<=", ">", ">="]),
)
def test_what_is_written_is_read_back(factors: list[float], limit: float, relation: str) -> None:
    terms = [Term(factor, "q", (f"X{i}", "Y")) for i, factor in enumerate(factors)]
    left = "".join(f"{'-' if term.factor < 0 else '+'} {abs(term.factor)} * {term}" for term in terms)
    found = parse_comparison(f"{left} {relation} {limit:.3f}")
    assert (found.terms, found.relation, found.limit) == (tuple(terms), relation, pytest.approx(limit))


@given(st.text(max_size=40))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_comparison(text).terms


def test_a_claim_has_a_comparison_or_a_reason() -> None:
    assert Claim(text="it holds", holds="a(X) < 1").comparison == parse_comparison("a(X) < 1")
    assert Claim(text="it cannot be asked", not_computable="nothing computes it").comparison is None
    for given_keys in ({}, {"holds": "a(X) < 1", "not_computable": "but why"}, {"holds": "a(X) ~ 1"}):
        with pytest.raises(ValidationError):
            Claim.model_validate({"text": "no", **given_keys})


@pytest.mark.parametrize("name", sorted({*recipe_names()} - {"lattices"}))
def test_claims_change_no_job_and_no_campaign(name: str) -> None:
    recipe, source = load_recipe(name)
    bare = recipe.model_copy(update={"claims": ()})
    assert recipe.claims
    assert recipe != bare
    assert recipe.asks_like(bare)
    assert bare.asks_like(recipe)
    assert not recipe.asks_like(recipe.model_copy(update={"title": "another"}))
    if name == "gsirr":
        with_claims, without = ([job.record() for job in build_plan(one, source).jobs] for one in (recipe, bare))
        assert with_claims == without
