"""Reaction energies of a pair A | B: self, mutual and total, which are never mixed up.

With all energies in eV per atom of the mixture, c the atomic fraction of A and H the convex hull::

    self(A)   = H(A) - E(A)                                    each reactant falling to its own hull
    mutual(c) = H(mixture) - c H(A) - (1 - c) H(B)             what mixing adds
    total(c)  = H(mixture) - c E(A) - (1 - c) E(B)
              = mutual(c) + c self(A) + (1 - c) self(B)

All are <= 0. The definition of the mutual part is that of Richards et al., Chem. Mater. 28, 266 (2016),
and Xiao et al., Nat. Rev. Mater. 5, 105 (2020). A reactant without an energy of its own is taken on the
hull; the result says so. Mixing ratios x count formula units of A, as the user wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .formation import MeasurementScales, measurement_scales
from .hull import NUMERICAL_ZERO, Phases, Vertex, by_potential, settled
from .open_species import OpenSpecies
from .phase_set import PhaseEntry, PhaseSet, Subject
from .reaction_results import Kink, Minimum, Product, Reactant, ReactionResult, products_of, side, write_reaction
from .uncertainty import (
    SAMPLES,
    LineDraws,
    MeasuredNumber,
    MeasuredReaction,
    Spread,
    Uncertainty,
    draw_lines,
    require_samples,
)

__all__ = [
    "Kink",
    "MeasuredReaction",
    "Minimum",
    "PairCurve",
    "Product",
    "Reactant",
    "ReactionResult",
    "Uncertainty",
    "beside_measurement",
    "describe",
    "formula_fraction",
    "products_of",
    "react",
    "react_many",
    "side",
    "write_reaction",
]


def react(a: str, b: str, phase_set: PhaseSet, *, samples: int = SAMPLES, seed: int = 0) -> ReactionResult:
    """Return self, mutual and total reaction energies of the pair a | b along the mixing ratio.

    Parameters
    ----------
    a, b : str
        Library names or chemical formulas.
    phase_set : PhaseSet
        Energies of all competing phases.
    samples : int
        Perturbed hulls for the uncertainty, at least 2.
    seed : int
        Of the perturbations.

    Raises
    ------
    InputError
        If a name or formula is unknown or holds an element outside the set, or `samples` is below 2.
    CalculationError
        If the hull is degenerate.
    """
    require_samples(samples)

    def line(phases: PhaseSet) -> PairCurve:
        return react_many([(a, b)], phases)[0]

    curve = line(phase_set)
    return describe(curve, _draws(curve, samples, seed), phase_set, seed, line)


def react_many(pairs: Sequence[tuple[str, str]], phase_set: PhaseSet) -> list[PairCurve]:
    """Return the curves of thousands of pairs, in the order given; no uncertainty.

    Pairs of one chemical system are evaluated together, so that a pair costs a fraction of a millisecond.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Library names or chemical formulas of A and B.
    phase_set : PhaseSet

    Raises
    ------
    InputError, CalculationError
        As :func:`react`.
    """
    subjects = {name: phase_set.resolve(name) for name in dict.fromkeys(name for pair in pairs for name in pair)}
    own = {name: None if subject.entry is None else subject.entry.energy_per_atom for name, subject in subjects.items()}
    elements = {
        name: frozenset(element.symbol for element in subject.composition) for name, subject in subjects.items()
    }
    systems: dict[frozenset[str], list[int]] = {}
    for index, (a, b) in enumerate(pairs):
        systems.setdefault(elements[a] | elements[b], []).append(index)
    found: dict[int, PairCurve] = {}
    for system, members in systems.items():
        phases = Phases.of(phase_set, system)
        vectors = {name: phases.vector(subjects[name].composition) for index in members for name in pairs[index]}
        ends = (np.array([vectors[pairs[index][end]] for index in members]) for end in (0, 1))
        for index, vertices in zip(members, phases.tie_lines(*ends), strict=True):
            a, b = pairs[index]
            found[index] = PairCurve(subjects[a], subjects[b], phases, vertices, (own[a], own[b]))
    return [found[index] for index in range(len(pairs))]


def _draws(curve: PairCurve, samples: int, seed: int) -> LineDraws:
    phases = curve.phases
    energies = phases.samples(samples, seed)
    own = [None if s.entry is None else energies[:, phases.position[s.entry.id]] for s in (curve.a, curve.b)]
    ends = phases.vector(curve.a.composition), phases.vector(curve.b.composition)
    return draw_lines(phases, energies, ends, (own[0], own[1]), curve.x_atom)


_PARTS = ("mutual", "total")


@dataclass(frozen=True, eq=False)
class PairCurve:
    """One pair on the hull, before anything is written about it; arrays run over the kinks with rising x.

    Parameters
    ----------
    a, b : Subject
    phases : Phases
        Of the elements of both.
    vertices : tuple of Vertex
        Kinks of the hull and both ends, from pure B to pure A.
    own : tuple of (float or None)
        Energy of each reactant's entry, eV/atom; None for one without an entry.
    open : OpenSpecies or None
        Reservoirs; the energies are then grand potentials per atom of the reactants.
    """

    a: Subject
    b: Subject
    phases: Phases
    vertices: tuple[Vertex, ...]
    own: tuple[float | None, float | None]
    open: OpenSpecies | None = None

    @cached_property
    def x_atom(self) -> Floats:
        """(n_kinks,) atomic fraction of A."""
        return np.array([vertex.x for vertex in self.vertices])

    @cached_property
    def x(self) -> Floats:
        """(n_kinks,) formula-unit fraction of A."""
        return formula_fraction(self.x_atom, self.a, self.b)

    @cached_property
    def hull(self) -> Floats:
        """(n_kinks,) eV/atom."""
        return np.array([vertex.energy for vertex in self.vertices])

    @property
    def self_energies(self) -> tuple[float | None, float | None]:
        """eV/atom of A and B, <= 0; None for one without an entry."""
        a, b = self.own
        return (None if a is None else settled(self.hull[-1] - a), None if b is None else settled(self.hull[0] - b))

    @cached_property
    def mutual(self) -> Floats:
        """(n_kinks,) eV per atom of the reactants."""
        return _settled(self.hull - self.x_atom * self.hull[-1] - (1 - self.x_atom) * self.hull[0])

    @cached_property
    def total(self) -> Floats:
        """(n_kinks,) eV per atom of the reactants."""
        own_a, own_b = self.self_energies
        return _settled(self.mutual + self.x_atom * (own_a or 0.0) + (1 - self.x_atom) * (own_b or 0.0))

    def products(self, kink: int) -> tuple[Product, ...]:
        """Phases at a kink, per formula unit of reactants."""
        c = self.x_atom[kink]
        units = c / self.a.composition.num_atoms + (1 - c) / self.b.composition.num_atoms
        return products_of(self.vertices[kink], self.phases.entries, float(1 / units))

    def changes(self, kink: int, part: str) -> dict[PhaseEntry, float]:
        """Return the atoms in each phase that form (positive) or are used up at a kink, per atom of the reactants: the
        coefficients of its ``mutual`` or ``total`` energy."""
        x, found = float(self.x_atom[kink]), dict(self.vertices[kink].amounts)
        for share, end, subject in ((x, -1, self.a), (1 - x, 0, self.b)):
            own = {} if part == "mutual" or subject.entry is None else {self.phases.position[subject.entry.id]: 1.0}
            for index, amount in (own or self.vertices[end].amounts).items():
                found[index] = found.get(index, 0.0) - share * amount
        return {self.phases.entries[i]: n for i, n in found.items() if abs(n) > NUMERICAL_ZERO}

    def exchange(self, x: float, products: Sequence[Product]) -> tuple[tuple[str, float], ...]:
        """Open element and its atoms taken up, per formula unit of reactants, x of A and 1 - x of B."""
        entries = [(p.coefficient, self.phases.entries[self.phases.position[p.entry]].composition) for p in products]
        given = ((x, self.a.composition), (1 - x, self.b.composition))
        elements = self.open.shifts if self.open else ()
        return tuple(
            (el, settled(sum(n * c[el] for n, c in entries) - sum(n * c[el] for n, c in given))) for el in elements
        )

    def reaction(self, kink: int) -> str:
        """The balanced reaction at a kink, what is taken up on the left and what is released on the right."""
        x, products = float(self.x[kink]), self.products(kink)
        taken: dict[str, float] = {}
        for element, amount in self.exchange(x, products):
            for formula, share in self.open.reservoir(element).items() if self.open else ():
                taken[formula] = taken.get(formula, 0.0) + amount * share
        moved = [(amount, formula) for formula, amount in taken.items()]
        right = [(p.coefficient, p.formula) for p in products] + [(-amount, formula) for amount, formula in moved]
        return write_reaction([(x, self.a.formula), (1 - x, self.b.formula), *moved], right)


def formula_fraction(x_atom: Floats, a: Subject, b: Subject) -> Floats:
    """Return the formula-unit fraction of A for its atomic fraction."""
    units_a, units_b = x_atom / a.composition.num_atoms, (1 - x_atom) / b.composition.num_atoms
    return np.asarray(units_a / (units_a + units_b))


def describe(
    curve: PairCurve, draws: LineDraws, phase_set: PhaseSet, seed: int, line: Callable[[PhaseSet], PairCurve]
) -> ReactionResult:
    """Return everything about a curve, with the draws of its uncertainty and what measured enthalpies say.

    Parameters
    ----------
    curve : PairCurve
    draws : LineDraws
        At the kinks of the curve.
    phase_set : PhaseSet
    seed : int
        Of the draws.
    line : function of PhaseSet
        Returns the same pair's curve on another set.
    """
    scales = measurement_scales(phase_set)
    spreads = zip(Spread.of_columns(draws.kinks_mutual), Spread.of_columns(draws.kinks_total), strict=True)
    kinks = tuple(_kink(curve, index, spread) for index, spread in enumerate(spreads))
    return ReactionResult(
        phase_set=phase_set.name,
        sha256=phase_set.sha256,
        a=_reactant(curve, 0),
        b=_reactant(curve, 1),
        kinks=kinks,
        mutual=_minimum(curve.mutual, kinks),
        total=_minimum(curve.total, kinks),
        uncertainty=Uncertainty.of(draws, (curve.own[0] is not None, curve.own[1] is not None), seed),
        open=curve.open,
        measured=None if scales is None else _measured(curve, line, scales),
        by_potential=by_potential(phase_set, lambda phases: float(line(phases).mutual.min())),
    )


def _measured(own: PairCurve, line: Callable[[PhaseSet], PairCurve], scales: MeasurementScales) -> MeasuredReaction:
    """How a pair stands against measured enthalpies; reservoirs that form a phase of their own there are the reason for
    no number."""
    try:
        other = line(scales.measured)
    except InputError as error:
        mutual, total = (MeasuredNumber(_scale_error(own, part, scales), None, None) for part in _PARTS)
        return MeasuredReaction(mutual, total, None, (), (), f"no number from measured enthalpies: {error.message}")
    return beside_measurement(own, other, scales)


def _scale_error(own: PairCurve, part: str, scales: MeasurementScales) -> float | None:
    """Standard deviation of a part's minimum from measurement, eV/atom; None where nothing reacts."""
    changes = own.changes(int(np.argmin(getattr(own, part))), part)
    return scales.sigma(changes, measured=False) if changes else None


