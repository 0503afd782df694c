"""Does the trajectory go where thermodynamics points? One score from the bonds that came and went, beside a trivial
baseline.

The products that the hull predicts for A | B are crystals of the library, so the bonds of every pair of elements can be
counted in them as they are counted in the trajectory. The predicted change p is bonds of the products less bonds of the
reactants, for the amounts of A and B in the cell; the found change f is bonds at the end less bonds at the beginning::

    score    = p·f / (|p| |f|)     1: the bonds that come and go are those predicted, in proportion; 0: unrelated; -1:
    the opposite
    progress = p·f / p·p           1: as many of them as if everything had reacted
    baseline = p·m / (|p| |m|)     m: the change if every cation kept its number of neighbours and took the anions of
    the cell at random
    skill    = (score - baseline) / (1 - baseline)     1: as predicted; 0 or less: it says no more than that the anions
    mix

The skill is that of forecasts (A. H. Murphy, Mon. Weather Rev. 116 (1988) 2417). Random mixing is a strong baseline,
since the hull too gives sulfur to the metal and oxygen to phosphorus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.load import material
from ...structures.crystals.cells import calculation_cell
from ...structures.trajectories.frames import Frames
from ..thermodynamics.phase_set import PhaseSet, parse_formula
from ..thermodynamics.reactions import react
from .bond_events import BondEvents, BondLedger
from .bond_rules import BondRule, in_order, is_molecular, is_shell
from .neighbour_pairs import PairFinder

__all__ = ["DEFINITION", "ProductBonds", "SpeciesScore", "species_found", "species_score"]

#: of the score, for those who read the numbers
DEFINITION = (
    "score: cosine between the predicted and the found change of the numbers of bonds; baseline: the same for random "
    "mixing of the anions; skill: (score - baseline) / (1 - baseline); progress: found change along the predicted one, "
    "1 where everything has reacted"
)


@dataclass(frozen=True)
class ProductBonds:
    """A predicted product and what it would look like in the trajectory.

    Parameters
    ----------
    formula : str
    amount : float
        Formula units, if everything in the cell reacts.
    bonds : dict of str to float, or None
        Bonds per formula unit by pair of elements; None where the library holds no crystal of it.
    species : tuple of str
        Molecules and complex ions of the crystal.
    """

    formula: str
    amount: float
    bonds: dict[str, float] | None
    species: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {"formula": self.formula, "amount": self.amount, "bonds": self.bonds, "species": list(self.species)}


@dataclass(frozen=True)
class SpeciesScore:
    """Agreement of a trajectory with the hull's prediction.

    Parameters
    ----------
    reactants : (str, str)
    amounts : (float, float)
        Formula units of both in the cell.
    phase_set : str
    reaction : str
        At the mutual minimum; empty where nothing reacts.
    products : tuple of ProductBonds
    predicted, found : dict of str to float
        Change of the number of bonds by pair of elements.
    score, progress, baseline : float or None
        As the module says; None where nothing is predicted, and the score where nothing has changed.
    notes : tuple of str
    """

    reactants: tuple[str, str]
    amounts: tuple[float, float]
    phase_set: str
    reaction: str
    products: tuple[ProductBonds, ...]
    predicted: dict[str, float]
    found: dict[str, float]
    score: float | None
    progress: float | None
    baseline: float | None
    notes: tuple[str, ...]

    @property
    def skill(self) -> float | None:
        """Of the score against its baseline; None where one of them does not exist, or the baseline is perfect."""
        if self.score is None or self.baseline is None or self.baseline > 1 - 1e-9:
            return None
        return (self.score - self.baseline) / (1 - self.baseline)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "reactants": list(self.reactants),
            "amounts": list(self.amounts),
            "phase_set": self.phase_set,
            "reaction": self.reaction,
            "products": [product.to_json() for product in self.products],
            "predicted": self.predicted,
            "found": self.found,
            "score": self.score,
            "progress": self.progress,
            "baseline": self.baseline,
            "skill": self.skill,
            "definition": DEFINITION,
            "notes": list(self.notes),
        }


def species_score(
    ledger: BondEvents, symbols: Sequence[str], reactants: tuple[str, str], phase_set: PhaseSet
) -> SpeciesScore:
    """Compare what a trajectory ends with to the products of A | B at the mutual minimum.

    Parameters
    ----------
    ledger : BondEvents
    symbols : sequence of str
        Elements of the atoms.
    reactants : (str, str)
        Names of the library.
    phase_set : PhaseSet

    Raises
    ------
    InputError
        If a reactant is unknown or the atoms are not a mixture of both.
    """
    amounts = _amounts(symbols, reactants)
    result = react(*reactants, phase_set)
    kink = result.mutual.kink
    names = [rule.name for rule in ledger.rules]
    found = _vector(ledger.final_bonds(), names) - _vector(ledger.initial_bonds(), names)
    if kink is None:
        return SpeciesScore(
            reactants,
            amounts,
            phase_set.name,
            "",
            (),
            {},
            _told(found, names),
            None,
            None,
            None,
            ("the hull predicts no reaction",),
        )
    extent = min(amounts[0] / kink.x, amounts[1] / (1 - kink.x))
    entries = {entry.id: entry for entry in phase_set.entries}
    products = tuple(
        _product(p.formula, p.coefficient * extent, entries[p.entry].material, ledger.rules) for p in kink.products
    )
    before = sum(
        share * extent * _vector(_bonds(name, ledger.rules)[0], names)
        for share, name in zip((kink.x, 1 - kink.x), reactants, strict=True)
    )
    predicted = (
        sum((p.amount * _vector(p.bonds, names) for p in products if p.bonds is not None), np.zeros(len(names)))
        - before
    )
    notes = tuple(
        f"the library holds no crystal of {p.formula}: its bonds are not in the prediction"
        for p in products
        if p.bonds is None
    )
    changed = round(float(np.abs(found).sum()))
    notes += (
        f"the score rests on a net change of {changed} bonds"
        if changed
        else "the numbers of bonds at the end are those of the beginning",
    )
    mixed = _mixing(ledger, symbols)
    size = float(predicted @ predicted)
    return SpeciesScore(
        reactants,
        amounts,
        phase_set.name,
        kink.reaction,
        products,
        _told(predicted, names),
        _told(found, names),
        _cosine(predicted, found),
        float(predicted @ found) / size if size else None,
        _cosine(predicted, mixed),
        notes,
    )


def _amounts(symbols: Sequence[str], reactants: tuple[str, str]) -> tuple[float, float]:
    """Formula units of both reactants whose atoms add up to those of the cell, by least squares."""
    from scipy.optimize import nnls

    whole = Composition(dict(Counter(symbols)))
    formulas = [parse_formula(material(name).formula) for name in reactants]
    elements = sorted({element for composition in (whole, *formulas) for element in composition}, key=str)
    matrix = np.array([[composition[element] for composition in formulas] for element in elements])
    amounts, _ = nnls(matrix, np.array([whole[element] for element in elements]))
    # a slab may be short of a few atoms, but what is left over must not be a third material
    left = np.abs(matrix @ amounts - [whole[element] for element in elements]).sum() / len(symbols)
    if left > 0.1 or not (amounts > 0).all():
        raise InputError(
            f"the atoms {whole.formula} are no mixture of {reactants[0]} and {reactants[1]}: {100 * left:.0f} % of "
            "them are left over or missing"
        )
    return float(amounts[0]), float(amounts[1])


def _product(formula: str, amount: float, name: str | None, rules: Sequence[BondRule]) -> ProductBonds:
    if name is None:
        return ProductBonds(formula, amount, None, ())
    bonds, species = _bonds(name, rules)
    units = parse_formula(formula).num_atoms / parse_formula(material(name).formula).num_atoms
    return ProductBonds(formula, amount, {pair: number * units for pair, number in bonds.items()}, species)


def _bonds(name: str, rules: Sequence[BondRule]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Bonds per formula unit of a crystal of the library by the rules of the trajectory, and its molecules."""
    found = material(name)
    cell = calculation_cell(found)
    symbols = [site.specie.symbol for site in cell]
    ledger = _snapshot(cell, symbols, rules)
    units = len(cell) / parse_formula(found.formula).num_atoms
    return {pair: number / units for pair, number in ledger.initial_bonds().items()}, tuple(
        species_found(ledger, symbols, "start")
    )


