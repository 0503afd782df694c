"""Chapter on reactivity: self, mutual and total reaction energies of pairs, from a pinned phase set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ....configs.steps.reactions import ReactionStep
from ....configs.trust import trust_of
from ...figures.reactions import MixingCurve, reaction_figure
from ...thermodynamics.reactions import Product, ReactionResult, react, side
from ...thermodynamics.volume import VolumeBalance, Volumes
from ...thermodynamics.volume_changes import pair_volumes
from ...words import number, tier_label
from ..case import Case
from ..chapter import Chapter, PhasesOfCase, Problems, phases_of
from ..columns import (
    MUTUAL,
    MUTUAL_REACTION,
    PAIR,
    SELF_A,
    SELF_B,
    TIER,
    TOTAL,
    VOLUME_AFTER,
    VOLUME_BEFORE,
    VOLUME_CHANGE,
    VOLUME_PERCENT,
    X,
)
from ..content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ..quantities.answers import pair_answer, reacting
from ..quantities.pairs import PAIR_QUANTITIES, SIGMA, rests_on
from .open_system import TOO_FEW, OpenResults, measured_table, open_blocks, open_points, with_maps

__all__ = ["REACTIONS", "SIGMA", "PairResults", "deviation", "mixing_curve"]

#: what it means for numbers from measured enthalpies
MEASURED_SIGMA = "1σ against measurement"


def mixing_curve(result: ReactionResult, published: float | None = None) -> MixingCurve:
    """Return what the figure of a pair draws.

    Parameters
    ----------
    result : ReactionResult
    published : float, optional
        eV/atom.
    """
    kinks = sorted(result.kinks, key=lambda kink: kink.x)
    return MixingCurve(
        a=result.a.label,
        b=result.b.label,
        x=[kink.x for kink in kinks],
        mutual=[kink.mutual for kink in kinks],
        total=[kink.total for kink in kinks],
        products=[side([(p.coefficient, p.formula) for p in _rounded(kink.products)]) for kink in kinks],
        source=f"phase set {result.phase_set} (tier {tier_label(result.tiers.values())})",
        published=published,
    )


def _rounded(products: Iterable[Product]) -> list[Product]:
    """Coefficients of three decimals, as a figure has room for; smaller ones as they are."""
    return [Product(p.entry, p.formula, p.tier, round(p.coefficient, 3) or p.coefficient) for p in products]


Pair = tuple[str, str]


@dataclass(frozen=True)
class PairResults:
    """What the step ``reactions`` asks for.

    Parameters
    ----------
    step : ReactionStep
    used : PhasesOfCase
    closed : mapping of (str, str) to ReactionResult
        By pair.
    problems : Problems
    """

    step: ReactionStep
    used: PhasesOfCase
    closed: Mapping[Pair, ReactionResult]
    problems: Problems

    def published(self, pair: Pair) -> float | None:
        """Published mutual energy of a pair in either order, eV/atom."""
        a, b = pair
        return self.step.published.get(f"{a}-{b}", self.step.published.get(f"{b}-{a}"))

    @cached_property
    def volumes(self) -> dict[Pair, VolumeBalance]:
        """Volumes of every reaction at its mutual minimum; pairs that do not react are left out."""
        phases = self.used.phases
        if phases is None:
            return {}
        volumes = Volumes(phases)
        return {
            pair: pair_volumes(result, result.mutual.kink, phases, volumes)
            for pair, result in self.closed.items()
            if result.mutual.kink is not None
        }

    @cached_property
    def points(self) -> OpenResults | None:
        """Pairs at fixed lithium potential and under gases, maps left out; None without a phase set."""
        return None if self.used.phases is None else open_points(self.step, self.used.phases)

    @cached_property
    def open(self) -> OpenResults | None:
        """The same with maps."""
        return None if self.points is None else with_maps(self.points, self.step)


def _evaluate(case: Case, step: ReactionStep) -> PairResults:
    used, problems = phases_of(case, step.phase_set), Problems()
    phases, closed = used.phases, {}
    if phases is not None:
        for a, b in step.pairs:
            with problems.attempt(f"{a} | {b}"):
                closed[a, b] = react(a, b, phases)
    return PairResults(step, used, closed, problems)


def _blocks(found: PairResults) -> list[Block]:
    blocks: list[Block] = [*found.used.texts, *found.problems.texts]
    if found.closed:
        blocks += [
            _summary(found),
            Text(_PARTS, "note"),
            *_on_each_energy(found),
            measured_table("reactions_measured", found.closed.items()),
            _volume_changes(found),
        ]
    if found.open is not None:
        blocks += open_blocks(found.open)
    for (a, b), result in found.closed.items():
        curve = mixing_curve(result, found.published((a, b)))
        alt = (
            f"Mutual and total reaction energy of {a} with {b} along the mixing ratio; the numbers stand in the table."
        )
        blocks += [
            Text(f"{a} | {b}", "heading"),
            Picture(f"reaction_{a}_{b}", reaction_figure(curve), alt),
            _kinks(result, a, b),
            Text("\n".join(result.notes), "note"),
        ]
    return blocks


def _numbers(found: PairResults) -> list[KeyNumber]:
    return [key for pair, result in found.closed.items() for key in _key_energies(result, found.published(pair))]


def _values(found: PairResults) -> list[Value]:
    """Mutual and total energy of every pair, and the mutual one from measured enthalpies."""
    values, columns = [], ("mutual (eV/atom)", "total (eV/atom)", "mutual, measured enthalpies (eV/atom)")
    for a, b in found.step.pairs:
        result = found.closed.get((a, b))
        if result is None:
            problem = found.used.problem or found.problems.of(f"{a} | {b}")
            values += [Value((a, b), column, problem=problem) for column in columns]
            continue
        basis = f"± one standard deviation against other DFT of the scale; phase set {result.phase_set}"
        reaction = result.mutual.kink.reaction if result.mutual.kink else "no reaction"
        energies = (
            (result.mutual.energy, result.uncertainty.mutual, f"{basis}; {reaction}"),
            (result.total.energy, result.uncertainty.total, basis),
        )
        verdict = reacting(result.mutual.energy, result.uncertainty.mutual, found.step.threshold)
        tier = tier_label(result.tiers.values())
        values += [
            Value((a, b), column, f"{number(energy, 3)} ± {number(sigma, 3)}", tier, rests, verdict=word)
            for column, word, (energy, sigma, rests) in zip(columns[:2], (verdict, ""), energies, strict=True)
        ]
        values.append(_measured_value((a, b), columns[2], result, tier))
    return values


def _measured_value(pair: Pair, column: str, result: ReactionResult, tier: str) -> Value:
    found = result.measured
    if found is None or found.mutual.value is None:
        return Value(pair, column, problem=TOO_FEW if found is None else found.reason)
    sigma = "" if found.mutual.sigma is None else f" ± {number(found.mutual.sigma, 3)}"
    basis = f"± one standard deviation against measurement; {found.basis}; {found.reaction or 'no reaction'}"
    return Value(pair, column, f"{number(found.mutual.value, 3)}{sigma}", tier, basis)


_PARTS = (
    "Self: a reactant alone falls to its own hull. Mutual: what mixing adds; published mutual reaction energies are "
    "compared with this part. Total: both together. x is the formula-unit fraction of the first of the pair. Published "
    "values are shown for orientation and never used; a deviation is a deviation."
)


def deviation(value: float, published: float | None) -> float | None:
    """Value minus published value, in their unit; None without a published one."""
    return None if published is None else value - published


def _summary(found: PairResults) -> Table:
    rows, step = [], found.step
    for (a, b), result in found.closed.items():
        published = found.published((a, b))
        rows.append(
            {
                "pair": f"{a} | {b}",
                "self_a": result.a.self_energy,
                "self_b": result.b.self_energy,
                "mutual": result.mutual.energy,
                "mutual_sigma": result.uncertainty.mutual,
                "x": result.mutual.kink.x if result.mutual.kink else None,
                **_interval("mutual", result.uncertainty.intervals["mutual"]),
                "total": result.total.energy,
                "total_sigma": result.uncertainty.total,
                **_interval("total", result.uncertainty.intervals["total"]),
                "stable": result.uncertainty.stable_probability(step.threshold)["mutual"],
                "x_total": result.total.kink.x if result.total.kink else None,
                "published": published,
                "deviation": deviation(result.mutual.energy, published),
                "deviation_total": deviation(result.total.energy, published),
                "tier": tier_label(result.tiers.values()),
                "products": result.mutual.kink.reaction if result.mutual.kink else "no reaction",
            }
        )
    columns = (
        PAIR,
        SELF_A,
        SELF_B,
        MUTUAL,
        Column("mutual_low", "mutual, 16 % (eV/atom)", 3),
        Column("mutual_high", "mutual, 84 % (eV/atom)", 3),
        X,
        TOTAL,
        Column("total_low", "total, 16 % (eV/atom)", 3),
        Column("total_high", "total, 84 % (eV/atom)", 3),
        Column("x_total", "x of total", 2),
        Column("stable", f"probability of |mutual| < {step.threshold:g} eV/atom", 2),
        Column("published", "published (eV/atom)", 2),
        Column("deviation", "mutual − published", 3),
        Column("deviation_total", "total − published", 3),
        TIER,
        Column("products", "reaction at the mutual minimum", chemical=True),
    )
    note = (
        "16 % and 84 %: central interval of the draws from the entry errors. Probability: share of the draws in "
        "which the pair releases less."
    )
    return Table("reactions", "Self, mutual and total reaction energies", columns, rows, note)


def _on_each_energy(found: PairResults) -> list[Table]:
    """Mutual energies on the energies of each potential beside the campaign's own DFT; nothing where it has none."""
    values = {pair: result.by_potential.values for pair, result in found.closed.items() if result.by_potential}
    names = sorted({name for told in values.values() for name in told})
    if not any(trust_of(name).trust_class == "dft" for name in names):
        return []
    rows = [{"pair": " | ".join(pair), "mutual": found.closed[pair].mutual.energy, **values[pair]} for pair in values]
    columns = (PAIR, MUTUAL, *(Column(name, f"{trust_of(name).label} (eV/atom)", 3) for name in names))
    note = "Where the set learned an energy and the column has another, that one counts; all other phases keep theirs."
    return [Table("reactions_by_energy", "Mutual energies on the energies of each potential", columns, rows, note)]


