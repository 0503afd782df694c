"""Formation enthalpies of a phase set beside measured ones: an independent referee, never an input of the set.

The set gives total energies at 0 K without zero-point motion, the tables enthalpies at 298.15 K; the difference of
these for a solid formed from solids is some 10 meV/atom and is left in the deviation. Of the phases of one composition
the lowest counts.

From the referee follow (:func:`measurement_scales`) the errors that the set's numbers have against measurement, and the
**measured scale**: the same phases, every compound with a measured enthalpy at that enthalpy, so that a reaction is
answered by calorimetry as far as calorimetry goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import hypot, sqrt
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from pydantic import Field, model_validator
from pymatgen.core.composition import Composition

from ...configs.constants import KJ_PER_MOL
from ...configs.errors import InputError
from ...configs.load import CONFIGS, parse_shipped
from ...configs.models import Spec, Tier
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, ChemicalClass, atomic_shares, chemical_class
from ..words import GAS_TABLES
from .phase_set import PhaseEntry, PhaseSet, parse_formula

__all__ = [
    "ClassError",
    "FormationRow",
    "Measured",
    "MeasurementScales",
    "Measurements",
    "class_table",
    "formation_energy",
    "formation_table",
    "lithium_voltage",
    "measured_errors",
    "measurement_scales",
    "measurements",
    "outliers",
    "residual_scores",
]

#: eV/atom, one standard deviation of a measured enthalpy: tables that do not copy each other differ by 0.01 to 0.05
#: (median 0.026) for the compounds of the shipped list, their root mean square over all that stand in two is 0.02
MEASURED_ERROR = 0.02
#: measured crystals below which a class, or a set, says nothing about its errors
FEWEST = 5

State = Literal["crystal", "liquid", "gas"]


class Measured(Spec):
    """One measured enthalpy of formation."""

    formula: str
    enthalpy: float = Field(allow_inf_nan=False, description="kJ/mol of formula units at 298.15 K")
    source: str
    state: State = "crystal"


class Shift(Spec):
    """Difference of an element's reference states."""

    enthalpy: float = Field(
        allow_inf_nan=False, description="kJ/mol of atoms, the phase set's reference against that of the tables"
    )
    source: str


class MeasuredSource(Spec):
    """Where measured enthalpies come from."""

    citation: str
    license: str


