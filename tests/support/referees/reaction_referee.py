"""pymatgen's interface reactions beside ours, number by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from catholyte.analysis.thermodynamics.reactions import PairCurve


@dataclass
class Deviation:
    """Largest absolute differences: energies eV/atom, x as atomic fraction of A, amounts as shares of all atoms,
    balance in atoms per atom."""

    energy: float = 0.0
    x: float = 0.0
    amounts: float = 0.0
    balance: float = 0.0
    kinks: int = 0

    def add(self, **found: float) -> None:
        for name, value in found.items():
            setattr(
                self, name, float(np.maximum(getattr(self, name), abs(value)))
            )  # not max(): that would pass over NaN


def compare_closed(curve: PairCurve, diagram: Any, deviation: Deviation) -> None:
    """Our curve against InterfacialReactivity: use_hull_energy=True is our mutual part, False our total.

    Every kink of ours is one of theirs; theirs at which the hull does not bend lie on our straight lines. Both modes
    have the same kinks, so the slow search runs once, and the second mode gives its energies there.
    """
    from pymatgen.analysis.interface_reactions import InterfacialReactivity

    a, b = curve.a.composition, curve.b.composition
    mutual, total = (InterfacialReactivity(a, b, diagram, norm=True, use_hull_energy=mode) for mode in (True, False))
    kinks = mutual.get_kinks()
    x = np.array([kink[1] for kink in kinks])
    _compare_kinks(curve.x_atom, curve.mutual, x, np.array([kink[2] for kink in kinks]), deviation)
    _compare_kinks(curve.x_atom, curve.total, x, np.array([total._get_energy(at) for at in x]), deviation)
    first, second = a.fractional_composition, b.fractional_composition
    for x, vertex in zip(curve.x_atom, curve.vertices, strict=True):
        theirs = {
            entry.attribute: amount for entry, amount in diagram.get_decomposition(first * x + second * (1 - x)).items()
        }
        mine = {curve.phases.entries[i].id: amount for i, amount in vertex.amounts.items()}
        deviation.add(amounts=max(abs(theirs.get(name, 0.0) - mine.get(name, 0.0)) for name in {*theirs, *mine}))
    _compare_balance(curve, deviation)


def compare_open(curve: PairCurve, opened: Any, diagram: Any, deviation: Deviation) -> None:
    """Our open curve against GrandPotentialInterfacialReactivity, which counts energies per atom that is not open.

    With its no-mixing energies included and entries as reactants it is our total; that minus the straight line between
    its ends is our mutual part.
    """
    from pymatgen.analysis.interface_reactions import GrandPotentialInterfacialReactivity

    a, b = curve.a.composition, curve.b.composition
    referee = GrandPotentialInterfacialReactivity(
        a, b, opened, diagram, include_no_mixing_energy=True, norm=True, use_hull_energy=False
    )
    kinks = referee.get_kinks()
    x, total = np.array([k[1] for k in kinks]), np.array([k[2] for k in kinks])
    share_a, share_b = (float(curve.phases.vector(c).sum()) for c in (a, b))
    conserved = x * share_a + (1 - x) * share_b
    line = (x * share_a * total[x.argmax()] + (1 - x) * share_b * total[x.argmin()]) / conserved
    _compare_kinks(curve.x_atom, curve.total, x, total * conserved, deviation)
    _compare_kinks(curve.x_atom, curve.mutual, x, (total - line) * conserved, deviation)
    _compare_balance(curve, deviation)


def _compare_kinks(
    x: np.ndarray, energy: np.ndarray, their_x: np.ndarray, their_energy: np.ndarray, deviation: Deviation
) -> None:
    deviation.add(energy=np.abs(np.interp(their_x, x, energy) - their_energy).max())
    nearest = np.abs(their_x[:, np.newaxis] - x).argmin(axis=0)
    deviation.add(x=np.abs(their_x[nearest] - x).max(), energy=np.abs(their_energy[nearest] - energy).max())
    deviation.kinks += len(x)


def _compare_balance(curve: PairCurve, deviation: Deviation) -> None:
    """Atoms of the products and the exchange against those of the reactants, from the formulas alone."""
    for kink, x in enumerate(curve.x):
        products = curve.products(kink)
        moved = dict(curve.exchange(float(x), products))
        for element in {*curve.a.composition, *curve.b.composition, *(Element(symbol) for symbol in moved)}:
            given = (
                x * curve.a.composition[element]
                + (1 - x) * curve.b.composition[element]
                + moved.get(element.symbol, 0.0)
            )
            made = sum(p.coefficient * Composition(p.formula)[element] for p in products)
            deviation.add(balance=given - made)
