"""Coating screen: every cathode (with its state of charge) against every electrolyte, bare and with every coating.

Three questions per coating: does it react with the cathode, does it react with the electrolyte, and does its
stability window hold the operating range? The answer is one row; rows of one cathode | electrolyte are ranked,
first those whose coating holds the operating range, then by the worst of the two mutual reaction energies,
least reactive first, then by what the window misses (the order of criteria of Xiao et al., Joule 3, 1252 (2019),
without thresholds of our own). A second rank takes the energies open to lithium at the upper end of the operating
range, with the lithium content of the electrode held (:class:`.cathode_states.OpenEnergies`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from ...configs.errors import InputError
from ...configs.steps.screen import ScreenStep
from .cathode_states import CathodeState, ElectrodeRow, OpenEnergies, cathode_states, electrode_rows
from .phase_set import PhaseSet, parse_formula
from .reactions import ReactionResult, react
from .window import stability_window
from .window_deviation import Coverage, measured_limits

__all__ = ["Coverage", "Ranked", "ScreenPair", "ScreenResult", "screen"]

#: called with (number done, number of all, what)
Progress = Callable[[int, int, str], None]
#: draws of the entry errors for each number of a screen
_SAMPLES = 64
#: phases that hold an element, below which a compound of it hardly has anything to decompose to: the element, oxide,
#: sulfide, chloride, phosphate and one lithium salt
_FEW = 6


@dataclass(frozen=True)
class ScreenPair:
    """One interface.

    Parameters
    ----------
    kind : str
        cathode | electrolyte, cathode | coating or coating | electrolyte.
    a, b : str
        Labels.
    a_formula, b_formula : str
        Formula units.
    mutual, mutual_sigma, total, total_sigma : float
        eV/atom, minima over the mixing ratio; one standard deviation against other DFT.
    mutual_error, measured, measured_sigma : float or None
        eV/atom: standard deviation of `mutual` against measurement; the number from measured enthalpies, and its own.
    measured_basis : str
        What that number rests on, or why there is none.
    x : float or None
        Formula-unit fraction of a at the mutual minimum; None where nothing reacts.
    reaction : str
        At the mutual minimum.
    on_hull : str
        Which of the two has no energy of its own and is taken on the hull, comma-separated.
    tier : str
        Tiers behind the numbers.
    """

    kind: str
    a: str
    b: str
    a_formula: str
    b_formula: str
    mutual: float
    mutual_sigma: float
    total: float
    total_sigma: float
    mutual_error: float | None
    measured: float | None
    measured_sigma: float | None
    measured_basis: str
    x: float | None
    reaction: str
    on_hull: str
    tier: str


@dataclass(frozen=True)
class Ranked:
    """One cathode | electrolyte with one coating, or bare.

    Parameters
    ----------
    cathode, electrolyte : str
    lithium : float
        Fraction of the cathode's lithium that is left.
    coating : str or None
        None: bare.
    bare, cathode_coating, coating_electrolyte : float or None
        eV/atom, mutual minima; those of the coating are None where bare.
    worst : float
        eV/atom, the most negative mutual energy of the interfaces that exist.
    gain : float
        eV/atom, worst minus bare: > 0 where the coating makes the worst interface less reactive.
    reduction, oxidation, shortfall : float or None
        V; of the coating, or of the electrolyte where bare.
    covers : bool
        Whether that window holds the operating range.
    rank : int
        1 is best, within the cathode (at this state of charge) and electrolyte.
    held : float
        V vs Li/Li+, at which the set leaves the cathode its lithium.
    open_inner, open_outer, open_worst : float
        eV/atom, mutual minima open to lithium: of the cathode with what it touches at `held`, of the coating (None
        where bare) with the electrolyte at the upper end of the operating range; the more negative of them.
    open_rank : int
        As `rank`, by `open_worst`.
    """

    cathode: str
    lithium: float
    electrolyte: str
    coating: str | None
    bare: float
    cathode_coating: float | None
    coating_electrolyte: float | None
    worst: float
    gain: float
    reduction: float
    oxidation: float | None
    shortfall: float
    covers: bool
    held: float
    open_inner: float
    open_outer: float | None
    open_worst: float
    rank: int = 0
    open_rank: int = 0


@dataclass(frozen=True)
class ScreenResult:
    """Everything about one screen on one phase set."""

    phase_set: str
    sha256: str
    operating_range: tuple[float, float]
    cathodes: tuple[CathodeState, ...]
    electrolytes: tuple[str, ...]
    coatings: tuple[str, ...]
    pairs: tuple[ScreenPair, ...]
    windows: tuple[Coverage, ...]
    ranking: tuple[Ranked, ...]
    reactions: dict[tuple[str, str], ReactionResult]
    thin: tuple[tuple[str, int], ...] = ()
    electrodes: tuple[ElectrodeRow, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the numbers."""
        loose = sorted({name for pair in self.pairs for name in pair.on_hull.split(", ") if name})
        thin = [
            (
                f"{element} is held by only {count} phases of the set: reactions and windows of its compounds are "
                "lower bounds"
            )
            for element, count in self.thin
        ]
        told = [
            (
                f"{name}: no energy of its own in the set, taken on the hull: its reactions are those of its "
                "decomposition products"
            )
            for name in loose
        ]
        return (
            *told,
            *thin,
            (
                "rank: coatings that hold the operating range first, then by the worst mutual energy of the two "
                "interfaces of the coating"
            ),
            (
                f"rank at {self.operating_range[1]:g} V: the same with energies open to lithium, the cathode keeping "
                "its lithium at the voltage at which the set leaves it that content"
            ),
            *(f"electrode {row.sentence}" for row in self.electrodes),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of ``screen --json``."""
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            "operating_range": list(self.operating_range),
            "cathodes": [asdict(state) for state in self.cathodes],
            "electrolytes": list(self.electrolytes),
            "coatings": list(self.coatings),
            "pairs": [asdict(pair) for pair in self.pairs],
            "windows": [window.to_json() for window in self.windows],
            "ranking": [asdict(row) for row in self.ranking],
            "notes": list(self.notes),
            "units": {
                "energy": "eV/atom",
                "voltage": "V vs Li/Li+",
                "x": "formula-unit fraction of a",
                "lithium": "fraction of the cathode's lithium that is left",
            },
        }


def screen(step: ScreenStep, phase_set: PhaseSet, progress: Progress | None = None) -> ScreenResult:
    """Evaluate every interface and window of a screen and rank the coatings.

    Parameters
    ----------
    step : ScreenStep
    phase_set : PhaseSet
    progress : callable, optional
        Called after every interface and window with (done, all, what).

    Raises
    ------
    InputError
        If a list is empty, a name is unknown or an element is outside the set.
    """
    _require_distinct(step)
    states = cathode_states(step.cathodes, step.lithium, phase_set)
    asked = list(_pairs(states, step.electrolytes, step.coatings))
    roles = [(name, "electrolyte") for name in step.electrolytes] + [(name, "coating") for name in step.coatings]
    tell = _counter(progress, len(asked) + len(roles))
    reactions, pairs = {}, []
    for kind, (a, a_substance), (b, b_substance) in asked:
        found = reactions[a, b] = react(a_substance, b_substance, phase_set, samples=_SAMPLES)
        pairs.append(_pair(kind, a, b, found))
        tell(f"{a} | {b}")
    windows = []
    for name, role in roles:
        limits = measured_limits(name, phase_set)
        windows.append(Coverage.of(stability_window(name, phase_set), limits, role, step.operating_range))
        tell(f"window of {name}")
    return ScreenResult(
        phase_set=phase_set.name,
        sha256=phase_set.sha256,
        operating_range=step.operating_range,
        cathodes=states,
        electrolytes=step.electrolytes,
        coatings=step.coatings,
        pairs=tuple(pairs),
        windows=tuple(windows),
        ranking=tuple(
            _ranking(
                states,
                step,
                {(pair.a, pair.b): pair.mutual for pair in pairs},
                {(w.role, w.material): w for w in windows},
                OpenEnergies(phase_set, step.operating_range[1]),
            )
        ),
        electrodes=tuple(row for name in {s.cathode for s in states} for row in electrode_rows(phase_set, name)),
        reactions=reactions,
        thin=_thin(reactions.values(), phase_set),
    )


def _thin(reactions: Iterable[ReactionResult], phase_set: PhaseSet) -> tuple[tuple[str, int], ...]:
    """Elements of the screen that few phases of the set hold, with their number."""
    used = {
        element.symbol for found in reactions for side in (found.a, found.b) for element in parse_formula(side.formula)
    }
    counts = {element: sum(element in entry.composition for entry in phase_set.entries) for element in sorted(used)}
    return tuple((element, count) for element, count in counts.items() if count < _FEW)


def _require_distinct(step: ScreenStep) -> None:
    for what, names in (("cathode", step.cathodes), ("electrolyte", step.electrolytes), ("coating", step.coatings)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{what} {twice[0]} is named twice")


def _counter(progress: Progress | None, total: int) -> Callable[[str], None]:
    done = iter(range(1, total + 1))
    return lambda what: progress(next(done), total, what) if progress else None


Named = tuple[str, str]


def _pairs(
    states: Sequence[CathodeState], electrolytes: Sequence[str], coatings: Sequence[str]
) -> Iterator[tuple[str, Named, Named]]:
    """Kind and (label, substance) of both sides."""
    charged = [(state.label, state.substance) for state in states]
    plain = [(name, name) for name in electrolytes]
    layers = [(name, name) for name in coatings]
    for kind, first, second in (
        ("cathode | electrolyte", charged, plain),
        ("cathode | coating", charged, layers),
        ("coating | electrolyte", layers, plain),
    ):
        for a, b in product(first, second):
            yield kind, a, b


def _pair(kind: str, a: str, b: str, found: ReactionResult) -> ScreenPair:
    kink, beside = found.mutual.kink, found.measured
    return ScreenPair(
        kind=kind,
        a=a,
        b=b,
        a_formula=found.a.formula,
        b_formula=found.b.formula,
        mutual=found.mutual.energy,
        mutual_sigma=found.uncertainty.mutual,
        total=found.total.energy,
        total_sigma=found.uncertainty.total,
        mutual_error=beside.mutual.error if beside else None,
        measured=beside.mutual.value if beside else None,
        measured_sigma=beside.mutual.sigma if beside else None,
        measured_basis=beside.basis if beside else "",
        x=None if kink is None else kink.x,
        reaction="no reaction" if kink is None else kink.reaction,
        on_hull=", ".join(label for label, side in ((a, found.a), (b, found.b)) if side.entry is None),
        tier=" + ".join(sorted(set(found.tiers.values()))),
    )


def _ranking(
    states: Iterable[CathodeState],
    step: ScreenStep,
    mutual: dict[tuple[str, str], float],
    windows: dict[tuple[str, str], Coverage],
    opened: OpenEnergies,
) -> Iterator[Ranked]:
    for state, electrolyte in product(states, step.electrolytes):
        rows = [_row(state, electrolyte, coating, mutual, windows, opened) for coating in (None, *step.coatings)]
        rows.sort(key=lambda row: (not row.covers, -row.open_worst, row.shortfall))
        rows = [replace(row, open_rank=place) for place, row in enumerate(rows, start=1)]
        rows.sort(key=lambda row: (not row.covers, -row.worst, row.shortfall))
        yield from (replace(row, rank=place) for place, row in enumerate(rows, start=1))


def _row(
    state: CathodeState,
    electrolyte: str,
    coating: str | None,
    mutual: dict[tuple[str, str], float],
    windows: dict[tuple[str, str], Coverage],
    opened: OpenEnergies,
) -> Ranked:
    held = opened.held(state.substance)
    open_inner = opened.mutual(state.substance, coating or electrolyte, held)
    open_outer = None if coating is None else opened.mutual(coating, electrolyte)
    bare = mutual[state.label, electrolyte]
    inner, outer = (None, None) if coating is None else (mutual[state.label, coating], mutual[coating, electrolyte])
    worst = bare if inner is None or outer is None else min(inner, outer)
    window = windows["electrolyte", electrolyte] if coating is None else windows["coating", coating]
    return Ranked(
        cathode=state.label,
        lithium=state.lithium,
        electrolyte=electrolyte,
        coating=coating,
        bare=bare,
        cathode_coating=inner,
        coating_electrolyte=outer,
        worst=worst,
        gain=worst - bare,
        reduction=window.reduction,
        oxidation=window.oxidation,
        shortfall=window.shortfall,
        covers=window.covers,
        held=held,
        open_inner=open_inner,
        open_outer=open_outer,
        open_worst=min(open_inner, 0.0 if open_outer is None else open_outer),
    )