class Measurements(Spec):
    """Content of ``configs/experiments/formation-enthalpies.yaml``."""

    sources: dict[str, MeasuredSource]
    element_shifts: dict[str, Shift] = Field(default_factory=dict)
    compounds: tuple[Measured, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Measurements:
        for compound in self.compounds:
            if compound.source not in self.sources:
                raise ValueError(
                    f"{compound.formula}: unknown source {compound.source!r}; allowed: {', '.join(self.sources)}"
                )
        formulas = [Composition(compound.formula).reduced_formula for compound in self.compounds]
        twice = sorted({formula for formula in formulas if formulas.count(formula) > 1})
        if twice:
            raise ValueError(f"two enthalpies of {', '.join(twice)}")
        return self


@dataclass(frozen=True)
class FormationRow:
    """One compound, computed and measured.

    Parameters
    ----------
    formula, entry : str
    tier : Tier
    kind : ChemicalClass
    state : State
        Of the measurement; the set holds crystals.
    source : str
        Key of the measurements' sources.
    computed, measured : float
        eV/atom, from the set's element references.
    error : float
        eV/atom, one standard deviation of the set's entry.
    """

    formula: str
    entry: str
    tier: Tier
    kind: ChemicalClass
    state: State
    source: str
    computed: float
    measured: float
    error: float

    @property
    def deviation(self) -> float:
        """Computed minus measured, eV/atom."""
        return self.computed - self.measured


@dataclass(frozen=True)
class ClassError:
    """Deviations of one tier (or all) and class over crystals, eV/atom."""

    tier: Tier
    kind: ChemicalClass | Literal["all"]
    n: int
    mean: float
    mean_absolute: float
    median_absolute: float
    root_mean_square: float

    @property
    def scatter(self) -> float:
        """Standard deviation about the mean."""
        return sqrt(max(0.0, self.root_mean_square**2 - self.mean**2))

    @classmethod
    def of(cls, tier: Tier, kind: ChemicalClass | Literal["all"], deviations: Sequence[float]) -> ClassError:
        absolute = [abs(deviation) for deviation in deviations]
        return cls(tier, kind, len(deviations), fmean(deviations), fmean(absolute), median(absolute), _rms(deviations))


@cache
def measurements(path: Path = CONFIGS / "experiments" / "formation-enthalpies.yaml") -> Measurements:
    """Return the measured enthalpies; raises as :func:`catholyte.configs.load.parse_shipped` does."""
    return parse_shipped(path, Measurements)


def formation_energy(entry: PhaseEntry, phase_set: PhaseSet) -> float:
    """Return the energy of formation from the set's lowest elements, eV/atom.

    Raises
    ------
    InputError
        If the set lacks one of its elements.
    """
    total = entry.energy_per_atom * entry.composition.num_atoms
    for element, amount in entry.composition.items():
        own = phase_set.by_system.get(frozenset({element.symbol}), ())
        reference = min(own, key=lambda entry: entry.energy_per_atom, default=None)
        if reference is None:
            raise InputError(f"phase set {phase_set.name}: no entry for the pure element {element.symbol}")
        total -= amount * reference.energy_per_atom
    return float(total / entry.composition.num_atoms)


def formation_table(phase_set: PhaseSet, measured: Measurements) -> list[FormationRow]:
    """Return one row per measured compound that the set holds, by formula."""
    rows = []
    for compound in measured.compounds:
        composition = parse_formula(compound.formula)
        if not {element.symbol for element in composition} <= set(phase_set.elements):
            continue
        entry = phase_set.entry_for(compound.formula)
        if entry is not None:
            shift = sum(
                n * measured.element_shifts[el.symbol].enthalpy
                for el, n in composition.items()
                if el.symbol in measured.element_shifts
            )
            experiment = (compound.enthalpy - shift) / KJ_PER_MOL / composition.num_atoms
            kind = chemical_class(composition)
            rows.append(
                FormationRow(
                    compound.formula,
                    entry.id,
                    entry.tier,
                    kind,
                    compound.state,
                    compound.source,
                    formation_energy(entry, phase_set),
                    experiment,
                    entry.error,
                )
            )
    return sorted(rows, key=lambda row: (row.state != "crystal", CHEMICAL_CLASSES.index(row.kind), row.formula))


def lithium_voltage(row: FormationRow, energy: float) -> float | None:
    """Return the voltage of forming a binary lithium compound from lithium and its other element, V vs Li/Li+; None for
    any other compound.

    Parameters
    ----------
    row : FormationRow
    energy : float
        eV/atom of formation, `row.computed` or `row.measured`.
    """
    composition = parse_formula(row.formula)
    if len(composition) != 2 or "Li" not in composition:
        return None
    return -energy * float(composition.num_atoms) / float(composition["Li"])


def class_table(rows: Iterable[FormationRow]) -> list[ClassError]:
    """Return the deviations of crystals by tier and class, then by tier over all classes, and at last those of all
    tiers together where there is more than one."""
    crystals = [row for row in rows if row.state == "crystal"]
    tiers = sorted({row.tier for row in crystals}, reverse=True)
    groups = [(tier, [row for row in crystals if row.tier == tier]) for tier in tiers]
    if len(tiers) > 1:
        groups.append(("all", crystals))
    return [
        ClassError.of(tier, kind or "all", found)
        for tier, members in groups
        for kind in (*CHEMICAL_CLASSES, None)
        if (found := [row.deviation for row in members if kind in (None, row.kind)])
    ]


def outliers(rows: Sequence[FormationRow], sigmas: float = 2.0) -> list[FormationRow]:
    """Return the crystals that deviate by more than `sigmas` of the set's own error estimate, worst first."""
    found = [row for row in rows if row.state == "crystal" and abs(row.deviation) > sigmas * row.error]
    return sorted(found, key=lambda row: -abs(row.deviation))


def measured_errors(rows: Iterable[FormationRow]) -> dict[ChemicalClass, ClassError]:
    """Return how far computed compounds of each class are off measurement, from the crystals of all tiers.

    A class of fewer than :data:`FEWEST` crystals takes the error of all classes; of fewer in all nothing is returned.
    """
    crystals = [row for row in rows if row.state == "crystal"]
    if len(crystals) < FEWEST:
        return {}
    members = {kind: [row.deviation for row in crystals if row.kind == kind] for kind in CHEMICAL_CLASSES}
    everything = [row.deviation for row in crystals]
    return {
        kind: ClassError.of("all", kind, found if len(found) >= FEWEST else everything)
        for kind, found in members.items()
    }


def residual_scores(rows: Sequence[FormationRow]) -> list[tuple[FormationRow, float]]:
    """Return each crystal with its deviation in standard deviations of its class, estimated without it."""
    crystals = [row for row in rows if row.state == "crystal"]
    found = []
    for row in crystals:
        errors = measured_errors([other for other in crystals if other is not row])
        if errors:
            found.append((row, row.deviation / hypot(errors[row.kind].root_mean_square, MEASURED_ERROR)))
    return found


def _rms(values: Sequence[float]) -> float:
    return sqrt(fmean(value**2 for value in values))


@dataclass(frozen=True)
class MeasurementScales:
    """A phase set beside measurement.

    Parameters
    ----------
    measured : PhaseSet
        Compounds with a measured enthalpy have it and its error :data:`MEASURED_ERROR`; polymorphs of one composition
        keep their distances. All others are as in the set.
    known : frozenset of str
        Reduced formulas of the crystals that are measured, and at a temperature of the gases of the tables.
    elsewhere : mapping of str to State
        Reduced formula to the state of compounds that were measured as liquid or gas only: the set holds their
        crystals, whose energies are computed.
    errors : mapping of ChemicalClass to ClassError
        Of the computed compounds.
    step_error : float
        eV/atom, of a crystal's step from enthalpy to Gibbs energy.
    """

    measured: PhaseSet
    known: frozenset[str]
    elsewhere: Mapping[str, State]
    errors: Mapping[ChemicalClass, ClassError]
    step_error: float = 0.0

    def sigma(self, changes: Mapping[PhaseEntry, float], *, measured: bool) -> float:
        """Return the standard deviation of an energy from measurement, in the unit of the changes times eV.

        To first order, with the phases as they are: the bias of a class is common to all its compounds and cancels as
        far as atoms stay within the class; what is left of its deviations is independent. Elements have no error.

        Parameters
        ----------
        changes : mapping of PhaseEntry to float
            Atoms in each phase that form (positive) or are used up, e.g. per atom of the reactants.
        measured : bool
            Whether the energy is one of the measured scale, on which a measured compound has its own error.
        """
        variance = 0.0
        inside: dict[ChemicalClass, float] = {}
        for entry, amount in changes.items():
            if len(entry.composition) == 1 or entry.tier == GAS_TABLES:
                continue
            variance += (amount * self.step_error) ** 2
            if measured and _reduced(entry.formula) in self.known:
                variance += (amount * MEASURED_ERROR) ** 2
                continue
            kind = chemical_class(entry.composition)
            inside[kind] = inside.get(kind, 0.0) + amount
            variance += (amount * self.errors[kind].scatter) ** 2
        return sqrt(variance + sum((amount * self.errors[kind].mean) ** 2 for kind, amount in inside.items()))

    def split(self, formulas: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Return which compounds are measured, which are computed, and why a number that rests on them is none on the
        measured scale (empty where it is one); elements count as neither.

        Parameters
        ----------
        formulas : iterable of str
            Of everything that the number rests on.
        """
        compounds = {formula: _reduced(formula) for formula in dict.fromkeys(formulas)}
        compounds = {formula: key for formula, key in compounds.items() if len(parse_formula(formula)) > 1}
        measured = tuple(formula for formula, key in compounds.items() if key in self.known)
        computed = tuple(formula for formula, key in compounds.items() if key not in self.known)
        fluids = [f"{formula} ({self.elsewhere[key]})" for formula, key in compounds.items() if key in self.elsewhere]
        if fluids:
            why = f"no number from measured enthalpies: measured as fluids only: {', '.join(fluids)}"
            return measured, computed, why
        if not measured:
            return measured, computed, "no number from measured enthalpies: none of the compounds has one"
        return measured, computed, ""


def measurement_scales(phase_set: PhaseSet, measured: Measurements | None = None) -> MeasurementScales | None:
    """Return what measured enthalpies make of a phase set; None where fewer than :data:`FEWEST` crystals of it are
    measured.

    `measured` are the shipped measurements where left out; what follows from these is kept with the set.
    """
    if measured is not None:
        return _scales(phase_set, measured)
    kept = phase_set.derived
    if "measurement_scales" not in kept:
        kept["measurement_scales"] = _scales(phase_set, measurements())
    scales: MeasurementScales | None = kept["measurement_scales"]
    return scales


def _scales(phase_set: PhaseSet, measured: Measurements) -> MeasurementScales | None:
    rows = formation_table(phase_set, measured)
    errors = measured_errors(rows)
    if not errors:
        return None
    crystals = [row for row in rows if row.state == "crystal"]
    shifts = {atomic_shares(parse_formula(row.formula)): -row.deviation for row in crystals}
    entries = list(phase_set.entries)
    for index, entry in enumerate(entries):
        shift = shifts.get(atomic_shares(entry.composition))
        if shift is not None:
            moved = {"energy_per_atom": entry.energy_per_atom + shift, "error": MEASURED_ERROR}
            entries[index] = entry.model_copy(update=moved)
    return MeasurementScales(
        phase_set.changed(name=f"{phase_set.name} (measured enthalpies)", entries=tuple(entries)),
        frozenset(_reduced(row.formula) for row in crystals),
        {_reduced(row.formula): row.state for row in rows if row.state != "crystal"},
        errors,
    )


def _reduced(formula: str) -> str:
    return str(parse_formula(formula).reduced_formula)
