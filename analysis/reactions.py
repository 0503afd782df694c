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
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..configs.errors import InputError
from ..configs.models import Tier
from .hull import NUMERICAL_ZERO, Array, Phases, Vertex, settled
from .phase_set import PhaseEntry, PhaseSet, Subject, parse_formula

__all__ = ["Kink", "Minimum", "Product", "Reactant", "ReactionResult", "Uncertainty", "products_of", "react", "side", "write_reaction"]


@dataclass(frozen=True)
class Product:
    """A phase on the right side of a reaction.

    Parameters
    ----------
    entry : str
        Its id in the phase set.
    formula : str
        Formula unit.
    tier : Tier
        Where its energy comes from.
    coefficient : float
        Formula units per formula unit of reactants.
    """

    entry: str
    formula: str
    tier: Tier
    coefficient: float


@dataclass(frozen=True)
class Reactant:
    """One side of the pair, alone.

    Parameters
    ----------
    label, formula : str
        Name or formula as given; formula unit.
    entry, tier : str or None
        Its own energy in the phase set; None where it has none and is taken on the hull.
    energy : float
        eV/atom, that of the entry or of the hull.
    self_energy : float or None
        eV/atom, <= 0: falling to its own hull; minus the energy above hull. None without an entry.
    decomposition : tuple of Product
        Stable phases at its composition.
    note : str
        How it was taken.
    """

    label: str
    formula: str
    entry: str | None
    tier: Tier | None
    energy: float
    self_energy: float | None
    decomposition: tuple[Product, ...]
    note: str

    @property
    def atoms(self) -> float:
        """Atoms per formula unit."""
        return float(parse_formula(self.formula).num_atoms)

    @property
    def energy_above_hull(self) -> float | None:
        """eV/atom, >= 0; None without an entry."""
        return None if self.self_energy is None else settled(-self.self_energy)


@dataclass(frozen=True)
class Kink:
    """A mixing ratio at which the products change.

    Parameters
    ----------
    x : float
        Formula-unit fraction of A.
    x_atom : float
        Atomic fraction of A.
    mutual, total : float
        eV per atom of the mixture.
    mutual_sigma, total_sigma : float
        eV/atom, one standard deviation at this mixing ratio.
    products : tuple of Product
        Per formula unit of reactants, x of A and 1 - x of B.
    reaction : str
        The balanced reaction.
    """

    x: float
    x_atom: float
    mutual: float
    total: float
    mutual_sigma: float
    total_sigma: float
    products: tuple[Product, ...]
    reaction: str

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; products as formula to coefficient."""
        return {
            "x": round(self.x, 9),
            "x_atom": round(self.x_atom, 9),
            "mutual": self.mutual,
            "total": self.total,
            "mutual_sigma": self.mutual_sigma,
            "total_sigma": self.total_sigma,
            "products": _coefficients(self.products),
            "reaction": self.reaction,
        }


@dataclass(frozen=True)
class Minimum:
    """Deepest point of one part.

    Parameters
    ----------
    energy : float
        eV per atom of the mixture; 0 where nothing reacts.
    kink : Kink or None
        Where; None where nothing reacts.
    """

    energy: float
    kink: Kink | None

    def to_json(self) -> dict[str, Any]:
        """Return energy, x, x_atom, products (formula to coefficient) and reaction; x is None where nothing reacts."""
        if self.kink is None:
            return {"energy": self.energy, "x": None, "x_atom": None, "products": {}, "reaction": None}
        found = self.kink.to_json()
        return {"energy": self.energy, **{key: found[key] for key in ("x", "x_atom", "products", "reaction")}}


@dataclass(frozen=True)
class Uncertainty:
    """One standard deviation of each number, eV/atom, from hulls with perturbed energies.

    Each entry's energy is drawn `samples` times from an independent Gaussian of its own error, and the
    whole hull is evaluated again; products may change from draw to draw. `x_atom`, that of the mutual minimum's
    position, is None where a draw does not react at all. Errors that entries share,
    e.g. that of one anion correction, are not correlated here, and partly cancel in reality.
    """

    mutual: float
    total: float
    self_a: float | None
    self_b: float | None
    x_atom: float | None
    samples: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the INTERFACE form."""
        return {
            "mutual": self.mutual,
            "total": self.total,
            "self": {"a": self.self_a, "b": self.self_b},
            "x_atom": self.x_atom,
            "unit": "eV/atom, one standard deviation",
            "method": f"{self.samples} hulls with independent Gaussian entry errors, seed {self.seed}; errors shared by entries are not correlated",
        }


