"""What is told about the reaction of a pair: products, reactants, kinks, minima; energies eV/atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.models import Tier
from ...configs.trust import trust_of
from .hull import NUMERICAL_ZERO, ByPotential, Vertex, settled
from .open_species import OpenSpecies
from .phase_set import PhaseEntry, Subject, parse_formula
from .uncertainty import MeasuredReaction, Uncertainty

__all__ = [
    "Kink",
    "Minimum",
    "Product",
    "Reactant",
    "ReactionResult",
    "balanced_amounts",
    "coefficients",
    "products_of",
    "side",
    "write_reaction",
]


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
    exchange : tuple of (str, float)
        Open element and its atoms taken up per formula unit by decomposing, negative where released; empty for a closed
        system.
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
    exchange: tuple[tuple[str, float], ...] = ()

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
    mutual_interval, total_interval : (float, float)
        eV/atom, 16th and 84th percentile at this mixing ratio.
    products : tuple of Product
        Per formula unit of reactants, x of A and 1 - x of B.
    reaction : str
        The balanced reaction.
    exchange : tuple of (str, float)
        Open element and its atoms taken up per formula unit of reactants, negative where released; empty for a closed
        system.
    conserved : float
        Share of the reactants' atoms that are not open elements; an energy divided by it is per atom without these.
    """

    x: float
    x_atom: float
    mutual: float
    total: float
    mutual_sigma: float
    total_sigma: float
    mutual_interval: tuple[float, float]
    total_interval: tuple[float, float]
    products: tuple[Product, ...]
    reaction: str
    exchange: tuple[tuple[str, float], ...] = ()
    conserved: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers; products as formula to coefficient; of an open system also what is exchanged."""
        opened = {"exchange": dict(self.exchange), "conserved": self.conserved} if self.exchange else {}
        return {
            "x": round(self.x, 9),
            "x_atom": round(self.x_atom, 9),
            "mutual": self.mutual,
            "total": self.total,
            "mutual_sigma": self.mutual_sigma,
            "total_sigma": self.total_sigma,
            "mutual_interval": list(self.mutual_interval),
            "total_interval": list(self.total_interval),
            "products": coefficients(self.products),
            "reaction": self.reaction,
            **opened,
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
class ReactionResult:
    """Everything about one pair on one phase set; energies eV/atom.

    In an open system they are grand potentials per atom of the reactants, the open elements that these hold included.
    `uncertainty` is that against other DFT of the set's scale, `measured` how the pair stands against measured
    enthalpies, None where the set holds too few of them; `by_potential` is the mutual minimum with the learned energies
    of one potential at a time, None where the set has those of one only.
    """

    phase_set: str
    sha256: str
    a: Reactant
    b: Reactant
    kinks: tuple[Kink, ...]
    mutual: Minimum
    total: Minimum
    uncertainty: Uncertainty
    open: OpenSpecies | None = None
    measured: MeasuredReaction | None = None
    by_potential: ByPotential | None = None

    @property
    def per_conserved(self) -> Minimum | None:
        """Deepest mutual energy per atom of the reactants without the open elements, the norm of Richards et al. (2016)
        and of pymatgen, and where: its mixing ratio need not be that of `mutual`. None for a closed system."""
        if self.open is None:
            return None
        energies = [kink.mutual / kink.conserved if kink.conserved else 0.0 for kink in self.kinks]
        deepest = min(range(len(energies)), key=energies.__getitem__)
        return Minimum(energies[deepest], self.kinks[deepest]) if energies[deepest] < 0 else Minimum(0.0, None)

    @property
    def tiers(self) -> dict[str, Tier]:
        """Tier of every entry that the result rests on, by entry id."""
        products = [
            p
            for owner in (self.a.decomposition, self.b.decomposition, *(k.products for k in self.kinks))
            for p in owner
        ]
        own = {r.entry: r.tier for r in (self.a, self.b) if r.entry is not None and r.tier is not None}
        return {**own, **{product.entry: product.tier for product in products}}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the numbers."""
        entries: dict[Tier, list[str]] = {}
        for entry, tier in sorted(self.tiers.items()):
            entries.setdefault(tier, []).append(entry)
        labels = tuple(
            f"machine-learning energies ({tier}) enter through {', '.join(learned)}"
            for tier, learned in sorted(entries.items())
            if trust_of(tier).learned
        )
        return tuple(f"{r.label}: {r.note}" for r in (self.a, self.b)) + labels

    def to_json(self, threshold: float | None = None) -> dict[str, Any]:
        """Return plain numbers under the keys of the command line's ``reactions --json``.

        Parameters
        ----------
        threshold : float, optional
            eV/atom, >= 0: the probability that the pair releases less is added under ``stable``.

        Raises
        ------
        InputError
            If the threshold is negative or not a number.
        """
        stable = (
            {}
            if threshold is None
            else {"stable": {"threshold": threshold, "probability": self.uncertainty.stable_probability(threshold)}}
        )
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            **({} if self.open is None else {"open": self.open.to_json()}),
            **({} if self.per_conserved is None else {"mutual_per_conserved": self.per_conserved.to_json()}),
            "self": {"a": self.a.self_energy, "b": self.b.self_energy},
            "mutual": self.mutual.to_json(),
            "total": self.total.to_json(),
            "kinks": [kink.to_json() for kink in self.kinks],
            "uncertainty": self.uncertainty.to_json(),
            "against_measurement": None if self.measured is None else self.measured.to_json(),
            "by_potential": None if self.by_potential is None else self.by_potential.to_json(),
            **stable,
            "reactants": {"a": _reactant_json(self.a), "b": _reactant_json(self.b)},
            "tiers": self.tiers,
            "notes": list(self.notes),
            "units": {"energy": "eV/atom", "x": "formula-unit fraction of A", "x_atom": "atomic fraction of A"},
        }


