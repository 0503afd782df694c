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

from collections.abc import Sequence

import numpy as np

from .hull import Phases
from .pair_curve import PairCurve, describe, formula_fraction
from .phase_set import PhaseSet
from .reaction_results import Kink, Minimum, Product, Reactant, ReactionResult, products_of, side, write_reaction
from .uncertainty import SAMPLES, LineDraws, Uncertainty, draw_lines, require_samples

__all__ = [
    "Kink",
    "Minimum",
    "PairCurve",
    "Product",
    "Reactant",
    "ReactionResult",
    "Uncertainty",
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
    (curve,) = react_many([(a, b)], phase_set)
    return describe(curve, _draws(curve, samples, seed), phase_set, seed)


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
    elements = {name: frozenset(element.symbol for element in subject.composition) for name, subject in subjects.items()}
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