@dataclass(frozen=True)
class ReactionResult:
    """Everything about one pair on one phase set; energies eV/atom."""

    phase_set: str
    sha256: str
    a: Reactant
    b: Reactant
    kinks: tuple[Kink, ...]
    mutual: Minimum
    total: Minimum
    uncertainty: Uncertainty

    @property
    def tiers(self) -> dict[str, Tier]:
        """Tier of every entry that the result rests on, by entry id."""
        products = [p for owner in (self.a.decomposition, self.b.decomposition, *(k.products for k in self.kinks)) for p in owner]
        own = {r.entry: r.tier for r in (self.a, self.b) if r.entry is not None and r.tier is not None}
        return {**own, **{product.entry: product.tier for product in products}}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the numbers."""
        learned = sorted(entry for entry, tier in self.tiers.items() if tier == "chgnet")
        label = (f"machine-learning energies (chgnet) enter through {', '.join(learned)}",) if learned else ()
        return tuple(f"{r.label}: {r.note}" for r in (self.a, self.b)) + label

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of the command line's ``reactions --json``."""
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            "self": {"a": self.a.self_energy, "b": self.b.self_energy},
            "mutual": self.mutual.to_json(),
            "total": self.total.to_json(),
            "kinks": [kink.to_json() for kink in self.kinks],
            "uncertainty": self.uncertainty.to_json(),
            "reactants": {"a": _reactant_json(self.a), "b": _reactant_json(self.b)},
            "tiers": self.tiers,
            "notes": list(self.notes),
            "units": {"energy": "eV/atom", "x": "formula-unit fraction of A", "x_atom": "atomic fraction of A"},
        }


def react(a: str, b: str, phase_set: PhaseSet, *, samples: int = 64, seed: int = 0) -> ReactionResult:
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
    if samples < 2:
        raise InputError(f"samples is {samples}: at least 2 are needed for a standard deviation")
    subjects = phase_set.resolve(a), phase_set.resolve(b)
    elements = {element.symbol for subject in subjects for element in subject.composition}
    phases = Phases.of(phase_set, elements)
    line = phases.tie_line(subjects[0].composition, subjects[1].composition)[::-1]
    first, second = _reactant(subjects[0], line[-1], phases), _reactant(subjects[1], line[0], phases)
    draws = _draws(subjects, line, phases, samples, seed)
    kinks = _kinks(line, (first, second), phases, draws)
    return ReactionResult(
        phase_set=phase_set.name,
        sha256=phase_set.sha256,
        a=first,
        b=second,
        kinks=kinks,
        mutual=_minimum([kink.mutual for kink in kinks], kinks),
        total=_minimum([kink.total for kink in kinks], kinks),
        uncertainty=draws.uncertainty(first, second, samples, seed),
    )


def products_of(vertex: Vertex, entries: Sequence[PhaseEntry], atoms: float) -> tuple[Product, ...]:
    """Return the phases of a vertex as formula units per `atoms` atoms, largest share of atoms first."""
    ranked = sorted(vertex.amounts.items(), key=lambda item: (-round(item[1], 9), entries[item[0]].id))
    return tuple(Product(entries[i].id, entries[i].formula, entries[i].tier, share * atoms / entries[i].composition.num_atoms) for i, share in ranked)


def side(terms: Sequence[tuple[float, str]]) -> str:
    """Return ``0.5 Li2O + LiCl`` for coefficients and formulas; zero terms are left out."""
    shown = [formula if f"{amount:.6g}" == "1" else f"{amount:.6g} {formula}" for amount, formula in terms if amount > NUMERICAL_ZERO]
    return " + ".join(shown)


def write_reaction(left: Sequence[tuple[float, str]], right: Sequence[tuple[float, str]]) -> str:
    """Return ``left -> right`` for coefficients and formulas."""
    return f"{side(left)} -> {side(right)}"


def _reactant(subject: Subject, vertex: Vertex, phases: Phases) -> Reactant:
    entry = subject.entry
    decomposition = products_of(vertex, phases.entries, subject.composition.num_atoms)
    if entry is None:
        others = side([(p.coefficient, p.formula) for p in decomposition])
        self_energy = None
        note = f"no energy of its own in the phase set: taken on the hull as {others}, so total holds no self part for it; were it stabler than these, less would react"
    else:
        self_energy = settled(vertex.energy - entry.energy_per_atom)
        position = f"{-self_energy:.4f} eV/atom above the hull" if self_energy else "on the hull"
        note = f"entry {entry.id} ({entry.tier}), {position}"
    return Reactant(
        label=subject.label,
        formula=subject.formula,
        entry=entry.id if entry else None,
        tier=entry.tier if entry else None,
        energy=entry.energy_per_atom if entry else vertex.energy,
        self_energy=self_energy,
        decomposition=decomposition,
        note=note,
    )


