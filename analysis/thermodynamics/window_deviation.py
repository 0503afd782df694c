"""Why a stability window differs from a printed one: phases that differ or are missing, and the entries whose energies
carry the rest.

Nothing here changes a number. The printed products are looked up in the phase set; where all are there, the printed
reaction is evaluated on the set's own energies. What is left between that voltage and the printed one are energies
alone, and the entries that enter the net reaction (spectators cancel) are named with the voltage that one standard
deviation of each is worth. Beside print stand measurement, the same limits from measured enthalpies, and the range
in which a cell works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...configs.errors import InputError
from ...configs.models import Tier
from ..gibbs.mixture import GasMixture
from .formation import measurement_scales
from .hull import NUMERICAL_ZERO, ByPotential, Phases, by_potential, settled
from .phase_set import PhaseEntry, PhaseSet, Subject, parse_formula
from .reaction_results import balanced_amounts
from .reactions import products_of
from .uncertainty import MeasuredLimit, MeasuredNumber
from .window import Limit, WindowResult, stability_window, window_phases

__all__ = ["Carrier", "Coverage", "LimitDeviation", "explain_window", "limits_by_potential", "measured_limits"]

#: V: a printed voltage has two decimals
_PRINTED = 5e-3


@dataclass(frozen=True)
class Coverage:
    """The stability window of one material against the operating range.

    Parameters
    ----------
    material, role : str
        coating or electrolyte.
    reduction, oxidation : float or None
        V vs Li/Li+; no oxidation limit without lithium to release.
    energy_above_hull : float or None
        eV/atom.
    low, high : float
        V vs Li/Li+, the operating range.
    measured_reduction, measured_oxidation : float or None
        V vs Li/Li+, the limits from measured enthalpies where they are known.
    """

    material: str
    role: str
    reduction: float
    oxidation: float | None
    energy_above_hull: float | None
    low: float
    high: float
    measured_reduction: float | None = None
    measured_oxidation: float | None = None

    @property
    def shortfall(self) -> float:
        """V, >= 0: by how much the window misses the two ends of the operating range together."""
        above = 0.0 if self.oxidation is None else max(0.0, self.high - self.oxidation)
        return above + max(0.0, self.reduction - self.low)

    @property
    def covers(self) -> bool:
        """Whether the window holds the whole operating range."""
        return self.shortfall == 0

    @classmethod
    def of(
        cls, window: WindowResult, limits: Mapping[str, MeasuredLimit], role: str, operating_range: tuple[float, float]
    ) -> Coverage:
        """Return a window, and its limits as :func:`measured_limits` gives them, against an operating range."""
        oxidation = window.oxidation.voltage if window.oxidation else None
        measured = [limits[name].number.value if name in limits else None for name in ("reduction", "oxidation")]
        above = window.energy_above_hull
        return cls(window.material, role, window.reduction.voltage, oxidation, above, *operating_range, *measured)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {**asdict(self), "shortfall": self.shortfall, "covers": self.covers}


@dataclass(frozen=True)
class Carrier:
    """An entry that enters the net reaction at a limit.

    Parameters
    ----------
    entry, formula : str
    tier : Tier
    effect : float
        V that one standard deviation of its energy moves the limit by.
    """

    entry: str
    formula: str
    tier: Tier
    effect: float


@dataclass(frozen=True)
class LimitDeviation:
    """One limit beside its printed value.

    Parameters
    ----------
    material : str
    limit : str
        reduction or oxidation.
    voltage, published : float
        V vs Li/Li+.
    products, published_products : tuple of str
        Formulas on the far side; empty where the print names none.
    missing : tuple of str
        Printed products of which the set has no entry.
    printed_reaction : float or None
        V vs Li/Li+, the printed reaction on the set's energies; None where it cannot be evaluated.
    carriers : tuple of Carrier
        Largest effect first.
    """

    material: str
    limit: str
    voltage: float
    published: float
    products: tuple[str, ...]
    published_products: tuple[str, ...]
    missing: tuple[str, ...]
    printed_reaction: float | None
    carriers: tuple[Carrier, ...]

    @property
    def deviation(self) -> float:
        """V, here minus printed."""
        return self.voltage - self.published

    @property
    def only_here(self) -> tuple[str, ...]:
        """Products here that the print does not have."""
        return _without(self.products, self.published_products) if self.published_products else ()

    @property
    def only_printed(self) -> tuple[str, ...]:
        """Printed products that do not form here."""
        return _without(self.published_products, self.products)

    @property
    def text(self) -> str:
        """The explanation in sentences."""
        head = (
            f"{self.material}, {self.limit} limit: {self.voltage:.3f} V here, {self.published:g} V printed, "
            f"deviation {self.deviation:+.3f} V."
        )
        return " ".join([head, *self._phases(), *self._energies()])

    def _phases(self) -> list[str]:
        if not self.published_products:
            return ["The print names no products to compare."]
        told = [f"The set has no entry of {', '.join(self.missing)}."] if self.missing else []
        if not self.only_here and not self.only_printed:
            return [
                *told,
                (
                    f"The same phases form here and in print ({', '.join(self.products)}): none is missing, and the "
                    "deviation lies in energies alone."
                ),
            ]
        differing = [f"{', '.join(self.only_here)} only here"] if self.only_here else []
        differing += [f"{', '.join(self.only_printed)} only in print"] if self.only_printed else []
        told.append(f"Phases that differ: {'; '.join(differing)}.")
        if self.printed_reaction is not None:
            told.append(f"On this set's energies the printed reaction would need {self.printed_reaction:.3f} V.")
            share = self.voltage - self.printed_reaction
            told.append(
                f"So {share:+.3f} V of the deviation come from these phases and "
                f"{self.printed_reaction - self.published:+.3f} V from energies."
            )
        return told

    def _energies(self) -> list[str]:
        if abs(self.deviation) < _PRINTED:
            return []
        named = "; ".join(
            f"{c.formula} ({c.entry}, {c.tier}, 1σ moves the limit by {c.effect:.3f} V)" for c in self.carriers
        )
        return [f"Entries whose energies enter the limit: {named}."]


def _without(these: Sequence[str], those: Sequence[str]) -> tuple[str, ...]:
    others = {parse_formula(formula).reduced_formula for formula in those}
    return tuple(formula for formula in these if parse_formula(formula).reduced_formula not in others)


def explain_window(
    window: WindowResult,
    phase_set: PhaseSet,
    published: tuple[float | None, float | None],
    products: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> list[LimitDeviation]:
    """Return each limit that has a printed value with what makes it differ.

    Parameters
    ----------
    window : WindowResult
        Of `phase_set`.
    phase_set : PhaseSet
    published : tuple of (float or None)
        Printed limits (reduction, oxidation), V vs Li/Li+.
    products : tuple of two sequences of str
        Printed products of both limits, lithium left out.

    Raises
    ------
    InputError
        If a printed product is no formula.
    """
    found = []
    for name, limit, printed, named in zip(
        ("reduction", "oxidation"), (window.reduction, window.oxidation), published, products, strict=True
    ):
        if limit is not None and printed is not None:
            found.append(_explained(window, phase_set, (name, limit), printed, tuple(named)))
    return found


def _explained(
    window: WindowResult, phase_set: PhaseSet, side: tuple[str, Limit], printed: float, named: tuple[str, ...]
) -> LimitDeviation:
    name, limit = side
    material = Subject(window.material, window.formula, None)
    subjects = [Subject(formula, formula, _entry(phase_set, formula)) for formula in named]
    missing = tuple(subject.label for subject in subjects if subject.entry is None)
    return LimitDeviation(
        material=window.material,
        limit=name,
        voltage=limit.voltage,
        published=printed,
        products=tuple(product.formula for product in limit.products),
        published_products=named,
        missing=missing,
        printed_reaction=None if missing or not named else _voltage(material, subjects, phase_set),
        carriers=_carriers(material, limit, phase_set),
    )


def _entry(phase_set: PhaseSet, formula: str) -> PhaseEntry | None:
    outside = {element.symbol for element in parse_formula(formula)} - set(phase_set.elements)
    return None if outside else phase_set.entry_for(formula)


def _hull(material: Subject, phase_set: PhaseSet) -> Phases:
    return Phases.of(phase_set, {"Li", *(element.symbol for element in material.composition)})


def _voltage(material: Subject, products: Sequence[Subject], phase_set: PhaseSet) -> float | None:
    """V of the material, on the hull, turning into the products; None where they do not balance or exchange no
    lithium."""
    try:
        amounts = balanced_amounts(material, products)
    except InputError:
        return None
    hull, lithium = _hull(material, phase_set), phase_set.entry_for("Li")
    released = float(material.composition["Li"]) - sum(
        n * float(s.composition["Li"]) for n, s in zip(amounts, products, strict=True)
    )
    if lithium is None or abs(released) < NUMERICAL_ZERO:
        return None
    before = hull.decompose(material.composition).energy * material.composition.num_atoms
    after = sum(
        n * s.entry.energy_per_atom * s.composition.num_atoms for n, s in zip(amounts, products, strict=True) if s.entry
    )
    return settled((after - before) / released + lithium.energy_per_atom)


def _carriers(material: Subject, limit: Limit, phase_set: PhaseSet) -> tuple[Carrier, ...]:
    """Entries of the net reaction: far side minus the phases that stand for the material on the hull, and lithium
    metal."""
    hull, entries = _hull(material, phase_set), {entry.id: entry for entry in phase_set.entries}
    near = products_of(hull.decompose(material.composition), hull.entries, material.composition.num_atoms)
    amounts: dict[str, float] = {}
    for sign, side in ((1.0, limit.products), (-1.0, near)):
        for product in side:
            amounts[product.entry] = amounts.get(product.entry, 0.0) + sign * product.coefficient
    lithium = phase_set.entry_for("Li")
    if lithium is not None:
        amounts[lithium.id] = amounts.get(lithium.id, 0.0) - limit.lithium
    exchanged = abs(limit.lithium) or 1.0
    found = [
        Carrier(
            entry.id,
            entry.formula,
            entry.tier,
            abs(amount) * float(entry.composition.num_atoms) * entry.error / exchanged,
        )
        for entry, amount in ((entries[key], amount) for key, amount in amounts.items())
        if abs(amount) > 1e-6
    ]
    return tuple(sorted(found, key=lambda carrier: -carrier.effect))


def measured_limits(material: str, phase_set: PhaseSet, gases: GasMixture | None = None) -> dict[str, MeasuredLimit]:
    """Return the ``reduction`` and ``oxidation`` limits of a material beside measured enthalpies; empty where the set
    holds too few of them, without the oxidation limit where there is no lithium to release.

    The limits are those of :func:`.window.stability_window` on the measured scale. Where a phase of a limit is measured
    as a fluid only, or nothing of it is measured, it has no number.

    Parameters
    ----------
    material : str
        Library name or chemical formula.
    phase_set : PhaseSet
    gases : GasMixture, optional
        As of :func:`.window.stability_window`.
    """
    scales = measurement_scales(phase_set)
    if scales is None:
        return {}
    both = (phase_set, scales.measured)
    own, other = (stability_window(material, phases, gases=gases, samples=2) for phases in both)
    found = {}
    for name in ("reduction", "oxidation"):
        here: Limit | None = getattr(own, name)
        there: Limit | None = getattr(other, name)
        if here is None or there is None:
            continue
        changes = _changes(own, here, phase_set)
        error = scales.sigma(changes, measured=False) / abs(here.lithium) if here.lithium else None
        changes = _changes(other, there, scales.measured)
        measured, computed, reason = scales.split(entry.formula for entry in changes)
        if reason or not there.lithium:
            found[name] = MeasuredLimit(MeasuredNumber(error, None, None), None, reason or "no lithium is exchanged")
            continue
        sigma = scales.sigma(changes, measured=True) / abs(there.lithium)
        rest = f"; computed: {', '.join(computed)}" if computed else ""
        basis = f"measured: {', '.join(measured)}{rest}"
        found[name] = MeasuredLimit(MeasuredNumber(error, there.voltage, sigma), there.reaction, basis)
    return found


def limits_by_potential(material: str, phase_set: PhaseSet, gases: GasMixture | None = None) -> dict[str, ByPotential]:
    """Return the ``reduction`` and ``oxidation`` limits of a material, V vs Li/Li+, on the learned energies of each
    potential; empty where the set holds those of one only.

    Parameters
    ----------
    material : str
        Library name or chemical formula.
    phase_set : PhaseSet
    gases : GasMixture, optional
        As of :func:`.window.stability_window`.
    """

    def limit(phases: PhaseSet, name: str) -> float | None:
        found: Limit | None = getattr(stability_window(material, phases, gases=gases, samples=2), name)
        return None if found is None else found.voltage

    moved = {
        name: by_potential(phase_set, lambda phases, name=name: limit(phases, name))  # type: ignore[misc]
        for name in ("reduction", "oxidation")
    }
    return {name: found for name, found in moved.items() if found is not None}


def _changes(window: WindowResult, limit: Limit, phase_set: PhaseSet) -> dict[PhaseEntry, float]:
    """Atoms in each phase that form or are used up at a limit, per formula unit; the material stands on the hull."""
    subject = Subject(window.material, window.formula, None)
    composition = subject.composition
    phases, _ = window_phases(subject, phase_set, window.open.gases if window.open else None)
    changes: dict[PhaseEntry, float] = {}
    for product in limit.products:
        entry = phases.entries[phases.position[product.entry]]
        changes[entry] = changes.get(entry, 0.0) + product.coefficient * entry.composition.num_atoms
    for index, share in phases.decompose(composition).amounts.items():
        entry = phases.entries[index]
        changes[entry] = changes.get(entry, 0.0) - share * float(composition.num_atoms)
    return {entry: amount for entry, amount in changes.items() if abs(amount) > NUMERICAL_ZERO}