def _snapshot(cell: Structure, symbols: Sequence[str], rules: Sequence[BondRule]) -> BondEvents:
    frame = Frames(
        tuple(symbols), cell.lattice.matrix[None], cell.cart_coords[None], np.zeros(1, np.int64), np.zeros(1)
    )
    sharp = [BondRule(rule.first, rule.second, rule.cutoff, rule.cutoff, rule.cutoff, rule.source) for rule in rules]
    ledger = BondLedger(sharp, 0.0)
    for pairs in PairFinder(symbols, sharp).pairs(frame):
        ledger.add(pairs)
    return ledger.result()


def _mixing(ledger: BondEvents, symbols: Sequence[str]) -> Floats:
    """Change of the bonds if every cation kept its number of neighbours and took the anions of the cell at random."""
    shells = [index for index, rule in enumerate(ledger.rules) if is_shell(rule.pair)]
    anions = Counter(symbol for symbol in symbols if symbol in {ledger.rules[index].second for index in shells})
    before = ledger.initial_bonds()
    change = np.zeros(len(ledger.rules))
    for index in shells:
        rule = ledger.rules[index]
        neighbours = sum(
            before[ledger.rules[other].name] for other in shells if ledger.rules[other].first == rule.first
        )
        change[index] = neighbours * anions[rule.second] / anions.total() - before[rule.name]
    return change


def _vector(bonds: Mapping[str, float], names: Sequence[str]) -> Floats:
    return np.array([bonds.get(name, 0.0) for name in names])


def _told(change: Floats, names: Sequence[str]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, change, strict=True) if value}


def _cosine(one: Floats, other: Floats) -> float | None:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else None


def species_found(ledger: BondEvents, symbols: Sequence[str], at: Literal["start", "end"] = "end") -> dict[str, int]:
    """Return formula to count of the clusters that molecular bonds (P-S, S-S, S-O, P-O, C-O, O-O, …) hold together, the
    most frequent first.

    Bonds of metals make networks, not molecules, and join nothing here; an atom without a molecular bond is no cluster.

    Parameters
    ----------
    ledger : BondEvents
    symbols : sequence of str
        Elements of the atoms.
    at : str
        ``start`` or ``end`` of the trajectory.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bonds = ledger.initial if at == "start" else ledger.final
    joined = np.array(
        [(first, second) for index, first, second in bonds if is_molecular(ledger.rules[index].pair)], dtype=np.int64
    ).reshape(-1, 2)
    graph = coo_array((np.ones(len(joined)), (joined[:, 0], joined[:, 1])), shape=(len(symbols), len(symbols)))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for atom in np.unique(joined):
        members.setdefault(int(labels[atom]), []).append(symbols[atom])
    counts = Counter(_formula(cluster) for cluster in members.values())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _formula(cluster: Sequence[str]) -> str:
    """``P2S6``: elements in the order of electronegativity, numbers not reduced."""
    numbers = Counter(cluster)
    return "".join(f"{symbol}{numbers[symbol] if numbers[symbol] > 1 else ''}" for symbol in in_order(numbers))