@dataclass(frozen=True)
class _Draws:
    """Perturbed hulls: minima and x_atom (n_samples,), self parts (n_samples, 2), kinks (n_samples, n_kinks), eV/atom."""

    mutual: Array
    total: Array
    x_atom: Array
    self_parts: Array
    kinks_mutual: Array
    kinks_total: Array

    def uncertainty(self, a: Reactant, b: Reactant, samples: int, seed: int) -> Uncertainty:
        self_a, self_b = (float(value) for value in self.self_parts.std(axis=0, ddof=1))
        return Uncertainty(
            mutual=float(self.mutual.std(ddof=1)),
            total=float(self.total.std(ddof=1)),
            self_a=None if a.entry is None else self_a,
            self_b=None if b.entry is None else self_b,
            x_atom=float(self.x_atom.std(ddof=1)) if bool((self.mutual < -NUMERICAL_ZERO).all()) else None,
            samples=samples,
            seed=seed,
        )


def _draws(subjects: Sequence[Subject], line: Sequence[Vertex], phases: Phases, samples: int, seed: int) -> _Draws:
    ends = phases.vector(subjects[0].composition), phases.vector(subjects[1].composition)
    shares = np.array([[vertex.x, 1 - vertex.x] for vertex in line])
    rows = []
    for energies in phases.samples(samples, seed):
        hull = phases.hull_energies(energies, shares @ np.array(ends))
        on_hull = np.array([hull[-1], hull[0]])
        own = np.array([on_hull[i] if s.entry is None else energies[phases.entries.index(s.entry)] for i, s in enumerate(subjects)])
        mutual, x_atom = phases.deepest(energies, ends, on_hull)
        total, _ = phases.deepest(energies, ends, own)
        rows.append((mutual, total, x_atom, on_hull - own, hull - shares @ on_hull, hull - shares @ own))
    return _Draws(*(np.array(column) for column in zip(*rows, strict=True)))


def _kinks(line: Sequence[Vertex], pair: tuple[Reactant, Reactant], phases: Phases, draws: _Draws) -> tuple[Kink, ...]:
    spread = draws.kinks_mutual.std(axis=0, ddof=1), draws.kinks_total.std(axis=0, ddof=1)
    return tuple(_kink(vertex, pair, (line[-1].energy, line[0].energy), phases, (spread[0][i], spread[1][i])) for i, vertex in enumerate(line))


def _kink(vertex: Vertex, pair: tuple[Reactant, Reactant], on_hull: tuple[float, float], phases: Phases, sigma: tuple[float, float]) -> Kink:
    c = vertex.x
    units = c / pair[0].atoms, (1 - c) / pair[1].atoms
    x = units[0] / sum(units)
    products = products_of(vertex, phases.entries, 1 / sum(units))
    return Kink(
        x=x,
        x_atom=c,
        mutual=settled(vertex.energy - c * on_hull[0] - (1 - c) * on_hull[1]),
        total=settled(vertex.energy - c * pair[0].energy - (1 - c) * pair[1].energy),
        mutual_sigma=settled(sigma[0]),
        total_sigma=settled(sigma[1]),
        products=products,
        reaction=write_reaction([(x, pair[0].formula), (1 - x, pair[1].formula)], [(p.coefficient, p.formula) for p in products]),
    )


def _minimum(energies: Sequence[float], kinks: Sequence[Kink]) -> Minimum:
    index = int(np.argmin(energies))
    return Minimum(energies[index], kinks[index]) if energies[index] < 0 else Minimum(0.0, None)


def _coefficients(products: Sequence[Product]) -> dict[str, float]:
    found: dict[str, float] = {}
    for product in products:
        found[product.formula] = round(found.get(product.formula, 0.0) + product.coefficient, 9)
    return found


def _reactant_json(reactant: Reactant) -> dict[str, Any]:
    return {
        "label": reactant.label,
        "formula": reactant.formula,
        "entry": reactant.entry,
        "tier": reactant.tier,
        "energy_above_hull": reactant.energy_above_hull,
        "decomposition": _coefficients(reactant.decomposition),
        "note": reactant.note,
    }
