"""Chapter on electrochemical stability windows, from a pinned phase set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ....configs.models import Tier
from ....configs.steps.windows import WindowStep
from ...figures.reactions import WindowLadder, window_figure
from ...thermodynamics.cathode_states import electrode_rows
from ...thermodynamics.hull import Phases
from ...thermodynamics.phase_set import PhaseSet, parse_formula
from ...thermodynamics.reactions import Product, products_of
from ...thermodynamics.window import LadderStep, WindowResult, stability_window
from ...thermodynamics.window_deviation import LimitDeviation, explain_window, measured_limits
from ...words import tier_label
from ..case import Case
from ..chapter import Chapter, PhasesOfCase, Problems, phases_of
from ..columns import COMPOUNDS, MATERIAL, MEASURED_REACTION, TIER
from ..content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ..quantities.answers import window_answer
from ..quantities.limits import WINDOW_QUANTITIES
from ..quantities.pairs import SIGMA, rests_on
from .reactions import deviation

__all__ = ["WINDOWS", "Windows", "ladder"]

_DEVIATION = Column("deviation", "deviation (V)", 3)
_LIMIT = Column("limit", "limit")

#: V vs Li/Li+, range of the ladders
_VOLTAGES = (0.0, 5.0)


@dataclass(frozen=True)
class _Window:
    """A result with what its numbers rest on besides the phases on the far side of each step.

    near : phases that stand for the material on the hull, by entry id; lithium : the entry of the metal, zero of the
    voltage.
    """

    result: WindowResult
    near: dict[str, Tier]
    lithium: dict[str, Tier]

    def behind(self, far: Sequence[Product], near: Sequence[Product] | None = None) -> dict[str, Tier]:
        """Entries of both sides of a step and of lithium metal; the material's own side where `near` is left out."""
        return (self.near if near is None else _entries(near)) | _entries(far) | self.lithium


def _entries(products: Sequence[Product]) -> dict[str, Tier]:
    return {product.entry: product.tier for product in products}


def ladder(result: WindowResult) -> WindowLadder:
    """Return what the figure of windows draws; the steps are the reactions of each plateau alone.

    Parameters
    ----------
    result : WindowResult
    """
    oxidation = result.oxidation.voltage if result.oxidation else None
    steps = [(step.voltage, step.step) for step in result.ladder]
    return WindowLadder(result.material, result.reduction.voltage, oxidation, steps, result.published)


@dataclass(frozen=True)
class Windows:
    """What the step ``windows`` asks for.

    Parameters
    ----------
    step : WindowStep
    used : PhasesOfCase
    windows : mapping of str to _Window
        By material.
    problems : Problems
    """

    step: WindowStep
    used: PhasesOfCase
    windows: Mapping[str, _Window]
    problems: Problems

    @cached_property
    def deviations(self) -> list[LimitDeviation]:
        """Every limit that has a printed value, with the phases and entries that make it differ."""
        phases, products = self.used.phases, self.step.published_products
        return [
            one
            for result in (window.result for window in self.windows.values())
            if result.published is not None and phases is not None
            for one in explain_window(result, phases, result.published, products.get(result.material, ((), ())))
        ]


def _evaluate(case: Case, step: WindowStep) -> Windows:
    used, problems = phases_of(case, step.phase_set), Problems()
    phases, windows = used.phases, {}
    if phases is not None:
        for name in step.materials:
            with problems.attempt(name):
                result = stability_window(name, phases, voltages=_VOLTAGES, published=step.published.get(name))
                windows[name] = _Window(result, _on_hull(result, phases), _lithium(phases))
    return Windows(step, used, windows, problems)


def _blocks(found: Windows) -> list[Block]:
    blocks: list[Block] = [*found.used.texts, *found.problems.texts]
    windows = list(found.windows.values())
    results = [window.result for window in windows]
    if not results:
        return blocks
    tiers = tier_label(tier for result in results for tier in result.tiers.values())
    highest = max(result.oxidation.voltage if result.oxidation else 0.0 for result in results)
    figure = window_figure(
        [ladder(r) for r in results],
        f"phase set {results[0].phase_set} (tier {tiers})",
        (0.0, max(_VOLTAGES[1], math.ceil(highest))),
        listed=False,
    )
    alt = f"Stability windows of {', '.join(result.material for result in results)} with the steps of each ladder."
    blocks += [Picture("windows", figure, alt), _limits(windows), Text(_CONVENTION, "note")]
    if (phases := found.used.phases) is not None:
        blocks += [_measured(windows, phases), _electrodes(phases)]
    blocks.append(_ladders(windows))
    blocks.append(Text("\n".join(f"{result.material}: {result.note}." for result in results), "note"))
    return blocks + _beside_print(found)