def _interval(part: str, interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {f"{part}_low": interval[0], f"{part}_high": interval[1]}


def _volume_changes(found: PairResults) -> Table:
    rows = []
    for (a, b), ledger in found.volumes.items():
        beside = found.closed[a, b].measured
        other = beside.reaction or beside.reason or "no reaction" if beside else TOO_FEW
        about = {"pair": f"{a} | {b}", "reaction": ledger.reaction, "notes": "; ".join(ledger.notes)}
        rows.append(
            {
                **about,
                "before": ledger.before,
                "after": ledger.after,
                "change": ledger.change,
                "percent": ledger.percent,
                "other": "the same" if other == ledger.reaction else other,
            }
        )
    columns = (
        PAIR,
        VOLUME_BEFORE,
        VOLUME_AFTER,
        VOLUME_CHANGE,
        VOLUME_PERCENT,
        MUTUAL_REACTION,
        Column("other", "reaction with measured enthalpies, whose volumes these are not", chemical=True),
        Column("notes", "kinds of volumes, gases", chemical=True),
    )
    return Table(
        "reaction_volumes",
        "Volume changes at the mutual minima",
        columns,
        rows,
        "Per mole of formula units of reactants; gases count no volume.",
    )


def _kinks(result: ReactionResult, a: str, b: str) -> Table:
    columns = (
        Column("x", f"x of {a}", 3),
        MUTUAL,
        TOTAL,
        Column("reaction", "balanced reaction", chemical=True),
        TIER,
        Column("entries", "entries of the products"),
    )
    reactants = [p.tier for p in (*result.a.decomposition, *result.b.decomposition)] + [
        r.tier for r in (result.a, result.b) if r.tier is not None
    ]
    rows = [
        {
            **vars(kink),
            "tier": tier_label([*reactants, *(p.tier for p in kink.products)]),
            "entries": ", ".join(p.entry for p in kink.products),
        }
        for kink in sorted(result.kinks, key=lambda kink: kink.x)
    ]
    return Table(
        f"kinks_{a}_{b}",
        f"Every mixing ratio of {a} and {b} at which the products change",
        columns,
        rows,
        "Tier: of products and reactants together.",
    )


def _key_energies(result: ReactionResult, published: float | None) -> list[KeyNumber]:
    """Mutual and total minimum of one pair; the published value stands beside the mutual part, which is what it claims
    to be."""
    found = []
    parts = (
        ("mutual", result.mutual, result.uncertainty.mutual, published),
        ("total", result.total, result.uncertainty.total, None),
    )
    for part, minimum, sigma, printed in parts:
        products = minimum.kink.products if minimum.kink else ()
        ends = (*result.a.decomposition, *result.b.decomposition) if part == "mutual" else ()
        used = {p.entry: p.tier for p in (*products, *ends)}
        if part == "total":
            used |= {r.entry: r.tier for r in (result.a, result.b) if r.entry is not None and r.tier is not None}
        found.append(
            KeyNumber(
                quantity=f"{part.capitalize()} reaction energy {result.a.label} | {result.b.label}",
                value=minimum.energy,
                unit="eV/atom",
                digits=3,
                uncertainty=sigma,
                uncertainty_kind=SIGMA,
                x=minimum.kink.x if minimum.kink else None,
                published=printed,
                tier=tier_label(used.values()),
                basis=rests_on(result.phase_set, result.sha256, used),
                names=(part, result.a.label, result.b.label),
                detail=minimum.kink.reaction if minimum.kink else "no reaction",
            )
        )
    return [*found, _key_measured(result, found[0])]


def _key_measured(result: ReactionResult, mutual: KeyNumber) -> KeyNumber:
    """The mutual minimum from measured enthalpies; without a value where there is none."""
    found = result.measured
    return replace(
        mutual,
        quantity=f"{mutual.quantity} from measured enthalpies",
        value=found.mutual.value if found else None,
        uncertainty=found.mutual.sigma if found else None,
        uncertainty_kind=MEASURED_SIGMA,
        x=None,
        basis=f"{mutual.basis}; {found.basis if found else TOO_FEW}",
        names=("mutual_measured", *mutual.names[1:]),
        detail=(found.reaction or "no reaction") if found else TOO_FEW,
    )


REACTIONS = Chapter(
    "reactions",
    "Reactions of pairs",
    "The recipe asks for no reaction.",
    lambda case: case.recipe.reactions,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=PAIR_QUANTITIES,
    step="reactions",
    answer=lambda found: pair_answer(list(found.closed.values()), found.step.threshold),
    phase_set=lambda step: step.phase_set,
)
