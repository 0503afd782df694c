"""Formation enthalpies of a phase set beside measured ones: an independent referee, never an input.

The set gives total energies at 0 K without zero-point motion, the tables enthalpies at 298.15 K; the difference of
these for a solid formed from solids is some 10 meV/atom and is left in the deviation. Of the phases of one composition
the lowest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from pydantic import Field, model_validator
from pymatgen.core.composition import Composition

from ...configs.constants import KJ_PER_MOL
from ...configs.errors import InputError
from ...configs.load import CONFIGS, parse_file
from ...configs.models import Spec, Tier
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, ChemicalClass, chemical_class
from .phase_set import PhaseEntry, PhaseSet, parse_formula

__all__ = [
    "ClassError",
    "FormationRow",
    "Measured",
    "Measurements",
    "class_table",
    "formation_energy",
    "formation_table",
    "lithium_voltage",
    "measurements",
    "outliers",
]


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
    """Deviations of one tier and class over crystals, eV/atom."""

    tier: Tier
    kind: ChemicalClass | Literal["all"]
    n: int
    mean: float
    mean_absolute: float
    median_absolute: float


def measurements(path: Path = CONFIGS / "experiments" / "formation-enthalpies.yaml") -> Measurements:
    """Return the measured enthalpies; raises InputError with file and line as :func:`catholyte.configs.load.parse_file`
    does."""
    return parse_file(path, Measurements)[0]


def formation_energy(entry: PhaseEntry, phase_set: PhaseSet) -> float:
    """Return the energy of formation from the set's lowest elements, eV/atom.

    Raises
    ------
    InputError
        If the set lacks one of its elements.
    """
    total = entry.energy_per_atom * entry.composition.num_atoms
    for element, amount in entry.composition.items():
        reference = phase_set.entry_for(element.symbol)
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
    """Return the deviations of crystals by tier and class, then by tier over all classes."""
    crystals = [row for row in rows if row.state == "crystal"]
    tiers = sorted({row.tier for row in crystals}, reverse=True)
    table = []
    for tier in tiers:
        for kind in (*CHEMICAL_CLASSES, None):
            found = [row.deviation for row in crystals if row.tier == tier and kind in (None, row.kind)]
            if found:
                absolute = [abs(deviation) for deviation in found]
                table.append(
                    ClassError(tier, kind or "all", len(found), fmean(found), fmean(absolute), median(absolute))
                )
    return table


def outliers(rows: Sequence[FormationRow], sigmas: float = 2.0) -> list[FormationRow]:
    """Return the crystals that deviate by more than `sigmas` of the set's own error estimate, worst first."""
    found = [row for row in rows if row.state == "crystal" and abs(row.deviation) > sigmas * row.error]
    return sorted(found, key=lambda row: -abs(row.deviation))