def _numbers(found: Windows) -> list[KeyNumber]:
    return [key for window in found.windows.values() for key in _key_limits(window)]


def _values(found: Windows) -> list[Value]:
    """Both limits of every material."""
    values, column = [], "window (V vs Li/Li⁺)"
    for name in found.step.materials:
        if name not in found.windows:
            values.append(Value((name,), column, problem=found.used.problem or found.problems.of(name)))
            continue
        result = found.windows[name].result
        sigma, oxidation = result.uncertainty, result.oxidation
        high = "no limit" if oxidation is None else f"{oxidation.voltage:.3f}"
        spread = f"± {sigma.reduction:.3f} and ± {sigma.oxidation or 0:.3f} V; phase set {result.phase_set}"
        text = f"{result.reduction.voltage:.3f} to {high}"
        values.append(Value((name,), column, text, tier_label(result.tiers.values()), spread))
    return values


_CONVENTION = (
    "A phase above the hull has no voltage at which nothing would gain by decomposing. By convention its energy is "
    "lowered to the hull, where it is just stable; the shift is listed, and the window is then that of its own "
    "decomposition products. Entropy, kinetics and pressure are left out."
)


def _beside_print(windows: Windows) -> list[Block]:
    """Limits beside printed ones; nothing where none is printed."""
    found, step = windows.deviations, windows.step
    if not found:
        return []
    rows = [
        {
            "material": one.material,
            "limit": one.limit,
            "voltage": one.voltage,
            "published": one.published,
            "deviation": one.deviation,
            "products": ", ".join(one.products),
            "printed": ", ".join(one.published_products),
            "missing": ", ".join(one.missing),
            "printed_reaction": one.printed_reaction,
            "carriers": "; ".join(
                f"{carrier.formula} ({carrier.tier}) {carrier.effect:.3f}" for carrier in one.carriers
            ),
        }
        for one in found
    ]
    columns = (
        MATERIAL,
        _LIMIT,
        Column("voltage", "here (V)", 3),
        Column("published", "published (V)", 3),
        _DEVIATION,
        Column("products", "phases beyond it here", chemical=True),
        Column("printed", "published phases", chemical=True),
        Column("missing", "not in the set", chemical=True),
        Column("printed_reaction", "published reaction on these energies (V)", 3),
        Column("carriers", "entries of the net reaction: effect of 1σ (V)", chemical=True),
    )
    source = f"Published: {step.published_source}." if step.published_source else ""
    table = Table(
        "windows_published",
        "Limits beside published ones",
        columns,
        rows,
        f"{source} The net reaction leaves spectators out.".strip(),
    )
    return [table, Text("\n".join(one.text for one in found), "note")]


def _on_hull(result: WindowResult, phases: PhaseSet) -> dict[str, Tier]:
    composition = parse_formula(result.formula)
    hull = Phases.of(phases, {"Li", *(element.symbol for element in composition)})
    return _entries(products_of(hull.decompose(composition), hull.entries, composition.num_atoms))


def _lithium(phases: PhaseSet) -> dict[str, Tier]:
    entry = phases.entry_for("Li")
    return {} if entry is None else {entry.id: entry.tier}


def _ends(window: _Window) -> list[dict[str, Any]]:
    """Both limits of one window, with the published ones beside them."""
    result = window.result
    published = result.published or (None, None)
    ends = (
        ("reduction", result.reduction, result.uncertainty.reduction, published[0]),
        ("oxidation", result.oxidation, result.uncertainty.oxidation, published[1]),
    )
    rows = []
    for name, limit, sigma, printed in ends:
        behind = window.behind(limit.products if limit else ())
        rows.append(
            {
                "material": result.material,
                "limit": name,
                "voltage": limit.voltage if limit else None,
                "sigma": sigma if limit else None,
                "published": printed,
                "deviation": deviation(limit.voltage, printed) if limit else None,
                "above": result.energy_above_hull,
                "shift": result.energy_shift,
                "reaction": limit.reaction if limit else "no lithium to release",
                "tier": tier_label(behind.values()),
                "entries": ", ".join(behind),
            }
        )
    return rows


def _limits(windows: Sequence[_Window]) -> Table:
    columns = (
        MATERIAL,
        _LIMIT,
        Column("voltage", "V vs Li/Li⁺, ± 1σ", 3, "sigma"),
        Column("published", "published (V)", 2),
        _DEVIATION,
        Column("above", "energy above hull (eV/atom)", 4),
        Column("shift", "shift applied (eV/atom)", 4),
        Column("reaction", "reaction at the limit", chemical=True),
        TIER,
        Column("entries", "entries of both sides and of Li metal"),
    )
    return Table("windows", "Limits of the windows", columns, [row for window in windows for row in _ends(window)])