def beside_measurement(own: PairCurve, other: PairCurve, scales: MeasurementScales) -> MeasuredReaction:
    """Return how a pair's curve stands against measured enthalpies.

    Parameters
    ----------
    own, other : PairCurve
        Of the same pair on the phase set and on its measured scale.
    scales : MeasurementScales
    """
    deepest = {part: int(np.argmin(getattr(other, part))) for part in _PARTS}
    places = {0, len(other.vertices) - 1, *deepest.values()}
    behind = [product.formula for place in sorted(places) for product in other.products(place)]
    behind += [subject.entry.formula for subject in (other.a, other.b) if subject.entry is not None]
    measured, computed, reason = scales.split(behind)

    def beside(part: str) -> MeasuredNumber:
        error = _scale_error(own, part, scales)
        if reason:
            return MeasuredNumber(error, None, None)
        changes = other.changes(deepest[part], part)
        sigma = scales.sigma(changes, measured=True) if changes else None
        return MeasuredNumber(error, float(getattr(other, part)[deepest[part]]), sigma)

    reacts = not reason and other.mutual[deepest["mutual"]] < 0
    reaction = other.reaction(deepest["mutual"]) if reacts else None
    return MeasuredReaction(beside("mutual"), beside("total"), reaction, measured, computed, reason)


