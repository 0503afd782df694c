"""Chapter on the coating screen: ranking, every interface, windows against the operating range."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ....configs.steps.screen import ScreenStep
from ...figures.screen import MOST_CURVES, Curve, HeatMap, RangeBar, coverage_figure, curves_figure, heat_map_figure
from ...thermodynamics.screen import Coverage, ScreenResult, screen
from ...words import number, tier_label
from ..case import Case
from ..chapter import Chapter, Problems, phases_of
from ..columns import MATERIAL, MUTUAL, MUTUAL_ERROR, MUTUAL_REACTION, ROLE, TIER, TOTAL
from ..content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ..quantities.answers import layer_effect, screen_answer
from ..quantities.limits import SCREEN_QUANTITIES, worst_of
from ..quantities.pairs import SIGMA, rests_on

__all__ = ["SCREEN", "WORST_INTERFACE", "Screened", "screen_pictures", "screen_tables"]

#: column of a campaign's matrix
WORST_INTERFACE = "worst interface (eV/atom)"
_COVERS = Column("covers", "holds the range")
_SHORTFALL = Column("shortfall", "window misses (V)", 2)

#: panels of one figure of curves
_PANELS = 6


@dataclass(frozen=True)
class Screened:
    """A screen, or why there is none."""

    texts: list[Text]
    result: ScreenResult | None = None


def _evaluate(case: Case, step: ScreenStep) -> Screened:
    used, problems, result = phases_of(case, step.phase_set), Problems(), None
    if used.phases is not None:
        with problems.attempt("The screen cannot be evaluated"):
            result = screen(step, used.phases)
    return Screened([*used.texts, *problems.texts], result)


def _blocks(found: Screened) -> list[Block]:
    if found.result is None:
        return [*found.texts]
    heat, coverage, *curves = screen_pictures(found.result)
    ranking, pairs, windows = screen_tables(found.result)
    notes = Text("\n".join(found.result.notes), "note")
    return [*found.texts, heat, ranking, notes, coverage, windows, *curves, pairs]


def screen_tables(result: ScreenResult) -> list[Table]:
    """Return the ranking, every interface and every window as tables.

    Parameters
    ----------
    result : ScreenResult
    """
    return [_ranking(result), _pairs(result), _windows(result)]


def _ranking(result: ScreenResult) -> Table:
    columns = (
        Column("cathode", "cathode", chemical=True),
        Column("lithium", "share of its Li", 2),
        Column("electrolyte", "electrolyte", chemical=True),
        Column("rank", "rank", 0),
        Column("coating_name", "coating", chemical=True),
        Column("bare", "cathode | electrolyte (eV/atom)", 3),
        Column("cathode_coating", "cathode | coating (eV/atom)", 3),
        Column("coating_electrolyte", "coating | electrolyte (eV/atom)", 3),
        Column("worst", "worst interface (eV/atom)", 3),
        Column("gain", "worst minus bare (eV/atom)", 3),
        Column("reduction", "reduction limit (V)", 2),
        Column("oxidation", "oxidation limit (V)", 2),
        _SHORTFALL,
        _COVERS,
        Column("open_rank", f"rank at {result.operating_range[1]:g} V", 0),
        Column("held", "cathode held at (V)", 2),
        Column("open_inner", "cathode | its neighbour, open (eV/atom)", 3),
        Column("open_outer", "coating | electrolyte, open (eV/atom)", 3),
        Column("open_worst", "worst interface, open (eV/atom)", 3),
    )
    rows = [{**asdict(row), "coating_name": row.coating or "none"} for row in result.ranking]
    low, high = result.operating_range
    note = (
        f"Mutual energies. Window: of the coating, or of the electrolyte where there is none, against {low:g} to "
        f"{high:g} V vs Li/Li⁺. No oxidation limit: no lithium to release."
    )
    return Table("screen", "Ranking of coatings", columns, rows, note)


def _pairs(result: ScreenResult) -> Table:
    columns = (
        Column("kind", "interface"),
        Column("a", "first", chemical=True),
        Column("b", "second", chemical=True),
        MUTUAL,
        MUTUAL_ERROR,
        Column("measured", "mutual from measured enthalpies ± 1σ (eV/atom)", 3, "measured_sigma"),
        Column("measured_basis", "compounds behind it", chemical=True),
        TOTAL,
        Column("x", "x of the first", 2),
        TIER,
        Column("on_hull", "taken on the hull", chemical=True),
        MUTUAL_REACTION,
    )
    return Table("screen_pairs", "Every interface of the screen", columns, [asdict(pair) for pair in result.pairs])


def _windows(result: ScreenResult) -> Table:
    columns = (
        MATERIAL,
        ROLE,
        Column("reduction", "reduction limit (V vs Li/Li⁺)", 2),
        Column("oxidation", "oxidation limit (V vs Li/Li⁺)", 2),
        Column("measured_reduction", "reduction limit from measured enthalpies (V)", 2),
        Column("measured_oxidation", "oxidation limit from measured enthalpies (V)", 2),
        Column("energy_above_hull", "energy above hull (eV/atom)", 4),
        _SHORTFALL,
        _COVERS,
    )
    return Table(
        "screen_windows",
        "Windows against the operating range",
        columns,
        [window.to_json() for window in result.windows],
    )


def screen_pictures(result: ScreenResult) -> list[Picture]:
    """Return heat map, windows against the operating range, and the curves of every cathode | electrolyte along the
    mixing ratio.

    Parameters
    ----------
    result : ScreenResult
    """
    source = _source(result)
    bars = [_bar(window) for window in result.windows]
    pictures = [
        Picture(
            "screen_heat_map",
            heat_map_figure(_heat(result)),
            "Mutual reaction energies of all interfaces; the numbers stand in the table.",
        ),
        Picture(
            "screen_windows",
            coverage_figure(bars, result.operating_range, source),
            "Stability windows of electrolytes and coatings against the range.",
        ),
    ]
    panels = _panels(result)
    for part, start in enumerate(range(0, len(panels), _PANELS), start=1):
        alt = "Mutual reaction energy of each cathode with each electrolyte along the mixing ratio, by state of charge."
        pictures.append(Picture(f"screen_curves_{part}", curves_figure(panels[start : start + _PANELS], source), alt))
    return pictures


def _source(result: ScreenResult) -> str:
    tiers = tier_label(tier for pair in result.pairs for tier in pair.tier.split(" + "))
    return f"phase set {result.phase_set} (tier {tiers})"


def _heat(result: ScreenResult) -> HeatMap:
    states = [state.label for state in result.cathodes]
    rows, columns = [*states, *result.coatings], [*result.electrolytes, *result.coatings]
    known = {(pair.a, pair.b): pair.mutual for pair in result.pairs}
    energies = np.array([[known.get((a, b), np.nan) for b in columns] for a in rows])
    parts = (len(states), len(result.coatings)), (len(result.electrolytes), len(result.coatings))
    groups = [[part for part in sizes if part] for sizes in parts]
    return HeatMap(rows, columns, energies, groups[0], groups[1], _source(result))


def _bar(window: Coverage) -> RangeBar:
    return RangeBar(window.material, window.reduction, window.oxidation, window.covers)


def _panels(result: ScreenResult) -> list[tuple[str, list[Curve]]]:
    """One panel per cathode and electrolyte, one curve per state of charge; more states than colours go on in a further
    panel."""
    panels: dict[str, list[Curve]] = {}
    for electrolyte in result.electrolytes:
        for state in result.cathodes:
            kinks = sorted(result.reactions[state.label, electrolyte].kinks, key=lambda kink: kink.x_atom)
            curve = Curve(state.label, [k.x_atom for k in kinks], [k.mutual for k in kinks])
            panels.setdefault(f"{state.cathode} | {electrolyte}", []).append(curve)
    return [
        (title, curves[i : i + MOST_CURVES])
        for title, curves in panels.items()
        for i in range(0, len(curves), MOST_CURVES)
    ]


def _numbers(screened: Screened) -> list[KeyNumber]:
    """The best coating of every cathode and electrolyte by its worse interface."""
    numbers, result = list[KeyNumber](), screened.result
    if result is None:
        return numbers
    for best in (row for row in result.ranking if row.rank == 1):
        worst = worst_of(result, best.cathode, best.coating, best.electrolyte)
        name = f"with the coating {best.coating}" if best.coating else "bare, better than any coating"
        found = result.reactions[worst.a, worst.b]
        numbers.append(
            KeyNumber(
                quantity=(
                    f"Best of the screen for {best.cathode} | {best.electrolyte}: {name}, mutual energy of {worst.a} | "
                    f"{worst.b}"
                ),
                value=worst.mutual,
                unit="eV/atom",
                digits=3,
                uncertainty=worst.mutual_sigma,
                uncertainty_kind=SIGMA,
                x=worst.x,
                tier=worst.tier,
                basis=rests_on(result.phase_set, result.sha256, found.tiers),
            )
        )
    return numbers


def _values(screened: Screened) -> list[Value]:
    """The more reactive of both interfaces of every layer, by cathode and electrolyte; the bare ones are pairs."""
    result = screened.result
    if result is None:
        return []
    values = []
    for row in (row for row in result.ranking if row.coating is not None):
        pair = worst_of(result, row.cathode, row.coating, row.electrolyte)
        window = "holds the range" if row.covers else f"window misses {row.shortfall:.2f} V of the range"
        basis = (
            f"{pair.a} | {pair.b}, bare {number(row.bare, 3)}; rank {row.rank}, {window}; ± one standard deviation "
            f"against other DFT of the scale; phase set {result.phase_set}"
        )
        materials = (row.cathode, str(row.coating), row.electrolyte)
        text = f"{number(pair.mutual, 3)} ± {number(pair.mutual_sigma, 3)}"
        values.append(Value(materials, WORST_INTERFACE, text, pair.tier, basis, verdict=layer_effect(result, row)))
    return values


SCREEN = Chapter(
    "screen",
    "Coating screen",
    "The recipe asks for no screen.",
    lambda case: case.recipe.screen,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=SCREEN_QUANTITIES,
    step="screen",
    answer=lambda found: None if found.result is None else screen_answer(found.result),
    phase_set=lambda step: step.phase_set,
)