def _measured(windows: Sequence[_Window], phases: PhaseSet) -> Table:
    rows = []
    for window in windows:
        for name, found in measured_limits(window.result.material, phases).items():
            number = found.number
            rows.append(
                {
                    "material": window.result.material,
                    "limit": name,
                    "voltage": getattr(window.result, name).voltage,
                    "sigma": getattr(window.result.uncertainty, name),
                    "error": number.error,
                    "measured": number.value,
                    "measured_sigma": number.sigma,
                    "reaction": found.reaction or "",
                    "basis": found.basis,
                }
            )
    columns = (
        MATERIAL,
        _LIMIT,
        Column("voltage", "V vs Li/Li⁺, ± 1σ against other DFT", 3, "sigma"),
        Column("error", "1σ against measurement (V)", 3),
        Column("measured", "from measured enthalpies (V vs Li/Li⁺), ± 1σ", 3, "measured_sigma"),
        MEASURED_REACTION,
        COMPOUNDS,
    )
    return Table("windows_measured", "Limits of the windows against measured enthalpies", columns, rows)


def _electrodes(phases: PhaseSet) -> Table:
    """Voltages of the set's electrodes beside measured ones."""
    rows = [{**asdict(row), "deviation": row.deviation} for row in electrode_rows(phases)]
    columns = (
        Column("lithiated", "lithiated", chemical=True),
        Column("delithiated", "delithiated", chemical=True),
        Column("computed", "in the set, ± 1σ against other DFT (V vs Li/Li⁺)", 2, "sigma"),
        Column("error", "1σ against measurement (V)", 2),
        Column("measured", "measured (V vs Li/Li⁺)", 2),
        Column("deviation", "deviation (V)", 2),
        Column("source", "measured by"),
        Column("note", "note", chemical=True),
    )
    note = "Where a cathode's voltage is off, so is every limit, map and ranking in which its lithium content decides."
    return Table("electrode_voltages", "Electrodes of the phase set beside measured voltages", columns, rows, note)


def _ladders(windows: Sequence[_Window]) -> Table:
    columns = (
        MATERIAL,
        Column("voltage", "V vs Li/Li⁺", 3),
        Column("lithium", "Li per formula unit since the material", 3),
        Column("step", "reaction of this plateau", chemical=True),
        Column("reaction", "from the material to the far side", chemical=True),
        TIER,
    )
    rows = [
        {"material": w.result.material, **vars(step), "tier": tier_label(tiers)}
        for w in windows
        for step, tiers in _with_tiers(w)
    ]
    return Table("ladders", f"Stability ladders, {_VOLTAGES[0]:g} to {_VOLTAGES[1]:g} V", columns, rows)


def _with_tiers(window: _Window) -> list[tuple[LadderStep, list[Tier]]]:
    """Steps in rising voltage with the tiers of the phases on both sides: away from the material, one step's far side
    is the next one's near side."""
    told: dict[LadderStep, list[Tier]] = {}
    uptake = [step for step in reversed(window.result.ladder) if step.lithium > 0]
    release = [step for step in window.result.ladder if step.lithium <= 0]
    for steps in (uptake, release):
        near: Sequence[Product] | None = None
        for step in steps:
            told[step] = list(window.behind(step.products, near).values())
            near = step.products
    return [(step, told[step]) for step in window.result.ladder]


def _key_limits(window: _Window) -> list[KeyNumber]:
    return [
        KeyNumber(
            quantity=f"{end['limit'].capitalize()} limit of {window.result.material}",
            value=end["voltage"],
            unit="V vs Li/Li⁺",
            digits=2,
            uncertainty=end["sigma"],
            uncertainty_kind=SIGMA,
            published=end["published"],
            tier=end["tier"],
            basis=rests_on(window.result.phase_set, window.result.sha256, [end["entries"]]),
            names=(end["limit"], window.result.material),
            detail=end["reaction"],
        )
        for end in _ends(window)
    ]


WINDOWS = Chapter(
    "windows",
    "Electrochemical stability windows",
    "The recipe asks for no stability window.",
    lambda case: case.recipe.windows,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=WINDOW_QUANTITIES,
    step="windows",
    answer=lambda found: window_answer([window.result for window in found.windows.values()]),
    phase_set=lambda step: step.phase_set,
)
