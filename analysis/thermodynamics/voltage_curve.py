"""The voltage of a cathode from its delithiated cells: the convex hull over the lithium content.

Between two neighbouring contents on the hull the cell voltage against lithium metal is
V = -[E(x2) - E(x1) - (x2 - x1) E(Li)] / (x2 - x1), energies per site of lithium in the full cell (M. K. Aydinol et al.,
Phys. Rev. B 56, 1354 (1997)). Vibrations and configurational entropy are left out. A correction per oxygen or metal
atom, as of the MP2020 scheme, is the same in every cell and drops out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pymatgen.core.composition import Composition

from ...configs.constants import MAH_PER_MOL
from ...configs.errors import InputError, SignatureMismatchError
from ...configs.models import Tier
from ...configs.trust import trust_of
from ...workflows.documents import CalculationDocument, Signature, require_real, require_same_signature
from .phase_set import PhaseSet

__all__ = [
    "Charge",
    "LithiumReference",
    "VoltageCurve",
    "VoltageStep",
    "elements_signature",
    "lithium_from_document",
    "lithium_from_phase_set",
    "lithium_reference",
    "lower_hull",
    "voltage_curve",
]

#: slack in amounts of atoms, and in x
_TINY = 1e-6


@dataclass(frozen=True)
class LithiumReference:
    """Lithium metal on the scale of a series.

    Parameters
    ----------
    energy : float, eV/atom
    signature : Signature
        Energies of the series must share it.
    origin : str
        Which calculation or entry it is.
    """

    energy: float
    signature: Signature
    origin: str


@dataclass(frozen=True)
class Charge:
    """One calculated state of charge.

    Parameters
    ----------
    label : str
    x : float
        Lithium left, as a share of that in the full cell.
    energy : float
        eV per lithium site of the full cell.
    above_hull : float
        eV per lithium site, above the mixture of neighbours on the hull; 0 on it.
    volume : float
        Å³ per lithium site.
    """

    label: str
    x: float
    energy: float
    above_hull: float
    volume: float


@dataclass(frozen=True)
class VoltageStep:
    """One plateau between two contents on the hull.

    Parameters
    ----------
    x_low, x_high : float
    voltage : float, V vs Li/Li+
    """

    x_low: float
    x_high: float
    voltage: float


@dataclass(frozen=True)
class VoltageCurve:
    """Hull, plateaus and what they rest on.

    Parameters
    ----------
    label, formula : str
        Of the full cell.
    charges : tuple of Charge
        All calculated cells, by x and energy.
    steps : tuple of VoltageStep
        From the highest x down.
    lithium : LithiumReference
    samples : dict of float to int
        x to the number of arrangements calculated there.
    """

    label: str
    formula: str
    charges: tuple[Charge, ...]
    steps: tuple[VoltageStep, ...]
    lithium: LithiumReference
    samples: dict[float, int]

    @property
    def average(self) -> float:
        """Mean voltage over the range that was calculated, V vs Li/Li+."""
        span = sum(step.x_high - step.x_low for step in self.steps)
        return sum(step.voltage * (step.x_high - step.x_low) for step in self.steps) / span

    def at(self, x: float) -> tuple[float | None, float | None]:
        """Return the voltages between which the content `x` is in equilibrium, V vs Li/Li+: equal inside a plateau.

        At the lowest content that was calculated the upper one is unknown, at full lithiation the lower one: None.

        Raises
        ------
        InputError
            If `x` is outside the range that was calculated.
        """
        low, high = self.steps[-1].x_low, self.steps[0].x_high
        if not low - _TINY <= x <= high + _TINY:
            raise InputError(f"x = {x:g} is outside the calculated range {low:g} to {high:g} of {self.label}")
        below = next((step.voltage for step in self.steps if step.x_low + _TINY < x <= step.x_high + _TINY), None)
        above = next((step.voltage for step in self.steps if step.x_low - _TINY <= x < step.x_high - _TINY), None)
        return above, below

    def capacity(self, x: float) -> float:
        """Return the charge taken out down to `x`, mA h per g of the full cathode."""
        full = Composition(self.formula)
        return (1 - x) * float(full["Li"]) * MAH_PER_MOL / float(full.weight)

    def to_json(self) -> dict[str, Any]:
        """As plain data: x are shares of the lithium, voltages V vs Li/Li+, capacities mA h/g, energies eV per Li
        site."""
        return {
            "label": self.label,
            "formula": self.formula,
            "average": self.average,
            "steps": [
                {"x_low": s.x_low, "x_high": s.x_high, "voltage": s.voltage, "capacity": self.capacity(s.x_low)}
                for s in self.steps
            ],
            "charges": [vars(charge) for charge in self.charges],
            "lithium": {"energy": self.lithium.energy, "origin": self.lithium.origin},
        }


def elements_signature(phase_set: PhaseSet, tier: Tier, own: Signature | None = None) -> Signature | None:
    """Return the signature that energies need for the set's lithium and O2 to stand beside them; None where they may
    not.

    The set says of which signature a tier lives on its scale. Pure elements carry no correction on it: they are also
    those of a tier whose uncorrected energies are of the same functional, as its block ``trust`` says.

    Parameters
    ----------
    phase_set : PhaseSet
    tier : Tier
    own : Signature, optional
        Of the energies, for a tier of the second kind.
    """
    return phase_set.signatures.get(tier) or (own if trust_of(tier).phase_set_elements else None)


def lithium_from_phase_set(
    phase_set: PhaseSet, tier: Tier = "chgnet", own: Signature | None = None
) -> LithiumReference:
    """Return the lithium metal of a phase set, for a tier as :func:`elements_signature` takes it.

    Raises
    ------
    SignatureMismatchError
        If the set says of no signature of this tier that it lives on its scale.
    InputError
        If the set has no lithium.
    """
    signature = elements_signature(phase_set, tier, own)
    if signature is None:
        raise SignatureMismatchError(
            f"{tier} energies are not on the scale of the phase set {phase_set.name} ({phase_set.scale}; tiers on it: "
            f"{', '.join(phase_set.signatures) or 'none'}): give a calculation of lithium metal with the same settings"
        )
    entry = phase_set.entry_for("Li")
    if entry is None:
        raise InputError(f"the phase set {phase_set.name} holds no lithium")
    return LithiumReference(
        entry.energy_per_atom,
        signature,
        f"{entry.id} of the phase set {phase_set.name} ({entry.tier}, {entry.space_group})",
    )


def lithium_from_document(metal: CalculationDocument) -> LithiumReference:
    """Return the lithium metal of a calculation with the settings of the series.

    Raises
    ------
    InputError
        If the cell holds anything but lithium, or the engine gives no reference for lithium.
    """
    require_real(metal)
    trust = trust_of(metal.tier)
    if "lithium" not in trust.references:
        raise InputError(
            f"{metal.label}: {trust.label}'s energies of elements are not usable as references; take the lithium of "
            "the phase set"
        )
    if {site.specie.symbol for site in metal.structure} != {"Li"}:
        raise InputError(f"{metal.label} ({metal.structure.composition.formula}) is not lithium metal")
    return LithiumReference(metal.energy_per_atom, metal.signature, f"{metal.label} ({metal.tier})")


def lithium_reference(
    cell: CalculationDocument, phase_set: PhaseSet, metal: CalculationDocument | None
) -> LithiumReference:
    """Return the lithium of a phase set where a series is on its scale, and else that which the engine itself
    calculated.

    Parameters
    ----------
    cell : CalculationDocument
        One of the series.
    phase_set : PhaseSet
    metal : CalculationDocument or None
        By the engine of the series.

    Raises
    ------
    InputError
        If the series is not on that scale and no metal is there.
    """
    if elements_signature(phase_set, cell.tier, cell.signature):
        return lithium_from_phase_set(phase_set, cell.tier, cell.signature)
    if metal is None:
        raise InputError(f"{cell.tier} energies need lithium metal calculated with the same settings")
    return lithium_from_document(metal)


def lower_hull(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points on the lower convex hull, x rising (A. M. Andrew, Inf. Process. Lett. 9, 216
    (1979)).

    Parameters
    ----------
    points : sequence of (float, float)
        Of points at one x the lowest counts; points on a straight line between others are left out.
    """
    ranked = sorted(range(len(points)), key=lambda k: points[k])
    hull: list[int] = []
    for k in ranked:
        if hull and points[k][0] - points[hull[-1]][0] < _TINY:
            continue
        while len(hull) > 1 and _turn(points[hull[-2]], points[hull[-1]], points[k]) <= 1e-12:
            hull.pop()
        hull.append(k)
    return hull


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive where the way a, b, c turns to the left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def voltage_curve(
    full: CalculationDocument, others: Iterable[CalculationDocument], lithium: LithiumReference
) -> VoltageCurve:
    """Return the voltage curve of a cathode.

    Parameters
    ----------
    full : CalculationDocument
        The cell that counts as fully lithiated: x = 1.
    others : iterable of CalculationDocument
        Cells of the same framework with less (or more) lithium, of any size; several at one content.
    lithium : LithiumReference

    Raises
    ------
    SignatureMismatchError
        If energies may not be subtracted.
    InputError
        If a framework differs from the full cell's, or there is only one lithium content.
    """
    documents = [full, *others]
    require_real(*documents)
    require_same_signature(
        {
            **{f"{k} {document.label}": document.signature for k, document in enumerate(documents)},
            lithium.origin: lithium.signature,
        }
    )
    lithium_sites = float(_elements(full)["Li"])
    if not lithium_sites:
        raise InputError(f"{full.label} holds no lithium")
    charges = []
    for document in documents:
        size = lithium_sites * _multiple(document, full)
        x = round(float(_elements(document)["Li"]) / size, 9)
        charges.append(Charge(document.label, x, document.energy / size, 0.0, float(document.structure.volume) / size))
    hull = lower_hull([(c.x, c.energy - c.x * lithium.energy) for c in charges])
    if len(hull) < 2:
        raise InputError(
            f"{full.label}: a voltage needs cells of at least two lithium contents, and all have x = {charges[0].x:g}"
        )
    corners = [charges[k] for k in hull]
    steps = [VoltageStep(a.x, b.x, lithium.energy - (b.energy - a.energy) / (b.x - a.x)) for a, b in pairwise(corners)]
    placed = [Charge(c.label, c.x, c.energy, max(0.0, c.energy - _on_hull(corners, c.x)), c.volume) for c in charges]
    samples = {x: sum(c.x == x for c in placed) for x in sorted({c.x for c in placed})}
    formula = full.structure.composition.remove_charges().formula.replace(" ", "")
    return VoltageCurve(
        full.label,
        formula,
        tuple(sorted(placed, key=lambda c: (-c.x, c.energy))),
        tuple(reversed(steps)),
        lithium,
        samples,
    )


def _elements(document: CalculationDocument) -> Composition:
    return document.structure.composition.element_composition


def _multiple(document: CalculationDocument, full: CalculationDocument) -> float:
    """How many full cells a cell stands for, by everything but lithium."""
    mine, whole = _elements(document), _elements(full)
    names = sorted({element.symbol for element in [*mine, *whole]} - {"Li"})
    ratios = {name: float(mine[name]) / float(whole[name]) if whole[name] else float("inf") for name in names}
    if not ratios or max(ratios.values()) - min(ratios.values()) > _TINY or min(ratios.values()) == 0:
        raise InputError(
            f"{document.label} ({mine.formula}) and {full.label} ({whole.formula}) differ in more than lithium: no "
            "voltage lies between them"
        )
    return next(iter(ratios.values()))


def _on_hull(corners: Sequence[Charge], x: float) -> float:
    for a, b in pairwise(corners):
        if a.x - _TINY <= x <= b.x + _TINY:
            return a.energy + (x - a.x) / (b.x - a.x) * (b.energy - a.energy)
    raise InputError(f"x = {x:g} is outside the hull")