def _settled(values: Floats) -> Floats:
    return np.where(np.abs(values) < NUMERICAL_ZERO, 0.0, values)


def _reactant(curve: PairCurve, which: int) -> Reactant:
    subject, own, self_energy = (curve.a, curve.b)[which], curve.own[which], curve.self_energies[which]
    kink = (-1, 0)[which]
    decomposition = curve.products(kink)
    return Reactant(
        label=subject.label,
        formula=subject.formula,
        entry=subject.entry.id if subject.entry else None,
        tier=subject.entry.tier if subject.entry else None,
        energy=float(curve.hull[kink]) if own is None else own,
        self_energy=self_energy,
        decomposition=decomposition,
        note=_note(curve, subject, self_energy, decomposition),
        exchange=curve.exchange(float(curve.x[kink]), decomposition),
    )


def _note(curve: PairCurve, subject: Subject, self_energy: float | None, decomposition: Sequence[Product]) -> str:
    where = f" at {curve.open}" if curve.open else ""
    if subject.entry is None or self_energy is None:
        others = side([(p.coefficient, p.formula) for p in decomposition])
        return (
            f"no energy of its own in the phase set: taken on the hull{where} as {others}, so total holds no self "
            "part for it; were it stabler than these, less would react"
        )
    position = f"{-self_energy:.4f} eV/atom above the hull{where}" if self_energy else f"on the hull{where}"
    return f"entry {subject.entry.id} ({subject.entry.tier}), {position}"


def _kink(curve: PairCurve, index: int, spreads: tuple[Spread, Spread]) -> Kink:
    x, products = float(curve.x[index]), curve.products(index)
    return Kink(
        x=x,
        x_atom=float(curve.x_atom[index]),
        mutual=float(curve.mutual[index]),
        total=float(curve.total[index]),
        mutual_sigma=spreads[0].sigma,
        total_sigma=spreads[1].sigma,
        mutual_interval=spreads[0].interval,
        total_interval=spreads[1].interval,
        products=products,
        reaction=curve.reaction(index),
        exchange=curve.exchange(x, products),
        conserved=_conserved(curve, float(curve.x_atom[index])),
    )


def _conserved(curve: PairCurve, x_atom: float) -> float:
    """Share of the reactants' atoms that are no open element."""
    ends = (float(curve.phases.vector(subject.composition).sum()) for subject in (curve.a, curve.b))
    return sum(share * atoms for share, atoms in zip((x_atom, 1 - x_atom), ends, strict=True))


def _minimum(energies: Floats, kinks: Sequence[Kink]) -> Minimum:
    index = int(np.argmin(energies))
    return Minimum(float(energies[index]), kinks[index]) if energies[index] < 0 else Minimum(0.0, None)
