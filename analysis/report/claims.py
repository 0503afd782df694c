"""Verdicts on what the source of a recipe claims: its comparisons by computed numbers, their intervals and tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from ...configs.claims import Claim, Comparison, Term
from ...configs.committee import members_of
from ...configs.errors import CatholyteError, InputError, UnknownNameError, near_match_hint
from ...configs.load import CONFIGS, parse_shipped, recipe_names
from ...configs.recipe import STEP_KINDS, Recipe
from ...configs.trust import trust_of
from ..words import number, tier_label, tiers_in
from .case import Case
from .chapter import Chapter
from .committee import with_differences
from .content import KeyNumber
from .quantity import Quantity

__all__ = ["VERDICTS", "Facts", "Finding", "Verdict", "claims_of", "judged", "recipe_case", "require_quantities"]

Verdict = Literal["confirmed", "contradicted", "undecided", "not computed yet", "not computable here"]
#: in the order of tables
VERDICTS: tuple[Verdict, ...] = ("confirmed", "contradicted", "undecided", "not computed yet", "not computable here")

AnyChapter = Chapter[Any, Any]
Bounds = tuple[float, float]
_FREE = (-math.inf, math.inf)


class _MissingError(Exception):
    """Why a quantity has no value."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict.

    Parameters
    ----------
    source : str
        Name of the recipe.
    claim : Claim
    verdict : str
        One of :data:`VERDICTS`.
    reason : str
        What decides, or why nothing does.
    value : float or None
        Sum of the quantities, each with its sign: those of the right side are taken to the left.
    half_width : float or None
        Half of the interval around it; None where no quantity has one.
    bounds : (float, float)
        Between which it lies whatever its interval, by those of the quantities.
    limit : float or None
        What it is held against.
    numbers : tuple of KeyNumber
        The quantities, in the order of the comparison.
    chapters : tuple of str
        Anchors of the chapters that computed them.
    cause : str
        What is behind a contradiction.
    measured : str
        How the same comparison stands with measured enthalpies; empty where it cannot be made.
    """

    source: str
    claim: Claim
    verdict: Verdict
    reason: str
    value: float | None = None
    half_width: float | None = None
    bounds: Bounds = _FREE
    limit: float | None = None
    numbers: tuple[KeyNumber, ...] = ()
    chapters: tuple[str, ...] = ()
    cause: str = ""
    measured: str = ""

    @property
    def tier(self) -> str:
        """Every tier behind the numbers."""
        return tier_label(tier for one in self.numbers for tier in one.tier.split(" + ")) if self.numbers else ""

    @property
    def unit(self) -> str:
        """Of the value."""
        return self.numbers[0].unit if self.numbers else ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """What decides."""
        if self.value is None or self.half_width is None:
            return None
        return _interval(self.value, self.half_width, self.bounds)

    @property
    def evidence(self) -> str:
        """Jobs and entries behind the numbers."""
        return "; ".join(dict.fromkeys(one.basis for one in self.numbers if one.basis))

    def to_json(self) -> dict[str, Any]:
        """Return plain values under the keys of ``claims --json``."""
        interval = self.interval
        return {
            "source": self.source,
            "claim": self.claim.text,
            "comparison": self.claim.holds,
            "printed": self.claim.printed,
            "value": self.value,
            "unit": self.unit,
            "digits": max((one.digits for one in self.numbers), default=0),
            "interval": None if interval is None else list(interval),
            "limit": self.limit,
            "tier": self.tier,
            "verdict": self.verdict,
            "reason": self.reason,
            "cause": self.cause,
            "measured": self.measured,
            "evidence": self.evidence,
            "chapters": list(self.chapters),
            "numbers": [
                {
                    "name": f"{one.names[0]}({', '.join(one.names[1:])})",
                    "quantity": one.quantity,
                    "value": one.value,
                    "half_width": one.half_width,
                    "unit": one.unit,
                    "tier": one.tier,
                    "evidence": one.basis,
                    "detail": one.detail,
                }
                for one in self.numbers
            ],
        }


class _Declared(NamedTuple):
    quantity: Quantity[Any]
    chapter: AnyChapter


@dataclass(frozen=True)
class Facts:
    """The quantities of a case by name.

    Parameters
    ----------
    case : Case
    chapters : sequence of Chapter
    """

    case: Case
    chapters: Sequence[AnyChapter]

    @cached_property
    def declared(self) -> Mapping[str, _Declared]:
        """Every quantity with its chapter."""
        return {one.name: _Declared(one, chapter) for chapter in self.chapters for one in chapter.quantities}

    def quantity(self, term: Term) -> _Declared:
        """The quantity that a term names.

        Raises
        ------
        UnknownNameError
            With the nearest names, or with how many arguments it takes.
        """
        if term.name not in self.declared:
            raise UnknownNameError(f"there is no quantity {term.name!r}; {near_match_hint(term.name, self.declared)}")
        found = self.declared[term.name]
        if len(term.arguments) != len(found.quantity.arguments):
            raise UnknownNameError(f"{term} has {len(term.arguments)} arguments; it is {found.quantity.signature}")
        return found

    def value(self, term: Term) -> tuple[KeyNumber, _Declared]:
        """The number that a term names, with the difference of a committee in its uncertainty."""
        found = self.quantity(term)
        try:
            one = found.chapter.value_of(found.quantity, self.case, term.arguments)
            if one is not None and self.case.committee:
                others = {
                    name: found.chapter.value_of(found.quantity, case, term.arguments)
                    for name, case in self.case.committee.items()
                }
                (one,) = with_differences([one], {name: [o] for name, o in others.items() if o is not None})
        except CatholyteError as error:
            raise _MissingError("not computable here", error.message) from None
        if one is None:
            raise self._missing(term, found.quantity)
        if one.value is None:
            raise _MissingError("not computable here", f"{term} has no value: {one.detail or one.basis}")
        return one, found

    def _missing(self, term: Term, quantity: Quantity[Any]) -> _MissingError:
        recipe, step = self.case.recipe, quantity.step
        today = _shipped(recipe)
        if today is not None and not recipe.asks_like(members_of(today)[0].recipe):
            told = f"{term}: the campaign was run with an earlier recipe; run `catholyte run {recipe.name}` again"
            return _MissingError("not computed yet", told)
        if step and getattr(recipe, step) is None:
            return _MissingError("not computable here", f"the recipe has no section {step}, which {term} needs")
        if step and not self.case.of(step):
            long = next(kind.long for kind in STEP_KINDS if kind.name == step)
            only = f" --only {step}" if long else ""
            return _MissingError("not computed yet", f"{term}: run `catholyte run {recipe.name}{only}`")
        return _MissingError("not computable here", f"the recipe asks for no {term}; it is {quantity.signature}")


def require_quantities(claims: Sequence[Claim], chapters: Sequence[AnyChapter], case: Case) -> dict[int, str]:
    """Return what is wrong with the comparisons of claims, by their place: unknown quantities, arguments, units.

    Parameters
    ----------
    claims : sequence of Claim
    chapters : sequence of Chapter
    case : Case
    """
    facts, wrong = Facts(case, chapters), dict[int, str]()
    for place, claim in enumerate(claims):
        if claim.comparison is not None:
            try:
                _units(claim.comparison, facts)
            except InputError as error:
                wrong[place] = error.message
    return wrong


def _units(comparison: Comparison, facts: Facts) -> None:
    units = {facts.quantity(term).quantity.unit: term for term in comparison.terms}
    if len(units) > 1:
        told = " and ".join(f"{term} in {unit}" for unit, term in units.items())
        raise InputError(f"{told} cannot be compared")
    (unit,) = units
    if comparison.unit and comparison.unit != unit and comparison.unit != unit.partition(" ")[0]:
        raise InputError(f"{next(iter(units.values()))} is in {unit}, not in {comparison.unit}")


def judged(claims: Sequence[Claim], case: Case, chapters: Sequence[AnyChapter]) -> list[Finding]:
    """Return the verdict on each claim.

    A comparison is decided where the whole interval lies on one side: two standard deviations of the sum of all
    quantities, taken as independent. Machine-learned potentials decide nothing where their numbers are hypotheses, and
    placeholders nothing at all.

    Parameters
    ----------
    claims : sequence of Claim
    case : Case
    chapters : sequence of Chapter
        That declare the quantities.
    """
    facts = Facts(case, chapters)
    return [_judge(claim, facts) for claim in claims]


def _judge(claim: Claim, facts: Facts) -> Finding:
    name, comparison = facts.case.recipe.name, claim.comparison
    if comparison is None:
        return Finding(name, claim, "not computable here", claim.not_computable)
    try:
        _units(comparison, facts)
        found = [facts.value(term) for term in comparison.terms]
    except _MissingError as missing:
        return Finding(name, claim, missing.verdict, missing.reason)
    except InputError as error:
        return Finding(name, claim, "not computable here", error.message)
    numbers = tuple(one for one, _ in found)
    value, half = _total(comparison, numbers)
    bounds = _bounds(comparison, [declared.quantity for _, declared in found])
    chapters = tuple(dict.fromkeys(declared.chapter.id for _, declared in found))
    whole = Finding(name, claim, "undecided", "", value, half, bounds, comparison.limit, numbers, chapters)
    verdict, reason = _decide(comparison, value, half, bounds)
    if barred := _barred(found):
        verdict, reason = "undecided", f"{barred}: by the numbers alone {verdict}"
    cause = (claim.cause or _details(numbers)) if verdict == "contradicted" else ""
    return replace(whole, verdict=verdict, reason=reason, cause=cause, measured=_measured(comparison, facts))


def _total(comparison: Comparison, numbers: Sequence[KeyNumber]) -> tuple[float, float | None]:
    """Sum of the quantities and half of its interval."""
    value = sum(term.factor * (one.value or 0.0) for term, one in zip(comparison.terms, numbers, strict=True))
    widths = [
        term.factor * one.half_width
        for term, one in zip(comparison.terms, numbers, strict=True)
        if one.half_width is not None
    ]
    return value, math.hypot(*widths) if widths else None


def _bounds(comparison: Comparison, quantities: Sequence[Quantity[Any]]) -> Bounds:
    """Between which the sum of the quantities lies."""
    ends = [
        sorted(term.factor * end for end in one.bounds) for term, one in zip(comparison.terms, quantities, strict=True)
    ]
    return sum(low for low, _ in ends), sum(high for _, high in ends)


def _interval(value: float, half: float, bounds: Bounds) -> Bounds:
    """What is left of the interval within the bounds; the value itself always is."""
    return max(value - half, min(bounds[0], value)), min(value + half, max(bounds[1], value))


def _decide(comparison: Comparison, value: float, half: float | None, bounds: Bounds = _FREE) -> tuple[Verdict, str]:
    low, high = _interval(value, half or 0.0, bounds)
    limit, within = comparison.limit, comparison.within
    if within is not None:
        holds, fails = abs(low - limit) <= within >= abs(high - limit), low > limit + within or high < limit - within
    elif comparison.relation in ("<", "<="):
        holds, fails = _below(high, limit, comparison.relation), not _below(low, limit, comparison.relation)
    else:
        turned: Any = {">": "<", ">=": "<="}[comparison.relation]
        holds, fails = _below(limit, low, turned), not _below(limit, high, turned)
    without = "" if half is not None else "; no interval is known"
    if holds:
        return "confirmed", f"the whole interval fulfils it{without}" if half is not None else f"fulfilled{without}"
    if fails:
        told = "the whole interval lies on the other side" if half is not None else "not fulfilled"
        return "contradicted", f"{told}{without}"
    return "undecided", "the interval holds both sides"


def _below(one: float, other: float, relation: str) -> bool:
    return one <= other if relation == "<=" else one < other


def _barred(found: Sequence[tuple[KeyNumber, _Declared]]) -> str:
    """Why the tiers may not decide; empty where they may."""
    for one, declared in found:
        for tier in tiers_in(one.tier):
            trust = trust_of(tier)
            if trust.placeholder:
                return f"{trust.label} decides nothing: {trust.sentence}"
            if trust.learned and declared.quantity.hypothesis:
                return f"{trust.label} may not decide: here its numbers are hypotheses"
    return ""


def _details(numbers: Sequence[KeyNumber]) -> str:
    return "; ".join(f"here {one.detail}" for one in numbers if one.detail)


def _measured(comparison: Comparison, facts: Facts) -> str:
    """The same comparison with measured enthalpies, where each of its quantities has them."""
    names = [facts.quantity(term).quantity.measured for term in comparison.terms]
    if not all(names):
        return ""
    terms = tuple(replace(term, name=name) for term, name in zip(comparison.terms, names, strict=True))
    try:
        numbers = [facts.value(term)[0] for term in terms]
    except _MissingError:
        return ""
    value, half = _total(comparison, numbers)
    bounds = _bounds(comparison, [facts.quantity(term).quantity for term in terms])
    digits = max(one.digits for one in numbers)
    ends = () if half is None else _interval(value, half, bounds)
    width = f" [{', '.join(number(end, digits) for end in ends)}]" if ends else ""
    return f"{number(value, digits)}{width}: {_decide(comparison, value, half, bounds)[0]}"


def claims_of(recipe: Recipe) -> tuple[Claim, ...]:
    """Return a recipe's claims; of one that was stored without any, those of the shipped recipe of the same name and
    source.

    Parameters
    ----------
    recipe : Recipe
    """
    today = None if recipe.claims else _shipped(recipe)
    return recipe.claims if today is None else today.claims


def _shipped(recipe: Recipe) -> Recipe | None:
    """The shipped recipe of the same name and source; None where there is none."""
    found = _of_today(recipe.name)
    return found if found is not None and found.source == recipe.source else None


@cache
def _of_today(name: str) -> Recipe | None:
    """A shipped recipe, read once: every number that is missing asks for it."""
    return parse_shipped(CONFIGS / "recipes" / f"{name}.yaml", Recipe) if name in recipe_names() else None


def recipe_case(recipe: Recipe) -> Case:
    """Return the case of a recipe of which nothing has run: what its phase set answers.

    Parameters
    ----------
    recipe : Recipe
    """
    return Case({"name": recipe.name}, members_of(recipe)[0].recipe, [], [], {})