def products_of(vertex: Vertex, entries: Sequence[PhaseEntry], atoms: float) -> tuple[Product, ...]:
    """Return the phases of a vertex as formula units per `atoms` atoms, largest share of atoms first."""
    ranked = sorted(vertex.amounts.items(), key=lambda item: (-round(item[1], 9), entries[item[0]].id))
    return tuple(
        Product(entries[i].id, entries[i].formula, entries[i].tier, share * atoms / entries[i].composition.num_atoms)
        for i, share in ranked
    )


def side(terms: Sequence[tuple[float, str]]) -> str:
    """Return ``0.5 Li2O + LiCl`` for coefficients and formulas; zero terms are left out."""
    shown = [
        formula if f"{amount:.6g}" == "1" else f"{amount:.6g} {formula}"
        for amount, formula in terms
        if amount > NUMERICAL_ZERO
    ]
    return " + ".join(shown)


def write_reaction(left: Sequence[tuple[float, str]], right: Sequence[tuple[float, str]]) -> str:
    """Return ``left -> right`` for coefficients and formulas."""
    return f"{side(left)} -> {side(right)}"


def coefficients(products: Sequence[Product]) -> dict[str, float]:
    """Return formula to coefficient; entries of one formula are added."""
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
        "decomposition": coefficients(reactant.decomposition),
        "note": reactant.note,
    }


#: atoms or formula units: smaller amounts are rounding
_NOTHING = 1e-9
#: atoms per formula unit of the reactant by which an element may fail to balance
_TOLERANCE = 1e-6


def balanced_amounts(reactant: Subject, products: Sequence[Subject], given: Sequence[float | None] = ()) -> list[float]:
    """Return the formula units of every product per formula unit of the reactant.

    Lithium is exchanged with a reservoir; where that leaves the amounts open (Li2O2 -> Li2O + O2), it is conserved.

    Parameters
    ----------
    reactant : Subject
    products : sequence of Subject
    given : sequence of float or None
        Amounts that are known already, one for each product; all are free where left out.

    Raises
    ------
    InputError
        If no amounts balance an element other than lithium, more than one choice does, or an amount is negative.
    """
    known = list(given) or [None] * len(products)
    labels = f"{reactant.label} -> {', '.join(subject.label for subject in products)}"
    elements = sorted({e.symbol for s in (reactant, *products) for e in s.composition} - {"Li"})
    columns, target = _equations(reactant, products, known, elements)
    solution = _solution(columns, target)
    gaps = np.abs(target - columns @ solution)
    if (gaps > _TOLERANCE).any():
        wrong = ", ".join(element for element, gap in zip(elements, gaps, strict=True) if gap > _TOLERANCE)
        raise InputError(
            f"{labels} is not balanced: no amounts fit {wrong} (lithium alone is exchanged with the anode)"
        )
    if _rank(columns) < columns.shape[1]:
        columns, target = _equations(reactant, products, known, [*elements, "Li"])
        solution = _solution(columns, target)
        if _rank(columns) < columns.shape[1] or (np.abs(target - columns @ solution) > _TOLERANCE).any():
            raise InputError(f"{labels}: more than one set of amounts balances; give amounts, e.g. '1/2 P2S5'")
    free = np.array([amount is None for amount in known])
    amounts = np.array([0.0 if amount is None else amount for amount in known])
    amounts[free] = np.where(np.abs(solution) < _NOTHING, 0.0, solution)
    negative = [subject.label for subject, amount in zip(products, amounts, strict=True) if amount < 0]
    if negative:
        raise InputError(f"{labels} balances only with a negative amount of {', '.join(negative)}")
    return [float(amount) for amount in amounts]


def _equations(
    reactant: Subject, products: Sequence[Subject], known: Sequence[float | None], elements: Sequence[str]
) -> tuple[Floats, Floats]:
    """Atoms of each element (rows) in each product of unknown amount, and what these have to hold together."""
    everything = np.array(
        [[subject.composition[element] for subject in products] for element in elements], dtype=float
    ).reshape(len(elements), len(products))
    fixed = np.array([0.0 if amount is None else amount for amount in known])
    target = np.array([reactant.composition[element] for element in elements], dtype=float) - everything @ fixed
    return everything[:, [amount is None for amount in known]], target


def _solution(columns: Floats, target: Floats) -> Floats:
    return (
        np.asarray(np.linalg.lstsq(columns, target, rcond=None)[0], dtype=float)
        if columns.size
        else np.zeros(columns.shape[1])
    )


def _rank(columns: Floats) -> int:
    return int(np.linalg.matrix_rank(columns)) if columns.size else 0
