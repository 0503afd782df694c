"""Chapter on reactivity: self, mutual and total reaction energies of pairs, from a pinned phase set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ....configs.errors import CatholyteError
from ....configs.steps.reactions import ReactionStep
from ...figures.reactions import MixingCurve, reaction_figure
from ...thermodynamics.own_entries import joined_by_new
from ...thermodynamics.phase_set import PhaseSet, load_phase_set
from ...thermodynamics.reactions import Product, ReactionResult, react, side
from ...thermodynamics.volume import Volumes
from ...thermodynamics.volume_changes import pair_volumes
from ...words import tier_label
from ..case import Case
from ..content import Column, KeyNumber, Picture, Section, Table, Text
from .open_system import open_blocks

__all__ = ["SIGMA", "deviation", "mixing_curve", "phase_set_of", "reactions_section", "rests_on"]

#: what ± means for numbers of a phase set
SIGMA = "1σ, entry errors"


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


def phase_set_of(name: str, section: Section, case: Case) -> PhaseSet | None:
    """Load a phase set, with the campaign's own energies of materials that it lacks; None, and a problem in the
    section, where it cannot be used.

    Parameters
    ----------
    name : str
    section : Section
    case : Case
    """
    try:
        phases, told = joined_by_new(load_phase_set(name), [found.document for found in case.of("bulk", "main")])
    except CatholyteError as error:
        section.blocks.append(Text(f"The phase set {name} cannot be used: {error.message}", "problem"))
        return None
    if told:
        section.blocks.append(Text("\n".join(told), "note"))
    return phases


def reactions_section(case: Case) -> Section:
    """Evaluate every pair of the step ``reactions``.

    Parameters
    ----------
    case : Case
    """
    section = Section("reactions", "Reactions of pairs")
    step = case.recipe.reactions
    if step is None:
        section.blocks.append(Text("The recipe asks for no reaction."))
        return section
    phases = phase_set_of(step.phase_set, section, case)
    results = _reacted(step, phases, section) if phases else {}
    if phases and results:
        section.blocks += [_summary(results, step), Text(_PARTS, "note"), _volume_changes(results, phases)]
    if phases:
        section.blocks += open_blocks(step, phases)
    for (a, b), result in results.items():
        published = _published(step, a, b)
        curve = mixing_curve(result, published)
        section.blocks.append(Text(f"{a} | {b}", "heading"))
        alt = (
            f"Mutual and total reaction energy of {a} with {b} along the mixing ratio; the numbers stand in the table."
        )
        section.blocks += [Picture(f"reaction_{a}_{b}", reaction_figure(curve), alt), _kinks(result, a, b)]
        section.blocks.append(Text("\n".join(result.notes), "note"))
        section.key_numbers += _key_energies(result, published)
    return section


_PARTS = (
    "Self: a reactant alone falls to its own hull. Mutual: what mixing adds; published mutual reaction energies are "
    "compared with this part. "
    "Total: both together. x is the formula-unit fraction of the first of the pair. Published values are shown for "
    "orientation and never used; a deviation is a deviation."
)


def _reacted(step: ReactionStep, phases: PhaseSet, section: Section) -> dict[tuple[str, str], ReactionResult]:
    results = {}
    for a, b in step.pairs:
        try:
            results[a, b] = react(a, b, phases)
        except CatholyteError as error:
            section.blocks.append(Text(f"{a} | {b}: {error.message}", "problem"))
    return results


def _published(step: ReactionStep, a: str, b: str) -> float | None:
    """Of a pair in either order."""
    return step.published.get(f"{a}-{b}", step.published.get(f"{b}-{a}"))


def deviation(value: float, published: float | None) -> float | None:
    """Value minus published value, in their unit; None without a published one."""
    return None if published is None else value - published


def _summary(results: Mapping[tuple[str, str], ReactionResult], step: ReactionStep) -> Table:
    rows = []
    for (a, b), result in results.items():
        published = _published(step, a, b)
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
        Column("pair", "pair", chemical=True),
        Column("self_a", "self, first (eV/atom)", 3),
        Column("self_b", "self, second (eV/atom)", 3),
        Column("mutual", "mutual ± 1σ (eV/atom)", 3, "mutual_sigma"),
        Column("mutual_low", "mutual, 16 % (eV/atom)", 3),
        Column("mutual_high", "mutual, 84 % (eV/atom)", 3),
        Column("x", "x", 2),
        Column("total", "total ± 1σ (eV/atom)", 3, "total_sigma"),
        Column("total_low", "total, 16 % (eV/atom)", 3),
        Column("total_high", "total, 84 % (eV/atom)", 3),
        Column("x_total", "x of total", 2),
        Column("stable", f"probability of |mutual| < {step.threshold:g} eV/atom", 2),
        Column("published", "published (eV/atom)", 2),
        Column("deviation", "mutual − published", 3),
        Column("deviation_total", "total − published", 3),
        Column("tier", "tier"),
        Column("products", "reaction at the mutual minimum", chemical=True),
    )
    note = (
        "16 % and 84 %: central interval of the draws from the entry errors. Probability: share of the draws in "
        "which the pair releases less."
    )
    return Table("reactions", "Self, mutual and total reaction energies", columns, rows, note)


def _interval(part: str, interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {f"{part}_low": interval[0], f"{part}_high": interval[1]}


def _volume_changes(results: Mapping[tuple[str, str], ReactionResult], phases: PhaseSet) -> Table:
    """Volume of every reaction at its mutual minimum; pairs that do not react are left out."""
    volumes, rows = Volumes(phases), []
    for (a, b), result in results.items():
        if result.mutual.kink is None:
            continue
        ledger = pair_volumes(result, result.mutual.kink, phases, volumes)
        about = {"pair": f"{a} | {b}", "reaction": ledger.reaction, "notes": "; ".join(ledger.notes)}
        rows.append(
            {
                **about,
                "before": ledger.before,
                "after": ledger.after,
                "change": ledger.change,
                "percent": ledger.percent,
            }
        )
    columns = (
        Column("pair", "pair", chemical=True),
        Column("before", "before (mL/mol)", 1),
        Column("after", "after (mL/mol)", 1),
        Column("change", "change (mL/mol)", 1),
        Column("percent", "change (%)", 1),
        Column("reaction", "reaction at the mutual minimum", chemical=True),
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
        Column("mutual", "mutual ± 1σ (eV/atom)", 3, "mutual_sigma"),
        Column("total", "total ± 1σ (eV/atom)", 3, "total_sigma"),
        Column("reaction", "balanced reaction", chemical=True),
        Column("tier", "tier"),
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


def rests_on(phase_set: str, sha256: str, entries: Iterable[str]) -> str:
    """Name a phase set, the beginning of its hash, and the entries behind a number."""
    return f"phase set {phase_set} ({sha256[:8]}): {', '.join(dict.fromkeys(entries))}"


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
            )
        )
    return found
